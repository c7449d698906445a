// This file parses the scripts of the conformance cases.

package syntax

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"
)

// scripts are the conformance cases by file name.
func scripts(tb testing.TB) map[string]*txtar.Archive {
	tb.Helper()
	files, err := filepath.Glob("../testdata/conformance/*.txtar")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no conformance cases: %v", err)
	}
	cases := make(map[string]*txtar.Archive)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		cases[filepath.Base(file)] = txtar.Parse(data)
	}
	return cases
}

func section(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func TestConformanceScripts(t *testing.T) {
	for name, archive := range scripts(t) {
		t.Run(name, func(t *testing.T) {
			var want struct {
				Code string
				Line int32
			}
			if err := json.Unmarshal(section(archive, "want.json"), &want); err != nil {
				t.Fatal(err)
			}
			_, err := Parse(string(section(archive, "script.avap")), Options{})
			var errs Errors
			switch {
			case want.Code != "syntax_error" && err != nil:
				t.Errorf("does not parse: %v", err)
			case want.Code == "syntax_error" && !errors.As(err, &errs):
				t.Errorf("parses, or ends with %v", err)
			case want.Code == "syntax_error" && want.Line != 0 && errs[0].Pos.Line != want.Line:
				t.Errorf("want the first error in line %d, got %v", want.Line, errs)
			}
		})
	}
}
