package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/internal/pgtest"
)

// raw opens a database past the store.
func raw(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, name := "pgx", url
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, name = "sqlite", file+"?_busy_timeout=5000"
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// column gives the texts of a query of one column.
func column(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestOpenedAtOnce has several servers start on a new database.
func TestOpenedAtOnce(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		var servers sync.WaitGroup
		stores := make([]store.Store, 6)
		for i := range stores {
			servers.Go(func() {
				s, err := store.Open(t.Context(), url, store.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				stores[i] = s
			})
		}
		servers.Wait()
		for _, s := range stores {
			if s == nil {
				continue
			}
			if state := load(t, s); state.Revision != 0 {
				t.Errorf("the revision of a new store is %d", state.Revision)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestOtherTablesStay has a database that an existing deployment uses.
func TestOtherTablesStay(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db := raw(t, url)
		execute(t, db,
			"CREATE TABLE obex_dapl_functions (id INTEGER PRIMARY KEY, name TEXT, interface TEXT, description TEXT, type TEXT, code TEXT)",
			"CREATE TABLE avap_bytecode (command_name TEXT PRIMARY KEY, bytecode TEXT, version INTEGER, source_hash TEXT)",
			"INSERT INTO obex_dapl_functions VALUES (1, 'addVar', '[]', 'sets', 'function', 'self.x = 1')",
			"INSERT INTO avap_bytecode VALUES ('addVar', 'AVAP', 7, 'ab')")
		s := open(t, url)
		life(t, s)
		for query, want := range map[string][]string{
			"SELECT id || name || interface || description || type || code FROM obex_dapl_functions": {"1addVar[]setsfunctionself.x = 1"},
			"SELECT command_name || bytecode || version || source_hash FROM avap_bytecode":           {"addVarAVAP7ab"},
		} {
			if diff := cmp.Diff(want, column(t, db, query)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
	})
}

func TestNewerSchema(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		open(t, url)
		execute(t, raw(t, url), "INSERT INTO avap_migrations (version_id, is_applied) VALUES (99, true)")
		_, err := store.Open(t.Context(), url, store.Options{})
		checkOpenError(t, err, "the database was made by a newer avap (its schema is 99, this program knows 1): use that one")
	})
}

func TestSourceChangedInTheDatabase(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url)
		appended(t, s, pair(0, "ada"))
		execute(t, raw(t, url), "UPDATE avap_versions SET source = 'worse' WHERE name = 'left'")
		want := "version 1 of the command left was changed in the database: its source has another hash; restore it from a backup"
		_, err := s.Load(t.Context())
		if err == nil || err.Error() != want {
			t.Errorf("Load: %v, want %s", err, want)
		}
		if _, err := s.Version(t.Context(), command("left"), 1); err == nil || err.Error() != want {
			t.Errorf("Version: %v, want %s", err, want)
		}
	})
}

// TestPoll changes the revision in a way that nobody tells of.
func TestPoll(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url)
		changes := s.Changes(t.Context())
		quiet(t, changes)
		execute(t, raw(t, url), "UPDATE avap_head SET revision = 5")
		told(t, changes)
	})
}

// TestFilesMode has the file for its owner alone, whatever it is called.
func TestFilesMode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a b?c#d%41.db")
	s := open(t, "sqlite:"+file)
	appended(t, s, pair(0, "ada"))
	for _, name := range []string{file, file + "-wal"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", name, info.Mode())
		}
	}
}

