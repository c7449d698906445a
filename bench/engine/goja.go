// This file runs the programs on goja.

package engine

import (
	"errors"

	"github.com/dop251/goja"
)

// Goja is github.com/dop251/goja, a JavaScript.
type Goja struct{}

// Name implements Engine.
func (Goja) Name() string { return "goja" }

// Prepare implements Engine. A runtime costs far more than a run; servers make
// the handler once in a runtime of a pool and call it for each request. The
// program is a function, so that its variables are locals, which are faster
// than goja's globals and new for each call.
func (Goja) Prepare(p Program) (func() (Answer, error), error) {
	program, err := goja.Compile("program", source(string(p), "js"), true)
	if err != nil {
		return nil, err
	}
	runtime := goja.New()
	value, err := runtime.RunProgram(program)
	if err != nil {
		return nil, err
	}
	function, ok := goja.AssertFunction(value)
	if !ok {
		return nil, errors.New("the program is no function")
	}
	return func() (Answer, error) {
		request := runtime.NewObject()
		if err := request.Set("limit", Limit); err != nil {
			return Answer{}, err
		}
		value, err := function(goja.Undefined(), request)
		if err != nil {
			return Answer{}, err
		}
		if p != Handler {
			return Answer{Number: value.ToFloat()}, nil
		}
		result := value.ToObject(runtime)
		return Answer{Number: result.Get("total").ToFloat(), Text: result.Get("label").String()}, nil
	}, nil
}

// Compile implements Engine.
func (Goja) Compile() (func() error, error) {
	text := source("compile", "js")
	return func() error {
		_, err := goja.Compile("program", text, true)
		return err
	}, nil
}
