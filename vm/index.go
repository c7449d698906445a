// This file holds reaching into values: items, slices, a dict's keys.

package vm

import (
	"math"
	"unicode/utf8"
)

// index is x[i].
func (m *Machine) index(x, i Value) (Value, error) {
	switch k := x.Kind(); k {
	case Dict:
		return m.key(x.dict(), i)
	case List, Tuple:
		if !i.isInteger() {
			return Value{}, typeErrorf("%s indices must be integers or slices, not %s", k, i.Kind())
		}
		items := x.list().items
		at, ok := place(i.Int(), len(items))
		if !ok {
			return Value{}, runtimeErrorf("%s index out of range", k)
		}
		return items[at], nil
	case String:
		if !i.isInteger() {
			return Value{}, typeErrorf("string indices must be integers, not '%s'", i.Kind())
		}
		return m.character(x, i.Int())
	}
	return Value{}, typeErrorf("'%s' object is not subscriptable", x.Kind())
}

// place turns an index that may be negative into a place among n.
func place(i int64, n int) (int, bool) {
	if i < 0 {
		i += int64(n)
	}
	return int(i), i >= 0 && i < int64(n)
}

// key returns the value at a key that must be there.
func (m *Machine) key(d *dict, key Value) (Value, error) {
	v, ok, err := d.get(m, key)
	if err == nil && !ok {
		err = m.missingKey(key)
	}
	return v, err
}

// missingKey is the error of a key that a dict lacks.
func (m *Machine) missingKey(key Value) error {
	if key.IsString() && key.byteLen() > 200 {
		head := key.str()[:200]
		for !utf8.ValidString(head) {
			head = head[:len(head)-1]
		}
		return runtimeErrorf("key '%s…' is not in the dict", head)
	}
	text, err := m.reprOf(key)
	if err != nil {
		return err
	}
	return runtimeErrorf("key %s is not in the dict", text.str())
}

// character returns one code point of a text.
func (m *Machine) character(x Value, i int64) (Value, error) {
	s := x.str()
	at, size := 0, 1
	if x.isASCII() {
		var ok bool
		if at, ok = place(i, len(s)); !ok {
			return Value{}, runtimeErrorf("string index out of range")
		}
	} else {
		var err error
		if at, err = m.seek(s, i); err != nil {
			return Value{}, err
		}
		if at < 0 || at >= len(s) {
			return Value{}, runtimeErrorf("string index out of range")
		}
		_, size = utf8.DecodeRuneInString(s[at:])
	}
	return m.substring(x, at, at+size)
}

// substring returns the bytes from one boundary between code points to another
// as a text.
func (m *Machine) substring(x Value, from, to int) (Value, error) {
	s := x.str()[from:to]
	switch {
	case len(s) == x.byteLen():
		return x, nil
	case len(s) == 0:
		return emptyText, nil
	case len(s) == 1:
		return asciiTexts[s[0]], nil
	}
	return m.part(x, from, to)
}

// seek returns the place in bytes of code point i, counted from the end where it
// is negative; -1 where it lies before the first, len(s) at or after the end.
func (m *Machine) seek(s string, i int64) (int, error) {
	if i >= 0 {
		return m.offset(s, int(i))
	}
	return m.backward(s, len(s), -i)
}

// forward returns the place n code points after a place, or len(s).
func (m *Machine) forward(s string, at int, n int64) (int, error) {
	for scanned := 0; n > 0 && at < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
		if scanned++; scanned%16 == 0 {
			if err := m.Work(1); err != nil {
				return 0, err
			}
		}
	}
	return at, nil
}

// backward returns the place n code points before a place, or -1.
func (m *Machine) backward(s string, at int, n int64) (int, error) {
	for scanned := 0; n > 0; n-- {
		if at == 0 {
			return -1, nil
		}
		_, size := utf8.DecodeLastRuneInString(s[:at])
		at -= size
		if scanned++; scanned%16 == 0 {
			if err := m.Work(1); err != nil {
				return 0, err
			}
		}
	}
	return at, nil
}

// setIndex is x[i] = v.
func (m *Machine) setIndex(x, i, v Value) error {
	switch x.Kind() {
	case Dict:
		return x.dict().set(m, i, v)
	case List:
		if !i.isInteger() {
			return typeErrorf("list indices must be integers or slices, not %s", i.Kind())
		}
		items := x.list().items
		at, ok := place(i.Int(), len(items))
		if !ok {
			return runtimeErrorf("list assignment index out of range")
		}
		items[at] = v
		return nil
	}
	return typeErrorf("'%s' object does not support item assignment", x.Kind())
}

// attr is x.key: the value at a key of a dict.
func (m *Machine) attr(x, key Value) (Value, error) {
	if x.Kind() != Dict {
		return Value{}, typeErrorf("'%s' object has no key '%s'", x.Kind(), key.Str())
	}
	return m.key(x.dict(), key)
}

// setAttr is x.key = v.
func (m *Machine) setAttr(x, key, v Value) error {
	if x.Kind() != Dict {
		return typeErrorf("'%s' object has no keys to set", x.Kind())
	}
	return x.dict().set(m, key, v)
}

