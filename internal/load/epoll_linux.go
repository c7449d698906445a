// This file waits for connections on Linux, in the thread of the loop itself. Go's own
// waiting has a goroutine wake up for each answer, and a sleep end up to a millisecond
// late.

package load

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newPoller returns the poller that is cheapest here.
func newPoller() (poller, error) {
	p, err := newEpoll()
	if err != nil {
		return nil, err // p is no nil of the interface
	}
	return p, nil
}

func newEpoll() (*epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	p := &epoll{fd: fd, wait2: true}
	if p.bell, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("eventfd", err)
	}
	if err := p.watch(p.bell, unix.EPOLLIN|unix.EPOLLET); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// An epoll is a poller by epoll(7), edge-triggered.
type epoll struct {
	fd    int
	bell  int     // an eventfd that wake writes to
	conns []*conn // by descriptor
	wait2 bool    // the kernel has epoll_pwait2 (Linux 5.11)

	raw   [eventsPerTurn]unix.EpollEvent
	ready [eventsPerTurn]event
}

func (p *epoll) watch(fd int, events uint32) error {
	err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
	return os.NewSyscallError("epoll_ctl", err)
}

// take implements poller. Go's runtime watches the descriptor of a stream too; a
// duplicate is out of its sight.
func (p *epoll) take(stream net.Conn, k *conn) (socket, error) {
	fd, err := duplicate(stream)
	_ = stream.Close() // the duplicate holds the connection
	if err != nil {
		return nil, err
	}
	for len(p.conns) <= fd {
		p.conns = append(p.conns, make([]*conn, 64)...)
	}
	p.conns[fd] = k
	s := &descriptor{fd: fd, epoll: p}
	if err := p.watch(fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// duplicate returns another descriptor of a connection.
func duplicate(stream net.Conn) (fd int, err error) {
	raw, err := stream.(*net.TCPConn).SyscallConn()
	if err != nil {
		return -1, err
	}
	var failed error
	err = raw.Control(func(of uintptr) { fd, failed = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		err = os.NewSyscallError("fcntl", failed)
	}
	return fd, err
}

// wait implements poller.
func (p *epoll) wait(d time.Duration) ([]event, error) {
	n, err := p.poll(max(d, 0))
	if err != nil && err != unix.EINTR {
		return nil, os.NewSyscallError("epoll_wait", err)
	}
	ready := p.ready[:0]
	for i := range max(n, 0) {
		e := &p.raw[i]
		if int(e.Fd) == p.bell {
			continue // edge-triggered: it need not be read
		}
		if k := p.conns[e.Fd]; k != nil {
			ended := e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
			ready = append(ready, event{
				conn: k, ended: ended, readable: ended || e.Events&unix.EPOLLIN != 0,
				writable: ended || e.Events&unix.EPOLLOUT != 0,
			})
		}
	}
	return ready, nil
}

// poll waits for d, to the nanosecond as far as the kernel can.
func (p *epoll) poll(d time.Duration) (int, error) {
	if d == 0 {
		return unix.EpollWait(p.fd, p.raw[:], 0)
	}
	timeout := unix.NsecToTimespec(int64(d))
	if p.wait2 {
		n, err := epollWait2(p.fd, p.raw[:], &timeout)
		if err != unix.ENOSYS && err != unix.EPERM { // EPERM: a filter that does not know it
			return n, err
		}
		p.wait2 = false
	}
	if _, err := unix.Ppoll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, &timeout, nil); err != nil {
		return 0, err
	}
	return unix.EpollWait(p.fd, p.raw[:], 0)
}

// epollWait2 is epoll_pwait2(2), which waits for less than a millisecond too.
func epollWait2(fd int, events []unix.EpollEvent, timeout *unix.Timespec) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)),
		uintptr(unsafe.Pointer(timeout)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// wake implements poller.
func (p *epoll) wake() {
	// It cannot fail: the sum of all calls is far below what the counter holds.
	_, _ = unix.Write(p.bell, binary.NativeEndian.AppendUint64(nil, 1))
}

func (p *epoll) close() {
	_ = unix.Close(p.fd) // nothing was written to either
	_ = unix.Close(p.bell)
}

// A descriptor is a socket by its number.
type descriptor struct {
	fd    int
	epoll *epoll
}

// read implements socket.
func (s *descriptor) read(p []byte) (int, error) {
	for {
		switch n, err := receive(s.fd, p); {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, errAgain
		case err == nil && n == 0:
			return 0, io.EOF
		default:
			return n, err
		}
	}
}

// write implements socket.
func (s *descriptor) write(p []byte) (int, error) {
	for {
		switch n, err := send(s.fd, p); err {
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, nil
		default:
			return n, err
		}
	}
}

func (s *descriptor) close() {
	s.epoll.conns[s.fd] = nil
	_ = unix.Close(s.fd) // what was not read is of no interest
}
