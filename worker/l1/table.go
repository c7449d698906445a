// This file holds the table from keys to entries, which is read without a lock.

package l1

import (
	"math/bits"
	"sync/atomic"
)

// table is a hash table with linear probing, for any number of readers and one
// writer at a time. A slot is empty, holds an entry, or holds gone, where one
// was: readers of what stands behind it must walk on. A slot that has ceased
// to be empty stays so; a table with too few empty ones is replaced.
type table[V any] struct {
	slots []atomic.Pointer[entry[V]] // a power of two
	shift int                        // 64 less the bits of a slot's number
	room  int                        // empty slots that may still be taken
	gone  *entry[V]
}

// minSlots is a number so that a table is at most half full when it is new.
const minSlots = 16

// newTable returns a table that is at most half full with so many entries.
func newTable[V any](entries int, gone *entry[V]) *table[V] {
	width := bits.Len(uint(max(2*entries, minSlots) - 1))
	n := 1 << width
	return &table[V]{
		slots: make([]atomic.Pointer[entry[V]], n),
		shift: 64 - width,
		room:  n / 4 * 3,
		gone:  gone,
	}
}

// find returns the entry of a key, nil where there is none.
func find[V any, K string | []byte](t *table[V], h uint64, key K) *entry[V] {
	for i := h >> t.shift; ; i++ {
		e := t.slots[i&uint64(len(t.slots)-1)].Load()
		if e == nil {
			return nil
		}
		if e.hash == h && e.key == string(key) && e != t.gone {
			return e
		}
	}
}

// insert puts in an entry whose key is not there. It does not where the table
// is full.
func (t *table[V]) insert(e *entry[V]) bool {
	for i := e.hash >> t.shift; ; i++ {
		slot := &t.slots[i&uint64(len(t.slots)-1)]
		switch slot.Load() {
		case nil:
			if t.room == 0 {
				return false
			}
			t.room--
			slot.Store(e)
			return true
		case t.gone:
			slot.Store(e)
			return true
		}
	}
}

// sparse says whether the table is much too large for so many entries.
func (t *table[V]) sparse(entries int) bool {
	return len(t.slots) > minSlots && len(t.slots) > 8*entries
}

// remove takes a key out and returns its entry, nil where there is none.
func (t *table[V]) remove(h uint64, key string) *entry[V] {
	for i := h >> t.shift; ; i++ {
		slot := &t.slots[i&uint64(len(t.slots)-1)]
		e := slot.Load()
		if e == nil {
			return nil
		}
		if e.hash == h && e.key == key && e != t.gone {
			slot.Store(t.gone)
			return e
		}
	}
}

// rebuilt returns a table with the same entries, made for so many.
func (t *table[V]) rebuilt(entries int) *table[V] {
	next := newTable[V](entries, t.gone)
	for i := range t.slots {
		if e := t.slots[i].Load(); e != nil && e != t.gone {
			next.insert(e)
		}
	}
	return next
}
