// This file holds the definition server of the tests: real gRPC on a loopback
// socket, and what a man in the middle would do to it.

package replica_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/internal/catalogtest"
)

const workersToken = "the workers' token"

// server serves a publisher's catalog. It may be stopped and started again, at
// the same address.
type server struct {
	avapv2pb.UnimplementedCatalogServer
	t       testing.TB
	tls     *tls.Config
	address string

	mu        sync.Mutex
	publisher *catalogtest.Publisher
	manifest  catalog.SignedManifest
	revisions map[uint64][]catalog.Change // what each changed
	roots     map[uint64]catalog.Hash
	changed   chan struct{} // closed at the next change
	requests  []*avapv2pb.WatchRequest
	units     []string // that GetUnit gave
	tamper    func([]*avapv2pb.WatchResponse) []*avapv2pb.WatchResponse
	tamperOne func(*avapv2pb.Unit)
	grpc      *grpc.Server
	served    chan struct{} // closed when grpc no longer listens
}

// newServer starts a server with a first revision.
func newServer(t testing.TB, src string) *server {
	t.Helper()
	s := &server{
		t: t, publisher: catalogtest.New(t), changed: make(chan struct{}),
		revisions: map[uint64][]catalog.Change{}, roots: map[uint64]catalog.Hash{},
	}
	s.publish(src)
	s.start()
	t.Cleanup(s.stop)
	return s
}

// start begins to listen.
func (s *server) start() {
	s.t.Helper()
	if s.address == "" {
		s.address = "127.0.0.1:0"
	}
	var listener net.Listener
	eventually(s.t, "the address is free", func() (free bool) { // another process may call from its port
		var err error
		listener, err = net.Listen("tcp", s.address)
		if err != nil && !errors.Is(err, syscall.EADDRINUSE) {
			s.t.Fatal(err)
		}
		return err == nil
	})
	s.address = listener.Addr().String()
	var options []grpc.ServerOption
	if s.tls != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(s.tls)))
	}
	g := grpc.NewServer(options...)
	avapv2pb.RegisterCatalogServer(g, s)
	s.mu.Lock()
	served := make(chan struct{})
	s.grpc, s.served = g, served
	s.mu.Unlock()
	go func() {
		defer close(served)
		g.Serve(listener)
	}()
}

// stop ends the server as a crash would.
func (s *server) stop() {
	s.mu.Lock()
	g, served := s.grpc, s.served
	s.grpc = nil
	s.mu.Unlock()
	if g != nil {
		g.Stop()
		<-served
	}
}

// publish publishes definitions as one revision.
func (s *server) publish(src string) { s.publishChanges(s.publisher.Define(src)...) }

func (s *server) publishChanges(changes ...catalog.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes, s.manifest = s.publisher.Next(changes...)
	s.revisions[s.publisher.Revision] = changes
	s.roots[s.publisher.Revision] = s.publisher.Tree.Root()
	s.wake()
}

// issue puts a manifest in the place of the one in force.
func (s *server) issue(change func(*catalog.Manifest)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.publisher.Manifest()
	change(&m)
	s.manifest = s.publisher.Sign(m)
	s.wake()
}

func (s *server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// set changes how the server behaves.
func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.wake()
}

func (s *server) authorize(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	if got := md.Get("x-avap-auth"); len(got) != 1 || got[0] != workersToken {
		return status.Error(codes.Unauthenticated, "the token is missing or wrong")
	}
	return nil
}

func (s *server) Watch(req *avapv2pb.WatchRequest, stream grpc.ServerStreamingServer[avapv2pb.WatchResponse]) error {
	if err := s.authorize(stream.Context()); err != nil {
		return err
	}
	s.mu.Lock()
	s.requests = append(s.requests, req)
	s.mu.Unlock()
	from, root := req.Revision, req.Root
	for {
		s.mu.Lock()
		messages, changed := s.messages(from, root), s.changed
		from, root = s.publisher.Revision, nil
		s.mu.Unlock()
		for _, m := range messages {
			if err := stream.Send(m); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// messages gives what takes a worker from a revision to the present one, a unit
// a message.
func (s *server) messages(from uint64, root []byte) []*avapv2pb.WatchResponse {
	var messages []*avapv2pb.WatchResponse
	reset := s.roots[from] == catalog.Hash{} || root != nil && catalog.Hash(root) != s.roots[from]
	changes := s.publisher.All()
	if !reset {
		changes = nil
		for _, r := range slices.Sorted(maps.Keys(s.revisions)) {
			if r > from {
				changes = append(changes, s.revisions[r]...)
			}
		}
	}
	for _, c := range changes {
		u := &avapv2pb.Unit{Kind: avapv2pb.Kind(c.Kind), Name: c.Name, Version: c.Version, Removed: c.Removed}
		if !c.Removed && c.Hash != (catalog.Hash{}) {
			u.Package, u.Hash = c.Package, c.Hash[:]
		}
		messages = append(messages, &avapv2pb.WatchResponse{Units: []*avapv2pb.Unit{u}})
	}
	messages = append(messages, &avapv2pb.WatchResponse{Manifest: &avapv2pb.Manifest{
		Body: s.manifest.Body, KeyId: s.manifest.KeyID, Mac: s.manifest.MAC,
	}})
	messages[0].Reset_ = reset
	if s.tamper != nil {
		messages = s.tamper(messages)
	}
	return messages
}

func (s *server) GetUnit(ctx context.Context, req *avapv2pb.GetUnitRequest) (*avapv2pb.Unit, error) {
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.publisher.Tree.Get(bytecode.Kind(req.Kind), req.Name)
	if !ok || string(req.Hash) != string(e.Hash[:]) {
		return nil, status.Error(codes.NotFound, "no such unit")
	}
	s.units = append(s.units, req.Name)
	u := &avapv2pb.Unit{
		Kind: req.Kind, Name: req.Name, Version: e.Version, Hash: e.Hash[:], Package: slices.Clone(s.publisher.Packages[e.Hash]),
	}
	if s.tamperOne != nil {
		s.tamperOne(u)
	}
	return u, nil
}

// asked gives what a worker asked for in its n-th Watch, from the last where n is
// negative.
func (s *server) asked(n int) *avapv2pb.WatchRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n < 0 {
		n += len(s.requests)
	}
	return s.requests[n]
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func hash(b []byte) catalog.Hash { return sha256.Sum256(b) }

// copyFile gives a copy of a file.
func copyFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}
