// This file holds what processes are given on Linux: another user than root,
// an end with the test binary, and one for all processes of a server.

package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// serverOwner returns the user to run servers as, nil for the one who runs the
// tests.
func serverOwner() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return accountOf(u)
		}
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}

func accountOf(u *user.User) (*account, error) {
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return &account{uid, gid}, nil
}

// processAttributes has a process end, its children included, when the test
// binary dies: SIGQUIT is PostgreSQL's immediate shutdown.
func processAttributes(owner *account) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if owner != nil {
		attributes.Credential = &syscall.Credential{Uid: uint32(owner.uid), Gid: uint32(owner.gid)}
	}
	return attributes
}

// endSessions kills what a server left running on its data directory, which is
// the working directory of all its processes, and returns when nothing is left.
func endSessions(data string) error {
	dir, err := os.Stat(data)
	if err != nil {
		return err
	}
	for end := time.Now().Add(stopTime); time.Now().Before(end); time.Sleep(pollTime) {
		pids, err := processesIn(dir)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			// One that has ended by itself is as good.
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("processes of the server outlived their kill by %v", stopTime)
}

// processesIn returns the processes that have dir as their working directory.
func processesIn(dir os.FileInfo) ([]int, error) {
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, link := range links {
		// Processes that end meanwhile, or are somebody else's, have no cwd to see.
		cwd, err := os.Stat(link)
		if err != nil || !os.SameFile(cwd, dir) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}
