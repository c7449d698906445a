// This file holds the table from keys to entries, which is read without a lock.

package l1

import (
	"math/bits"
	"sync/atomic"
)

// table is a hash table with linear probing, for any number of readers and one
// writer at a time. A slot that has ceased to be empty stays so, because readers of
// what stands behind it must walk on; a table with too few empty ones is replaced.
type table[V any] struct {
	slots []slot[V] // a power of two
	shift int       // 64 less the bits of a slot's number
	room  int       // empty slots that may still be taken
}

// slot is a place for an entry. Its hash stands beside it, so that whoever walks by
// need not look at the entry, which is in no processor's cache.
type slot[V any] struct {
	hash  atomic.Uint64 // empty, gone, or the hash of the entry
	entry atomic.Pointer[entry[V]]
}

// What a slot has in place of a hash, which is larger than both.
const (
	empty = iota
	gone  // an entry was here
	hashes
)

// minSlots is a number so that a table is at most half full when it is new.
const minSlots = 16

// newTable returns a table that is at most half full with so many entries.
func newTable[V any](entries int) *table[V] {
	width := bits.Len(uint(max(2*entries, minSlots) - 1))
	n := 1 << width
	return &table[V]{slots: make([]slot[V], n), shift: 64 - width, room: n / 4 * 3}
}

// at gives the slot at a distance from where those of a hash begin.
func (t *table[V]) at(h, distance uint64) *slot[V] {
	return &t.slots[(h>>t.shift+distance)&uint64(len(t.slots)-1)]
}

// find returns the entry of a key, nil where there is none.
func find[V any, K string | []byte](t *table[V], h uint64, key K) *entry[V] {
	for i := uint64(0); ; i++ {
		s := t.at(h, i)
		switch s.hash.Load() {
		case h: // a moment ago: by now the slot may hold another one
			if e := s.entry.Load(); e != nil && e.key == string(key) {
				return e
			}
		case empty:
			return nil
		}
	}
}

// insert puts in an entry whose key is not there. It does not where the table
// is full.
func (t *table[V]) insert(h uint64, e *entry[V]) bool {
	for i := uint64(0); ; i++ {
		s := t.at(h, i)
		switch s.hash.Load() {
		case empty:
			if t.room == 0 {
				return false
			}
			t.room--
		case gone:
		default:
			continue
		}
		s.entry.Store(e)
		s.hash.Store(h)
		return true
	}
}

// remove takes an entry out that is there.
func (t *table[V]) remove(e *entry[V]) {
	for i := uint64(0); ; i++ {
		if s := t.at(e.hash, i); s.entry.Load() == e {
			s.hash.Store(gone)
			s.entry.Store(nil)
			return
		}
	}
}

// sparse says whether the table is much too large for so many entries.
func (t *table[V]) sparse(entries int) bool {
	return len(t.slots) > minSlots && len(t.slots) > 8*entries
}

// rebuilt returns a table with the same entries, made for so many.
func (t *table[V]) rebuilt(entries int) *table[V] {
	next := newTable[V](entries)
	for i := range t.slots {
		if s := &t.slots[i]; s.hash.Load() >= hashes {
			next.insert(s.hash.Load(), s.entry.Load())
		}
	}
	return next
}
