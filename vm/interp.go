// This file holds the interpreter's loop: the operations that run at full
// speed. What needs more than a few machine instructions is in native.go.
// docs/bytecode.md describes every operation; what may be relied on is what
// bytecode.Verify holds.

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

// jumpFuel is what a jump that is taken costs beside its instruction: it takes twice
// the time of a plain one. So the smallest endless loops do not run far longer on
// their instructions than other scripts.
const jumpFuel = 1

// dispatch runs the top frame until the script stops, which is nil, or an
// operation fails. Then the frame's pc is behind that operation.
//
// Fuel is charged for each run of instructions between two jumps. budget is the
// fuel that is left plus pc, so that it stays the same while pc runs on: a jump
// moves both.
//
// There are few calls, and pc is read back from the frame behind them, so that the
// compiler can keep the loop's variables in registers.
func (m *Machine) dispatch() error {
	for {
		fr := &m.frames[len(m.frames)-1]
		code := unsafe.Pointer(unsafe.SliceData(fr.fn.code))
		regs := m.window(fr.base)
		pc := fr.pc
		budget := int(m.fuel) + pc
		for {
			in := *(*word)(unsafe.Add(code, pc*8))
			pc++
			switch in.op() {
			case bytecode.OpMove:
				regs[in.a()] = regs[in.b()]
				continue
			case bytecode.OpLoadK:
				regs[in.a()] = fr.code.constants[in.c()]
				continue
			case bytecode.OpLoadI:
				regs[in.a()].setInt(int64(in.c()))
				continue
			case bytecode.OpLoadNone:
				regs[in.a()] = NoneValue()
				continue
			case bytecode.OpLoadBool:
				regs[in.a()].setBool(in.b() != 0)
				continue
			case bytecode.OpLoadUnset:
				regs[in.a()] = Value{}
				continue
			case bytecode.OpLoadWide:
				regs[in.a()] = m.stack[fr.base+int(in.c())]
				continue
			case bytecode.OpStoreWide:
				m.stack[fr.base+int(in.c())] = regs[in.a()]
				continue
			case bytecode.OpGetGlobal:
				regs[in.a()] = m.stack[in.c()]
				continue
			case bytecode.OpLoadGlobal:
				if v := m.stack[in.c()]; !v.IsUnset() {
					regs[in.a()] = v
					continue
				}
			case bytecode.OpSetGlobal:
				m.stack[in.c()] = regs[in.a()]
				if m.born[in.c()] {
					continue
				}
			case bytecode.OpBirth:
				if m.born[in.c()] {
					continue
				}
				if n := len(m.births); n < cap(m.births) && m.mem.left >= valueSize {
					m.born[in.c()] = true
					m.births = m.births[:n+1]
					m.births[n] = in.c()
					m.mem.left -= valueSize
					continue
				}
			case bytecode.OpLog:
				if !m.in.Logs {
					continue
				}
			case bytecode.OpCheck:
				if !regs[in.a()].IsUnset() {
					continue
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
				} else if a.IsInt() && b.IsFloat() {
					if f := float64(int64(a.n)) * b.Float(); finite(f) {
						regs[in.a()].setFloat(f)
						continue
					}
				}
			case bytecode.OpDiv:
				a, b := &regs[in.b()], &regs[in.x()]
				if a.IsFloat() && b.IsFloat() && b.Float() != 0 {
					if f := a.Float() / b.Float(); finite(f) {
						regs[in.a()].setFloat(f)
						continue
					}
				}
			case bytecode.OpMod:
				a, b := &regs[in.b()], &regs[in.x()]
				if a.IsInt() && b.IsInt() && int64(a.n) >= 0 && int64(b.n) > 0 {
					regs[in.a()].setInt(int64(a.n % b.n))
					continue
				}
			case bytecode.OpAddI:
				if a := &regs[in.b()]; a.IsInt() {
					x, y := int64(a.n), int64(in.c())
					if s := x + y; (s > x) == (y > 0) {
						regs[in.a()].setInt(s)
						continue
					}
				}
			case bytecode.OpSubI:
				if a := &regs[in.b()]; a.IsInt() {
					x, y := int64(a.n), int64(in.c())
					if s := x - y; (s < x) == (y > 0) {
						regs[in.a()].setInt(s)
						continue
					}
				}
			case bytecode.OpMulI:
				if a := &regs[in.b()]; a.IsInt() && fitsHalf(a.n) {
					regs[in.a()].setInt(int64(a.n) * int64(in.c()))
					continue
				}

			case bytecode.OpJump:
				goto jump
			case bytecode.OpJumpTrue:
				if a := &regs[in.a()]; a.IsBool() {
					if a.n != 0 {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpFalse:
				if a := &regs[in.a()]; a.IsBool() {
					if a.n == 0 {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpSet:
				if !regs[in.a()].IsUnset() {
					goto jump
				}
				continue
			case bytecode.OpJumpUnset:
				if regs[in.a()].IsUnset() {
					goto jump
				}
				continue
			case bytecode.OpJumpEq:
				if a, b := &regs[in.a()], &regs[in.b()]; a.IsInt() && b.IsInt() {
					if int64(a.n) == int64(b.n) {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpNe:
				if a, b := &regs[in.a()], &regs[in.b()]; a.IsInt() && b.IsInt() {
					if int64(a.n) != int64(b.n) {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpLt:
				if a, b := &regs[in.a()], &regs[in.b()]; a.IsInt() && b.IsInt() {
					if int64(a.n) < int64(b.n) {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpLe:
				if a, b := &regs[in.a()], &regs[in.b()]; a.IsInt() && b.IsInt() {
					if int64(a.n) <= int64(b.n) {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpGt:
				if a, b := &regs[in.a()], &regs[in.b()]; a.IsInt() && b.IsInt() {
					if int64(a.n) > int64(b.n) {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpGe:
				if a, b := &regs[in.a()], &regs[in.b()]; a.IsInt() && b.IsInt() {
					if int64(a.n) >= int64(b.n) {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpEqI:
				if a := &regs[in.a()]; a.IsInt() {
					if int64(a.n) == immediate(in) {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpNeI:
				if a := &regs[in.a()]; a.IsInt() {
					if int64(a.n) != immediate(in) {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpLtI:
				if a := &regs[in.a()]; a.IsInt() {
					if int64(a.n) < immediate(in) {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpLeI:
				if a := &regs[in.a()]; a.IsInt() {
					if int64(a.n) <= immediate(in) {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpGtI:
				if a := &regs[in.a()]; a.IsInt() {
					if int64(a.n) > immediate(in) {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpGeI:
				if a := &regs[in.a()]; a.IsInt() {
					if int64(a.n) >= immediate(in) {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpJumpIf:
				if a, b := &regs[in.a()], &regs[in.b()]; a.IsInt() && b.IsInt() {
					if !compareInts(bytecode.Comparator(in.x()), a.Int(), b.Int()) {
						goto jump
					}
					continue
				}
				goto test
			case bytecode.OpForPrep, bytecode.OpIterNext:
				goto test
			case bytecode.OpForLoop:
				goto count

			case bytecode.OpIndex:
				if a, b := &regs[in.b()], &regs[in.x()]; b.IsInt() && a.Kind() == List {
					if items := a.list().items; b.n < uint64(len(items)) {
						regs[in.a()] = items[b.n]
						continue
					}
				}

			case bytecode.OpCall:
				fr.pc = pc
				m.fuel = int64(budget - pc)
				if err := m.call(fr, in); err != nil {
					return err
				}
				goto frame
			case bytecode.OpReturn:
				m.fuel = int64(budget - pc)
				m.leave(regs[in.a()])
				goto frame
			case bytecode.OpReturnNone:
				m.fuel = int64(budget - pc)
				m.leave(NoneValue())
				goto frame
			case bytecode.OpCommand:
				fr.pc = pc
				m.fuel = int64(budget - pc)
				if err := m.command(fr, in); err != nil {
					return err
				}
				goto frame
			case bytecode.OpStop:
				fr.pc = pc
				m.fuel = int64(budget - pc)
				if len(m.frames) == 1 {
					return m.Work(0)
				}
				m.leaveDefinition()
				goto frame
			}

			// All the rest, and what of the above is not the usual case.
			fr.pc = pc
			m.fuel = int64(budget - pc)
			m.mem.op = m.mem.left
			if err := m.native(fr, regs, in); err != nil {
				return err
			}
			pc = fr.pc
			budget = int(m.fuel) + pc
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

		test: // whether to jump is a longer story
			fr.pc = pc
			m.fuel = int64(budget - pc)
			m.mem.op = m.mem.left
			if yes, err := m.test(regs, in); err != nil {
				return err
			} else if !yes {
				pc = fr.pc
				budget = int(m.fuel) + pc
				continue
			}
			pc = fr.pc
			budget = int(m.fuel) + pc
			in = *(*word)(unsafe.Add(code, (pc-1)*8))

		jump:
			if budget < pc {
				fr.pc = pc
				m.fuel = int64(budget - pc)
				m.mem.op = m.mem.left
				if err := m.refuel(); err != nil {
					return err
				}
				pc = fr.pc
				budget = int(m.fuel) + pc
				in = *(*word)(unsafe.Add(code, (pc-1)*8))
			}
			budget += int(in.c()) - pc - jumpFuel
			pc = int(in.c())
		}
	frame: // the top frame has changed
	}
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
