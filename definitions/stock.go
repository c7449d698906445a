// This file holds the stock commands as units of the catalog.

package definitions

import (
	"slices"
	"strings"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
)

// stockLevel is the level of this program's stock catalog. It grows with every
// change of command.Stock that a declaration shows; a test holds it. A server
// leaves alone what one of a higher level published, so that servers of two
// versions on one store do not undo each other's stock catalog.
const stockLevel = 1

// stockAuthor is the author of stock commands in the audit log.
const stockAuthor = "stock"

// stockUnit is a stock command or word of the language.
type stockUnit struct {
	name     string
	params   []bytecode.Param
	requires []string
	syntax   bool
}

// declaration is what stands in the place of a source text.
func (s *stockUnit) declaration() string {
	if s.syntax {
		return "stock word " + s.name
	}
	var b strings.Builder
	b.WriteString("stock command " + s.name + "(")
	for i, p := range s.params {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.Name + ": " + p.Mode.String())
	}
	b.WriteString(")")
	if len(s.requires) > 0 {
		b.WriteString(" requires " + strings.Join(s.requires, ", "))
	}
	return b.String()
}

// program is what stands for a stock command in packages: a command that calls
// itself, with its own interface. No definition can be one, for definitions do
// not call each other in a circle; a machine takes it for its own command of
// that name.
func (s *stockUnit) program() *bytecode.Program {
	n := len(s.params)
	locals := make([]string, n)
	for i, p := range s.params {
		locals[i] = p.Name
	}
	return &bytecode.Program{
		Kind: bytecode.KindCommand, Name: s.name, Params: s.params, Requires: s.requires,
		Commands: []bytecode.Command{{Name: s.name, Params: s.params}},
		Functions: []bytecode.Function{{
			Name: s.name, Params: n, Registers: max(n, 1), Locals: locals,
			Code:      []bytecode.Instr{{Op: bytecode.OpCommand, B: uint8(n)}, {Op: bytecode.OpStop}},
			Positions: []bytecode.Position{{Line: 1, Col: 1}},
		}},
	}
}

// stock returns the stock commands and words of this program, by name.
func stock() []*stockUnit {
	specs := command.Stock()
	units := make([]*stockUnit, len(specs))
	for i, s := range specs {
		units[i] = &stockUnit{name: s.Name, params: s.Params, requires: s.Needs, syntax: s.Syntax}
	}
	slices.SortFunc(units, func(a, b *stockUnit) int { return strings.Compare(a.name, b.name) })
	return units
}
