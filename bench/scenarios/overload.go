// This file measures a worker that is offered twice what it can do.

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/avap-framework/avap/internal/load"
)

const (
	queueWait    = 200 * time.Millisecond
	overloadTime = 60 * time.Second
	// afterTime is how long the probes go on after the end of the overload.
	afterTime = 10 * time.Second
	probeRate = 50
	// onTheWay is what an answer may take beside the wait in the queue.
	onTheWay = 20 * time.Millisecond
	// work is the processor time of one script.
	work = time.Millisecond
	// Throughput is compared in pairs of so long each, because a shared machine does not
	// keep its speed for longer. Of an overload, settling is not counted.
	pairs    = 20
	pairTime = 3 * time.Second
	settling = 500 * time.Millisecond
)

// overloadData is all that the scenario has measured.
type overloadData struct {
	Rounds    int                `json:"loop_rounds"`
	CPU       time.Duration      `json:"cpu_ns_of_a_script"`
	Peaks     map[int]float64    `json:"peak_by_connections"`
	Pairs     []pair             `json:"pairs"`
	Idle      *load.ClassResult  `json:"probes_when_idle"`
	Result    *load.Result       `json:"overload"`
	Probes    []load.Observation `json:"probes"`
	Recovered time.Duration      `json:"recovered_after_ns"` // negative: never
	Generator float64            `json:"generator_share_of_machine"`
}

// A pair is a peak and, right behind it, what is done when twice as much is offered, both a
// second.
type pair struct {
	Peak float64 `json:"peak_per_second"`
	Done float64 `json:"done_per_second"`
}

func overload(ctx context.Context, l *Lab) (*Report, error) {
	w, err := l.worker(ctx, workerOptions{yields: true, flags: []string{"--queue-wait", queueWait.String()}})
	if err != nil {
		return nil, err
	}
	if err := l.warm(ctx, w); err != nil {
		return nil, err
	}
	var d overloadData
	if err := l.calibrate(ctx, w, &d); err != nil {
		return nil, err
	}
	if d.Peaks, err = l.findPeaks(ctx, w, d.Rounds); err != nil {
		return nil, err
	}
	if d.Pairs, err = l.comparePairs(ctx, w, &d); err != nil {
		return nil, err
	}
	idle, err := load.Run(ctx, load.Options{Addr: w.Addr, Duration: l.scaled(afterTime), Classes: []load.Class{w.probes(nil)}})
	if err != nil {
		return nil, err
	}
	d.Idle = idle.Classes[0]
	if err := mustBeRight(d.Idle); err != nil {
		return nil, err
	}
	if err := l.overloaded(ctx, w, &d); err != nil {
		return nil, err
	}
	return d.report(l.scaled(overloadTime)), nil
}

// calibrate finds how many rounds of a loop take about a millisecond of a processor that
// is kept busy: one that wakes up for each request takes longer for the same.
func (l *Lab) calibrate(ctx context.Context, w *Worker, d *overloadData) error {
	d.Rounds = 10_000
	for range 4 {
		before, err := w.cpu()
		if err != nil {
			return err
		}
		const requests = 300
		result, err := load.Run(ctx, load.Options{
			Addr: w.Addr, Duration: time.Minute,
			Classes: []load.Class{{Name: "heavy", Source: w.source(heavy(d.Rounds)), Connections: 4, Requests: requests}},
		})
		if err != nil {
			return err
		}
		if err := mustBeRight(result.Classes[0]); err != nil {
			return err
		}
		after, err := w.cpu()
		if err != nil {
			return err
		}
		d.CPU = after.Sub(before).Total / requests
		if d.CPU > work*9/10 && d.CPU < work*11/10 {
			break
		}
		d.Rounds = max(10, int(float64(d.Rounds)*float64(work)/float64(d.CPU)))
	}
	l.logf("  %d rounds take %v", d.Rounds, d.CPU)
	return nil
}

