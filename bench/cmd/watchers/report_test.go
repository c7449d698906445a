// This file holds the test of what is told of a run.

package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestReport has a run of few workers and one of many, of which nothing is held to the bar.
func TestReport(t *testing.T) {
	var behind, whole []time.Duration
	for i := range 100 {
		behind = append(behind, time.Duration(100-i)*time.Millisecond)
		whole = append(whole, time.Duration(101+i)*10*time.Millisecond)
	}
	used := func(mib int64, cpu time.Duration) usage { return usage{memory: mib << 20, time: cpu} }
	few := result{
		options:    options{watchers: 1_000, publications: 100, definitions: 50, idle: 10 * time.Second},
		connecting: 1500 * time.Millisecond, behind: behind, whole: whole,
		alone: used(20, 0), connected: used(60, time.Second), rested: used(60, 1010*time.Millisecond), published: used(70, 3010*time.Millisecond),
	}
	many := few
	many.watchers = 10_000
	if diff := cmp.Diff(`| | 1000 workers | 10000 workers |
| --- | ---: | ---: |
| commands in the catalog; publications | 50; 100 | 50; 100 |
| all connected and synced | 1.50 s | 1.50 s |
| acknowledged to the last swap: p50 | 51.0 ms | 51.0 ms |
| the same, p99 | 100.0 ms, bar 100.0 ms: yes | 100.0 ms |
| the same, the longest | 100.0 ms | 100.0 ms |
| published to the last swap: p50; p99 | 1.51 s; 2.00 s | 1.51 s; 2.00 s |
| memory of the server: alone; connected; after publishing | 20; 60; 70 MiB | 20; 60; 70 MiB |
| of it for each worker | 51 KiB | 5 KiB |
| processor of the server, idle | 0.10 % of one | 0.10 % of one |
| its processor time of a publication | 20.0 ms | 20.0 ms |
| the same for each worker | 20.0 µs | 2.0 µs |
`, report([]result{few, many})); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// TestBarMissed has a last worker that is late.
func TestBarMissed(t *testing.T) {
	r := result{options: options{watchers: 1_000}, behind: []time.Duration{150 * time.Millisecond}}
	if diff := cmp.Diff("150.0 ms, bar 100.0 ms: **no**", r.judged()); diff != "" {
		t.Errorf("the 99th percentile (-want +got):\n%s", diff)
	}
}

func TestRuns(t *testing.T) {
	of := func(watchers int) options {
		return options{watchers: watchers, publications: 7, definitions: 5, idle: time.Second}
	}
	var got []int
	for _, o := range []options{of(0), of(12)} {
		runs, err := o.runs()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			got = append(got, r.watchers, r.publications, r.definitions)
		}
	}
	if diff := cmp.Diff([]int{1_000, 300, 5, 10_000, 20, 5, 12, 7, 5}, got); diff != "" {
		t.Errorf("workers, publications and definitions of the runs (-want +got):\n%s", diff)
	}
	if _, err := of(-1).runs(); err == nil {
		t.Error("a negative number of workers was taken")
	}
}
