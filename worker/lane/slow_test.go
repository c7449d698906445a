// This file holds the slow lane: who goes there, its half, its turns, and its bounds.

package lane

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestFastTime checks when an execution moves to the slow lane: by what it has run,
// not by what it has waited.
func TestFastTime(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*Ticket) error
		slow bool
	}{
		{"just begun", func(tk *Ticket) error { return tk.Yield() }, false},
		{"short", func(tk *Ticket) error { return work(tk, FastTime-slice) }, false},
		{"as long as it may", func(tk *Ticket) error { return work(tk, FastTime) }, true},
		// The clock is read from the first yield on, which is for firstYield of running.
		{"long in one go", func(tk *Ticket) error {
			if err := tk.Yield(); err != nil {
				return err
			}
			time.Sleep(FastTime - firstYield)
			return tk.Yield()
		}, true},
		{"long in two goes", func(tk *Ticket) error {
			if err := tk.Yield(); err != nil {
				return err
			}
			time.Sleep(FastTime / 2)
			if err := tk.Yield(); err != nil || tk.Slow() {
				return fmt.Errorf("slow %v, %w", tk.Slow(), err)
			}
			time.Sleep(FastTime / 2)
			return tk.Yield()
		}, true},
		{"a long host call", func(tk *Ticket) error {
			tk.Leave()
			time.Sleep(time.Second)
			if err := tk.Enter(); err != nil {
				return err
			}
			return tk.Yield()
		}, false},
		{"long at both sides of a host call", func(tk *Ticket) error {
			if err := work(tk, FastTime/2); err != nil {
				return err
			}
			tk.Leave()
			time.Sleep(time.Second)
			if err := tk.Enter(); err != nil {
				return err
			}
			return work(tk, FastTime/2)
		}, true},
		{"known to be long", (*Ticket).SlowDown, true},
		{"twice known to be long", func(tk *Ticket) error {
			if err := tk.SlowDown(); err != nil {
				return err
			}
			return tk.SlowDown()
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Options{Places: 2})
				for range 2 { // the second time perhaps with the same ticket
					tk := enter(t, l)
					if tk.Slow() {
						t.Error("begins in the slow lane")
					}
					if err := tt.do(tk); err != nil {
						t.Error(err)
					}
					if tk.Slow() != tt.slow {
						t.Errorf("slow %v, want %v", tk.Slow(), tt.slow)
					}
					s := l.Stats()
					if s.SlowRunning == 1 != tt.slow || s.FastRunning+s.SlowRunning != 1 {
						t.Errorf("%+v", s)
					}
					tk.Done()
				}
				checkEmpty(t, l)
			})
		})
	}
}

// load keeps both lanes of a bubble busy for some time, and tells for how long each
// had a place. short executions of a length follow one another without a pause, as
// many at a time; long ones go on to the end.
func load(t *testing.T, l *Lanes, short int, length time.Duration, long int, d time.Duration) (fast time.Duration, slow []time.Duration) {
	end := time.Now().Add(d)
	var all sync.WaitGroup
	begun := make(chan struct{})
	slow = make([]time.Duration, long)
	for i := range long {
		all.Go(func() {
			tk, err := tryEnter(l)
			if err != nil {
				t.Error(err)
				return
			}
			defer tk.Done()
			if err := tk.SlowDown(); err != nil {
				return // those that wait for their first turn may be refused
			}
			<-begun
			for time.Now().Before(end) {
				if err := work(tk, slice); err != nil {
					t.Error(err)
					return
				}
				slow[i] += slice
			}
		})
		synctest.Wait()
	}
	shares := make([]time.Duration, short)
	for i := range short {
		all.Go(func() {
			<-begun
			for time.Now().Before(end) {
				tk, err := tryEnter(l)
				if err != nil {
					t.Error(err)
					return
				}
				if err := brief(tk, length); err != nil {
					t.Error(err)
				}
				tk.Done()
				shares[i] += length
			}
		})
	}
	close(begun)
	for time.Now().Before(end) {
		time.Sleep(37 * time.Microsecond)
		l.mu.Lock()
		if err := l.check(); err != nil {
			t.Error(err)
			end = time.Now()
		}
		l.mu.Unlock()
	}
	all.Wait()
	for _, s := range shares {
		fast += s
	}
	return fast, slow
}

