// This file holds histograms of durations.

package telemetry

import (
	"math/bits"
	"time"
)

// bounds are the upper bounds of the buckets. Each is at least twice the one
// before, so that a power of two leaves at most one of them open.
var bounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 200 * time.Microsecond, 400 * time.Microsecond,
	1 * time.Millisecond, 2 * time.Millisecond, 4 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond,
	1 * time.Second, 2 * time.Second, 4 * time.Second, 10 * time.Second,
}

// firstBucket gives for each number of bits the first bucket whose bound is not
// below all durations of so many bits.
var firstBucket = func() (first [65]uint8) {
	for n := range first {
		least := time.Duration(0)
		if n > 0 {
			least = 1 << min(n-1, 62)
		}
		for first[n] < uint8(len(bounds)) && bounds[first[n]] < least {
			first[n]++
		}
	}
	return first
}()

// histogram counts durations. Its last bucket has no bound.
type histogram struct {
	buckets [len(bounds) + 1]uint64
	sum     time.Duration
}

// bucketOf returns the bucket of a duration that is not negative.
func bucketOf(d time.Duration) int {
	i := int(firstBucket[bits.Len64(uint64(d))])
	if i < len(bounds) && d > bounds[i] {
		i++
	}
	return i
}

// observe counts a duration; a negative one, of a clock that was set back, as 0.
func (h *histogram) observe(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucketOf(d)]++
	h.sum += d
}

func (h *histogram) add(o *histogram) {
	for i := range h.buckets {
		h.buckets[i] += o.buckets[i]
	}
	h.sum += o.sum
}

// cumulative returns the histogram as Prometheus has it: how many there are, and
// for each bound how many are at most that.
func (h *histogram) cumulative() (count uint64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(bounds))
	for i, bound := range bounds {
		count += h.buckets[i]
		buckets[bound.Seconds()] = count
	}
	return count + h.buckets[len(bounds)], buckets
}
