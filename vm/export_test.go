// This file opens to the tests of package vm_test what only they need.

package vm

import (
	"slices"

	"github.com/avap-framework/avap/bytecode"
)

// Unfused is the code with no operation that stands for two.
func (c *Code) Unfused() *Code {
	firsts := map[bytecode.Op]bytecode.Op{}
	for _, p := range pairs {
		firsts[p.both] = p.first
	}
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
func Pairs() int { return len(pairs) }

// Fuses tells whether one operation stands for these two somewhere in the code.
func (c *Code) Fuses(first, second bytecode.Op) bool {
	if second == bytecode.OpCall {
		second = opCallNear
	}
	for _, p := range pairs {
		if p.first == first && p.second == second {
			return c.has(p.both)
		}
	}
	return false
}

func (c *Code) has(op bytecode.Op) bool {
	for _, f := range c.functions {
		if slices.ContainsFunc(f.code, func(w word) bool { return w.op == op }) {
			return true
		}
	}
	return false
}
