package compile_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/compile"
	"github.com/avap-framework/avap/syntax"
)

var update = flag.Bool("update", false, "write the expected listings anew")

func compileScript(t testing.TB, src string) (*bytecode.Program, []compile.Diagnostic, error) {
	t.Helper()
	f, err := syntax.Parse(src, syntax.Options{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, src)
	}
	return compile.Script(f, compile.Options{Lookup: command.Signature})
}

// TestListing holds what scripts compile to: each file of testdata is a script
// and its listing.
func TestListing(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no listings: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			p, _, err := compileScript(t, string(a.Files[0].Data))
			if err != nil {
				t.Fatal(err)
			}
			var listing bytes.Buffer
			if err := bytecode.Disassemble(&listing, p); err != nil {
				t.Fatal(err)
			}
			if *update {
				a.Files[1].Data = listing.Bytes()
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(a.Files[1].Data), listing.String()); diff != "" {
				t.Errorf("listing (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDiagnostics holds what is said of scripts that were not run.
func TestDiagnostics(t *testing.T) {
	for _, c := range []struct {
		name, src string
		want      []string
	}{
		{"clean", "addVar(x, 1)\naddResult(x)", nil},
		{"unknown command", "x = 1\nfrobnicate(x)", []string{"2:1 unknown_command command not found: frobnicate"}},
		{"unknown in an expression", "x = 1 + nosuch(2)", []string{"1:9 unknown_command command not found: nosuch"}},
		{
			"too many arguments", "encodeMD5(a, b, c)",
			[]string{"1:1 bad_arguments encodeMD5(SourceVariable, TargetVariable) takes 2 arguments, not 3"},
		},
		{
			"an output in an expression", "x = encodeMD5(a, b)",
			[]string{"1:5 bad_arguments encodeMD5(SourceVariable, TargetVariable) takes 1 argument, not 2, its output left out in an expression"},
		},
		{"no output", "x = addResult(a)", []string{"1:5 bad_arguments addResult(sourceVariable) does not have one output: it cannot stand in an expression"}},
		{"no name", "addResult(d.k)", []string{"1:1 bad_arguments addResult(sourceVariable) wants the name of a variable as sourceVariable, not d.k"}},
		{"a missing output", "encodeMD5(a)", []string{"1:1 bad_arguments encodeMD5(SourceVariable, TargetVariable) is called without TargetVariable"}},
		{"function", "function f(a) { return a }\nx = f(1, 2)", []string{"2:5 bad_arguments f takes 1 argument, not 2"}},
		{"number out of range", "x = 9223372036854775808", []string{"1:5 overflow the number 9223372036854775808 is out of range"}},
		{"method of nothing", "x = [].push(1)", []string{"1:7 type_error no value has a method push"}},
		{
			"flat try", "try()\n  x = 1\nexception(e)\naddResult(e)",
			[]string{"1:1  a flat try(): what follows its exception runs in either case; close it with end()"},
		},
		{
			"a statement made from a template", "q = \"x\"\np = `SELECT '${q}'`\normDirect(p, r)",
			[]string{"3:11  p is made from a template, so its values become part of the statement's text; write the template straight into the command, and they are bound"},
		},
		{"a call that may be text", "addVar(x, COUNT(price))", nil},
		{"code that is never reached", "if(false)\n  nosuch(1)\nend()", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, diagnostics, err := compileScript(t, c.src)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range diagnostics {
				got = append(got, fmt.Sprintf("%d:%d %s %s", d.Pos.Line, d.Pos.Col, d.Code, d.Msg))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDefinitionErrors holds what a definition may not do.
func TestDefinitionErrors(t *testing.T) {
	for src, want := range map[string]string{
		"command c(a: thing) { b = a }":                         "thing is no mode",
		"command c(a: value) { addVar(x, a) }":                  "addVar belongs to scripts",
		"command c(a: value) { addResult(a) }":                  "addResult belongs to scripts",
		"command c(a: value) { b = $a }":                        "belongs to scripts",
		"command c(a: value, o: out) { RequestGet(a, , , o) }":  "write `requires http`",
		"command c(a: value, o: out) { o = randomString(a, 1)}": "write `requires random`",
	} {
		f, err := syntax.Parse(src, syntax.Options{})
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		_, _, err = compile.Definition(f.Commands[0], compile.Options{Lookup: command.Signature})
		var e *compile.Error
		if !errors.As(err, &e) || !strings.Contains(e.Msg, want) {
			t.Errorf("%s: %v, want %s", src, err, want)
		}
	}
}

// TestEverythingVerifies compiles all test data of the language, and sources of
// unusual shapes: what comes out must pass the verifier.
func TestEverythingVerifies(t *testing.T) {
	sources := map[string]string{
		"many variables":     numbered("v%d = %d\n", 700) + numbered("addResult(v%d)\n", 700),
		"many parameters":    "function f(" + strings.TrimSuffix(numbered("p%d, ", 60), ", ") + ") { return p59 }\nx = f(" + strings.TrimSuffix(numbered("%d, ", 60), ", ") + ")",
		"many locals":        "function f(a) {\n" + numbered("v%d = a\n", 400) + "return v399 + v1\n}\nx = f(1)",
		"a long list":        "x = [" + numbered("%d, ", 3000) + "]",
		"a long tuple":       "x = (" + numbered("%d, ", 3000) + ")",
		"a long template":    "x = `" + numbered("a${v%d}", 500) + "`",
		"a long sum":         "x = 1" + numbered(" + v%d", 4000),
		"a long conjunction": "x = true" + numbered(" and v%d", 3000),
		"nested lists":       "x = " + strings.Repeat("[", 190) + "1" + strings.Repeat("]", 190),
		"nested sums":        "y = 1\nx = " + strings.Repeat("(y + ", 150) + "1" + strings.Repeat(")", 150),
		"nested calls":       "x = " + strings.Repeat("max(1, ", 90) + "1" + strings.Repeat(")", 90),
		"nested ifs":         strings.Repeat("if(1, 1, =)\n", 190) + "x = 1\n" + strings.Repeat("end()\n", 190),
		"nested loops":       strings.Repeat("startLoop(i, 1, 2)\n", 30) + "x = i\n" + strings.Repeat("endLoop()\n", 30),
		"loops, many variables": numbered("v%d = %d\n", 300) + "startLoop(w, 1, 3)\n" + numbered("v%d = w\n", 300) +
			"try()\nbreak()\nexception(e)\ncontinue()\nend()\nendLoop()",
	}
	maps.Copy(sources, languageSources(t))
	for name, src := range sources {
		p, _, err := compileScript(t, src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := bytecode.Verify(p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// languageSources gives the test data of the language that parses, by the names of the
// files.
func languageSources(t testing.TB) map[string]string {
	t.Helper()
	sources := map[string]string{}
	for _, pattern := range []string{"../testdata/conformance/*.txtar", "../testdata/bombs/*.avap"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if a := txtar.Parse(text); len(a.Files) > 0 {
				text = a.Files[0].Data
			}
			if _, err := syntax.Parse(string(text), syntax.Options{}); err == nil {
				sources[name] = string(text)
			}
		}
	}
	return sources
}

// numbered repeats a format with the numbers from 0, as often as it has verbs.
func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		if strings.Count(format, "%d") == 2 {
			fmt.Fprintf(&b, format, i, i)
		} else {
			fmt.Fprintf(&b, format, i)
		}
	}
	return b.String()
}

// TestTooLarge refuses an expression that no frame has registers for, or no call has
// room for.
func TestTooLarge(t *testing.T) {
	for n := 240; n <= 300; n++ {
		for name, src := range map[string]string{
			"built-in": "x = max(" + numbered("%d, ", n) + "0)",
			"method":   "x = s.join(" + numbered("%d, ", n) + "0)",
		} {
			p, _, err := compileScript(t, src)
			var e *compile.Error
			switch {
			case err == nil:
				if err := bytecode.Verify(p); err != nil {
					t.Errorf("%s, %d arguments: %v", name, n+1, err)
				}
			case !errors.As(err, &e) || !strings.Contains(e.Msg, "too large"):
				t.Errorf("%s, %d arguments: %v", name, n+1, err)
			case n+1 < 245:
				t.Errorf("%s of %d arguments is refused: %v", name, n+1, err)
			}
		}
	}
}

// TestTooManyParameters refuses functions that no call has room for.
func TestTooManyParameters(t *testing.T) {
	for n := 240; n <= 270; n++ {
		src := "function f(" + numbered("p%d, ", n-1) + "last) { return last }\nx = f(" + numbered("%d, ", n-1) + "0)"
		p, _, err := compileScript(t, src)
		var e *compile.Error
		switch {
		case err == nil:
			if err := bytecode.Verify(p); err != nil {
				t.Errorf("%d parameters: %v", n, err)
			}
		case !errors.As(err, &e):
			t.Errorf("%d parameters: %v", n, err)
		case n > bytecode.MaxParameters && !strings.Contains(e.Msg, "more than 250 parameters"):
			t.Errorf("%d parameters: %v", n, err)
		case n < 245:
			t.Errorf("%d parameters are refused: %v", n, err)
		}
	}
}

// TestDeep compiles what nests as deeply as a source may, and would need more
// registers than there are.
func TestDeep(t *testing.T) {
	const most = 198
	nested := func(open, inner, end string) string {
		return strings.Repeat(open, most) + inner + strings.Repeat(end, most)
	}
	for name, src := range map[string]string{
		"calls":    "x = " + nested("max(1, 2, 3, 4, ", "1", ")"),
		"lists":    "x = " + nested("[1, 2, ", "3", ", 4]"),
		"dicts":    "x = " + nested("{'k': 1, 'n': ", "2", "}"),
		"commands": "x = " + nested("replace(", "a", ", b, c)"),
		"loops":    "x = 1\n" + nested("startLoop(i, 1, 2)\n", "x = x + i\n", "endLoop()\n"),
		"counters": "x = 1\n" + numbered("startLoop(i%d, 1, 2)\n", most) + "x = 2\n" + strings.Repeat("endLoop()\n", most),
		"function": "function f(a, b) {\nreturn " + nested("f(a, b + ", "1", ")") + "\n}\nx = f(1, 2)",
	} {
		t.Run(name, func(t *testing.T) {
			p, _, err := compileScript(t, src)
			if err != nil {
				t.Fatal(err)
			}
			if err := bytecode.Verify(p); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCharge ends a compilation when its memory is used up.
func TestCharge(t *testing.T) {
	f, err := syntax.Parse(numbered("v%d = [%d]\n", 1000), syntax.Options{})
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("full")
	left := 50_000
	_, _, err = compile.Script(f, compile.Options{Lookup: command.Signature, Charge: func(n int) error {
		if left -= n; left < 0 {
			return full
		}
		return nil
	}})
	if !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

// TestChargeOften charges a large script in many small parts: who charges may look at
// the clock.
func TestChargeOften(t *testing.T) {
	for name, src := range map[string]string{
		"statements": numbered("v%d = 't%d'\n", 10_000),
		"a list":     "x = [" + numbered("%d, ", 50_000) + "]",
		"functions":  numbered("function f%d(a) { b = a + 1.5 }\n", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			f, err := syntax.Parse(src, syntax.Options{})
			if err != nil {
				t.Fatal(err)
			}
			most, all := 0, 0
			_, _, err = compile.Script(f, compile.Options{Lookup: command.Signature, Charge: func(n int) error {
				most, all = max(most, n), all+n
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			if most > 256<<10 {
				t.Errorf("%d bytes of %d are charged at once", most, all)
			}
		})
	}
}

const twentyLines = `// An order: its lines, its total, its label.
addParam(items, items)
addParam(customer, who)
addParam(discount, off)
total = 0
lines = []
if(off, None, =)
    off = 0
end()
startLoop(i, 1, 3)
    price = i * 10
    total = total + price
    lines.append("line " + str(i))
endLoop()
if(total > 50 and off > 0)
    total = total - total * off / 100
else()
    addVar(note, no discount)
end()
label = ` + "`order of ${who}: ${total}`" + `
addResult(label)
addResult(total)
addResult(lines)`

// BenchmarkCompile parses, compiles and verifies a script of 20 lines and more.
// A program is the same whatever the compiler has made before.
func TestCompilerIsUsedAgain(t *testing.T) {
	var c compile.Compiler
	sources := []string{
		"x = 1", numbered("v%d = f(%d)\n", 300), "a = v1 + v2\naddResult(a)", "x = \"t\" + `a ${b}`\ntry()\ny = 1.5\nexception(e)\nend()",
		"x = " + strings.Repeat("(1 + ", 150) + "x" + strings.Repeat(")", 150), "function f(a) { b = a\nreturn(b) }\nx = f(2)\nx.nothing()",
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, string(a.Files[0].Data))
	}
	var made []*bytecode.Program
	for range 2 {
		for i, src := range sources {
			want, wantSaid, wantErr := compileScript(t, src)
			f, err := syntax.Parse(src, syntax.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, said, err := c.Script(f, compile.Options{Lookup: command.Signature})
			if diff := cmp.Diff([]any{want, wantSaid, wantErr}, []any{got, said, err}); diff != "" {
				t.Errorf("source %d (-want +got):\n%s", i, diff)
			}
			made = append(made, got)
			lent, _, _ := c.Script(f, compile.Options{Lookup: command.Signature, Lend: compile.LendLists})
			if diff := cmp.Diff(want, lent); diff != "" {
				t.Errorf("source %d, lent (-want +got):\n%s", i, diff)
			}
		}
	}
	for i, p := range made { // none has memory that another one was made in
		want, _, _ := compileScript(t, sources[i%len(sources)])
		if diff := cmp.Diff(want, p); diff != "" {
			t.Errorf("source %d, later (-want +got):\n%s", i, diff)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		f, err := syntax.Parse(twentyLines, syntax.Options{})
		if err != nil {
			b.Fatal(err)
		}
		p, _, err := compile.Script(f, compile.Options{Lookup: command.Signature})
		if err != nil {
			b.Fatal(err)
		}
		if err := bytecode.Verify(p); err != nil {
			b.Fatal(err)
		}
	}
}

// TestRoomAgain compiles into a Room what needs a second attempt: nothing of the first one
// is left in it.
func TestRoomAgain(t *testing.T) {
	var src strings.Builder
	src.WriteString("x = sorted([2, 1], reverse=True)\n")
	for i := range 100 {
		fmt.Fprintf(&src, "v%d = %d\n", i, i)
	}
	src.WriteString("y = max(" + strings.Repeat("v0, ", 200) + "v1)\naddResult(y)")
	f, err := syntax.Parse(src.String(), syntax.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := compile.Script(f, compile.Options{Lookup: command.Signature})
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := compile.Script(f, compile.Options{Lookup: command.Signature, Room: new(compile.Room)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in a Room (-own memory +Room):\n%s", diff)
	}
}
