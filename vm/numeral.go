// This file holds numbers as the % operator and format() write them: signs,
// prefixes, precisions, thousands.

package vm

import (
	"bytes"
	"math"
	"strconv"
)

// numeral is a number in pieces, in the order in which they are written.
type numeral struct {
	sign   string // "", "-", "+" or " "
	prefix string // 0x and the like
	lead   int    // zeros before whole
	whole  []byte // digits before the point
	rest   []byte // the point and digits after it
	zeros  int    // more zeros after them
	tail   []byte // exponent, percent sign
}

// maxDigits is how many digits the exact value of a float has at most; all
// further ones are zeros.
const maxDigits = 1100

// signOf returns the sign to write: mark is what the format says, '-' for only
// where the number is negative.
func signOf(negative bool, mark byte) string {
	switch {
	case negative:
		return "-"
	case mark == '+':
		return "+"
	case mark == ' ':
		return " "
	}
	return ""
}

// intNumeral writes an int to a base, which verb stands for.
func intNumeral(scratch []byte, i int64, verb byte, alternate bool) numeral {
	var n numeral
	base, prefix := 10, ""
	switch verb {
	case 'x':
		base, prefix = 16, "0x"
	case 'X':
		base, prefix = 16, "0X"
	case 'o':
		base, prefix = 8, "0o"
	case 'b':
		base, prefix = 2, "0b"
	}
	if alternate {
		n.prefix = prefix
	}
	n.whole = strconv.AppendUint(scratch, magnitude(i), base)
	if verb == 'X' {
		n.whole = bytes.ToUpper(n.whole)
	}
	return n
}

// floatStyle says how a float is written.
type floatStyle struct {
	verb      byte // one of e f g % or 0, for the shortest digits; capitals too
	precision int  // -1 where none is given
	alternate bool // keep the point, and with g the zeros
	point     bool // with g, be recognizable as a float
}

// floatNumeral writes the absolute value of f.
func floatNumeral(scratch []byte, f float64, st floatStyle) numeral {
	f = math.Abs(f)
	precision := st.precision
	if precision < 0 {
		precision = 6
	}
	var n numeral
	switch st.verb | 0x20 {
	case 'f', '%' | 0x20:
		n = splitPoint(strconv.AppendFloat(scratch, f, 'f', min(precision, maxDigits), 64))
		n.zeros = max(0, precision-maxDigits)
	case 'e':
		n = splitPoint(strconv.AppendFloat(scratch, f, 'e', min(precision, maxDigits), 64))
		n.zeros = max(0, precision-maxDigits)
	case 'g':
		n = generalNumeral(scratch, f, max(precision, 1), st)
	default:
		n = splitPoint(appendFloat(scratch, f))
	}
	if st.alternate && len(n.rest) == 0 {
		n.rest = []byte{'.'}
	}
	if st.verb == 'E' || st.verb == 'G' {
		n.tail = bytes.ToUpper(n.tail)
	}
	if st.verb == '%' {
		n.tail = append(n.tail, '%')
	}
	return n
}

// splitPoint takes the text of a float apart.
func splitPoint(text []byte) numeral {
	n := numeral{whole: text}
	if i := bytes.IndexByte(n.whole, 'e'); i >= 0 {
		n.whole, n.tail = n.whole[:i:i], n.whole[i:]
	}
	if i := bytes.IndexByte(n.whole, '.'); i >= 0 {
		n.whole, n.rest = n.whole[:i:i], n.whole[i:]
	}
	return n
}

// generalNumeral writes f with precision significant digits, with an exponent
// where it is far from 1.
func generalNumeral(scratch []byte, f float64, precision int, st floatStyle) numeral {
	kept := min(precision, maxDigits)
	n := splitPoint(strconv.AppendFloat(scratch, f, 'e', kept-1, 64))
	exp, _ := strconv.Atoi(string(n.tail[1:]))
	digits := append([]byte(nil), n.whole...)
	if len(n.rest) > 0 {
		digits = append(digits, n.rest[1:]...)
	}
	limit := precision
	if st.point {
		limit--
	}
	if st.alternate {
		n.zeros = precision - kept
	} else {
		digits = bytes.TrimRight(digits, "0")
	}
	if len(digits) == 0 {
		digits = append(digits, '0')
	}
	if exp < -4 || exp >= limit {
		n.whole, n.rest = digits[:1:1], nil
		if len(digits) > 1 {
			n.rest = append([]byte{'.'}, digits[1:]...)
		}
		return n
	}
	n.tail = nil
	n.whole, n.rest = placePoint(digits, exp+1)
	if st.point && len(n.rest) == 0 {
		n.rest = []byte(".0")
	}
	return n
}

