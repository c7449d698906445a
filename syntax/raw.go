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

// piece is one argument of a command, and which of p.cuts are comments in it.
type piece struct {
	span
	cut, cuts int
}

// opening is a bracket, a backtick, or the $ of ${, that is open.
type opening struct {
	off int
	ch  byte
}

// commandArgs reads the arguments of a command; the token is its bracket.
func (p *parser) commandArgs() []*Arg {
	pieces, cuts := len(p.pieces), len(p.cuts)
	end := p.split(p.tok.start)
	args := p.makeArgs(p.pieces[pieces:])
	p.pieces, p.cuts = p.pieces[:pieces], p.cuts[:cuts]
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

// makeArgs makes the arguments from pieces.
func (p *parser) makeArgs(pieces []piece) []*Arg {
	p.links = 0
	if p.bad || len(pieces) == 1 && pieces[0].start == pieces[0].end {
		return nil
	}
	p.charge(72 * len(pieces))
	if p.bad {
		return nil
	}
	all := p.nodes.arg.take(len(pieces))
	args := p.nodes.args.take(len(pieces))
	links := 0
	for i, s := range pieces {
		args[i] = &all[i]
		p.arg(&all[i], s)
		links = max(links, p.links)
	}
	p.links = links
	return args
}

// arg fills one argument.
func (p *parser) arg(a *Arg, s piece) {
	p.links = 0
	if p.bad {
		return
	}
	p.goTo(s.start)
	a.Pos = p.place(s.start)
	a.Text = p.pieceText(s)
	if a.Text == "" {
		return
	}
	if isPlainName(a.Text) {
		p.named = true
		a.Expr = p.variable(a.Pos, a.Text)
		return
	}
	a.Expr = p.tryExpr(s.span)
}

// isPlainName tells whether text is the name of a variable and of ASCII alone.
func isPlainName(s string) bool {
	if isDigit(s[0]) {
		return false
	}
	for i := range len(s) {
		if !nameBytes[s[i]] {
			return false
		}
	}
	return wordKind(s) == tName
}

// split finds the pieces between the bracket at open and its closing one,
// puts them on p.pieces, white space and comments around them cut off, and
// returns the offset behind the closing bracket.
func (p *parser) split(open int) (end int) {
	first, cut := len(p.pieces), len(p.cuts)
	end = p.matching(open, true)
	if p.bad {
		return end
	}
	for i := first; i < len(p.pieces); i++ {
		s := &p.pieces[i]
		for s.cut = cut; cut < len(p.cuts) && p.cuts[cut].end <= s.end; {
			cut++
		}
		s.cuts = cut
		p.trim(s)
	}
	return end
}

// trim cuts white space and comments off both ends of a piece.
func (p *parser) trim(s *piece) {
	for {
		if s.start < s.end && !mayBeSpace(p.src[s.start]) && s.cut == s.cuts {
			break
		}
		s.start = s.end - len(strings.TrimLeftFunc(p.src[s.start:s.end], unicode.IsSpace))
		if s.cut == s.cuts || p.cuts[s.cut].start != s.start {
			break
		}
		s.start = p.cuts[s.cut].end
		s.cut++
	}
	for {
		if s.start < s.end && !mayBeSpace(p.src[s.end-1]) && s.cut == s.cuts {
			break
		}
		s.end = s.start + len(strings.TrimRightFunc(p.src[s.start:s.end], unicode.IsSpace))
		// A comment may end in white space, which is cut off already.
		if s.cut == s.cuts || p.cuts[s.cuts-1].end < s.end {
			break
		}
		s.cuts--
		s.end = p.cuts[s.cuts].start
	}
}

// mayBeSpace tells whether a byte may be of a character that is white space.
func mayBeSpace(c byte) bool { return c <= ' ' || c >= utf8.RuneSelf }

// pieceText is the text of a piece without the comments in it.
func (p *parser) pieceText(s piece) string {
	text := p.src[s.start:s.end]
	if !strings.Contains(text, "\n") {
		return text
	}
	p.charge(len(text))
	if s.cut == s.cuts {
		return unixLines(text)
	}
	var b strings.Builder
	from := s.start
	for _, c := range p.cuts[s.cut:s.cuts] {
		b.WriteString(strings.TrimRight(p.src[from:c.start], " \t"))
		from = c.end + 1 // the comment's line ends before the piece
	}
	b.WriteString(p.src[from:s.end])
	return unixLines(b.String())
}

// matching returns the offset behind the bracket that closes the one at open.
// With split, the text between them is that of a command's arguments: its
// pieces go to p.pieces, and closing brackets that close nothing are text.
// Where the bracket or what is in it is not closed, it fails there.
func (p *parser) matching(open int, split bool) (end int) {
	m := matcher{parser: p, split: split, base: len(p.nest), start: open + 1, levels: p.depth}
	m.push(open, p.src[open])
	if p.src[open] == '$' {
		m.start++
	}
	saved := p.line
	end = m.run(m.start)
	p.line = saved
	p.nest = p.nest[:m.base]
	return end
}

// matcher is the work of matching. It keeps what is open on p.nest, above base.
type matcher struct {
	*parser
	split     bool
	base      int
	start     int // of the present piece
	levels    int // of nesting
	spliced   int // open ${
	backticks int // open templates
}

func (m *matcher) push(i int, ch byte) {
	m.nest = append(m.nest, opening{i, ch})
	switch ch {
	case '`':
		m.backticks++
		return
	case '$':
		m.spliced++
	}
	m.levels++
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

// outer tells whether the text is directly in the arguments that are split.
func (m *matcher) outer() bool { return m.split && len(m.nest) == m.base+1 }

// run reads from i on and returns the offset behind the closing bracket, or -1.
func (m *matcher) run(i int) int {
	for ; i < m.end; i++ {
		c := m.src[i]
		if m.top().ch == '`' {
			switch {
			case c == '\\':
				i++
			case c == '`' && m.pop():
				return i + 1
			case c == '$' && i+1 < m.end && m.src[i+1] == '{':
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
			m.push(i, c)
			if m.levels > maxDepth && m.split {
				m.limit(m.pos(i), tooDeep)
				return -1
			}
		case ')', ']', '}':
			if done, end := m.closing(i, c); done {
				return end
			}
		case ',':
			if m.outer() {
				m.piece(i)
			}
		case '\n':
			if m.backticks == 0 {
				i = m.skipComments(i)
			}
		}
	}
	m.stop = m.stop || !m.quiet
	m.notClosed(m.top().off)
	return -1
}

// piece ends a piece at i.
func (m *matcher) piece(i int) {
	m.pieces = append(m.pieces, piece{span: span{m.start, i}})
	m.start = i + 1
}

// closing reads the closing bracket c at i. It tells whether the work is done,
// and then the offset behind the bracket, or -1.
func (m *matcher) closing(i int, c byte) (done bool, end int) {
	top := m.top()
	switch {
	case c == closer(top.ch):
		if m.outer() {
			m.piece(i)
		}
		return m.pop(), i + 1
	case top.ch == '$' || m.outer():
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
	n := quotedLen(m.src[i:m.end])
	if n < 0 {
		m.notClosed(i)
		return -1
	}
	return i + n - 1
}

// skipComments goes from the line end at i over the lines that are a comment,
// to the line end behind them.
func (p *parser) skipComments(i int) int {
	for i < p.end {
		j := i + 1
		for j < p.end && (p.src[j] == ' ' || p.src[j] == '\t') {
			j++
		}
		if !strings.HasPrefix(p.src[j:p.end], "//") {
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
		return isNameByte(c) && c != '_'
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
		off: s.start, end: s.end, prev: s.start, line: p.line, tok: token{kind: tComma, start: s.start, end: s.start},
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
