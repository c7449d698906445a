// This file tests what reports are made of, on measurements that are known.

package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/avap-framework/avap/internal/load"
)

func TestMarkdown(t *testing.T) {
	r := &Report{Scenario: "failfast", What: "hostile scripts"}
	table := Table{Columns: []string{"request", "p99"}}
	table.add("endless", ms(12*time.Millisecond))
	r.Tables = append(r.Tables, table)
	r.bar("endless, p99", "≤ 40.0 ms", ms(50*time.Millisecond), false)
	r.notef("%d notes", 1)
	want := `## failfast

Hostile scripts.

| request | p99 |
|---|---|
| endless | 12.0 ms |

| what | bar | measured | holds |
|---|---|---|---|
| endless, p99 | ≤ 40.0 ms | 50.0 ms | **no** |

* 1 notes
`
	if got := r.Markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}} {
		if got := median(tt.values); got != tt.want {
			t.Errorf("median of %v is %g, want %g", tt.values, got, tt.want)
		}
	}
}

// TestRecovery has probes every 20 ms, of which some are slow.
func TestRecovery(t *testing.T) {
	const end, normal = time.Second, 5 * time.Millisecond
	probes := func(slow func(after time.Duration) bool) []load.Observation {
		var all []load.Observation
		for due := time.Duration(0); due < 3*time.Second; due += 20 * time.Millisecond {
			o := load.Observation{Due: due, Latency: time.Millisecond, Status: 200}
			if slow(due - end) {
				o.Latency = 100 * time.Millisecond
			}
			all = append(all, o)
		}
		return all
	}
	for _, tt := range []struct {
		name string
		slow func(time.Duration) bool
		want time.Duration
	}{
		{"at once", func(after time.Duration) bool { return after < 0 }, 0},
		{"one slow one is no matter", func(after time.Duration) bool { return after < 0 || after == 60*time.Millisecond }, 0},
		{"after half a second", func(after time.Duration) bool { return after < 500*time.Millisecond }, 480 * time.Millisecond},
		{"never", func(time.Duration) bool { return true }, -1},
	} {
		if got := recovery(probes(tt.slow), end, normal); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	failed := probes(func(time.Duration) bool { return false })
	for i := range failed {
		failed[i] = load.Observation{Due: failed[i].Due, Failure: load.FailureTimeout}
	}
	if got := recovery(failed, end, normal); got != -1 {
		t.Errorf("failed probes count as normal after %v", got)
	}
}

func TestPoisonReport(t *testing.T) {
	class := func(name string, wrong int64) *load.ClassResult {
		return &load.ClassResult{Name: name, Answered: 10, Wrong: wrong, Elapsed: time.Second}
	}
	r := poisonReport([]poisonRun{
		{"clean", 1, &load.Result{Classes: []*load.ClassResult{class("healthy", 0)}}},
		{"poisoned", 1, &load.Result{Classes: []*load.ClassResult{class("healthy", 2), class(endless.name, 1)}}},
	})
	measured := map[string]string{}
	for _, bar := range r.Bars {
		measured[bar.What] = bar.Measured
		if bar.Bar == "0" && bar.Holds != (bar.Measured == "0") {
			t.Errorf("%+v", bar)
		}
	}
	if measured["healthy wrong, refused or failed, poisoned"] != "2" || measured["hostile not ended as they must be"] != "1" {
		t.Errorf("%v", measured)
	}
}

// TestScriptsAreJSON also finds marks that were escaped.
func TestScriptsAreJSON(t *testing.T) {
	for _, s := range []script{steady, endless, bomb, recursion, broken, cold, heavy(10)} {
		var body struct {
			Script string `json:"script"`
		}
		if err := json.Unmarshal(s.body(), &body); err != nil || body.Script != s.text {
			t.Errorf("%s: %v, %q", s.name, err, body.Script)
		}
		if strings.Contains(s.text, load.NumberMark) != bytes.Contains(s.body(), []byte(load.NumberMark)) {
			t.Errorf("%s: the mark is gone: %s", s.name, s.body())
		}
	}
}

// TestEnterGroup: a process writes its number into the group's file and becomes
// the command, so that both have one number.
func TestEnterGroup(t *testing.T) {
	lab, err := NewLab(Options{Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	}()
	group := &cgroup{dirs: []string{t.TempDir()}}
	own := filepath.Join(lab.dir, "own")
	p, err := lab.start(group, "sh", "-c", `echo $$ > "$1"`, "sh", own)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintln(p.pid())
	for _, file := range []string{own, filepath.Join(group.dirs[0], "cgroup.procs")} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v; want %q", file, got, err, want)
		}
	}
}
