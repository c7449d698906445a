// This file holds what happens beside requests: panics, callers that go away, and the
// end of the server.

package httpd_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/avap-framework/avap/worker/httpd"
)

// TestPanic has a handler that panics, in each of its methods: the request is
// answered where that is possible, its connection ends, and the server goes on.
func TestPanic(t *testing.T) {
	boom := func(r *httpd.Request) {
		if strings.HasPrefix(string(r.Header.RequestURI()), "/boom") {
			panic("boom")
		}
	}
	for _, tt := range []struct {
		name, sent string
		handler    *handler
		want       string // nothing is no answer
	}{
		{"Head", post("/boom", "x"), &handler{head: boom}, "defect"},
		{"Head, with a large body", post("/boom", large(50<<10)), &handler{head: boom}, "defect"},
		{"Serve", post("/boom", "x"), &handler{serve: boom}, "defect"},
		{"Serve, with a large body", post("/boom", large(50<<10)), &handler{serve: boom}, "defect"},
		{"Serve, with one sent ahead", post("/boom", "x") + get("/"), &handler{serve: boom}, "defect"},
		{"Refuse", "POST /boom HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", &handler{refuse: boom}, ""},
		{"Refuse, with a large body", post("/boom", large(50<<10)), &handler{serve: boom, refuse: boom}, ""},
		{"Done", post("/boom", large(50<<10)), &handler{done: boom}, "POST /boom " + large(50<<10)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.handler, httpd.Options{})
			for range 3 {
				c := s.dial(t)
				go func() { _, _ = io.WriteString(c.TCPConn, tt.sent) }()
				if tt.want != "" {
					if a := c.receive("POST"); a.Body != tt.want {
						t.Errorf("%d %.100q", a.Status, a.Body)
					}
				}
				if rest, _ := io.ReadAll(c.r); len(rest) > 0 { // the end may be a reset
					t.Errorf("%.100q, want the end", rest)
				}
				c.Close()
				other := s.dial(t)
				other.send(post("/", "x"))
				other.expect(200, "POST / x")
				other.Close()
			}
			eventually(t, "nothing is held", func() bool { return s.Buffered() == 0 && s.Connections() == 0 })
		})
	}
}

func TestAbort(t *testing.T) {
	s := serve(t, &handler{serve: func(r *httpd.Request) { r.Abort = string(r.Body) == "abort" }}, httpd.Options{})
	c := s.dial(t)
	c.send(post("/", "x"))
	c.expect(200, "POST / x")
	c.send(post("/", "abort"))
	c.expectEnd()
	c = s.dial(t) // with a request that is used again
	c.send(post("/", "x"))
	c.expect(200, "POST / x")
}

// TestWatch has callers that go away, or do not, while the handler works.
func TestWatch(t *testing.T) {
	t.Parallel()
	began, goOn := make(chan struct{}), make(chan struct{})
	noticed := make(chan string, 1)
	h := &handler{serve: func(r *httpd.Request) {
		gone := make(chan struct{})
		stop := r.Watch(func() { close(gone) })
		began <- struct{}{}
		select {
		case <-gone:
			noticed <- "gone"
			stop()
		case <-goOn:
			stop()
			select {
			case <-gone:
				noticed <- "gone"
			default:
				noticed <- "there"
			}
		}
	}}
	const readTime = time.Second // in which a busy machine sends what it can at once
	s := serve(t, h, httpd.Options{ReadTimeout: readTime, IdleTimeout: time.Minute})
	for _, tt := range []struct {
		name  string
		leave func(*client)
		want  string
	}{
		{"closes", func(c *client) { c.Close() }, "gone"},
		{"closes its side", func(c *client) { _ = c.CloseWrite() }, "gone"},
		{"resets", func(c *client) { _ = c.SetLinger(0); c.Close() }, "gone"},
		{"stays", func(*client) { goOn <- struct{}{} }, "there"},
		{"sends more", func(c *client) { c.send(" "); goOn <- struct{}{} }, "there"},
		{"closes after the time of reading", func(c *client) { time.Sleep(readTime * 5 / 4); c.Close() }, "gone"},
		{"stays for longer than the time of reading", func(*client) { time.Sleep(readTime * 5 / 4); goOn <- struct{}{} }, "there"},
	} {
		for _, inPieces := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{true: ", in pieces"}[inPieces], func(t *testing.T) {
				c := s.dial(t)
				if inPieces { // then the deadline is that of the request
					c.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
					if a := c.receive("POST"); a.Status != 100 {
						t.Fatal(a)
					}
					c.send("x")
				} else {
					c.send(post("/", "x"))
				}
				<-began
				tt.leave(c)
				select {
				case got := <-noticed:
					if got != tt.want {
						t.Errorf("the caller is %s, want %s", got, tt.want)
					}
				case <-time.After(patience):
					goOn <- struct{}{}
					t.Fatalf("not noticed; the caller is %s", <-noticed)
				}
				if tt.want == "there" && tt.name != "sends more" { // it is served as before
					c.expect(200, "POST / x")
					for _, b := range post("/", "again") {
						c.send(string(b))
					}
					<-began
					goOn <- struct{}{}
					c.expect(200, "POST / again")
					<-noticed
				}
				c.Close()
			})
		}
	}
}

