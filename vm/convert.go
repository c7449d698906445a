// This file holds the built-in functions int, float and round.

package vm

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

func builtinInt(m *Machine, args []Value, _ []string) (Value, error) {
	if len(args) == 0 {
		return IntValue(0), nil
	}
	v := args[0]
	if len(args) > 1 {
		base, err := intArg(args[1])
		if err != nil {
			return Value{}, err
		}
		if base != 0 && (base < 2 || base > 36) {
			return Value{}, runtimeErrorf("int() base must be >= 2 and <= 36, or 0")
		}
		if !v.IsString() {
			return Value{}, typeErrorf("int() can't convert non-string with explicit base")
		}
		return m.readInt(v, base)
	}
	switch v.Kind() {
	case Int, Bool:
		return IntValue(v.Int()), nil
	case Float:
		return wholeValue(math.Trunc(v.Float()), "int()")
	case String:
		return m.readInt(v, 10)
	}
	return Value{}, typeErrorf("int() argument must be a string or a real number, not '%s'", v.Kind())
}

// wholeValue makes an int of a float without a fraction.
func wholeValue(f float64, op string) (Value, error) {
	if f < -1<<63 || f >= 1<<63 {
		return Value{}, intOverflow(op)
	}
	return IntValue(int64(f)), nil
}

// trimmed returns the text of v without the white space around it.
func (m *Machine) trimmed(v Value) (string, error) {
	s, space := v.str(), spaces
	i, err := m.skipLeft(s, space)
	if err != nil {
		return "", err
	}
	j, err := m.skipRight(s, i, space)
	return s[i:j], err
}

// readInt reads a text the way int() does.
func (m *Machine) readInt(v Value, base int) (Value, error) {
	s, err := m.trimmed(v)
	if err != nil {
		return Value{}, err
	}
	digits, sign := s, ""
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		sign, digits = digits[:1], digits[1:]
	}
	digits, radix, zeros := cutPrefix(digits, base)
	n, ok, err := m.readDigits(digits, radix)
	switch {
	case err != nil:
		return Value{}, err
	case !ok || zeros && n > 0:
		repr, err := m.shortRepr(v)
		if err != nil {
			return Value{}, err
		}
		return Value{}, runtimeErrorf("invalid literal for int() with base %d: %s", base, repr)
	case sign == "-" && n <= 1<<63:
		return IntValue(-int64(n)), nil
	case n > math.MaxInt64:
		return Value{}, intOverflow("int()")
	}
	return IntValue(int64(n)), nil
}

// cutPrefix takes 0x, 0o or 0b away where the base, which may be 0 for whatever
// the prefix says, allows it. zeros says that the digits may only be zeros.
func cutPrefix(s string, base int) (digits string, radix int, zeros bool) {
	told := 0
	if len(s) > 1 && s[0] == '0' {
		switch s[1] | 0x20 {
		case 'x':
			told = 16
		case 'o':
			told = 8
		case 'b':
			told = 2
		}
	}
	if told != 0 && (base == told || base == 0) {
		return strings.TrimPrefix(s[2:], "_"), told, false
	}
	if base == 0 {
		return s, 10, strings.HasPrefix(s, "0")
	}
	return s, base, false
}

// readDigits reads digits, between which single underscores may stand. A number
// past 64 bits is given as the largest one.
func (m *Machine) readDigits(s string, radix int) (n uint64, ok bool, err error) {
	const most = math.MaxUint64
	limit, scan := most/uint64(radix), scan{m: m}
	for at, r := range s {
		if err := scan.at(2 * at); err != nil {
			return 0, false, err
		}
		if r == '_' && ok {
			ok = false
			continue
		}
		d := digitValue(r)
		if d < 0 || d >= radix {
			return 0, false, nil
		}
		ok = true
		next := n*uint64(radix) + uint64(d)
		if n > limit || next < uint64(d) {
			next = most
		}
		n = next
	}
	return n, ok, nil
}

