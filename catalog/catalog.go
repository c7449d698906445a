// This file holds the catalog: what the names of commands mean.

// Package catalog binds names of commands to their meaning: the stock commands
// in Go, and definitions written in AVAP.
package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/compile"
	"github.com/avap-framework/avap/syntax"
	"github.com/avap-framework/avap/vm"
)

// Catalog is an immutable set of commands. It is safe for concurrent use.
type Catalog struct {
	stock    func(name string) *bytecode.Signature
	defined  map[string]*bytecode.Signature
	commands map[string]*vm.Command
	docs     map[string]string
}

// New makes the catalog of the stock commands alone: their interfaces, and
// what they do.
func New(stock func(name string) *bytecode.Signature, commands map[string]*vm.Command) *Catalog {
	return &Catalog{stock: stock, commands: commands}
}

// Signature gives the interface of a command, or nil where there is none.
func (c *Catalog) Signature(name string) *bytecode.Signature {
	if s := c.stock(name); s != nil {
		return s
	}
	return c.defined[name]
}

// Command gives what a name means, or nil where there is none.
func (c *Catalog) Command(name string) *vm.Command { return c.commands[name] }

// Doc gives the documentation of a definition.
func (c *Catalog) Doc(name string) string { return c.docs[name] }

// Error says what is wrong with a definition.
type Error struct {
	Name string // of the definition
	Pos  syntax.Pos
	Msg  string
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d: command %s: %s", e.Pos.Line, e.Name, e.Msg)
}

// Diagnostic is what can be said of a definition without running it.
type Diagnostic struct {
	Definition string
	compile.Diagnostic
}

// Define gives a catalog with further definitions, which may call each other
// in any order, but not in a circle. A definition replaces an earlier one of
// its name; one of a stock name is an *Error, and so is one that does not compile.
func (c *Catalog) Define(defs []*syntax.Definition) (*Catalog, []Diagnostic, error) {
	next := &Catalog{
		stock:    c.stock,
		defined:  make(map[string]*bytecode.Signature, len(c.defined)+len(defs)),
		commands: make(map[string]*vm.Command, len(c.commands)+len(defs)),
		docs:     make(map[string]string, len(c.docs)+len(defs)),
	}
	programs := map[string]*bytecode.Program{}
	for name, s := range c.defined {
		next.defined[name], next.docs[name] = s, c.docs[name]
		programs[name] = c.commands[name].Code.Program()
	}
	for name, cmd := range c.commands {
		if cmd.Code == nil {
			next.commands[name] = cmd
		}
	}
	for _, d := range defs {
		sig, err := signature(d)
		if err != nil {
			return nil, nil, err
		}
		if slices.Contains(syntax.Builtins, d.Name) {
			return nil, nil, &Error{d.Name, d.Pos, "a built-in function has this name, so nobody could call it"}
		}
		if c.stock(d.Name) != nil {
			return nil, nil, &Error{d.Name, d.Pos, "a stock command has this name"}
		}
		next.defined[d.Name], next.docs[d.Name] = sig, d.Doc
	}
	var all []Diagnostic
	for _, d := range defs {
		p, diagnostics, err := compile.Definition(d, compile.Options{Lookup: next.Signature})
		if err != nil {
			var at *compile.Error
			if errors.As(err, &at) {
				return nil, nil, &Error{d.Name, at.Pos, at.Msg}
			}
			return nil, nil, compileError(d, err)
		}
		programs[d.Name] = p
		for _, found := range diagnostics {
			all = append(all, Diagnostic{d.Name, found})
		}
	}
	l := linker{catalog: next, programs: programs}
	for _, d := range defs {
		if err := l.link(d.Name); err != nil {
			return nil, nil, &Error{d.Name, d.Pos, err.Error()}
		}
	}
	for name := range programs {
		if err := l.link(name); err != nil {
			return nil, nil, fmt.Errorf("command %s: %w", name, err)
		}
	}
	return next, all, nil
}

// compileError is an error of the compiler, at the place that it names.
func compileError(d *syntax.Definition, err error) *Error {
	var e *compile.Error
	if errors.As(err, &e) {
		return &Error{d.Name, e.Pos, e.Msg}
	}
	return &Error{d.Name, d.Pos, err.Error()}
}

// signature gives the interface that a definition declares.
func signature(d *syntax.Definition) (*bytecode.Signature, error) {
	s := &bytecode.Signature{}
	for _, p := range d.Params {
		mode, ok := bytecode.ParseMode(p.Mode)
		if !ok {
			return nil, &Error{d.Name, p.Pos, p.Mode + " is no mode: write value, text, name or out"}
		}
		s.Params = append(s.Params, bytecode.Param{Name: p.Name, Mode: mode})
	}
	for _, r := range d.Requires {
		if _, ok := vm.ParseCapability(r.Name); !ok {
			return nil, &Error{d.Name, r.Pos, r.Name + " is no capability: write http, sql, random or time"}
		}
	}
	return s, nil
}

// linker links definitions, each behind those that it calls.
type linker struct {
	catalog  *Catalog
	programs map[string]*bytecode.Program
	path     []string // definitions whose callees are being linked
}

func (l *linker) link(name string) error {
	if l.catalog.commands[name] != nil {
		return nil
	}
	if i := slices.Index(l.path, name); i >= 0 {
		return fmt.Errorf("the definitions call each other in a circle: %s", strings.Join(append(l.path[i:], name), " → "))
	}
	p := l.programs[name]
	l.path = append(l.path, name)
	for _, callee := range p.Commands {
		if l.programs[callee.Name] == nil {
			continue
		}
		if err := l.link(callee.Name); err != nil {
			return err
		}
	}
	l.path = l.path[:len(l.path)-1]
	code, err := vm.Link(p, l.catalog.Command)
	if err != nil {
		return err
	}
	l.catalog.commands[name] = &vm.Command{Name: name, Params: p.Params, Code: code}
	return nil
}
