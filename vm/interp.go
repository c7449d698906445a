// This file holds the interpreter's loop. docs/bytecode.md describes every
// operation; what may be relied on is what bytecode.Verify holds.

package vm

import (
	"math"
	"unsafe"

	"github.com/avap-framework/avap/bytecode"
)

// window gives the registers of a frame. Every stack has spare registers behind its
// last frame, so that the window never reaches past it: an 8-bit operand needs
// no further check.
func (m *Machine) window(base int) *[bytecode.MaxDirect]Value {
	return (*[bytecode.MaxDirect]Value)(m.stack[base : base+bytecode.MaxDirect])
}

// setInt writes an int into a register.
//
// The type word is written only where it changes, which spares most writes the
// look at the garbage collector's write barrier.
func (v *Value) setInt(i int64) {
	if v.p != unsafe.Pointer(&tags[Int]) {
		v.p = unsafe.Pointer(&tags[Int])
	}
	v.n = uint64(i)
}

func (v *Value) setFloat(f float64) {
	if v.p != unsafe.Pointer(&tags[Float]) {
		v.p = unsafe.Pointer(&tags[Float])
	}
	v.n = math.Float64bits(f)
}

func (v *Value) setBool(b bool) {
	v.p = unsafe.Pointer(&tags[Bool])
	v.n = 0
	if b {
		v.n = 1
	}
}

// finite tells whether f is neither infinite nor NaN.
func finite(f float64) bool { return f-f == 0 }

// immediate gives the 16-bit operand of the comparing jumps.
func immediate(in word) int64 { return int64(int16(in >> 16)) }

// word is an instruction as the machine keeps it: operation, A, B and X in the low
// four bytes, C in the high half.
type word uint64

func makeWord(in bytecode.Instr) word {
	return word(in.Op) | word(in.A)<<8 | word(in.B)<<16 | word(in.X)<<24 | word(uint32(in.C))<<32
}

func (w word) op() bytecode.Op { return bytecode.Op(w) }
func (w word) a() uint8        { return uint8(w >> 8) }
func (w word) b() uint8        { return uint8(w >> 16) }
func (w word) x() uint8        { return uint8(w >> 24) }
func (w word) c() int32        { return int32(w >> 32) }

