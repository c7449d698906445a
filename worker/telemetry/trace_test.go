// This file holds traces from the request to a collector on a loopback address.

package telemetry_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/worker/telemetry"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	parent  = "00-" + traceID + "-b7ad6b7169203331-01"
	state   = "vendor=a,other=b"
)

// environment sets the variables of OpenTelemetry, and empties the others.
func environment(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, name := range []string{
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES",
		"OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
	} {
		t.Setenv(name, variables[name])
	}
}

func newTracer(t *testing.T, opt telemetry.TraceOptions) *telemetry.Tracer {
	t.Helper()
	tracer, err := telemetry.NewTracer(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

// TestTracesOff hands the callers' trace context on and makes nothing else.
func TestTracesOff(t *testing.T) {
	for _, variables := range []map[string]string{
		{},
		{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
		{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"},
	} {
		environment(t, variables)
		tracer := newTracer(t, telemetry.TraceOptions{})
		if tracer.Enabled() {
			t.Fatalf("%v enables traces", variables)
		}
		for _, tt := range []struct {
			name, parent, state string
			want                http.Header
		}{
			{"none", "", "", http.Header{}},
			{"both", parent, state, http.Header{"Traceparent": {parent}, "Tracestate": {state}}},
			{"malformed", parent[:54], state, http.Header{}},
			{"malformed state", parent, "=,", http.Header{"Traceparent": {parent}}},
			{"long state", parent, "a=" + strings.Repeat("b", 600), http.Header{"Traceparent": {parent}}},
			{"a state alone", "", state, http.Header{}},
		} {
			ctx, span := tracer.Begin(context.Background(), telemetry.EndpointExecute, []byte(tt.parent), []byte(tt.state))
			ctx, stage := tracer.Start(ctx, telemetry.StageRun)
			header := http.Header{}
			tracer.Propagate(ctx, header)
			if diff := cmp.Diff(tt.want, header); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
			stage.End("")
			span.Finish(request("", 200), "r1")
		}
		if h := tracer.HTTP(fakeHTTP{}); h != (fakeHTTP{}) {
			t.Errorf("%T stands between", h)
		}
		if err := tracer.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestTracesOffAreFree(t *testing.T) {
	tracer := new(telemetry.Tracer)
	ctx, header, o := context.Background(), http.Header{}, request("", 200)
	if n := testing.AllocsPerRun(1000, func() {
		ctx, span := tracer.Begin(ctx, telemetry.EndpointExecute, nil, nil)
		ctx, stage := tracer.Start(ctx, telemetry.StageRun)
		tracer.Propagate(ctx, header)
		stage.End("")
		span.Finish(o, "r1")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTracesOff(b *testing.B) {
	tracer := new(telemetry.Tracer)
	ctx, o := context.Background(), request("", 200)
	b.Run("no traceparent", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, span := tracer.Begin(ctx, telemetry.EndpointExecute, nil, nil)
			span.Finish(o, "r1")
		}
	})
	b.Run("traceparent", func(b *testing.B) {
		p := []byte(parent)
		b.ReportAllocs()
		for b.Loop() {
			_, span := tracer.Begin(ctx, telemetry.EndpointExecute, p, nil)
			span.Finish(o, "r1")
		}
	})
}

// fakeHTTP answers with the status 404.
type fakeHTTP struct{}

func (fakeHTTP) Do(context.Context, *host.Request) (*host.Response, error) {
	return &host.Response{Status: 404, Body: []byte("no")}, nil
}

// fakeSQL opens sessions whose statements fail.
type fakeSQL struct{}

func (fakeSQL) Open(context.Context) (host.Session, error) { return fakeSQL{}, nil }

func (fakeSQL) Query(context.Context, host.Statement, host.RowSink) (int64, error) {
	return 0, &host.Error{Code: host.CodeSQL, Message: "no such table"}
}

func (fakeSQL) Close() error { return nil }

// span is what a test looks at of one.
type span struct {
	Name, Trace, Parent string // Parent is a name where the span is of this process
	Failed              bool
	Attributes          map[string]string
}

// otlp is a collector that remembers.
type otlp struct {
	mu       sync.Mutex
	spans    []span
	resource map[string]string
}

func (c *otlp) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var req collector.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &req) != nil {
		http.Error(out, "not OTLP", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	names := map[string]string{}
	for _, rs := range req.GetResourceSpans() {
		c.resource = map[string]string{}
		for _, a := range rs.GetResource().GetAttributes() {
			c.resource[a.GetKey()] = a.GetValue().GetStringValue()
		}
		for _, s := range rs.GetScopeSpans()[0].GetSpans() {
			names[string(s.GetSpanId())] = s.GetName()
		}
		for _, s := range rs.GetScopeSpans()[0].GetSpans() {
			got := span{Name: s.GetName(), Failed: s.GetStatus().GetCode() == 2, Attributes: map[string]string{}}
			got.Trace = hex.EncodeToString(s.GetTraceId())
			if got.Parent = names[string(s.GetParentSpanId())]; got.Parent == "" {
				got.Parent = hex.EncodeToString(s.GetParentSpanId())
			}
			for _, a := range s.GetAttributes() {
				got.Attributes[a.GetKey()] = valueText(a.GetValue())
			}
			c.spans = append(c.spans, got)
		}
	}
	out.Header().Set("Content-Type", "application/x-protobuf")
}

// valueText gives an attribute's value as text.
func valueText(v *common.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	case *common.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	}
	return fmt.Sprintf("%T", v)
}

// TestTracesOverOTLP follows a request with a call of each kind to a collector.
func TestTracesOverOTLP(t *testing.T) {
	c := new(otlp)
	server := httptest.NewServer(c)
	defer server.Close()
	environment(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
	})
	tracer := newTracer(t, telemetry.TraceOptions{Version: "1.2.3"})

	ctx, whole := tracer.Begin(context.Background(), telemetry.EndpointExecute, []byte(parent), []byte(state))
	_, compile := tracer.Start(ctx, telemetry.StageCompile)
	compile.End("")
	running, run := tracer.Start(ctx, telemetry.StageRun)
	header := http.Header{}
	tracer.Propagate(running, header)
	if _, err := tracer.HTTP(fakeHTTP{}).Do(running, &host.Request{Method: "GET", URL: "http://secret/"}); err != nil {
		t.Error(err)
	}
	session, err := tracer.SQL(fakeSQL{}).Open(running)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.Query(running, host.Statement{Parts: []string{"SELECT secret"}}, nil); err == nil {
		t.Error("the error of the statement was lost")
	}
	run.End("sql_error")
	whole.Finish(request("sql_error", 400), "r1")
	_, health := tracer.Begin(context.Background(), telemetry.EndpointHealth, nil, nil)
	health.Finish(request("", 200), "r2") // probes make no spans
	if err := tracer.Close(context.Background()); err != nil {
		t.Fatal(err)
	}

	if h := header.Get("Traceparent"); !strings.HasPrefix(h, "00-"+traceID+"-") || h == parent || header.Get("Tracestate") != state {
		t.Errorf("handed on: %v", header)
	}
	const name = "POST /api/v1/execute"
	want := []span{
		{"compile", traceID, name, false, map[string]string{}},
		{"http", traceID, "run", false, map[string]string{
			"http.request.method": "GET", "http.request.body.size": "0", "http.response.status_code": "404", "http.response.body.size": "2",
		}},
		{"sql open", traceID, "run", false, map[string]string{}},
		{"sql", traceID, "run", true, map[string]string{"avap.rows_affected": "0", "avap.code": "sql_error"}},
		{"run", traceID, name, true, map[string]string{"avap.code": "sql_error"}},
		{name, traceID, "b7ad6b7169203331", false, map[string]string{
			"http.response.status_code": "400", "http.request.body.size": "100", "http.response.body.size": "50",
			"avap.request_id": "r1", "avap.code": "sql_error", "avap.lane": "fast", "avap.cache_hit": "true",
		}},
	}
	if diff := cmp.Diff(want, c.spans); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	if c.resource["service.name"] != "avap-server" || c.resource["service.version"] != "1.2.3" || c.resource["deployment.environment.name"] != "test" {
		t.Errorf("resource: %v", c.resource)
	}
}

func TestTracesOnTheConsole(t *testing.T) {
	environment(t, map[string]string{"OTEL_TRACES_EXPORTER": "console", "OTEL_SERVICE_NAME": "mine"})
	var out bytes.Buffer
	tracer := newTracer(t, telemetry.TraceOptions{Console: &out})
	_, s := tracer.Begin(context.Background(), telemetry.EndpointCompile, []byte(parent), nil)
	s.Finish(request("internal", 500), "r1")
	if err := tracer.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	if line["service"] != "mine" || line["name"] != "POST /api/v1/compile" || line["trace_id"] != traceID ||
		line["parent_id"] != "b7ad6b7169203331" || line["failed"] != true || line["attributes"].(map[string]any)["avap.code"] != "internal" {
		t.Errorf("%s", out.Bytes())
	}
}

// TestSampler leaves requests out that their caller does not trace.
func TestSampler(t *testing.T) {
	for _, tt := range []struct {
		sampler, flags string
		want           int
	}{
		{"", "01", 1},
		{"", "00", 0}, // the caller's choice, by the SDK's default
		{"always_on", "00", 1},
		{"always_off", "01", 0},
		{"parentbased_always_off", "01", 1},
	} {
		t.Run(tt.sampler+" "+tt.flags, func(t *testing.T) {
			environment(t, map[string]string{"OTEL_TRACES_EXPORTER": "console", "OTEL_TRACES_SAMPLER": tt.sampler})
			var out bytes.Buffer
			tracer := newTracer(t, telemetry.TraceOptions{Console: &out})
			ctx, s := tracer.Begin(context.Background(), telemetry.EndpointExecute, []byte(parent[:53]+tt.flags), nil)
			header := http.Header{}
			tracer.Propagate(ctx, header)
			s.Finish(request("", 200), "r1")
			if err := tracer.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(out.String(), "\n"); n != tt.want {
				t.Errorf("%d spans, want %d", n, tt.want)
			}
			if sampled := strings.HasSuffix(header.Get("Traceparent"), "-01"); sampled != (tt.want == 1) || !strings.Contains(header.Get("Traceparent"), traceID) {
				t.Errorf("handed on: %v", header)
			}
		})
	}
}

func TestTracesThatCannotBe(t *testing.T) {
	for name, variables := range map[string]map[string]string{
		"OTEL_TRACES_EXPORTER":               {"OTEL_TRACES_EXPORTER": "zipkin"},
		"OTEL_EXPORTER_OTLP_PROTOCOL":        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
		"OTEL_EXPORTER_OTLP_ENDPOINT":        {"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"},
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://"},
		"OTEL_RESOURCE_ATTRIBUTES":           {"OTEL_TRACES_EXPORTER": "console", "OTEL_RESOURCE_ATTRIBUTES": "nonsense"},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, variables)
			_, err := telemetry.NewTracer(context.Background(), telemetry.TraceOptions{})
			if err == nil || !strings.HasPrefix(err.Error(), name) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestCollectorThatHangs neither holds requests up nor the end of the program, and has
// nothing go on behind that.
func TestCollectorThatHangs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer server.Close()
	environment(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL})
	t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "600000")
	others := goleak.IgnoreCurrent()
	tracer := newTracer(t, telemetry.TraceOptions{})
	for range 5000 { // more than the queue holds
		_, s := tracer.Begin(context.Background(), telemetry.EndpointExecute, nil, nil)
		s.Finish(request("", 200), "r1")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := tracer.Close(ctx); err == nil {
		t.Error("what was not sent was not told")
	}
	for end := time.Now().Add(20 * time.Second); ; {
		left := goleak.Find(others)
		if left == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it goes on behind Close: %v", left)
		}
	}
}

// TestCollectorThatFails is logged and counted, and nothing else happens.
func TestCollectorThatFails(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	environment(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL})
	var out output
	tracer := newTracer(t, telemetry.TraceOptions{Log: slog.New(telemetry.NewLogHandler(&out, nil))})
	_, s := tracer.Begin(context.Background(), telemetry.EndpointExecute, nil, nil)
	s.Finish(request("", 200), "r1")
	if err := tracer.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if log := out.take(); tracer.Errors() != 1 || !strings.Contains(log, `"msg":"spans could not be sent","spans":1`) {
		t.Errorf("%d errors, log: %s", tracer.Errors(), log)
	}
}
