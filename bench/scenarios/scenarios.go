// Package scenarios holds what is asked of a worker as a whole, each as a run
// against processes of their own: how fast hostile scripts end, what they do to
// healthy ones, overload, a small pod, a drain with a rotation of keys, throughput beside
// other servers, latency below the peak, a start, and what more workers and more
// processors are worth.
//
// Each scenario is bounded in time and gives a Report: what was measured, and
// beside it the bar that it is held to. It needs Linux, for /proc.
package scenarios

// This file holds the list of scenarios and what they have in common.

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/avap-framework/avap/internal/load"
)

// Options say how scenarios are run.
type Options struct {
	Avap string // the avap binary
	Bare string // the binary of cmd/bare
	// Programs of other people, by name or path.
	Wrk, Nginx, Node string
	// Scale multiplies all durations and counts; 1 is what the bars are meant for.
	Scale float64
	// Rounds is how often a measurement that alternates is repeated.
	Rounds int
	// Yield has the worker run in the scheduler's idle class where latency is the
	// point: the generator, which stands for clients on other machines, then does
	// not wait for a processor that the worker uses. On a machine that does nothing
	// else it takes nothing from the worker.
	Yield bool
	// Log is told what is going on.
	Log io.Writer
}

// A Scenario is one question to the worker.
type Scenario struct {
	Name string
	What string
	Run  func(context.Context, *Lab) (*Report, error)
}

// All lists the scenarios in the order of the reports.
func All() []Scenario {
	return []Scenario{
		{"failfast", "hostile scripts on an idle worker, one at a time", failFast},
		{"poison", "healthy requests beside hostile ones", poison},
		{"overload", "twice what the worker can do", overload},
		{"smallpod", "full load and 10,000 idle connections in 2 CPUs and 1 GiB", smallPod},
		{"drain", "the replacement of a worker and of a key under load", drain},
		{"throughput", "CPU time of a request, beside nginx with LuaJIT, Node.js and bare HTTP servers", throughput},
		{"profiles", "CPU time of requests of several kinds, and heap allocations", profiles},
		{"latency", "latency at 70 % of the peak", latency},
		{"start", "time from start to the first answer, and idle memory", start},
		{"capacity", "one, two and four workers of a quarter processor behind a balancer", capacity},
		{"cores", "CPU time of a request on two cores against one", cores},
	}
}

// scaled returns a duration as the options want it, of at least half a second.
func (l *Lab) scaled(d time.Duration) time.Duration {
	return max(time.Duration(float64(d)*l.opt.Scale), 500*time.Millisecond)
}

// scaledCount returns a number as the options want it, of at least 10.
func (l *Lab) scaledCount(n int64) int64 { return max(int64(float64(n)*l.opt.Scale), 10) }

func (l *Lab) logf(format string, args ...any) { fmt.Fprintf(l.opt.Log, format+"\n", args...) }

// warm runs healthy requests for a moment, so that no measurement is of a
// process that has just started.
func (l *Lab) warm(ctx context.Context, w *Worker) error {
	result, err := load.Run(ctx, load.Options{
		Addr: w.Addr, Duration: l.scaled(2 * time.Second),
		Classes: []load.Class{{Name: "warm", Source: w.source(steady), Connections: 16}},
	})
	if err != nil {
		return err
	}
	return mustBeRight(result.Class("warm"))
}

// mustBeRight is for runs without which the rest would mean nothing.
func mustBeRight(c *load.ClassResult) error {
	if c.Answered == 0 || c.Wrong > 0 || c.Failures() > 0 {
		return fmt.Errorf("%s: %d answers, %d of them wrong, failures %v, statuses %v, codes %v: %s",
			c.Name, c.Answered, c.Wrong, c.Failed, c.Statuses, c.Codes, c.WrongAnswer)
	}
	return nil
}

// ms returns a duration in milliseconds, for tables.
func ms(d time.Duration) string {
	v := float64(d) / float64(time.Millisecond)
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f ms", v)
	case v >= 1:
		return fmt.Sprintf("%.1f ms", v)
	}
	return fmt.Sprintf("%.2f ms", v)
}
