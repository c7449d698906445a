package httpclient_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/httpclient"
)

func TestDo(t *testing.T) {
	server := serve(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s %s %v", r.Method, r.RequestURI, r.Header.Get("X-A"), body, r.ContentLength)
	})
	client := newClient(t, "127.0.0.1")
	tests := []struct {
		name string
		req  host.Request
		want string
	}{
		{"get", host.Request{Method: "GET", URL: server.URL + "/a/b?c=d"}, "GET /a/b?c=d   0"},
		{"post", host.Request{Method: "POST", URL: server.URL, Body: []byte("hello")}, "POST /  hello 5"},
		{"empty post", host.Request{Method: "POST", URL: server.URL}, "POST /   0"},
		{"header", host.Request{Method: "GET", URL: server.URL, Headers: []host.Header{{Name: "x-a", Value: " 1 "}, {Name: "X-A", Value: "2"}}}, "GET / 1  0"},
		{"fragment", host.Request{Method: "GET", URL: server.URL + "/#x"}, "GET /   0"},
		{"spaces around", host.Request{Method: "GET", URL: " " + server.URL + "\n"}, "GET /   0"},
		{"spaces in", host.Request{Method: "GET", URL: server.URL + "/a b?c d=é HTTP/1.1"}, "GET /a%20b?c%20d=%C3%A9%20HTTP/1.1   0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, err := client.Do(t.Context(), &tt.req)
			if err != nil {
				t.Fatal(err)
			}
			want := &host.Response{Status: 418, ContentType: "application/json; charset=utf-8", Body: []byte(tt.want)}
			if diff := cmp.Diff(want, resp); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMalformedRequests(t *testing.T) {
	client := newClient(t, "public")
	tests := []struct{ method, url, want string }{
		{"PUT", "http://example.com", `PUT http://example.com: method "PUT" is not supported`},
		{"GET", "", "GET: the URL has no scheme; it begins with http:// or https://"},
		{"GET", "example.com", "GET: the URL has no scheme; it begins with http:// or https://"},
		{"GET", "http://", "GET: the URL has no host"},
		{"GET", "http://:80/", "GET http://:80: the URL has no host"},
		{"GET", "http:example.com", "GET: the URL has no host"},
		{"GET", "file:///etc/passwd", `GET: the scheme "file" is not supported, only http and https`},
		{"GET", "gopher://127.0.0.1/", `GET gopher://127.0.0.1: the scheme "gopher" is not supported, only http and https`},
		{"GET", "http://a b/", "GET: the URL is malformed"},
		{"GET", "http://a:b/", "GET: the URL is malformed"},
		{"GET", "http://a\r\nHost: b/", "GET: the URL is malformed"},
		{"GET", "http://a/\x00", "GET: the URL is malformed"},
		{"GET", "http://127.0.0.1\\@example.com/", "GET: the URL is malformed"},
		{"GET", "http://%31%32%37.0.0.1/", "GET: the URL is malformed"},
		{"GET", "http://[::1", "GET: the URL is malformed"},
	}
	for _, tt := range tests {
		_, err := client.Do(t.Context(), &host.Request{Method: tt.method, URL: tt.url})
		if got := wantError(t, err, host.CodeHTTP); got != tt.want {
			t.Errorf("%s %q:\n got %s\nwant %s", tt.method, tt.url, got, tt.want)
		}
	}
}

func TestHeaders(t *testing.T) {
	var got http.Header
	var gotHost string
	server := serve(t, "127.0.0.1", func(_ http.ResponseWriter, r *http.Request) { got, gotHost = r.Header, r.Host })
	address := strings.TrimPrefix(server.URL, "http://")
	client := newClient(t, "127.0.0.1")
	do := func(name, value string) error {
		got = nil
		_, err := client.Do(t.Context(), &host.Request{
			Method: "POST", URL: server.URL, Body: []byte("hello"),
			Headers: []host.Header{{Name: name, Value: value}},
		})
		return err
	}

	refused := []struct{ name, value, want string }{
		{"Host", "evil.example", "the header Host cannot be set"},
		{"hOST", "evil.example", "the header Host cannot be set"},
		{"Content-Length", "3", "the header Content-Length cannot be set"},
		{"Content-Length", "05", "the header Content-Length cannot be set"},
		{"Transfer-Encoding", "chunked", "the header Transfer-Encoding cannot be set"},
		{"transfer-encoding", "identity", "the header Transfer-Encoding cannot be set"},
		{"Connection", "X-Internal", "the header Connection cannot be set"},
		{"Connection", "upgrade", "the header Connection cannot be set"},
		{"Upgrade", "h2c", "the header Upgrade cannot be set"},
		{"HTTP2-Settings", "AAMAAABk", "the header Http2-Settings cannot be set"},
		{"TE", "trailers", "the header Te cannot be set"},
		{"Trailer", "X", "the header Trailer cannot be set"},
		{"Proxy-Authorization", "Basic eA==", "the header Proxy-Authorization cannot be set"},
		{"X A", "1", `the header name "X A" is malformed`},
		{"Host ", "x", `the header name "Host " is malformed`},
		{"X:", "1", `the header name "X:" is malformed`},
		{"", "1", `the header name "" is malformed`},
		{"X\r\nHost", "1", `the header name "X\r\nHost" is malformed`},
		{"X-A", "1\r\nHost: evil", "the value of the header X-A has control characters"},
		{"X-A", "1\nHost: evil", "the value of the header X-A has control characters"},
		{"X-A", "1\x00", "the value of the header X-A has control characters"},
	}
	for _, tt := range refused {
		message := wantError(t, do(tt.name, tt.value), host.CodeHTTP)
		if want := "POST " + server.URL + ": " + tt.want; message != want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, message, want)
		}
		if got != nil {
			t.Errorf("%s: %s was sent", tt.name, tt.value)
		}
	}

	// What the client says anyway may be said.
	for _, h := range []host.Header{
		{Name: "Host", Value: address},
		{Name: "Content-Length", Value: "5"},
		{Name: "Connection", Value: "keep-alive"},
		{Name: "Connection", Value: "close"},
		{Name: "Keep-Alive", Value: "timeout=5"},
		{Name: "Expect", Value: "100-continue"},
		{Name: "Accept-Encoding", Value: "br, gzip"},
	} {
		if err := do(h.Name, h.Value); err != nil {
			t.Errorf("%s: %s: %v", h.Name, h.Value, err)
		}
		if gotHost != address {
			t.Errorf("%s: %s: Host is %s", h.Name, h.Value, gotHost)
		}
	}

	if err := do("user-agent", "mine/1"); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "Content-Length": {"5"}, "User-Agent": {"mine/1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCredentialsStayOnTheirHost(t *testing.T) {
	var got http.Header
	var gotBody string
	record := func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got, gotBody = r.Header.Clone(), string(body)
	}
	target := serve(t, "127.0.0.2", record)
	first := serve(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, target.URL+"/", http.StatusFound)
		case "/away307":
			http.Redirect(w, r, target.URL+"/", http.StatusTemporaryRedirect)
		case "/port":
			http.Redirect(w, r, "http://127.0.0.1:"+r.URL.Query().Get("port")+"/", http.StatusFound)
		case "/stay":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/end":
			record(w, r)
		}
	})
	back := serve(t, "127.0.0.3", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, first.URL+"/end", http.StatusFound)
	})
	leave := serve(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, back.URL, http.StatusFound)
	})
	otherPort := serve(t, "127.0.0.1", record)

	client := newClient(t, "127.0.0.0/8")
	secrets := []string{"Authorization", "Cookie", "Www-Authenticate", "X-Api-Key", "X-Auth-Token", "X-Vault-Thing", "Apikey"}
	send := func(t *testing.T, method, url string) []string {
		req := &host.Request{Method: method, URL: url, Headers: []host.Header{
			{Name: "Content-Type", Value: "text/plain"}, {Name: "Accept-Language", Value: "es"},
		}}
		if method == "POST" {
			req.Body = []byte("body")
		}
		for _, name := range secrets {
			req.Headers = append(req.Headers, host.Header{Name: name, Value: "secret"})
		}
		got, gotBody = nil, ""
		if _, err := client.Do(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if got.Get("Accept-Language") != "es" {
			t.Errorf("Accept-Language is gone: %v", got)
		}
		if got.Get("Referer") != "" {
			t.Errorf("Referer %s", got.Get("Referer"))
		}
		var kept []string
		for _, name := range secrets {
			if got.Get(name) != "" {
				kept = append(kept, name)
			}
		}
		return kept
	}

	for _, path := range []string{"/stay", "/end"} {
		if diff := cmp.Diff(secrets, send(t, "GET", first.URL+path)); diff != "" {
			t.Errorf("%s, same host: %s", path, diff)
		}
	}
	for name, url := range map[string]string{
		"another host":    first.URL + "/away?token=secret",
		"another port":    first.URL + "/port?port=" + portOf(t, otherPort),
		"away and back":   leave.URL,
		"user in the URL": strings.Replace(first.URL, "//", "//user:secret@", 1) + "/away",
	} {
		if kept := send(t, "GET", url); kept != nil {
			t.Errorf("%s: %v went along", name, kept)
		}
	}

	// A POST becomes a GET without body, but for 307 and 308.
	if kept := send(t, "POST", first.URL+"/away"); kept != nil || gotBody != "" || got.Get("Content-Type") != "" {
		t.Errorf("302: %v, body %q, type %q", kept, gotBody, got.Get("Content-Type"))
	}
	if kept := send(t, "POST", first.URL+"/away307"); kept != nil || gotBody != "body" || got.Get("Content-Type") != "text/plain" {
		t.Errorf("307: %v, body %q, type %q", kept, gotBody, got.Get("Content-Type"))
	}
}

