// This file measures a worker under full load in the control group of a small pod.

package scenarios

import (
	"context"
	"fmt"
	"time"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/internal/plot"
)

const (
	podCPUs        = 2
	podMemory      = 1 << 30
	podTime        = 5 * time.Minute
	podBusy        = 256
	podIdle        = 10_000
	idleInterval   = 60 * time.Second // each idle connection says something that often
	levelTolerance = 1.10
)

// A moment is what the pod held at a time.
type moment struct {
	At       time.Duration `json:"at_ns"`
	Resident int64         `json:"resident_bytes"` // of the process
	Group    int64         `json:"group_bytes"`    // of the control group, the kernel's part included
}

// podData is all that the scenario has measured.
type podData struct {
	Result  *load.Result `json:"result"`
	Moments []moment     `json:"moments"`
	OOM     int64        `json:"oom_kills"`
	CPU     load.CPU     `json:"cpu"`
}

func smallPod(ctx context.Context, l *Lab) (*Report, error) {
	group, err := newCgroup("small", limits{cpus: podCPUs, memory: podMemory})
	if err != nil {
		return nil, err
	}
	l.undo = append(l.undo, group.remove)
	w, err := l.worker(ctx, workerOptions{group: group})
	if err != nil {
		return nil, err
	}
	if err := l.warm(ctx, w); err != nil {
		return nil, err
	}
	duration := l.scaled(podTime)
	idle := int(min(podIdle, l.scaledCount(podIdle*10))) // fewer only in very short runs
	l.logf("  %d idle and %d busy connections for %v", idle, podBusy, duration)

	var d podData
	watching, stop := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() { watched <- d.watch(watching, w, group) }()
	// Idle connections are an open loop so slow that each has a turn once a
	// minute: a server ends those that say nothing for long.
	quiet := load.Class{
		Name: "idle", Source: w.source(steady), Connections: idle, Warm: idle, Greet: true,
		Rate: float64(idle) / idleInterval.Seconds(),
	}
	busy := load.Class{Name: "busy", Source: w.full(), Connections: podBusy}
	d.Result, err = load.Run(ctx, load.Options{Addr: w.Addr, Duration: duration, Classes: []load.Class{quiet, busy}})
	stop()
	if watchErr := <-watched; err == nil {
		err = watchErr
	}
	if err != nil {
		return nil, err
	}
	if d.OOM, err = group.oomKills(); err != nil {
		return nil, err
	}
	if d.CPU, err = w.cpu(); err != nil {
		return nil, fmt.Errorf("the worker is gone (%d OOM kills): %w", d.OOM, err)
	}
	return d.report(duration)
}

// full is one script in ten that is new, so that the cache fills and turns over,
// and the small handler else.
func (w *Worker) full() load.Source {
	sources := []load.Source{w.source(cold)}
	for range 9 {
		sources = append(sources, w.source(steady))
	}
	return load.Cycle(sources...)
}

// watch looks at the memory once a second until ctx ends.
func (d *podData) watch(ctx context.Context, w *Worker, group *cgroup) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for start := time.Now(); ; {
		resident, _, err := load.Resident(w.pid())
		if err != nil {
			return err
		}
		held, err := group.memory()
		if err != nil {
			return err
		}
		d.Moments = append(d.Moments, moment{time.Since(start), resident, held})
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// most returns the most memory resident in a span of time.
func (d *podData) most(from, to time.Duration) (bytes int64) {
	for _, m := range d.Moments {
		if m.At >= from && m.At <= to {
			bytes = max(bytes, m.Resident)
		}
	}
	return bytes
}

func (d *podData) report(duration time.Duration) (*Report, error) {
	r := &Report{Data: d}
	t := Table{Columns: []string{"connections", "opened", "answers/s", "p50", "p99", "max", "not right", "failures", "closed when idle"}}
	bad, ended := int64(0), int64(0)
	for _, c := range d.Result.Classes {
		h := c.Latency()
		t.add(c.Name, c.Opened, fmt.Sprintf("%.0f", c.Achieved()), ms(h.Percentile(50)), ms(h.Percentile(99)), ms(h.Max()),
			c.Wrong, counts(c.Failed), c.IdleClosed)
		bad += c.Wrong + c.Failures()
		ended += c.IdleClosed
		if c.Wrong > 0 {
			r.notef("A wrong answer: `%s`", c.WrongAnswer)
		}
	}
	r.Tables = []Table{t}
	r.bar("OOM kills", "0", fmt.Sprint(d.OOM), d.OOM == 0)
	r.bar("wrong or failed", "0", fmt.Sprint(bad), bad == 0)
	r.bar("idle connections ended by the worker", "0", fmt.Sprint(ended), ended == 0)
	// Of five minutes, the second against the last.
	fifth := duration / 5
	second, last := d.most(fifth, 2*fifth), d.most(duration-fifth, duration+time.Hour)
	r.bar("most resident in the last fifth over the second", fmt.Sprintf("≤ %.2f", levelTolerance),
		fmt.Sprintf("%.2f (%s, %s)", float64(last)/float64(second), mib(second), mib(last)),
		second > 0 && float64(last) <= levelTolerance*float64(second))

	resident, group := plot.Line{Name: "process, resident"}, plot.Line{Name: "control group"}
	for _, m := range d.Moments {
		resident.Points = append(resident.Points, plot.Point{X: m.At.Seconds(), Y: float64(m.Resident) / (1 << 20)})
		group.Points = append(group.Points, plot.Point{X: m.At.Seconds(), Y: float64(m.Group) / (1 << 20)})
	}
	svg, err := plot.Lines{
		Title: "Memory under full load in a small pod", X: plot.Axis{Unit: "s"}, Y: plot.Axis{Unit: "MiB"},
		Lines: []plot.Line{resident, group},
	}.SVG()
	r.Plots = map[string][]byte{"smallpod.svg": svg}
	return r, err
}

func mib(bytes int64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }
