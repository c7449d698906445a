package replica_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/internal/catalogtest"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker/replica"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const shouting = `
command shout(text: value, o: out) { o = mark(text.upper()) }
command mark(text: value, o: out) { o = text + "!" }
command whisper(text: value, o: out) { o = text.lower() }
`

const questioning = `command mark(text: value, o: out) { o = text + "?" }`

// options are those of a client that follows a server, quickly.
func options(s *server) replica.Options {
	o := s.publisher.Options()
	o.Source = nil
	return replica.Options{
		Address: s.address, Token: workersToken, Worker: "test", Catalog: o, Now: catalogtest.Clock,
		SnapshotDelay: time.Millisecond, MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond,
	}
}

// client is a client that runs.
type client struct {
	*replica.Client
	stop func()
}

// run makes a client and runs it until the test ends, or stop is called.
func run(t testing.TB, opt replica.Options) *client {
	t.Helper()
	c, err := replica.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		c.Close()
	}
	t.Cleanup(stop)
	return &client{c, stop}
}

// awaits waits until a revision is in force.
func (c *client) awaits(t testing.TB, revision uint64) *catalog.Revision {
	t.Helper()
	eventually(t, fmt.Sprint("revision ", revision), func() bool {
		v := c.Current()
		return v != nil && v.Number() == revision
	})
	return c.Current()
}

