// Reading the body of an answer within the memory that the execution has left.

package httpclient

import (
	"bytes"
	"io"
	"net/http"

	"github.com/avap-framework/avap/host"
)

const (
	firstPiece = 4 << 10 // of a body whose length is not known
	maxPiece   = 64 << 10
)

// hookError marks an error of Grow or Follow, which the caller gets as it is.
type hookError struct{ err error }

func (e *hookError) Error() string { return e.err.Error() }
func (e *hookError) Unwrap() error { return e.err }

// readBody reads the body in pieces and asks grow for each before it exists. The
// transport has undone gzip already, so that a piece is what will be held.
func readBody(resp *http.Response, grow host.Grow) ([]byte, error) {
	var pieces [][]byte
	held, size := 0, firstPiece
	for {
		if left := resp.ContentLength - int64(held); resp.ContentLength >= 0 {
			if left == 0 {
				return bytes.Join(pieces, nil), atEnd(resp.Body)
			}
			size = int(min(left, maxPiece))
		}
		if grow != nil {
			if err := grow(size); err != nil {
				return nil, &hookError{err}
			}
		}
		piece := make([]byte, size)
		n, err := fill(resp.Body, piece)
		pieces, held = append(pieces, piece[:n]), held+n
		switch err {
		case nil:
			size = min(2*size, maxPiece)
		case io.EOF:
			return bytes.Join(pieces, nil), nil
		default:
			return nil, err
		}
	}
}

// fill reads until the piece is full or the reader fails. Unlike io.ReadFull it
// gives the reader's own error, which tells a body's end from one cut short.
func fill(r io.Reader, piece []byte) (int, error) {
	n := 0
	for n < len(piece) {
		m, err := r.Read(piece[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// atEnd reads the end of a body whose bytes are all there, which makes the
// connection fit for reuse.
func atEnd(body io.Reader) error {
	if n, err := fill(body, make([]byte, 1)); n == 0 && err == io.EOF {
		return nil
	}
	return invalid("the answer is longer than it said")
}
