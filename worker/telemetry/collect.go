// This file holds what requests were counted as, on its way to Prometheus.

package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
)

// describe returns the description of a metric of the worker.
func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("avap_"+name, help, labels, nil)
}

// requestCollector folds the stripes when it is asked.
type requestCollector struct {
	stripes                                                     *stripes
	requests, total, stage, bytesIn, bytesOut, refusals, quotas *prometheus.Desc
}

func newRequestCollector(s *stripes) *requestCollector {
	return &requestCollector{
		stripes:  s,
		requests: describe("requests_total", "Requests that were answered.", "endpoint", "code", "status"),
		total:    describe("request_duration_seconds", "From a request's first byte to its answer's last.", "endpoint", "lane"),
		stage:    describe("stage_duration_seconds", "How long a stage of a request's way took.", "stage", "lane"),
		bytesIn:  describe("request_body_bytes_total", "Bytes of requests' bodies.", "endpoint"),
		bytesOut: describe("answer_body_bytes_total", "Bytes of answers' bodies.", "endpoint"),
		refusals: describe("refusals_total", "What was turned away before it ran.", "reason"),
		quotas:   describe("quotas_hit_total", "Executions that a quota ended.", "quota"),
	}
}

// Describe implements prometheus.Collector.
func (c *requestCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.requests, c.total, c.stage, c.bytesIn, c.bytesOut, c.refusals, c.quotas} {
		out <- d
	}
}

// Collect implements prometheus.Collector. Counters of few labels are there from
// the start, so that their first increase is seen as one, and so are those of
// defects, of which the first must be; the others come to be with their first request.
func (c *requestCollector) Collect(out chan<- prometheus.Metric) {
	all := c.stripes.sum()
	c.collectRequests(out, all)
	for s := range all.stages {
		for l := range all.stages[s] {
			sendHistogram(out, c.stage, &all.stages[s][l], stageNames[s], laneNames[l])
		}
	}
	for r := int(RefusedNot) + 1; r < len(refusalNames); r++ {
		out <- counter(c.refusals, all.refusals[r], refusalNames[r])
	}
	var quotas [numQuotas]uint64
	for e := range all.requests {
		for k := range all.requests[e] {
			for _, n := range all.requests[e][k] {
				quotas[codes[k].quota] += n
			}
		}
	}
	for q := int(quotaNone) + 1; q < len(quotaNames); q++ {
		out <- counter(c.quotas, quotas[q], quotaNames[q])
	}
}

func (c *requestCollector) collectRequests(out chan<- prometheus.Metric, all *counts) {
	for e, endpoint := range endpointNames {
		for k := range codes {
			for class, n := range all.requests[e][k] {
				if n > 0 || codes[k].code == "internal" && classNames[class] == "5xx" {
					out <- counter(c.requests, n, endpoint, string(codes[k].code), classNames[class])
				}
			}
		}
		for l := range all.totals[e] {
			sendHistogram(out, c.total, &all.totals[e][l], endpoint, laneNames[l])
		}
		out <- counter(c.bytesIn, all.bytesIn[e], endpoint)
		out <- counter(c.bytesOut, all.bytesOut[e], endpoint)
	}
}

// sendHistogram sends a histogram unless it is empty.
func sendHistogram(out chan<- prometheus.Metric, d *prometheus.Desc, h *histogram, labels ...string) {
	if count, buckets := h.cumulative(); count > 0 {
		out <- prometheus.MustNewConstHistogram(d, count, h.sum.Seconds(), buckets, labels...)
	}
}

func counter(d *prometheus.Desc, n uint64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func gauge(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}
