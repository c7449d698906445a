// This file holds the admin port, over real connections where the peer's address
// counts.

package telemetry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/worker/telemetry"
)

// adminServer serves the admin port on a loopback address.
func adminServer(t *testing.T, opt telemetry.AdminOptions) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.Config = telemetry.Server("", telemetry.Handler(opt), opt.Log)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// ask sends a request, and gives the answer and its body.
func ask(t *testing.T, s *httptest.Server, method, path string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Host = req.URL.Host
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	req.Header.Del("Host")
	answer, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestAdmin(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Options{})
	metrics.Observe(request("", 200))
	s := adminServer(t, telemetry.AdminOptions{
		Metrics: metrics.Handler(),
		Catalog: func() any { return map[string]any{"revision": 42} },
	})
	id := http.Header{"X-Request-Id": {"r1"}}
	const missing = `{"success":false,"error":"there is nothing at this path","code":"not_found","request_id":"r1"}`
	for _, tt := range []struct {
		method, path string
		status       int
		want         string // the body, or with … at its end the beginning
	}{
		{"GET", "/livez", 200, `{"status":"alive"}`},
		{"HEAD", "/livez", 200, ``},
		{"GET", "/readyz", 200, `{"ready":true,"reasons":[]}`},
		{"GET", "/metrics", 200, "# HELP avap_answer_body_bytes_total …"},
		{"GET", "/debug/catalog", 200, `{"revision":42}`},
		{"GET", "/debug/pprof/", 200, "<html>…"},
		{"GET", "/debug/pprof/goroutine?debug=1", 200, "goroutine profile: total …"},
		{"GET", "/debug/pprof/symbol", 200, "num_symbols: 1…"},
		{"GET", "/debug/pprof/cmdline", 404, missing},
		{"GET", "/", 404, missing},
		{"POST", "/nowhere", 404, missing},
		{"GET", "/debug", 404, missing},
		{"GET", "/metrics/", 404, missing},
		{"POST", "/livez", 405, `{"success":false,"error":"/livez takes GET alone","code":"method_not_allowed","request_id":"r1"}`},
		{"DELETE", "/debug/catalog", 405, `{"success":false,"error":"/debug/catalog takes GET alone","code":"method_not_allowed","request_id":"r1"}`},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			answer, body := ask(t, s, tt.method, tt.path, id)
			if start, part := strings.CutSuffix(tt.want, "…"); part && strings.HasPrefix(body, start) {
				body = tt.want
			}
			if diff := cmp.Diff(tt.want, body); diff != "" || answer.StatusCode != tt.status {
				t.Errorf("status %d, want %d; body (-want +got):\n%s", answer.StatusCode, tt.status, diff)
			}
			if got := answer.Header.Get("X-Request-Id"); got != "r1" {
				t.Errorf("request id %q", got)
			}
			if allow := answer.Header.Get("Allow"); (allow == "GET, HEAD") != (tt.status == 405) {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
	answer, _ := ask(t, s, "GET", "/livez", http.Header{"X-Request-Id": {strings.Repeat("x", 129)}})
	if got := answer.Header.Get("X-Request-Id"); len(got) < 16 || len(got) > 64 {
		t.Errorf("instead of an id that is too long: %q", got)
	}
}

func TestReadiness(t *testing.T) {
	reasons := []telemetry.Reason{{Code: "draining", Message: "the worker is shutting down"}}
	s := adminServer(t, telemetry.AdminOptions{Reasons: func() []telemetry.Reason { return reasons }})
	answer, body := ask(t, s, "GET", "/readyz", nil)
	if want := `{"ready":false,"reasons":[{"code":"draining","message":"the worker is shutting down"}]}`; body != want || answer.StatusCode != 503 {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
	if answer, _ := ask(t, s, "GET", "/livez", nil); answer.StatusCode != 200 {
		t.Errorf("not alive: %d", answer.StatusCode)
	}
	reasons = nil
	if answer, body := ask(t, s, "GET", "/readyz", nil); answer.StatusCode != 200 {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
}

// TestDebugIsForThisMachine tries to pass for it.
func TestDebugIsForThisMachine(t *testing.T) {
	handler := telemetry.Handler(telemetry.AdminOptions{Catalog: func() any { return 1 }})
	for _, tt := range []struct {
		name, peer, host string
		header           http.Header
		status           int
	}{
		{"this machine", "127.0.0.1:5000", "127.0.0.1:9090", nil, 200},
		{"by name", "127.0.0.1:5000", "LocalHost:9090", nil, 200},
		{"another loopback address", "127.9.9.9:5000", "localhost", nil, 200},
		{"IPv6", "[::1]:5000", "[::1]:9090", nil, 200},
		{"IPv6 without a port", "[::1]:5000", "[::1]", nil, 200},
		{"IPv4 in IPv6", "[::ffff:127.0.0.1]:5000", "localhost:9090", nil, 200},

		{"another machine", "10.0.0.7:5000", "localhost:9090", nil, 403},
		{"another machine that says otherwise", "10.0.0.7:5000", "localhost:9090", http.Header{"X-Forwarded-For": {"127.0.0.1"}}, 403},
		{"another machine over IPv6", "[fe80::1%eth0]:5000", "localhost:9090", nil, 403},
		{"no address", "@", "localhost:9090", nil, 403},
		{"a proxy of this machine", "127.0.0.1:5000", "localhost:9090", http.Header{"X-Forwarded-For": {"10.0.0.7"}}, 403},
		{"a proxy by the standard", "127.0.0.1:5000", "localhost:9090", http.Header{"Forwarded": {"for=10.0.0.7"}}, 403},
		{"a web page", "127.0.0.1:5000", "rebound.example:9090", nil, 403},
		{"a web page of a like name", "127.0.0.1:5000", "localhost.example", nil, 403},
		{"no host", "127.0.0.1:5000", "", nil, 403},
	} {
		for _, path := range []string{"/debug/catalog", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/symbol"} {
			r := httptest.NewRequest("GET", path, nil)
			r.RemoteAddr, r.Host = tt.peer, tt.host
			for name, values := range tt.header {
				r.Header[name] = values
			}
			out := httptest.NewRecorder()
			handler.ServeHTTP(out, r)
			if out.Code != tt.status {
				t.Errorf("%s: %s is %d, want %d", tt.name, path, out.Code, tt.status)
			}
			if tt.status == 403 && !strings.Contains(out.Body.String(), `"code":"origin_denied"`) {
				t.Errorf("%s: %s", tt.name, out.Body)
			}
		}
	}
}

// TestAdminDefects are answered and logged, and do not end the connection.
func TestAdminDefects(t *testing.T) {
	var out output
	s := adminServer(t, telemetry.AdminOptions{
		Catalog: func() any { return make(chan int) }, // JSON cannot say it
		Reasons: func() []telemetry.Reason { panic("a secret of the catalog") },
		Log:     slog.New(telemetry.NewLogHandler(&out, nil)),
	})
	for _, path := range []string{"/debug/catalog", "/readyz"} {
		answer, body := ask(t, s, "GET", path, http.Header{"X-Request-Id": {"r1"}})
		if want := `{"success":false,"error":"internal error","code":"internal","request_id":"r1"}`; body != want || answer.StatusCode != 500 {
			t.Errorf("%s: %d %s", path, answer.StatusCode, body)
		}
		log := out.take()
		var line map[string]any
		if err := json.Unmarshal([]byte(log), &line); err != nil || line["request_id"] != "r1" || !bytes.Contains([]byte(log), []byte("goroutine")) {
			t.Errorf("%s: %v, log: %s", path, err, log)
		}
	}
}
