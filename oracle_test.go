package avap_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/internal/oracle"
)

// knownDifferences are the expressions whose value differs from Python's on
// purpose, with the reason. docs/differences.md lists them for users.
var knownDifferences = map[string]string{}

// TestOracle holds expressions against what CPython said of them.
func TestOracle(t *testing.T) {
	t.Parallel()
	cases, err := oracle.Load()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := avap.New(avap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	different := 0
	for _, c := range cases {
		problem := compareWithPython(t, engine, c)
		if _, known := knownDifferences[c.Expr]; known != (problem != "") {
			if different++; different <= 50 {
				t.Errorf("%s\n\t%s", c.Expr, problem)
			}
		}
	}
	if different > 0 {
		t.Errorf("%d of %d expressions differ from what is recorded", different, len(cases))
	}
}

// TestOracleOfPrograms holds whole programs against what CPython said of them.
func TestOracleOfPrograms(t *testing.T) {
	t.Parallel()
	programs, err := oracle.Programs()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := avap.New(avap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		want := p.Value
		if p.Code != "" {
			want = fmt.Sprintf("%s in line %d", p.Code, p.Line)
		}
		if got := outcome(t, engine, p.Script); got != want {
			t.Errorf("%s\n\tis %s; Python says %s", p.Script, got, want)
		}
	}
}

// outcome is the text of what a script leaves in the variable out, or its error.
func outcome(t *testing.T, engine *avap.Engine, script string) string {
	t.Helper()
	program, err := engine.Compile(script + "\ntext = str(out)\naddResult(text)")
	if err != nil {
		t.Fatalf("%s\n\t%v", script, err)
	}
	r, err := program.Run(t.Context(), avap.Input{NoLogs: true})
	if err != nil {
		var e *avap.Error
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s in line %d", e.Code, e.Line)
	}
	return r.Get("text").(string)
}

// compareWithPython says how the engine's value of an expression differs from
// Python's, "" where it does not.
func compareWithPython(t *testing.T, engine *avap.Engine, c oracle.Case) string {
	t.Helper()
	program, err := engine.Compile(fmt.Sprintf("v = %s\ntext = str([v])\nkind = type(v)\naddResult(text)\naddResult(kind)", c.Expr))
	if err != nil {
		return fmt.Sprintf("does not compile: %v", err)
	}
	r, err := program.Run(t.Context(), avap.Input{NoLogs: true})
	if err != nil {
		var e *avap.Error
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		if string(e.Code) == c.Code {
			return ""
		}
		return fmt.Sprintf("error %s: %s; Python says %s%s", e.Code, e.Msg, c.Value, c.Code)
	}
	got, kind := r.Get("text").(string), r.Get("kind").(string)
	switch {
	case c.Code != "":
		return fmt.Sprintf("is %s; Python says %s", got, c.Code)
	case got != "["+c.Value+"]":
		return fmt.Sprintf("is %s; Python says [%s]", got, c.Value)
	case kind != c.Type:
		return fmt.Sprintf("is of type %s; Python says %s", kind, c.Type)
	}
	return ""
}
