// This file holds tests of what happens in hours, or by chance.

package replica

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/internal/catalogtest"
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

// TestPassedOver holds a package that another took the place of before it was
// written: it is there for one more round.
func TestPassedOver(t *testing.T) {
	p := catalogtest.New(t)
	r, _ := p.Follow("command a(o: out) { o = 1 }")
	packages := newPackages(true)
	first := p.Define("command a(o: out) { o = 2 }")
	p.Apply(r, first...)
	packages.add(first)
	second := p.Define("command a(o: out) { o = 3 }")
	v := p.Apply(r, second...)
	packages.add(second)
	for round, want := range [][2]bool{{true, true}, {true, true}, {false, true}} {
		for i, c := range [...]catalog.Change{first[0], second[0]} {
			if _, err := packages.Unit(t.Context(), c.Entry); (err == nil) != want[i] {
				t.Errorf("after %d snapshots package %d: %v", round, i+1, err)
			}
		}
		packages.freeze()
		s, err := catalog.WriteSnapshot(t.Context(), filepath.Join(t.TempDir(), "snapshot"), v, packages)
		if err != nil {
			t.Fatal(err)
		}
		packages.replace(s, v)
	}
	packages.close()
	if _, err := packages.Unit(t.Context(), second[0].Entry); !errors.Is(err, errNotConnected) {
		t.Errorf("after the end: %v", err)
	}
}

// lockedText is a text that one goroutine writes and another one reads.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestExpiredLoudly holds what the log says of a catalog that expires: nothing
// before, then once a minute.
func TestExpiredLoudly(t *testing.T) {
	p := catalogtest.New(t)
	_, v := p.Follow("command a(o: out) { o = 1 }")
	synctest.Test(t, func(t *testing.T) {
		var log lockedText
		began := time.Now()
		c := &Client{opt: Options{
			Log: slog.New(slog.NewTextHandler(&log, nil)),
			Now: func() time.Time { return catalogtest.Clock().Add(time.Since(began)) },
		}}
		c.current.Store(&inForce{revision: v})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.watchExpiry(ctx) }()
		time.Sleep(24*time.Hour - time.Second)
		synctest.Wait()
		if log.String() != "" {
			t.Errorf("before it expires: %s", log.String())
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if got := strings.Count(log.String(), "the catalog has expired"); got != 3 || !strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("told %d times: %s", got, log.String())
		}
		cancel()
		<-done
	})
}
