// This file tests what the program writes into a page of documentation.

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/avap-framework/avap/bench/page"
	"github.com/avap-framework/avap/bench/scenarios"
)

// TestPerformancePage: the page that make bench writes into has a place for each
// scenario, and for what cmd/engines and cmd/bombs measure.
func TestPerformancePage(t *testing.T) {
	opt := options{only: regexp.MustCompile("")}
	if err := page.Page("../../../docs/performance.md").Has(append(opt.names(), "engines", "bombs")...); err != nil {
		t.Error(err)
	}
}

// TestDocument: the block has where the figures come from, the tables without details,
// and the drawings.
func TestDocument(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "performance.md")
	if err := os.WriteFile(file, []byte("# By hand\n<!-- begin throughput -->\nof another run\n<!-- end throughput -->\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	opt := options{doc: page.Page(file)}
	opt.Scale, opt.Rounds = 0.5, 3
	r := &scenarios.Report{
		Scenario: "throughput", What: "how fast",
		Tables: []scenarios.Table{
			{Columns: []string{"medians"}, Rows: [][]string{{"1 µs"}}},
			{Columns: []string{"rounds"}, Detail: true},
		},
		Bars:  []scenarios.Bar{{What: "fast", Bar: "≥ 1", Measured: "2", Holds: true}},
		Plots: map[string][]byte{"servers.svg": []byte("<svg/>")},
	}
	if err := document(t.Context(), opt, r); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rest := string(text)
	for _, part := range []string{
		"# By hand\n<!-- begin throughput -->\n\n*", "; 3 rounds.*\n\n**Durations and counts times 0.5", "\n\n| medians |\n|---|\n| 1 µs |\n",
		"\n| fast | ≥ 1 | 2 | yes |\n", "\n![how fast](images/servers.svg)\n\n<!-- end throughput -->\n",
	} {
		_, behind, found := strings.Cut(rest, part)
		if !found {
			t.Fatalf("no %q in\n%s", part, text)
		}
		rest = behind
	}
	if strings.Contains(string(text), "rounds |") || strings.Contains(string(text), "another run") {
		t.Errorf("details or the old text are in\n%s", text)
	}
	if _, err := os.Stat(filepath.Join(dir, "images", "servers.svg")); err != nil {
		t.Error(err)
	}
}
