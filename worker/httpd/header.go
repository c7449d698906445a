// This file holds the header of a request: reading it, making certain where the request
// ends, and finding the fields that the handler wants.

package httpd

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"math/bits"

	"github.com/valyala/fasthttp"
)

// readHeader reads request line and headers.
func (c *conn) readHeader(r *Request) (Problem, bool) {
	r.began = c.began
	err := r.Header.Read(c.br)
	if isSmall(err) && c.br == r.reader {
		if !c.enlarge() {
			return Overloaded, false
		}
		err = r.Header.Read(c.br)
	}
	switch {
	case isSmall(err):
		return HeaderTooLarge, false
	case err != nil:
		return c.problemOf(err), false
	case !r.scan():
		return Malformed, false
	}
	return 0, true
}

func isSmall(err error) bool {
	if err == nil {
		return false
	}
	var small *fasthttp.ErrSmallBuffer
	return errors.As(err, &small)
}

// enlarge puts what was read so far into a buffer for the largest header.
func (c *conn) enlarge() bool {
	size := c.srv.opt.MaxHeader
	if !c.srv.hold(size) {
		return false
	}
	c.held += size
	begun, _ := c.br.Peek(c.br.Buffered())
	c.br = bufio.NewReaderSize(&prefixed{append([]byte(nil), begun...), c}, size)
	return true
}

// prefixed reads bytes first, then the connection.
type prefixed struct {
	first []byte
	c     *conn
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.first) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	return p.c.Read(b)
}

// maxWatched is how many header fields a handler can watch.
const maxWatched = 8

// Watched returns the value of the first header field with the name at an index of
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

// hasName reports whether a header line has a name, given as for Values.
func hasName(line []byte, name string) bool {
	return len(line) > len(name) && line[len(name)] == ':' && isName(line, name)
}

// isName reports whether a line that is longer begins with a name.
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

// differ reports whether eight bytes are not those of a name, in either case: of a letter,
// which has bit 6, bit 5 may be another one.
func differ(text, name uint64) bool {
	const each = 0x0101_0101_0101_0101
	return (text^name)&^(name>>1&(0x20*each)) != 0
}

// spaced reports whether the name of a header line has a space in it.
func spaced(line []byte) bool {
	if i := bytes.IndexByte(line, ':'); i >= 0 {
		line = line[:i]
	}
	return bytes.IndexByte(line, ' ') >= 0
}

// keepsAlive reports whether the caller wants to send more requests. Callers of HTTP/1.0 say
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