// dispatch runs the top frame until the script stops, which is nil, or an
// operation fails. Then the frame's pc is behind that operation.
//
// Fuel is charged for each run of instructions between two jumps: seg is where
// the present run began.
func (m *Machine) dispatch() error {
	var (
		err error
		pc  int
		seg int
	)
frames:
	for {
		// What belongs to a frame is set here and nowhere else, so that the compiler
		// keeps it in registers throughout the loop below.
		fr := &m.frames[len(m.frames)-1]
		code := unsafe.Pointer(unsafe.SliceData(fr.fn.code))
		regs := m.window(fr.base)
		pc = fr.pc
		seg = pc
		for {
			var v Value
			var ok bool
			in := *(*word)(unsafe.Add(code, pc*8))
			pc++
			switch in.op() {
			case bytecode.OpMove:
				regs[in.a()] = regs[in.b()]
			case bytecode.OpLoadK:
				regs[in.a()] = fr.code.constants[in.c()]
			case bytecode.OpLoadI:
				regs[in.a()].setInt(int64(in.c()))
			case bytecode.OpLoadNone:
				regs[in.a()] = NoneValue()
			case bytecode.OpLoadBool:
				regs[in.a()].setBool(in.b() != 0)
			case bytecode.OpLoadUnset:
				regs[in.a()] = Value{}
			case bytecode.OpLoadWide:
				regs[in.a()] = m.stack[fr.base+int(in.c())]
			case bytecode.OpStoreWide:
				m.stack[fr.base+int(in.c())] = regs[in.a()]
			case bytecode.OpGetGlobal:
				regs[in.a()] = m.stack[in.c()]
			case bytecode.OpLoadGlobal:
				if m.stack[in.c()].IsUnset() {
					err = Errorf(CodeName, "name %s is not set", fr.code.program.Globals[in.c()])
					goto fail
				}
				regs[in.a()] = m.stack[in.c()]
			case bytecode.OpSetGlobal:
				m.stack[in.c()] = regs[in.a()]
				if !m.born[in.c()] {
					m.mem.op = m.mem.left
					if err = m.birth(in.c()); err != nil {
						goto fail
					}
				}
			case bytecode.OpBirth:
				if !m.born[in.c()] {
					m.mem.op = m.mem.left
					if err = m.birth(in.c()); err != nil {
						goto fail
					}
				}
			case bytecode.OpClear:
				clear(regs[in.a():in.b()])
			case bytecode.OpCheck:
				if regs[in.a()].IsUnset() {
					err = Errorf(CodeName, "name %s is not set", fr.code.constants[in.c()].str())
					goto fail
				}

			case bytecode.OpAdd:
				a, b := &regs[in.b()], &regs[in.x()]
				if a.IsInt() && b.IsInt() {
					x, y := int64(a.n), int64(b.n)
					if s := x + y; (s > x) == (y > 0) {
						regs[in.a()].setInt(s)
						goto loop
					}
				} else if a.IsFloat() && b.IsFloat() {
					if f := a.Float() + b.Float(); finite(f) {
						regs[in.a()].setFloat(f)
						continue
					}
				}
				m.mem.op = m.mem.left
				if v, err = m.add(*a, *b); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpSub:
				a, b := &regs[in.b()], &regs[in.x()]
				if a.IsInt() && b.IsInt() {
					x, y := int64(a.n), int64(b.n)
					if s := x - y; (s < x) == (y > 0) {
						regs[in.a()].setInt(s)
						continue
					}
				} else if a.IsFloat() && b.IsFloat() {
					if f := a.Float() - b.Float(); finite(f) {
						regs[in.a()].setFloat(f)
						continue
					}
				}
				m.mem.op = m.mem.left
				if v, err = m.sub(*a, *b); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpMul:
				a, b := &regs[in.b()], &regs[in.x()]
				if a.IsFloat() && b.IsFloat() {
					if f := a.Float() * b.Float(); finite(f) {
						regs[in.a()].setFloat(f)
						continue
					}
				} else if a.IsInt() && b.IsInt() && fitsHalf(a.n) && fitsHalf(b.n) {
					regs[in.a()].setInt(int64(a.n) * int64(b.n))
					continue
				}
				m.mem.op = m.mem.left
				if v, err = m.mul(*a, *b); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpDiv:
				a, b := &regs[in.b()], &regs[in.x()]
				if a.IsFloat() && b.IsFloat() && b.Float() != 0 {
					if f := a.Float() / b.Float(); finite(f) {
						regs[in.a()].setFloat(f)
						continue
					}
				}
				m.mem.op = m.mem.left
				if v, err = m.div(*a, *b); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpFloorDiv:
				m.mem.op = m.mem.left
				if v, err = m.floorDiv(regs[in.b()], regs[in.x()]); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpMod:
				a, b := &regs[in.b()], &regs[in.x()]
				if a.IsInt() && b.IsInt() && int64(a.n) >= 0 && int64(b.n) > 0 {
					regs[in.a()].setInt(int64(a.n % b.n))
					continue
				}
				m.mem.op = m.mem.left
				if v, err = m.mod(*a, *b); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpPow:
				m.mem.op = m.mem.left
				if v, err = m.pow(regs[in.b()], regs[in.x()]); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpAddI:
				a := &regs[in.b()]
				if a.IsInt() {
					x, y := int64(a.n), int64(in.c())
					if s := x + y; (s > x) == (y > 0) {
						regs[in.a()].setInt(s)
						continue
					}
				}
				m.mem.op = m.mem.left
				if v, err = m.add(*a, IntValue(int64(in.c()))); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpSubI:
				a := &regs[in.b()]
				if a.IsInt() {
					x, y := int64(a.n), int64(in.c())
					if s := x - y; (s < x) == (y > 0) {
						regs[in.a()].setInt(s)
						continue
					}
				}
				m.mem.op = m.mem.left
				if v, err = m.sub(*a, IntValue(int64(in.c()))); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpMulI:
				a := &regs[in.b()]
				if a.IsInt() && fitsHalf(a.n) {
					regs[in.a()].setInt(int64(a.n) * int64(in.c()))
					continue
				}
				m.mem.op = m.mem.left
				if v, err = m.mul(*a, IntValue(int64(in.c()))); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpNeg:
				if v, err = m.neg(regs[in.b()]); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpNot:
				regs[in.a()].setBool(!truth(regs[in.b()]))

			case bytecode.OpEq, bytecode.OpNe:
				if ok, err = m.equal(regs[in.b()], regs[in.x()]); err != nil {
					goto fail
				}
				regs[in.a()].setBool(ok == (in.op() == bytecode.OpEq))
			case bytecode.OpLt, bytecode.OpLe, bytecode.OpGt, bytecode.OpGe:
				if ok, err = m.order(in.op(), regs[in.b()], regs[in.x()]); err != nil {
					goto fail
				}
				regs[in.a()].setBool(ok)
			case bytecode.OpIn, bytecode.OpNotIn:
				m.mem.op = m.mem.left
				if ok, err = m.contains(regs[in.b()], regs[in.x()]); err != nil {
					goto fail
				}
				regs[in.a()].setBool(ok == (in.op() == bytecode.OpIn))
			case bytecode.OpIs, bytecode.OpIsNot:
				if ok, err = m.identical(regs[in.b()], regs[in.x()]); err != nil {
					goto fail
				}
				regs[in.a()].setBool(ok == (in.op() == bytecode.OpIs))

			case bytecode.OpJump:
				goto jump
			case bytecode.OpJumpTrue:
				if a := &regs[in.a()]; a.IsBool() && a.n != 0 || !a.IsBool() && truth(*a) {
					goto jump
				}
			case bytecode.OpJumpFalse:
				if a := &regs[in.a()]; a.IsBool() && a.n == 0 || !a.IsBool() && !truth(*a) {
					goto jump
				}
			case bytecode.OpJumpSet:
				if !regs[in.a()].IsUnset() {
					goto jump
				}
			case bytecode.OpJumpUnset:
				if regs[in.a()].IsUnset() {
					goto jump
				}
			case bytecode.OpJumpEq, bytecode.OpJumpNe:
				a, b := &regs[in.a()], &regs[in.b()]
				if a.IsInt() && b.IsInt() {
					ok = a.n == b.n
				} else if ok, err = m.equal(*a, *b); err != nil {
					goto fail
				}
				if ok == (in.op() == bytecode.OpJumpEq) {
					goto jump
				}
			case bytecode.OpJumpLt:
				a, b := &regs[in.a()], &regs[in.b()]
				if a.IsInt() && b.IsInt() {
					ok = int64(a.n) < int64(b.n)
				} else if ok, err = m.order(bytecode.OpLt, *a, *b); err != nil {
					goto fail
				}
				if ok {
					goto jump
				}
			case bytecode.OpJumpLe:
				a, b := &regs[in.a()], &regs[in.b()]
				if a.IsInt() && b.IsInt() {
					ok = int64(a.n) <= int64(b.n)
				} else if ok, err = m.order(bytecode.OpLe, *a, *b); err != nil {
					goto fail
				}
				if ok {
					goto jump
				}
			case bytecode.OpJumpGt:
				a, b := &regs[in.a()], &regs[in.b()]
				if a.IsInt() && b.IsInt() {
					ok = int64(a.n) > int64(b.n)
				} else if ok, err = m.order(bytecode.OpGt, *a, *b); err != nil {
					goto fail
				}
				if ok {
					goto jump
				}
			case bytecode.OpJumpGe:
				a, b := &regs[in.a()], &regs[in.b()]
				if a.IsInt() && b.IsInt() {
					ok = int64(a.n) >= int64(b.n)
				} else if ok, err = m.order(bytecode.OpGe, *a, *b); err != nil {
					goto fail
				}
				if ok {
					goto jump
				}
			case bytecode.OpJumpEqI, bytecode.OpJumpNeI:
				a := &regs[in.a()]
				if a.IsInt() {
					ok = int64(a.n) == immediate(in)
				} else if ok, err = m.equal(*a, IntValue(immediate(in))); err != nil {
					goto fail
				}
				if ok == (in.op() == bytecode.OpJumpEqI) {
					goto jump
				}
			case bytecode.OpJumpLtI:
				a := &regs[in.a()]
				if a.IsInt() {
					ok = int64(a.n) < immediate(in)
				} else if ok, err = m.order(bytecode.OpLt, *a, IntValue(immediate(in))); err != nil {
					goto fail
				}
				if ok {
					goto jump
				}
			case bytecode.OpJumpLeI:
				a := &regs[in.a()]
				if a.IsInt() {
					ok = int64(a.n) <= immediate(in)
				} else if ok, err = m.order(bytecode.OpLe, *a, IntValue(immediate(in))); err != nil {
					goto fail
				}
				if ok {
					goto jump
				}
			case bytecode.OpJumpGtI:
				a := &regs[in.a()]
				if a.IsInt() {
					ok = int64(a.n) > immediate(in)
				} else if ok, err = m.order(bytecode.OpGt, *a, IntValue(immediate(in))); err != nil {
					goto fail
				}
				if ok {
					goto jump
				}
			case bytecode.OpJumpGeI:
				a := &regs[in.a()]
				if a.IsInt() {
					ok = int64(a.n) >= immediate(in)
				} else if ok, err = m.order(bytecode.OpGe, *a, IntValue(immediate(in))); err != nil {
					goto fail
				}
				if ok {
					goto jump
				}
			case bytecode.OpJumpIf:
				if a, b := &regs[in.a()], &regs[in.b()]; a.IsInt() && b.IsInt() {
					if !compareInts(bytecode.Comparator(in.x()), a.Int(), b.Int()) {
						goto jump
					}
					continue
				}
				m.mem.op = m.mem.left
				if ok, err = m.ifCompare(bytecode.Comparator(in.x()), regs[in.a()], regs[in.b()]); err != nil {
					goto fail
				}
				if !ok {
					goto jump
				}

			case bytecode.OpForPrep:
				var from, to int64
				if from, err = wholeNumber(regs[in.x()]); err != nil {
					goto fail
				}
				if to, err = wholeNumber(regs[in.x()+1]); err != nil {
					goto fail
				}
				regs[in.a()].setInt(from)
				regs[in.a()+1].setInt(to)
				if from > to {
					goto jump
				}
				regs[in.b()].setInt(from)
			case bytecode.OpForLoop:
				goto count
			case bytecode.OpIter:
				m.mem.op = m.mem.left
				if v, err = m.iter(regs[in.b()]); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpIterNext:
				m.mem.op = m.mem.left
				if regs[in.a()].Kind() != iterator {
					err = typeErrorf("an iterator is wanted, not %s", regs[in.a()].Kind())
					goto fail
				}
				if v, ok, err = m.next(regs[in.a()]); err != nil {
					goto fail
				}
				if !ok {
					goto jump
				}
				regs[in.b()] = v
			case bytecode.OpUnpack:
				m.mem.op = m.mem.left
				at := fr.base + int(in.a())
				if err = m.unpack(regs[in.b()], m.stack[at:at+int(in.x())]); err != nil {
					goto fail
				}

			case bytecode.OpCall:
				m.fuel -= int64(pc - seg)
				seg = pc
				if m.fuel < 0 {
					if err = m.refuel(); err != nil {
						goto fail
					}
				}
				fr.pc = pc
				if m.enterFast(fr, &fr.code.functions[in.c()], fr.base+int(in.a())) {
					continue frames
				}
				m.mem.op = m.mem.left
				if err = m.enter(fr.code, &fr.code.functions[in.c()], fr.base+int(in.a()), int(in.b()), fr.caps); err != nil {
					goto fail
				}
				continue frames
			case bytecode.OpReturn:
				v = regs[in.a()]
				m.fuel -= int64(pc - seg)
				m.leave(v)
				continue frames
			case bytecode.OpReturnNone:
				m.fuel -= int64(pc - seg)
				m.leave(NoneValue())
				continue frames
			case bytecode.OpBuiltin:
				m.mem.op = m.mem.left
				at := fr.base + int(in.a())
				if v, err = m.callBuiltin(int(in.c()), m.stack[at:at+int(in.b())], nil); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpBuiltinKw:
				m.mem.op = m.mem.left
				at, site := fr.base+int(in.a()), &fr.code.program.Sites[in.c()]
				if v, err = m.callBuiltin(int(site.Target), m.stack[at:at+int(in.b())], site.Keywords); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpMethod:
				m.mem.op = m.mem.left
				at := fr.base + int(in.a())
				if v, err = m.callMethod(int(in.c()), m.stack[at:at+int(in.b())], nil); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpMethodKw:
				m.mem.op = m.mem.left
				at, site := fr.base+int(in.a()), &fr.code.program.Sites[in.c()]
				if v, err = m.callMethod(int(site.Target), m.stack[at:at+int(in.b())], site.Keywords); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpCommand:
				m.fuel -= int64(pc - seg)
				seg = pc
				if m.fuel < 0 {
					if err = m.refuel(); err != nil {
						goto fail
					}
				}
				fr.pc = pc
				m.mem.op = m.mem.left
				if ok, err = m.command(in.c(), fr.base+int(in.a()), int(in.b())); err != nil {
					goto fail
				}
				if ok {
					continue frames
				}
			case bytecode.OpStop:
				m.fuel -= int64(pc - seg)
				seg = pc
				fr.pc = pc
				if len(m.frames) == 1 {
					if m.fuel < 0 {
						if err = m.refuel(); err != nil {
							goto fail
						}
					}
					return nil
				}
				m.leaveDefinition()
				continue frames

			case bytecode.OpList:
				m.mem.op = m.mem.left
				at := fr.base + int(in.b())
				if v, err = m.makeList(m.stack[at:at+int(in.x())], int(in.c())); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpTuple:
				m.mem.op = m.mem.left
				at := fr.base + int(in.b())
				if v, err = m.makeList(m.stack[at:at+int(in.c())], 0); err != nil {
					goto fail
				}
				regs[in.a()] = tupleValue(v.list())
			case bytecode.OpDict:
				var d *dict
				m.mem.op = m.mem.left
				if d, err = m.newDict(int(in.c())); err != nil {
					goto fail
				}
				regs[in.a()] = dictValue(d)
			case bytecode.OpAppend:
				m.mem.op = m.mem.left
				if err = m.appendTo(regs[in.a()], regs[in.b()]); err != nil {
					goto fail
				}
			case bytecode.OpIndex:
				a, b := &regs[in.b()], &regs[in.x()]
				if b.IsInt() && a.Kind() == List {
					if items := a.list().items; b.n < uint64(len(items)) {
						regs[in.a()] = items[b.n]
						continue
					}
				}
				m.mem.op = m.mem.left
				if v, err = m.index(*a, *b); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpSetIndex:
				m.mem.op = m.mem.left
				if err = m.setIndex(regs[in.a()], regs[in.b()], regs[in.x()]); err != nil {
					goto fail
				}
			case bytecode.OpSlice:
				m.mem.op = m.mem.left
				if v, err = m.slice(regs[in.b()], regs[in.x()], regs[in.x()+1], regs[in.x()+2]); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpAttr:
				m.mem.op = m.mem.left
				if v, err = m.attr(regs[in.b()], fr.code.constants[in.c()]); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpSetAttr:
				m.mem.op = m.mem.left
				if err = m.setAttr(regs[in.a()], fr.code.constants[in.c()], regs[in.b()]); err != nil {
					goto fail
				}
			case bytecode.OpTuplify:
				if v = regs[in.b()]; v.Kind() != List {
					err = typeErrorf("a list is wanted, not %s", v.Kind())
					goto fail
				}
				m.mem.op = m.mem.left
				if v, err = m.makeList(v.list().items, 0); err != nil {
					goto fail
				}
				regs[in.a()] = tupleValue(v.list())

			case bytecode.OpConcat:
				m.mem.op = m.mem.left
				at := fr.base + int(in.b())
				if v, err = m.concat(m.stack[at : at+int(in.c())]); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpJoin:
				m.mem.op = m.mem.left
				at := fr.base + int(in.b())
				if v, err = m.join(m.stack[at : at+int(in.c())]); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpSplice:
				m.mem.op = m.mem.left
				at := fr.base + int(in.b())
				if v, err = m.makeList(m.stack[at:at+int(in.c())], 0); err != nil {
					goto fail
				}
				regs[in.a()] = spliceValue(v.list())

			case bytecode.OpExport:
				m.mem.op = m.mem.left
				if err = m.export(fr.code.constants[in.c()].str(), regs[in.a()]); err != nil {
					goto fail
				}
			case bytecode.OpParam:
				m.mem.op = m.mem.left
				if v, err = m.param(regs[in.b()]); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpQueryList:
				m.mem.op = m.mem.left
				if v, err = m.queryList(); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpPush:
				m.mem.op = m.mem.left
				if v, err = m.pushOnto(regs[in.a()], regs[in.b()]); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpPut:
				m.mem.op = m.mem.left
				if v, err = m.putInto(regs[in.a()], regs[in.b()], regs[in.x()]); err != nil {
					goto fail
				}
				regs[in.a()] = v
			case bytecode.OpLog:
				if m.in.Logs {
					m.mem.op = m.mem.left
					if err = m.beginLog(fr.code.program.Logs[in.c()]); err != nil {
						goto fail
					}
				}
			case bytecode.OpRaise:
				err = &Error{Code: ErrorCode(bytecode.Codes[in.b()]), Msg: fr.code.constants[in.c()].str()}
				goto fail
			case bytecode.OpLastError:
				regs[in.a()] = m.caught
			default:
				err = Errorf(CodeIntegrity, "operation %d is not known", in.op())
				goto fail
			}
			continue

		loop: // often the end of a counted loop comes next: that spares a dispatch
			in = *(*word)(unsafe.Add(code, pc*8))
			if in.op() != bytecode.OpForLoop {
				continue
			}
			pc++

		count:
			// The verifier holds that these two registers are the loop's own ints.
			if n := int64(regs[in.a()].n); n < int64(regs[in.a()+1].n) {
				regs[in.a()].n = uint64(n + 1)
				regs[in.b()].setInt(n + 1)
				goto jump
			}
			continue

		jump:
			m.fuel -= int64(pc - seg)
			if m.fuel < 0 {
				seg = pc
				m.mem.op = m.mem.left
				if err = m.refuel(); err != nil {
					goto fail
				}
			}
			pc = int(in.c())
			seg = pc
		}
	}
fail:
	m.fuel -= int64(pc - seg)
	m.frames[len(m.frames)-1].pc = pc
	return err
}

