// This file reads the arguments of commands, which are text as it is written:
// it finds where they end, and tries each as an expression.

package syntax

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is a part of the source.
type span struct{ start, end int }

// piece is one argument of a command, small enough to be kept in registers.
type piece struct {
	span
	first, last int32 // p.cuts[first:last] are the comments in it
	form        form
}

// form is what the text of a piece is, as far as one look at it tells.
type form uint8

const (
	formAny   form = iota
	formLines      // a line end is in it, or around it
	formWord       // letters, digits and _ of ASCII alone, or nothing
	formQuote      // one quoted text
)

// opening is a bracket, a backtick, or the $ of ${, that is open.
type opening struct {
	off int
	ch  byte
}

// commandArgs reads the arguments of a command; the token is its bracket.
func (p *parser) commandArgs() []Arg {
	first, cuts := len(p.pieces), len(p.cuts)
	end := p.split(p.tok.start)
	args := p.makeArgs(first)
	p.pieces, p.cuts = p.pieces[:first], p.cuts[:cuts]
	p.closeArgs(end)
	return args
}

// closeArgs goes on behind the bracket that ends at end.
func (p *parser) closeArgs(end int) {
	if p.bad {
		return
	}
	p.off = end
	p.goTo(end)
	p.tok = token{kind: tRParen, start: end - 1, end: end}
	p.next()
}

// makeArgs makes the arguments from the pieces behind the first so many.
func (p *parser) makeArgs(first int) []Arg {
	pieces := p.pieces[first:]
	p.links = 0
	if p.bad || len(pieces) == 1 && pieces[0].start == pieces[0].end {
		return nil
	}
	p.charge(72 * len(pieces))
	if p.bad {
		return nil
	}
	args := p.nodes.args.take(len(pieces))
	links := 0
	for i := range pieces {
		p.arg(&args[i], &pieces[i])
		links = max(links, p.links)
	}
	p.links = links
	return args
}

// arg fills one argument. Most are a single token that cannot fail.
func (p *parser) arg(a *Arg, s *piece) {
	p.links = 0
	if p.bad {
		*a = Arg{}
		return
	}
	p.goTo(s.start)
	pos, text := p.line.place(s.start), p.src[s.start:s.end]
	if !p.ascii {
		pos = p.count(s.start)
	}
	a.Pos, a.Text, a.Expr = pos, text, nil
	switch {
	case s.form == formLines:
		a.Text = p.pieceText(s)
	case text == "":
		return
	case s.form == formWord && chars.class[text[0]] == letter:
		if !chars.mayBeWord(text[0], len(text)) || wordKind(text) == tName {
			p.named = true
			a.Expr = p.variable(pos, text)
			return
		}
	case s.form == formWord && len(text) <= 18 && (text[0] != '0' || len(text) == 1) && digitsLen(text) == len(text):
		n, _ := parseInt(text)
		a.Expr = p.integer(pos, n)
		return
	case s.form == formQuote && strings.IndexByte(text, '\\') < 0:
		a.Expr = p.quotedText(pos, text[1:len(text)-1], text[0])
		return
	}
	if a.Text != "" {
		a.Expr = p.tryExpr(s.span)
	}
}

// split finds the pieces between the parenthesis at open and its closing one,
// puts them on p.pieces, white space and comments around them cut off, and
// returns the offset behind the closing parenthesis, or -1. Closing brackets that
// close nothing are text.
func (p *parser) split(open int) (end int) {
	chars, src, lines := chars, p.part, false
	n := uint(len(src))
	var here line // before comments moved it
	for i := uint(open) + 1; i < n; i++ {
		for i < n && (src[i] == ' ' || src[i] == '\t') {
			i++
		}
		start, form := i, formWord
		for i < n && chars.name[src[i]] {
			i++
		}
		if i == start && i < n && chars.class[src[i]] == quote {
			if n := quotedLen(src[i:]); n > 0 {
				i += uint(n)
				form = formQuote
			}
		}
		end := i
		for i < n && src[i] == ' ' {
			i++
		}
		if i < n && (src[i] == ',' || src[i] == ')') {
			p.pieces = append(p.pieces, piece{span: span{int(start), int(end)}, form: form})
		} else {
			if here.number == 0 {
				here = p.line
			}
			end := p.anyPiece(int(start))
			if end < 0 {
				break
			}
			i = uint(end)
			lines = lines || p.pieces[len(p.pieces)-1].form == formLines
		}
		if src[i] == ')' {
			switch {
			case !lines:
				p.line.end = int(i) + 1
			case here.number > 0:
				p.line = here
			}
			return int(i) + 1
		}
	}
	if !p.bad {
		p.stop = p.stop || !p.quiet
		p.notClosed(open)
		p.reach = len(p.part)
	}
	return -1
}

