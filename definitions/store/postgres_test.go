// This file holds the tests of a PostgreSQL that goes away.

package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/internal/pgtest"
)

// TestRestartsUnderLoad stops and crashes the database while two stores append.
func TestRestartsUnderLoad(t *testing.T) {
	server := pgtest.Start(t)
	url := server.Database(t)
	stores := []store.Store{open(t, url), open(t, url)}
	watcher := open(t, url)
	changes := watcher.Changes(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var (
		mu           sync.Mutex
		acknowledged = map[uint64]string{}
		count        atomic.Int64
		writers      sync.WaitGroup
	)
	for i, author := range []string{"ada", "bob"} {
		writers.Go(func() {
			for ctx.Err() == nil {
				// Load fails while the database is away; Append waits for it.
				revision, err := persist(ctx, stores[i], author)
				if err == nil {
					mu.Lock()
					acknowledged[revision] = author
					mu.Unlock()
					count.Add(1)
				}
			}
		})
	}
	more := func() {
		t.Helper()
		want := count.Load() + 20
		for end := time.Now().Add(30 * time.Second); count.Load() < want; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("appends do not resume: %d acknowledged", count.Load())
			}
		}
	}
	more()
	server.Restart(t)
	more()
	server.Kill(t)
	server.Restart(t)
	more()
	server.Stop(t)
	server.Restart(t)
	more()
	cancel()
	writers.Wait()

	newest := load(t, watcher).Revision
	quiet(t, changes)
	revision := appended(t, stores[0], pair(newest, "after"))
	acknowledged[revision] = "after"
	told(t, changes)
	t.Logf("%d publications were acknowledged, the revision is %d", len(acknowledged), revision)
	checkPairs(t, watcher, acknowledged)
}

// TestDatabaseAway has Append give up after its patience, or with its context.
func TestDatabaseAway(t *testing.T) {
	server := pgtest.Start(t)
	url := server.Database(t)
	s := openWith(t, url, store.Options{Patience: 100 * time.Millisecond})
	patient := open(t, url)
	server.Stop(t)
	if _, err := s.Append(t.Context(), pair(0, "ada")); err == nil || errors.Is(err, store.ErrUncertain) {
		t.Errorf("out of patience: %v, want the error of the connection", err)
	}
	if _, err := patient.Append(within(t, 100*time.Millisecond), pair(0, "ada")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("out of time: %v, want context.DeadlineExceeded", err)
	}
	closed := make(chan error)
	go func() {
		_, err := patient.Append(context.WithoutCancel(t.Context()), pair(0, "ada"))
		closed <- err
	}()
	if err := patient.Close(); err != nil {
		t.Error(err)
	}
	if err := <-closed; !errors.Is(err, store.ErrClosed) {
		t.Errorf("closed: %v, want ErrClosed", err)
	}
	server.Restart(t)
	checkPairs(t, s, nil)
}

// TestLostAcknowledgement cuts the connection behind the commit: the publication
// is stored, and Append finds out.
func TestLostAcknowledgement(t *testing.T) {
	url := pgtest.Database(t)
	proxy := newProxy(t, url)
	s := open(t, proxy.url)
	appended(t, s, pair(0, "ada"))
	proxy.cutCommit.Store(true)
	if revision := appended(t, s, pair(1, "ada")); revision != 2 {
		t.Errorf("the revision is %d, want 2", revision)
	}
	if proxy.cutCommit.Load() {
		t.Error("no commit was cut")
	}
	checkPairs(t, s, map[uint64]string{1: "ada", 2: "ada"})
}

// TestUncertain cuts the connection behind the commit and lets nobody in again.
func TestUncertain(t *testing.T) {
	url := pgtest.Database(t)
	proxy := newProxy(t, url)
	s := openWith(t, proxy.url, store.Options{Patience: 100 * time.Millisecond})
	appended(t, s, pair(0, "ada"))
	proxy.thenShut.Store(true)
	proxy.cutCommit.Store(true)
	if _, err := s.Append(t.Context(), pair(1, "ada")); !errors.Is(err, store.ErrUncertain) {
		t.Errorf("%v, want ErrUncertain", err)
	}
	checkPairs(t, open(t, url), map[uint64]string{1: "ada", 2: "ada"})
}

