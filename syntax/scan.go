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
	tNewline
	tSemicolon
	tEOF
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
	off      int    // where next goes on
	part     string // the source up to where reading ends
	tok      token  // the present token
	line     line   // of off
	prev     int    // the end of the one before
	brackets int    // open ones: in them a line end is white space
	depth    int    // levels of nesting of the expression
	links    int    // the most links on a way down the expression read last
	template bool   // in ${…}
	piece    bool   // in a command's arguments
	quiet    bool   // a failure is an answer, no error
	bad      bool   // given up
	over     bool   // given up at a limit
	named    bool   // the piece holds a name,
	joined   bool   // digits joined by - or /,
	wide     bool   // a number out of range
}

// mark is a place whose line and column are known.
type mark struct {
	off int
	pos Pos
}

// line is a line of the source.
type line struct {
	start, end int   // offsets; no line ends between them, and behind end nobody has looked
	number     int32 // from 1
}

// place is the place of an offset in a line of ASCII.
func (l *line) place(off int) Pos { return Pos{l.number, int32(off-l.start) + 1} }

// after is the line behind the line end at i.
func (l line) after(i int) line { return line{i + 1, i + 1, l.number + 1} }

// isASCII tells whether all of a text is ASCII.
func isASCII(s string) bool {
	eight := func(s string) uint64 { // one load
		return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	}
	seen := uint64(0)
	for ; len(s) >= 32; s = s[32:] {
		seen |= eight(s) | eight(s[8:]) | eight(s[16:]) | eight(s[24:])
	}
	for ; len(s) >= 8; s = s[8:] {
		seen |= eight(s)
	}
	for i := range len(s) {
		seen |= uint64(s[i])
	}
	return seen&0x8080808080808080 == 0
}

// pos is the place of any offset.
func (p *parser) pos(off int) Pos {
	saved := p.line
	p.goTo(off)
	pos := p.place(off)
	p.line = saved
	return pos
}

// goTo makes the line that of an offset. In the order of the source each byte is looked at once.
func (p *parser) goTo(off int) {
	if off >= p.line.start && off <= p.line.end {
		return
	}
	p.findLine(off)
}

// findLine is goTo where the line has to be found.
func (p *parser) findLine(off int) {
	if off < p.line.start { // go back to the line of the statement
		start := strings.LastIndexByte(p.src[:p.stmt.off], '\n') + 1
		p.line = line{start, start, p.stmt.pos.Line}
	}
	if off < p.line.start {
		p.line = line{number: 1}
	}
	for p.line.end < off {
		n := strings.IndexByte(p.src[p.line.end:off], '\n')
		if n < 0 {
			p.line.end = off
			return
		}
		p.line = p.line.after(p.line.end + n)
	}
}

// place is the place of an offset in the line. Where all is ASCII, columns are bytes.
func (p *parser) place(off int) Pos {
	if p.ascii {
		return p.line.place(off)
	}
	return p.count(off)
}

