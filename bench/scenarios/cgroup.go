// This file holds control groups of Linux, of version 1 and 2.

package scenarios

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const cgroupRoot = "/sys/fs/cgroup"

// period is the time over which the kernel counts the processor time of a
// group, in microseconds.
const period = 100_000

// limits are what the processes of a control group may use together.
type limits struct {
	cpus   float64 // processors; a quarter is 25 ms of each 100 ms
	memory int64   // bytes
}

// quota is the processor time of each period, in microseconds.
func (l limits) quota() int { return int(l.cpus * period) }

// A cgroup bounds processors and memory of the processes in it.
type cgroup struct {
	dirs   []string // one in version 2, one of each controller in version 1
	usage  string   // file with the bytes held
	events string   // file with the line "oom_kill N"
	cpu    string   // file with what the quota of processor time has done
}

// newCgroup makes the control group of a pod, whose name tells it apart from the
// others of this program. It needs root, and a hierarchy that may be written to.
func newCgroup(pod string, l limits) (*cgroup, error) {
	return newCgroupIn(cgroupRoot, fmt.Sprintf("avap-scenario-%d-%s", os.Getpid(), pod), l)
}

// newCgroupIn takes version 2 where the root of the hierarchies is of that version.
func newCgroupIn(root, name string, l limits) (*cgroup, error) {
	version := newCgroupV1
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
		version = newCgroupV2
	}
	g, err := version(root, name, l)
	if err != nil {
		return nil, fmt.Errorf("no control group (it takes root and a writable %s): %w", root, errors.Join(err, g.remove()))
	}
	return g, nil
}

// A setting is a value for a file of a control group.
type setting struct{ file, value string }

func newCgroupV1(root, name string, l limits) (*cgroup, error) {
	ram, cpu := filepath.Join(root, "memory", name), filepath.Join(root, "cpu", name)
	g := &cgroup{
		usage:  filepath.Join(ram, "memory.usage_in_bytes"),
		events: filepath.Join(ram, "memory.oom_control"),
		cpu:    filepath.Join(cpu, "cpu.stat"),
	}
	return g, g.make([]string{ram, cpu}, []setting{
		{filepath.Join(ram, "memory.limit_in_bytes"), strconv.FormatInt(l.memory, 10)},
		{filepath.Join(cpu, "cpu.cfs_period_us"), strconv.Itoa(period)},
		{filepath.Join(cpu, "cpu.cfs_quota_us"), strconv.Itoa(l.quota())},
	})
}

func newCgroupV2(root, name string, l limits) (*cgroup, error) {
	dir := filepath.Join(root, name)
	g := &cgroup{
		usage:  filepath.Join(dir, "memory.current"),
		events: filepath.Join(dir, "memory.events"),
		cpu:    filepath.Join(dir, "cpu.stat"),
	}
	enable := []byte("+cpu +memory")
	if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), enable, 0o644); err != nil {
		return g, err
	}
	return g, g.make([]string{dir}, []setting{
		{filepath.Join(dir, "memory.max"), strconv.FormatInt(l.memory, 10)},
		{filepath.Join(dir, "cpu.max"), fmt.Sprintf("%d %d", l.quota(), period)},
	})
}

func (g *cgroup) make(dirs []string, settings []setting) error {
	for _, dir := range dirs {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		g.dirs = append(g.dirs, dir)
	}
	for _, s := range settings {
		if err := os.WriteFile(s.file, []byte(s.value), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// enter returns a command that runs another one in the group: a shell puts itself
// into it and becomes the command.
func (g *cgroup) enter(name string, args []string) (string, []string) {
	var script strings.Builder
	for _, dir := range g.dirs {
		fmt.Fprintf(&script, "echo $$ > '%s/cgroup.procs' && ", dir)
	}
	script.WriteString(`exec "$@"`)
	return "/bin/sh", append([]string{"-c", script.String(), "sh", name}, args...)
}

// memory is what the group holds, in bytes.
func (g *cgroup) memory() (int64, error) {
	text, err := os.ReadFile(g.usage)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// oomKills is how many processes of the group were killed for want of memory.
func (g *cgroup) oomKills() (int64, error) { return counter(g.events, "oom_kill") }

// A throttling is what a quota of processor time has done to a group so far.
type throttling struct {
	Periods   int64 `json:"periods"`   // in which a process of the group wanted to run
	Throttled int64 `json:"throttled"` // those of them in which the quota was used up
}

// sub returns what was done since an earlier moment.
func (t throttling) sub(earlier throttling) throttling {
	return throttling{t.Periods - earlier.Periods, t.Throttled - earlier.Throttled}
}

func (g *cgroup) throttling() (t throttling, err error) {
	if t.Periods, err = counter(g.cpu, "nr_periods"); err != nil {
		return t, err
	}
	t.Throttled, err = counter(g.cpu, "nr_throttled")
	return t, err
}

// counter returns the number behind a name in a file of such lines.
func counter(file, name string) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if n, found := strings.CutPrefix(lines.Text(), name+" "); found {
			return strconv.ParseInt(n, 10, 64)
		}
	}
	return 0, fmt.Errorf("%s: no line %s", file, name)
}

// remove ends the group; its processes must have ended.
func (g *cgroup) remove() error {
	var errs []error
	for _, dir := range g.dirs {
		errs = append(errs, os.Remove(dir))
	}
	return errors.Join(errs...)
}