// digitValue returns the value of a digit up to base 36, or -1.
func digitValue(r rune) int {
	if lower := r | 0x20; 'a' <= lower && lower <= 'z' && r < utf8.RuneSelf {
		return int(lower-'a') + 10
	}
	return decimal(r)
}

func builtinFloat(m *Machine, args []Value, _ []string) (Value, error) {
	if len(args) == 0 {
		return floatValue(0), nil
	}
	v := args[0]
	if f, ok := v.asFloat(); ok {
		return floatValue(f), nil
	}
	if !v.IsString() {
		return Value{}, typeErrorf("float() argument must be a string or a real number, not '%s'", v.Kind())
	}
	s, err := m.trimmed(v)
	if err != nil {
		return Value{}, err
	}
	if len(s) < 64 {
		if n, ok := readNumber(s); ok && n.IsFloat() {
			return n, nil
		}
	}
	r := floatReader{s: s, scan: scan{m: m}}
	f, ok, err := r.read()
	if err != nil {
		return Value{}, err
	}
	if !ok {
		repr, err := m.shortRepr(v)
		if err != nil {
			return Value{}, err
		}
		return Value{}, runtimeErrorf("could not convert string to float: %s", repr)
	}
	return finiteValue(f, "float()")
}

// floatReader reads a text the way float() does. Of the digits it keeps as many
// as can matter, so that a long text needs no room.
type floatReader struct {
	s     string
	at    int
	scan  scan
	exp   int // of ten, for the digits that were kept
	count int // of digits kept
	kept  [800]byte
	more  bool // of the digits that were not kept one is not zero
}

// read returns the number, infinite where it is too large or no finite number.
func (p *floatReader) read() (f float64, ok bool, err error) {
	negative := p.sign()
	switch strings.ToLower(p.s[p.at:min(len(p.s), p.at+9)]) {
	case "inf", "infinity", "nan":
		return math.Inf(1), true, nil
	}
	whole, err := p.digits(func(d byte) { p.keep(d, 0) })
	if err != nil || whole < 0 {
		return 0, false, err
	}
	fraction := 0
	if p.next('.') {
		if fraction, err = p.digits(func(d byte) { p.keep(d, -1) }); err != nil || fraction < 0 {
			return 0, false, err
		}
	}
	if whole+fraction == 0 {
		return 0, false, nil
	}
	if p.next('e') || p.next('E') {
		if ok, err := p.exponent(); !ok || err != nil {
			return 0, false, err
		}
	}
	return p.value(negative), p.at == len(p.s), nil
}

