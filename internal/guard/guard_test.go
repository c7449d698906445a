// This file holds the guard itself: the measuring, and the comparing with the bounds.

package guard_test

import (
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/internal/guard"
)

var update = flag.Bool("update", false, "write the bounds anew, as they are measured now")

const (
	bounds = "testdata/bounds.txt"
	advice = "docs/development.md says how to find out why; `make guard-update` accepts it."
)

// TestCosts holds each path to its bounds.
func TestCosts(t *testing.T) {
	program, err := guard.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	got := measure(t, program)
	if *update {
		if !program.Valgrind() {
			t.Fatal("bounds are recorded with valgrind alone: scripts/install-test-deps.sh installs it")
		}
		got.Add(measure(t, program))
		if err := os.WriteFile(bounds, got.Format(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(bounds)
	if err != nil {
		t.Fatal(err)
	}
	want, err := guard.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	outside := compare(t, program, want, got)
	t.Logf("recorded with %s %s, measured with %s %s:\n%s", want.Go, want.Processor, got.Go, got.Processor, got.Format())
	for _, path := range slices.Sorted(maps.Keys(outside)) {
		t.Errorf("%s\n\t%s", path, strings.Join(outside[path], "\n\t"))
	}
	if len(outside) > 0 {
		t.Log(advice)
	}
	t.Run("instructions", func(t *testing.T) {
		switch {
		case !program.Valgrind():
			t.Skip("instructions and system calls were not counted: valgrind is not installed, scripts/install-test-deps.sh does it")
		case want.Processor != got.Processor:
			t.Skipf("instructions were not compared: they are recorded for %s, and this is %s", want.Processor, got.Processor)
		}
	})
}

func measure(t *testing.T, program *guard.Program, paths ...string) *guard.Table {
	t.Helper()
	got, err := program.Measure(t.Context(), paths...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// compare gives what is outside of the bounds, and stays there: on a busy machine the
// runtime's own threads add to a measurement, and never take away. What was added to got
// is a least cost again.
func compare(t *testing.T, program *guard.Program, want, got *guard.Table) map[string][]string {
	t.Helper()
	const again = 3
	for range again {
		var paths []string
		for _, path := range slices.Sorted(maps.Keys(want.Compare(got))) {
			if slices.Contains(got.Paths, path) && slices.Contains(want.Paths, path) {
				paths = append(paths, path)
			}
		}
		if len(paths) == 0 {
			break
		}
		t.Logf("measured again: %s", strings.Join(paths, ", "))
		got.Add(measure(t, program, paths...))
	}
	return want.Compare(got)
}

// TestCompare measures one path against the bounds of 1,000 instructions, 2 allocations
// of 64 bytes and a fuel of 10.
func TestCompare(t *testing.T) {
	const (
		recorded = "go1.26.8"
		here     = "linux/amd64+avx2"
	)
	table := func(version, processor string, c guard.Costs) *guard.Table {
		return &guard.Table{Go: version, Processor: processor, Paths: []string{"p"}, Costs: map[string]guard.Costs{"p": c}}
	}
	bounds := table(recorded, here, guard.Costs{"instructions": 1000, "allocations": 2, "bytes": 64, "fuel": 10})
	tests := []struct {
		name, version, processor string
		costs                    guard.Costs
		want                     []string
	}{
		{"the same", recorded, here, guard.Costs{"instructions": 1000, "allocations": 2, "bytes": 64, "fuel": 10}, nil},
		{"noise", recorded, here, guard.Costs{"instructions": 1040, "allocations": 2.02, "bytes": 65}, nil},
		{
			"more instructions", recorded, here,
			guard.Costs{"instructions": 1100},
			[]string{"instructions: 1100, recorded are 1000 (+10.0 %): dearer than its bound of 1050"},
		},
		{
			"fewer instructions", recorded, here,
			guard.Costs{"instructions": 880},
			[]string{"instructions: 880, recorded are 1000 (-12.0 %): cheaper than 900, record it so that it stays so"},
		},
		{
			"one allocation more", recorded, here,
			guard.Costs{"allocations": 3, "bytes": 80},
			[]string{
				"allocations: 3, recorded are 2 (+50.0 %): dearer than its bound of 2.75",
				"bytes: 80, recorded are 64 (+25.0 %): dearer than its bound of 75.2",
			},
		},
		{
			"other fuel", recorded, here,
			guard.Costs{"fuel": 9},
			[]string{"fuel: 9, recorded are 10 (-10.0 %): cheaper than 10, record it so that it stays so"},
		},
		{"a patch of Go binds as well", "go1.26.9", here, guard.Costs{"instructions": 1051}, []string{"instructions: 1051, recorded are 1000 (+5.1 %): dearer than its bound of 1050"}},
		{"another Go has more room", "go1.27", here, guard.Costs{"instructions": 1240}, nil},
		{"and may be better", "go1.27", here, guard.Costs{"instructions": 500}, nil},
		{"but the machine's own counts stay", "go1.27", here, guard.Costs{"fuel": 11}, []string{"fuel: 11, recorded are 10 (+10.0 %): dearer than its bound of 10"}},
		{"another processor", recorded, "linux/arm64", guard.Costs{"instructions": 2000, "allocations": 2}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := bounds.Compare(table(tt.version, tt.processor, tt.costs))["p"]
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("what is outside of the bounds (-want +got):\n%s", diff)
			}
		})
	}
	other := &guard.Table{Paths: []string{"q"}, Costs: map[string]guard.Costs{"q": {}}}
	if diff := cmp.Diff(map[string][]string{"p": {"has bounds, and is no path"}, "q": {"has no bounds yet"}}, bounds.Compare(other)); diff != "" {
		t.Errorf("other paths (-want +got):\n%s", diff)
	}
}

// TestFormat writes a table and reads it again.
func TestFormat(t *testing.T) {
	want := &guard.Table{
		Go: "go1.26.8", Processor: "linux/amd64+avx2", Paths: []string{"request/bare", "run/loop"},
		Costs: map[string]guard.Costs{
			"request/bare": {"instructions": 11000, "allocations": 0, "bytes": 0, "reads": 1, "writes": 1},
			"run/loop":     {"instructions": 890000, "allocations": 0, "bytes": 0, "fuel": 30010, "memory": 341},
		},
	}
	got, err := guard.Parse(want.Format())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("read again (-want +got), %v:\n%s", err, diff)
	}
	for _, text := range []string{"", "path\n", strings.Replace(string(want.Format()), "341", "x", 1), strings.Replace(string(want.Format()), "fuel", "wood", 1)} {
		if _, err := guard.Parse([]byte(text)); err == nil {
			t.Errorf("no error for %q", text)
		}
	}
}

// TestPathsHaveNames looks for names that stand twice: one would hide the other.
func TestPathsHaveNames(t *testing.T) {
	var names []string
	for _, p := range guard.Paths() {
		if slices.Contains(names, p.Name) || p.Rounds <= 0 {
			t.Errorf("%q stands twice, or has no rounds", p.Name)
		}
		names = append(names, p.Name)
	}
}
