// This file holds a connection: one request at a time, its answer, its end.

package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// A conn is an open connection.
type conn struct {
	class  *class
	socket socket

	dead    bool // closed
	busy    bool // flight is under way
	flight  flight
	sent    time.Duration
	request Request
	unsent  []byte // of the request

	answer answer
	rest   []byte // the beginning of a line of the answer; where it is early, all after it
	// early tells that the answer is whole, and the request is still being written.
	// Neither may its bytes change, nor does the next one begin.
	early bool
}

// greet sends a request that does not count, before the run begins. It returns what came
// after the answer.
func (k *conn) greet(ctx context.Context, stream net.Conn) (left []byte, err error) {
	deadline, _ := ctx.Deadline() // none is the zero time, which is none here too
	if err := stream.SetDeadline(deadline); err != nil {
		return nil, err
	}
	k.class.Source.Next(0, &k.request)
	if _, err := stream.Write(k.request.Bytes); err != nil {
		return nil, err
	}
	if left, err = k.answer.read(stream); err != nil {
		return nil, err
	}
	if check := k.request.Check; check != nil && !check(k.answer.status, k.answer.body) {
		return nil, fmt.Errorf("a wrong answer: %d %.200q", k.answer.status, k.answer.body)
	}
	if k.answer.last {
		return nil, errors.New("the server ends the connection after it")
	}
	return left, stream.SetDeadline(time.Time{})
}

// send begins with a request.
func (k *conn) send(f flight, now time.Duration) {
	k.busy, k.flight, k.sent = true, f, now
	k.class.Source.Next(f.number, &k.request)
	k.class.tally.sent(len(k.request.Bytes))
	k.unsent = k.request.Bytes
	k.write()
}

// write goes on with writing the request.
func (k *conn) write() {
	n, err := k.socket.write(k.unsent)
	if err != nil {
		// What it means, reading finds out: an answer may have come before, and if none
		// has, the connection ends for it too.
		n = len(k.unsent)
	}
	k.unsent = k.unsent[n:]
}

// happened does what an event asks for. The memory of buffer is lent for it.
func (k *conn) happened(e event, buffer []byte) {
	if k.dead {
		return
	}
	if e.writable && len(k.unsent) > 0 {
		k.write()
		if k.early && len(k.unsent) == 0 {
			k.early = false
			if !k.landed() || !k.advance(k.rest) {
				return
			}
			e.readable, e.ended = true, true // may be so for long
		}
	}
	if e.readable {
		k.read(buffer, e.ended)
	}
}

// read takes what has come: all of it, where the stream has ended.
func (k *conn) read(buffer []byte, ended bool) {
	for !k.early {
		begun := copy(buffer, k.rest)
		n, err := k.socket.read(buffer[begun:])
		if n > 0 && !k.advance(buffer[:begun+n]) {
			return
		}
		switch {
		case err == errAgain || err == nil && begun+n < len(buffer) && !ended:
			return
		case err != nil:
			k.end(err)
			return
		}
	}
}

// advance reads answers out of bytes that have come, and keeps the last ones that are
// not a whole line. It reports whether the connection goes on.
func (k *conn) advance(p []byte) bool {
	for len(p) > 0 {
		left, whole, err := k.answer.take(p)
		if err != nil {
			return k.fail(err)
		}
		if p = left; !whole {
			break
		}
		if len(k.unsent) > 0 && !k.answer.last {
			k.early = true
			k.answer.own()
			break
		}
		if !k.landed() {
			return false
		}
	}
	k.rest = append(k.rest[:0], p...)
	return true
}

// end tells that the stream has ended, by io.EOF or an error.
func (k *conn) end(err error) {
	if err == io.EOF {
		err = k.answer.end(len(k.rest))
	}
	if err == nil {
		k.landed()
		return
	}
	k.fail(err)
}

// landed records an answer that is whole, and sends the next request where one waits.
// It reports whether the connection goes on.
func (k *conn) landed() bool {
	c := k.class
	if !k.busy {
		c.tally.result.Unsolicited++
		c.retire(k)
		return false
	}
	now := c.run.now()
	c.answered(k, now)
	if k.answer.last {
		c.retire(k)
		return false
	}
	if f, ok := c.take(now); ok {
		k.send(f, now)
	} else {
		c.idle.push(k)
	}
	return true
}

// fail ends the connection for an error. It is false: the connection does not go on.
func (k *conn) fail(err error) bool {
	if k.busy {
		k.class.fail(k.flight, failureOf(err))
	} else {
		k.class.tally.result.IdleClosed++
	}
	k.class.retire(k)
	return false
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
