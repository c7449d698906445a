// This file holds the metrics whose values others own: they are asked for them at
// each scrape.

package telemetry

import (
	"fmt"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Sources give values that others own. Each is called at every scrape, must be
// quick and safe for concurrent use, and may be nil: then its metrics do not
// exist. One that panics loses its metrics for that scrape.
type Sources struct {
	Lanes       func() Lanes
	Caches      func() Caches
	Memory      func() Budget
	Catalog     func() Catalog
	Hosts       func() Hosts
	Connections func() int  // open ones of the data port
	Ready       func() bool // whether /readyz answers 200
	LogsDropped func() uint64
	TraceErrors func() uint64 // exports of spans that failed
}

// Lanes are the executions under way and waiting.
type Lanes struct{ Fast, Slow LaneStats }

// LaneStats are one lane's.
type LaneStats struct {
	Running, Places    int // executions, and how many at a time there may be
	Queued, QueueLimit int // requests
}

// Caches are the caches of the worker.
type Caches struct {
	Programs CacheStats // compiled scripts, stored ones and packages too
}

// CacheStats are one cache's. The first four count from the start of the worker.
type CacheStats struct {
	Hits, Misses, Evictions uint64
	Declined                uint64 // what a full cache did not take, as it came for the first time
	Entries                 int
	Bytes, Limit            int64
}

// Budget is the memory of all executions together, in bytes.
type Budget struct{ Used, Limit int64 }

// Catalog is the catalog in force.
type Catalog struct {
	Revision  uint64
	Issued    time.Time // when the manifest in force was issued
	Expires   time.Time // when it expires; zero: never
	LastError time.Time // of the connection or an update; zero: none
	Connected bool      // to the definition server
	Units     int
	Unusable  int // units that this version cannot run
}

// Hosts are the two ways out of an execution.
type Hosts struct{ HTTP, SQL HostStats }

// HostStats are one kind's, all of its hosts or databases together.
type HostStats struct {
	Closed, HalfOpen, Open              int // circuit breakers, by their state
	InUse, Limit                        int // calls under way, and how many there may be
	RefusedByBreaker, RefusedByBulkhead uint64
}

// sourceMetric is a metric of the sources.
type sourceMetric struct {
	name, help string
	labels     []string
}

// sourceMetrics are the metrics of the sources, by source.
func sourceMetrics() []sourceMetric {
	lane, cache, kind := []string{"lane"}, []string{"cache"}, []string{"kind"}
	return []sourceMetric{
		{"executions_running", "Executions under way, without those that wait for a host.", lane},
		{"executions_limit", "Executions that a lane runs at a time.", lane},
		{"queue_length", "Requests that wait for a place.", lane},
		{"queue_limit", "Requests that may wait for a place.", lane},
		{"cache_hits_total", "Look-ups that found something.", cache},
		{"cache_misses_total", "Look-ups that found nothing.", cache},
		{"cache_evictions_total", "Entries put out to make room.", cache},
		{"cache_declined_total", "What a full cache did not take, as it came for the first time.", cache},
		{"cache_entries", "Entries of the cache.", cache},
		{"cache_bytes", "Bytes that the entries hold.", cache},
		{"cache_limit_bytes", "Bytes that the entries may hold.", cache},
		{"memory_budget_used_bytes", "Bytes that all executions hold.", nil},
		{"memory_budget_limit_bytes", "Bytes that all executions may hold.", nil},
		{"catalog_revision", "Revision of the catalog in force.", nil},
		{"catalog_age_seconds", "Time since the manifest in force was issued.", nil},
		{"catalog_expiry_timestamp_seconds", "When the manifest in force expires, 0 for never.", nil},
		{"catalog_last_error_timestamp_seconds", "When an update last failed, 0 for never.", nil},
		{"catalog_connected", "1 while the definition server is connected.", nil},
		{"catalog_units", "Units of the catalog in force.", nil},
		{"catalog_unusable_units", "Units that this version cannot run.", nil},
		{"breakers", "Circuit breakers that there are, by state.", []string{"kind", "state"}},
		{"host_calls_running", "Calls to hosts under way.", kind},
		{"host_calls_limit", "Calls to hosts that may be under way.", kind},
		{"host_calls_refused_total", "Calls to hosts that were refused here.", []string{"kind", "reason"}},
		{"open_connections", "Open connections of the data port.", nil},
		{"ready", "1 while /readyz answers 200.", nil},
		{"log_messages_dropped_total", "Log messages beyond the rate of their kind.", nil},
		{"trace_export_errors_total", "Exports of spans that failed.", nil},
		{"build_info", "1; the labels say what runs.", []string{"version", "commit", "go_version"}},
	}
}

// sourceCollector asks the sources when it is asked.
type sourceCollector struct {
	opt   *Options
	descs map[string]*prometheus.Desc
	asks  []func(*sample) // one for each source that there is
}

func newSourceCollector(opt *Options) *sourceCollector {
	c := &sourceCollector{opt: opt, descs: map[string]*prometheus.Desc{}}
	for _, m := range sourceMetrics() {
		c.descs[m.name] = describe(m.name, m.help, m.labels...)
	}
	src := &opt.Sources
	c.asks = append(c.asks, func(s *sample) { s.gauge("build_info", 1, opt.Version, opt.Commit, runtime.Version()) })
	ask(c, src.Lanes, func(s *sample, l Lanes) { s.lane(LaneFast, l.Fast); s.lane(LaneSlow, l.Slow) })
	ask(c, src.Caches, func(s *sample, v Caches) { s.cache("programs", v.Programs) })
	ask(c, src.Memory, func(s *sample, v Budget) {
		s.gauge("memory_budget_used_bytes", float64(v.Used))
		s.gauge("memory_budget_limit_bytes", float64(v.Limit))
	})
	ask(c, src.Catalog, func(s *sample, v Catalog) { s.catalog(opt.Now(), v) })
	ask(c, src.Hosts, func(s *sample, v Hosts) { s.host("http", v.HTTP); s.host("sql", v.SQL) })
	ask(c, src.Connections, func(s *sample, n int) { s.gauge("open_connections", float64(n)) })
	ask(c, src.Ready, func(s *sample, ready bool) { s.gauge("ready", oneIf(ready)) })
	ask(c, src.LogsDropped, func(s *sample, n uint64) { s.counter("log_messages_dropped_total", n) })
	ask(c, src.TraceErrors, func(s *sample, n uint64) { s.counter("trace_export_errors_total", n) })
	return c
}

// ask has a source asked, unless there is none.
func ask[T any](c *sourceCollector, source func() T, show func(*sample, T)) {
	if source != nil {
		c.asks = append(c.asks, func(s *sample) { show(s, source()) })
	}
}

// Describe implements prometheus.Collector.
func (c *sourceCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *sourceCollector) Collect(out chan<- prometheus.Metric) {
	for _, f := range c.asks {
		c.collect(out, f)
	}
}

// collect asks one source. Prometheus asks on a goroutine of its own, where a panic
// would end the process.
func (c *sourceCollector) collect(out chan<- prometheus.Metric, f func(*sample)) {
	s := sample{descs: c.descs}
	defer func() {
		if p := recover(); p != nil {
			err := fmt.Errorf("a source of metrics panicked: %v", p)
			out <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
			return
		}
		for _, m := range s.metrics {
			out <- m
		}
	}()
	f(&s)
}

// sample takes the metrics of one source.
type sample struct {
	descs   map[string]*prometheus.Desc
	metrics []prometheus.Metric
}

func (s *sample) gauge(name string, v float64, labels ...string) {
	s.metrics = append(s.metrics, gauge(s.descs[name], v, labels...))
}

func (s *sample) counter(name string, n uint64, labels ...string) {
	s.metrics = append(s.metrics, counter(s.descs[name], n, labels...))
}

func (s *sample) lane(lane Lane, l LaneStats) {
	s.gauge("executions_running", float64(l.Running), lane.String())
	s.gauge("executions_limit", float64(l.Places), lane.String())
	s.gauge("queue_length", float64(l.Queued), lane.String())
	s.gauge("queue_limit", float64(l.QueueLimit), lane.String())
}

func (s *sample) cache(name string, c CacheStats) {
	s.counter("cache_hits_total", c.Hits, name)
	s.counter("cache_misses_total", c.Misses, name)
	s.counter("cache_evictions_total", c.Evictions, name)
	s.counter("cache_declined_total", c.Declined, name)
	s.gauge("cache_entries", float64(c.Entries), name)
	s.gauge("cache_bytes", float64(c.Bytes), name)
	s.gauge("cache_limit_bytes", float64(c.Limit), name)
}

// catalog has no age before there is a catalog.
func (s *sample) catalog(now time.Time, c Catalog) {
	s.gauge("catalog_revision", float64(c.Revision))
	if !c.Issued.IsZero() {
		s.gauge("catalog_age_seconds", now.Sub(c.Issued).Seconds())
	}
	s.gauge("catalog_expiry_timestamp_seconds", timestamp(c.Expires))
	s.gauge("catalog_last_error_timestamp_seconds", timestamp(c.LastError))
	s.gauge("catalog_connected", oneIf(c.Connected))
	s.gauge("catalog_units", float64(c.Units))
	s.gauge("catalog_unusable_units", float64(c.Unusable))
}

func (s *sample) host(kind string, h HostStats) {
	s.gauge("breakers", float64(h.Closed), kind, "closed")
	s.gauge("breakers", float64(h.HalfOpen), kind, "half_open")
	s.gauge("breakers", float64(h.Open), kind, "open")
	s.gauge("host_calls_running", float64(h.InUse), kind)
	s.gauge("host_calls_limit", float64(h.Limit), kind)
	s.counter("host_calls_refused_total", h.RefusedByBreaker, kind, "breaker")
	s.counter("host_calls_refused_total", h.RefusedByBulkhead, kind, "bulkhead")
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// timestamp returns a time as Prometheus has it, 0 for none.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1e3
}
