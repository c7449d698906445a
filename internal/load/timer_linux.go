// This file waits, on Linux. A sleep of Go's own ends up to a millisecond late,
// as an idle program waits for the network in whole milliseconds (measured: 0.6
// ms late on average); a timer of the kernel that is read like a connection is
// 16 µs late.

package load

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A timer sleeps for one goroutine.
type timer struct {
	fd     int
	file   *os.File
	forget func() bool
}

// newTimer makes a timer whose sleep fails when ctx ends.
func newTimer(ctx context.Context) (*timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	file := os.NewFile(uintptr(fd), "timerfd")
	forget := context.AfterFunc(ctx, func() {
		// It can fail when the timer is closed already; then nobody sleeps.
		_ = file.SetReadDeadline(time.Unix(1, 0))
	})
	return &timer{fd, file, forget}, nil
}

// sleep returns after d, which is more than 0.
func (t *timer) sleep(d time.Duration) error {
	once := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	if err := unix.TimerfdSettime(t.fd, 0, &once, nil); err != nil {
		return os.NewSyscallError("timerfd_settime", err)
	}
	var expirations [8]byte
	_, err := t.file.Read(expirations[:])
	return err
}

func (t *timer) close() {
	t.forget()
	_ = t.file.Close() // nothing is written to it
}
