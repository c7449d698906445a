// Package balancer is a small TCP balancer for tests: what stands before two
// workers when one of them is replaced.
//
// It gives each connection to the next of the backends that are ready, in turn,
// and passes bytes in both directions until one side ends. It retries nothing
// and mends nothing: what a backend does to a connection, its client sees.
package balancer

// This file holds the balancer: backends, their readiness, connections.

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// DefaultInterval is how often a backend is asked whether it is ready.
const DefaultInterval = 50 * time.Millisecond

// Backend is a server behind the balancer.
type Backend struct {
	Addr  string // host:port to which connections go
	Ready string // URL that answers 200 while it takes connections, any other status while not
}

// Options tune a balancer. The zero value is useful.
type Options struct {
	Listen   string        // default 127.0.0.1:0
	Interval time.Duration // between two questions whether a backend is ready
}

// Balancer spreads connections over backends. It is safe for concurrent use.
type Balancer struct {
	opt      Options
	listener net.Listener
	client   *http.Client
	ctx      context.Context // ends with Close
	stop     context.CancelFunc
	tasks    sync.WaitGroup

	mu       sync.Mutex
	changed  *sync.Cond
	backends []*backend
	turn     int
	closed   bool
	open     map[net.Conn]struct{}
	refused  int64
}

type backend struct {
	Backend
	ready bool
	conns int64 // connections given so far
	stop  context.CancelFunc
}

// New makes a balancer without backends, which listens at once.
func New(opt Options) (*Balancer, error) {
	opt.Listen = cmp.Or(opt.Listen, "127.0.0.1:0")
	opt.Interval = cmp.Or(opt.Interval, DefaultInterval)
	listener, err := net.Listen("tcp", opt.Listen)
	if err != nil {
		return nil, err
	}
	b := &Balancer{opt: opt, listener: listener, open: map[net.Conn]struct{}{}}
	b.changed = sync.NewCond(&b.mu)
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.client = &http.Client{
		// A question must not share a connection with what it asks about: a server
		// that drains ends its connections.
		Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	b.tasks.Go(b.accept)
	return b, nil
}

// Addr is where the balancer listens.
func (b *Balancer) Addr() string { return b.listener.Addr().String() }

// Add begins to ask a backend whether it is ready, and gives it connections
// while it is.
func (b *Balancer) Add(of Backend) {
	ctx, cancel := context.WithCancel(b.ctx)
	k := &backend{Backend: of, stop: cancel}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		cancel()
		return
	}
	b.backends = append(b.backends, k)
	b.tasks.Go(func() { b.follow(ctx, k) })
}

// Remove gives a backend no more connections. Those that it has go on.
func (b *Balancer) Remove(addr string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.backends = slices.DeleteFunc(b.backends, func(k *backend) bool {
		if k.Addr != addr {
			return false
		}
		k.stop()
		return true
	})
	b.changed.Broadcast()
}

// Await returns when n backends are ready and the others are not.
func (b *Balancer) Await(ctx context.Context, n int) error {
	wake := context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.changed.Broadcast()
	})
	defer wake()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.ready() != n {
		if b.closed {
			return net.ErrClosed
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		b.changed.Wait()
	}
	return nil
}

func (b *Balancer) ready() int {
	n := 0
	for _, k := range b.backends {
		if k.ready {
			n++
		}
	}
	return n
}

// Connections is how many connections each backend has been given, by address.
func (b *Balancer) Connections() map[string]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	given := map[string]int64{}
	for _, k := range b.backends {
		given[k.Addr] = k.conns
	}
	return given
}

// Refused is how many connections were ended at once, because no backend was
// ready or the one in turn took none.
func (b *Balancer) Refused() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

// Close ends the balancer and all its connections.
func (b *Balancer) Close() {
	b.mu.Lock()
	b.closed = true
	for c := range b.open {
		_ = c.Close()
	}
	b.changed.Broadcast()
	b.mu.Unlock()
	b.stop()
	_ = b.listener.Close()
	b.tasks.Wait()
	b.client.CloseIdleConnections()
}

// follow asks a backend whether it is ready until ctx ends.
func (b *Balancer) follow(ctx context.Context, k *backend) {
	tick := time.NewTicker(b.opt.Interval)
	defer tick.Stop()
	for {
		ready := b.ask(ctx, k.Ready)
		b.mu.Lock()
		k.ready = ready
		b.changed.Broadcast()
		b.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (b *Balancer) ask(ctx context.Context, url string) bool {
	question, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	answer, err := b.client.Do(question)
	if err != nil {
		return false
	}
	_ = answer.Body.Close() // only the status matters
	return answer.StatusCode == http.StatusOK
}

func (b *Balancer) accept() {
	for {
		client, err := b.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Too many open files, for instance: it may get better.
			select {
			case <-b.ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
			continue
		}
		b.tasks.Go(func() { b.serve(client) })
	}
}

// serve passes a connection on to the backend in turn.
func (b *Balancer) serve(client net.Conn) {
	defer client.Close()
	if !b.keep(client) {
		return
	}
	defer b.forget(client)
	var d net.Dialer
	addr := b.next()
	if addr == "" {
		return
	}
	server, err := d.DialContext(b.ctx, "tcp", addr)
	if err != nil {
		b.refuse()
		return
	}
	defer server.Close()
	if !b.keep(server) {
		return
	}
	defer b.forget(server)
	var upwards sync.WaitGroup
	upwards.Go(func() { pass(server, client) })
	pass(client, server)
	upwards.Wait()
}

// pass copies until one side ends, and tells the other of it.
func pass(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if err == nil {
		// The other direction may still have something to say.
		if half, ok := to.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			return
		}
	}
	_ = to.Close()
	_ = from.Close()
}

// next returns the address of the ready backend whose turn it is.
func (b *Balancer) next() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.backends {
		k := b.backends[b.turn%len(b.backends)]
		b.turn++
		if k.ready {
			k.conns++
			return k.Addr
		}
	}
	b.refused++
	return ""
}

func (b *Balancer) refuse() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused++
}

// keep has Close end a connection too; it is false after Close.
func (b *Balancer) keep(c net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.open[c] = struct{}{}
	}
	return !b.closed
}

func (b *Balancer) forget(c net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, c)
}
