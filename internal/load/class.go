// This file holds a class at work: which request goes to which connection, and
// what follows when one has ended.

package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// dialPause keeps a closed loop from trying a server that is not there in haste.
const dialPause = 10 * time.Millisecond

// A flight is one request on its way, from when it is due.
type flight struct {
	number int64
	due    time.Duration
}

// A class is a Class at work. Its lock guards all that follows it, the state of
// its connections too: a request takes it twice, for well under a microsecond.
type class struct {
	*Class
	run   *run
	phase float64 // fraction of an interval by which it is late to the first class

	// dialing ends when the class is abandoned.
	dialing context.Context
	stop    context.CancelFunc
	ended   chan struct{} // closed when no request is under way or will be

	mu       sync.Mutex
	conns    map[*conn]struct{} // open ones
	idle     queue[*conn]       // may hold dead ones
	waiting  queue[flight]
	pending  int   // connections that are being dialed
	next     int64 // number of the next request
	underway int64 // requests that are due and have not ended
	begun    bool  // requests may be sent
	finished bool  // no request is due any more
	settled  bool  // ended is closed
	aborted  bool
	tally    tally
}

func newClass(r *run, c *Class, index int) *class {
	k := &class{
		Class: c, run: r, phase: float64(index) / float64(len(r.opt.Classes)),
		conns: map[*conn]struct{}{}, ended: make(chan struct{}), tally: newTally(),
	}
	k.dialing, k.stop = context.WithCancel(context.Background())
	return k
}

// dueAt is when a request of an open loop is due. Classes are due at different
// moments where their rates are the same.
func (c *class) dueAt(number int64) time.Duration {
	return time.Duration((float64(number) + c.phase) / c.Rate * float64(time.Second))
}

// more tells whether another request may be sent, as far as their number goes.
func (c *class) more() bool { return c.Requests == 0 || c.next < c.Requests }

// warmUp opens the connections that the run begins with.
func (c *class) warmUp(ctx context.Context) error {
	n := c.Warm
	if c.Rate == 0 {
		n = c.Connections
	}
	for range n {
		stream, err := dial(ctx, c.Addr)
		if err != nil {
			return err
		}
		c.mu.Lock()
		k := c.add(stream)
		c.mu.Unlock()
		if c.Greet {
			if err := k.greet(ctx); err != nil {
				return fmt.Errorf("the greeting of a connection: %w", err)
			}
		}
		c.mu.Lock()
		c.idle.push(k)
		c.mu.Unlock()
		c.run.tasks.Go(k.serve)
	}
	return nil
}

// begin tells that the run has started.
func (c *class) begin() {
	c.mu.Lock()
	c.begun = true
	c.mu.Unlock()
}

// startClosed gives every connection its first request.
func (c *class) startClosed() {
	for range c.Connections {
		c.mu.Lock()
		f, ok := c.take()
		if !ok {
			c.mu.Unlock()
			return
		}
		c.assign(f)
	}
}

// dispatch sends a request of an open loop that is due.
func (c *class) dispatch() {
	c.mu.Lock()
	f := flight{c.next, c.dueAt(c.next)}
	c.next++
	c.underway++
	c.tally.late(c.run.now() - f.due)
	c.assign(f)
}

// assign gives a request to an idle connection, a new one, or to the queue. It
// unlocks the class.
func (c *class) assign(f flight) {
	for k, ok := c.idle.pop(); ok; k, ok = c.idle.pop() {
		if !k.dead {
			k.begin(f)
			c.mu.Unlock()
			k.send()
			return
		}
	}
	if len(c.conns)+c.pending < c.Connections && !c.aborted {
		c.open(f)
	} else {
		c.tally.result.Delayed++
		c.waiting.push(f)
	}
	c.mu.Unlock()
}

// take gives the request that a free connection is for: one that waits, or in a
// closed loop the next one. The class is locked.
func (c *class) take() (flight, bool) {
	if c.aborted || !c.begun {
		return flight{}, false
	}
	if f, ok := c.waiting.pop(); ok {
		return f, true
	}
	if c.Rate > 0 || c.finished || !c.more() {
		return flight{}, false
	}
	f := flight{c.next, c.run.now()}
	c.next++
	c.underway++
	return f, true
}

