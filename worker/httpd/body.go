// This file holds the body of a request: reading it, in one piece or in chunks, or
// getting it out of the way.

package httpd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http/httputil"
)

// freeBody is how many bytes of a body are not counted against the buffers of all
// connections.
const freeBody = 16 << 10

var (
	continueNow = []byte("100-continue")
	goOn        = []byte("HTTP/1.1 100 Continue\r\n\r\n")
)

// expects returns what the caller wants to hear before it sends its body; nil for nothing.
func (r *Request) expects() []byte {
	if r.Header.IsHTTP11() {
		for value := range r.Values("expect") {
			return value
		}
	}
	return nil
}

// readBody reads the body. A short one that came with its header stays where it is.
func (c *conn) readBody(r *Request) (Problem, bool) {
	n := r.Header.ContentLength()
	if n > c.srv.opt.MaxBody {
		return BodyTooLarge, false
	}
	if n > 0 && n <= c.br.Buffered() {
		r.Body, _ = c.br.Peek(n)
		r.taken = n
		return 0, true
	}
	if n == 0 || n < -1 {
		return 0, true
	}
	if expect := r.expects(); len(expect) > 0 {
		if !bytes.EqualFold(expect, continueNow) {
			return Malformed, false
		}
		if c.setWriteDeadline(c.srv.now()) != nil {
			return Broken, false
		}
		if _, err := c.tcp.Write(goOn); err != nil {
			return Broken, false
		}
	}
	if n < 0 {
		return c.readChunks(r)
	}
	if n > freeBody {
		if !c.srv.hold(n) {
			return Overloaded, false
		}
		r.held += n
	}
	if cap(r.buffer) < n {
		r.buffer = make([]byte, n)
	}
	r.Body = r.buffer[:n]
	if _, err := io.ReadFull(c.br, r.Body); err != nil {
		return c.problemOf(err), false
	}
	return 0, true
}

// readChunks reads a body whose length is not known before its end. It begins in what
// is not counted, and has room for one byte more than it may have.
func (c *conn) readChunks(r *Request) (Problem, bool) {
	chunks := httputil.NewChunkedReader(c.br)
	body := r.buffer[:0:min(cap(r.buffer), freeBody)]
	for {
		if len(body) == cap(body) {
			more := min(max(1024, len(body)), c.srv.opt.MaxBody+1-len(body))
			if len(body)+more > freeBody {
				if !c.srv.hold(more) {
					return Overloaded, false
				}
				r.held += more
			}
			body = append(make([]byte, 0, len(body)+more), body...)
		}
		n, err := chunks.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > c.srv.opt.MaxBody:
			return BodyTooLarge, false
		case err == io.EOF:
			r.buffer, r.Body = body, body
			return c.endOfChunks()
		case err != nil:
			return c.problemOf(err), false
		}
	}
}

// endOfChunks reads what follows the last chunk. Trailers are skipped: they mean nothing
// here.
func (c *conn) endOfChunks() (Problem, bool) {
	for size := 0; size <= smallReader; {
		line, err := c.br.ReadSlice('\n')
		size += len(line)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return Malformed, false
		case err != nil:
			return c.problemOf(err), false
		case bytes.IndexByte(line, '\r') != len(line)-2:
			return Malformed, false
		case len(line) == 2:
			return 0, true
		case bytes.IndexByte(line, ':') <= 0, line[0] == ' ', line[0] == '\t':
			return Malformed, false
		}
	}
	return Malformed, false
}

// skipBody gets a body out of the way that nobody will read: one that is here
// already; with any other the connection ends.
func (c *conn) skipBody(r *Request) bool {
	switch n := r.Header.ContentLength(); {
	case n >= 0 && n <= c.br.Buffered():
		r.taken = n
	case n >= -1:
		r.close, c.unread = true, true
	}
	return true
}
