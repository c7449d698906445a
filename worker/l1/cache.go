// Package l1 is the cache of compiled programs: values by a text, which is
// compared in full, within a number of bytes, least recently used out first.
//
// # How it works
//
// Reading takes no lock and writes nothing that another core reads often. A hit
// walks an open-addressed table of hashes and entries, compares the text, and notes
// the time of use in the entry: the number of insertions so far, so that a text
// asked again and again is written to once for each insertion, not for each hit.
// Writing takes one mutex. Who has built something and finds it taken does not wait:
// what he has built is left to the one who holds it, as in flat combining (Hendler et
// al., SPAA 2010). Whoever waited would hold one of the few places of those that run,
// and behind it a queue would form that stays for long.
//
// The order of use is put right only when something has to go. Entries stand in a
// queue, as they came in; the first one goes if it was never asked for again, and is
// placed anew if it was, in a heap by time of use. The first of queue and heap
// together goes if its time still holds, and is placed anew if it was used since. So
// the victim is the least recently used entry exactly, but for hits between the same
// two insertions, among which no order is known; and where every script is new, one
// comes and one goes in a time that does not depend on how many there are. The heap
// is a lazy priority queue, as in the lazy form of Prim's algorithm (Sedgewick
// & Wayne, Algorithms, 4th ed., 4.3); of caches, Yang et al. call it lazy promotion
// ("FIFO can be Better than LRU", HotOS 2023).
//
// A Selective cache that is full keeps a text when it comes for the second time: one
// that comes once would drive out another that is in use, and is not worth the memory.
// A small table of hashes remembers what came; it is the doorkeeper of Einziger,
// Friedman & Manes ("TinyLFU", ACM Transactions on Storage 13.4, 2017).
//
// At most 1,024 are placed anew for one that goes: where more have been used
// since they were placed, the least recently used of those 1,024 goes.
//
// # Why not a library
//
// bench/l1 measures it against others. Nanoseconds for a hit by one goroutine,
// and by two on two cores; a script of 400 to 500 bytes, hashing and comparing
// included:
//
//	                                          one script   4,096 scripts
//	this package                               64    38       101    56
//	otter v2.4.0, counting hits                70    65       109    60
//	a mutex and an LRU list for each shard    100    92       166   149
//	an RWMutex and CLOCK for each shard        67   132       165    92
//	hashicorp/golang-lru v2.0.7                67    79       115   123
//
// Otter comes near, and where two cores ask for one script takes 1.7 times as
// long. But it does not let the least recently used go first: its W-TinyLFU
// policy lets a new script go, also one that comes all the time by now, for an old
// one that was used more often; it may exceed its bound while it evicts; and to be
// asked by bytes it would need them disguised as a string. golang-lru has no bound
// in bytes, and one lock.
package l1

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"unsafe"
)

// DefaultBytes is the bound of a cache whose options give none.
const DefaultBytes = 64 << 20

// Options are the settings of a cache; the zero value is useful.
type Options struct {
	// Bytes is what the entries may hold together: what Put is told of each, its
	// key, and what the cache needs for it. Zero is DefaultBytes; with a number
	// below zero nothing is kept.
	Bytes int
	// Selective makes a full cache keep a key when it is asked for the second time, see
	// Ask.
	Selective bool
}

// Cache keeps values by texts. It is safe for concurrent use; make one with New.
type Cache[V any] struct {
	seed maphash.Seed // keys cannot be made to collide by those who do not know it
	mask uint64       // what of a hash is used: all, but in tests of collisions
	most int

	// table and clock are read by every hit and written by insertions alone.
	_     [64]byte
	table atomic.Pointer[table[V]]
	clock atomic.Uint64 // odd between insertions; an insertion takes the even number
	_     [64]byte

	flights [1 << flightBits]flights[V] // what is being made, by hash
	ended   atomic.Pointer[flight[V]]   // what has been made and is not in the table yet

	mu      sync.Mutex // for all below, and for writing to the table
	order   order[V]
	bytes   atomic.Int64
	entries atomic.Int64
	evicted atomic.Uint64

	seen     *doorkeeper // nil where everything is kept
	counters counters
}

// entry is a key with its value. Readers see these as they were made, but for used.
type entry[V any] struct {
	key   string
	value V
	hash  uint64
	cost  int
	used  atomic.Uint64 // the clock at its latest use

	// Its place in the order, under the lock.
	placed     uint64 // the clock when it came into the queue, or inHeap
	prev, next *entry[V]
}

// inHeap is the place of entries that were placed anew. The clock is past it.
const inHeap = 0