// open dials a connection for a request. The class is locked.
func (c *class) open(f flight) {
	c.pending++
	c.run.tasks.Go(func() { c.connect(f) })
}

// connect dials until a connection stands or no request wants one, then serves it.
func (c *class) connect(f flight) {
	for again := true; again; {
		ctx, cancel := context.WithTimeout(c.dialing, c.run.opt.Timeout)
		stream, err := dial(ctx, c.Addr)
		cancel()
		c.mu.Lock()
		c.pending--
		if err == nil && !c.aborted {
			k := c.add(stream)
			k.begin(f)
			c.mu.Unlock()
			k.send()
			k.serve()
			return
		}
		if err == nil {
			_ = stream.Close() // nobody has used it
		}
		c.fail(f, c.unlessAborted(FailureConnect))
		if f, again = c.take(); again {
			c.pending++
		}
		c.mu.Unlock()
		if again {
			pause(c.dialing, dialPause)
		}
	}
}

func dial(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (c *class) unlessAborted(f Failure) Failure {
	if c.aborted {
		return FailureCancelled
	}
	return f
}

// add makes a connection known. The class is locked.
func (c *class) add(stream net.Conn) *conn {
	k := newConn(c, stream)
	c.conns[k] = struct{}{}
	c.tally.result.Opened++
	return k
}

// retire has a connection end, and another one begin where a request wants it.
// The class is locked; the caller closes the stream when it is not.
func (c *class) retire(k *conn) {
	k.dead, k.busy = true, false
	delete(c.conns, k)
	if f, ok := c.take(); ok {
		c.open(f)
	}
}

// fail records a request without a whole answer. The class is locked.
func (c *class) fail(f flight, why Failure) {
	c.tally.failed(why, c.run.now())
	if c.Observe != nil {
		c.Observe(Observation{Due: f.due, Failure: why})
	}
	c.landed()
}

// landed counts a request as ended. The class is locked.
func (c *class) landed() {
	c.underway--
	c.settle()
}

func (c *class) settle() {
	if c.underway == 0 && (c.finished || !c.more()) && !c.settled {
		c.settled = true
		close(c.ended)
	}
}

// finish tells that no request is due any more.
func (c *class) finish() {
	c.mu.Lock()
	c.finished = true
	c.settle()
	c.mu.Unlock()
}

// expire fails the requests that were sent longer ago than timeout.
func (c *class) expire(timeout time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	oldest := c.run.now() - timeout
	for k := range c.conns {
		if k.busy && k.sent < oldest {
			c.fail(k.flight, FailureTimeout)
			c.retire(k)
			_ = k.stream.Close() // its reader sees it
		}
	}
}

// abandon ends all connections, and fails what is under way.
func (c *class) abandon(cancelled bool) {
	c.stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aborted, c.finished = true, true
	why := FailureTimeout
	if cancelled {
		why = FailureCancelled
	}
	for f, ok := c.waiting.pop(); ok; f, ok = c.waiting.pop() {
		c.fail(f, FailureUnsent)
	}
	for k := range c.conns {
		if k.busy {
			c.fail(k.flight, why)
		}
		c.retire(k)
		_ = k.stream.Close()
	}
}

// A queue is first in, first out, in a ring that grows. The zero value is empty.
type queue[T any] struct {
	ring    []T
	head, n int
}

func (q *queue[T]) push(v T) {
	if q.n == len(q.ring) {
		grown := make([]T, max(16, 2*q.n))
		copied := copy(grown, q.ring[q.head:])
		copy(grown[copied:], q.ring[:q.head])
		q.ring, q.head = grown, 0
	}
	q.ring[(q.head+q.n)%len(q.ring)] = v
	q.n++
}

func (q *queue[T]) pop() (v T, ok bool) {
	if q.n == 0 {
		return v, false
	}
	var none T
	v, q.ring[q.head] = q.ring[q.head], none
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return v, true
}
