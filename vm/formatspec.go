// This file holds format specifications: [[fill]align][sign][z][#][0][width]
// [,_][.precision][type].

package vm

import (
	"math"
	"unicode/utf8"
)

// formatSpec is a specification that was read.
type formatSpec struct {
	layout
	sign      byte // '+', '-', ' ', or 0 where none is given
	unsigned0 bool // z: no minus before a zero
	sharp     bool
	precision int // -1 where none is given
	verb      rune
}

// specReader reads a specification.
type specReader struct {
	s  string
	at int
}

// peek returns the code point at hand, and -1 at the end.
func (p *specReader) peek() (r rune, size int) {
	if p.at >= len(p.s) {
		return -1, 0
	}
	return utf8.DecodeRuneInString(p.s[p.at:])
}

// next takes one byte away if it is among some.
func (p *specReader) next(among string) byte {
	if p.at < len(p.s) {
		for i := range len(among) {
			if among[i] == p.s[p.at] {
				p.at++
				return among[i]
			}
		}
	}
	return 0
}

// number reads digits; -1 where there are none.
func (p *specReader) number() (int, error) {
	n := -1
	for {
		r, size := p.peek()
		d := decimal(r)
		if d < 0 {
			return n, nil
		}
		if n = max(n, 0); n > (math.MaxInt64-d)/10 {
			return 0, runtimeErrorf("Too many decimal digits in format string")
		}
		n = n*10 + d
		p.at += size
	}
}

// parseSpec reads a specification for a value of a kind. The verb is 0 where
// none is given, and the alignment then is that of the kind.
func parseSpec(s string, kind Kind) (formatSpec, error) {
	p := specReader{s: s}
	spec := formatSpec{layout: layout{fill: ' ', group: 3}, precision: -1}
	p.parseAlign(&spec)
	spec.sign = p.next("+- ")
	spec.unsigned0 = p.next("z") != 0
	spec.sharp = p.next("#") != 0
	aligned := spec.align != 0
	if !aligned {
		spec.align = '>'
		if kind == String {
			spec.align = '<'
		}
	}
	if spec.fill < 0 {
		spec.fill = ' '
		if p.next("0") != 0 {
			spec.fill = '0'
			if !aligned && kind != String {
				spec.align = '='
			}
		}
	}
	if err := p.parseSizes(&spec); err != nil {
		return spec, err
	}
	if r, size := p.peek(); size > 0 {
		spec.verb = r
		p.at += size
	}
	if p.at < len(s) {
		return spec, runtimeErrorf("Invalid format specifier")
	}
	return spec, spec.checkComma(kind)
}

// parseAlign reads fill and alignment. The fill is -1 where none is given.
func (p *specReader) parseAlign(spec *formatSpec) {
	r, size := p.peek()
	spec.fill = -1
	from := p.at
	if p.at += size; size > 0 {
		if spec.align = p.next("<>=^"); spec.align != 0 {
			spec.fill = r
			return
		}
	}
	p.at = from
	spec.align = p.next("<>=^")
}

// parseSizes reads width, comma and precision.
func (p *specReader) parseSizes(spec *formatSpec) error {
	width, err := p.number()
	if err != nil {
		return err
	}
	spec.width = max(width, 0)
	spec.comma = p.next(",")
	if under := p.next("_"); under != 0 {
		if spec.comma != 0 {
			return runtimeErrorf("Cannot specify both ',' and '_'.")
		}
		spec.comma = under
		if p.next(",") != 0 {
			return runtimeErrorf("Cannot specify both ',' and '_'.")
		}
	}
	if p.next(".") == 0 {
		return nil
	}
	if spec.precision, err = p.number(); err != nil {
		return err
	}
	if spec.precision < 0 {
		return runtimeErrorf("Format specifier missing precision")
	}
	return nil
}

// checkComma holds what commas go with.
func (spec *formatSpec) checkComma(kind Kind) error {
	if spec.comma == 0 {
		return nil
	}
	verb := spec.verb
	if verb == 0 && kind == String {
		verb = 's'
	}
	switch verb {
	case 'd', 'e', 'f', 'g', 'E', 'G', '%', 'F', 0:
		return nil
	case 'b', 'o', 'x', 'X':
		if spec.comma == '_' {
			spec.group = 4
			return nil
		}
	}
	return runtimeErrorf("Cannot specify '%c' with '%c'.", spec.comma, verb)
}

