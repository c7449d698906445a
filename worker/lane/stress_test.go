// This file holds the lanes under many executions that do what comes, each of which
// looks whether everything adds up.

package lane

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// actor is an execution that does what comes, over and over.
type actor struct {
	t      *testing.T
	l      *Lanes
	random *rand.Rand
	run    func(time.Duration)
	ended  *atomic.Int64
	ticket Ticket // used again and again
	held   int64
}

// check looks at the lanes from within.
func (a *actor) check() {
	a.l.mu.Lock()
	defer a.l.mu.Unlock()
	if err := a.l.check(); err != nil {
		a.t.Error(err)
	}
}

func (a *actor) once() {
	defer a.ended.Add(1)
	tk := &a.ticket
	err := a.l.Enter(tk)
	a.check()
	if err != nil {
		return
	}
	defer tk.Done()
	defer func() { a.held = 0 }()
	for range a.random.IntN(12) {
		err = a.step(tk)
		a.check()
		if err != nil {
			return
		}
	}
}

// step does one thing. Its error ends the execution.
func (a *actor) step(tk *Ticket) error {
	switch a.random.IntN(8) {
	case 0:
		tk.Leave()
		a.check()
		a.run(time.Duration(a.random.IntN(100)) * time.Microsecond)
		return tk.Enter()
	case 1:
		n := a.random.Int64N(40)
		if err := tk.Reserve(n); err != nil {
			return err
		}
		a.held += n
	case 2:
		n := a.random.Int64N(a.held + 1)
		tk.Release(n)
		a.held -= n
	case 3:
		if a.random.IntN(4) == 0 {
			return tk.SlowDown()
		}
	case 4:
		a.run(FastTime)
		return tk.Yield()
	default:
		a.run(slice)
		return tk.Yield()
	}
	return nil
}

// TestStress runs actors side by side; with the race detector it is worth most.
func TestStress(t *testing.T) {
	const each = 150
	for _, opt := range []Options{
		{Places: 1, Queue: 2, Wait: 300 * time.Microsecond, Memory: 200},
		{Places: 1, Queue: 100, Wait: time.Second},
		{Places: 2, Queue: 4, Wait: 100 * time.Microsecond, Memory: 300},
		{Places: 3, Queue: 8, Wait: time.Millisecond, Memory: 400},
		{Places: 8, Queue: 3, Wait: 200 * time.Microsecond, Memory: 500},
	} {
		t.Run(fmt.Sprintf("%d places, queue of %d", opt.Places, opt.Queue), func(t *testing.T) {
			l := New(opt)
			var ended atomic.Int64
			var all sync.WaitGroup
			for i := range 24 {
				random := rand.New(rand.NewPCG(uint64(i), uint64(opt.Places)))
				run := func(d time.Duration) { // on the processor, as a machine does
					for end := time.Now().Add(d / 4); time.Now().Before(end); {
					}
				}
				a := &actor{t: t, l: l, random: random, run: run, ended: &ended}
				all.Go(func() {
					for range each {
						a.once()
					}
				})
			}
			all.Wait()
			if ended.Load() != 24*each {
				t.Errorf("%d ended", ended.Load())
			}
			checkEmpty(t, l)
			t.Logf("refused %v", l.Stats().Refused)
		})
	}
}

// TestStressInBubble runs the same actors where all of them act at the same few
// moments, and whoever waits for ever is found at once: it is a deadlock.
func TestStressInBubble(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const each = 20
				random := rand.New(rand.NewPCG(seed, 0))
				l := New(Options{
					Places: 1 + random.IntN(4), Queue: 1 + random.IntN(8),
					Wait: time.Duration(1+random.IntN(20)) * slice, Memory: 100 + random.Int64N(400),
				})
				var ended atomic.Int64
				var all sync.WaitGroup
				for i := range 16 {
					run := func(d time.Duration) { time.Sleep(d.Round(slice)) } // many at the same moment
					a := &actor{t: t, l: l, random: rand.New(rand.NewPCG(seed, uint64(i))), run: run, ended: &ended}
					all.Go(func() {
						for range each {
							a.once()
						}
					})
				}
				all.Wait()
				if ended.Load() != 16*each {
					t.Errorf("%d ended", ended.Load())
				}
				checkEmpty(t, l)
			})
		})
	}
}

func BenchmarkEnterDone(b *testing.B) {
	l := New(Options{Places: 8})
	b.ReportAllocs()
	var tk Ticket
	for b.Loop() {
		if err := l.Enter(&tk); err != nil {
			b.Fatal(err)
		}
		tk.Done()
	}
}

// BenchmarkEnterDoneTwo has two that enter side by side, of which each has a place.
func BenchmarkEnterDoneTwo(b *testing.B) {
	l := New(Options{Places: 8})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) { // of GOMAXPROCS: run with -cpu 2
		var tk Ticket
		for pb.Next() {
			if err := l.Enter(&tk); err != nil {
				b.Error(err)
				return
			}
			tk.Done()
		}
	})
}

// BenchmarkYield has one that yields, as every 50 µs, with nobody else there.
func BenchmarkYield(b *testing.B) {
	for _, lane := range []string{"fast", "slow"} {
		b.Run(lane, func(b *testing.B) {
			l := New(Options{Places: 8})
			tk := enter(b, l)
			defer tk.Done()
			for b.Loop() {
				if lane == "fast" && tk.Slow() {
					b.StopTimer()
					tk.Done()
					enter(b, l, tk)
					b.StartTimer()
				}
				if err := tk.Yield(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