// TestHalves checks that neither lane starves the other: the slow one has its half of
// the places while it has work, however full the fast one is, and never more.
func TestHalves(t *testing.T) {
	const d = 100 * time.Millisecond
	for _, tt := range []struct {
		places, short int
		length        time.Duration // of the short ones
		long          int
		fast, slow    float64 // places that they have at least
	}{
		{1, 8, 2 * slice, 0, 0.99, 0}, // alone
		{1, 0, 2 * slice, 4, 0, 0.99},
		{2, 0, 2 * slice, 4, 0, 0.99}, // half, though the other place is free
		{3, 0, 2 * slice, 4, 0, 0.99},
		{8, 0, 2 * slice, 16, 0, 3.99},
		{2, 0, 2 * slice, 1, 0, 0.99},
		{1, 8, 2 * slice, 4, 0.45, 0.45}, // they alternate
		{2, 16, 2 * slice, 4, 0.95, 0.95},
		{3, 24, 2 * slice, 4, 1.95, 0.95},
		{8, 64, 2 * slice, 16, 3.9, 3.9},
		{1, 8, 2 * slice, 1, 0.45, 0.45}, // a single one has what it can use
		{2, 16, 2 * slice, 1, 0.95, 0.9},
		{3, 24, 2 * slice, 1, 1.95, 0.9},
		{8, 64, 2 * slice, 1, 6.95, 0.9},
		{8, 64, 2 * slice, 3, 4.95, 2.7},
		{2, 1, 2 * slice, 4, 0.95, 0.95}, // many in the slow lane, few in the fast one
		{8, 2, 2 * slice, 16, 1.95, 3.9},
		{1, 8, 10 * time.Microsecond, 4, 0.45, 0.45}, // they end long before they yield
		{2, 16, 10 * time.Microsecond, 4, 0.95, 0.95},
		{8, 64, 10 * time.Microsecond, 16, 3.9, 3.9},
		{1, 8, 45 * time.Microsecond, 4, 0.45, 0.35}, // the last of a share goes on past it
	} {
		t.Run(fmt.Sprintf("%d places, %d short of %v, %d long", tt.places, tt.short, tt.length, tt.long), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Options{Places: tt.places})
				fastTime, slowTimes := load(t, l, tt.short, tt.length, tt.long, d)
				var slowTime time.Duration
				for _, s := range slowTimes {
					slowTime += s
				}
				fast, slow := float64(fastTime)/float64(d), float64(slowTime)/float64(d)
				t.Logf("%.2f and %.2f places", fast, slow)
				if fast < tt.fast {
					t.Errorf("the fast lane had %.2f places, want %.2f", fast, tt.fast)
				}
				if slow < tt.slow || slow > float64(l.SlowPlaces())+0.01 {
					t.Errorf("the slow lane had %.2f places, want %.2f", slow, tt.slow)
				}
				checkEmpty(t, l)
			})
		})
	}
}

// TestTurns checks that a few of the slow lane take turns, each as much as the others,
// and that the others wait for their first.
func TestTurns(t *testing.T) {
	const d = 160 * time.Millisecond
	for _, places := range []int{1, 2, 3, 8} {
		t.Run(fmt.Sprintf("%d places", places), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Options{Places: places})
				turning := turnsFor * l.SlowPlaces()
				_, slow := load(t, l, 0, 0, turning+3, d)
				share := d * time.Duration(l.SlowPlaces()) / time.Duration(turning)
				for i, s := range slow[:turning] {
					if s < share*9/10 || s > share*11/10 {
						t.Errorf("%d had %v, its share is %v", i, s, share)
					}
				}
				// Those that came too late had their first turn when the others
				// ended, and ended with it.
				for i, s := range slow[turning:] {
					if s > 0 {
						t.Errorf("%d more than take turns had %v", i+1, s)
					}
				}
				checkEmpty(t, l)
			})
		})
	}
}

