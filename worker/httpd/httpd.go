// This file holds the server: accepting, counting, draining.

// Package httpd serves HTTP/1.1 to many connections of which few are busy, and some
// hostile. The header is parsed by valyala/fasthttp; the loop around it is this
// package's, because a server of fasthttp that looks at the header before it reads
// the body keeps a buffer of the largest header for every idle connection (10,000 of
// them: 320 MiB of a pod's 1 GiB), and the one of net/http takes twice the processor
// time (docs/performance.md).
//
//   - An idle connection holds a goroutine and no buffer.
//   - The handler sees the header before the body is read, and may refuse it.
//   - Header and body must arrive within a time; large ones are counted against a
//     budget of all connections.
//   - What cannot be framed without doubt is refused, and its connection closed.
//   - A connection that is closed early is read out a little, so that the answer
//     arrives before the reset.
package httpd

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of Options.
const (
	DefaultMaxBody     = 1 << 20
	DefaultMaxHeader   = 32 << 10
	DefaultReadTimeout = 10 * time.Second
	DefaultIdleTimeout = 2 * time.Minute
	DefaultSendTimeout = time.Minute
	DefaultMaxConns    = 16 << 10
	DefaultBuffers     = 64 << 20
)

// Options tune a server. The zero value of each field but Handler is useful.
type Options struct {
	Handler   Handler
	MaxBody   int // bytes of a body; default 1 MiB
	MaxHeader int // bytes of request line and headers; default 32 KiB
	// ReadTimeout is how long header and body may take to arrive; default 10 s.
	ReadTimeout time.Duration
	// IdleTimeout is how long a connection may wait for its next request; default
	// 2 min.
	IdleTimeout time.Duration
	// SendTimeout is how long a caller may take to read an answer; default 1 min.
	SendTimeout time.Duration
	// MaxConns is how many connections are open at a time; further ones are closed
	// as they come. Default 16,384.
	MaxConns int
	// Full is called for each connection that is closed because of MaxConns. It must
	// be quick; nil for nothing.
	Full func()
	// Buffers is how many bytes headers and bodies of more than a few KiB may hold, over
	// all connections. Requests beyond that are refused. Default 64 MiB.
	Buffers int64
	// Watch are the names of header fields, in lower case, that the handler asks Watched
	// for; at most 8. They are found while the header is checked, and counted.
	Watch []string
	Log   *slog.Logger // default: discards
}

// Handler answers requests. Its methods are called from the goroutines of
// connections.
type Handler interface {
	// Head is called when the header is there, before the body is read. True lets
	// the request go on to Serve; false says that Head has answered it.
	Head(r *Request) bool
	// Serve answers a request whose body is there.
	Serve(r *Request)
	// Refuse answers a request that cannot be served. The connection ends with it.
	Refuse(r *Request, why Problem)
	// Done is called last, after the answer was written or could not be.
	Done(r *Request)
}

// Problem is why a request cannot be served.
type Problem int

// Problems.
const (
	Malformed      Problem = iota // the header, or the framing of the body
	HeaderTooLarge                // more than MaxHeader
	BodyTooLarge                  // more than MaxBody
	Overloaded                    // the buffers of all connections are full
	TooSlow                       // not there within the ReadTimeout
	Broken                        // the connection ended within the request
	Defect                        // the handler panicked
)

// Server serves connections. It is safe for concurrent use.
type Server struct {
	opt      Options
	starts   [256]uint8 // the watched fields that begin with a byte, as bits
	draining atomic.Bool
	cut      atomic.Bool  // Shutdown has cut off what was left
	buffers  atomic.Int64 // bytes held by large headers and bodies
	start    time.Time    // what times are counted from, so that only the monotonic clock is read
	looked   atomic.Pointer[look]

	mu       sync.Mutex
	conns    map[*conn]struct{}
	listener net.Listener
	done     chan struct{} // closed when the last connection is gone after Shutdown
	closing  bool

	accepting bool // Serve is under way

	requests sync.Pool // of *Request
}

// New makes a server.
func New(opt Options) *Server {
	opt.MaxBody = cmp.Or(opt.MaxBody, DefaultMaxBody)
	opt.MaxHeader = cmp.Or(opt.MaxHeader, DefaultMaxHeader)
	opt.ReadTimeout = cmp.Or(opt.ReadTimeout, DefaultReadTimeout)
	opt.IdleTimeout = cmp.Or(opt.IdleTimeout, DefaultIdleTimeout)
	opt.SendTimeout = cmp.Or(opt.SendTimeout, DefaultSendTimeout)
	opt.MaxConns = cmp.Or(opt.MaxConns, DefaultMaxConns)
	opt.Buffers = cmp.Or(opt.Buffers, DefaultBuffers)
	for _, wait := range []*time.Duration{&opt.ReadTimeout, &opt.IdleTimeout, &opt.SendTimeout} {
		*wait = min(*wait, longest)
	}
	if opt.Full == nil {
		opt.Full = func() {}
	}
	opt.Log = cmp.Or(opt.Log, slog.New(slog.DiscardHandler))
	opt.Watch = opt.Watch[:min(len(opt.Watch), maxWatched)]
	s := &Server{opt: opt, start: time.Now(), conns: map[*conn]struct{}{}, done: make(chan struct{})}
	for i, name := range opt.Watch {
		s.starts[name[0]] |= 1 << i
		s.starts[name[0]&^0x20] |= 1 << i
	}
	return s
}

