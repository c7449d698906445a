// This file holds reading the texts of JSON: plain ones, escapes, and making certain that
// they are UTF-8.

package vm

import (
	"math/bits"
	"strings"
	"unicode/utf8"
)

// text reads a text.
func (d *decoder) text() (Value, error) {
	from := d.pos + 1
	i, wide := plainEnd(d.s, from, min(len(d.s), from+512)), false
	if i >= len(d.s) || d.s[i] != '"' {
		var err error
		if i, wide, err = d.plain(i); err != nil {
			return Value{}, err
		}
		if i < len(d.s) && d.s[i] == '\\' {
			return d.escapedText()
		}
		if err := d.checkPart(from, i, wide); err != nil {
			return Value{}, err
		}
	}
	d.pos = i + 1
	return d.makeText(d.s[from:i], wide)
}

// makeText makes a text; wide where something in it is not ASCII.
func (d *decoder) makeText(s string, wide bool) (Value, error) {
	if len(s) <= 1 {
		if s == "" {
			return emptyText, nil
		}
		return asciiTexts[s[0]], nil
	}
	v, buf, err := d.newText(len(s))
	if err != nil {
		return Value{}, err
	}
	if len(s) <= 512 {
		copy(buf, s)
	} else if err := copyText(d.m, buf, s); err != nil {
		return Value{}, err
	}
	if !wide {
		v = v.ascii()
	}
	return v, nil
}

// plain returns the end of what stands for itself in a text: a quote, a
// backslash, a control character or the end of input; and whether anything
// before it is not ASCII.
func (d *decoder) plain(i int) (end int, wide bool, err error) {
	for {
		limit := min(len(d.s), i+chunk)
		for i = plainEnd(d.s, i, limit); i < limit && d.s[i] >= utf8.RuneSelf; i = plainEnd(d.s, i, limit) {
			wide = true
			for i < limit && d.s[i] >= utf8.RuneSelf {
				i++
			}
		}
		if i < limit || i >= len(d.s) {
			return i, wide, nil
		}
		if err := d.m.Work(chunk / 64); err != nil {
			return i, wide, err
		}
		d.paid += chunk
	}
}

// checkPart makes sure that a part of a text may stand there, and that a quote
// or a backslash ends it.
func (d *decoder) checkPart(from, to int, wide bool) error {
	if wide {
		if err := d.checkUTF8(from, to); err != nil {
			return err
		}
	}
	switch {
	case to >= len(d.s):
		d.pos = to
		return d.fail("a text that does not end")
	case d.s[to] < ' ':
		d.pos = to
		return d.fail("a control character in a text")
	}
	return nil
}

func (d *decoder) checkUTF8(from, to int) error {
	for from < to {
		end := min(to, from+chunk)
		for back := 0; end < to && back < 3 && !utf8.RuneStart(d.s[end]); back++ {
			end--
		}
		if !utf8.ValidString(d.s[from:end]) {
			d.pos = from
			return d.fail("invalid UTF-8")
		}
		if err := d.m.Work((end - from) / 64); err != nil {
			return err
		}
		from = end
	}
	return nil
}

// escapedText reads a text that holds escapes.
func (d *decoder) escapedText() (Value, error) {
	b := builder{m: d.m}
	for from := d.pos + 1; ; {
		i, wide, err := d.plain(from)
		if err != nil {
			return Value{}, err
		}
		if err := d.checkPart(from, i, wide); err != nil {
			return Value{}, err
		}
		b.wide = b.wide || wide
		if err := b.put(d.s[from:i]); err != nil {
			return Value{}, err
		}
		if d.pos = i + 1; d.s[i] == '"' {
			return b.finish()
		}
		if err := d.m.Work(1); err != nil {
			return Value{}, err
		}
		r, err := d.escape()
		if err != nil {
			return Value{}, err
		}
		if err := b.putRune(r); err != nil {
			return Value{}, err
		}
		from = d.pos
	}
}

// escape reads what follows a backslash.
func (d *decoder) escape() (rune, error) {
	if d.pos >= len(d.s) {
		return 0, d.unexpected()
	}
	c := d.s[d.pos]
	d.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return d.unicodeEscape()
	}
	d.pos--
	return 0, d.fail("an unknown escape")
}

// unicodeEscape reads the digits after \u, and the other half of a pair of
// surrogates.
func (d *decoder) unicodeEscape() (rune, error) {
	r, err := d.hex4()
	if err != nil || r < 0xD800 || r > 0xDFFF {
		return r, err
	}
	if r < 0xDC00 && strings.HasPrefix(d.s[d.pos:], `\u`) {
		d.pos += 2
		low, err := d.hex4()
		if err != nil {
			return 0, err
		}
		if low >= 0xDC00 && low <= 0xDFFF {
			return (r-0xD800)<<10 + (low - 0xDC00) + 0x10000, nil
		}
	}
	return 0, d.fail("an unpaired surrogate")
}

func (d *decoder) hex4() (rune, error) {
	if len(d.s)-d.pos < 4 {
		return 0, d.fail("four hexadecimal digits are wanted")
	}
	var r rune
	for _, c := range []byte(d.s[d.pos : d.pos+4]) {
		switch {
		case isDigitByte(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, d.fail("four hexadecimal digits are wanted")
		}
		r = r<<4 | rune(c)
	}
	d.pos += 4
	return r, nil
}

const (
	everyByte = 0x0101010101010101
	highBits  = 0x80 * everyByte
)

// special marks in the high bits the bytes of w that may not stand for
// themselves in a JSON text: control characters, quotes, backslashes. Bits above the
// first mark mean nothing.
func special(w uint64) uint64 { return anySpecial(w) &^ w }

// anySpecial is special for ASCII: bytes that are not may be marked as well.
func anySpecial(w uint64) uint64 {
	quotes := w ^ '"'*everyByte
	slashes := w ^ '\\'*everyByte
	return (w - ' '*everyByte) | (quotes - everyByte) | (slashes - everyByte)
}

// plainEnd returns the first place from i on, before limit, of what is no plain
// ASCII or may not stand for itself in a JSON text; or limit.
func plainEnd(s string, i, limit int) int {
	for ; limit-i >= 8; i += 8 {
		w := load64(s[i:])
		if marks := (anySpecial(w) | w) & highBits; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for ; i < limit; i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return i
		}
	}
	return i
}

// escapeStart returns the first place in s of what has to be escaped in a JSON
// text, or its length.
func escapeStart(s string) int {
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		if marks := special(load64(s[i:])) & highBits; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}
