// This file holds the engine and its programs.

// Package avap embeds the AVAP language: compile a script once, run it any
// number of times from any goroutine, each execution in a sandbox of its own
// with hard quotas on instructions, memory and time.
//
//	engine, err := avap.New(avap.Options{})
//	program, err := engine.Compile("addVar(sum, a + b)\naddResult(sum)")
//	result, err := program.Run(ctx, avap.Input{Variables: avap.Object{{Key: "a", Value: 1}, {Key: "b", Value: 2}}})
//	fmt.Println(result.Get("sum")) // 3
//
// The language is described in docs/language.md, its commands in
// docs/commands.md.
package avap

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/compile"
	"github.com/avap-framework/avap/syntax"
	"github.com/avap-framework/avap/vm"
)

// Types of the machine that the engine's users meet.
type (
	// Limits are the quotas of one execution; zero fields stand for the
	// defaults, negative ones for no limit.
	Limits = vm.Limits
	// Error is what ended a compilation or an execution: a code, a message, a place.
	Error = vm.Error
	// ErrorCode is the kind of an Error.
	ErrorCode = vm.ErrorCode
	// Object is a dict in Go, in its order.
	Object = vm.Object
	// Pair is one key of an Object.
	Pair = vm.Pair
	// Host is how commands reach the world outside. A nil HTTP or SQL makes
	// the commands that need it fail; a nil Clock or Random is the system's.
	Host = command.Host
	// Capability is a set of things that a script's commands may reach.
	Capability = vm.Capability
	// LogEntry records one top-level statement that ran.
	LogEntry = vm.LogEntry
)

// CodeSyntax is the code of a script that does not parse or compile.
const CodeSyntax ErrorCode = "syntax_error"

// Capabilities of scripts.
const (
	CapHTTP         = vm.CapHTTP
	CapSQL          = vm.CapSQL
	CapRandom       = vm.CapRandom
	CapTime         = vm.CapTime
	AllCapabilities = vm.AllCapabilities
)

// Options make an engine. The zero value runs scripts under the default
// limits, with the stock commands and nothing to reach outside but clock and
// randomness.
type Options struct {
	Host        Host
	Limits      Limits
	Definitions []Source // of commands in AVAP
	// Commands is what scripts are compiled against; nil stands for the stock
	// commands bound to Host, and Definitions. With it those two are not used.
	Commands Commands
}

// Commands is what the names of commands mean. It does not change, and is safe
// for concurrent use.
type Commands interface {
	// Signature returns the interface of a command, Command what it does; nil where
	// there is none of that name.
	Signature(name string) *bytecode.Signature
	Command(name string) *vm.Command
}

// Loader is implemented by Commands that do not hold all of them in memory.
type Loader interface {
	// InMemory reports whether Signature and Command know all of the names without Load. It
	// is asked for each script that is compiled, and must not keep the list.
	InMemory(names []string) bool
	// Load brings in what the names stand for, before Signature and Command are asked.
	// Its error, an *Error, ends the compilation.
	Load(ctx context.Context, names []string) error
}

// Source is AVAP text under the name that errors give it.
type Source struct{ Name, Text string }

// Engine compiles and runs scripts against one catalog of commands. It is
// immutable and safe for concurrent use.
type Engine struct {
	commands    Commands
	signature   func(name string) *bytecode.Signature // commands', made once
	loader      Loader                                // what commands is, too; nil where it is none
	limits      Limits
	diagnostics []Diagnostic
	executions  *sync.Pool // of *Execution; shared with engines that With made
	compilers   *sync.Pool // of *compiler; shared likewise
}

// Diagnostic is something that can be said of a source without running it.
type Diagnostic struct {
	Name    string // of the source; empty for a script
	Line    int
	Col     int
	Code    ErrorCode // empty where it is only a caution
	Message string
}

// Caution reports whether the source runs in spite of it.
func (d Diagnostic) Caution() bool { return d.Code == "" }

// New makes an engine. Its error holds an *Error for each mistake that was
// found, each wrapped with the name of the source that it is in; Errors gives them.
func New(opt Options) (*Engine, error) {
	e := &Engine{limits: opt.Limits, executions: new(sync.Pool), compilers: new(sync.Pool)}
	if opt.Commands != nil {
		return e.With(opt.Commands), nil
	}
	stock := catalog.New(command.Signature, command.Natives(opt.Host))
	var defs []*syntax.Definition
	sources := map[string]string{} // of the definitions, by name
	for _, s := range opt.Definitions {
		found, err := parseDefinitions(s.Text)
		if err != nil {
			return nil, inSource(s.Name, err)
		}
		for _, d := range found {
			sources[d.Name] = s.Name
		}
		defs = append(defs, found...)
	}
	c, diagnostics, err := stock.Define(defs)
	if err != nil {
		name := "definitions"
		var def *catalog.Error
		if errors.As(err, &def) {
			name = sources[def.Name]
		}
		return nil, inSource(name, asError(err))
	}
	e = e.With(c)
	for _, d := range diagnostics {
		e.diagnostics = append(e.diagnostics, convertDiagnostic(sources[d.Definition], d.Diagnostic))
	}
	return e, nil
}

// parseDefinitions reads a source that holds definitions alone.
func parseDefinitions(text string) ([]*syntax.Definition, error) {
	f, err := syntax.Parse(text, syntax.Options{})
	if err != nil {
		return nil, asError(err)
	}
	if len(f.Commands) == 0 || len(f.Body) > 0 || len(f.Funcs) > 0 {
		return nil, &Error{Code: CodeSyntax, Msg: "a source of definitions holds definitions of commands alone", Line: 1, Col: 1}
	}
	return f.Commands, nil
}

// inSource wraps each error with the name of its source.
func inSource(name string, err error) error {
	all := Errors(err)
	if len(all) == 0 {
		return fmt.Errorf("%s: %w", name, err)
	}
	wrapped := make([]error, len(all))
	for i, e := range all {
		wrapped[i] = fmt.Errorf("%s: %w", name, e)
	}
	return errors.Join(wrapped...)
}

// With returns an engine that compiles against other commands and shares everything
// else. Programs of this engine may run in executions of the other.
func (e *Engine) With(c Commands) *Engine {
	loader, _ := c.(Loader)
	return &Engine{
		commands: c, signature: c.Signature, loader: loader, limits: e.limits,
		executions: e.executions, compilers: e.compilers,
	}
}

// Diagnostics returns what can be said of the engine's definitions.
func (e *Engine) Diagnostics() []Diagnostic { return e.diagnostics }

// Input is what one execution is given.
type Input struct {
	Variables  Object     // the Global pool's first contents
	Query      string     // the query string, for addParam and getQueryParamList
	Parameters Object     // further parameters for addParam, after those of the query string
	Limits     *Limits    // instead of the engine's; nil for these
	Grants     Capability // what the script may reach; zero stands for everything
	NoLogs     bool       // keeps no log of the top-level statements
}

// Result is what an execution gave.
type Result struct {
	Exports   Object // what addResult exported, in order
	Variables Object // the Global pool, in the order in which the variables came to be
	Logs      []LogEntry
	Status    int    // the HTTP status that the script asked for, else 200
	JSON      []byte // the whole answer
	Used      Usage
}

// Usage is what an execution used.
type Usage struct {
	Instructions int64
	Memory       int64 // bytes charged since memory was measured last
	Time         time.Duration
}

// Get returns what was exported under a name, nil where there is nothing.
func (r *Result) Get(name string) any { return r.Exports.Get(name) }

// Run executes the program once. Its error is an *Error; a cancelled context
// ends the execution with the code cancelled.
func (p *Program) Run(ctx context.Context, in Input) (*Result, error) {
	limits := p.engine.limits
	if in.Limits != nil {
		limits = *in.Limits
	}
	x := p.engine.Begin(ctx, limits, nil)
	defer x.End()
	if err := x.setInput(in); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := x.Run(p); err != nil {
		return nil, err
	}
	r := &Result{Logs: x.machine.Logs(), Status: x.Status()}
	var err error
	if r.Exports, err = object(x.machine.Results()); err != nil {
		return nil, err
	}
	if r.Variables, err = object(x.machine.Variables()); err != nil {
		return nil, err
	}
	if r.JSON, err = x.AppendAnswer(nil); err != nil {
		return nil, err
	}
	r.Used.Time = time.Since(began)
	r.Used.Instructions, r.Used.Memory = x.machine.Used()
	return r, nil
}

// object turns fields into Go's own values.
func object(fields []vm.Field) (Object, error) {
	o := make(Object, len(fields))
	for i, f := range fields {
		v, err := vm.ToGo(f.Value)
		if err != nil {
			return nil, err
		}
		o[i] = Pair{Key: f.Name, Value: v}
	}
	return o, nil
}

// convertDiagnostics returns the compiler's diagnostics of a script as the engine's own.
func convertDiagnostics(ds []compile.Diagnostic) []Diagnostic {
	out := make([]Diagnostic, len(ds))
	for i, d := range ds {
		out[i] = convertDiagnostic("", d)
	}
	return out
}

func convertDiagnostic(source string, d compile.Diagnostic) Diagnostic {
	return Diagnostic{Name: source, Line: int(d.Pos.Line), Col: int(d.Pos.Col), Code: ErrorCode(d.Code), Message: d.Msg}
}

// asError gives an error of a compilation as *Error, several as a join of them.
func asError(err error) error {
	var many syntax.Errors
	if errors.As(err, &many) {
		errs := make([]error, len(many))
		for i, e := range many {
			errs[i] = syntaxError(e.Pos, e.Msg)
		}
		if len(errs) == 1 {
			return errs[0]
		}
		return errors.Join(errs...)
	}
	var one *compile.Error
	if errors.As(err, &one) {
		return syntaxError(one.Pos, one.Msg)
	}
	var def *catalog.Error
	if errors.As(err, &def) {
		return syntaxError(def.Pos, "command "+def.Name+": "+def.Msg)
	}
	return err
}

func syntaxError(pos syntax.Pos, msg string) *Error {
	return &Error{Code: CodeSyntax, Msg: msg, Line: int(pos.Line), Col: int(pos.Col)}
}

// Errors returns the single errors of a compilation, in the order of the source.
func Errors(err error) []*Error {
	switch e := err.(type) {
	case *Error:
		return []*Error{e}
	case interface{ Unwrap() []error }:
		var all []*Error
		for _, one := range e.Unwrap() {
			all = append(all, Errors(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		return Errors(e.Unwrap())
	}
	return nil
}
