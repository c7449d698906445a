// This file holds requests that two servers could read in two ways.

package httpd_test

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/worker/httpd"
)

// TestSmuggling sends raw bytes with an innocent request behind them. What is not
// certain is refused, and the connection closed, so that what follows is not read;
// else it is served as the one request that it is.
func TestSmuggling(t *testing.T) {
	const (
		refused  = "malformed"
		host     = "POST / HTTP/1.1\r\nHost: h\r\n"
		chunked  = host + "Transfer-Encoding: chunked\r\n"
		smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
		last     = "0\r\n\r\n"
	)
	s := serve(t, &handler{}, httpd.Options{})
	for _, tt := range []struct{ name, raw, want string }{
		// Lengths and codings.
		{"length, then coding", host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + last + smuggled, refused},
		{"coding, then length", chunked + "Content-Length: 5\r\n\r\n" + last + smuggled, refused},
		{"coding and no length", chunked + "Content-Length: 0\r\n\r\n" + last, refused},
		{"coding and an empty length", chunked + "Content-Length:\r\n\r\n" + last, refused},
		{"of a GET", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + last, refused},
		{"in other letters", host + "content-LENGTH: 5\r\ntransfer-ENCODING: CHUNKED\r\n\r\n" + last, refused},
		{"two lengths", host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", refused},
		{"the same length twice", host + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", refused},
		{"lengths with commas", host + "Content-Length: 5, 5\r\n\r\nhello", refused},
		{"length with a plus", host + "Content-Length: +5\r\n\r\nhello", refused},
		{"length with a minus", host + "Content-Length: -5\r\n\r\nhello", refused},
		{"length in hexadecimal", host + "Content-Length: 0x5\r\n\r\nhello", refused},
		{"length with a point", host + "Content-Length: 5.0\r\n\r\nhello", refused},
		{"length with a space", host + "Content-Length: 1 0\r\n\r\nhello", refused},
		{"length with an underscore", host + "Content-Length: 1_0\r\n\r\nhello", refused},
		{"length of too many digits", host + "Content-Length: 18446744073709551621\r\n\r\nhello", refused},
		{"length that is negative in 64 bits", host + "Content-Length: 9223372036854775808\r\n\r\n", refused},
		{"empty length", host + "Content-Length: \r\n\r\n" + smuggled, refused},
		{"length with zeros in front", host + "Content-Length: 0005\r\n\r\nhello", "POST / hello"},
		{"length between spaces", host + "Content-Length: \t 5 \t\r\n\r\nhello", "POST / hello"},
		{"coding twice", chunked + "Transfer-Encoding: chunked\r\n\r\n" + last, refused},
		{"coding, then another", chunked + "Transfer-Encoding: identity\r\n\r\n" + last, refused},
		{"codings in a list", host + "Transfer-Encoding: chunked, chunked\r\n\r\n" + last, refused},
		{"gzip and chunked", host + "Transfer-Encoding: gzip, chunked\r\n\r\n" + last, refused},
		{"chunked and gzip", host + "Transfer-Encoding: chunked, gzip\r\n\r\n" + last, refused},
		{"identity", host + "Transfer-Encoding: identity\r\n\r\n" + smuggled, refused},
		{"identity and length", host + "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello", refused},
		{"empty coding", host + "Transfer-Encoding:\r\n\r\n" + last, refused},
		{"unknown coding", host + "Transfer-Encoding: xchunked\r\n\r\n" + last, refused},
		{"quoted coding", host + "Transfer-Encoding: \"chunked\"\r\n\r\n" + last, refused},
		{"coding with a parameter", host + "Transfer-Encoding: chunked;q=1\r\n\r\n" + last, refused},
		{"coding with a vertical tab", host + "Transfer-Encoding: \x0bchunked\r\n\r\n" + last, refused},
		{"coding with NUL", host + "Transfer-Encoding: chunked\x00\r\n\r\n" + last, refused},
		{"coding in HTTP/1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + last, refused},
		{"coding between spaces", host + "Transfer-Encoding: \t chunked \t\r\n\r\n" + last, "POST / "},

		// Names.
		{"space before a length's colon", host + "Content-Length : 5\r\n\r\nhello", refused},
		{"tab before a length's colon", host + "Content-Length\t: 5\r\n\r\nhello", refused},
		{"space before a coding's colon", host + "Transfer-Encoding : chunked\r\n\r\n" + last, refused},
		{"space before any colon", host + "X : 1\r\n\r\n", refused},
		{"space in front of a name", host + " Content-Length: 5\r\n\r\nhello", refused},
		{"space in a length's name", host + "Content-Length x: 5\r\n\r\nhello", refused},
		{"space in a coding's name", host + "Transfer-Encoding chunked: chunked\r\n\r\n" + last, refused},
		{"NUL in a name", host + "Content-Length\x00: 5\r\n\r\nhello", refused},
		{"CR in a name", host + "X\rContent-Length: 5\r\n\r\nhello", refused},
		{"no name", host + ": 5\r\n\r\n", refused},
		{"no colon", host + "Content-Length 5\r\n\r\n", refused},
		{"underscores are not hyphens", host + "Content_Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n", "POST / "},
		{"no bytes but ASCII in names", host + "Content-Length\xa0: 5\r\n\r\nhello", refused},

		// Lines.
		{"a folded value", host + "X: a\r\n b\r\n\r\n", refused},
		{"a folded coding", host + "Transfer-Encoding:\r\n chunked\r\n\r\n" + last, refused},
		{"a length in a fold", host + "X: a\r\n Content-Length: 5\r\n\r\nhello", refused},
		{"a folded length", host + "Content-Length: 1\r\n\t0\r\n\r\n0123456789", refused},
		{"a fold in front", "POST / HTTP/1.1\r\n Host: h\r\nHost: h\r\n\r\n", refused},
		{"bare CR in a value", host + "X: a\rContent-Length: 5\r\n\r\nhello", refused},
		{"bare CR behind a value", host + "X: a\r\r\n\r\n", refused},
		{"bare CR for an empty line", host + "X: a\r\n\rContent-Length: 5\r\n\r\nhello", refused},
		{"bare LF behind a line", host + "X: a\nContent-Length: 5\r\n\r\nhello", refused},
		{"bare LF for the empty line", host + "X: a\r\n\n" + smuggled, refused},
		{"bare LF everywhere", strings.ReplaceAll(host+"\r\n", "\r", "") + smuggled, refused},
		{"NUL in a value", host + "X: a\x00b\r\n\r\n", refused},
		{"DEL in a value", host + "X: a\x7fb\r\n\r\n", refused},
		{"Latin-1 in a value", host + "X: \xe9\r\n\r\n", "POST / "},

		// Request lines.
		{"no protocol", "POST /\r\nHost: h\r\n\r\n", refused},
		{"two spaces", "POST  / HTTP/1.1\r\nHost: h\r\n\r\n", refused},
		{"a tab", "POST\t/ HTTP/1.1\r\nHost: h\r\n\r\n", refused},
		{"a space at the end", "POST / HTTP/1.1 \r\nHost: h\r\n\r\n", refused},
		{"a space in the target", "POST /a b HTTP/1.1\r\nHost: h\r\n\r\n", refused},
		{"a request in the target", "POST / HTTP/1.1\rGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", refused},
		{"NUL in the target", "POST /\x00 HTTP/1.1\r\nHost: h\r\n\r\n", refused},
		{"lower case", "POST / http/1.1\r\nHost: h\r\n\r\n", refused},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", refused},
		{"HTTP/1.10", "POST / HTTP/1.10\r\nHost: h\r\n\r\n", refused},
		{"a colon in the method", "Host: h / HTTP/1.1\r\nHost: h\r\n\r\n", refused},
		{"no slash", "POST smuggled HTTP/1.1\r\nHost: h\r\n\r\n", refused},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", refused},
		{"a whole URL", "POST http://h/a?b HTTP/1.1\r\nHost: h\r\n\r\n", "POST http://h/a?b "},
		{"a whole URL with another host", "POST http://other/a HTTP/1.1\r\nHost: h\r\n\r\n", "POST http://other/a "},
		{"a whole URL of no scheme", "POST ://h/a HTTP/1.1\r\nHost: h\r\n\r\n", refused},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * "},
		{"authority", "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", "CONNECT h:80 "},

		// Hosts.
		{"no host", "POST / HTTP/1.1\r\n\r\n", refused},
		{"an empty host", "POST / HTTP/1.1\r\nHost:\r\n\r\n", refused},
		{"a whole URL and no host", "POST http://h/a HTTP/1.1\r\n\r\n", refused},
		{"two hosts", "POST / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", refused},
		{"the same host twice", "POST / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", refused},
		{"a space before the host's colon", "POST / HTTP/1.1\r\nHost : h\r\n\r\n", refused},
		{"a folded host", "POST / HTTP/1.1\r\nHost: h\r\n i\r\n\r\n", refused},

		// Chunks.
		{"chunks", chunked + "\r\n5\r\nhello\r\n" + last, "POST / hello"},
		{"a size with zeros in front", chunked + "\r\n0005\r\nhello\r\n000\r\n\r\n", "POST / hello"},
		{"a size in capitals", chunked + "\r\nA\r\n0123456789\r\n" + last, "POST / 0123456789"},
		{"extensions", chunked + "\r\n5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n", "POST / hello"},
		{"trailers", chunked + "\r\n5\r\nhello\r\n0\r\nContent-Length: 100\r\nHost: i\r\n\r\n", "POST / hello"},
		{"a size with 0x", chunked + "\r\n0x5\r\nhello\r\n" + last, refused},
		{"a size with a plus", chunked + "\r\n+5\r\nhello\r\n" + last, refused},
		{"a negative size", chunked + "\r\n-1\r\nhello\r\n" + last, refused},
		{"a size in front of which is a space", chunked + "\r\n 5\r\nhello\r\n" + last, refused},
		{"no size", chunked + "\r\n\r\nhello\r\n" + last, refused},
		{"an extension and no size", chunked + "\r\n;a\r\nhello\r\n" + last, refused},
		{"a size past 64 bits", chunked + "\r\n10000000000000005\r\nhello\r\n" + last, refused},
		{"the largest size", chunked + "\r\nffffffffffffffff\r\nhello", "too large or malformed"},
		{"a chunk longer than its size", chunked + "\r\n4\r\nhello\r\n" + last, refused},
		{"a chunk that ends with LF", chunked + "\r\n5\r\nhello\n" + last, refused},
		{"a size that ends with LF", chunked + "\r\n5\nhello\r\n" + last, refused},
		{"a size that ends with CR", chunked + "\r\n5\rhello\r\n" + last, refused},
		{"LF in an extension", chunked + "\r\n5;a\nhello\r\n" + last, refused},
		{"CR in an extension", chunked + "\r\n5;a\rb\r\nhello\r\n" + last, refused},
		{"LF behind the last chunk", chunked + "\r\n0\n\r\n" + smuggled, refused},
		{"LF for the last line", chunked + "\r\n0\r\n\n" + smuggled, refused},
		{"LF behind a trailer", chunked + "\r\n0\r\nX: a\n\r\n" + smuggled, refused},
		{"CR in a trailer", chunked + "\r\n0\r\nX: a\rb\r\n\r\n", refused},
		{"a folded trailer", chunked + "\r\n0\r\nX: a\r\n b: c\r\n\r\n", refused},
		{"a trailer with no colon", chunked + "\r\n0\r\n" + smuggled, refused},
		{"a trailer without a name", chunked + "\r\n0\r\n: a\r\n\r\n", refused},
		{"a large trailer", chunked + "\r\n0\r\nX: " + large(5000) + "\r\n\r\n", refused},
		{"many trailers", chunked + "\r\n0\r\n" + strings.Repeat("X: a\r\n", 1000) + "\r\n", refused},
		{"a large extension", chunked + "\r\n0;" + large(5000) + "\r\n\r\n", refused},

		// Bodies that look like requests.
		{"a GET with a request for a body", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 35\r\n\r\n" + smuggled, "GET / " + smuggled},
		{"a HEAD with a request for a body", "HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 35\r\n\r\n" + smuggled, "HEAD / " + smuggled},
		{"an OPTIONS with a request for a body", "OPTIONS / HTTP/1.1\r\nHost: h\r\nContent-Length: 35\r\n\r\n" + smuggled, "OPTIONS / " + smuggled},
		{"a GET with chunks", "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n23\r\n" + smuggled + "\r\n" + last, "GET / " + smuggled},
		{"an upgrade", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n", "GET / "},
		{"an answer of Head with a request for a body", "POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 35\r\n\r\n" + smuggled, "no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := s.dial(t)
			go func() {
				_, _ = io.WriteString(c.TCPConn, tt.raw+get("/innocent", "Connection: close"))
				if tt.want == "too large or malformed" {
					_, _ = io.WriteString(c.TCPConn, large(2<<20))
				}
			}()
			all, err := io.ReadAll(c.TCPConn) // the server ends it
			if err != nil && tt.want != "too large or malformed" {
				t.Error(err)
			}
			var got []string
			for _, r := range s.seen.take(c.LocalAddr()) {
				got = append(got, r.String())
			}
			want := []string{tt.want, "GET /innocent "}
			answers := 2
			switch {
			case tt.want == refused:
				want, answers = want[:1], 1
			case tt.want == "too large or malformed":
				want, answers = []string{"body too large"}, 1
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("served (-want +got)\n%s", d)
			}
			if n := strings.Count(string(all), "HTTP/1.1 "); n != answers && !strings.Contains(tt.want, "HTTP/1.1") {
				t.Errorf("%d answers:\n%q", n, all)
			}
		})
	}
}
