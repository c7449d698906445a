// This file holds the operations that are more than a few machine instructions,
// and the unusual cases of those that are not.

package vm

import (
	"errors"

	"github.com/avap-framework/avap/bytecode"
)

// native runs one operation of the top frame, whose registers are regs. errStop is
// the end of the script.
func (m *Machine) native(fr *frame, regs *window, in *word) (err error) {
	var v Value
	switch in.op {
	case bytecode.OpLog, opLogMove, opLogLoadK, opLogLoadI: // most frequent of all
		return m.beginLog(&fr.code.logs[in.c])
	// Operations that write R[A].
	case bytecode.OpAdd, opAddLoop, opAddReturn:
		v, err = m.add(regs[in.b], regs[in.x])
	case bytecode.OpSub:
		v, err = m.sub(regs[in.b], regs[in.x])
	case bytecode.OpMul:
		v, err = m.mul(regs[in.b], regs[in.x])
	case bytecode.OpDiv:
		v, err = m.div(regs[in.b], regs[in.x])
	case bytecode.OpFloorDiv:
		v, err = m.floorDiv(regs[in.b], regs[in.x])
	case bytecode.OpMod:
		v, err = m.mod(regs[in.b], regs[in.x])
	case bytecode.OpPow:
		v, err = m.pow(regs[in.b], regs[in.x])
	case bytecode.OpAddI, opAddILoop:
		v, err = m.add(regs[in.b], IntValue(int64(in.c)))
	case bytecode.OpSubI, opSubICall:
		v, err = m.sub(regs[in.b], IntValue(int64(in.c)))
	case bytecode.OpMulI, opMulIAdd:
		v, err = m.mul(regs[in.b], IntValue(int64(in.c)))
	case bytecode.OpNeg:
		v, err = m.neg(regs[in.b])
	case bytecode.OpNot:
		v = BoolValue(!truth(regs[in.b]))
	case bytecode.OpEq, bytecode.OpNe, bytecode.OpLt, bytecode.OpLe, bytecode.OpGt, bytecode.OpGe,
		bytecode.OpIn, bytecode.OpNotIn, bytecode.OpIs, bytecode.OpIsNot:
		v, err = m.comparison(in.op, regs[in.b], regs[in.x])
	case bytecode.OpIter:
		v, err = m.iter(regs[in.b])
	case bytecode.OpBuiltin:
		v, err = m.callBuiltin(int(in.c), fr.registers(m, in.a, int(in.b)), nil)
	case bytecode.OpBuiltinKw:
		site := &fr.code.program.Sites[in.c]
		v, err = m.callBuiltin(int(site.Target), fr.registers(m, in.a, int(in.b)), site.Keywords)
	case bytecode.OpMethod:
		v, err = m.callMethod(int(in.c), fr.registers(m, in.a, int(in.b)), nil)
	case bytecode.OpMethodKw:
		site := &fr.code.program.Sites[in.c]
		v, err = m.callMethod(int(site.Target), fr.registers(m, in.a, int(in.b)), site.Keywords)
	case bytecode.OpList:
		v, err = m.makeList(fr.registers(m, in.b, int(in.x)), int(in.c))
	case bytecode.OpTuple:
		v, err = m.makeTuple(fr.registers(m, in.b, int(in.c)))
	case bytecode.OpDict:
		v, err = m.NewDict(int(in.c))
	case bytecode.OpIndex:
		v, err = m.index(regs[in.b], regs[in.x])
	case bytecode.OpSlice:
		v, err = m.slice(regs[in.b], regs[in.x], regs[in.x+1], regs[in.x+2])
	case bytecode.OpAttr:
		v, err = m.attr(regs[in.b], fr.code.constants[in.c])
	case bytecode.OpTuplify:
		v, err = m.tuplify(regs[in.b])
	case bytecode.OpConcat, bytecode.OpJoin:
		if a, b := &regs[in.b], &regs[in.b+1]; in.c == 2 && b.IsInt() && a.IsString() {
			if v, ok := m.label(*a, b.Int()); ok {
				regs[in.a] = v
				return nil
			}
		}
		if in.op == bytecode.OpJoin {
			v, err = m.join(fr.registers(m, in.b, int(in.c)))
			break
		}
		v, err = m.concat(fr.registers(m, in.b, int(in.c)))
	case bytecode.OpSplice:
		v, err = m.makeSplice(fr.registers(m, in.b, int(in.c)))
	case bytecode.OpParam:
		v, err = m.param(regs[in.b])
	case bytecode.OpQueryList:
		v, err = m.queryList()
	case bytecode.OpPush:
		v, err = m.pushOnto(regs[in.a], regs[in.b])
	case bytecode.OpPut:
		v, err = m.putInto(regs[in.a], regs[in.b], regs[in.x])
	case bytecode.OpLastError:
		v = m.caught
	case bytecode.OpCommand:
		return m.command(fr, in)
	case bytecode.OpSetIndex:
		if a, b := &regs[in.a], &regs[in.b]; a.Kind() == Dict && b.IsString() && m.fuel >= 0 {
			if a.dict().put(*b, regs[in.x]) {
				return nil
			}
		}
		return m.setIndex(regs[in.a], regs[in.b], regs[in.x])
	case bytecode.OpAppend:
		return m.appendTo(regs[in.a], regs[in.b])
	case bytecode.OpExport:
		return m.export(fr.code.constants[in.c].str(), regs[in.a])
	default:
		if in.op >= bytecode.OpJump && in.op <= bytecode.OpIterNext {
			return m.branch(fr, regs, in)
		}
		return m.effect(fr, regs, in)
	}
	if err != nil {
		return err
	}
	regs[in.a] = v
	return nil
}

