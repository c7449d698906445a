package guard_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/guard"
	"github.com/avap-framework/avap/host/sqldb"
	"github.com/avap-framework/avap/internal/pgtest"
)

const (
	dbBusy = "too many sessions on the database are open"
	dbOpen = "the database failed repeatedly; it is not asked for a while"
)

// discard is a host.RowSink that takes everything.
type discard struct{}

func (discard) Columns([]string) error { return nil }
func (discard) Row([]any) error        { return nil }
func (discard) Grow(int) error         { return nil }

// full is a host.RowSink of an execution that has no memory left.
type full struct{ discard }

var errFull = errors.New("quota_memory")

func (full) Grow(int) error { return errFull }

func text(sql string) host.Statement { return host.Statement{Parts: []string{sql}} }

// idle is a database whose sessions answer everything.
var idle = sqlFunc(func(context.Context) (host.Session, error) {
	return sessionFunc(func(context.Context) error { return nil }), nil
})

// TestSessions counts the sessions from Open to Close.
func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard journal
		db := guard.NewSQL("database", idle, guard.Options{MaxCalls: 2, MaxWaiting: 1, MaxWait: time.Second, Observer: heard.observer()})
		first, err := db.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		second, err := db.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.Open(t.Context())
		wantRefused(t, err, host.CodeSQL, guard.WaitedLong, dbBusy)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = db.Open(ctx)
		wantRefused(t, err, host.CodeSQL, context.DeadlineExceeded, "no connection to the database came free in time")
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		_, err = db.Open(ctx)
		wantRefused(t, err, host.CodeSQL, context.Canceled, "cancelled")

		// One waits, another one is refused, and Close lets the first of them in.
		opened := make(chan host.Session)
		go func() {
			s, err := db.Open(t.Context())
			if err != nil {
				t.Error(err)
			}
			opened <- s
		}()
		synctest.Wait()
		_, err = db.Open(t.Context())
		wantRefused(t, err, host.CodeSQL, guard.QueueFull, dbBusy)
		first.Close()
		first.Close() // counts once
		third := <-opened
		_, err = db.Open(t.Context())
		wantRefused(t, err, host.CodeSQL, guard.WaitedLong, dbBusy)
		second.Close()
		third.Close()
		if diff := cmp.Diff(map[string]int{"database": 0}, heard.calls); diff != "" {
			t.Error(diff)
		}
	})
}

// TestOpenFails has sessions that cannot be opened, for one reason or another.
func TestOpenFails(t *testing.T) {
	for _, tt := range []struct {
		name   string
		db     sqlFunc
		limit  time.Duration // of the context
		counts bool
	}{
		{"cannot be reached", func(context.Context) (host.Session, error) { return nil, errors.New("away") }, time.Minute, true},
		{"does not answer", func(ctx context.Context) (host.Session, error) { <-ctx.Done(); return nil, ctx.Err() }, time.Second, true},
		{"no fair time", func(ctx context.Context) (host.Session, error) { <-ctx.Done(); return nil, ctx.Err() }, time.Millisecond, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := guard.NewSQL("database", tt.db, guard.Options{MaxCalls: 1, MaxWaiting: -1, Breaker: guard.Breaker{Failures: 3}})
				var err error
				for range 4 {
					ctx, cancel := context.WithTimeout(t.Context(), tt.limit)
					_, err = db.Open(ctx)
					cancel()
				}
				if tt.counts {
					wantRefused(t, err, host.CodeSQL, guard.BreakerOpen, dbOpen)
				} else if errors.Is(err, guard.BreakerOpen) {
					t.Error("the breaker is open")
				}
			})
		})
	}
}

// TestLostSession has a connection break and its script go on asking.
func TestLostSession(t *testing.T) {
	lost := &host.Error{Code: host.CodeSQL, Message: "the connection to the database was lost", Unavailable: true}
	db := guard.NewSQL("database", sqlFunc(func(context.Context) (host.Session, error) {
		return sessionFunc(func(context.Context) error { return lost }), nil
	}), guard.Options{Breaker: guard.Breaker{Failures: 2}})

	session := open(t, db)
	for range 10 { // counts once
		if _, err := session.Query(t.Context(), text("x"), discard{}); err != lost {
			t.Fatalf("error %v, want %v as it is", err, lost)
		}
	}
	second := open(t, db)
	_, _ = second.Query(t.Context(), text("x"), discard{})
	_, err := second.Query(t.Context(), text("x"), discard{})
	wantRefused(t, err, host.CodeSQL, guard.BreakerOpen, dbOpen)
	_, err = db.Open(t.Context())
	wantRefused(t, err, host.CodeSQL, guard.BreakerOpen, dbOpen)

	second.Close()
	if _, err := second.Query(t.Context(), text("x"), discard{}); err != lost {
		t.Errorf("after Close: %v, want what the session itself says", err)
	}
}

