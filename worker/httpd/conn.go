// This file holds a connection: waiting without a buffer, reading one request,
// writing its answer, closing.

package httpd

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// smallReader is the buffer that a request begins in; a header that does not fit
	// gets a large one.
	smallReader = 4 << 10
	// deadlineSlack bounds how much earlier than asked a deadline may be, so that it is
	// not set again for every request. For short times the slack is smaller.
	deadlineSlack = 5 * time.Second
	// lingerTime and lingerBytes bound the reading out of a connection that is closed
	// while its caller still sends.
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// States of a connection. Above them stands how often it has begun to wait.
const (
	busy   uint32 = iota
	idle          // waits for the first byte of a request
	fresh         // waits for the first byte of its first request
	closed        // by Shutdown, while it waited

	states = 4
)

// freshTime is how long Shutdown waits for the first request of a new connection: it was
// accepted, and nothing accepted is lost.
const freshTime = time.Second

// conn is one connection. All but state belongs to its own goroutine.
//
// While it waits for a request its state is idle or fresh, and Shutdown may turn that
// into closed. It turns busy before the first byte is read: what was read is served.
type conn struct {
	srv    *Server
	tcp    *net.TCPConn
	raw    syscall.RawConn
	remote netip.AddrPort
	opened time.Duration // on the server's clock, as all times here
	state  atomic.Uint32
	waits  uint32      // the state while it waits: idle or fresh
	swept  uint32      // the state at the last look of sweep, which alone uses it
	poked  atomic.Bool // sweep has woken it to look at the socket

	request  *Request      // that it works with; nil while idle
	br       *bufio.Reader // the request's, or a large one; nil while idle
	held     int           // bytes of br counted against the server's buffers
	wait     func(fd uintptr) bool
	fd       int  // to read and write without waiting; -1 for doing it as usual
	dry      bool // there was nothing more to read without waiting
	full     bool // the last read had room for no more
	readErr  error
	ended    bool
	begun    bool          // the request's header is there, and it is not answered
	legible  bool          // the header could be read
	problem  Problem       // why it could not; undefined otherwise
	began    time.Duration // when the first byte of the request came
	quiet    time.Duration // since when nothing of a request has come
	readBy   time.Duration // the read deadline that is set
	writeBy  time.Duration // the write deadline that is set
	slow     bool          // the read deadline is that of the request
	unread   bool          // the caller may still be sending when the connection ends
	requests int
}

// newConn prepares a connection; nil if it is gone already.
func newConn(s *Server, tcp *net.TCPConn) *conn {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	now := s.now()
	c := &conn{srv: s, tcp: tcp, raw: raw, opened: now, quiet: now, fd: -1}
	if a, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
		addr := a.AddrPort()
		c.remote = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	}
	c.wait = c.readable
	return c
}

// serve answers requests until the connection ends.
func (c *conn) serve() {
	defer c.srv.gone(c)
	defer c.close()
	for c.sentAhead() || c.await() {
		if !c.serveOne() {
			return
		}
	}
}

// sentAhead reports whether the buffer holds the beginning of the next request already.
func (c *conn) sentAhead() bool {
	if c.br == nil || c.br.Buffered() == 0 {
		return false
	}
	c.began, c.slow = c.srv.now(), false
	return true
}

// await waits without a buffer. Requests that arrive in one piece, which nearly all
// do, are answered on the way, by readable; it returns true where one needs more
// reading, and false at the end.
func (c *conn) await() bool {
	waiting := idle
	if c.requests == 0 {
		waiting = fresh
	}
	if !c.rest(waiting) {
		return false
	}
	for {
		err := c.raw.Read(c.wait)
		if err != nil && c.poked.Swap(false) && c.state.Load() != closed {
			c.readBy, c.quiet = 0, c.srv.now()
			if !c.rest(c.waits % states) {
				return false
			}
			continue
		}
		return err == nil && c.readErr == nil && !c.ended
	}
}

// rest gives back request and buffer, and lets Shutdown close the connection from now on.
func (c *conn) rest(waiting uint32) bool {
	c.drop()
	wait := c.srv.opt.IdleTimeout
	if waiting == fresh {
		wait = c.srv.opt.ReadTimeout
	}
	if c.setReadDeadline(c.quiet+wait, wait) != nil {
		return false
	}
	c.waits += states - c.waits%states + waiting
	c.state.Store(c.waits)
	return true
}

