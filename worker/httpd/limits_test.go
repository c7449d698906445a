// This file holds the bounds: times, connections, buffers, and the memory of what is
// idle.

package httpd_test

import (
	"fmt"
	"io"
	"math"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/avap-framework/avap/worker/httpd"
)

// trickle sends a text again and again, each time well within any timeout, until the
// test has the answer.
func (c *client) trickle(text string, done <-chan struct{}) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			_, _ = io.WriteString(c.TCPConn, text)
		}
	}
}

// TestTooSlow has requests that come little by little: the time runs from the first
// byte, not from the last.
func TestTooSlow(t *testing.T) {
	t.Parallel()
	const limit = time.Second // in which a busy machine sends what it can at once
	s := serve(t, &handler{}, httpd.Options{ReadTimeout: limit, IdleTimeout: time.Minute})
	for _, tt := range []struct{ name, begin, more string }{
		{"a method", "P", "O"},
		{"header lines", "POST / HTTP/1.1\r\nHost: h\r\n", "X: 1\r\n"},
		{"a header line", "POST / HTTP/1.1\r\nHost: h\r\nX: ", "x"},
		{"a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n", "x"},
		{"a large body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", strings.Repeat("x", 1000)},
		{"chunks", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
		{"a chunk's size", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "0"},
		{"a chunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n", "x"},
		{"trailers", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X: 1\r\n"},
		{"a request sent ahead", post("/", "x") + "POST / HTTP/1.1\r\nX: ", "x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := s.dial(t)
			c.send(post("/", "first"))
			c.expect(200, "POST / first")
			time.Sleep(limit * 3 / 2) // it may be idle for longer than a request may take
			began := time.Now()
			c.send(tt.begin)
			if strings.HasPrefix(tt.begin, post("/", "x")) {
				c.expect(200, "POST / x")
			}
			done := make(chan struct{})
			defer close(done)
			go c.trickle(tt.more, done)
			c.expect(408, "too slow")
			if d := time.Since(began); d < limit {
				t.Errorf("refused after %v, %v are allowed", d, limit)
			}
		})
	}
}

// TestSlowButInTime has a request that takes nearly as long as it may, twice on one
// connection.
func TestSlowButInTime(t *testing.T) {
	s := serve(t, &handler{}, httpd.Options{ReadTimeout: patience})
	c := s.dial(t)
	for range 2 {
		for _, b := range post("/", "slow") {
			c.send(string(b))
			time.Sleep(time.Millisecond)
		}
		c.expect(200, "POST / slow")
	}
}

// TestIdle checks when idle connections end: a new one after the time of a request, a
// used one after the idle time, and not before.
func TestIdle(t *testing.T) {
	t.Parallel()
	const short, long = time.Second, time.Minute
	for _, tt := range []struct {
		name       string
		read, idle time.Duration
		requests   int
	}{
		{"new", short, long, 0},
		{"used", long, short, 1},
		{"much used", long, short, 5}, // the deadline is not that of the first
		{"both are short", short, short, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, &handler{}, httpd.Options{ReadTimeout: tt.read, IdleTimeout: tt.idle})
			began := time.Now()
			c := s.dial(t)
			for i := range tt.requests {
				if i > 0 {
					time.Sleep(short / 4)
				}
				began = time.Now()
				c.send(get("/"))
				c.expect(200, "GET / ")
			}
			c.expectEnd()
			if d := time.Since(began); d < short*9/10 { // what a deadline may be early
				t.Errorf("ended after %v, %v are allowed", d, short)
			}
		})
	}
}

// TestShortTimesOfLongRequests has a handler that takes longer than a connection may be
// idle and than an answer may take to be read: both run from the answer.
func TestShortTimesOfLongRequests(t *testing.T) {
	t.Parallel()
	const limit = time.Second // in which a busy machine sends the next request
	h := &handler{serve: func(*httpd.Request) { time.Sleep(limit * 3 / 2) }}
	s := serve(t, h, httpd.Options{IdleTimeout: limit, SendTimeout: limit})
	c := s.dial(t)
	for range 3 {
		c.send(post("/", "x"))
		c.expect(200, "POST / x")
	}
}

// TestNoTimeouts has times that never end, however long the server runs.
func TestNoTimeouts(t *testing.T) {
	const never = time.Duration(math.MaxInt64)
	s := serve(t, &handler{}, httpd.Options{ReadTimeout: never, IdleTimeout: never, SendTimeout: never})
	c := s.dial(t)
	for range 2 {
		for _, part := range strings.SplitAfter(post("/", "x"), "\n") { // which is waited for
			c.send(part)
			time.Sleep(5 * time.Millisecond)
		}
		c.expect(200, "POST / x")
	}
}

