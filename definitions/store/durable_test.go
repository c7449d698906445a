// This file holds a test of what only the store's own connection can be asked.

package store

import (
	"path/filepath"
	"testing"
)

// TestSQLiteFlushesCommits asks the writer's connection for what Append promises.
func TestSQLiteFlushesCommits(t *testing.T) {
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "avap.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const full = "2"
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": full, "foreign_keys": "1"} {
		var got string
		if err := s.(*database).write.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s (%v), want %s", pragma, got, err, want)
		}
	}
}
