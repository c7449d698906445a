package l1

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ExampleCache() {
	c := New[int](Options{Bytes: 1 << 20})
	c.Put("addResult(x)", 42, 100)
	fmt.Println(c.Get([]byte("addResult(x)")))
	fmt.Println(c.GetString("addResult(y)"))
	// Output:
	// 42 true
	// 0 false
}

// withCollisions is a cache in which all keys have one of so many hashes.
func withCollisions(bytes int, hashes uint64) *Cache[int] {
	c := New[int](Options{Bytes: bytes})
	c.mask = hashes - 1
	return c
}

func TestPutReplaces(t *testing.T) {
	c := New[int](Options{})
	c.Put("k", 1, 1000)
	c.Put("k", 2, 10)
	if v, ok := c.GetString("k"); v != 2 || !ok {
		t.Errorf("value %d, %v; want 2", v, ok)
	}
	if c.Len() != 1 || c.Bytes() != c.cost("k", 10) {
		t.Errorf("%d entries with %d bytes; want 1 with %d", c.Len(), c.Bytes(), c.cost("k", 10))
	}
	c.Put("k", 3, math.MaxInt)
	if v, ok := c.GetString("k"); ok {
		t.Errorf("value %d is left of a key whose later value is too large", v)
	}
	if c.Len() != 0 || c.Bytes() != 0 {
		t.Errorf("%d entries with %d bytes left", c.Len(), c.Bytes())
	}
}

func TestDelete(t *testing.T) {
	c := New[int](Options{})
	c.Put("a", 1, 1)
	c.Put("b", 2, 1)
	c.Delete("a")
	c.Delete("never there")
	if _, ok := c.GetString("a"); ok {
		t.Error("a is still there")
	}
	if v, ok := c.GetString("b"); v != 2 || !ok {
		t.Errorf("b is %d, %v", v, ok)
	}
	if c.Len() != 1 || c.Bytes() != c.cost("b", 1) {
		t.Errorf("%d entries with %d bytes", c.Len(), c.Bytes())
	}
}

func TestWhatIsKept(t *testing.T) {
	own := New[int](Options{}).cost("k", 0)
	tests := []struct {
		name       string
		most, size int
		want       bool
	}{
		{"an eighth", 8 * (own + 100), 100, true},
		{"more than an eighth", 8*(own+100) - 1, 100, false},
		{"the default bound", 0, DefaultBytes/8 - own, true},
		{"more than an eighth of it", 0, DefaultBytes/8 - own + 1, false},
		{"nothing", -1, 0, false},
		{"a size that overflows", 0, math.MaxInt, false},
		{"a size below zero", 0, -1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := New[int](Options{Bytes: tt.most})
			c.Put("k", 1, tt.size)
			if _, ok := c.GetString("k"); ok != tt.want {
				t.Errorf("kept: %v, want %v", ok, tt.want)
			}
		})
	}
}