// New returns an empty cache.
func New[V any](opt Options) *Cache[V] {
	if opt.Bytes == 0 {
		opt.Bytes = DefaultBytes
	}
	c := &Cache[V]{seed: maphash.MakeSeed(), mask: ^uint64(0), most: opt.Bytes}
	if opt.Selective {
		c.seen = new(doorkeeper)
	}
	c.table.Store(newTable[V](0))
	c.clock.Store(1)
	return c
}

// Get returns the value of a key and whether there is one. A hit allocates
// nothing.
func (c *Cache[V]) Get(key []byte) (V, bool) {
	return c.found(find(c.table.Load(), c.hash(key), key))
}

// GetString is Get for a key that is a string.
func (c *Cache[V]) GetString(key string) (V, bool) {
	return c.found(find(c.table.Load(), c.hashString(key), key))
}

// found gives the value of what was looked up, and counts.
func (c *Cache[V]) found(e *entry[V]) (value V, ok bool) {
	c.counters.add(e != nil, true)
	if e == nil {
		return value, false
	}
	c.touch(e)
	return e.value, true
}

// touch notes that an entry is used. Two cores that use the same one write to
// it once after each insertion.
func (c *Cache[V]) touch(e *entry[V]) {
	if now := c.clock.Load(); e.used.Load() < now {
		e.used.Store(now)
	}
}

// Put keeps a value of so many bytes under a key, in place of what was there,
// and lets others go until it fits: the bound holds at every moment. What needs
// more than an eighth of it is not kept. The key is kept as it is, so it must
// not be memory that is used again.
func (c *Cache[V]) Put(key string, value V, size int) {
	h := c.hashString(key)
	c.mu.Lock()
	c.put(h, key, value, size)
	c.mu.Unlock()
	c.landEnded()
}

// put is Put under the lock.
func (c *Cache[V]) put(h uint64, key string, value V, size int) {
	if old := find(c.table.Load(), h, key); old != nil {
		c.remove(old)
	}
	largest := c.most / 8
	cost := c.cost(key, size)
	if size < 0 || size > largest || cost > largest {
		return
	}
	for int(c.bytes.Load()) > c.most-cost {
		c.remove(c.order.victim())
		c.evicted.Add(1)
	}
	e := &entry[V]{key: key, value: value, hash: h, cost: cost}
	now := c.clock.Add(1)
	e.used.Store(now)
	c.order.add(e, now)
	if t := c.table.Load(); t.sparse(c.order.len()) || !t.insert(h, e) {
		t = t.rebuilt(c.order.len())
		t.insert(h, e)
		c.table.Store(t)
	}
	c.clock.Store(now + 1)
	c.bytes.Add(int64(cost))
	c.entries.Add(1)
}

// cost is what an entry counts: its value, its key, itself, its slots in the table,
// of which there are twice as many and more, and its place in the heap, which doubles
// when it is full.
func (c *Cache[V]) cost(key string, size int) int {
	const places = 3*int(unsafe.Sizeof(slot[V]{})) + 2*int(unsafe.Sizeof(place[V]{}))
	return size + len(key) + int(unsafe.Sizeof(entry[V]{})) + places
}

// Delete drops a key, in time proportional to the number of entries that were asked
// for again. It does not stop a Load of it that is under way.
func (c *Cache[V]) Delete(key string) {
	h := c.hashString(key)
	c.mu.Lock()
	if e := find(c.table.Load(), h, key); e != nil {
		c.remove(e)
	}
	c.mu.Unlock()
	c.landEnded()
}

// remove takes an entry out, under the lock.
func (c *Cache[V]) remove(e *entry[V]) {
	c.table.Load().remove(e)
	c.order.remove(e)
	c.bytes.Add(-int64(e.cost))
	c.entries.Add(-1)
}

// Len is the number of entries.
func (c *Cache[V]) Len() int { return int(c.entries.Load()) }

// Bytes is what the entries hold, as counted against Options.Bytes.
func (c *Cache[V]) Bytes() int { return int(c.bytes.Load()) }

// Stats are counts since the cache was made.
type Stats struct {
	Hits      uint64 // look-ups that found a value
	Misses    uint64 // look-ups that did not, those that waited for another's included
	Evictions uint64 // entries that went to make room
	Declined  uint64 // misses that Ask says are not to be kept
}

// Stats returns the counts. Look-ups under way may or may not be in them.
func (c *Cache[V]) Stats() Stats {
	s := c.counters.sum()
	s.Evictions = c.evicted.Load()
	return s
}

// hash gives the hash of a key, which no slot takes for one of its own marks.
func (c *Cache[V]) hash(key []byte) uint64 {
	return maphash.Bytes(c.seed, key)&c.mask | hashes
}

func (c *Cache[V]) hashString(key string) uint64 {
	return maphash.String(c.seed, key)&c.mask | hashes
}
