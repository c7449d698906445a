// This file holds what all engines under measure have in common.

// Package engine runs the same programs on AVAP and on its peers, each in the
// fastest way that its documentation gives a server: compiled once, run many
// times, with a fresh request each time. No engine but AVAP, which cannot be
// run without, runs under limits here.
package engine

import "errors"

// ErrNotExpressible tells that a language cannot say a program.
var ErrNotExpressible = errors.New("not expressible in this language")

// An Engine is one implementation of a language. The functions that it makes
// belong to one goroutine.
type Engine interface {
	// Name is the engine's name in reports.
	Name() string
	// Prepare compiles a program; run runs it once, from its request to its
	// answer. The error is ErrNotExpressible where the language lacks words.
	Prepare(p Program) (run func() (Answer, error), err error)
	// Compile returns a function that compiles the 20-line script from its text.
	Compile() (compile func() error, err error)
}

// All lists the Go engines under measure.
func All() []Engine {
	return []Engine{AVAP{}, GopherLua{}, Goja{}, Starlark{}, Tengo{}, Expr{}}
}
