//go:build !linux

// This file waits, on other systems than Linux.

package load

import (
	"context"
	"time"
)

// A timer sleeps for one goroutine.
type timer struct{ ctx context.Context }

// newTimer makes a timer whose sleep fails when ctx ends.
func newTimer(ctx context.Context) (*timer, error) { return &timer{ctx}, nil }

// sleep returns after d.
func (t *timer) sleep(d time.Duration) error {
	pause(t.ctx, d)
	return t.ctx.Err()
}

func (t *timer) close() {}
