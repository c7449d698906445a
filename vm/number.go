// This file holds numbers to and from text.

package vm

import (
	"math"
	"strconv"
)

// appendInt appends the decimal digits of an int.
func appendInt(dst []byte, i int64) []byte {
	switch { // small ones, which most are, take longer to copy than to make
	case 0 <= i && i < 10:
		return append(dst, byte('0'+i))
	case 0 <= i && i < 100:
		return append(dst, byte('0'+i/10), byte('0'+i%10))
	case 0 <= i && i < 1000:
		return append(dst, byte('0'+i/100), byte('0'+i/10%10), byte('0'+i%10))
	}
	return strconv.AppendInt(dst, i, 10)
}

// intLen is how many bytes appendInt appends.
func intLen(i int64) int {
	n, u := 1, magnitude(i)
	if i < 0 {
		n++
	}
	for ; u >= 10_000; u /= 10_000 {
		n += 4
	}
	switch {
	case u >= 1000:
		n += 3
	case u >= 100:
		n += 2
	case u >= 10:
		n++
	}
	return n
}

// writeInt fills dst, which has intLen(i) bytes, with what appendInt appends.
func writeInt(dst []byte, i int64) {
	u := magnitude(i)
	at := len(dst) - 1
	for ; u >= 10 && at > 0; at-- {
		dst[at] = byte('0' + u%10)
		u /= 10
	}
	dst[at] = byte('0' + u)
	if i < 0 {
		dst[0] = '-'
	}
}

// appendFloat appends a float as Python's repr() writes it: the shortest
// digits that read back as the same float, always with a point or an exponent.
func appendFloat(dst []byte, f float64) []byte {
	if short, ok := appendFewDecimals(dst, f); ok {
		return short
	}
	if abs := math.Abs(f); abs >= 1e16 || abs < 1e-4 {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, c := range dst[from:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// appendFewDecimals appends a float that at most four decimals tell, as amounts and rates
// are, and tells whether it did. Two decimal numbers of up to 15 digits never read as one
// float, so that the one that does is the shortest.
func appendFewDecimals(dst []byte, f float64) (_ []byte, ok bool) {
	const scale, most = 10_000, 1e15
	abs := math.Abs(f)
	if abs >= most/scale {
		return dst, false
	}
	n := int64(abs*scale + 0.5)
	if float64(n)/scale != abs { // the quotient of exact numbers, as reading the digits gives it
		return dst, false
	}
	if math.Signbit(f) {
		dst = append(dst, '-')
	}
	dst = append(appendInt(dst, n/scale), '.')
	for rest := uint32(n % scale); ; {
		rest *= 10
		dst = append(dst, byte('0'+rest/scale))
		if rest %= scale; rest == 0 {
			return dst, true
		}
	}
}

// maxNumber is how many bytes a number may have to be read as one: longer ones
// say no more, and would take longer than an operation may.
const maxNumber = 64 << 10

// readNumber returns the number that a text reads as: it is wholly a JSON number,
// an int within 64 bits or a finite float.
func readNumber(s string) (Value, bool) {
	if len(s) == 0 || len(s) > maxNumber || s[0] != '-' && !isDigitByte(s[0]) {
		return Value{}, false
	}
	n := scanNumber(s)
	if n.end != len(s) {
		return Value{}, false
	}
	if n.whole {
		return IntValue(n.int()), !n.long && n.fits()
	}
	f, ok := n.float(s)
	return floatValue(f), ok
}

// number is a JSON number as it was scanned.
type number struct {
	mantissa uint64 // the digits, point left out; only the first 19 where long
	exponent int    // of ten, for the mantissa; of no meaning where long
	end      int    // its length in bytes; 0 where there is none
	negative bool
	whole    bool // without point and exponent
	long     bool // more digits than the mantissa holds
}

// scanNumber scans the longest JSON number that s begins with.
func scanNumber(s string) number {
	var n number
	i := 0
	if i < len(s) && s[i] == '-' {
		n.negative = true
		i++
	}
	from := i
	for ; i < len(s) && isDigitByte(s[i]); i++ {
		n.digit(s[i], i-from)
	}
	if i == from || s[from] == '0' && i > from+1 {
		return number{}
	}
	n.end, n.whole = i, true
	digits := i - from
	if i+1 < len(s) && s[i] == '.' && isDigitByte(s[i+1]) {
		n.whole = false
		for i++; i < len(s) && isDigitByte(s[i]); i++ {
			if n.mantissa != 0 || s[i] != '0' || n.long {
				n.digit(s[i], digits)
				digits++
			}
			n.exponent--
		}
		n.end = i
	}
	return n.scanExponent(s, i)
}

// digit takes one more digit into the mantissa, if the ones before leave room.
func (n *number) digit(c byte, before int) {
	if before >= 19 {
		n.long = true
		return
	}
	n.mantissa = n.mantissa*10 + uint64(c-'0')
}

func (n number) scanExponent(s string, i int) number {
	if i >= len(s) || s[i]|0x20 != 'e' {
		return n
	}
	i++
	negative := false
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		negative = s[i] == '-'
		i++
	}
	from, e := i, 0
	for ; i < len(s) && isDigitByte(s[i]); i++ {
		e = min(e*10+int(s[i]-'0'), 1<<20)
	}
	if i == from {
		return n
	}
	if negative {
		e = -e
	}
	n.exponent += e
	n.whole, n.end = false, i
	return n
}

func isDigitByte(c byte) bool { return c-'0' < 10 }

// fits reports whether a whole number fits 64 bits.
func (n number) fits() bool {
	if n.negative {
		return n.mantissa <= 1<<63
	}
	return n.mantissa < 1<<63
}

func (n number) int() int64 {
	if n.negative {
		return -int64(n.mantissa)
	}
	return int64(n.mantissa)
}

// float returns the number nearest to what was scanned from the beginning of s,
// and whether it is finite.
func (n number) float(s string) (float64, bool) {
	// Both operands are exact, and so the result is rounded once.
	if !n.long && n.mantissa < 1<<53 && n.exponent >= -22 && n.exponent <= 22 {
		f := float64(n.mantissa)
		if n.exponent < 0 {
			f /= powersOfTen[-n.exponent]
		} else {
			f *= powersOfTen[n.exponent]
		}
		if n.negative {
			f = -f
		}
		return f, true
	}
	f, err := strconv.ParseFloat(s[:n.end], 64)
	return f, err == nil
}

var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}
