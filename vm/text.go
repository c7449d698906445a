// This file holds text: str() and repr() of any value, joining, and numbers to
// and from text.

package vm

import (
	"math"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Texts that are made once.
var (
	emptyText  = staticText("")
	noneText   = staticText("None")
	trueText   = staticText("True")
	falseText  = staticText("False")
	asciiTexts = makeASCIITexts()
)

func makeASCIITexts() *[utf8.RuneSelf]Value {
	var texts [utf8.RuneSelf]Value
	for c := range texts {
		texts[c] = staticText(string(rune(c)))
	}
	return &texts
}

// text makes a short string of bytes that are valid UTF-8.
func (m *Machine) text(b []byte) (Value, error) {
	v, buf, err := m.newText(len(b))
	if err != nil {
		return Value{}, err
	}
	copy(buf, b)
	return finishText(v), nil
}

// textOf is str(): a string is its own text.
func (m *Machine) textOf(v Value) (Value, error) {
	var scratch [32]byte
	switch v.Kind() {
	case String:
		return v, nil
	case None, Unset:
		return noneText, nil
	case Bool:
		if v.Bool() {
			return trueText, nil
		}
		return falseText, nil
	case Int:
		if i := v.n; i < 10 {
			return asciiTexts['0'+i], nil
		}
		return m.text(appendInt(scratch[:0], v.Int()))
	case Float:
		return m.text(appendFloat(scratch[:0], v.Float()))
	}
	return m.reprOf(v)
}

// reprOf is repr(), which nested values are written by.
func (m *Machine) reprOf(v Value) (Value, error) {
	b := builder{m: m}
	if err := b.repr(v, 0); err != nil {
		return Value{}, err
	}
	return b.finish()
}

// concat joins the texts of values; None and unset are empty.
func (m *Machine) concat(vs []Value) (Value, error) {
	size := 0
	for _, v := range vs {
		switch v.Kind() {
		case String:
			size += v.byteLen()
		case Int:
			size += intLen(v.Int())
		case None, Unset:
		default:
			return m.concatAny(vs)
		}
	}
	if size == 0 {
		return emptyText, nil
	}
	if len(vs) == 1 && vs[0].IsString() {
		return vs[0], nil
	}
	r, buf, err := m.newText(size)
	if err != nil {
		return Value{}, err
	}
	ascii := uint64(asciiFlag)
	for _, v := range vs {
		switch v.Kind() {
		case String:
			n := v.byteLen()
			if n < 512 {
				copy(buf, v.str())
			} else if err := copyText(m, buf, v.str()); err != nil {
				return Value{}, err
			}
			buf = buf[n:]
			ascii &= v.n
		case Int:
			buf = buf[len(appendInt(buf[:0], v.Int())):]
		}
	}
	r.n |= ascii
	return r, nil
}

// label is concat for a short text and an int, as in "T-" + str(n): what keys and labels
// are made of. ok is false, and nothing done, where memory has to be asked for.
func (m *Machine) label(text Value, i int64) (v Value, ok bool) {
	n := text.byteLen()
	size := n + intLen(i)
	charge := int64(size + textSize)
	if n >= 512 || m.mem.left < charge {
		return Value{}, false
	}
	m.mem.left -= charge
	v, buf := allocText(size)
	copy(buf, text.str())
	writeInt(buf[n:], i)
	v.n |= text.n & asciiFlag
	return v, true
}

// concatAny is concat for values of all kinds.
func (m *Machine) concatAny(vs []Value) (Value, error) {
	b := builder{m: m}
	size := 0
	for _, v := range vs {
		if v.IsString() {
			size += v.byteLen()
		} else {
			size += 20
		}
	}
	if err := b.room(size); err != nil {
		return Value{}, err
	}
	for _, v := range vs {
		var err error
		switch v.Kind() {
		case None, Unset:
		case String:
			err = b.putText(v)
		default:
			err = b.repr(v, 0)
		}
		if err != nil {
			return Value{}, err
		}
	}
	return b.finish()
}

// repr appends repr() of a value that lies so many levels deep.
func (b *builder) repr(v Value, depth int) error {
	switch v.Kind() {
	case String:
		return b.quote(v)
	case Int:
		if err := b.room(24); err != nil {
			return err
		}
		b.buf = appendInt(b.buf, v.Int())
		return nil
	case Float:
		if err := b.room(32); err != nil {
			return err
		}
		b.buf = appendFloat(b.buf, v.Float())
		return nil
	case Bool:
		if v.Bool() {
			return b.put("True")
		}
		return b.put("False")
	case List:
		return b.reprItems(v.list(), '[', ']', depth+1)
	case Tuple:
		return b.reprItems(v.list(), '(', ')', depth+1)
	case Dict:
		return b.reprDict(v.dict(), depth+1)
	case None, Unset:
		return b.put("None")
	}
	return b.put("<" + v.Kind().String() + ">")
}

func (b *builder) reprItems(l *list, open, end byte, depth int) error {
	if depth > maxNesting {
		return tooDeep()
	}
	if err := b.putByte(open); err != nil {
		return err
	}
	for i, v := range l.items {
		if i > 0 {
			if err := b.put(", "); err != nil {
				return err
			}
		}
		if err := b.m.Work(1); err != nil {
			return err
		}
		if err := b.repr(v, depth); err != nil {
			return err
		}
	}
	if open == '(' && len(l.items) == 1 {
		if err := b.putByte(','); err != nil {
			return err
		}
	}
	return b.putByte(end)
}

func (b *builder) reprDict(d *dict, depth int) error {
	if depth > maxNesting {
		return tooDeep()
	}
	if err := b.putByte('{'); err != nil {
		return err
	}
	first := true
	for e, pos := d.next(0); e != nil; e, pos = d.next(pos) {
		if !first {
			if err := b.put(", "); err != nil {
				return err
			}
		}
		first = false
		if err := b.m.Work(1); err != nil {
			return err
		}
		if err := b.repr(e.key, depth); err != nil {
			return err
		}
		if err := b.put(": "); err != nil {
			return err
		}
		if err := b.repr(e.val, depth); err != nil {
			return err
		}
	}
	return b.putByte('}')
}

func (b *builder) putByte(c byte) error {
	if err := b.room(1); err != nil {
		return err
	}
	b.buf = append(b.buf, c)
	return nil
}

// quote appends a string in quotes, as Python writes it.
func (b *builder) quote(v Value) error {
	s := v.str()
	quote, err := b.m.chooseQuote(s)
	if err != nil {
		return err
	}
	if err := b.putByte(quote); err != nil {
		return err
	}
	for len(s) > 0 {
		if err := b.room(min(len(s), 4096)); err != nil {
			return err
		}
		if s, err = b.quotePart(s, quote); err != nil {
			return err
		}
	}
	return b.putByte(quote)
}

// chooseQuote returns the quotes for a text: single ones, but where it holds
// those and no double ones.
func (m *Machine) chooseQuote(s string) (byte, error) {
	single, err := m.search(s, "'", 0)
	if err != nil || single < 0 {
		return '\'', err
	}
	double, err := m.search(s, `"`, 0)
	if double < 0 {
		return '"', err
	}
	return '\'', err
}

// quotePart appends the beginning of a text, escaped, and gives the rest.
func (b *builder) quotePart(s string, quote byte) (string, error) {
	n := min(len(s), 4096)
	escapes := 0
	for i := 0; i < n; {
		plain := i
		for i < n && s[i] >= ' ' && s[i] < 0x7f && s[i] != quote && s[i] != '\\' {
			i++
		}
		if err := b.room(i - plain + 12); err != nil {
			return "", err
		}
		b.buf = append(b.buf, s[plain:i]...)
		if i == n {
			break
		}
		escapes++
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsPrint(r) && r != rune(quote) && r != '\\' {
			b.buf = append(b.buf, s[i:i+size]...)
			b.wide = true
		} else {
			b.buf = appendEscaped(b.buf, r)
		}
		i += size
		n = max(n, i)
	}
	return s[n:], b.m.Work(n/64 + escapes/2)
}

// appendEscaped appends a code point the way repr() escapes it.
func appendEscaped(dst []byte, r rune) []byte {
	switch r {
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	case '\\', '\'', '"':
		return append(dst, '\\', byte(r))
	}
	digits := 8
	switch {
	case r < 0x100:
		dst, digits = append(dst, `\x`...), 2
	case r < 0x10000:
		dst, digits = append(dst, `\u`...), 4
	default:
		dst = append(dst, `\U`...)
	}
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[r>>shift&15])
	}
	return dst
}

const hexDigits = "0123456789abcdef"

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
