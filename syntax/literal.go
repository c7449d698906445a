// This file reads literals: numbers, quoted text and templates.

package syntax

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// numberLit makes the literal of a number token.
func (p *parser) numberLit() Expr {
	text, pos, k := p.src[p.tok.start:p.tok.end], p.tok.pos, p.tok.kind
	p.next()
	if k == tInt {
		if n, ok := parseInt(text); ok {
			return p.integer(pos, n)
		}
	} else if f, ok := parseFloat(text); ok {
		n := node(p, &p.nodes.float)
		n.Pos, n.Value = pos, f
		return n
	}
	p.wide = true
	return rare(p, WideLit{Pos: pos, Text: text})
}

func (p *parser) integer(pos Pos, value int64) Expr {
	n := node(p, &p.nodes.integer)
	n.Pos, n.Value = pos, value
	return n
}

// parseInt gives the value of decimal digits; not ok where it does not fit.
func parseInt(digits string) (n int64, ok bool) {
	if len(digits) > 18 {
		n, err := strconv.ParseInt(digits, 10, 64)
		return n, err == nil
	}
	for _, c := range []byte(digits) {
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// tens are powers of ten that a float holds exactly.
var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// parseFloat gives the value of a number with a point or an exponent; not ok where no
// float is that large. Digits that a float holds exactly are divided by a power of
// ten that it holds too: the nearest float is what comes out.
func parseFloat(text string) (f float64, ok bool) {
	n, point := int64(0), len(text)-1
	for i := range len(text) {
		switch c := text[i]; {
		case isDigit(c) && len(text) <= len(tens):
			n = 10*n + int64(c-'0')
		case c == '.' && len(text) <= len(tens):
			point = i
		default:
			f, err := strconv.ParseFloat(text, 64)
			return f, err == nil && !math.IsInf(f, 0)
		}
	}
	return float64(n) / tens[len(text)-1-point], true
}

// stringLit makes the literal of a quoted token.
func (p *parser) stringLit() Expr {
	t := p.tok
	text, bad := p.unescape(p.src[t.start+1:t.end-1], false)
	if bad >= 0 {
		p.loneSurrogate(t.start + 1 + bad)
		return nil
	}
	p.next()
	if p.tok.kind == tString {
		p.fail(p.tok.pos, "two texts side by side: write + between them")
	}
	return p.quotedText(t.pos, text, p.src[t.start])
}

func (p *parser) quotedText(pos Pos, value string, quote byte) Expr {
	n := node(p, &p.nodes.text)
	n.Pos, n.Value, n.Quote = pos, value, quote
	return n
}

func (p *parser) loneSurrogate(off int) {
	p.fail(p.pos(off), "`%s` is half of a character: its other half is missing", p.src[off:off+6])
}

// templateLit makes the literal of a backtick token.
func (p *parser) templateLit() Expr {
	open := p.tok
	var texts []string
	var exprs []Expr
	links := 0
	for i := p.off; ; {
		n, end := templateText(p.part[i:])
		if end == 0 {
			p.stop = p.stop || !p.quiet
			p.fail(open.pos, "the template is not closed: ` is missing")
			return nil
		}
		text, bad := p.unescape(p.src[i:i+n], true)
		if bad >= 0 {
			p.loneSurrogate(i + bad)
			return nil
		}
		p.charge(16)
		texts = append(texts, text)
		if i += n; end == '`' {
			p.tok = token{kind: tTemplate, start: open.start, end: i + 1, pos: open.pos}
			break
		}
		p.charge(16)
		exprs = append(exprs, p.spliced(i))
		if p.bad {
			return nil
		}
		links = max(links, p.links)
		i = p.off
	}
	raw := unixLines(p.src[open.start:p.tok.end])
	p.off, p.links = p.tok.end, links
	p.goTo(p.off)
	p.next()
	n := node(p, &p.nodes.template)
	n.Pos, n.Texts, n.Exprs, n.Raw = open.pos, texts, exprs, raw
	return n
}

// spliced reads the ${…} at i up to its brace, which is left to be the token.
func (p *parser) spliced(i int) Expr {
	template, joined, wide := p.template, p.joined, p.wide
	p.template = true
	p.goTo(i)
	p.tok = token{kind: tLBrace, start: i, end: i + 2, pos: p.place(i)}
	p.off = i + 2
	p.enter()
	x := p.expr()
	if p.tok.kind != tRBrace {
		p.unexpected("} of ${…}")
		return nil
	}
	p.forget()
	p.template, p.joined, p.wide = template, joined, wide
	return x
}

// templateText is the length of the template's text that s starts with, and
// what ends it: a backtick, the $ of ${, or 0 where nothing does.
func templateText(s string) (n int, end byte) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '`':
			return i, '`'
		case '\\':
			i++
		case '$':
			if i+1 < len(s) && s[i+1] == '{' {
				return i, '$'
			}
		}
	}
	return 0, 0
}

// unescape resolves the escapes of quoted text or of a template. bad is the
// offset of an escape that is half a surrogate pair, else -1.
func (p *parser) unescape(s string, template bool) (text string, bad int) {
	if template {
		s = unixLines(s)
	}
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, -1
	}
	p.charge(len(s))
	var b strings.Builder
	b.Grow(len(s))
	for from := 0; ; {
		b.WriteString(s[from:i])
		r, n := escape(s[i:], template)
		if r == utf8.RuneError && n == 0 {
			return "", i
		}
		b.WriteRune(r)
		from = i + n
		j := strings.IndexByte(s[from:], '\\')
		if j < 0 {
			b.WriteString(s[from:])
			return b.String(), -1
		}
		i = from + j
	}
}

// escape reads the escape that s starts with and gives its length; 0 for half
// a surrogate pair. A backslash that escapes nothing is itself.
func escape(s string, template bool) (r rune, n int) {
	if len(s) < 2 {
		return '\\', 1
	}
	switch c := s[1]; c {
	case 'n':
		return '\n', 2
	case 't':
		return '\t', 2
	case 'r':
		return '\r', 2
	case '\\', '"', '\'':
		return rune(c), 2
	case '`', '$':
		if template {
			return rune(c), 2
		}
	case 'u':
		r := hex4(s)
		switch {
		case r < 0:
			return '\\', 1
		case !utf16.IsSurrogate(r):
			return r, 6
		}
		if r = utf16.DecodeRune(r, hex4(s[6:])); r != utf8.RuneError {
			return r, 12
		}
		return utf8.RuneError, 0
	}
	return '\\', 1
}

// hex4 reads the \u and four hex digits that s starts with; -1 if it does not.
func hex4(s string) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}
