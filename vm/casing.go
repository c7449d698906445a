// This file holds upper, lower, title and capitalize, and what a code point is,
// by Unicode's full mappings.

package vm

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// expansion is a code point whose upper case or title case is more than one.
type expansion struct {
	r            rune
	upper, title string
}

// expansions are in the order of r. Greek letters with iota subscript from
// U+1F80 to U+1FAF follow a rule instead, in expand.
var expansions = [...]expansion{
	{0x00DF, "\u0053\u0053", "\u0053\u0073"},
	{0x0149, "\u02BC\u004E", "\u02BC\u004E"},
	{0x01F0, "\u004A\u030C", "\u004A\u030C"},
	{0x0390, "\u0399\u0308\u0301", "\u0399\u0308\u0301"},
	{0x03B0, "\u03A5\u0308\u0301", "\u03A5\u0308\u0301"},
	{0x0587, "\u0535\u0552", "\u0535\u0582"},
	{0x1E96, "\u0048\u0331", "\u0048\u0331"},
	{0x1E97, "\u0054\u0308", "\u0054\u0308"},
	{0x1E98, "\u0057\u030A", "\u0057\u030A"},
	{0x1E99, "\u0059\u030A", "\u0059\u030A"},
	{0x1E9A, "\u0041\u02BE", "\u0041\u02BE"},
	{0x1F50, "\u03A5\u0313", "\u03A5\u0313"},
	{0x1F52, "\u03A5\u0313\u0300", "\u03A5\u0313\u0300"},
	{0x1F54, "\u03A5\u0313\u0301", "\u03A5\u0313\u0301"},
	{0x1F56, "\u03A5\u0313\u0342", "\u03A5\u0313\u0342"},
	{0x1FB2, "\u1FBA\u0399", "\u1FBA\u0345"},
	{0x1FB3, "\u0391\u0399", "\u1FBC"},
	{0x1FB4, "\u0386\u0399", "\u0386\u0345"},
	{0x1FB6, "\u0391\u0342", "\u0391\u0342"},
	{0x1FB7, "\u0391\u0342\u0399", "\u0391\u0342\u0345"},
	{0x1FBC, "\u0391\u0399", "\u1FBC"},
	{0x1FC2, "\u1FCA\u0399", "\u1FCA\u0345"},
	{0x1FC3, "\u0397\u0399", "\u1FCC"},
	{0x1FC4, "\u0389\u0399", "\u0389\u0345"},
	{0x1FC6, "\u0397\u0342", "\u0397\u0342"},
	{0x1FC7, "\u0397\u0342\u0399", "\u0397\u0342\u0345"},
	{0x1FCC, "\u0397\u0399", "\u1FCC"},
	{0x1FD2, "\u0399\u0308\u0300", "\u0399\u0308\u0300"},
	{0x1FD3, "\u0399\u0308\u0301", "\u0399\u0308\u0301"},
	{0x1FD6, "\u0399\u0342", "\u0399\u0342"},
	{0x1FD7, "\u0399\u0308\u0342", "\u0399\u0308\u0342"},
	{0x1FE2, "\u03A5\u0308\u0300", "\u03A5\u0308\u0300"},
	{0x1FE3, "\u03A5\u0308\u0301", "\u03A5\u0308\u0301"},
	{0x1FE4, "\u03A1\u0313", "\u03A1\u0313"},
	{0x1FE6, "\u03A5\u0342", "\u03A5\u0342"},
	{0x1FE7, "\u03A5\u0308\u0342", "\u03A5\u0308\u0342"},
	{0x1FF2, "\u1FFA\u0399", "\u1FFA\u0345"},
	{0x1FF3, "\u03A9\u0399", "\u1FFC"},
	{0x1FF4, "\u038F\u0399", "\u038F\u0345"},
	{0x1FF6, "\u03A9\u0342", "\u03A9\u0342"},
	{0x1FF7, "\u03A9\u0342\u0399", "\u03A9\u0342\u0345"},
	{0x1FFC, "\u03A9\u0399", "\u1FFC"},
	{0xFB00, "\u0046\u0046", "\u0046\u0066"},
	{0xFB01, "\u0046\u0049", "\u0046\u0069"},
	{0xFB02, "\u0046\u004C", "\u0046\u006C"},
	{0xFB03, "\u0046\u0046\u0049", "\u0046\u0066\u0069"},
	{0xFB04, "\u0046\u0046\u004C", "\u0046\u0066\u006C"},
	{0xFB05, "\u0053\u0054", "\u0053\u0074"},
	{0xFB06, "\u0053\u0054", "\u0053\u0074"},
	{0xFB13, "\u0544\u0546", "\u0544\u0576"},
	{0xFB14, "\u0544\u0535", "\u0544\u0565"},
	{0xFB15, "\u0544\u053B", "\u0544\u056B"},
	{0xFB16, "\u054E\u0546", "\u054E\u0576"},
	{0xFB17, "\u0544\u053D", "\u0544\u056D"},
}

