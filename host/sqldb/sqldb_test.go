// What holds for every database.

package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/sqldb"
)

func TestQuery(t *testing.T) {
	both(t, func(t *testing.T, db sqldb.DB) {
		s := open(t, db)
		if _, n := run(t, s, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, score REAL, active BOOLEAN)"); n != 0 {
			t.Errorf("CREATE changed %d rows", n)
		}
		_, n := run(t, s, "INSERT INTO users (id, name, score, active) VALUES (",
			int64(1), ", ", "O'Hara; DROP TABLE users --", ", ", 1.5, ", ", true, "), (", int64(2), ", ", nil, ", ", nil, ", ", false, ")")
		if n != 2 {
			t.Errorf("INSERT changed %d rows, want 2", n)
		}
		got, n := run(t, s, "SELECT id, name, score, active FROM users ORDER BY id")
		want := [][]any{
			{int64(1), "O'Hara; DROP TABLE users --", 1.5, true},
			{int64(2), nil, nil, false},
		}
		if diff := cmp.Diff(want, got.rows); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"id", "name", "score", "active"}, got.names); diff != "" {
			t.Error(diff)
		}
		if n != 0 {
			t.Errorf("SELECT changed %d rows", n)
		}
		if got.grown < len("O'Hara; DROP TABLE users --") {
			t.Errorf("asked for %d bytes", got.grown)
		}

		none, _ := run(t, s, "SELECT name FROM users WHERE id = ", int64(9), "")
		if len(none.rows) != 0 || len(none.names) != 1 {
			t.Errorf("no rows: columns %v, rows %v", none.names, none.rows)
		}
		if _, n := run(t, s, "UPDATE users SET score = score + 1"); n != 2 {
			t.Errorf("UPDATE changed %d rows, want 2", n)
		}
		if _, n := run(t, s, "UPDATE users SET score = 0 WHERE id = 9"); n != 0 {
			t.Errorf("UPDATE of none changed %d rows", n)
		}
		if got := query(t, s, "DELETE FROM users WHERE id = ", int64(1), " RETURNING name"); len(got) != 1 {
			t.Errorf("RETURNING gave %v", got)
		}
		if _, n := run(t, s, "DELETE FROM users; -- all of them"); n != 1 {
			t.Errorf("DELETE changed %d rows, want 1", n)
		}
	})
}