// stride is a resolved slice: from start, count times a step on.
type stride struct{ start, count, step int }

// slice is x[lo:hi:step]; None is what was left out.
func (m *Machine) slice(x, lo, hi, step Value) (Value, error) {
	var n int
	switch x.Kind() {
	case List, Tuple:
		n = len(x.list().items)
	case String:
		var err error
		if n, err = m.length(x); err != nil {
			return Value{}, err
		}
	default:
		return Value{}, typeErrorf("'%s' object cannot be sliced", x.Kind())
	}
	sp, err := resolveSlice(n, lo, hi, step)
	if err != nil {
		return Value{}, err
	}
	if x.IsString() {
		return m.sliceText(x, sp)
	}
	return m.sliceList(x, sp)
}

// resolveSlice resolves the bounds of a slice of n items.
func resolveSlice(n int, lo, hi, step Value) (stride, error) {
	by, err := sliceBound(step, 1)
	if err != nil {
		return stride{}, err
	}
	if by == 0 {
		return stride{}, runtimeErrorf("slice step cannot be zero")
	}
	// The farthest places that a bound may name.
	low, high := int64(0), int64(n)
	if by < 0 {
		low, high = -1, int64(n)-1
	}
	first, last := low, high
	if by < 0 {
		first, last = high, low
	}
	start, err := clampBound(lo, first, n, low, high)
	if err != nil {
		return stride{}, err
	}
	stop, err := clampBound(hi, last, n, low, high)
	if err != nil {
		return stride{}, err
	}
	count := int64(0)
	switch {
	case by > 0 && start < stop:
		count = (stop-start-1)/by + 1
	case by < 0 && start > stop:
		// -by may not fit, but a step past all items is as good.
		by = max(by, -math.MaxInt64)
		count = (start-stop-1)/-by + 1
	}
	return stride{int(start), int(count), int(by)}, nil
}

// clampBound resolves a bound: negative ones count from the end.
func clampBound(v Value, fallback int64, n int, low, high int64) (int64, error) {
	if v.IsNone() {
		return fallback, nil
	}
	i, err := sliceBound(v, fallback)
	if err != nil {
		return 0, err
	}
	if i < 0 {
		i += int64(n)
	}
	return min(max(i, low), high), nil
}

func sliceBound(v Value, fallback int64) (int64, error) {
	switch {
	case v.IsNone():
		return fallback, nil
	case v.isInteger():
		return v.Int(), nil
	}
	return 0, typeErrorf("slice indices must be integers or None, not %s", v.Kind())
}

func (m *Machine) sliceList(x Value, sp stride) (Value, error) {
	l, err := m.newList(sp.count)
	if err != nil {
		return Value{}, err
	}
	items := x.list().items
	if sp.step == 1 {
		err = m.appendAll(l, items[sp.start:sp.start+sp.count])
		return Value{listValue(l).p, x.n}, err
	}
	at := sp.start
	for i := range sp.count {
		if i%16 == 0 {
			if err := m.Work(1); err != nil {
				return Value{}, err
			}
		}
		l.items = append(l.items, items[at])
		at += sp.step
	}
	return Value{listValue(l).p, x.n}, nil
}

func (m *Machine) sliceText(x Value, sp stride) (Value, error) {
	switch {
	case sp.count == 0:
		return emptyText, nil
	case x.isASCII() && sp.step == 1:
		return m.substring(x, sp.start, sp.start+sp.count)
	case x.isASCII():
		return m.stepASCII(x.str(), sp)
	}
	s := x.str()
	at, err := m.offset(s, sp.start)
	if err != nil {
		return Value{}, err
	}
	if sp.step == 1 {
		end, err := m.offset(s[at:], sp.count)
		if err != nil {
			return Value{}, err
		}
		return m.substring(x, at, at+end)
	}
	return m.stepText(s, at, sp)
}

func (m *Machine) stepASCII(s string, sp stride) (Value, error) {
	v, buf, err := m.newText(sp.count)
	if err != nil {
		return Value{}, err
	}
	at := sp.start
	for i := range buf {
		if i%32 == 0 {
			if err := m.Work(1); err != nil {
				return Value{}, err
			}
		}
		buf[i] = s[at]
		at += sp.step
	}
	return v.ascii(), nil
}

// stepText takes every step-th code point of a text, from a place in bytes.
func (m *Machine) stepText(s string, at int, sp stride) (Value, error) {
	b := builder{m: m}
	for i := range sp.count {
		_, size := utf8.DecodeRuneInString(s[at:])
		if err := b.putWide(s[at : at+size]); err != nil {
			return Value{}, err
		}
		if i%2 == 0 {
			if err := m.Work(1); err != nil {
				return Value{}, err
			}
		}
		if i == sp.count-1 {
			break
		}
		var err error
		if sp.step > 0 {
			at, err = m.forward(s, at, int64(sp.step))
		} else {
			at, err = m.backward(s, at, -int64(sp.step))
		}
		if err != nil {
			return Value{}, err
		}
	}
	return b.finish()
}
