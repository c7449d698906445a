// This file holds the loop of a run, which all sending and all reading is done by.

package load

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"
)

// sendsPerTurn is how many requests of open loops are sent, where they are late,
// before the loop looks what has come meanwhile.
const sendsPerTurn = 32

// bufferSize is how much is read at once; a longer answer takes several reads.
const bufferSize = 64 << 10

// A run is one call of Run.
type run struct {
	opt     Options
	classes []*class
	start   time.Time
	poller  poller
	expiry  time.Duration  // when to look for requests whose time is over
	tasks   sync.WaitGroup // goroutines that dial

	mu     sync.Mutex
	dialed []dialed // that the loop has not seen yet
}

// now is the time since the start of the run.
func (r *run) now() time.Duration { return time.Since(r.start) }

func (r *run) warmUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.opt.Timeout)
	defer cancel()
	for _, c := range r.classes {
		if err := c.warmUp(ctx); err != nil {
			return fmt.Errorf("load: class %q: %w", c.Name, err)
		}
	}
	return ctx.Err()
}

// never is later than all that is waited for.
const never = time.Duration(math.MaxInt64)

// loop sends for as long as is asked, then waits for what is under way. In each turn it
// sends what is due, waits until something has come or the next request is due, and
// reads.
func (r *run) loop(ctx context.Context) error {
	defer r.wakeAtEnd(ctx)()
	buffer := make([]byte, bufferSize)
	r.start = time.Now()
	for _, c := range r.classes {
		c.begin()
	}
	for end := never; ctx.Err() == nil; {
		now, due := r.send()
		finished, settled := r.state(now)
		if finished && end == never {
			end = now + r.opt.Timeout
		}
		if settled || now >= end {
			return nil
		}
		ready, err := r.poller.wait(min(due, end, r.expire(now)) - now)
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		for _, e := range ready {
			e.conn.happened(e, buffer)
		}
		r.takeDialed()
	}
	return nil
}

// wakeAtEnd has the loop wake up at the end of ctx. The function that it gives, which
// must be called, takes that back.
func (r *run) wakeAtEnd(ctx context.Context) (takeBack func()) {
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		r.poller.wake()
		close(woken)
	})
	return func() {
		if !stop() {
			<-woken // before the poller is closed
		}
	}
}

// send sends what is due. It tells what time it is, and when the loop must be here
// again.
func (r *run) send() (now, next time.Duration) {
	now = r.now()
	for range sendsPerTurn {
		var first *class
		next = never
		for _, c := range r.classes {
			if due := c.nextDue(); due < next {
				first, next = c, due
			}
		}
		if next > now || first.Rate == 0 {
			break
		}
		first.dispatch(now)
		now = r.now()
	}
	return now, next
}

// state reports whether no request will be due any more, and whether all have ended.
func (r *run) state(now time.Duration) (finished, settled bool) {
	finished, settled = true, true
	for _, c := range r.classes {
		if c.Rate == 0 && now >= r.opt.Duration {
			c.finished = true
		}
		finished = finished && (c.finished || !c.more())
		settled = settled && c.settled()
	}
	return finished, settled
}

// expire looks now and then for requests whose time is over: a timer for each request
// would cost more. It tells when it must look again.
func (r *run) expire(now time.Duration) time.Duration {
	if now >= r.expiry {
		for _, c := range r.classes {
			c.expire(r.opt.Timeout)
		}
		r.expiry = now + min(max(r.opt.Timeout/10, 10*time.Millisecond), time.Second)
	}
	return r.expiry
}

// tell has the loop know of a connection that was dialed.
func (r *run) tell(d dialed) {
	r.mu.Lock()
	r.dialed = append(r.dialed, d)
	r.mu.Unlock()
	r.poller.wake()
}

// takeDialed gives connections that were dialed to their classes.
func (r *run) takeDialed() {
	r.mu.Lock()
	all := r.dialed
	r.dialed = nil
	r.mu.Unlock()
	for _, d := range all {
		d.class.opened(d)
	}
}

// abandon ends all connections, and fails what is under way. No goroutine is left.
func (r *run) abandon(cancelled bool) {
	for _, c := range r.classes {
		c.abandon(cancelled)
	}
	r.tasks.Wait()
	r.takeDialed()
}
