// Package conformance reads the executable cases of the language, and holds
// answers against them. A case is a txtar file in testdata/conformance: see
// the README there.
package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// Case is one case.
type Case struct {
	Name    string
	Script  string
	Request Request
	Want    Want
}

// Request is what a script is given.
type Request struct {
	Query     string
	Body      json.RawMessage // further top-level keys, as an object
	Variables json.RawMessage // as an object
}

// Want is what the answer must be.
type Want struct {
	Status         int             `json:"status"`
	StatusIn       []int           `json:"status_in"`
	Success        *bool           `json:"success"`
	Result         json.RawMessage `json:"result"`
	ResultContains map[string]any  `json:"result_contains"`
	Variables      map[string]any  `json:"variables"`
	Code           string          `json:"code"`
	CodeIn         []string        `json:"code_in"`
	Line           int             `json:"line"`
	ErrorContains  string          `json:"error_contains"`
	Empty          bool            `json:"empty"`
	RawContains    []string        `json:"raw_contains"`
}

// Load reads all cases below a folder of test data.
func Load(t testing.TB, dir string) []Case {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", dir, err)
	}
	cases := make([]Case, len(files))
	for i, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := parse(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c.Name = strings.TrimSuffix(filepath.Base(name), ".txtar")
		cases[i] = c
	}
	return cases
}

func parse(text []byte) (c Case, err error) {
	for _, f := range txtar.Parse(text).Files {
		switch f.Name {
		case "script.avap":
			c.Script = string(f.Data)
		case "request.json":
			err = strict(f.Data, &c.Request)
		case "want.json":
			err = strict(f.Data, &c.Want)
		default:
			err = fmt.Errorf("a file of no known name: %s", f.Name)
		}
		if err != nil {
			return c, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	if c.Script == "" {
		return c, fmt.Errorf("no script.avap")
	}
	return c, nil
}

func strict(b []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

// answer is the part of an answer that cases speak of.
type answer struct {
	Success   bool            `json:"success"`
	Result    json.RawMessage `json:"result"`
	Variables map[string]any  `json:"variables"`
	Code      string          `json:"code"`
	Line      int             `json:"line"`
	Error     string          `json:"error"`
}

// Check holds an answer, its HTTP status and its body, against what is wanted.
func (w *Want) Check(t testing.TB, status int, body []byte) {
	t.Helper()
	w.checkStatus(t, status)
	if w.Empty {
		if len(body) > 0 {
			t.Errorf("a body where none is wanted: %s", body)
		}
		return
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, body)
	}
	if w.Success != nil && a.Success != *w.Success {
		t.Errorf("success is %v", a.Success)
	}
	w.checkFailure(t, &a)
	w.checkResult(t, &a)
	for _, part := range w.RawContains {
		if !bytes.Contains(body, []byte(part)) {
			t.Errorf("%s is not in %s", part, body)
		}
	}
}

func (w *Want) checkStatus(t testing.TB, status int) {
	t.Helper()
	want := w.StatusIn
	if len(want) == 0 {
		want = []int{200}
		if w.Status != 0 {
			want[0] = w.Status
		}
	}
	if !slices.Contains(want, status) {
		t.Errorf("status %d, want one of %v", status, want)
	}
}

func (w *Want) checkFailure(t testing.TB, a *answer) {
	t.Helper()
	codes := w.CodeIn
	if w.Code != "" {
		codes = []string{w.Code}
	}
	if len(codes) == 0 && a.Code != "" {
		t.Errorf("failed: %s: %s", a.Code, a.Error)
	}
	if len(codes) > 0 && !slices.Contains(codes, a.Code) {
		t.Errorf("code %q, want one of %v: %s", a.Code, codes, a.Error)
	}
	if w.Line != 0 && a.Line != w.Line {
		t.Errorf("line %d, want %d: %s", a.Line, w.Line, a.Error)
	}
	if !strings.Contains(a.Error, w.ErrorContains) {
		t.Errorf("error %q does not contain %q", a.Error, w.ErrorContains)
	}
}

func (w *Want) checkResult(t testing.TB, a *answer) {
	t.Helper()
	if w.Result != nil {
		var got, want any
		if err := json.Unmarshal(a.Result, &got); err != nil {
			t.Fatalf("result: %v in %s", err, a.Result)
		}
		if err := json.Unmarshal(w.Result, &want); err != nil {
			t.Fatalf("wanted result: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
	}
	if w.ResultContains != nil {
		var got map[string]any
		if err := json.Unmarshal(a.Result, &got); err != nil {
			t.Fatalf("result: %v in %s", err, a.Result)
		}
		contains(t, "result", got, w.ResultContains)
	}
	contains(t, "variables", a.Variables, w.Variables)
}

func contains(t testing.TB, where string, got, want map[string]any) {
	t.Helper()
	for k, v := range want {
		if diff := cmp.Diff(v, got[k]); diff != "" {
			t.Errorf("%s.%s (-want +got):\n%s", where, k, diff)
		}
	}
}
