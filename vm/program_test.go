package vm_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/vm"
)

// Code that took a program over gives it back as it was, and runs like code that was linked,
// whatever becomes of the memory that was lent.
func TestTake(t *testing.T) {
	natives := command.Natives(command.Host{})
	lookup := func(name string) *vm.Command { return natives[name] }
	limits := vm.Limits{Instructions: 20_000, Memory: 1 << 20, Time: -1, Output: 1 << 16}
	for i, p := range seedPrograms(t) {
		linked, err := vm.Link(p, lookup)
		if err != nil {
			t.Fatal(err)
		}
		lent := *p
		lent.Constants, lent.Functions = slices.Clone(p.Constants), slices.Clone(p.Functions)
		constants, functions := lent.Constants, make([]bytecode.Function, len(p.Functions))
		for i := range lent.Functions {
			f := &lent.Functions[i]
			f.Code, f.Positions = slices.Clone(f.Code), slices.Clone(f.Positions)
			functions[i] = *f
		}
		var taken vm.Code
		if err := taken.Take(&lent, lookup); err != nil {
			t.Fatal(err)
		}
		clear(constants)
		for _, f := range functions {
			clear(f.Code)
			clear(f.Positions)
		}
		if diff := cmp.Diff(p, taken.Program()); diff != "" {
			t.Errorf("program %d (-lent +given back):\n%s", i, diff)
		}
		if diff := cmp.Diff(outcomeOf(linked, limits), outcomeOf(&taken, limits)); diff != "" {
			t.Errorf("program %d (-linked +taken):\n%s", i, diff)
		}
		if linked.Size() != taken.Size() {
			t.Errorf("program %d: %d bytes linked, %d taken", i, linked.Size(), taken.Size())
		}
	}
}

// What stands for two operations in a row is given back as the first of them, whatever
// the machine keeps in it.
func TestTakePairs(t *testing.T) {
	for _, c := range pairCases {
		script := "a = 2\n" + c.script
		var taken vm.Code
		if err := taken.Take(compiled(t, script), func(string) *vm.Command { return nil }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(compiled(t, script), taken.Program()); diff != "" {
			t.Errorf("%s\n(-compiled +given back):\n%s", script, diff)
		}
	}
}