func TestFollow(t *testing.T) {
	s := newServer(t, shouting)
	var swaps atomic.Uint64
	opt := options(s)
	opt.OnSwap = func(v *catalog.Revision) { swaps.Store(v.Number()) }
	c := run(t, opt)
	first := c.awaits(t, 1)
	if first.Command("shout") == nil || c.Ready() != nil {
		t.Errorf("revision 1 is in force, ready is %v", c.Ready())
	}
	s.publish(questioning)
	second := c.awaits(t, 2)
	if second.Command("shout") == first.Command("shout") || second.Command("whisper") != first.Command("whisper") {
		t.Error("the second revision does not differ in what calls mark alone")
	}
	s.publishChanges(catalogtest.Remove("whisper"))
	if c.awaits(t, 3).Command("whisper") != nil {
		t.Error("whisper is not gone")
	}
	eventually(t, "OnSwap of 3", func() bool { return swaps.Load() == 3 })
	status := c.Status()
	want := replica.Status{
		Connected: true, InForce: true, Revision: 3, Root: status.Root, Units: 2, Origin: replica.OriginServer,
		Issued: catalogtest.Clock(), Expires: catalogtest.Clock().Add(24 * time.Hour), Swapped: catalogtest.Clock(),
		Applied: 3, Memory: status.Memory, HitRatio: status.HitRatio,
	}
	if diff := cmp.Diff(want, status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	s.publishChanges(catalog.Change{Entry: catalog.Entry{Kind: bytecode.KindCommand, Name: "future", Version: 1}})
	c.awaits(t, 4)
	if u := c.Unusable(); len(u) != 1 || u[0].Name != "future" || c.Status().Unusable != 1 {
		t.Errorf("unusable are %v", u)
	}
	if got := s.asked(0); got.Revision != 0 || len(got.Root) != 0 || got.BytecodeVersion != bytecode.Version || got.Worker != "test" {
		t.Errorf("the worker asked %v", got)
	}
}

// TestServerKilled kills the server under a client, and brings it back.
func TestServerKilled(t *testing.T) {
	s := newServer(t, shouting)
	c := run(t, options(s))
	held := c.awaits(t, 1)
	s.stop()
	eventually(t, "the loss is noticed", func() bool { return !c.Status().Connected })
	if c.Current() != held || held.Command("shout") == nil || c.Ready() != nil {
		t.Error("the client does not have what it had")
	}
	s.publish(questioning)
	s.start()
	c.awaits(t, 2)
	if got := s.asked(-1); got.Revision != 1 || catalog.Hash(got.Root) != held.Tree().Root() {
		t.Errorf("the worker asked %v: not for what it lacks", got)
	}
	if status := c.Status(); !status.Connected || status.LastError == "" || status.Failures == 0 {
		t.Errorf("%+v", status)
	}
}

// TestStartWithout starts with no server and no snapshot, and heals by itself.
func TestStartWithout(t *testing.T) {
	s := newServer(t, shouting)
	s.stop()
	opt := options(s)
	opt.Snapshot = filepath.Join(t.TempDir(), "snapshot")
	c := run(t, opt)
	eventually(t, "a reason", func() bool { return c.Status().LastError != "" })
	if err := c.Ready(); c.Current() != nil || err == nil || !strings.Contains(err.Error(), "no catalog yet; ") {
		t.Errorf("ready is %v", err)
	}
	s.start()
	c.awaits(t, 1)
}

// TestRefused holds what is refused of a server, or of whoever sits in the
// middle. The client keeps what it had, and takes up the honest server again.
func TestRefused(t *testing.T) {
	unit := func(change func(*avapv2pb.Unit)) func(*server) {
		return func(s *server) {
			s.tamper = func(messages []*avapv2pb.WatchResponse) []*avapv2pb.WatchResponse {
				for _, m := range messages {
					for _, u := range m.Units {
						u.Package = append([]byte(nil), u.Package...)
						change(u)
					}
				}
				return messages
			}
		}
	}
	manifest := func(change func(*server, *catalog.Manifest)) func(*server) {
		return func(s *server) {
			honest := s.publisher.CatalogKey
			m := s.publisher.Manifest()
			change(s, &m)
			s.manifest = s.publisher.Sign(m)
			s.publisher.CatalogKey = honest
		}
	}
	for _, tt := range []struct {
		name   string
		tamper func(*server)
		want   string // the reason
	}{
		{"a unit altered on the way", unit(func(u *avapv2pb.Unit) { u.Package[60] ^= 1 }), catalog.ErrHash.Error()},
		{"a unit altered with its hash", unit(func(u *avapv2pb.Unit) {
			u.Package[60] ^= 1
			sum := hash(u.Package)
			u.Hash = sum[:]
		}), catalog.ErrPackage.Error()},
		{"a unit under another unit's name", unit(func(u *avapv2pb.Unit) { u.Name = "whisper" }), catalog.ErrUnit.Error()},
		{"a hash of another size", unit(func(u *avapv2pb.Unit) { u.Hash = u.Hash[1:] }), "a unit whose hash has another size"},
		{"a unit left out", func(s *server) {
			s.tamper = func(m []*avapv2pb.WatchResponse) []*avapv2pb.WatchResponse { return m[len(m)-1:] }
		}, catalog.ErrRoot.Error()},
		{"a reset in the middle", func(s *server) {
			s.tamper = func(m []*avapv2pb.WatchResponse) []*avapv2pb.WatchResponse {
				m[len(m)-1].Reset_ = true
				return m
			}
		}, "the server begins anew in the middle of a revision"},
		{"a lower revision", manifest(func(_ *server, m *catalog.Manifest) { m.Revision = 0 }), catalog.ErrRollback.Error()},
		{"the same revision with another root", manifest(func(_ *server, m *catalog.Manifest) { m.Revision = 1 }), catalog.ErrFork.Error()},
		{"an expired manifest", manifest(func(_ *server, m *catalog.Manifest) {
			m.Issued, m.Expires = m.Issued.Add(-time.Hour), m.Issued
		}), catalog.ErrExpired.Error()},
		{"another key", manifest(func(s *server, _ *catalog.Manifest) {
			s.publisher.CatalogKey = catalogtest.NewKey(s.t, seal.UseCatalog, "c", 'x')
		}), catalog.ErrManifest.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, shouting)
			c := run(t, options(s))
			held := c.awaits(t, 1)
			shout := held.Command("shout")
			s.stop()
			s.publish(questioning)
			honest := s.manifest
			tt.tamper(s)
			s.start()
			eventually(t, "the reason "+tt.want, func() bool { return strings.Contains(c.Status().LastError, tt.want) })
			t.Log(c.Status().LastError)
			if c.Current() != held || held.Command("shout") != shout || c.Ready() != nil {
				t.Error("the client does not have what it had")
			}
			s.set(func() { s.tamper, s.manifest = nil, honest })
			if c.awaits(t, 2).Command("shout") == shout {
				t.Error("the honest revision changes nothing")
			}
		})
	}
}

// TestWhole gets a difference that is none to what it holds: it asks for the whole
// catalog instead.
func TestWhole(t *testing.T) {
	s := newServer(t, shouting)
	c := run(t, options(s))
	c.awaits(t, 1)
	s.stop()
	s.publish(questioning)
	s.tamper = func(m []*avapv2pb.WatchResponse) []*avapv2pb.WatchResponse {
		m[0].Reset_ = true
		return m
	}
	s.start()
	if v := c.awaits(t, 2); v.Command("whisper") == nil {
		t.Error("whisper is gone")
	}
	if got := s.asked(-1); got.Revision != 0 || len(got.Root) != 0 {
		t.Errorf("the worker asked %v", got)
	}
	if status := c.Status(); status.Refused != 1 || !strings.Contains(status.LastError, catalog.ErrRoot.Error()) {
		t.Errorf("%+v", status)
	}
}

