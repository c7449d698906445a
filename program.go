// This file holds programs: compiling scripts, linking compiled units, and telling
// whether a program still means what it meant when it was made.

package avap

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/compile"
	"github.com/avap-framework/avap/syntax"
	"github.com/avap-framework/avap/vm"
)

// Program is a compiled script. It is immutable and safe for concurrent use.
type Program struct {
	engine *Engine
	code   vm.Code
	holds  atomic.Pointer[Engine] // the engine that Holds found it to hold for, last
	// used are the commands that were looked up for it by their names and that its code
	// is not bound to: it has instructions of its own for what they do. few is what
	// they are kept in as a rule.
	used []*vm.Command
	few  [2]*vm.Command
	more *more // nil for most
}

// roomy is a program that is compiled to be kept, and what most of it lies in: one
// allocation. A program that is linked brings its own.
type roomy struct {
	program Program
	room    compile.Room
}

// more is what there is to be kept of few programs alone.
type more struct {
	diagnostics []Diagnostic
	others      []use
}

// use is a name that was looked up for a program, and what it meant: no command, or one
// that calls itself otherwise.
type use struct {
	name    string
	command *vm.Command // nil where there was none
}

// Compile compiles a script. A mistake in it is an *Error with CodeSyntax, or
// several of them joined, in the order of the source.
func (e *Engine) Compile(script string) (*Program, error) {
	return e.compile(context.Background(), script, nil)
}

// compiler is what compiling one script after the other works in.
type compiler struct {
	parser   syntax.Parser
	compiler compile.Compiler
	program  Program // that lies in the memory of all this,
	lent     bool    // where it is in use
	memory   vm.Memory
}

// takeCompiler gives a compiler, which must be given back.
func (e *Engine) takeCompiler() *compiler {
	if c, ok := e.compilers.Get().(*compiler); ok {
		return c
	}
	return new(compiler)
}

// giveBack gives a compiler back, with the program that lies in it.
func (e *Engine) giveBack(c *compiler) {
	c.forget()
	e.compilers.Put(c)
}

// forget lets go of all that a script has left.
func (c *compiler) forget() {
	c.parser.Forget()
	c.compiler.Forget()
	if c.lent {
		c.program.forget()
		c.lent = false
	}
}

func (e *Engine) compile(ctx context.Context, script string, charge func(int) error) (*Program, error) {
	c := e.takeCompiler()
	defer e.giveBack(c)
	p := new(roomy)
	if err := c.compile(ctx, e, script, charge, &p.program, &p.room); err != nil {
		return nil, err
	}
	return &p.program, nil
}

// compile compiles a script into a program with room, or into the compiler's own.
func (c *compiler) compile(ctx context.Context, e *Engine, script string, charge func(int) error, program *Program, room *compile.Room) error {
	f, err := c.parser.Parse(script, syntax.Options{Charge: charge})
	if err != nil {
		return asError(err)
	}
	if len(f.Commands) > 0 {
		d := f.Commands[0]
		return &Error{
			Code: CodeSyntax, Line: int(d.Pos.Line), Col: int(d.Pos.Col),
			Msg: "a script cannot define the command " + d.Name + ": definitions are published on their own",
		}
	}
	if err := e.load(ctx, f.Calls); err != nil {
		return err
	}
	opt := compile.Options{Lookup: e.signature, Charge: charge, Lend: compile.LendLists, Room: room}
	if c.lent = program == &c.program; c.lent {
		opt.Lend = compile.LendAll
	}
	p, diagnostics, err := c.compiler.Script(f, opt)
	if err != nil {
		return asError(err)
	}
	if c.lent {
		err = program.code.Lend(p, e.commands.Command, &c.memory)
	} else {
		err = program.code.Take(p, e.commands.Command)
	}
	if err != nil {
		return &Error{Code: vm.CodeInternal, Msg: "a defect of the compiler", Err: err}
	}
	program.complete(e, f.Calls)
	if !c.lent {
		program.holds.Store(e)
	}
	if len(diagnostics) > 0 {
		program.rest().diagnostics = convertDiagnostics(diagnostics)
	}
	return nil
}

