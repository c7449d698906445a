// This file holds a gate: the bulkhead and the circuit breaker of a destination.

package guard

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/avap-framework/avap/host"
)

// windowBuckets is in how many pieces the window of a breaker moves on.
const windowBuckets = 10

// The outcomes of calls, as breakers take them; nil is a success.
var (
	errIll      = errors.New("the destination is ill")
	errUnjudged = errors.New("says nothing of the destination")
)

// gate is what calls to a destination pass. It is safe for concurrent use.
type gate struct {
	name    string
	opts    *Options
	slots   chan struct{} // one for each call in progress
	waiting atomic.Int32
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	open    atomic.Bool // the breaker is not closed
}

func newGate(name string, opts *Options) *gate {
	g := &gate{name: name, opts: opts, slots: make(chan struct{}, opts.MaxCalls)}
	b := &opts.Breaker
	g.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   uint32(b.Probes),
		Interval:      b.Window,
		BucketPeriod:  max(b.Window/windowBuckets, 1),
		Timeout:       b.OpenFor,
		ReadyToTrip:   b.trips,
		OnStateChange: g.changed,
		IsSuccessful:  func(err error) bool { return err == nil },
		IsExcluded:    func(err error) bool { return errors.Is(err, errUnjudged) },
	})
	return g
}

// trips reports whether the calls of the window open a closed breaker.
func (b *Breaker) trips(counts gobreaker.Counts) bool {
	if counts.ConsecutiveFailures >= uint32(b.Failures) {
		return true
	}
	judged := counts.TotalSuccesses + counts.TotalFailures
	return judged >= uint32(b.MinCalls) && float64(counts.TotalFailures) >= b.Ratio*float64(judged)
}

// changed is called by the breaker, which is locked meanwhile.
func (g *gate) changed(_ string, from, to gobreaker.State) {
	g.open.Store(to != gobreaker.StateClosed)
	if f := g.opts.Observer.State; f != nil {
		f(g.name, stateOf(from), stateOf(to))
	}
}

func stateOf(s gobreaker.State) State {
	switch s {
	case gobreaker.StateOpen:
		return Open
	case gobreaker.StateHalfOpen:
		return HalfOpen
	}
	return Closed
}

// enter takes a place in the bulkhead. Its error is a Reason or the context's.
func (g *gate) enter(ctx context.Context) error {
	if g.breaker.State() == gobreaker.StateOpen { // nobody waits for that
		return g.refuse(BreakerOpen)
	}
	if err := g.takeSlot(ctx); err != nil {
		return err
	}
	g.count(1)
	return nil
}

// leave gives the place back.
func (g *gate) leave() {
	g.count(-1) // first, so that the count is never above the bound
	<-g.slots
}

func (g *gate) takeSlot(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	if g.waiting.Add(1) > int32(g.opts.MaxWaiting) {
		g.waiting.Add(-1)
		return g.refuse(QueueFull)
	}
	defer g.waiting.Add(-1)
	timer := time.NewTimer(g.opts.MaxWait)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}: // those who wait come in their order
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return g.refuse(WaitedLong)
	}
}

// begin asks the breaker whether a call may be made. What it gives must be called
// once with the call's outcome.
func (g *gate) begin() (done func(outcome error), err error) {
	done, err = g.breaker.Allow()
	if err != nil {
		return nil, g.refuse(BreakerOpen)
	}
	return done, nil
}

func (g *gate) refuse(reason Reason) error {
	if f := g.opts.Observer.Refused; f != nil {
		f(g.name, reason)
	}
	return reason
}

func (g *gate) count(delta int) {
	if f := g.opts.Observer.Calls; f != nil {
		f(g.name, delta)
	}
}

// ranOut judges a call whose context has ended: out of time, which is the
// destination's fault where it had its fair time, or cancelled.
func (g *gate) ranOut(ctx context.Context, began time.Time) error {
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	if late && time.Since(began) >= g.opts.Breaker.FairTime {
		return errIll
	}
	return errUnjudged
}

// unavailable reports whether an error says that the destination is ill.
func unavailable(err error) bool {
	outside, ok := errors.AsType[*host.Error](err)
	return ok && outside.Unavailable
}
