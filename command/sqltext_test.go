// This file holds the tests of how templates become statements.

package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/vm"
)

// split makes a statement of text and values in turn.
func split(t testing.TB, pieces ...any) (host.Statement, error) {
	t.Helper()
	m := vm.NewMachine(vm.Limits{Instructions: -1, Memory: -1, Time: -1})
	values := make([]vm.Value, len(pieces))
	for i, p := range pieces {
		v, err := m.FromGo(p)
		if err != nil {
			t.Fatal(err)
		}
		values[i] = v
	}
	return statement(m, values)
}

func TestStatement(t *testing.T) {
	const evil = `'; DROP TABLE users; --`
	tests := []struct {
		name   string
		pieces []any
		parts  []string
		args   []any
	}{
		{"no value", []any{"SELECT 1"}, []string{"SELECT 1"}, nil},
		{"a value", []any{"a = ", 1, ""}, []string{"a = ", ""}, []any{int64(1)}},
		{"each type", []any{"", 1, ",", 1.5, ",", "x", ",", true, ",", nil, ""}, []string{"", ",", ",", ",", ",", ""}, []any{int64(1), 1.5, "x", true, nil}},
		{"a value that is SQL", []any{"a = ", evil, ""}, []string{"a = ", ""}, []any{evil}},
		{"a list", []any{"IN (", []any{1, "b", nil}, ")"}, []string{"IN (", ", ", ", ", ")"}, []any{int64(1), "b", nil}},
		{"an empty list", []any{"IN (", []any{}, ")"}, []string{"IN (", ")"}, []any{nil}},
		{"a dict", []any{"", obj("a", 1), ""}, []string{"", ""}, []any{`{"a":1}`}},
		{"a list in a list", []any{"", []any{[]any{1, "x"}}, ""}, []string{"", ""}, []any{`[1,"x"]`}},

		{"in quotes", []any{"LIKE '%", "q", "%' AND x"}, []string{"LIKE ", " AND x"}, []any{"%q%"}},
		{"in quotes, SQL", []any{"= '", evil, "'"}, []string{"= ", ""}, []any{evil}},
		{"in quotes, several", []any{"'a", 1, "b", nil, "c", 2.0, "'"}, []string{"", ""}, []any{"a1bc2.0"}},
		{"in quotes, alone", []any{"'", nil, "'"}, []string{"", ""}, []any{""}},
		{"in quotes, a list", []any{"'", []any{1, "a"}, "'"}, []string{"", ""}, []any{"[1, 'a']"}},
		{"doubled quotes", []any{"'it''s ", 1, " ''", 2, "'' ok'"}, []string{"", ""}, []any{"it's 1 '2' ok"}},
		{"doubled quotes without a value", []any{"'it''s' = ", 1, ""}, []string{"'it''s' = ", ""}, []any{int64(1)}},
		{"a backslash means nothing", []any{`'\' = `, 1, ` AND '\`, 2, "'"}, []string{`'\' = `, " AND ", ""}, []any{int64(1), `\2`}},
		{"two texts", []any{"'", 1, "','", 2, "'"}, []string{"", ",", ""}, []any{"1", "2"}},
		{"a text before", []any{"'a''b', ", 1, ", 'c'"}, []string{"'a''b', ", ", 'c'"}, []any{int64(1)}},
		{"a value between texts", []any{"'a'", 1, "'b'"}, []string{"'a'", "'b'"}, []any{int64(1)}},

		{"escape text", []any{`E'a\n\'\\\x41\u00e9\101`, 1, `''\q'`}, []string{"", ""}, []any{"a\n'\\AéA1'q"}},
		{"escape text without a value", []any{`e'\'' = `, 1, ""}, []string{`e'\'' = `, ""}, []any{int64(1)}},
		{"not an escape text", []any{`name'\`, 1, "'"}, []string{"name", ""}, []any{`\1`}},
		{"national text", []any{"N'", 1, "'"}, []string{"", ""}, []any{"1"}},
		{"bytes beside a value", []any{`x'00ff', U&'\0041', `, 1, ""}, []string{`x'00ff', U&'\0041', `, ""}, []any{int64(1)}},

		{"dollar quotes", []any{"$$it's ", 1, "$$ x"}, []string{"", " x"}, []any{"it's 1"}},
		{"tagged dollar quotes", []any{"$a$ $b$ ' $$ ", 1, " $a$"}, []string{"", ""}, []any{" $b$ ' $$ 1 "}},
		{"dollar quotes without a value", []any{"$f$ ' $f$, ", 1, ""}, []string{"$f$ ' $f$, ", ""}, []any{int64(1)}},
		{"a dollar in a name", []any{"a$b$ = '", 1, "'"}, []string{"a$b$ = ", ""}, []any{"1"}},
		{"a placeholder's dollar", []any{"$1$ = '", 1, "'"}, []string{"$1$ = ", ""}, []any{"1"}},

		{"quoted names", []any{`"it's" = `, 1, ` AND "a""'" = '`, 2, "'"}, []string{`"it's" = `, ` AND "a""'" = `, ""}, []any{int64(1), "2"}},
		{"backticked names", []any{"`it's` = ", 1, ""}, []string{"`it's` = ", ""}, []any{int64(1)}},
		{"an array", []any{"ARRAY[", 1, "][1]"}, []string{"ARRAY[", "][1]"}, []any{int64(1)}},

		{"a line comment", []any{"1 -- it's ", evil, " '\n = '", 2, "'"}, []string{"1 \n = ", ""}, []any{"2"}},
		{"a line comment without a value", []any{"-- it's\n a = ", 1, ""}, []string{"-- it's\n a = ", ""}, []any{int64(1)}},
		{"a line comment at the end", []any{"a = ", 1, " -- ", 2, ""}, []string{"a = ", " \n"}, []any{int64(1)}},
		{"a comment", []any{"a /* it's ", evil, " */ = ", 1, ""}, []string{"a   = ", ""}, []any{int64(1)}},
		{"comments in comments", []any{"/* /* ' */ ' ", 1, " */ = ", 2, ""}, []string{"  = ", ""}, []any{int64(2)}},
		{"a comment without a value", []any{"/*+ hint's */ ", 1, ""}, []string{"/*+ hint's */ ", ""}, []any{int64(1)}},
		{"no comment", []any{"a - b / c - -", 1, ""}, []string{"a - b / c - -", ""}, []any{int64(1)}},
		{"a quote that is not closed", []any{"a = ", 1, " 'x"}, []string{"a = ", " 'x"}, []any{int64(1)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := split(t, tt.pieces...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(host.Statement{Parts: tt.parts, Args: tt.args}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStatementRefused(t *testing.T) {
	tests := []struct {
		name   string
		pieces []any
		want   string
	}{
		{"in a name", []any{`SELECT "`, "x", `"`}, `prompt: no value can stand inside of "…`},
		{"in a backticked name", []any{"SELECT `", "x", "`"}, "prompt: no value can stand inside of `…"},
		{"in bytes", []any{"SELECT x'", "00", "'"}, "prompt: no value can stand inside of x'…"},
		{"in Unicode escapes", []any{`SELECT U&'\`, "0041", "'"}, "prompt: no value can stand inside of U&'…"},
		{"not closed", []any{"SELECT '", "x", ""}, "prompt: a quoted text with a value in it is not closed"},
		{"dollars not closed", []any{"SELECT $a$", "x", "$b$"}, "prompt: a quoted text with a value in it is not closed"},
		{"a comment not closed", []any{"SELECT /* /* ", "x", "*/"}, "prompt: a comment with a value in it is not closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := split(t, tt.pieces...)
			if diff := cmp.Diff(any(errOf(vm.CodeRuntime, tt.want)), outcome(t, err, vm.NoneValue())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzStatement holds that nothing of a value is in the text of a statement, and
// that the text of a template without values stays as it is.
func FuzzStatement(f *testing.F) {
	for _, seed := range []string{
		"a = |", "'|'", "'a''|''b'", "E'\\'|'", "$$|$$", "$a$ | $a$ |", "-- |\n|", "/* /* | */ */ |", "\"|\"", "x'|'", "U&'|'", "'|", "N'|'|'|'", "`|`", "a$|$|", "|--|", "|/|*|*/|", "-|-",
	} {
		f.Add(seed, "'; DROP TABLE t; --")
	}
	const secret = "\u2603"
	f.Fuzz(func(t *testing.T, template, value string) {
		template = strings.ReplaceAll(strings.ToValidUTF8(template, "?"), secret, "?")
		var pieces []any
		for i, text := range strings.Split(template, "|") {
			if i > 0 {
				pieces = append(pieces, secret+strings.ToValidUTF8(value, "?")+secret)
			}
			pieces = append(pieces, text)
		}
		stmt, err := split(t, pieces...)
		if err != nil {
			return
		}
		if len(stmt.Parts) != len(stmt.Args)+1 {
			t.Fatalf("%d parts and %d values", len(stmt.Parts), len(stmt.Args))
		}
		if text := strings.Join(stmt.Parts, ""); strings.Contains(text, secret) {
			t.Errorf("a value is in the text: %s", text)
		}
		if len(pieces) == 1 {
			if diff := cmp.Diff([]string{template}, stmt.Parts); diff != "" {
				t.Error(diff)
			}
		}
	})
}
