// This file holds the lanes: who runs now, who waits, who is refused.

// Package lane decides which executions run: a fast lane for all that begin, a
// slow lane for those that go on for long, a bounded queue in front, and one budget
// of memory behind both.
//
// An execution holds a place while it runs, and offers it to others about every 50 µs;
// one that waits for HTTP or SQL holds none. After FastTime an execution goes on in
// the slow lane, which has half of the places: guaranteed while it has work, and never
// more. So neither lane starves the other. In each lane only a few executions take
// turns, and the others wait for their first: under overload some finish, and others
// are refused before they have cost anything, in place of all running into their
// deadlines together.
package lane

import (
	"runtime"
	"sync"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/vm"
)

// Defaults and bounds.
const (
	DefaultQueue = 1024
	DefaultWait  = 200 * time.Millisecond
	// FastTime is how long an execution may run in the fast lane, over all its turns.
	FastTime = 500 * time.Microsecond
	// firstYield is how long an execution has run when it first yields.
	firstYield = 50 * time.Microsecond
	// turn is how long an execution of the slow lane runs before it is another's
	// turn: longer than between yields, because each turn has to warm up the caches.
	turn = time.Millisecond
	// turnsFor is how many executions of a lane take turns on one of its places.
	turnsFor = 4
	// share is how long the fast lane keeps the only place while the slow lane waits
	// for it: as long as an execution of the slow lane runs from yield to yield.
	share = 50 * time.Microsecond
)

// Options tune lanes. The zero value is fit for use.
type Options struct {
	// Places is how many executions run at a time; 0 stands for GOMAXPROCS.
	Places int
	// Queue is how many requests wait for their first turn, and how many
	// executions for their first one in the slow lane; 0 stands for 1,024.
	Queue int
	// Wait is how long each of them waits at most; 0 stands for 200 ms.
	Wait time.Duration
	// Memory is how many bytes all executions hold together, those of the slow
	// lane at most half of it; 0 stands for no bound.
	Memory int64
}

// Lanes share places and memory among executions. They are safe for concurrent use.
type Lanes struct {
	opt     Options
	slowest int // places of the slow lane

	mu      sync.Mutex
	lanes   [2]lane
	heavy   int           // share of those that left the fast lane lately for the slow one, 0 to heavyAll
	last    int           // the lane that got a place last: with a single place they alternate
	since   time.Duration // when that lane got its first one in a row; kept with a single place only
	entry   entry
	memory  int64
	slowMem int64
	refused [len(reasons)]uint64
}

// lane is one of the two lanes.
type lane struct {
	first   queue // executions that wait for their first turn
	again   queue // executions that wait for another turn
	running int   // executions that hold a place
	turning int   // executions that take turns: they run, or wait for another turn
	most    int   // how many may take turns at a time
	entered bool  // the last place went to a first turn
}

// entry measures how fast the queue in front of the fast lane moves.
type entry struct {
	since  time.Duration // when it began to count; 0 while nobody waits
	passed int           // how many got their first turn since then
	pace   time.Duration // from one to the next, over the last Options.Wait of counting; 0 before
}

// The lanes.
const (
	fastLane = 0
	slowLane = 1
)

// heavyAll is the whole in Lanes.heavy, a moving average over about 2^heavyShift
// executions.
const (
	heavyAll   = 1 << 16
	heavyShift = 4
)

// Reason is why an execution was refused.
type Reason int

// Reasons.
const (
	QueueFull  Reason = iota // the queue in front of the fast lane
	QueueWait                // its waiting time
	SlowFull                 // the queue in front of the slow lane
	SlowWait                 // its waiting time
	MemoryFull               // the budget of memory
	SlowMemory               // the slow lane's half of it
)

var reasons = [...]string{"queue_full", "queue_wait", "slow_full", "slow_wait", "memory", "slow_memory"}

// String returns the reason's name, as metrics have it.
func (r Reason) String() string { return reasons[r] }

// Error makes a Reason an error: it is the cause of a refusal, where errors.As finds it.
func (r Reason) Error() string { return "refused: " + reasons[r] }

// New makes lanes.
func New(opt Options) *Lanes {
	if opt.Places <= 0 {
		opt.Places = runtime.GOMAXPROCS(0)
	}
	if opt.Queue <= 0 {
		opt.Queue = DefaultQueue
	}
	if opt.Wait <= 0 {
		opt.Wait = DefaultWait
	}
	l := &Lanes{opt: opt, slowest: max(1, opt.Places/2)}
	l.lanes[fastLane].most, l.lanes[slowLane].most = turnsFor*opt.Places, turnsFor*l.slowest
	return l
}

// Places is how many executions run at a time, in both lanes together.
func (l *Lanes) Places() int { return l.opt.Places }

// SlowPlaces is how many of them may run in the slow lane.
func (l *Lanes) SlowPlaces() int { return l.slowest }

// Queue is how many may wait in front of each lane.
func (l *Lanes) Queue() int { return l.opt.Queue }

// Enter waits for a place in the fast lane, for a ticket that is new or done. Its error is
// an *avap.Error with the code overloaded: at once if the queue is full, or moves too
// slowly for the place to come in time, else after Options.Wait. After success the
// ticket's Done must be called.
func (l *Lanes) Enter(t *Ticket) error {
	t.lanes = l
	l.mu.Lock()
	fast := &l.lanes[fastLane]
	if fast.first.empty() && l.mayBegin(fastLane) && l.take(t) {
		t.turn(1)
		l.mu.Unlock()
		return nil
	}
	if reason, late := l.late(); late {
		err := l.refuse(reason)
		l.mu.Unlock()
		return err
	}
	return t.await(&fast.first, l.opt.Wait, QueueWait)
}