// findPeaks offers as much as some numbers of connections can, back to back, and
// returns the answers a second of each number.
func (l *Lab) findPeaks(ctx context.Context, w *Worker, rounds int) (peaks map[int]float64, err error) {
	peaks = map[int]float64{}
	for _, connections := range []int{2, 4, 8, 16, 32} {
		if peaks[connections], err = l.closedLoop(ctx, w, rounds, connections, pairTime); err != nil {
			return nil, err
		}
	}
	return peaks, nil
}

// closedLoop returns the answers a second of some connections, back to back.
func (l *Lab) closedLoop(ctx context.Context, w *Worker, rounds, connections int, d time.Duration) (float64, error) {
	result, err := load.Run(ctx, load.Options{
		Addr: w.Addr, Duration: l.scaled(d),
		Classes: []load.Class{{Name: "peak", Source: w.source(heavy(rounds)), Connections: connections}},
	})
	if err != nil {
		return 0, err
	}
	c := result.Classes[0]
	if c.Statuses[200] == 0 {
		return 0, errors.Join(mustBeRight(c), errors.New("no script was done"))
	}
	return float64(c.Statuses[200]) / c.Elapsed.Seconds(), nil
}

// comparePairs measures peak and overload in turn, the peak with as many connections as
// did most.
func (l *Lab) comparePairs(ctx context.Context, w *Worker, d *overloadData) (all []pair, err error) {
	best := 0
	for connections, rate := range d.Peaks {
		if rate > d.Peaks[best] {
			best = connections
		}
	}
	for range l.scaledCount(pairs) {
		var p pair
		if p.Peak, err = l.closedLoop(ctx, w, d.Rounds, best, pairTime); err != nil {
			return nil, err
		}
		during := settling + l.scaled(pairTime)
		excess, done := w.excess(2*p.Peak, d.Rounds, during), 0
		excess.Observe = func(o load.Observation) {
			if at := o.Due + o.Latency; o.Status == 200 && at >= settling && at < during {
				done++
			}
		}
		if _, err := load.Run(ctx, load.Options{Addr: w.Addr, Duration: during, Classes: []load.Class{excess}}); err != nil {
			return nil, err
		}
		p.Done = float64(done) / (during - settling).Seconds()
		l.logf("  peak %.0f/s, done of twice that %.0f/s: %.2f", p.Peak, p.Done, p.Done/p.Peak)
		all = append(all, p)
	}
	return all, nil
}

// excess is more than can be done.
func (w *Worker) excess(rate float64, rounds int, d time.Duration) load.Class {
	c := w.at(rate, heavy(rounds).orShed())
	c.Connections = 8192
	c.Requests = int64(rate * d.Seconds())
	return c
}

// peak is the median of the pairs' peaks, ratio that of what was done over them.
func (d *overloadData) peak() float64 {
	var peaks []float64
	for _, p := range d.Pairs {
		peaks = append(peaks, p.Peak)
	}
	return median(peaks)
}

func (d *overloadData) ratios() (ratios []float64) {
	for _, p := range d.Pairs {
		ratios = append(ratios, p.Done/p.Peak)
	}
	slices.Sort(ratios)
	return ratios
}

// probes are small requests at a low rate, which see what a client sees.
func (w *Worker) probes(observe func(load.Observation)) load.Class {
	c := w.at(probeRate, steady)
	c.Name, c.Observe = "probes", observe
	return c
}

func (l *Lab) overloaded(ctx context.Context, w *Worker, d *overloadData) error {
	during, after := l.scaled(overloadTime), l.scaled(afterTime)
	excess := w.excess(2*d.peak(), d.Rounds, during)
	probes := w.probes(func(o load.Observation) { d.Probes = append(d.Probes, o) })
	l.logf("  %.0f/s for %v", excess.Rate, during)
	start := time.Now()
	before, err := load.ProcessCPU(os.Getpid())
	if err != nil {
		return err
	}
	d.Result, err = load.Run(ctx, load.Options{Addr: w.Addr, Duration: during + after, Classes: []load.Class{excess, probes}})
	if err != nil {
		return err
	}
	used, err := load.ProcessCPU(os.Getpid())
	if err != nil {
		return err
	}
	d.Generator = used.Sub(before).Total.Seconds() / time.Since(start).Seconds() / float64(runtime.NumCPU())
	d.Recovered = recovery(d.Probes, during, d.normal())
	return nil
}

