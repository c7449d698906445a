// This file holds the methods of dicts.

package vm

func dictGet(m *Machine, v Value, args []Value) (Value, error) {
	val, found, err := v.dict().get(m, args[0])
	if found || err != nil {
		return val, err
	}
	return fallback(args), nil
}

// fallback is the optional second argument, or None.
func fallback(args []Value) Value {
	if len(args) > 1 {
		return args[1]
	}
	return NoneValue()
}

func dictPop(m *Machine, v Value, args []Value) (Value, error) {
	var val Value
	var found bool
	var err error
	if v.dict().len() > 0 { // as in Python, an empty dict takes any key
		val, found, err = v.dict().remove(m, args[0])
	}
	switch {
	case found || err != nil:
		return val, err
	case len(args) > 1:
		return args[1], nil
	}
	return Value{}, m.missingKey(args[0])
}

func dictSetdefault(m *Machine, v Value, args []Value) (Value, error) {
	val, found, err := v.dict().get(m, args[0])
	if found || err != nil {
		return val, err
	}
	val = fallback(args)
	return val, v.dict().set(m, args[0], val)
}

// listEntries makes a list of what is taken from each entry of a dict.
func (m *Machine) listEntries(d *dict, take func(e *entry) (Value, error)) (Value, error) {
	l, err := m.newList(d.live)
	if err != nil {
		return Value{}, err
	}
	for e, pos := d.next(0); e != nil; e, pos = d.next(pos) {
		if err := m.Work(1); err != nil {
			return Value{}, err
		}
		item, err := take(e)
		if err != nil {
			return Value{}, err
		}
		if err := m.push(l, item); err != nil {
			return Value{}, err
		}
	}
	return listValue(l), nil
}

func dictKeys(m *Machine, v Value, _ []Value) (Value, error) {
	return m.listEntries(v.dict(), func(e *entry) (Value, error) { return e.key, nil })
}

func dictValues(m *Machine, v Value, _ []Value) (Value, error) {
	return m.listEntries(v.dict(), func(e *entry) (Value, error) { return e.val, nil })
}

func dictItems(m *Machine, v Value, _ []Value) (Value, error) {
	return m.listEntries(v.dict(), func(e *entry) (Value, error) { return m.pair(e.key, e.val) })
}

// pair makes a tuple of two, in one allocation.
func (m *Machine) pair(a, b Value) (Value, error) {
	if err := m.Charge(listSize + 2*valueSize); err != nil {
		return Value{}, err
	}
	p := &struct {
		list  list
		items [2]Value
	}{items: [2]Value{a, b}}
	p.list.items = p.items[:]
	return tupleValue(&p.list), nil
}

func dictUpdate(m *Machine, v Value, args []Value) (Value, error) {
	if len(args) == 0 {
		return NoneValue(), nil
	}
	return NoneValue(), m.fillDict(v.dict(), args[0])
}

// fillDict sets in d what another dict or pairs hold.
func (m *Machine) fillDict(d *dict, from Value) error {
	if from.Kind() == Dict {
		return m.mergeDict(d, from.dict())
	}
	pairs, err := m.sequence(from)
	if err != nil {
		return err
	}
	for i, p := range pairs {
		if err := m.setPair(d, i, p); err != nil {
			return err
		}
	}
	return nil
}

// mergeDict sets in d what another dict, perhaps d itself, holds.
func (m *Machine) mergeDict(d, from *dict) error {
	for e, pos := from.next(0); e != nil; e, pos = from.next(pos) {
		if err := m.Work(1); err != nil {
			return err
		}
		if err := d.set(m, e.key, e.val); err != nil {
			return err
		}
	}
	return nil
}

// setPair sets the key and value that p, item i of a sequence, consists of.
func (m *Machine) setPair(d *dict, i int, p Value) error {
	switch p.Kind() {
	case String, List, Tuple, Dict:
	default:
		return typeErrorf("cannot convert dictionary update sequence element #%d to a sequence", i)
	}
	items, err := m.sequence(p)
	if err != nil {
		return err
	}
	if len(items) != 2 {
		return runtimeErrorf("dictionary update sequence element #%d has length %d; 2 is required", i, len(items))
	}
	if err := m.Work(1); err != nil {
		return err
	}
	return d.set(m, items[0], items[1])
}

func dictCopy(m *Machine, v Value, _ []Value) (Value, error) {
	d, err := v.dict().copy(m)
	if err != nil {
		return Value{}, err
	}
	return dictValue(d), nil
}

func dictClear(_ *Machine, v Value, _ []Value) (Value, error) {
	v.dict().clear()
	return NoneValue(), nil
}
