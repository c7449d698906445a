// This file holds the gates of all destinations, in bounded memory.

package guard

import (
	"container/list"
	"sync"
	"time"
)

// table holds gates by the name of their destination, at most a fixed number.
// Those that nobody is using may be forgotten. It is safe for concurrent use.
type table struct {
	opts *Options

	mu      sync.Mutex
	entries map[string]*entry

	// The entries that nobody is using, the one longest unused in front. Those
	// with an open breaker have a list of their own, so that a flood of names
	// that are used once does not close the breakers of others.
	calm, open list.List
}

// entry is a gate and its place in the table.
type entry struct {
	gate  *gate
	users int           // calls that are in progress or wait
	place *list.Element // in list, where users is 0
	list  *list.List
	since time.Time // of the last use, where users is 0
}

func newTable(opts *Options) *table {
	return &table{opts: opts, entries: make(map[string]*entry)}
}

// take returns the gate of a destination, which must be handed back, or nil where
// the table is full of gates in use.
func (t *table) take(name string) *entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[name]
	if e == nil {
		if len(t.entries) >= t.opts.MaxDestinations && !t.forgetOne() {
			return nil
		}
		e = &entry{gate: newGate(name, t.opts)}
		t.entries[name] = e
	}
	if e.users++; e.place != nil {
		e.list.Remove(e.place)
		e.list, e.place = nil, nil
	}
	return e
}

// handBack ends a use of the gate.
func (t *table) handBack(e *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.users--; e.users > 0 {
		return
	}
	e.since = time.Now()
	e.list = &t.calm
	if e.gate.open.Load() {
		e.list = &t.open
	}
	e.place = e.list.PushBack(e)
	if t.open.Len() > max(t.opts.MaxDestinations/2, 1) {
		t.forget(t.open.Front())
	}
}

// forgetOne makes room for another gate, and reports whether it could: by one
// whose breaker has been open so long that it would let a probe through, else by
// one whose breaker is closed, else by any.
func (t *table) forgetOne() bool {
	open, calm := t.open.Front(), t.calm.Front()
	switch {
	case open != nil && time.Since(open.Value.(*entry).since) > t.opts.Breaker.OpenFor:
		t.forget(open)
	case calm != nil:
		t.forget(calm)
	case open != nil:
		t.forget(open)
	default:
		return false
	}
	return true
}

func (t *table) forget(place *list.Element) {
	e := place.Value.(*entry)
	e.list.Remove(place)
	delete(t.entries, e.gate.name)
}
