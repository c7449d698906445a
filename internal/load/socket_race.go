//go:build linux && race

// This file reads and writes sockets as package syscall has it: the race detector learns
// from it what happened before what.

package load

import "syscall"

// receive reads from a socket what is there.
func receive(fd int, p []byte) (int, error) { return syscall.Read(fd, p) }

// send writes to a socket as much as it has room for.
func send(fd int, p []byte) (int, error) { return syscall.Write(fd, p) }
