// This file holds arithmetic: Python's meaning on 64-bit ints and floats, with
// an error instead of a number that is wrong.

package vm

import (
	"math"
	"math/bits"
)

func divisionByZero() error { return runtimeErrorf("division by zero") }

func intOverflow(op string) error {
	return overflowErrorf("the result of %s does not fit in 64 bits", op)
}

func badOperands(op string, a, b Value) error {
	return typeErrorf("unsupported operand type(s) for %s: '%s' and '%s'", op, a.Kind(), b.Kind())
}

// isInteger reports whether v is an int or a bool, which is one in arithmetic.
func (v Value) isInteger() bool { return v.IsInt() || v.IsBool() }

// asFloat returns a number as a float.
func (v Value) asFloat() (float64, bool) {
	switch v.Kind() {
	case Bool, Int:
		return float64(v.Int()), true
	case Float:
		return v.Float(), true
	}
	return 0, false
}

// bothFloats returns two numbers as floats.
func bothFloats(a, b Value) (x, y float64, ok bool) {
	x, okX := a.asFloat()
	y, okY := b.asFloat()
	return x, y, okX && okY
}

// finiteValue makes a value of a computed float.
func finiteValue(f float64, op string) (Value, error) {
	if f-f != 0 {
		return Value{}, overflowErrorf("the result of %s is too large for a float", op)
	}
	return floatValue(f), nil
}

func (m *Machine) add(a, b Value) (Value, error) {
	if a.isInteger() && b.isInteger() {
		x, y := a.Int(), b.Int()
		if s := x + y; (s > x) == (y > 0) {
			return IntValue(s), nil
		}
		return Value{}, intOverflow("+")
	}
	if x, y, ok := bothFloats(a, b); ok {
		return finiteValue(x+y, "+")
	}
	switch k := a.Kind(); k {
	case String:
		if b.Kind() != k {
			return Value{}, typeErrorf(`can only concatenate str (not "%s") to str`, b.Kind())
		}
		return m.addTexts(a, b)
	case List, Tuple:
		if b.Kind() != k {
			return Value{}, typeErrorf(`can only concatenate %s (not "%s") to %s`, k, b.Kind(), k)
		}
		return m.addLists(a, b)
	}
	return Value{}, badOperands("+", a, b)
}

func (m *Machine) addTexts(a, b Value) (Value, error) {
	x, y := a.str(), b.str()
	if len(x) == 0 {
		return b, nil
	}
	if len(y) == 0 {
		return a, nil
	}
	v, buf, err := m.newText(len(x) + len(y))
	if err != nil {
		return Value{}, err
	}
	if err := copyText(m, buf, x); err != nil {
		return Value{}, err
	}
	if err := copyText(m, buf[len(x):], y); err != nil {
		return Value{}, err
	}
	v.n |= a.n & b.n & asciiFlag
	return v, nil
}

func (m *Machine) addLists(a, b Value) (Value, error) {
	x, y := a.list().items, b.list().items
	l, err := m.newList(len(x) + len(y))
	if err != nil {
		return Value{}, err
	}
	if err := m.appendAll(l, x); err != nil {
		return Value{}, err
	}
	if err := m.appendAll(l, y); err != nil {
		return Value{}, err
	}
	return Value{listValue(l).p, a.n}, nil
}

// appendAll appends values to a list that has the room for them.
func (m *Machine) appendAll(l *list, vs []Value) error {
	const part = chunk / valueSize
	for len(vs) > part {
		if err := m.Work(part / 32); err != nil {
			return err
		}
		l.items = append(l.items, vs[:part]...)
		vs = vs[part:]
	}
	l.items = append(l.items, vs...)
	return m.Work(len(vs) / 32)
}

func (m *Machine) sub(a, b Value) (Value, error) {
	if a.isInteger() && b.isInteger() {
		x, y := a.Int(), b.Int()
		if s := x - y; (s < x) == (y > 0) {
			return IntValue(s), nil
		}
		return Value{}, intOverflow("-")
	}
	if x, y, ok := bothFloats(a, b); ok {
		return finiteValue(x-y, "-")
	}
	return Value{}, badOperands("-", a, b)
}