const (
	capitalSigma = 'Σ'
	finalSigma   = 'ς'
	dottedI      = 'İ' // lower case: i and a dot above
)

// expand returns the row of r, if it has one.
func expand(r rune) (expansion, bool) {
	if r < 0xDF || r > 0x587 && r < 0x1E96 || r > 0x1FFC && r < 0xFB00 || r > 0xFB17 {
		return expansion{}, false
	}
	if r >= 0x1F80 && r < 0x1FB0 {
		capital := unicode.ToTitle(r)
		row := [...]rune{0x1F08, 0x1F28, 0x1F68}[(r-0x1F80)/16]
		return expansion{r, string([]rune{row + r&7, 'Ι'}), string(capital)}, true
	}
	i := sort.Search(len(expansions), func(i int) bool { return expansions[i].r >= r })
	if i < len(expansions) && expansions[i].r == r {
		return expansions[i], true
	}
	return expansion{}, false
}

// casing maps texts.
type casing uint8

const (
	upperCase casing = iota
	lowerCase
	titleCase      // every run of letters begins with a capital
	capitalizeCase // the text begins with a capital
)

// textCase makes the method that maps its receiver.
func textCase(to casing) func(*Machine, Value, []Value) (Value, error) {
	return func(m *Machine, v Value, _ []Value) (Value, error) {
		if v.isASCII() {
			return m.caseASCII(v, to)
		}
		return m.caseUnicode(v, to)
	}
}

// caseASCII maps bytes, in chunks.
func (m *Machine) caseASCII(v Value, to casing) (Value, error) {
	s := v.str()
	text, buf, err := m.newText(len(s))
	if err != nil {
		return Value{}, err
	}
	letter := false // the last byte was one
	for at := 0; at < len(s); at += chunk {
		end := min(len(s), at+chunk)
		switch to {
		case upperCase:
			flipASCII(buf[at:end], s[at:end], 'a')
		case lowerCase:
			flipASCII(buf[at:end], s[at:end], 'A')
		case capitalizeCase:
			flipASCII(buf[at:end], s[at:end], 'A')
			if at == 0 && 'a' <= s[0] && s[0] <= 'z' {
				buf[0] = s[0] - 32
			} else if at == 0 {
				buf[0] = s[0]
			}
		case titleCase:
			letter = titleASCII(buf[at:end], s[at:end], letter)
		}
		if err := m.Work((end - at) / 128); err != nil {
			return Value{}, err
		}
	}
	return text.ascii(), nil
}

// flipASCII copies src to dst, with the 26 letters from first in the other case.
// Eight bytes are done at once: adding carries a byte's top bit where it is in
// the range, which all of ASCII leaves free.
func flipASCII(dst []byte, src string, first byte) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	from, past := uint64(0x80-first)*ones, uint64(0x80-first-26)*ones
	i := 0
	for ; i+8 <= len(src); i += 8 {
		w := load64(src[i:])
		in := (w + from) &^ (w + past) & tops
		store64(dst[i:], w^in>>2)
	}
	for ; i < len(src); i++ {
		c := src[i]
		if c-first < 26 {
			c ^= 0x20
		}
		dst[i] = c
	}
}

func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func store64(b []byte, w uint64) {
	_ = b[7]
	b[0], b[1], b[2], b[3] = byte(w), byte(w>>8), byte(w>>16), byte(w>>24)
	b[4], b[5], b[6], b[7] = byte(w>>32), byte(w>>40), byte(w>>48), byte(w>>56)
}

// titleASCII copies src to dst in title case; letter tells whether a letter
// stands before it, and afterwards whether it ends in one.
func titleASCII(dst []byte, src string, letter bool) bool {
	for i := range len(src) {
		c := src[i]
		lower := c | 0x20
		is := lower-'a' < 26
		switch {
		case is && letter:
			c = lower
		case is:
			c = lower - 32
		}
		letter = is
		dst[i] = c
	}
	return letter
}

// caseUnicode maps code points one by one.
func (m *Machine) caseUnicode(v Value, to casing) (Value, error) {
	s := v.str()
	b := builder{m: m}
	if err := b.exact(len(s)); err != nil {
		return Value{}, err
	}
	scan, cased := scan{m: m}, false // cased is the code point before
	for at, r := range s {
		if err := scan.at(8 * at); err != nil {
			return Value{}, err
		}
		var err error
		switch {
		case to == upperCase:
			err = b.putUpper(r)
		case to == lowerCase || to == titleCase && cased || to == capitalizeCase && at > 0:
			err = b.putLower(r, s, at)
		default:
			err = b.putTitle(r)
		}
		if err != nil {
			return Value{}, err
		}
		cased = to == titleCase && isCased(r)
	}
	return b.finish()
}

func (b *builder) putUpper(r rune) error {
	if e, ok := expand(r); ok {
		return b.putWide(e.upper)
	}
	return b.putRune(unicode.ToUpper(r))
}

