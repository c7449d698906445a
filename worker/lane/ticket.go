// This file holds the ticket of one execution: its place in the lanes and its
// share of the memory.

package lane

import (
	"runtime"
	"time"

	"github.com/avap-framework/avap/vm"
)

// Ticket is one execution's part in the lanes, from Enter to Done; after that it may be
// used for another one. It is the execution's scheduler, and like it used by one goroutine
// at a time. The zero value is a new ticket.
type Ticket struct {
	lanes *Lanes
	wake  chan struct{} // of capacity 1: receives when it gets a place; nil before it first waits
	timer *time.Timer

	// Where it stands. Written under the lock of the lanes.
	in         *queue  // that it waits in; nil for none
	prev, next *Ticket // in that queue
	running    bool    // holds a place
	slow       bool    // in the slow lane
	turning    bool    // counts among those that take turns in its lane
	heavy      bool    // has left the fast lane, whether the slow one took it or not

	began    time.Duration // of the present turn; 0 before the clock was looked at
	ran      time.Duration // in turns that are over
	waited   time.Duration // for places
	reserved int64         // bytes
}

var _ vm.Scheduler = (*Ticket)(nil)

// Slow reports whether the execution went on in the slow lane.
func (t *Ticket) Slow() bool { return t.slow }

// Waited is how long the execution has waited for places.
func (t *Ticket) Waited() time.Duration { return t.waited }

// Yield lets others run, and moves the execution to the slow lane once its time in the
// fast lane is over. Its error is that of SlowDown.
func (t *Ticket) Yield() error {
	if t.began == 0 { // most executions end before their first yield
		t.began = now() - firstYield
	}
	ran := now() - t.began
	switch {
	case !t.slow && t.ran+ran >= FastTime:
		return t.SlowDown()
	case t.slow && ran < turn && t.lanes.opt.Places > 1:
		runtime.Gosched() // its turn goes on, but goroutines that the network woke may run
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

// SlowDown moves the execution to the slow lane at once, for work that is known beforehand
// to be long. Its error is an *avap.Error with the code overloaded.
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

// Leave gives up the place for as long as a host call takes.
func (t *Ticket) Leave() {
	l := t.lanes
	l.mu.Lock()
	t.stop()
	t.turn(-1)
	l.dispatch()
	l.mu.Unlock()
}

// Enter takes a place again after Leave. It never fails: an execution that has begun may
// wait for as long as its own deadline allows.
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

// await queues up, unlocks the lanes, and waits for a place: for at most wait, after which
// it fails for the reason, or with a wait of 0 for as long as it takes.
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

// giveUp stops waiting and returns the refusal; nil if it has just been given a place.
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
		l.entry = entry{}
	}
	l.dispatch()
	return l.refuse(r)
}

// stop gives up the place, if the ticket holds one. The lock is held.
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

// turn counts the ticket in (1) or out (-1) of those that take turns in its lane; doing so
// twice changes nothing. The lock is held.
func (t *Ticket) turn(by int) {
	if t.turning == (by < 0) {
		t.turning = by > 0
		t.lanes.lanes[t.lane()].turning += by
	}
}

// Reserve takes n bytes from the budget that all executions share. Its error is an
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

// Release gives n reserved bytes back.
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

// Done gives up place and memory. The ticket may then only be used to enter again.
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
