// This file tests the bridge to Go's own values.

package vm

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFromGo(t *testing.T) {
	m := NewMachine(patient)
	for _, c := range []struct {
		in   any
		want string
	}{
		{nil, "None"},
		{true, "True"},
		{int8(-3), "-3"},
		{uint64(7), "7"},
		{uint64(math.MaxUint64), "!overflow 18446744073709551615 does not fit in 64 bits"},
		{2.5, "2.5"},
		{math.Inf(1), "!overflow the result of reading is too large for a float"},
		{"é", "'é'"},
		{"a\xff", "'a\ufffd'"},
		{[]byte("x"), "'x'"},
		{[]any{1, []string{"a"}}, "[1, ['a']]"},
		{Object{{"b", 1}, {"a", 2}, {"b", 3}}, "{'b': 3, 'a': 2}"},
		{map[string]any{"b": 1, "a": nil}, "{'a': None, 'b': 1}"},
		{IntValue(4), "4"},
		{struct{}{}, "!type_error no value for a struct {} of Go"},
	} {
		v, err := m.FromGo(c.in)
		if got := shown(m, v, err); got != c.want {
			t.Errorf("%v: %s, want %s", c.in, got, c.want)
		}
	}
	var deep any
	for range 300 {
		deep = []any{deep}
	}
	if _, err := m.FromGo(deep); err == nil {
		t.Error("300 levels are taken")
	}
}

func TestToGo(t *testing.T) {
	m := NewMachine(patient)
	got, err := ToGo(literal(t, m, "[None, True, 1, 1.5, 'é', (2,), {'b': [], None: 1, 1: 'x', '1': 'y'}]"))
	if err != nil {
		t.Fatal(err)
	}
	want := []any{nil, true, int64(1), 1.5, "é", []any{int64(2)}, Object{{"b", []any{}}, {"null", int64(1)}, {"1", "y"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEntries(t *testing.T) {
	m := NewMachine(patient)
	var got []string
	for key, v := range literal(t, m, "{'a': 1, 2: 'x'}").Entries() {
		got = append(got, shown(m, key, nil)+"="+shown(m, v, nil))
	}
	if diff := cmp.Diff([]string{"'a'=1", "2='x'"}, got); diff != "" {
		t.Error(diff)
	}
	for range IntValue(1).Entries() {
		t.Error("an int has entries")
	}
}
