// This file holds the test of what a definition server has lost when it is
// killed: nothing that it acknowledged.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/internal/pgtest"
)

// TestKilledServer publishes 500 times on each store, while the server is killed
// at random moments and started again.
func TestKilledServer(t *testing.T) {
	for name, database := range map[string]func(dir string) string{
		"sqlite":   func(dir string) string { return "sqlite:" + filepath.Join(dir, "avap.db") },
		"postgres": func(string) string { return pgtest.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			url := database(dir)
			p := &killedPublisher{dir: dir, url: url, acknowledged: map[uint64]int{}}
			p.makeKeys(t)
			kills := 0
			for len(p.acknowledged) < 500 && p.broken == nil {
				p.publishUntilKilled(t, 1+rand.IntN(30))
				kills++
			}
			t.Logf("%d publications were acknowledged and %d were not, in %d lives of the server", len(p.acknowledged), p.failed, kills)
			p.check(t)
		})
	}
}

// TestPostgresRestarts restarts and crashes the database under a server that
// publishes: it goes on by itself.
func TestPostgresRestarts(t *testing.T) {
	database := pgtest.Start(t)
	p := &killedPublisher{dir: t.TempDir(), url: database.Database(t), acknowledged: map[uint64]int{}}
	p.makeKeys(t)
	server, client := p.start(t)
	defer server.kill()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			// Past its patience a publication may fail: the next one is another try.
			_ = p.publish(t.Context(), client)
		}
	}()
	database.Restart(t)
	database.Kill(t)
	database.Restart(t)
	cancel()
	<-ended
	before := len(p.acknowledged)
	for range 20 {
		if err := p.publish(t.Context(), client); err != nil {
			t.Fatalf("publications do not resume: %v\n%s", err, &server.stderr)
		}
	}
	t.Logf("%d publications were acknowledged while the database went and came, %d failed", before, p.failed)
	p.check(t)
}

// killedPublisher publishes to servers that do not live long.
type killedPublisher struct {
	dir, url     string
	next         int            // what the next publication says
	failed       int            // publications without an answer
	acknowledged map[uint64]int // what was published with a revision
	broken       error          // an answer that cannot be
}

func (p *killedPublisher) makeKeys(t *testing.T) {
	t.Helper()
	runAvap(t, p.dir, environment(), "keygen")
}

// start starts a server and gives its administrators' service.
func (p *killedPublisher) start(t *testing.T) (*process, avapv2pb.AdminClient) {
	t.Helper()
	env := environment("API_KEY=workers", "AVAP_ADMIN_TOKEN=administrators", "DATABASE_URL="+p.url)
	server, addr, err := startDefinitions(p.dir, env, "--keys", "avap-keys.json")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dialAdmin(addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return server, avapv2pb.NewAdminClient(conn)
}

// publishUntilKilled starts a server, and has it killed in the middle of a publication
// behind so many: however slow the machine is, each life of a server is worth some.
func (p *killedPublisher) publishUntilKilled(t *testing.T, publications int) {
	t.Helper()
	server, client := p.start(t)
	defer server.kill()
	var one time.Duration // how long the last one took
	for range publications {
		began := time.Now()
		if err := p.publish(t.Context(), client); err != nil {
			t.Fatalf("before the server is killed: %v\n%s", err, &server.stderr)
		}
		one = time.Since(began)
	}
	killed := make(chan struct{})
	time.AfterFunc(time.Duration(rand.Int64N(2*int64(one))), func() {
		server.kill()
		close(killed)
	})
	for p.publish(t.Context(), client) == nil {
	}
	<-killed
}

// publish publishes two units with one text.
func (p *killedPublisher) publish(ctx context.Context, client avapv2pb.AdminClient) error {
	p.next++
	ctx = metadata.AppendToOutgoingContext(ctx, "x-avap-auth", "administrators")
	answer, err := client.Publish(ctx, &avapv2pb.PublishRequest{Sources: []*avapv2pb.Source{
		{Name: "left", Text: leftSource(p.next)}, {Name: "right", Text: rightSource(p.next)},
	}})
	if err != nil {
		p.failed++
		return err
	}
	if len(answer.Diagnostics) > 0 {
		p.broken = fmt.Errorf("publication %d was refused: %v", p.next, answer.Diagnostics)
		return p.broken
	}
	if other, twice := p.acknowledged[answer.Revision]; twice {
		p.broken = fmt.Errorf("revision %d was acknowledged for %d and %d", answer.Revision, other, p.next)
		return p.broken
	}
	p.acknowledged[answer.Revision] = p.next
	return nil
}

func leftSource(n int) string  { return fmt.Sprintf("command left(o: out) { o = %d }\n", n) }
func rightSource(n int) string { return fmt.Sprintf("x = %d\n", n) }

// check looks at the store itself: every revision is there, each whole, with what
// was acknowledged for it.
func (p *killedPublisher) check(t *testing.T) {
	t.Helper()
	if p.broken != nil {
		t.Fatal(p.broken)
	}
	db, err := store.Open(t.Context(), p.url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all, err := db.Since(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, publication := range all {
		if publication.Revision != uint64(i+1) {
			t.Fatalf("revision %d follows %d", publication.Revision, i)
		}
		if publication.Action != store.ActionPublish {
			continue
		}
		v := publication.Versions
		if len(v) != 2 || len(publication.Packages) != 2 || v[0].Version != v[1].Version {
			t.Fatalf("revision %d is there in part: %d versions, %d packages", publication.Revision, len(v), len(publication.Packages))
		}
		n, told := p.acknowledged[publication.Revision]
		delete(p.acknowledged, publication.Revision)
		if told && (v[0].Source != leftSource(n) || v[1].Source != rightSource(n)) {
			t.Errorf("revision %d is %q and %q, and was acknowledged for %d", publication.Revision, v[0].Source, v[1].Source, n)
		}
	}
	if len(p.acknowledged) > 0 {
		t.Errorf("acknowledged and lost: %v", p.acknowledged)
	}
}

// TestEndedAtTheStart sends SIGTERM to a server that waits for its database.
func TestEndedAtTheStart(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	env := environment("API_KEY=workers", "AVAP_INTERNAL_KEY="+packageSecret, "AVAP_CATALOG_KEY=a catalog key of 32 bytes or more",
		"DATABASE_URL=postgres://avap@"+silent.Addr().String()+"/avap?sslmode=disable")
	server, err := startProcess(program(t), t.TempDir(), env, "definitions", "serve", "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.kill()
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	server.signal(t, syscall.SIGTERM)
	const want = "avap: ended by a signal before it listened\n"
	if state, said := server.wait(t), server.stderr.String(); state.ExitCode() != 2 || said != want {
		t.Errorf("%v, and it says %q, want status 2 and %q", state, said, want)
	}
}
