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
	// Charge is told of the bytes that the compilation takes: a small one's when it ends,
	// others' about every 64 KiB. Its error ends the compilation and is returned as it
	// is. nil charges nothing.
	Charge func(bytes int) error
	// Room is what the program is made in, if it is not lent as a whole; nil for memory of
	// its own. It must be a zero one, and lasts as long as the program.
	Room *Room
	// Lend is what of the program stays in the compiler's memory until it Forgets it or
	// compiles again.
	Lend Lending
}

// Lending is how much of a program a compiler lends.
type Lending uint8

// What is lent.
const (
	// LendNothing gives the program memory of its own.
	LendNothing Lending = iota
	// LendLists lends the constants, and the functions' instructions and positions: for
	// who copies what is to stay, as vm.Code.Take does.
	LendLists
	// LendAll lends all that may be: for who needs the program no longer than that.
	LendAll
)

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
	return new(Compiler).compile(opt, func(u *unit) { u.definition(d) })
}

// Compiler compiles sources one after the other, and works in the same memory each
// time. The programs have memory of their own, but for what is lent. The zero value is
// ready. It is not safe for concurrent use, and must not be copied.
type Compiler struct{ unit unit }

// Script is the function of that name.
func (c *Compiler) Script(f *syntax.File, opt Options) (*bytecode.Program, []Diagnostic, error) {
	return c.compile(opt, func(u *unit) { u.script(f) })
}

// Forget forgets what was lent, if anything was.
func (c *Compiler) Forget() {
	if c.unit.made != nil {
		c.unit.reset()
	}
}

// compile compiles, and forgets all but what it lends.
func (c *Compiler) compile(opt Options, build func(*unit)) (*bytecode.Program, []Diagnostic, error) {
	c.Forget()
	p, diagnostics, err := c.unit.compile(opt, build)
	if err != nil || opt.Lend == LendNothing {
		c.Forget()
	}
	return p, diagnostics, err
}

// compile compiles with most variables in direct registers and, where that
// leaves an expression too few, once more with most of them in wide ones, and
// with what nests deeply.
func (u *unit) compile(opt Options, build func(*unit)) (*bytecode.Program, []Diagnostic, error) {
	err := u.attempt(opt, 160, false, build)
	if _, full := err.(*registersFull); full {
		if u.reset(); opt.Room != nil {
			*opt.Room = Room{}
		}
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
func (u *unit) attempt(opt Options, direct int, scarce bool, build func(*unit)) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case abort:
			err = r.err
		default:
			panic(r)
		}
		if refused := u.settle(); refused != nil { // which comes before any other error
			err = refused
		}
	}()
	u.opt, u.direct, u.scarce = opt, direct, scarce
	u.begin()
	u.program.Name = opt.Name
	build(u)
	return u.measure()
}

// registersFull says that an expression needs more registers than there are.
type registersFull struct{ pos syntax.Pos }

func (*registersFull) Error() string { return "out of registers" }

// unit is one compilation.
type unit struct {
	work
	symbols symbols
	numbers numbers // that are constants
	bodies  []*body // of which the first few are in use

	constants []bytecode.Constant // of the program, and so on
	commands  []bytecode.Command
	globals   []string
	logs      []string
	code      []bytecode.Instr // what instructions are lent from
	lent      Room             // what programs that are lent whole are made in
}

// work is what a compilation leaves nothing of.
type work struct {
	opt         Options
	made        *Room
	program     *bytecode.Program // in made
	owed        int               // bytes that are still to be charged, but for code
	refused     error             // of Options.Charge
	direct      int               // how many variables of a body have direct registers, parameters aside
	scarce      bool              // whether registers were too few before
	used        int               // how many of the bodies are in use
	writes      bool              // whether some function writes the Global pool
	kinds       [kinds]int32      // what statements of a kind are in the logs, from 1
	def         *syntax.Definition
	diagnostics []Diagnostic
}

// abort carries an error out of the depth of a compilation; it never leaves
// the package.
type abort struct{ err error }

func (u *unit) fail(pos syntax.Pos, format string, args ...any) {
	panic(abort{&Error{pos, fmt.Sprintf(format, args...)}})
}

// charge notes bytes that are to be charged. They are at the latest when the code grows
// beyond what is kept of it and by 1,024 instructions, or another function begins.
func (u *unit) charge(n int) { u.owed += n }

func (u *unit) chargeNow() {
	if err := u.settle(); err != nil {
		panic(abort{err})
	}
}

// settle charges all that is owed. What was refused stays so.
func (u *unit) settle() error {
	for _, b := range u.bodies[:u.used] {
		u.owed += b.owed()
	}
	if u.owed > 0 && u.opt.Charge != nil && u.refused == nil {
		u.refused = u.opt.Charge(u.owed)
	}
	u.owed = 0
	return u.refused
}

func (u *unit) diagnose(d Diagnostic) { u.diagnostics = append(u.diagnostics, d) }

const tooManyParameters = "%s has more than %d parameters: take a list or a dict"

