// This file opens to the tests of package vm_test what only they need.

package vm

import (
	"slices"

	"github.com/avap-framework/avap/bytecode"
)

// Unfused is the code with no operation that stands for two.
func (c *Code) Unfused() *Code {
	firsts := map[bytecode.Op]bytecode.Op{}
	for first, with := range pairs {
		if with == nil {
			continue
		}
		for _, op := range with {
			firsts[op] = bytecode.Op(first)
		}
	}
	delete(firsts, bytecode.OpInvalid)
	plain := *c
	plain.functions = slices.Clone(c.functions)
	for i := range plain.functions {
		f := &plain.functions[i]
		f.code = append(slices.Clone(f.code), word{}) // which the machine points at
		for pc := range f.code {
			if first, ok := firsts[f.code[pc].op]; ok {
				f.code[pc].op = first
			}
		}
	}
	return &plain
}

// Pairs is how many operations there are that stand for two.
func Pairs() (n int) {
	for _, with := range pairs {
		if with == nil {
			continue
		}
		for _, op := range with {
			if op != bytecode.OpInvalid {
				n++
			}
		}
	}
	return n
}

// Fuses tells whether one operation stands for these two somewhere in the code.
func (c *Code) Fuses(first, second bytecode.Op) bool {
	if second == bytecode.OpCall {
		second = opCallNear
	}
	op := pairs[first][second]
	for _, f := range c.functions {
		for _, w := range f.code {
			if w.op == op {
				return true
			}
		}
	}
	return false
}
