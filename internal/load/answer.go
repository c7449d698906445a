// This file reads answers of HTTP/1.1, no further than a load generator needs.

package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// MaxBody is how large the body of an answer may be, in bytes.
const MaxBody = 64 << 20

// maxLine and maxLines bound the header of an answer.
const (
	maxLine  = 4 << 10
	maxLines = 200
)

// errMalformed is wrapped by every error that is about the bytes of an answer.
var errMalformed = errors.New("malformed answer")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errMalformed}, args...)...)
}

// An answer is one that comes, in as many pieces as it likes. Its body lives until
// the next one begins, and until the memory that take was given changes.
type answer struct {
	status int
	body   []byte
	last   bool  // the connection ends with it
	size   int64 // bytes of the whole
	kept   []byte

	next    part
	length  int64 // of the body; -1 where none was given
	chunked bool
	lines   int   // of the header or the trailer so far
	left    int64 // bytes of the body, or of the chunk, that have not come
}

// A part is what comes next of an answer.
type part uint8

const (
	theStatus  part = iota
	theHeader       // another line of it
	theBody         // bytes whose number is known
	theRest         // bytes to the end of the connection
	theSize         // of a chunk
	theChunk        // bytes of it
	theGap          // the line end after a chunk
	theTrailer      // another line of it
	nothing         // the answer is whole
)

// take reads on in bytes that have come, to the end of the answer or of the bytes.
// What it leaves where the answer is not whole is the beginning of a line, and must
// come again with more after it.
func (a *answer) take(p []byte) (left []byte, whole bool, err error) {
	for {
		before := len(p)
		switch a.next {
		case theBody, theChunk:
			p = a.takeBytes(p)
			if a.left > 0 {
				a.size += int64(before)
				return nil, false, nil
			}
		case theRest:
			a.size += int64(before)
			a.kept = append(a.kept, p...)
			if len(a.kept) > MaxBody {
				return nil, false, malformed("a body of more than %d bytes", MaxBody)
			}
			return nil, false, nil
		default:
			line, behind, found := cutLine(p)
			if len(line) >= maxLine {
				return nil, false, malformed("a line of more than %d bytes", maxLine)
			}
			if !found {
				return p, false, nil
			}
			if p = behind; a.next == theStatus {
				a.begin()
			}
			if err := a.takeLine(line); err != nil {
				return nil, false, err
			}
		}
		a.size += int64(before - len(p))
		if a.next == nothing {
			a.next = theStatus
			return p, true, nil
		}
	}
}

// end tells what the end of the connection means, with left bytes of a line: nil for
// an answer that is whole by it, io.EOF where none has begun.
func (a *answer) end(left int) error {
	switch {
	case a.next == theRest:
		a.next, a.body = theStatus, a.kept
		return nil
	case a.next == theStatus && left == 0:
		return io.EOF
	}
	return io.ErrUnexpectedEOF
}

// own has the body live until the next answer begins, whatever becomes of the bytes
// that were given to take.
func (a *answer) own() {
	if len(a.body) > 0 && len(a.kept) == 0 {
		a.kept = append(a.kept, a.body...)
		a.body = a.kept
	}
}

// read reads one answer from a stream that waits. It returns what came after it.
func (a *answer) read(in io.Reader) (left []byte, err error) {
	var buffer []byte
	for {
		buffer = slices.Grow(buffer, maxLine)
		n, err := in.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		left, whole, wrong := a.take(buffer)
		switch {
		case wrong != nil:
			return nil, wrong
		case whole:
			return left, nil
		case errors.Is(err, io.EOF):
			return nil, a.end(len(left))
		case err != nil:
			return nil, err
		}
		buffer = buffer[:copy(buffer, left)]
	}
}

// begin makes ready for an answer.
func (a *answer) begin() {
	a.size, a.body, a.kept = 0, nil, a.kept[:0]
	a.length, a.chunked, a.lines = -1, false, 0
}

// takeLine reads a line, without its end.
func (a *answer) takeLine(line []byte) error {
	switch a.next {
	case theStatus:
		a.next = theHeader
		return a.statusLine(line)
	case theHeader:
		if len(line) == 0 {
			return a.headerEnds()
		}
		if a.lines++; a.lines >= maxLines {
			return malformed("more than %d headers", maxLines)
		}
		return a.header(line)
	case theSize:
		return a.chunk(line)
	case theGap:
		a.next = theSize
		if len(line) != 0 {
			return malformed("a chunk that is longer than it says")
		}
	case theTrailer:
		if a.lines++; a.lines > maxLines {
			return malformed("more than %d trailers", maxLines)
		}
		if len(line) == 0 {
			a.next, a.body = nothing, a.kept
		}
	}
	return nil
}

