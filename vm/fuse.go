// This file holds the machine's own operations: those that stand for one of the
// bytecode's, or for two in a row, where linking has found the usual case.

package vm

import "github.com/avap-framework/avap/bytecode"

// The machine's own operations.
const (
	opRefuel   = bytecode.Op(bytecode.NumOps) + iota // a jump that there is no fuel for
	opCallNear                                       // OpCall of and by a function whose frame is not wide
	opAddLoop                                        // OpAdd, OpForLoop
)

// pairs are the operations that stand for two in a row. The second one stays in its
// place, for jumps to it, and for the unusual cases of the first.
var pairs = map[[2]bytecode.Op]bytecode.Op{
	{bytecode.OpAdd, bytecode.OpForLoop}: opAddLoop,
}

// fuse puts the machine's own operations into the code of a function.
func (c *Code) fuse(f *function) {
	for i := range f.code {
		w := &f.code[i]
		if w.op == bytecode.OpCall && !f.wide && !c.functions[w.c].wide {
			w.op = opCallNear
		}
		if i > 0 {
			before := &f.code[i-1]
			if op, ok := pairs[[2]bytecode.Op{before.op, w.op}]; ok {
				before.op = op
			}
		}
	}
}
