// This file holds the cache against a model of it that is too simple to be wrong.

package l1

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// model is a cache as a map with the time of each use: insertions have even
// times, and what is used between two of them the odd one between theirs.
type model struct {
	most, bytes int
	clock       int
	entries     map[string]*modelEntry
}

type modelEntry struct{ value, cost, used int }

func (m *model) get(key string) (int, bool) {
	e := m.entries[key]
	if e == nil {
		return 0, false
	}
	e.used = m.clock
	return e.value, true
}

func (m *model) delete(key string) {
	if e := m.entries[key]; e != nil {
		m.bytes -= e.cost
		delete(m.entries, key)
	}
}

// put puts a value in. Nobody can say which of several entries with the same
// time of use was used first: those go that are no more in the cache, which must
// not be more than were in the way.
func (m *model) put(key string, value, cost int, inCache func(key string) bool) error {
	m.delete(key)
	if cost > m.most/8 {
		return nil
	}
	for m.bytes+cost > m.most {
		oldest := m.clock
		for _, e := range m.entries {
			oldest = min(oldest, e.used)
		}
		last := 0 // what the last to go can have held
		for k, e := range m.entries {
			if e.used == oldest && !inCache(k) {
				m.delete(k)
				last = max(last, e.cost)
			}
		}
		if last == 0 || m.bytes+cost+last <= m.most {
			return fmt.Errorf("of those used at %d more or fewer than needed are gone", oldest)
		}
	}
	m.entries[key] = &modelEntry{value, cost, m.clock + 1}
	m.clock += 2
	m.bytes += cost
	return nil
}

func TestAgainstModel(t *testing.T) {
	for _, hashes := range []uint64{1, 4, 1 << 63} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%d hashes, seed %d", hashes, seed), func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 0))
				followModel(t, withCollisions(10_000+random.IntN(90_000), hashes), random)
			})
		}
	}
}

func followModel(t *testing.T, c *Cache[int], random *rand.Rand) {
	m := &model{most: c.most, clock: 1, entries: map[string]*modelEntry{}}
	inCache := func(key string) bool { return find(c.table.Load(), c.hashString(key), key) != nil }
	keys := 10 + random.IntN(200)
	for i := range 4000 {
		key := fmt.Sprint(random.IntN(keys))
		switch random.IntN(8) {
		case 0:
			c.Delete(key)
			m.delete(key)
		case 1, 2, 3:
			size := random.IntN(c.most / 16 << random.IntN(2))
			c.Put(key, i, size)
			if err := m.put(key, i, c.cost(key, size), inCache); err != nil {
				t.Fatalf("step %d, Put of %s: %v", i, key, err)
			}
		default:
			got, ok := c.Get([]byte(key))
			if want, wanted := m.get(key); got != want || ok != wanted {
				t.Fatalf("step %d, Get of %s: %d, %v; the model says %d, %v", i, key, got, ok, want, wanted)
			}
		}
		if c.Len() != len(m.entries) || c.Bytes() != m.bytes || c.Bytes() > c.most {
			t.Fatalf("step %d: %d entries with %d bytes; the model has %d with %d",
				i, c.Len(), c.Bytes(), len(m.entries), m.bytes)
		}
	}
	checkSums(t, c)
}
