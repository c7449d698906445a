package vm_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/compile"
	"github.com/avap-framework/avap/syntax"
	"github.com/avap-framework/avap/vm"
)

// FuzzMachine changes instructions of compiled scripts at random. Whatever the
// verifier still accepts must end within its quotas, without a panic.
func FuzzMachine(f *testing.F) {
	programs := seedPrograms(f)
	for i := range programs {
		f.Add(uint16(i), []byte{})
		f.Add(uint16(i), []byte{0, 0, 1, 1, 7, 0, 0, 2, 0, 3, 0, 3, 4, 200})
	}
	natives := command.Natives(command.Host{})
	f.Fuzz(func(t *testing.T, seed uint16, changes []byte) {
		p := mutate(programs[int(seed)%len(programs)], changes)
		code, err := vm.Link(p, func(name string) *vm.Command { return natives[name] })
		if err != nil {
			return
		}
		m := vm.NewMachine(vm.Limits{Instructions: 20_000, Memory: 1 << 20, Time: 2 * time.Second, Output: 1 << 16})
		defer m.Clear()
		err = m.Run(code, input(t, m))
		if err == nil {
			_, err = m.AppendAnswer(nil, true)
		}
		var e *vm.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("not an *Error: %v", err)
		}
		if e != nil && e.Code == vm.CodeInternal {
			t.Fatalf("%v\n%v", e, e.Err)
		}
	})
}

// input is what every run is given.
func input(t *testing.T, m *vm.Machine) vm.Input {
	t.Helper()
	v, err := m.FromGo([]any{int64(1), "two", 3.5, nil, []any{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	return vm.Input{
		Variables: []vm.Field{{Name: "a", Value: v}, {Name: "nowhere else", Value: vm.IntValue(1)}},
		Query:     []vm.QueryParam{{Key: "limit", Text: "4"}, {Key: "ids", Text: "[1,2]"}},
		Logs:      true,
		Grants:    vm.AllCapabilities,
	}
}

// mutate gives a copy of a program with some operands changed: seven bytes each say
// which instruction of which function, which field, and its new value.
func mutate(p *bytecode.Program, changes []byte) *bytecode.Program {
	q := *p
	q.Functions = slices.Clone(p.Functions)
	for i := range q.Functions {
		q.Functions[i].Code = slices.Clone(q.Functions[i].Code)
	}
	for ; len(changes) >= 7; changes = changes[7:] {
		code := q.Functions[int(changes[0])%len(q.Functions)].Code
		in := &code[(int(changes[1])<<8|int(changes[2]))%len(code)]
		value := int32(changes[4])<<8 | int32(changes[5])
		switch changes[3] % 6 {
		case 0:
			in.Op = bytecode.Op(1 + int(changes[6])%(bytecode.NumOps-1))
		case 1:
			in.A = changes[6]
		case 2:
			in.B = changes[6]
		case 3:
			in.X = changes[6]
		case 4:
			in.C = value
		case 5:
			in.C += int32(int8(changes[6]))
		}
	}
	return &q
}

// seedPrograms compiles the conformance cases and the bombs that need nobody else.
func seedPrograms(f testing.TB) []*bytecode.Program {
	var programs []*bytecode.Program
	for _, pattern := range []string{"../testdata/conformance/*.txtar", "../testdata/bombs/*.avap"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no files %s: %v", pattern, err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			if len(text) > 10_000 {
				continue
			}
			if a := txtar.Parse(text); len(a.Files) > 0 {
				text = a.Files[0].Data
			}
			tree, err := syntax.Parse(string(text), syntax.Options{})
			if err != nil {
				continue
			}
			p, _, err := compile.Script(tree, compile.Options{Lookup: command.Signature})
			if err == nil {
				programs = append(programs, p)
			}
		}
	}
	if len(programs) < 100 {
		f.Fatalf("%d seeds", len(programs))
	}
	return programs
}
