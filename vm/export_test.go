// This file opens to the tests of package vm_test what only they need.

package vm

import (
	"slices"

	"github.com/avap-framework/avap/bytecode"
)

// Unfused is the code with no operation that stands for two.
func (c *Code) Unfused() *Code {
	plain := *c
	plain.functions = slices.Clone(c.functions)
	for i := range plain.functions {
		f := &plain.functions[i]
		f.code = words(f.Code)
		plain.nearCalls(f)
	}
	return &plain
}

// Pairs is how many operations there are that stand for two.
var Pairs = len(pairs)

// Fuses tells whether one operation stands for these two somewhere in the code.
func (c *Code) Fuses(first, second bytecode.Op) bool {
	if second == bytecode.OpCall {
		second = opCallNear
	}
	op := pairs[[2]bytecode.Op{first, second}]
	for _, f := range c.functions {
		for _, w := range f.code {
			if w.op == op {
				return true
			}
		}
	}
	return false
}
