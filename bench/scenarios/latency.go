// This file measures latency below the peak.

package scenarios

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/internal/workload"
)

const (
	latencyProfile = "mixed"
	peakTime       = 4 * time.Second
	latencyTime    = 20 * time.Second // of a round
	latencyShare   = 0.7              // of the peak
	// latencyConnections bounds both loops. A request that finds all of them busy waits,
	// and its latency counts from when it was due. Without the bound a stall of the
	// machine has thousands opened, over which the generator then goes round and round:
	// it measures its own caches.
	latencyConnections = 64
)

// latencyBars are for medians of the rounds.
var latencyBars = []struct {
	percentile float64
	bar        time.Duration
}{{50, time.Millisecond}, {99, 5 * time.Millisecond}, {99.9, 15 * time.Millisecond}}

// latencyRun is what one round has found.
type latencyRun struct {
	Peak      float64           `json:"peak_per_second"`       // just before
	After     float64           `json:"peak_after_per_second"` // just behind, for the next round
	Result    *load.ClassResult `json:"result"`
	Worker    float64           `json:"worker_share_of_machine"`
	Generator float64           `json:"generator_share_of_machine"`
	Stolen    float64           `json:"stolen_share_of_machine"` // by the host of a virtual one
}

func latency(ctx context.Context, l *Lab) (*Report, error) {
	w, err := l.worker(ctx, workerOptions{yields: true})
	if err != nil {
		return nil, err
	}
	source, err := w.profile(latencyProfile)
	if err != nil {
		return nil, err
	}
	if err := l.warm(ctx, w); err != nil {
		return nil, err
	}
	class := load.Class{Name: latencyProfile, Source: source, Connections: latencyConnections}
	peak, err := l.peak(ctx, w, class)
	if err != nil {
		return nil, err
	}
	var runs []latencyRun
	for round := range l.opt.Rounds {
		run, err := l.latencyRound(ctx, w, class, peak)
		if err != nil {
			return nil, err
		}
		peak = run.After
		h := served(run.Result)
		l.logf("  round %d of %d, %.0f/s of %.0f/s: p50 %s, p99 %s, p99.9 %s", round+1, l.opt.Rounds, run.Result.Offered, run.Peak,
			ms(h.Percentile(50)), ms(h.Percentile(99)), ms(h.Percentile(99.9)))
		runs = append(runs, run)
	}
	return latencyReport(runs), nil
}

// profile returns the requests of a profile of avap bench, without signatures.
func (w *Worker) profile(name string) (load.Source, error) {
	p, ok := workload.Find(name)
	if !ok {
		return nil, fmt.Errorf("no profile %s", name)
	}
	return p.Source(workload.Options{Host: w.Addr, Seed: 1})
}

// peak returns the most answers a second, in a closed loop.
func (l *Lab) peak(ctx context.Context, w *Worker, class load.Class) (float64, error) {
	result, err := load.Run(ctx, load.Options{Addr: w.Addr, Duration: l.scaled(peakTime), Classes: []load.Class{class}})
	if err != nil {
		return 0, err
	}
	return result.Classes[0].Achieved(), mustBeRight(result.Classes[0])
}

// latencyRound sends at a share of the peak that was just found, and finds the next
// one: a machine that has become slower or faster meanwhile has another.
func (l *Lab) latencyRound(ctx context.Context, w *Worker, class load.Class, peak float64) (run latencyRun, err error) {
	run.Peak = peak
	class.Rate, class.Warm = latencyShare*peak, latencyConnections

	workerBefore, err := w.cpu()
	if err != nil {
		return run, err
	}
	ownBefore, err := load.ProcessCPU(os.Getpid())
	if err != nil {
		return run, err
	}
	machineBefore, err := processors()
	if err != nil {
		return run, err
	}
	began := time.Now()
	result, err := load.Run(ctx, load.Options{Addr: w.Addr, Duration: l.scaled(latencyTime), Classes: []load.Class{class}})
	if err != nil {
		return run, err
	}
	machine := time.Since(began).Seconds() * float64(runtime.NumCPU())
	machineAfter, err := processors()
	if err != nil {
		return run, err
	}
	workerAfter, err := w.cpu()
	if err != nil {
		return run, err
	}
	ownAfter, err := load.ProcessCPU(os.Getpid())
	run.Result = result.Classes[0]
	run.Worker = workerAfter.Sub(workerBefore).Total.Seconds() / machine
	run.Generator = ownAfter.Sub(ownBefore).Total.Seconds() / machine
	run.Stolen = stolen(machineBefore, machineAfter)
	if err != nil {
		return run, err
	}
	class.Rate, class.Warm = 0, 0
	run.After, err = l.peak(ctx, w, class)
	return run, err
}

// served is the latency of answers but for refusals: these are counted by themselves.
func served(c *load.ClassResult) load.Histogram {
	var statuses []int
	for status := range c.Statuses {
		if status != 503 {
			statuses = append(statuses, status)
		}
	}
	if len(statuses) == 0 {
		return load.Histogram{} // Latency of no status would be that of all
	}
	return c.Latency(statuses...)
}

func latencyReport(runs []latencyRun) *Report {
	r := &Report{Data: runs}
	all := Table{Columns: []string{
		"round", "peak/s", "peak after it", "offered/s", "p50", "p99", "p99.9", "max", "worker's share of the machine", "generator's", "stolen by the host",
		"generator late, p50", "p99", "p99.9", "waited for a connection", "refused", "not right",
	}}
	percentiles, late := map[float64][]time.Duration{}, map[float64][]time.Duration{}
	notRight := int64(0)
	for i, run := range runs {
		c := run.Result
		h := served(c)
		for _, b := range latencyBars {
			percentiles[b.percentile] = append(percentiles[b.percentile], h.Percentile(b.percentile))
			late[b.percentile] = append(late[b.percentile], c.Late.Percentile(b.percentile))
		}
		bad := c.Wrong + c.Failures()
		all.add(i+1, fmt.Sprintf("%.0f", run.Peak), fmt.Sprintf("%.0f", run.After), fmt.Sprintf("%.0f", c.Offered),
			ms(h.Percentile(50)), ms(h.Percentile(99)), ms(h.Percentile(99.9)), ms(h.Max()),
			fmt.Sprintf("%.2f", run.Worker), fmt.Sprintf("%.2f", run.Generator), fmt.Sprintf("%.3f", run.Stolen),
			ms(c.Late.Percentile(50)), ms(c.Late.Percentile(99)), ms(c.Late.Percentile(99.9)), c.Delayed, c.Codes["overloaded"], bad)
		notRight += bad
		if c.Wrong > 0 {
			r.notef("A wrong answer: `%s`", c.WrongAnswer)
		}
	}
	r.Tables = []Table{all}
	for _, b := range latencyBars {
		got := median(percentiles[b.percentile])
		r.bar(fmt.Sprintf("p%g, median of the rounds", b.percentile), "< "+ms(b.bar), ms(got), got > 0 && got < b.bar)
	}
	r.punctual(median(late[99]))
	r.bar("wrong or failed", "0", fmt.Sprint(notRight), notRight == 0)
	r.notef("Profile %s over %d connections: a closed loop finds the peak, then an open one sends at %g %% of it, round after round. Both are of the same generator; the peak after a round is that of the next one.",
		latencyProfile, latencyConnections, 100*latencyShare)
	r.notef("The generator has no processor of its own. That it is late, %s at p50 and %s at p99.9 (medians), is part of each latency.",
		ms(median(late[50])), ms(median(late[99.9])))
	return r
}
