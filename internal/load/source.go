// This file holds what is sent, and what a right answer is.

package load

import (
	"bytes"
	"strconv"
	"sync/atomic"
)

// Source gives the requests of a class, one after the other. A class calls it
// from one goroutine at a time.
type Source interface {
	// Next sets the bytes and the check of request n, counted from 0.
	Next(n int64, r *Request)
}

// Request is one request as it is sent.
type Request struct {
	// Bytes are all that is sent. A source may set them to memory of its own that
	// does not change, or build them in Scratch.
	Bytes []byte
	// Scratch is kept by the connection from one request to the next.
	Scratch []byte
	// Check tells whether an answer is the right one; nil takes any.
	Check Check
}

// Check tells whether an answer is the right one. It must not keep the body.
type Check func(status int, body []byte) bool

// Prefix expects a status, and a body that begins with a text.
func Prefix(status int, text string) Check {
	want := []byte(text)
	return func(got int, body []byte) bool { return got == status && bytes.HasPrefix(body, want) }
}

// Contains expects a status, and a body that holds a text somewhere.
func Contains(status int, text string) Check {
	want := []byte(text)
	return func(got int, body []byte) bool { return got == status && bytes.Contains(body, want) }
}

// Code expects a status and, in the body, the code of a failure.
func Code(status int, code string) Check {
	want := []byte(code)
	return func(got int, body []byte) bool { return got == status && bytes.Equal(errorCode(body), want) }
}

// Either expects what any of several checks expects.
func Either(checks ...Check) Check {
	return func(status int, body []byte) bool {
		for _, check := range checks {
			if check(status, body) {
				return true
			}
		}
		return false
	}
}

// Message is the parts of a request.
type Message struct {
	Method string // default POST
	Target string // path and query
	Host   string
	Header [][2]string // names and values
	Body   []byte
}

// Bytes returns the request as it is sent.
func (m Message) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(m.method() + " " + m.Target + " HTTP/1.1\r\nHost: " + m.Host + "\r\n")
	for _, h := range m.Header {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	if len(m.Body) > 0 || m.method() == "POST" {
		b.WriteString("Content-Length: " + strconv.Itoa(len(m.Body)) + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(m.Body)
	return b.Bytes()
}

func (m Message) method() string {
	if m.Method == "" {
		return "POST"
	}
	return m.Method
}

// Fixed sends the same request each time.
func Fixed(m Message, check Check) Source { return fixed{m.Bytes(), check} }

type fixed struct {
	bytes []byte
	check Check
}

func (f fixed) Next(_ int64, r *Request) { r.Bytes, r.Check = f.bytes, f.check }

// Cycle sends the requests of several sources in turn.
func Cycle(sources ...Source) Source { return cycle(sources) }

type cycle []Source

func (c cycle) Next(n int64, r *Request) {
	of := int64(len(c))
	c[n%of].Next(n/of, r)
}

// NumberMark is what Numbered replaces in a body, by digits of the same length.
const NumberMark = "<<<number>>>"

// Numbered sends requests that differ: each NumberMark in the body is replaced
// by the number of the request, in 12 digits.
func Numbered(m Message, check Check) Source {
	text := m.Bytes()
	return numbered{text, marksOf(text), check}
}

type numbered struct {
	text  []byte
	marks []int
	check Check
}

func (s numbered) Next(n int64, r *Request) {
	r.Scratch = append(r.Scratch[:0], s.text...)
	setNumber(r.Scratch, s.marks, n)
	r.Bytes, r.Check = r.Scratch, s.check
}

// marksOf tells where each NumberMark begins.
func marksOf(text []byte) (marks []int) {
	for at := 0; ; at += len(NumberMark) {
		next := bytes.Index(text[at:], []byte(NumberMark))
		if next < 0 {
			return marks
		}
		at += next
		marks = append(marks, at)
	}
}

// setNumber puts n in the place of each mark.
func setNumber(text []byte, marks []int, n int64) {
	for _, at := range marks {
		digits(text[at:at+len(NumberMark)], n)
	}
}

// digits fills b with the last digits of n, with zeros before them.
func digits(b []byte, n int64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}

// Switch is a source that can be replaced while it is in use.
type Switch struct{ current atomic.Pointer[Source] }

// NewSwitch begins with a source.
func NewSwitch(s Source) *Switch {
	w := &Switch{}
	w.Set(s)
	return w
}

// Set has the requests from now on come from another source.
func (w *Switch) Set(s Source) { w.current.Store(&s) }

// Next implements Source.
func (w *Switch) Next(n int64, r *Request) { (*w.current.Load()).Next(n, r) }