// TestTokens holds what becomes of a client without the right token.
func TestTokens(t *testing.T) {
	s := newServer(t, shouting)
	opt := options(s)
	opt.Token = "a wrong one"
	c := run(t, opt)
	eventually(t, "a reason", func() bool { return strings.Contains(c.Status().LastError, "Unauthenticated") })
	if err := c.Ready(); err == nil || strings.Contains(err.Error(), opt.Token) {
		t.Errorf("ready is %v", err)
	}
}

// TestFetch fetches units that memory has no room for, and refuses those that
// were altered.
func TestFetch(t *testing.T) {
	s := newServer(t, shouting)
	opt := options(s)
	opt.Catalog.CacheBytes = 1
	c := run(t, opt)
	v := c.awaits(t, 1)
	// Memory has room for one unit, and shout needs two.
	s.set(func() { s.tamperOne = func(u *avapv2pb.Unit) { u.Package[60] ^= 1 } })
	if err := v.Load(t.Context(), []string{"shout"}); !errors.Is(err, catalog.ErrUnavailable) || !errors.Is(err, catalog.ErrHash) {
		t.Errorf("an altered unit gives %v", err)
	}
	s.set(func() { s.tamperOne = nil })
	if w, err := v.View(t.Context(), []string{"shout", "whisper"}); err != nil || w.Command("shout") == nil || w.Command("whisper") == nil {
		t.Error(err)
	}
	s.publish("command a(o: out) { o = 1 }\ncommand b(o: out) { o = 2 }")
	v = c.awaits(t, 2)
	s.stop()
	eventually(t, "the loss is noticed", func() bool { return !c.Status().Connected })
	if err := v.Load(t.Context(), []string{"a", "b"}); !errors.Is(err, catalog.ErrUnavailable) {
		t.Errorf("without a server: %v", err)
	}
	if status := c.Status(); status.Fetched == 0 || status.FetchErrors == 0 || status.HitRatio == 1 {
		t.Errorf("%+v", status)
	}
}

// TestSnapshotStart starts from a snapshot while the server is away, and fetches
// from it what memory has no room for.
func TestSnapshotStart(t *testing.T) {
	s := newServer(t, shouting)
	opt := options(s)
	opt.Snapshot = filepath.Join(t.TempDir(), "snapshot")
	opt.Catalog.CacheBytes = 1
	c := run(t, opt)
	c.awaits(t, 1)
	s.publish(questioning)
	c.awaits(t, 2)
	eventually(t, "the snapshot is written", func() bool { return c.Status().SnapshotRevision == 2 })
	c.stop()
	s.stop()

	c = run(t, opt)
	v := c.Current()
	if v == nil || v.Number() != 2 {
		t.Fatalf("the revision is %v (%v)", v, c.Ready())
	}
	for _, name := range []string{"shout", "whisper", "mark", "shout"} {
		if w, err := v.View(t.Context(), []string{name}); err != nil || w.Command(name) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if status := c.Status(); status.Origin != replica.OriginSnapshot || status.Fetched != 0 {
		t.Errorf("%+v", status)
	}
	s.start()
	eventually(t, "the server is back", func() bool { return c.Status().Connected })
	if c.Current() != v {
		t.Error("the server changed what was the same")
	}
}

// TestOldRevision loads units of the revision before the one in force, which
// neither memory nor the present snapshot has, while the server is away.
func TestOldRevision(t *testing.T) {
	s := newServer(t, shouting)
	opt := options(s)
	opt.Snapshot = filepath.Join(t.TempDir(), "snapshot")
	opt.Catalog.CacheBytes = 1
	c := run(t, opt)
	first := c.awaits(t, 1)
	eventually(t, "the first is written", func() bool { return c.Status().SnapshotRevision == 1 })
	s.publish(questioning)
	second := c.awaits(t, 2)
	eventually(t, "the second is written", func() bool { return c.Status().SnapshotRevision == 2 })
	s.stop()
	eventually(t, "the loss is noticed", func() bool { return !c.Status().Connected })
	var marks [2]any
	for i, v := range [...]*catalog.Revision{first, second} {
		w, err := v.View(t.Context(), []string{"shout", "mark"})
		if err != nil {
			t.Fatalf("revision %d: %v", v.Number(), err)
		}
		marks[i] = w.Command("mark")
	}
	if marks[0] == marks[1] {
		t.Error("both revisions have one mark")
	}
}

// TestSnapshotAtEnd stops a client before it would have written its snapshot.
func TestSnapshotAtEnd(t *testing.T) {
	s := newServer(t, shouting)
	opt := options(s)
	opt.Snapshot, opt.SnapshotDelay = filepath.Join(t.TempDir(), "snapshot"), time.Hour
	c := run(t, opt)
	c.awaits(t, 1)
	c.stop()
	s.stop()
	if c := run(t, opt); c.Current() == nil {
		t.Errorf("there is no snapshot: %v", c.Ready())
	}
}

// TestSnapshotNowhere follows a server with a snapshot that cannot be written at
// first: nothing else suffers, and it is tried again.
func TestSnapshotNowhere(t *testing.T) {
	s := newServer(t, shouting)
	opt := options(s)
	opt.Snapshot = filepath.Join(t.TempDir(), "folder", "snapshot")
	c := run(t, opt)
	v := c.awaits(t, 1)
	eventually(t, "a reason", func() bool { return c.Status().SnapshotError != "" })
	if v.Command("shout") == nil || c.Ready() != nil {
		t.Errorf("ready is %v", c.Ready())
	}
	if err := os.Mkdir(filepath.Dir(opt.Snapshot), 0o700); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is written", func() bool {
		status := c.Status()
		return status.SnapshotRevision == 1 && status.SnapshotError == ""
	})
}

