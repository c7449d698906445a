// This file holds a request: what came, how its body is framed, and its answer.

package httpd

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/bits"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	// headRoom is what the header of an answer has room for in front of its body.
	headRoom = 1 << 10
	// freeBody is how many bytes of a body are not counted against the buffers of all
	// connections.
	freeBody = 16 << 10
	// keptBuffer is how large a buffer may be to be used again.
	keptBuffer = 64 << 10
)

// Request is a request and its answer. It is valid until the handler returns.
type Request struct {
	// Header is the parsed header. Names of fields are left in it as they came, which spares
	// writing all of them anew: ask Watched and Values for fields, not its Peek.
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

// acquire gives a request, with a reader, of a connection.
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

// AtOnce tells whether all of the request came in one piece, so that nobody waited for
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

// Gone tells whether the caller has closed its side of the connection. It asks the
// system.
func (r *Request) Gone() bool { return r.conn.gone() }

// Watch calls gone if the caller closes its side of the connection before stop is
// called, from another goroutine. One may watch at a time.
func (r *Request) Watch(gone func()) (stop func()) { return r.conn.watch(gone) }

// maxWatched is how many header fields a handler can watch.
const maxWatched = 8

// Watched gives the value of the first header field with the name at an index of
// Options.Watch, without white space around it, and how many there are.
func (r *Request) Watched(i int) (value []byte, n int) { return r.watched[i].value, r.watched[i].n }

// Values yields the values of the header fields with a name, in their order and without
// white space around them. The name is given in lower case; it is of letters, digits and
// hyphens.
func (r *Request) Values(name string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for line := range bytes.SplitSeq(r.Header.RawHeaders(), []byte("\n")) {
			if hasName(line, name) && !yield(trimmed(line[len(name)+1:])) {
				return
			}
		}
	}
}

// watched is what was found of a watched field.
type watched struct {
	value []byte
	n     int
}

// scan looks at the header's lines: it tells whether it is certain where the request
// ends and whom it is for, and finds the fields that the handler watches.
func (r *Request) scan() (ok bool) {
	h, s := &r.Header, r.conn.srv
	if h.IsHTTP11() && len(h.Host()) == 0 {
		return false
	}
	// The parser refuses doubled lengths and codings that it does not know. A request
	// with both, or with a coding that stands for none, is refused here: two servers
	// could read it in two ways. So are lines that go on in the next one or do not end
	// with CR LF, and names like those of the framing with a space in them.
	lengths, codings := 0, 0
	for raw := h.RawHeaders(); len(raw) > 0; {
		line := raw
		if i := bytes.IndexByte(raw, '\n'); i >= 0 {
			line, raw = raw[:i], raw[i+1:]
		} else {
			raw = nil
		}
		if len(line) == 0 || line[len(line)-1] != '\r' || line[0] == ' ' || line[0] == '\t' {
			return false
		}
		if len(line) == 1 {
			continue
		}
		switch line[0] | 0x20 {
		case 'c':
			if hasName(line, "content-length") {
				lengths++
			} else if spaced(line) {
				return false
			}
		case 't':
			if hasName(line, "transfer-encoding") {
				codings++
			} else if spaced(line) {
				return false
			}
		}
		if set := s.starts[line[0]]; set != 0 {
			r.note(line, set)
		}
	}
	return codings == 0 || codings == 1 && lengths == 0 && h.ContentLength() == -1
}

// note notes a line whose name may be one of a set of those that are watched.
func (r *Request) note(line []byte, set uint8) {
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros8(set)
		name := r.conn.srv.opt.Watch[i]
		if !hasName(line, name) {
			continue
		}
		w := &r.watched[i]
		if w.n == 0 {
			w.value = trimmed(line[len(name)+1:])
		}
		w.n++
		return
	}
}

