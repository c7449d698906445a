// This file measures a worker that is offered twice what it can do.

package scenarios

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
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
)

// overloadData is all that the scenario has measured.
type overloadData struct {
	Rounds    int                `json:"loop_rounds"`
	CPU       time.Duration      `json:"cpu_ns_of_a_script"`
	Peaks     map[int]pace       `json:"peak_by_connections"`
	Again     map[int]pace       `json:"peak_by_connections_after"`
	Idle      *load.ClassResult  `json:"probes_when_idle"`
	Result    *load.Result       `json:"overload"`
	Done      pace               `json:"done"`
	Probes    []load.Observation `json:"probes"`
	Recovered time.Duration      `json:"recovered_after_ns"` // negative: never
	Generator float64            `json:"generator_share_of_machine"`
}

// A pace is how much was done, on processors of some speed.
type pace struct {
	Rate  float64 `json:"per_second"`
	Speed float64 `json:"speed"` // of a speedometer
}

// over compares paces as if the processors had had the same speed.
func (p pace) over(other pace) float64 { return p.Rate / p.Speed / (other.Rate / other.Speed) }

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
	l.logf("  peak %.0f/s", highest(d.Peaks).Rate)
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
	if d.Again, err = l.findPeaks(ctx, w, d.Rounds); err != nil {
		return nil, err
	}
	return d.report(), nil
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
func (l *Lab) findPeaks(ctx context.Context, w *Worker, rounds int) (map[int]pace, error) {
	peaks := map[int]pace{}
	for _, connections := range []int{2, 4, 8, 16, 32} {
		speed, err := watchSpeed()
		if err != nil {
			return nil, err
		}
		result, err := load.Run(ctx, load.Options{
			Addr: w.Addr, Duration: l.scaled(5 * time.Second),
			Classes: []load.Class{{Name: "peak", Source: w.source(heavy(rounds)), Connections: connections}},
		})
		at, unread := speed.read()
		if err := errors.Join(err, unread); err != nil {
			return nil, err
		}
		c := result.Classes[0]
		if c.Statuses[200] == 0 {
			return nil, errors.Join(mustBeRight(c), errors.New("no script was done"))
		}
		peaks[connections] = pace{float64(c.Statuses[200]) / c.Elapsed.Seconds(), at}
	}
	return peaks, nil
}

// highest is the best of all paces.
func highest(peaks map[int]pace) pace {
	return slices.MaxFunc(slices.Collect(maps.Values(peaks)), func(a, b pace) int { return cmp.Compare(a.Rate/a.Speed, b.Rate/b.Speed) })
}

// probes are small requests at a low rate, which see what a client sees.
func (w *Worker) probes(observe func(load.Observation)) load.Class {
	c := w.at(probeRate, steady)
	c.Name, c.Observe = "probes", observe
	return c
}

func (l *Lab) overloaded(ctx context.Context, w *Worker, d *overloadData) error {
	during, after := l.scaled(overloadTime), l.scaled(afterTime)
	excess := w.at(2*highest(d.Peaks).Rate, heavy(d.Rounds).orShed())
	excess.Connections = 8192
	excess.Requests = int64(excess.Rate * during.Seconds())
	probes := w.probes(func(o load.Observation) { d.Probes = append(d.Probes, o) })
	l.logf("  %.0f/s for %v", excess.Rate, during)
	speed, err := watchSpeed()
	if err != nil {
		return err
	}
	read := make(chan error, 1)
	time.AfterFunc(during, func() {
		var err error
		d.Done.Speed, err = speed.read()
		read <- err
	})
	start := time.Now()
	before, err := load.ProcessCPU(os.Getpid())
	if err != nil {
		return err
	}
	d.Result, err = load.Run(ctx, load.Options{Addr: w.Addr, Duration: during + after, Classes: []load.Class{excess, probes}})
	if err := errors.Join(err, <-read); err != nil {
		return err
	}
	used, err := load.ProcessCPU(os.Getpid())
	if err != nil {
		return err
	}
	d.Generator = used.Sub(before).Total.Seconds() / time.Since(start).Seconds() / float64(runtime.NumCPU())
	d.Done.Rate = float64(d.Result.Class("heavy").Statuses[200]) / during.Seconds()
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

func (d *overloadData) report() *Report {
	r := &Report{Data: d}
	c := d.Result.Class("heavy")
	before, after := highest(d.Peaks), highest(d.Again)
	t := Table{Columns: []string{"", "per second", "speed of a processor", "p50", "p99", "max"}}
	row := func(name string, p pace, h *load.Histogram) {
		cells := []any{name, fmt.Sprintf("%.0f", p.Rate), "", "", "", ""}
		if p.Speed > 0 {
			cells[2] = fmt.Sprintf("%.2f", p.Speed/before.Speed)
		}
		if h != nil {
			cells[3], cells[4], cells[5] = ms(h.Percentile(50)), ms(h.Percentile(99)), ms(h.Max())
		}
		t.add(cells...)
	}
	done, refused, idle := c.Latency(200), c.Latency(503), d.Idle.Latency()
	row("peak, closed loop", before, nil)
	row("the same, after the overload", after, nil)
	row("offered", pace{Rate: c.Offered}, nil)
	row("done (200)", d.Done, &done)
	row("refused (503)", pace{Rate: d.Done.Rate * float64(c.Statuses[503]) / float64(max(1, c.Statuses[200]))}, &refused)
	row("probes when idle", pace{Rate: probeRate}, &idle)
	r.Tables = []Table{t}

	over := d.Done.over(before)
	r.bar("throughput over peak, for the speed that a processor had", "≥ 0.9", fmt.Sprintf("%.2f", over), over >= 0.9)
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
	r.notef("As it was, throughput over peak is %.2f. Against the peak after the overload it is %.2f, for the speed %.2f.",
		d.Done.Rate/before.Rate, d.Done.Rate/after.Rate, d.Done.over(after))
	return r
}
