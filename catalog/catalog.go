// This file holds the catalog: what the names of commands mean.

// Package catalog binds names of commands to their meaning: the stock commands
// in Go, and definitions written in AVAP.
package catalog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/compile"
	"github.com/avap-framework/avap/syntax"
	"github.com/avap-framework/avap/vm"
)

// Catalog is an immutable set of commands. It is safe for concurrent use.
type Catalog struct {
	stock       func(name string) *bytecode.Signature
	natives     map[string]*vm.Command
	signatures  map[string]*bytecode.Signature // of the definitions
	definitions map[string]*definition
	docs        map[string]string
}

// New makes the catalog of the stock commands alone: their interfaces, and
// what they do.
func New(stock func(name string) *bytecode.Signature, commands map[string]*vm.Command) *Catalog {
	return &Catalog{stock: stock, natives: commands}
}

// Signature gives the interface of a command, or nil where there is none.
func (c *Catalog) Signature(name string) *bytecode.Signature {
	if s := c.stock(name); s != nil {
		return s
	}
	return c.signatures[name]
}

// Command gives what a name means, or nil where there is none.
func (c *Catalog) Command(name string) *vm.Command {
	if native := c.natives[name]; native != nil { // as most are
		return native
	}
	if d := c.definitions[name]; d != nil {
		return d.command
	}
	return nil
}

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
		stock:       c.stock,
		natives:     c.natives,
		signatures:  make(map[string]*bytecode.Signature, len(c.signatures)+len(defs)),
		definitions: make(map[string]*definition, len(c.definitions)+len(defs)),
		docs:        make(map[string]string, len(c.docs)+len(defs)),
	}
	for name, d := range c.definitions {
		linked := *d
		next.definitions[name], next.signatures[name], next.docs[name] = &linked, c.signatures[name], c.docs[name]
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
		next.signatures[d.Name], next.docs[d.Name] = sig, d.Doc
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
		next.definitions[d.Name] = &definition{program: p}
		for _, found := range diagnostics {
			all = append(all, Diagnostic{d.Name, found})
		}
	}
	if err := next.link(defs); err != nil {
		return nil, nil, err
	}
	return next, all, nil
}

// link links the definitions, the new ones first: an error is about one of these
// where it can be.
func (c *Catalog) link(defs []*syntax.Definition) error {
	l := linker{meaning: func(name string) (*vm.Command, *definition) { return c.natives[name], c.definitions[name] }}
	for _, d := range defs {
		if _, err := l.link(d.Name); err != nil {
			return &Error{d.Name, d.Pos, err.Error()}
		}
	}
	for name := range c.definitions {
		if _, err := l.link(name); err != nil {
			return fmt.Errorf("command %s: %w", name, err)
		}
	}
	return nil
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
