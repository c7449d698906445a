// This file holds what the tests of the server share, over real connections: a
// server, clients, a worker that follows the catalog.

package definitions_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/internal/pgtest"
	"github.com/avap-framework/avap/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

// Tokens of the tests.
const (
	workerToken = "worker's token"
	adminToken  = "ada's token"
)

// serve starts a server on a loopback port and gives the address. What the
// options leave out is a store in memory and one administrator, ada.
func serve(t testing.TB, opt definitions.Options) (*definitions.Server, string) {
	t.Helper()
	if opt.Store == nil {
		opt.Store = newMemory()
	}
	if opt.Keys == nil {
		opt.Keys = keyring(t)
	}
	if opt.Token == "" {
		opt.Token = workerToken
	}
	if opt.AdminTokens == nil {
		opt.AdminTokens = map[string]string{"ada": adminToken}
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	s, err := definitions.New(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		s.Close(ctx)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s, l.Addr().String()
}

// dial connects with a server; creds may be nil for plaintext.
func dial(t testing.TB, addr string, creds credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	if creds == nil {
		creds = insecure.NewCredentials()
	}
	c, err := grpc.NewClient(addr, grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// with gives a context with tokens.
func with(ctx context.Context, tokens ...string) context.Context {
	for _, token := range tokens {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-avap-auth", token)
	}
	return ctx
}

// follower is a worker that follows the catalog with no other help than the tree
// and the manifest.
type follower struct {
	keys     *seal.Keyring
	stream   grpc.ServerStreamingClient[avapv2pb.WatchResponse]
	tree     *catalog.Tree
	packages map[catalog.Hash][]byte
	manifest catalog.Manifest
	resets   int // revisions that began anew
	messages int
	received int // units
}

// follow begins a stream.
func follow(ctx context.Context, t testing.TB, c *grpc.ClientConn, keys *seal.Keyring, req *avapv2pb.WatchRequest) *follower {
	t.Helper()
	if req.BytecodeVersion == 0 {
		req.BytecodeVersion = bytecode.Version
	}
	stream, err := avapv2pb.NewCatalogClient(c).Watch(with(ctx, workerToken), req)
	if err != nil {
		t.Fatal(err)
	}
	return &follower{keys: keys, stream: stream, packages: map[catalog.Hash][]byte{}}
}

// next takes in the messages up to the next manifest, and verifies that they
// amount to what it says.
func (f *follower) next() error {
	for first := true; ; first = false {
		m, err := f.stream.Recv()
		if err != nil {
			return err
		}
		f.messages++
		if m.Reset_ {
			if !first {
				return fmt.Errorf("a reset within a revision")
			}
			f.tree = nil
			f.resets++
		}
		for _, u := range m.Units {
			if err := f.take(u); err != nil {
				return err
			}
		}
		if m.Manifest == nil {
			continue
		}
		signed := catalog.SignedManifest{Body: m.Manifest.Body, KeyID: m.Manifest.KeyId, MAC: m.Manifest.Mac}
		f.manifest, err = catalog.Verify(f.keys, signed)
		if err != nil {
			return err
		}
		if f.manifest.Root != f.tree.Root() || f.manifest.Units != uint64(f.tree.Len()) {
			return fmt.Errorf("revision %d: the units do not amount to the manifest", f.manifest.Revision)
		}
		return nil
	}
}

// take takes in a unit.
func (f *follower) take(u *avapv2pb.Unit) error {
	f.received++
	kind := bytecode.Kind(u.Kind)
	if u.Removed {
		f.tree = f.tree.Without(kind, u.Name)
		return nil
	}
	e := catalog.Entry{Kind: kind, Name: u.Name, Version: u.Version}
	if len(u.Package) > 0 {
		e.Hash = sha256.Sum256(u.Package)
		if string(e.Hash[:]) != string(u.Hash) {
			return fmt.Errorf("%s: the hash is not that of the package", u.Name)
		}
		f.packages[e.Hash] = u.Package
	}
	f.tree = f.tree.With(e)
	return nil
}

// until takes in revisions up to one.
func (f *follower) until(revision uint64) error {
	for f.manifest.Revision < revision {
		if err := f.next(); err != nil {
			return fmt.Errorf("at revision %d: %w", f.manifest.Revision, err)
		}
	}
	return nil
}

// publish publishes sources as ada.
func publish(t testing.TB, p *definitions.Publisher, texts ...string) uint64 {
	t.Helper()
	var sources []definitions.Source
	for i, text := range texts {
		sources = append(sources, definitions.Source{Name: fmt.Sprint("source", i), Text: text})
	}
	r, err := p.Publish(t.Context(), sources, definitions.Order{Author: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Revision == 0 {
		t.Fatalf("not published: %s", render(r, nil))
	}
	return r.Revision
}

// measured is a stream whose messages are held to their largest size.
type measured struct {
	grpc.ServerStreamingClient[avapv2pb.WatchResponse]
	t testing.TB
}

func (m *measured) Recv() (*avapv2pb.WatchResponse, error) {
	r, err := m.ServerStreamingClient.Recv()
	if size := proto.Size(r); size > 1<<20 {
		m.t.Errorf("a message of %d bytes with %d units", size, len(r.Units))
	}
	return r, err
}
