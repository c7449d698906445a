// This file holds who gets a place in the fast lane, when, and who is refused. Time is
// a synctest bubble's: it moves only when everybody waits, so that what these tests
// say of it is exact.

package lane

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/vm"
)

// slice is how long an execution of these tests runs from one Yield to the next.
const slice = 50 * time.Microsecond

// work runs for d, as a machine does: it looks up every 50 µs.
func work(tk *Ticket, d time.Duration) error {
	for ; d > 0; d -= slice {
		time.Sleep(slice)
		if err := tk.Yield(); err != nil {
			return err
		}
	}
	return nil
}

// brief runs for d and ends, as most do: in the middle between two yields.
func brief(tk *Ticket, d time.Duration) error {
	for ; d > slice; d -= slice {
		if err := work(tk, slice); err != nil {
			return err
		}
	}
	time.Sleep(d)
	return nil
}

// tryEnter enters with a new ticket.
func tryEnter(l *Lanes) (*Ticket, error) {
	tk := new(Ticket)
	return tk, l.Enter(tk)
}

// enter enters where that must succeed, with a new ticket or one that was used.
func enter(t testing.TB, l *Lanes, used ...*Ticket) *Ticket {
	t.Helper()
	tk := new(Ticket)
	if len(used) > 0 {
		tk = used[0]
	}
	if err := l.Enter(tk); err != nil {
		t.Fatal(err)
	}
	return tk
}

// checkRefused holds an error to what a refusal looks like.
func checkRefused(t *testing.T, err error, want Reason) {
	t.Helper()
	var e *avap.Error
	if !errors.As(err, &e) || e.Code != vm.CodeOverloaded || e.Msg == "" {
		t.Errorf("%#v is not a refusal", err)
	}
	var got Reason
	if !errors.As(err, &got) || got != want {
		t.Errorf("%v, want %v", err, want)
	}
}

// checkEmpty checks that nobody has anything.
func checkEmpty(t *testing.T, l *Lanes) {
	t.Helper()
	s := l.Stats()
	s.Refused = Stats{}.Refused
	if d := cmp.Diff(Stats{MemoryLimit: l.opt.Memory}, s); d != "" {
		t.Errorf("something is left (-want +got):\n%s", d)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.check(); err != nil {
		t.Error(err)
	}
	if fast, slow := l.lanes[fastLane].turning, l.lanes[slowLane].turning; fast != 0 || slow != 0 {
		t.Errorf("%d and %d take turns, of nobody", fast, slow)
	}
}

// check tells what does not add up. The lock is held.
func (l *Lanes) check() error {
	switch fast, slow := l.lanes[fastLane].running, l.lanes[slowLane].running; {
	case fast < 0 || slow < 0 || fast+slow > l.opt.Places:
		return fmt.Errorf("%d fast and %d slow ones run in %d places", fast, slow, l.opt.Places)
	case slow > l.slowest:
		return fmt.Errorf("%d run in the slow lane's %d places", slow, l.slowest)
	case l.slowMem < 0 || l.slowMem > l.memory:
		return fmt.Errorf("%d bytes, %d of them the slow lane's", l.memory, l.slowMem)
	case l.opt.Memory > 0 && (l.memory > l.opt.Memory || l.slowMem > l.opt.Memory/2):
		return fmt.Errorf("%d bytes, %d of them the slow lane's, of %d", l.memory, l.slowMem, l.opt.Memory)
	}
	for which := range l.lanes {
		if err := l.checkLane(which); err != nil {
			return fmt.Errorf("lane %d: %w", which, err)
		}
	}
	return nil
}

// checkLane is check for one lane.
func (l *Lanes) checkLane(which int) error {
	in := &l.lanes[which]
	switch {
	case in.turning < in.running+in.again.n: // one may be between two turns
		return fmt.Errorf("%d take turns: %d run and %d wait", in.turning, in.running, in.again.n)
	case in.first.n > l.opt.Queue:
		return fmt.Errorf("%d wait for their first turn, in a queue of %d", in.first.n, l.opt.Queue)
	case l.waits(which) && l.mayRun(which):
		return errors.New("a place is free and somebody waits for it")
	}
	seen := map[*Ticket]bool{}
	for _, q := range []*queue{&in.first, &in.again} {
		n := 0
		var last *Ticket
		for t := q.first; t != nil; last, t = t, t.next {
			if seen[t] || t.in != q || t.prev != last || t.running || t.lane() != which || t.turning != (q == &in.again) {
				return fmt.Errorf("a ticket is not where it should be: %+v", t)
			}
			seen[t] = true
			n++
		}
		if n != q.n || last != q.last {
			return fmt.Errorf("a queue of %d counts %d", n, q.n)
		}
	}
	return nil
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		opt                 Options
		places, slow, queue int
	}{
		{Options{Places: 1}, 1, 1, 1024},
		{Options{Places: 2}, 2, 1, 1024},
		{Options{Places: 3, Queue: 7}, 3, 1, 7},
		{Options{Places: 8}, 8, 4, 1024},
	} {
		l := New(tt.opt)
		if l.Places() != tt.places || l.SlowPlaces() != tt.slow || l.Queue() != tt.queue || l.opt.Wait != DefaultWait {
			t.Errorf("%+v: %d places, %d slow ones, a queue of %d, %v", tt.opt, l.Places(), l.SlowPlaces(), l.Queue(), l.opt.Wait)
		}
	}
	if l := New(Options{}); l.Places() < 1 || l.SlowPlaces() < 1 {
		t.Errorf("the zero value: %d places, %d slow ones", l.Places(), l.SlowPlaces())
	}
}

