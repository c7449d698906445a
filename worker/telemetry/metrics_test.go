// This file holds what a scrape shows.

package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/worker/telemetry"
)

// request is one that ran in the fast lane.
func request(code avap.ErrorCode, status int) *telemetry.Observation {
	o := &telemetry.Observation{
		Endpoint: telemetry.EndpointExecute, Lane: telemetry.LaneFast, Cache: telemetry.CacheHit,
		Code: code, Status: status, BytesIn: 100, BytesOut: 50, Total: 300 * time.Microsecond,
	}
	o.Stages[telemetry.StageRead] = 20 * time.Microsecond
	o.Stages[telemetry.StageVerify] = 5 * time.Microsecond
	o.Stages[telemetry.StageQueue] = time.Microsecond
	o.Stages[telemetry.StageRun] = 240 * time.Microsecond
	o.Stages[telemetry.StageAnswer] = 10 * time.Microsecond
	return o
}

// expect compares a metric, as Prometheus is sent it, with its text.
func expect(t *testing.T, m *telemetry.Metrics, name, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(want), strings.Join(lines(t, m, name), "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// lines gives the samples of a metric as Prometheus is sent them.
func lines(t *testing.T, m *telemetry.Metrics, name string) (found []string) {
	t.Helper()
	out := httptest.NewRecorder()
	m.Handler().ServeHTTP(out, httptest.NewRequest("GET", "/metrics", nil))
	if out.Code != http.StatusOK {
		t.Fatalf("%d %s", out.Code, out.Body)
	}
	for line := range strings.Lines(out.Body.String()) {
		if strings.HasPrefix(line, name) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func TestRequestsByCode(t *testing.T) {
	m := telemetry.NewMetrics(telemetry.Options{})
	m.Observe(request("", 200))
	m.Observe(request("", 200))
	m.Observe(request("", 418)) // the script's own status
	m.Observe(request("quota_time", 504))
	m.Observe(request("cancelled", 0))
	m.Observe(request("a code of tomorrow", 400))
	m.Observe(request("", 99_999))
	m.Observe(&telemetry.Observation{Endpoint: 200, Lane: 200, Refusal: 200, Status: -1}) // out of every range
	expect(t, m, "avap_requests_total", `
avap_requests_total{code="cancelled",endpoint="execute",status="none"} 1
avap_requests_total{code="internal",endpoint="compile",status="5xx"} 0
avap_requests_total{code="internal",endpoint="execute",status="5xx"} 0
avap_requests_total{code="internal",endpoint="health",status="5xx"} 0
avap_requests_total{code="internal",endpoint="other",status="5xx"} 0
avap_requests_total{code="internal",endpoint="readyz",status="5xx"} 0
avap_requests_total{code="ok",endpoint="execute",status="2xx"} 2
avap_requests_total{code="ok",endpoint="execute",status="4xx"} 1
avap_requests_total{code="ok",endpoint="execute",status="none"} 1
avap_requests_total{code="ok",endpoint="other",status="none"} 1
avap_requests_total{code="other",endpoint="execute",status="4xx"} 1
avap_requests_total{code="quota_time",endpoint="execute",status="5xx"} 1
`)
	expect(t, m, "avap_quotas_hit_total", `
avap_quotas_hit_total{quota="depth"} 0
avap_quotas_hit_total{quota="host_calls"} 0
avap_quotas_hit_total{quota="instructions"} 0
avap_quotas_hit_total{quota="memory"} 0
avap_quotas_hit_total{quota="output"} 0
avap_quotas_hit_total{quota="time"} 1
`)
}

// value gives a counter's or gauge's value, or how many a histogram counted.
func value(t *testing.T, m *telemetry.Metrics, name string, labels ...string) float64 {
	t.Helper()
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			if f.GetName() == name && cmp.Equal(valuesOf(metric), labels) {
				return metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0
}

// valuesOf gives the labels' values, by the labels' names.
func valuesOf(metric *dto.Metric) (values []string) {
	for _, l := range metric.GetLabel() {
		values = append(values, l.GetValue())
	}
	return values
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		reason   string
		code     avap.ErrorCode
		explicit telemetry.Refusal
	}{
		{"signature_missing", "signature_missing", 0},
		{"signature_invalid", "signature_invalid", 0},
		{"signature_expired", "signature_expired", 0},
		{"signature_replayed", "signature_replayed", 0},
		{"integrity", "integrity", 0},
		{"origin_denied", "origin_denied", 0},
		{"rate_limited", "rate_limited", 0},
		{"body_too_large", "body_too_large", 0},
		{"bad_header", "bad_request", telemetry.RefusedHeader},
		{"queue_full", "overloaded", telemetry.RefusedQueueFull},
		{"queue_wait", "overloaded", telemetry.RefusedQueueWait},
		{"memory_budget", "overloaded", telemetry.RefusedMemory},
		{"replay_full", "overloaded", telemetry.RefusedReplayFull},
		{"overloaded", "overloaded", 0},
		{"draining", "draining", 0},
		{"catalog_unavailable", "catalog_unavailable", 0},
	}
	m := telemetry.NewMetrics(telemetry.Options{})
	for _, tt := range tests {
		o := request(tt.code, 400)
		o.Refusal = tt.explicit
		m.Observe(o)
		if n := value(t, m, "avap_refusals_total", tt.reason); n != 1 {
			t.Errorf("%s was counted %v times", tt.reason, n)
		}
	}
	m.Observe(request("type_error", 400)) // it ran
	m.Refuse(telemetry.RefusedConnection)
	m.Refuse(telemetry.RefusedNot)
	m.Refuse(250)
	if n := len(lines(t, m, "avap_refusals_total{")); n != len(tests)+1 {
		t.Errorf("%d reasons", n)
	}
	if n := value(t, m, "avap_refusals_total", "connections"); n != 1 {
		t.Errorf("connections were refused %v times", n)
	}
}

func TestHistograms(t *testing.T) {
	m := telemetry.NewMetrics(telemetry.Options{})
	m.Observe(&telemetry.Observation{Endpoint: telemetry.EndpointHealth, Total: -time.Second}) // the clock was set back
	m.Observe(&telemetry.Observation{Endpoint: telemetry.EndpointHealth, Total: 50 * time.Microsecond})
	m.Observe(&telemetry.Observation{Endpoint: telemetry.EndpointHealth, Total: 40*time.Millisecond + 1})
	m.Observe(&telemetry.Observation{Endpoint: telemetry.EndpointHealth, Total: time.Minute})
	expect(t, m, "avap_request_duration_seconds", `
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="5e-05"} 2
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="0.0001"} 2
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="0.0002"} 2
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="0.0004"} 2
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="0.001"} 2
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="0.002"} 2
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="0.004"} 2
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="0.01"} 2
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="0.02"} 2
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="0.04"} 2
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="0.1"} 3
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="0.2"} 3
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="0.4"} 3
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="1"} 3
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="2"} 3
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="4"} 3
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="10"} 3
avap_request_duration_seconds_bucket{endpoint="health",lane="none",le="+Inf"} 4
avap_request_duration_seconds_sum{endpoint="health",lane="none"} 60.040050001
avap_request_duration_seconds_count{endpoint="health",lane="none"} 4
`)
	if n := len(lines(t, m, "avap_stage_duration_seconds_count")); n != 0 {
		t.Errorf("%d stages that no request reached", n)
	}
	m.Observe(request("", 200))
	if n := len(lines(t, m, "avap_stage_duration_seconds_count")); n != 5 {
		t.Errorf("%d stages of 5", n)
	}
}

// TestObserveFromManyGoroutines counts while it is scraped: nothing is lost, and
// a request is never there by half.
func TestObserveFromManyGoroutines(t *testing.T) {
	const goroutines, each = 8, 2000
	m := telemetry.NewMetrics(telemetry.Options{})
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			o := request("", 200)
			for range each {
				m.Observe(o)
			}
		})
	}
	for range 20 {
		families, err := m.Registry().Gather()
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]uint64{}
		for _, f := range families {
			for _, metric := range f.GetMetric() {
				counts[f.GetName()] += metric.GetHistogram().GetSampleCount()
			}
		}
		if total, stages := counts["avap_request_duration_seconds"], counts["avap_stage_duration_seconds"]; stages != 5*total {
			t.Errorf("%d requests have %d stages, want 5 each", total, stages)
		}
	}
	wg.Wait()
	if n := value(t, m, "avap_requests_total", "ok", "execute", "2xx"); n != goroutines*each {
		t.Errorf("%v requests, want %d", n, goroutines*each)
	}
	if n := value(t, m, "avap_request_body_bytes_total", "execute"); n != 100*goroutines*each {
		t.Errorf("%v bytes", n)
	}
}