// anyPiece puts the piece that starts at i on p.pieces. It returns the offset of what
// ends it, or -1.
func (p *parser) anyPiece(i int) int {
	s := piece{span: span{i, i}, first: int32(len(p.cuts))}
	if s.end = p.pieceEnd(i); s.end < 0 {
		return -1
	}
	end := s.end
	if strings.IndexByte(p.src[s.start:end], '\n') >= 0 {
		s.form = formLines
	}
	s.last = int32(len(p.cuts))
	p.trim(&s)
	p.pieces = append(p.pieces, s)
	return end
}

// pieceEnd finds the comma or the parenthesis that ends the piece at i; -1 where there
// is none, or after an error.
func (p *parser) pieceEnd(i int) int {
	for ; i < len(p.part); i++ {
		switch p.src[i] {
		case ',', ')':
			return i
		case '"', '\'':
			if !p.inWord(i) {
				n := quotedLen(p.part[i:])
				if n < 0 {
					p.notClosed(i)
					return -1
				}
				i += n - 1
			}
		case '`', '(', '[', '{':
			end := p.matching(i, true)
			if end < 0 {
				return -1
			}
			i = end - 1
		case '\n':
			i = p.skipComments(i)
		}
	}
	return -1
}

// trim cuts white space and comments off both ends of a piece.
func (p *parser) trim(s *piece) {
	for {
		if s.start < s.end && !mayBeSpace(p.src[s.start]) && s.first == s.last {
			break
		}
		s.start = s.end - len(strings.TrimLeftFunc(p.src[s.start:s.end], unicode.IsSpace))
		if s.first == s.last || p.cuts[s.first].start != s.start {
			break
		}
		s.start = p.cuts[s.first].end
		s.first++
	}
	for {
		if s.start < s.end && !mayBeSpace(p.src[s.end-1]) && s.first == s.last {
			break
		}
		s.end = s.start + len(strings.TrimRightFunc(p.src[s.start:s.end], unicode.IsSpace))
		// A comment may end in white space, which is cut off already.
		if s.first == s.last || p.cuts[s.last-1].end < s.end {
			break
		}
		s.last--
		s.end = p.cuts[s.last].start
	}
}

// mayBeSpace tells whether a byte may be of a character that is white space.
func mayBeSpace(c byte) bool { return c <= ' ' || c >= utf8.RuneSelf }

// pieceText is the text of a piece without the comments in it.
func (p *parser) pieceText(s *piece) string {
	text := p.src[s.start:s.end]
	if !strings.Contains(text, "\n") {
		return text
	}
	p.charge(len(text))
	if s.first == s.last {
		return unixLines(text)
	}
	var b strings.Builder
	from := s.start
	for _, c := range p.cuts[s.first:s.last] {
		b.WriteString(strings.TrimRight(p.src[from:c.start], " \t"))
		from = c.end + 1 // the comment's line ends before the piece
	}
	b.WriteString(p.src[from:s.end])
	return unixLines(b.String())
}

// matching returns the offset behind the bracket that closes the one at open. In a
// command's arguments it stands a level deeper, and may not be too deep.
// Where the bracket or what is in it is not closed, it fails there.
func (p *parser) matching(open int, inArgs bool) (end int) {
	m := matcher{parser: p, inArgs: inArgs, base: len(p.nest), levels: p.depth}
	if inArgs {
		m.levels++
	}
	from := open + 1
	if p.src[open] == '$' {
		from++
	}
	if end = -1; m.push(open, p.src[open]) {
		end = m.run(from)
	}
	p.nest = p.nest[:m.base]
	return end
}

// matcher is the work of matching. It keeps what is open on p.nest, above base.
type matcher struct {
	*parser
	inArgs    bool
	base      int
	levels    int // of nesting
	spliced   int // open ${
	backticks int // open templates
}

// push opens a bracket; it tells whether that is allowed.
func (m *matcher) push(i int, ch byte) bool {
	m.nest = append(m.nest, opening{i, ch})
	switch ch {
	case '`':
		m.backticks++
	case '$':
		m.spliced++
		m.levels++
		return true
	default:
		m.levels++
	}
	if m.levels > maxDepth && m.inArgs {
		m.limit(m.pos(i), tooDeep)
		return false
	}
	return true
}

// pop closes what was opened last, and tells whether that was the first.
func (m *matcher) pop() bool {
	n := len(m.nest) - 1
	switch m.nest[n].ch {
	case '`':
		m.backticks--
		m.levels++
	case '$':
		m.spliced--
	}
	m.levels--
	m.nest = m.nest[:n]
	return n == m.base
}

// top is what was opened last.
func (m *matcher) top() opening { return m.nest[len(m.nest)-1] }

// run reads from i on and returns the offset behind the closing bracket, or -1.
func (m *matcher) run(i int) int {
	for ; i < len(m.part); i++ {
		c := m.part[i]
		if m.top().ch == '`' {
			for c != '`' && c != '$' && c != '\\' && i+1 < len(m.part) {
				i++
				c = m.part[i]
			}
			switch {
			case c == '\\':
				i++
			case c == '`' && m.pop():
				return i + 1
			case c == '$' && i+1 < len(m.part) && m.src[i+1] == '{':
				m.push(i, c)
				i++
			}
			continue
		}
		switch c {
		case '"', '\'':
			if i = m.skipQuoted(i); i < 0 {
				return -1
			}
		case '`', '(', '[', '{':
			if !m.push(i, c) {
				return -1
			}
		case ')', ']', '}':
			if done, end := m.closing(i, c); done {
				return end
			}
		case '\n':
			if m.backticks == 0 {
				i = m.skipComments(i)
			}
		}
	}
	m.stop = m.stop || !m.quiet
	m.notClosed(m.top().off)
	m.reach = len(m.part)
	return -1
}