// TestDeadlineBehindWatch checks that the times of reading are in force again when the
// watching is over.
func TestDeadlineBehindWatch(t *testing.T) {
	t.Parallel()
	h := &handler{serve: func(r *httpd.Request) { r.Watch(func() {})() }}
	for _, tt := range []struct {
		name, next string
		want       string
		opt        httpd.Options
	}{
		{"idle", "", "", httpd.Options{IdleTimeout: 200 * time.Millisecond}},
		{"the next request", "POST / HTTP/1.1\r\n", "too slow", httpd.Options{ReadTimeout: time.Second}},
	} {
		for _, ahead := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{true: ", ahead"}[ahead], func(t *testing.T) {
				s := serve(t, h, tt.opt)
				c := s.dial(t)
				if ahead {
					c.send(post("/", "x") + tt.next)
					c.expect(200, "POST / x")
				} else {
					c.send(post("/", "x"))
					c.expect(200, "POST / x")
					c.send(tt.next)
				}
				if tt.want != "" {
					c.expect(408, tt.want)
				}
				c.expectEnd()
			})
		}
	}
}

func TestGone(t *testing.T) {
	began, noticed := make(chan bool), make(chan struct{})
	s := serve(t, &handler{serve: func(r *httpd.Request) {
		began <- r.Gone()
		for end := time.Now().Add(patience); !r.Gone() && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		close(noticed)
	}}, httpd.Options{})
	c := s.dial(t)
	c.send(post("/", "x"))
	if <-began {
		t.Error("gone at once")
	}
	c.Close()
	<-noticed
}

// shutdown shuts a server down in the background.
func (s *server) shutdown(ctx context.Context) <-chan error {
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	return done
}

// refusesNew waits until a server accepts nothing any more.
func (s *server) refusesNew(t *testing.T) {
	t.Helper()
	eventually(t, "nothing is accepted any more", func() bool {
		nc, err := net.Dial("tcp", s.addr)
		if err == nil {
			nc.Close()
		}
		return err != nil
	})
}

// TestDrain checks that draining ends connections with their next answer, and none
// before.
func TestDrain(t *testing.T) {
	s := serve(t, &handler{}, httpd.Options{})
	c := s.dial(t)
	c.send(get("/"))
	c.expect(200, "GET / ")
	s.Drain()
	for range 2 { // an old connection, then a new one
		c.send(get("/") + get("/ahead"))
		if a := c.receive("GET"); a.Status != 200 || !a.Close {
			t.Errorf("%v", a)
		}
		c.expectEnd()
		c = s.dial(t)
	}
}

