// This file holds a connection: one request at a time, its answer, its end.

package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// largeRequest is what may not fit into the buffers of an idle connection: such
// a request is written by a goroutine of its own, so that it holds up nobody.
const largeRequest = 16 << 10

// A conn is an open connection. What is not its reader's own is guarded by the
// lock of its class.
type conn struct {
	class  *class
	stream net.Conn

	in     *bufio.Reader // the reader's
	answer answer        // the reader's

	dead    bool // closed, or about to be
	busy    bool // flight is under way
	flight  flight
	sent    time.Duration
	request Request

	// writing is held while the request is written, so that the bytes of the
	// next one do not come into its memory: an answer may be there first.
	writing sync.Mutex
}

func newConn(c *class, stream net.Conn) *conn {
	return &conn{class: c, stream: stream, in: bufio.NewReaderSize(stream, readBuffer)}
}

// greet sends a request that does not count, before the run begins.
func (k *conn) greet(ctx context.Context) error {
	deadline, _ := ctx.Deadline() // none is the zero time, which is none here too
	if err := k.stream.SetDeadline(deadline); err != nil {
		return err
	}
	k.class.Source.Next(0, &k.request)
	if _, err := k.stream.Write(k.request.Bytes); err != nil {
		return err
	}
	if err := k.answer.read(k.in); err != nil {
		return err
	}
	if check := k.request.Check; check != nil && !check(k.answer.status, k.answer.body) {
		return fmt.Errorf("a wrong answer: %d %.200q", k.answer.status, k.answer.body)
	}
	if k.answer.last {
		return errors.New("the server ends the connection after it")
	}
	return k.stream.SetDeadline(time.Time{})
}

// begin makes the next request ready. The class is locked; send follows when it
// no longer is.
func (k *conn) begin(f flight) {
	k.writing.Lock()
	k.busy, k.flight = true, f
	k.class.Source.Next(f.number, &k.request)
	k.sent = k.class.run.now()
	k.class.tally.sent(len(k.request.Bytes))
}

// send writes the request that begin has made ready.
func (k *conn) send() {
	if len(k.request.Bytes) > largeRequest {
		k.class.run.tasks.Go(k.write)
		return
	}
	k.write()
}

func (k *conn) write() {
	// What a failed write means, the reader finds out: an answer may have come
	// before it, and if none has, the connection ends for it too.
	_, _ = k.stream.Write(k.request.Bytes)
	k.writing.Unlock()
}

// awaitWritten returns when all of the request is written.
func (k *conn) awaitWritten() {
	k.writing.Lock()
	defer k.writing.Unlock()
}

// serve reads answers until the connection ends.
func (k *conn) serve() {
	for k.exchange(k.answer.read(k.in)) {
	}
	_ = k.stream.Close() // nothing is left to be lost
}

// exchange records how a request ended, and sends the next one where one waits.
// It tells whether the connection goes on.
func (k *conn) exchange(err error) bool {
	c := k.class
	if err == nil && !k.answer.last {
		k.awaitWritten()
	}
	c.mu.Lock()
	goesOn, next := k.ended(err)
	c.mu.Unlock()
	if next {
		k.send()
	}
	return goesOn
}

// ended records how a request ended, and begins with the next one where one
// waits. The class is locked.
func (k *conn) ended(err error) (goesOn, next bool) {
	c := k.class
	if k.dead {
		return false, false
	}
	switch {
	case err != nil && k.busy:
		c.fail(k.flight, failureOf(err))
	case err != nil:
		c.tally.result.IdleClosed++
	case !k.busy:
		c.tally.result.Unsolicited++
		err = errMalformed
	default:
		c.answered(k)
	}
	if err != nil || k.answer.last {
		c.retire(k)
		return false, false
	}
	f, ok := c.take()
	if ok {
		k.begin(f)
	} else {
		c.idle.push(k)
	}
	return true, ok
}

// answered records the answer that a connection has read. The class is locked.
func (c *class) answered(k *conn) {
	k.busy = false
	now := c.run.now()
	right := k.request.Check == nil || k.request.Check(k.answer.status, k.answer.body)
	c.tally.answered(&k.answer, now-k.flight.due, now, right)
	if c.Observe != nil {
		c.Observe(Observation{Due: k.flight.due, Latency: now - k.flight.due, Status: k.answer.status, Wrong: !right})
	}
	c.landed()
}

// failureOf names the reason why a request has no answer.
func failureOf(err error) Failure {
	switch {
	case errors.Is(err, errMalformed):
		return FailureMalformed
	case errors.Is(err, io.EOF):
		return FailureClosed
	case errors.Is(err, io.ErrUnexpectedEOF):
		return FailureCut
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return FailureReset
	}
	return FailureOther
}
