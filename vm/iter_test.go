// This file tests going through the items of values.

package vm

import (
	"strings"
	"testing"
)

// collect gives what an iteration over v meets, calling change after the first
// item.
func collect(m *Machine, v Value, change func()) string {
	it, err := m.iter(v)
	if err != nil {
		return shown(m, v, err)
	}
	var got []string
	for {
		item, ok, err := m.next(it)
		if err != nil {
			got = append(got, shown(m, item, err))
		}
		if !ok || len(got) > 20 {
			return strings.Join(got, " ")
		}
		got = append(got, shown(m, item, err))
		if change != nil && len(got) == 1 {
			change()
		}
	}
}

func TestIteration(t *testing.T) {
	m := NewMachine(patient)
	for in, want := range map[string]string{
		"[1, 'a']":          "1 'a'",
		"(1, 2)":            "1 2",
		"{'a': 1, 2: 3}":    "'a' 2",
		"'añ😀'":             "'a' 'ñ' '😀'",
		"''":                "",
		"[]":                "",
		"5":                 "!type_error 'int' object is not iterable",
		"None":              "!type_error 'NoneType' object is not iterable",
		"{1.5: 1, None: 2}": "1.5 None",
	} {
		if got := collect(m, literal(t, m, in), nil); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestChangesDuringIteration(t *testing.T) {
	m := NewMachine(patient)
	l := literal(t, m, "[1, 2]")
	grow := func() {
		if err := m.push(l.list(), IntValue(3)); err != nil {
			t.Error(err)
		}
	}
	if got := collect(m, l, grow); got != "1 2 3" {
		t.Errorf("a list that grows: %s", got)
	}
	if got := collect(m, l, func() { l.list().items = l.list().items[:1] }); got != "1" {
		t.Errorf("a list that shrinks: %s", got)
	}
	d := literal(t, m, "{'a': 1, 'b': 2}")
	setNew := func() {
		if err := d.dict().set(m, IntValue(1), IntValue(1)); err != nil {
			t.Error(err)
		}
	}
	if got := collect(m, d, setNew); got != "'a' !runtime_error dictionary changed size during iteration" {
		t.Errorf("a dict that grows: %s", got)
	}
	setOld := func() {
		if err := d.dict().set(m, text(t, m, "a"), IntValue(7)); err != nil {
			t.Error(err)
		}
	}
	if got := collect(m, d, setOld); got != "'a' 'b' 1" {
		t.Errorf("a dict whose value changes: %s", got)
	}
}

// An iterator that has ended stays so, as in Python.
func TestEndedIteration(t *testing.T) {
	m := NewMachine(patient)
	l := literal(t, m, "[1]")
	it, err := m.iter(l)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, _, err := m.next(it); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.push(l.list(), IntValue(2)); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := m.next(it); ok || err != nil {
		t.Errorf("an ended iterator goes on: %v, %v", ok, err)
	}
}

func TestUnpack(t *testing.T) {
	m := NewMachine(patient)
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"[1, 2]", 2, "(1, 2)"},
		{"(1, 'a', None)", 3, "(1, 'a', None)"},
		{"'aé'", 2, "('a', 'é')"},
		{"{'a': 1, 2: 3}", 2, "('a', 2)"},
		{"[1]", 2, "!runtime_error not enough values to unpack (expected 2, got 1)"},
		{"[1, 2, 3]", 2, "!runtime_error too many values to unpack (expected 2)"},
		{"'abc'", 2, "!runtime_error too many values to unpack (expected 2)"},
		{"{}", 1, "!runtime_error not enough values to unpack (expected 1, got 0)"},
		{"5", 2, "!type_error cannot unpack non-iterable int object"},
	} {
		dst := make([]Value, c.n)
		err := m.unpack(literal(t, m, c.in), dst)
		if got := shown(m, tupleValue(&list{items: dst}), err); got != c.want {
			t.Errorf("%s into %d: %s, want %s", c.in, c.n, got, c.want)
		}
	}
}
