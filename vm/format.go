// This file holds the % operator of strings.

package vm

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// percent is one formatting in progress.
type percent struct {
	b       builder
	format  string
	wide    bool // the format is not ASCII
	at      int
	args    []Value // those of a tuple that are not used yet
	single  Value   // the only one; unset where it is used or args are a tuple's
	mapping Value   // what %(key)s reads; unset where there is none
}

// percentSpec is one conversion of a format.
type percentSpec struct {
	minus, plus, space, sharp, zero bool
	width                           int
	precision                       int // -1 where none is given
	verb                            rune
	verbAt                          int // in bytes
}

// percentFormat is format % arg.
func (m *Machine) percentFormat(format, arg Value) (Value, error) {
	p := percent{b: builder{m: m}, format: format.str(), wide: !format.isASCII()}
	switch arg.Kind() {
	case Tuple:
		p.args = arg.Items()
	case Dict, List:
		p.mapping, p.single = arg, arg
	default:
		p.single = arg
	}
	for p.at < len(p.format) {
		if err := p.step(); err != nil {
			return Value{}, err
		}
	}
	if (len(p.args) > 0 || !p.single.IsUnset()) && p.mapping.IsUnset() {
		return Value{}, typeErrorf("not all arguments converted during string formatting")
	}
	return p.b.finish()
}

// step writes the text up to the next conversion, and that.
func (p *percent) step() error {
	end, err := p.b.m.search(p.format, "%", p.at)
	if err != nil {
		return err
	}
	if end < 0 {
		end = len(p.format)
	}
	p.b.wide = p.b.wide || p.wide
	if err := p.b.put(p.format[p.at:end]); err != nil || end == len(p.format) {
		p.at = end
		return err
	}
	p.at = end + 1
	if p.peek() == '%' {
		p.at++
		return p.b.putByte('%')
	}
	spec, err := p.parse()
	if err != nil {
		return err
	}
	v, err := p.take()
	if err != nil {
		return err
	}
	if err := p.b.m.Work(1); err != nil {
		return err
	}
	return p.write(spec, v)
}

// take returns the next argument.
func (p *percent) take() (Value, error) {
	if v := p.single; !v.IsUnset() {
		p.single = Value{}
		return v, nil
	}
	if len(p.args) == 0 {
		return Value{}, typeErrorf("not enough arguments for format string")
	}
	v := p.args[0]
	p.args = p.args[1:]
	return v, nil
}

// peek returns the byte at hand, 0 at the end.
func (p *percent) peek() byte {
	if p.at < len(p.format) {
		return p.format[p.at]
	}
	return 0
}

// parse reads a conversion after its percent sign.
func (p *percent) parse() (percentSpec, error) {
	spec := percentSpec{precision: -1}
	if p.peek() == '(' {
		if err := p.parseKey(); err != nil {
			return spec, err
		}
	}
	for p.parseFlag(&spec) {
		p.at++
	}
	var err error
	if spec.width, err = p.parseSize("width", math.MaxInt64); err != nil {
		return spec, err
	}
	if spec.width < 0 {
		spec.minus, spec.width = true, -max(spec.width, -math.MaxInt64)
	}
	if p.peek() == '.' {
		p.at++
		if spec.precision, err = p.parseSize("precision", math.MaxInt32); err != nil {
			return spec, err
		}
		spec.precision = max(spec.precision, 0)
	}
	if c := p.peek(); c == 'h' || c == 'l' || c == 'L' {
		p.at++
	}
	if p.at >= len(p.format) {
		return spec, runtimeErrorf("incomplete format")
	}
	r, size := utf8.DecodeRuneInString(p.format[p.at:])
	spec.verb, spec.verbAt = r, p.at
	p.at += size
	return spec, nil
}

// parseKey reads (key), and makes its value the next argument.
func (p *percent) parseKey() error {
	if p.mapping.IsUnset() {
		return typeErrorf("format requires a mapping")
	}
	from, scan := p.at+1, scan{m: p.b.m}
	for open := 1; open > 0; {
		p.at++
		switch p.peek() {
		case '(':
			open++
		case ')':
			open--
		}
		if p.at >= len(p.format) {
			return runtimeErrorf("incomplete format key")
		}
		if err := scan.at(4 * (p.at - from)); err != nil {
			return err
		}
	}
	key, err := p.b.m.textFrom(p.format[from:p.at])
	if err != nil {
		return err
	}
	p.at++
	p.single, err = p.b.m.index(p.mapping, key)
	return err
}

// parseFlag reports whether the byte at hand is a flag, and notes it.
func (p *percent) parseFlag(spec *percentSpec) bool {
	switch p.peek() {
	case '-':
		spec.minus = true
	case '+':
		spec.plus = true
	case ' ':
		spec.space = true
	case '#':
		spec.sharp = true
	case '0':
		spec.zero = true
	default:
		return false
	}
	return true
}

// parseSize reads digits, or a * that stands for an argument; 0 where there is
// neither.
func (p *percent) parseSize(what string, most int) (int, error) {
	if p.peek() == '*' {
		p.at++
		v, err := p.take()
		if err != nil {
			return 0, err
		}
		if !v.isInteger() {
			return 0, typeErrorf("* wants int")
		}
		n := int(v.Int())
		if n > most {
			return 0, overflowErrorf("%s too big", what)
		}
		return n, nil
	}
	n := 0
	for ; isDigitByte(p.peek()); p.at++ {
		d := int(p.peek() - '0')
		if n > (most-d)/10 {
			return 0, runtimeErrorf("%s too big", what)
		}
		n = n*10 + d
	}
	return n, nil
}

