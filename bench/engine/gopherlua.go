// This file runs the programs on gopher-lua.

package engine

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// GopherLua is github.com/yuin/gopher-lua, a Lua 5.1.
type GopherLua struct{}

// Name implements Engine.
func (GopherLua) Name() string { return "gopher-lua" }

// Prepare implements Engine. A state costs far more than a run, so a server
// keeps a pool of them; here one is kept. What a script may write goes to an
// environment that is new for each run and reads through to the libraries.
func (GopherLua) Prepare(p Program) (func() (Answer, error), error) {
	proto, err := compileLua(source(string(p), "lua"))
	if err != nil {
		return nil, err
	}
	state := lua.NewState()
	libraries := state.NewTable()
	libraries.RawSetString("__index", state.G.Global)
	results := 1
	if p == Handler {
		results = 2
	}
	return func() (Answer, error) {
		function := state.NewFunctionFromProto(proto)
		function.Env = state.CreateTable(0, 0)
		function.Env.Metatable = libraries
		request := state.CreateTable(0, 1)
		request.RawSetString("limit", lua.LNumber(Limit))

		state.Push(function)
		state.Push(request)
		if err := state.PCall(1, results, nil); err != nil {
			return Answer{}, err
		}
		defer state.SetTop(0)
		answer := Answer{Number: float64(lua.LVAsNumber(state.Get(1)))}
		if results == 2 {
			answer.Text = lua.LVAsString(state.Get(2))
		}
		return answer, nil
	}, nil
}

// Compile implements Engine.
func (GopherLua) Compile() (func() error, error) {
	text := source("compile", "lua")
	return func() error {
		_, err := compileLua(text)
		return err
	}, nil
}

func compileLua(text string) (*lua.FunctionProto, error) {
	chunk, err := parse.Parse(strings.NewReader(text), "program")
	if err != nil {
		return nil, err
	}
	return lua.Compile(chunk, "program")
}
