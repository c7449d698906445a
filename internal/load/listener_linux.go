// This file finds the process that listens on a port, on Linux.

package load

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Listener returns the process of this machine that listens on a TCP port, whatever
// its address. It reads the tables of sockets and the open files of processes in
// /proc, of which those of other users are closed to it.
func Listener(port uint16) (pid int, err error) {
	links := map[string]bool{}
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // there is no IPv6
		}
		if err != nil {
			return 0, err
		}
		for _, inode := range listening(table, port) {
			links[fmt.Sprintf("socket:[%s]", inode)] = true
		}
	}
	if len(links) == 0 {
		return 0, fmt.Errorf("port %d: %w", port, ErrNoListener)
	}
	pids := holders(links)
	if len(pids) != 1 {
		return 0, fmt.Errorf("port %d: %w", port, ErrNoListener)
	}
	return pids[0], nil
}

// listening finds the inodes of the sockets that listen on a port, in a table as
// proc_pid_net(5) describes it.
func listening(table []byte, port uint16) (inodes []string) {
	const (
		local, state, inode = 1, 3, 9 // fields
		listen              = "0A"
	)
	suffix := fmt.Appendf(nil, ":%04X", port)
	for line := range bytes.Lines(table) {
		fields := bytes.Fields(line)
		if len(fields) > inode && string(fields[state]) == listen && bytes.HasSuffix(fields[local], suffix) {
			inodes = append(inodes, string(fields[inode]))
		}
	}
	return inodes
}

// holders returns the processes with an open file that leads to one of the links.
func holders(links map[string]bool) (pids []int) {
	// The only error is that of a wrong pattern. Processes may end meanwhile.
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		if link, err := os.Readlink(file); err != nil || !links[link] {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(file))))
		if err == nil && !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}