// TestDatabaseHangs stops all that the database says, on connections that stay: a
// publication and a look give up in time, and go on with the same store later.
func TestDatabaseHangs(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	proxy := newProxy(t, url)
	s := openWith(t, proxy.url, store.Options{Patience: time.Second})
	appended(t, s, pair(0, "ada"))
	proxy.hung.Lock()
	ctx := within(t, 30*time.Second)
	if _, err := s.Append(ctx, pair(1, "ada")); err == nil || errors.Is(err, store.ErrUncertain) {
		t.Errorf("a publication: %v, want an error of the database", err)
	}
	if _, err := s.Since(ctx, 0, 0); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a look: %v, want an error of the database", err)
	}
	if ctx.Err() != nil {
		t.Error("both waited for as long as the caller did")
	}
	proxy.hung.Unlock()
	appended(t, s, pair(1, "ada"))
	checkPairs(t, open(t, url), map[uint64]string{1: "ada", 2: "ada"})
}

// TestDatabaseAwayIsTold has who waits for changes look, and find out, when the
// database goes away.
func TestDatabaseAwayIsTold(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s := open(t, server.Database(t))
	changes := s.Changes(t.Context())
	quiet(t, changes)
	server.Stop(t)
	for range 3 { // and again while it is away
		told(t, changes)
	}
}

// proxy stands between a store and its server.
type proxy struct {
	url       string
	server    string      // its socket
	cutCommit atomic.Bool // cut the next connection that commits, once the server has done so
	thenShut  atomic.Bool // and let nobody in from then on
	shut      atomic.Bool
	hung      sync.RWMutex // locked: no answer goes by

	mu    sync.Mutex
	conns []net.Conn // to the server
}

// shutAll ends all connections.
func (p *proxy) shutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		conn.Close()
	}
}

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	u := parsed(t, server)
	query := u.Query()
	p := &proxy{server: filepath.Join(query.Get("host"), ".s.PGSQL.5432")}
	dir, err := os.MkdirTemp("", "proxy") // shorter than t.TempDir: the path of a socket has little room
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	query.Set("host", dir)
	u.RawQuery = query.Encode()
	p.url = u.String()
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() { l.Close(); conns.Wait() })
	return p
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	if p.shut.Load() {
		return
	}
	server, err := net.Dial("unix", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.conns = append(p.conns, server)
	p.mu.Unlock()
	var cut atomic.Bool
	go func() {
		io.Copy(server, &commits{client, func() {
			if p.cutCommit.CompareAndSwap(true, false) {
				p.shut.Store(p.thenShut.Load())
				cut.Store(true)
			}
		}})
		server.(*net.UnixConn).CloseWrite()
	}()
	buf := make([]byte, 1<<16)
	for {
		n, err := server.Read(buf)
		if cut.Load() && p.shut.Load() { // the server's answer to the commit is here
			p.shutAll()
		}
		if err != nil || cut.Load() {
			return
		}
		p.hung.RLock()
		_, err = client.Write(buf[:n])
		p.hung.RUnlock()
		if err != nil {
			return
		}
	}
}

// commits calls a function when a commit goes by.
type commits struct {
	io.Reader
	found func()
}

func (c *commits) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if bytes.Contains(bytes.ToLower(b[:n]), []byte("commit\x00")) {
		c.found()
	}
	return n, err
}

// TestManyHosts reads a URL with two servers, of which the first does not run.
func TestManyHosts(t *testing.T) {
	u := parsed(t, pgtest.Database(t))
	dir := u.Query().Get("host")
	both := fmt.Sprintf("postgres://postgres@/%s?host=%s,%s", strings.TrimPrefix(u.Path, "/"), url.QueryEscape(t.TempDir()), url.QueryEscape(dir))
	appended(t, open(t, both), pair(0, "ada"))
}
