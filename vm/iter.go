// This file holds going through the items of a value.

package vm

import (
	"unicode/utf8"
	"unsafe"
)

// iteration is the object behind an iterator.
type iteration struct {
	mark   uint32
	size   int // of a dict, when the iteration began
	pos    int // in items, in a dict's entries, or in the bytes of a text
	source Value
}

// iterSize is what an iterator is charged, in bytes.
const iterSize = 48

func (v Value) iter() *iteration { return (*iteration)(v.p) }

// iter returns an iterator over a list, a tuple, the keys of a dict or the
// characters of a text.
func (m *Machine) iter(v Value) (Value, error) {
	size := 0
	switch v.Kind() {
	case List, Tuple, String:
	case Dict:
		size = v.dict().live
	default:
		return Value{}, typeErrorf("'%s' object is not iterable", v.Kind())
	}
	if err := m.Charge(iterSize); err != nil {
		return Value{}, err
	}
	it := &iteration{source: v, size: size}
	return Value{unsafe.Pointer(it), uint64(iterator) << kindShift}, nil
}

// next returns the next item of an iterator, and false at the end. A list may
// grow or shrink meanwhile, a dict may not.
func (m *Machine) next(v Value) (Value, bool, error) {
	it := v.iter()
	switch it.source.Kind() {
	case List, Tuple:
		if items := it.source.list().items; it.pos < len(items) {
			it.pos++
			return items[it.pos-1], true, nil
		}
	case Dict:
		return it.nextKey(m)
	case String:
		return it.nextCharacter(m)
	}
	it.source, it.pos = NoneValue(), 0
	return Value{}, false, nil
}

func (it *iteration) nextKey(m *Machine) (Value, bool, error) {
	d := it.source.dict()
	if d.live != it.size {
		return Value{}, false, runtimeErrorf("dictionary changed size during iteration")
	}
	e, pos := d.next(it.pos)
	passed := pos - it.pos
	it.pos = pos
	if e == nil {
		return Value{}, false, m.Work(passed / 16)
	}
	return e.key, true, m.Work(passed / 16)
}

func (it *iteration) nextCharacter(m *Machine) (Value, bool, error) {
	s := it.source.str()
	if it.pos == len(s) {
		return Value{}, false, nil
	}
	size := 1
	if s[it.pos] >= utf8.RuneSelf {
		_, size = utf8.DecodeRuneInString(s[it.pos:])
	}
	c, err := m.substring(it.source, it.pos, it.pos+size)
	it.pos += size
	return c, err == nil, err
}

// each calls f for each item that an iteration over v gives, until one call
// fails.
func (m *Machine) each(v Value, f func(Value) error) error {
	it, err := m.iter(v)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if i%4 == 0 {
			if err := m.Work(1); err != nil {
				return err
			}
		}
		item, ok, err := m.next(it)
		if err != nil || !ok {
			return err
		}
		if err := f(item); err != nil {
			return err
		}
	}
}

// unpack spreads the items of v, which must be as many as dst has places.
func (m *Machine) unpack(v Value, dst []Value) error {
	switch v.Kind() {
	case List, Tuple:
		items := v.list().items
		if len(items) != len(dst) {
			return unpackError(len(items), len(dst))
		}
		copy(dst, items)
		return nil
	case Dict, String:
	default:
		return typeErrorf("cannot unpack non-iterable %s object", v.Kind())
	}
	n := 0
	it, err := m.iter(v)
	for err == nil {
		var item Value
		var ok bool
		if item, ok, err = m.next(it); !ok || err != nil {
			break
		}
		if n == len(dst) {
			return unpackError(n+1, n)
		}
		dst[n] = item
		n++
	}
	if err == nil && n < len(dst) {
		err = unpackError(n, len(dst))
	}
	return err
}

func unpackError(got, want int) error {
	if got > want {
		return runtimeErrorf("too many values to unpack (expected %d)", want)
	}
	return runtimeErrorf("not enough values to unpack (expected %d, got %d)", want, got)
}
