// This file holds the machine's own operations: those that stand for one of the
// bytecode's, or for two in a row, where linking has found the usual case.

package vm

import "github.com/avap-framework/avap/bytecode"

// The machine's own operations.
const (
	opRefuel   = bytecode.Op(bytecode.NumOps) + iota // a jump that there is no fuel for
	opCallNear                                       // OpCall of and by a function whose frame is not wide

	opLogMove   // OpLog, OpMove
	opLogLoadK  // OpLog, OpLoadK
	opLogLoadI  // OpLog, OpLoadI
	opAddLoop   // OpAdd, OpForLoop
	opAddILoop  // OpAddI, OpForLoop
	opAddReturn // OpAdd of what is returned, OpReturn
	opSubICall  // OpSubI, opCallNear
	opMulIAdd   // OpMulI, OpAdd
	opLoadIMod  // OpLoadI, OpMod
	opLoadIIf   // OpLoadI, OpJumpIf
	opLoadKMul  // OpLoadK, OpMul
)

// pairs are the operations that stand for two in a row, by the first and the second of
// them, which the compiler often writes. They spare a dispatch, and are charged like the
// two. The second one stays in its place, for jumps to it and for the unusual cases of
// the first.
var pairs = [256]*[256]bytecode.Op{
	bytecode.OpLog: {
		bytecode.OpMove:  opLogMove,
		bytecode.OpLoadK: opLogLoadK,
		bytecode.OpLoadI: opLogLoadI,
	},
	bytecode.OpAdd: {
		bytecode.OpForLoop: opAddLoop,
		bytecode.OpReturn:  opAddReturn,
	},
	bytecode.OpAddI:  {bytecode.OpForLoop: opAddILoop},
	bytecode.OpSubI:  {opCallNear: opSubICall},
	bytecode.OpMulI:  {bytecode.OpAdd: opMulIAdd},
	bytecode.OpLoadI: {bytecode.OpMod: opLoadIMod, bytecode.OpJumpIf: opLoadIIf},
	bytecode.OpLoadK: {bytecode.OpMul: opLoadKMul},
}

// fuse makes w, which an operation next follows, one for both where pairs has one.
func (w *word) fuse(next bytecode.Op, second *word) {
	op := pairs[w.op][next]
	if op == bytecode.OpInvalid || op == opAddReturn && w.a != second.a { // it returns something else
		return
	}
	w.op = op
}
