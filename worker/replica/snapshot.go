// This file holds the writing of snapshots, which neither requests nor revisions wait for.

package replica

import (
	"context"
	"fmt"
	"time"

	"github.com/avap-framework/avap/catalog"
)

// How long the last snapshot may take when the worker stops, and how long to wait after one
// that could not be written, at first and at most.
const (
	lastSnapshot     = 10 * time.Second
	minSnapshotRetry = time.Second
	maxSnapshotRetry = time.Minute
)

// keepSnapshot writes a snapshot after each change, several changes at a time,
// until ctx ends.
func (c *Client) keepSnapshot(ctx context.Context) {
	wait, retry := c.opt.SnapshotDelay, minSnapshotRetry
	for {
		select {
		case <-c.dirty:
		case <-ctx.Done():
			c.lastSnapshot(ctx)
			return
		}
		if !sleep(ctx, wait) {
			c.markDirty()
			continue
		}
		if err := c.writeSnapshot(ctx); err != nil {
			if ctx.Err() == nil {
				c.opt.Log.Error("the snapshot cannot be written", "file", c.opt.Snapshot, "error", err, "next_try", retry.String())
			}
			wait, retry = retry, min(2*retry, maxSnapshotRetry)
			c.markDirty()
			continue
		}
		wait, retry = c.opt.SnapshotDelay, minSnapshotRetry
	}
}

// lastSnapshot writes what is not written yet when the worker stops.
func (c *Client) lastSnapshot(ctx context.Context) {
	select {
	case <-c.dirty:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSnapshot)
	defer cancel()
	if err := c.writeSnapshot(ctx); err != nil {
		c.opt.Log.Error("the last snapshot cannot be written", "file", c.opt.Snapshot, "error", err)
	}
}

// markDirty says that there is something to write.
func (c *Client) markDirty() {
	select {
	case c.dirty <- struct{}{}:
	default:
	}
}

// writeSnapshot writes the newest revision.
func (c *Client) writeSnapshot(ctx context.Context) error {
	c.packages.freeze()
	v := c.replica.Current()
	s, err := catalog.WriteSnapshot(ctx, c.opt.Snapshot, v, c.packages)
	if err != nil {
		err = fmt.Errorf("snapshot: %w", err)
		c.record(func(s *Status) { s.SnapshotError = err.Error() })
		return err
	}
	c.packages.replace(s, v)
	c.record(func(status *Status) {
		status.SnapshotError, status.SnapshotRevision, status.SnapshotBytes = "", v.Number(), s.Size()
	})
	return nil
}
