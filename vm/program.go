// This file holds what becomes of a program that code takes over, and how it is given
// back: the code itself tells what its constants and instructions were.

package vm

import (
	"math"
	"slices"

	"github.com/avap-framework/avap/bytecode"
)

// strip takes from the program what the code tells, and copies its positions into the
// block.
func (c *Code) strip(b *block) {
	c.program.Constants = nil
	for i := range c.program.Functions {
		f := &c.program.Functions[i]
		positions := take[bytecode.Position](b, len(f.Positions))
		copy(positions, f.Positions)
		f.Code, f.Positions = nil, positions
	}
}

// Program gives the program behind the code, which must not be changed. One that was
// taken over is put together anew each time.
func (c *Code) Program() *bytecode.Program {
	if !c.taken {
		return c.program
	}
	p := *c.program
	if len(c.constants) > 0 {
		p.Constants = make([]bytecode.Constant, len(c.constants))
	}
	for i, v := range c.constants {
		p.Constants[i] = constant(v)
	}
	p.Functions = slices.Clone(p.Functions)
	for i := range p.Functions {
		p.Functions[i].Code = instructions(c.functions[i].code)
	}
	return &p
}

// constant gives the constant that a value was made of.
func constant(v Value) bytecode.Constant {
	switch v.Kind() {
	case Int:
		return bytecode.Constant{Kind: bytecode.ConstInt, Bits: uint64(v.Int())}
	case Float:
		return bytecode.Constant{Kind: bytecode.ConstFloat, Bits: math.Float64bits(v.Float())}
	}
	return bytecode.Constant{Kind: bytecode.ConstString, Text: v.str()}
}

// instructions gives the instructions that link made words of.
func instructions(ws []word) []bytecode.Instr {
	code := make([]bytecode.Instr, len(ws))
	for i, w := range ws {
		op := written[w.op]
		switch {
		case parts[op].step == jumps:
			w.c = w.c/wordSize + int32(i)
		case w.op == opAddLoop: // which has a way there, and OpAdd nothing
			w.c = 0
		}
		code[i] = bytecode.Instr{Op: op, A: w.a, B: w.b, X: w.x, C: w.c}
	}
	return code
}

// written gives what stands in the bytecode for an operation of the machine's own, and
// itself for any other.
var written = func() (all [256]bytecode.Op) {
	for op := range all {
		all[op] = bytecode.Op(op)
	}
	all[opCallNear] = bytecode.OpCall
	for _, p := range pairs {
		all[p.both] = p.first
	}
	return all
}()
