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
	engine      *Engine
	code        *vm.Code
	diagnostics []Diagnostic
	uses        []use                  // nil for most
	holds       atomic.Pointer[Engine] // the engine that Holds found it to hold for, last
}

// use is a name that was looked up for a program and that its code is not bound to, and
// what it meant.
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
}

func (e *Engine) compile(ctx context.Context, script string, charge func(int) error) (*Program, error) {
	c, _ := e.compilers.Get().(*compiler)
	if c == nil {
		c = new(compiler)
	}
	defer func() {
		c.parser.Forget()
		e.compilers.Put(c)
	}()
	f, err := c.parser.Parse(script, syntax.Options{Charge: charge})
	if err != nil {
		return nil, asError(err)
	}
	if len(f.Commands) > 0 {
		d := f.Commands[0]
		return nil, &Error{
			Code: CodeSyntax, Line: int(d.Pos.Line), Col: int(d.Pos.Col),
			Msg: "a script cannot define the command " + d.Name + ": definitions are published on their own",
		}
	}
	if err := e.load(ctx, f.Calls); err != nil {
		return nil, err
	}
	p, diagnostics, err := c.compiler.Script(f, compile.Options{Lookup: e.signature, Charge: charge})
	if err != nil {
		return nil, asError(err)
	}
	code, err := vm.Link(p, e.commands.Command)
	if err != nil {
		return nil, &Error{Code: vm.CodeInternal, Msg: "a defect of the compiler", Err: err}
	}
	return e.program(code, f.Calls, diagnostics), nil
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
	code, err := vm.Link(p, e.commands.Command)
	if err != nil {
		return nil, err
	}
	return e.program(code, names, nil), nil
}

// program makes the program of a code, for which these names were looked up.
func (e *Engine) program(code *vm.Code, names []string, diagnostics []compile.Diagnostic) *Program {
	p := &Program{engine: e, code: code, uses: e.uses(code, names)}
	if len(diagnostics) > 0 {
		p.diagnostics = convertDiagnostics(diagnostics)
	}
	p.holds.Store(e)
	return p
}

// uses gives those of the names that a code is not bound to, or has in another order, and
// what they mean.
func (e *Engine) uses(code *vm.Code, names []string) (uses []use) {
	commands := code.Program().Commands
	next := 0
	for i, name := range names {
		if next < len(commands) && commands[next].Name == name && code.Command(next) != nil {
			next++
			continue
		}
		if uses == nil {
			uses = make([]use, 0, len(names)-i)
		}
		uses = append(uses, use{name, e.commands.Command(name)})
	}
	return uses
}

// load brings commands into memory, where the engine's are not all there.
func (e *Engine) load(ctx context.Context, names []string) error {
	if l, ok := e.commands.(Loader); ok {
		return l.Load(ctx, slices.Clone(names)) // which it may keep
	}
	return nil
}

// Holds tells whether a program that another engine made is what this one would
// make: every command that it uses is the same. Its error is that of loading them.
func (e *Engine) Holds(ctx context.Context, p *Program) (bool, error) {
	if p.holds.Load() == e {
		return true, nil
	}
	commands := p.code.Program().Commands
	names := make([]string, 0, len(commands)+len(p.uses))
	for i := range commands {
		names = append(names, commands[i].Name)
	}
	for _, u := range p.uses {
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
	for _, u := range p.uses {
		if e.commands.Command(u.name) != u.command {
			return false, nil
		}
	}
	p.holds.Store(e)
	return true, nil
}

// Diagnostics gives what can be said of the script without running it, in the
// order of the source.
func (p *Program) Diagnostics() []Diagnostic { return p.diagnostics }

// Bytecode gives what the script was compiled to. It must not be changed.
func (p *Program) Bytecode() *bytecode.Program { return p.code.Program() }

// Size is about how many bytes of memory the program holds.
func (p *Program) Size() int {
	n := p.code.Size() + 256
	for _, u := range p.uses {
		n += 40 + len(u.name)
	}
	return n
}