// TestOrdinaryValues binds values of all types where scripts put them.
func TestOrdinaryValues(t *testing.T) {
	both(t, func(t *testing.T, db sqldb.DB) {
		s := open(t, db)
		run(t, s, "CREATE TABLE v (i INTEGER, b BIGINT, n NUMERIC(10,2), t TEXT, f DOUBLE PRECISION, ok BOOLEAN)")
		run(t, s, "INSERT INTO v VALUES (5, 5000000000, 12.5, '5', 0.1, ", true, ")")
		tests := [][]any{
			{"SELECT 1 FROM v WHERE i = ", int64(5), ""},
			{"SELECT 1 FROM v WHERE i = ", "5", ""},
			{"SELECT 1 FROM v WHERE i = ", 5.0, ""},
			{"SELECT 1 FROM v WHERE b = ", int64(5000000000), ""},
			{"SELECT 1 FROM v WHERE b > ", int64(5), ""},
			{"SELECT 1 FROM v WHERE n = ", 12.5, ""},
			{"SELECT 1 FROM v WHERE n = ", "12.5", ""},
			{"SELECT 1 FROM v WHERE n > ", int64(12), ""},
			{"SELECT 1 FROM v WHERE t = ", "5", ""},
			{"SELECT 1 FROM v WHERE t = ", int64(5), ""},
			{"SELECT 1 FROM v WHERE t LIKE ", "%5%", ""},
			{"SELECT 1 FROM v WHERE f = ", 0.1, ""},
			{"SELECT 1 FROM v WHERE ok = ", true, ""},
			{"SELECT 1 FROM v WHERE ok = ", int64(1), ""},
			{"SELECT 1 FROM v WHERE i IN (", int64(4), ", ", "5", ", ", nil, ")"},
			{"SELECT 1 FROM v WHERE ", nil, " IS NULL"},
			{"SELECT 1 FROM v WHERE ", "x", " IS NOT NULL AND i = ", int64(5), ""},
			{"SELECT 1 FROM v WHERE t = coalesce(", nil, ", ", "5", ")"},
			{"SELECT 1 FROM v WHERE substr(t, ", int64(1), ", ", int64(1), ") = ", "5", ""},
			{"SELECT 1 FROM v LIMIT ", int64(1), ""},
			{"SELECT 1 FROM v LIMIT ", "1", " OFFSET ", int64(0), ""},
			{"SELECT 1 FROM v LIMIT", int64(1), "OFFSET 0"},
			{"SELECT 1 FROM v WHERE i BETWEEN", int64(1), "AND", int64(9), ""},
			{"SELECT 1 FROM v -- ", "a comment", "\n WHERE i = 5"},
			{"SELECT 1 FROM v /* ; */ ; /* ", "x", " */ -- end"},
		}
		for _, parts := range tests {
			got := query(t, s, parts...)
			if diff := cmp.Diff([][]any{{int64(1)}}, got); diff != "" {
				t.Errorf("%v: %s", parts, diff)
			}
		}

		// Alone, a value keeps its type.
		for _, v := range []any{nil, int64(5), int64(-1 << 63), int64(1<<63 - 1), 0.5, 1e300, "", "text", "5", "$1 ?1 :x"} {
			if diff := cmp.Diff([][]any{{v}}, query(t, s, "SELECT ", v, "")); diff != "" {
				t.Errorf("SELECT of %#v: %s", v, diff)
			}
		}

		// Into columns of another type.
		for _, parts := range [][]any{
			{"INSERT INTO v (i) VALUES (", "7", ")"},
			{"INSERT INTO v (t) VALUES (", int64(7), ")"},
			{"INSERT INTO v (n) VALUES (", int64(7), ")"},
			{"INSERT INTO v (f) VALUES (", int64(7), ")"},
			{"INSERT INTO v (b) VALUES (", 7.0, ")"},
			{"INSERT INTO v (t, i) SELECT ", "7", ", i FROM v WHERE i = ", int64(5), ""},
			{"UPDATE v SET t = ", int64(7), " WHERE i = ", "5", ""},
			{"UPDATE v SET n = n + ", int64(1), " WHERE i = ", "7", ""},
		} {
			if _, n := run(t, s, parts...); n < 1 {
				t.Errorf("%v changed %d rows", parts, n)
			}
		}
	})
}

func TestOneStatementAtATime(t *testing.T) {
	both(t, func(t *testing.T, db sqldb.DB) {
		s := open(t, db)
		run(t, s, "CREATE TABLE t (x INTEGER)")
		for _, text := range []string{
			"INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)",
			"SELECT 1; DROP TABLE t",
			"SELECT 1;;; DROP TABLE t",
			"SELECT 1; /* c */ DROP TABLE t",
			"SELECT 1; -- c\n DROP TABLE t",
			"; SELECT 1; DROP TABLE t",
			"/* c */; DROP TABLE t; SELECT 1",
			"SELECT ';' ; DROP TABLE t",
			"SELECT 1; not sql",
		} {
			_, err := try(t, s, new(rows), text)
			wantError(t, err)
		}
		if got := query(t, s, "SELECT count(*) FROM t"); got[0][0] != int64(0) {
			t.Errorf("the table has %v rows", got[0][0])
		}
		for _, text := range []string{"", "  ", ";", "-- nothing", "/* nothing */ ;"} {
			_, err := try(t, s, new(rows), text)
			if got, want := wantError(t, err), "the statement is empty"; got != want {
				t.Errorf("%q: message %q, want %q", text, got, want)
			}
		}
		for _, text := range []string{"SELECT 1 \x00; DROP TABLE t", "\x00"} {
			_, err := try(t, s, new(rows), text)
			wantError(t, err)
		}
	})
}

