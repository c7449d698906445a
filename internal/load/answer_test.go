package load

// This file tests the reader of answers against that of net/http.

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

var answers = []struct {
	name, text string
	status     int // 0 for an error
	body       string
	last       bool
}{
	{"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false},
	{"no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "", false},
	{"bare line feeds", "HTTP/1.1 404 Not Found\nCONTENT-LENGTH:2\n\nok", 404, "ok", false},
	{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nA;x=y\r\n0123456789\r\n0\r\nX: y\r\n\r\n", 200, "ok0123456789", false},
	{"no body", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", false},
	{"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false},
	{"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true},
	{"to the end", "HTTP/1.1 200 OK\r\n\r\nall of it", 200, "all of it", true},
	{"larger than the buffer", "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + strings.Repeat("x", 10000), 200, strings.Repeat("x", 10000), false},
	{"no status", "HTTP/1.1 OK\r\n\r\n", 0, "", false},
	{"another version", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", 0, "", false},
	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", 0, "", false},
	{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", 0, "", false},
	{"huge length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nok", 0, "", false},
	{"huge chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFF\r\nok", 0, "", false},
	{"short chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n", 0, "", false},
	{"no end of the header", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", 0, "", false},
	{"no colon", "HTTP/1.1 200 OK\r\nContent\r\n\r\n", 0, "", false},
	{"long line", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 5000) + "\r\n\r\n", 0, "", false},
	{"many headers", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 300) + "\r\n", 0, "", false},
}

func TestReadAnswer(t *testing.T) {
	for _, tt := range answers {
		t.Run(tt.name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(tt.text), iotest.OneByteReader(strings.NewReader(tt.text))} {
				var a answer
				left, err := a.read(in)
				if tt.status == 0 {
					if err == nil {
						t.Errorf("no error, but %d %q", a.status, a.body)
					}
					continue
				}
				if err != nil || a.status != tt.status || string(a.body) != tt.body || a.last != tt.last {
					t.Errorf("got %d %q %t, %v", a.status, a.body, a.last, err)
				}
				if rest, err := io.ReadAll(in); err != nil || len(left)+len(rest) != 0 {
					t.Errorf("%d bytes are left, %v", len(left)+len(rest), err)
				}
			}
		})
	}
}

func TestEndBeforeTheAnswer(t *testing.T) {
	var a answer
	if _, err := a.read(strings.NewReader("")); err != io.EOF {
		t.Errorf("got %v, want io.EOF", err)
	}
}

// FuzzReadAnswer: where net/http takes an answer too, it is the same one.
func FuzzReadAnswer(f *testing.F) {
	for _, tt := range answers {
		f.Add([]byte(tt.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var a answer
		if _, err := a.read(bytes.NewReader(text)); err != nil {
			return
		}
		if bytes.HasPrefix(text, []byte("HTTP/1.0")) {
			return // net/http knows neither chunks nor interim answers there
		}
		in := bufio.NewReader(bytes.NewReader(text))
		for {
			want, err := http.ReadResponse(in, nil)
			if err != nil {
				return // net/http is stricter
			}
			body, err := io.ReadAll(want.Body)
			if err != nil {
				return // net/http is stricter
			}
			if want.StatusCode < 200 {
				continue
			}
			if want.StatusCode != a.status || !bytes.Equal(body, a.body) {
				t.Fatalf("%d %q, net/http has %d %q", a.status, a.body, want.StatusCode, body)
			}
			return
		}
	})
}

func TestErrorCode(t *testing.T) {
	for body, want := range map[string]string{
		`{"success":false,"error":"x","code":"overloaded","request_id":"y"}`: "overloaded",
		`{"success":false,"error":"\"code\":\"x\"","code":"runtime_error"}`:  "runtime_error",
		`{"success":true}`:        "",
		`{"code":"` + "endless":   "",
		`{"code":5}`:              "",
		`{"code":"`:               "",
		`{"code":"","error":"x"}`: "",
	} {
		if got := string(errorCode([]byte(body))); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}
