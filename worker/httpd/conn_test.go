// This file holds requests as they should be: one after the other, ahead, in pieces,
// of every size.

package httpd_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/worker/httpd"
)

// TestExchange sends bytes at once, then closes its side, and reads all answers.
func TestExchange(t *testing.T) {
	s := serve(t, &handler{}, httpd.Options{MaxBody: 100 << 10})
	big := large(90 << 10)
	for _, tt := range []struct {
		name, send string
		methods    []string // of the answers; none stands for POST alone
		want       []answer
	}{
		{"GET", get("/a?b=c"), nil, []answer{{200, "GET /a?b=c ", false}}},
		{"POST", post("/", "hello"), nil, []answer{{200, "POST / hello", false}}},
		{"no body", "POST / HTTP/1.1\r\nHost: h\r\n\r\n", nil, []answer{{200, "POST / ", false}}},
		{"close", post("/", "x", "Connection: close") + get("/"), nil, []answer{{200, "POST / x", true}}},
		{"close among others", post("/", "x", "Connection: foo, Close") + get("/"), nil, []answer{{200, "POST / x", true}}},
		{
			"HEAD", "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" + get("/b"),
			[]string{"HEAD", "GET"},
			[]answer{{200, "", false}, {200, "GET /b ", false}},
		},
		{
			"a GET with a body", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" + get("/b"),
			[]string{"GET", "GET"},
			[]answer{{200, "GET / abc", false}, {200, "GET /b ", false}},
		},
		{"HTTP/1.0", "POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx" + get("/"), nil, []answer{{200, "POST / x", true}}},
		{
			"HTTP/1.0 that goes on", "POST / HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx" + get("/"),
			[]string{"POST", "GET"},
			[]answer{{200, "POST / x", false}, {200, "GET / ", false}},
		},
		{
			"HTTP/1.0 that goes on, otherwise spelled", "POST / HTTP/1.0\r\ncONNECTION: keep-ALIVE\r\nContent-Length: 1\r\n\r\nx" + get("/"),
			[]string{"POST", "GET"},
			[]answer{{200, "POST / x", false}, {200, "GET / ", false}},
		},
		{
			"HTTP/1.0 that goes on, and something else", "GET /1 HTTP/1.0\r\nConnection: keep-alive\r\nConnection: foo\r\n\r\n" + get("/2"),
			[]string{"GET", "GET"},
			[]answer{{200, "GET /1 ", false}, {200, "GET /2 ", false}},
		},
		{
			"HTTP/1.0 that goes on, and does not", "GET / HTTP/1.0\r\nConnection: keep-alive\r\nconnection: foo ,\tClose\r\n\r\n" + get("/"),
			[]string{"GET"},
			[]answer{{200, "GET / ", true}},
		},
		{
			"HTTP/1.0 with something else first", "GET / HTTP/1.0\r\nConnection: foo\r\nConnection: keep-alive\r\n\r\n" + get("/"),
			[]string{"GET"},
			[]answer{{200, "GET / ", true}},
		},
		{"empty lines in front", "\r\n\r\n" + get("/"), nil, []answer{{200, "GET / ", false}}},
		{
			"ahead", get("/1") + post("/2", "two") + get("/3"),
			[]string{"GET", "POST", "GET"},
			[]answer{{200, "GET /1 ", false}, {200, "POST /2 two", false}, {200, "GET /3 ", false}},
		},
		{
			"a large body, and one more", post("/1", big) + get("/2"),
			[]string{"POST", "GET"},
			[]answer{{200, "POST /1 " + big, false}, {200, "GET /2 ", false}},
		},
		{
			"large bodies", strings.Repeat(post("/", big), 3),
			[]string{"POST", "POST", "POST"},
			[]answer{{200, "POST / " + big, false}, {200, "POST / " + big, false}, {200, "POST / " + big, false}},
		},
		{
			"a large header, and one more", get("/1", "X: "+large(20<<10)) + post("/2", "two"),
			[]string{"GET", "POST"},
			[]answer{{200, "GET /1 ", false}, {200, "POST /2 two", false}},
		},
		{
			"a large header that the next one follows", get("/1", "X: "+large(20<<10)) + get("/2", "X: "+large(25<<10)),
			[]string{"GET", "GET"},
			[]answer{{200, "GET /1 ", false}, {200, "GET /2 ", false}},
		},
		{
			"a large header and a large body", post("/1", big, "X: "+large(20<<10)) + get("/2"),
			[]string{"POST", "GET"},
			[]answer{{200, "POST /1 " + big, false}, {200, "GET /2 ", false}},
		},
		{
			"refused by Head", post("/no", "x") + get("/2"),
			[]string{"POST", "GET"},
			[]answer{{403, "no", false}, {200, "GET /2 ", false}},
		},
		{"refused by Head with a large body", post("/no", big) + get("/2"), nil, []answer{{403, "no", true}}},
		{
			"refused by Head with chunks", "POST /no HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get("/2"), nil,
			[]answer{{403, "no", true}},
		},
		{
			"refused HEAD", "HEAD /no HTTP/1.1\r\nHost: h\r\n\r\n" + get("/2"),
			[]string{"HEAD", "GET"},
			[]answer{{403, "", false}, {200, "GET /2 ", false}},
		},
		{"nothing", "", []string{}, nil},
		{"half a request", "POST / HT", nil, []answer{{400, "broken", true}}},
		{"half a header", "POST / HTTP/1.1\r\nHost: h\r\n", nil, []answer{{400, "broken", true}}},
		{"half a body", post("/", "hello")[:50], nil, []answer{{400, "broken", true}}},
		{"half a chunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", nil, []answer{{400, "broken", true}}},
		{"no last chunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", nil, []answer{{400, "broken", true}}},
		{
			"no line behind the last chunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", nil,
			[]answer{{400, "broken", true}},
		},
		{
			"an expectation that nobody knows, otherwise spelled", "POST / HTTP/1.1\r\nHost: h\r\nEXPECT: miracles\r\nContent-Length: 3\r\n\r\n", nil,
			[]answer{{400, "malformed", true}},
		},
		{
			"an expectation that nobody knows", "POST / HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\nContent-Length: 3\r\n\r\n", nil,
			[]answer{{400, "malformed", true}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := s.dial(t)
			go func() { // both sides would wait for ever where neither reads
				_, _ = io.WriteString(c.TCPConn, tt.send)
				_ = c.CloseWrite()
			}()
			if tt.methods == nil {
				tt.methods = []string{"POST"}
			}
			var got []answer
			for _, m := range tt.methods {
				got = append(got, c.receive(m))
			}
			c.expectEnd()
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got)\n%.2000s", d)
			}
		})
	}
}

