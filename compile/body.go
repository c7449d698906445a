// This file holds the code of one function in the making: registers, labels,
// positions, and which variables are surely set.

package compile

import (
	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/syntax"
)

// scope tells which pool the names of a body belong to.
type scope uint8

const (
	scopeGlobal   scope = iota // the top level of a script
	scopeFunction              // a function of the script
	scopeLocal                 // a definition
)

// Registers are numbered on four tracks until the layout is known: variables
// from 0, counted loops from loopTrack, temporaries from tempTrack, and from
// spillTrack wide registers that keep temporaries and counters aside.
const (
	loopTrack  = 1 << 20
	tempTrack  = 2 << 20
	spillTrack = 3 << 20
)

// So much nests in direct registers before it goes to wide ones, in a unit
// compiled once more for want of registers.
const (
	keptTemps = 96
	keptLoops = 24
)

// ins is an instruction whose registers are not laid out yet.
type ins struct {
	op      bytecode.Op
	a, b, x int32
	c       int32
}

// body is the code of one function in the making. Its lists are used again for another.
type body struct {
	state
	code      []ins
	positions []bytecode.Position
	handlers  []bytecode.Handler
	labels    []int32 // by label: its pc, -1 while unknown
	locals    []string
	inner     []binding // names bound by the comprehensions around, innermost last
}

// state is what a body leaves nothing of.
type state struct {
	u      *unit
	scope  scope
	name   string
	params int
	vars   map[string]int // variables of a function or definition: their registers
	pos    syntax.Pos
	marked syntax.Pos // of the last of positions

	temps, mostTemps   int
	loops, mostLoops   int
	spills, mostSpills int
	set                bits // variables that are surely set here
	loop               *loop
	depth              int // of statements around; 0 at the top level of the body
	dirty              int // first temporary to be cleared at the end of the statement; 0 is none
}

// binding is a name that a comprehension binds.
type binding struct {
	name string
	reg  int
}

// loop is a loop that break() and continue() act on.
type loop struct {
	outer           *loop
	breaks, repeats label
}

// label is a place to jump to.
type label int

// mostBodies is how many bodies are kept for the next compilation.
const mostBodies = 16

// newBody begins a body.
func (u *unit) newBody(s scope) *body {
	u.charge(1024)
	if u.used == len(u.bodies) {
		u.bodies = append(u.bodies, new(body))
	}
	b := u.bodies[u.used]
	u.used++
	b.u, b.scope = u, s
	if s != scopeGlobal {
		b.vars = map[string]int{}
	}
	return b
}

// reset makes ready for another function.
func (b *body) reset() {
	*b = body{
		code: emptied(b.code), positions: emptied(b.positions), handlers: emptied(b.handlers),
		labels: emptied(b.labels), locals: emptied(b.locals), inner: emptied(b.inner[:cap(b.inner)]),
	}
}

// declare makes a variable of a function or definition.
func (b *body) declare(name string) int {
	v, ok := b.vars[name]
	if !ok {
		v = register(len(b.locals), b.u.direct)
		b.vars[name] = v
		b.locals = append(b.locals, name)
		b.u.charge(64 + len(name))
	}
	return v
}

// at says that the code to come stems from pos.
func (b *body) at(pos syntax.Pos) {
	if pos.Line > 0 {
		b.pos = pos
	}
}

func (b *body) emit(op bytecode.Op, a, bb, x int, c int32) {
	if len(b.code)%64 == 0 {
		b.u.charge(64 * 56)
	}
	if len(b.code) >= bytecode.MaxCode {
		b.u.fail(b.pos, "the code is too long")
	}
	if b.pos != b.marked || len(b.positions) == 0 {
		b.positions = append(b.positions, bytecode.Position{PC: int32(len(b.code)), Line: b.pos.Line, Col: b.pos.Col})
		b.marked = b.pos
	}
	b.code = append(b.code, ins{op, int32(a), int32(bb), int32(x), c})
}

// newLabel makes a label that is placed later.
func (b *body) newLabel() label {
	b.labels = append(b.labels, -1)
	return label(len(b.labels) - 1)
}

// place puts a label here.
func (b *body) place(l label) { b.labels[l] = int32(len(b.code)) }

// jump emits a jumping instruction to a label.
func (b *body) jump(op bytecode.Op, a, bb, x int, to label) { b.emit(op, a, bb, x, int32(to)) }

// temp takes a temporary register; they are given back in reverse order.
func (b *body) temp() int {
	b.temps++
	b.mostTemps = max(b.mostTemps, b.temps)
	if b.mostTemps > bytecode.MaxDirect {
		panic(abort{&registersFull{b.pos}})
	}
	return tempTrack + b.temps - 1
}

// release gives back all temporaries beyond the first n.
func (b *body) release(n int) { b.temps = n }