// TestSessionsAreApart has one session leave everything behind that it can.
func TestSessionsAreApart(t *testing.T) {
	both(t, func(t *testing.T, db sqldb.DB) {
		first := open(t, db)
		run(t, first, "CREATE TABLE t (x INTEGER)")
		run(t, first, "CREATE TEMP TABLE secret (x INTEGER)")
		run(t, first, "BEGIN")
		run(t, first, "INSERT INTO t VALUES (1)")
		run(t, first, "INSERT INTO secret VALUES (1)")
		first.Close()

		for range 4 {
			second := open(t, db)
			if got := query(t, second, "SELECT count(*) FROM t"); got[0][0] != int64(0) {
				t.Errorf("an open transaction was committed: %v rows", got[0][0])
			}
			_, err := try(t, second, new(rows), "SELECT * FROM secret")
			wantError(t, err)
			_, err = try(t, second, new(rows), "COMMIT")
			if err == nil && strings.Contains(t.Name(), "sqlite") {
				t.Error("a transaction is open")
			}
			second.Close()
		}
	})
}

func TestTransactionInASession(t *testing.T) {
	both(t, func(t *testing.T, db sqldb.DB) {
		s := open(t, db)
		run(t, s, "CREATE TABLE t (x INTEGER, name TEXT)")
		run(t, s, "BEGIN")
		run(t, s, "INSERT INTO t VALUES (", int64(1), ", ", "a", ")")
		// Values that take the parser a second thought do not end a transaction.
		if got := query(t, s, "SELECT x FROM t WHERE name <> ", int64(5), ""); len(got) != 1 {
			t.Errorf("in the transaction: %v", got)
		}
		run(t, s, "ROLLBACK")
		run(t, s, "BEGIN")
		run(t, s, "INSERT INTO t VALUES (", int64(2), ", ", "b", ")")
		run(t, s, "COMMIT")
		if diff := cmp.Diff([][]any{{int64(2)}}, query(t, s, "SELECT x FROM t")); diff != "" {
			t.Error(diff)
		}

		// A statement that fails leaves a transaction that can be ended.
		run(t, s, "BEGIN")
		_, err := try(t, s, new(rows), "SELECT * FROM missing WHERE x = ", int64(1), "")
		wantError(t, err)
		run(t, s, "ROLLBACK")
		query(t, s, "SELECT 1")
	})
}

// TestSinkErrors ends a statement from the side that takes the rows.
func TestSinkErrors(t *testing.T) {
	const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, 'some text to hold' FROM n"
	both(t, func(t *testing.T, db sqldb.DB) {
		s := open(t, db)
		for _, sink := range []*rows{{atMost: 10}, {budget: 1000}} {
			_, err := try(t, s, sink, endless)
			if err != errFull {
				t.Errorf("error %v, want that of the sink", err)
			}
			if len(sink.rows) > 100 {
				t.Errorf("%d rows came", len(sink.rows))
			}
			s.Close()
			s = open(t, db)
		}
		query(t, s, "SELECT 1")
	})
}

func TestDeadline(t *testing.T) {
	const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
	both(t, func(t *testing.T, db sqldb.DB) {
		s := open(t, db)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := s.Query(ctx, stmt(endless), new(rows))
		wantError(t, err)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		s.Close()

		s = open(t, db)
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err = s.Query(ctx, stmt(endless), new(rows))
		if got, want := wantError(t, err), "the statement was cancelled"; got != want {
			t.Errorf("message %q, want %q", got, want)
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v does not wrap the context's error", err)
		}
		_, err = s.Query(ctx, stmt("SELECT 1"), new(rows))
		wantError(t, err)
		s.Close()
		query(t, open(t, db), "SELECT 1")
	})
}

