// This file holds the walk from the machine's roots, which finds what an
// execution still holds once its charges reach the memory quota.

package vm

// walkItem is a place in a container that the walk has still to go on from.
type walkItem struct {
	v   Value
	pos int
}

// remeasure sets the meter to what is really held, or ends the execution where
// that is past the quota. What the running native operation has charged since
// it began counts as held: only the operation itself knows of it.
func (m *Machine) remeasure() error {
	pending := m.mem.op - m.mem.left
	live, err := m.measure()
	if err != nil {
		return err
	}
	held := live + pending
	if held > m.mem.limit {
		return Errorf(CodeMemory, "more than %d bytes of memory", m.mem.limit)
	}
	return m.settle(held, pending)
}

// settle sets the meter to what is held, and gives back what is reserved and not
// held. pending of it belongs to the running operation alone.
func (m *Machine) settle(held, pending int64) error {
	t := &m.mem
	open := min(t.limit, max(held+memoryStep, FreeMemory)) // may be charged from here on without asking
	t.left, t.op = open-held, open-held+pending
	t.beyond = t.limit - open
	reserved := max(0, open-FreeMemory)
	switch more := reserved - t.reserved; {
	case more > 0:
		if err := m.sched.Reserve(more); err != nil {
			return err
		}
	case more < 0:
		m.sched.Release(-more)
	}
	t.reserved = reserved
	return nil
}

// measure returns the bytes that the roots reach. What calls that have returned
// left in their registers is given up first.
func (m *Machine) measure() (int64, error) {
	m.mem.mark++
	top := 0
	if n := len(m.frames); n > 0 {
		top = m.frames[n-1].base + m.frames[n-1].fn.Registers
	}
	if top < m.high {
		clear(m.stack[top:m.high])
		m.high = top
	}
	w := walk{m: m, live: int64(top * valueSize)}
	err := w.values(m.stack[:top])
	for i := 0; err == nil && i < len(m.exports); i++ {
		w.live += fieldSize
		err = w.value(m.exports[i].Value)
	}
	for _, fields := range [][]Field{m.in.Variables, m.in.Body} {
		for i := 0; err == nil && i < len(fields); i++ {
			w.live += fieldSize + int64(len(fields[i].Name))
			err = w.value(fields[i].Value)
		}
	}
	if err == nil {
		err = w.value(m.caught)
	}
	w.live += int64(len(m.logs) * logSize)
	return w.live, err
}

// walk is one measurement in progress.
type walk struct {
	m    *Machine
	live int64
}

func (w *walk) values(vs []Value) error {
	for len(vs) > 0 {
		n := min(len(vs), 1024)
		if err := w.m.Work(n / 4); err != nil {
			return err
		}
		for _, v := range vs[:n] {
			if err := w.value(v); err != nil {
				return err
			}
		}
		vs = vs[n:]
	}
	return nil
}

// value adds what v reaches, without recursion: a script can nest as deep as
// its memory lasts.
func (w *walk) value(v Value) error {
	if !w.enter(v) {
		return nil
	}
	base := len(w.m.walkStack)
	w.m.walkStack = append(w.m.walkStack, walkItem{v, 0})
	for len(w.m.walkStack) > base {
		n := w.step()
		if err := w.m.Work(1 + n/8); err != nil {
			w.m.walkStack = w.m.walkStack[:base]
			return err
		}
	}
	return nil
}

// step goes on in the innermost container for at most 256 of its values, and
// tells how many it looked at.
func (w *walk) step() int {
	stack := &w.m.walkStack
	it := &(*stack)[len(*stack)-1]
	var items []Value
	switch it.v.Kind() {
	case Dict:
		return w.stepDict(it)
	case iterator:
		items = []Value{it.v.iter().source}
	default:
		items = it.v.list().items
	}
	from := min(it.pos, len(items))
	part := items[from:min(from+256, len(items))]
	for i, child := range part {
		if child.isScalar() || !w.enter(child) {
			continue
		}
		it.pos = from + i + 1
		*stack = append(*stack, walkItem{child, 0})
		return i + 1
	}
	if it.pos = from + len(part); it.pos == len(items) {
		*stack = (*stack)[:len(*stack)-1]
	}
	return len(part)
}

// stepDict is step for a dict: its keys hold nothing but themselves.
func (w *walk) stepDict(it *walkItem) int {
	stack := &w.m.walkStack
	entries := it.v.dict().entries
	from := min(it.pos, len(entries))
	part := entries[from:min(from+128, len(entries))]
	for i := range part {
		w.enter(part[i].key)
		if child := part[i].val; !child.isScalar() && w.enter(child) {
			it.pos = from + i + 1
			*stack = append(*stack, walkItem{child, 0})
			return 2 * (i + 1)
		}
	}
	if it.pos = from + len(part); it.pos == len(entries) {
		*stack = (*stack)[:len(*stack)-1]
	}
	return 2 * len(part)
}

// enter counts v itself where it is met for the first time, and tells whether
// it is a container whose values have to be walked.
func (w *walk) enter(v Value) bool {
	switch v.Kind() {
	case String:
		if v.n&staticFlag == 0 && w.first(&v.header().mark) {
			w.live += int64(v.byteLen() + textSize)
		}
	case List, Tuple, splice:
		if l := v.list(); w.first(&l.mark) {
			w.live += int64(listSize + valueSize*cap(l.items))
			return len(l.items) > 0
		}
	case Dict:
		if d := v.dict(); w.first(&d.mark) {
			w.live += int64(d.size())
			return len(d.entries) > 0
		}
	case iterator:
		if it := v.iter(); w.first(&it.mark) {
			w.live += iterSize
			return true
		}
	}
	return false
}

func (w *walk) first(mark *uint32) bool {
	if *mark == w.m.mem.mark {
		return false
	}
	*mark = w.m.mem.mark
	return true
}
