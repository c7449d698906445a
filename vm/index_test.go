// This file tests subscripts against what Python says.

package vm

import (
	"os"
	"strings"
	"testing"
)

func TestSubscripts(t *testing.T) {
	table, err := os.ReadFile("testdata/slices.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := NewMachine(unlimited)
	for line := range strings.Lines(string(table)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 3 {
			continue
		}
		x := literal(t, m, f[0])
		var v Value
		var err error
		if b := strings.Split(f[1], ":"); len(b) == 3 {
			v, err = m.slice(x, literal(t, m, b[0]), literal(t, m, b[1]), literal(t, m, b[2]))
		} else {
			v, err = m.index(x, literal(t, m, f[1]))
		}
		got := shown(m, v, err)
		if got[0] == '!' {
			got, _, _ = strings.Cut(got, " ")
		}
		if got != f[2] {
			t.Errorf("%s[%s] = %s, want %s", f[0], f[1], got, f[2])
		}
	}
}

func TestSubscriptErrors(t *testing.T) {
	m := NewMachine(patient)
	for _, c := range []struct{ x, i, want string }{
		{"[1]", "1", "!runtime_error list index out of range"},
		{"(1,)", "1", "!runtime_error tuple index out of range"},
		{"'a'", "1", "!runtime_error string index out of range"},
		{"'é'", "-2", "!runtime_error string index out of range"},
		{"[1]", "'a'", "!type_error list indices must be integers or slices, not str"},
		{"{}", "'k'", "!runtime_error key 'k' is not in the dict"},
		{"{}", "1.5", "!runtime_error key 1.5 is not in the dict"},
		{"{}", "[]", "!type_error unhashable type: 'list'"},
		{"1", "0", "!type_error 'int' object is not subscriptable"},
	} {
		v, err := m.index(literal(t, m, c.x), literal(t, m, c.i))
		if got := shown(m, v, err); got != c.want {
			t.Errorf("%s[%s]: %s, want %s", c.x, c.i, got, c.want)
		}
	}
	v, err := m.index(literal(t, m, "{}"), text(t, m, strings.Repeat("é", 1000)))
	if got := shown(m, v, err); len(got) > 300 {
		t.Errorf("a message of %d bytes", len(got))
	}
}

func TestSetIndexAndAttr(t *testing.T) {
	m := NewMachine(patient)
	for _, c := range []struct{ x, i, want string }{
		{"[1, 2]", "-1", "[1, 'v']"},
		{"[1, 2]", "2", "!runtime_error list assignment index out of range"},
		{"{'a': 1}", "'a'", "{'a': 'v'}"},
		{"{1: 1}", "True", "{1: 'v'}"},
		{"{}", "()", "!type_error unhashable type: 'tuple'"},
		{"(1,)", "0", "!type_error 'tuple' object does not support item assignment"},
		{"'a'", "0", "!type_error 'str' object does not support item assignment"},
	} {
		x := literal(t, m, c.x)
		err := m.setIndex(x, literal(t, m, c.i), text(t, m, "v"))
		if got := shown(m, x, err); got != c.want {
			t.Errorf("%s[%s] = 'v': %s, want %s", c.x, c.i, got, c.want)
		}
	}
	d, key := literal(t, m, "{'a': 1}"), text(t, m, "a")
	if v, err := m.attr(d, key); shown(m, v, err) != "1" {
		t.Errorf("d.a is %s", shown(m, v, err))
	}
	if err := m.setAttr(d, text(t, m, "b"), IntValue(2)); shown(m, d, err) != "{'a': 1, 'b': 2}" {
		t.Errorf("d.b = 2 gives %s", shown(m, d, err))
	}
	if _, err := m.attr(IntValue(1), key); shown(m, d, err) != "!type_error 'int' object has no key 'a'" {
		t.Errorf("(1).a: %v", err)
	}
}

func TestOneCharacterTextsAreNotAllocated(t *testing.T) {
	m := NewMachine(unlimited)
	s := text(t, m, "hello")
	if n := testing.AllocsPerRun(100, func() { _, _ = m.index(s, IntValue(1)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
