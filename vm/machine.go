// This file holds the machine: what one execution has, and its quotas.

package vm

import (
	"context"
	"math"
	"runtime"
	"time"
	"unsafe"

	"github.com/avap-framework/avap/bytecode"
)

// Limits are the quotas of one execution. A zero field stands for the default,
// a negative one for no limit.
type Limits struct {
	Instructions int64         // executed instructions; default 10 million
	Memory       int64         // bytes held at a time; default 32 MiB
	Time         time.Duration // of execution, host calls not counted; default 800 ms
	HostTime     time.Duration // of all host calls together; default 5 s
	Depth        int           // of calls; default 200
	Output       int           // bytes of the answer; default 8 MiB
	HostCalls    int           // number of host calls; default 64
}

// withDefaults fills in the zero fields and turns negative ones into the
// largest number.
func (l Limits) withDefaults() Limits {
	l.Instructions = limit(l.Instructions, 10_000_000)
	l.Memory = limit(l.Memory, 32<<20)
	l.Time = limit(l.Time, 800*time.Millisecond)
	l.HostTime = limit(l.HostTime, 5*time.Second)
	l.Depth = limit(l.Depth, 200)
	l.Output = limit(l.Output, 8<<20)
	l.HostCalls = limit(l.HostCalls, 64)
	return l
}

// same reports whether two are equal. It is asked for every execution, and a call that
// compares memory takes longer than this.
func (l *Limits) same(o *Limits) bool {
	return l.Instructions == o.Instructions && l.Memory == o.Memory && l.Time == o.Time &&
		l.HostTime == o.HostTime && l.Depth == o.Depth && l.Output == o.Output && l.HostCalls == o.HostCalls
}

// limit returns a limit's value in force. No limit is a quarter of what a 64-bit
// number holds, so that sums of two do not overflow.
func limit[T ~int | ~int64](given, fallback T) T {
	switch {
	case given == 0:
		return fallback
	case given < 0:
		none := int64(math.MaxInt64 / 4)
		return T(none)
	}
	return given
}

const (
	// sliceFuel is how many instructions run between two looks at the clock:
	// about 10 µs of plain ones, at most 100 µs of the most expensive.
	sliceFuel = 4096
	// yieldEvery is how long an execution runs before it lets others run.
	yieldEvery = 50 * time.Microsecond
	// spareRegisters stand behind every frame, so that a window of
	// bytecode.MaxDirect registers never reaches past the stack.
	spareRegisters = bytecode.MaxDirect
)

// Machine runs one execution at a time. It is not safe for concurrent use, but
// for executions on as many machines as there are.
type Machine struct {
	mem  meter
	fuel int64 // instructions until the slice ends

	given   Limits // as they were given to Reset
	limits  Limits // in force: given with the defaults, and what Restrict left of them
	lowered bool   // by Restrict or a definition's contract
	reserve int64  // instructions beyond the slice
	ctx     context.Context
	done    <-chan struct{}
	clock   stopwatch
	sched   Scheduler

	stack  []Value
	high   int // registers from here on have not been used by this execution
	frames []frame
	pc     int // of the native operation that runs, for the walk

	caught  Value // message of the error caught last
	in      *Input
	exports []Field
	births  []int32 // variables in the order in which they came to be: a slot, or ^i for in.Variables[i]
	born    []bool  // by slot
	logs    []logEntry
	states  []state

	hostCalls int
	written   int        // bytes of the answer
	contracts []contract // of the definitions that run, outermost first
	walkStack []walkItem
	object    objectReader
}

// stopwatch measures an execution's own time and that of its host calls.
type stopwatch struct {
	start  time.Duration // when the execution began; 0 while nobody has looked
	limit  time.Duration // of execution
	host   time.Duration // spent in host calls so far
	yields time.Duration // elapsed when it last yielded
	away   bool          // a host call is under way
	looked bool          // by Look, and no account was opened since

	logged time.Duration // elapsed at the last look for the log
	logDue int64         // the instructions at which the next one is due
}

// epoch is what times are counted from: that reads the monotonic clock alone,
// in half the time of time.Now.
var epoch = time.Now()

func now() time.Duration { return time.Since(epoch) }

// elapsed is the time since the execution began, host calls included. The
// watch starts when it is first looked at, which is within the first slice:
// most executions are over by then, and never look.
func (m *Machine) elapsed() time.Duration {
	t := now()
	if m.clock.start == 0 {
		m.clock.start = t
	}
	return t - m.clock.start
}

