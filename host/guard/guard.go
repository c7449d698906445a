// Package guard keeps a host or database that is slow, away or broken from taking
// the executions of everybody else with it.
//
// It stands in front of a host.HTTP or a host.SQL and gives the same interface.
// For each destination (scheme, host and port of a URL; the database) it has
//
//   - a bulkhead: a bounded number of calls at a time, a bounded number waiting for a
//     bounded time, and an error at once for any other;
//   - a circuit breaker: where the last calls failed, further ones are refused at
//     once for a while; then a few probes go through, and their success closes it
//     again. See Michael Nygard, "Release It!", chapter 5, for both.
//
// Only what says that the destination is ill counts as a failure: a connection
// that is refused or breaks, a time-out, a status from 500 on, a database that
// cannot be reached. What a script did wrong is none of it, nor is a refused
// address, a cancelled execution or a quota.
//
// A refusal is a *host.Error with host.CodeHTTP or host.CodeSQL that wraps a
// Reason.
package guard

import (
	"time"
)

// Options configure a guard. The zero value is fit for use.
type Options struct {
	// MaxCalls bounds the calls to a destination, or the open sessions of the
	// database, at a time; 0 stands for 64, for sessions 16. It should be at most
	// what the guarded client has connections for, so that calls wait here, where
	// waiting is bounded.
	MaxCalls int
	// MaxWaiting bounds those that wait for one of MaxCalls to end; 0 stands for
	// 64, below 0 nobody waits.
	MaxWaiting int
	// MaxWait bounds how long one waits; 0 stands for a second. Its context may
	// end the wait sooner.
	MaxWait time.Duration
	// MaxDestinations bounds the destinations that are remembered, about 1 KiB
	// each; 0 stands for 4096. Those without calls are forgotten first, the least
	// recently used before others and those with a closed breaker before those
	// with an open one. Where all have calls, a call to yet another is refused.
	// A database is always one.
	MaxDestinations int

	Breaker  Breaker
	Observer Observer
}

// Breaker says when a circuit breaker opens and closes. The zero value is fit
// for use.
type Breaker struct {
	// Failures in a row within Window open it; 0 stands for 10.
	Failures int
	// Ratio of failures among at least MinCalls calls within Window opens it as
	// well; 0 stands for 0.5 and 20 calls.
	Ratio    float64
	MinCalls int
	// Window is how far back calls count, from their beginning; 0 stands for 30
	// seconds. It must be longer than the longest call, or time-outs never count.
	Window time.Duration
	// OpenFor is how long it refuses everything; 0 stands for 5 seconds.
	OpenFor time.Duration
	// Probes is how many calls go through after that, and how many must succeed
	// to close it; 0 stands for 3.
	Probes int
	// FairTime is what a call must have had before the end of its time counts as
	// a failure; 0 stands for a second. Otherwise a script that has used up its
	// time elsewhere would speak ill of any host.
	FairTime time.Duration
}

// Observer is told what a guard does, for metrics. Each field may be nil. The
// functions must be safe for concurrent use, return at once, and not call the
// guard. Destinations are what scripts name: any number of them.
type Observer struct {
	// Calls is told of a call or session that begins (1) or ends (-1). One that
	// waits has not begun.
	Calls func(destination string, delta int)
	// Refused is told of each refusal.
	Refused func(destination string, reason Reason)
	// State is told when a breaker changes. An open one becomes half-open with
	// the first call after its time, not by itself. What is forgotten (see
	// MaxDestinations) is not told.
	State func(destination string, from, to State)
}

// State is what a circuit breaker does with calls.
type State string

// The states of a circuit breaker.
const (
	Closed   State = "closed"    // lets them through
	Open     State = "open"      // refuses them
	HalfOpen State = "half-open" // lets probes through
)

// Reason is why a call was refused. It is the cause (Err) of the refusal's
// *host.Error: errors.Is(err, guard.BreakerOpen).
type Reason string

// The reasons of refusals.
const (
	QueueFull    Reason = "queue_full"   // MaxWaiting calls were waiting
	WaitedLong   Reason = "wait_timeout" // no call ended within MaxWait
	BreakerOpen  Reason = "breaker_open" // or half-open, with its probes under way
	Destinations Reason = "destinations" // MaxDestinations had calls
)

func (r Reason) Error() string { return "refused: " + string(r) }

// withDefaults fills in what is zero.
func (o Options) withDefaults(maxCalls int) Options {
	o.MaxCalls = orDefault(o.MaxCalls, maxCalls)
	switch {
	case o.MaxWaiting == 0:
		o.MaxWaiting = 64
	case o.MaxWaiting < 0:
		o.MaxWaiting = 0
	}
	o.MaxWait = orDefault(o.MaxWait, time.Second)
	o.MaxDestinations = orDefault(o.MaxDestinations, 4096)

	b := &o.Breaker
	b.Failures = orDefault(b.Failures, 10)
	b.Ratio = orDefault(b.Ratio, 0.5)
	b.MinCalls = orDefault(b.MinCalls, 20)
	b.Window = orDefault(b.Window, 30*time.Second)
	b.OpenFor = orDefault(b.OpenFor, 5*time.Second)
	b.Probes = orDefault(b.Probes, 3)
	b.FairTime = orDefault(b.FairTime, time.Second)
	return o
}

func orDefault[T int | float64 | time.Duration](value, standard T) T {
	if value <= 0 {
		return standard
	}
	return value
}