// TestAnswers holds the header of answers.
func TestAnswers(t *testing.T) {
	status := 200
	h := &handler{serve: func(r *httpd.Request) {
		r.Field("X-A", "1")
		r.FieldBytes("X-B", []byte("2"))
		r.Answer(status, append(r.Buffer(), `"body"`...))
	}}
	s := serve(t, h, httpd.Options{})
	for _, tt := range []struct {
		name, method, protocol, connection string
		status                             int
		length                             string
		want                               string
	}{
		{"usual", "GET", "1.1", "", 200, "6", ""},
		{"HEAD has the length that GET would have", "HEAD", "1.1", "", 200, "6", ""},
		{"without a body", "GET", "1.1", "", 204, "", ""},
		{"reset", "GET", "1.1", "", 205, "0", ""},
		{"not modified", "GET", "1.1", "", 304, "", ""},
		{"an error", "GET", "1.1", "", 500, "6", ""},
		{"a status without a name", "GET", "1.1", "", 299, "6", ""},
		{"closes", "GET", "1.1", "close", 200, "6", "close"},
		{"1.0", "GET", "1.0", "", 200, "6", "close"},
		{"1.0 goes on", "GET", "1.0", "keep-alive", 200, "6", "keep-alive"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status = tt.status
			c := s.dial(t)
			c.send(tt.method + " / HTTP/" + tt.protocol + "\r\nHost: h\r\nConnection: " + tt.connection + "\r\n\r\n")
			resp, err := http.ReadResponse(c.r, &http.Request{Method: tt.method})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			bodiless := httpd.Bodiless(tt.status)
			if want := tt.method != "HEAD" && !bodiless; string(body) == `"body"` != want || !want && len(body) > 0 {
				t.Errorf("body %q", body)
			}
			if date, err := http.ParseTime(resp.Header.Get("Date")); err != nil || time.Since(date).Abs() > patience {
				t.Errorf("Date %v, %v", date, err)
			}
			want := http.Header{"Date": resp.Header["Date"], "X-A": {"1"}, "X-B": {"2"}}
			if tt.length != "" {
				want.Set("Content-Length", tt.length)
			}
			if tt.want == "keep-alive" { // the client takes "close" out
				want.Set("Connection", tt.want)
			}
			if !bodiless {
				want.Set("Content-Type", "application/json")
			}
			if d := cmp.Diff(want, resp.Header); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if resp.Close != (tt.want == "close") {
				t.Errorf("ends the connection: %v", resp.Close)
			}
			if tt.want != "close" {
				c.send(get("/", "Connection: close"))
				if a := c.receive("GET"); a.Status != tt.status {
					t.Errorf("then %v", a)
				}
			}
			c.expectEnd()
		})
	}
}

