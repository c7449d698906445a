// Package load puts an HTTP server under load and measures what it does.
//
// Load comes in classes. An open-loop class sends at a constant rate, whatever
// the server does: no due time is skipped, and latency counts from when a
// request was due, so that a stall shows in all the requests that it held up
// and not in one alone (what is else called coordinated omission; Gil Tene,
// "How NOT to Measure Latency"). A closed-loop class keeps a number of
// connections busy back to back. Several classes run at the same time.
//
//	result, err := load.Run(ctx, load.Options{
//		Addr: "127.0.0.1:8888", Duration: 20 * time.Second,
//		Classes: []load.Class{
//			{Name: "healthy", Source: healthy, Rate: 2000},
//			{Name: "endless", Source: endless, Rate: 10},
//		},
//	})
//
// The generator shares the machine with the server, so it is made to be cheap:
// HTTP/1.1 on plain connections, requests made beforehand, answers read no
// further than is needed, no allocation for a request once it runs. One loop does
// all of it, which waits for its connections itself: a run uses no more than one
// processor. It hides nothing: a request that gets no whole answer is a failed one,
// and is never sent again.
package load

// This file holds what a run is: its options, its beginning and its end.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Defaults of options.
const (
	DefaultTimeout     = 10 * time.Second
	DefaultConnections = 1024 // of an open-loop class
)

// Bounds of options: what runs must end, and fit into memory.
const (
	MaxDuration    = 24 * time.Hour
	MaxRate        = 1_000_000
	MaxConnections = 100_000
)

// Options say what a run is.
type Options struct {
	Addr string // host:port of the server, for classes without their own
	// Duration is how long requests are sent; a run ends sooner where every class
	// has sent as many as it may. It must be set.
	Duration time.Duration
	// Timeout is how long an answer may take from when its request was sent. A run
	// ends at Duration and Timeout at the latest.
	Timeout time.Duration
	Classes []Class
}

// Class is one kind of requests.
type Class struct {
	Name   string
	Source Source
	Addr   string // host:port, where it is not that of the run
	// Rate is how many requests are due each second; 0 for a closed loop.
	Rate float64
	// Connections is how many a closed loop keeps busy (at least 1), and how many
	// an open loop opens at most. A request goes to the connection that has been
	// idle for longest, or to a new one; where there may be no more, it waits.
	Connections int
	// Warm is how many connections of an open loop are open before the first
	// request is due.
	Warm int
	// Greet has each connection that is open before the start send one request and
	// read its answer, neither of which is counted: servers end connections that
	// have not said anything yet sooner than idle ones.
	Greet bool
	// Requests is how many are sent at most; 0 for what Duration allows.
	Requests int64
	// Observe, where it is set, is told of every request when it has ended. It is
	// called by one goroutine at a time, and holds up the run.
	Observe func(Observation)
}

// Observation is one request that has ended.
type Observation struct {
	Due     time.Duration // since the start of the run
	Latency time.Duration // from Due to the whole answer; 0 for a failed request
	Status  int           // 0 for a failed request
	Wrong   bool          // the answer did not pass its check
	Failure Failure       // empty for an answered request
}

// Run puts a server under load and returns when all requests have ended.
// Failed requests are part of the result; an error tells that there was no run,
// or that ctx ended it, in which case the result holds what was measured.
func Run(ctx context.Context, opt Options) (*Result, error) { return runWith(ctx, opt, newPoller) }

// runWith is Run with a poller of choice.
func runWith(ctx context.Context, opt Options, newPoller func() (poller, error)) (*Result, error) {
	if err := opt.complete(); err != nil {
		return nil, err
	}
	p, err := newPoller()
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	defer p.close()
	r := &run{opt: opt, poller: p}
	for i := range opt.Classes {
		r.classes = append(r.classes, newClass(r, &opt.Classes[i], i))
	}
	if err := r.warmUp(ctx); err != nil {
		r.abandon(true)
		return nil, err
	}
	err = r.loop(ctx)
	r.abandon(ctx.Err() != nil)
	return r.result(), errors.Join(err, ctx.Err())
}

// complete fills defaults in and refuses what makes no sense.
func (o *Options) complete() error {
	if o.Duration <= 0 || o.Duration > MaxDuration {
		return fmt.Errorf("load: the duration is %v, want more than 0 and at most %v", o.Duration, MaxDuration)
	}
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	if o.Timeout < 0 || o.Timeout > MaxDuration {
		return fmt.Errorf("load: the time-out is %v, want more than 0 and at most %v", o.Timeout, MaxDuration)
	}
	if len(o.Classes) == 0 {
		return errors.New("load: no classes")
	}
	classes := make([]Class, len(o.Classes))
	copy(classes, o.Classes)
	o.Classes = classes
	for i := range classes {
		if err := classes[i].complete(o.Addr); err != nil {
			return fmt.Errorf("load: class %q: %w", classes[i].Name, err)
		}
	}
	return nil
}

func (c *Class) complete(addr string) error {
	c.Addr = cmp.Or(c.Addr, addr)
	if c.Connections == 0 {
		c.Connections = DefaultConnections
		if c.Rate == 0 {
			c.Connections = 1
		}
	}
	switch {
	case c.Addr == "":
		return errors.New("no address")
	case c.Source == nil:
		return errors.New("no source")
	case c.Rate < 0 || c.Rate > MaxRate:
		return fmt.Errorf("the rate is %g, want 0 to %d", c.Rate, MaxRate)
	case c.Connections < 0 || c.Connections > MaxConnections:
		return fmt.Errorf("%d connections, want 1 to %d", c.Connections, MaxConnections)
	case c.Warm < 0 || c.Warm > c.Connections:
		return fmt.Errorf("%d warm connections of %d", c.Warm, c.Connections)
	case c.Requests < 0:
		return fmt.Errorf("%d requests", c.Requests)
	}
	return nil
}
