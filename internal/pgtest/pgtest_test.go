package pgtest

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	runChild()
	goleak.VerifyTestMain(Main(m))
}

func TestDatabasesAreEmptyAndApart(t *testing.T) {
	one := connect(t, Database(t))
	other := connect(t, Database(t))
	execute(t, one, "CREATE TABLE note (body text)")
	execute(t, one, "INSERT INTO note VALUES ('kept')")

	if got := query[string](t, one, "SELECT body FROM note"); got != "kept" {
		t.Errorf("body = %q, want kept", got)
	}
	var refusal *pgconn.PgError
	if _, err := other.Exec(t.Context(), "SELECT * FROM note"); !errors.As(err, &refusal) || refusal.Code != "42P01" {
		t.Errorf("the table seen from the other database: %v, want an undefined table (42P01)", err)
	}
}

func TestDatabaseIsDroppedAfterItsTest(t *testing.T) {
	var url string
	t.Run("inner", func(t *testing.T) {
		url = Database(t)
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		// Left open while the database goes.
		t.Cleanup(func() { closeConn(conn) })
	})
	var refusal *pgconn.PgError
	if _, err := pgx.Connect(t.Context(), url); !errors.As(err, &refusal) || refusal.Code != "3D000" {
		t.Errorf("connect after the test: %v, want no such database (3D000)", err)
	}
}

func TestSettings(t *testing.T) {
	s := Start(t, "max_connections=7")
	conn := connect(t, s.URL(adminDatabase))
	if got := query[string](t, conn, "SHOW max_connections"); got != "7" {
		t.Errorf("max_connections = %s, want 7", got)
	}
}

func TestStartSaysWhatPostgreSQLSays(t *testing.T) {
	s, err := newServer(t.Context(), []string{"no_such_setting=1"})
	if err == nil {
		t.Fatalf("started: %v", s.close())
	}
	if want := "unrecognized configuration parameter"; !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not hold %q", err, want)
	}
}

func TestFailures(t *testing.T) {
	s := Start(t)
	url := s.Database(t)
	conn := connect(t, url)
	execute(t, conn, "CREATE TABLE note (body text)")

	for name, fail := range map[string]func(testing.TB){"stop": s.Stop, "kill": s.Kill} {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, url)
			execute(t, conn, "INSERT INTO note VALUES ('"+name+"')")

			fail(t)
			if _, err := conn.Exec(t.Context(), "SELECT 1"); err == nil {
				t.Error("the session outlived the server")
			}
			if conn, err := pgx.Connect(t.Context(), url); err == nil {
				closeConn(conn)
				t.Error("a new session was let in")
			}

			s.Restart(t)
			if got := query[int](t, connect(t, url), "SELECT count(*) FROM note WHERE body = '"+name+"'"); got != 1 {
				t.Errorf("rows found after the restart = %d, want 1", got)
			}
		})
	}
}

func TestRestartOfARunningServer(t *testing.T) {
	s := Start(t)
	started := "SELECT pg_postmaster_start_time()::text"
	before := query[string](t, connect(t, s.URL(adminDatabase)), started)
	s.Restart(t)
	after := query[string](t, connect(t, s.URL(adminDatabase)), started)
	if diff := cmp.Diff(before, after); diff == "" {
		t.Errorf("the same server still runs, since %s", before)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	var s *Server
	t.Run("inner", func(t *testing.T) { s = Start(t) })
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory after the test: %v, want it gone", err)
	}
}

func TestDatabaseNeedsMain(t *testing.T) {
	shared.mu.Lock()
	shared.open = false
	shared.mu.Unlock()
	defer func() {
		shared.mu.Lock()
		shared.open = true
		shared.mu.Unlock()
	}()
	if _, err := sharedServer(t.Context()); err == nil || !strings.Contains(err.Error(), "pgtest.Main") {
		t.Errorf("error %v does not say what to do", err)
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeConn(conn) })
	return conn
}

func execute(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func query[T any](t *testing.T, conn *pgx.Conn, statement string) T {
	t.Helper()
	var value T
	if err := conn.QueryRow(t.Context(), statement).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