// statusLine reads "HTTP/1.1 200 OK".
func (a *answer) statusLine(line []byte) error {
	rest, ok := bytes.CutPrefix(line, []byte("HTTP/1."))
	if !ok || len(rest) < 5 || rest[1] != ' ' || rest[0] != '0' && rest[0] != '1' || len(rest) > 5 && rest[5] != ' ' {
		return malformed("status line %.60q", line)
	}
	status, ok := number(rest[2:5], 10)
	if !ok || status < 100 {
		return malformed("status line %.60q", line)
	}
	a.status, a.last = int(status), rest[0] == '0'
	return nil
}

// header reads a line of the header.
func (a *answer) header(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return malformed("a header without a colon")
	}
	switch name := line[:colon]; {
	case is(name, "content-length"):
		value := trim(line[colon+1:])
		n, ok := number(value, 10)
		if !ok || a.length >= 0 && n != a.length {
			return malformed("Content-Length %q", value)
		}
		a.length = n
	case is(name, "transfer-encoding"):
		if value := trim(line[colon+1:]); !is(value, "chunked") {
			return malformed("Transfer-Encoding %q", value)
		}
		a.chunked = true
	case is(name, "connection"):
		a.last = a.last || is(trim(line[colon+1:]), "close")
	}
	return nil
}

// headerEnds tells by the header what follows it.
func (a *answer) headerEnds() error {
	switch {
	case a.status < 200:
		a.next = theStatus // an interim one; the answer itself follows
	case a.status == 204 || a.status == 304:
		a.next = nothing
	case a.chunked:
		a.next, a.lines = theSize, 0
	case a.length > MaxBody:
		return malformed("a body of %d bytes", a.length)
	case a.length == 0:
		a.next = nothing
	case a.length > 0:
		a.next, a.left = theBody, a.length
	default:
		a.next, a.last = theRest, true
	}
	return nil
}

// chunk reads the line before a chunk.
func (a *answer) chunk(line []byte) error {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	size, ok := number(bytes.TrimRight(digits, " \t"), 16)
	if !ok || size > MaxBody {
		return malformed("chunk %.60q", line)
	}
	if int64(len(a.kept))+size > MaxBody {
		return malformed("a body of more than %d bytes", MaxBody)
	}
	if a.next, a.left = theChunk, size; size == 0 {
		a.next = theTrailer
	}
	return nil
}

// takeBytes reads of the body what has come. A body that comes in one piece stays
// where it is; a length is only believed as far as bytes follow.
func (a *answer) takeBytes(p []byte) (left []byte) {
	n := int(min(a.left, int64(len(p))))
	a.left -= int64(n)
	whole := a.left == 0 && len(a.kept) == 0
	if !whole || a.next == theChunk {
		a.kept = append(a.kept, p[:n]...)
	}
	switch {
	case a.left > 0:
	case a.next == theChunk:
		a.next = theGap
	case whole:
		a.next, a.body = nothing, p[:n]
	default:
		a.next, a.body = nothing, a.kept
	}
	return p[n:]
}

// cutLine cuts a line off, without its end; all of p where it is not whole.
func cutLine(p []byte) (line, behind []byte, found bool) {
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		return p, nil, false
	}
	line, behind = p[:end], p[end+1:]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	return line, behind, true
}

// trim cuts blanks off.
func trim(p []byte) []byte { return bytes.Trim(p, " \t") }

// is compares a text with one in lower case, without regard to case.
func is(text []byte, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// number reads digits of base 10 or 16.
func number(text []byte, base int64) (int64, bool) {
	if len(text) == 0 || len(text) > 15 {
		return 0, false
	}
	n := int64(0)
	for _, c := range text {
		digit := int64(99)
		switch {
		case '0' <= c && c <= '9':
			digit = int64(c - '0')
		case 'a' <= c && c <= 'f':
			digit = int64(c-'a') + 10
		case 'A' <= c && c <= 'F':
			digit = int64(c-'A') + 10
		}
		if digit >= base {
			return 0, false
		}
		n = n*base + digit
	}
	return n, true
}

// errorCode finds the code in the body of a failure.
func errorCode(body []byte) []byte {
	_, rest, found := bytes.Cut(body, []byte(`"code":"`))
	if !found {
		return nil
	}
	code, _, found := bytes.Cut(rest, []byte(`"`))
	if !found || len(code) > 64 {
		return nil
	}
	return code
}
