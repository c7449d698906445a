// This file holds the buckets to a search from the first.

package telemetry

import (
	"math"
	"testing"
	"time"
)

func TestBucketOf(t *testing.T) {
	slow := func(d time.Duration) int {
		i := 0
		for i < len(bounds) && d > bounds[i] {
			i++
		}
		return i
	}
	durations := []time.Duration{0, 1, 2, 3, math.MaxInt64}
	for _, b := range bounds {
		durations = append(durations, b-1, b, b+1)
	}
	for n := range 63 {
		durations = append(durations, 1<<n-1, 1<<n, 1<<n+1)
	}
	for _, d := range durations {
		if got, want := bucketOf(d), slow(d); got != want {
			t.Errorf("%v is in bucket %d, want %d", d, got, want)
		}
	}
}
