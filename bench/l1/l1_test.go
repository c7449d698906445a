// Package l1 measures the cache of compiled programs against the other ways to
// build it.
//
//	go test ./l1 -run '^$' -bench . -cpu 1,2
//
// Each goroutine asks for scripts of 400 to 500 bytes, as the bytes of a request. In
// "hot" all ask for one, in "zipf" for 4,096 with a Zipf distribution of
// exponent 1.1; all are in the cache. In "miss" each puts in new scripts, so
// that every one evicts another.
package l1

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"

	"github.com/avap-framework/avap/worker/l1"
)

const (
	most   = 64 << 20
	size   = 4 << 10
	shards = 64
)

type program struct{ _ [64]byte }

// cache is what each candidate can do. Nobody changes the keys of get, so that
// a candidate may look at their bytes as a string.
type cache interface {
	get(key []byte) (*program, bool)
	put(key string, p *program)
}

var candidates = []struct {
	name string
	make func() cache
}{
	{"ours", func() cache { return ours{l1.New[*program](l1.Options{Bytes: most})} }},
	{"shardedMutexLRU", func() cache { return newSharded() }},
	{"rwmutexClock", func() cache { return newClock() }},
	{"otter", func() cache { return newOtter(nil) }},
	{"otterStats", func() cache { return newOtter(stats.NewCounter()) }},
	{"hashicorp", func() cache { return newHashicorp() }},
}

type ours struct{ c *l1.Cache[*program] }

func (o ours) get(key []byte) (*program, bool) { return o.c.Get(key) }
func (o ours) put(key string, p *program)      { o.c.Put(key, p, size) }

// sharded is simplelru behind a mutex for each shard, with striped counts of
// its own shard.
type sharded struct {
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu           sync.Mutex
	lru          *simplelru.LRU[string, *program]
	bytes        int
	hits, misses int
	_            [64]byte
}

func newSharded() *sharded {
	s := &sharded{seed: maphash.MakeSeed()}
	for i := range s.shards {
		sh := &s.shards[i]
		sh.lru, _ = simplelru.NewLRU(1<<30, func(string, *program) { sh.bytes -= size })
	}
	return s
}

func (s *sharded) get(key []byte) (*program, bool) {
	sh := &s.shards[maphash.Bytes(s.seed, key)%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	p, ok := sh.lru.Get(unsafe.String(unsafe.SliceData(key), len(key)))
	if ok {
		sh.hits++
	} else {
		sh.misses++
	}
	return p, ok
}

func (s *sharded) put(key string, p *program) {
	sh := &s.shards[maphash.String(s.seed, key)%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.lru.Add(key, p)
	sh.bytes += size
	for sh.bytes > most/shards {
		sh.lru.RemoveOldest()
	}
}

// clock is a map behind a read-write mutex for each shard, with a bit of use
// for each entry and second chances (CLOCK).
type clock struct {
	seed   maphash.Seed
	shards [shards]clockShard
}

type clockShard struct {
	mu           sync.RWMutex
	entries      map[string]*clockEntry
	ring         []*clockEntry
	hand         int
	hits, misses atomic.Uint64
	_            [64]byte
}

type clockEntry struct {
	key  string
	p    *program
	used atomic.Bool
}

func newClock() *clock {
	c := &clock{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].entries = map[string]*clockEntry{}
	}
	return c
}

func (c *clock) get(key []byte) (*program, bool) {
	sh := &c.shards[maphash.Bytes(c.seed, key)%shards]
	sh.mu.RLock()
	e := sh.entries[string(key)]
	sh.mu.RUnlock()
	if e == nil {
		sh.misses.Add(1)
		return nil, false
	}
	sh.hits.Add(1)
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e.p, true
}

func (c *clock) put(key string, p *program) {
	sh := &c.shards[maphash.String(c.seed, key)%shards]
	e := &clockEntry{key: key, p: p}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.entries[key] = e
	if len(sh.ring) < most/shards/size {
		sh.ring = append(sh.ring, e)
		return
	}
	for sh.ring[sh.hand].used.Swap(false) {
		sh.hand = (sh.hand + 1) % len(sh.ring)
	}
	delete(sh.entries, sh.ring[sh.hand].key)
	sh.ring[sh.hand] = e
	sh.hand = (sh.hand + 1) % len(sh.ring)
}

type otterCache struct {
	c *otter.Cache[string, *program]
}

func newOtter(recorder stats.Recorder) otterCache {
	return otterCache{otter.Must(&otter.Options[string, *program]{
		MaximumWeight: most,
		Weigher:       func(string, *program) uint32 { return size },
		StatsRecorder: recorder,
	})}
}

func (o otterCache) get(key []byte) (*program, bool) {
	return o.c.GetIfPresent(unsafe.String(unsafe.SliceData(key), len(key)))
}
func (o otterCache) put(key string, p *program) { o.c.Set(key, p) }

// hashicorp's cache cannot be bounded in bytes; here all values are of one size.
type hashicorp struct{ c *lru.Cache[string, *program] }

func newHashicorp() hashicorp {
	c, err := lru.New[string, *program](most / size)
	if err != nil {
		panic(err)
	}
	return hashicorp{c}
}

func (h hashicorp) get(key []byte) (*program, bool) {
	return h.c.Get(unsafe.String(unsafe.SliceData(key), len(key)))
}
func (h hashicorp) put(key string, p *program) { h.c.Add(key, p) }

func script(n int) []byte {
	s := fmt.Appendf(nil, "addVar(n, %d)\n", n)
	for len(s) < 400+n%100 {
		s = append(s, "total = total + n * 3\n"...)
	}
	return s
}

func BenchmarkCache(b *testing.B) {
	for _, candidate := range candidates {
		b.Run("hot/"+candidate.name, func(b *testing.B) { hits(b, candidate.make(), 1) })
		b.Run("zipf/"+candidate.name, func(b *testing.B) { hits(b, candidate.make(), 4096) })
		b.Run("miss/"+candidate.name, func(b *testing.B) { misses(b, candidate.make()) })
	}
}

func hits(b *testing.B, c cache, scripts int) {
	keys := make([][]byte, scripts)
	for i := range keys {
		keys[i] = script(i)
		c.put(string(keys[i]), new(program))
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		order := make([]int, 1<<14)
		zipf := rand.NewZipf(rand.New(rand.NewPCG(rand.Uint64(), 1)), 1.1, 1, uint64(scripts-1)+1)
		for i := range order {
			order[i] = int(zipf.Uint64()) % scripts
		}
		for i := 0; pb.Next(); i++ {
			if _, ok := c.get(keys[order[i%len(order)]]); !ok {
				b.Error("a script is missing")
				return
			}
		}
	})
}

func misses(b *testing.B, c cache) {
	var made atomic.Int64
	for range 2 * most / size { // full
		c.put(string(script(int(made.Add(1)))), new(program))
	}
	keys := make([]string, b.N)
	for i := range keys {
		keys[i] = string(script(int(made.Add(1))))
	}
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key := keys[next.Add(1)-1]
			c.get([]byte(key))
			c.put(key, new(program))
		}
	})
}
