// This file turns samples into medians, ratios, bars and a Markdown page.

package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/avap-framework/avap/bench/engine"
)

// A report is what one run of the program found.
type report struct {
	Go       string     `json:"go"`
	Platform string     `json:"platform"`
	Procs    int        `json:"gomaxprocs"`
	Clock    string     `json:"clock"`
	Rounds   int        `json:"rounds"`
	Sample   string     `json:"sample_time"`
	Results  []result   `json:"results"`
	Bars     []bar      `json:"bars"`
	Subjects []*subject `json:"samples"`
}

// A result is one program on one engine.
type result struct {
	Program string  `json:"program"`
	Engine  string  `json:"engine"`
	Median  float64 `json:"median_ns"`
	Min     float64 `json:"min_ns"`
	Max     float64 `json:"max_ns"`
	Ratio   float64 `json:"times_avap,omitempty"` // 3 is: takes three times AVAP's time

	times []float64 // round by round
}

// A bar is a promise about speed, and what was measured of it.
type bar struct {
	Program string  `json:"program"`
	Promise string  `json:"promise"`
	Value   float64 `json:"value"`                     // of the medians
	Pairs   float64 `json:"median_of_pairs,omitempty"` // of the samples of a round
	Against string  `json:"against,omitempty"`
	Holds   bool    `json:"holds"`
}

func newReport(subjects []*subject, clock string, rounds int, least time.Duration) report {
	r := report{
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Procs: runtime.GOMAXPROCS(0), Clock: clock, Rounds: rounds, Sample: least.String(),
		Subjects: subjects,
	}
	for _, s := range subjects {
		r.Results = append(r.Results, newResult(s, clock))
	}
	for i := range r.Results {
		if ours, ok := r.find(r.Results[i].Program, avap); ok {
			r.Results[i].Ratio = r.Results[i].Median / ours.Median
		}
	}
	r.Bars = r.bars()
	return r
}

func newResult(s *subject, clock string) result {
	var times []float64
	for _, sample := range s.Samples {
		if clock == "wall" {
			times = append(times, sample.Wall)
		} else {
			times = append(times, sample.CPU)
		}
	}
	return result{
		Program: s.Program, Engine: s.Engine,
		Median: median(times), Min: slices.Min(times), Max: slices.Max(times), times: times,
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// over compares two engines by the samples of each round, which were neighbours in time:
// the speed of the machine, which changes from one moment to the next, falls out of the ratio.
func (x result) over(y result) float64 {
	var ratios []float64
	for i := range min(len(x.times), len(y.times)) {
		ratios = append(ratios, x.times[i]/y.times[i])
	}
	return median(ratios)
}

func (r report) find(program, name string) (result, bool) {
	i := slices.IndexFunc(r.Results, func(x result) bool { return x.Program == program && x.Engine == name })
	if i < 0 {
		return result{}, false
	}
	return r.Results[i], true
}

// fastestPeer is the fastest Go engine but AVAP.
func (r report) fastestPeer(program string) (best result, ok bool) {
	for _, x := range r.Results {
		if x.Program != program || x.Engine == avap || x.Engine == lua54 {
			continue
		}
		if !ok || x.Median < best.Median {
			best, ok = x, true
		}
	}
	return best, ok
}

// bars compares what was measured with what the project promises.
func (r report) bars() []bar {
	var bars []bar
	for _, want := range []struct {
		program engine.Program
		times   float64
	}{{engine.Loop, 8}, {engine.Fib, 4}, {engine.Strings, 2.5}, {engine.Handler, 2.5}} {
		ours, ok := r.find(string(want.program), avap)
		peer, found := r.fastestPeer(string(want.program))
		if ok && found {
			value := peer.Median / ours.Median
			bars = append(bars, bar{
				string(want.program), fmt.Sprintf("at least %g times as fast as the fastest Go peer", want.times),
				value, peer.over(ours), peer.Engine, value >= want.times,
			})
		}
	}
	for _, want := range []struct {
		program engine.Program
		times   float64
	}{{engine.Loop, 1}, {engine.Fib, 1.3}, {engine.Strings, 1.3}} {
		ours, ok := r.find(string(want.program), avap)
		peer, found := r.find(string(want.program), lua54)
		if ok && found {
			value := ours.Median / peer.Median
			bars = append(bars, bar{
				string(want.program), fmt.Sprintf("at most %g times the time of Lua 5.4", want.times),
				value, ours.over(peer), lua54, value <= want.times,
			})
		}
	}
	if ours, ok := r.find(compile, avap); ok {
		micros := ours.Median / 1e3
		bars = append(bars, bar{compile, "20 lines in under 100 µs", micros, 0, "", micros < 100})
	}
	return bars
}

func (r report) json() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", " ")
	return append(text, '\n'), err
}

func (r report) programs() []string {
	var names []string
	for _, x := range r.Results {
		if !slices.Contains(names, x.Program) {
			names = append(names, x.Program)
		}
	}
	return names
}

func (r report) engines() []string {
	var names []string
	for _, x := range r.Results {
		if !slices.Contains(names, x.Engine) {
			names = append(names, x.Engine)
		}
	}
	return names
}

func (r report) markdown() string {
	var b strings.Builder
	engines := r.engines()
	fmt.Fprintf(&b, "Time of one run (%s, median of %d rounds of %s, %s, %s, GOMAXPROCS=%d); in brackets, times AVAP's.\n\n",
		r.Clock, r.Rounds, r.Sample, r.Go, r.Platform, r.Procs)
	fmt.Fprintf(&b, "| program | %s |\n|---|%s\n", strings.Join(engines, " | "), strings.Repeat("---:|", len(engines)))
	for _, program := range r.programs() {
		fmt.Fprintf(&b, "| %s |", program)
		for _, name := range engines {
			fmt.Fprintf(&b, " %s |", r.cell(program, name))
		}
		b.WriteString("\n")
	}
	if len(r.Bars) == 0 {
		return b.String()
	}
	b.WriteString("\n| program | promise | of the medians | median of pairs | against | holds |\n|---|---|---:|---:|---|---|\n")
	for _, x := range r.Bars {
		pairs := ""
		if x.Pairs != 0 {
			pairs = fmt.Sprintf("%.2f", x.Pairs)
		}
		fmt.Fprintf(&b, "| %s | %s | %.2f | %s | %s | %s |\n",
			x.Program, x.Promise, x.Value, pairs, x.Against, map[bool]string{true: "yes", false: "**no**"}[x.Holds])
	}
	return b.String()
}

func (r report) cell(program, name string) string {
	x, ok := r.find(program, name)
	switch {
	case !ok:
		return "n/a"
	case x.Ratio == 0 || name == avap:
		return duration(x.Median)
	}
	return fmt.Sprintf("%s (%.1f)", duration(x.Median), x.Ratio)
}

// duration writes nanoseconds with three digits and a fitting unit.
func duration(ns float64) string {
	switch {
	case ns >= 1e6:
		return fmt.Sprintf("%.3g ms", ns/1e6)
	case ns >= 1e3:
		return fmt.Sprintf("%.3g µs", ns/1e3)
	}
	return fmt.Sprintf("%.3g ns", ns)
}
