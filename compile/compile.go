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
	return new(Compiler).Script(f, opt)
}

// Definition compiles the definition of a command.
func Definition(d *syntax.Definition, opt Options) (*bytecode.Program, []Diagnostic, error) {
	return new(Compiler).compile(opt, func(u *unit) error { return u.definition(d) })
}

// Compiler compiles sources one after the other, and works in the same memory each
// time. The programs have memory of their own. The zero value is ready. It is not safe
// for concurrent use.
type Compiler struct{ unit unit }

// Script is the function of that name.
func (c *Compiler) Script(f *syntax.File, opt Options) (*bytecode.Program, []Diagnostic, error) {
	return c.compile(opt, func(u *unit) error { return u.script(f) })
}

// compile compiles with most variables in direct registers and, where that
// leaves an expression too few, once more with most of them in wide ones, and
// with what nests deeply.
func (c *Compiler) compile(opt Options, build func(*unit) error) (*bytecode.Program, []Diagnostic, error) {
	u := &c.unit
	if u.numbers == nil {
		u.reset()
	}
	defer u.reset()
	err := u.attempt(opt, 160, false, build)
	if _, full := err.(*registersFull); full {
		u.reset()
		err = u.attempt(opt, 8, true, build)
	}
	if full, ok := err.(*registersFull); ok {
		return nil, nil, &Error{full.pos, "this expression is too large: split it into several statements"}
	}
	if err != nil {
		return nil, nil, err
	}
	if len(u.diagnostics) > 1 {
		sort.SliceStable(u.diagnostics, func(i, j int) bool {
			a, b := u.diagnostics[i].Pos, u.diagnostics[j].Pos
			return a.Line < b.Line || a.Line == b.Line && a.Col < b.Col
		})
	}
	return u.whole(), u.diagnostics, nil
}

// attempt compiles with so many direct registers for variables.
func (u *unit) attempt(opt Options, direct int, scarce bool, build func(*unit) error) error {
	u.opt, u.direct, u.scarce = opt, direct, scarce
	u.program.Name = opt.Name
	return u.guard(build)
}

// registersFull says that an expression needs more registers than there are.
type registersFull struct{ pos syntax.Pos }

func (*registersFull) Error() string { return "out of registers" }

// unit is one compilation.
type unit struct {
	work
	program  bytecode.Program // in the making: its lists are used again
	texts    index            // that are constants
	numbers  map[bytecode.Constant]int32
	commands index
	slots    index    // of the Global pool: register of the top level
	globals  []string // in the order of their slots, before padding
	bodies   []*body  // of which the first few are in use
}

// work is what a compilation leaves nothing of.
type work struct {
	opt         Options
	direct      int            // how many variables of a function may have direct registers
	scarce      bool           // whether registers were too few before
	used        int            // how many of the bodies are in use
	functions   map[string]int // the script's, by name: index in program.Functions
	params      map[string]int // of these functions: how many
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
	if len(f.Funcs) > 0 {
		u.functions, u.params = map[string]int{}, map[string]int{}
	}
	for i, fn := range f.Funcs {
		u.functions[fn.Name], u.params[fn.Name] = i+1, len(fn.Params)
		u.writes = u.writes || u.writesGlobals(fn.Body)
	}
	main := u.newBody(scopeGlobal)
	main.block(f.Body)
	main.emit(bytecode.OpStop, 0, 0, 0, 0)
	for _, fn := range f.Funcs {
		b := u.newBody(scopeFunction)
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
	}
	return u.finish()
}

// definition compiles the body of a command definition.
func (u *unit) definition(d *syntax.Definition) error {
	u.program.Kind = bytecode.KindCommand
	u.program.Name = d.Name
	u.def = d
	b := u.newBody(scopeLocal)
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
	return u.finish()
}

// finish lays out registers and puts the functions into the program.
func (u *unit) finish() error {
	for _, b := range u.bodies[:u.used] {
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

// whole gives the program that was made in memory of its own, as little as can be.
func (u *unit) whole() *bytecode.Program {
	var one struct { // allocation for what most programs are
		program   bytecode.Program
		functions [1]bytecode.Function
	}
	made := &one
	p := &made.program
	*p = u.program
	p.Functions = append(made.functions[:0], u.program.Functions...)
	p.Constants, p.Commands, p.Sites = exact(p.Constants), exact(p.Commands), exact(p.Sites)
	n := len(p.Globals) + len(p.Logs)
	for i := range p.Functions {
		n += len(p.Functions[i].Locals)
	}
	texts := make([]string, 0, n)
	own := func(list []string) []string {
		if len(list) == 0 {
			return nil
		}
		from := len(texts)
		texts = append(texts, list...)
		return texts[from:len(texts):len(texts)]
	}
	p.Globals, p.Logs = own(p.Globals), own(p.Logs)
	for i := range p.Functions {
		p.Functions[i].Locals = own(p.Functions[i].Locals)
	}
	return p
}

// exact gives a copy of a list without room behind it; nil where it is empty.
func exact[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	made := make([]T, len(list))
	copy(made, list)
	return made
}

// most is how many items of a list or table are kept for the next compilation.
const most = 256

// emptied gives a list for the next compilation, without what it held.
func emptied[T any](list []T) []T {
	if cap(list) > most {
		return nil
	}
	clear(list)
	return list[:0]
}

// emptiedMap is emptied for tables, which it makes where there is none.
func emptiedMap[K comparable, V any](m map[K]V) map[K]V {
	if m == nil || len(m) > most {
		return make(map[K]V)
	}
	clear(m)
	return m
}

// reset makes ready for a compilation, and forgets the one before.
func (u *unit) reset() {
	for _, b := range u.bodies[:u.used] {
		b.reset()
	}
	if len(u.bodies) > mostBodies {
		u.bodies = nil
	}
	p := &u.program
	*p = bytecode.Program{
		Constants: emptied(p.Constants), Functions: emptied(p.Functions),
		Commands: emptied(p.Commands), Logs: emptied(p.Logs),
	}
	u.texts.reset()
	u.commands.reset()
	u.slots.reset()
	u.numbers = emptiedMap(u.numbers)
	u.globals = emptied(u.globals)
	u.work = work{}
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
	if s, ok := u.slots.get(name); ok {
		return int(s)
	}
	s := register(len(u.globals), u.direct)
	u.slots.put(name, int32(s))
	u.globals = append(u.globals, name)
	u.charge(64 + len(name))
	return s
}

// register gives the register of the i-th variable of a body.
func register(i, direct int) int {
	if i < direct {
		return i
	}
	return bytecode.MaxDirect + i - direct
}

// number gives the index of a constant that is a number.
func (u *unit) number(k bytecode.Constant) int32 {
	i, ok := u.numbers[k]
	if !ok {
		i = u.constant(k)
		u.numbers[k] = i
	}
	return i
}

// text gives the index of a constant that is a text.
func (u *unit) text(s string) int32 {
	i, ok := u.texts.get(s)
	if !ok {
		i = u.constant(bytecode.Constant{Kind: bytecode.ConstString, Text: s})
		u.texts.put(s, i)
	}
	return i
}

// constant adds a constant.
func (u *unit) constant(k bytecode.Constant) int32 {
	u.program.Constants = append(u.program.Constants, k)
	u.charge(64 + len(k.Text))
	return int32(len(u.program.Constants) - 1)
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
	i, ok := u.commands.get(name)
	if !ok {
		i = int32(len(u.program.Commands))
		u.commands.put(name, i)
		u.program.Commands = append(u.program.Commands, bytecode.Command{Name: name, Params: sig.Params})
		u.charge(64 + len(name))
	}
	return i
}