func TestRedirectLimit(t *testing.T) {
	server := serve(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		var n int
		fmt.Sscanf(r.URL.Path, "/%d", &n)
		if n > 0 {
			http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusFound)
		}
	})
	client := newClient(t, "127.0.0.1")
	if _, err := get(t.Context(), client, server.URL+"/10"); err != nil {
		t.Errorf("10 redirects: %v", err)
	}
	_, err := get(t.Context(), client, server.URL+"/11")
	if got, want := wantError(t, err, host.CodeHTTP), "GET "+server.URL+"/…: more than 10 redirects"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

// errQuota stands for what the machine answers when memory is used up.
var errQuota = errors.New("quota_memory")

func TestGrow(t *testing.T) {
	const large = 1 << 20
	handler := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/empty":
		case "/small":
			w.Write(make([]byte, 100))
		case "/large":
			w.Header().Set("Content-Length", fmt.Sprint(large))
			w.Write(make([]byte, large))
		case "/chunked":
			w.(http.Flusher).Flush()
			w.Write(make([]byte, large))
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write(make([]byte, large))
			z.Close()
		}
	}
	server := serve(t, "127.0.0.1", handler)
	client := newClient(t, "127.0.0.1")
	tests := []struct {
		path   string
		size   int
		first  int
		atMost int
	}{
		{"/empty", 0, 0, 0},
		{"/small", 100, 100, 100},
		{"/large", large, 64 << 10, large},
		{"/chunked", large, 4 << 10, large + 64<<10},
		{"/gzip", large, 4 << 10, large + 64<<10},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			var asked []int
			total := 0
			resp, err := client.Do(t.Context(), &host.Request{
				Method: "GET", URL: server.URL + tt.path,
				Grow: func(n int) error { asked, total = append(asked, n), total+n; return nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(resp.Body) != tt.size {
				t.Errorf("%d bytes, want %d", len(resp.Body), tt.size)
			}
			if tt.size > 0 && asked[0] != tt.first {
				t.Errorf("first piece %d, want %d", asked[0], tt.first)
			}
			if total < tt.size || total > tt.atMost {
				t.Errorf("asked for %d bytes, want %d to %d", total, tt.size, tt.atMost)
			}
			if len(asked) > 0 && slices.Max(asked) > 64<<10 {
				t.Errorf("a piece of %d bytes", slices.Max(asked))
			}
		})
	}
}

