package l1

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fill puts values in until the cache has no room for every value that it would take.
func fill(c *Cache[int]) {
	for i := 0; c.Bytes() <= c.most-c.most/8; i++ {
		c.Put(fmt.Sprint("old ", i), i, 1000)
	}
}

func TestAsk(t *testing.T) {
	tests := []struct {
		name string
		full bool
		ask  []string
		want []bool
	}{
		{"with room, everything", false, []string{"a", "b", "a"}, []bool{true, true, true}},
		{"full, what comes again", true, []string{"a", "a", "a"}, []bool{false, true, true}},
		{"others between", true, []string{"a", "b", "c", "a", "c", "d"}, []bool{false, false, false, true, true, false}},
		{"the empty text too", true, []string{"", ""}, []bool{false, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := New[int](Options{Bytes: 1 << 20, Selective: true})
			if tt.full {
				fill(c)
			}
			var got []bool
			declined := uint64(0)
			for _, key := range tt.ask {
				_, _, keep := c.Ask(key)
				got = append(got, keep)
				if !keep {
					declined++
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("admitted (-want +got):\n%s", diff)
			}
			if s := c.Stats(); s.Declined != declined || s.Evictions != 0 {
				t.Errorf("declined %d, want %d; evictions %d", s.Declined, declined, s.Evictions)
			}
		})
	}
}

func TestAskKeepsAll(t *testing.T) {
	c := New[int](Options{Bytes: 1 << 20})
	fill(c)
	if _, found, keep := c.Ask("new"); found || !keep || c.Stats().Declined != 0 {
		t.Errorf("found %t, kept %t, declined %d", found, keep, c.Stats().Declined)
	}
}

// TestAskAfterAFlood has a key come back behind thousands of others, and behind far
// more than the doorkeeper has places for.
func TestAskAfterAFlood(t *testing.T) {
	c := New[int](Options{Bytes: 1 << 20, Selective: true})
	fill(c)
	again := func(others int) (admitted int) {
		const keys = 200
		for i := range keys {
			c.Ask(fmt.Sprint("again ", others, i))
		}
		for i := range others {
			c.Ask(fmt.Sprint("other ", others, i))
		}
		for i := range keys {
			if _, _, keep := c.Ask(fmt.Sprint("again ", others, i)); keep {
				admitted++
			}
		}
		return admitted
	}
	if n := again(3_000); n < 160 { // nine tenths by reckoning
		t.Errorf("of 200 only %d are remembered behind 3,000 others", n)
	}
	if n := again(500_000); n > 5 {
		t.Errorf("of 200 still %d are remembered behind 500,000 others", n)
	}
}

// TestOnceDrivesNothingOut floods a full cache with keys that come once.
func TestOnceDrivesNothingOut(t *testing.T) {
	c := New[int](Options{Bytes: 1 << 20, Selective: true})
	fill(c)
	before := c.Len()
	for i := range 10_000 {
		key := fmt.Sprint("once ", i)
		if _, _, keep := c.Ask(key); keep {
			c.Put(key, i, 1000)
		}
	}
	if gone := before - c.Len(); gone != 0 || c.Stats().Evictions != 0 {
		t.Errorf("%d entries fewer, %d evictions", gone, c.Stats().Evictions)
	}
	for range 2 {
		if _, _, keep := c.Ask("comes to stay"); keep {
			c.Put("comes to stay", 1, 1000)
		}
	}
	if v, found, keep := c.Ask("comes to stay"); v != 1 || !found || !keep {
		t.Errorf("what came twice: %d, %t, %t", v, found, keep)
	}
}