func (m *Machine) mul(a, b Value) (Value, error) {
	if a.isInteger() && b.isInteger() {
		if p, ok := mulInts(a.Int(), b.Int()); ok {
			return IntValue(p), nil
		}
		return Value{}, intOverflow("*")
	}
	if x, y, ok := bothFloats(a, b); ok {
		return finiteValue(x*y, "*")
	}
	if !a.isSequence() {
		a, b = b, a
	}
	if !a.isSequence() {
		return Value{}, badOperands("*", b, a)
	}
	if !b.isInteger() {
		return Value{}, typeErrorf("can't multiply sequence by non-int of type '%s'", b.Kind())
	}
	if a.Kind() == String {
		return m.repeatText(a, b.Int())
	}
	return m.repeatList(a, b.Int())
}

func (v Value) isSequence() bool {
	k := v.Kind()
	return k == String || k == List || k == Tuple
}

// mulInts multiplies, and tells whether the product fits.
func mulInts(x, y int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(x), uint64(y))
	// The signed product's upper half.
	h := int64(hi) - x>>63&y - y>>63&x
	return int64(lo), h == int64(lo)>>63
}

// repeatedSize returns n times size, or something beyond maxSize.
func repeatedSize(size int, n int64) int {
	if n > 0 && int64(size) > maxSize/n {
		return maxSize + 1
	}
	return size * int(n)
}

func (m *Machine) repeatText(v Value, n int64) (Value, error) {
	s := v.str()
	if n <= 0 || len(s) == 0 {
		return emptyText, nil
	}
	if n == 1 {
		return v, nil
	}
	size := repeatedSize(len(s), n)
	if size > maxSize {
		return Value{}, m.tooLarge()
	}
	r, buf, err := m.newText(size)
	if err != nil {
		return Value{}, err
	}
	if err := copyText(m, buf, s); err != nil {
		return Value{}, err
	}
	// Double what is there, by a chunk at most at a time.
	for done := len(s); done < size; {
		from := done % len(s)
		n := copy(buf[done:], buf[from:min(done, from+chunk)])
		if err := m.Work(n / 512); err != nil {
			return Value{}, err
		}
		done += n
	}
	r.n |= v.n & asciiFlag
	return r, nil
}

func (m *Machine) repeatList(v Value, n int64) (Value, error) {
	items := v.list().items
	if n <= 0 || len(items) == 0 {
		n, items = 0, nil
	}
	size := repeatedSize(len(items), n)
	if size > maxSize/valueSize {
		return Value{}, m.tooLarge()
	}
	l, err := m.newList(size)
	if err != nil {
		return Value{}, err
	}
	if err := m.appendAll(l, items); err != nil {
		return Value{}, err
	}
	for len(l.items) < size {
		done := len(l.items)
		from := done % len(items)
		to := min(done, from+size-done)
		if err := m.appendAll(l, l.items[from:to]); err != nil {
			return Value{}, err
		}
	}
	return Value{listValue(l).p, v.n}, nil
}

func (m *Machine) div(a, b Value) (Value, error) {
	if a.isInteger() && b.isInteger() {
		if b.Int() == 0 {
			return Value{}, divisionByZero()
		}
		return floatValue(divInts(a.Int(), b.Int())), nil
	}
	x, y, ok := bothFloats(a, b)
	if !ok {
		return Value{}, badOperands("/", a, b)
	}
	if y == 0 {
		return Value{}, divisionByZero()
	}
	return finiteValue(x/y, "/")
}

// divInts is the quotient of two ints as the nearest float.
func divInts(x, y int64) float64 {
	const exact = 1 << 53
	if -exact <= x && x <= exact && -exact <= y && y <= exact {
		return float64(x) / float64(y)
	}
	if x == 0 {
		return 0 / float64(y) // which has a sign
	}
	ux, uy := magnitude(x), magnitude(y)
	shift := bits.LeadingZeros64(uy) - bits.LeadingZeros64(ux)
	ux <<= bits.LeadingZeros64(ux)
	uy <<= bits.LeadingZeros64(uy)
	// A quotient of 64 bits; the last one stands for all that follow.
	var q, r uint64
	if ux < uy {
		q, r = bits.Div64(ux, 0, uy)
		shift -= 64
	} else {
		q, r = bits.Div64(ux>>1, ux<<63, uy)
		shift -= 63
	}
	if r != 0 {
		q |= 1
	}
	f := math.Ldexp(float64(q), shift)
	if (x < 0) != (y < 0) {
		return -f
	}
	return f
}

func magnitude(i int64) uint64 {
	if i < 0 {
		return -uint64(i)
	}
	return uint64(i)
}

