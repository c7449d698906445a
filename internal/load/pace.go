// This file sends requests when they are due.

package load

import (
	"context"
	"errors"
	"time"
)

// pace sends all requests of open-loop classes that are due within the duration
// of the run, unless ctx ends before. It never skips one: where it is late, it
// sends at once what is due.
func pace(ctx context.Context, r *run, classes []*class) error {
	if len(classes) == 0 {
		return nil
	}
	t, err := newTimer(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	for {
		next, due := earliest(classes)
		if next == nil || due >= r.opt.Duration {
			return nil
		}
		if wait := due - r.now(); wait > 0 {
			if err := t.sleep(wait); err != nil {
				return unlessOver(ctx, err)
			}
		} else if ctx.Err() != nil {
			return nil
		}
		next.dispatch()
	}
}

// earliest gives the class with the request that is due first.
func earliest(classes []*class) (next *class, due time.Duration) {
	for _, c := range classes {
		// Only the pacer counts an open loop's requests on.
		if at := c.dueAt(c.next); c.more() && (next == nil || at < due) {
			next, due = c, at
		}
	}
	return next, due
}

// unlessOver takes an error that the end of ctx has made for none.
func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(errors.New("load: the timer failed"), err)
}
