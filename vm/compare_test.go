// This file tests comparing.

package vm

import (
	"errors"
	"strings"
	"testing"

	"github.com/avap-framework/avap/bytecode"
)

func TestIfCompare(t *testing.T) {
	comparators := map[string]bytecode.Comparator{
		"==": bytecode.CmpEq, "!=": bytecode.CmpNe, "<": bytecode.CmpLt,
		">": bytecode.CmpGt, "<=": bytecode.CmpLe, ">=": bytecode.CmpGe,
	}
	for _, c := range []struct{ a, op, b, want string }{
		{"10", ">", "9", "True"},
		{"'10'", ">", "9", "True"},
		{"'10'", ">", "'9'", "True"},
		{"'10'", "==", "'10.0'", "True"},
		{"'1e1'", "==", "10", "True"},
		{"5", "==", "'5'", "True"},
		{"5", "==", "5.0", "True"},
		{"' 5'", "==", "5", "False"},
		{"'08001'", "==", "'8001'", "False"},
		{"9007199254740993", ">", "9007199254740992", "True"},
		{"9007199254740993", "==", "9007199254740992.0", "False"},
		{"'abc'", "<", "'abd'", "True"},
		{"'abc'", "<", "5", "False"}, // by text: "a" stands behind "5"
		{"'é'", ">", "'z'", "True"},
		{"True", "==", "'true'", "True"},
		{"True", "==", "'TRUE'", "True"},
		{"'true'", "==", "'TRUE'", "False"},
		{"True", "==", "1", "False"},
		{"True", ">", "'FALSE'", "True"},
		{"False", "!=", "'no'", "True"},
		{"None", "==", "''", "True"},
		{"None", "==", "None", "True"},
		{"None", "==", "0", "False"},
		{"None", "==", "'None'", "False"},
		{"''", "!=", "0", "True"},
		{"None", "<", "1", "!type_error"},
		{"''", ">=", "''", "!type_error"},
		{"1", ">", "None", "!type_error"},
		{"[1, 2]", "==", "'[1, 2]'", "True"},
		{"[1, 2]", "==", "[1.0, 2]", "False"},
		{"{'a': 1}", "==", "\"{'a': 1}\"", "True"},
		{"(1,)", "==", "'(1,)'", "True"},
	} {
		m := NewMachine(patient)
		ok, err := m.ifCompare(comparators[c.op], literal(t, m, c.a), literal(t, m, c.b))
		if got, _, _ := strings.Cut(shownBool(m, ok, err), " "); got != c.want {
			t.Errorf("if(%s, %s, %s) is %s, want %s", c.a, c.b, c.op, got, c.want)
		}
	}
}

func TestUnsetComparesAsNone(t *testing.T) {
	m := NewMachine(patient)
	ok, err := m.ifCompare(bytecode.CmpEq, Value{}, NoneValue())
	if !ok || err != nil {
		t.Errorf("unset and None: %v, %v", ok, err)
	}
}

func TestIdentical(t *testing.T) {
	m := NewMachine(patient)
	list := literal(t, m, "[1]")
	for _, c := range []struct {
		a, b Value
		want bool
	}{
		{list, list, true},
		{list, literal(t, m, "[1]"), false},
		{literal(t, m, "{}"), literal(t, m, "{}"), false},
		{literal(t, m, "(1, 'a')"), literal(t, m, "(1, 'a')"), true},
		{literal(t, m, "'ab'"), literal(t, m, "'ab'"), true},
		{IntValue(1), floatValue(1), false},
		{IntValue(1), BoolValue(true), false},
		{NoneValue(), NoneValue(), true},
	} {
		if got, err := m.identical(c.a, c.b); got != c.want || err != nil {
			t.Errorf("%s is %s: %v, %v", shown(m, c.a, nil), shown(m, c.b, nil), got, err)
		}
	}
}

// nested gives 0 in so many lists.
func nested(levels int) Value {
	v := IntValue(0)
	for range levels {
		v = listValue(&list{items: []Value{v}})
	}
	return v
}

func TestNestingLimit(t *testing.T) {
	m := NewMachine(patient)
	cycle := &list{}
	cycle.items = []Value{listValue(cycle)}
	ring := &dict{}
	if err := ring.set(m, text(t, m, "k"), dictValue(ring)); err != nil {
		t.Fatal(err)
	}
	uses := map[string]func(v Value) error{
		"equal":    func(v Value) error { _, err := m.equal(v, v); return err },
		"text":     func(v Value) error { _, err := m.textOf(v); return err },
		"concat":   func(v Value) error { _, err := m.concat([]Value{v, v}); return err },
		"JSON":     func(v Value) error { _, err := m.AppendJSON(nil, v); return err },
		"Go":       func(v Value) error { _, err := ToGo(v); return err },
		"contains": func(v Value) error { _, err := m.contains(v, listValue(&list{items: []Value{v}})); return err },
	}
	for name, use := range uses {
		if err := use(nested(maxNesting)); err != nil {
			t.Errorf("%s, %d levels: %v", name, maxNesting, err)
		}
		for _, v := range []Value{nested(maxNesting + 1), nested(100_000), listValue(cycle), dictValue(ring)} {
			if err := use(v); err == nil || !strings.Contains(err.Error(), "nested deeper than 200 levels") {
				t.Errorf("%s, too deep: %v", name, err)
			}
		}
	}
	if _, err := m.order(bytecode.OpLt, listValue(cycle), listValue(cycle)); err == nil {
		t.Error("a list that holds itself was ordered")
	}
}

// A list of two references to the list before it, and so on: what it means
// doubles with each step.
func TestDoublingMeaningEndsAtAQuota(t *testing.T) {
	double := func() Value {
		v := literal(t, NewMachine(patient), "['a']")
		for range 100 {
			v = listValue(&list{items: []Value{v, v}})
		}
		return v
	}
	for name, use := range map[string]func(m *Machine, v Value) error{
		"equal": func(m *Machine, v Value) error { _, err := m.equal(v, double()); return err },
		"text":  func(m *Machine, v Value) error { _, err := m.textOf(v); return err },
		"JSON":  func(m *Machine, v Value) error { _, err := m.AppendJSON(nil, v); return err },
		"Go":    func(_ *Machine, v Value) error { _, err := ToGo(v); return err },
	} {
		var e *Error
		if err := use(NewMachine(patient), double()); !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