// TestShutdown has connections in every state when the server ends.
func TestShutdown(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	s := serve(t, &handler{serve: func(r *httpd.Request) {
		if string(r.Header.RequestURI()) == "/long" {
			began <- struct{}{}
			<-goOn
		}
	}}, httpd.Options{})
	used, long, ahead, half := s.dial(t), s.dial(t), s.dial(t), s.dial(t)
	used.send(get("/"))
	used.expect(200, "GET / ")
	long.send(get("/long"))
	<-began
	ahead.send(get("/long") + get("/lost"))
	<-began
	body := post("/", large(10<<10))
	half.send(body[:5000])
	fresh := s.dial(t) // has a second from now on
	eventually(t, "all are accepted", func() bool { return s.Connections() == 5 })
	done := s.shutdown(t.Context())
	s.refusesNew(t)
	fresh.send(post("/", "accepted just before"))
	used.expectEnd()
	half.send(body[5000:])
	for c, want := range map[*client]string{fresh: "POST / accepted just before", half: "POST / " + large(10<<10)} {
		if a := c.receive("POST"); a.Body != want || !a.Close {
			t.Errorf("%d %.100q, close %v", a.Status, a.Body, a.Close)
		}
		c.expectEnd()
	}
	select {
	case err := <-done:
		t.Errorf("it is over before the requests are: %v", err)
	default:
	}
	close(goOn)
	for _, c := range []*client{long, ahead} {
		if a := c.receive("GET"); a.Body != "GET /long " || !a.Close {
			t.Errorf("%v", a)
		}
		if rest, _ := io.ReadAll(c.r); len(rest) > 0 {
			t.Errorf("%q, want the end", rest)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := s.Shutdown(t.Context()); err != nil { // once more
		t.Error(err)
	}
}

// TestShutdownOfNew checks that new connections that send nothing do not hold the end
// up for as long as a request may take.
func TestShutdownOfNew(t *testing.T) {
	s := serve(t, &handler{}, httpd.Options{ReadTimeout: time.Hour})
	c := s.dial(t)
	eventually(t, "it is accepted", func() bool { return s.Connections() == 1 })
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	c.expectEnd()
}

// TestShutdownCutsOff checks that what does not end in time is cut off.
func TestShutdownCutsOff(t *testing.T) {
	began := make(chan struct{})
	s := serve(t, &handler{serve: func(r *httpd.Request) {
		gone := make(chan struct{})
		stop := r.Watch(func() { close(gone) })
		defer stop()
		close(began)
		<-gone
	}}, httpd.Options{})
	c := s.dial(t)
	c.send(get("/"))
	<-began
	half := s.dial(t)
	half.send("POST / HTTP/1.1\r\n")
	ctx, cancel := context.WithCancel(t.Context())
	done := s.shutdown(ctx)
	s.refusesNew(t)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for _, c := range []*client{c, half} {
		if rest, _ := io.ReadAll(c.r); len(rest) > 0 {
			t.Errorf("%q, want the end", rest)
		}
	}
}

// TestShutdownAtOnce checks that a server without a request needs no time to end.
func TestShutdownAtOnce(t *testing.T) {
	for range 20 { // of what is ready at the same time either may be seen first
		s := serve(t, &handler{}, httpd.Options{})
		c := s.dial(t)
		c.send(get("/"))
		c.expect(200, "GET / ")
		c.Close()
		eventually(t, "the connection is gone", func() bool { return s.Connections() == 0 })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func TestShutdownBeforeServe(t *testing.T) {
	s := httpd.New(httpd.Options{Handler: &handler{}})
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(l); !errors.Is(err, httpd.ErrClosed) {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open: %v", err)
	}
}

// TestServeEndsWithItsListener checks that Serve tells of a listener that somebody
// else has closed, and that Shutdown does not wait for it.
func TestServeEndsWithItsListener(t *testing.T) {
	s := httpd.New(httpd.Options{Handler: &handler{}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := s.Serve(l); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestNothingLost ends servers just when requests have been sent on connections that
// were idle: what has been sent is answered.
func TestNothingLost(t *testing.T) {
	const conns = 64
	for range 30 {
		s := serve(t, &handler{}, httpd.Options{})
		var clients []*client
		for range conns {
			c := s.dial(t)
			c.send(post("/", "before"))
			clients = append(clients, c)
		}
		for _, c := range clients {
			c.expect(200, "POST / before")
		}
		sent := make(chan struct{})
		go func() {
			for _, c := range clients {
				_, _ = io.WriteString(c.TCPConn, post("/", "in time"))
			}
			close(sent)
		}()
		<-sent
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		for _, c := range clients {
			a, err := readAnswer(c.r, "POST")
			if err != nil || a.Body != "POST / in time" {
				t.Fatalf("%v, %v", a, err)
			}
			c.Close()
		}
	}
}

// unsteady is a listener whose first calls fail, or give what is no TCP connection.
type unsteady struct {
	net.Listener
	errs  []error
	conns []net.Conn
}

func (u *unsteady) Accept() (net.Conn, error) {
	if len(u.errs) > 0 {
		err := u.errs[0]
		u.errs = u.errs[1:]
		return nil, err
	}
	if len(u.conns) > 0 {
		c := u.conns[0]
		u.conns = u.conns[1:]
		return c, nil
	}
	return u.Listener.Accept()
}

// TestAcceptFails checks that the server outlives a listener that fails now and then.
func TestAcceptFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe()
	full := &net.OpError{Op: "accept", Err: syscall.EMFILE}
	s := &server{httpd.New(httpd.Options{Handler: &handler{}}), nil, l.Addr().String()}
	served := make(chan error, 1)
	go func() { served <- s.Serve(&unsteady{l, []error{full, full}, []net.Conn{there}}) }()
	c := s.dial(t)
	c.send(post("/", "x"))
	c.expect(200, "POST / x")
	if _, err := here.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("what is no TCP connection is not closed: %v", err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, httpd.ErrClosed) {
		t.Error(err)
	}
}