// TestLargeFields has an answer whose header does not fit where it usually stands.
func TestLargeFields(t *testing.T) {
	s := serve(t, &handler{serve: func(r *httpd.Request) { r.Field("X-Large", large(5000)) }}, httpd.Options{})
	c := s.dial(t)
	for range 3 {
		c.send(post("/", "x"))
		c.expect(200, "POST / x")
	}
}

// TestPieces sends the same requests in pieces of every size, each in a packet of its
// own as far as the system lets it.
func TestPieces(t *testing.T) {
	s := serve(t, &handler{}, httpd.Options{})
	stream := post("/1", "hello") +
		"POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n" +
		"5;ext=\"quoted\"\r\nhello\r\n00001\r\n \r\nA ;x=1\r\n0123456789\r\n0;last\r\nX-T: 1\r\nX-U:\r\n\r\n"
	stream = strings.Replace(stream, "A ;x=1", "a;x=1", 1) +
		get("/3", "X: "+large(100)) + post("/4", large(300)) + "HEAD /5 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	for _, size := range []int{1, 2, 3, 7, 64, 500, len(stream)} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := s.dial(t) // Go's connections send what is written at once
			for rest := stream; len(rest) > 0; {
				n := min(size, len(rest))
				c.send(rest[:n])
				rest = rest[n:]
			}
			c.expect(200, "POST /1 hello")
			c.expect(200, "POST /2 hello 0123456789")
			c.expect(200, "GET /3 ")
			c.expect(200, "POST /4 "+large(300))
			if a := c.receive("HEAD"); a.Status != 200 || !a.Close {
				t.Errorf("%v", a)
			}
			c.expectEnd()
		})
	}
}

// TestKeepAlive sends many requests, each behind the answer to the one before.
func TestKeepAlive(t *testing.T) {
	s := serve(t, &handler{}, httpd.Options{})
	c := s.dial(t)
	for i := range 200 {
		body := large(i * 97)
		c.send(post("/", body))
		c.expect(200, "POST / "+body)
	}
	if s.Connections() != 1 {
		t.Errorf("%d connections", s.Connections())
	}
}

func TestContinue(t *testing.T) {
	const hello = "HTTP/1.1 100 Continue\r\n\r\n"
	chunked := "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n"
	// The time for an answer is over before the second request comes.
	s := serve(t, &handler{}, httpd.Options{SendTimeout: 200 * time.Millisecond, MaxBody: 1000})
	head := func(target, n string) string {
		return "POST " + target + " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: " + n + "\r\n\r\n"
	}
	c := s.dial(t)
	for _, tt := range []struct{ head, body, want string }{
		{head("/", "5"), "hello", "POST / hello"},
		{chunked, "1\r\nx\r\n0\r\n\r\n", "POST / x"},
	} {
		c.send(tt.head)
		got := make([]byte, len(hello))
		if _, err := io.ReadFull(c.r, got); err != nil || string(got) != hello {
			t.Fatalf("%q, %v", got, err)
		}
		c.send(tt.body)
		c.expect(200, tt.want)
		time.Sleep(250 * time.Millisecond)
	}
	c.send(head("/", "0")) // there is nothing to wait for
	c.expect(200, "POST / ")
	c.send(head("/", "2") + "hi") // it did not wait
	c.expect(200, "POST / hi")
	c.send(head("/no", "5")) // it need not send what is refused
	c.expect(403, "no")
	c.expectEnd()
	c = s.dial(t)
	c.send(head("/", "1001"))
	c.expect(413, "body too large")
	c.expectEnd()
}

