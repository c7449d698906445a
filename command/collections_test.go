// This file holds the tests of the commands on lists and dicts, of the reader of
// Python's notation, and of the hashes.

package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/vm"
)

func TestGetListLen(t *testing.T) {
	runTable(t, Host{}, "getListLen", []row{
		{"a list", []any{[]any{1, 2, 3}}, int64(3)},
		{"an empty list", []any{[]any{}}, int64(0)},
		{"a dict", []any{obj("a", 1, "b", 2)}, int64(2)},
		{"text", []any{"héllo"}, int64(5)},
		{"no text", []any{""}, int64(0)},
		{"a list in JSON", []any{`[1, {"a": [2, 3]}, null]`}, int64(3)},
		{"a list of Python", []any{` ['a', (1, 2), None, {'k': [1]},] `}, int64(4)},
		{"an empty list in text", []any{"[]"}, int64(0)},
		{"a dict in text is text", []any{`{"a": 1}`}, int64(8)},
		{"nearly a list", []any{"[a-z]"}, int64(5)},
		{"an int", []any{12345}, errOf(vm.CodeType, "SourceVariable must be a list, a dict or text, not an int")},
		{"None", []any{nil}, errOf(vm.CodeType, "SourceVariable must be a list, a dict or text, not None")},
	})
}

func TestItemFromList(t *testing.T) {
	items := []any{"a", 2, nil}
	runTable(t, Host{}, "itemFromList", []row{
		{"the first", []any{items, 0}, "a"},
		{"the last", []any{items, -1}, nil},
		{"from the end", []any{items, -3}, "a"},
		{"an index in text", []any{items, "1"}, int64(2)},
		{"a whole float", []any{items, 1.0}, int64(2)},
		{"a list in text", []any{"['x', 'y']", 1}, "y"},
		{"behind the end", []any{items, 3}, errOf(vm.CodeRuntime, "index 3 is out of range: SourceVariable has 3 items")},
		{"before the start", []any{items, -4}, errOf(vm.CodeRuntime, "index -4 is out of range: SourceVariable has 3 items")},
		{"far before the start", []any{items, -1 << 63}, errOf(vm.CodeRuntime, "index -9223372036854775808 is out of range: SourceVariable has 3 items")},
		{"no number", []any{items, "one"}, errOf(vm.CodeRuntime, `index must be a number, not "one"`)},
		{"a fraction", []any{items, 0.5}, errOf(vm.CodeType, "index must be a whole number, not 0.5")},
		{"beyond 64 bits", []any{items, 1e19}, errOf(vm.CodeOverflow, "index is out of range")},
		{"a bool", []any{items, true}, errOf(vm.CodeType, "index must be a number, not a bool")},
		{"no index", []any{items, nil}, errOf(vm.CodeType, "index must be a number, not None")},
		{"text", []any{"abc", 0}, errOf(vm.CodeType, "SourceVariable must be a list, not a str")},
		{"a dict", []any{obj("a", 1), 0}, errOf(vm.CodeType, "SourceVariable must be a list, not a dict")},
	})
}

func TestVariableFromJSON(t *testing.T) {
	runTable(t, Host{}, "variableFromJSON", []row{
		{"a dict", []any{obj("a", []any{1}), "a"}, []any{int64(1)}},
		{"a missing key", []any{obj("a", 1), "b"}, nil},
		{"JSON in text", []any{`{"deep": {"x": 1}}`, "deep"}, obj("x", 1)},
		{"a missing key in text", []any{`{}`, "a"}, nil},
		{"a dict of Python", []any{`{'a': 'b'}`, "a"}, "b"},
		{"a number is a key of JSON", []any{`{"1": "one"}`, 1}, "one"},
		{"a bool is a key of JSON", []any{`{"true": "yes"}`, true}, "yes"},
		{"None is a key of JSON", []any{`{"null": "none"}`, nil}, "none"},
		{"no JSON", []any{"hello", "a"}, errOf(vm.CodeRuntime, `SourceVariable holds no dict in JSON: "hello"`)},
		{"broken JSON", []any{`{"a": }`, "a"}, errOf(vm.CodeRuntime, `SourceVariable holds no dict in JSON: "{\"a\": }"`)},
		{"an array", []any{"[1]", 0}, errOf(vm.CodeRuntime, `SourceVariable holds no dict in JSON: "[1]"`)},
		{"a long text", []any{strings.Repeat("é", 100), "a"}, errOf(vm.CodeRuntime, `SourceVariable holds no dict in JSON: "`+strings.Repeat("é", 40)+`…"`)},
		{"a list", []any{[]any{1}, 0}, errOf(vm.CodeType, "SourceVariable must be a dict, or text that holds one, not a list")},
		{"None", []any{nil, "a"}, errOf(vm.CodeType, "SourceVariable must be a dict, or text that holds one, not None")},
		{"a key that is a list", []any{obj("a", 1), []any{}}, errOf(vm.CodeType, "unhashable type: 'list'")},
	})
}

