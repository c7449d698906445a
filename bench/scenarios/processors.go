// This file says which processors programs run on, and what these were busy with.

package scenarios

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// Where programs run that must not take processor time from each other.
const (
	workersCPU = 0
	othersCPU  = 1 // the generator, and what stands between it and the workers
)

// apart tells whether the machine has a processor for workers and one for the rest.
func apart() error {
	if runtime.NumCPU() < 2 {
		return errors.New("it takes two processors, one of them for the generator")
	}
	return nil
}

// pin has this program, which is the generator, run on some processors alone, as
// taskset names them. What it starts from now on does too. It ends with the lab.
func (l *Lab) pin(ctx context.Context, cpus string) error {
	if !l.pinned {
		before, err := allowed()
		if err != nil {
			return err
		}
		l.pinned = true
		l.undo = append(l.undo, func() error { return pinSelf(context.Background(), before) })
	}
	return pinSelf(ctx, cpus)
}

// pinSelf moves all threads: those that the runtime makes later come from one of them.
func pinSelf(ctx context.Context, cpus string) error {
	cmd := exec.CommandContext(ctx, "taskset", "--all-tasks", "--pid", "--cpu-list", cpus, strconv.Itoa(os.Getpid()))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w\n%s", err, out)
	}
	return nil
}

// allowed is the list of the processors that this program may run on.
func allowed() (string, error) {
	const file = "/proc/self/status"
	status, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		if cpus, found := strings.CutPrefix(lines.Text(), "Cpus_allowed_list:"); found {
			return strings.TrimSpace(cpus), nil
		}
	}
	return "", fmt.Errorf("%s: no line Cpus_allowed_list", file)
}

// A processor is what one did since the machine's start, in ticks.
type processor struct{ Busy, Stolen, All int64 }

// share is the part of the time since an earlier moment in which it was busy, with
// whatever program, or in which the host of this machine had it.
func (p processor) share(earlier processor) float64 {
	return float64(p.Busy+p.Stolen-earlier.Busy-earlier.Stolen) / float64(max(1, p.All-earlier.All))
}

// stolen is the share of all processors' time between two moments that the host had.
func stolen(before, after map[int]processor) float64 {
	var ticks, all int64
	for number, p := range after {
		ticks += p.Stolen - before[number].Stolen
		all += p.All - before[number].All
	}
	return float64(ticks) / float64(max(1, all))
}

// processors returns what each of the machine's processors did, by its number.
func processors() (map[int]processor, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil, err
	}
	return parseProcessors(stat)
}

// parseProcessors reads the lines cpuN of proc_stat(5).
func parseProcessors(stat []byte) (map[int]processor, error) {
	all := map[int]processor{}
	for lines := bufio.NewScanner(bytes.NewReader(stat)); lines.Scan(); {
		var number int
		var user, nice, system, idle, wait, irq, soft, stolen int64
		if _, err := fmt.Sscanf(lines.Text(), "cpu%d %d %d %d %d %d %d %d %d",
			&number, &user, &nice, &system, &idle, &wait, &irq, &soft, &stolen); err != nil {
			continue // the sum of all processors, or what is no processor
		}
		busy := user + nice + system + irq + soft
		all[number] = processor{busy, stolen, busy + stolen + idle + wait}
	}
	if len(all) == 0 {
		return nil, errors.New("/proc/stat tells of no processors")
	}
	return all, nil
}
