// This file goes on behind a statement that could not be read.

package syntax

import "strings"

// recover goes on behind the statement that was given up.
func (p *parser) recover() {
	off := p.statementEnd(p.stmt.off, p.failed, false)
	p.resume(max(off, p.stmt.off+1))
}

// resume forgets the statement that was given up, and goes on at off.
func (p *parser) resume(off int) {
	p.goTo(off)
	p.cursor = cursor{off: off, part: p.src, prev: off, line: p.line}
	p.openings, p.exprs = p.openings[:0], p.exprs[:0]
	p.pieces, p.cuts, p.nest = p.pieces[:0], p.cuts[:0], p.nest[:0]
	p.tok = token{kind: tSemicolon, start: off, end: off}
	p.next()
}

// statementEnd looks for the end of the statement that starts at i and was
// given up at past. With body it looks for the brace of its body, and gives -1
// where there is none.
func (p *parser) statementEnd(i, past int, body bool) int {
	depth := 0
	for ; i < len(p.part); i++ {
		switch c := p.src[i]; c {
		case '\n', ';':
			if depth == 0 && (i >= past || body) {
				if body {
					return -1
				}
				return i
			}
		case '"', '\'':
			if n := quotedLen(p.part[i:]); n > 0 && !(i > 0 && p.inWord(i)) {
				i += n - 1
			}
		case '`':
			end := p.quietly(func() int { return p.matching(i, false) })
			if end < 0 {
				return p.lineEnd(past, body)
			}
			i = end - 1
		case '(', '[', '{':
			if body && c == '{' && depth == 0 {
				return i
			}
			depth++
		case ')', ']', '}':
			if c == '}' && depth == 0 && i >= past && p.inBraces() {
				return i
			}
			depth = max(depth-1, 0)
		case '/':
			i = p.overComment(i, past)
		}
	}
	if depth > 0 || body {
		return p.lineEnd(past, body)
	}
	return len(p.part)
}

// lineEnd is the next best end of a statement, of no use for a body.
func (p *parser) lineEnd(past int, body bool) int {
	if body {
		return -1
	}
	if n := strings.IndexByte(p.src[past:], '\n'); n >= 0 {
		return past + n
	}
	return len(p.part)
}

// quietly runs a look ahead and forgets how it ended.
func (p *parser) quietly(look func() int) int {
	saved := p.cursor
	p.quiet, p.bad = true, false
	n := look()
	p.cursor = saved
	return n
}

// overComment goes from the slash at i to the last character of the comment
// there, if it is one.
func (p *parser) overComment(i, past int) int {
	switch rest := p.part[i:]; {
	case strings.HasPrefix(rest, "//") && i >= past:
		if n := strings.IndexByte(rest, '\n'); n > 0 {
			return i + n - 1
		}
	case strings.HasPrefix(rest, "/*"):
		if n := strings.Index(rest[2:], "*/"); n >= 0 {
			return i + 2 + n + 1
		}
	}
	return i
}