func (b *builder) putTitle(r rune) error {
	if e, ok := expand(r); ok {
		return b.putWide(e.title)
	}
	return b.putRune(unicode.ToTitle(r))
}

// putLower writes r, which stands at s[at:].
func (b *builder) putLower(r rune, s string, at int) error {
	switch r {
	case dottedI:
		return b.putWide("i\u0307")
	case capitalSigma:
		final, err := b.m.endsWord(s, at, at+len("Σ"))
		if err != nil {
			return err
		}
		if final {
			return b.putRune(finalSigma)
		}
	}
	return b.putRune(unicode.ToLower(r))
}

// endsWord tells whether, past what case ignores, a letter with a case stands
// before s[from:to] and none after it.
func (m *Machine) endsWord(s string, from, to int) (bool, error) {
	work := scan{m: m}
	for at := from; ; {
		r, size := utf8.DecodeLastRuneInString(s[:at])
		if err := work.at(4 * (from - at)); err != nil {
			return false, err
		}
		if size == 0 || !isCaseIgnorable(r) {
			if !isCased(r) {
				return false, nil
			}
			break
		}
		at -= size
	}
	work = scan{m: m}
	for i, r := range s[to:] {
		if err := work.at(4 * i); err != nil {
			return false, err
		}
		if !isCaseIgnorable(r) {
			return !isCased(r), nil
		}
	}
	return true, nil
}

func isCased(r rune) bool {
	if r < utf8.RuneSelf {
		return uint32(r|0x20)-'a' < 26
	}
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Uppercase, unicode.Other_Lowercase)
}

func isCaseIgnorable(r rune) bool {
	if r < utf8.RuneSelf {
		return strings.IndexByte("'.:^`", byte(r)) >= 0
	}
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) ||
		strings.ContainsRune("\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A", r)
}

func isSpace(r rune) bool { return unicode.IsSpace(r) || 0x1C <= r && r <= 0x1F }

// digits are the code points beside decimal digits that stand for one digit.
var digits = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00B2, Hi: 0x00B3, Stride: 1},
		{Lo: 0x00B9, Hi: 0x00B9, Stride: 1},
		{Lo: 0x1369, Hi: 0x1371, Stride: 1},
		{Lo: 0x19DA, Hi: 0x19DA, Stride: 1},
		{Lo: 0x2070, Hi: 0x2070, Stride: 1},
		{Lo: 0x2074, Hi: 0x2079, Stride: 1},
		{Lo: 0x2080, Hi: 0x2089, Stride: 1},
		{Lo: 0x2460, Hi: 0x2468, Stride: 1},
		{Lo: 0x2474, Hi: 0x247C, Stride: 1},
		{Lo: 0x2488, Hi: 0x2490, Stride: 1},
		{Lo: 0x24EA, Hi: 0x24EA, Stride: 1},
		{Lo: 0x24F5, Hi: 0x24FD, Stride: 1},
		{Lo: 0x24FF, Hi: 0x24FF, Stride: 1},
		{Lo: 0x2776, Hi: 0x277E, Stride: 1},
		{Lo: 0x2780, Hi: 0x2788, Stride: 1},
		{Lo: 0x278A, Hi: 0x2792, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x10A40, Hi: 0x10A43, Stride: 1},
		{Lo: 0x10E60, Hi: 0x10E68, Stride: 1},
		{Lo: 0x11052, Hi: 0x1105A, Stride: 1},
		{Lo: 0x1F100, Hi: 0x1F10A, Stride: 1},
	},
	LatinOffset: 3,
}

func isDigit(r rune) bool    { return unicode.IsDigit(r) || unicode.Is(digits, r) }
func isAlphaNum(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// decimal returns the value of a decimal digit of any script, or -1. Unicode's
// ranges of them hold whole runs from zero to nine.
func decimal(r rune) int {
	if r < utf8.RuneSelf {
		if '0' <= r && r <= '9' {
			return int(r - '0')
		}
		return -1
	}
	for _, g := range unicode.Nd.R16 {
		if rune(g.Lo) <= r && r <= rune(g.Hi) {
			return int(r-rune(g.Lo)) % 10
		}
	}
	for _, g := range unicode.Nd.R32 {
		if rune(g.Lo) <= r && r <= rune(g.Hi) {
			return int(r-rune(g.Lo)) % 10
		}
	}
	return -1
}

// textOnly makes the method that tells whether every code point of its receiver,
// and at least one, is of a kind.
func textOnly(is func(rune) bool) func(*Machine, Value, []Value) (Value, error) {
	return func(m *Machine, v Value, _ []Value) (Value, error) {
		s, scan := v.str(), scan{m: m}
		for at, r := range s {
			if err := scan.at(8 * at); err != nil {
				return Value{}, err
			}
			if !is(r) {
				return BoolValue(false), nil
			}
		}
		return BoolValue(s != ""), nil
	}
}
