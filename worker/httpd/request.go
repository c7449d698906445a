// This file holds a request, which is used again and again. What is read of one is in
// header.go and body.go, its answer in answer.go.

package httpd

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	// headRoom is what the header of an answer has room for in front of its body.
	headRoom = 1 << 10
	// keptBuffer is how large a buffer may be to be used again.
	keptBuffer = 64 << 10
)

// Request is a request and its answer. It is valid until the handler returns.
type Request struct {
	// Header is the parsed header. The names of its fields are left as they came, which
	// saves normalizing all of them: ask Watched and Values for fields, not its Peek.
	Header fasthttp.RequestHeader
	// Body is the whole body. It must not be changed, nor kept.
	Body []byte
	// Took is how long it was from the request's first byte until the answer was ready to
	// be written; zero before.
	Took time.Duration
	// Remote is the other end of the connection, an IPv4 address in its own form.
	Remote netip.AddrPort
	// Abort ends the connection without an answer.
	Abort bool
	// User is the handler's own, and kept from one request to the next.
	User any

	conn    *conn
	reader  *bufio.Reader // of smallReader bytes: what a request begins in
	began   time.Duration // when its first byte came, on the server's clock
	watched [maxWatched]watched
	close   bool
	taken   int    // bytes of Body that are still in the connection's reader
	buffer  []byte // of Body, where it is not in the reader
	held    int    // bytes of it counted against the server's buffers

	status int
	fields []byte // header fields of the answer, each with its line end
	out    []byte // headRoom bytes, then the body of the answer
	head   []byte // the header of the answer
}

// acquire returns a request, with a reader, of a connection.
func (s *Server) acquire(c *conn) *Request {
	r, ok := s.requests.Get().(*Request)
	if !ok {
		r = &Request{out: make([]byte, headRoom, headRoom+1024)}
		r.reader = bufio.NewReaderSize((*source)(r), smallReader)
		r.Header.DisableNormalizing()
	}
	r.conn, r.Remote = c, c.remote
	return r
}

// recycle gives back a request that was cleared.
func (s *Server) recycle(r *Request) {
	if r.reader.Buffered() > 0 {
		r.reader.Reset((*source)(r))
	}
	r.conn = nil
	s.requests.Put(r)
}

// source is a request as what its reader reads from: its connection.
type source Request

func (s *source) Read(p []byte) (int, error) { return s.conn.Read(p) }

// clear clears a request for the next one of its connection.
func (r *Request) clear() {
	r.Header.Reset()
	r.Header.DisableNormalizing()
	r.Reset()
	for i := range r.conn.srv.opt.Watch {
		if w := &r.watched[i]; w.n > 0 {
			*w = watched{}
		}
	}
	r.conn.srv.release(r.held)
	r.held = 0
	r.Body, r.taken, r.Abort, r.close, r.Took = nil, 0, false, false, 0
	if cap(r.buffer) > keptBuffer {
		r.buffer = nil
	}
	if cap(r.out) > keptBuffer {
		r.out = make([]byte, headRoom, headRoom+1024)
	}
}

// Reset takes the answer back.
func (r *Request) Reset() { r.status, r.fields, r.out = 0, r.fields[:0], r.out[:headRoom] }

// AtOnce reports whether all of the request came in one piece, so that nobody waited for
// its body.
func (r *Request) AtOnce() bool { return r.taken > 0 && !r.conn.slow }

// Elapsed is how long ago the request's first byte came.
func (r *Request) Elapsed() time.Duration { return r.conn.srv.now() - r.began }

// Now is the present time, while the header is looked at: that of its first byte, unless
// the rest was long in coming.
func (r *Request) Now() time.Time {
	if r.conn.slow {
		return time.Now()
	}
	return r.conn.srv.timeOf(r.began)
}

// Gone reports whether the caller has closed its side of the connection. It asks the
// system.
func (r *Request) Gone() bool { return r.conn.gone() }

// Watch calls gone if the caller closes its side of the connection before stop is
// called, from another goroutine. One may watch at a time.
func (r *Request) Watch(gone func()) (stop func()) { return r.conn.watch(gone) }

// ReadRequest returns the request that bytes hold, header and body. It belongs to no
// connection: it is for benchmarks of handlers, which may answer it again and again.
func ReadRequest(b []byte, opt Options) (*Request, error) {
	c := &conn{srv: New(opt), fd: -1, br: bufio.NewReaderSize(bytes.NewReader(b), max(len(b), 16))}
	c.began = c.srv.now()
	r := c.srv.acquire(c)
	if problem, ok := c.readHeader(r); !ok {
		return nil, fmt.Errorf("httpd: the request cannot be read: problem %d", problem)
	}
	r.Body = b[len(b)-max(0, r.Header.ContentLength()):]
	r.taken = len(r.Body)
	return r, nil
}