// fitsHalf tells whether the int in n fits 32 bits, so that a product of two
// such fits 64.
func fitsHalf(n uint64) bool { return int64(int32(n)) == int64(n) }

func compareInts(c bytecode.Comparator, a, b int64) bool {
	switch c {
	case bytecode.CmpEq:
		return a == b
	case bytecode.CmpNe:
		return a != b
	case bytecode.CmpLt:
		return a < b
	case bytecode.CmpGt:
		return a > b
	case bytecode.CmpLe:
		return a <= b
	default:
		return a >= b
	}
}

// wholeNumber gives the bound of a counted loop.
func wholeNumber(v Value) (int64, error) {
	n := v
	if v.Kind() == String {
		if read, ok := readNumber(v.str()); ok {
			n = read
		}
	}
	switch n.Kind() {
	case Int:
		return n.Int(), nil
	case Float:
		if f := n.Float(); f == math.Trunc(f) && math.Abs(f) < 1<<63 {
			return int64(f), nil
		}
	}
	return 0, typeErrorf("a loop's bound must be a whole number, not %s", clip(v))
}

// makeList makes a list of values, with room for at least room.
func (m *Machine) makeList(vs []Value, room int) (Value, error) {
	l, err := m.newList(max(len(vs), room))
	if err != nil {
		return Value{}, err
	}
	l.items = append(l.items, vs...)
	return listValue(l), m.Work(len(vs) / 16)
}