// normal is the latency up to which a probe counts as normal.
func (d *overloadData) normal() time.Duration {
	idle := d.Idle.Latency().Percentile(99)
	return max(2*idle, idle+3*time.Millisecond)
}

// recovery is how long after end ten probes in a row begin of which at least
// nine are normal; -1 where there are none.
func recovery(probes []load.Observation, end, normal time.Duration) time.Duration {
	const window, enough = 10, 9
	var later []load.Observation
	for _, o := range probes {
		if o.Due >= end {
			later = append(later, o)
		}
	}
	for i := 0; i+window <= len(later); i++ {
		good := 0
		for _, o := range later[i : i+window] {
			if o.Failure == "" && !o.Wrong && o.Latency <= normal {
				good++
			}
		}
		if good >= enough {
			return later[i].Due - end
		}
	}
	return -1
}

func (d *overloadData) report(during time.Duration) *Report {
	r := &Report{Data: d}
	c := d.Result.Class("heavy")
	done, refused := c.Latency(200), c.Latency(503)
	t := Table{Columns: []string{"", "per second", "p50", "p99", "max"}}
	row := func(name string, rate float64, h load.Histogram) {
		t.add(name, fmt.Sprintf("%.0f", rate), ms(h.Percentile(50)), ms(h.Percentile(99)), ms(h.Max()))
	}
	t.add("peak, closed loop, median of the pairs", fmt.Sprintf("%.0f", d.peak()), "", "", "")
	t.add(fmt.Sprintf("offered for %s", during), fmt.Sprintf("%.0f", c.Offered), "", "", "")
	row("done (200)", float64(c.Statuses[200])/during.Seconds(), done)
	row("refused (503)", float64(c.Statuses[503])/during.Seconds(), refused)
	row("probes when idle", probeRate, d.Idle.Latency())
	r.Tables = []Table{t}

	ratios := d.ratios()
	ratio := median(ratios)
	r.bar("throughput over peak, median of the pairs", "≥ 0.9", fmt.Sprintf("%.2f", ratio), ratio >= 0.9)
	r.bar("503 within the queue wait, p99", "≤ "+ms(queueWait)+" and "+ms(onTheWay)+" on the way", ms(refused.Percentile(99)),
		refused.Count() > 0 && refused.Percentile(99) <= queueWait+onTheWay)
	others := c.Wrong + c.Failures()
	r.bar("neither done nor refused", "0", fmt.Sprint(others), others == 0)
	recovered := "never"
	if d.Recovered >= 0 {
		recovered = ms(d.Recovered)
	}
	r.bar("normal latency again after", "≤ 1.0 s", recovered, d.Recovered >= 0 && d.Recovered <= time.Second)
	r.bar("generator's share of the machine", "< 0.1", fmt.Sprintf("%.3f", d.Generator), d.Generator < 0.1)
	r.punctual(c.Late.Percentile(99))
	r.notef("A script takes %v of processor time (%d rounds of a loop). Normal is a latency of up to %s; probes are sent every %v.",
		d.CPU.Round(time.Microsecond), d.Rounds, ms(d.normal()), time.Second/probeRate)
	r.notef("Pairs of a peak and an overload of %s each, in turn: throughput over peak is %.2f to %.2f, in the middle half of them %.2f to %.2f.",
		pairTime, ratios[0], ratios[len(ratios)-1], ratios[len(ratios)/4], ratios[len(ratios)*3/4])
	return r
}
