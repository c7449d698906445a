// This file holds the scheduler and the context of an execution: its ticket in the lanes,
// and its caller, who may go away.

package worker

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/vm"
	"github.com/avap-framework/avap/worker/httpd"
	"github.com/avap-framework/avap/worker/lane"
)

// lookForCaller is the number of yields in the slow lane, about 50 µs apart, after which
// an execution checks whether its caller is still there.
const lookForCaller = 256

// turns is the scheduler of an execution and its context, which ends when the caller
// closes the connection. It is reused for the next request.
type turns struct {
	lane.Ticket
	request *httpd.Request
	yields  int
	unwatch func() // stops watching the connection; nil outside of host calls

	done chan struct{} // closed when the caller has gone
	gone atomic.Bool
}

var (
	_ vm.Scheduler    = (*turns)(nil)
	_ context.Context = (*turns)(nil)
)

// begin prepares the turns for an execution whose ticket has entered the lanes.
func (t *turns) begin(r *httpd.Request) {
	t.request, t.yields = r, 0
	if t.done == nil || t.gone.Load() {
		t.done = make(chan struct{})
		t.gone.Store(false)
	}
}

// end gives up the ticket.
func (t *turns) end() {
	t.stopWatching()
	t.Ticket.Done()
	t.request = nil
}

// Yield lets others run, and ends the execution if its caller has gone away.
func (t *turns) Yield() error {
	if err := t.Ticket.Yield(); err != nil || !t.Slow() {
		return err
	}
	if t.yields++; t.yields%lookForCaller == 0 && t.request.Gone() {
		t.cancel()
		return &avap.Error{Code: vm.CodeCancelled, Msg: "cancelled: the caller has gone", Err: context.Canceled}
	}
	return nil
}

// Leave gives up the place for a host call, which is cancelled if the caller goes away.
func (t *turns) Leave() {
	t.Ticket.Leave()
	t.unwatch = t.request.Watch(t.cancel)
}

// Enter takes a place again.
func (t *turns) Enter() error {
	t.stopWatching()
	return t.Ticket.Enter()
}

func (t *turns) stopWatching() {
	if t.unwatch != nil {
		t.unwatch()
		t.unwatch = nil
	}
}

// cancel notes that the caller has gone.
func (t *turns) cancel() {
	if t.gone.CompareAndSwap(false, true) {
		close(t.done)
	}
}

// Deadline returns none: quotas bound the execution.
func (t *turns) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done returns a channel that is closed when the caller has gone.
func (t *turns) Done() <-chan struct{} { return t.done }

// Err returns context.Canceled once the caller has gone.
func (t *turns) Err() error {
	if t.gone.Load() {
		return context.Canceled
	}
	return nil
}

// Value returns the turns themselves, under turnsKey.
func (t *turns) Value(key any) any {
	if key == (turnsKey{}) {
		return t
	}
	return nil
}