// write writes a value by a conversion.
func (p *percent) write(spec percentSpec, v Value) error {
	switch spec.verb {
	case 's', 'r', 'a':
		return p.writeText(spec, v)
	case 'd', 'i', 'u', 'x', 'X', 'o':
		return p.writeInt(spec, v)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		return p.writeFloat(spec, v)
	case 'c':
		return p.writeCharacter(spec, v)
	}
	at, err := p.b.m.runes(p.format[:spec.verbAt])
	if err != nil {
		return err
	}
	shown := "?"
	if spec.verb > 31 && spec.verb < 127 {
		shown = string(spec.verb)
	}
	return runtimeErrorf("unsupported format character '%s' (0x%x) at index %d", shown, spec.verb, at)
}

// writeText writes %s, %r and %a.
func (p *percent) writeText(spec percentSpec, v Value) error {
	if spec.verb == 's' && spec.width == 0 && spec.precision < 0 {
		return p.b.putValue(v)
	}
	text, err := p.b.m.textBy(spec.verb, v)
	if err != nil {
		return err
	}
	return p.b.putCut(text, spec.precision, spec.layout(false))
}

// textBy returns str, repr or ascii of a value.
func (m *Machine) textBy(verb rune, v Value) (Value, error) {
	switch verb {
	case 'r':
		return m.reprOf(v)
	case 'a':
		return m.asciiOf(v)
	}
	return m.textOf(v)
}

// asciiOf is repr() with all but ASCII escaped.
func (m *Machine) asciiOf(v Value) (Value, error) {
	text, err := m.reprOf(v)
	if err != nil || text.isASCII() {
		return text, err
	}
	b, scan := builder{m: m}, scan{m: m}
	for at, r := range text.str() {
		if err := scan.at(at); err != nil {
			return Value{}, err
		}
		if err := b.room(len(`\U00000000`)); err != nil {
			return Value{}, err
		}
		if r < utf8.RuneSelf {
			b.buf = append(b.buf, byte(r))
		} else {
			b.buf = appendEscaped(b.buf, r)
		}
	}
	return b.finish()
}

// layout returns the field of a conversion; zeros fill those of numbers alone.
func (spec percentSpec) layout(number bool) layout {
	l := layout{width: spec.width, fill: ' ', align: '>'}
	switch {
	case spec.minus:
		l.align = '<'
	case spec.zero && number:
		l.fill, l.align = '0', '='
	}
	return l
}

func (spec percentSpec) sign(negative bool) string {
	switch {
	case spec.plus:
		return signOf(negative, '+')
	case spec.space:
		return signOf(negative, ' ')
	}
	return signOf(negative, '-')
}

// writeInt writes %d, %x and the like.
func (p *percent) writeInt(spec percentSpec, v Value) error {
	var scratch [64]byte
	var n numeral
	hex := strings.ContainsRune("xXo", spec.verb)
	switch {
	case v.isInteger():
		n = intNumeral(scratch[:0], v.Int(), byte(spec.verb), spec.sharp)
		n.sign = spec.sign(v.Int() < 0)
	case v.IsFloat() && !hex:
		f := math.Trunc(v.Float())
		n.whole = strconv.AppendFloat(scratch[:0], math.Abs(f), 'f', 0, 64)
		n.sign = spec.sign(f < 0)
	case hex:
		return typeErrorf("%%%c format: an integer is required, not %s", spec.verb, v.Kind())
	default:
		return typeErrorf("%%%c format: a real number is required, not %s", spec.verb, v.Kind())
	}
	n.lead = max(0, spec.precision-len(n.whole))
	return p.b.putNumber(n, spec.layout(true))
}

// writeFloat writes %f, %e and %g.
func (p *percent) writeFloat(spec percentSpec, v Value) error {
	f, ok := v.asFloat()
	if !ok {
		return typeErrorf("must be real number, not %s", v.Kind())
	}
	if err := p.b.m.Work(min(max(spec.precision, 0), maxDigits) / 8); err != nil {
		return err
	}
	var scratch [64]byte
	n := floatNumeral(scratch[:0], f, floatStyle{
		verb: byte(spec.verb), precision: spec.precision, alternate: spec.sharp,
	})
	n.sign = spec.sign(math.Signbit(f))
	return p.b.putNumber(n, spec.layout(true))
}

// writeCharacter writes %c.
func (p *percent) writeCharacter(spec percentSpec, v Value) error {
	switch {
	case v.isInteger():
		i := v.Int()
		if i < 0 || i > utf8.MaxRune {
			return overflowErrorf("%%c arg not in range(0x110000)")
		}
		var err error
		if v, err = p.b.m.single(rune(i)); err != nil {
			return err
		}
	case !v.IsString() || v.byteLen() > utf8.UTFMax || utf8.RuneCountInString(v.str()) != 1:
		return typeErrorf("%%c requires int or char")
	}
	return p.b.putCut(v, -1, spec.layout(false))
}