func TestSources(t *testing.T) {
	now := time.Unix(1_764_000_000, 0)
	m := telemetry.NewMetrics(telemetry.Options{
		Version: "1.2.3", Commit: "abc", Now: func() time.Time { return now },
		Sources: telemetry.Sources{
			Lanes: func() telemetry.Lanes {
				return telemetry.Lanes{Fast: telemetry.LaneStats{Running: 1, Places: 2}, Slow: telemetry.LaneStats{Queued: 7, QueueLimit: 1024}}
			},
			Caches: func() telemetry.Caches {
				return telemetry.Caches{Programs: telemetry.CacheStats{Hits: 10, Misses: 2, Bytes: 4096}}
			},
			Catalog: func() telemetry.Catalog {
				return telemetry.Catalog{Revision: 42, Issued: now.Add(-time.Hour), Expires: now.Add(time.Hour), Connected: true, Unusable: 1}
			},
			Hosts: func() telemetry.Hosts {
				return telemetry.Hosts{SQL: telemetry.HostStats{Open: 1, RefusedByBreaker: 5}}
			},
			Ready: func() bool { return true },
		},
	})
	for _, tt := range []struct {
		want   float64
		name   string
		labels []string
	}{
		{1, "avap_executions_running", []string{"fast"}},
		{2, "avap_executions_limit", []string{"fast"}},
		{7, "avap_queue_length", []string{"slow"}},
		{1024, "avap_queue_limit", []string{"slow"}},
		{10, "avap_cache_hits_total", []string{"programs"}},
		{4096, "avap_cache_bytes", []string{"programs"}},
		{42, "avap_catalog_revision", nil},
		{3600, "avap_catalog_age_seconds", nil},
		{1_764_003_600, "avap_catalog_expiry_timestamp_seconds", nil},
		{1, "avap_catalog_connected", nil},
		{1, "avap_catalog_unusable_units", nil},
		{1, "avap_breakers", []string{"sql", "open"}},
		{5, "avap_host_calls_refused_total", []string{"sql", "breaker"}},
		{1, "avap_ready", nil},
	} {
		if got := value(t, m, tt.name, tt.labels...); got != tt.want {
			t.Errorf("%s%v is %v, want %v", tt.name, tt.labels, got, tt.want)
		}
	}
	if n := len(lines(t, m, "avap_memory")) + len(lines(t, m, "avap_open")); n != 0 {
		t.Errorf("%d metrics of sources that there are not", n)
	}
}

// TestSourceThatPanics loses its own metrics and no others.
func TestSourceThatPanics(t *testing.T) {
	m := telemetry.NewMetrics(telemetry.Options{Sources: telemetry.Sources{
		Ready:       func() bool { panic("a defect") },
		Connections: func() int { return 3 },
	}})
	out := httptest.NewRecorder()
	m.Handler().ServeHTTP(out, httptest.NewRequest("GET", "/metrics", nil))
	body := out.Body.String()
	if out.Code != http.StatusOK || !strings.Contains(body, "\navap_open_connections 3\n") || strings.Contains(body, "avap_ready") {
		t.Errorf("%d\n%s", out.Code, body)
	}
	if _, err := m.Registry().Gather(); err == nil || !strings.Contains(err.Error(), "a defect") {
		t.Errorf("gathering says: %v", err)
	}
}
