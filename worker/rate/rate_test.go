package rate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	xrate "golang.org/x/time/rate"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// v4 is the n-th of many addresses.
func v4(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}) }

func TestByKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{PerSecond: 10, Burst: 3})
		steps := []struct {
			after time.Duration // since the step before
			kid   string
			wait  time.Duration // zero: there is a token
		}{
			{0, "a", 0},
			{0, "a", 0},
			{0, "a", 0},
			{0, "a", 100 * time.Millisecond},
			{0, "b", 0}, // not of the same bucket
			{60 * time.Millisecond, "a", 40 * time.Millisecond},
			{40 * time.Millisecond, "a", 0}, // refusals have cost nothing
			{0, "a", 100 * time.Millisecond},
			{250 * time.Millisecond, "a", 0},
			{0, "a", 0},
			{0, "a", 50 * time.Millisecond},
			{time.Hour, "a", 0}, // no more than a burst is saved up
			{0, "a", 0},
			{0, "a", 0},
			{0, "a", 100 * time.Millisecond},
		}
		for i, s := range steps {
			time.Sleep(s.after)
			if wait, ok := l.ByKey(s.kid); wait != s.wait || ok != (s.wait == 0) {
				t.Errorf("step %d: %v, %v; want to wait %v", i, wait, ok, s.wait)
			}
		}
	})
}

func TestByAddress(t *testing.T) {
	tests := []struct {
		name, first, second string
		same                bool // whether they share a limit
	}{
		{"one address", "192.0.2.1", "192.0.2.1", true},
		{"two addresses", "192.0.2.1", "192.0.2.2", false},
		{"an IPv6 form of the same", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"a network of 64 bits", "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
		{"two networks", "2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"zones", "fe80::1%eth0", "fe80::1%eth1", true},
		{"an IPv6 network with the bits of an IPv4 address", "192.0.2.1", "0:0:c000:201::", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := New(Options{PerSecond: 1, Burst: 1, Now: func() time.Time { return time.Time{} }})
			l.ByAddress(addr(tt.first))
			if wait, ok := l.ByAddress(addr(tt.second)); ok == tt.same || !ok && wait != time.Second {
				t.Errorf("taken: %v, wait %v; want them to share a limit: %v", ok, wait, tt.same)
			}
		})
	}
	if _, ok := New(Options{PerSecond: 1}).ByAddress(netip.Addr{}); !ok {
		t.Error("no address has no limit of its own")
	}
}

func TestOptions(t *testing.T) {
	tests := []struct {
		name  string
		opt   Options
		burst int           // requests at once
		wait  time.Duration // for the next
	}{
		{"off", Options{}, 10_000, 0},
		{"the burst is a second's", Options{PerSecond: 20}, 20, 50 * time.Millisecond},
		{"but one at least", Options{PerSecond: 0.5}, 1, 2 * time.Second},
		{"burst", Options{PerSecond: 2, Burst: 5}, 5, 500 * time.Millisecond},
		{"too slow", Options{PerSecond: 1e-9}, 1, 1000 * time.Second},
		{"too fast", Options{PerSecond: 1e12, Burst: 1}, 1, time.Microsecond},
		{"values below zero", Options{PerSecond: -1, Burst: -1, Entries: -1}, 1, 1000 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.opt.Now = func() time.Time { return time.Time{} }
			l := New(tt.opt)
			for i := range tt.burst {
				if wait, ok := l.ByAddress(v4(1)); !ok {
					t.Fatalf("request %d waits %v", i, wait)
				}
				if wait, ok := l.ByKey("k"); !ok {
					t.Fatalf("request %d of a key waits %v", i, wait)
				}
			}
			if wait, ok := l.ByAddress(v4(1)); wait != tt.wait || ok != (tt.wait == 0) {
				t.Errorf("after the burst: %v, %v; want to wait %v", wait, ok, tt.wait)
			}
		})
	}
}

func TestSeconds(t *testing.T) {
	for wait, want := range map[time.Duration]int{
		0:                                 1,
		1:                                 1,
		time.Second:                       1,
		time.Second + 1:                   2,
		90*time.Second - time.Millisecond: 90,
	} {
		if got := Seconds(wait); got != want {
			t.Errorf("%v: %d, want %d", wait, got, want)
		}
	}
}

// TestFlood has more addresses come than there are buckets.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const entries = 1024
		l := New(Options{PerSecond: 1, Burst: 2, Entries: entries})
		victim := addr("192.0.2.1")
		l.ByAddress(victim)
		l.ByAddress(victim)
		taken := 0
		for i := range 100_000 {
			if _, ok := l.ByAddress(v4(i)); ok {
				taken++
			}
			if _, ok := l.ByAddress(victim); ok {
				t.Fatalf("after %d other addresses a limit is forgotten", i)
			}
		}
		// A first request for each bucket, and the bursts of the shared ones.
		if most := entries - 1 + shards*2; taken > most || taken < entries/2 {
			t.Errorf("%d requests of the flood are taken, want at most %d", taken, most)
		}
		if n := held(&l.addresses); n > entries {
			t.Errorf("%d buckets", n)
		}
		if _, ok := l.ByKey("k"); !ok {
			t.Error("a flood of addresses takes the tokens of a key")
		}

		time.Sleep(time.Minute) // all are full
		if _, ok := l.ByAddress(addr("192.0.2.2")); !ok {
			t.Error("after the flood a newcomer is refused")
		}
		for i := range entries {
			time.Sleep(2 * time.Second)
			l.ByAddress(v4(1<<20 + i))
		}
		if n := held(&l.addresses); n > entries/8 {
			t.Errorf("%d buckets are left long after the flood", n)
		}
	})
}

