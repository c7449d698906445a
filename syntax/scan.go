// This file holds the scanner: tokens, places, white space and comments.

package syntax

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what a token is.
type kind uint8

const (
	tBad kind = iota // after an error; matches nothing
	tEOF
	tNewline
	tSemicolon
	tName
	tBlockWord // a word of statements, but if and else
	tIf
	tElse
	tFor
	tAnd
	tOr
	tNot
	tIn
	tIs
	tNone
	tTrue
	tFalse
	tInt
	tFloat
	tString
	tTemplate // the opening backtick
	tGlobal
	tLParen
	tRParen
	tLBrack
	tRBrack
	tLBrace
	tRBrace
	tComma
	tColon
	tDot
	tAssign
	tAugmented
	tPlus
	tMinus
	tStar
	tSlash
	tFloorDiv
	tPercent
	tPower
	tEq
	tNe
	tLt
	tGt
	tLe
	tGe
)

// token is one token of the source.
type token struct {
	kind       kind
	start, end int // offsets
	pos        Pos
}

// cursor is the state of reading that a tried piece of a command's arguments
// sets aside.
type cursor struct {
	off, end int   // where next goes on, and where the text ends
	tok      token // the present token
	prev     int   // the end of the one before
	brackets int   // open ones: in them a line end is white space
	depth    int   // levels of nesting of the expression
	links    int   // the most links on a way down the expression read last
	template bool  // in ${…}
	piece    bool  // in a command's arguments
	quiet    bool  // a failure is an answer, no error
	bad      bool  // given up
	over     bool  // given up at a limit
	named    bool  // the piece holds a name,
	joined   bool  // digits joined by - or /,
	wide     bool  // a number out of range
}

// mark is a place whose line and column are known.
type mark struct {
	off int
	pos Pos
}

// line is a line of the source.
type line struct {
	start, end int   // offsets; the end is that of what ends it
	number     int32 // from 1
	plain      bool  // of ASCII alone: columns are bytes
}

// lineAt gives the line of a number that starts at an offset.
func (p *parser) lineAt(start int, number int32) line {
	end := len(p.src)
	if n := strings.IndexByte(p.src[start:], '\n'); n >= 0 {
		end = start + n
	}
	return line{start: start, end: end, number: number, plain: p.ascii || isASCII(p.src[start:end])}
}

