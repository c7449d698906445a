// This file holds what a run has found.

package load

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Failure is why a request has no whole answer.
type Failure string

// Failures.
const (
	FailureConnect   Failure = "connect"   // no connection could be made for it
	FailureClosed    Failure = "closed"    // the server ended the connection before the answer
	FailureReset     Failure = "reset"     // the connection was reset
	FailureCut       Failure = "cut"       // the answer ended too early
	FailureMalformed Failure = "malformed" // the answer was none
	FailureTimeout   Failure = "timeout"   // no answer within Options.Timeout
	FailureUnsent    Failure = "unsent"    // it waited for a connection until the end
	FailureCancelled Failure = "cancelled" // the run was ended
	FailureOther     Failure = "other"
)

// Result is what a run has found.
type Result struct {
	Elapsed time.Duration  `json:"elapsed_ns"` // from the start to the last end of a request
	Classes []*ClassResult `json:"classes"`
}

// Class returns the result of a class, nil where there is none of the name.
func (r *Result) Class(name string) *ClassResult {
	i := slices.IndexFunc(r.Classes, func(c *ClassResult) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return r.Classes[i]
}

// ClassResult is what a run has found of one class. Every request that was due
// is either answered or failed.
type ClassResult struct {
	Name        string            `json:"name"`
	Offered     float64           `json:"offered_per_second,omitempty"` // 0 for a closed loop
	Due         int64             `json:"due"`
	Answered    int64             `json:"answered"`
	Wrong       int64             `json:"wrong"` // answers that did not pass their check
	WrongAnswer string            `json:"wrong_answer,omitempty"`
	Failed      map[Failure]int64 `json:"failed,omitempty"`
	Statuses    map[int]int64     `json:"statuses"`
	Codes       map[string]int64  `json:"codes,omitempty"` // of answers of status 400 and above
	BytesOut    int64             `json:"bytes_out"`
	BytesIn     int64             `json:"bytes_in"` // of whole answers
	Opened      int64             `json:"connections_opened"`
	IdleClosed  int64             `json:"idle_closed"` // connections that the server ended when they were idle
	Unsolicited int64             `json:"unsolicited"` // answers to nothing
	// Delayed is how many requests had to wait for a connection: more than a few
	// tell that Class.Connections bounds what is measured.
	Delayed int64         `json:"delayed"`
	Elapsed time.Duration `json:"elapsed_ns"` // from the start to the last end of a request
	// Late is how late the generator itself began with requests of an open loop.
	// Their latency includes it.
	Late Histogram `json:"late"`
	// ByStatus is the latency of answers, from when their requests were due.
	ByStatus map[int]Histogram `json:"latency"`
}

// Failures is how many requests have no whole answer.
func (c *ClassResult) Failures() int64 {
	n := int64(0)
	for _, of := range c.Failed {
		n += of
	}
	return n
}

// Bad is how many answers were wrong or did not come, without the requests that
// were under way when the run was ended.
func (c *ClassResult) Bad() int64 { return c.Wrong + c.Failures() - c.Failed[FailureCancelled] }

// Achieved is how many requests were answered each second.
func (c *ClassResult) Achieved() float64 {
	if c.Elapsed <= 0 {
		return 0
	}
	return float64(c.Answered) / c.Elapsed.Seconds()
}

// Latency returns the latency of the answers of some statuses, of all where none
// is named.
func (c *ClassResult) Latency(statuses ...int) Histogram {
	all := newHistogram()
	for status, h := range c.ByStatus {
		if len(statuses) == 0 || slices.Contains(statuses, status) {
			all.h.Merge(h.h)
		}
	}
	return all
}

// Histogram holds times with three significant digits, in HDR form (HdrHistogram,
// Gil Tene). The zero value is empty.
type Histogram struct{ h *hdrhistogram.Histogram }

// The least and the most that a histogram tells apart; more counts as the most.
const (
	leastTime = int64(time.Microsecond)
	mostTime  = int64(10 * time.Minute)
)

func newHistogram() Histogram { return Histogram{hdrhistogram.New(leastTime, mostTime, 3)} }

func (h Histogram) record(d time.Duration) {
	// It cannot fail: the value is within the bounds.
	_ = h.h.RecordValue(min(max(int64(d), 0), mostTime))
}

// Count is how many times there are.
func (h Histogram) Count() int64 {
	if h.h == nil {
		return 0
	}
	return h.h.TotalCount()
}

// Percentile returns the time below or at which p percent are; 0 where there are none.
func (h Histogram) Percentile(p float64) time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.h.ValueAtPercentile(p))
}