// formatValue writes a value by a specification.
func (m *Machine) formatValue(b *builder, v Value, s string) error {
	if s == "" {
		return b.putValue(v)
	}
	kind := v.Kind()
	switch kind {
	case String, Int, Float, Bool:
	default:
		return typeErrorf("unsupported format string passed to %s.__format__", kind)
	}
	spec, err := parseSpec(s, kind)
	if err != nil {
		return err
	}
	switch kind {
	case String:
		return m.formatString(b, v, spec)
	case Float:
		return m.formatFloat(b, v.Float(), kind, spec)
	}
	switch spec.verb {
	case 'e', 'E', 'f', 'F', 'g', 'G', '%':
		return m.formatFloat(b, float64(v.Int()), kind, spec)
	}
	return m.formatInt(b, v, spec)
}

func unknownVerb(verb rune, kind Kind) error {
	return runtimeErrorf("Unknown format code '%c' for object of type '%s'", verb, kind)
}

func (m *Machine) formatString(b *builder, v Value, spec formatSpec) error {
	switch {
	case spec.verb != 's' && spec.verb != 0:
		return unknownVerb(spec.verb, String)
	case spec.sign == ' ':
		return runtimeErrorf("Space not allowed in string format specifier")
	case spec.sign != 0:
		return runtimeErrorf("Sign not allowed in string format specifier")
	case spec.unsigned0:
		return runtimeErrorf("Negative zero coercion (z) not allowed in string format specifier")
	case spec.sharp:
		return runtimeErrorf("Alternate form (#) not allowed in string format specifier")
	case spec.align == '=':
		return runtimeErrorf("'=' alignment not allowed in string format specifier")
	}
	return b.putCut(v, spec.precision, spec.layout)
}

func (m *Machine) formatInt(b *builder, v Value, spec formatSpec) error {
	switch {
	case spec.precision >= 0:
		return runtimeErrorf("Precision not allowed in integer format specifier")
	case spec.unsigned0:
		return runtimeErrorf("Negative zero coercion (z) not allowed in integer format specifier")
	}
	verb := spec.verb
	switch verb {
	case 'c':
		return m.formatCharacter(b, v, spec)
	case 0, 'n', 'd':
		verb = 'd'
	case 'b', 'o', 'x', 'X':
	default:
		return unknownVerb(verb, v.Kind())
	}
	var scratch [64]byte
	n := intNumeral(scratch[:0], v.Int(), byte(verb), spec.sharp)
	n.sign = signOf(v.Int() < 0, spec.sign)
	return b.putNumber(n, spec.layout)
}

func (m *Machine) formatCharacter(b *builder, v Value, spec formatSpec) error {
	switch i := v.Int(); {
	case spec.sign != 0:
		return runtimeErrorf("Sign not allowed with integer format specifier 'c'")
	case spec.sharp:
		return runtimeErrorf("Alternate form (#) not allowed with integer format specifier 'c'")
	case i < 0 || i > utf8.MaxRune:
		return overflowErrorf("%%c arg not in range(0x110000)")
	}
	c, err := m.single(rune(v.Int()))
	if err != nil {
		return err
	}
	return b.putCut(c, -1, spec.layout)
}

func (m *Machine) formatFloat(b *builder, f float64, kind Kind, spec formatSpec) error {
	st := floatStyle{verb: byte(spec.verb), precision: spec.precision, alternate: spec.sharp}
	switch spec.verb {
	case 'e', 'E', 'f', 'F', 'g', 'G':
	case 'n':
		st.verb = 'g'
	case 0:
		if st.precision >= 0 {
			st.verb, st.point = 'g', true
		}
	case '%':
		if f *= 100; math.IsInf(f, 0) {
			return overflowErrorf("the result of format() is too large for a float")
		}
	default:
		return unknownVerb(spec.verb, kind)
	}
	if spec.precision > math.MaxInt32 {
		return runtimeErrorf("precision too big")
	}
	if err := m.Work(min(max(spec.precision, 0), maxDigits) / 8); err != nil {
		return err
	}
	var scratch [64]byte
	n := floatNumeral(scratch[:0], f, st)
	n.sign = signOf(math.Signbit(f) && !(spec.unsigned0 && n.isZero()), spec.sign)
	return b.putNumber(n, spec.layout)
}
