// This file runs a bomb on a peer, under the limits that the peer has.

package bombs

import (
	"context"
	"fmt"
	"time"

	"github.com/d5/tengo/v2"
	"github.com/d5/tengo/v2/stdlib"
	"github.com/dop251/goja"
	"github.com/expr-lang/expr"
	lua "github.com/yuin/gopher-lua"
	"go.starlark.net/lib/json"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// The limits that peers get where they have them: those of AVAP.
const (
	timeLimit  = 800 * time.Millisecond
	depthLimit = 200
	stepLimit  = 10_000_000
	bytesLimit = 32 << 20
)

// A Peer is an engine that bombs are thrown at.
type Peer struct {
	Name     string
	Language string // a key of Bomb.Sources
	Limits   string // which of its limits are on
	run      func(source string) error
}

// Run runs a script. Its error is what ended the script early, be it a limit
// or a mistake; a panic that the embedding program can recover is one too. A
// bomb that holds may also never come back, or end the process.
func (p Peer) Run(source string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return p.run(source)
}

// Peers lists the engines.
func Peers() []Peer {
	return []Peer{
		{"gopher-lua", "lua", "context 800 ms, call stack 200, registry 1 M values", runLua},
		{"goja", "js", "interrupt at 800 ms, call stack 200", runGoja},
		{"starlark-go", "star", "10 M steps, cancelled at 800 ms", runStarlark},
		{"tengo", "tengo", "context 800 ms, 1 M allocations, texts of 32 MiB", runTengo},
		{"expr", "expr", "memory budget 1 M, 10,000 nodes (its defaults)", runExpr},
	}
}

func runLua(source string) error {
	state := lua.NewState(lua.Options{
		SkipOpenLibs: true, CallStackSize: depthLimit,
		RegistrySize: 1024, RegistryGrowStep: 1024, RegistryMaxSize: 1 << 20,
	})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
		lua.StringLibName: lua.OpenString, lua.MathLibName: lua.OpenMath,
	} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeLimit)
	defer cancel()
	state.SetContext(ctx)
	return state.DoString(source)
}

func runGoja(source string) error {
	runtime := goja.New()
	runtime.SetMaxCallStackSize(depthLimit)
	timer := time.AfterFunc(timeLimit, func() { runtime.Interrupt("the time is up") })
	defer timer.Stop()
	_, err := runtime.RunString(source)
	return err
}

// runStarlark allows what the benchmarks need too: recursion and while loops.
func runStarlark(source string) error {
	options := &syntax.FileOptions{Recursion: true, While: true, TopLevelControl: true, GlobalReassign: true}
	thread := &starlark.Thread{}
	thread.SetMaxExecutionSteps(stepLimit)
	timer := time.AfterFunc(timeLimit, func() { thread.Cancel("the time is up") })
	defer timer.Stop()
	_, err := starlark.ExecFileOptions(options, thread, "bomb", source, starlark.StringDict{"json": json.Module})
	return err
}

func runTengo(source string) error {
	tengo.MaxStringLen, tengo.MaxBytesLen = bytesLimit, bytesLimit // the only place for this limit
	script := tengo.NewScript([]byte(source))
	script.SetImports(stdlib.GetModuleMap("text", "json"))
	script.SetMaxAllocs(1_000_000)
	script.SetMaxConstObjects(10_000)
	ctx, cancel := context.WithTimeout(context.Background(), timeLimit)
	defer cancel()
	_, err := script.RunContext(ctx)
	return err
}

func runExpr(source string) error {
	program, err := expr.Compile(source)
	if err != nil {
		return err
	}
	_, err = expr.Run(program, nil)
	return err
}
