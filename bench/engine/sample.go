// This file measures one function for a given time.

package engine

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// Sample is the time of one run in nanoseconds.
type Sample struct {
	// CPU is the processor time of the whole process, the collector's included.
	CPU float64 `json:"cpu_ns"`
	// Wall is the time that went by.
	Wall float64 `json:"wall_ns"`
}

// Measure runs f again and again for at least the given wall time. It starts
// from a collected heap, so that nobody pays for the garbage of others.
func Measure(f func() error, least time.Duration) (Sample, error) {
	runtime.GC()
	for n := 1; ; {
		wall, cpu, err := batch(f, n)
		if err != nil {
			return Sample{}, err
		}
		if wall >= least {
			return Sample{CPU: float64(cpu) / float64(n), Wall: float64(wall) / float64(n)}, nil
		}
		// Aim a fifth past the mark, so that the next batch is the last one.
		next := 1.2 * float64(n) * float64(least) / float64(max(wall, time.Microsecond))
		n = max(n+1, min(n*100, int(next)))
	}
}

func batch(f func() error, n int) (wall, cpu time.Duration, err error) {
	cpu, err = processorTime()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	for range n {
		if err := f(); err != nil {
			return 0, 0, err
		}
	}
	wall = time.Since(start)
	end, err := processorTime()
	return wall, end - cpu, err
}

// processorTime is what this process has used, in user and in system mode.
func processorTime() (time.Duration, error) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), nil
}