// late reports whether one more request would not get a place in time: the queue is full,
// or those ahead of it will take nearly as long as it may wait. So most of an excess is
// refused without a wait, and those that wait are served. The lock is held.
func (l *Lanes) late() (Reason, bool) {
	switch ahead := l.lanes[fastLane].first.n; {
	case ahead >= l.opt.Queue:
		return QueueFull, true
	case time.Duration(ahead)*l.entry.pace > l.opt.Wait/8*7:
		return QueueWait, true
	}
	return 0, false
}

// pass notes that a request has got its first turn. The pace is taken over all of
// Options.Wait, because a worker may stand still for a while: its quota of processor time
// is used up, or its neighbours are busy. The lock is held.
func (l *Lanes) pass() {
	e := &l.entry
	if l.lanes[fastLane].first.empty() {
		*e = entry{}
		return
	}
	at := now()
	if e.since == 0 {
		e.since = at
	}
	e.passed++
	if took := at - e.since; took >= l.opt.Wait {
		*e = entry{since: at, pace: took / time.Duration(e.passed)}
	}
}

// take takes a free place, unless others of the lane wait for another turn. The lock is
// held.
func (l *Lanes) take(t *Ticket) bool {
	if !l.lanes[t.lane()].again.empty() || !l.mayRun(t.lane()) {
		return false
	}
	l.place(t)
	return true
}

// place gives an execution a place. The lock is held.
func (l *Lanes) place(t *Ticket) {
	which := t.lane()
	l.lanes[which].running++
	if l.opt.Places == 1 && l.last != which {
		l.since = now()
	}
	l.last = which
	t.running = true
}

// mayRun reports whether an execution of a lane may take a place now. The lock is held.
func (l *Lanes) mayRun(which int) bool {
	fast, slow := &l.lanes[fastLane], &l.lanes[slowLane]
	free := l.opt.Places - fast.running - slow.running
	switch {
	case free <= 0:
		return false
	case which == slowLane:
		return slow.running < l.slowest
	case !l.waits(slowLane) || slow.running >= l.slowest:
		return true
	case l.opt.Places == 1: // by time: most end long before they would yield
		return l.last == slowLane || now()-l.since < share
	}
	return free > 1 // the last one is for the slow lane, which has work and less than its half
}

// mayBegin reports whether one more execution may have its first turn in a lane. While
// most that begin go on to the slow lane, and many wait there already, no more begin:
// they would be refused there, and the work done by then would be lost. The lock is held.
func (l *Lanes) mayBegin(which int) bool {
	in, slow := &l.lanes[which], &l.lanes[slowLane]
	if which == fastLane && l.heavy > heavyAll/2 && slow.first.n >= slow.most {
		return false
	}
	return in.turning < in.most
}

// leftFast notes that an execution leaves the fast lane, for the slow one or for good. The
// lock is held.
func (l *Lanes) leftFast(slow bool) {
	one := 0
	if slow {
		one = heavyAll
	}
	l.heavy += (one - l.heavy) >> heavyShift
}

// waits reports whether an execution of a lane waits for a place and may have one. The
// lock is held.
func (l *Lanes) waits(which int) bool {
	in := &l.lanes[which]
	return !in.again.empty() || !in.first.empty() && l.mayBegin(which)
}

// dispatch gives free places to executions that wait. The lock is held.
func (l *Lanes) dispatch() {
	for {
		switch {
		case l.waits(fastLane) && l.mayRun(fastLane):
			l.wake(fastLane)
		case l.waits(slowLane) && l.mayRun(slowLane):
			l.wake(slowLane)
		default:
			return
		}
	}
}

// wake gives a place to an execution of a lane. First turns and further ones alternate,
// or many executions that end in their first would starve the others. The lock is held.
func (l *Lanes) wake(which int) {
	var t *Ticket
	in := &l.lanes[which]
	begins := !in.first.empty() && l.mayBegin(which)
	if in.entered = begins && (in.again.empty() || !in.entered); in.entered {
		t = in.first.pop()
		t.turn(1)
		if which == fastLane {
			l.pass()
		}
	} else {
		t = in.again.pop()
	}
	l.place(t)
	t.wake <- struct{}{}
}

// refuse counts a refusal. The lock is held.
func (l *Lanes) refuse(r Reason) error {
	l.refused[r]++
	return refusals[r]
}

// refusals are the errors of the reasons.
var refusals = func() (errs [len(reasons)]error) {
	for r := range errs {
		msg := "the worker has too much to do: try again later"
		if r := Reason(r); r == MemoryFull || r == SlowMemory {
			msg = "the executions together hold all the memory that they may: try again later"
		}
		errs[r] = &avap.Error{Code: vm.CodeOverloaded, Msg: msg, Err: Reason(r)}
	}
	return errs
}()

// Stats is what the lanes are doing.
type Stats struct {
	FastRunning, SlowRunning int
	FastWaiting, SlowWaiting int                  // including those that wait for another turn
	Memory, SlowMemory       int64                // bytes; SlowMemory is a part of Memory
	MemoryLimit              int64                // bytes; 0 for none
	Refused                  [len(reasons)]uint64 // by Reason
}

// Stats returns what the lanes are doing now.
func (l *Lanes) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	fast, slow := &l.lanes[fastLane], &l.lanes[slowLane]
	return Stats{
		FastRunning: fast.running, SlowRunning: slow.running,
		FastWaiting: fast.first.n + fast.again.n, SlowWaiting: slow.first.n + slow.again.n,
		Memory: l.memory, SlowMemory: l.slowMem, MemoryLimit: l.opt.Memory,
		Refused: l.refused,
	}
}

// epoch is what times are counted from, so that only the monotonic clock is read.
var epoch = time.Now()

func now() time.Duration { return time.Since(epoch) }