func TestMaxConns(t *testing.T) {
	for name, url := range urls(t) {
		t.Run(name, func(t *testing.T) {
			db := newDB(t, url, sqldb.Options{MaxConns: 2})
			first, second := open(t, db), open(t, db)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := db.Open(ctx)
			if got, want := wantError(t, err), "no connection to the database came free in time"; got != want {
				t.Errorf("message %q, want %q", got, want)
			}
			first.Close()
			query(t, open(t, db), "SELECT 1")
			second.Close()
			second.Close()
			_, err = try(t, second, new(rows), "SELECT 1")
			if got, want := wantError(t, err), "the session is closed"; got != want {
				t.Errorf("message %q, want %q", got, want)
			}
		})
	}
}

// TestMaxRow reads rows around the bound of their size.
func TestMaxRow(t *testing.T) {
	for name, url := range urls(t) {
		t.Run(name, func(t *testing.T) {
			db := newDB(t, url, sqldb.Options{MaxRow: 1 << 20})
			s := open(t, db)
			long := strings.Repeat("x", 500_000)
			got := query(t, s, "SELECT ", long, "")
			if got[0][0] != long {
				t.Error("a long text came back as another")
			}
			_, err := try(t, s, new(rows), "SELECT ", long, ", ", long+"1", ", ", long+"2", "")
			if got, want := wantError(t, err), "a row is larger than 1048576 bytes"; got != want {
				t.Errorf("message %q, want %q", got, want)
			}
			// That may have cost the session its connection, but not for the database's sake.
			_, err = try(t, s, new(rows), "SELECT 1")
			if outside, ok := errors.AsType[*host.Error](err); ok && outside.Unavailable {
				t.Errorf("behind it: %v, as if the database were away", err)
			}
			s.Close()
			query(t, open(t, db), "SELECT 1")
		})
	}
}

func TestManySessions(t *testing.T) {
	both(t, func(t *testing.T, db sqldb.DB) {
		run(t, open(t, db), "CREATE TABLE t (x INTEGER)")
		var wg sync.WaitGroup
		errs := make(chan error, 32)
		for i := range 32 {
			wg.Go(func() {
				s, err := db.Open(t.Context())
				if err != nil {
					errs <- err
					return
				}
				defer s.Close()
				_, err = s.Query(t.Context(), stmt("INSERT INTO t VALUES (", int64(i), ")"), new(rows))
				errs <- err
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		if got := query(t, open(t, db), "SELECT count(*), sum(x) FROM t"); fmt.Sprint(got) != "[[32 496]]" {
			t.Errorf("the table has %v", got)
		}
	})
}

func TestNewErrors(t *testing.T) {
	for url, want := range map[string]string{
		"":                                "a database URL is postgres://… or sqlite:FILE",
		"mysql://user:secret@h/d":         "a database URL is postgres://… or sqlite:FILE",
		"app.db":                          "a database URL is postgres://… or sqlite:FILE",
		"sqlite:":                         "sqlite: needs a file, as in sqlite:app.db",
		"sqlite::memory:":                 "sqlite: needs a file, as in sqlite:app.db",
		"postgres://user:secret@host:x/d": "not a valid PostgreSQL URL; its form is postgres://USER@HOST:PORT/DATABASE",
		"postgres://user:sec ret@h/d":     "not a valid PostgreSQL URL; its form is postgres://USER@HOST:PORT/DATABASE",
	} {
		_, err := sqldb.New(url, sqldb.Options{})
		if err == nil || err.Error() != want {
			t.Errorf("New(%q): %v, want %s", url, err, want)
		}
	}
}

func TestMalformedStatement(t *testing.T) {
	both(t, func(t *testing.T, db sqldb.DB) {
		s := open(t, db)
		_, err := s.Query(t.Context(), host.Statement{Parts: []string{"SELECT 1"}, Args: []any{nil}}, new(rows))
		if err == nil {
			t.Error("a statement with more values than places ran")
		}
		_, err = try(t, s, new(rows), "SELEC 1")
		if message := wantError(t, err); !strings.Contains(message, `"SELEC"`) {
			t.Errorf("message %q does not name the error", message)
		}
	})
}
