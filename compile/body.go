// This file holds the code of one function in the making: registers, labels,
// positions, and which variables are surely set.

package compile

import (
	"math"
	"slices"

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

// A register is a number on one of four tracks until the layout is known: variables
// count from 0, temporaries from tempTrack, counted loops from loopTrack. A track is
// told by a bit above the 32 that an instruction has beside operand C, so that it
// stays with the operand whatever its place is. Wide registers that keep temporaries
// and counters aside count from spillTrack, and stand in operand C alone.
const (
	tempTrack  = 1 << 32
	loopTrack  = 2 << 32
	spillTrack = 1 << 20
)

// So much nests in direct registers before it goes to wide ones, in a unit
// compiled once more for want of registers.
const (
	keptTemps = 96
	keptLoops = 24
)

// ins is an instruction whose registers are not laid out yet: the operation and the
// operands A, B and X, a byte each from the lowest on, and above each operand's byte,
// 32 bits higher, the bits of its track.
type ins struct {
	word uint64
	c    int32
}

// pack gives the word of an instruction.
func pack(op bytecode.Op, a, b, x int) uint64 {
	return uint64(op) | uint64(a)<<8 | uint64(b)<<16 | uint64(x)<<24
}

// body is the code of one function in the making. Its lists are used again for another.
type body struct {
	state
	code      []ins               // the first pc of them, and room for more
	positions []bytecode.Position // the last one may be of code to come
	handlers  []bytecode.Handler
	labels    []int32 // by label: its pc, or what is not placed yet; see jump
	locals    []string
	inner     []binding // names bound by the comprehensions around, innermost last
	around    []loop    // innermost last
}

// state is what a body leaves nothing of.
type state struct {
	u      *unit
	scope  scope
	name   string
	number int32 // of the unit's bodies, from 1
	params int
	direct int        // how many variables have direct registers
	pos    syntax.Pos // of the last of positions
	pc     int        // of the next instruction
	paid   int        // steps of code that are charged

	temps, mostTemps   int
	loops, mostLoops   int
	spills, mostSpills int
	keep               int  // more temporaries than that are put aside before an expression
	set                bits // variables that are surely set here
	depth              int  // of statements around; 0 at the top level of a script
	dirty              int  // first temporary to be cleared at the end of the statement; 0 is none

	registers, firstLoop, firstTemp, firstSpill int // the layout, once all is measured
}

// binding is a name that a comprehension binds.
type binding struct {
	name string
	reg  int
}

// loop is a loop that break() and continue() act on.
type loop struct{ breaks, repeats label }

// innermost gives the innermost loop around.
func (b *body) innermost() loop { return b.around[len(b.around)-1] }

// inside compiles the statements of a loop.
func (b *body) inside(l loop, stmts []syntax.Stmt) {
	b.around = append(b.around, l)
	b.nested(stmts)
	b.around = b.around[:len(b.around)-1]
}

// label is a place to jump to.
type label int

// maxOwed is how many bytes are charged at least before another function begins.
const maxOwed = 8 << 10

// mostBodies is how many bodies are kept for the next compilation.
const mostBodies = 16

// newBody begins a body.
func (u *unit) newBody(s scope) *body {
	if u.charge(1024); u.owed >= maxOwed {
		u.chargeNow()
	}
	if u.used == len(u.bodies) {
		u.bodies = append(u.bodies, new(body))
	}
	b := u.bodies[u.used]
	u.used++
	b.u, b.scope, b.number, b.direct = u, s, int32(u.used), u.direct
	b.positions = append(b.positions, bytecode.Position{})
	if s != scopeGlobal {
		b.depth = 1
	}
	b.keep = math.MaxInt
	if u.scarce {
		b.keep = keptTemps
	}
	return b
}

// takes says how many parameters the body has, before any variable is declared. A call
// puts arguments into the first registers, so all of them are direct.
func (b *body) takes(params int) {
	b.params = params
	b.direct = max(b.direct, params)
}

// reset makes ready for another function.
func (b *body) reset() {
	b.state = state{}
	if cap(b.code) > most {
		b.code = nil
	}
	b.code = b.code[:cap(b.code)]
	b.positions, b.labels, b.handlers = rewound(b.positions), rewound(b.labels), rewound(b.handlers)
	b.around = b.around[:0]
	b.locals, b.inner = emptied(b.locals), emptied(b.inner[:cap(b.inner)])
}

// variable gives the register of a variable of the body's own pool, or -1 where the
// name is not one of it. All names of the top level are of the Global pool.
func (b *body) variable(s *symbol) int {
	if s.body == b.number {
		return int(s.local)
	}
	if b.scope != scopeGlobal {
		return -1
	}
	return b.declare(s)
}

// declare makes a variable of the body's own pool, if the name is none.
func (b *body) declare(s *symbol) int {
	if s.body == b.number {
		return int(s.local)
	}
	s.body = b.number
	if b.scope == scopeGlobal {
		s.local = int32(b.u.slot(s))
		return int(s.local)
	}
	s.local = int32(register(len(b.locals), b.direct))
	b.locals = append(b.locals, s.name)
	b.u.charge(64 + len(s.name))
	return int(s.local)
}

// declareAll makes variables.
func (b *body) declareAll(names []string) {
	for _, name := range names {
		b.declare(b.u.symbols.get(name))
	}
	if b.u.owed >= maxOwed {
		b.u.chargeNow()
	}
}

// at says that the code to come stems from pos.
func (b *body) at(pos syntax.Pos) {
	if pos != b.pos && pos.Line > 0 {
		b.moveTo(pos)
	}
}

// moveTo is at for another place than the last one. The last position is of code to
// come where there is none for it yet: then it changes, or goes.
func (b *body) moveTo(pos syntax.Pos) {
	b.pos = pos
	here := bytecode.Position{PC: int32(b.pc), Line: pos.Line, Col: pos.Col}
	last := len(b.positions) - 1
	if b.positions[last].PC < here.PC {
		b.positions = append(b.positions, here)
		return
	}
	b.positions[last] = here
	if last > 0 {
		if before := b.positions[last-1]; before.Line == pos.Line && before.Col == pos.Col {
			b.positions = b.positions[:last]
		}
	}
}

// emit adds an instruction to the code.
func (b *body) emit(op bytecode.Op, a, bb, x int, c int32) {
	pc := b.pc
	if uint(pc) >= uint(len(b.code)) {
		b.grow()
		b.emit(op, a, bb, x, c)
		return
	}
	b.code[pc] = ins{pack(op, a, bb, x), c}
	b.pc = pc + 1
}

// grow makes room for more code, once what there is of it is charged. It does not give
// all the room there may be at once, so that Options.Charge, which may look at the
// clock, is called every so often.
func (b *body) grow() {
	const step = 1024
	b.u.chargeNow()
	if b.pc >= bytecode.MaxCode {
		b.u.fail(b.pos, "the code is too long")
	}
	if b.pc == cap(b.code) {
		code := make([]ins, min(max(64, 2*b.pc), bytecode.MaxCode))
		copy(code, b.code)
		b.code = code
	}
	b.code = b.code[:min(cap(b.code), b.pc+step)]
}

// owed gives how many bytes of the code are to be charged, which is done 64
// instructions at a time, and takes them as charged.
func (b *body) owed() int {
	steps := (b.pc + 63) / 64
	owed := (steps - b.paid) * 64 * 56
	b.paid = steps
	return owed
}

// newLabel makes a label that is placed later.
func (b *body) newLabel() label {
	b.labels = append(b.labels, -1)
	return label(len(b.labels) - 1)
}

// jump emits a jumping instruction to a label. Until the label is placed it holds the
// last jump to it, as -2 less the pc, which holds the one before in place of its
// target, and so on down to -1.
func (b *body) jump(op bytecode.Op, a, bb, x int, to label) {
	target := b.labels[to]
	b.emit(op, a, bb, x, target)
	if target < 0 {
		b.labels[to] = -1 - int32(b.pc)
	}
}

// place puts a label here, and lets the jumps to it know.
func (b *body) place(l label) {
	here := int32(b.pc)
	last := b.labels[l]
	b.labels[l] = here
	for last < -1 {
		in := &b.code[-2-last]
		last, in.c = in.c, here
	}
}

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
func isWide(r int) bool { return r >= bytecode.MaxDirect && r < tempTrack }

// measure finds out where each track begins, once all variables are known.
func (b *body) measure() error {
	if last := len(b.positions) - 1; int(b.positions[last].PC) == b.pc {
		b.positions = b.positions[:last]
	}
	n := len(b.locals)
	if b.scope == scopeGlobal {
		n = len(b.u.globals)
	}
	b.firstLoop = min(n, b.direct)
	b.firstTemp = b.firstLoop + 2*b.mostLoops
	b.registers = b.firstTemp + b.mostTemps
	if b.registers >= bytecode.MaxDirect { // the end of a range is an operand too
		return &registersFull{b.pos}
	}
	b.firstSpill = bytecode.MaxDirect + max(0, n-b.direct)
	if n > b.direct || b.mostSpills > 0 {
		b.registers = b.firstSpill + b.mostSpills
	}
	if b.registers > bytecode.MaxRegisters {
		return &Error{b.pos, "too many variables"}
	}
	return nil
}

// layout makes the function, in r, with every register's number.
func (b *body) layout(f *bytecode.Function, r *room) {
	locals := b.locals[:min(len(b.locals), b.direct)]
	f.Name, f.Params, f.Registers = b.name, b.params, b.registers
	f.Code, f.Handlers = cut(&r.code, b.pc), cut(&r.handlers, len(b.handlers))
	f.Locals = cut(&r.locals, len(locals))
	copy(f.Handlers, b.handlers)
	copy(f.Locals, locals)
	if f.Positions = slices.Clip(b.positions); b.u.opt.Lend == LendNothing {
		f.Positions = cut(&r.positions, len(b.positions))
		copy(f.Positions, b.positions)
	}
	if b.mostSpills > 0 {
		b.placeSpills()
	}
	const operands = 0x01010100 // the lowest bit of each
	loop, temp := uint32(b.firstLoop), uint32(b.firstTemp)
	code := f.Code
	for i, in := range b.code[:len(code)] {
		tracks := uint32(in.word >> 32)
		word := uint32(in.word) + tracks&operands*temp + tracks>>1&operands*loop
		to := &code[i]
		to.Op, to.A, to.B, to.X = bytecode.Op(word), uint8(word>>8), uint8(word>>16), uint8(word>>24)
		to.C = in.c
	}
}

// placeSpills gives the registers that keep temporaries and counters aside their numbers.
func (b *body) placeSpills() {
	for i := range b.code[:b.pc] {
		in := &b.code[i]
		op := bytecode.Op(in.word)
		if in.c >= spillTrack && (op == bytecode.OpLoadWide || op == bytecode.OpStoreWide) {
			in.c += int32(b.firstSpill - spillTrack)
		}
	}
}

// bits is a set of variables, by register.
type bits struct {
	first uint64    // the first 63 registers, and all
	more  *[]uint64 // the others; nil where there are none
}

// all is the bit of code that is never reached: everything is set.
const all = 1 << 63

func (s *bits) add(v int) {
	if uint(v) < 63 {
		s.first |= 1 << uint(v)
		return
	}
	s.addMore(v - 63)
}

func (s *bits) addMore(v int) {
	if s.more == nil {
		s.more = new([]uint64)
	}
	for v/64 >= len(*s.more) {
		*s.more = append(*s.more, 0)
	}
	(*s.more)[v/64] |= 1 << (v % 64)
}

func (s *bits) has(v int) bool {
	if uint(v) < 63 {
		return s.first&(1<<uint(v)|all) != 0
	}
	return s.hasMore(v - 63)
}

func (s *bits) hasMore(v int) bool {
	return s.all() || s.more != nil && v/64 < len(*s.more) && (*s.more)[v/64]&(1<<(v%64)) != 0
}

func (s *bits) all() bool { return s.first&all != 0 }

func (s *bits) copy() bits {
	if s.more == nil {
		return *s
	}
	more := slices.Clone(*s.more)
	return bits{s.first, &more}
}

// meet gives what is set whichever of two ways the execution came. Neither of them is
// used any more.
func (s bits) meet(t bits) bits {
	switch {
	case s.all():
		return t
	case t.all():
		return s
	}
	s.first &= t.first
	if s.more == nil || t.more == nil {
		s.more = nil
		return s
	}
	n := min(len(*s.more), len(*t.more))
	*s.more = (*s.more)[:n]
	for i := range n {
		(*s.more)[i] &= (*t.more)[i]
	}
	return s
}