// TestScriptsDoNotOpenTheBreaker runs what scripts do wrong on both databases, and then
// another statement: some of it costs a script its connection.
func TestScriptsDoNotOpenTheBreaker(t *testing.T) {
	for _, tt := range []struct{ name, url, slow, large string }{
		{"postgres", pgtest.Database(t), "SELECT pg_sleep(60)", "SELECT repeat('x', 20000000)"},
		{
			"sqlite", "sqlite:" + filepath.Join(t.TempDir(), "app.db"),
			"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n", "SELECT zeroblob(20000000)",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var heard journal
			db := guard.NewSQL("database", newDB(t, tt.url), guard.Options{
				Breaker:  guard.Breaker{Failures: 2, FairTime: time.Nanosecond},
				Observer: heard.observer(),
			})
			wrong := map[string]func(host.Session) error{
				"a sink that is full": func(s host.Session) error {
					_, err := s.Query(t.Context(), text("SELECT 1"), full{})
					if err != errFull {
						t.Errorf("error %v, want that of the sink", err)
					}
					return err
				},
				"a slow statement": func(s host.Session) error {
					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					defer cancel()
					_, err := s.Query(ctx, text(tt.slow), discard{})
					return err
				},
				"a statement after the context's end": func(s host.Session) error {
					ctx, cancel := context.WithCancel(t.Context())
					cancel()
					_, err := s.Query(ctx, text("SELECT 1"), discard{})
					return err
				},
			}
			for _, sql := range []string{"SELEC", "SELECT * FROM missing", "", "SELECT 1; SELECT 2", "COPY t TO STDOUT", tt.large} {
				wrong[sql] = func(s host.Session) error {
					_, err := s.Query(t.Context(), text(sql), discard{})
					return err
				}
			}
			for name, do := range wrong {
				for range 2 {
					session := open(t, db)
					if err := do(session); err == nil {
						t.Errorf("%s: no error", name)
					}
					_, _ = session.Query(t.Context(), text("SELECT 1"), discard{})
					session.Close()
				}
				if lines := heard.take(); lines != nil {
					t.Fatalf("%s: %v", name, lines)
				}
			}
		})
	}
}

// TestRaisedCodes has a script raise the codes of a server that shuts down.
func TestRaisedCodes(t *testing.T) {
	db := guard.NewSQL("database", newDB(t, pgtest.Database(t)), guard.Options{Breaker: guard.Breaker{Failures: 1}})
	session := open(t, db)
	for _, code := range []string{"57P01", "57P02", "57P03", "53300", "58000", "58030", "08006"} {
		_, err := session.Query(t.Context(), text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '"+code+"'; END $$"), discard{})
		outside, ok := errors.AsType[*host.Error](err)
		if !ok || errors.Is(err, guard.BreakerOpen) || outside.Unavailable {
			t.Fatalf("%s: %v", code, err)
		}
	}
}

// TestDatabaseGoesAway ends a real server under the guard and starts it again.
func TestDatabaseGoesAway(t *testing.T) {
	server := pgtest.Start(t)
	var heard journal
	db := guard.NewSQL("database", newDB(t, server.Database(t)), guard.Options{
		Breaker:  guard.Breaker{Failures: 3, OpenFor: time.Nanosecond, Probes: 1}, // probes at once
		Observer: heard.observer(),
	})
	ask := func() error {
		session, err := db.Open(t.Context())
		if err != nil {
			return err
		}
		defer session.Close()
		_, err = session.Query(t.Context(), text("SELECT 1"), discard{})
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	server.Kill(t)
	for range 3 {
		if err := ask(); err == nil {
			t.Error("the database answered")
		}
	}
	if diff := cmp.Diff([]string{"database closed to open"}, heard.take()); diff != "" {
		t.Fatal(diff)
	}
	_ = ask()
	if diff := cmp.Diff([]string{"database open to half-open", "database half-open to open"}, heard.take()); diff != "" {
		t.Fatal(diff)
	}
	server.Restart(t)
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"database open to half-open", "database half-open to closed"}, heard.take()); diff != "" {
		t.Error(diff)
	}
}

func open(t *testing.T, db host.SQL) host.Session {
	t.Helper()
	session, err := db.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

func newDB(t *testing.T, url string) sqldb.DB {
	t.Helper()
	db, err := sqldb.New(url, sqldb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}
