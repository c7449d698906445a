// Package pgtest runs a real PostgreSQL for tests, from the binaries that are
// installed.
//
// A test that only needs a database takes one from the server that its test
// binary shares, started at first need and stopped by Main:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m).Run()) }
//
//	func TestStore(t *testing.T) {
//		pool, err := pgxpool.New(t.Context(), pgtest.Database(t))
//		...
//
// A test that has its server fail starts one of its own with Start.
//
// Servers listen on a Unix socket in a directory that nobody else can enter,
// and never on a port. They are stopped, and their data removed, at the end of
// the test or of the binary; on Linux a server also ends with a binary that
// dies. As PostgreSQL refuses to run as root, tests that do have their servers
// run as the user postgres or nobody.
package pgtest

// This file holds what tests see: the shared server and the databases.

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// User is the name of the superuser, who needs no password.
const User = "postgres"

// adminDatabase exists in every server; databases are created from there.
const adminDatabase = "postgres"

// Runner is what runs the tests of a binary, a *testing.M first of all.
type Runner interface{ Run() int }

// shared is the server of the test binary. Starting one takes about a second,
// which is why tests share it; it is the one state of this package, and lives
// between the start and the end of Main's Run.
var shared struct {
	mu     sync.Mutex
	open   bool
	server *Server
}

// Main wraps m so that the shared server is stopped after the tests. Other
// wrappers fit around it: goleak.VerifyTestMain(pgtest.Main(m)).
func Main(m Runner) Runner { return runner{m} }

type runner struct{ Runner }

func (r runner) Run() (code int) {
	shared.mu.Lock()
	shared.open = true
	shared.mu.Unlock()

	defer func() {
		shared.mu.Lock()
		defer shared.mu.Unlock()
		shared.open = false
		if shared.server == nil {
			return
		}
		if err := shared.server.close(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = max(code, 1)
		}
		shared.server = nil
	}()
	return r.Runner.Run()
}

// Database creates an empty database in the shared server and returns the URL
// for it. It is dropped at the end of the test, open connections or not. The
// package's TestMain must use Main.
func Database(tb testing.TB) string {
	tb.Helper()
	server, err := sharedServer(tb.Context())
	if err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	return server.Database(tb)
}

func sharedServer(ctx context.Context) (*Server, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.open {
		return nil, fmt.Errorf("no shared server: TestMain must run the tests with pgtest.Main(m).Run()")
	}
	if shared.server == nil {
		server, err := newServer(ctx, nil)
		if err != nil {
			return nil, err
		}
		shared.server = server
	}
	return shared.server, nil
}

// Start starts a server for this test alone and stops it at the end. Each
// setting is a parameter of postgresql.conf, such as "max_connections=5".
func Start(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s, err := newServer(tb.Context(), settings)
	if err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.close(); err != nil {
			tb.Errorf("pgtest: %v", err)
		}
	})
	return s
}

// Database creates an empty database and returns the URL for it. It is dropped
// at the end of the test if the server runs then.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	if err := s.admin(tb.Context(), "CREATE DATABASE "+name); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	tb.Cleanup(func() {
		if !s.running() {
			return
		}
		// The test's own context is over by now.
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		if err := s.admin(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Errorf("pgtest: %v", err)
		}
	})
	return s.URL(name)
}

// URL returns the URL for a database of the server. It stays the same over
// Stop, Kill and Restart.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(User),
		Path:     "/" + database,
		RawQuery: url.Values{"host": {s.dir}}.Encode(),
	}
	return u.String()
}

// Socket returns the path of the Unix socket at which the server listens, for
// a proxy in front of it.
func (s *Server) Socket() string { return filepath.Join(s.dir, ".s.PGSQL.5432") }

// Stop shuts the server down as an operator does: sessions are ended with an
// error that says so, and what was committed is written out. Stopping a server
// that does not run is no error.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	if err := s.stop(); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
}

// Kill ends the server as a crash does, without a word to anybody. Its sessions
// end with it (on other systems than Linux, when they next wait for something).
// What was committed is there again after Restart.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	if err := s.kill(); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
}

// Restart starts the server again after Stop or Kill, and stops it first if it
// runs. It returns when the server answers.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	if err := s.stop(); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	if err := s.start(tb.Context()); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
}

// admin runs one statement as the superuser.
func (s *Server) admin(ctx context.Context, statement string) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

func (s *Server) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, s.URL(adminDatabase))
}

// closeConn takes leave of the server, which may be gone already.
func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