// TestOldRevisionAfterRestart offers a revision below the one that the snapshot
// remembers, and the same one with another root.
func TestOldRevisionAfterRestart(t *testing.T) {
	s := newServer(t, shouting)
	opt := options(s)
	opt.Snapshot = filepath.Join(t.TempDir(), "snapshot")
	c := run(t, opt)
	c.awaits(t, 1)
	s.publish(questioning)
	c.awaits(t, 2)
	c.stop()
	s.stop()

	for name, tt := range map[string]struct {
		revisions int
		want      error
	}{
		"an older one":  {1, catalog.ErrRollback},
		"the same one":  {2, catalog.ErrFork},
		"a later other": {3, nil},
	} {
		t.Run(name, func(t *testing.T) {
			other := newServer(t, "command other(o: out) { o = 0 }")
			for i := 1; i < tt.revisions; i++ {
				other.publish(fmt.Sprintf("command other(o: out) { o = %d }", i))
			}
			opt := opt
			opt.Address = other.address
			opt.Snapshot = copyFile(t, opt.Snapshot)
			c := run(t, opt)
			if tt.want == nil {
				c.awaits(t, 3)
				return
			}
			eventually(t, tt.want.Error(), func() bool { return strings.Contains(c.Status().LastError, tt.want.Error()) })
			if v := c.Current(); v == nil || v.Number() != 2 || v.Command("shout") == nil {
				t.Error("the client does not have what it had")
			}
		})
	}
}

// TestSnapshotBroken flips a byte of the snapshot: it is set aside, and the
// client waits for the server.
func TestSnapshotBroken(t *testing.T) {
	s := newServer(t, shouting)
	opt := options(s)
	opt.Snapshot = filepath.Join(t.TempDir(), "snapshot")
	c := run(t, opt)
	c.awaits(t, 1)
	c.stop()
	s.stop()
	b, err := os.ReadFile(opt.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-30] ^= 1
	if err := os.WriteFile(opt.Snapshot, b, 0o600); err != nil {
		t.Fatal(err)
	}
	c = run(t, opt)
	if err := c.Ready(); c.Current() != nil || err == nil {
		t.Errorf("ready is %v", err)
	}
	if !strings.Contains(c.Status().SnapshotError, "the snapshot does not verify") {
		t.Errorf("the reason is %q", c.Status().SnapshotError)
	}
	if aside, err := os.ReadFile(opt.Snapshot + ".bad"); err != nil || string(aside) != string(b) {
		t.Errorf("the snapshot is not set aside: %v", err)
	}
	s.start()
	c.awaits(t, 1)
	eventually(t, "a snapshot is written", func() bool { return c.Status().SnapshotRevision == 1 })
}