// TestFirstTurnsDoNotStarve checks that a stream of executions that end in their first
// turn leaves those that go on some turns too.
func TestFirstTurnsDoNotStarve(t *testing.T) {
	const d = 100 * time.Millisecond
	for _, how := range []string{"end", "call a host"} {
		for _, places := range []int{1, 2, 8} {
			t.Run(fmt.Sprintf("%d places, they %s", places, how), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := New(Options{Places: places})
					end := time.Now().Add(d)
					for range 4 * turnsFor * l.SlowPlaces() {
						go func() {
							for time.Now().Before(end) {
								tk := enter(t, l)
								if err := tk.SlowDown(); err != nil {
									t.Error(err)
								}
								time.Sleep(4 * slice)
								if how == "call a host" {
									tk.Leave()
									time.Sleep(slice)
								}
								tk.Done()
							}
						}()
					}
					_, slow := load(t, l, 0, 0, turnsFor*l.SlowPlaces()-1, d)
					for i, s := range slow {
						if least := d / (4 * turnsFor); s < least {
							t.Errorf("%d had %v of %v, want %v", i, s, d, least)
						}
					}
					time.Sleep(time.Second)
					checkEmpty(t, l)
				})
			})
		}
	}
}

// TestSlowBounds checks the queue in front of the slow lane: its length and its
// waiting time.
func TestSlowBounds(t *testing.T) {
	const wait = 20 * time.Millisecond
	for _, places := range []int{1, 2, 3, 8} {
		t.Run(fmt.Sprintf("%d places", places), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Options{Places: places, Queue: 3, Wait: wait})
				stop := make(chan struct{})
				for range turnsFor * l.SlowPlaces() {
					tk := enter(t, l)
					go func() {
						defer tk.Done()
						if err := tk.SlowDown(); err != nil {
							t.Error(err)
						}
						for {
							select {
							case <-stop:
								return
							default:
							}
							if err := work(tk, slice); err != nil {
								t.Error(err)
								return
							}
						}
					}()
					time.Sleep(5 * time.Millisecond) // in which it has its first turn
				}
				slowDown := func(want Reason, wanted time.Duration) {
					tk, err := tryEnter(l)
					if err != nil {
						t.Error(err)
						return
					}
					defer tk.Done()
					began := time.Now()
					checkRefused(t, tk.SlowDown(), want)
					if took := time.Since(began); took != wanted {
						t.Errorf("%v after %v, want %v", want, took, wanted)
					}
				}
				for range 3 {
					go slowDown(SlowWait, wait)
				}
				time.Sleep(wait / 2) // with one place, entering takes some
				if l.Stats().SlowWaiting < 3 {
					t.Errorf("%+v", l.Stats())
				}
				slowDown(SlowFull, 0)
				time.Sleep(wait)
				s := l.Stats()
				if s.Refused[SlowWait] != 3 || s.Refused[SlowFull] != 1 {
					t.Errorf("counted as %v", s.Refused)
				}
				close(stop)
				time.Sleep(time.Second)
				checkEmpty(t, l)
			})
		})
	}
}

// TestFirstTurnsInOrder checks that those that wait for their first turn have it in
// the order in which they came.
func TestFirstTurnsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Places: 2})
		var got []int
		for i := range 3 * turnsFor {
			tk := enter(t, l)
			go func() {
				defer tk.Done()
				if err := tk.SlowDown(); err != nil {
					t.Error(err)
				}
				got = append(got, i) // there is one place in the slow lane
				if err := work(tk, 5*time.Millisecond); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.IsSorted(got) || len(got) != 3*turnsFor {
			t.Errorf("%v", got)
		}
		checkEmpty(t, l)
	})
}