// TestPostgresIsDurable has a database that acknowledges before it writes, and
// looks at the setting while a version is written.
func TestPostgresIsDurable(t *testing.T) {
	url := pgtest.Database(t)
	open(t, url)
	db := raw(t, url)
	execute(t, db,
		"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$",
		"CREATE TABLE seen (setting text)",
		"CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$",
		"CREATE TRIGGER look BEFORE INSERT ON avap_audit FOR EACH ROW EXECUTE FUNCTION look()")
	appended(t, open(t, url), pair(0, "ada"))
	if diff := cmp.Diff([]string{"on"}, column(t, db, "SELECT setting FROM seen")); diff != "" {
		t.Errorf("synchronous_commit (-want +got):\n%s", diff)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	noDatabase := filepath.Join(dir, "text")
	if err := os.WriteFile(noDatabase, bytes.Repeat([]byte("no database "), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	server := pgtest.Start(t)
	socket := url.QueryEscape(filepath.Dir(server.Socket()))
	admin := raw(t, server.Database(t))
	execute(t, admin, "CREATE ROLE visitor LOGIN", "CREATE DATABASE guarded", "ALTER DATABASE guarded SET default_transaction_read_only = on")
	visited := server.Database(t)
	tests := []struct{ url, want string }{
		{"", "a store is named by a URL: write sqlite:FILE or postgres://USER@HOST:PORT/DATABASE"},
		{"mysql://root:hidden@h/d", "a store is named by a URL: write sqlite:FILE or postgres://USER@HOST:PORT/DATABASE"},
		{"sqlite:", "sqlite: needs a file, as in sqlite:avap.db"},
		{"sqlite::memory:", "sqlite: needs a file, as in sqlite:avap.db"},
		{"sqlite:" + dir + "/no/where.db", "the database " + dir + "/no/where.db: there is no such folder: make it first"},
		{"sqlite:" + dir, "the database " + dir + ": is a directory"},
		{"sqlite:" + noDatabase, "the database " + noDatabase + ": it is no SQLite database: name another file"},
		{"postgres://ada:hidden@[h/d", "the database's URL cannot be read: write sqlite:FILE or postgres://USER@HOST:PORT/DATABASE"},
		{"postgres://ada:hidden@h/d?sslmode=never", "the database's URL cannot be read: write sqlite:FILE or postgres://USER@HOST:PORT/DATABASE"},
		{
			"postgres://ada:hidden@127.0.0.1:1/avap",
			"PostgreSQL at 127.0.0.1:1 does not answer: see that it runs, and that host and port of the URL are right",
		},
		{
			"postgres://ada:hidden@/avap?host=" + socket,
			"PostgreSQL in " + filepath.Dir(server.Socket()) + `: role "ada" does not exist: give the password in DATABASE_URL or in a password file (PGPASSFILE)`,
		},
		{
			"postgres://postgres:hidden@/avap?host=" + socket,
			"PostgreSQL in " + filepath.Dir(server.Socket()) + `: database "avap" does not exist: make it with createdb avap`,
		},
		{
			strings.Replace(visited, "postgres@", "visitor:hidden@", 1),
			"PostgreSQL in " + filepath.Dir(server.Socket()) + ": visitor may not make tables in the database " + strings.TrimPrefix(parsed(t, visited).Path, "/") + ": grant CREATE on its schema",
		},
		{
			server.URL("guarded"),
			"PostgreSQL in " + filepath.Dir(server.Socket()) + ": the database is read-only: name the primary server, not a standby",
		},
	}
	for _, tt := range tests {
		_, err := store.Open(t.Context(), tt.url, store.Options{})
		checkOpenError(t, err, tt.want)
	}
}

func TestReader(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		open(t, url)
		db, err := store.OpenReader(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if diff := cmp.Diff([]string{"0"}, column(t, db, "SELECT revision FROM avap_head")); diff != "" {
			t.Errorf("revision (-want +got):\n%s", diff)
		}
		if _, err := db.ExecContext(t.Context(), "UPDATE avap_head SET revision = 1"); err == nil {
			t.Error("a reader has written")
		}
	})
	nowhere := filepath.Join(t.TempDir(), "nowhere.db")
	for url, want := range map[string]string{
		"sqlite:" + nowhere:                      "the database " + nowhere + ": no such file or directory",
		"sqlite:":                                "sqlite: needs a file, as in sqlite:avap.db",
		"file.db":                                "a database is named by a URL: write sqlite:FILE or postgres://USER@HOST:PORT/DATABASE",
		"postgres://ada:hidden@127.0.0.1:1/avap": "PostgreSQL at 127.0.0.1:1 does not answer: see that it runs, and that host and port of the URL are right",
	} {
		_, err := store.OpenReader(t.Context(), url)
		checkOpenError(t, err, want)
	}
	if _, err := os.Stat(nowhere); err == nil {
		t.Error("a reader has made a file")
	}
}

func parsed(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// checkOpenError checks that an error is one line, ends as it should, and holds
// no password.
func checkOpenError(t *testing.T, err error, want string) {
	t.Helper()
	var open *store.OpenError
	switch {
	case !errors.As(err, &open):
		t.Errorf("%v, want an *OpenError: %s", err, want)
	case !strings.HasSuffix(err.Error(), want):
		t.Errorf("%v, want %s", err, want)
	case strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "hidden"):
		t.Errorf("%q has several lines, or the password", err)
	}
}

func TestCheckFlag(t *testing.T) {
	const refused = "a password does not belong on the command line: give the URL in DATABASE_URL, or the password in a password file (PGPASSFILE, or ?passfile= in the URL)"
	for url, want := range map[string]string{
		"sqlite:avap.db":                         "",
		"sqlite:a:b@c.db":                        "",
		"postgres://ada@h/d":                     "",
		"postgresql://h/d?passfile=/etc/p":       "",
		"postgres://ada:hidden@h/d":              refused,
		"postgresql://ada:hidden@h/d":            refused,
		"postgres://ada:@h/d":                    refused,
		"postgres://h/d?password=hidden":         refused,
		"postgres://h/d?a=b&sslpassword=x":       refused,
		"postgres://h/d?a=b;password=hidden":     "write sqlite:FILE or postgres://USER@HOST:PORT/DATABASE",
		"postgres://ada:hid%zz@h/d":              "write sqlite:FILE or postgres://USER@HOST:PORT/DATABASE",
		"postgres://ada:hidden@h:what/d":         "write sqlite:FILE or postgres://USER@HOST:PORT/DATABASE",
		"mysql, which Open has a word to say to": "",
	} {
		if got := fmt.Sprint(store.CheckFlag(url)); got != want && !(want == "" && got == "<nil>") {
			t.Errorf("%s: %s, want %q", url, got, want)
		}
	}
}

// TestPasswordFile opens a store of a server that wants a password.
func TestPasswordFile(t *testing.T) {
	server := pgtest.Start(t)
	admin := raw(t, server.URL("postgres"))
	execute(t, admin, "SET password_encryption = 'scram-sha-256'", "CREATE ROLE ada LOGIN PASSWORD 'hidden'", "CREATE DATABASE defs OWNER ada")
	hba := column(t, admin, "SHOW hba_file")[0]
	if err := os.WriteFile(hba, []byte("local all postgres trust\nlocal all all scram-sha-256\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	execute(t, admin, "SELECT pg_reload_conf()")
	ada := "postgres://ada@/defs?host=" + url.QueryEscape(filepath.Dir(server.Socket()))
	for end := time.Now().Add(30 * time.Second); ; { // until the server has read its file
		s, err := store.Open(t.Context(), ada, store.Options{})
		if err != nil {
			checkOpenError(t, err, ": give the password in DATABASE_URL or in a password file (PGPASSFILE)")
			break
		}
		if err := s.Close(); err != nil || time.Now().After(end) {
			t.Fatalf("no password was wanted: %v", err)
		}
	}
	file := filepath.Join(t.TempDir(), "pgpass")
	if err := os.WriteFile(file, []byte("*:*:defs:ada:hidden\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	withFile := ada + "&passfile=" + url.QueryEscape(file)
	if err := store.CheckFlag(withFile); err != nil {
		t.Error(err)
	}
	appended(t, open(t, withFile), pair(0, "ada"))
}

// TestSQLiteFileGone takes the file away from under a store, which would go on writing to
// it: what it acknowledged would be lost with its end.
func TestSQLiteFileGone(t *testing.T) {
	for name, take := range map[string]func(file string) error{
		"moved":   func(file string) error { return os.Rename(file, file+".old") },
		"removed": os.Remove,
		"replaced": func(file string) error {
			return errors.Join(os.Rename(file, file+".old"), os.WriteFile(file, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "avap.db")
			s := open(t, "sqlite:"+file)
			appended(t, s, pair(0, "ada"))
			if err := take(file); err != nil {
				t.Fatal(err)
			}
			const want = "was moved, removed or replaced under the server: put it back, or start the server anew"
			if _, err := s.Append(t.Context(), pair(1, "ada")); err == nil || errors.Is(err, store.ErrUncertain) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want that it %s", err, want)
			}
			if name != "moved" {
				return
			}
			if err := os.Rename(file+".old", file); err != nil {
				t.Fatal(err)
			}
			appended(t, s, pair(1, "ada"))
		})
	}
}