// TestExpired lets the catalog expire while the server is away, and starts from
// a snapshot that has.
func TestExpired(t *testing.T) {
	for _, tt := range []struct {
		policy          replica.Expired
		serves, startsV bool
	}{
		{replica.ExpiredDefault, true, false},
		{replica.ExpiredServe, true, true},
		{replica.ExpiredStop, false, false},
	} {
		t.Run("policy "+string(tt.policy), func(t *testing.T) {
			s := newServer(t, shouting)
			var late atomic.Int64
			opt := options(s)
			opt.Expired, opt.Snapshot = tt.policy, filepath.Join(t.TempDir(), "snapshot")
			opt.Now = func() time.Time { return catalogtest.Clock().Add(time.Duration(late.Load())) }
			c := run(t, opt)
			c.awaits(t, 1)
			s.stop()
			late.Store(int64(24*time.Hour - 1))
			if c.Current() == nil || c.Status().Expired {
				t.Error("expired before its time")
			}
			late.Store(int64(24 * time.Hour))
			if got := c.Current() != nil; got != tt.serves || !c.Status().Expired {
				t.Errorf("serves an expired catalog: %t (%+v)", got, c.Status())
			}
			c.stop()

			c = run(t, opt)
			if got := c.Current() != nil; got != tt.startsV {
				t.Errorf("starts from an expired snapshot: %t", got)
			}
			if err := c.Ready(); !tt.startsV && (err == nil || !strings.Contains(err.Error(), "has expired at 2026-11-16")) {
				t.Errorf("ready is %v", err)
			}
			// The server still offers what has expired, then renews it.
			s.start()
			eventually(t, "it is refused", func() bool { return strings.Contains(c.Status().LastError, catalog.ErrExpired.Error()) })
			s.issue(func(m *catalog.Manifest) { m.Expires = m.Expires.Add(time.Hour) })
			c.awaits(t, 1)
			eventually(t, "it is renewed", func() bool { return !c.Status().Expired && c.Ready() == nil })
			if got := s.asked(-1); got.Revision != 1 {
				t.Errorf("the worker asked %v: for what it has", got)
			}
		})
	}
}

// TestSilence breaks off a revision in the middle: the client tries again.
func TestSilence(t *testing.T) {
	s := newServer(t, shouting)
	s.set(func() {
		s.tamper = func(m []*avapv2pb.WatchResponse) []*avapv2pb.WatchResponse { return m[:1] }
	})
	opt := options(s)
	opt.Patience = 50 * time.Millisecond
	c := run(t, opt)
	eventually(t, "patience ends", func() bool { return strings.Contains(c.Status().LastError, "silent") })
	s.set(func() { s.tamper = nil })
	c.awaits(t, 1)
}

// TestTooLarge holds the bound of what is collected before a manifest.
func TestTooLarge(t *testing.T) {
	s := newServer(t, shouting)
	opt := options(s)
	opt.MaxRevision = 500
	c := run(t, opt)
	eventually(t, "it is refused", func() bool { return strings.Contains(c.Status().LastError, "too large") })
}

// TestTLS follows a server with certificates on both sides.
func TestTLS(t *testing.T) {
	certificate, roots := selfSigned(t)
	s := newServer(t, shouting)
	s.stop()
	s.tls = &tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert}
	s.start()
	opt := options(s)
	opt.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: roots}
	run(t, opt).awaits(t, 1)
	for name, config := range map[string]*tls.Config{
		"plain text":                nil,
		"no certificate of its own": {RootCAs: roots},
		"an unknown server":         {Certificates: []tls.Certificate{certificate}, RootCAs: x509.NewCertPool()},
	} {
		opt.TLS = config
		c := run(t, opt)
		eventually(t, name+" fails", func() bool { return c.Status().Failures > 1 })
		if c.Current() != nil {
			t.Errorf("%s: there is a catalog", name)
		}
	}
}

// selfSigned makes a certificate for 127.0.0.1 that signs itself.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// TestOptions holds options that make no client.
func TestOptions(t *testing.T) {
	s := newServer(t, shouting)
	for name, change := range map[string]func(*replica.Options){
		"no address":  func(o *replica.Options) { o.Address = "" },
		"no token":    func(o *replica.Options) { o.Token = "" },
		"no keys":     func(o *replica.Options) { o.Catalog.Keys = nil },
		"a source":    func(o *replica.Options) { o.Catalog.Source = s.publisher },
		"no such way": func(o *replica.Options) { o.Expired = "maybe" },
	} {
		opt := options(s)
		change(&opt)
		if _, err := replica.New(opt); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}
