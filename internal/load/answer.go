// This file reads answers of HTTP/1.1, no further than a load generator needs.

package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxBody is how large the body of an answer may be, in bytes.
const MaxBody = 64 << 20

const (
	readBuffer = 4 << 10
	// maxLines bounds the header of an answer.
	maxLines = 200
)

// errMalformed is wrapped by every error that is about the bytes of an answer.
var errMalformed = errors.New("malformed answer")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errMalformed}, args...)...)
}

// An answer is one that has been read. Its body lives until the next one is.
type answer struct {
	status int
	body   []byte
	last   bool  // the connection ends with it
	size   int64 // bytes of the whole, but for those between chunks
	kept   []byte
}

// read reads one answer to a request that is not HEAD. The error is io.EOF
// where the connection ended before the first byte.
func (a *answer) read(in *bufio.Reader) error {
	for {
		length, chunked, err := a.readHeader(in)
		if err != nil {
			return err
		}
		if a.status < 200 {
			continue // an interim one; the answer itself follows
		}
		switch {
		case a.status == 204 || a.status == 304:
			a.body = nil
			return nil
		case chunked:
			return a.readChunks(in)
		case length >= 0:
			return a.readLength(in, length)
		}
		a.last = true
		return a.readRest(in)
	}
}

// readHeader reads up to the empty line; length is -1 where none was given.
func (a *answer) readHeader(in *bufio.Reader) (length int64, chunked bool, err error) {
	a.size, a.body = 0, nil
	line, err := a.line(in)
	if err != nil {
		if errors.Is(err, io.EOF) && a.size > 0 {
			err = io.ErrUnexpectedEOF
		}
		return 0, false, err
	}
	if err := a.statusLine(line); err != nil {
		return 0, false, err
	}
	length = -1
	for range maxLines {
		line, err := a.line(in)
		if err != nil {
			return 0, false, unexpected(err)
		}
		if len(line) == 0 {
			if chunked {
				length = -1
			}
			return length, chunked, nil
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found {
			return 0, false, malformed("a header without a colon")
		}
		switch value = bytes.Trim(value, " \t"); {
		case is(name, "content-length"):
			n, ok := number(value, 10)
			if !ok || length >= 0 && n != length {
				return 0, false, malformed("Content-Length %q", value)
			}
			length = n
		case is(name, "transfer-encoding"):
			if !is(value, "chunked") {
				return 0, false, malformed("Transfer-Encoding %q", value)
			}
			chunked = true
		case is(name, "connection"):
			a.last = a.last || is(value, "close")
		}
	}
	return 0, false, malformed("more than %d headers", maxLines)
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

// line reads a line without its end.
func (a *answer) line(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	a.size += int64(len(line))
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, malformed("a line of more than %d bytes", readBuffer)
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// readLength reads a body of a known size, out of the buffer where it fits.
func (a *answer) readLength(in *bufio.Reader, length int64) error {
	if length > MaxBody {
		return malformed("a body of %d bytes", length)
	}
	a.size += length
	if length <= int64(in.Size()) {
		body, err := in.Peek(int(length))
		if err != nil {
			return unexpected(err)
		}
		a.body = body
		_, err = in.Discard(len(body)) // the bytes stay until the next read
		return err
	}
	a.kept = a.kept[:0]
	return a.append(in, int(length))
}

// append reads n bytes more of the body.
func (a *answer) append(in *bufio.Reader, n int) error {
	if len(a.kept)+n > MaxBody {
		return malformed("a body of more than %d bytes", MaxBody)
	}
	for n > 0 {
		// A length is only believed as far as bytes follow.
		part := min(n, 256<<10)
		start := len(a.kept)
		a.kept = append(a.kept, make([]byte, part)...)
		got, err := io.ReadFull(in, a.kept[start:])
		a.kept = a.kept[:start+got]
		if err != nil {
			return unexpected(err)
		}
		n -= part
	}
	a.body = a.kept
	return nil
}

func (a *answer) readChunks(in *bufio.Reader) error {
	a.kept = a.kept[:0]
	for {
		line, err := a.line(in)
		if err != nil {
			return unexpected(err)
		}
		digits, _, _ := bytes.Cut(line, []byte(";"))
		size, ok := number(bytes.TrimRight(digits, " \t"), 16)
		if !ok || size > MaxBody {
			return malformed("chunk %.60q", line)
		}
		a.size += size
		if size == 0 {
			a.body = a.kept
			return a.trailer(in)
		}
		if err := a.append(in, int(size)); err != nil {
			return err
		}
		if line, err = a.line(in); err != nil {
			return unexpected(err)
		}
		if len(line) != 0 {
			return malformed("a chunk that is longer than it says")
		}
	}
}

func (a *answer) trailer(in *bufio.Reader) error {
	for range maxLines {
		line, err := a.line(in)
		if err != nil {
			return unexpected(err)
		}
		if len(line) == 0 {
			return nil
		}
	}
	return malformed("more than %d trailers", maxLines)
}

// readRest reads a body that ends with the connection.
func (a *answer) readRest(in *bufio.Reader) error {
	body, err := io.ReadAll(io.LimitReader(in, MaxBody+1))
	if err != nil {
		return err
	}
	if len(body) > MaxBody {
		return malformed("a body of more than %d bytes", MaxBody)
	}
	a.body, a.size = body, a.size+int64(len(body))
	return nil
}

// unexpected is the error for an end where more had to follow.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

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
