// This file holds the proof that counted loops own their counters: wherever a
// forloop runs, its two registers hold what its forprep, or it itself, has put
// there, so that the machine need not look at their kinds.
//
// A loop spans the instructions behind its forprep up to its last forloop.
// Nothing but its forprep leads into the span, and nothing in the span touches
// the counters but its forloops.

package bytecode

import (
	"errors"
	"fmt"
)

// loop is a counted loop: the instructions in (prep, last].
type loop struct {
	prep, last int
	outer      int32       // the loop around it; 0 where there is none
	owned      registerSet // its counters and those of the loops around it
}

// spans tells whether the instructions in [from, to) are the loop's.
func (l *loop) spans(from, to int) bool { return from >= to || l.prep < from && to <= l.last+1 }

// loops are the counted loops of a function.
type loops struct {
	all []loop  // all[0] is none
	at  []int32 // by instruction, the innermost loop around it
}

// registerSet is a set of direct registers.
type registerSet [MaxDirect / 64]uint64

func (s *registerSet) add(r int) { s[r/64] |= 1 << (r % 64) }

func (s *registerSet) has(r uint8) bool { return s[r/64]&(1<<(r%64)) != 0 }

// overlaps tells whether one of the n registers from first on is in the set.
func (s *registerSet) overlaps(first, n int) bool {
	for i, word := range s {
		low, high := max(first-64*i, 0), min(first+n-64*i, 64)
		if low < high && word>>low<<(64-(high-low)) != 0 {
			return true
		}
	}
	return false
}

var errTouched = errors.New("it touches a counter of a loop around it")

// verifyLoops gives the first fault of a function whose instructions are good
// by themselves, and the instruction that has it, or -1.
func verifyLoops(f *Function) (pc int, err error) {
	ends, pc, err := loopEnds(f.Code)
	if len(ends) == 0 || err != nil {
		return pc, err
	}
	l, pc, err := findLoops(f.Code, ends)
	if err != nil {
		return pc, err
	}
	for pc, in := range f.Code {
		if l.at[pc] == 0 && !Ops[in.Op].Jumps() {
			continue
		}
		if err := l.instruction(pc, in); err != nil {
			return pc, err
		}
	}
	for i, h := range f.Handlers {
		if in := l.at[h.Target]; in != 0 && !l.all[in].spans(int(h.From), int(h.To)) {
			return -1, fmt.Errorf("handler %d leads into the loop of instruction %d", i, l.all[in].prep)
		}
	}
	return -1, nil
}

// loopEnds finds the last forloop of each forprep that has one: the nearest one
// of the same registers in front of it. A forloop goes to a place between them.
func loopEnds(code []Instr) (ends map[int]int, pc int, err error) {
	var preps [MaxDirect]int // by counter, one more than the last forprep
	for pc, in := range code {
		switch in.Op {
		case OpForPrep:
			preps[in.A] = pc + 1
		case OpForLoop:
			if first := preps[in.A]; first == 0 || int(in.C) < first || int(in.C) > pc {
				return nil, pc, errors.New("it goes to no place between a forprep of its registers and itself")
			}
			if ends == nil {
				ends = map[int]int{}
			}
			ends[preps[in.A]-1] = pc
		}
	}
	return ends, -1, nil
}

// findLoops finds the loops, which are nested or apart.
func findLoops(code []Instr, ends map[int]int) (l loops, pc int, err error) {
	l = loops{all: []loop{{last: -1}}, at: make([]int32, len(code))}
	current := int32(0)
	for pc, in := range code {
		l.at[pc] = current
		around := &l.all[current]
		if pc == around.last {
			current = around.outer
			continue
		}
		if in.Op != OpForPrep || ends[pc] == 0 {
			continue
		}
		inner := loop{prep: pc, last: ends[pc], outer: current, owned: around.owned}
		if current != 0 && inner.last > around.last {
			return l, pc, fmt.Errorf("its loop ends behind the one around it, at %d", inner.last)
		}
		inner.owned.add(int(in.A))
		inner.owned.add(int(in.A) + 1)
		current = int32(len(l.all))
		l.all = append(l.all, inner)
	}
	return l, -1, nil
}

// instruction checks that an instruction touches no counter of a loop around
// it, and leads into none from outside.
func (l *loops) instruction(pc int, in Instr) error {
	info := &Ops[in.Op]
	if info.Jumps() {
		if to := l.at[in.C]; to != 0 && !l.all[to].spans(pc, pc+1) {
			return fmt.Errorf("it leads into the loop of instruction %d", l.all[to].prep)
		}
	}
	around := l.at[pc]
	if around == 0 {
		return nil
	}
	owned := &l.all[around].owned
	if info.plain() {
		if info.A != Unused && owned.has(in.A) || info.B != Unused && owned.has(in.B) || info.X != Unused && owned.has(in.X) {
			return errTouched
		}
		return nil
	}
	count := info.count(in)
	for _, o := range info.operands(in) {
		n := o.Kind.size(count)
		switch {
		case o.Kind == Counter && in.Op == OpForLoop:
			n = 0 // its own
		case o.Kind == Frame || o.Kind == Outs:
			n = MaxDirect // the callee's frame
		}
		if n > 0 && owned.overlaps(o.Value, n) {
			return errTouched
		}
	}
	return nil
}