// longest is the longest timeout, 146 years: none may end later than a duration since the
// server's start can hold.
const longest = math.MaxInt64 / 2

// ErrClosed is what Serve returns after Shutdown.
var ErrClosed = errors.New("httpd: the server is closed")

// Serve accepts connections until Shutdown. A server serves one listener.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		l.Close()
		return ErrClosed
	}
	s.listener, s.accepting = l, true
	s.mu.Unlock()
	defer s.stopped()
	sweeping, stop := context.WithCancel(context.Background())
	defer stop()
	go s.sweep(sweeping)
	pause := 5 * time.Millisecond
	for {
		nc, err := l.Accept()
		if err == nil {
			pause = 5 * time.Millisecond
			s.open(nc)
			continue
		}
		if s.isClosing() {
			return ErrClosed
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		// Too many open files, as a rule: those that are open go on.
		s.opt.Log.Warn("a connection could not be accepted", "error", err)
		time.Sleep(pause)
		pause = min(2*pause, time.Second)
	}
}

// sweepEvery is the time within which the end of what a caller sends is noticed.
const sweepEvery = 100 * time.Millisecond

// sweep looks every sweepEvery at the connections that have begun to wait since the last
// time, until ctx ends.
func (s *Server) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	var open []*conn
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		open = s.appendConns(open[:0])
		for _, c := range open {
			c.sweep()
		}
		clear(open)
	}
}

// stopped notes that nothing more is accepted.
func (s *Server) stopped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepting = false
	s.signal()
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// open starts the goroutine of a connection. What was accepted while Shutdown began is
// served too.
func (s *Server) open(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		s.opt.Log.Error("not a TCP connection", "type", nc.RemoteAddr().Network())
		nc.Close()
		return
	}
	c := newConn(s, tcp)
	if c == nil {
		nc.Close()
		return
	}
	s.mu.Lock()
	full := len(s.conns) >= s.opt.MaxConns
	if !full {
		s.conns[c] = struct{}{}
	}
	s.mu.Unlock()
	if full {
		nc.Close()
		s.opt.Full()
		return
	}
	go c.serve()
}

// gone removes a connection that has ended.
func (s *Server) gone(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.signal()
}

// signal tells Shutdown that nothing is left. The lock is held.
func (s *Server) signal() {
	if s.closing && !s.accepting && len(s.conns) == 0 {
		select {
		case <-s.done:
		default:
			close(s.done)
		}
	}
}

// Connections is how many connections are open.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Drain makes every answer from now on end its connection, so that callers move on to
// other servers. New connections are still accepted.
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown stops accepting, closes connections that wait for a request, lets
// requests in progress finish, and returns when all are gone. If ctx ends before, what
// is left is cut off, and the error is that of ctx if there was a request among it.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	s.mu.Lock()
	s.closing = true
	if s.listener != nil {
		s.listener.Close()
	}
	s.signal()
	s.mu.Unlock()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		for _, c := range s.appendConns(nil) {
			c.closeIdle()
		}
		select {
		case <-s.done:
			return nil
		case <-ctx.Done():
			if s.cutOff() {
				return ctx.Err()
			}
			return nil
		case <-ticker.C:
		}
	}
}

// cutOff closes the connections that are left when Shutdown has no more time, and reports
// whether there was a request on any of them.
func (s *Server) cutOff() (requests bool) {
	s.cut.Store(true)
	for _, c := range s.appendConns(nil) {
		if state := c.state.Load(); state == busy || state != closed && c.pending() {
			requests = true
		}
		c.tcp.Close()
	}
	select { // an execution notices at its next look
	case <-s.done:
	case <-time.After(time.Second):
	}
	return requests
}

// appendConns appends the connections that are open.
func (s *Server) appendConns(dst []*conn) []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		dst = append(dst, c)
	}
	return dst
}

// hold counts n bytes of buffers, unless there is no room for them.
func (s *Server) hold(n int) bool {
	for {
		held := s.buffers.Load()
		if held+int64(n) > s.opt.Buffers {
			return false
		}
		if s.buffers.CompareAndSwap(held, held+int64(n)) {
			return true
		}
	}
}

func (s *Server) release(n int) {
	if n > 0 {
		s.buffers.Add(-int64(n))
	}
}

// guard keeps a panic of the handler within its connection.
func (s *Server) guard(p any) {
	s.opt.Log.Error("a defect", "panic", p, "stack", string(debug.Stack()))
}
