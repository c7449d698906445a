// This file holds the compiler's entry points and the state of a compilation.

// Package compile turns the syntax tree of AVAP into bytecode: names become
// registers and slots of the pools, arguments of commands are read by the modes
// of their interface, control flow and variable commands become instructions.
package compile

import (
	"fmt"
	"sort"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/syntax"
)

// Options tell the compiler about the world outside of the source.
type Options struct {
	// Name is the unit's name, which may be empty.
	Name string
	// Lookup gives the interface of a command, or nil where there is none.
	Lookup func(name string) *bytecode.Signature
	// Charge is told of the bytes that the compilation is about to take; its
	// error ends it and is returned as it is. nil charges nothing.
	Charge func(bytes int) error
}

// Severity tells how bad a diagnostic is.
type Severity uint8

// Severities.
const (
	Fault   Severity = iota // it will be an error if it runs
	Caution                 // it runs, but rarely as meant
)

// Diagnostic is something that can be said of a source without running it.
type Diagnostic struct {
	Pos      syntax.Pos
	Severity Severity
	Code     string // the error's code, for a Fault
	Msg      string
}

// Error says that a source that parses cannot be compiled.
type Error struct {
	Pos syntax.Pos
	Msg string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Pos.Line, e.Msg) }

// Script compiles the script in a file. Diagnostics are in the order of the source.
// The error is an *Error or that of Options.Charge.
func Script(f *syntax.File, opt Options) (*bytecode.Program, []Diagnostic, error) {
	return compileUnit(opt, func(u *unit) error { return u.script(f) })
}

// Definition compiles the definition of a command.
func Definition(d *syntax.Definition, opt Options) (*bytecode.Program, []Diagnostic, error) {
	return compileUnit(opt, func(u *unit) error { return u.definition(d) })
}

// compileUnit compiles with most variables in direct registers and, where that
// leaves an expression too few, once more with most of them in wide ones, and
// with what nests deeply.
func compileUnit(opt Options, build func(*unit) error) (p *bytecode.Program, ds []Diagnostic, err error) {
	for _, scarce := range []bool{false, true} {
		direct := 160
		if scarce {
			direct = 8
		}
		u := &unit{
			opt: opt, direct: direct, scarce: scarce,
			program:   &bytecode.Program{Name: opt.Name},
			constants: map[bytecode.Constant]int32{}, commands: map[string]int32{},
			slots: map[string]int{}, templates: map[string]bool{},
		}
		err = u.guard(build)
		if err == nil {
			sort.SliceStable(u.diagnostics, func(i, j int) bool {
				a, b := u.diagnostics[i].Pos, u.diagnostics[j].Pos
				return a.Line < b.Line || a.Line == b.Line && a.Col < b.Col
			})
			return u.program, u.diagnostics, nil
		}
		if _, full := err.(*registersFull); !full {
			return nil, nil, err
		}
	}
	full := err.(*registersFull)
	return nil, nil, &Error{full.pos, "this expression is too large: split it into several statements"}
}

// registersFull says that an expression needs more registers than there are.
type registersFull struct{ pos syntax.Pos }

func (*registersFull) Error() string { return "out of registers" }

// unit is one compilation.
type unit struct {
	opt         Options
	direct      int  // how many variables of a function may have direct registers
	scarce      bool // whether registers were too few before
	program     *bytecode.Program
	constants   map[bytecode.Constant]int32
	commands    map[string]int32
	functions   map[string]int // the script's, by name: index in program.Functions
	params      map[string]int // of these functions: how many
	slots       map[string]int // of the Global pool: register of the top level
	globals     []string       // in the order of their slots, before padding
	writes      bool           // whether some function writes the Global pool
	def         *syntax.Definition
	templates   map[string]bool // variables that are made from a template
	diagnostics []Diagnostic
}

// abort carries an error out of the depth of a compilation; it never leaves
// the package.
type abort struct{ err error }

// guard runs build, turning an abort into its error.
func (u *unit) guard(build func(*unit) error) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case abort:
			err = r.err
		default:
			panic(r)
		}
	}()
	return build(u)
}

func (u *unit) fail(pos syntax.Pos, format string, args ...any) {
	panic(abort{&Error{pos, fmt.Sprintf(format, args...)}})
}

func (u *unit) charge(n int) {
	if u.opt.Charge == nil {
		return
	}
	if err := u.opt.Charge(n); err != nil {
		panic(abort{err})
	}
}

func (u *unit) diagnose(d Diagnostic) { u.diagnostics = append(u.diagnostics, d) }