// frame is one call in progress.
type frame struct {
	code   *Code
	fn     *function
	base   int // of its registers in the stack
	pc     int // where it goes on after the call that it makes
	caps   Capability
	result int // register of the caller's window base, for moved windows; -1 where it overlaps
}

// next is the instruction at the frame's pc.
func (fr *frame) next() *word { return unsafe.SliceData(fr.fn.code).behind(fr.pc) }

// index is the place of an instruction of the frame's function.
func (fr *frame) index(w *word) int {
	return (address(w) - address(unsafe.SliceData(fr.fn.code))) >> wordShift
}

// NewMachine makes a machine that is ready for one execution under limits,
// starting now, with no context to cancel it.
func NewMachine(l Limits) *Machine {
	m := &Machine{}
	m.Reset(context.Background(), l, nil)
	return m
}

// Reset makes the machine ready for another execution, which starts now: the
// quotas are whole again, and nothing of an earlier execution is left. A nil
// scheduler lets others run now and then, and shares no memory.
func (m *Machine) Reset(ctx context.Context, l Limits, s Scheduler) {
	if m.ctx != nil {
		m.Clear()
	}
	if !l.same(&m.given) || m.lowered || m.limits.Depth == 0 {
		m.given, m.limits, m.lowered = l, l.withDefaults(), false
	}
	if s == nil {
		s = alone{}
	}
	m.sched = s
	m.mem.reset(m.limits.Memory)
	m.fuel = min(sliceFuel, m.limits.Instructions)
	m.reserve = m.limits.Instructions - m.fuel
	m.ctx, m.done = ctx, ctx.Done()
	m.clock = stopwatch{limit: m.limits.Time, logDue: logFuel}
	m.in = &noInput
}

// noInput is the input of a machine that runs nothing yet.
var noInput Input

// Restrict lowers limits of the execution where l is lower; zero fields change
// nothing. What was used so far counts.
func (m *Machine) Restrict(l Limits) {
	m.lowered = true
	if over := m.limits.Instructions - l.Instructions; l.Instructions > 0 && over > 0 {
		m.cutInstructions(over)
	}
	if over := m.limits.Memory - l.Memory; l.Memory > 0 && over > 0 {
		m.limits.Memory = l.Memory
		m.mem.lower(over)
	}
	m.limits.Time = lowerOf(m.limits.Time, l.Time)
	m.clock.limit = m.limits.Time
	m.limits.HostTime = lowerOf(m.limits.HostTime, l.HostTime)
	m.limits.Depth = lowerOf(m.limits.Depth, l.Depth)
	m.limits.Output = lowerOf(m.limits.Output, l.Output)
	m.limits.HostCalls = lowerOf(m.limits.HostCalls, l.HostCalls)
}

// lowerOf returns the lower of two limits; zero is none.
func lowerOf[T ~int | ~int64](limit, other T) T {
	if other > 0 {
		return min(limit, other)
	}
	return limit
}

// Clear gives up everything that the last execution held, so that the machine
// can wait in a pool. It closes what the execution had open.
func (m *Machine) Clear() {
	for i := len(m.states) - 1; i >= 0; i-- {
		m.states[i].closer.Close()
		m.states[i] = state{}
	}
	clearShort(m.stack[:m.high])
	for i := range m.frames { // the rest of a frame is numbers
		m.frames[i].code, m.frames[i].fn = nil, nil
	}
	clearShort(m.exports)
	clearShort(m.born)
	m.states = m.states[:0] // one by one, so that nothing but the length is written
	m.frames = m.frames[:0]
	m.exports = m.exports[:0]
	m.contracts = m.contracts[:0]
	m.births = m.births[:0]
	m.logs = m.logs[:0]
	m.high, m.pc, m.hostCalls, m.written = 0, 0, 0, 0
	m.caught, m.in = Value{}, &noInput
	if m.mem.reserved > 0 {
		m.sched.Release(m.mem.reserved)
		m.mem.reserved = 0
	}
	m.ctx, m.done, m.sched = nil, nil, nil
	if len(m.stack) > 4096 {
		m.stack = nil
	}
	if n := cap(m.walkStack); n > 0 {
		clear(m.walkStack[:n])
		if n > 1024 {
			m.walkStack = nil
		}
	}
	if cap(m.exports) > 256 {
		m.exports = nil
	}
}

// clearShort is clear for slices that are short as a rule: writing a few items
// costs less than telling the garbage collector of a range.
func clearShort[T any](s []T) {
	if len(s) > 16 {
		clear(s)
		return
	}
	var zero T
	for i := range s {
		s[i] = zero
	}
}

