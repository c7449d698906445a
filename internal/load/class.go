// This file holds a class at work: which request goes to which connection, and
// what follows when one has ended.

package load

import (
	"context"
	"fmt"
	"net"
	"time"
)

// dialPause keeps a closed loop from trying a server that is not there in haste.
const dialPause = 10 * time.Millisecond

// A flight is one request on its way, from when it is due.
type flight struct {
	number int64
	due    time.Duration
}

// A class is a Class at work. All of it belongs to the loop of its run.
type class struct {
	*Class
	run   *run
	phase float64 // fraction of an interval by which it is late to the first class

	// dialing ends when the class is abandoned.
	dialing context.Context
	stop    context.CancelFunc

	conns    map[*conn]struct{} // open ones
	idle     queue[*conn]       // may hold dead ones
	waiting  queue[flight]
	pending  int           // connections that are being dialed
	next     int64         // number of the next request
	due      time.Duration // when that is due, in an open loop
	underway int64         // requests that are due and have not ended
	begun    bool          // requests may be sent
	finished bool          // no request is due any more
	aborted  bool
	tally    tally
}

func newClass(r *run, c *Class, index int) *class {
	k := &class{
		Class: c, run: r, phase: float64(index) / float64(len(r.opt.Classes)),
		conns: map[*conn]struct{}{}, tally: newTally(),
	}
	k.dialing, k.stop = context.WithCancel(context.Background())
	return k
}

// warmUp opens the connections that the run begins with.
func (c *class) warmUp(ctx context.Context) error {
	n := c.Warm
	if c.Rate == 0 {
		n = c.Connections
	}
	for range n {
		if err := c.openWarm(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *class) openWarm(ctx context.Context) error {
	stream, err := dial(ctx, c.Addr)
	if err != nil {
		return err
	}
	k := &conn{class: c}
	var left []byte
	if c.Greet {
		if left, err = k.greet(ctx, stream); err != nil {
			_ = stream.Close() // err is the error to report
			return fmt.Errorf("the greeting of a connection: %w", err)
		}
	}
	if err := c.add(k, stream); err != nil {
		return err
	}
	c.idle.push(k)
	k.advance(left)
	return nil
}

// begin tells that the run has started: it gives every connection of a closed loop its
// first request.
func (c *class) begin() {
	c.begun = true
	if c.Rate > 0 {
		c.setDue()
		return
	}
	for range c.Connections {
		now := c.run.now()
		f, ok := c.take(now)
		if !ok {
			return
		}
		c.assign(f, now)
	}
}

// setDue finds when the next request of an open loop is due. Classes are due at
// different moments where their rates are the same. No request is due when the run
// has lasted long enough, or when there were as many as there may be.
func (c *class) setDue() {
	c.due = time.Duration((float64(c.next) + c.phase) / c.Rate * float64(time.Second))
	if c.due >= c.run.opt.Duration || !c.more() {
		c.finished = true
	}
}

// nextDue is when the loop must look at the class again.
func (c *class) nextDue() time.Duration {
	switch {
	case c.finished:
		return never
	case c.Rate == 0:
		return c.run.opt.Duration
	}
	return c.due
}

// dispatch sends the request of an open loop that is due.
func (c *class) dispatch(now time.Duration) {
	f := flight{c.next, c.due}
	c.next++
	c.underway++
	c.tally.late(now - f.due)
	c.setDue()
	c.assign(f, now)
}

// assign gives a request to an idle connection, a new one, or to the queue.
func (c *class) assign(f flight, now time.Duration) {
	for k, ok := c.idle.pop(); ok; k, ok = c.idle.pop() {
		if !k.dead {
			k.send(f, now)
			return
		}
	}
	if len(c.conns)+c.pending < c.Connections && !c.aborted {
		c.open(f, 0)
	} else {
		c.tally.result.Delayed++
		c.waiting.push(f)
	}
}

// take returns the request that a free connection is for: one that waits, or in a
// closed loop the next one.
func (c *class) take(now time.Duration) (flight, bool) {
	if c.aborted || !c.begun {
		return flight{}, false
	}
	if f, ok := c.waiting.pop(); ok {
		return f, true
	}
	if c.Rate > 0 || c.finished || !c.more() {
		return flight{}, false
	}
	f := flight{c.next, now}
	c.next++
	c.underway++
	return f, true
}

// more reports whether another request may be sent, as far as their number goes.
func (c *class) more() bool { return c.Requests == 0 || c.next < c.Requests }

// open dials a connection for a request, after a while.
func (c *class) open(f flight, after time.Duration) {
	c.pending++
	c.run.tasks.Go(func() {
		pause(c.dialing, after)
		ctx, cancel := context.WithTimeout(c.dialing, c.run.opt.Timeout)
		defer cancel()
		stream, err := dial(ctx, c.Addr)
		c.run.tell(dialed{c, f, stream, err})
	})
}

// A dialed connection is for a request.
type dialed struct {
	class  *class
	flight flight
	stream net.Conn
	err    error
}

// opened gives a connection that was dialed its request. Where there is none, another
// one is dialed for the next request that wants it.
func (c *class) opened(d dialed) {
	c.pending--
	if d.err == nil && c.aborted {
		_ = d.stream.Close() // nobody has used it
	}
	if d.err == nil && !c.aborted {
		k := &conn{class: c}
		if c.add(k, d.stream) == nil {
			k.send(d.flight, c.run.now())
			return
		}
	}
	why := FailureConnect
	if c.aborted {
		why = FailureCancelled
	}
	c.fail(d.flight, why)
	if f, ok := c.take(c.run.now()); ok {
		c.open(f, dialPause)
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

// add makes a connection known.
func (c *class) add(k *conn, stream net.Conn) (err error) {
	if k.socket, err = c.run.poller.take(stream, k); err != nil {
		return err
	}
	c.conns[k] = struct{}{}
	c.tally.result.Opened++
	return nil
}

// retire ends a connection, and has another one begin where a request wants it.
func (c *class) retire(k *conn) {
	k.dead, k.busy = true, false
	k.socket.close()
	delete(c.conns, k)
	if f, ok := c.take(c.run.now()); ok {
		c.open(f, 0)
	}
}

// answered records the answer that a connection has read.
func (c *class) answered(k *conn, now time.Duration) {
	k.busy = false
	right := k.request.Check == nil || k.request.Check(k.answer.status, k.answer.body)
	c.tally.answered(&k.answer, now-k.flight.due, now, right)
	if c.Observe != nil {
		c.Observe(Observation{Due: k.flight.due, Latency: now - k.flight.due, Status: k.answer.status, Wrong: !right})
	}
	c.underway--
}

// fail records a request without a whole answer.
func (c *class) fail(f flight, why Failure) {
	c.tally.failed(why, c.run.now())
	if c.Observe != nil {
		c.Observe(Observation{Due: f.due, Failure: why})
	}
	c.underway--
}

// settled reports whether no request is under way or will be.
func (c *class) settled() bool { return c.underway == 0 && (c.finished || !c.more()) }

// expire fails the requests that were sent longer ago than timeout.
func (c *class) expire(timeout time.Duration) {
	oldest := c.run.now() - timeout
	for k := range c.conns {
		if k.busy && k.sent < oldest {
			c.fail(k.flight, FailureTimeout)
			c.retire(k)
		}
	}
}

// abandon ends all connections, and fails what is under way.
func (c *class) abandon(cancelled bool) {
	c.stop()
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
