// This file holds the order of use.

package l1

import (
	"container/heap"
	"slices"
)

// order holds the entries by the time of use under which they were placed, in two
// parts: a queue of those that stand where they came in, and a heap of those that were
// placed anew. Hits do not move them: an entry may have been used since.
type order[V any] struct {
	oldest, latest *entry[V] // the ends of the queue
	queued         int       // entries in it
	again          places[V]
}

// mostPlaced is how many entries are placed anew for one that goes, so that
// nobody holds the lock for long: a quarter of a millisecond.
const mostPlaced = 1024

func (o *order[V]) len() int { return o.queued + len(o.again) }

// victim returns the least recently used entry of at least one. Entries that it
// meets in front and that were used since are placed anew; after mostPlaced of
// them it returns the least recently used of these.
func (o *order[V]) victim() *entry[V] {
	var victim place[V]
	for range mostPlaced {
		first := o.first()
		used := first.e.used.Load()
		if used == first.time {
			return first.e
		}
		anew := place[V]{used, first.e}
		if victim.e == nil || used < victim.time {
			victim = anew
		}
		o.place(anew)
	}
	return victim.e
}

// first gives the place that is the oldest, as far as is known.
func (o *order[V]) first() place[V] {
	if e := o.oldest; e != nil && (len(o.again) == 0 || e.placed < o.again[0].time) {
		return place[V]{e.placed, e}
	}
	return o.again[0]
}

// place places the entry anew that is first.
func (o *order[V]) place(anew place[V]) {
	if anew.e.placed == inHeap {
		o.again[0] = anew
		heap.Fix(&o.again, 0)
		return
	}
	o.unlink(anew.e)
	anew.e.placed = inHeap
	o.again = append(o.again, anew)
	heap.Fix(&o.again, len(o.again)-1)
}

// add takes in an entry that was used later than all others.
func (o *order[V]) add(e *entry[V], now uint64) {
	e.placed, e.prev = now, o.latest
	if o.latest != nil {
		o.latest.next = e
	} else {
		o.oldest = e
	}
	o.latest = e
	o.queued++
}

// remove takes an entry out: of the heap the oldest quickly, any other by looking at
// all of it.
func (o *order[V]) remove(e *entry[V]) {
	if e.placed != inHeap {
		o.unlink(e)
		return
	}
	heap.Remove(&o.again, slices.IndexFunc(o.again, func(p place[V]) bool { return p.e == e }))
}

// unlink takes an entry out of the queue.
func (o *order[V]) unlink(e *entry[V]) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		o.oldest = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		o.latest = e.prev
	}
	e.prev, e.next = nil, nil // or it would keep others in memory
	o.queued--
}

// places is a heap of entries by the time of use under which they were placed.
type places[V any] []place[V]

type place[V any] struct {
	time uint64
	e    *entry[V]
}

// Len is part of heap.Interface, as are the methods below.
func (ps places[V]) Len() int { return len(ps) }

// Less puts the least recently used entry at the top.
func (ps places[V]) Less(i, j int) bool { return ps[i].time < ps[j].time }

// Swap exchanges two places.
func (ps places[V]) Swap(i, j int) { ps[i], ps[j] = ps[j], ps[i] }

// Push is never called: place appends without making an any of what it places.
func (ps *places[V]) Push(x any) { *ps = append(*ps, x.(place[V])) }

// Pop takes the last place off, and gives memory back where most is unused.
func (ps *places[V]) Pop() any {
	last := len(*ps) - 1
	(*ps)[last] = place[V]{}
	*ps = (*ps)[:last]
	if cap(*ps) >= minSlots && last < cap(*ps)/8 {
		*ps = append(make(places[V], 0, 2*last), *ps...)
	}
	return nil
}
