// This file runs the programs on Expr.

package engine

import (
	"fmt"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
)

// Expr is github.com/expr-lang/expr. It is a language of expressions: no
// statements, no functions of the script, loops as built-ins over lists alone.
type Expr struct{}

// Name implements Engine.
func (Expr) Name() string { return "expr" }

// exprTypes tells the compiler what a request may hold. A request itself is a
// map: a server learns the parameters of its scripts at run time.
func exprTypes() expr.Option {
	return expr.Env(map[string]any{"limit": 0, "name": ""})
}

// Prepare implements Engine. One machine is kept, as Expr's documentation
// recommends; it holds no state from one run to the next.
func (Expr) Prepare(p Program) (func() (Answer, error), error) {
	text := source(string(p), "expr")
	if text == "" {
		return nil, ErrNotExpressible
	}
	program, err := expr.Compile(text, exprTypes())
	if err != nil {
		return nil, err
	}
	var machine vm.VM
	return func() (Answer, error) {
		value, err := machine.Run(program, map[string]any{"limit": Limit})
		if err != nil {
			return Answer{}, err
		}
		switch value := value.(type) {
		case int:
			return Answer{Number: float64(value)}, nil
		case map[string]any:
			number, _ := value["total"].(float64)
			text, _ := value["label"].(string)
			return Answer{Number: number, Text: text}, nil
		}
		return Answer{}, fmt.Errorf("%v is no answer", value)
	}, nil
}

// Compile implements Engine.
func (Expr) Compile() (func() error, error) {
	text := source("compile", "expr")
	return func() error {
		_, err := expr.Compile(text, exprTypes())
		return err
	}, nil
}
