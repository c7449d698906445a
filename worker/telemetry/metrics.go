// This file holds the metrics: what a request adds to them, and their registry.

package telemetry

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/avap-framework/avap"
)

// Options tune the metrics. The zero value is useful.
type Options struct {
	Version string // of the program
	Commit  string // that it was built from
	Sources Sources
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time
	// Log is told of metrics that could not be collected; nil discards.
	Log *slog.Logger
}

// Metrics count what a worker does. They are safe for concurrent use.
type Metrics struct {
	opt      Options
	codes    map[avap.ErrorCode]uint8
	stripes  *stripes
	registry *prometheus.Registry
}

// NewMetrics makes metrics with a registry of their own.
func NewMetrics(opt Options) *Metrics {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	opt.Log = cmp.Or(opt.Log, slog.New(slog.DiscardHandler))
	m := &Metrics{opt: opt, codes: indexCodes(), stripes: newStripes(), registry: prometheus.NewPedanticRegistry()}
	m.registry.MustRegister(
		newRequestCollector(m.stripes),
		newSourceCollector(&m.opt),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Observe counts a request that was answered. It allocates nothing, and keeps
// nothing of the observation.
func (m *Metrics) Observe(o *Observation) {
	code := uint8(codeOK)
	if o.Code != "" {
		var ok bool
		if code, ok = m.codes[o.Code]; !ok {
			code = uint8(codeOther)
		}
	}
	s := m.stripes.lock()
	s.counts.count(o, code)
	m.stripes.unlock(s)
}

// Refuse counts what was turned away before it was a request, such as a
// connection.
func (m *Metrics) Refuse(r Refusal) {
	if r == RefusedNot || r >= numRefusals {
		return
	}
	s := m.stripes.lock()
	s.counts.refusals[r]++
	m.stripes.unlock(s)
}

// Registry is where further collectors can be registered.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler serves the metrics to Prometheus, two scrapes at a time. What could not
// be collected is left out and logged; the rest is served.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(m.opt.Log.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 2,
		Timeout:             5 * time.Second,
	})
}
