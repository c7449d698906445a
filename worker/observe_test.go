package worker_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker"
	"github.com/avap-framework/avap/worker/httpd"
	"github.com/avap-framework/avap/worker/rate"
	"github.com/avap-framework/avap/worker/telemetry"
)

// lines is a log that a test reads.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// TestRefusedConnections counts connections past the bound.
func TestRefusedConnections(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Options{})
	addr := listen(t, avap.Options{}, worker.Options{Metrics: metrics, HTTP: httpd.Options{MaxConns: 1}})
	first := dial(t, addr)
	first.send(t, message{method: "GET", target: "/health"}.String())
	resp, err := http.ReadResponse(first.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if n, err := dial(t, addr).Read(make([]byte, 1)); n > 0 || err == nil {
		t.Errorf("one too many: read %d, %v", n, err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for scrape(t, metrics)[`avap_refusals_total{reason="connections"}`] != 1 {
		if time.Now().After(deadline) {
			t.Fatal("the connection is not counted")
		}
		time.Sleep(time.Millisecond)
	}
}

// TestOutcomes counts each request under its endpoint, code and status, and what was
// turned away under its reason.
func TestOutcomes(t *testing.T) {
	var now clock
	request := newKey(t, seal.UseRequest, "default", 'r', time.Time{}, time.Time{})
	pkg := newKey(t, seal.UsePackage, "default", 'p', time.Time{}, time.Time{})
	ring := newKeyring(t, now.now, request, pkg)
	hosts := httpFunc(func(_ context.Context, r *host.Request) (*host.Response, error) {
		switch {
		case strings.HasSuffix(r.URL, "panic"):
			panic("a defect")
		case strings.HasSuffix(r.URL, "denied"):
			return nil, &host.Error{Code: host.CodeAddressDenied, Message: "refused"}
		case strings.HasSuffix(r.URL, "away"):
			return nil, &host.Error{Code: host.CodeHTTP, Message: "away"}
		}
		return &host.Response{Status: 200}, nil
	})
	limits := avap.Limits{Instructions: 20_000, Memory: 1 << 20, Depth: 20, Output: 4 << 10, HostCalls: 2}
	engine, err := avap.New(avap.Options{Host: avap.Host{HTTP: hosts}, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	metrics := telemetry.NewMetrics(telemetry.Options{})
	addr := listen(t, avap.Options{}, worker.Options{
		Catalog: func() *worker.Catalog { return worker.NewCatalog(engine, nil, nil) }, Limits: limits, MaxBody: 8 << 10,
		Keys: ring, Unsigned: true, CompileEndpoint: true, Metrics: metrics,
		Verifier: seal.NewVerifier(ring, seal.VerifierOptions{Now: now.now, Replay: true, ReplayEntries: 1}),
		Grants:   avap.AllCapabilities, UnsignedGrants: avap.AllCapabilities &^ avap.CapSQL,
		Limiter: rate.New(rate.Options{PerSecond: rate.MinPerSecond, Burst: 40, Now: now.now}),
	})
	script := func(text string) string { return message{body: bodyOfScript(t, text)}.String() }
	signed := func(target, body string, at time.Time, nonce string) string {
		return message{target: target, body: body, headers: []string{"X-AVAP-Signature: " +
			signature(t, request, seal.Request{Method: "POST", Target: target, Body: []byte(body), Time: at, Nonce: nonce})}}.String()
	}
	const compilePath = "/api/v1/compile"
	first := signed(compilePath, `{"script":"x = 1"}`, noon, "a")
	for _, c := range []struct {
		request, endpoint, code, status, refusal string
	}{
		{script("x = 1"), "execute", "ok", "2xx", ""},
		{script("addVar(_status, 404)"), "execute", "ok", "4xx", ""},
		{script("addVar(_status, 503)"), "execute", "ok", "5xx", ""},
		{script("addVar(_status, 204)"), "execute", "ok", "2xx", ""},
		{message{body: "x"}.String(), "execute", "bad_request", "4xx", ""},
		{script("x ="), "execute", "syntax_error", "4xx", ""},
		{script("frobnicate()"), "execute", "unknown_command", "4xx", ""},
		{script("addResult(1)"), "execute", "bad_arguments", "4xx", ""},
		{script("x = y"), "execute", "name_error", "4xx", ""},
		{script("x = 1 + 'a'"), "execute", "type_error", "4xx", ""},
		{script("x = 9223372036854775807 + 1"), "execute", "overflow", "4xx", ""},
		{script("x = 1 / 0"), "execute", "runtime_error", "4xx", ""},
		{script("RequestGet('http://h/away', None, None, x)"), "execute", "http_error", "4xx", ""},
		{script("RequestGet('http://h/denied', None, None, x)"), "execute", "address_denied", "4xx", ""},
		{script("RequestGet('http://h/panic', None, None, x)"), "execute", "internal", "5xx", ""},
		{script("ormDirect(SELECT 1, x)"), "execute", "capability_denied", "4xx", ""},
		{script("while(true)\nend()"), "execute", "quota_instructions", "4xx", ""},
		{script("x = 'a' * 9000000"), "execute", "quota_memory", "4xx", ""},
		{script("function f(n) {\nreturn f(n)\n}\nf(1)"), "execute", "quota_depth", "4xx", ""},
		{script("x = 'a' * 9000\naddResult(x)"), "execute", "quota_output", "4xx", ""},
		{script("startLoop(i, 1, 3)\nRequestGet('http://h/', None, None, x)\nendLoop()"), "execute", "quota_host_calls", "4xx", ""},
		{message{body: `{"name":"x"}`}.String(), "execute", "unknown_script", "4xx", ""},
		{raw([]byte("AVAP")), "execute", "integrity", "4xx", "integrity"},
		{message{body: strings.Repeat(" ", 9<<10)}.String(), "execute", "body_too_large", "4xx", "body_too_large"},
		{message{body: "x", headers: []string{"Origin: https://elsewhere.example"}}.String(), "other", "origin_denied", "4xx", "origin_denied"},
		{message{target: "/nowhere"}.String(), "other", "not_found", "4xx", ""},
		{message{method: "PUT"}.String(), "execute", "method_not_allowed", "4xx", ""},
		{message{method: "GET", target: "/health"}.String(), "health", "ok", "2xx", ""},
		{message{method: "GET", target: "/readyz"}.String(), "readyz", "ok", "2xx", ""},
		{message{method: "GET", target: "/"}.String(), "other", "ok", "3xx", ""},
		{"GET /health HTTP/1.1\r\nHost localhost\r\n\r\n", "other", "bad_request", "4xx", "bad_header"},
		{message{target: compilePath, body: "{}"}.String(), "compile", "signature_missing", "4xx", "signature_missing"},
		{message{target: compilePath, body: "{}", headers: []string{"X-AVAP-Signature: x"}}.String(), "compile", "signature_invalid", "4xx", "signature_invalid"},
		{signed(compilePath, "{}", noon.Add(-time.Hour), "a"), "compile", "signature_expired", "4xx", "signature_expired"},
		{first, "compile", "ok", "2xx", ""},
		{first, "compile", "signature_replayed", "4xx", "signature_replayed"},
		{signed(compilePath, "{}", noon, "b"), "compile", "overloaded", "5xx", "replay_full"},
	} {
		t.Run(c.endpoint+" "+c.code+" "+c.status, func(t *testing.T) {
			before := scrape(t, metrics)
			conn := dial(t, addr)
			conn.send(t, c.request)
			resp, err := http.ReadResponse(conn.in, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			conn.Close()
			var after map[string]float64
			until(t, func() bool {
				after = scrape(t, metrics)
				return sum(after, "avap_requests_total") > sum(before, "avap_requests_total")
			})
			want := map[string]float64{`avap_requests_total{code="` + c.code + `",endpoint="` + c.endpoint + `",status="` + c.status + `"}`: 1}
			if c.refusal != "" {
				want[`avap_refusals_total{reason="`+c.refusal+`"}`] = 1
			}
			if quota, ok := strings.CutPrefix(c.code, "quota_"); ok {
				want[`avap_quotas_hit_total{quota="`+quota+`"}`] = 1
			}
			got := map[string]float64{}
			for sample, value := range after {
				counted := strings.HasPrefix(sample, "avap_requests_total") || strings.HasPrefix(sample, "avap_refusals_total") || strings.HasPrefix(sample, "avap_quotas_hit_total")
				if more := value - before[sample]; counted && more != 0 {
					got[sample] = more
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("rate_limited", func(t *testing.T) {
		for range 60 {
			answerTo(t, addr, script("x = 1"))
		}
		until(t, func() bool { return scrape(t, metrics)[`avap_refusals_total{reason="rate_limited"}`] > 10 })
	})
}

// TestCallerGone counts a request that nobody waited for any more.
func TestCallerGone(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Options{})
	begun := make(chan struct{})
	hang := httpFunc(func(ctx context.Context, _ *host.Request) (*host.Response, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	addr := listen(t, avap.Options{Host: avap.Host{HTTP: hang}, Limits: avap.Limits{HostTime: time.Hour}}, worker.Options{Metrics: metrics})
	c := dial(t, addr)
	c.send(t, message{body: bodyOfScript(t, reaching)}.String())
	<-begun
	c.Close()
	until(t, func() bool {
		return scrape(t, metrics)[`avap_requests_total{code="cancelled",endpoint="execute",status="none"}`] == 1
	})
}

// TestStages measures each stage that a request went through, and the bytes of both
// bodies.
func TestStages(t *testing.T) {
	k := newKey(t, seal.UseRequest, "default", 'r', time.Time{}, time.Time{})
	ring := newKeyring(t, new(clock).now, k)
	metrics := telemetry.NewMetrics(telemetry.Options{})
	addr := listen(t, avap.Options{Host: avap.Host{HTTP: new(counted)}}, worker.Options{
		Keys: ring, Verifier: seal.NewVerifier(ring, seal.VerifierOptions{Now: new(clock).now}), Metrics: metrics,
	})
	body := bodyOfScript(t, reaching)
	answer := expect(t, addr, message{body: body, headers: []string{"X-AVAP-Signature: " +
		signature(t, k, seal.Request{Method: "POST", Target: executePath, Body: []byte(body), Time: noon})}}.String(), 200, "")
	var samples map[string]float64
	until(t, func() bool { samples = scrape(t, metrics); return sum(samples, "avap_requests_total") == 1 })
	for _, stage := range []string{"read", "verify", "compile", "run", "host", "answer"} {
		if n := sum(samples, "avap_stage_duration_seconds_count", `stage="`+stage+`"`); n != 1 {
			t.Errorf("%s was measured %d times", stage, n)
		}
	}
	if in, out := samples[`avap_request_body_bytes_total{endpoint="execute"}`], samples[`avap_answer_body_bytes_total{endpoint="execute"}`]; int(in) != len(body) || int(out) != len(answer) {
		t.Errorf("%v bytes in, %v out; want %d, %d", in, out, len(body), len(answer))
	}
}

// TestTraceContext hands the caller's trace on to the hosts of a script.
func TestTraceContext(t *testing.T) {
	const (
		parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		other  = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203332-00"
	)
	var tracer telemetry.Tracer
	seen := make(chan http.Header, 1)
	hosts := httpFunc(func(ctx context.Context, _ *host.Request) (*host.Response, error) {
		h := http.Header{}
		tracer.Propagate(ctx, h)
		seen <- h
		return &host.Response{Status: 200}, nil
	})
	addr := listen(t, avap.Options{Host: avap.Host{HTTP: hosts}}, worker.Options{Tracer: &tracer})
	for _, c := range []struct {
		name          string
		headers       []string
		parent, state string
	}{
		{"none", nil, "", ""},
		{"one", []string{"traceparent: " + parent}, parent, ""},
		{"in other letters", []string{"TRACEPARENT: " + other}, other, ""},
		{"with a state", []string{"traceparent: " + parent, "tracestate: a=1,b=2"}, parent, "a=1,b=2"},
		{"with a state in two lines", []string{"traceparent: " + parent, "tracestate: a=1", "tracestate: b=2"}, parent, "a=1,b=2"},
		{"malformed", []string{"traceparent: " + parent[:54] + "x", "tracestate: a=1"}, "", ""},
		{"all zero", []string{"traceparent: 00-" + strings.Repeat("0", 32) + "-" + strings.Repeat("0", 16) + "-00"}, "", ""},
		{"two of them", []string{"traceparent: " + parent, "traceparent: " + other}, "", ""},
		{"a state alone", []string{"tracestate: a=1"}, "", ""},
		{"none, behind one", nil, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, addr, message{body: bodyOfScript(t, reaching), headers: c.headers}.String(), 200, "")
			if h := <-seen; h.Get("traceparent") != c.parent || h.Get("tracestate") != c.state {
				t.Errorf("%v", h)
			}
		})
	}
}

// TestSpans exports a span of each request with its stages, and nothing that a caller
// sent but its request's id.
func TestSpans(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "console")
	var out lines
	tracer, err := telemetry.NewTracer(t.Context(), telemetry.TraceOptions{Console: &out})
	if err != nil {
		t.Fatal(err)
	}
	srv := start(t, avap.Options{Host: avap.Host{HTTP: tracer.HTTP(new(counted))}}, worker.Options{Tracer: tracer})
	addr := strings.TrimPrefix(srv.URL, "http://")
	for range 2 {
		expect(t, addr, message{body: bodyOfScript(t, "hush = 'hush'\n"+reaching), headers: []string{
			"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "X-Request-Id: mine",
		}}.String(), 200, "")
	}
	expect(t, addr, message{target: executePath + "?q=hush", body: `{"script":"x = hush"}`}.String(), 400, "name_error")
	if err := srv.Drain(t.Context(), 0, 20*time.Second); err != nil { // behind it all spans have ended
		t.Fatal(err)
	}
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if n := strings.Count(text, "POST /api/v1/execute"); n != 3 {
		t.Errorf("%d spans of requests in\n%s", n, text)
	}
	for _, part := range []string{"0af7651916cd43dd8448eb211c80319c", "name_error", `"mine"`, `"compile"`, `"run"`, `"http"`} {
		if !strings.Contains(text, part) {
			t.Errorf("%s is not in\n%s", part, text)
		}
	}
	for _, part := range []string{"hush", "http://h"} {
		if strings.Contains(text, part) {
			t.Errorf("%s is in\n%s", part, text)
		}
	}
}

// TestRequestLog writes a line for each request at the level debug, and nothing in it
// of what a caller sent but the request's id.
func TestRequestLog(t *testing.T) {
	var out lines
	k := newKey(t, seal.UsePackage, "default", 'p', time.Time{}, time.Time{})
	broken := httpFunc(func(context.Context, *host.Request) (*host.Response, error) {
		return nil, &host.Error{Code: host.CodeHTTP, Message: "hush"}
	})
	addr := listen(t, avap.Options{Host: avap.Host{HTTP: broken}}, worker.Options{
		Keys: newKeyring(t, nil, k), Log: slog.New(telemetry.NewLogHandler(&out, slog.LevelDebug)),
	})
	requests := []string{
		message{body: bodyOfScript(t, "hush = 'hush'\naddResult(hush)")}.String(),
		message{body: `{"script":"x = hush","variables":{"v":"hush"},"hush":"hush"}`}.String(),
		message{body: bodyOfScript(t, "hush(hush")}.String(),
		message{body: bodyOfScript(t, "hush()")}.String(),
		message{body: bodyOfScript(t, reaching)}.String(),
		message{target: executePath + "?hush=hush", body: bodyOfScript(t, "x = 1")}.String(),
		message{target: "/hush", body: "hush"}.String(),
		message{body: "hush", headers: []string{"X-AVAP-Signature: hush", "Authorization: hush", "Cookie: hush"}}.String(),
		message{body: `{"name":"hush"}`}.String(),
		raw(sealedSource(t, k, "x = hush")),
		raw([]byte("hush")),
	}
	for i, request := range requests {
		answerTo(t, addr, strings.Replace(request, "\r\n", "\r\nX-Request-Id: id"+string(rune('a'+i))+"\r\n", 1))
	}
	until(t, func() bool { return strings.Count(out.String(), `"msg":"request"`) == len(requests) })
	text := out.String()
	if strings.Contains(text, "hush") {
		t.Errorf("the log tells what was sent:\n%s", text)
	}
	for i := range requests {
		if id := `"request_id":"id` + string(rune('a'+i)) + `"`; strings.Count(text, id) != 1 {
			t.Errorf("%s stands %d times in the log", id, strings.Count(text, id))
		}
	}
	if !strings.Contains(text, `"endpoint":"execute","status":400,"code":"name_error","lane":"fast"`) {
		t.Errorf("%s", text)
	}
}