func TestLeastRecentlyUsedGoesFirst(t *testing.T) {
	c := New[int](Options{})
	c.most = 8 * c.cost("0", 1000)
	for i := range 8 {
		c.Put(fmt.Sprint(i), i, 1000)
	}
	for i, ask := range []string{"0", "2", "1", "", "", "3", ""} { // "" for none
		c.GetString(ask)
		c.Put(string(rune('a'+i)), i, 1000)
	}
	// Asked for 0, out with 1 · 2, 3 · 1 and 3 are gone, 4, 5, 6, 7 · 0 is next.
	want := "2 a b c d e f g"
	var left []string
	for _, key := range strings.Fields("0 1 2 3 4 5 6 7 a b c d e f g") {
		if _, ok := c.GetString(key); ok {
			left = append(left, key)
		}
	}
	if diff := cmp.Diff(want, strings.Join(left, " ")); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestScriptsInUseSurviveAFlood(t *testing.T) {
	c := New[int](Options{})
	c.most = 64 * c.cost("hot 00", 1000)
	hot := func(do func(key string)) {
		for i := range 32 {
			do(fmt.Sprintf("hot %02d", i))
		}
	}
	hot(func(key string) { c.Put(key, 1, 1000) })
	for i := range 10_000 {
		c.Put(fmt.Sprintf("new %d", i), 2, 1000-i%7)
		if i%30 == 0 {
			hot(func(key string) {
				if _, ok := c.GetString(key); !ok {
					t.Fatalf("%s went after %d new ones", key, i)
				}
			})
		}
	}
}

// TestManyInUse has more entries used between two insertions than are placed
// anew for one that goes.
func TestManyInUse(t *testing.T) {
	const entries = 3 * mostPlaced
	c := New[int](Options{})
	c.most = (entries + 16) * c.cost("00000", 100)
	for i := range entries + 16 {
		c.Put(fmt.Sprintf("%05d", i), i, 100)
	}
	for i := range entries {
		c.GetString(fmt.Sprintf("%05d", i))
	}
	for i := range 2 * entries {
		for hot := entries; hot < entries+16; hot++ {
			if _, ok := c.GetString(fmt.Sprintf("%05d", hot)); !ok {
				t.Fatalf("%05d, which is in use, went after %d new ones", hot, i)
			}
		}
		c.Put(fmt.Sprintf("n%04d", i), i, 100)
	}
	if got := c.Stats().Evictions; got != 2*entries {
		t.Errorf("%d evictions, want %d", got, 2*entries)
	}
	checkSums(t, c)
}

func TestCollisionsAreToldApart(t *testing.T) {
	c := withCollisions(1<<20, 1)
	for i := range 100 {
		c.Put(fmt.Sprint(i), i, 10)
	}
	for i := 0; i < 100; i += 3 {
		c.Delete(fmt.Sprint(i))
	}
	for i := range 100 {
		v, ok := c.Get([]byte(fmt.Sprint(i)))
		if want := i%3 != 0; ok != want || ok && v != i {
			t.Errorf("%d: %d, %v", i, v, ok)
		}
	}
	if _, ok := c.GetString(""); ok {
		t.Error("the empty key is taken for one that is gone")
	}
}

func TestHitAllocatesNothing(t *testing.T) {
	c := New[*int](Options{})
	key := []byte(strings.Repeat("addVar(a, 1)\n", 40))
	value := new(int)
	c.Put(string(key), value, 8)
	text := string(key)
	sum := 0
	build := func(string) (*int, int, error) { sum++; return nil, 0, nil }
	for name, ask := range map[string]func() (*int, bool){
		"Get":        func() (*int, bool) { return c.Get(key) },
		"GetString":  func() (*int, bool) { return c.GetString(text) },
		"Load":       func() (*int, bool) { v, err := c.Load(t.Context(), key, build); return v, err == nil },
		"LoadString": func() (*int, bool) { v, err := c.LoadString(t.Context(), text, build); return v, err == nil },
	} {
		if n := testing.AllocsPerRun(1000, func() {
			if got, ok := ask(); got != value || !ok {
				t.Fatalf("%s does not find the value", name)
			}
		}); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	if sum != 0 {
		t.Error("a value that was there was built")
	}
}

func TestStats(t *testing.T) {
	c := New[int](Options{})
	c.most = 8 * c.cost("k", 100)
	for i := range 10 {
		c.Put(fmt.Sprint(i), i, 100)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				c.GetString("9")
				c.Get([]byte("0"))
			}
		})
	}
	wg.Wait()
	want := Stats{Hits: 8000, Misses: 8000, Evictions: 2}
	if diff := cmp.Diff(want, c.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

// TestBytesAreReal holds what is counted to what the process holds.
func TestBytesAreReal(t *testing.T) {
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	for _, keyBytes := range []int{16, 256, 2048} {
		c := New[*[64]byte](Options{})
		before := heap()
		for i := range 8000 {
			c.Put(fmt.Sprintf("%0*d", keyBytes, i), new([64]byte), 64)
		}
		held, counted := heap()-before, c.Bytes()
		if c.Len() != 8000 || held > counted*21/20 || held < counted*2/3 {
			t.Errorf("keys of %d: %d entries hold %d bytes, counted %d", keyBytes, c.Len(), held, counted)
		}
		runtime.KeepAlive(c)
	}
}

// TestUnusedMemoryIsGivenBack fills a cache with many small entries, then with
// few large ones.
func TestUnusedMemoryIsGivenBack(t *testing.T) {
	c := New[int](Options{Bytes: 8 << 20})
	for i := range 20_000 {
		c.Put(fmt.Sprint(i), i, 1)
		c.GetString(fmt.Sprint(i)) // it will be placed anew
	}
	for i := range 32 {
		c.Put(fmt.Sprint("large ", i), i, 512<<10)
	}
	if slots := len(c.table.Load().slots); slots > 16*c.Len() || cap(c.order.again) > 16*c.Len() {
		t.Errorf("%d slots and %d places for %d entries", slots, cap(c.order.again), c.Len())
	}
}

func TestConcurrentUse(t *testing.T) {
	c := withCollisions(64<<10, 128)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 3000 {
				n := (i*7 + g*13) % 300
				key := fmt.Sprint("script ", n)
				v, ok := c.Get([]byte(key))
				if ok && v != n {
					t.Errorf("%s is %d", key, v)
				}
				switch {
				case i%97 == 0:
					c.Delete(key)
				case i%2 == 0:
					c.Put(key, n, n)
				case !ok:
					v, err := c.LoadString(t.Context(), key, func(string) (int, int, error) { return n, n, nil })
					if v != n || err != nil {
						t.Errorf("%s is loaded as %d, %v", key, v, err)
					}
				}
				if b := c.Bytes(); b > 64<<10 {
					t.Errorf("%d bytes", b)
				}
			}
		})
	}
	wg.Wait()
	checkLanded(t, c)
	checkSums(t, c)
}

// checkSums looks whether table, order and counts speak of the same entries.
func checkSums(t *testing.T, c *Cache[int]) {
	t.Helper()
	bytes, entries := 0, 0
	for i := range c.table.Load().slots {
		s := &c.table.Load().slots[i]
		if e := s.entry.Load(); e != nil {
			if s.hash.Load() != e.hash {
				t.Fatalf("the slot of %q has the hash %#x, it has %#x", e.key, s.hash.Load(), e.hash)
			}
			bytes += e.cost
			entries++
		} else if s.hash.Load() >= hashes {
			t.Fatalf("a slot with the hash %#x has no entry", s.hash.Load())
		}
	}
	queued := 0
	for e, last := c.order.oldest, (*entry[int])(nil); e != nil; e, last = e.next, e {
		if e.prev != last || e.placed == inHeap || last != nil && last.placed >= e.placed {
			t.Fatalf("%q stands wrong in the queue", e.key)
		}
		queued++
	}
	for _, p := range c.order.again {
		if p.e.placed != inHeap {
			t.Fatalf("%q stands in the queue and in the heap", p.e.key)
		}
	}
	if queued != c.order.queued || entries != c.Len() || entries != c.order.len() || bytes != c.Bytes() {
		t.Fatalf("%d entries with %d bytes; %d in the queue, counted %d, %d in the order, counted %d with %d",
			entries, bytes, queued, c.order.queued, c.order.len(), c.Len(), c.Bytes())
	}
}