func (p *floatReader) next(c byte) bool {
	if p.at < len(p.s) && p.s[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *floatReader) sign() (negative bool) {
	return !p.next('+') && p.next('-')
}

// digits hands on digits, between which single underscores may stand, and
// counts them; -1 where an underscore stands wrong.
func (p *floatReader) digits(take func(byte)) (int, error) {
	n, joined := 0, true
	for p.at < len(p.s) {
		r, size := utf8.DecodeRuneInString(p.s[p.at:])
		d := decimal(r)
		switch {
		case r == '_' && n > 0 && joined:
			joined = false
		case d >= 0:
			take(byte(d))
			n++
			joined = true
		case r == '_':
			return -1, nil
		default:
			if !joined {
				return -1, nil
			}
			return n, nil
		}
		if err := p.scan.at(4 * p.at); err != nil {
			return 0, err
		}
		p.at += size
	}
	if !joined {
		return -1, nil
	}
	return n, nil
}

// keep takes a digit of the mantissa; shift is -1 after the point.
func (p *floatReader) keep(d byte, shift int) {
	switch {
	case p.count == 0 && d == 0:
		p.exp += shift
	case p.count < len(p.kept):
		p.kept[p.count] = '0' + d
		p.count++
		p.exp += shift
	default:
		p.more = p.more || d != 0
		p.exp += shift + 1
	}
}

// exponent reads what follows the e.
func (p *floatReader) exponent() (bool, error) {
	negative, exp := p.sign(), 0
	n, err := p.digits(func(d byte) { exp = min(exp*10+int(d), maxSize) })
	if negative {
		exp = -exp
	}
	p.exp += exp
	return n > 0, err
}

func (p *floatReader) value(negative bool) float64 {
	var scratch [840]byte
	text := scratch[:0]
	if negative {
		text = append(text, '-')
	}
	text = append(append(text, '0'), p.kept[:p.count]...)
	exp := p.exp
	if p.more {
		text = append(text, '1')
		exp--
	}
	text = append(text, 'e')
	text = strconv.AppendInt(text, int64(exp), 10)
	f, _ := strconv.ParseFloat(string(text), 64) // infinite where it is too large
	return f
}

func builtinRound(_ *Machine, args []Value, _ []string) (Value, error) {
	v, digits, given := args[0], 0, false
	if !v.isNumber() {
		return Value{}, typeErrorf("type %s doesn't define __round__ method", v.Kind())
	}
	if len(args) > 1 && !args[1].IsNone() {
		var err error
		if digits, err = intArg(args[1]); err != nil {
			return Value{}, err
		}
		given = true
	}
	switch {
	case !v.IsFloat():
		return roundInt(v.Int(), digits)
	case !given:
		return wholeValue(math.RoundToEven(v.Float()), "round()")
	}
	return finiteValue(roundFloat(v.Float(), digits), "round()")
}

// roundInt rounds half to even at a power of ten.
func roundInt(i int64, digits int) (Value, error) {
	if digits >= 0 || i == 0 {
		return IntValue(i), nil
	}
	if digits < -19 {
		return IntValue(0), nil
	}
	unit := uint64(1)
	for range -digits {
		unit *= 10
	}
	u := magnitude(i)
	rest := u % unit
	u -= rest
	if rest > unit-rest || rest == unit-rest && u/unit%2 == 1 {
		if u > math.MaxUint64-unit {
			return Value{}, intOverflow("round()")
		}
		u += unit
	}
	switch {
	case i < 0 && u <= 1<<63:
		return IntValue(-int64(u)), nil
	case u > math.MaxInt64:
		return Value{}, intOverflow("round()")
	}
	return IntValue(int64(u)), nil
}

// roundFloat rounds the exact value of f half to even at a power of ten, and
// gives the float nearest to that.
func roundFloat(f float64, digits int) float64 {
	const most, least = 323, -308
	switch {
	case digits > most:
		return f
	case digits < least:
		return math.Copysign(0, f)
	}
	var scratch [1200]byte
	if digits >= 0 {
		rounded, _ := strconv.ParseFloat(string(strconv.AppendFloat(scratch[:0], f, 'f', digits, 64)), 64)
		return rounded
	}
	whole, fraction := math.Modf(math.Abs(f))
	text := strconv.AppendFloat(scratch[:0], whole, 'f', 0, 64)
	text = roundDecimal(text, -digits, fraction != 0)
	text = append(text, 'e')
	text = strconv.AppendInt(text, int64(-digits), 10)
	rounded, _ := strconv.ParseFloat(string(text), 64)
	return math.Copysign(rounded, f)
}

// roundDecimal takes the last n of some decimal digits away, rounding half to
// even; more says that the number goes on after them.
func roundDecimal(digits []byte, n int, more bool) []byte {
	if n > len(digits) {
		return append(digits[:0], '0')
	}
	kept, rest := digits[:len(digits)-n], digits[len(digits)-n:]
	half := strings.TrimRight(string(rest), "0")
	up := rest[0] > '5' || rest[0] == '5' && (more || len(half) > 1 ||
		len(kept) > 0 && kept[len(kept)-1]&1 == 1)
	result := append(make([]byte, 0, len(digits)+8), '0')
	result = append(result, kept...)
	if up {
		i := len(result) - 1
		for result[i] == '9' {
			result[i] = '0'
			i--
		}
		result[i]++
	}
	return result
}