// TestBombs has answers that are far larger than the caller allows: a gzip bomb,
// an endless body, a Content-Length that promises the world. The caller's own
// error ends each, and no more than what it allowed was read.
func TestBombs(t *testing.T) {
	server := serve(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		zeros := make([]byte, 64<<10)
		switch r.URL.Path {
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 1 << 14 { // 1 GiB
				if _, err := z.Write(zeros); err != nil {
					return
				}
			}
			z.Close()
		case "/endless":
			for {
				if _, err := w.Write(zeros); err != nil {
					return
				}
			}
		case "/promise":
			w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<50))
			w.Write(zeros)
			<-r.Context().Done()
		}
	})
	client := newClient(t, "127.0.0.1")
	const allowed = 300 << 10
	for _, path := range []string{"/gzip", "/endless"} {
		total := 0
		_, err := client.Do(t.Context(), &host.Request{
			Method: "GET", URL: server.URL + path,
			Grow: func(n int) error {
				if total += n; total > allowed {
					return errQuota
				}
				return nil
			},
		})
		if err != errQuota {
			t.Errorf("%s: error %v, want that of Grow", path, err)
		}
		if total > allowed+64<<10 {
			t.Errorf("%s: asked for %d bytes", path, total)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	total := 0
	_, err := client.Do(ctx, &host.Request{
		Method: "GET", URL: server.URL + "/promise",
		Grow: func(n int) error { total += n; return nil },
	})
	wantError(t, err, host.CodeHTTP)
	if total > 128<<10 {
		t.Errorf("a promise of much and 64 KiB of it: asked for %d bytes", total)
	}
}

func TestDeadline(t *testing.T) {
	server := serve(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	})
	client := newClient(t, "127.0.0.1")
	for _, path := range []string{"/header", "/body"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := get(ctx, client, server.URL+path)
		cancel()
		if got, want := wantError(t, err, host.CodeHTTP), "GET "+server.URL+"/…: timed out"; got != want {
			t.Errorf("message %q, want %q", got, want)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v does not wrap the context's error", path, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := get(ctx, client, server.URL)
	if got, want := wantError(t, err, host.CodeHTTP), "GET "+server.URL+": cancelled"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

// TestBrokenServers speaks something else than HTTP.
func TestBrokenServers(t *testing.T) {
	tests := []struct{ name, answer, want string }{
		{"closes", "", "the connection was closed without an answer"},
		{"another protocol", "220 mail.internal ESMTP secret\r\n", "the answer is not valid HTTP"},
		{"short body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "the connection broke off in the middle of the answer"},
		{"short chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "the connection broke off in the middle of the answer"},
		{"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "the connection broke off in the middle of the answer"},
		{"bad gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnot gzip at all", "the answer is not valid gzip"},
		{"huge header", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 80<<10) + "\r\n\r\n", "the answer's headers are too large"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "the request failed"},
		{"bad location", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://[\r\n\r\n", "the redirect's target is malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					conn.Read(make([]byte, 4096))
					conn.Write([]byte(tt.answer))
					conn.(*net.TCPConn).CloseWrite()
					io.Copy(io.Discard, conn)
					conn.Close()
				}
			}()
			t.Cleanup(func() { listener.Close(); <-done })
			client := newClient(t, "127.0.0.1")
			_, err = get(t.Context(), client, "http://"+listener.Addr().String())
			want := "GET http://" + listener.Addr().String() + ": " + tt.want
			if got := wantError(t, err, host.CodeHTTP); got != want {
				t.Errorf("message %q, want %q", got, want)
			}
			client.Close()
		})
	}
}

func TestConnectionRefusedTellsNoAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	client := newClient(t, "api.example,void.example", func(o *httpclient.Options) {
		o.Resolver = newResolver(t, addrs("127.0.0.1"), nil)
	})
	_, err = get(t.Context(), client, "http://user:secret@api.example:"+port+"/path/secret?key=secret")
	if got, want := wantError(t, err, host.CodeHTTP), "GET http://api.example:"+port+"/…: connection refused"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	_, err = get(t.Context(), client, "http://void.example/")
	if got, want := wantError(t, err, host.CodeHTTP), "GET http://void.example: no such host"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	for _, kind := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(kind, func(t *testing.T) {
			var protocol string
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				protocol = r.Proto
				w.Write(bytes.Repeat([]byte("x"), 100_000))
			}))
			server.EnableHTTP2 = kind == "HTTP/2.0"
			var opened atomic.Int32
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					opened.Add(1)
				}
			}
			server.StartTLS()
			t.Cleanup(server.Close)
			client := newClient(t, "127.0.0.1", trust(server))

			reused := 0
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				GotConn: func(info httptrace.GotConnInfo) {
					if info.Reused {
						reused++
					}
				},
			})
			for range 10 {
				if _, err := get(ctx, client, server.URL); err != nil {
					t.Fatal(err)
				}
			}
			if protocol != kind || opened.Load() != 1 || reused != 9 {
				t.Errorf("%s, %d connections opened, %d reused; want %s, 1, 9", protocol, opened.Load(), reused, kind)
			}
			client.Close()
		})
	}
}

