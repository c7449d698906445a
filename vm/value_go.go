// This file holds the bridge between values and Go's own.

package vm

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
)

// Pair is one key of an Object, with its value.
type Pair struct {
	Key   string
	Value any
}

// Object is a dict in Go, in its order.
type Object []Pair

// Get returns the value at a key, nil where there is none.
func (o Object) Get(key string) any {
	for i := range o {
		if o[i].Key == key {
			return o[i].Value
		}
	}
	return nil
}

// FromGo makes a value of nil, a bool, an int of any size, a float, a string,
// []byte, []any, []string, Object or map[string]any (by sorted keys), and of a
// Value itself. What does not fit 64 bits or is not finite is CodeOverflow, any
// other type CodeType, nesting beyond 200 levels CodeRuntime.
func (m *Machine) FromGo(x any) (Value, error) { return m.fromGo(x, 0) }

func (m *Machine) fromGo(x any, depth int) (Value, error) {
	switch x := x.(type) {
	case nil:
		return NoneValue(), nil
	case Value:
		return x, nil
	case bool:
		return BoolValue(x), nil
	case string:
		return m.Text(x)
	case []byte:
		return m.Text(string(x))
	case float64:
		return finiteValue(x, "reading")
	case float32:
		return finiteValue(float64(x), "reading")
	case []any:
		return fromSlice(m, x, depth+1)
	case []string:
		return fromSlice(m, x, depth+1)
	case Object:
		return m.fromObject(x, depth+1)
	case map[string]any:
		o := make(Object, 0, len(x))
		for key, v := range x {
			o = append(o, Pair{key, v})
		}
		slices.SortFunc(o, func(a, b Pair) int { return strings.Compare(a.Key, b.Key) })
		return m.fromObject(o, depth+1)
	}
	return fromInteger(x)
}

// fromInteger makes a value of an int of any size.
func fromInteger(x any) (Value, error) {
	switch x := x.(type) {
	case int:
		return IntValue(int64(x)), nil
	case int8:
		return IntValue(int64(x)), nil
	case int16:
		return IntValue(int64(x)), nil
	case int32:
		return IntValue(int64(x)), nil
	case int64:
		return IntValue(x), nil
	case uint8:
		return IntValue(int64(x)), nil
	case uint16:
		return IntValue(int64(x)), nil
	case uint32:
		return IntValue(int64(x)), nil
	case uint:
		return fromUnsigned(uint64(x))
	case uint64:
		return fromUnsigned(x)
	}
	return Value{}, typeErrorf("no value for a %s of Go", fmt.Sprintf("%T", x))
}

func fromUnsigned(u uint64) (Value, error) {
	if u > math.MaxInt64 {
		return Value{}, overflowErrorf("%d does not fit in 64 bits", u)
	}
	return IntValue(int64(u)), nil
}

func fromSlice[T any](m *Machine, xs []T, depth int) (Value, error) {
	if depth > maxNesting {
		return Value{}, tooDeep()
	}
	l, err := m.newList(len(xs))
	if err != nil {
		return Value{}, err
	}
	for _, x := range xs {
		if err := m.Work(1); err != nil {
			return Value{}, err
		}
		v, err := m.fromGo(x, depth)
		if err != nil {
			return Value{}, err
		}
		l.items = append(l.items, v)
	}
	return listValue(l), nil
}

func (m *Machine) fromObject(o Object, depth int) (Value, error) {
	if depth > maxNesting {
		return Value{}, tooDeep()
	}
	d, err := m.newDict(len(o))
	if err != nil {
		return Value{}, err
	}
	for _, p := range o {
		if err := m.Work(1); err != nil {
			return Value{}, err
		}
		key, err := m.Text(p.Key)
		if err != nil {
			return Value{}, err
		}
		v, err := m.fromGo(p.Value, depth)
		if err != nil {
			return Value{}, err
		}
		if err := d.set(m, key, v); err != nil {
			return Value{}, err
		}
	}
	return dictValue(d), nil
}

// maxGoValues is how many values ToGo makes of one.
const maxGoValues = 1 << 20

// ToGo returns a value as nil, bool, int64, float64, string, []any (of lists and
// tuples) or Object. Keys of dicts become text as they do in JSON. Nesting
// beyond 200 levels, and more than a million values, are CodeRuntime. Strings
// share the memory of the value's, which never changes.
func ToGo(v Value) (any, error) {
	room := maxGoValues
	return toGo(v, 0, &room)
}

func toGo(v Value, depth int, room *int) (any, error) {
	if *room--; *room < 0 {
		return nil, runtimeErrorf("more than %d values", maxGoValues)
	}
	if depth > maxNesting {
		return nil, tooDeep()
	}
	switch v.Kind() {
	case None, Unset:
		return nil, nil
	case Bool:
		return v.Bool(), nil
	case Int:
		return v.Int(), nil
	case Float:
		return v.Float(), nil
	case String:
		return v.str(), nil
	case List, Tuple:
		items := v.list().items
		xs := make([]any, len(items))
		for i, item := range items {
			var err error
			if xs[i], err = toGo(item, depth+1, room); err != nil {
				return nil, err
			}
		}
		return xs, nil
	case Dict:
		return toObject(v.dict(), depth+1, room)
	}
	return nil, typeErrorf("no value of Go for a %s", v.Kind())
}

func toObject(d *dict, depth int, room *int) (any, error) {
	o := make(Object, 0, d.live)
	places := make(map[string]int, d.live)
	for e, pos := d.next(0); e != nil; e, pos = d.next(pos) {
		key := goKey(e.key)
		v, err := toGo(e.val, depth, room)
		if err != nil {
			return nil, err
		}
		if at, ok := places[key]; ok {
			o[at].Value = v
			continue
		}
		places[key] = len(o)
		o = append(o, Pair{key, v})
	}
	return o, nil
}

// goKey is what a key of a dict is called in JSON, as a Go string.
func goKey(key Value) string {
	switch key.Kind() {
	case None:
		return "null"
	case Bool:
		if key.Bool() {
			return "true"
		}
		return "false"
	case Int:
		return string(appendInt(nil, key.Int()))
	case Float:
		return string(appendFloat(nil, key.Float()))
	}
	return key.Str()
}

// Entries returns the keys and values of a dict in order; nothing for any other
// kind.
func (v Value) Entries() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		if v.Kind() != Dict {
			return
		}
		d := v.dict()
		for e, pos := d.next(0); e != nil; e, pos = d.next(pos) {
			if !yield(e.key, e.val) {
				return
			}
		}
	}
}