// placePoint puts the point after that many of the digits, or zeros before them.
func placePoint(digits []byte, at int) (whole, rest []byte) {
	switch {
	case at <= 0:
		rest = append([]byte{'.'}, bytes.Repeat([]byte{'0'}, -at)...)
		return []byte{'0'}, append(rest, digits...)
	case at >= len(digits):
		return append(digits, bytes.Repeat([]byte{'0'}, at-len(digits))...), nil
	}
	return digits[:at:at], append([]byte{'.'}, digits[at:]...)
}

// isZero reports whether the digits that are written are all zeros.
func (n *numeral) isZero() bool {
	return len(bytes.Trim(n.whole, "0")) == 0 && len(bytes.Trim(n.rest, ".0")) == 0
}

// layout is how something is put into a field.
type layout struct {
	width int  // code points at least
	fill  rune // what fills it up
	align byte // '<', '>', '^', or '=' for between sign and digits
	comma byte // between groups of digits; 0 for none
	group int  // digits in a group
}

// sides shares what a field has left of its width between left and right.
func (l layout) sides(length int) (left, right int) {
	space := max(0, l.width-length)
	switch l.align {
	case '<':
		return 0, space
	case '^':
		return space / 2, space - space/2
	}
	return space, 0
}

// putNumber writes a number into a field.
func (b *builder) putNumber(n numeral, l layout) error {
	if l.width > maxSize || n.lead > maxSize || n.zeros > maxSize {
		return b.m.tooLarge()
	}
	fixed := len(n.sign) + len(n.prefix) + len(n.rest) + n.zeros + len(n.tail)
	digits := n.lead + len(n.whole)
	if l.align == '=' && l.fill == '0' {
		digits = max(digits, digitsFor(l.width-fixed, l))
		n.lead = digits - len(n.whole)
	}
	left, right := l.sides(fixed + groupedLen(digits, l))
	inner := 0
	if l.align == '=' {
		left, inner = 0, left
	}
	if err := b.fill(l.fill, left); err != nil {
		return err
	}
	if err := b.put(n.sign + n.prefix); err != nil {
		return err
	}
	if err := b.fill(l.fill, inner); err != nil {
		return err
	}
	if err := b.putDigits(n, l); err != nil {
		return err
	}
	return b.fill(l.fill, right)
}

// groupedLen is the length of that many digits with the commas between them.
func groupedLen(digits int, l layout) int {
	if l.comma == 0 {
		return digits
	}
	return digits + (digits-1)/l.group
}

// digitsFor is the least number of digits that are at least so long.
func digitsFor(length int, l layout) int {
	if l.comma == 0 || length <= 0 {
		return length
	}
	// A group with its comma is group+1 long; a comma never stands first.
	groups := length / (l.group + 1)
	rest := length - groups*(l.group+1)
	return groups*l.group + max(rest, 1)
}

// putDigits writes what follows sign and prefix.
func (b *builder) putDigits(n numeral, l layout) error {
	if l.comma == 0 {
		if err := b.fill('0', n.lead); err != nil {
			return err
		}
		if err := b.putBytes(n.whole); err != nil {
			return err
		}
	} else if err := b.putGroups(n, l); err != nil {
		return err
	}
	if err := b.putBytes(n.rest); err != nil {
		return err
	}
	if err := b.fill('0', n.zeros); err != nil {
		return err
	}
	return b.putBytes(n.tail)
}

// putGroups writes the digits before the point with commas between them.
func (b *builder) putGroups(n numeral, l layout) error {
	digits := n.lead + len(n.whole)
	if err := b.room(groupedLen(digits, l)); err != nil {
		return err
	}
	for i := range digits {
		c := byte('0')
		if i >= n.lead {
			c = n.whole[i-n.lead]
		}
		b.buf = append(b.buf, c)
		if left := digits - 1 - i; left > 0 && left%l.group == 0 {
			b.buf = append(b.buf, l.comma)
		}
		if err := b.pay(1); err != nil {
			return err
		}
	}
	return nil
}

// putBytes writes ASCII.
func (b *builder) putBytes(s []byte) error {
	if err := b.room(len(s)); err != nil {
		return err
	}
	b.buf = append(b.buf, s...)
	return b.pay(len(s))
}

// putCut writes a string, or its first code points, into a field. A negative
// precision is no limit.
func (b *builder) putCut(v Value, precision int, l layout) error {
	s := v.str()
	n, err := b.m.length(v)
	if err != nil {
		return err
	}
	if precision >= 0 && precision < n {
		n = precision
		end := n
		if !v.isASCII() {
			if end, err = b.m.offset(s, n); err != nil {
				return err
			}
		}
		s = s[:end]
	}
	left, right := l.sides(n)
	if err := b.fill(l.fill, left); err != nil {
		return err
	}
	b.wide = b.wide || !v.isASCII()
	if err := b.put(s); err != nil {
		return err
	}
	return b.fill(l.fill, right)
}
