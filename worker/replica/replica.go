// This file holds the client with which a worker follows its definition server.

// Package replica keeps a worker's catalog the same as its definition server's,
// over gRPC: it applies each revision as it is published, keeps a signed snapshot
// on disk to start from without the server, and fetches units that are not in
// memory.
package replica

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/avap-framework/avap/catalog"
)

// Expired says what becomes of a catalog whose manifest has expired while the
// server is away.
type Expired string

// Ways to go on with an expired catalog.
const (
	// ExpiredDefault serves on where it expires while it is in force, and does
	// not start from one that has.
	ExpiredDefault Expired = ""
	// ExpiredServe serves on, and starts from one.
	ExpiredServe Expired = "serve"
	// ExpiredStop has no catalog then.
	ExpiredStop Expired = "stop"
)

// Defaults of Options.
const (
	DefaultSnapshotDelay = 200 * time.Millisecond
	DefaultMinBackoff    = 500 * time.Millisecond
	DefaultMaxBackoff    = 30 * time.Second
	DefaultPatience      = 30 * time.Second
	DefaultMaxRevision   = 1 << 30
)

// Options say what a client follows, and how. Zero fields stand for the defaults.
type Options struct {
	// Address is the definition server's HOST:PORT, Token the one that it asks workers for.
	Address string
	Token   string
	// TLS is nil for a connection in plain text. With certificates in it, the worker
	// presents them: mutual TLS.
	TLS *tls.Config
	// Worker is what the worker calls itself in the server's logs.
	Worker string
	// Snapshot is the file of the snapshot; empty for none.
	Snapshot string
	Expired  Expired
	// Catalog says what the replica is made of. Its Source must be nil: that is the client.
	Catalog catalog.ReplicaOptions
	// OnSwap is called each time a revision from the server has been put in force, by
	// one goroutine, and holds up the next revision. May be nil.
	OnSwap func(*catalog.Revision)
	// Explain turns an error of following the server into the one that Status and the
	// log show to those who must mend it; nil shows it as it is.
	Explain func(error) error
	// Log receives what happens; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time

	// SnapshotDelay is how long changes are collected before a snapshot is written. A
	// snapshot is promised within a second, so it must leave time to write.
	SnapshotDelay time.Duration
	// After the n-th failure in a row the next try comes at a random moment within
	// MinBackoff·2ⁿ⁻¹, but MaxBackoff at most: workers that lost their server at
	// the same time come back spread out ("full jitter": M. Brooker, Exponential
	// Backoff and Jitter, 2015).
	MinBackoff, MaxBackoff time.Duration
	// Patience is how long the server may be silent in the middle of a revision.
	Patience time.Duration
	// MaxRevision bounds the packages of one revision in bytes.
	MaxRevision int
	// DialOptions are further options of the gRPC connection.
	DialOptions []grpc.DialOption
}

// Client follows a definition server. It is safe for concurrent use.
type Client struct {
	opt      Options
	replica  *catalog.Replica
	packages *packages
	current  atomic.Pointer[inForce]
	dirty    chan struct{} // holds one where there is something to write

	mu     sync.Mutex // guards what follows, for Status
	status Status
}

// inForce is the revision that was put in force last.
type inForce struct {
	revision *catalog.Revision
	stale    bool // it had expired already when it was restored, and may not be served
}

// New makes a client. Where there is a snapshot that verifies, it starts from
// it; one that does not is set aside. Errors are about the options.
func New(opt Options) (*Client, error) {
	switch {
	case opt.Address == "":
		return nil, errors.New("no address of a definition server")
	case opt.Token == "":
		return nil, errors.New("no token for the definition server")
	case opt.Catalog.Keys == nil:
		return nil, errors.New("no keys to verify the catalog with")
	case opt.Catalog.Source != nil:
		return nil, errors.New("the client is the source of units")
	case opt.Expired != ExpiredDefault && opt.Expired != ExpiredServe && opt.Expired != ExpiredStop:
		return nil, fmt.Errorf("%q is no way to go on with an expired catalog: write serve or stop", string(opt.Expired))
	}
	opt.setDefaults()
	c := &Client{opt: opt, packages: newPackages(opt.Snapshot != ""), dirty: make(chan struct{}, 1)}
	opt.Catalog.Source = c.packages
	c.replica = catalog.NewReplica(opt.Catalog)
	if opt.Snapshot != "" {
		c.restore()
	}
	return c, nil
}

