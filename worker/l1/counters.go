// This file holds the counts of hits, misses, and what was declined.

package l1

import (
	"sync"
	"sync/atomic"
)

// stripes is how many pairs of counts there are; a few for each core.
const stripes = 64

// counters count look-ups without a cache line that cores fight over: each core
// has a stripe of its own for as long as the pool remembers it. One stripe may
// come to serve two cores; the counts are right all the same.
type counters struct {
	mine    sync.Pool // of *stripe
	next    atomic.Uint32
	stripes [stripes]stripe
}

type stripe struct {
	hits, missed, declined atomic.Uint64 // each look-up is one of them
	_                      [104]byte     // two cache lines, since processors fetch them in pairs
}

// add counts a look-up; keep is false where a miss is not to be kept.
func (c *counters) add(hit, keep bool) {
	s, ok := c.mine.Get().(*stripe)
	if !ok {
		s = &c.stripes[c.next.Add(1)%stripes]
	}
	switch {
	case hit:
		s.hits.Add(1)
	case keep:
		s.missed.Add(1)
	default:
		s.declined.Add(1)
	}
	c.mine.Put(s)
}

func (c *counters) sum() Stats {
	var sum Stats
	for i := range c.stripes {
		sum.Hits += c.stripes[i].hits.Load()
		declined := c.stripes[i].declined.Load()
		sum.Misses += c.stripes[i].missed.Load() + declined
		sum.Declined += declined
	}
	return sum
}
