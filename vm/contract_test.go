package vm_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/compile"
	"github.com/avap-framework/avap/syntax"
	"github.com/avap-framework/avap/vm"
)

// runDefined runs a script against one definition under a contract.
func runDefined(t *testing.T, definition, script string, contract, limits vm.Limits) (*vm.Machine, error) {
	t.Helper()
	parse := func(text string) *syntax.File {
		f, err := syntax.Parse(text, syntax.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	def := parse(definition).Commands[0]
	body, _, err := compile.Definition(def, compile.Options{Lookup: command.Signature})
	if err != nil {
		t.Fatal(err)
	}
	natives := command.Natives(command.Host{})
	code, err := vm.Link(body, func(name string) *vm.Command { return natives[name] })
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(name string) *bytecode.Signature {
		if name == def.Name {
			return &bytecode.Signature{Params: body.Params}
		}
		return command.Signature(name)
	}
	program, _, err := compile.Script(parse(script), compile.Options{Lookup: lookup})
	if err != nil {
		t.Fatal(err)
	}
	linked, err := vm.Link(program, func(name string) *vm.Command {
		if name == def.Name {
			return &vm.Command{Name: name, Params: body.Params, Code: code, Limits: &contract}
		}
		return natives[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	if limits.Time == 0 {
		limits.Time = time.Minute // on a busy machine, too
	}
	m := &vm.Machine{}
	m.Reset(context.Background(), limits, nil)
	return m, m.Run(linked, vm.Input{Grants: vm.AllCapabilities})
}

// TestContracts holds each invocation of a definition to its contract, and gives the
// execution back what the invocation did not use.
func TestContracts(t *testing.T) {
	const spin = "command work(n: value, target: out) {\n startLoop(i, 1, n)\n target = i\n endLoop()\n}"
	const hoard = "command work(n: value, target: out) {\n target = 'x' * n\n}"
	const deep = "command work(n: value, target: out) {\n target = n\n}"
	tests := []struct {
		name               string
		definition, script string
		contract, limits   vm.Limits
		want               vm.ErrorCode
	}{
		{"instructions", spin, "work(100000, x)", vm.Limits{Instructions: 1000}, vm.Limits{}, vm.CodeInstructions},
		{"instructions of each invocation", spin, "startLoop(k, 1, 100)\nwork(100, x)\nendLoop()", vm.Limits{Instructions: 1000}, vm.Limits{}, ""},
		{"the execution goes on with its own", spin, "work(10, x)\nstartLoop(k, 1, 100000)\nx = k\nendLoop()", vm.Limits{Instructions: 1000}, vm.Limits{}, ""},
		{"the execution's own are less", spin, "work(100000, x)", vm.Limits{Instructions: 1 << 40}, vm.Limits{Instructions: 5000}, vm.CodeInstructions},
		{"they add up", spin, "startLoop(k, 1, 100)\nwork(100, x)\nendLoop()", vm.Limits{Instructions: 1000}, vm.Limits{Instructions: 5000}, vm.CodeInstructions},
		{"no try catches it", spin, "try()\nwork(100000, x)\nexception(e)\nend()", vm.Limits{Instructions: 1000}, vm.Limits{}, vm.CodeInstructions},
		{"memory", hoard, "work(1000000, x)", vm.Limits{Memory: 100_000}, vm.Limits{}, vm.CodeMemory},
		{"memory of each invocation", hoard, "startLoop(k, 1, 200)\nwork(50000, x)\nendLoop()", vm.Limits{Memory: 100_000}, vm.Limits{}, ""},
		{"memory that the caller holds", hoard, "big = 'y' * 1000000\nwork(50000, x)", vm.Limits{Memory: 100_000}, vm.Limits{}, ""},
		{"memory behind it", hoard, "work(50000, x)\nbig = 'y' * 1000000", vm.Limits{Memory: 100_000}, vm.Limits{}, ""},
		{"time", spin, "work(100000000, x)", vm.Limits{Time: time.Millisecond}, vm.Limits{Instructions: -1, Time: time.Minute}, vm.CodeTime},
		{"depth within it", deep, "work(1, x)", vm.Limits{Depth: 1}, vm.Limits{}, ""},
		{
			"an error in it gives all back", "command work(n: value, target: out) {\n target = 1 / n\n}",
			"startLoop(k, 1, 100)\ntry()\nwork(0, x)\nexception(e)\nend()\nendLoop()\nstartLoop(k, 1, 10000)\ny = k\nendLoop()",
			vm.Limits{Instructions: 50, HostCalls: 1, Depth: 1},
			vm.Limits{},
			"",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := runDefined(t, tt.definition, tt.script, tt.contract, tt.limits)
			var e *vm.Error
			if errors.As(err, &e); tt.want == "" && err != nil || tt.want != "" && (e == nil || e.Code != tt.want) {
				t.Errorf("ended with %v, want the code %q", err, tt.want)
			}
		})
	}
}

// TestContractTakesNothing: what an execution may use is the same behind invocations
// under a contract as behind the same invocations without.
func TestContractTakesNothing(t *testing.T) {
	const definition = "command work(n: value, target: out) {\n target = n * 2\n}"
	const script = "startLoop(k, 1, 50)\nwork(k, x)\nendLoop()\ny = 'z' * 1000"
	used := func(contract vm.Limits) [2]int64 {
		m, err := runDefined(t, definition, script, contract, vm.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		instructions, memory := m.Used()
		return [2]int64{instructions, memory}
	}
	without := used(vm.Limits{})
	with := used(vm.Limits{Instructions: 10_000, Memory: 1 << 20, Time: time.Minute, HostTime: time.Second, Depth: 3, HostCalls: 1})
	if without != with {
		t.Errorf("instructions and memory: %v under a contract, %v without", with, without)
	}
}
