// What the tests of this package share: databases, and a sink that keeps rows.

package sqldb_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/sqldb"
	"github.com/avap-framework/avap/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

// newDB makes a DB that is closed with the test.
func newDB(t testing.TB, url string, opts sqldb.Options) sqldb.DB {
	t.Helper()
	db, err := sqldb.New(url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func postgres(t testing.TB) sqldb.DB { return newDB(t, pgtest.Database(t), sqldb.Options{}) }

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "app.db") }

func sqlite(t testing.TB) sqldb.DB { return newDB(t, sqliteURL(t), sqldb.Options{}) }

// both runs a test on each kind of database.
func both(t *testing.T, test func(t *testing.T, db sqldb.DB)) {
	t.Run("postgres", func(t *testing.T) { test(t, postgres(t)) })
	t.Run("sqlite", func(t *testing.T) { test(t, sqlite(t)) })
}

// open opens a session that is closed with the test.
func open(t testing.TB, db sqldb.DB) host.Session {
	t.Helper()
	session, err := db.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

// stmt makes a statement of texts with values between them.
func stmt(parts ...any) host.Statement {
	s := host.Statement{Parts: []string{parts[0].(string)}}
	for i := 1; i < len(parts); i += 2 {
		s.Args = append(s.Args, parts[i])
		s.Parts = append(s.Parts, parts[i+1].(string))
	}
	return s
}

// rows is a sink that keeps what it is given.
type rows struct {
	names  []string
	rows   [][]any
	grown  int
	atMost int // of rows, then errFull; 0 for no bound
	budget int // of bytes, then errFull; 0 for no bound
}

var errFull = errors.New("quota_memory")

func (r *rows) Columns(names []string) error { r.names = names; return nil }

func (r *rows) Row(values []any) error {
	if r.atMost > 0 && len(r.rows) == r.atMost {
		return errFull
	}
	r.rows = append(r.rows, append([]any(nil), values...))
	return nil
}

func (r *rows) Grow(n int) error {
	if r.grown += n; r.budget > 0 && r.grown > r.budget {
		return errFull
	}
	return nil
}

// query runs a statement that must succeed and gives its rows.
func query(t testing.TB, session host.Session, parts ...any) [][]any {
	t.Helper()
	out, _ := run(t, session, parts...)
	return out.rows
}

// run runs a statement that must succeed, within ten seconds.
func run(t testing.TB, session host.Session, parts ...any) (*rows, int64) {
	t.Helper()
	out := new(rows)
	affected, err := try(t, session, out, parts...)
	if err != nil {
		t.Fatalf("%q: %v", parts, err)
	}
	return out, affected
}

func try(t testing.TB, session host.Session, sink host.RowSink, parts ...any) (int64, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return session.Query(ctx, stmt(parts...), sink)
}

// wantError checks that err is what a database refuses and gives its message.
func wantError(t testing.TB, err error) string {
	t.Helper()
	outside, ok := errors.AsType[*host.Error](err)
	if !ok || outside.Code != host.CodeSQL {
		t.Fatalf("error %v, want a *host.Error with %s", err, host.CodeSQL)
	}
	return outside.Message
}

// urls gives a database of each kind.
func urls(t *testing.T) map[string]string {
	return map[string]string{"postgres": pgtest.Database(t), "sqlite": sqliteURL(t)}
}
