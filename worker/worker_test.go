package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/internal/conformance"
	"github.com/avap-framework/avap/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a worker of a test, behind a client that follows no redirects.
type server struct {
	*worker.Worker
	URL    string
	Client *http.Client
}

// serve starts a worker on a loopback address. Options say nothing of the catalog: it
// is the stock commands'.
func serve(t *testing.T, opt worker.Options) *server {
	t.Helper()
	return start(t, avap.Options{Limits: opt.Limits}, opt)
}

// start is serve with an engine of the test's own, whose limits are the worker's.
func start(t *testing.T, engine avap.Options, opt worker.Options) *server {
	t.Helper()
	if opt.Catalog == nil {
		e, err := avap.New(engine)
		if err != nil {
			t.Fatal(err)
		}
		opt.Catalog = func() *worker.Catalog { return worker.NewCatalog(e, nil, nil) }
		opt.Unsigned = opt.Verifier == nil
		opt.Limits = engine.Limits
		opt.Grants, opt.UnsignedGrants = avap.AllCapabilities, avap.AllCapabilities
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := worker.New(opt)
	served := make(chan error, 1)
	go func() { served <- w.Serve(l) }()
	transport := &http.Transport{DisableCompression: true}
	s := &server{w, "http://" + l.Addr().String(), &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := w.Drain(context.Background(), 0, 20*time.Second); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestConformance runs every case of the language through the REST API.
func TestConformance(t *testing.T) {
	s := serve(t, worker.Options{Limits: avap.Limits{Time: time.Minute}})
	for _, c := range conformance.Load(t, "../testdata/conformance") {
		t.Run(c.Name, func(t *testing.T) {
			status, _, body := post(t, s, "/api/v1/execute?"+c.Request.Query, bodyOf(t, &c))
			c.Want.Check(t, status, body)
		})
	}
}

// fullCache are the bytes of a cache that a dozen scripts fill.
const fullCache = 64 << 10

// fill fills the cache of scripts.
func fill(t *testing.T, s *server) {
	t.Helper()
	for i := range 30 {
		if status, _, body := post(t, s, "/api/v1/execute", fmt.Sprintf(`{"script":"x = %d"}`, i)); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	if s.CacheStats().Declined == 0 {
		t.Fatalf("after 30 scripts there is still room: %+v", s.CacheStats())
	}
}

// TestConformanceOnce runs the cases where the cache keeps none of them.
func TestConformanceOnce(t *testing.T) {
	s := serve(t, worker.Options{Limits: avap.Limits{Time: time.Minute}, CacheBytes: fullCache})
	fill(t, s)
	before := s.CacheStats()
	cases := conformance.Load(t, "../testdata/conformance")
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			status, _, body := post(t, s, "/api/v1/execute?"+c.Request.Query, bodyOf(t, &c))
			c.Want.Check(t, status, body)
		})
	}
	declined := s.CacheStats().Declined - before.Declined
	if most := uint64(len(cases)); declined < most-most/10 { // some cases have the same script
		t.Errorf("the cache declined %d of %d", declined, most)
	}
}

// TestFullCache has a script come again and again while the cache is full.
func TestFullCache(t *testing.T) {
	s := serve(t, worker.Options{CacheBytes: fullCache})
	fill(t, s)
	const body = `{"script":"addVar(x, 2)\naddResult(x)","return":["result"]}`
	for i, want := range []struct {
		what         string
		hit, decline uint64
	}{
		{"the first time it is declined", 0, 1},
		{"the second time it is kept", 0, 0},
		{"the third time it is there", 1, 0},
	} {
		before := s.CacheStats()
		if status, _, got := post(t, s, "/api/v1/execute", body); status != 200 || string(got) != `{"success":true,"result":{"x":2}}` {
			t.Fatalf("%d %s", status, got)
		}
		after := s.CacheStats()
		if after.Hits-before.Hits != want.hit || after.Declined-before.Declined != want.decline {
			t.Errorf("request %d: %s, but %+v came of %+v", i+1, want.what, after, before)
		}
	}
}

// TestFullCacheConcurrently has callers send scripts that are new each time, and some that
// are broken, while others send one that stays.
func TestFullCacheConcurrently(t *testing.T) {
	s := serve(t, worker.Options{CacheBytes: fullCache})
	fill(t, s)
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Go(func() {
			for i := range 150 {
				n := caller*1000 + i
				script, want := fmt.Sprintf(`text = \"n-%d\"\nfunction f(a) {\n    return [a, text%d]\n}\ntext%d = text[2:]\naddVar(x, f(%d))\naddResult(x)`, n, n, n, n), fmt.Sprintf(`{"success":true,"result":{"x":[%d,"%d"]}}`, n, n)
				switch i % 5 {
				case 0:
					script, want = `x = \"all\"\naddResult(x)`, `{"success":true,"result":{"x":"all"}}`
				case 1:
					script, want = fmt.Sprintf("x%d = missing%d", n, n), fmt.Sprintf("missing%d", n)
				case 2:
					script, want = fmt.Sprintf("x%d = (1", n), "syntax_error"
				case 3: // too long for memory that is used again
					script += fmt.Sprintf(`\n// %0*d`, 8<<10, n)
				}
				status, _, got := post(t, s, "/api/v1/execute", `{"script":"`+script+`","return":["result"]}`)
				if !strings.Contains(string(got), want) || (status == 200) != strings.HasPrefix(want, "{") {
					t.Errorf("%s: %d %s, want %s", script, status, got, want)
				}
			}
		})
	}
	wg.Wait()
}

