// This file holds the buckets and which of them are dropped.

package rate

import (
	"container/heap"
	"hash/maphash"
	"sync"
	"time"
)

// shards is how many parts a table has, each with a lock of its own.
const shards = 16

// table holds the buckets of ids.
type table[K comparable] struct {
	interval time.Duration // in which a token comes
	early    time.Duration // how far ahead of that a burst may be
	entries  int           // of a shard
	seed     maphash.Seed
	shards   [shards]shard[K]
}

type shard[K comparable] struct {
	mu      sync.Mutex
	buckets map[K]*bucket[K]
	order   order[K]
	shared  bucket[K] // of those for which there is no room
	_       [64]byte
}

// bucket is a bucket by the time at which it will be full: until then it lacks the tokens
// that would have come by that time.
type bucket[K comparable] struct {
	id   K
	full time.Duration
}

func (t *table[K]) init(interval time.Duration, burst, entries int) {
	t.interval = interval
	t.early = time.Duration(burst-1) * interval
	t.entries = (entries + shards - 1) / shards
	t.seed = maphash.MakeSeed()
	for i := range t.shards {
		t.shards[i].buckets = make(map[K]*bucket[K])
	}
}

// take takes a token from the bucket of an id, or says when there will be one.
// keep makes the id fit to be kept.
func (t *table[K]) take(id K, now time.Duration, keep func(K) K) (retryAfter time.Duration, ok bool) {
	s := &t.shards[maphash.Comparable(t.seed, id)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[id]
	if b == nil {
		b = s.admit(id, now, t.entries, keep)
	}
	full := max(b.full, now)
	if wait := full - now - t.early; wait > 0 {
		return wait, false
	}
	b.full = full + t.interval
	return 0, true
}

// admit returns the bucket for an id that has none: a new one, or the shared one
// where there is no room.
func (s *shard[K]) admit(id K, now time.Duration, entries int, keep func(K) K) *bucket[K] {
	// Two go for each that comes, so that the table shrinks when a flood is over.
	for range 2 {
		s.dropFull(now)
	}
	if len(s.buckets) >= entries {
		return &s.shared
	}
	b := &bucket[K]{id: keep(id), full: now}
	s.buckets[b.id] = b
	heap.Push(&s.order, place[K]{now, b})
	return b
}

// dropFull drops the bucket that is full for longest, if any is full.
func (s *shard[K]) dropFull(now time.Duration) {
	for len(s.order) > 0 && s.order[0].full <= now {
		top := &s.order[0]
		if top.full == top.b.full {
			delete(s.buckets, top.b.id)
			heap.Pop(&s.order)
			return
		}
		top.full = top.b.full // it was used since it was placed
		heap.Fix(&s.order, 0)
	}
}

// order is a heap of buckets by the time at which they were to be full when they
// were placed. They may be full later than that, never sooner.
type order[K comparable] []place[K]

type place[K comparable] struct {
	full time.Duration
	b    *bucket[K]
}

// Len is part of heap.Interface, as are the methods below.
func (o order[K]) Len() int { return len(o) }

// Less puts the bucket that is full first at the top.
func (o order[K]) Less(i, j int) bool { return o[i].full < o[j].full }

// Swap exchanges two places.
func (o order[K]) Swap(i, j int) { o[i], o[j] = o[j], o[i] }

// Push appends a place.
func (o *order[K]) Push(x any) { *o = append(*o, x.(place[K])) }

// Pop takes the last place off.
func (o *order[K]) Pop() any {
	last := len(*o) - 1
	(*o)[last] = place[K]{}
	*o = (*o)[:last]
	return nil
}
