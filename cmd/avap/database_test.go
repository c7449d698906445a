package main

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/internal/pgtest"
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
