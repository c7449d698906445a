// This file holds the ticket of one execution: its place in the lanes and its
// share of the memory.

package lane

import (
	"runtime"
	"time"

	"github.com/avap-framework/avap/vm"
)

// Ticket is one execution's part in the lanes, from Enter to Done; then another one's. It
// is the execution's scheduler, and like it used by one goroutine at a time. The zero
// value is a new ticket.
type Ticket struct {
	lanes *Lanes
	wake  chan struct{} // of capacity 1: it has got a place; nil before it first waits
	timer *time.Timer

	// Where it stands. Written under the lock of the lanes.
	in         *queue // that it waits in
	prev, next *Ticket
	running    bool // holds a place
	slow       bool // in the slow lane
	turning    bool // counts among those that take turns in its lane
	heavy      bool // has used up its time in the fast lane, if the slow one took it or not

	began    time.Duration // of the present turn; 0 before the clock was looked at
	ran      time.Duration // in turns that are over
	waited   time.Duration // for places
	reserved int64         // bytes
}

var _ vm.Scheduler = (*Ticket)(nil)

// Slow tells whether the execution went on in the slow lane.
func (t *Ticket) Slow() bool { return t.slow }

// Waited is how long the execution has waited for places.
func (t *Ticket) Waited() time.Duration { return t.waited }

// Yield lets others run, and moves the execution to the slow lane when its time
// in the fast lane is over.
func (t *Ticket) Yield() error {
	if t.began == 0 { // most executions end before
		t.began = now() - firstYield
	}
	ran := now() - t.began
	switch {
	case !t.slow && t.ran+ran >= FastTime:
		return t.SlowDown()
	case t.slow && ran < turn && t.lanes.opt.Places > 1:
		runtime.Gosched() // its turn goes on, but the network is looked at
		return nil
	}
	l := t.lanes
	l.mu.Lock()
	t.stop()
	if l.waits(t.lane()) {
		_ = t.await(&l.lanes[t.lane()].again, 0, 0) // without a waiting time it does not fail
	} else {
		l.dispatch()
		l.mu.Unlock()
		runtime.Gosched()
		t.again()
	}
	t.began = now()
	return nil
}

// SlowDown moves the execution to the slow lane at once: for work that is known to
// be long before it begins. Its error is an *avap.Error with the code overloaded.
func (t *Ticket) SlowDown() error {
	l := t.lanes
	l.mu.Lock()
	if t.slow {
		l.mu.Unlock()
		return nil
	}
	t.stop()
	t.heavy = true
	l.leftFast(true)
	var err error
	switch {
	case l.opt.Memory > 0 && l.slowMem+t.reserved > l.opt.Memory/2:
		err = l.refuse(SlowMemory)
	case l.lanes[slowLane].first.n >= l.opt.Queue:
		err = l.refuse(SlowFull)
	}
	if err != nil {
		l.dispatch()
		l.mu.Unlock()
		return err
	}
	t.turn(-1)
	t.slow = true
	l.slowMem += t.reserved
	return t.await(&l.lanes[slowLane].first, l.opt.Wait, SlowWait)
}

// Leave gives the place up for as long as a host call takes.
func (t *Ticket) Leave() {
	l := t.lanes
	l.mu.Lock()
	t.stop()
	t.turn(-1)
	l.dispatch()
	l.mu.Unlock()
}

// Enter takes a place again. It does not fail: what has begun may wait as long as
// its own deadline lets it.
func (t *Ticket) Enter() error {
	t.again()
	return nil
}

// again waits for another place, behind those that wait already.
func (t *Ticket) again() {
	l := t.lanes
	l.mu.Lock()
	t.turn(1)
	if l.take(t) {
		l.mu.Unlock()
		return
	}
	_ = t.await(&l.lanes[t.lane()].again, 0, 0) // without a waiting time it does not fail
}

// await queues up, unlocks the lanes, and waits for a place, at most for wait
// unless that is 0. In time, the error is that of the reason.
func (t *Ticket) await(q *queue, wait time.Duration, r Reason) error {
	l := t.lanes
	if t.wake == nil {
		t.wake = make(chan struct{}, 1)
	}
	q.push(t)
	l.dispatch()
	l.mu.Unlock()
	since := now()
	if wait == 0 {
		<-t.wake
	} else {
		if t.timer == nil {
			t.timer = time.NewTimer(wait)
		} else {
			t.timer.Reset(wait)
		}
		select {
		case <-t.wake:
			t.timer.Stop()
		case <-t.timer.C:
			if err := t.giveUp(r); err != nil {
				return err
			}
		}
	}
	t.waited += now() - since
	return nil
}

// giveUp stops waiting, unless a place has just been given.
func (t *Ticket) giveUp(r Reason) error {
	l := t.lanes
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.in == nil {
		<-t.wake
		return nil
	}
	t.in.remove(t)
	if l.lanes[fastLane].first.empty() {
		l.door = door{}
	}
	l.dispatch()
	return l.refuse(r)
}

// stop gives up the place, where there is one. The lock is held.
func (t *Ticket) stop() {
	if !t.running {
		return
	}
	t.running = false
	if t.began != 0 {
		t.ran += now() - t.began
		t.began = 0
	}
	t.lanes.lanes[t.lane()].running--
}

func (t *Ticket) lane() int {
	if t.slow {
		return slowLane
	}
	return fastLane
}

// turn counts the ticket in (1) or out (-1) of those that take turns in its lane, once.
// The lock is held.
func (t *Ticket) turn(by int) {
	if t.turning == (by < 0) {
		t.turning = by > 0
		t.lanes.lanes[t.lane()].turning += by
	}
}

// Reserve takes n bytes out of the budget of all executions. Its error is an
// *avap.Error with the code overloaded.
func (t *Ticket) Reserve(n int64) error {
	l := t.lanes
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opt.Memory > 0 {
		if l.memory+n > l.opt.Memory {
			return l.refuse(MemoryFull)
		}
		if t.slow && l.slowMem+n > l.opt.Memory/2 {
			return l.refuse(SlowMemory)
		}
	}
	t.hold(n)
	return nil
}

// Release gives n bytes back.
func (t *Ticket) Release(n int64) {
	t.lanes.mu.Lock()
	t.hold(-n)
	t.lanes.mu.Unlock()
}

// hold counts n bytes more. The lock is held.
func (t *Ticket) hold(n int64) {
	t.reserved += n
	t.lanes.memory += n
	if t.slow {
		t.lanes.slowMem += n
	}
}

// Done gives up everything. The ticket must not be used any more, but to enter with.
func (t *Ticket) Done() {
	l := t.lanes
	l.mu.Lock()
	t.stop()
	t.turn(-1)
	t.hold(-t.reserved)
	if !t.heavy {
		l.leftFast(false)
	}
	l.dispatch()
	l.mu.Unlock()
	t.lanes, t.slow, t.heavy = nil, false, false
	t.began, t.ran, t.waited = 0, 0, 0
}
