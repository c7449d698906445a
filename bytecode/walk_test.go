// This file holds a machine that knows no values: it follows a program on
// random ways, raising errors wherever one may arise, and looks at what the
// real machine relies on.

package bytecode

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
)

// cell is what the walker knows of a register: which run of a forprep has made
// it a counter. 0 is any value.
type cell int

// activation is a frame of the walker.
type activation struct {
	f      int // the function
	id     int // no two have the same
	base   int
	pc     int
	result int // where the result goes
}

// prepared is a run of a forprep.
type prepared struct{ frame, register int }

type walker struct {
	p        *Program
	random   *rand.Rand
	stack    []cell
	frames   []activation
	counters []prepared
	ids      int
}

const (
	walkSteps = 400
	walkDepth = 20
)

// walk follows a verified program. Its error is a hole in the verifier.
func walk(p *Program, random *rand.Rand) error {
	w := walker{
		p: p, random: random, counters: make([]prepared, 1), frames: []activation{{}},
		stack: make([]cell, p.Functions[0].Registers),
	}
	for range walkSteps {
		over, err := w.step()
		if over || err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) chance(n int) bool { return w.random.IntN(n) == 0 }

// step runs one instruction.
func (w *walker) step() (over bool, err error) {
	fr := &w.frames[len(w.frames)-1]
	f := &w.p.Functions[fr.f]
	if fr.pc < 0 || fr.pc >= len(f.Code) {
		return false, fmt.Errorf("function %d: instruction %d is none", fr.f, fr.pc)
	}
	in := f.Code[fr.pc]
	fail := func(err error) error { return fmt.Errorf("function %d, %d, %v: %w", fr.f, fr.pc, in, err) }
	if err := w.inFrame(fr, f, in); err != nil {
		return false, fail(err)
	}
	fr.pc++
	if in.Op == OpRaise || w.chance(10) {
		return w.raise()
	}
	switch in.Op {
	case OpStop:
		if len(w.frames) > 1 {
			return false, fail(errors.New("the script stops within a function"))
		}
		return true, nil
	case OpReturn, OpReturnNone:
		if len(w.frames) == 1 {
			return false, fail(errors.New("the top level returns"))
		}
		w.stack[fr.result] = 0
		w.frames = w.frames[:len(w.frames)-1]
		return false, nil
	case OpCall:
		return len(w.frames) == walkDepth, w.call(fr, f, in)
	case OpForLoop:
		if err := w.counted(fr, in); err != nil {
			return false, fail(err)
		}
	}
	w.write(fr, f, in)
	if Ops[in.Op].Jumps() && (in.Op == OpJump || w.chance(2)) {
		fr.pc = int(in.C)
	}
	return false, nil
}

// inFrame checks that the registers of an instruction are the frame's.
func (w *walker) inFrame(fr *activation, f *Function, in Instr) error {
	info := &Ops[in.Op]
	count := info.count(in)
	for _, o := range info.operands(in) {
		n := o.Kind.size(count)
		wide := o.Kind == ReadWide || o.Kind == WriteWide
		if n == 0 {
			continue
		}
		if n < 0 || o.Value < 0 || o.Value+n > f.Registers || !wide && o.Value+n > MaxDirect {
			return fmt.Errorf("%d registers from %d on of %d", n, o.Value, f.Registers)
		}
		if fr.base+o.Value+n > len(w.stack) {
			return errors.New("registers behind the stack")
		}
	}
	return nil
}

// write makes plain values of the registers that an instruction writes, and
// counters of a forprep's.
func (w *walker) write(fr *activation, f *Function, in Instr) {
	info := &Ops[in.Op]
	count := info.count(in)
	for _, o := range info.operands(in) {
		at, n := fr.base+o.Value, 0
		switch o.Kind {
		case Write, Update, WriteWide, WriteRange, WriteUpTo, Native, Receiver, Outs:
			n = o.Kind.size(count)
		}
		if o.Kind == Outs && f.Registers <= MaxDirect {
			n = len(w.stack) - at // a definition's frame was there
		}
		if n > 0 {
			clear(w.stack[at : at+n])
		}
	}
	switch in.Op {
	case OpSetGlobal:
		w.stack[in.C] = 0
	case OpForPrep:
		at := fr.base + int(in.A)
		w.stack[at], w.stack[at+1] = cell(len(w.counters)), cell(len(w.counters))
		w.counters = append(w.counters, prepared{fr.id, int(in.A)})
	}
}

// counted checks that a forloop finds what a forprep of its frame has left.
func (w *walker) counted(fr *activation, in Instr) error {
	at := fr.base + int(in.A)
	from, to := w.stack[at], w.stack[at+1]
	if from == 0 || from != to || w.counters[from] != (prepared{fr.id, int(in.A)}) {
		return errors.New("its counters are not what its forprep has left")
	}
	return nil
}

// call pushes a frame: over the caller's registers, or behind them where they
// are wide.
func (w *walker) call(fr *activation, f *Function, in Instr) error {
	callee := &w.p.Functions[in.C]
	base := fr.base + int(in.A)
	result := base
	if f.Registers > MaxDirect {
		base = fr.base + f.Registers
	}
	if top := base + callee.Registers; top > len(w.stack) {
		w.stack = slices.Grow(w.stack, top-len(w.stack))[:top]
	}
	if callee.Params != int(in.B) || callee.Params > callee.Registers {
		return fmt.Errorf("a call with %d arguments of %d", in.B, callee.Params)
	}
	clear(w.stack[base : base+callee.Registers])
	w.ids++
	w.frames = append(w.frames, activation{f: int(in.C), id: w.ids, base: base, result: result})
	return nil
}

// raise goes on in the innermost handler.
func (w *walker) raise() (over bool, err error) {
	for len(w.frames) > 0 {
		fr := &w.frames[len(w.frames)-1]
		for _, h := range w.p.Functions[fr.f].Handlers {
			if at := int32(fr.pc - 1); h.From <= at && at < h.To {
				if h.Target <= at {
					return true, fmt.Errorf("function %d: a handler leads back from %d to %d", fr.f, at, h.Target)
				}
				fr.pc = int(h.Target)
				return false, nil
			}
		}
		w.frames = w.frames[:len(w.frames)-1]
	}
	return true, nil
}
