// This file holds sorting: a stable merge sort that stops when the machine does.

package vm

import "github.com/avap-framework/avap/bytecode"

// runLength is how many items are sorted by insertion before merging begins.
const runLength = 12

// sorter is one sort in progress.
type sorter struct {
	m         *Machine
	kind      Kind // of all items; Unset where they differ
	backwards bool // descending; equal items keep their order all the same
	compared  int  // comparisons that are not charged yet
}

// sortValues sorts items in place. Where it fails they are in some order.
func (m *Machine) sortValues(items []Value, backwards bool) error {
	size := len(items) * valueSize
	if err := m.Charge(size); err != nil {
		return err
	}
	s := sorter{m: m, backwards: backwards}
	if err := s.begin(items); err != nil {
		return err
	}
	from, to := items, make([]Value, len(items))
	var failed error
	for width := runLength; width < len(items) && failed == nil; width *= 2 {
		if failed = s.pass(to, from, width); failed == nil {
			from, to = to, from
		}
	}
	m.refund(size)
	if err := s.join(items, from, nil); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return m.Work(s.compared)
}

// begin finds the kind of all items, and sorts short runs.
func (s *sorter) begin(items []Value) error {
	const part = chunk / valueSize
	for i := 0; i < len(items); i += part {
		kind := commonKind(items[i:min(len(items), i+part)])
		if i > 0 && kind != s.kind {
			kind = Unset
		}
		s.kind = kind
		if err := s.m.Work(part / 16); err != nil {
			return err
		}
		if kind == Unset {
			break
		}
	}
	for i := 0; i < len(items); i += runLength {
		if err := s.insertion(items[i:min(len(items), i+runLength)]); err != nil {
			return err
		}
	}
	return nil
}

// commonKind is the kind that all items have, or Unset.
func commonKind(items []Value) Kind {
	kind := items[0].Kind()
	for _, v := range items {
		if v.Kind() != kind {
			return Unset
		}
	}
	return kind
}

// less reports whether a comes before b.
func (s *sorter) less(a, b Value) (bool, error) {
	if s.backwards {
		a, b = b, a
	}
	if s.compared++; s.compared == 256 {
		s.compared = 0
		if err := s.m.Work(256); err != nil {
			return false, err
		}
	}
	switch s.kind {
	case Int:
		return a.Int() < b.Int(), nil
	case Float:
		return a.Float() < b.Float(), nil
	case String:
		if a.byteLen() < 4096 || b.byteLen() < 4096 {
			x, y := a.str(), b.str()
			s.compared = min(255, s.compared+min(len(x), len(y))/64)
			return x < y, nil
		}
	}
	return s.m.order(bytecode.OpLt, a, b)
}

// insertion sorts a short run.
func (s *sorter) insertion(run []Value) error {
	for i := 1; i < len(run); i++ {
		for j := i; j > 0; j-- {
			less, err := s.less(run[j], run[j-1])
			if err != nil {
				return err
			}
			if !less {
				break
			}
			run[j], run[j-1] = run[j-1], run[j]
		}
	}
	return nil
}

// pass merges neighbouring runs of a width from one slice into another.
func (s *sorter) pass(dst, src []Value, width int) error {
	for lo := 0; lo < len(src); lo += 2 * width {
		mid := min(len(src), lo+width)
		hi := min(len(src), mid+width)
		if err := s.merge(dst[lo:hi], src[lo:mid], src[mid:hi]); err != nil {
			return err
		}
	}
	return nil
}

// merge merges two sorted runs; of equal items those of a come first.
func (s *sorter) merge(dst, a, b []Value) error {
	if len(b) > 0 {
		inverted, err := s.less(b[0], a[len(a)-1])
		if err != nil {
			return err
		}
		if !inverted {
			return s.join(dst, a, b)
		}
	}
	for len(a) > 0 && len(b) > 0 {
		second, err := s.less(b[0], a[0])
		if err != nil {
			return err
		}
		if second {
			dst[0], b = b[0], b[1:]
		} else {
			dst[0], a = a[0], a[1:]
		}
		dst = dst[1:]
	}
	return s.join(dst, a, b)
}

// join copies two runs that are in order already.
func (s *sorter) join(dst, a, b []Value) error {
	const part = chunk / valueSize
	for _, run := range [2][]Value{a, b} {
		for len(run) > 0 {
			n := copy(dst, run[:min(len(run), part)])
			dst, run = dst[n:], run[n:]
			if err := s.m.Work(n / 32); err != nil {
				return err
			}
		}
	}
	return nil
}
