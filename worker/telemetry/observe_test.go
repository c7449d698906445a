// This file holds what counting a request costs.

package telemetry_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/avap-framework/avap/worker/telemetry"
)

func TestObserveAllocatesNothing(t *testing.T) {
	m := telemetry.NewMetrics(telemetry.Options{})
	ok, failed := *request("", 200), *request("overloaded", 503)
	if n := testing.AllocsPerRun(1000, func() { m.Observe(&ok); m.Observe(&failed) }); n > 0.01 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkObserve counts requests of five stages from all cores, here and with
// the counters and histograms of client_golang, whose children were looked up
// beforehand: the least that the library can be asked for the same.
func BenchmarkObserve(b *testing.B) {
	b.Run("stripes", func(b *testing.B) {
		m := telemetry.NewMetrics(telemetry.Options{})
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			o := *request("", 200)
			for pb.Next() {
				m.Observe(&o)
			}
		})
	})
	b.Run("stripes, failed", func(b *testing.B) {
		m := telemetry.NewMetrics(telemetry.Options{})
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			o := *request("overloaded", 503)
			for pb.Next() {
				m.Observe(&o)
			}
		})
	})
	b.Run("client_golang", func(b *testing.B) {
		l := newLibrary()
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			o := *request("", 200)
			for pb.Next() {
				l.observe(&o)
			}
		})
	})
}

// library is the same with client_golang.
type library struct {
	requests          prometheus.Counter
	bytesIn, bytesOut prometheus.Counter
	total             prometheus.Observer
	stages            []prometheus.Observer
}

func newLibrary() *library {
	counter := func(name string) prometheus.Counter { return prometheus.NewCounter(prometheus.CounterOpts{Name: name}) }
	observer := func(name string) prometheus.Observer {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Buckets: []float64{
			50e-6, 100e-6, 200e-6, 400e-6, 1e-3, 2e-3, 4e-3, 10e-3, 20e-3, 40e-3, .1, .2, .4, 1, 2, 4, 10,
		}})
	}
	l := &library{requests: counter("requests"), bytesIn: counter("in"), bytesOut: counter("out"), total: observer("total")}
	for range len(telemetry.Observation{}.Stages) {
		l.stages = append(l.stages, observer("stage"))
	}
	return l
}

func (l *library) observe(o *telemetry.Observation) {
	l.requests.Inc()
	l.bytesIn.Add(float64(o.BytesIn))
	l.bytesOut.Add(float64(o.BytesOut))
	l.total.Observe(o.Total.Seconds())
	for i, d := range o.Stages {
		if d > 0 {
			l.stages[i].Observe(d.Seconds())
		}
	}
}