// script compiles the top level and the functions of a script.
func (u *unit) script(f *syntax.File) {
	u.program.Kind = bytecode.KindScript
	for i, fn := range f.Funcs {
		if len(fn.Params) > bytecode.MaxParameters {
			u.fail(fn.Params[bytecode.MaxParameters].Pos, tooManyParameters, fn.Name, bytecode.MaxParameters)
		}
		s := u.symbols.get(fn.Name)
		s.function, s.params = int32(i+1), int32(len(fn.Params))
		u.writes = u.writes || u.writesGlobals(fn.Body)
	}
	main := u.newBody(scopeGlobal)
	main.block(f.Body)
	main.emit(bytecode.OpStop, 0, 0, 0, 0)
	for _, fn := range f.Funcs {
		b := u.newBody(scopeFunction)
		b.name = fn.Name
		b.takes(len(fn.Params))
		b.at(fn.Pos)
		for _, p := range fn.Params {
			b.set.add(b.declare(u.symbols.get(p.Name)))
		}
		b.declareAll(u.assigned(fn.Body))
		b.block(fn.Body)
		b.emit(bytecode.OpReturnNone, 0, 0, 0, 0)
	}
}

// definition compiles the body of a command definition.
func (u *unit) definition(d *syntax.Definition) {
	u.program.Kind = bytecode.KindCommand
	u.program.Name = d.Name
	u.def = d
	if len(d.Params) > bytecode.MaxParameters {
		u.fail(d.Params[bytecode.MaxParameters].Pos, tooManyParameters, d.Name, bytecode.MaxParameters)
	}
	b := u.newBody(scopeLocal)
	b.name = d.Name
	b.takes(len(d.Params))
	b.at(d.Pos)
	for _, p := range d.Params {
		mode, ok := bytecode.ParseMode(p.Mode)
		if !ok {
			u.fail(p.Pos, "%s is no mode: write value, text, name or out", p.Mode)
		}
		u.program.Params = append(u.program.Params, bytecode.Param{Name: p.Name, Mode: mode})
		v := b.declare(u.symbols.get(p.Name))
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
	b.declareAll(u.assigned(d.Body))
	b.block(d.Body)
	b.emit(bytecode.OpStop, 0, 0, 0, 0)
}

// measure finds out what registers each function needs.
func (u *unit) measure() error {
	for _, b := range u.bodies[:u.used] {
		if err := b.measure(); err != nil {
			return err
		}
	}
	return nil
}

// reset makes ready for a compilation, and forgets the one before.
func (u *unit) reset() {
	for _, b := range u.bodies[:u.used] {
		b.reset()
	}
	if len(u.bodies) > mostBodies {
		u.bodies = nil
	}
	u.constants, u.commands = emptied(u.constants), emptied(u.commands)
	u.globals, u.logs = emptied(u.globals), emptied(u.logs)
	u.code = rewound(u.code)
	if u.made == &u.lent {
		u.lent = Room{}
	}
	u.symbols.reset()
	u.numbers.reset()
	u.work = work{}
}

// slot gives the slot of a name of the Global pool.
func (u *unit) slot(s *symbol) int {
	if s.slot == 0 {
		s.slot = int32(register(len(u.globals), u.direct)) + 1
		u.globals = append(u.globals, s.name)
		u.charge(64 + len(s.name))
	}
	return int(s.slot) - 1
}

// register gives the register of the i-th variable of a body.
func register(i, direct int) int {
	if i < direct {
		return i
	}
	return bytecode.MaxDirect + i - direct
}

// text gives the index of a constant that is a text.
func (u *unit) text(text string) int32 { return u.textOf(u.symbols.get(text)) }

// textOf gives the index of the constant that is the text of a symbol.
func (u *unit) textOf(s *symbol) int32 {
	if s.text == 0 {
		s.text = u.constant(bytecode.Constant{Kind: bytecode.ConstString, Text: s.name}) + 1
	}
	return s.text - 1
}

// number gives the index of a constant that is a number.
func (u *unit) number(n number) int32 {
	at, ok := u.numbers.get(n)
	if !ok {
		at = u.constant(bytecode.Constant{Kind: n.kind, Bits: n.bits})
		u.numbers.put(n, at)
	}
	return at
}

// constant adds a constant.
func (u *unit) constant(k bytecode.Constant) int32 {
	u.constants = append(u.constants, k)
	u.charge(64 + len(k.Text))
	return int32(len(u.constants) - 1)
}

// lookup gives the interface of a command, or nil.
func (u *unit) lookup(s *symbol) *bytecode.Signature {
	if !s.known {
		s.known = true
		if u.opt.Lookup != nil {
			s.sig = u.opt.Lookup(s.name)
		}
	}
	return s.sig
}

// command gives the index of a command that the program calls.
func (u *unit) command(s *symbol) int32 {
	if s.command == 0 {
		u.commands = append(u.commands, bytecode.Command{Name: s.name, Params: s.sig.Params})
		s.command = int32(len(u.commands))
		u.charge(64 + len(s.name))
	}
	return s.command - 1
}

// log gives the index in the logs of what a statement calls.
func (u *unit) log(s *symbol) int32 {
	if s.log == 0 {
		u.logs = append(u.logs, s.name)
		s.log = int32(len(u.logs))
	}
	return s.log - 1
}