// count is place where characters have to be counted. In the order of the source it
// looks at each byte once.
func (p *parser) count(off int) Pos {
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

// next reads the next token. It does itself what is frequent, and leaves the rest to others
// without coming back: so all that it works with stays in registers. Its offsets have no
// sign, which saves a check at each byte.
func (p *parser) next() {
	if p.tok.kind > tNewline {
		p.prev = p.tok.end
	} else if p.bad {
		return
	}
	chars, src, i := chars, p.part, uint(p.off)
	n, c := uint(len(src)), byte(' ')
	for ; ; i++ {
		if i >= n {
			p.scan(tEOF, int(i), int(i))
			return
		}
		if c = src[i]; c != ' ' {
			break
		}
	}
	p.tok.start, p.tok.pos = int(i), p.line.place(int(i))
	k, end := chars.kind[c], i+1
	switch chars.class[c] {
	case letter:
		for end < n && chars.name[src[end]] {
			end++
		}
		if chars.mayBeWord(c, int(end-i)) {
			k = wordKind(src[i:end])
		}
	case lineEnd:
		if p.brackets > 0 || !p.ascii || i > 0 && src[i-1] == '\r' {
			p.newline(int(i))
			return
		}
		p.tok.kind, p.tok.end, p.off = k, int(i), int(end)
		p.line = p.line.after(int(i))
		return
	case digit:
		for end < n && isDigit(src[end]) {
			end++
		}
		if c == '0' && end > i+1 {
			k = tBad
		} else if end+1 < n && src[end] == '.' && isDigit(src[end+1]) {
			for k, end = tFloat, end+2; end < n && isDigit(src[end]); {
				end++
			}
		}
		if end < n && (chars.name[src[end]] || src[end] == '.' && k == tInt) {
			k = tBad
		}
	case equals:
		if end < n && src[end] == '=' {
			k, end = chars.equal[c], end+1
		}
	case quote:
		if n := quotedLen(src[i:]); n > 0 {
			k, end = tString, i+uint(n)
		}
	case double:
		if end < n && (src[end] == '/' || src[end] == '*' || src[end] == '=') {
			p.skip(int(i))
			return
		}
	case blank:
		p.skip(int(i))
		return
	}
	if k == tBad || !p.ascii {
		p.scan(k, int(i), int(end))
		return
	}
	p.tok.kind, p.tok.end, p.off = k, int(end), int(end)
}

// ahead tells whether c follows the token at once, which take then reads.
func (p *parser) ahead(c byte) bool {
	return uint(p.off) < uint(len(p.part)) && p.part[p.off] == c && p.ascii
}

// take is next where a token of one byte is ahead. The present one is none of those that
// end a statement.
func (p *parser) take(k kind) {
	i, t := p.off, &p.tok
	p.prev, p.off = t.end, i+1
	t.kind, t.start, t.end, t.pos = k, i, i+1, p.line.place(i)
}

// newline reads the line end at i, or over it.
func (p *parser) newline(i int) {
	if p.brackets > 0 {
		p.skip(i)
		return
	}
	start := i
	if i > 0 && p.src[i-1] == '\r' {
		start--
	}
	p.tok = token{kind: tNewline, start: start, end: start, pos: p.place(start)}
	p.off = i + 1
	p.line = p.line.after(i)
}

// skip goes over white space and comments at i, and reads the token behind them.
func (p *parser) skip(i int) {
	fresh := false // behind a line end
	for i < len(p.part) {
		c := p.part[i]
		if c == '/' {
			end := p.skipComment(i, fresh)
			if p.bad {
				return
			}
			if end > i {
				i = end
				continue
			}
		}
		if chars.class[c] == double {
			p.scan(tBad, i, i)
			return
		}
		if c == '\n' && p.brackets > 0 {
			p.line, fresh = p.line.after(i), true
		} else if chars.class[c] != blank {
			break
		}
		i++
	}
	p.off = i
	p.next()
}

// skipComment gives the end of the comment at i, or i where none is: a // is a comment
// at the start of a line and after ; { }. fresh tells that a line end stands between it
// and the token before.
func (p *parser) skipComment(i int, fresh bool) int {
	if i+1 >= len(p.part) {
		return i
	}
	switch p.src[i+1] {
	case '/':
		last := p.tok.kind
		comment := last == tNewline || last == tSemicolon || (last == tLBrace || last == tRBrace) && !p.piece && !p.template
		if fresh {
			comment = !p.template
		}
		if comment {
			return p.lineComment(i, false)
		}
	case '*':
		if !p.piece {
			return p.blockComment(i)
		}
	}
	return i
}

// lineComment notes the // comment at i and returns the offset of its end.
func (p *parser) lineComment(i int, raw bool) int {
	n := strings.IndexByte(p.part[i:], '\n')
	if n < 0 {
		n = len(p.part) - i
	}
	p.comment(i, i+n, raw)
	return i + n
}

// blockComment notes the /* */ comment at i and returns the offset of its end,
// or -1 where it is not closed.
func (p *parser) blockComment(i int) int {
	n := strings.Index(p.part[i+2:], "*/")
	if n < 0 {
		p.tok = token{start: i, end: i, pos: p.place(i)}
		p.stop = p.stop || !p.quiet
		p.fail(p.tok.pos, "the comment /* is not closed: */ is missing")
		return -1
	}
	end := i + n + 4
	p.comment(i, end, false)
	p.goTo(end)
	return end
}

// comment notes a comment once, however often its text is read; raw tells that
// it stands in a command's arguments.
func (p *parser) comment(from, to int, raw bool) {
	if from < p.commented || p.quiet {
		return
	}
	text := unixLines(strings.TrimRight(p.src[from:to], " \t\r"))
	p.charge(64 + len(text))
	p.goTo(from)
	c := &Comment{Pos: p.place(from), Text: text, Trailing: p.trails(from), inside: p.brackets > 0 || raw}
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

// scan reads the token at i where next does not, or tells what is wrong there: where its
// kind is tBad, or characters have to be counted.
func (p *parser) scan(k kind, i, end int) {
	p.tok = token{start: i, pos: p.place(i)}
	if end < len(p.part) && p.part[end] >= utf8.RuneSelf && chars.name[p.part[i]] {
		k = tBad
	}
	if k != tBad {
		p.emit(k, end-i)
		return
	}
	switch c := p.src[i]; {
	case chars.name[c] && !isDigit(c):
		p.word(i)
	case isDigit(c):
		p.number(i)
	case c == '"' || c == '\'':
		p.quoted(i)
	case c == '$':
		p.global(i)
	case c >= utf8.RuneSelf:
		if r, _ := utf8.DecodeRuneInString(p.part[i:]); unicode.IsLetter(r) {
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
	n := nameEnd(p.part, i) - i
	p.emit(wordKind(p.src[i:i+n]), n)
}

func (p *parser) global(i int) {
	n := nameEnd(p.part, i+1) - i
	if !isName(p.src[i+1 : i+n]) { // $5 is a price
		p.fail(p.tok.pos, "a name is missing after $")
		return
	}
	p.emit(tGlobal, n)
}

func (p *parser) quoted(i int) {
	n := quotedLen(p.part[i:])
	if n < 0 {
		p.fail(p.tok.pos, "quoted text is not closed on its line: %c is missing", p.src[i])
		return
	}
	p.emit(tString, n)
}

// number reads a number. What comes near one, as 007, says what to write.
func (p *parser) number(i int) {
	src := p.part[i:]
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

// operator reads * ** / // and refuses what is no operator.
func (p *parser) operator(i int) {
	at := func(n int) byte {
		if i+n < len(p.part) {
			return p.src[i+n]
		}
		return 0
	}
	switch c := p.src[i]; c {
	case '*', '/':
		p.double(c, at(1), at(2))
	case ':':
		p.fail(p.tok.pos, "`:=` is not in the language: write the assignment on a line of its own")
	case '!':
		p.fail(p.tok.pos, "`!` is not in the language: write not")
	default:
		p.fail(p.tok.pos, "%s", strange(c, at(1)))
	}
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

// ends tells whether a statement ends before the token, wherever it stands.
func (k kind) ends() bool { return k-tNewline <= tEOF-tNewline }

// nameEnd is the offset behind the letters, digits and _ that start at i.
func nameEnd(s string, i int) int {
	for i < len(s) {
		if chars.name[s[i]] {
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

// class is what a byte that a token may start with asks of the scanner.
type class uint8

const (
	other class = iota // a look by scan, unless the kind is known
	blank              // to skip it
	lineEnd
	letter
	digit
	quote
	equals // whether = follows
	double // whether it is a comment, or an operator of several characters
)

// table is what is known of each byte, and of a token by its first.
type table struct {
	name  [256]bool // whether it is one of ASCII that a name may hold
	class [256]class
	kind  [256]kind // tBad where scan finds it
	equal [256]kind // where = follows
	words [256]byte // how long the words of the language are that start with it
}

// chars is the table. Whoever looks at many bytes keeps it in a variable of his own, and so
// in a register.
var chars = func() *table {
	of := new(table)
	for c := range utf8.RuneSelf {
		if 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' {
			of.name[c], of.class[c], of.kind[c] = true, letter, tName
		}
	}
	for word := range strings.FieldsSeq(words) {
		of.words[word[0]] |= 1 << (len(word) & 7)
	}
	for c := '0'; c <= '9'; c++ {
		of.name[c], of.class[c], of.kind[c] = true, digit, tInt
	}
	for c, k := range map[byte]kind{
		'(': tLParen, ')': tRParen, '[': tLBrack, ']': tRBrack, '{': tLBrace, '}': tRBrace,
		',': tComma, ';': tSemicolon, '.': tDot, '`': tTemplate,
	} {
		of.kind[c] = k
	}
	for c, k := range map[byte][2]kind{
		':': {tColon, tBad}, '+': {tPlus, tAugmented}, '-': {tMinus, tAugmented}, '%': {tPercent, tAugmented},
		'=': {tAssign, tEq}, '<': {tLt, tLe}, '>': {tGt, tGe}, '!': {tBad, tNe},
	} {
		of.class[c], of.kind[c], of.equal[c] = equals, k[0], k[1]
	}
	of.class[' '], of.class['\t'], of.class['\r'] = blank, blank, blank
	of.class['\n'], of.kind['\n'] = lineEnd, tNewline
	of.class['"'], of.class['\''] = quote, quote
	of.class['*'], of.kind['*'] = double, tStar
	of.class['/'], of.kind['/'] = double, tSlash
	return of
}()

// words are the words of the language.
const words = "if else for and or not in is None null True true False false end startLoop endLoop " +
	"while try exception function return break continue command"

// mayBeWord tells whether a word of the language may start with c and have n bytes.
func (t *table) mayBeWord(c byte, n int) bool { return t.words[c]>>(uint(n)&7)&1 != 0 }

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
