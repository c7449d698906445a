// This file holds what a client reports about itself: to /readyz, /debug/catalog and
// the metrics.

package replica

import (
	"errors"
	"fmt"
	"time"

	"github.com/avap-framework/avap/catalog"
)

// Origin tells where the revision that is held came from.
type Origin string

// Origins of revisions.
const (
	OriginNone     Origin = ""
	OriginSnapshot Origin = "snapshot"
	OriginServer   Origin = "server"
)

// Status is how things are with a client at one moment.
type Status struct {
	// Connected: the server is there, and what it sends is in order.
	Connected bool `json:"connected"`
	// InForce: executions have a catalog.
	InForce bool `json:"in_force"`

	// Of the revision that is held, in force or not; zero where there is none.
	Revision uint64    `json:"revision"`
	Root     string    `json:"root,omitempty"` // in hex
	Units    int       `json:"units"`
	Unusable int       `json:"unusable"` // of these; Client.Unusable names them
	Issued   time.Time `json:"issued,omitzero"`
	Expires  time.Time `json:"expires,omitzero"`
	Expired  bool      `json:"expired"`
	Origin   Origin    `json:"origin,omitempty"`
	Swapped  time.Time `json:"swapped,omitzero"` // when it was put in force

	// What went wrong last, even if it has been mended since; empty where
	// nothing has.
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`

	// Counts since the start.
	Applied     uint64 `json:"applied"`      // revisions and renewed manifests
	Refused     uint64 `json:"refused"`      // of these
	Failures    uint64 `json:"failures"`     // of following the server
	Fetched     uint64 `json:"fetched"`      // units that the server was asked for
	FetchErrors uint64 `json:"fetch_errors"` // of these

	Memory   catalog.Memory `json:"memory"`
	HitRatio float64        `json:"hit_ratio"` // of units that were wanted; 1 where none was

	SnapshotRevision uint64 `json:"snapshot_revision,omitempty"` // that was written last
	SnapshotBytes    int64  `json:"snapshot_bytes,omitempty"`
	// SnapshotError is why a snapshot could not be read or written; empty once
	// one is written.
	SnapshotError string `json:"snapshot_error,omitempty"`
}

// Status tells how things are. It is cheap enough for each scrape of the metrics.
func (c *Client) Status() Status {
	c.mu.Lock()
	s := c.status
	c.mu.Unlock()
	if v := c.replica.Current(); v != nil {
		m := v.Manifest()
		s.Revision, s.Units, s.Unusable = m.Revision, int(m.Units), v.CountUnusable()
		s.Root = fmt.Sprintf("%x", m.Root)
		s.Issued, s.Expires, s.Expired = m.Issued, m.Expires, c.expired(v)
	}
	s.InForce = c.Current() != nil
	s.Fetched, s.FetchErrors = c.packages.fetched.Load(), c.packages.missing.Load()
	s.Memory, s.HitRatio = c.replica.Memory(), 1
	if wanted := s.Memory.Hits + s.Memory.Misses; wanted > 0 {
		s.HitRatio = float64(s.Memory.Hits) / float64(wanted)
	}
	return s
}

// Unusable returns the units of the revision that is held which this program
// cannot use.
func (c *Client) Unusable() []catalog.Unusable {
	if v := c.replica.Current(); v != nil {
		return v.Unusable()
	}
	return nil
}

// Ready tells why executions have no catalog; nil where they have one.
func (c *Client) Ready() error {
	if c.Current() != nil {
		return nil
	}
	s := c.Status()
	reason := "no catalog yet"
	if s.Expired {
		reason = fmt.Sprintf("the catalog, revision %d, has expired at %s", s.Revision, s.Expires.Format(time.RFC3339))
	}
	for _, more := range []string{s.SnapshotError, s.LastError} {
		if more != "" {
			reason += "; " + more
		}
	}
	return errors.New(reason)
}

func (c *Client) record(change func(*Status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.status)
}

// failed remembers an error.
func (c *Client) failed(err error) {
	c.record(func(s *Status) {
		s.LastError, s.LastErrorAt = err.Error(), c.opt.Now()
		s.Failures++
	})
}
