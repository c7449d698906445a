// This file holds which keys a full cache takes.

package l1

import "sync/atomic"

// Ask is GetString that also tells whether a key that is not there should be kept. In a
// Selective cache that is so where any value that it takes would fit, and where the key was
// asked for before, with fewer than some ten thousand others since; in another one always.
func (c *Cache[V]) Ask(key string) (value V, found, keep bool) {
	h := c.hashString(key)
	keep = c.seen == nil || int(c.bytes.Load()) <= c.most-c.most/8
	if !keep { // before the look into the table, so that both wait for memory at once
		keep = c.seen.has(h)
	}
	e := find(c.table.Load(), h, key)
	c.counters.add(e != nil, keep)
	if e != nil {
		c.touch(e)
		return e.value, true, true
	}
	if !keep {
		c.seen.note(h)
	}
	return value, false, keep
}

// doorkeeper remembers hashes, each at a place of its own until another one takes it.
type doorkeeper [1 << 15]atomic.Uint32

func (d *doorkeeper) has(hash uint64) bool { return d.place(hash).Load() == uint32(hash) }

func (d *doorkeeper) note(hash uint64) { d.place(hash).Store(uint32(hash)) }

func (d *doorkeeper) place(hash uint64) *atomic.Uint32 { return &d[hash>>32%uint64(len(d))] }