// join is concat with the text of None written out. It changes vs.
func (m *Machine) join(vs []Value) (Value, error) {
	for i, v := range vs {
		if v.IsNone() {
			vs[i] = noneText
		}
	}
	return m.concat(vs)
}

func (m *Machine) appendTo(l, v Value) error {
	if l.Kind() != List {
		return typeErrorf("a list is wanted, not %s", l.Kind())
	}
	return m.push(l.list(), v)
}

// pushOnto is variableToList: target with v appended, or a new list.
func (m *Machine) pushOnto(target, v Value) (Value, error) {
	switch target.Kind() {
	case Unset, None:
		return m.makeList([]Value{v}, 4)
	case List:
		return target, m.push(target.list(), v)
	}
	return Value{}, typeErrorf("variableToList appends to a list, not to %s", target.Kind())
}

// putInto is AddvariableToJSON: target with the key set, or a new dict.
func (m *Machine) putInto(target, key, v Value) (Value, error) {
	switch target.Kind() {
	case Unset, None:
		d, err := m.newDict(4)
		if err != nil {
			return Value{}, err
		}
		return dictValue(d), d.set(m, key, v)
	case Dict:
		return target, target.dict().set(m, key, v)
	}
	return Value{}, typeErrorf("AddvariableToJSON sets a key of a dict, not of %s", target.Kind())
}

func spliceValue(l *list) Value { return Value{unsafe.Pointer(l), uint64(splice) << kindShift} }

// clip gives a short form of a value for a message.
func clip(v Value) string {
	switch v.Kind() {
	case String:
		return "text " + clipText(v.str())
	case Float:
		return string(appendFloat(nil, v.Float()))
	}
	return v.Kind().String()
}

// clipText quotes a text for a message, cut to a bearable length.
func clipText(s string) string {
	const most = 80
	runes := 0
	for i := range s {
		if runes++; runes > most {
			return "'" + s[:i] + "…'"
		}
	}
	return "'" + s + "'"
}
