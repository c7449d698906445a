// This file holds what `avap bench` tells: a table, JSON, a drawing.

package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/internal/plot"
)

// benchReport is what was asked, and what was found at each rate. It is what --json
// writes.
type benchReport struct {
	Target     string      `json:"target"`
	Profile    string      `json:"profile"`
	Signed     bool        `json:"signed"`
	Seed       uint64      `json:"seed"`
	Duration   float64     `json:"duration_seconds"` // of each run
	Warmup     float64     `json:"warmup_seconds"`
	Started    time.Time   `json:"started"`
	Processors int         `json:"processors"` // of the sender
	Runs       []*benchRun `json:"runs"`
}

// benchRun is what was found at one rate.
type benchRun struct {
	Rate     float64                `json:"rate_per_second"` // 0: a closed loop
	Seconds  float64                `json:"seconds"`
	Requests int64                  `json:"requests"`
	Answered int64                  `json:"answered"`
	Achieved float64                `json:"achieved_per_second"` // answers other than refusals
	Statuses map[int]int64          `json:"statuses"`
	Codes    map[string]int64       `json:"codes,omitempty"` // of failures
	Latency  benchTimes             `json:"latency_ms"`      // of answers other than refusals
	Refused  int64                  `json:"overloaded"`
	Wrong    int64                  `json:"wrong"`
	Example  string                 `json:"wrong_answer,omitempty"` // the first of them
	Failed   map[load.Failure]int64 `json:"failed,omitempty"`
	Late     *benchTimes            `json:"late_ms,omitempty"` // of the sender; none in a closed loop
	Delayed  int64                  `json:"waited_for_a_connection"`
	Opened   int64                  `json:"connections_opened"`
	CPU      *float64               `json:"cpu_us_per_request,omitempty"` // of the worker
	// CutOff is how many were under way when the run was interrupted.
	CutOff      int64 `json:"cut_off,omitempty"`
	Interrupted bool  `json:"interrupted,omitempty"`

	curve []plot.Point // of the distribution: nines, milliseconds
}

// benchTimes are times in milliseconds.
type benchTimes struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

func newBenchReport(target string, p *benchPlan) *benchReport {
	return &benchReport{
		Target: target, Profile: p.profile.Name, Signed: p.key != nil, Seed: p.seed,
		Duration: p.duration.Seconds(), Warmup: p.warmup.Seconds(),
		Started: time.Now().UTC().Truncate(time.Second), Processors: runtime.NumCPU(),
	}
}

func newBenchRun(c *load.ClassResult, interrupted bool) *benchRun {
	r := &benchRun{
		Rate: c.Offered, Seconds: c.Elapsed.Seconds(), Requests: c.Due, Answered: c.Answered,
		Statuses: c.Statuses, Codes: c.Codes, Refused: c.Codes["overloaded"],
		Wrong: c.Wrong, Example: c.WrongAnswer, Failed: maps.Clone(c.Failed),
		Delayed: c.Delayed, Opened: c.Opened, Interrupted: interrupted,
	}
	delete(r.Codes, "") // answers with a status of their own, which are no failures
	if c.Elapsed > 0 {
		r.Achieved = float64(c.Answered-r.Refused) / c.Elapsed.Seconds()
	}
	if interrupted {
		for _, why := range []load.Failure{load.FailureCancelled, load.FailureUnsent} {
			r.CutOff += r.Failed[why]
			delete(r.Failed, why)
		}
	}
	if c.Offered > 0 {
		late := newBenchTimes(c.Late)
		r.Late = &late
	}
	var served []int
	for status := range c.Statuses {
		if status != 503 {
			served = append(served, status)
		}
	}
	if len(served) > 0 {
		h := c.Latency(served...)
		r.Latency, r.curve = newBenchTimes(h), distribution(h)
	}
	return r
}

func newBenchTimes(h load.Histogram) benchTimes {
	return benchTimes{
		milliseconds(h.Mean()), milliseconds(h.Percentile(50)), milliseconds(h.Percentile(90)),
		milliseconds(h.Percentile(99)), milliseconds(h.Percentile(99.9)), milliseconds(h.Max()),
	}
}