func (m *Machine) floorDiv(a, b Value) (Value, error) {
	if a.isInteger() && b.isInteger() {
		x, y := a.Int(), b.Int()
		switch {
		case y == 0:
			return Value{}, divisionByZero()
		case x == math.MinInt64 && y == -1:
			return Value{}, intOverflow("//")
		}
		q := x / y
		if x%y != 0 && (x < 0) != (y < 0) {
			q--
		}
		return IntValue(q), nil
	}
	x, y, ok := bothFloats(a, b)
	if !ok {
		return Value{}, badOperands("//", a, b)
	}
	q, _, err := m.divMod(x, y)
	if err != nil {
		return Value{}, err
	}
	return finiteValue(q, "//")
}

func (m *Machine) mod(a, b Value) (Value, error) {
	if a.isInteger() && b.isInteger() {
		x, y := a.Int(), b.Int()
		if y == 0 {
			return Value{}, divisionByZero()
		}
		r := x % y
		if r != 0 && (r < 0) != (y < 0) {
			r += y
		}
		return IntValue(r), nil
	}
	if a.Kind() == String {
		return m.percentFormat(a, b)
	}
	x, y, ok := bothFloats(a, b)
	if !ok {
		return Value{}, badOperands("%", a, b)
	}
	_, r, err := m.divMod(x, y)
	if err != nil {
		return Value{}, err
	}
	return finiteValue(r, "%")
}

// divMod returns the floored quotient and the remainder, which has the sign of y.
func (m *Machine) divMod(x, y float64) (q, r float64, err error) {
	if y == 0 {
		return 0, 0, divisionByZero()
	}
	// The remainder takes a step for each bit that x is larger.
	if steps := math.Ilogb(x) - math.Ilogb(y); x != 0 && steps > 0 {
		if err := m.Work(steps); err != nil {
			return 0, 0, err
		}
	}
	r = math.Mod(x, y)
	q = (x - r) / y
	if r == 0 {
		r = math.Copysign(0, y)
	} else if (r < 0) != (y < 0) {
		r += y
		q--
	}
	if q == 0 {
		return math.Copysign(0, x/y), r, nil
	}
	whole := math.Floor(q)
	if q-whole > 0.5 {
		whole++
	}
	return whole, r, nil
}

func (m *Machine) pow(a, b Value) (Value, error) {
	if a.isInteger() && b.isInteger() && b.Int() >= 0 {
		if p, ok := powInts(a.Int(), b.Int()); ok {
			return IntValue(p), nil
		}
		return Value{}, intOverflow("**")
	}
	x, y, ok := bothFloats(a, b)
	if !ok {
		return Value{}, badOperands("** or pow()", a, b)
	}
	if x == 0 && y < 0 {
		return Value{}, runtimeErrorf("0.0 cannot be raised to a negative power")
	}
	if x < 0 && y != math.Trunc(y) {
		return Value{}, runtimeErrorf("a negative number cannot be raised to a fractional power")
	}
	if err := m.Work(32); err != nil {
		return Value{}, err
	}
	return finiteValue(powFloats(x, y), "**")
}

// powInts raises x to a power that is not negative, and tells whether the
// result fits.
func powInts(x, y int64) (int64, bool) {
	p, ok := int64(1), true
	for {
		if y&1 != 0 {
			if p, ok = mulInts(p, x); !ok {
				return 0, false
			}
		}
		if y >>= 1; y == 0 {
			return p, true
		}
		if x, ok = mulInts(x, x); !ok {
			return 0, false
		}
	}
}

func (m *Machine) neg(a Value) (Value, error) {
	switch {
	case a.isInteger():
		if a.Int() == math.MinInt64 {
			return Value{}, intOverflow("unary -")
		}
		return IntValue(-a.Int()), nil
	case a.IsFloat():
		return floatValue(-a.Float()), nil
	}
	return Value{}, typeErrorf("bad operand type for unary -: '%s'", a.Kind())
}

// truth reports whether a condition holds: everything does but None, False, zero
// and what is empty.
func truth(v Value) bool {
	switch v.Kind() {
	case Bool, Int:
		return v.n != 0
	case Float:
		return v.Float() != 0
	case String:
		return v.byteLen() > 0
	case List, Tuple:
		return len(v.list().items) > 0
	case Dict:
		return v.dict().live > 0
	case None, Unset:
		return false
	}
	return true
}
