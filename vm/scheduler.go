// This file holds what a machine asks of whoever shares processors and memory
// among machines.

package vm

import "runtime"

// Scheduler shares processors and memory among executions that run side by
// side. A machine calls the methods of its own one from one goroutine at a time.
type Scheduler interface {
	// Yield is called about every 50 µs of running. It returns when the
	// execution may go on; its error ends the execution.
	Yield() error
	// Leave is called before a host call, Enter after it: between the two the
	// execution waits for something outside, or takes in what came from there, and
	// does not yield. Enter's error ends the execution.
	Leave()
	Enter() error
	// Reserve is asked before an execution holds n more bytes than what it has
	// reserved; its error ends the execution. The first FreeMemory bytes are not
	// asked for.
	Reserve(n int64) error
	// Release gives n reserved bytes back.
	Release(n int64)
}

const (
	// FreeMemory is how many bytes an execution may hold before it reserves any:
	// small ones never ask.
	FreeMemory = 64 << 10
	// memoryStep is how many bytes are reserved at a time.
	memoryStep = 256 << 10
)

// alone is the scheduler of executions that nobody schedules: they let others
// run, and hold what their quota allows.
type alone struct{}

func (alone) Yield() error {
	runtime.Gosched()
	return nil
}
func (alone) Leave()              {}
func (alone) Enter() error        { return nil }
func (alone) Reserve(int64) error { return nil }
func (alone) Release(int64)       {}