// bodyOf puts the request of a case together, keeping the order of its keys.
func bodyOf(t *testing.T, c *conformance.Case) string {
	t.Helper()
	script, err := json.Marshal(c.Script)
	if err != nil {
		t.Fatal(err)
	}
	body := `{"script":` + string(script)
	if c.Request.Variables != nil {
		body += `,"variables":` + string(c.Request.Variables)
	}
	if more := strings.TrimSpace(string(c.Request.Body)); more != "" {
		body += "," + strings.TrimSuffix(strings.TrimPrefix(more, "{"), "}")
	}
	return body + "}"
}

func post(t *testing.T, s *server, path, body string) (int, http.Header, []byte) {
	t.Helper()
	return send(t, s, newRequest(t, "POST", s.URL+path, body))
}

func newRequest(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func send(t *testing.T, s *server, r *http.Request) (int, http.Header, []byte) {
	t.Helper()
	resp, err := s.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, body
}

// TestRequests holds what the API says to requests that are no conformance cases.
func TestRequests(t *testing.T) {
	s := serve(t, worker.Options{Version: "1.2.3", MaxBody: 2000})
	deep := strings.Repeat("[", 201) + strings.Repeat("]", 201)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		want                     string // in the body
	}{
		{"health", "GET", "/health", "", 200, `{"status":"healthy","service":"avap-server","version":"1.2.3"}`},
		{"root", "GET", "/", "", 302, ""},
		{"ready", "GET", "/readyz", "", 200, ""},
		{"no such path", "GET", "/api/v2", "", 404, `"code":"not_found"`},
		{"wrong method", "GET", "/api/v1/execute", "", 405, `"code":"method_not_allowed"`},
		{"health is read only", "POST", "/health", "", 405, `"code":"method_not_allowed"`},
		{"no body", "POST", "/api/v1/execute", "", 400, `"code":"bad_request"`},
		{"no JSON", "POST", "/api/v1/execute", "x=1", 400, `invalid JSON at byte 0`},
		{"not an object", "POST", "/api/v1/execute", "[1]", 400, `"code":"bad_request"`},
		{"no script", "POST", "/api/v1/execute", "{}", 400, `"code":"bad_request"`},
		{"empty script", "POST", "/api/v1/execute", `{"script":""}`, 400, `"code":"bad_request"`},
		{"script is no text", "POST", "/api/v1/execute", `{"script":1}`, 400, `"code":"bad_request"`},
		{"comments alone", "POST", "/api/v1/execute", `{"script":"// nothing"}`, 200, `"result":{}`},
		{"duplicate keys", "POST", "/api/v1/execute", `{"script":"a = 1","script":"a = 2"}`, 400, `"code":"bad_request"`},
		{"trailing bytes", "POST", "/api/v1/execute", `{"script":"a = 1"} x`, 400, `"code":"bad_request"`},
		{"invalid UTF-8", "POST", "/api/v1/execute", "{\"script\":\"a = '\xff'\"}", 400, `"code":"bad_request"`},
		{"deep", "POST", "/api/v1/execute", `{"script":"a = 1","x":` + deep + `}`, 400, `"code":"bad_request"`},
		{"a long first key", "POST", "/api/v1/execute", `{"` + strings.Repeat("k", 600) + `":1,"script":"x = 1"}`, 200, `"success":true`},
		{"infinite number", "POST", "/api/v1/execute", `{"script":"a = 1","x":1e999}`, 400, `"code":"bad_request"`},
		{"variables are no object", "POST", "/api/v1/execute", `{"script":"a = 1","variables":[]}`, 400, `"code":"bad_request"`},
		{"package and script", "POST", "/api/v1/execute", `{"script":"a = 1","package":"AA=="}`, 400, `"code":"bad_request"`},
		{"return", "POST", "/api/v1/execute", `{"script":"a = 1\naddResult(a)","return":["result"]}`, 200, `{"success":true,"result":{"a":1}}`},
		{"return something else", "POST", "/api/v1/execute", `{"script":"a = 1","return":["logs"]}`, 400, `"code":"bad_request"`},
		{"too large", "POST", "/api/v1/execute", `{"script":"` + strings.Repeat(" ", 2000) + `"}`, 413, `"code":"body_too_large"`},
		{"angle brackets stay", "POST", "/api/v1/execute", `{"script":"a = '<&>'\naddResult(a)"}`, 200, `{"a":"<&>"}`},
		{"angle brackets stay in errors", "POST", "/api/v1/execute", `{"script":"a = <b>"}`, 400, `<`},
		{"syntax error", "POST", "/api/v1/execute", `{"script":"a = 1\nb ="}`, 400, `"code":"syntax_error","line":2`},
		{"logs", "POST", "/api/v1/execute", `{"script":"addVar(a, 1)\nb = 2"}`, 200, `"logs":[{"command":"addVar","duration_ms":`},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, header, body := send(t, s, newRequest(t, c.method, s.URL+c.path, c.body))
			if status != c.status || !bytes.Contains(body, []byte(c.want)) {
				t.Errorf("%d %s\nwant %d %s", status, body, c.status, c.want)
			}
			if header.Get("X-Request-Id") == "" {
				t.Error("no X-Request-Id")
			}
		})
	}
}

