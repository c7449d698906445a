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

// spans reports whether the instructions in [from, to) are the loop's.
func (l *loop) spans(from, to int) bool { return from >= to || l.prep < from && to <= l.last+1 }

// loops are the counted loops of a function.
type loops struct {
	all         []loop  // all[0] is none
	at          []int32 // by instruction, the innermost loop around it
	first, last int     // the instructions that all of them lie in
	low, high   uint8   // the registers that all counters lie between, or are
}

// fewInstructions and fewLoops are how many a function has for which no memory is allocated.
const (
	fewInstructions = 128
	fewLoops        = 4
)

// counted are the forpreps and forloops of a function, in their order.
type counted struct {
	few  [2 * fewLoops]int32
	n    int     // of the few
	more []int32 // behind them
}

func (c *counted) add(pc int32) {
	if c.n < len(c.few) {
		c.few[c.n] = pc
		c.n++
		return
	}
	c.more = append(c.more, pc)
}

// registerSet is a set of direct registers.
type registerSet [MaxDirect / 64]uint64

func (s *registerSet) add(r int) { s[r/64] |= 1 << (r % 64) }

func (s *registerSet) has(r int) bool { return s[r/64]&(1<<(r%64)) != 0 }

// overlaps reports whether one of the n registers from first on is in the set.
func (s *registerSet) overlaps(first, n int) bool {
	for i, word := range s {
		low, high := max(first-64*i, 0), min(first+n-64*i, 64)
		if low < high && word>>low<<(64-(high-low)) != 0 {
			return true
		}
	}
	return false
}

// verifyLoops returns the first fault of a function whose instructions are good
// by themselves, and the instruction that has it, or -1.
func verifyLoops(f *Function, c *counted) (pc int, err error) {
	var few struct {
		at  [fewInstructions]int32
		all [1 + fewLoops]loop
	}
	l := loops{at: few.at[:]}
	if len(f.Code) > len(few.at) {
		l.at = make([]int32, len(f.Code))
	}
	l.first = len(f.Code)
	var preps [MaxDirect]int32
	for _, list := range [...][]int32{c.few[:c.n], c.more} {
		if pc, err := l.findEnds(f.Code, list, &preps); err != nil {
			return pc, err
		}
	}
	if l.last == 0 {
		return -1, nil
	}
	few.all[0].last = -1
	if l.all, pc, err = l.find(f.Code, few.all[:1]); err != nil {
		return pc, err
	}
	if pc, err := l.instructions(f.Code); err != nil {
		return pc, err
	}
	for i, h := range f.Handlers {
		if in := l.at[h.Target]; in != 0 && !l.all[in].spans(int(h.From), int(h.To)) {
			return -1, fmt.Errorf("handler %d leads into the loop of instruction %d", i, l.all[in].prep)
		}
	}
	return -1, nil
}

// findEnds notes, at each forprep that has one, its last forloop: the nearest one of the
// same registers in front of it. A forloop goes to a place between them. preps has, by
// counter, one more than the last forprep.
func (l *loops) findEnds(code []Instr, counted []int32, preps *[MaxDirect]int32) (pc int, err error) {
	for _, pc := range counted {
		in := code[pc]
		if in.Op == OpForPrep {
			preps[in.A] = pc + 1
			continue
		}
		first := preps[in.A]
		if first == 0 || in.C < first || in.C > pc {
			return int(pc), errors.New("it goes to no place between a forprep of its registers and itself")
		}
		l.at[first-1] = pc
		if l.last == 0 {
			l.low, l.high = in.A, in.A+1
		}
		l.first, l.last = min(l.first, int(first)-1), int(pc)
		l.low, l.high = min(l.low, in.A), max(l.high, in.A+1)
	}
	return -1, nil
}

// find finds the loops, which are nested or apart, by the ends that are noted. They go
// behind the one that is none.
func (l *loops) find(code []Instr, all []loop) (found []loop, pc int, err error) {
	current := int32(0)
	for pc := l.first; pc <= l.last; pc++ {
		end := int(l.at[pc])
		l.at[pc] = current
		around := &all[current]
		if pc == around.last {
			current = around.outer
			continue
		}
		if end == 0 {
			continue
		}
		inner := loop{prep: pc, last: end, outer: current, owned: around.owned}
		if current != 0 && inner.last > around.last {
			return all, pc, fmt.Errorf("its loop ends behind the one around it, at %d", inner.last)
		}
		counter := int(code[pc].A)
		inner.owned.add(counter)
		inner.owned.add(counter + 1)
		current = int32(len(all))
		all = append(all, inner)
	}
	return all, -1, nil
}

// instructions checks that none touches a counter of a loop around it, or leads into a
// loop from outside.
func (l *loops) instructions(code []Instr) (pc int, err error) {
	for pc, around := range l.at[:len(code)] {
		s := shapes[code[pc].Op]
		if s.c == Target {
			if to := l.at[code[pc].C]; to != around && to != 0 && !l.all[to].spans(pc, pc+1) {
				return pc, fmt.Errorf("it leads into the loop of instruction %d", l.all[to].prep)
			}
		}
		if around != 0 && !l.spares(s, code[pc]) && l.touches(around, code[pc]) {
			return pc, errors.New("it touches a counter of a loop around it")
		}
	}
	return -1, nil
}

// spares tells, for most instructions, that one touches no counter of any loop: they
// lie side by side as a rule.
func (l *loops) spares(s *shape, in Instr) bool {
	low, span := l.low, l.high-l.low
	switch {
	case in.A-low <= span || in.B-low <= span || in.X-low <= span:
		return false
	case s.reach == fromA:
		return in.A > low
	case s.reach == fromB:
		return in.B > low
	}
	return s.reach == single
}

// touches reports whether an instruction touches a counter of the loops around it, by the
// innermost.
func (l *loops) touches(around int32, in Instr) bool {
	info := &Ops[in.Op]
	owned := &l.all[around].owned
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
			return true
		}
	}
	return false
}