// TestFullestGoesFirst fills a table whose buckets are used anew in between.
func TestFullestGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{PerSecond: 1, Burst: 10, Entries: 2 * shards})
		s := &l.addresses.shards[0]
		for i := range 2000 {
			time.Sleep(time.Duration(i%700) * time.Millisecond)
			now := l.now()
			s.admit(group(i), now, 8, func(g group) group { return g }).full = now + time.Duration(i%13)*time.Second
			for _, p := range s.order {
				if p.full > p.b.full || s.buckets[p.b.id] != p.b {
					t.Fatalf("step %d: a bucket has a wrong place", i)
				}
			}
			if len(s.order) != len(s.buckets) || len(s.buckets) > 8 {
				t.Fatalf("step %d: %d buckets, %d places", i, len(s.buckets), len(s.order))
			}
		}
	})
}

// TestAgainstXRate compares with golang.org/x/time/rate, which forgets nothing,
// while buckets are dropped here.
func TestAgainstXRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const addresses = 4000
		random := rand.New(rand.NewPCG(1, 2))
		l := New(Options{PerSecond: 4, Burst: 3, Entries: 2048})
		reference := make([]*xrate.Limiter, addresses)
		for i := range reference {
			reference[i] = xrate.NewLimiter(4, 3)
		}
		taken := 0
		for step := range 100_000 {
			// An odd number, so that none comes at the very moment of a token.
			time.Sleep(time.Duration(random.IntN(1_000_000)) | 1)
			n := random.IntN(addresses)
			if step%3 > 0 {
				n %= 20
			}
			_, ok := l.ByAddress(v4(n))
			if want := reference[n].Allow(); ok != want {
				t.Fatalf("step %d: taken: %v, want %v", step, ok, want)
			}
			if ok {
				taken++
			}
		}
		if n := held(&l.addresses); n > 2048 || taken < 10_000 || taken > 90_000 {
			t.Errorf("%d buckets, %d requests taken: the test shows nothing", n, taken)
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	l := New(Options{PerSecond: 1, Burst: 100, Entries: 64, Now: func() time.Time { return time.Time{} }})
	var taken, others atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 1000 {
				if _, ok := l.ByKey("k"); ok {
					taken.Add(1)
				}
				if _, ok := l.ByAddress(v4(g<<10 + i)); ok {
					others.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if taken.Load() != 100 {
		t.Errorf("%d requests of one key are taken, want 100", taken.Load())
	}
	if n := others.Load(); n < 64 || n > 64+100*shards {
		t.Errorf("%d requests of 8,000 addresses are taken", n)
	}
}

func TestKeptKeyIsACopy(t *testing.T) {
	l := New(Options{PerSecond: 1, Burst: 1, Now: func() time.Time { return time.Time{} }})
	claimed := []byte("key-1")
	l.ByKey(string(claimed))
	if n := testing.AllocsPerRun(100, func() { l.ByKey("key-1") }); n != 0 {
		t.Errorf("a known key allocates %v times", n)
	}
	known := v4(1)
	l.ByAddress(known)
	if n := testing.AllocsPerRun(100, func() { l.ByAddress(l.ClientAddress(known)) }); n != 0 {
		t.Errorf("a known address allocates %v times", n)
	}
}

// held is how many buckets a table has.
func held[K comparable](t *table[K]) int {
	n := 0
	for i := range t.shards {
		n += len(t.shards[i].buckets)
	}
	return n
}

// BenchmarkTake measures a known key and a known address, and for comparison a
// limiter of golang.org/x/time/rate alone, without finding it among others.
func BenchmarkTake(b *testing.B) {
	l := New(Options{PerSecond: MaxPerSecond, Burst: MaxBurst})
	for i := range 10_000 {
		l.ByKey(fmt.Sprint("key-", i))
		l.ByAddress(v4(i))
	}
	x := xrate.NewLimiter(MaxPerSecond, MaxBurst)
	for _, bench := range []struct {
		name string
		take func()
	}{
		{"key", func() { l.ByKey("key-7") }},
		{"address", func() { l.ByAddress(v4(7)) }},
		{"x/time/rate", func() { x.Allow() }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					bench.take()
				}
			})
		})
	}
}

// BenchmarkFlood measures addresses that were never seen.
func BenchmarkFlood(b *testing.B) {
	l := New(Options{PerSecond: 1})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.ByAddress(netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}))
	}
}