func trust(server *httptest.Server) func(*httpclient.Options) {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return func(o *httpclient.Options) { o.TLS = &tls.Config{RootCAs: roots} }
}

func TestTLSErrors(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	plain := serve(t, "127.0.0.1", func(http.ResponseWriter, *http.Request) {})

	_, err := get(t.Context(), newClient(t, "127.0.0.1"), server.URL)
	if got, want := wantError(t, err, host.CodeHTTP), "GET "+server.URL+": the certificate is signed by an unknown authority"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	client := newClient(t, "localhost", trust(server))
	url := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	_, err = get(t.Context(), client, url)
	if got, want := wantError(t, err, host.CodeHTTP), "GET "+url+": the certificate is not for this host"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	url = strings.Replace(plain.URL, "http:", "https:", 1)
	_, err = get(t.Context(), newClient(t, "127.0.0.1"), url)
	if got, want := wantError(t, err, host.CodeHTTP), "GET "+url+": the server does not speak TLS"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

func TestMaxConnsPerHost(t *testing.T) {
	var current, most atomic.Int32
	server := serve(t, "127.0.0.1", func(http.ResponseWriter, *http.Request) {
		most.Store(max(most.Load(), current.Add(1)))
		time.Sleep(5 * time.Millisecond)
		current.Add(-1)
	})
	client := newClient(t, "127.0.0.1", func(o *httpclient.Options) { o.MaxConnsPerHost = 2 })
	errs := make(chan error)
	for range 8 {
		go func() {
			_, err := get(t.Context(), client, server.URL)
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := most.Load(); n > 2 {
		t.Errorf("%d connections at a time, want at most 2", n)
	}
}
