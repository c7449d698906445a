// This file holds what the tests of this package share: databases of both
// kinds, publications, and what must hold of every store.

package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/internal/pgtest"
)

func TestMain(m *testing.M) {
	runChild()
	goleak.VerifyTestMain(pgtest.Main(m))
}

// both runs a test on a new database of each kind.
func both(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteURL(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.Database(t)) })
}

func sqliteURL(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "avap.db") }

// open opens a store that is closed with the test.
func open(t *testing.T, url string) store.Store {
	t.Helper()
	return openWith(t, url, store.Options{Poll: 20 * time.Millisecond})
}

func openWith(t *testing.T, url string, opts store.Options) store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func command(name string) store.Key { return store.Key{Kind: bytecode.KindCommand, Name: name} }
func script(name string) store.Key  { return store.Key{Kind: bytecode.KindScript, Name: name} }

// version is a version whose source tells which one it is.
func version(key store.Key, n uint64) store.Version {
	return store.Version{Key: key, Version: n, Source: fmt.Sprintf("// %s %d", key.Name, n)}
}

// packed is a package whose bytes tell what it was made of.
func packed(key store.Key, n uint64, keyID string) store.Package {
	return store.Package{Key: key, Version: n, Bytecode: 1, KeyID: keyID, Bytes: fmt.Appendf(nil, "%s %d sealed with %s", key.Name, n, keyID)}
}

// appended appends a publication that must be taken.
func appended(t *testing.T, s store.Store, p store.Publication) uint64 {
	t.Helper()
	revision, err := s.Append(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func load(t *testing.T, s store.Store) *store.State {
	t.Helper()
	state, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// since gives all publications behind a revision, read a few at a time.
func since(t *testing.T, s store.Store, revision uint64) []store.Publication {
	t.Helper()
	var all []store.Publication
	for {
		some, err := s.Since(t.Context(), revision, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			return all
		}
		all = append(all, some...)
		revision = some[len(some)-1].Revision
	}
}

// pair is the publication of the crash tests: two units that have the same
// version in every revision, each with a package.
func pair(base uint64, author string) store.Publication {
	n := base + 1
	return store.Publication{
		Base: base, Action: store.ActionPublish, Author: author,
		Versions: []store.Version{version(command("left"), n), version(script("right"), n)},
		Packages: []store.Package{packed(command("left"), n, author), packed(script("right"), n, author)},
	}
}

// checkPairs checks a store that holds nothing but pairs: no revision is
// missing, none is there in part, and all that were acknowledged are there.
// acknowledged says who was told of which revision.
func checkPairs(t *testing.T, s store.Store, acknowledged map[uint64]string) {
	t.Helper()
	publications := since(t, s, 0)
	for i, p := range publications {
		n := uint64(i + 1)
		want := pair(n-1, p.Author)
		want.Revision, want.Time = n, p.Time
		for i := range want.Versions {
			want.Versions[i].Revision, want.Versions[i].Author, want.Versions[i].Time = n, p.Author, p.Time
			want.Versions[i].Hash = p.Versions[i].Hash
			want.Packages[i].Revision = n
		}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Fatalf("publication %d (-want +got):\n%s", n, diff)
		}
		if author, told := acknowledged[n]; told && author != p.Author {
			t.Errorf("revision %d is %s's and was acknowledged to %s", n, p.Author, author)
		}
	}
	for n := range acknowledged {
		if n > uint64(len(publications)) {
			t.Errorf("revision %d was acknowledged and is lost: the newest is %d", n, len(publications))
		}
	}
	state := load(t, s)
	if state.Revision != uint64(len(publications)) {
		t.Errorf("the revision is %d, but there are %d publications", state.Revision, len(publications))
	}
	for _, u := range state.Units {
		if u.Version.Version != state.Revision || u.Package.Revision != state.Revision {
			t.Errorf("%s has version %d and a package of revision %d at revision %d", u.Name, u.Version.Version, u.Package.Revision, state.Revision)
		}
	}
}

// told waits for a signal.
func told(t *testing.T, changes <-chan struct{}) {
	t.Helper()
	select {
	case <-changes:
	case <-time.After(30 * time.Second):
		t.Fatal("nobody told of the change")
	}
}

// quiet waits until a store has told of its own beginning.
func quiet(t *testing.T, changes <-chan struct{}) {
	t.Helper()
	for {
		select {
		case <-changes:
		case <-time.After(200 * time.Millisecond):
			return
		}
	}
}

// within gives the test's context with an end.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
