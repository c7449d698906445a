// This file holds looking at what a caller has sent, or whether it is still there, without
// reading.

package httpd

import (
	"errors"
	"syscall"
	"time"
)

// pending reports whether bytes wait to be read.
func (c *conn) pending() (yes bool) {
	_ = c.raw.Control(func(fd uintptr) { yes = peek(fd) == bytesThere })
	return yes
}

// gone reports whether the caller has closed its side.
func (c *conn) gone() (yes bool) {
	err := c.raw.Control(func(fd uintptr) { yes = peek(fd) == nothingMore })
	return yes || err != nil
}

// What peek finds.
const (
	nothingYet = iota
	bytesThere
	nothingMore
)

// peek looks at what comes next on a socket, without reading it.
func peek(fd uintptr) int {
	var b [1]byte
	n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	switch {
	case err == nil && n > 0:
		return bytesThere
	case err == nil, errors.Is(err, syscall.ECONNRESET):
		return nothingMore
	}
	return nothingYet
}

// lookForCaller is how often watch looks.
const lookForCaller = 50 * time.Millisecond

// watch calls gone if the caller closes its side before stop is called, from a
// goroutine of its own.
func (c *conn) watch(gone func()) (stop func()) {
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(lookForCaller)
		defer ticker.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-ticker.C:
			}
			if c.gone() {
				gone()
				return
			}
		}
	}()
	return func() { close(stopped); <-done }
}
