// This file holds the machine's own operations: those that stand for one of the
// bytecode's, or for two in a row, where linking has found the usual case.

package vm

import "github.com/avap-framework/avap/bytecode"

// The machine's own operations.
const (
	opRefuel   = bytecode.Op(bytecode.NumOps) + iota // a jump that there is no fuel for
	opCallNear                                       // OpCall of and by a function whose frame is not wide

	opLogMove  // OpLog, OpMove
	opLogLoadK // OpLog, OpLoadK
	opLogLoadI // OpLog, OpLoadI
	opSubICall // OpSubI, opCallNear
	opMulIAdd  // OpMulI, OpAdd
	opLoadIMod // OpLoadI, OpMod
	opLoadIIf  // OpLoadI, OpJumpIf
	opLoadKMul // OpLoadK, OpMul

	// Those that ask for more than the two:
	opAddReturn // OpAdd of what is returned, OpReturn
	opAddLoop   // OpAdd to its first operand, OpForLoop; c is the way of the loop from here
	opAddILoop  // OpAddI to its operand, OpForLoop
)

// pairs are the operations that stand for two in a row, which the compiler often writes.
// They spare a dispatch, and are charged like the two. The second one stays in its place,
// for jumps to it and for the unusual cases of the first.
var pairs = [...]struct{ first, second, both bytecode.Op }{
	{bytecode.OpLog, bytecode.OpMove, opLogMove},
	{bytecode.OpLog, bytecode.OpLoadK, opLogLoadK},
	{bytecode.OpLog, bytecode.OpLoadI, opLogLoadI},
	{bytecode.OpAdd, bytecode.OpForLoop, opAddLoop},
	{bytecode.OpAdd, bytecode.OpReturn, opAddReturn},
	{bytecode.OpAddI, bytecode.OpForLoop, opAddILoop},
	{bytecode.OpSubI, opCallNear, opSubICall},
	{bytecode.OpMulI, bytecode.OpAdd, opMulIAdd},
	{bytecode.OpLoadI, bytecode.OpMod, opLoadIMod},
	{bytecode.OpLoadI, bytecode.OpJumpIf, opLoadIIf},
	{bytecode.OpLoadK, bytecode.OpMul, opLoadKMul},
}

// part is what linking has to know of an operation.
type part struct {
	step
	first, second uint8 // its place in fused where it begins pairs, and where it ends them
}

// step is what there is to be done for an operation by itself.
type step uint8

const (
	nothing step = iota
	jumps        // its target is counted from itself
	calls        // where the loop itself can push the frame, it is an opCallNear
)

// parts are those of all operations. At the places of two together, fused has what makes
// the first of them the one that stands for both: what is to be added; 0 for no pair.
var parts, fused = func() (parts [256]part, fused [256]bytecode.Op) {
	for op := range bytecode.Op(bytecode.NumOps) {
		if bytecode.Ops[op].Jumps() {
			parts[op].step = jumps
		}
	}
	parts[bytecode.OpCall].step = calls
	const row = 16
	rows, columns := uint8(0), uint8(0)
	for _, p := range pairs {
		first, second := &parts[p.first], &parts[p.second]
		if first.first == 0 {
			rows += row
			first.first = rows
		}
		if second.second == 0 {
			columns++
			second.second = columns
		}
		fused[first.first|second.second] = p.both - p.first
	}
	return parts, fused
}()

// fuse makes w, by what fused has for it and the instruction behind, one for both.
func (w *word) fuse(more bytecode.Op) {
	op := w.op + more
	if op >= opAddReturn {
		behind := w.behind(1)
		switch {
		case op == opAddReturn && w.a != behind.a, // it returns something else
			op != opAddReturn && w.a != w.b: // it adds up to something else
			return
		case op == opAddLoop:
			w.c = behind.c + wordSize
		}
	}
	w.op = op
}