// closing reads the closing bracket c at i. It tells whether the work is done,
// and then the offset behind the bracket, or -1.
func (m *matcher) closing(i int, c byte) (done bool, end int) {
	top := m.top()
	switch {
	case c == closer(top.ch):
		return m.pop(), i + 1
	case top.ch == '$':
		return false, 0
	}
	m.mismatch(top.off, i)
	return true, -1
}

// skipQuoted goes from the quote at i to its closing one; -1 where there is
// none. In text a quote directly behind a letter or digit is none.
func (m *matcher) skipQuoted(i int) int {
	if m.spliced == 0 && m.inWord(i) {
		return i
	}
	n := quotedLen(m.part[i:])
	if n < 0 {
		m.notClosed(i)
		return -1
	}
	return i + n - 1
}

// skipComments goes from the line end at i over the lines that are a comment,
// to the line end behind them.
func (p *parser) skipComments(i int) int {
	for i < len(p.part) {
		j := i + 1
		for j < len(p.part) && (p.src[j] == ' ' || p.src[j] == '\t') {
			j++
		}
		if !strings.HasPrefix(p.part[j:], "//") {
			return i
		}
		i = p.lineComment(j, true)
		p.cuts = append(p.cuts, span{j, i})
	}
	return i
}

// inWord tells whether a letter or digit stands directly before i.
func (p *parser) inWord(i int) bool {
	if c := p.src[i-1]; c < utf8.RuneSelf {
		return chars.name[c] && c != '_'
	}
	r, _ := utf8.DecodeLastRuneInString(p.src[:i])
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

func closer(open byte) byte {
	switch open {
	case '(':
		return ')'
	case '[':
		return ']'
	}
	return '}'
}

// notClosed fails at the quote, bracket or template at off.
func (p *parser) notClosed(off int) {
	p.reach = off
	if p.quiet {
		p.giveUp(off)
		return
	}
	pos := p.pos(off)
	switch c := p.src[off]; c {
	case '"', '\'':
		p.tok.start = off
		p.fail(pos, "quoted text is not closed on its line: %c is missing", c)
	case '`':
		p.fail(pos, "the template is not closed: ` is missing")
	case '$':
		p.fail(pos, "`${` is not closed: } is missing")
	default:
		p.fail(pos, "`%c` is not closed: %c is missing", c, closer(c))
	}
}

// mismatch fails at the bracket at open, in which the one at off closes
// something else.
func (p *parser) mismatch(open, off int) {
	p.reach = off
	if p.quiet {
		p.giveUp(off)
		return
	}
	at := p.pos(off)
	p.tok.start = off
	p.fail(p.pos(open), "`%c` is not closed: `%c` stands before its %c (line %d, column %d)",
		p.src[open], p.src[off], closer(p.src[open]), at.Line, at.Col)
}

// tryExpr reads a piece of a command's arguments as an expression. What it is
// not, gives nil; but text in quotes and templates must be right.
func (p *parser) tryExpr(s span) Expr {
	saved, openings, exprs := p.cursor, len(p.openings), len(p.exprs)
	pieces, cuts, calls := len(p.pieces), len(p.cuts), len(p.calls)
	p.cursor = cursor{
		off: s.start, part: p.src[:s.end], prev: s.start, line: p.line, tok: token{kind: tComma, start: s.start, end: s.start},
		brackets: 1, depth: saved.depth + 1, piece: true, quiet: saved.quiet || !p.whole(s),
	}
	p.next()
	x := p.expr()
	if p.tok.kind != tEOF {
		p.unexpected("an operator or the end of the text")
	}
	got := p.cursor
	p.openings, p.exprs = p.openings[:openings], p.exprs[:exprs]
	p.pieces, p.cuts = p.pieces[:pieces], p.cuts[:cuts]
	p.cursor = saved
	switch {
	case p.fatal != nil || got.over || got.bad && !got.quiet:
		p.over = got.over
		p.giveUp(p.failed)
		return nil
	case got.bad || got.wide || got.joined && !got.named:
		p.calls = p.calls[:calls]
		return nil
	}
	p.named = p.named || got.named
	p.links = got.links
	return x
}

// whole tells whether a piece is one quoted text or one template.
func (p *parser) whole(s span) bool {
	switch p.src[s.start] {
	case '"', '\'':
		return quotedLen(p.src[s.start:s.end]) == s.end-s.start
	case '`':
		saved := p.cursor
		p.quiet = true
		end := p.matching(s.start, false)
		p.cursor = saved
		return end == s.end
	}
	return false
}