// TestSlowReader has a caller that reads nothing of a large answer.
func TestSlowReader(t *testing.T) {
	h := &handler{serve: func(r *httpd.Request) { r.Answer(200, append(r.Buffer(), large(32<<20)...)) }}
	s := serve(t, h, httpd.Options{SendTimeout: 50 * time.Millisecond})
	c := s.dial(t)
	c.send(post("/", "x"))
	eventually(t, "the connection is ended", func() bool { return len(s.seen.take(c.LocalAddr())) == 1 })
	eventually(t, "the connection is ended", func() bool { return s.Connections() == 0 })
	if _, err := readAnswer(c.r, "POST"); err == nil {
		t.Error("the whole answer was sent")
	}
}

// TestMaxConns checks that what comes past the bound is closed and told of, and that there
// is room again when one of the others ends.
func TestMaxConns(t *testing.T) {
	var closed atomic.Int64
	s := serve(t, &handler{}, httpd.Options{MaxConns: 2, Full: func() { closed.Add(1) }})
	a, b := s.dial(t), s.dial(t)
	for _, c := range []*client{a, b} {
		c.send(get("/"))
		c.expect(200, "GET / ")
	}
	c := s.dial(t)
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Errorf("one too many: read %d, %v", n, err)
	}
	eventually(t, "it is told of", func() bool { return closed.Load() == 1 })
	a.Close()
	eventually(t, "there is room again", func() bool { return s.Connections() == 1 })
	c = s.dial(t)
	for _, c := range []*client{b, c} {
		c.send(get("/"))
		c.expect(200, "GET / ")
	}
}

// TestBuffers checks the budget of large headers and bodies: what asks past it is
// refused at once, and what ends gives its part back, however it ends.
func TestBuffers(t *testing.T) {
	const budget = 100 << 10
	chunked := "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct {
		name  string
		begin string // holds most of the budget, and waits for more
		held  int64
		end   string // the rest of the request; nothing closes the connection
		want  string
	}{
		{"a body", post("/", large(80<<10))[:50<<10], 80 << 10, post("/", large(80<<10))[50<<10:], "POST / " + large(80<<10)},
		{"a body that does not end", post("/", large(80<<10))[:50<<10], 80 << 10, "", ""},
		{"a body that has not begun", post("/", large(80<<10))[:60], 80 << 10, "", ""},
		{"chunks", chunked + chunks(large(60<<10), 4000)[:50<<10], 48 << 10, chunks(large(60<<10), 4000)[50<<10:], "POST / " + large(60<<10)},
		{"chunks that do not end", chunked + chunks(large(60<<10), 4000)[:50<<10], 48 << 10, "", ""},
		{"malformed chunks", chunked + chunks(large(60<<10), 4000)[:50<<10], 48 << 10, large(5000), "malformed"},
		{"a header", get("/", "X: "+large(30<<10))[:8<<10], 32 << 10, get("/", "X: "+large(30<<10))[8<<10:], "GET / "},
		{"a header that does not end", get("/", "X: "+large(30<<10))[:8<<10], 32 << 10, "", ""},
		{"a malformed header", get("/", "X: "+large(30<<10))[:8<<10], 32 << 10, "\r\n\x00\r\n\r\n", "malformed"},
		{"a header that is too large", get("/", "X: "+large(30<<10))[:8<<10], 32 << 10, large(40 << 10), "header too large"},
		{"header and body", post("/", large(50<<10), "X: "+large(10<<10))[:20<<10], 82 << 10, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, &handler{}, httpd.Options{Buffers: budget})
			c := s.dial(t)
			c.send(tt.begin)
			eventually(t, "the first request holds its buffers", func() bool { return s.Buffered() == tt.held })
			for name, sent := range map[string]string{
				"body": post("/", large(99<<10)), "chunks": chunked + chunks(large(99<<10), 1000),
			} {
				other := s.dial(t)
				go func() { _, _ = io.WriteString(other.TCPConn, sent) }()
				if a := other.receive("POST"); a.Status != 503 || a.Body != "overloaded" || !a.Close {
					t.Errorf("%s: %d %.100q", name, a.Status, a.Body)
				}
				other.Close()
			}
			small := s.dial(t) // goes on all the same
			small.send(post("/", "small"))
			small.expect(200, "POST / small")
			eventually(t, "those that were refused hold nothing", func() bool { return s.Buffered() == tt.held })
			if tt.end == "" {
				c.Close()
			} else {
				go func() { _, _ = io.WriteString(c.TCPConn, tt.end) }()
				if a := c.receive("POST"); a.Body != tt.want {
					t.Errorf("%d %.100q", a.Status, a.Body)
				}
			}
			eventually(t, "all buffers are given back", func() bool { return s.Buffered() == 0 })
			small.send(post("/", large(99<<10)))
			small.expect(200, "POST / "+large(99<<10))
		})
	}
}

