package replica

import (
	"testing"
	"time"
)

// TestBackoff holds when the next try comes: anywhere up to a bound that doubles.
func TestBackoff(t *testing.T) {
	c := &Client{opt: Options{MinBackoff: time.Second, MaxBackoff: 30 * time.Second}}
	for failures, most := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 6: 30 * time.Second, 40: 30 * time.Second, 1000: 30 * time.Second,
	} {
		var quarters [4]int
		for range 4000 {
			wait := c.backoff(failures)
			if wait < 0 || wait > most {
				t.Fatalf("%s after %d failures", wait, failures)
			}
			quarters[min(3, int(4*wait/most))]++
		}
		for i, n := range quarters {
			if n < 700 { // of about 1,000; below that once in 10²⁷ runs
				t.Errorf("after %d failures %d of 4,000 waits are in quarter %d", failures, n, i+1)
			}
		}
	}
}