// isASCII tells whether all of a text is ASCII.
func isASCII(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		if (s[0]|s[1]|s[2]|s[3]|s[4]|s[5]|s[6]|s[7])&utf8.RuneSelf != 0 {
			return false
		}
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// pos is the place of an offset. It is quick where the line is that of the last one.
func (p *parser) pos(off int) Pos {
	if l := &p.line; l.start <= off && off <= l.end && l.plain {
		return Pos{l.number, int32(off-l.start) + 1}
	}
	return p.find(off)
}

// find is pos for any line. Asked in the order of the source it looks at each byte a few
// times.
func (p *parser) find(off int) Pos {
	if off < p.line.start {
		p.line = p.stmtLine
	}
	if off < p.line.start {
		p.line = p.lineAt(0, 1)
	}
	for off > p.line.end {
		p.line = p.lineAt(p.line.end+1, p.line.number+1)
	}
	m := p.mark
	if m.off > off {
		m = p.stmt
	}
	if m.off > off || m.off < p.line.start {
		m = mark{off: p.line.start, pos: Pos{p.line.number, 1}}
		if m.off == 0 && strings.HasPrefix(p.src, "\uFEFF") {
			m.off = min(len("\uFEFF"), off)
		}
	}
	for _, c := range []byte(p.src[m.off:off]) {
		if c&0xC0 != 0x80 {
			m.pos.Col++
		}
	}
	m.off = off
	p.mark = m
	return m.pos
}

// next reads the next token.
func (p *parser) next() {
	if p.bad {
		return
	}
	last := p.tok.kind
	if last != tNewline {
		p.prev = p.tok.end
	}
	// A // is a comment at the start of a line and after ; { }.
	comment := last == tNewline || last == tSemicolon || (last == tLBrace || last == tRBrace) && !p.piece && !p.template
	i := p.off
	for ; i < p.end; i++ {
		c := p.src[i]
		if c == ' ' || c == '\t' || c == '\r' {
			continue
		}
		if c == '\n' {
			if p.brackets == 0 {
				p.off = i + 1
				if i > 0 && p.src[i-1] == '\r' {
					i--
				}
				p.tok = token{kind: tNewline, start: i, end: i, pos: p.pos(i)}
				return
			}
			comment = !p.template
			continue
		}
		if c == '/' && i+1 < p.end {
			if p.src[i+1] == '/' && comment {
				i = p.lineComment(i, false) - 1
				continue
			}
			if p.src[i+1] == '*' && !p.piece {
				if i = p.blockComment(i) - 1; i < 0 {
					return
				}
				continue
			}
		}
		break
	}
	p.tok = token{start: i, pos: p.pos(i)}
	p.scan(i)
}

// lineComment notes the // comment at i and returns the offset of its end.
func (p *parser) lineComment(i int, raw bool) int {
	n := strings.IndexByte(p.src[i:p.end], '\n')
	if n < 0 {
		n = p.end - i
	}
	p.comment(i, i+n, raw)
	return i + n
}

// blockComment notes the /* */ comment at i and returns the offset of its end,
// or -1 where it is not closed.
func (p *parser) blockComment(i int) int {
	n := strings.Index(p.src[i+2:p.end], "*/")
	if n < 0 {
		p.tok = token{start: i, end: i, pos: p.pos(i)}
		p.stop = p.stop || !p.quiet
		p.fail(p.tok.pos, "the comment /* is not closed: */ is missing")
		return -1
	}
	p.comment(i, i+n+4, false)
	return i + n + 4
}

// comment notes a comment once, however often its text is read; raw tells that
// it stands in a command's arguments.
func (p *parser) comment(from, to int, raw bool) {
	if from < p.commented || p.quiet {
		return
	}
	text := unixLines(strings.TrimRight(p.src[from:to], " \t\r"))
	p.charge(64 + len(text))
	c := &Comment{Pos: p.pos(from), Text: text, Trailing: p.trails(from), inside: p.brackets > 0 || raw}
	p.out.Comments = append(p.out.Comments, c)
	p.commented = to
}

// trails tells whether code stands before the comment at i on its line. Between
// the two only comments may stand.
func (p *parser) trails(i int) bool {
	if p.commented <= p.prev {
		return p.prev > 0 && p.prev <= i && !strings.Contains(p.src[p.prev:i], "\n")
	}
	last := p.out.Comments[len(p.out.Comments)-1]
	return last.Trailing && !strings.Contains(last.Text, "\n") && !strings.Contains(p.src[p.commented:i], "\n")
}

// scan reads the token that starts at i.
func (p *parser) scan(i int) {
	if i >= p.end {
		p.emit(tEOF, 0)
		return
	}
	switch c := p.src[i]; {
	case isNameByte(c) && !isDigit(c):
		p.word(i)
	case isDigit(c):
		p.number(i)
	case c == '"' || c == '\'':
		p.quoted(i)
	case c == '`':
		p.emit(tTemplate, 1)
	case c == '$':
		p.global(i)
	case c >= utf8.RuneSelf:
		if r, _ := utf8.DecodeRuneInString(p.src[i:p.end]); unicode.IsLetter(r) {
			p.word(i)
		} else {
			p.fail(p.tok.pos, "unexpected character %s", strconv.QuoteRune(r))
		}
	default:
		p.operator(i)
	}
}

func (p *parser) emit(k kind, n int) {
	p.tok.kind = k
	p.tok.end = p.tok.start + n
	p.off = p.tok.end
}

func (p *parser) word(i int) {
	n := nameEnd(p.src[:p.end], i) - i
	p.emit(wordKind(p.src[i:i+n]), n)
}

func (p *parser) global(i int) {
	n := nameEnd(p.src[:p.end], i+1) - i
	if !isName(p.src[i+1 : i+n]) { // $5 is a price
		p.fail(p.tok.pos, "a name is missing after $")
		return
	}
	p.emit(tGlobal, n)
}

func (p *parser) quoted(i int) {
	n := quotedLen(p.src[i:p.end])
	if n < 0 {
		p.fail(p.tok.pos, "quoted text is not closed on its line: %c is missing", p.src[i])
		return
	}
	p.emit(tString, n)
}

// number reads a number. What comes near one, as 007, says what to write.
func (p *parser) number(i int) {
	src := p.src[i:p.end]
	n := numberLen(src)
	whole := digitsLen(src)
	switch end := nameEnd(src, n); {
	case end > n:
		p.fail(p.tok.pos, "%s", notANumber(src[:end]))
	case src[0] == '0' && whole > 1:
		p.fail(p.tok.pos, "a number has no leading zeros: write %s, or quote it", clip(trimZeros(src[:n])))
	case n == whole && n < len(src) && src[n] == '.':
		p.fail(p.tok.pos, "a digit is missing after the point: write %s.0", clip(src[:n]))
	case n == whole:
		p.emit(tInt, n)
	default:
		p.emit(tFloat, n)
	}
}

// numberLen is the length of the number that s starts with.
func numberLen(s string) int {
	n := digitsLen(s)
	if n < len(s) && s[n] == '.' {
		if d := digitsLen(s[n+1:]); d > 0 {
			n += 1 + d
		}
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		e := n + 1
		if e < len(s) && (s[e] == '+' || s[e] == '-') {
			e++
		}
		if d := digitsLen(s[e:]); d > 0 {
			n = e + d
		}
	}
	return n
}

func digitsLen(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// notANumber says what to write for digits that letters follow.
func notANumber(text string) string {
	text = clip(text)
	if plain := strings.ReplaceAll(text, "_", ""); strings.Trim(plain, "0123456789") == "" {
		return "`" + text + "` is no number: write " + trimZeros(plain)
	}
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return "`" + text + "` is no number of the language: write " + strconv.FormatInt(n, 10)
	}
	return "`" + text + "` is neither a number nor a name: a name does not start with a digit"
}

func trimZeros(digits string) string {
	s := strings.TrimLeft(digits, "0")
	if s == "" || !isDigit(s[0]) {
		s = "0" + s
	}
	return s
}

// operator reads operators and punctuation.
func (p *parser) operator(i int) {
	at := func(n int) byte {
		if i+n < p.end {
			return p.src[i+n]
		}
		return 0
	}
	two := at(1)
	// one is the operator c; with an = behind it is an assignment of its own.
	one := func(k kind) {
		if two == '=' {
			p.emit(tAugmented, 2)
		} else {
			p.emit(k, 1)
		}
	}
	switch c := p.src[i]; c {
	case '(', ')', '[', ']', '{', '}', ',', ';', '.':
		p.emit(punctuation(c), 1)
	case ':':
		if two == '=' {
			p.fail(p.tok.pos, "`:=` is not in the language: write the assignment on a line of its own")
			return
		}
		p.emit(tColon, 1)
	case '+':
		one(tPlus)
	case '-':
		one(tMinus)
	case '%':
		one(tPercent)
	case '*', '/':
		p.double(c, two, at(2))
	case '=':
		p.compared(tAssign, tEq, two)
	case '<':
		p.compared(tLt, tLe, two)
	case '>':
		p.compared(tGt, tGe, two)
	case '!':
		if two == '=' {
			p.emit(tNe, 2)
			return
		}
		p.fail(p.tok.pos, "`!` is not in the language: write not")
	default:
		p.fail(p.tok.pos, "%s", strange(c, two))
	}
}

func punctuation(c byte) kind {
	switch c {
	case '(':
		return tLParen
	case ')':
		return tRParen
	case '[':
		return tLBrack
	case ']':
		return tRBrack
	case '{':
		return tLBrace
	case '}':
		return tRBrace
	case ',':
		return tComma
	case ';':
		return tSemicolon
	}
	return tDot
}

// double reads * ** / // and their assignments.
func (p *parser) double(c, two, three byte) {
	single, twice := tStar, tPower
	if c == '/' {
		single, twice = tSlash, tFloorDiv
	}
	switch {
	case two == c && three == '=':
		p.emit(tAugmented, 3)
	case two == c:
		p.emit(twice, 2)
	case two == '=':
		p.emit(tAugmented, 2)
	default:
		p.emit(single, 1)
	}
}

// compared reads an operator that an = may end.
func (p *parser) compared(single, equal kind, two byte) {
	if two == '=' {
		p.emit(equal, 2)
	} else {
		p.emit(single, 1)
	}
}

// strange says what to write for a character that the language has not.
func strange(c, two byte) string {
	switch {
	case c == '&' && two == '&':
		return "`&&` is not in the language: write and"
	case c == '|' && two == '|':
		return "`||` is not in the language: write or"
	case c == '#':
		return "a comment starts with //"
	case c == '?':
		return "`?` is not in the language: write a if condition else b"
	case c == '\\':
		return "unexpected `\\`: a line whose brackets are open goes on by itself"
	case c == '@' || c == '&' || c == '|' || c == '^' || c == '~':
		return "`" + string(c) + "` is not in the language"
	}
	return "unexpected character " + strconv.QuoteRune(rune(c))
}

// wordKind tells words from names.
func wordKind(s string) kind {
	switch s {
	case "if":
		return tIf
	case "else":
		return tElse
	case "for":
		return tFor
	case "and":
		return tAnd
	case "or":
		return tOr
	case "not":
		return tNot
	case "in":
		return tIn
	case "is":
		return tIs
	case "None", "null":
		return tNone
	case "True", "true":
		return tTrue
	case "False", "false":
		return tFalse
	case "end", "startLoop", "endLoop", "while", "try", "exception", "function",
		"return", "break", "continue", "command":
		return tBlockWord
	}
	return tName
}

// isWord tells whether a token is made of letters, so that it may stand after
// a dot.
func (k kind) isWord() bool { return k >= tName && k <= tFalse }

// nameEnd is the offset behind the letters, digits and _ that start at i.
func nameEnd(s string, i int) int {
	for i < len(s) {
		if nameBytes[s[i]] {
			i++
			continue
		}
		if s[i] < utf8.RuneSelf {
			return i
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if !unicode.In(r, unicode.L, unicode.Nd, unicode.Mn, unicode.Mc) {
			return i
		}
		i += n
	}
	return i
}

// quotedLen is the length of the quoted text that s starts with, quotes
// included, or -1 where its line ends first.
func quotedLen(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case s[0]:
			return i + 1
		case '\\':
			if i+1 < len(s) && s[i+1] != '\n' {
				i++
			}
		case '\n':
			return -1
		}
	}
	return -1
}

func isDigit(c byte) bool { return c-'0' < 10 }

func isNameByte(c byte) bool { return nameBytes[c] }

// nameBytes are the bytes of ASCII that a name may hold.
var nameBytes = func() (is [256]bool) {
	for c := range utf8.RuneSelf {
		is[c] = 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '_'
	}
	return is
}()

// unixLines gives text the line ends that the language has, whatever number of
// carriage returns stands before them.
func unixLines(s string) string {
	if !strings.Contains(s, "\r\n") {
		return s
	}
	var b strings.Builder
	for line := range strings.SplitAfterSeq(s, "\n") {
		if ended := strings.TrimSuffix(line, "\n"); ended != line {
			b.WriteString(strings.TrimRight(ended, "\r"))
			b.WriteByte('\n')
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}

// clip shortens text for a message.
func clip(s string) string {
	const most = 40
	for i := range s {
		if i >= most {
			return s[:i] + "…"
		}
	}
	return s
}
