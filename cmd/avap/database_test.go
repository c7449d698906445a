package main

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/internal/pgtest"
	"github.com/avap-framework/avap/worker/telemetry"
)

// TestDatabaseOfDefinitions gives a worker the database of a definition server: scripts
// get it where AVAP_DATABASE names it, and not by DATABASE_URL, which both halves may
// have been given.
func TestDatabaseOfDefinitions(t *testing.T) {
	for _, tt := range []struct{ name, url, empty string }{
		{"sqlite", "sqlite:" + filepath.Join(t.TempDir(), "avap.db"), "sqlite:" + filepath.Join(t.TempDir(), "app.db")},
		{"postgres", pgtest.Database(t), pgtest.Database(t)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, err := store.Open(t.Context(), tt.url, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			const refusal = "the database of DATABASE_URL holds definitions: the worker needs AVAP_DATABASE"
			for _, env := range []struct{ variable, url, want string }{
				{"DATABASE_URL", tt.url, refusal},
				{"DATABASE_URL", tt.empty, ""},
				{"AVAP_DATABASE", tt.url, ""},
			} {
				t.Run(env.variable, func(t *testing.T) {
					t.Setenv(env.variable, env.url)
					got := openedSession(t)
					if got != env.want {
						t.Errorf("the first session: %q, want %q", got, env.want)
					}
				})
			}
		})
	}
}

// openedSession opens a session, twice, as scripts do. It gives the message of what is
// in the way.
func openedSession(t *testing.T) (refusal string) {
	t.Helper()
	hosts, closeHosts, err := (&hostFlags{allowNet: "none"}).open(hostOptions{hostTime: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer closeHosts()
	for range 2 {
		s, err := hosts.SQL.Open(t.Context())
		var e *host.Error
		switch {
		case errors.As(err, &e) && e.Code == host.CodeSQL:
			refusal = e.Message
			continue
		case err != nil:
			t.Fatal(err)
		}
		var n counted
		if _, err := s.Query(t.Context(), host.Statement{Parts: []string{"SELECT 1"}}, &n); err != nil || n != 1 {
			t.Errorf("SELECT 1: %d, %v", n, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	return refusal
}

// TestDatabaseIsLogged has the log say why the application's database cannot be used,
// without its password. The execution gets no more than that it cannot.
func TestDatabaseIsLogged(t *testing.T) {
	definitions := "sqlite:" + filepath.Join(t.TempDir(), "avap.db")
	db, err := store.Open(t.Context(), definitions, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, variable, url, answer, logged string }{
		{"away", "AVAP_DATABASE", "postgres://app:sEcret@127.0.0.1:1/shop?sslmode=disable", "the database cannot be reached", "connection refused"},
		{"no such database", "AVAP_DATABASE", strings.Replace(pgtest.Database(t), "/test_", "/none_", 1), "the database cannot be reached", "does not exist"},
		{"no such folder", "AVAP_DATABASE", "sqlite:" + filepath.Join(t.TempDir(), "none", "app.db"), "the database cannot be opened", "unable to open database file"},
		{"of definitions", "DATABASE_URL", definitions, "the database of DATABASE_URL holds definitions: the worker needs AVAP_DATABASE", "holds definitions"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(tt.variable, tt.url)
			var log bytes.Buffer
			hosts, closeHosts, err := (&hostFlags{allowNet: "none"}).open(hostOptions{
				hostTime: time.Minute, log: slog.New(telemetry.NewLogHandler(&log, slog.LevelInfo)),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer closeHosts()
			_, err = hosts.SQL.Open(t.Context())
			if e := (*host.Error)(nil); !errors.As(err, &e) || e.Message != tt.answer {
				t.Errorf("%v, want %s", err, tt.answer)
			}
			got := log.String()
			if !strings.Contains(got, `"msg":"the application's database cannot be used"`) || !strings.Contains(got, tt.logged) || strings.Contains(got, "sEcret") {
				t.Errorf("the log does not say %q, or more than it should:\n%s", tt.logged, got)
			}
		})
	}
}