// distribution returns the latency at percentiles whose distance to 100 shrinks by the
// same factor each time, as far as there are requests to tell them apart.
func distribution(h load.Histogram) (points []plot.Point) {
	const perNine = 20
	most := math.Log10(float64(max(h.Count(), 1)))
	for i := 0; float64(i)/perNine <= most; i++ {
		nines := float64(i) / perNine
		points = append(points, plot.Point{X: nines, Y: milliseconds(h.Percentile(100 * (1 - math.Pow(10, -nines))))})
	}
	return points
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// bad reports whether an answer was wrong or a request failed.
func (r *benchRun) bad() bool { return r.Wrong > 0 || r.failures() > 0 }

func (r *benchRun) failures() (n int64) {
	for _, of := range r.Failed {
		n += of
	}
	return n
}

// tell prints the table, and writes the files that are asked for.
func (o *benchOptions) tell(cmd *cobra.Command, r *benchReport) error {
	out := cmd.OutOrStdout()
	if o.json == "-" {
		out = cmd.ErrOrStderr()
	}
	if _, err := io.WriteString(out, r.text()); err != nil {
		return err
	}
	if err := o.writeJSON(cmd, r); err != nil || o.svg == "" {
		return err
	}
	svg, err := r.svg()
	if err != nil {
		return err
	}
	return writeWhole(o.svg, svg, 0o644)
}

func (o *benchOptions) writeJSON(cmd *cobra.Command, r *benchReport) error {
	if o.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if o.json == "-" {
		_, err = cmd.OutOrStdout().Write(text)
		return err
	}
	return writeWhole(o.json, text, 0o644)
}

// text returns a column for each run, and below them what must be known about it.
func (r *benchReport) text() string {
	signed := ""
	if r.Signed && r.Profile != "signed" {
		signed = ", signed"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s at %s, %g s after %g s of warm-up\n\n", r.Profile, signed, r.Target, r.Duration, r.Warmup)
	writeColumns(&b, r.rows())
	before := "\n"
	for _, run := range r.Runs {
		for _, note := range run.notes() {
			fmt.Fprintf(&b, "%s%s: %s\n", before, rateText(run.Rate), note)
			before = ""
		}
	}
	return b.String()
}

// rows returns the table, what each row is about first.
func (r *benchReport) rows() [][]string {
	count := func(n int64) string { return fmt.Sprint(n) }
	t := benchTable{runs: r.Runs}
	t.row("rate", func(run *benchRun) string { return rateText(run.Rate) })
	t.row("requests", func(run *benchRun) string { return count(run.Requests) })
	t.row("achieved", func(run *benchRun) string { return rateText(run.Achieved) })
	for _, status := range unionOf(r.Runs, func(run *benchRun) map[int]int64 { return run.Statuses }) {
		t.row(fmt.Sprintf("answers %d", status), func(run *benchRun) string { return count(run.Statuses[status]) })
	}
	t.row("of them overloaded", func(run *benchRun) string { return count(run.Refused) })
	t.latency("p50", func(l benchTimes) float64 { return l.P50 })
	t.latency("p90", func(l benchTimes) float64 { return l.P90 })
	t.latency("p99", func(l benchTimes) float64 { return l.P99 })
	t.latency("p99.9", func(l benchTimes) float64 { return l.P999 })
	t.latency("max", func(l benchTimes) float64 { return l.Max })
	t.row("wrong answers", func(run *benchRun) string { return count(run.Wrong) })
	t.row("failed", func(run *benchRun) string { return count(run.failures()) })
	for _, why := range unionOf(r.Runs, func(run *benchRun) map[load.Failure]int64 { return run.Failed }) {
		t.row("  "+string(why), func(run *benchRun) string { return count(run.Failed[why]) })
	}
	t.row("sender late, p99", func(run *benchRun) string {
		if run.Late == nil {
			return ""
		}
		return timeText(run.Late.P99)
	})
	t.row("worker's CPU per request", func(run *benchRun) string {
		if run.CPU == nil {
			return ""
		}
		return fmt.Sprintf("%.1f µs", *run.CPU)
	})
	return t.rows
}

// A benchTable has a column for each run.
type benchTable struct {
	runs []*benchRun
	rows [][]string
}

// row adds a row, unless no run has anything to say to it.
func (t *benchTable) row(label string, cell func(*benchRun) string) {
	cells := []string{label}
	some := false
	for _, run := range t.runs {
		text := cell(run)
		some = some || text != ""
		cells = append(cells, cmp.Or(text, "–"))
	}
	if some {
		t.rows = append(t.rows, cells)
	}
}

// latency adds a row of times, which runs with nothing but refusals do not have.
func (t *benchTable) latency(label string, of func(benchTimes) float64) {
	t.row(label, func(run *benchRun) string {
		if run.Latency == (benchTimes{}) {
			return ""
		}
		return timeText(of(run.Latency))
	})
}

// unionOf returns the keys of maps of all runs, in order.
func unionOf[K ~int | ~string](runs []*benchRun, of func(*benchRun) map[K]int64) []K {
	all := map[K]bool{}
	for _, run := range runs {
		for key, n := range of(run) {
			if n > 0 {
				all[key] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// What is worth a note: the share of requests that waited for a connection, and how
// late the sender itself is.
const (
	manyDelayed = 0.01
	lateSender  = 1.0 // ms, of p99
)

// notes says what a reader must know about the numbers.
func (r *benchRun) notes() (notes []string) {
	if r.Interrupted {
		notes = append(notes, fmt.Sprintf("interrupted after %.1f s; %d requests were under way", r.Seconds, r.CutOff))
	}
	if r.Wrong > 0 {
		notes = append(notes, fmt.Sprintf("the first wrong answer: %#.300q", r.Example))
	}
	if r.Rate > 0 && float64(r.Delayed) > manyDelayed*float64(r.Requests) {
		notes = append(notes, fmt.Sprintf("%d requests waited for one of the connections: they bound what was measured (--connections)", r.Delayed))
	}
	if r.Late != nil && r.Late.P99 > lateSender {
		notes = append(notes, fmt.Sprintf("the sender itself was late by %s at p99, which is in the latencies: it wants a processor of its own", timeText(r.Late.P99)))
	}
	return notes
}

// writeColumns writes the first column to the left, the others to the right.
func writeColumns(b *strings.Builder, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line bytes.Buffer
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line.WriteString(cell + space)
			} else {
				line.WriteString("  " + space + cell)
			}
		}
		b.Write(bytes.TrimRight(line.Bytes(), " "))
		b.WriteByte('\n')
	}
}

// rateText writes a rate; 0 is a closed loop.
func rateText(rate float64) string {
	switch {
	case rate == 0:
		return "closed loop"
	case rate < 100:
		return fmt.Sprintf("%.3g/s", rate)
	}
	return fmt.Sprintf("%.0f/s", rate)
}

// timeText writes milliseconds.
func timeText(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.3f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.2f s", ms/1000)
}

// svg draws the latencies of several runs over their rates, those of one as a
// distribution.
func (r *benchReport) svg() ([]byte, error) {
	chart := plot.Lines{Title: "avap bench, " + r.Profile, Y: plot.Axis{Unit: "ms", Log: true}}
	if len(r.Runs) == 1 {
		run := r.Runs[0]
		chart.Title += ", " + rateText(run.Rate)
		chart.X.Unit = "percent of the answers were as fast"
		chart.X.Ticks = nines(run.curve)
		chart.Lines = []plot.Line{{Name: "latency", Points: run.curve}}
		return chart.SVG()
	}
	chart.X.Unit = "requests/s"
	lines := [4]plot.Line{{Name: "p50"}, {Name: "p90"}, {Name: "p99"}, {Name: "p99.9"}}
	byRate := slices.SortedStableFunc(slices.Values(r.Runs), func(a, b *benchRun) int { return cmp.Compare(a.Rate, b.Rate) })
	for _, run := range byRate {
		if run.Latency == (benchTimes{}) {
			continue // nothing but refusals
		}
		for i, ms := range [4]float64{run.Latency.P50, run.Latency.P90, run.Latency.P99, run.Latency.P999} {
			lines[i].Points = append(lines[i].Points, plot.Point{X: run.Rate, Y: ms})
		}
	}
	chart.Lines = lines[:]
	return chart.SVG()
}

// nines marks 0, 90, 99, 99.9 … percent on the axis of a distribution.
func nines(curve []plot.Point) (ticks []plot.Tick) {
	last := 0.0
	if len(curve) > 0 {
		last = curve[len(curve)-1].X
	}
	for n := 0; float64(n) <= last; n++ {
		ticks = append(ticks, plot.Tick{At: float64(n), Label: fmt.Sprintf("%.10g", 100*(1-math.Pow(10, -float64(n))))})
	}
	return ticks
}