// TestHeaderSizes has headers up to the largest, and one byte more.
func TestHeaderSizes(t *testing.T) {
	const most = 32 << 10
	s := serve(t, &handler{}, httpd.Options{})
	for _, n := range []int{100, 4095, 4096, 4097, 5000, 8 << 10, 16 << 10, most - 1, most, most + 1, most + 4097, 4 * most} {
		for _, size := range []int{n, 1000} { // in one piece, in several
			t.Run(fmt.Sprintf("%d in pieces of %d", n, size), func(t *testing.T) {
				head := post("/", "", "X: ")
				head = strings.Replace(head, "X: ", "X: "+large(n-len(head)), 1)
				if len(head) != n {
					t.Fatal("not the size that it should have")
				}
				c := s.dial(t)
				go func() {
					for rest := head + strings.Repeat(get("/next", "Connection: close"), 1); len(rest) > 0; {
						n := min(size, len(rest))
						if _, err := io.WriteString(c.TCPConn, rest[:n]); err != nil {
							return
						}
						rest = rest[n:]
					}
				}()
				if n > most {
					c.expect(431, "header too large")
				} else {
					c.expect(200, "POST / ")
					c.expect(200, "GET /next ")
				}
				c.expectEnd()
			})
		}
	}
	eventually(t, "all buffers are given back", func() bool { return s.Buffered() == 0 })
}

// TestBodySizes has bodies up to the largest, and one byte more, with and without a
// length.
func TestBodySizes(t *testing.T) {
	const most = 200 << 10
	s := serve(t, &handler{}, httpd.Options{MaxBody: most})
	for _, n := range []int{0, 1, 1023, 1024, 4 << 10, 16 << 10, 16<<10 + 1, 64 << 10, most - 1, most, most + 1, 2 * most} {
		body := large(n)
		for _, size := range []int{0, 1 << 20, 4000, 333} { // of a chunk; 0 is without
			t.Run(fmt.Sprintf("%d in chunks of %d", n, size), func(t *testing.T) {
				sent := post("/", body)
				if size > 0 {
					sent = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(body, size)
				}
				c := s.dial(t)
				go func() { _, _ = io.WriteString(c.TCPConn, sent+get("/next", "Connection: close")) }()
				if n > most {
					c.expect(413, "body too large")
				} else {
					c.expect(200, "POST / "+body)
					c.expect(200, "GET /next ")
				}
				c.expectEnd()
			})
		}
	}
}

// chunks puts a body in chunks of a size.
func chunks(body string, size int) string {
	var b strings.Builder
	for ; len(body) > 0; body = body[min(size, len(body)):] {
		n := min(size, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
	}
	return b.String() + "0\r\n\r\n"
}

// TestAnswerBeforeReset has callers that send far more than is read, and read only
// then: the answer arrives.
func TestAnswerBeforeReset(t *testing.T) {
	s := serve(t, &handler{}, httpd.Options{MaxBody: 1000})
	for _, n := range []int{100 << 10, 1 << 20, 8 << 20} {
		t.Run(fmt.Sprintf("%d KiB", n>>10), func(t *testing.T) {
			body := large(n)
			for range 10 {
				c := s.dial(t)
				_, _ = io.WriteString(c.TCPConn, post("/", body)) // may fail: the server has ended it
				c.expect(413, "body too large")
				c.Close()
			}
		})
	}
}

// TestSentAhead has callers that send more behind the request with which the
// connection ends: they see its answer and its end, no reset.
func TestSentAhead(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	s := serve(t, &handler{serve: func(*httpd.Request) { began <- struct{}{}; <-goOn }}, httpd.Options{})
	for _, n := range []int{10, 4000, 100 << 10} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			for range 10 {
				c := s.dial(t)
				c.send(post("/", "x", "Connection: close"))
				<-began
				c.send(large(n))
				goOn <- struct{}{}
				c.expect(200, "POST / x")
				c.expectEnd()
				c.Close()
			}
		})
	}
}