// Link makes a program of a compiled script, which it verifies. One that does not
// verify, or is no script, is an *Error with the code integrity.
func (e *Engine) Link(ctx context.Context, p *bytecode.Program) (*Program, error) {
	if p.Kind != bytecode.KindScript {
		return nil, vm.Errorf(vm.CodeIntegrity, "not a script")
	}
	names := make([]string, len(p.Commands))
	for i, c := range p.Commands {
		names[i] = c.Name
	}
	if err := e.load(ctx, names); err != nil {
		return nil, err
	}
	program := new(Program)
	if err := program.code.Link(p, e.commands.Command); err != nil {
		return nil, err
	}
	program.complete(e, names)
	program.holds.Store(e)
	return program, nil
}

// complete completes a program whose code is linked, and for which these names were
// looked up.
func (p *Program) complete(e *Engine, names []string) {
	p.engine = e
	commands := p.code.Commands()
	next := 0
	for i, name := range names {
		if next < len(commands) && commands[next].Name == name && p.code.Command(next) != nil {
			next++
			continue
		}
		c := e.commands.Command(name)
		if c == nil || c.Name != name {
			p.rest().others = append(p.rest().others, use{name, c})
			continue
		}
		if p.used == nil {
			p.used = p.few[:0]
			if n := len(names) - i; n > len(p.few) {
				p.used = make([]*vm.Command, 0, n)
			}
		}
		p.used = append(p.used, c)
	}
}

// forget makes ready for another program in the same memory.
func (p *Program) forget() {
	p.code.Forget()
	p.engine, p.more = nil, nil
	if p.holds.Load() != nil { // somebody has asked
		p.holds.Store(nil)
	}
	clear(p.used)
	p.used = nil
}

// rest gives what few programs have, to be added to.
func (p *Program) rest() *more {
	if p.more == nil {
		p.more = new(more)
	}
	return p.more
}

// others gives the uses that are none of a command by its own name.
func (p *Program) others() []use {
	if p.more == nil {
		return nil
	}
	return p.more.others
}

// load brings commands into memory, where the engine's are not all there.
func (e *Engine) load(ctx context.Context, names []string) error {
	if e.loader == nil || e.loader.InMemory(names) {
		return nil
	}
	return e.loader.Load(ctx, slices.Clone(names)) // which it may keep
}

// Holds tells whether a program that another engine made is what this one would
// make: every command that it uses is the same. Its error is that of loading them.
func (e *Engine) Holds(ctx context.Context, p *Program) (bool, error) {
	if p.holds.Load() == e {
		return true, nil
	}
	commands := p.code.Commands()
	names := make([]string, 0, len(commands)+len(p.used)+len(p.others()))
	for i := range commands {
		names = append(names, commands[i].Name)
	}
	for _, c := range p.used {
		names = append(names, c.Name)
	}
	for _, u := range p.others() {
		names = append(names, u.name)
	}
	if err := e.load(ctx, names); err != nil {
		return false, err
	}
	for i := range commands {
		if bound := p.code.Command(i); bound != nil && bound != e.commands.Command(commands[i].Name) {
			return false, nil
		}
	}
	for _, c := range p.used {
		if e.commands.Command(c.Name) != c {
			return false, nil
		}
	}
	for _, u := range p.others() {
		if e.commands.Command(u.name) != u.command {
			return false, nil
		}
	}
	p.holds.Store(e)
	return true, nil
}

// Diagnostics gives what can be said of the script without running it, in the
// order of the source.
func (p *Program) Diagnostics() []Diagnostic {
	if p.more == nil {
		return nil
	}
	return p.more.diagnostics
}

// Bytecode gives what the script was compiled to, put together for each call. It must
// not be changed.
func (p *Program) Bytecode() *bytecode.Program { return p.code.Program() }

// Size is about how many bytes of memory the program holds.
func (p *Program) Size() int {
	n := p.code.Size() + 256 + 8*len(p.used)
	for _, u := range p.others() {
		n += 64 + len(u.name)
	}
	return n
}
