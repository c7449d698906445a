// This file measures the processor time of a process, on Linux.

package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of /proc/PID/stat: Linux reports to programs in hundredths of
// a second on all its architectures.
const tick = 10 * time.Millisecond

// ProcessCPU tells what a process has used so far.
func ProcessCPU(pid int) (CPU, error) {
	// The clock of another process (clock_getcpuclockid(3)) counts in nanoseconds.
	// Of the files in /proc, stat counts in ticks, and schedstat leaves out threads
	// that have ended.
	const schedulerClock = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedulerClock), &t); err != nil {
		return CPU{}, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return CPU{}, err
	}
	user, system, err := parseStat(stat)
	if err != nil {
		return CPU{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	return CPU{time.Duration(t.Nano()), user, system}, nil
}

// parseStat finds utime and stime, the fields 14 and 15 of proc_pid_stat(5).
// The name in field 2 may hold anything, parentheses and spaces too.
func parseStat(stat []byte) (user, system time.Duration, err error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const first = 3 // the number of the field after the name
	if len(fields) <= 15-first {
		return 0, 0, fmt.Errorf("only %d fields", len(fields))
	}
	var ticks [2]int64
	for i := range ticks {
		if ticks[i], err = strconv.ParseInt(string(fields[14-first+i]), 10, 64); err != nil {
			return 0, 0, err
		}
	}
	return time.Duration(ticks[0]) * tick, time.Duration(ticks[1]) * tick, nil
}

// Resident is the memory of a process that is in RAM now, and the most that it
// has been, in bytes.
func Resident(pid int) (now, peak int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for name, into := range map[string]*int64{"VmRSS:": &now, "VmHWM:": &peak} {
		_, rest, _ := bytes.Cut(status, []byte(name))
		var kib int64
		if _, err := fmt.Sscan(string(rest), &kib); err != nil {
			return 0, 0, fmt.Errorf("/proc/%d/status: %s %w", pid, name, err)
		}
		*into = kib << 10
	}
	return now, peak, nil
}
