//go:build !race

// This file reads and writes sockets on Linux the short way: by calls that never wait,
// and are not announced to Go's scheduler, as those of package syscall are.

package load

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// receive reads from a socket what is there.
func receive(fd int, p []byte) (int, error) { return transfer(unix.SYS_RECVFROM, fd, p) }

// send writes to a socket as much as it has room for.
func send(fd int, p []byte) (int, error) { return transfer(unix.SYS_SENDTO, fd, p) }

func transfer(call uintptr, fd int, p []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
