// This file holds the operations of single instructions that are nobody else's.

package vm

import (
	"math"
	"unsafe"
)

// wholeNumber returns the bound of a counted loop.
func wholeNumber(v Value) (int64, error) {
	n := v
	if v.Kind() == String {
		if read, ok := readNumber(v.str()); ok {
			n = read
		}
	}
	switch n.Kind() {
	case Int:
		return n.Int(), nil
	case Float:
		if f := n.Float(); f == math.Trunc(f) && math.Abs(f) < 1<<63 {
			return int64(f), nil
		}
	}
	return 0, typeErrorf("a loop's bound must be a whole number, not %s", clip(v))
}

// makeList makes a list of values, with room for at least room.
func (m *Machine) makeList(vs []Value, room int) (Value, error) {
	l, err := m.newList(max(len(vs), room))
	if err != nil {
		return Value{}, err
	}
	l.items = append(l.items, vs...)
	return listValue(l), m.Work(len(vs) / 16)
}

// makeTuple makes a tuple of values.
func (m *Machine) makeTuple(vs []Value) (Value, error) {
	v, err := m.makeList(vs, 0)
	if err != nil {
		return Value{}, err
	}
	return tupleValue(v.list()), nil
}

// makeSplice keeps the texts and values of a template apart.
func (m *Machine) makeSplice(vs []Value) (Value, error) {
	v, err := m.makeList(vs, 0)
	if err != nil {
		return Value{}, err
	}
	return Value{unsafe.Pointer(v.list()), uint64(splice) << kindShift}, nil
}

// tuplify returns a tuple of what is in a list.
func (m *Machine) tuplify(v Value) (Value, error) {
	if v.Kind() != List {
		return Value{}, typeErrorf("a list is wanted, not %s", v.Kind())
	}
	return m.makeTuple(v.list().items)
}

// join is concat with the text of None written out. It changes vs.
func (m *Machine) join(vs []Value) (Value, error) {
	for i, v := range vs {
		if v.IsNone() {
			vs[i] = noneText
		}
	}
	return m.concat(vs)
}

func (m *Machine) appendTo(l, v Value) error {
	if l.Kind() != List {
		return typeErrorf("a list is wanted, not %s", l.Kind())
	}
	return m.push(l.list(), v)
}

// pushOnto is variableToList: target with v appended, or a new list.
func (m *Machine) pushOnto(target, v Value) (Value, error) {
	switch target.Kind() {
	case Unset, None:
		return m.makeList([]Value{v}, 4)
	case List:
		return target, m.push(target.list(), v)
	}
	return Value{}, typeErrorf("variableToList appends to a list, not to %s", target.Kind())
}

// putInto is AddvariableToJSON: target with the key set, or a new dict.
func (m *Machine) putInto(target, key, v Value) (Value, error) {
	switch target.Kind() {
	case Unset, None:
		d, err := m.newDict(4)
		if err != nil {
			return Value{}, err
		}
		return dictValue(d), d.set(m, key, v)
	case Dict:
		return target, target.dict().set(m, key, v)
	}
	return Value{}, typeErrorf("AddvariableToJSON sets a key of a dict, not of %s", target.Kind())
}

// clip returns a short form of a value for a message.
func clip(v Value) string {
	switch v.Kind() {
	case String:
		return "text " + clipText(v.str())
	case Float:
		return string(appendFloat(nil, v.Float()))
	}
	return v.Kind().String()
}

// clipText quotes a text for a message, cut to a bearable length.
func clipText(s string) string {
	const most = 80
	runes := 0
	for i := range s {
		if runes++; runes > most {
			return "'" + s[:i] + "…'"
		}
	}
	return "'" + s + "'"
}
