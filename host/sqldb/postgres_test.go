package sqldb_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/sqldb"
	"github.com/avap-framework/avap/internal/pgtest"
)

// TestPostgresTypes reads one value of each type.
func TestPostgresTypes(t *testing.T) {
	s := open(t, postgres(t))
	run(t, s, "SET TIME ZONE 'UTC'")
	tests := []struct {
		expr string
		want any
	}{
		{"NULL", nil},
		{"true", true},
		{"false", false},
		{"5::smallint", int64(5)},
		{"5", int64(5)},
		{"9223372036854775807", int64(9223372036854775807)},
		{"5::oid", int64(5)},
		{"0.1::real", 0.1},
		{"5::double precision", 5.0},
		{"1e300::double precision", 1e300},
		{"'NaN'::double precision", "NaN"},
		{"'-Infinity'::double precision", "-Infinity"},
		{"12::numeric", int64(12)},
		{"12.50::numeric", 12.5},
		{"5.00::numeric(10,2)", 5.0},
		{"9223372036854775808", 9.223372036854775808e18},
		{"'NaN'::numeric", "NaN"},
		{"1e400::numeric", "1" + strings.Repeat("0", 400)},
		{"sum(x) FROM generate_series(1, 3) x", int64(6)},
		{"avg(x) FROM generate_series(1, 2) x", 1.5},
		{"'text'", "text"},
		{"''", ""},
		{"'ñ€'::varchar", "ñ€"},
		{"'ab'::char(4)", "ab  "},
		{"'\\x00ff'::bytea", `\x00ff`},
		{"date '2026-01-31'", "2026-01-31"},
		{"timestamp '2026-01-31 10:20:30.5'", "2026-01-31 10:20:30.5"},
		{"timestamptz '2026-01-31 10:20:30+02'", "2026-01-31 08:20:30+00"},
		{"time '10:20'", "10:20:00"},
		{"interval '1 day 2 hours'", "1 day 02:00:00"},
		{"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{"'10.0.0.1'::inet", "10.0.0.1"},
		{"'{\"b\": 1, \"a\": [1.50]}'::json", host.JSON(`{"b": 1, "a": [1.50]}`)},
		{"'{\"b\": 1}'::jsonb", host.JSON(`{"b": 1}`)},
		{"'null'::jsonb", host.JSON(`null`)},
		{"ARRAY[1, 2, NULL]", host.JSON(`[1,2,null]`)},
		{"'{}'::int[]", host.JSON(`[]`)},
		{"ARRAY[[1, 2], [3, 4]]", host.JSON(`[[1,2],[3,4]]`)},
		{"ARRAY[1.5, 2]::float8[]", host.JSON(`[1.5,2.0]`)},
		{"ARRAY[true, false]", host.JSON(`[true,false]`)},
		{`ARRAY['a', 'b c', 'd"e', 'f\g', 'NULL', '', '{x}']`, host.JSON(`["a","b c","d\"e","f\\g","NULL","","{x}"]`)},
		{"ARRAY['{\"a\": 1}'::jsonb]", host.JSON(`[{"a": 1}]`)},
		{"ARRAY[date '2026-01-31']", host.JSON(`["2026-01-31"]`)},
		{"'[0:1]={1,2}'::int[]", "[0:1]={1,2}"},
		{"point '(1,2)'", "(1,2)"},
		{"ROW(1, 'a')", "(1,a)"},
		{"int4range(1, 5)", "[1,5)"},
	}
	for _, tt := range tests {
		got := query(t, s, "SELECT "+tt.expr)
		if diff := cmp.Diff([][]any{{tt.want}}, got); diff != "" {
			t.Errorf("%s: %s", tt.expr, diff)
		}
	}
}

// TestPostgresBindings binds values in all the places where the parser has its
// own mind about types.
func TestPostgresBindings(t *testing.T) {
	s := open(t, postgres(t))
	run(t, s, "CREATE TYPE mood AS ENUM ('sad', 'happy')")
	run(t, s, `CREATE TABLE v (i int, si smallint, b bigint, n numeric, t text, vc varchar(20), f float8, ok boolean,
		d date, ts timestamp, tz timestamptz, u uuid, j jsonb, a int[], m mood)`)
	run(t, s, `INSERT INTO v VALUES (5, 5, 5, 5, '5', '5', 5, true,
		'2026-01-31', '2026-01-31 10:00', '2026-01-31 10:00+00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"k": "v", "n": 5}', '{1,5}', 'happy')`)

	const uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
	conditions := [][]any{
		{"si = ", int64(5), ""},
		{"si = ", int64(5_000_000_000), " OR true"},
		{"i = ", int64(5), " AND t = ", int64(5), " AND b = ", int64(5), ""},
		{"vc = ", int64(5), ""},
		{"t = ", true, " OR ok = ", true, ""},
		{"ok = ", "true", ""},
		{"ok = ", int64(1), ""},
		{"i = ", "5", " AND n = ", "5", " AND f = ", "5", ""},
		{"n + ", 0.1, " = ", 5.1, ""},
		{"f * ", int64(2), " = ", int64(10), ""},
		{"t || ", int64(1), " = ", "51", ""},
		{"t || ", "1", " = ", "51", ""},
		{"t IN (", int64(4), ", ", int64(5), ")"},
		{"i = ANY(ARRAY[", int64(4), ", ", int64(5), "])"},
		{"i = ANY(", "{4,5}", ")"},
		{int64(5), " = ANY(a)"},
		{"d = ", "2026-01-31", " AND ts = ", "2026-01-31 10:00", " AND tz > ", "2026-01-01", ""},
		{"d + ", int64(1), " = ", "2026-02-01", ""},
		{"d = date ", "2026-01-31", ""},
		{"ts > now() - interval ", "1000 years", ""},
		{"ts > TIMESTAMP WITHOUT TIME ZONE ", "2026-01-01 00:00", ""},
		{"tz + interval", "1 day", " > timestamptz ", "2026-01-01", ""},
		{"ts - ", "1 day", "::interval < ", "2026-01-31", ""},
		{"date_trunc(", "day", ", ts) = ", "2026-01-31", ""},
		{"extract(year from ts) = ", int64(2026), ""},
		{"u = ", uuid, ""},
		{"m = ", "happy", ""},
		{"j @> ", `{"k": "v"}`, ""},
		{"j ->> ", "k", " = ", "v", ""},
		{"(j ->> ", "n", ")::int = ", int64(5), ""},
		{"(j ->> 'n') = ", int64(5), ""},
		{"j -> ", "n", " = ", int64(5), ""},
		{"left(t, ", int64(1), ") = ", "5", ""},
		{"repeat(t, ", int64(2), ") = ", "55", ""},
		{"round(", 5.04, ", ", int64(1), ") = n"},
		{"round(f) = round(", 5.2, ")"},
		{"sqrt(", int64(25), ") = f"},
		{"concat(", "a", ", ", int64(1), ", ", nil, ", ", true, ", ", 0.5, ") = ", "a1t0.5", ""},
		{"format(", "%s-%s", ", ", "a", ", ", int64(1), ") = ", "a-1", ""},
		{"jsonb_build_object(", "a", ", ", int64(1), ") = ", `{"a": 1}`, ""},
		{"json_build_object(", "a", ", ", "b", ") ->> 'a' = ", "b", ""},
		{"lower(", "ABC", ") = ", "abc", ""},
		{"length(", "abc", ") = ", int64(3), ""},
		{"CASE WHEN ", true, " THEN ", "a", " ELSE ", "b", " END = ", "a", ""},
		{"coalesce(", nil, ", i) = ", int64(5), ""},
		{"nullif(", "", ", ", "", ") IS NULL"},
		{"greatest(i, ", int64(3), ") = ", int64(5), ""},
		{"", nil, "::int IS NULL"},
		{"(", nil, " IS NULL OR i = ", nil, ")"},
		{"(", int64(3), "::text) = ", "3", ""},
		{"i IN (SELECT ", int64(5), " UNION SELECT ", int64(6), ")"},
		{"(i, t) IN (VALUES (", int64(5), ", ", "5", "))"},
		{"i = ", int64(5), " AND ", "x", " = ", "x", ""},
		{"", true, ""},
		{"t ~ ", "^[0-9]$", ""},
		{"t NOT LIKE ", "a%", " ESCAPE ", "!", ""},
	}
	for _, condition := range conditions {
		parts := condition
		if first, ok := parts[0].(string); ok && len(parts)%2 == 1 {
			parts = append([]any{"SELECT 1 FROM v WHERE " + first}, parts[1:]...)
		} else {
			parts = append([]any{"SELECT 1 FROM v WHERE "}, parts...)
		}
		for _, frame := range []string{"", "in a transaction"} {
			if frame != "" {
				run(t, s, "BEGIN")
			}
			out := new(rows)
			if _, err := try(t, s, out, parts...); err != nil {
				t.Errorf("%q %s: %v", condition, frame, err)
			} else if len(out.rows) != 1 {
				t.Errorf("%q %s: %d rows, want 1", condition, frame, len(out.rows))
			}
			if frame != "" {
				run(t, s, "ROLLBACK")
			}
		}
	}

	for _, parts := range [][]any{
		{"INSERT INTO v (i, si, b, n, t, vc, f) VALUES (", "1", ", ", "2", ", ", "3", ", ", "4.5", ", ", int64(5), ", ", 6.5, ", ", "7", ")"},
		{"INSERT INTO v (i, si, b, n, f) VALUES (", 1.0, ", ", int64(2), ", ", 3.0, ", ", int64(4), ", ", int64(5), ")"},
		{"INSERT INTO v (i, t, d, ts, u, j, a, m, ok) VALUES (", nil, ", ", nil, ", ", nil, ", ", nil, ", ", nil, ", ", nil, ", ", nil, ", ", nil, ", ", nil, ")"},
		{"INSERT INTO v (d, ts, tz, u, j, a, m) VALUES (", "2026-02-03", ", ", "2026-02-03", ", ", "2026-02-03 10:00 Europe/Madrid", ", ", uuid, ", ", `{"a": [1, 2]}`, ", ", "{1,2}", ", ", "sad", ")"},
		{"INSERT INTO v (j) VALUES (", int64(5), "), (", true, "), (", 1.5, ")"},
		{"INSERT INTO v (t, i) SELECT ", "x", ", generate_series(1, ", int64(3), ")"},
		{"UPDATE v SET t = ", "y", ", i = i + ", int64(1), ", ok = ", false, " WHERE t = ", "5", ""},
	} {
		if _, n := run(t, s, parts...); n < 1 {
			t.Errorf("%q changed %d rows", parts, n)
		}
	}

	// Equal values are equal expressions where it matters.
	got := query(t, s, "SELECT date_trunc(", "year", ", ts), count(*) FROM v WHERE ts IS NOT NULL GROUP BY date_trunc(", "year", ", ts)")
	if len(got) != 1 {
		t.Errorf("GROUP BY of a bound expression: %v", got)
	}
	if got := query(t, s, "SELECT ", true, ", ", 1.0, ", ", 0.1, ""); fmt.Sprint(got) != "[[true 1 0.1]]" {
		t.Errorf("values alone: %v", got)
	}
}

func TestPostgresErrors(t *testing.T) {
	s := open(t, postgres(t))
	run(t, s, "CREATE TABLE t (x int PRIMARY KEY, name text)")
	run(t, s, "INSERT INTO t VALUES (1, 'a')")
	for _, tt := range []struct {
		parts []any
		want  string
	}{
		{[]any{"SELECT * FROM missing"}, `relation "missing" does not exist (SQLSTATE 42P01)`},
		{[]any{"INSERT INTO t VALUES (", int64(1), ")"}, `duplicate key value violates unique constraint "t_pkey": Key (x)=(1) already exists (SQLSTATE 23505)`},
		{[]any{"SELECT * FROM t WHERE x = ", "abc", ""}, `invalid input syntax for type integer: "abc" (SQLSTATE 22P02)`},
		{[]any{"SELECT 1/", int64(0), ""}, `division by zero (SQLSTATE 22012)`},
		{[]any{"SELECT missing(", int64(0), ")"}, `function missing(integer) does not exist (SQLSTATE 42883)`},
		{[]any{"SELECT 1; SELECT 2"}, `cannot insert multiple commands into a prepared statement (SQLSTATE 42601)`},
		{[]any{"SELECT $1"}, "the statement has placeholders of its own"},
		{[]any{"COPY t TO STDOUT"}, "COPY is not available; use SELECT and INSERT"},
		{[]any{"/* x /* y */ */ -- z\n copy t FROM STDIN"}, "COPY is not available; use SELECT and INSERT"},
		{[]any{"SELECT name FROM t WHERE name = ", "a\x00b", ""}, `invalid byte sequence for encoding "UTF8": 0x00 (SQLSTATE 22021)`},
	} {
		_, err := try(t, s, new(rows), tt.parts...)
		if got := wantError(t, err); got != tt.want {
			t.Errorf("%q:\n got %s\nwant %s", tt.parts, got, tt.want)
		}
	}
	query(t, s, "SELECT 1")
}

// TestPostgresReset leaves behind what a session can, beyond tables and
// transactions, on the one connection that there is.
func TestPostgresReset(t *testing.T) {
	db := newDB(t, pgtest.Database(t), sqldb.Options{MaxConns: 1})
	first := open(t, db)
	pid := query(t, first, "SELECT pg_backend_pid()")[0][0]
	run(t, first, "CREATE ROLE other")
	for _, text := range []string{
		"SET search_path = pg_catalog",
		"SET SESSION application_name = 'secret'",
		"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
		"SET client_encoding = 'LATIN1'",
		"PREPARE mine AS SELECT 1",
		"LISTEN channel",
		"SET ROLE other",
	} {
		run(t, first, text)
	}
	query(t, first, "SELECT pg_advisory_lock(1)")
	query(t, first, "SELECT set_config('my.secret', 'x', false)")
	first.Close()

	second := open(t, db)
	got := query(t, second, `SELECT pg_backend_pid(), current_setting('search_path'), current_setting('application_name'),
		current_setting('default_transaction_read_only'), current_setting('client_encoding'), current_user,
		coalesce(current_setting('my.secret', true), ''), (SELECT count(*) FROM pg_prepared_statements WHERE name = 'mine'),
		(SELECT count(*) FROM pg_listening_channels()), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')`)
	want := [][]any{{pid, `"$user", public`, "avap", "off", "UTF8", pgtest.User, "", int64(0), int64(0), int64(0)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	run(t, second, "DROP ROLE other")
}

func TestPostgresStatementTimeout(t *testing.T) {
	db := newDB(t, pgtest.Database(t), sqldb.Options{MaxConns: 1})
	s := open(t, db)
	pid := query(t, s, "SELECT pg_backend_pid()")
	run(t, s, "SET statement_timeout = 0")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := s.Query(ctx, stmt("SELECT pg_sleep(60)"), new(rows))
	if got, want := wantError(t, err), "canceling statement due to statement timeout (SQLSTATE 57014)"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if diff := cmp.Diff(pid, query(t, s, "SELECT pg_backend_pid()")); diff != "" {
		t.Errorf("the connection is another: %s", diff)
	}
	if got := query(t, s, "SHOW statement_timeout")[0][0]; got == "0" {
		t.Errorf("statement_timeout is %v", got)
	}
}

// TestPostgresGoesAway ends the server under a session and starts it again.
func TestPostgresGoesAway(t *testing.T) {
	server := pgtest.Start(t)
	db := newDB(t, server.Database(t), sqldb.Options{})
	for name, end := range map[string]func(testing.TB){"shut down": server.Stop, "crashed": server.Kill} {
		t.Run(name, func(t *testing.T) {
			used, fresh := open(t, db), open(t, db)
			query(t, used, "SELECT 1")
			for _, s := range []host.Session{open(t, db), open(t, db)} {
				s.Close() // the pool keeps what it does not know to be dead
			}

			end(t)
			_, err := try(t, used, new(rows), "SELECT 1")
			wantError(t, err)
			_, err = try(t, fresh, new(rows), "SELECT 1")
			if got, want := wantError(t, err), "the database cannot be reached"; got != want {
				t.Errorf("message %q, want %q", got, want)
			}

			server.Restart(t)
			query(t, fresh, "SELECT 1")
			query(t, open(t, db), "SELECT 1")
			_, err = try(t, used, new(rows), "SELECT 1")
			if got, want := wantError(t, err), "the connection to the database was lost"; got != want {
				t.Errorf("message %q, want %q", got, want)
			}
		})
	}
}

// TestPostgresRevives has the pool hold connections that died unnoticed.
func TestPostgresRevives(t *testing.T) {
	server := pgtest.Start(t)
	db := newDB(t, server.Database(t), sqldb.Options{MaxConns: 3})
	for range 3 {
		var sessions []host.Session
		for range 3 {
			sessions = append(sessions, open(t, db))
		}
		for _, s := range sessions {
			query(t, s, "SELECT 1")
			s.Close()
		}
		server.Kill(t)
		server.Restart(t)
	}
	query(t, open(t, db), "SELECT 1")
}

// TestPostgresConnectErrorsTellNothing connects where nothing listens, with a
// password that is wrong.
func TestPostgresConnectErrorsTellNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()

	real, err := url.Parse(pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	missing := *real
	missing.Path = "/nothing-here"
	for _, target := range []string{"postgres://user:hunter2@" + address + "/db", missing.String()} {
		_, err = newDB(t, target, sqldb.Options{}).Open(t.Context())
		if got, want := wantError(t, err), "the database cannot be reached"; got != want {
			t.Errorf("message %q, want %q", got, want)
		}
	}
}
