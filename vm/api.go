// This file holds the operations on values that commands written in Go need:
// thin names for what the machine itself does, charged and interruptible.

package vm

import "math"

// TextOf returns the text of a value, which is Python's str(): a string is its own text.
func (m *Machine) TextOf(v Value) (Value, error) { return m.textOf(v) }

// ReadNumber returns the number that a text reads as: it is wholly a JSON number,
// an int within 64 bits or a finite float.
func ReadNumber(s string) (Value, bool) { return readNumber(s) }

// FloatValue makes a float; one that is not finite is CodeOverflow.
func FloatValue(f float64) (Value, error) { return finiteValue(f, "a float") }

// NewList makes an empty list with room for that many items, charged to the execution.
func (m *Machine) NewList(room int) (Value, error) {
	l, err := m.newList(room)
	if err != nil {
		return Value{}, err
	}
	return listValue(l), nil
}

// Append appends an item to a list, in place. Any other kind is CodeType.
func (m *Machine) Append(to, item Value) error {
	if to.Kind() != List {
		return typeErrorf("nothing can be appended to a %s", to.Kind())
	}
	return m.push(to.list(), item)
}

// NewDict makes an empty dict with room for that many keys, charged to the execution.
func (m *Machine) NewDict(room int) (Value, error) {
	d, err := m.newDict(room)
	if err != nil {
		return Value{}, err
	}
	return dictValue(d), nil
}

// SetKey sets a key of a dict, in place. A value that is no dict, and one that
// cannot be a key, are CodeType.
func (m *Machine) SetKey(d, key, val Value) error {
	if d.Kind() != Dict {
		return typeErrorf("a %s has no keys", d.Kind())
	}
	return d.dict().set(m, key, val)
}

// Key returns the value at a key of a dict and whether it is there. A value that
// is no dict, and one that cannot be a key, are CodeType.
func (m *Machine) Key(d, key Value) (Value, bool, error) {
	if d.Kind() != Dict {
		return Value{}, false, typeErrorf("a %s has no keys", d.Kind())
	}
	return d.dict().get(m, key)
}

// Len is len(): code points, items or keys. Any other kind is CodeType.
func (m *Machine) Len(v Value) (int, error) {
	switch v.Kind() {
	case String:
		return m.length(v)
	case List, Tuple:
		return len(v.list().items), nil
	case Dict:
		return v.dict().len(), nil
	}
	return 0, typeErrorf("a %s has no length", v.Kind())
}

// JSON returns a value as compact JSON that is not part of the answer: it is
// charged as memory, and not as output. Its errors are those of AppendJSON.
func (m *Machine) JSON(v Value) ([]byte, error) {
	written := m.written
	m.written = math.MinInt / 2 // no answer reaches the quota from there
	b, err := m.AppendJSON(nil, v)
	m.written = written
	return b, err
}

// TextBuilder writes one text piece by piece, charged before it grows.
type TextBuilder struct{ b builder }

// BuildText starts a text. room is how many bytes it will have at least.
func (m *Machine) BuildText(room int) (*TextBuilder, error) {
	t := &TextBuilder{builder{m: m}}
	if room > 0 {
		if err := t.b.room(room); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// WriteString appends s, which must be valid UTF-8.
func (t *TextBuilder) WriteString(s string) error { return t.b.putWide(s) }

// WriteRune appends one code point.
func (t *TextBuilder) WriteRune(r rune) error { return t.b.putRune(r) }

// Finish returns the text. The builder is used up.
func (t *TextBuilder) Finish() (Value, error) { return t.b.finish() }
