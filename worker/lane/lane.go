// This file holds the lanes: who runs now, who waits, who is refused.

// Package lane decides which executions run: a fast lane for all that begin, a
// slow lane for those that go on for long, a bounded queue in front, and one budget
// of memory behind both.
//
// An execution holds a place while it runs, and gives it up about every 50 µs to
// whoever waits; one that waits for HTTP or SQL holds none. What has run for
// FastTime goes on in the slow lane, which has half of the places: guaranteed while
// it has work, and never more. So neither lane starves the other. In each lane a few
// executions take turns, the others wait for their first: where there is more to do
// than can be done, many that would all end at their deadline are some that end, and
// some that are refused before they have cost anything.
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
	// FastTime is how long an execution runs in the fast lane, in turns.
	FastTime = 500 * time.Microsecond
	// firstYield is how long an execution has run when it yields first.
	firstYield = 50 * time.Microsecond
	// turn is how long an execution of the slow lane runs before another has its
	// turn: longer than a yield, because caches have to warm up again.
	turn = time.Millisecond
	// turnsFor is how many executions of a lane take turns on one place.
	turnsFor = 4
	// share is how long the fast lane goes on where there is but one place and the
	// slow lane waits: as long as an execution of that one runs from yield to yield.
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

// Lanes share places and memory among executions. It is safe for concurrent use.
type Lanes struct {
	opt     Options
	slowest int // places of the slow lane

	mu      sync.Mutex
	lanes   [2]lane
	heavy   int           // of those that left the fast lane lately, how many went on in the slow one, of heavyAll
	last    int           // the lane that had a place last; where there is but one, they alternate
	since   time.Duration // when the last lane got its first place in a row; where there is but one
	door    door
	memory  int64
	slowMem int64
	refused [len(reasons)]uint64
}

// lane is one of the two.
type lane struct {
	first   queue // waiting for their first turn
	again   queue // waiting for another one
	running int   // executions that hold a place
	turning int   // executions that take turns: they run, or wait for another turn
	most    int   // that take turns at a time
	entered bool  // the last place went to a first turn
}

// door counts who gets a first turn while others wait for one.
type door struct {
	since  time.Duration // when it began to count; 0 where nobody waits
	passed int           // that got their first turn since then
	pace   time.Duration // from one to the next, in the last whole waiting time that somebody waited through; 0 where there is none
}

// The lanes.
const (
	fastLane = 0
	slowLane = 1
)

// heavyAll stands for all in Lanes.heavy, which is a moving average over about 2 to the
// heavyShift executions.
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

func (r Reason) String() string { return reasons[r] }

// Error makes a Reason the cause of the error that a refusal is: errors.As finds it.
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

// Places is how many executions run at a time, SlowPlaces how many of them in the
// slow lane at most.
func (l *Lanes) Places() int { return l.opt.Places }

// SlowPlaces is how many executions run in the slow lane at a time.
func (l *Lanes) SlowPlaces() int { return l.slowest }

// Queue is how many wait in front of each lane at most.
func (l *Lanes) Queue() int { return l.opt.Queue }

// Enter waits for a place in the fast lane, for a new ticket or one that is done. Its error
// is an *avap.Error with the code overloaded: at once where the queue is full or takes
// longer than one may wait, else after the waiting time. Without one, the ticket's Done
// must be called.
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

// late tells whether one more request cannot be done in time: the queue is full, or those
// ahead need nearly as long as it may wait. So most of what is too much is refused before
// it has cost a wait, and what waits is done. The lock is held.
func (l *Lanes) late() (Reason, bool) {
	switch ahead := l.lanes[fastLane].first.n; {
	case ahead >= l.opt.Queue:
		return QueueFull, true
	case time.Duration(ahead)*l.door.pace > l.opt.Wait/8*7:
		return QueueWait, true
	}
	return 0, false
}

// pass notes that a request has got its first turn. The pace is that of a whole waiting
// time, because a worker may stand still for some while: its quota of processor time is
// used up, or its neighbours are busy. The lock is held.
func (l *Lanes) pass() {
	d := &l.door
	if l.lanes[fastLane].first.empty() {
		*d = door{}
		return
	}
	at := now()
	if d.since == 0 {
		d.since = at
	}
	d.passed++
	if took := at - d.since; took >= l.opt.Wait {
		*d = door{since: at, pace: took / time.Duration(d.passed)}
	}
}

// take takes a free place, unless others wait for another turn. The lock is held.
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

// mayRun tells whether an execution of a lane may take a place now.
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
	return free > 1 // the last one is the slow lane's, which has work and less than its half
}

// mayBegin tells whether one more execution may have its first turn in a lane. Where
// most of what begins goes on to the slow lane, and many wait there already, no more
// begin: they would be refused there, and what they had cost by then be lost.
func (l *Lanes) mayBegin(which int) bool {
	in, slow := &l.lanes[which], &l.lanes[slowLane]
	if which == fastLane && l.heavy > heavyAll/2 && slow.first.n >= slow.most {
		return false
	}
	return in.turning < in.most
}

// leftFast notes whether an execution that leaves the fast lane goes on in the slow one.
// The lock is held.
func (l *Lanes) leftFast(slow bool) {
	one := 0
	if slow {
		one = heavyAll
	}
	l.heavy += (one - l.heavy) >> heavyShift
}

// waits tells whether somebody in a lane wants a place who may have one.
func (l *Lanes) waits(which int) bool {
	in := &l.lanes[which]
	return !in.again.empty() || !in.first.empty() && l.mayBegin(which)
}

// dispatch gives free places to those that wait. The lock is held.
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

// wake gives a place to an execution of a lane. First turns and further ones alternate:
// else many that end in their first would starve the others. The lock is held.
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
	FastWaiting, SlowWaiting int // those that take turns included
	Memory, SlowMemory       int64
	MemoryLimit              int64
	Refused                  [len(reasons)]uint64 // by Reason
}

// Stats gives what the lanes are doing now.
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

// epoch is what times are counted from: that reads the monotonic clock alone.
var epoch = time.Now()

func now() time.Duration { return time.Since(epoch) }
