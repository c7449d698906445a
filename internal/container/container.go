// Package container tells what the machine or the container allows the process,
// and bounds Go's memory by it.
package container

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Who bounds the memory of a process.
const (
	FromCgroup  = "cgroup"  // the container, version 1 or 2
	FromMachine = "machine" // nobody but the machine itself
)

// Memory is how much memory the process may use.
type Memory struct {
	Bytes int64
	From  string // FromCgroup or FromMachine
}

// ReadMemory returns the memory limit of the process's own cgroup and of those
// around it, whichever is least, or the machine's memory where there is no limit
// below that. A cgroup that cannot be read counts as none: the program shall
// start outside of Linux and in odd containers too. The error, where not even the
// machine's memory is known, is one line.
func ReadMemory() (Memory, error) { return readMemory(memlimit.FromCgroup, memlimit.FromSystem) }

func readMemory(cgroup, machine memlimit.Provider) (Memory, error) {
	limit, cgroupErr := cgroup()
	if cgroupErr != nil || limit == 0 {
		limit = math.MaxUint64
	}
	all, err := machine()
	if err != nil || all == 0 {
		all = math.MaxUint64
	}
	switch least := min(limit, all); {
	case least > math.MaxInt64:
		return Memory{}, fmt.Errorf("how much memory there is cannot be told: set GOMEMLIMIT (cgroup: %v; machine: %v)", cgroupErr, err)
	case limit <= all:
		return Memory{Bytes: int64(limit), From: FromCgroup}, nil
	default:
		return Memory{Bytes: int64(all), From: FromMachine}, nil
	}
}

// softPercent is Go's soft limit in hundredths of the memory. What is left is for
// what Go does not count: the binary, the kernel's buffers, stacks of threads.
const softPercent = 90

// Bounds are the bounds in force.
type Bounds struct {
	Memory Memory
	// GoMemory is Go's soft memory limit in bytes, math.MaxInt64 for none.
	GoMemory int64
	// Environment tells that GoMemory comes from the variable GOMEMLIMIT.
	Environment bool
	// Processors is GOMAXPROCS: Go itself reads the container's CPU limit.
	Processors int
}

// SetMemoryLimit sets Go's soft memory limit to 90 % of the memory, unless the
// variable GOMEMLIMIT is set: then Go has read that. It logs one line that says
// what was chosen. It changes the whole process: for main alone. Where the memory
// is not known, the error says so and nothing has changed.
func SetMemoryLimit(log *slog.Logger) (Bounds, error) {
	memory, err := ReadMemory()
	b := Bounds{Memory: memory, Processors: runtime.GOMAXPROCS(0), Environment: os.Getenv("GOMEMLIMIT") != ""}
	switch {
	case b.Environment:
		b.GoMemory = debug.SetMemoryLimit(-1)
	case err != nil:
		return Bounds{}, err
	default:
		b.GoMemory = memory.Bytes / 100 * softPercent
		debug.SetMemoryLimit(b.GoMemory)
	}
	log.Info("memory and processors", b.attrs()...)
	return b, nil
}

func (b *Bounds) attrs() []any {
	chosen := "90 % of the memory"
	if b.Environment {
		chosen = "GOMEMLIMIT"
	}
	return []any{
		"memory_bytes", b.Memory.Bytes, "memory_from", b.Memory.From,
		"go_memory_bytes", b.GoMemory, "go_memory_from", chosen, "processors", b.Processors,
	}
}