// readable is called when there may be something to read. Only then is a buffer
// taken. It returns false to wait on: for bytes, or after requests that it has
// answered for the next one. In between nothing looks at the socket in vain, as a read
// of package net would; what arrives in between wakes it up. The end of what the
// caller sends may not, where it came together with its last bytes: sweep sees it.
func (c *conn) readable(fd uintptr) bool {
	if !c.state.CompareAndSwap(c.waits, busy) {
		c.ended = true // Shutdown was first
		return true
	}
	c.request = c.srv.acquire(c)
	c.br = c.request.reader
	c.fd, c.dry = int(fd), false
	defer func() { c.fd = -1 }()
	if _, err := c.br.Peek(1); err != nil {
		c.drop()
		if c.dry {
			c.state.Store(c.waits)
			return false
		}
		c.readErr = err
		return true
	}
	for {
		for c.sentAhead() {
			if !c.whole() {
				return true
			}
			if !c.serveOne() {
				c.ended = true
				return true
			}
		}
		if !c.full {
			return !c.rest(idle)
		}
		c.dry = false
		if _, err := c.br.Peek(1); err != nil { // the buffer was full: there may be more
			if c.dry {
				return !c.rest(idle)
			}
			c.readErr = err
			return true
		}
	}
}

// whole begins a request, and tells whether all of it is in the buffer.
func (c *conn) whole() bool {
	r := c.request
	problem, ok := c.readHeader(r)
	if c.dry { // the header is not all there: read again, with time to wait
		c.dry = false
		r.clear()
		return false
	}
	c.begun, c.problem, c.legible = true, problem, ok
	n := r.Header.ContentLength()
	return !ok || n == -2 || n >= 0 && n <= c.br.Buffered()
}

// serveOne answers one request, whose header whole may have read. It reports whether
// the connection may serve another one.
func (c *conn) serveOne() (again bool) {
	r := c.request
	if !c.begun {
		c.problem, c.legible = c.readHeader(r)
	}
	c.begun = false
	defer func() {
		if p := recover(); p != nil { // of Refuse or Done: nobody is left to answer
			c.srv.guard(p)
			c.srv.release(r.held)
			c.request = nil // who knows what it holds
			again = false
		}
	}()
	again = c.exchange(r)
	c.srv.opt.Handler.Done(r)
	r.clear()
	return again
}

// Read reads for the buffer: without waiting where readable asks, else until the
// request's time is over.
func (c *conn) Read(p []byte) (int, error) {
	if c.fd < 0 {
		if !c.slow { // most requests are there at once, and never need this
			c.slow = true
			if err := c.deadlineOfRequest(); err != nil {
				return 0, err
			}
		}
		n, err := c.tcp.Read(p)
		if err != nil && c.poked.Swap(false) && errors.Is(err, os.ErrDeadlineExceeded) {
			// sweep took it for one that waits.
			if err = c.deadlineOfRequest(); err == nil {
				n, err = c.tcp.Read(p)
			}
		}
		return n, err
	}
	for {
		n, err := receive(c.fd, p)
		switch {
		case err == syscall.EINTR:
		case n > 0:
			c.full = n == len(p)
			return n, nil
		case err != nil:
			c.dry = err == syscall.EAGAIN
			return 0, err
		default:
			return 0, io.EOF
		}
	}
}

func (c *conn) deadlineOfRequest() error {
	c.readBy = c.began + c.srv.opt.ReadTimeout
	return c.tcp.SetReadDeadline(c.srv.start.Add(c.readBy))
}

// setReadDeadline sets the deadline of something that takes wait at most, about.
func (c *conn) setReadDeadline(by, wait time.Duration) error {
	if early := by - c.readBy; early >= 0 && early < slackOf(wait) {
		return nil
	}
	c.readBy = by
	return c.tcp.SetReadDeadline(c.srv.start.Add(by))
}

// setWriteDeadline sets the deadline of what is written now.
func (c *conn) setWriteDeadline(now time.Duration) error {
	wait := c.srv.opt.SendTimeout
	by := now + wait
	if by-c.writeBy < slackOf(wait) {
		return nil
	}
	c.writeBy = by
	return c.tcp.SetWriteDeadline(c.srv.start.Add(by))
}