// trimmed takes white space off both ends of a value.
func trimmed(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// hasName tells whether a header line has a name, given as for Values.
func hasName(line []byte, name string) bool {
	return len(line) > len(name) && line[len(name)] == ':' && isName(line, name)
}

// isName tells whether a line that is longer begins with a name.
func isName(line []byte, name string) bool {
	text := []byte(name) // makes no copy
	line = line[:len(text)]
	for len(text) > 8 {
		if differ(binary.LittleEndian.Uint64(line), binary.LittleEndian.Uint64(text)) {
			return false
		}
		next := min(8, len(text)-8) // the last eight may have been looked at in part
		line, text = line[next:], text[next:]
	}
	if len(text) == 8 {
		return !differ(binary.LittleEndian.Uint64(line), binary.LittleEndian.Uint64(text))
	}
	for i, c := range text {
		if differ(uint64(line[i]), uint64(c)) {
			return false
		}
	}
	return true
}

// differ tells whether eight bytes are not those of a name, in either case: of a letter,
// which has bit 6, bit 5 may be another one.
func differ(text, name uint64) bool {
	const each = 0x0101_0101_0101_0101
	return (text^name)&^(name>>1&(0x20*each)) != 0
}

// spaced tells whether the name of a header line has a space in it.
func spaced(line []byte) bool {
	if i := bytes.IndexByte(line, ':'); i >= 0 {
		line = line[:i]
	}
	return bytes.IndexByte(line, ' ') >= 0
}

// keepsAlive tells whether the caller wants to send more requests. Callers of HTTP/1.0 say
// so in the first of their Connection fields, and not otherwise in a later one.
func (r *Request) keepsAlive() bool {
	if r.Header.IsHTTP11() {
		return !r.Header.ConnectionClose()
	}
	n := 0
	for value := range r.Values("connection") {
		if n++; n == 1 && !bytes.EqualFold(value, []byte("keep-alive")) {
			return false
		}
		for option := range bytes.SplitSeq(value, []byte(",")) {
			if bytes.EqualFold(trimmed(option), []byte("close")) {
				return false
			}
		}
	}
	return n > 0
}

var (
	continueNow = []byte("100-continue")
	goOn        = []byte("HTTP/1.1 100 Continue\r\n\r\n")
)

// expects gives what the caller wants to hear before it sends its body; nil for nothing.
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

// endOfChunks reads what stands behind the last chunk. Trailers are read over: they
// mean nothing here.
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

// Field adds a header field to the answer. Name and value must be printable.
func (r *Request) Field(name, value string) {
	r.fields = append(append(append(append(r.fields, name...), ": "...), value...), "\r\n"...)
}

// FieldBytes is Field for a value in bytes.
func (r *Request) FieldBytes(name string, value []byte) {
	r.fields = append(append(append(append(r.fields, name...), ": "...), value...), "\r\n"...)
}

// Buffer gives the buffer that the body of the answer is appended to.
func (r *Request) Buffer() []byte { return r.out[:headRoom] }

// Answer sets status and body of the answer; body is Buffer with the body appended.
func (r *Request) Answer(status int, body []byte) { r.status, r.out = status, body }

// Status is the status of the answer; 0 before Answer.
func (r *Request) Status() int { return r.status }

// Size is how many bytes the body of the answer has.
func (r *Request) Size() int { return len(r.out) - headRoom }

// render puts the header right in front of the body, so that one write sends both.
func (r *Request) render(now time.Duration) []byte {
	body := len(r.out) - headRoom
	h := r.appendHead(r.head[:0], r.conn.srv.look(now), body)
	if r.status != http.StatusNoContent && r.status != http.StatusNotModified {
		n := body
		if r.status == http.StatusResetContent {
			n = 0
		}
		h = append(h, "Content-Length: "...)
		h = strconv.AppendInt(h, int64(n), 10)
		h = append(h, "\r\n"...)
	}
	h = append(h, r.fields...)
	h = append(h, "\r\n"...)
	r.head = h
	if Bodiless(r.status) || r.Header.IsHead() {
		r.out = r.out[:headRoom]
	}
	if len(h) > headRoom { // fields of an unusual length
		return append(h, r.out[headRoom:]...)
	}
	from := headRoom - len(h)
	copy(r.out[from:], h)
	return r.out[from:]
}

const typeJSON = "Content-Type: application/json\r\n"

// appendHead appends the header of the answer up to the type of its body.
func (r *Request) appendHead(h []byte, l *look, body int) []byte {
	if r.status == http.StatusOK && body > 0 && !r.close && r.Header.IsHTTP11() {
		return append(h, l.usual...)
	}
	h = strconv.AppendInt(append(h, "HTTP/1.1 "...), int64(r.status), 10)
	h = append(append(append(h, ' '), http.StatusText(r.status)...), "\r\n"...)
	h = append(h, l.date...)
	if r.close {
		h = append(h, "Connection: close\r\n"...)
	} else if !r.Header.IsHTTP11() {
		h = append(h, "Connection: keep-alive\r\n"...)
	}
	if body > 0 && !Bodiless(r.status) {
		h = append(h, typeJSON...)
	}
	return h
}

// Bodiless tells whether answers of a status have no body.
func Bodiless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusResetContent || status == http.StatusNotModified
}

// ReadRequest gives the request that bytes hold, header and body. It belongs to no
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
