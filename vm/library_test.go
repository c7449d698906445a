// This file tests built-ins, methods and formats against what Python says.

package vm

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/avap-framework/avap/bytecode"
)

// call calls what has a name: an operator, a built-in or a method. What a
// method does to its list or dict is seen because the receiver follows the result.
func call(m *Machine, name string, args []Value, kw []string) (Value, error) {
	if name == "%" {
		return m.percentFormat(args[0], args[1])
	}
	if id := slices.Index(bytecode.Builtins[:], name); id >= 0 {
		return m.callBuiltin(id, args, kw)
	}
	v, err := m.callMethod(slices.Index(bytecode.Methods[:], name), slices.Clone(args), kw)
	if k := args[0].Kind(); err == nil && (k == List || k == Dict) {
		return m.pair(v, args[0])
	}
	return v, err
}

// callLiterals calls with arguments and keyword arguments as Python writes them.
func callLiterals(t testing.TB, m *Machine, name, args, kw string) string {
	t.Helper()
	values := literal(t, m, args).Items()
	var names []string
	named := literal(t, m, kw).dict()
	for e, pos := named.next(0); e != nil; e, pos = named.next(pos) {
		names = append(names, e.key.str())
		values = append(values, e.val)
	}
	m.mem.op = m.mem.left
	v, err := call(m, name, values, names)
	return shown(m, v, err)
}

func TestLibrary(t *testing.T) {
	table, err := os.ReadFile("testdata/library.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := NewMachine(Limits{Instructions: -1, Time: -1})
	for line := range strings.Lines(string(table)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			continue
		}
		got := callLiterals(t, m, f[0], f[1], f[2])
		if f[3][0] == '!' {
			got, _, _ = strings.Cut(got, " ")
		}
		if got != f[3] {
			t.Errorf("%s%s %s = %s, want %s", f[0], f[1], f[2], got, f[3])
		}
	}
}

func codeOf(err error) ErrorCode {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
