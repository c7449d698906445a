package vm

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ledger is a scheduler that keeps account of memory and refuses past most.
type ledger struct {
	alone
	reserved, peak, most int64
}

var errFull = Errorf(CodeOverloaded, "no memory left")

func (l *ledger) Reserve(n int64) error {
	if l.reserved+n > l.most {
		return errFull
	}
	l.reserved += n
	l.peak = max(l.peak, l.reserved)
	return nil
}

func (l *ledger) Release(n int64) { l.reserved -= n }

func TestMemoryIsReservedInSteps(t *testing.T) {
	const quota = 4 << 20
	tests := []struct {
		name     string
		charges  []int // one after another, nothing of them held
		most     int64
		reserved int64 // at the end
		room     int64
		err      error
	}{
		{"little asks for nothing", []int{FreeMemory}, 0, 0, quota - FreeMemory, nil},
		{"a step", []int{FreeMemory, 1}, quota, memoryStep + 1, quota - FreeMemory - 1, nil},
		{"a large charge at once", []int{2 << 20}, quota, 2<<20 - FreeMemory + memoryStep, quota - 2<<20, nil},
		{"a scheduler that has no more", []int{FreeMemory, 1}, memoryStep, 0, 0, errFull},
		{"the quota", []int{quota, 1}, quota, 0, 0, &Error{Code: CodeMemory}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &ledger{most: tt.most}
			m := &Machine{}
			m.Reset(t.Context(), Limits{Memory: quota, Time: -1}, l)
			var err error
			for _, n := range tt.charges {
				if err = m.Charge(n); err != nil {
					break
				}
			}
			if tt.err != nil {
				var got, want *Error
				if !errors.As(err, &got) || !errors.As(tt.err, &want) || got.Code != want.Code {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
			} else if diff := cmp.Diff([]int64{tt.reserved, tt.room}, []int64{l.reserved, m.mem.room()}); err != nil || diff != "" {
				t.Errorf("error %v, reserved and room (-want +got):\n%s", err, diff)
			}
			m.Clear()
			if l.reserved != 0 {
				t.Errorf("%d bytes are still reserved after Clear", l.reserved)
			}
		})
	}
}

// TestWalkGivesReservedMemoryBack: what is dropped is measured away at the quota, and
// others may have it.
func TestWalkGivesReservedMemoryBack(t *testing.T) {
	l := &ledger{most: 1 << 30}
	m := &Machine{}
	m.Reset(t.Context(), Limits{Memory: 4 << 20, Time: -1}, l)
	for range 64 {
		m.mem.op = m.mem.left // each charge is an operation of its own, whose result is dropped
		if err := m.Charge(100 << 10); err != nil {
			t.Fatal(err)
		}
	}
	if l.peak < 3<<20 || l.reserved > 3<<20 {
		t.Errorf("reserved %d bytes at the end, %d at the peak: want the peak near the quota, and less behind the walk", l.reserved, l.peak)
	}
}

func TestRestrictLowersOnly(t *testing.T) {
	m := &Machine{}
	m.Reset(t.Context(), Limits{Instructions: 1000, Memory: 1 << 20, Depth: 5}, nil)
	m.Restrict(Limits{Instructions: 100, Memory: 2 << 20, Depth: 3, Output: 7, HostCalls: -1})
	got := m.limits
	want := Limits{Instructions: 100, Memory: 1 << 20, Depth: 3, Output: 7}.withDefaults()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("limits in force (-want +got):\n%s", diff)
	}
	if err := m.Work(101); err == nil {
		t.Error("101 instructions of 100 ran")
	}
	m.Reset(t.Context(), Limits{Instructions: 1000, Memory: 1 << 20, Depth: 5}, nil)
	if diff := cmp.Diff(Limits{Instructions: 1000, Memory: 1 << 20, Depth: 5}.withDefaults(), m.limits); diff != "" {
		t.Errorf("limits of the next execution (-want +got):\n%s", diff)
	}
	m.Restrict(Limits{Memory: 1000})
	if err := m.Charge(1001); err == nil {
		t.Error("1,001 bytes of 1,000 were charged")
	}
}

// places is a scheduler that counts turns, and those that were asked for while the
// execution had no place.
type places struct {
	alone
	away          bool
	turns, astray int
}

func (p *places) Leave()       { p.away = true }
func (p *places) Enter() error { p.away = false; return nil }

func (p *places) Yield() error {
	p.turns++
	if p.away {
		p.astray++
	}
	return nil
}

// TestWorkInHostCall takes in much of what a host gives, late: that is time of the host
// call, and asks for no turn, as there is no place to give up.
func TestWorkInHostCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // whose clock does not run while a busy machine has others run
		ctx, cancel := context.WithCancel(t.Context())
		p := &places{}
		m := &Machine{}
		m.Reset(ctx, Limits{Time: 50 * time.Millisecond}, p)
		work := func() error {
			for range 100 {
				if err := m.Work(sliceFuel); err != nil {
					return err
				}
			}
			return nil
		}
		err := m.HostCall(CodeSQL, func(context.Context) error {
			time.Sleep(60 * time.Millisecond)
			return work()
		})
		if err != nil || p.turns > 0 {
			t.Errorf("%d turns in the host call, %d without a place, error %v", p.turns, p.astray, err)
		}
		if err := work(); err != nil || p.turns == 0 || p.astray > 0 {
			t.Errorf("%d turns behind the host call, %d without a place, error %v", p.turns, p.astray, err)
		}
		err = m.HostCall(CodeSQL, func(context.Context) error {
			cancel()
			return work()
		})
		if failed := (*Error)(nil); !errors.As(err, &failed) || failed.Code != CodeCancelled {
			t.Errorf("%v in a host call that was cancelled", err)
		}
	})
}