// TestRequestID keeps a fit id of the caller's and replaces any other.
func TestRequestID(t *testing.T) {
	s := serve(t, worker.Options{})
	for id, kept := range map[string]bool{
		"abc-1": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, "ä": false,
	} {
		r := newRequest(t, "POST", s.URL+"/api/v1/execute", `{"script":"x = y"}`)
		r.Header.Set("X-Request-Id", id)
		_, header, body := send(t, s, r)
		got := header.Get("X-Request-Id")
		if (got == id) != kept {
			t.Errorf("%q came back as %q", id, got)
		}
		if !strings.Contains(string(body), `"request_id":"`+got+`"`) {
			t.Errorf("%s does not name %s", body, got)
		}
	}
}

// TestOrigins refuses web pages of other origins, and names that are not this
// machine's own.
func TestOrigins(t *testing.T) {
	s := serve(t, worker.Options{LoopbackOnly: true})
	own := strings.TrimPrefix(s.URL, "http://")
	for _, c := range []struct {
		host, origin string
		status       int
	}{
		{own, "", 200},
		{own, "http://" + own, 200},
		{own, "https://evil.example", 403},
		{own, "null", 403},
		{"localhost:80", "", 200},
		{"[::1]:80", "", 200},
		{"evil.example", "", 403},
		{"localhost.evil.example", "", 403},
		{"192.168.1.1", "", 403},
	} {
		r := newRequest(t, "POST", s.URL+"/api/v1/execute", `{"script":"a = 1"}`)
		r.Host = c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if status, _, body := send(t, s, r); status != c.status {
			t.Errorf("host %s, origin %s: %d %s, want %d", c.host, c.origin, status, body, c.status)
		}
	}
}
