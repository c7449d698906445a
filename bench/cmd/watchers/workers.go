// This file holds the workers, and what is measured on them.

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/vm"
)

// swap says that a worker runs with a revision from a moment on.
type swap struct {
	revision uint64
	at       time.Time
}

// fleet is the workers.
type fleet struct {
	addr    string
	keys    *seal.Keyring
	natives map[string]*vm.Command
	swaps   chan swap
	failed  chan error
	running sync.WaitGroup
}

// worker follows the catalog until ctx ends.
func (f *fleet) worker(ctx context.Context) error {
	c, err := grpc.NewClient(f.addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithReadBufferSize(8<<10), grpc.WithWriteBufferSize(8<<10),
		grpc.WithStaticStreamWindowSize(1<<20), grpc.WithStaticConnWindowSize(1<<20))
	if err != nil {
		return err
	}
	defer c.Close()
	stream, err := avapv2pb.NewCatalogClient(c).Watch(metadata.AppendToOutgoingContext(ctx, "x-avap-auth", workerToken),
		&avapv2pb.WatchRequest{BytecodeVersion: bytecode.Version})
	if err != nil {
		return err
	}
	r := catalog.NewReplica(catalog.ReplicaOptions{
		Keys: f.keys, Stock: command.Signature, Natives: f.natives, CacheBytes: 1 << 20,
		Word: command.IsWord,
	})
	for {
		v, err := revision(r, stream)
		if err != nil {
			return err
		}
		f.swaps <- swap{v.Number(), time.Now()}
	}
}

// revision takes in one revision.
func revision(r *catalog.Replica, stream grpc.ServerStreamingClient[avapv2pb.WatchResponse]) (*catalog.Revision, error) {
	var changes []catalog.Change
	reset := false
	for {
		m, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		reset = reset || m.Reset_
		for _, u := range m.Units {
			c := catalog.Change{Package: u.Package, Removed: u.Removed}
			c.Kind, c.Name, c.Version = bytecode.Kind(u.Kind), u.Name, u.Version
			copy(c.Hash[:], u.Hash)
			changes = append(changes, c)
		}
		if m.Manifest != nil {
			signed := catalog.SignedManifest{Body: m.Manifest.Body, KeyID: m.Manifest.KeyId, MAC: m.Manifest.Mac}
			return r.Apply(changes, reset, signed, time.Now())
		}
	}
}

// connecting is how many workers connect at a time.
const connecting = 64

// start starts workers and waits until all have the catalog.
func (f *fleet) start(ctx context.Context, n int) error {
	for begun, synced := 0, 0; synced < n; {
		for begun < n && begun-synced < connecting {
			begun++
			f.running.Go(func() {
				if err := f.worker(ctx); err != nil && ctx.Err() == nil {
					f.failed <- err
				}
			})
		}
		select {
		case <-f.swaps:
			synced++
		case err := <-f.failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// last waits until n workers have a revision, and says when the last of them had.
func (f *fleet) last(ctx context.Context, n int, revision uint64) (time.Time, error) {
	var last time.Time
	for n > 0 {
		select {
		case s := <-f.swaps:
			if s.revision == revision {
				n--
				if s.at.After(last) {
					last = s.at
				}
			}
		case err := <-f.failed:
			return last, err
		case <-ctx.Done():
			return last, ctx.Err()
		}
	}
	return last, nil
}

// measure is the workers' process. A thousand catalogs in one heap make its
// collector take what no worker by itself would: it runs as seldom as memory allows.
func measure(ctx context.Context, opt options) (result, error) {
	debug.SetGCPercent(800)
	keys, err := keyring()
	if err != nil {
		return result{}, err
	}
	server, err := start(ctx, opt)
	if err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &fleet{
		addr: server.addr, keys: keys, natives: command.Natives(command.Host{}),
		swaps: make(chan swap, opt.watchers), failed: make(chan error, opt.watchers),
	}
	r, err := f.measure(ctx, opt, server)
	cancel()
	go func() {
		for range f.swaps { // until the last worker has ended
		}
	}()
	f.running.Wait()
	close(f.swaps)
	return r, errors.Join(err, server.stop())
}

// measure connects, waits, and publishes.
func (f *fleet) measure(ctx context.Context, opt options, server *process) (r result, err error) {
	r.options = opt
	if r.alone, err = server.usage(); err != nil {
		return r, err
	}
	begin := time.Now()
	if err := f.start(ctx, opt.watchers); err != nil {
		return r, err
	}
	r.connecting = time.Since(begin)
	if r.connected, err = server.usage(); err != nil {
		return r, err
	}
	select {
	case <-time.After(opt.idle):
	case <-ctx.Done():
		return r, ctx.Err()
	}
	if r.rested, err = server.usage(); err != nil {
		return r, err
	}
	if r.behind, r.whole, err = f.publish(ctx, opt); err != nil {
		return r, err
	}
	r.published, err = server.usage()
	return r, err
}

// publish publishes one change after the other. It returns the times from the
// acknowledgement, and from the call, to the last worker's swap.
func (f *fleet) publish(ctx context.Context, opt options) (behind, whole []time.Duration, err error) {
	c, err := grpc.NewClient(f.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	admin := avapv2pb.NewAdminClient(c)
	call := metadata.AppendToOutgoingContext(ctx, "x-avap-auth", adminToken)
	for i := range opt.publications {
		begin := time.Now()
		answer, err := admin.Publish(call, &avapv2pb.PublishRequest{Sources: []*avapv2pb.Source{{Text: text(i%max(opt.definitions, 1), i+1)}}})
		acknowledged := time.Now()
		if err != nil {
			return nil, nil, err
		}
		if answer.Revision == 0 {
			return nil, nil, fmt.Errorf("not published: %v", answer.Diagnostics)
		}
		last, err := f.last(ctx, opt.watchers, answer.Revision)
		if err != nil {
			return nil, nil, err
		}
		behind = append(behind, max(0, last.Sub(acknowledged)))
		whole = append(whole, last.Sub(begin))
		time.Sleep(opt.pause)
	}
	return behind, whole, nil
}
