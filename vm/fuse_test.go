// This file holds the proof that operations which stand for two mean what the two
// mean: the same answer or error, in the same place, for the same fuel and memory.

package vm_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/compile"
	"github.com/avap-framework/avap/syntax"
	"github.com/avap-framework/avap/vm"
)

// pairCases are scripts in which two operations in a row run as one. They work on a.
var pairCases = []struct {
	first, second bytecode.Op
	script        string
}{
	{bytecode.OpLog, bytecode.OpMove, "b = a\naddResult(b)"},
	{bytecode.OpLog, bytecode.OpLoadK, "b = 1.5 * a\naddResult(b)"},
	{bytecode.OpLog, bytecode.OpLoadI, "b = 7\naddResult(b)"},
	{bytecode.OpAdd, bytecode.OpForLoop, "startLoop(i, 1, 9)\na = a + a\nendLoop()\naddResult(a)"},
	{bytecode.OpAdd, bytecode.OpForLoop, "startLoop(i, 1, 9)\ni = i + a\nendLoop()\naddResult(i)"},
	{bytecode.OpAdd, bytecode.OpForLoop, "n = 0\nstartLoop(i, 1, 9)\nb = i\ni = a\nn = n + b\nendLoop()\naddResult(n)\naddResult(i)"},
	{bytecode.OpAdd, bytecode.OpForLoop, "startLoop(j, 1, 3)\nstartLoop(i, j, 5)\na = a + i\nendLoop()\nendLoop()\naddResult(a)"},
	{bytecode.OpAdd, bytecode.OpForLoop, "function f(n) {\nm = n\nstartLoop(i, 1, 9)\nm = m + n\nendLoop()\nreturn m\n}\nr = f(a)\naddResult(r)"},
	{bytecode.OpAddI, bytecode.OpForLoop, "startLoop(i, 1, 9)\na = a + 1\nendLoop()\naddResult(a)"},
	{bytecode.OpAddI, bytecode.OpForLoop, "n = 0\nstartLoop(i, 1, 9)\ni = a\nn = n + 1\nendLoop()\naddResult(n)\naddResult(i)"},
	{bytecode.OpAdd, bytecode.OpReturn, "function f(n) {\nreturn n + n\n}\nr = f(a)\naddResult(r)"},
	{bytecode.OpSubI, bytecode.OpCall, "function f(n) {\nif(n < 2)\nreturn n\nend()\nreturn f(n - 1) * 2\n}\nr = f(a)\naddResult(r)"},
	{bytecode.OpMulI, bytecode.OpAdd, "b = a + a * 3\naddResult(b)"},
	{bytecode.OpLoadI, bytecode.OpMod, "b = a % 5\naddResult(b)"},
	{bytecode.OpLoadI, bytecode.OpJumpIf, "if(a, 2, >=)\naddResult(a)\nend()"},
	{bytecode.OpLoadK, bytecode.OpMul, "b = a * 1.5\naddResult(b)"},
}

func TestFusedCodeMeansTheSame(t *testing.T) {
	// a is what the pair works on, of each kind in turn.
	kinds := []string{"2", "-7", "9223372036854775806", "1.5", "1e308", "True", "None", "'5'", "'x'", "[1]", "{}"}
	tested := map[[2]bytecode.Op]bool{}
	for _, c := range pairCases {
		tested[[2]bytecode.Op{c.first, c.second}] = true
	}
	if n := vm.Pairs(); len(tested) != n {
		t.Errorf("%d pairs are tested, of %d", len(tested), n)
	}
	for _, c := range pairCases {
		t.Run(c.first.String()+" "+c.second.String(), func(t *testing.T) {
			for _, kind := range kinds {
				code := link(t, "a = "+kind+"\n"+c.script)
				if !code.Fuses(c.first, c.second) {
					t.Fatal("the two are not fused")
				}
				for n := int64(1); n < 6000; n += 1 + n/16 {
					limits := vm.Limits{Instructions: n, Time: time.Minute}
					if diff := cmp.Diff(outcomeOf(code.Unfused(), limits), outcomeOf(code, limits)); diff != "" {
						t.Errorf("a = %s, %d instructions (-plain +fused):\n%s", kind, limits.Instructions, diff)
					}
				}
			}
		})
	}
}

// TestOthersAreNotFused holds what a pair asks for beside its two operations.
func TestOthersAreNotFused(t *testing.T) {
	for _, c := range []struct {
		first, second bytecode.Op
		script        string
	}{
		{bytecode.OpAdd, bytecode.OpForLoop, "a = 1\nb = 0\nstartLoop(i, 1, 9)\nb = i + a\nendLoop()"},
		{bytecode.OpAddI, bytecode.OpForLoop, "b = 0\nstartLoop(i, 1, 9)\nb = i + 1\nendLoop()"},
		{bytecode.OpAdd, bytecode.OpReturn, "function f(n) {\nm = n + n\nreturn n\n}\nr = f(1)"},
	} {
		if link(t, c.script).Fuses(c.first, c.second) {
			t.Errorf("%s and %s are fused in\n%s", c.first, c.second, c.script)
		}
	}
}

// FuzzFused holds the same of whatever the verifier accepts.
func FuzzFused(f *testing.F) {
	programs := seedPrograms(f)
	for i := range programs {
		f.Add(uint16(i), uint16(20_000), []byte{})
		f.Add(uint16(i), uint16(100), []byte{0, 0, 1, 1, 7, 0, 0, 2, 0, 3, 0, 3, 4, 200})
	}
	natives := command.Natives(command.Host{})
	f.Fuzz(func(t *testing.T, seed, instructions uint16, changes []byte) {
		p := mutate(programs[int(seed)%len(programs)], changes)
		code, err := vm.Link(p, func(name string) *vm.Command { return natives[name] })
		if err != nil {
			return
		}
		limits := vm.Limits{Instructions: int64(instructions), Memory: 1 << 20, Time: -1, Output: 1 << 16}
		if diff := cmp.Diff(outcomeOf(code.Unfused(), limits), outcomeOf(code, limits)); diff != "" {
			t.Errorf("(-plain +fused):\n%s", diff)
		}
	})
}

// link compiles and links a script.
func link(t *testing.T, script string) *vm.Code {
	t.Helper()
	natives := command.Natives(command.Host{})
	code, err := vm.Link(compiled(t, script), func(name string) *vm.Command { return natives[name] })
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func compiled(t *testing.T, script string) *bytecode.Program {
	t.Helper()
	f, err := syntax.Parse(script, syntax.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := compile.Script(f, compile.Options{Lookup: command.Signature})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// outcome is what can be told of a run.
type outcome struct {
	Answer, Error        string
	Line, Col            int
	Instructions, Memory int64
}

// outcomeOf runs code that gets neither the time nor random numbers, which differ from
// run to run.
func outcomeOf(code *vm.Code, limits vm.Limits) outcome {
	m := vm.NewMachine(limits)
	defer m.Clear()
	var o outcome
	err := m.Run(code, vm.Input{Grants: vm.CapHTTP | vm.CapSQL})
	o.Instructions, o.Memory = m.Used()
	if err == nil {
		var answer []byte
		answer, err = m.AppendAnswer(nil, true)
		o.Answer = string(answer)
	}
	if e, ok := err.(*vm.Error); ok {
		o.Error, o.Line, o.Col = e.Error(), e.Line, e.Col
	}
	return o
}
