// This file holds the methods of lists and tuples.

package vm

func listAppend(m *Machine, v Value, args []Value) (Value, error) {
	return NoneValue(), m.push(v.list(), args[0])
}

func listExtend(m *Machine, v Value, args []Value) (Value, error) {
	items, err := m.sequence(args[0])
	if err != nil {
		return Value{}, err
	}
	l := v.list()
	if err := m.growList(l, len(items)); err != nil {
		return Value{}, err
	}
	return NoneValue(), m.appendAll(l, items)
}

func listInsert(m *Machine, v Value, args []Value) (Value, error) {
	at, err := intArg(args[0])
	if err != nil {
		return Value{}, err
	}
	l := v.list()
	n := len(l.items)
	if at < 0 {
		at = max(0, at+n)
	}
	at = min(at, n)
	if err := m.push(l, NoneValue()); err != nil {
		return Value{}, err
	}
	for end := n; end > at; {
		from := max(at, end-chunk/valueSize)
		copy(l.items[from+1:end+1], l.items[from:end])
		end = from
		if err := m.Work((n - from) / 32); err != nil {
			return Value{}, err
		}
	}
	l.items[at] = args[1]
	return NoneValue(), nil
}

// cut takes the item at a position out of a list.
func (m *Machine) cut(l *list, at int) (Value, error) {
	v, last := l.items[at], len(l.items)-1
	for at < last {
		end := min(last, at+chunk/valueSize)
		copy(l.items[at:end], l.items[at+1:end+1])
		if err := m.Work((end - at) / 32); err != nil {
			return Value{}, err
		}
		at = end
	}
	l.items[last] = Value{}
	l.items = l.items[:last]
	return v, nil
}

func listPop(m *Machine, v Value, args []Value) (Value, error) {
	l, at := v.list(), -1
	if len(args) > 0 {
		var err error
		if at, err = intArg(args[0]); err != nil {
			return Value{}, err
		}
	}
	n := len(l.items)
	if n == 0 {
		return Value{}, runtimeErrorf("pop from empty list")
	}
	if at < 0 {
		at += n
	}
	if at < 0 || at >= n {
		return Value{}, runtimeErrorf("pop index out of range")
	}
	return m.cut(l, at)
}

// positionOf returns where items[from:to] first holds a value, or -1.
func (m *Machine) positionOf(items []Value, v Value, from, to int) (int, error) {
	for i := from; i < min(to, len(items)); i++ {
		if i&3 == 0 {
			if err := m.Work(1); err != nil {
				return -1, err
			}
		}
		if found, err := m.equal(items[i], v); found || err != nil {
			return i, err
		}
	}
	return -1, nil
}

func listRemove(m *Machine, v Value, args []Value) (Value, error) {
	l := v.list()
	at, err := m.positionOf(l.items, args[0], 0, len(l.items))
	if err != nil {
		return Value{}, err
	}
	if at < 0 {
		return Value{}, runtimeErrorf("list.remove(x): x not in list")
	}
	_, err = m.cut(l, at)
	return NoneValue(), err
}

// listIndex is index(value, start=0, stop=len), of lists and tuples.
func listIndex(m *Machine, v Value, args []Value) (Value, error) {
	items := v.list().items
	for _, a := range args[1:] {
		if a.IsNone() {
			return Value{}, typeErrorf("slice indices must be integers")
		}
	}
	from, to, err := bounds(args[1:], len(items))
	if err != nil {
		return Value{}, err
	}
	at, err := m.positionOf(items, args[0], from, to)
	switch {
	case err != nil:
		return Value{}, err
	case at >= 0:
		return IntValue(int64(at)), nil
	case v.Kind() == Tuple:
		return Value{}, runtimeErrorf("tuple.index(x): x not in tuple")
	}
	repr, err := m.shortRepr(args[0])
	if err != nil {
		return Value{}, err
	}
	return Value{}, runtimeErrorf("%s is not in list", repr)
}

// shortRepr is the beginning of a value's repr, for messages.
func (m *Machine) shortRepr(v Value) (string, error) {
	text, err := m.reprOf(v)
	if err != nil {
		return "", err
	}
	s := text.str()
	if len(s) > 200 {
		at, err := m.offset(s[:200], 196)
		if err != nil {
			return "", err
		}
		return s[:at] + "…", nil
	}
	return s, nil
}

// listCount is count(value), of lists and tuples.
func listCount(m *Machine, v Value, args []Value) (Value, error) {
	items := v.list().items
	for n, from := int64(0), 0; ; n++ {
		at, err := m.positionOf(items, args[0], from, len(items))
		if at < 0 || err != nil {
			return IntValue(n), err
		}
		from = at + 1
	}
}

func listSort(m *Machine, v Value, _ []Value) (Value, error) {
	return m.sortInPlace(v, BoolValue(false))
}

// sortInPlace is sort(reverse=…).
func (m *Machine) sortInPlace(v, reverse Value) (Value, error) {
	backwards, err := intArg(reverse)
	if err != nil {
		return Value{}, err
	}
	return NoneValue(), m.sortValues(v.list().items, backwards != 0)
}

func listReverse(m *Machine, v Value, _ []Value) (Value, error) {
	return NoneValue(), m.reverse(v.list().items)
}

// reverse turns items round.
func (m *Machine) reverse(items []Value) error {
	for i, j := 0, len(items)-1; i < j; i, j = i+1, j-1 {
		items[i], items[j] = items[j], items[i]
		if i&1023 == 1023 {
			if err := m.Work(256); err != nil {
				return err
			}
		}
	}
	return m.Work(len(items) & 1023 / 4)
}

func listCopy(m *Machine, v Value, _ []Value) (Value, error) {
	return m.listOf(v.list().items)
}

// listOf makes a new list of items.
func (m *Machine) listOf(items []Value) (Value, error) {
	l, err := m.newList(len(items))
	if err != nil {
		return Value{}, err
	}
	return listValue(l), m.appendAll(l, items)
}

func listClear(_ *Machine, v Value, _ []Value) (Value, error) {
	v.list().items = nil
	return NoneValue(), nil
}