// script compiles the top level and the functions of a script.
func (u *unit) script(f *syntax.File) error {
	u.program.Kind = bytecode.KindScript
	u.functions, u.params = map[string]int{}, map[string]int{}
	for i, fn := range f.Funcs {
		u.functions[fn.Name], u.params[fn.Name] = i+1, len(fn.Params)
		u.writes = u.writes || u.writesGlobals(fn.Body)
	}
	bodies := make([]*body, 1, 1+len(f.Funcs))
	main := newBody(u, scopeGlobal)
	bodies[0] = main
	main.block(f.Body)
	main.emit(bytecode.OpStop, 0, 0, 0, 0)
	for _, fn := range f.Funcs {
		b := newBody(u, scopeFunction)
		b.name, b.params = fn.Name, len(fn.Params)
		b.at(fn.Pos)
		for _, p := range fn.Params {
			b.set.add(b.declare(p.Name))
		}
		for _, name := range u.assigned(fn.Body) {
			b.declare(name)
		}
		b.block(fn.Body)
		b.emit(bytecode.OpReturnNone, 0, 0, 0, 0)
		bodies = append(bodies, b)
	}
	return u.finish(bodies)
}

// definition compiles the body of a command definition.
func (u *unit) definition(d *syntax.Definition) error {
	u.program.Kind = bytecode.KindCommand
	u.program.Name = d.Name
	u.def = d
	b := newBody(u, scopeLocal)
	b.name = d.Name
	b.params = len(d.Params)
	b.at(d.Pos)
	for _, p := range d.Params {
		mode, ok := bytecode.ParseMode(p.Mode)
		if !ok {
			u.fail(p.Pos, "%s is no mode: write value, text, name or out", p.Mode)
		}
		u.program.Params = append(u.program.Params, bytecode.Param{Name: p.Name, Mode: mode})
		v := b.declare(p.Name)
		if mode != bytecode.ModeOut {
			b.set.add(v)
		}
	}
	if len(d.Params) > bytecode.MaxDirect/4 {
		u.fail(d.Pos, "a command has at most %d parameters", bytecode.MaxDirect/4)
	}
	for _, r := range d.Requires {
		u.program.Requires = append(u.program.Requires, r.Name)
	}
	for _, name := range u.assigned(d.Body) {
		b.declare(name)
	}
	b.block(d.Body)
	b.emit(bytecode.OpStop, 0, 0, 0, 0)
	return u.finish([]*body{b})
}

// finish lays out registers and puts the functions into the program.
func (u *unit) finish(bodies []*body) error {
	for _, b := range bodies {
		f, err := b.layout()
		if err != nil {
			return err
		}
		u.program.Functions = append(u.program.Functions, f)
	}
	if u.program.Kind == bytecode.KindScript {
		u.program.Globals = padded(u.globals, u.direct)
	}
	return nil
}

// padded leaves gaps, which have no name, between the slots that have direct
// registers and those that have wide ones.
func padded(globals []string, direct int) []string {
	if len(globals) <= direct {
		return globals
	}
	names := append([]string(nil), globals[:direct]...)
	names = append(names, make([]string, bytecode.MaxDirect-direct)...)
	return append(names, globals[direct:]...)
}

// slot gives the slot of a name of the Global pool.
func (u *unit) slot(name string) int {
	s, ok := u.slots[name]
	if !ok {
		s = register(len(u.globals), u.direct)
		u.slots[name] = s
		u.globals = append(u.globals, name)
		u.charge(64 + len(name))
	}
	return s
}

// register gives the register of the i-th variable of a body.
func register(i, direct int) int {
	if i < direct {
		return i
	}
	return bytecode.MaxDirect + i - direct
}

// constant gives the index of a constant.
func (u *unit) constant(k bytecode.Constant) int32 {
	i, ok := u.constants[k]
	if !ok {
		i = int32(len(u.program.Constants))
		u.constants[k] = i
		u.program.Constants = append(u.program.Constants, k)
		u.charge(64 + len(k.Text))
	}
	return i
}

func (u *unit) text(s string) int32 {
	return u.constant(bytecode.Constant{Kind: bytecode.ConstString, Text: s})
}

// lookup gives the interface of a command, or nil.
func (u *unit) lookup(name string) *bytecode.Signature {
	if u.opt.Lookup == nil {
		return nil
	}
	return u.opt.Lookup(name)
}

// command gives the index of a command that the program calls.
func (u *unit) command(name string, sig *bytecode.Signature) int32 {
	i, ok := u.commands[name]
	if !ok {
		i = int32(len(u.program.Commands))
		u.commands[name] = i
		u.program.Commands = append(u.program.Commands, bytecode.Command{Name: name, Params: sig.Params})
		u.charge(64 + len(name))
	}
	return i
}
