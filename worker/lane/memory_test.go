// This file holds the budget of memory.

package lane

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// TestMemory follows what two executions reserve.
func TestMemory(t *testing.T) {
	const none = Reason(-1)
	type step struct {
		who          int
		do           string
		n            int64
		want         Reason
		memory, slow int64 // behind it
	}
	for _, tt := range []struct {
		name  string
		limit int64
		steps []step
	}{
		{"without a limit", 0, []step{
			{0, "reserve", 1 << 50, none, 1 << 50, 0},
			{0, "slow down", 0, none, 1 << 50, 1 << 50},
			{0, "reserve", 1, none, 1<<50 + 1, 1<<50 + 1},
			{0, "done", 0, none, 0, 0},
		}},
		{"to the last byte", 100, []step{
			{0, "reserve", 60, none, 60, 0},
			{1, "reserve", 41, MemoryFull, 60, 0},
			{1, "reserve", 40, none, 100, 0},
			{0, "reserve", 1, MemoryFull, 100, 0},
			{1, "release", 10, none, 90, 0},
			{0, "reserve", 10, none, 100, 0},
			{0, "done", 0, none, 30, 0},
			{1, "done", 0, none, 0, 0},
		}},
		{"half of it in the slow lane", 100, []step{
			{0, "slow down", 0, none, 0, 0},
			{0, "reserve", 51, SlowMemory, 0, 0},
			{0, "reserve", 50, none, 50, 50},
			{0, "reserve", 1, SlowMemory, 50, 50},
			{1, "reserve", 50, none, 100, 50},
			{0, "reserve", 1, MemoryFull, 100, 50},
			{0, "release", 20, none, 80, 30},
			{0, "done", 0, none, 50, 0},
			{1, "done", 0, none, 0, 0},
		}},
		{"what moves takes it along", 100, []step{
			{0, "reserve", 30, none, 30, 0},
			{1, "reserve", 30, none, 60, 0},
			{0, "slow down", 0, none, 60, 30},
			{1, "slow down", 0, SlowMemory, 60, 30},
			{1, "done", 0, none, 30, 30},
			{0, "done", 0, none, 0, 0},
		}},
		{"moved when there is room again", 100, []step{
			{0, "reserve", 51, none, 51, 0},
			{0, "slow down", 0, SlowMemory, 51, 0},
			{0, "release", 1, none, 50, 0},
			{0, "slow down", 0, none, 50, 50},
			{0, "done", 0, none, 0, 0},
		}},
		{"done from the fast lane while the slow one is full", 100, []step{
			{0, "slow down", 0, none, 0, 0},
			{0, "reserve", 50, none, 50, 50},
			{1, "reserve", 50, none, 100, 50},
			{1, "done", 0, none, 50, 50},
			{0, "done", 0, none, 0, 0},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Options{Places: 4, Memory: tt.limit})
				tickets := []*Ticket{enter(t, l), enter(t, l)}
				for i, s := range tt.steps {
					tk := tickets[s.who]
					var err error
					switch s.do {
					case "reserve":
						err = tk.Reserve(s.n)
					case "release":
						tk.Release(s.n)
					case "slow down":
						err = tk.SlowDown()
					case "done":
						tk.Done()
						tickets[s.who] = nil
					}
					switch {
					case s.want != none:
						checkRefused(t, err, s.want)
					case err != nil:
						t.Errorf("step %d, %s: %v", i, s.do, err)
					}
					got := l.Stats()
					if d := cmp.Diff([]int64{s.memory, s.slow, tt.limit}, []int64{got.Memory, got.SlowMemory, got.MemoryLimit}); d != "" {
						t.Errorf("step %d, %s (-want +got):\n%s", i, s.do, d)
					}
				}
				for _, tk := range tickets {
					if tk != nil {
						tk.Done()
					}
				}
				checkEmpty(t, l)
			})
		})
	}
}

// TestMemoryOfTheRefused checks that a ticket that gave up in front of the slow lane
// gives back what it holds, from the slow lane's half too.
func TestMemoryOfTheRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Places: 2, Memory: 100})
		holder := enter(t, l)
		if err := holder.SlowDown(); err != nil {
			t.Fatal(err)
		}
		tk := enter(t, l)
		if err := tk.Reserve(40); err != nil {
			t.Fatal(err)
		}
		checkRefused(t, tk.SlowDown(), SlowWait)
		tk.Done()
		if s := l.Stats(); s.Memory != 0 || s.SlowMemory != 0 {
			t.Errorf("%+v", s)
		}
		holder.Done()
		checkEmpty(t, l)
	})
}

// TestRefusedAreHeavy has the slow lane refuse all that comes: they count as heavy as
// those that it takes, and each of them once.
func TestRefusedAreHeavy(t *testing.T) {
	l := New(Options{Places: 1, Memory: 100})
	for range 100 {
		tk := enter(t, l)
		if err := tk.Reserve(60); err != nil {
			t.Fatal(err)
		}
		checkRefused(t, tk.SlowDown(), SlowMemory)
		tk.Done()
	}
	if l.heavy <= heavyAll*9/10 {
		t.Errorf("of executions that all are heavy, %d of %d count as such", l.heavy, heavyAll)
	}
	checkEmpty(t, l)
}
