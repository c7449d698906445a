// This file holds the tests of workers that follow the catalog.

package definitions_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/internal/pgtest"
	"github.com/avap-framework/avap/seal"
)

// TestWatch sends the whole catalog first, then what changes, as it changes.
func TestWatch(t *testing.T) {
	keys := keyring(t)
	s, addr := serve(t, definitions.Options{Keys: keys})
	f := follow(t.Context(), t, dial(t, addr, nil), keys, &avapv2pb.WatchRequest{Worker: "w1"})
	if err := f.until(1); err != nil {
		t.Fatal(err)
	}
	if f.resets != 1 || f.received != f.tree.Len() {
		t.Errorf("%d resets, %d units of %d", f.resets, f.received, f.tree.Len())
	}
	stock := f.received
	revision := publish(t, s.Publisher(), "command a(x: value) { y = x }\ncommand b(x: value) { a(x) }")
	if err := f.until(revision); err != nil {
		t.Fatal(err)
	}
	if got := f.received - stock; got != 2 {
		t.Errorf("%d units were sent for 2 that changed", got)
	}
	if _, ok := f.tree.Get(bytecode.KindCommand, "b"); !ok {
		t.Error("b is not in the catalog")
	}
	r, err := s.Publisher().Delete(t.Context(), []store.Key{{Kind: bytecode.KindCommand, Name: "b"}}, definitions.Order{Author: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.until(r.Revision); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.tree.Get(bytecode.KindCommand, "b"); ok || f.resets != 1 {
		t.Errorf("b is still there: %v; %d resets", ok, f.resets)
	}
	for _, pack := range f.packages {
		if _, err := seal.Open(keys, pack); err != nil {
			t.Error(err)
		}
	}
}

// TestWatchFrom goes on from the revision that a worker has, where the server
// knows it, and begins anew where it does not; also after a restart.
func TestWatchFrom(t *testing.T) {
	keys, m := keyring(t), newMemory()
	s, addr := serve(t, definitions.Options{Keys: keys, Store: m})
	f := follow(t.Context(), t, dial(t, addr, nil), keys, &avapv2pb.WatchRequest{})
	revisions := []*catalog.Tree{nil, nil, nil, nil}
	for i := 2; i <= 3; i++ {
		if err := f.until(publish(t, s.Publisher(), fmt.Sprintf("command c%d(x: value) { y = x }", i))); err != nil {
			t.Fatal(err)
		}
		revisions[i] = f.tree
	}
	root2, root3 := revisions[2].Root(), revisions[3].Root()
	_, restarted := serve(t, definitions.Options{Keys: keys, Store: m})
	tests := map[string]struct {
		revision uint64
		root     []byte
		reset    bool
		units    int
	}{
		"nothing":        {0, nil, true, revisions[3].Len()},
		"one behind":     {2, root2[:], false, 1},
		"up to date":     {3, root3[:], false, 0},
		"another root":   {2, root3[:], true, revisions[3].Len()},
		"no root":        {2, nil, true, revisions[3].Len()},
		"short root":     {2, root2[:8], true, revisions[3].Len()},
		"without number": {0, root2[:], true, revisions[3].Len()},
	}
	for name, tt := range tests {
		for which, addr := range map[string]string{"running": addr, "restarted": restarted} {
			t.Run(name+"/"+which, func(t *testing.T) {
				f := follow(t.Context(), t, dial(t, addr, nil), keys, &avapv2pb.WatchRequest{Revision: tt.revision, Root: tt.root})
				if !tt.reset {
					f.tree = revisions[tt.revision]
				}
				if err := f.next(); err != nil {
					t.Fatal(err)
				}
				if f.manifest.Revision != 3 || (f.resets == 1) != tt.reset || f.received != tt.units {
					t.Errorf("revision %d, %d resets, %d units", f.manifest.Revision, f.resets, f.received)
				}
			})
		}
	}
}

// TestWatchRefused holds requests that are not served.
func TestWatchRefused(t *testing.T) {
	_, addr := serve(t, definitions.Options{})
	c := avapv2pb.NewCatalogClient(dial(t, addr, nil))
	for name, tt := range map[string]struct {
		req  *avapv2pb.WatchRequest
		want codes.Code
	}{
		"no bytecode version": {&avapv2pb.WatchRequest{}, codes.InvalidArgument},
		"long name":           {&avapv2pb.WatchRequest{BytecodeVersion: 1, Worker: strings.Repeat("w", 129)}, codes.InvalidArgument},
		"ahead":               {&avapv2pb.WatchRequest{BytecodeVersion: 1, Revision: 99, Root: make([]byte, 32)}, codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			stream, err := c.Watch(with(t.Context(), workerToken), tt.req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Recv(); status.Code(err) != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestMessages keeps messages of a revision below 1 MiB, and refuses a unit that
// would not fit.
func TestMessages(t *testing.T) {
	keys := keyring(t)
	s, addr := serve(t, definitions.Options{Keys: keys})
	var texts []string
	for i := range 40 {
		texts = append(texts, fmt.Sprintf("command c%d(o: out) { o = \"%s\" }", i, strings.Repeat("x", 100_000)))
	}
	texts = append(texts, fmt.Sprintf("command large(o: out) { o = \"%s\" }", strings.Repeat("y", 1_000_000)))
	revision := publish(t, s.Publisher(), texts...)
	stream, err := avapv2pb.NewCatalogClient(dial(t, addr, nil)).Watch(with(t.Context(), workerToken), &avapv2pb.WatchRequest{BytecodeVersion: 1})
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{keys: keys, stream: &measured{ServerStreamingClient: stream, t: t}, packages: map[catalog.Hash][]byte{}}
	if err := f.until(revision); err != nil {
		t.Fatal(err)
	}
	if f.messages < 5 || f.resets != 1 {
		t.Errorf("%d messages, %d resets", f.messages, f.resets)
	}
	r, err := s.Publisher().Publish(t.Context(), []definitions.Source{{Text: fmt.Sprintf("command larger(o: out) { o = \"%s\" }", strings.Repeat("y", 1<<20-100))}}, definitions.Order{Author: "ada"})
	if got := render(r, err); !strings.Contains(got, "the limit is 1015808: split it up") {
		t.Errorf("a unit that is too large: %s", got)
	}
}

// TestManifestRenewed sends a new manifest of the same revision at half the
// lifetime of the old one.
func TestManifestRenewed(t *testing.T) {
	t.Parallel()
	const lifetime = 6 * time.Second // half of it is room for a busy machine
	keys := keyring(t)
	_, addr := serve(t, definitions.Options{Keys: keys, ManifestLifetime: lifetime})
	f := follow(t.Context(), t, dial(t, addr, nil), keys, &avapv2pb.WatchRequest{})
	if err := f.next(); err != nil {
		t.Fatal(err)
	}
	first, units := f.manifest, f.received
	if err := f.next(); err != nil {
		t.Fatal(err)
	}
	if f.manifest.Revision != first.Revision || f.manifest.Root != first.Root || f.received != units {
		t.Errorf("revision %d after %d, %d units", f.manifest.Revision, first.Revision, f.received-units)
	}
	if !f.manifest.Issued.After(first.Issued) || f.manifest.Expires.Sub(f.manifest.Issued) != lifetime || !f.manifest.Issued.Before(first.Expires) {
		t.Errorf("issued %v, expires %v, after one of %v", f.manifest.Issued, f.manifest.Expires, first.Issued)
	}
}

// TestSlowWatcher publishes while a worker does not read. Others go on, and once
// it reads it is sent the difference to the newest revision, not each one.
func TestSlowWatcher(t *testing.T) {
	const publications = 60
	keys := keyring(t)
	s, addr := serve(t, definitions.Options{Keys: keys})
	slow := follow(t.Context(), t, dial(t, addr, nil), keys, &avapv2pb.WatchRequest{})
	if err := slow.until(1); err != nil {
		t.Fatal(err)
	}
	quick := follow(t.Context(), t, dial(t, addr, nil), keys, &avapv2pb.WatchRequest{})
	last := uint64(0)
	for i := range publications {
		last = publish(t, s.Publisher(), fmt.Sprintf("command large(o: out) { o = \"%d%s\" }", i, strings.Repeat("x", 100_000)))
		if err := quick.until(last); err != nil {
			t.Fatal(err)
		}
	}
	before := slow.messages
	if err := slow.until(last); err != nil {
		t.Fatal(err)
	}
	if got := slow.messages - before; got > publications/2 {
		t.Errorf("the slow worker was sent %d of %d revisions", got, publications)
	}
}

// TestConvergence publishes through two servers on one PostgreSQL while workers
// follow both: all end with the same catalog.
func TestConvergence(t *testing.T) {
	const workers, each = 100, 20
	keys, url := keyring(t), pgtest.Database(t)
	servers, addrs := make([]*definitions.Server, 2), make([]string, 2)
	for i := range servers {
		db, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		servers[i], addrs[i] = serve(t, definitions.Options{Keys: keys, Store: db})
	}
	const last = 1 + 2*each
	followers, errs := make([]*follower, workers), make([]error, workers)
	var all sync.WaitGroup
	for i := range followers {
		followers[i] = follow(t.Context(), t, dial(t, addrs[i%2], nil), keys, &avapv2pb.WatchRequest{})
		all.Go(func() { errs[i] = followers[i].until(last) })
	}
	var publishing sync.WaitGroup
	for i, s := range servers {
		publishing.Go(func() {
			for n := range each {
				text := fmt.Sprintf("command c%dx%d(x: value) { y = x }", i, n)
				r, err := s.Publisher().Publish(t.Context(), []definitions.Source{{Text: text}}, definitions.Order{Author: "ada"})
				if err != nil || r.Revision == 0 {
					t.Errorf("%v, %v", r, err)
				}
			}
		})
	}
	publishing.Wait()
	all.Wait()
	for i, f := range followers {
		if errs[i] != nil || f.manifest.Revision != last || f.tree.Root() != followers[0].tree.Root() {
			t.Errorf("worker %d: revision %d, %v", i, f.manifest.Revision, errs[i])
		}
	}
}

// TestKeysRotate goes over to new keys: manifests are signed with the new catalog
// key, and packages sealed anew become a revision.
func TestKeysRotate(t *testing.T) {
	m := newMemory()
	_, addr := serve(t, definitions.Options{Keys: keyring(t, "k1"), Store: m})
	both := keyring(t, "k1", "k2")
	f := follow(t.Context(), t, dial(t, addr, nil), both, &avapv2pb.WatchRequest{})
	if err := f.until(1); err != nil {
		t.Fatal(err)
	}
	_, addr = serve(t, definitions.Options{Keys: both, Store: m})
	root := f.tree.Root()
	g := follow(t.Context(), t, dial(t, addr, nil), keyring(t, "x", "k2"), &avapv2pb.WatchRequest{Revision: 1, Root: root[:]})
	g.tree = f.tree
	if err := g.next(); err != nil {
		t.Fatal(err)
	}
	if g.manifest.Revision != 2 || g.received != g.tree.Len() {
		t.Errorf("revision %d, %d units of %d", g.manifest.Revision, g.received, g.tree.Len())
	}
}

// TestGetUnit gives single units of the present revision.
func TestGetUnit(t *testing.T) {
	keys := keyring(t)
	s, addr := serve(t, definitions.Options{Keys: keys})
	publish(t, s.Publisher(), "command a(x: value) { y = x }")
	c := avapv2pb.NewCatalogClient(dial(t, addr, nil))
	get := func(req *avapv2pb.GetUnitRequest) (*avapv2pb.Unit, error) {
		return c.GetUnit(with(t.Context(), workerToken), req)
	}
	u, err := get(&avapv2pb.GetUnitRequest{Kind: avapv2pb.Kind_KIND_COMMAND, Name: "a", BytecodeVersion: bytecode.Version})
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := seal.Open(keys, u.Package); err != nil || opened.Unit.Program.Name != "a" {
		t.Errorf("%v, %v", opened, err)
	}
	if _, err := get(&avapv2pb.GetUnitRequest{Kind: avapv2pb.Kind_KIND_COMMAND, Name: "a", Hash: u.Hash, BytecodeVersion: 99}); err != nil {
		t.Errorf("of this hash: %v", err)
	}
	for name, tt := range map[string]struct {
		req  *avapv2pb.GetUnitRequest
		want codes.Code
	}{
		"another hash":        {&avapv2pb.GetUnitRequest{Kind: avapv2pb.Kind_KIND_COMMAND, Name: "a", Hash: make([]byte, 32), BytecodeVersion: 1}, codes.NotFound},
		"another kind":        {&avapv2pb.GetUnitRequest{Kind: avapv2pb.Kind_KIND_SCRIPT, Name: "a", BytecodeVersion: 1}, codes.NotFound},
		"unknown":             {&avapv2pb.GetUnitRequest{Kind: avapv2pb.Kind_KIND_COMMAND, Name: "b", BytecodeVersion: 1}, codes.NotFound},
		"no bytecode version": {&avapv2pb.GetUnitRequest{Kind: avapv2pb.Kind_KIND_COMMAND, Name: "a"}, codes.InvalidArgument},
	} {
		if _, err := get(tt.req); status.Code(err) != tt.want {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}

// TestClose sends workers away, and ends.
func TestClose(t *testing.T) {
	keys := keyring(t)
	s, addr := serve(t, definitions.Options{Keys: keys})
	f := follow(t.Context(), t, dial(t, addr, nil), keys, &avapv2pb.WatchRequest{})
	if err := f.until(1); err != nil {
		t.Fatal(err)
	}
	if got := s.Watchers(); got != 1 {
		t.Errorf("%d workers follow", got)
	}
	s.Close(t.Context())
	if err := f.next(); status.Code(err) != codes.Unavailable {
		t.Errorf("the worker was told %v", err)
	}
}

// TestStartAtOnce starts several servers on one empty database: the stock catalog
// is published once.
func TestStartAtOnce(t *testing.T) {
	const servers = 6
	keys, url := keyring(t), pgtest.Database(t)
	revisions, errs := make([]uint64, servers), make([]error, servers)
	var all sync.WaitGroup
	for i := range servers {
		all.Go(func() {
			db, err := store.Open(t.Context(), url, store.Options{})
			if err != nil {
				errs[i] = err
				return
			}
			defer db.Close()
			p, err := definitions.OpenPublisher(t.Context(), definitions.PublisherOptions{Store: db, Keys: keys, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				errs[i] = err
				return
			}
			revisions[i] = p.Revision()
		})
	}
	all.Wait()
	for i := range servers {
		if errs[i] != nil || revisions[i] != 1 {
			t.Errorf("server %d: revision %d, %v", i, revisions[i], errs[i])
		}
	}
}