// effect runs one of the rarer operations that write no R[A].
func (m *Machine) effect(fr *frame, regs *window, in *word) error {
	switch in.op {
	case bytecode.OpSetGlobal, bytecode.OpBirth:
		return m.birth(in.c)
	case bytecode.OpLoadGlobal:
		return Errorf(CodeName, "name %s is not set", fr.code.program.Globals[in.c])
	case bytecode.OpCheck:
		return Errorf(CodeName, "name %s is not set", fr.code.constants[in.c].str())
	case bytecode.OpClear:
		clear(regs[in.a:in.b])
		return nil
	case bytecode.OpUnpack:
		return m.unpack(regs[in.b], fr.registers(m, in.a, int(in.x)))
	case bytecode.OpSetAttr:
		return m.setAttr(regs[in.a], fr.code.constants[in.c], regs[in.b])
	case bytecode.OpCall, opCallNear:
		return m.call(fr, in)
	case bytecode.OpReturn:
		m.leave(regs[in.a])
		return nil
	case bytecode.OpReturnNone:
		m.leave(NoneValue())
		return nil
	case bytecode.OpStop:
		return m.stop()
	case opRefuel:
		return m.jump(fr)
	case bytecode.OpRaise:
		return &Error{Code: ErrorCode(bytecode.Codes[in.b]), Msg: fr.code.constants[in.c].str()}
	}
	return Errorf(CodeIntegrity, "operation %d is not known", in.op)
}

// registers returns n registers of the frame, from one on.
func (fr *frame) registers(m *Machine, from uint8, n int) []Value {
	at := fr.base + int(from)
	return m.stack[at : at+n : at+n]
}

// comparison returns what a comparing operator comes to.
func (m *Machine) comparison(op bytecode.Op, x, y Value) (Value, error) {
	var yes bool
	var err error
	negate := false
	switch op {
	case bytecode.OpEq, bytecode.OpNe:
		negate = op == bytecode.OpNe
		yes, err = m.equal(x, y)
	case bytecode.OpIn, bytecode.OpNotIn:
		negate = op == bytecode.OpNotIn
		yes, err = m.contains(x, y)
	case bytecode.OpIs, bytecode.OpIsNot:
		negate = op == bytecode.OpIsNot
		yes, err = m.identical(x, y)
	default:
		yes, err = m.order(op, x, y)
	}
	return BoolValue(yes != negate), err
}

// errStop tells that the script has come to its end.
var errStop = errors.New("the end")

// stop ends the script, or the invocation of a definition.
func (m *Machine) stop() error {
	if len(m.frames) > 1 {
		m.leaveDefinition()
		return nil
	}
	if err := m.Work(0); err != nil {
		return err
	}
	return errStop
}

// branch runs a jumping operation.
func (m *Machine) branch(fr *frame, regs *window, in *word) error {
	if yes, err := m.test(regs, in); err != nil || !yes {
		return err
	}
	return m.jump(fr)
}

// jump goes where the instruction in front of the frame's pc leads.
func (m *Machine) jump(fr *frame) error {
	if m.fuel < 0 {
		if err := m.refuel(); err != nil {
			return err
		}
	}
	m.fuel -= jumpFuel
	fr.pc += int(fr.fn.code[fr.pc-1].c)/wordSize - 1
	return nil
}

// test reports whether a jumping operation jumps. It does the rest of what the
// operation does.
func (m *Machine) test(regs *window, in *word) (bool, error) {
	switch in.op {
	case bytecode.OpJumpTrue:
		return truth(regs[in.a]), nil
	case bytecode.OpJumpFalse:
		return !truth(regs[in.a]), nil
	case bytecode.OpJumpIf:
		yes, err := m.ifCompare(bytecode.Comparator(in.x), regs[in.a], regs[in.b])
		return !yes, err
	case bytecode.OpForPrep:
		return m.prepareLoop(regs, in)
	case bytecode.OpForLoop:
		return m.countOn(regs, in), nil
	case bytecode.OpIterNext:
		if k := regs[in.a].Kind(); k != iterator {
			return false, typeErrorf("an iterator is wanted, not %s", k)
		}
		v, ok, err := m.next(regs[in.a])
		if ok && err == nil {
			regs[in.b] = v
		}
		return !ok, err
	}
	if in.op >= bytecode.OpJumpEqI {
		return m.jumpComparison(in.op-bytecode.OpJumpEqI, regs[in.a], IntValue(in.immediate()))
	}
	return m.jumpComparison(in.op-bytecode.OpJumpEq, regs[in.a], regs[in.b])
}

// jumpComparison compares as the comparing jumps do, which are in the order of
// the comparing operators.
func (m *Machine) jumpComparison(which bytecode.Op, x, y Value) (bool, error) {
	v, err := m.comparison(bytecode.OpEq+which, x, y)
	return v.Bool(), err
}

// prepareLoop sets the count and the end of a counted loop, and tells whether
// there is nothing to count.
func (m *Machine) prepareLoop(regs *window, in *word) (done bool, err error) {
	from, err := wholeNumber(regs[in.x])
	if err != nil {
		return false, err
	}
	to, err := wholeNumber(regs[in.x+1])
	if err != nil {
		return false, err
	}
	regs[in.a].setInt(from)
	regs[in.a+1].setInt(to)
	if from > to {
		return true, nil
	}
	regs[in.b].setInt(from)
	return false, nil
}

// countOn moves on a counted loop of whose variable the body has made something other
// than an int, and tells whether it has not come to its end.
func (m *Machine) countOn(regs *window, in *word) bool {
	if int64(regs[in.a].n) >= int64(regs[in.a+1].n) {
		return false
	}
	regs[in.b] = IntValue(0)
	regs.count(in)
	return true
}
