// This file holds what the lanes do where more comes than they can do.

package lane

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// offer lets requests come at a steady rate for some time, each of which runs as long
// as work says, and counts those that end and those that are refused, by reason.
func offer(l *Lanes, perSecond int, d time.Duration, work func() time.Duration) (done int, refused map[Reason]int) {
	refused = map[Reason]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range int(d.Seconds() * float64(perSecond)) {
		all.Go(func() {
			err := runFor(l, work())
			mu.Lock()
			defer mu.Unlock()
			var why Reason
			if errors.As(err, &why) {
				refused[why]++
			} else {
				done++
			}
		})
		time.Sleep(time.Second / time.Duration(perSecond))
	}
	all.Wait()
	return done, refused
}

// runFor runs one execution that takes so long.
func runFor(l *Lanes, d time.Duration) error {
	tk, err := tryEnter(l)
	if err != nil {
		return err
	}
	defer tk.Done()
	return work(tk, d)
}

// TestOverload offers more than twice what the slow lane can do of work that goes on
// there: what is done is nearly all that can be, and what is refused has not begun.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Places: 2})
		const slow = 700 * time.Microsecond // on the slow lane's one place: 1,428 a second
		done, refused := offer(l, 4000, time.Second, func() time.Duration { return FastTime + slow })
		if done < 1400 {
			t.Errorf("%d of 1,428 and those that waited at the end are done; refused: %v", done, refused)
		}
		if late := refused[SlowFull] + refused[SlowWait]; late > 20 {
			t.Errorf("%d were refused when half of their work was done; at the door %d", late, refused[QueueWait]+refused[QueueFull])
		}
		checkEmpty(t, l)
	})
}

// TestFloodBesideShort offers short work that takes a fifth of one place, and more long
// work than the slow lane can ever do: no short one is refused.
func TestFloodBesideShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Places: 2})
		random := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		short := 0
		_, _ = offer(l, 2500, time.Second, func() time.Duration {
			mu.Lock()
			defer mu.Unlock()
			if random.IntN(5) == 0 {
				return 20 * time.Millisecond
			}
			short++
			return 100 * time.Microsecond
		})
		// The short ones are told from the long by where they are refused: a short one
		// never gets as far as the slow lane.
		st := l.Stats()
		if n := st.Refused[QueueFull] + st.Refused[QueueWait]; n > 0 {
			t.Errorf("%d were refused at the door; %d short ones came", n, short)
		}
		if st.Refused[SlowFull]+st.Refused[SlowWait] == 0 {
			t.Error("no long one was refused: this is no flood")
		}
		checkEmpty(t, l)
	})
}

// TestStandstill has a worker stand still for three quarters of the time, as one of a quarter
// processor does, with as many callers as it can serve: nobody is refused.
func TestStandstill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Places: 1})
		var all sync.WaitGroup
		begun := time.Now()
		for range 32 {
			all.Go(func() {
				for time.Since(begun) < 2*time.Second {
					tk, err := tryEnter(l)
					if err != nil {
						t.Errorf("refused: %v", err)
						return
					}
					const period, still = 100 * time.Millisecond, 75 * time.Millisecond
					time.Sleep(max(0, still-time.Since(begun)%period) + 100*time.Microsecond)
					tk.Done()
				}
			})
		}
		all.Wait()
		checkEmpty(t, l)
	})
}

// TestLastOneGivesUp has the queue run empty by one that waits no longer: what was counted
// of it does not make a later one, hours after, look slow.
func TestLastOneGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Places: 1})
		var all sync.WaitGroup
		enter := func(hold time.Duration, refused bool) {
			all.Go(func() {
				tk, err := tryEnter(l)
				if (err != nil) != refused {
					t.Errorf("%v, to be refused: %v", err, refused)
				}
				if err == nil {
					time.Sleep(hold)
					tk.Done()
				}
			})
			time.Sleep(time.Microsecond) // so that they come one by one
		}
		enter(100*time.Millisecond, false)
		enter(time.Second, false)
		enter(0, true)
		all.Wait()
		time.Sleep(time.Hour)
		for range 5 {
			enter(10*time.Millisecond, false)
		}
		time.Sleep(15 * time.Millisecond) // one has passed, three wait
		enter(0, false)
		all.Wait()
		checkEmpty(t, l)
	})
}

// TestLateRefusedAtOnce offers more than can be done for a while: once that is known, most
// of what is refused has not waited, and of what has waited most is done. When it is over,
// a burst that can be done in time is taken whole.
func TestLateRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Places: 2})
		var mu sync.Mutex
		var atOnce, waited, done int
		var all sync.WaitGroup
		begun := time.Now()
		for range 8000 { // for two seconds, twice what two places can do
			all.Go(func() {
				came := time.Now()
				err := runFor(l, time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case came.Sub(begun) < 500*time.Millisecond: // not known yet
				case err == nil:
					done++
				case time.Since(came) == 0:
					atOnce++
				default:
					waited++
				}
			})
			time.Sleep(250 * time.Microsecond)
		}
		all.Wait()
		if done < 2800 || atOnce < 9*waited {
			t.Errorf("of 6,000 %d were done, %d refused at once, %d after they had waited", done, atOnce, waited)
		}
		checkEmpty(t, l)
		for range 300 {
			all.Go(func() {
				if err := runFor(l, 100*time.Microsecond); err != nil {
					t.Errorf("a burst of 15 ms: %v", err)
				}
			})
		}
		all.Wait()
		checkEmpty(t, l)
	})
}
