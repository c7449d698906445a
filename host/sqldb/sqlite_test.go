package sqldb_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/sqldb"
)

func TestSQLiteTypes(t *testing.T) {
	s := open(t, sqlite(t))
	run(t, s, "CREATE TABLE v (b BOOLEAN, j JSON, d DATE, dt DATETIME, ts TIMESTAMP, x)")
	run(t, s, `INSERT INTO v VALUES (1, '{"a": 1}', '2026-01-31', '2026-01-31T10:20:30Z', '2026-01-31 10:20:30.500', x'00ff')`)
	run(t, s, `INSERT INTO v VALUES (7, 'no json', 5, 1.5, NULL, 9e999)`)
	want := [][]any{
		{true, host.JSON(`{"a": 1}`), "2026-01-31", "2026-01-31T10:20:30Z", "2026-01-31 10:20:30.500", `\x00ff`},
		{int64(7), "no json", int64(5), 1.5, nil, "Infinity"},
	}
	if diff := cmp.Diff(want, query(t, s, "SELECT * FROM v")); diff != "" {
		t.Error(diff)
	}
	want = [][]any{{"ñ€", "", "a\x00b", "\uFFFD", "bool"}}
	got := query(t, s, "SELECT ", "ñ€", ", ", "", ", ", "a\x00b", ", CAST(x'ff' AS TEXT), CASE ", true, " WHEN 1 THEN 'bool' END")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestSQLiteStaysInItsFile tries every way out that SQL has.
func TestSQLiteStaysInItsFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	db := newDB(t, "sqlite:app.db", sqldb.Options{})
	s := open(t, db)
	run(t, s, "CREATE TABLE t (x)")
	run(t, s, "INSERT INTO t VALUES (1)")
	for _, text := range []string{
		"ATTACH 'out.db' AS o",
		"ATTACH DATABASE 'out.db' AS o",
		"attach 'out' || '.db' as o",
		"ATTACH '' AS o",
		"ATTACH ':memory:' AS o",
		"/* VACUUM */ ATTACH 'out.db' AS o",
		"-- VACUUM\nATTACH '' AS o",
		"EXPLAIN ATTACH 'out.db' AS o",
		"DETACH main",
		"VACUUM INTO 'out.db'",
		"VACUUM main INTO 'out.db'",
		"vacuum/**/into 'out' || '.db'",
		"VACUUM INTO 'file:out.db'",
		"PRAGMA user_version",
		"PRAGMA user_version = 5",
		"PRAGMA journal_mode = OFF",
		"PRAGMA temp_store_directory = '/'",
		"pragma writable_schema = on",
		"/**/PRAGMA table_info(t)",
		"PRAGMA data_version",
		"PRAGMA page_size",
		"EXPLAIN PRAGMA page_size",
		"EXPLAIN PRAGMA user_version",
		"SELECT * FROM pragma_table_info('t')",
		"SELECT * FROM pragma_user_version",
		"SELECT name FROM pragma_database_list",
		"CREATE VIEW v AS SELECT * FROM pragma_database_list; SELECT * FROM v",
		"SELECT load_extension('out')",
		"SELECT LOAD_EXTENSION('out', 'entry')",
		"SELECT \"load_extension\"('out')",
		"SELECT fts3_tokenizer('simple', x'00')",
		"SELECT readfile('app.db')",
		"SELECT writefile('out.db', 'x')",
		"SELECT edit('x')",
		"SELECT * FROM fsdir('.')",
		"CREATE VIRTUAL TABLE c USING csv(filename='app.db')",
		"CREATE VIRTUAL TABLE c USING dbstat(main)",
		"CREATE VIRTUAL TABLE c USING zipfile('app.db')",
		"UPDATE sqlite_master SET sql = 'x'",
		"DELETE FROM sqlite_schema",
		"INSERT INTO sqlite_dbpage(pgno, data) VALUES (1, zeroblob(4096))",
		"UPDATE sqlite_dbpage SET data = zeroblob(4096)",
	} {
		_, err := try(t, s, new(rows), text)
		if message := wantError(t, err); strings.Contains(message, dir) {
			t.Errorf("%s: the message tells a path: %s", text, message)
		}
	}

	// The same, hidden in what is run later.
	run(t, s, "CREATE VIEW hidden AS SELECT * FROM pragma_database_list")
	_, err := try(t, s, new(rows), "SELECT * FROM hidden")
	wantError(t, err)
	run(t, s, "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT load_extension('out'); END")
	_, err = try(t, s, new(rows), "INSERT INTO t VALUES (2)")
	wantError(t, err)

	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "app.db" {
			t.Errorf("the file %s was made", e.Name())
		}
	}
	if got := query(t, s, "SELECT x FROM t"); len(got) != 1 {
		t.Errorf("the table has %v", got)
	}
}

