// This file holds processor time.

package load

import "time"

// CPU is the processor time that a process has used since it began, all its
// threads included, and those that have ended.
type CPU struct {
	Total time.Duration // to the nanosecond
	// User and System are Total's parts as the kernel tells them, in steps of 10 ms.
	User, System time.Duration
}

// Sub gives what was used since an earlier moment.
func (c CPU) Sub(earlier CPU) CPU {
	return CPU{c.Total - earlier.Total, c.User - earlier.User, c.System - earlier.System}
}

// Add gives what two processes have used.
func (c CPU) Add(other CPU) CPU {
	return CPU{c.Total + other.Total, c.User + other.User, c.System + other.System}
}