// Max returns the largest time.
func (h Histogram) Max() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.h.Max())
}

// Mean returns the mean of the times.
func (h Histogram) Mean() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.h.Mean())
}

// MarshalJSON writes the usual percentiles, in milliseconds.
func (h Histogram) MarshalJSON() ([]byte, error) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
	return json.Marshal(struct {
		Count int64   `json:"count"`
		Mean  float64 `json:"mean_ms"`
		P50   float64 `json:"p50_ms"`
		P90   float64 `json:"p90_ms"`
		P99   float64 `json:"p99_ms"`
		P999  float64 `json:"p999_ms"`
		Max   float64 `json:"max_ms"`
	}{
		h.Count(), ms(h.Mean()), ms(h.Percentile(50)), ms(h.Percentile(90)),
		ms(h.Percentile(99)), ms(h.Percentile(99.9)), ms(h.Max()),
	})
}

// A tally is what a class counts while it runs, in a form that costs little.
type tally struct {
	result   ClassResult
	statuses [1000]int64
	codes    map[string]*int64
	byStatus map[int]Histogram
}

// maxCodes and maxWrong bound what is kept of answers.
const (
	maxCodes = 100
	maxWrong = 2000
)

func newTally() tally {
	return tally{
		result: ClassResult{Failed: map[Failure]int64{}, Late: newHistogram()},
		codes:  map[string]*int64{}, byStatus: map[int]Histogram{},
	}
}

func (t *tally) late(d time.Duration) { t.result.Late.record(d) }

func (t *tally) sent(size int) { t.result.BytesOut += int64(size) }

func (t *tally) failed(why Failure, now time.Duration) {
	t.result.Failed[why]++
	t.result.Elapsed = now
}

func (t *tally) answered(a *answer, latency, now time.Duration, right bool) {
	r := &t.result
	r.Answered++
	r.Elapsed = now
	r.BytesIn += a.size
	t.statuses[a.status]++
	h, ok := t.byStatus[a.status]
	if !ok {
		h = newHistogram()
		t.byStatus[a.status] = h
	}
	h.record(latency)
	if a.status >= 400 {
		t.code(errorCode(a.body))
	}
	if right {
		return
	}
	if r.Wrong == 0 {
		r.WrongAnswer = string(a.body[:min(len(a.body), maxWrong)])
	}
	r.Wrong++
}

func (t *tally) code(code []byte) {
	n := t.codes[string(code)]
	if n == nil {
		if len(t.codes) == maxCodes {
			return
		}
		n = new(int64)
		t.codes[string(code)] = n
	}
	*n++
}

// result returns what all classes have counted, when nothing is under way.
func (r *run) result() *Result {
	result := &Result{}
	for _, c := range r.classes {
		found := c.result()
		result.Classes = append(result.Classes, found)
		result.Elapsed = max(result.Elapsed, found.Elapsed)
	}
	return result
}

func (c *class) result() *ClassResult {
	r := c.tally.result
	r.Name, r.Offered, r.Due = c.Name, c.Rate, c.next
	r.Statuses, r.Codes, r.ByStatus = map[int]int64{}, map[string]int64{}, c.tally.byStatus
	for status, n := range c.tally.statuses {
		if n > 0 {
			r.Statuses[status] = n
		}
	}
	for code, n := range c.tally.codes {
		r.Codes[code] = *n
	}
	return &r
}
