// This file holds processor time, and whose it is.

package load

import (
	"errors"
	"time"
)

// ErrNoListener tells that no process can be named as the one that listens: there
// is none, it belongs to somebody else, or there are several.
var ErrNoListener = errors.New("no process, or not one alone, is known to listen there")

// CPU is the processor time that a process has used since it began, all its
// threads included, and those that have ended.
type CPU struct {
	Total time.Duration // to the nanosecond
	// User and System are Total's parts as the kernel tells them, in steps of 10 ms.
	User, System time.Duration
}

// Sub returns what was used since an earlier moment.
func (c CPU) Sub(earlier CPU) CPU {
	return CPU{c.Total - earlier.Total, c.User - earlier.User, c.System - earlier.System}
}

// Add returns what two processes have used.
func (c CPU) Add(other CPU) CPU {
	return CPU{c.Total + other.Total, c.User + other.User, c.System + other.System}
}
