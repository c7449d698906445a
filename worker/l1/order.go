// This file holds the order of use.

package l1

import (
	"container/heap"
	"slices"
)

// order is a heap of entries by the time of use under which they were placed.
// Hits do not move them: an entry may have been used since.
type order[V any] []place[V]

type place[V any] struct {
	time uint64
	e    *entry[V]
}

// mostPlaced is how many entries are placed anew for one that goes, so that
// nobody holds the lock for long: a quarter of a millisecond.
const mostPlaced = 1024

// oldest returns the least recently used entry of at least one. Entries that it
// meets at the top and that were used since are placed anew; after mostPlaced of
// them it returns the least recently used of these.
func (o *order[V]) oldest() *entry[V] {
	var oldest place[V]
	for range mostPlaced {
		top := &(*o)[0]
		used := top.e.used.Load()
		if used == top.time {
			return top.e
		}
		top.time = used
		if oldest.e == nil || used < oldest.time {
			oldest = *top
		}
		heap.Fix(o, 0)
	}
	return oldest.e
}

func (o *order[V]) add(e *entry[V], now uint64) {
	*o = append(*o, place[V]{now, e}) // the latest of all: it stands right at the end
}

// remove takes an entry out: the oldest quickly, any other by looking at all.
func (o *order[V]) remove(e *entry[V]) {
	heap.Remove(o, slices.IndexFunc(*o, func(p place[V]) bool { return p.e == e }))
}

// Len is part of heap.Interface, as are the methods below.
func (o order[V]) Len() int { return len(o) }

// Less puts the least recently used entry at the top.
func (o order[V]) Less(i, j int) bool { return o[i].time < o[j].time }

// Swap exchanges two places.
func (o order[V]) Swap(i, j int) { o[i], o[j] = o[j], o[i] }

// Push is never called: add knows that what comes in is the latest.
func (o *order[V]) Push(x any) { *o = append(*o, x.(place[V])) }

// Pop takes the last place off, and gives memory back where most is unused.
func (o *order[V]) Pop() any {
	last := len(*o) - 1
	(*o)[last] = place[V]{}
	*o = (*o)[:last]
	if cap(*o) >= minSlots && last < cap(*o)/8 {
		*o = append(make(order[V], 0, 2*last), *o...)
	}
	return nil
}
