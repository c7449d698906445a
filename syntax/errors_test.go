// This file shows what syntax errors say and where, and the limits of sources.

package syntax

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is printed now to the golden files")

func place(p Pos) string { return fmt.Sprintf("%d:%d", p.Line, p.Col) }

// messages parses a source and gives its errors.
func messages(src string) []string {
	_, err := Parse(src, Options{})
	if err == nil {
		return []string{"no error"}
	}
	var lines []string
	for _, e := range err.(Errors) {
		lines = append(lines, place(e.Pos)+": "+e.Msg)
	}
	return lines
}

// testdata/errors.txt holds a source a line, ↵ for its line ends, and below it,
// indented, its errors.
func TestErrors(t *testing.T) {
	const file = "testdata/errors.txt"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "    ") {
			continue
		}
		got.WriteString(line)
		src := strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "↵", "\n")
		for _, m := range messages(src) {
			got.WriteString("    " + m + "\n")
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(strings.Split(string(data), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestInvalidUTF8(t *testing.T) {
	want := []string{"2:6: the source is not UTF-8"}
	if diff := cmp.Diff(want, messages("x = 'é'\ny = '\xff'")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestLineEnds(t *testing.T) {
	for _, src := range []string{"x = \ny y", "x = \r\ny y"} {
		want := []string{"1:5: expected an expression, found the end of the line", "2:3: expected = or ( after y, found `y`"}
		if diff := cmp.Diff(want, messages(src)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", src, diff)
		}
	}
}

func TestMostErrors(t *testing.T) {
	if got := messages(strings.Repeat("x x\n", 100)); len(got) != maxErrors {
		t.Errorf("%d errors, want %d", len(got), maxErrors)
	}
}

// What could be read stays in the tree.
func TestRestOfTheTree(t *testing.T) {
	f, err := Parse("a = 1\nb b\nif(c d)\ne = 2\nend()\nif(f)\ng = (h h)\ni = 3\nend()\nwhile(k)\nl = 4", Options{})
	if got, want := dump(f), "(= a 1)\n(if f\n  (= i 3))"; err == nil || got != want {
		t.Errorf("got %s\nwant %s\nwith %v", got, want, err)
	}
	var errs Errors
	if !errors.As(err, &errs) || len(errs) != 4 {
		t.Errorf("want 4 errors, got %v", err)
	}
}

// Each form nests up to its limit, and not one level deeper.
func TestLimits(t *testing.T) {
	r := strings.Repeat
	forms := []struct {
		name  string
		limit int
		msg   string
		src   func(n int) string
	}{
		{"parentheses", 200, tooDeep, func(n int) string { return "x = " + r("(", n) + "1" + r(")", n) }},
		{"lists", 200, tooDeep, func(n int) string { return "x = " + r("[", n) + r("]", n) }},
		{"dicts", 200, tooDeep, func(n int) string { return "x = " + r("{1:", n) + "1" + r("}", n) }},
		{"indexes", 200, tooDeep, func(n int) string { return "x = " + r("a[", n) + "1" + r("]", n) }},
		{"calls", 200, tooDeep, func(n int) string { return "x = " + r("len(", n) + "1" + r(")", n) }},
		{"commands", 200, tooDeep, func(n int) string { return r("cmd(", n) + "1" + r(")", n) }},
		{"text", 200, tooDeep, func(n int) string { return "cmd" + r("(", n) + "two words" + r(")", n) }},
		{"templates", 200, tooDeep, func(n int) string { return "x = " + r("`${", n) + "1" + r("}`", n) }},
		{"not", 200, tooDeep, func(n int) string { return "x = " + r("not ", n) + "1" }},
		{"minus", 200, tooDeep, func(n int) string { return "x = " + r("-", n) + "1" }},
		{"minus in an argument", 199, tooDeep, func(n int) string { return "cmd(" + r("-", n) + "1)" }},
		{"power", 200, tooDeep, func(n int) string { return "x = 1" + r(" ** 1", n) }},
		{"conditionals", 200, tooDeep, func(n int) string { return "x = 1" + r(" if 1 else 1", n) }},
		{"blocks", 200, tooDeep, func(n int) string { return r("if(1)\n", n) + r("end()\n", n) }},
		{"operators", 5000, tooLong, func(n int) string { return "x = 1" + r(" + 1", n) }},
		{"operators in an argument", 5000, tooLong, func(n int) string { return "cmd(a" + r("-a", n) + ")" }},
		{"postfixes", 5000, tooLong, func(n int) string { return "x = a" + r(".b[1]", n/2) + r(".c", n%2) }},
		{"methods", 5000, tooLong, func(n int) string { return "a" + r(".b()", n) }},
		{"operators in brackets", 5000, tooLong, func(n int) string {
			return "x = [{1: a(" + "len(1" + r(" * 1", n/2) + "))}]" + r(" + 1", n-n/2)
		}},
	}
	for _, form := range forms {
		t.Run(form.name, func(t *testing.T) {
			if _, err := Parse(form.src(form.limit), Options{}); err != nil {
				t.Errorf("%d levels: %v", form.limit, err)
			}
			for _, n := range []int{form.limit + 1, 100 * form.limit} {
				_, err := Parse(form.src(n), Options{})
				var errs Errors
				if !errors.As(err, &errs) || errs[0].Msg != form.msg {
					t.Errorf("%d levels: got %.200v, want %s", n, err, form.msg)
				}
			}
		})
	}
}

// Operands of and, or and comparisons are no levels: their nodes are flat.
func TestFlatOperators(t *testing.T) {
	for _, op := range []string{" and ", " or ", " < "} {
		mustParse(t, "x = 1"+strings.Repeat(op+"1", 20_000))
	}
}

// Sources made to be slow: what is read again at each level, or looked ahead
// for, must not multiply. A quadratic reading of these takes minutes.
func TestLongSources(t *testing.T) {
	r := strings.Repeat
	for _, src := range []string{
		"cmd(" + r("\n// c\na,", 50_000) + ")",
		"cmd(\n" + r("// c\n", 50_000) + "a\nb)",
		"x = `" + r("${a}", 50_000) + "`",
		"x x" + r("`${", 50_000),
		"x = [" + r("-1,", 50_000) + "]",
		r("f(a, b);", 50_000),
		r("function f(){", 20_000),
		r("`", 100_001),
		r("cmd(", 180) + r("a, ", 20_000) + r(")", 180),
		"x.format(" + r("a=1,", 20_000) + ")",
		r("if(a/*\\`*/)\nend()\n", 50_000),
		r("if(a/*\\`*/)\nend()\n", 50_000) + "x = \"`)\"",
		r("if(a/*(\\`*/)\nend()\n", 50_000) + "x = \"`]\"",
		"x = 1" + r("/* a */", 50_000) + r("\n// b", 50_000) + "\ncommand f() {}",
	} {
		_, err := Parse(src, Options{})
		var errs Errors
		if err != nil && !errors.As(err, &errs) {
			t.Errorf("%.40q: %v", src, err)
		}
	}
	mustParse(t, r("if(a/*\\`*/)\nend()\n", 2)+r("if(a)\nend()\n", 50_000)) // which two conditions make no slower
}
