// This file holds what the tests of this package share: a server behind a loopback
// socket, a handler that says what came, and a client that writes bytes.

package httpd_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/avap-framework/avap/worker/httpd"
)

// TestMain has the tests that wait for times to pass do so side by side, however few
// processors there are. go test -parallel overrides it.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// problems are the names and statuses with which the test's handler refuses.
var problems = map[httpd.Problem]struct {
	name   string
	status int
}{
	httpd.Malformed: {"malformed", 400}, httpd.HeaderTooLarge: {"header too large", 431},
	httpd.BodyTooLarge: {"body too large", 413}, httpd.Overloaded: {"overloaded", 503},
	httpd.TooSlow: {"too slow", 408}, httpd.Broken: {"broken", 400}, httpd.Defect: {"defect", 500},
}

// handler answers each request with what came: "POST /target body".
type handler struct {
	head, serve, refuse, done func(*httpd.Request) // on top of it; nil for nothing

	mu     sync.Mutex
	served map[netip.AddrPort][]request // by the client's address
}

// request is what the handler saw.
type request struct {
	method, target, body string
	refused              string // why; then nothing else but the method is certain
}

func (r request) String() string {
	if r.refused != "" {
		return r.refused
	}
	return r.method + " " + r.target + " " + r.body
}

func (h *handler) note(r *httpd.Request, refused string) request {
	h.mu.Lock()
	defer h.mu.Unlock()
	q := request{string(r.Header.Method()), string(r.Header.RequestURI()), string(r.Body), refused}
	if h.served == nil {
		h.served = map[netip.AddrPort][]request{}
	}
	h.served[r.Remote] = append(h.served[r.Remote], q)
	return q
}

// take gives what the client at an address asked for.
func (h *handler) take(addr net.Addr) []request {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := addr.(*net.TCPAddr).AddrPort()
	key = netip.AddrPortFrom(key.Addr().Unmap(), key.Port())
	defer delete(h.served, key)
	return h.served[key]
}

// Head refuses the target /no itself.
func (h *handler) Head(r *httpd.Request) bool {
	if h.head != nil {
		h.head(r)
	}
	if string(r.Header.RequestURI()) == "/no" {
		h.note(r, "no")
		r.Answer(http.StatusForbidden, append(r.Buffer(), "no"...))
		return false
	}
	return true
}

func (h *handler) Serve(r *httpd.Request) {
	q := h.note(r, "")
	r.Answer(http.StatusOK, append(r.Buffer(), q.String()...))
	if h.serve != nil {
		h.serve(r)
	}
}

func (h *handler) Refuse(r *httpd.Request, why httpd.Problem) {
	h.note(r, problems[why].name)
	r.Answer(problems[why].status, append(r.Buffer(), problems[why].name...))
	if h.refuse != nil {
		h.refuse(r)
	}
}

func (h *handler) Done(r *httpd.Request) {
	if h.done != nil {
		h.done(r)
	}
}

// server is a server of a test.
type server struct {
	*httpd.Server
	seen *handler
	addr string
}

// serve starts a server with a handler of the test's own. When the test is over,
// nothing may be left of it.
func serve(t testing.TB, h *handler, opt httpd.Options) *server {
	t.Helper()
	s := serveAny(t, h, opt)
	s.seen = h
	return s
}

// serveAny is serve for any handler.
func serveAny(t testing.TB, h httpd.Handler, opt httpd.Options) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opt.Handler = h
	s := &server{httpd.New(opt), nil, l.Addr().String()}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, httpd.ErrClosed) {
			t.Error(err)
		}
		if s.Connections() != 0 || s.Buffered() != 0 {
			t.Errorf("%d connections and %d bytes are left", s.Connections(), s.Buffered())
		}
	})
	return s
}

// client is one connection.
type client struct {
	*net.TCPConn
	t testing.TB
	r *bufio.Reader
}

// dial connects to a server. The connection does not outlive the test, nor the test's
// patience.
func (s *server) dial(t testing.TB) *client {
	t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{nc.(*net.TCPConn), t, bufio.NewReader(nc)}
}

// send writes bytes.
func (c *client) send(parts ...string) {
	c.t.Helper()
	for _, p := range parts {
		if _, err := io.WriteString(c.TCPConn, p); err != nil {
			c.t.Fatal(err)
		}
	}
}

// answer is one answer: its status, its body, and whether the connection ends.
type answer struct {
	Status int
	Body   string
	Close  bool
}

// receive reads one answer to a request of a method.
func (c *client) receive(method string) answer {
	c.t.Helper()
	a, err := readAnswer(c.r, method)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

func readAnswer(r *bufio.Reader, method string) (answer, error) {
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(body), resp.Close}, err
}

// expect reads one answer, which must be this.
func (c *client) expect(status int, body string) {
	c.t.Helper()
	if a := c.receive("POST"); a.Status != status || a.Body != body {
		c.t.Errorf("%d %.300q, want %d %.300q", a.Status, a.Body, status, body)
	}
}

// expectEnd checks that the server ends the connection, without a byte more.
func (c *client) expectEnd() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		c.t.Errorf("%.300q and %v, want the end", rest, err)
	}
}

// eventually waits until something is so that another goroutine brings about.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// post is a POST request with a body.
func post(target, body string, fields ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n%s\r\n%s", target, len(body), lines(fields), body)
}

// get is a GET request.
func get(target string, fields ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + lines(fields) + "\r\n"
}

func lines(fields []string) string {
	var b bytes.Buffer
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	return b.String()
}

// large is a text of n bytes that is not the same everywhere.
func large(n int) string {
	return strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz-", n/37+1)[:n]
}
