// This file holds the test of the server's clock.

package httpd

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestNow tells the time of both clocks, between two looks at the wall clock and behind
// them, and looks again once the last one is too old.
func TestNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		var looked time.Time // at the wall clock, last
		for _, wait := range []time.Duration{0, time.Millisecond, wallTrust - 2*time.Millisecond, time.Millisecond, wallTrust - 1, time.Hour, 0} {
			time.Sleep(wait)
			now := time.Now()
			if got := s.timeOf(s.now()); !got.Equal(now) || got.Round(0) != now.Round(0) {
				t.Errorf("after %v it is %v, want %v", wait, got, now)
			}
			if now.Sub(looked) >= wallTrust {
				looked = now
			}
			if last := time.Unix(0, s.looked.Load().wall); !last.Equal(looked) {
				t.Errorf("after %v the wall clock was looked at last at %v, want %v", wait, last, looked)
			}
		}
	})
}