func TestFirstInFirstOut(t *testing.T) {
	for _, places := range []int{1, 2, 3, 8} {
		t.Run(fmt.Sprintf("%d places", places), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Options{Places: places})
				var holders []*Ticket
				for range places {
					holders = append(holders, enter(t, l)) // at once
				}
				order := make(chan int, 10)
				for i := range cap(order) {
					go func() {
						tk := enter(t, l)
						order <- i
						time.Sleep(slice)
						tk.Done()
					}()
					synctest.Wait()
				}
				if s := l.Stats(); s.FastRunning != places || s.FastWaiting != cap(order) {
					t.Errorf("%+v", s)
				}
				holders[0].Done() // the others keep theirs: one place goes from hand to hand
				var got []int
				for range cap(order) {
					got = append(got, <-order)
				}
				if !slices.IsSorted(got) {
					t.Errorf("served as %v", got)
				}
				for _, tk := range holders[1:] {
					tk.Done()
				}
				time.Sleep(2 * slice) // the last is still there
				checkEmpty(t, l)
			})
		})
	}
}

// TestYieldGoesToTheEnd checks that what has run waits behind what has not, and is
// not counted against the queue's bound.
func TestYieldGoesToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Places: 1, Queue: 1})
		var got []string
		a := enter(t, l)
		go func() {
			b := enter(t, l)
			got = append(got, "b")
			if err := b.Yield(); err != nil {
				t.Error(err)
			}
			got = append(got, "b again")
			b.Done()
		}()
		synctest.Wait()
		if err := a.Yield(); err != nil {
			t.Error(err)
		}
		got = append(got, "a again")
		if tk, err := tryEnter(l); err == nil { // b is in the queue, but has run
			t.Error("entered a place that is taken")
			tk.Done()
		} else {
			checkRefused(t, err, QueueWait)
		}
		a.Done()
		synctest.Wait()
		if d := cmp.Diff([]string{"b", "a again", "b again"}, got); d != "" {
			t.Error(d)
		}
		checkEmpty(t, l)
	})
}

func TestQueueBounds(t *testing.T) {
	const wait = 30 * time.Millisecond
	for _, tt := range []struct{ places, queue, come int }{
		{1, 1, 1}, {1, 1, 5}, {2, 3, 3}, {3, 2, 9}, {8, 4, 5},
	} {
		t.Run(fmt.Sprintf("%d places, queue of %d, %d come", tt.places, tt.queue, tt.come), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Options{Places: tt.places, Queue: tt.queue, Wait: wait})
				var holders []*Ticket
				for range tt.places {
					holders = append(holders, enter(t, l))
				}
				began := time.Now()
				refused := make(chan *Ticket, tt.come)
				for i := range tt.come {
					go func() {
						tk, err := tryEnter(l)
						refused <- tk
						want, after := QueueWait, wait
						if i >= tt.queue {
							want, after = QueueFull, 0
						}
						checkRefused(t, err, want)
						if took := time.Since(began); took != after {
							t.Errorf("%v after %v, want %v", want, took, after)
						}
					}()
					synctest.Wait()
				}
				time.Sleep(wait)
				synctest.Wait()
				s := l.Stats()
				waited := uint64(min(tt.queue, tt.come))
				if s.Refused[QueueWait] != waited || s.Refused[QueueFull] != uint64(tt.come)-waited {
					t.Errorf("counted as %v", s.Refused)
				}
				// Refused tickets are used again: the queue is as long as before, and
				// none of them has a place left over.
				got := make(chan *Ticket, 1)
				go func() { got <- enter(t, l, <-refused) }()
				synctest.Wait()
				if len(got) > 0 {
					t.Error("entered a place that is taken")
				}
				for _, tk := range holders {
					tk.Done()
				}
				(<-got).Done()
				checkEmpty(t, l)
			})
		})
	}
}

