// This file runs the programs on go.starlark.net.

package engine

import (
	"fmt"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Starlark is go.starlark.net, a dialect of Python.
type Starlark struct{}

// Name implements Engine.
func (Starlark) Name() string { return "starlark-go" }

// Prepare implements Engine. The module runs once and is frozen, which is how
// Starlark shares one among threads; each request calls its function on a
// thread of its own.
func (Starlark) Prepare(p Program) (func() (Answer, error), error) {
	program, err := compileStarlark(source(string(p), "star"))
	if err != nil {
		return nil, err
	}
	module, err := program.Init(&starlark.Thread{}, nil)
	if err != nil {
		return nil, err
	}
	module.Freeze()
	function := module["run"]
	return func() (Answer, error) {
		request := starlark.NewDict(1)
		if err := request.SetKey(starlark.String("limit"), starlark.MakeInt(Limit)); err != nil {
			return Answer{}, err
		}
		value, err := starlark.Call(&starlark.Thread{}, function, starlark.Tuple{request}, nil)
		if err != nil {
			return Answer{}, err
		}
		return starlarkAnswer(value)
	}, nil
}

func starlarkAnswer(value starlark.Value) (Answer, error) {
	switch value := value.(type) {
	case starlark.Int:
		n, ok := value.Int64()
		if !ok {
			return Answer{}, fmt.Errorf("%v is out of range", value)
		}
		return Answer{Number: float64(n)}, nil
	case starlark.Tuple:
		number, _ := starlark.AsFloat(value[0])
		text, _ := starlark.AsString(value[1])
		return Answer{Number: number, Text: text}, nil
	}
	return Answer{}, fmt.Errorf("%v is no answer", value)
}

// Compile implements Engine.
func (Starlark) Compile() (func() error, error) {
	text := source("compile", "star")
	return func() error {
		_, err := compileStarlark(text)
		return err
	}, nil
}

func compileStarlark(text string) (*starlark.Program, error) {
	options := &syntax.FileOptions{Recursion: true, While: true}
	_, program, err := starlark.SourceProgramOptions(options, "program", text, func(string) bool { return false })
	return program, err
}
