// This file holds the stream of revisions: connecting, applying, connecting again.

package replica

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/definitions/avapv2pb"
)

// Parameters of a connection.
const (
	pingAfter   = 20 * time.Second // of silence
	pingTimeout = 10 * time.Second // for the answer to a ping
	maxMessage  = 64 << 20         // bytes: one unit may be larger than a message should be
)

var (
	errSilent   = errors.New("the server is silent in the middle of a revision")
	errReset    = errors.New("the server begins anew in the middle of a revision")
	errTooLarge = errors.New("a revision that is too large")
	errHashSize = errors.New("a unit whose hash has another size")
)

// token sends the workers' token with each call.
type token string

// GetRequestMetadata returns the metadata of a call.
func (t token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"x-avap-auth": string(t)}, nil
}

// RequireTransportSecurity returns false: a network may be safe by other means.
func (token) RequireTransportSecurity() bool { return false }

func (c *Client) dial() (*grpc.ClientConn, error) {
	transport := insecure.NewCredentials()
	if c.opt.TLS != nil {
		transport = credentials.NewTLS(c.opt.TLS)
	}
	return grpc.NewClient(c.opt.Address, append([]grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithPerRPCCredentials(token(c.opt.Token)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTimeout}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
	}, c.opt.DialOptions...)...)
}

// follow watches the server, and again after each failure, until ctx ends. Each
// try has a connection of its own: gRPC's way of connecting again has too little
// jitter for a thousand workers that lose their server at once.
func (c *Client) follow(ctx context.Context) {
	failures, whole := 0, false
	for {
		applied, err := c.watch(ctx, whole)
		if ctx.Err() != nil {
			return
		}
		if applied {
			failures = 0
		}
		// The server may have sent a difference to something else than what is held.
		whole = errors.Is(err, catalog.ErrRoot)
		failures++
		wait := c.backoff(failures)
		err = c.opt.Explain(err)
		c.failed(err)
		c.opt.Log.Warn("the definition server is away", "error", err, "next_try", wait.String())
		if !sleep(ctx, wait) {
			return
		}
	}
}

// backoff returns how long to wait after that many failures in a row.
func (c *Client) backoff(failures int) time.Duration {
	most := c.opt.MaxBackoff
	if failures < 30 {
		most = min(most, c.opt.MinBackoff<<(failures-1))
	}
	return rand.N(most + 1)
}

// watch follows the server until something fails, and reports whether it applied
// anything. With whole set it asks for the whole catalog instead of a difference.
func (c *Client) watch(ctx context.Context, whole bool) (applied bool, err error) {
	conn, err := c.dial()
	if err != nil {
		return false, err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := time.AfterFunc(c.opt.Patience, func() { cancel(errSilent) })
	defer patience.Stop()

	server := avapv2pb.NewCatalogClient(conn)
	c.packages.connect(server)
	defer c.packages.connect(nil)
	defer c.record(func(s *Status) { s.Connected = false })
	stream, err := server.Watch(ctx, c.request(whole))
	if err != nil {
		return false, err
	}
	batch := batch{most: c.opt.MaxRevision}
	for {
		m, err := stream.Recv()
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return applied, err
		}
		patience.Reset(c.opt.Patience)
		if err := batch.add(m); err != nil {
			return applied, err
		}
		if m.Manifest == nil {
			continue
		}
		if err := c.apply(&batch, m.Manifest); err != nil {
			return applied, err
		}
		batch.begin()
		patience.Stop()
		applied = true
	}
}

// request tells the server what the worker has.
func (c *Client) request(whole bool) *avapv2pb.WatchRequest {
	r := &avapv2pb.WatchRequest{BytecodeVersion: bytecode.Version, Worker: c.opt.Worker}
	if v := c.replica.Current(); v != nil && !whole {
		root := v.Tree().Root()
		r.Revision, r.Root = v.Number(), root[:]
	}
	return r
}

// batch collects the messages of one revision.
type batch struct {
	most, bytes int  // of packages and names: how many there may be, and are
	messages    int  // that were added
	reset       bool // the revision replaces what is held, and is no difference to it
	changes     []catalog.Change
}

// begin prepares the batch for the next revision.
func (b *batch) begin() { *b = batch{most: b.most} }

// add adds the changes of a message. After an error the revision cannot be
// applied.
func (b *batch) add(m *avapv2pb.WatchResponse) error {
	if m.Reset_ && b.messages > 0 {
		return errReset
	}
	b.reset = b.reset || m.Reset_
	b.messages++
	for _, u := range m.Units {
		b.bytes += len(u.Package) + len(u.Name) + 64
		if b.bytes > b.most {
			return errTooLarge
		}
		change := catalog.Change{
			Entry:   catalog.Entry{Kind: bytecode.Kind(u.Kind), Name: u.Name, Version: u.Version},
			Package: u.Package, Removed: u.Removed,
		}
		if len(u.Hash) > 0 {
			if len(u.Hash) != len(change.Hash) {
				return fmt.Errorf("%w: %q", errHashSize, u.Name)
			}
			change.Hash = catalog.Hash(u.Hash)
		}
		b.changes = append(b.changes, change)
	}
	return nil
}

// apply puts a revision in force, or refuses it.
func (c *Client) apply(b *batch, m *avapv2pb.Manifest) error {
	c.packages.add(b.changes) // first: whoever sees the revision then finds its units
	before := c.replica.Current()
	signed := catalog.SignedManifest{Body: m.Body, KeyID: m.KeyId, MAC: m.Mac}
	v, err := c.replica.Apply(b.changes, b.reset, signed, c.opt.Now())
	if err != nil {
		c.packages.drop(b.changes, before)
		c.record(func(s *Status) { s.Refused++ })
		return fmt.Errorf("a revision is refused: %w", err)
	}
	c.record(func(s *Status) { s.Connected = true })
	if v == before {
		return nil
	}
	c.current.Store(&inForce{revision: v})
	c.record(func(s *Status) {
		s.Origin, s.Swapped = OriginServer, c.opt.Now()
		s.Applied++
	})
	c.markDirty()
	c.opt.Log.Info("a revision is in force", "revision", v.Number(), "changes", len(b.changes), "whole", b.reset)
	if c.opt.OnSwap != nil {
		c.opt.OnSwap(v)
	}
	return nil
}
