// This file holds how many files a process may have open, connections included.

package container

import "syscall"

// OpenFiles gives how many files the process may have open, connections included, as Go
// has raised it at the start; 0 where it is not known.
func OpenFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return uint64(limit.Cur) // signed on some systems
}
