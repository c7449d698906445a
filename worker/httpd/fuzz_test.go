// This file holds any bytes on a connection.

package httpd_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/avap-framework/avap/worker/httpd"
)

// FuzzServe sends bytes on a connection, in two pieces, and with or without closing
// its side: the server ends it in time, its answers can be read, and it has served
// what net/http reads out of the same bytes, as far as that goes.
func FuzzServe(f *testing.F) {
	h := &handler{}
	s := serve(f, h, httpd.Options{
		MaxBody: 4 << 10, MaxHeader: 8 << 10, Buffers: 64 << 10,
		ReadTimeout: 50 * time.Millisecond, IdleTimeout: 50 * time.Millisecond, SendTimeout: time.Second,
	})
	chunked := "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, raw := range []string{
		"", "\r\n\r\n", get("/a?b=c"), post("/", "hello"), get("/1") + post("/2", "two") + get("/3"), "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + get("/"),
		post("/no", "x") + get("/"), "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx" + get("/"),
		chunked + "5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n" + get("/"), chunked + "0\r\n\n" + get("/"), chunked + "ffffffffffffffff\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET / HTTP/1.1\nHost: h\n\n" + get("/"), get("/", "X: a\r\n b"), get("/", "X: "+large(6000)), post("/", large(4000)), post("/", large(5000)),
		get("/", "X: "+large(9000)), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET http://h/a HTTP/1.1\r\nHost: i\r\n\r\n",
	} {
		f.Add([]byte(raw), uint16(len(raw)/2), true)
	}
	f.Add([]byte(get("/")), uint16(3), false)
	f.Fuzz(func(t *testing.T, raw []byte, cut uint16, closes bool) {
		c := s.dial(t)
		defer c.Close()
		go func() {
			at := min(int(cut), len(raw))
			_, _ = c.Write(raw[:at])
			_, _ = c.Write(raw[at:])
			if closes {
				_ = c.CloseWrite()
			}
		}()
		all, err := io.ReadAll(c.TCPConn)
		if ne, ok := err.(interface{ Timeout() bool }); ok && ne.Timeout() {
			t.Fatalf("the connection does not end; until then %q", all)
		}
		served := h.take(c.LocalAddr())
		if err == nil { // else a reset has perhaps overtaken something
			checkAnswers(t, all, served)
		}
		checkServed(t, raw, served)
	})
}

// checkAnswers reads the answers: one for each request, and nothing else.
func checkAnswers(t *testing.T, all []byte, served []request) {
	r := bufio.NewReader(bytes.NewReader(all))
	for _, q := range served {
		if q.refused == "defect" {
			t.Fatal("a defect")
		}
		a, err := readAnswer(r, q.method)
		for err == nil && a.Status == http.StatusContinue {
			a, err = readAnswer(r, q.method)
		}
		if err != nil {
			t.Fatalf("the answer to %q: %v\n%q", q, err, all)
		}
		if want := q.String(); q.method != http.MethodHead && a.Body != want {
			t.Fatalf("%q, want %q", a.Body, want)
		}
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Fatalf("%q behind the last answer", rest)
	}
}

// checkServed reads the bytes with net/http, which lets more pass in some things and
// less in others: where it reads a request at all, it is the one that was served.
func checkServed(t *testing.T, raw []byte, served []request) {
	r := bufio.NewReader(bytes.NewReader(raw))
	for _, q := range served {
		if q.refused != "" {
			return
		}
		for b, _ := r.Peek(2); string(b) == "\r\n"; b, _ = r.Peek(2) {
			_, _ = r.Discard(2)
		}
		other, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(other.Body)
		if err != nil {
			return
		}
		if other.Method != q.method || other.RequestURI != q.target || string(body) != q.body {
			t.Fatalf("served %q; net/http reads %s %s %q", q, other.Method, other.RequestURI, body)
		}
		if strings.Contains(other.Host, " ") {
			return
		}
	}
}
