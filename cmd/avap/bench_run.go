// This file holds one run of `avap bench`, and how it shows that it goes on.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/internal/workload"
)

// Connections where none are asked for: of a closed loop, and that an open loop has
// open before the first request is due.
const (
	busyConnections = 64
	warmConnections = 64
)

// measure warms the worker up at a rate, then measures. If ctx ends in between, it returns
// what was measured until then, nil for nothing.
func (p *benchPlan) measure(ctx context.Context, cmd *cobra.Command, rate float64) (*benchRun, error) {
	if p.warmup > 0 {
		if _, err := p.load(ctx, cmd, rate, p.warmup, "warm-up"); err != nil {
			if ctx.Err() != nil {
				return nil, nil
			}
			return nil, p.explain(err)
		}
	}
	before, errBefore := p.cpu()
	result, err := p.load(ctx, cmd, rate, p.duration, "measured")
	after, errAfter := p.cpu()
	interrupted := ctx.Err() != nil
	if err != nil && !interrupted {
		return nil, p.explain(err)
	}
	if result == nil || result.Classes[0].Due == 0 {
		return nil, nil
	}
	run := newBenchRun(result.Classes[0], interrupted)
	if used := after.Sub(before).Total; errors.Join(errBefore, errAfter) == nil && run.Answered > 0 {
		each := microseconds(used) / float64(run.Answered)
		run.CPU = &each
	}
	return run, nil
}

// errNoProcess tells that the worker's process is not known.
var errNoProcess = errors.New("no process")

func (p *benchPlan) cpu() (load.CPU, error) {
	if p.pid == 0 {
		return load.CPU{}, errNoProcess
	}
	return load.ProcessCPU(p.pid)
}

// load sends the profile for a while. Scripts that must be new are new each time.
func (p *benchPlan) load(ctx context.Context, cmd *cobra.Command, rate float64, d time.Duration, what string) (*load.Result, error) {
	source, err := p.profile.Source(workload.Options{Host: p.addr, Path: p.path, Key: p.key, Seed: p.seed})
	if err != nil {
		return nil, err
	}
	class := load.Class{Name: p.profile.Name, Source: source, Rate: rate, Connections: p.connections}
	if rate == 0 && class.Connections == 0 {
		class.Connections = busyConnections
	}
	if rate > 0 {
		// So many that each has a request within a second: a server ends those that
		// say nothing.
		class.Warm = max(1, min(int(rate), warmConnections))
		if class.Connections > 0 {
			class.Warm = min(class.Warm, class.Connections)
		}
	}
	label := fmt.Sprintf("%s, %s, %s", p.profile.Name, rateText(rate), what)
	stop := watchBench(newProgress(cmd, label), d, &class)
	defer stop()
	return load.Run(ctx, load.Options{Addr: p.addr, Duration: d, Classes: []load.Class{class}})
}

// explain says where the worker is not, without the machinery that has found out.
func (p *benchPlan) explain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("--target http://%s: %w", p.addr, err)
}

// watchBench has a line of a terminal tell twice a second how far a run is. Where
// there is no terminal nothing is counted either. The function that it gives takes
// the line away.
func watchBench(p *progress, d time.Duration, class *load.Class) (stop func()) {
	if p.out == nil {
		return func() {}
	}
	var answered, wrong, failed atomic.Int64
	class.Observe = func(o load.Observation) {
		switch {
		case o.Failure != "":
			failed.Add(1)
		case o.Wrong:
			wrong.Add(1)
			fallthrough
		default:
			answered.Add(1)
		}
	}
	start, done, ended := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				p.end()
				return
			case <-tick.C:
				p.tell(fmt.Sprintf("%s: %.0f s of %v, %d answered, %d wrong, %d failed",
					p.what, time.Since(start).Seconds(), d, answered.Load(), wrong.Load(), failed.Load()))
			}
		}
	}()
	return func() { close(done); <-ended }
}
