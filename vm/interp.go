// This file holds the interpreter's loop: the operations that run at full
// speed. What needs more than a few machine instructions is in native.go, what is
// the machine's own in fuse.go.
// docs/bytecode.md describes every operation; what may be relied on is what
// bytecode.Verify holds.

package vm

import (
	"math"
	"unsafe"

	"github.com/avap-framework/avap/bytecode"
)

// window is the direct registers of a frame. Every stack has spare registers after
// its last frame, so that the window never reaches past it: an 8-bit operand needs
// no further check.
type window [bytecode.MaxDirect]Value

func (m *Machine) window(base int) *window {
	return (*window)(m.stack[base : base+bytecode.MaxDirect])
}

// at returns a register. It is &w[i] without the look whether w is nil.
func (w *window) at(i uint8) *Value {
	return (*Value)(unsafe.Add(unsafe.Pointer(w), uintptr(i)*valueSize))
}

// counts reports whether a counted loop goes on, and its variable is an int still. The
// verifier holds that counter and end are the loop's own ints.
func (w *window) counts(loop *word) bool {
	counter := w.at(loop.a)
	end := (*Value)(unsafe.Add(unsafe.Pointer(counter), valueSize))
	return int64(counter.n) < int64(end.n) && w.at(loop.b).IsInt()
}

// count moves such a loop on.
func (w *window) count(loop *word) {
	n := w.at(loop.a).n + 1
	w.at(loop.a).n, w.at(loop.b).n = n, n
}

// setInt writes an int into a register.
//
// The type word is written only where it changes, which spares most writes the
// look at the garbage collector's write barrier. The usual case stands first, so that
// the processor runs on through it: a branch that is taken costs as much as several
// instructions.
func (v *Value) setInt(i int64) {
	if v.p == unsafe.Pointer(&tags[Int]) {
		v.n = uint64(i)
		return
	}
	*v = IntValue(i)
}

// set writes any value, in the same way.
func (v *Value) set(w *Value) {
	if v.p == w.p {
		v.n = w.n
		return
	}
	*v = *w
}

func (v *Value) setFloat(f float64) {
	if v.p == unsafe.Pointer(&tags[Float]) {
		v.n = math.Float64bits(f)
		return
	}
	*v = floatValue(f)
}

func (v *Value) setBool(b bool) {
	v.p = unsafe.Pointer(&tags[Bool])
	v.n = 0
	if b {
		v.n = 1
	}
}

// finite reports whether f is neither infinite nor NaN.
func finite(f float64) bool { return f-f == 0 }

// jumpFuel is what a jump that is taken costs beside its instruction: it takes twice
// the time of a plain one. So the smallest endless loops do not run far longer on
// their instructions than other scripts.
const jumpFuel = 1

// dispatch runs the top frame until the script stops, which is nil, or an
// operation fails. Then the frame's pc is after that operation.
//
// ip points at the next instruction. Fuel is charged for each run of instructions
// between two jumps: budget is the fuel that is left, in bytes of code, plus ip, so
// that it stays the same while ip runs on. A jump moves both.
//
// All that is not the usual case leaves through one of two calls; behind the one that
// may go on elsewhere everything is read back from the machine. So the compiler keeps
// the loop's variables in registers, and has none to save on the way.
func (m *Machine) dispatch() error {
reload:
	fr := &m.frames[len(m.frames)-1]
	regs := m.window(fr.base)
	ip := fr.next()
	budget := int(m.fuel)*wordSize + address(ip)
	var in *word
	for {
		in, ip = ip, ip.behind(1)
		switch in.op {
		case 0: // no operation, but so the compiler's table begins where the numbers do
		case bytecode.OpMove:
			regs.at(in.a).set(regs.at(in.b))
			continue
		case bytecode.OpLoadK:
			regs.at(in.a).set(&fr.code.constants[in.c])
			continue
		case bytecode.OpLoadI:
			regs.at(in.a).setInt(int64(in.c))
			continue
		case bytecode.OpLoadNone:
			*regs.at(in.a) = NoneValue()
			continue
		case bytecode.OpLoadBool:
			regs.at(in.a).setBool(in.b != 0)
			continue
		case bytecode.OpLoadUnset:
			*regs.at(in.a) = Value{}
			continue
		case bytecode.OpLoadWide:
			*regs.at(in.a) = m.stack[fr.base+int(in.c)]
			continue
		case bytecode.OpStoreWide:
			m.stack[fr.base+int(in.c)] = *regs.at(in.a)
			continue
		case bytecode.OpGetGlobal:
			*regs.at(in.a) = m.stack[in.c]
			continue
		case bytecode.OpLoadGlobal:
			if v := m.stack[in.c]; !v.IsUnset() {
				*regs.at(in.a) = v
				continue
			}
		case bytecode.OpSetGlobal:
			m.stack[in.c] = *regs.at(in.a)
			if m.born[in.c] {
				continue
			}
		case bytecode.OpBirth:
			if m.born[in.c] {
				continue
			}
			if n := len(m.births); n < cap(m.births) && m.mem.left >= valueSize {
				m.born[in.c] = true
				m.births = m.births[:n+1]
				m.births[n] = in.c
				m.mem.left -= valueSize
				continue
			}
		case bytecode.OpLog:
			if !m.in.Logs {
				continue
			}
		case bytecode.OpCheck:
			if !regs.at(in.a).IsUnset() {
				continue
			}

		case bytecode.OpAdd:
			goto add
		case bytecode.OpSub:
			a, b := regs.at(in.b), regs.at(in.x)
			if a.IsInt() && b.IsInt() {
				x, y := int64(a.n), int64(b.n)
				if s := x - y; (x^y)&(x^s) >= 0 {
					regs.at(in.a).setInt(s)
					continue
				}
			} else if a.IsFloat() && b.IsFloat() {
				if f := a.Float() - b.Float(); finite(f) {
					regs.at(in.a).setFloat(f)
					continue
				}
			}
		case bytecode.OpMul:
			goto mul
		case bytecode.OpDiv:
			a, b := regs.at(in.b), regs.at(in.x)
			if a.IsFloat() && b.IsFloat() && b.Float() != 0 {
				if f := a.Float() / b.Float(); finite(f) {
					regs.at(in.a).setFloat(f)
					continue
				}
			}
		case bytecode.OpMod:
			goto mod
		case bytecode.OpAddI:
			if a := regs.at(in.b); a.IsInt() {
				x, y := int64(a.n), int64(in.c)
				if s := x + y; (x^s)&(y^s) >= 0 {
					regs.at(in.a).setInt(s)
					continue
				}
			}
		case bytecode.OpSubI:
			if a := regs.at(in.b); a.IsInt() {
				x, y := int64(a.n), int64(in.c)
				if s := x - y; (x^y)&(x^s) >= 0 {
					regs.at(in.a).setInt(s)
					continue
				}
			}
		case bytecode.OpMulI:
			if a := regs.at(in.b); a.IsInt() && fitsHalf(a.n) {
				regs.at(in.a).setInt(int64(a.n) * int64(in.c))
				continue
			}

		case bytecode.OpJump:
			goto jump
		case bytecode.OpJumpTrue:
			if a := regs.at(in.a); a.IsBool() {
				if a.n != 0 {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpFalse:
			if a := regs.at(in.a); a.IsBool() {
				if a.n == 0 {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpSet:
			if !regs.at(in.a).IsUnset() {
				goto jump
			}
			continue
		case bytecode.OpJumpUnset:
			if regs.at(in.a).IsUnset() {
				goto jump
			}
			continue
		case bytecode.OpJumpEq:
			if a, b := regs.at(in.a), regs.at(in.b); a.IsInt() && b.IsInt() {
				if int64(a.n) == int64(b.n) {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpNe:
			if a, b := regs.at(in.a), regs.at(in.b); a.IsInt() && b.IsInt() {
				if int64(a.n) != int64(b.n) {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpLt:
			if a, b := regs.at(in.a), regs.at(in.b); a.IsInt() && b.IsInt() {
				if int64(a.n) < int64(b.n) {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpLe:
			if a, b := regs.at(in.a), regs.at(in.b); a.IsInt() && b.IsInt() {
				if int64(a.n) <= int64(b.n) {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpGt:
			if a, b := regs.at(in.a), regs.at(in.b); a.IsInt() && b.IsInt() {
				if int64(a.n) > int64(b.n) {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpGe:
			if a, b := regs.at(in.a), regs.at(in.b); a.IsInt() && b.IsInt() {
				if int64(a.n) >= int64(b.n) {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpEqI:
			if a := regs.at(in.a); a.IsInt() {
				if int64(a.n) == in.immediate() {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpNeI:
			if a := regs.at(in.a); a.IsInt() {
				if int64(a.n) != in.immediate() {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpLtI:
			if a := regs.at(in.a); a.IsInt() {
				if int64(a.n) < in.immediate() {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpLeI:
			if a := regs.at(in.a); a.IsInt() {
				if int64(a.n) <= in.immediate() {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpGtI:
			if a := regs.at(in.a); a.IsInt() {
				if int64(a.n) > in.immediate() {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpGeI:
			if a := regs.at(in.a); a.IsInt() {
				if int64(a.n) >= in.immediate() {
					goto jump
				}
				continue
			}
			goto native
		case bytecode.OpJumpIf:
			goto compare
		case bytecode.OpForPrep, bytecode.OpIterNext:
			goto native
		case bytecode.OpForLoop:
			if regs.counts(in) {
				regs.count(in)
				goto jump
			}
			if regs.at(in.b).IsInt() {
				continue // it has come to its end
			}
			goto native

		case bytecode.OpIndex:
			if a, b := regs.at(in.b), regs.at(in.x); b.IsInt() && a.Kind() == List {
				if items := a.list().items; b.n < uint64(len(items)) {
					*regs.at(in.a) = items[b.n]
					continue
				}
			}

		case bytecode.OpCall, bytecode.OpCommand:
			goto native
		case bytecode.OpStop:
			if len(m.frames) > 1 || budget < address(ip) {
				goto native
			}
			fr.pc = fr.index(ip)
			m.fuel = int64(budget-address(ip)) >> wordShift
			return nil
		case opCallNear:
			goto call
		case bytecode.OpReturn:
			if fr.result >= 0 {
				goto native
			}
			regs[0] = *regs.at(in.a)
			goto leave
		case bytecode.OpReturnNone:
			if fr.result >= 0 {
				goto native
			}
			regs[0] = NoneValue()
			goto leave

		// Two operations in a row (fuse.go). What is not the usual case of the first
		// runs it alone; where it is not that of a loop, or the fuel is used up, the
		// second follows by itself.
		case opLogMove:
			if !m.in.Logs {
				*regs.at(ip.a) = *regs.at(ip.b)
				ip = ip.behind(1)
				continue
			}
		case opLogLoadK:
			if !m.in.Logs {
				*regs.at(ip.a) = fr.code.constants[ip.c]
				ip = ip.behind(1)
				continue
			}
		case opLogLoadI:
			if !m.in.Logs {
				*regs.at(ip.a) = IntValue(int64(ip.c))
				ip = ip.behind(1)
				continue
			}
		case opAddLoop:
			if a, b := regs.at(in.b), regs.at(in.x); a.IsInt() && b.IsInt() {
				x, y := int64(a.n), int64(b.n)
				if s := x + y; (x^s)&(y^s) >= 0 {
					a.n = uint64(s)
					if regs.counts(ip) && budget-wordSize >= address(ip) {
						regs.count(ip)
						ip, budget = in.jump(budget - wordSize) // which is counted from ip
					}
					continue
				}
			}
			goto add
		case opAddILoop:
			if a := regs.at(in.b); a.IsInt() {
				x, y := int64(a.n), int64(in.c)
				if s := x + y; (x^s)&(y^s) >= 0 {
					a.n = uint64(s)
					if regs.counts(ip) && budget-wordSize >= address(ip) {
						regs.count(ip)
						ip, budget = ip.jump(budget)
					}
					continue
				}
			}
		case opAddReturn:
			a, b := regs.at(in.b), regs.at(in.x)
			if a.IsInt() && b.IsInt() && fr.result < 0 {
				x, y := int64(a.n), int64(b.n)
				if s := x + y; (x^s)&(y^s) >= 0 {
					regs[0].setInt(s)
					ip = ip.behind(1)
					goto leave
				}
			}
			goto add
		case opSubICall:
			if a := regs.at(in.b); a.IsInt() {
				x, y := int64(a.n), int64(in.c)
				if s := x - y; (x^y)&(x^s) >= 0 {
					regs.at(in.a).setInt(s)
					in, ip = ip, ip.behind(1)
					goto call
				}
			}
		case opMulIAdd:
			if a := regs.at(in.b); a.IsInt() && fitsHalf(a.n) {
				regs.at(in.a).setInt(int64(a.n) * int64(in.c))
				in, ip = ip, ip.behind(1)
				goto add
			}
		case opLoadIMod:
			regs.at(in.a).setInt(int64(in.c))
			in, ip = ip, ip.behind(1)
			goto mod
		case opLoadIIf:
			regs.at(in.a).setInt(int64(in.c))
			in, ip = ip, ip.behind(1)
			goto compare
		case opLoadKMul:
			*regs.at(in.a) = fr.code.constants[in.c]
			in, ip = ip, ip.behind(1)
			goto mul
		}

		goto plain

	add:
		{
			a, b := regs.at(in.b), regs.at(in.x)
			if a.IsInt() && b.IsInt() {
				x, y := int64(a.n), int64(b.n)
				if s := x + y; (x^s)&(y^s) >= 0 {
					regs.at(in.a).setInt(s)
					continue
				}
			} else if a.IsFloat() && b.IsFloat() {
				if f := a.Float() + b.Float(); finite(f) {
					regs.at(in.a).setFloat(f)
					continue
				}
			}
		}
		goto plain

	mul:
		{
			a, b := regs.at(in.b), regs.at(in.x)
			if a.IsFloat() && b.IsFloat() {
				if f := a.Float() * b.Float(); finite(f) {
					regs.at(in.a).setFloat(f)
					continue
				}
			} else if a.IsInt() && b.IsInt() && fitsHalf(a.n) && fitsHalf(b.n) {
				regs.at(in.a).setInt(int64(a.n) * int64(b.n))
				continue
			} else if a.IsInt() && b.IsFloat() {
				if f := float64(int64(a.n)) * b.Float(); finite(f) {
					regs.at(in.a).setFloat(f)
					continue
				}
			}
		}
		goto plain

	mod:
		{
			a, b := regs.at(in.b), regs.at(in.x)
			if a.IsInt() && b.IsInt() && int64(a.n) >= 0 && int64(b.n) > 0 {
				regs.at(in.a).setInt(int64(a.n % b.n))
				continue
			}
		}
		goto plain

	compare:
		{
			if a, b := regs.at(in.a), regs.at(in.b); a.IsInt() && b.IsInt() {
				if !compareInts(bytecode.Comparator(in.x), a.Int(), b.Int()) {
					goto jump
				}
				continue
			}
		}
		goto native

	call:
		{
			// The usual call, which takes no more stack than was used before. Only the
			// function's names are made unset: its temporaries are written before they
			// are read, and hold nothing that is not the script's own.
			fn, n := fr.code.function(in.c), len(m.frames)
			base := fr.base + int(in.a)
			if budget < address(ip) || n > m.limits.Depth || n >= cap(m.frames) || base+fn.registers > m.high {
				goto native
			}
			m.frames = m.frames[:n+1]
			f := &m.frames[n]
			if f.fn != fn || f.code != fr.code {
				f.fn, f.code = fn, fr.code
			}
			f.base, f.caps, f.result = base, fr.caps, -1
			fr.pc = fr.index(ip)
			regs = (*window)(unsafe.Pointer(regs.at(in.a)))
			for i := fn.params; i < fn.named; i++ {
				regs[uint8(i)] = Value{}
			}
			fr = f
			budget -= address(ip)
			ip = unsafe.SliceData(fn.code)
			budget += address(ip)
			continue
		}

		// All the rest, and what of the above is not the usual case: operations that
		// go on with the next instruction.
	plain:
		fr.pc = fr.index(ip)
		m.fuel = int64(budget-address(ip)) >> wordShift
		m.mem.op = m.mem.left
		if err := m.native(fr, regs, in); err != nil {
			return err
		}
		fr = &m.frames[len(m.frames)-1] // as before, but it need not be kept meanwhile
		budget = int(m.fuel)<<wordShift + address(ip)
		continue

	native: // those that may go on elsewhere
		fr.pc = fr.index(ip)
		m.fuel = int64(budget-address(ip)) >> wordShift
		m.mem.op = m.mem.left
		if err := m.native(fr, regs, in); err != nil {
			if err == errStop {
				return nil
			}
			return err
		}
		goto reload

	leave: // to the caller
		{
			n := len(m.frames) - 1
			m.frames = m.frames[:n]
			fr = &m.frames[n-1]
			regs = m.window(fr.base)
			budget -= address(ip)
			ip = fr.next()
			budget += address(ip)
			continue
		}

	jump:
		if budget < address(ip) {
			in = &refuelling
			goto native
		}
		ip, budget = in.jump(budget)
	}
}

// jump returns where a jump leads, and what is left of the budget then.
func (w *word) jump(budget int) (*word, int) {
	way := int(w.c)
	return (*word)(unsafe.Add(unsafe.Pointer(w), way)), budget + way - (1+jumpFuel)*wordSize
}

// fitsHalf reports whether the int in n fits 32 bits, so that a product of two
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
