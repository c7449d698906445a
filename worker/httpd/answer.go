// This file holds the answer to a request, whose header and body are sent in one write.

package httpd

import (
	"net/http"
	"strconv"
	"time"
)

// Field adds a header field to the answer. Name and value must be printable.
func (r *Request) Field(name, value string) {
	r.fields = append(append(append(append(r.fields, name...), ": "...), value...), "\r\n"...)
}

// FieldBytes is Field for a value in bytes.
func (r *Request) FieldBytes(name string, value []byte) {
	r.fields = append(append(append(append(r.fields, name...), ": "...), value...), "\r\n"...)
}

// Buffer returns the buffer that the body of the answer is appended to.
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

// Bodiless reports whether answers of a status have no body.
func Bodiless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusResetContent || status == http.StatusNotModified
}