// takeLoop takes the two registers of a counted loop: of its own, or two
// temporaries, whose values are kept aside in wide registers.
func (b *body) takeLoop() (pair, aside int) {
	b.loops++
	if b.u.scarce && b.loops > keptLoops {
		pair = b.temp()
		b.temp()
		return pair, b.takeSpills(2)
	}
	b.mostLoops = max(b.mostLoops, b.loops)
	return loopTrack + 2*(b.loops-1), 0
}

func (b *body) leaveLoop(aside int) {
	b.loops--
	if aside > 0 {
		b.spills -= 2
	}
}

// takeSpills takes n wide registers; they are given back in reverse order.
func (b *body) takeSpills(n int) int {
	b.spills += n
	b.mostSpills = max(b.mostSpills, b.spills)
	return spillTrack + b.spills - n
}

// spill copies direct registers to wide ones, unspill back.
func (b *body) spill(r, wide, n int) {
	for i := range n {
		b.emit(bytecode.OpStoreWide, r+i, 0, 0, int32(wide+i))
	}
}

func (b *body) unspill(r, wide, n int) {
	for i := range n {
		b.emit(bytecode.OpLoadWide, r+i, 0, 0, int32(wide+i))
	}
}

// isTemp tells whether r is a temporary.
func isTemp(r int) bool { return r >= tempTrack }

// isWide tells whether r is a variable that instructions do not reach directly.
func isWide(r int) bool { return r >= bytecode.MaxDirect && r < loopTrack }

// layout gives every register its number and turns labels into places.
func (b *body) layout() (bytecode.Function, error) {
	n := len(b.locals)
	if b.scope == scopeGlobal {
		n = len(b.u.globals)
	}
	loops := min(n, b.u.direct)
	temps := loops + 2*b.mostLoops
	f := bytecode.Function{
		Name: b.name, Params: b.params, Positions: exact(b.positions), Handlers: exact(b.handlers),
		Registers: temps + b.mostTemps,
		Code:      make([]bytecode.Instr, len(b.code)),
		Locals:    b.locals[:min(len(b.locals), b.u.direct)],
	}
	if f.Registers >= bytecode.MaxDirect { // the end of a range is an operand too
		return f, &registersFull{b.pos}
	}
	firstSpill := bytecode.MaxDirect + max(0, n-b.u.direct)
	if n > b.u.direct || b.mostSpills > 0 {
		f.Registers = firstSpill + b.mostSpills
	}
	if f.Registers > bytecode.MaxRegisters {
		return f, &Error{b.pos, "too many variables"}
	}
	first := [4]uint8{0, uint8(loops), uint8(temps), 0} // of each track
	number := func(r int32) uint8 { return uint8(r) + first[uint32(r)/loopTrack%4] }
	for i := range b.code {
		in := &b.code[i]
		c := in.c
		switch {
		case jumps[in.op]:
			c = b.labels[c]
		case c >= spillTrack && (in.op == bytecode.OpLoadWide || in.op == bytecode.OpStoreWide):
			c += int32(firstSpill - spillTrack)
		}
		f.Code[i] = bytecode.Instr{Op: in.op, A: number(in.a), B: number(in.b), X: number(in.x), C: c}
	}
	for i := range f.Handlers {
		h := &f.Handlers[i]
		h.Target = b.labels[h.Target]
	}
	return f, nil
}

// jumps tells of which operations operand C is a place in the code.
var jumps = func() (is [256]bool) {
	for op := range bytecode.Ops {
		is[op] = bytecode.Ops[op].Jumps()
	}
	return is
}()

// bits is a set of variables, by register.
type bits struct {
	first uint64   // of the first 64 registers
	more  []uint64 // of the others
	all   bool     // code that is never reached: everything is set
}

func (s *bits) add(v int) {
	if v < 64 {
		s.first |= 1 << v
		return
	}
	v -= 64
	for v/64 >= len(s.more) {
		s.more = append(s.more, 0)
	}
	s.more[v/64] |= 1 << (v % 64)
}

func (s *bits) has(v int) bool {
	if v < 64 {
		return s.all || s.first&(1<<v) != 0
	}
	v -= 64
	return s.all || v/64 < len(s.more) && s.more[v/64]&(1<<(v%64)) != 0
}

func (s *bits) copy() bits { return bits{s.first, append([]uint64(nil), s.more...), s.all} }

// meet gives what is set whichever of two ways the execution came.
func (s bits) meet(t bits) bits {
	switch {
	case s.all:
		return t
	case t.all:
		return s
	}
	s.first &= t.first
	n := min(len(s.more), len(t.more))
	for i := range n {
		s.more[i] &= t.more[i]
	}
	s.more = s.more[:n]
	return s
}
