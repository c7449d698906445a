// This file holds the memory of signatures that were seen.

package seal

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
)

const (
	shards = 64
	// buckets is into how many parts the window is cut: its signatures are
	// forgotten part by part.
	buckets = 8
)

// memory remembers MACs for as long as their time is within the window, a
// bounded number of them. MACs are spread evenly, so shards by MAC are locked
// by one goroutine at a time nearly always.
type memory struct {
	most   int64
	count  atomic.Int64
	window int64        // seconds
	width  int64        // of a bucket, seconds
	swept  atomic.Int64 // the floor of the last sweep
	shards [shards]shard
}

type shard struct {
	mu      sync.Mutex
	floor   int64 // buckets below have been forgotten
	buckets map[int64]map[seen]struct{}
	_       [64]byte // keeps neighbours out of one cache line
}

// seen is what is remembered of a MAC: enough that two of them never meet.
type seen [16]byte

func newMemory(most int, window int64) *memory {
	m := &memory{most: int64(most), window: window, width: max(1, window/buckets)}
	for i := range m.shards {
		m.shards[i].buckets = map[int64]map[seen]struct{}{}
	}
	return m
}

// remember takes a MAC in whose time is t, both in seconds since 1970. A MAC
// that it holds is replayed. When there is no room, it is overloaded. What has
// been forgotten stays expired, even if the clock is set back.
func (m *memory) remember(sum *[sha256.Size]byte, t, now int64) error {
	floor := max(0, now-m.window) / m.width
	full := func() error {
		return &Error{Code: CodeOverloaded, Msg: "too many signed requests within the window"}
	}
	s := &m.shards[sum[len(sum)-1]%shards]
	if ok, err := m.add(s, seen(sum[:]), t/m.width, floor); ok || err != nil {
		return err
	}
	if !m.sweep(floor) {
		return full()
	}
	if ok, err := m.add(s, seen(sum[:]), t/m.width, floor); ok || err != nil {
		return err
	}
	return full()
}

// add reports whether there was room.
func (m *memory) add(s *shard, mac seen, bucket, floor int64) (ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.forget(s, floor)
	if bucket < s.floor {
		return false, expired()
	}
	held := s.buckets[bucket]
	if _, again := held[mac]; again {
		return false, &Error{Code: CodeReplayed, Msg: "the signature has been used before"}
	}
	if m.count.Add(1) > m.most {
		m.count.Add(-1)
		return false, nil
	}
	if held == nil {
		held = map[seen]struct{}{}
		s.buckets[bucket] = held
	}
	held[mac] = struct{}{}
	return true, nil
}

// forget drops the buckets below the floor. The shard is locked.
func (m *memory) forget(s *shard, floor int64) {
	if floor <= s.floor {
		return
	}
	s.floor = floor
	for b, held := range s.buckets {
		if b < floor {
			delete(s.buckets, b)
			m.count.Add(-int64(len(held)))
		}
	}
}

// sweep drops old buckets from all shards, once for each floor. It tells
// whether it did.
func (m *memory) sweep(floor int64) bool {
	last := m.swept.Load()
	if floor <= last || !m.swept.CompareAndSwap(last, floor) {
		return false
	}
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		m.forget(s, floor)
		s.mu.Unlock()
	}
	return true
}