// slackOf is how much earlier than asked a deadline may be that is wait from now.
func slackOf(wait time.Duration) time.Duration { return min(deadlineSlack, wait/10) }

// drop gives request and buffer back.
func (c *conn) drop() {
	if c.request != nil {
		c.srv.recycle(c.request)
	}
	c.request, c.br = nil, nil
	c.srv.release(c.held)
	c.held = 0
}

// exchange answers a request whose header is there. It reports whether the connection may
// serve another one.
func (c *conn) exchange(r *Request) (again bool) {
	c.requests++
	defer func() {
		if p := recover(); p != nil {
			c.srv.guard(p)
			again = c.refuse(r, Defect)
		}
	}()
	if !c.legible {
		return c.refuse(r, c.problem)
	}
	r.close = !r.keepsAlive() || c.srv.draining.Load()
	if !c.srv.opt.Handler.Head(r) {
		return c.skipBody(r) && c.send(r)
	}
	if problem, ok := c.readBody(r); !ok {
		return c.refuse(r, problem)
	}
	c.srv.opt.Handler.Serve(r)
	return c.send(r)
}

// problemOf tells what an error of reading means.
func (c *conn) problemOf(err error) Problem {
	var broken net.Error
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return TooSlow
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &broken):
		return Broken
	}
	return Malformed
}

// refuse answers a request that cannot be served, and ends the connection.
func (c *conn) refuse(r *Request, why Problem) bool {
	c.unread = true
	r.Reset()
	c.srv.opt.Handler.Refuse(r, why)
	r.close = true
	return c.send(r)
}

// send writes the answer. It reports whether the connection may go on.
func (c *conn) send(r *Request) bool {
	if r.Abort {
		return false
	}
	now := c.srv.now()
	r.Took, c.quiet = now-r.began, now
	if c.srv.draining.Load() {
		r.close = true
	}
	err := c.write(r.render(now), now)
	if c.br != nil && r.taken > 0 {
		_, _ = c.br.Discard(r.taken)
	}
	return err == nil && !r.close
}

// write writes an answer: at once if the socket has room for it, as it nearly always has,
// else waiting for room.
func (c *conn) write(b []byte, now time.Duration) error {
	if c.fd >= 0 && !c.srv.cut.Load() {
		n, err := send(c.fd, b)
		if n == len(b) {
			return nil
		}
		if err == nil {
			b = b[n:]
		} else if err != syscall.EAGAIN && err != syscall.EINTR {
			return err
		}
	}
	if err := c.setWriteDeadline(now); err != nil {
		return err
	}
	_, err := c.tcp.Write(b)
	return err
}

// closeIdle closes the connection if it waits for a request and none has arrived.
func (c *conn) closeIdle() {
	state := c.state.Load()
	switch {
	case state%states == fresh && c.srv.now()-c.opened < freshTime, state == busy, state == closed:
		return
	case c.pending() || !c.state.CompareAndSwap(state, closed):
		return // its goroutine is about to see it
	}
	c.tcp.SetReadDeadline(time.Unix(1, 0)) // wakes it
}

// sweep wakes the connection if there is something on its socket that has not woken it. It
// looks once in each wait.
func (c *conn) sweep() {
	state := c.state.Load()
	if state == c.swept || state%states != idle {
		return
	}
	c.swept = state
	found := nothingYet
	_ = c.raw.Control(func(fd uintptr) { found = peek(fd) })
	if found != nothingYet && c.state.Load() == state {
		c.poked.Store(true)
		c.tcp.SetReadDeadline(time.Unix(1, 0))
	}
}

// close ends the connection. If the caller may still be sending, or has sent more than
// was read, that is read for a while: otherwise the system would answer it with a
// reset, which can overtake our last answer.
func (c *conn) close() {
	if c.begun {
		c.request.clear()
	}
	ahead := c.br != nil && c.br.Buffered() > 0
	c.drop()
	if (c.unread || ahead || c.pending()) && c.tcp.CloseWrite() == nil {
		_ = c.tcp.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c.tcp, lingerBytes)
	}
	c.tcp.Close()
}
