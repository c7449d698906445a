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

// pairs are the operations that stand for two in a row, which the compiler often
// writes. They spare a dispatch, and are charged like the two. The second one stays in
// its place, for jumps to it and for the unusual cases of the first.
var pairs = map[[2]bytecode.Op]bytecode.Op{
	{bytecode.OpLog, bytecode.OpMove}:     opLogMove,
	{bytecode.OpLog, bytecode.OpLoadK}:    opLogLoadK,
	{bytecode.OpLog, bytecode.OpLoadI}:    opLogLoadI,
	{bytecode.OpAdd, bytecode.OpForLoop}:  opAddLoop,
	{bytecode.OpAddI, bytecode.OpForLoop}: opAddILoop,
	{bytecode.OpAdd, bytecode.OpReturn}:   opAddReturn,
	{bytecode.OpSubI, opCallNear}:         opSubICall,
	{bytecode.OpMulI, bytecode.OpAdd}:     opMulIAdd,
	{bytecode.OpLoadI, bytecode.OpMod}:    opLoadIMod,
	{bytecode.OpLoadI, bytecode.OpJumpIf}: opLoadIIf,
	{bytecode.OpLoadK, bytecode.OpMul}:    opLoadKMul,
}

// nearCalls marks the calls of a function whose frames the loop itself can push.
func (c *Code) nearCalls(f *function) {
	for i := range f.code {
		if w := &f.code[i]; w.op == bytecode.OpCall && !f.wide && !c.functions[w.c].wide {
			w.op = opCallNear
		}
	}
}

// fuse puts one operation for two into code, wherever pairs has one.
func fuse(code []word) {
	for i := range len(code) - 1 {
		first, second := &code[i], &code[i+1]
		op, ok := pairs[[2]bytecode.Op{first.op, second.op}]
		if !ok || op == opAddReturn && first.a != second.a { // it returns something else
			continue
		}
		first.op = op
	}
}