func (opt *Options) setDefaults() {
	opt.Log = cmp.Or(opt.Log, slog.New(slog.DiscardHandler))
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Explain == nil {
		opt.Explain = func(err error) error { return err }
	}
	opt.SnapshotDelay = cmp.Or(opt.SnapshotDelay, DefaultSnapshotDelay)
	opt.MinBackoff = cmp.Or(opt.MinBackoff, DefaultMinBackoff)
	opt.MaxBackoff = cmp.Or(opt.MaxBackoff, DefaultMaxBackoff)
	opt.Patience = cmp.Or(opt.Patience, DefaultPatience)
	opt.MaxRevision = cmp.Or(opt.MaxRevision, DefaultMaxRevision)
}

// Run follows the server until ctx ends, and then writes what the snapshot lacks.
// It must be called only once. Its error is nil: whatever goes wrong is tried again, and
// Status reports it.
func (c *Client) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { c.follow(ctx); return nil })
	group.Go(func() error { c.watchExpiry(ctx); return nil })
	if c.opt.Snapshot != "" {
		group.Go(func() error { c.keepSnapshot(ctx); return nil })
	}
	return group.Wait()
}

// Close closes the snapshot. It is called after Run, once no execution needs
// units that are not in memory.
func (c *Client) Close() { c.packages.close() }

// Current returns the revision in force, nil if there is none: executions are then
// answered with catalog_unavailable, and Ready says why.
func (c *Client) Current() *catalog.Revision {
	f := c.current.Load()
	if f == nil || f.stale {
		return nil
	}
	if c.opt.Expired == ExpiredStop && c.expired(f.revision) {
		return nil
	}
	return f.revision
}

func (c *Client) expired(v *catalog.Revision) bool {
	return !c.opt.Now().Before(v.Manifest().Expires)
}

// restore puts the snapshot in force, if there is one.
func (c *Client) restore() {
	s, err := catalog.OpenSnapshot(c.opt.Snapshot)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var v *catalog.Revision
	if err == nil {
		if v, err = c.replica.Restore(s.Units(), s.Signed()); err != nil {
			s.Close()
		}
	}
	if err != nil {
		c.setAside(err)
		return
	}
	c.packages.replace(s, nil)
	c.current.Store(&inForce{revision: v, stale: c.opt.Expired != ExpiredServe && c.expired(v)})
	c.record(func(s *Status) { s.Origin, s.Swapped = OriginSnapshot, c.opt.Now() })
	c.opt.Log.Info("the catalog is that of the snapshot", "revision", v.Number(), "expires", v.Manifest().Expires)
}

// setAside moves away a snapshot that does not verify.
func (c *Client) setAside(reason error) {
	err := fmt.Errorf("the snapshot does not verify: %w", reason)
	name, moved := catalog.SetAside(c.opt.Snapshot)
	if moved != nil {
		err = errors.Join(err, moved)
	}
	c.record(func(s *Status) { s.SnapshotError = err.Error() })
	c.opt.Log.Error("the snapshot is set aside", "file", name, "error", err)
}

// watchExpiry logs once a minute, until ctx ends, that the catalog has expired if it has.
func (c *Client) watchExpiry(ctx context.Context) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		if f := c.current.Load(); f != nil && c.expired(f.revision) {
			c.opt.Log.Error(
				"the catalog has expired: the definition server has not renewed it",
				"revision", f.revision.Number(), "expired", f.revision.Manifest().Expires, "served", c.Current() != nil,
			)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// sleep waits for d, and reports false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