// Context is the execution's context: cancelled when nobody waits for it.
func (m *Machine) Context() context.Context { return m.ctx }

// Work charges n instructions for work that grows with its input, and looks at
// the deadline when the slice is used up. Call it at least once for every
// 100 µs of work: as a rule 1 for 512 bytes that are copied, 1 for 64 bytes that are
// scanned, 1 for 4 values that are visited. Its errors are quota_instructions,
// quota_time and cancelled.
func (m *Machine) Work(n int) error {
	m.fuel -= int64(n)
	if m.fuel < 0 {
		return m.refuel()
	}
	return nil
}

// refuel ends a slice: it looks at the quotas, lets others run, and grants the
// next slice.
func (m *Machine) refuel() error {
	need := -m.fuel
	if need > m.reserve {
		return Errorf(CodeInstructions, "more than %d instructions", m.limits.Instructions)
	}
	grant := min(m.reserve, need+sliceFuel)
	m.fuel += grant
	m.reserve -= grant
	_, err := m.lookAtClock()
	return err
}

// lookAtClock checks deadline and cancellation, and yields when it is time to. What is
// taken in during a host call is on that one's time, and has no place to give up.
func (m *Machine) lookAtClock() (elapsed time.Duration, err error) {
	elapsed = m.elapsed()
	if m.clock.away {
		runtime.Gosched()
		return elapsed, m.cancelled()
	}
	if elapsed-m.clock.yields >= yieldEvery {
		if err := m.sched.Yield(); err != nil {
			return elapsed, err
		}
		elapsed = m.elapsed()
		m.clock.yields = elapsed
	}
	if elapsed-m.clock.host > m.clock.limit {
		return elapsed, Errorf(CodeTime, "more than %v of execution time", m.limits.Time)
	}
	return elapsed, m.cancelled()
}

// cancelled is the error of an execution that nobody waits for any more.
func (m *Machine) cancelled() error {
	select {
	case <-m.done:
		return Errorf(CodeCancelled, "cancelled: %w", context.Cause(m.ctx))
	default:
		return nil
	}
}

// Look returns the time since the execution began, once it has looked at deadline and
// cancellation, as an account that is opened next need not at once. Its errors are
// quota_time and cancelled.
func (m *Machine) Look() (time.Duration, error) {
	m.clock.looked = true
	return m.lookAtClock()
}

// Elapsed returns the time since the execution began. The log goes on from there.
func (m *Machine) Elapsed() time.Duration {
	m.logStale()
	return m.logTime()
}

// Scratch is memory that an execution uses for a while without holding it,
// bounded by what its quota leaves.
type Scratch struct {
	m    *Machine
	left int64
	look int64 // bytes until the next look at the clock
}

// Scratch starts a new account.
func (m *Machine) Scratch() Scratch {
	s := Scratch{m: m, left: m.mem.room()}
	if m.clock.looked {
		m.clock.looked, s.look = false, lookEvery
	}
	return s
}

// lookEvery is how many bytes an account takes between two looks at the clock.
const lookEvery = 64 << 10

// Charge asks for n bytes before they are allocated, and looks at the deadline
// now and then. Its errors are quota_memory, quota_time and cancelled.
func (s *Scratch) Charge(n int) error {
	s.left -= int64(n)
	s.look -= int64(n)
	if s.left < 0 {
		return Errorf(CodeMemory, "more than %d bytes of memory", s.m.mem.limit)
	}
	if s.look < 0 {
		s.look = lookEvery
		_, err := s.m.lookAtClock()
		return err
	}
	return nil
}

// Used tells what the execution has used so far: instructions, and bytes
// charged since memory was measured last. Both are the same on every run of
// the same program with the same input.
func (m *Machine) Used() (instructions, memory int64) {
	return m.limits.Instructions - m.reserve - m.fuel, m.mem.limit - m.mem.room()
}

// HostTime is how long the execution has spent in host calls.
func (m *Machine) HostTime() time.Duration { return m.clock.host }

// output counts n bytes of the answer.
func (m *Machine) output(n int) error {
	m.written += n
	if m.written > m.limits.Output {
		return m.tooMuchOutput()
	}
	return nil
}

//go:noinline
func (m *Machine) tooMuchOutput() error { // or output would be a call
	return Errorf(CodeOutput, "an answer of more than %d bytes", m.limits.Output)
}