// TestBuffersOfHeaders has more large headers at a time than there are buffers for.
func TestBuffersOfHeaders(t *testing.T) {
	s := serve(t, &handler{}, httpd.Options{Buffers: 70 << 10})
	sent := get("/", "X: "+large(30<<10))
	var held []*client
	for range 2 {
		c := s.dial(t)
		c.send(sent[:8<<10])
		held = append(held, c)
	}
	eventually(t, "two hold a large buffer", func() bool { return s.Buffered() == 64<<10 })
	c := s.dial(t)
	c.send(sent[:8<<10])
	c.expect(503, "overloaded")
	c.expectEnd()
	for _, c := range held {
		c.send(sent[8<<10:])
		c.expect(200, "GET / ")
	}
	eventually(t, "idle ones hold none", func() bool { return s.Buffered() == 0 })
}

// TestBuffersAhead sends many large requests ahead of their answers, all of which
// together are far more than the budget. One alone holds at most a buffer for a large
// header, which one before it may have left, and 128 KiB for a body in chunks.
func TestBuffersAhead(t *testing.T) {
	s := serve(t, &handler{}, httpd.Options{Buffers: (32 + 128) << 10})
	sent := post("/", large(90<<10)) +
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(large(90<<10), 5000) +
		post("/", large(90<<10), "X: "+large(10<<10))
	const times = 10
	c := s.dial(t)
	go func() { _, _ = io.WriteString(c.TCPConn, strings.Repeat(sent, times)) }()
	for range 3 * times {
		c.expect(200, "POST / "+large(90<<10))
	}
	eventually(t, "all buffers are given back", func() bool { return s.Buffered() == 0 })
}

// TestBuffersUsedAgain checks that a body counts all the same where its buffer is one
// that an earlier request has left, and that the largest one asks for no more than it
// needs.
func TestBuffersUsedAgain(t *testing.T) {
	const most = 64 << 10
	s := serve(t, &handler{}, httpd.Options{MaxBody: most, Buffers: most})
	head := "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	body := chunks(large(most), 5000)
	c := s.dial(t)
	for range 10 {
		c.send(head + body)
		c.expect(200, "POST / "+large(most))
	}
	for range 10 {
		c.send(head + body[:most-5000])
		eventually(t, "its body is counted", func() bool { return s.Buffered() == most-16<<10 })
		c.send(body[most-5000:])
		c.expect(200, "POST / "+large(most))
	}
}

// TestIdleMemory checks that idle connections hold no buffers: what one costs, both
// its ends and its goroutine together.
func TestIdleMemory(t *testing.T) {
	const conns, most = 2000, 12 << 10 // the race detector's share included
	s := serve(t, &handler{}, httpd.Options{})
	used := func() int64 {
		var m runtime.MemStats
		runtime.GC() // twice: what a pool holds survives one
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	for _, tt := range []struct {
		name, sent string
	}{
		{"after a small request", get("/")},
		{"after a large header", get("/", "X: "+large(20<<10))},
		{"after a large body", post("/x", large(60<<10))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			open := make([]net.Conn, conns)
			answer := make([]byte, 64<<10)
			before := used()
			for i := range open {
				c, err := net.Dial("tcp", s.addr)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, err := io.WriteString(c, tt.sent); err != nil {
					t.Fatal(err)
				}
				for got := ""; !strings.HasSuffix(got, tt.sent[strings.LastIndex(tt.sent, "\n")+1:]) || !strings.Contains(got, "\r\n\r\n"); {
					n, err := c.Read(answer[len(got):])
					if err != nil {
						t.Fatal(err)
					}
					got = string(answer[:len(got)+n])
				}
				s.seen.take(c.LocalAddr())
				open[i] = c
			}
			eventually(t, "all are idle", func() bool { return s.Connections() == conns && s.Buffered() == 0 })
			each := (used() - before) / conns
			t.Logf("%d bytes for each connection", each)
			if each > most {
				t.Errorf("an idle connection costs %d bytes, want at most %d", each, most)
			}
		})
		eventually(t, "the connections are gone", func() bool { return s.Connections() == 0 })
	}
}

// TestManyAtOnce has many connections with requests of every kind.
func TestManyAtOnce(t *testing.T) {
	s := serve(t, &handler{}, httpd.Options{})
	const conns = 40
	errs := make(chan error, conns)
	for i := range conns {
		c := s.dial(t)
		go func() {
			for j := range 30 {
				body := large((i*31 + j*7919) % (40 << 10))
				sent := post(fmt.Sprintf("/%d/%d", i, j), body)
				if j%3 == 0 {
					sent = fmt.Sprintf("POST /%d/%d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", i, j) + chunks(body, 1+i*100)
				}
				if _, err := io.WriteString(c.TCPConn, sent); err != nil {
					errs <- err
					return
				}
				a, err := readAnswer(c.r, "POST")
				if want := fmt.Sprintf("POST /%d/%d %s", i, j, body); err != nil || a.Body != want {
					errs <- fmt.Errorf("%d %.100q, %w", a.Status, a.Body, err)
					return
				}
			}
			errs <- nil
		}()
	}
	for range conns {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