// TestSQLiteOrdinaryStatements holds that what stays in the file works.
func TestSQLiteOrdinaryStatements(t *testing.T) {
	s := open(t, sqlite(t))
	for _, text := range []string{
		"CREATE TABLE parents (id INTEGER PRIMARY KEY)",
		"CREATE TABLE t (x, parent REFERENCES parents(id))",
		"CREATE INDEX i ON t (x)",
		"CREATE VIEW v AS SELECT x FROM t",
		"CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET x = x + 1; SELECT CASE WHEN 1 THEN 2 END; END;",
		"CREATE TABLE other AS SELECT * FROM t",
		"ALTER TABLE other ADD COLUMN y",
		"INSERT INTO t (x) VALUES (1)",
		"INSERT INTO other (x) VALUES (1) ON CONFLICT DO NOTHING",
		"REPLACE INTO parents VALUES (1)",
		"CREATE VIRTUAL TABLE f USING fts5(text)",
		"INSERT INTO f VALUES ('some words')",
		"CREATE VIRTUAL TABLE r USING rtree(id, x0, x1)",
		"INSERT INTO r VALUES (1, 2, 3)",
		"SAVEPOINT a",
		"RELEASE a",
		"ANALYZE",
		"REINDEX",
		"EXPLAIN QUERY PLAN SELECT * FROM t",
		"VACUUM",
		" -- tidy\n vacuum main ;",
		"DROP TABLE other",
	} {
		run(t, s, text)
	}
	if got := query(t, s, "SELECT count(*) FROM f WHERE f MATCH ", "words", ""); got[0][0] != int64(1) {
		t.Errorf("full text search found %v", got)
	}
	_, err := try(t, s, new(rows), "INSERT INTO t (parent) VALUES (99)")
	if got, want := wantError(t, err), "FOREIGN KEY constraint failed"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

func TestSQLiteErrors(t *testing.T) {
	s := open(t, sqlite(t))
	run(t, s, "CREATE TABLE t (x PRIMARY KEY)")
	run(t, s, "INSERT INTO t VALUES (1)")
	for _, tt := range []struct {
		parts []any
		want  string
	}{
		{[]any{"SELECT * FROM missing"}, "no such table: missing"},
		{[]any{"INSERT INTO t VALUES (", int64(1), ")"}, "UNIQUE constraint failed: t.x"},
		{[]any{"SELECT 1; SELECT 2"}, "only one statement can be run at a time"},
		{[]any{"SELECT ?1"}, "the statement has placeholders of its own"},
		{[]any{"SELECT :name"}, "the statement has placeholders of its own"},
		{[]any{"PRAGMA user_version"}, "not available: ATTACH, DETACH, PRAGMA, VACUUM INTO and extensions"},
		{[]any{"SELECT zeroblob(20000000)"}, "string or blob too big"},
		{[]any{"SELECT 'a' LIKE ", strings.Repeat("%", 2000), ""}, "LIKE or GLOB pattern too complex"},
	} {
		_, err := try(t, s, new(rows), tt.parts...)
		if got := wantError(t, err); got != tt.want {
			t.Errorf("%q:\n got %s\nwant %s", tt.parts, got, tt.want)
		}
	}
	db := newDB(t, "sqlite:"+filepath.Join(t.TempDir(), "missing", "app.db"), sqldb.Options{})
	_, err := db.Open(t.Context())
	if got, want := wantError(t, err), "the database cannot be opened"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

// TestSQLiteWaitsForLocks has one session write while another holds the lock.
func TestSQLiteWaitsForLocks(t *testing.T) {
	db := sqlite(t)
	first, second := open(t, db), open(t, db)
	run(t, first, "CREATE TABLE t (x)")
	run(t, first, "BEGIN IMMEDIATE")
	time.AfterFunc(50*time.Millisecond, func() { first.Close() })
	run(t, second, "INSERT INTO t VALUES (1)")
}

func BenchmarkSQLiteSession(b *testing.B) {
	db := sqlite(b)
	run(b, open(b, db), "CREATE TABLE t (x)")
	for b.Loop() {
		s, err := db.Open(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		query(b, s, "SELECT x FROM t")
		s.Close()
	}
}

func BenchmarkPostgresSession(b *testing.B) {
	db := postgres(b)
	run(b, open(b, db), "CREATE TABLE t (x text)")
	for b.Loop() {
		s, err := db.Open(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		query(b, s, "SELECT x FROM t WHERE x = ", "1", "")
		s.Close()
	}
}