// TestOutOfTheMiddle checks that somebody in the middle of the queue can give up.
func TestOutOfTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Places: 1, Wait: time.Millisecond})
		first, second := enter(t, l), make(chan *Ticket)
		first.Leave()
		go func() { second <- enter(t, l) }()
		holderB := <-second
		holderB.Leave()
		holder := enter(t, l)
		order := make(chan string, 2)
		back := func(name string, tk *Ticket) {
			if err := tk.Enter(); err != nil {
				t.Error(err)
			}
			order <- name
			tk.Done()
		}
		go back("first", first)
		synctest.Wait()
		refused := make(chan error)
		go func() { _, err := tryEnter(l); refused <- err }()
		synctest.Wait()
		go back("second", holderB)
		checkRefused(t, <-refused, QueueWait)
		if s := l.Stats(); s.FastWaiting != 2 {
			t.Errorf("%+v", s)
		}
		holder.Done()
		if a, b := <-order, <-order; a != "first" || b != "second" {
			t.Errorf("%s, then %s", a, b)
		}
		synctest.Wait()
		checkEmpty(t, l)
	})
}

// TestPlaceAtTheLastMoment frees a place at the very moment at which the waiting time
// of those in the queue ends: each gets it or is refused, and no place is lost.
func TestPlaceAtTheLastMoment(t *testing.T) {
	got, refused := 0, 0
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			l := New(Options{Places: 1, Wait: time.Millisecond})
			holder := enter(t, l)
			results, used := make(chan error, 3), make(chan *Ticket, 3)
			for range cap(results) {
				go func() {
					tk, err := tryEnter(l)
					if err == nil {
						tk.Done()
					}
					results <- err
					used <- tk
				}()
			}
			time.Sleep(time.Millisecond)
			holder.Done()
			for range cap(results) {
				if err := <-results; err != nil {
					checkRefused(t, err, QueueWait)
					refused++
				} else {
					got++
				}
			}
			checkEmpty(t, l)
			for range 3 { // with tickets that were refused
				a, b := enter(t, l, <-used), <-used
				if a.Waited() != 0 {
					t.Errorf("waited %v for a free place", a.Waited())
				}
				other := make(chan *Ticket, 1)
				go func() { other <- enter(t, l, b) }()
				synctest.Wait()
				if len(other) > 0 {
					t.Fatal("two run in one place")
				}
				a.Done()
				(<-other).Done()
				used <- b
				used <- a
			}
			checkEmpty(t, l)
		})
	}
	t.Logf("%d got a place at the last moment, %d did not", got, refused)
	if got+refused != 900 {
		t.Errorf("%d ended", got+refused)
	}
}

func TestWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Places: 1})
		holder := enter(t, l)
		done := make(chan struct{})
		go func() {
			defer close(done)
			tk := enter(t, l)
			defer tk.Done()
			if tk.Waited() != 7*time.Millisecond {
				t.Errorf("waited %v for its first place", tk.Waited())
			}
			tk.Leave()
			time.Sleep(5 * time.Millisecond) // for a host: not for a place
			if err := tk.Enter(); err != nil {
				t.Error(err)
			}
			if tk.Waited() != 7*time.Millisecond {
				t.Errorf("waited %v with the host call", tk.Waited())
			}
		}()
		time.Sleep(7 * time.Millisecond)
		holder.Done()
		<-done
		if tk := enter(t, l); tk.Waited() != 0 {
			t.Errorf("a ticket that is used again has waited %v", tk.Waited())
		} else {
			tk.Done()
		}
	})
}

// TestLeave checks that an execution in a host call holds no place, in neither lane,
// and no turn.
func TestLeave(t *testing.T) {
	for _, slow := range []bool{false, true} {
		for _, places := range []int{1, 2, 3, 8} {
			t.Run(fmt.Sprintf("%d places, slow %v", places, slow), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := New(Options{Places: places})
					var out []*Ticket
					for range 100 { // many more than there are places and turns
						tk := enter(t, l)
						if tk.Waited() != 0 {
							t.Fatal("waited for somebody who is in a host call")
						}
						if slow {
							if err := tk.SlowDown(); err != nil {
								t.Fatal(err)
							}
						}
						if tk.Slow() != slow || tk.Waited() != 0 {
							t.Fatalf("slow %v, waited %v", tk.Slow(), tk.Waited())
						}
						tk.Leave()
						out = append(out, tk)
					}
					if s := l.Stats(); s.FastRunning+s.SlowRunning+s.FastWaiting+s.SlowWaiting != 0 || l.lanes[slowLane].turning != 0 {
						t.Errorf("%+v, %d take turns", s, l.lanes[slowLane].turning)
					}
					for _, tk := range out { // they come back all at once
						go func() {
							if err := tk.Enter(); err != nil {
								t.Error(err)
							}
							if err := work(tk, 3*slice); err != nil {
								t.Error(err)
							}
							tk.Done()
						}()
					}
					synctest.Wait()
					running := places
					if slow {
						running = l.SlowPlaces()
					}
					if s := l.Stats(); s.FastRunning+s.SlowRunning != running {
						t.Errorf("%+v", s)
					}
					time.Sleep(time.Second)
					checkEmpty(t, l)
				})
			})
		}
	}
}