func TestHashes(t *testing.T) {
	runTable(t, Host{}, "encodeSHA256", []row{
		{"text", []any{"secret"}, "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"},
		{"no text", []any{""}, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"long text", []any{strings.Repeat("a", 1_000_000)}, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
	})
	runTable(t, Host{}, "encodeMD5", []row{
		{"text", []any{"hello"}, "5d41402abc4b2a76b9719d911017c592"},
		{"a list's text", []any{[]any{1, "a"}}, "739011f03aebab89fddb73f8bf422b8d"},
		{"None's text", []any{nil}, "6adf97f83acf6453d4a6a4b1070f3754"},
	})
}

func TestReadPython(t *testing.T) {
	read := func(s string) any {
		m := vm.NewMachine(patient)
		v, err := readPython(m, s)
		return outcome(t, err, v)
	}
	tests := []struct {
		text string
		want any
	}{
		{`'a'`, "a"},
		{`"it's"`, "it's"},
		{`'it\'s \x41\u00e9\U0001F600\101\n\q\\'`, "it's Aé😀A\n\\q\\"},
		{"'a\\\nb'", "ab"},
		{`[1, -2, 2.5, 1e3, True, False, None, true, null]`, []any{int64(1), int64(-2), 2.5, 1000.0, true, false, nil, true, nil}},
		{`(1, 'a')`, []any{int64(1), "a"}},
		{`(1,)`, []any{int64(1)}},
		{`(1)`, int64(1)},
		{`()`, []any{}},
		{`{}`, vm.Object{}},
		{" { 'a' : [ ] , 1:{'b':2}, } ", obj("a", []any{}, "1", obj("b", 2))},
		{`{'a': 1, 'a': 2}`, obj("a", 2)},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, read(tt.text)); diff != "" {
			t.Errorf("%s: %s", tt.text, diff)
		}
	}
	for _, bad := range []string{
		"", "[", "[1", "[1 2]", "[1,,2]", "[,]", "{1}", "{1:}", "{1:2", "{[]: 1}", "'a", "'a\nb'", `'\`, `'\x4'`, `'\ud800'`, `'\U00110000'`,
		"[1]]", "abc", "1_000", "0x1F", "+5", ".5", "nan", "1 2", "{'a' 1}", "(1", strings.Repeat("[", 300) + strings.Repeat("]", 300),
	} {
		if got, ok := read(bad).(failure); !ok || !got.Code.Catchable() {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
}

// FuzzPython holds that the text of what was read is read as the same.
func FuzzPython(f *testing.F) {
	for _, s := range []string{
		`['a', (1, 2), None, {'k': [1.5]},]`, `{"a": 'it\'s', 1: True}`, `'\x41\u00e9\U0001F600'`, `[[[]]]`, `(1)`, "['\\\n']", `{'a': -1e-300}`, "[1, [2, [3]]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m := vm.NewMachine(vm.Limits{Instructions: -1, Time: -1})
		v, err := readPython(m, strings.ToValidUTF8(s, "?"))
		if err != nil {
			return
		}
		text, err := m.TextOf(v)
		if err != nil || v.IsString() {
			return
		}
		again, err := readPython(m, text.Str())
		if err != nil {
			t.Fatalf("%q became %q: %v", s, text.Str(), err)
		}
		if second, err := m.TextOf(again); err != nil || second.Str() != text.Str() {
			t.Errorf("%q became %q, then %q: %v", s, text.Str(), second.Str(), err)
		}
	})
}
