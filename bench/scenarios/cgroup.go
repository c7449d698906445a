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

// A cgroup bounds processors and memory of the processes in it.
type cgroup struct {
	dirs   []string // one in version 2, one of each controller in version 1
	usage  string   // file with the bytes held
	events string   // file with the line "oom_kill N"
}

// newCgroup makes a control group. It needs root, and a hierarchy that may be
// written to.
func newCgroup(cpus int, memory int64) (*cgroup, error) {
	name := fmt.Sprintf("avap-scenario-%d", os.Getpid())
	g, err := newCgroupV1(name, cpus, memory)
	if _, missing := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers")); missing == nil {
		g, err = newCgroupV2(name, cpus, memory)
	}
	if err != nil {
		if g != nil {
			err = errors.Join(err, g.remove())
		}
		return nil, fmt.Errorf("no control group (it takes root and a writable %s): %w", cgroupRoot, err)
	}
	return g, nil
}

// A setting is a value for a file of a control group.
type setting struct{ file, value string }

func newCgroupV1(name string, cpus int, memory int64) (*cgroup, error) {
	ram, cpu := filepath.Join(cgroupRoot, "memory", name), filepath.Join(cgroupRoot, "cpu", name)
	g := &cgroup{
		usage:  filepath.Join(ram, "memory.usage_in_bytes"),
		events: filepath.Join(ram, "memory.oom_control"),
	}
	return g, g.make([]string{ram, cpu}, []setting{
		{filepath.Join(ram, "memory.limit_in_bytes"), strconv.FormatInt(memory, 10)},
		{filepath.Join(cpu, "cpu.cfs_period_us"), strconv.Itoa(period)},
		{filepath.Join(cpu, "cpu.cfs_quota_us"), strconv.Itoa(cpus * period)},
	})
}

func newCgroupV2(name string, cpus int, memory int64) (*cgroup, error) {
	dir := filepath.Join(cgroupRoot, name)
	g := &cgroup{usage: filepath.Join(dir, "memory.current"), events: filepath.Join(dir, "memory.events")}
	enable := []byte("+cpu +memory")
	if err := os.WriteFile(filepath.Join(cgroupRoot, "cgroup.subtree_control"), enable, 0o644); err != nil {
		return nil, err
	}
	return g, g.make([]string{dir}, []setting{
		{filepath.Join(dir, "memory.max"), strconv.FormatInt(memory, 10)},
		{filepath.Join(dir, "cpu.max"), fmt.Sprintf("%d %d", cpus*period, period)},
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

// enter gives a command that runs another one in the group: a shell puts itself
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
func (g *cgroup) oomKills() (int64, error) {
	text, err := os.ReadFile(g.events)
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if n, found := strings.CutPrefix(lines.Text(), "oom_kill "); found {
			return strconv.ParseInt(n, 10, 64)
		}
	}
	return 0, fmt.Errorf("%s: no line oom_kill", g.events)
}

// remove ends the group; its processes must have ended.
func (g *cgroup) remove() error {
	var errs []error
	for _, dir := range g.dirs {
		errs = append(errs, os.Remove(dir))
	}
	return errors.Join(errs...)
}
