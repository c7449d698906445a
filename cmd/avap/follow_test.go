// This file tests a worker and its definition server when one of them is away.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/seal"
)

// TestServeHealsByItself starts a worker with neither a server nor a snapshot.
func TestServeHealsByItself(t *testing.T) {
	t.Parallel()
	h := newHalves(t)
	w := h.worker(t)
	if got := get(t, "http://"+w.addr+"/health"); !got.is(200, `"healthy"`) {
		t.Errorf("/health: %v", got)
	}
	if got := get(t, "http://"+w.addr+"/readyz"); got.status != 503 {
		t.Errorf("/readyz: %v", got)
	}
	until(t, "the reason names the server", func() bool {
		return w.reason(t).is(503, `"code":"catalog_unavailable","message":"no catalog yet; `)
	})
	for _, body := range []string{`{"script":"x = 1"}`, storedBody} {
		got := execute(t, w.addr, "", body)
		if seconds, err := strconv.Atoi(got.header.Get("Retry-After")); !got.is(503, `"code":"catalog_unavailable"`) || err != nil || seconds < 1 {
			t.Errorf("%v, Retry-After %q", got, got.header["Retry-After"])
		}
	}

	h.serve(t)
	revision := h.publish(t, "first")
	until(t, "the worker is ready", func() bool { return w.ready(t) })
	w.keeps(t, revision)
	if got := w.reason(t); !got.is(200, `"ready":true,"reasons":[]`) {
		t.Errorf("/readyz of the admin port: %v", got)
	}
	w.answers(t, "first")
	w.stop(t)
}

// TestDefinitionServerKilledUnderLoad costs no request, and the worker learns what
// the next server publishes.
func TestDefinitionServerKilledUnderLoad(t *testing.T) {
	t.Parallel()
	h := newHalves(t)
	h.serve(t)
	h.publish(t, "first")
	w := h.worker(t)
	until(t, "the worker is ready", func() bool { return w.ready(t) })
	right := load.Either(load.Contains(200, `{"said":"first"}`), load.Contains(200, `{"said":"second"}`))
	underLoad(t, w.addr, load.Fixed(message(w.addr, storedBody), right), func(served func()) {
		served()
		h.kill()
		until(t, "the worker notices", func() bool { return !w.catalog(t).Connected })
		served()
		w.answers(t, "first")
		h.serve(t)
		w.keeps(t, h.publish(t, "second"))
		served()
		w.answers(t, "second")
	})
	w.stop(t)
}

// TestServeStartsFromSnapshot starts workers while the server is away: from the
// snapshot, and with one that was altered as without any.
func TestServeStartsFromSnapshot(t *testing.T) {
	t.Parallel()
	h := newHalves(t)
	h.serve(t)
	revision := h.publish(t, "first")
	w := h.worker(t)
	w.keeps(t, revision)
	h.kill()
	w.stop(t)

	w = h.worker(t)
	if c := w.catalog(t); !w.ready(t) || c.Origin != "snapshot" || c.Revision != revision {
		t.Errorf("%v %+v", w.reason(t), c)
	}
	w.answers(t, "first")
	w.stop(t)

	file := h.path("catalog.snapshot")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	w = h.worker(t)
	if got := w.reason(t); !got.is(503, "the snapshot does not verify") {
		t.Errorf("%v", got)
	}
	if got := execute(t, w.addr, "", storedBody); !got.is(503, "catalog_unavailable") {
		t.Errorf("%v", got)
	}
	if found, err := filepath.Glob(file + "*"); len(found) != 1 || found[0] != file+".bad" {
		t.Errorf("files %v, %v", found, err)
	}
	h.serve(t)
	w.keeps(t, revision)
	w.answers(t, "first")
	w.stop(t)
}

// TestServeRefusesOlderRevisions offers a worker a database as it was before.
func TestServeRefusesOlderRevisions(t *testing.T) {
	t.Parallel()
	h := newHalves(t)
	h.serve(t)
	first := h.publish(t, "first")
	h.stop(t)
	backup, err := os.ReadFile(h.path("avap.db"))
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t)
	w := h.worker(t)
	second := h.publish(t, "second")
	if second != first+1 {
		t.Fatalf("revision %d follows %d", second, first)
	}
	w.keeps(t, second)
	h.stop(t)

	for _, name := range []string{"avap.db-wal", "avap.db-shm"} {
		if err := os.Remove(h.path(name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(h.path("avap.db"), backup, 0o600); err != nil {
		t.Fatal(err)
	}
	h.serve(t)
	refused := func(why string) {
		t.Helper()
		until(t, "the worker is told: "+why, func() bool { return strings.Contains(w.catalog(t).LastError, why) })
		if c := w.catalog(t); c.Revision != second || !c.InForce {
			t.Errorf("%+v", c)
		}
		w.answers(t, "second")
	}
	refused(fmt.Sprintf("this server is at revision %d, behind the worker's %d: if its store was restored from a backup, start it with --min-revision %[2]d", first, second))
	// Worse: the same number, for something else.
	if other := h.publish(t, "another second"); other != second {
		t.Fatalf("revision %d, want %d", other, second)
	}
	refused("the revision is one that was accepted with another root")

	// The snapshot remembers too.
	w.stop(t)
	w = h.worker(t)
	refused("the revision is one that was accepted with another root")

	h.stop(t)
	h.serve(t, "--min-revision", strconv.FormatUint(second, 10))
	third := h.publish(t, "third")
	if third <= second {
		t.Errorf("revision %d with --min-revision %d", third, second)
	}
	w.keeps(t, third)
	w.answers(t, "third")
	w.stop(t)
}

// TestServeExpired lets a manifest expire while the server is away.
func TestServeExpired(t *testing.T) {
	t.Parallel()
	h := newHalves(t)
	h.serve(t, "--manifest-lifetime", "2s")
	revision := h.publish(t, "first")
	w := h.worker(t)
	stopping := h.worker(t, "--catalog-expired", "stop", "--snapshot", "another.snapshot")
	w.keeps(t, revision)
	stopping.keeps(t, revision)
	h.kill()
	until(t, "the manifest expires", func() bool { return w.catalog(t).Expired })
	w.answers(t, "first")
	until(t, "the other worker stops", func() bool { return !stopping.ready(t) })
	if got := execute(t, stopping.addr, "", storedBody); !got.is(503, "catalog_unavailable") {
		t.Errorf("%v", got)
	}
	w.stop(t)
	stopping.stop(t)

	w = h.worker(t)
	if got := w.reason(t); !got.is(503, "the catalog, revision "+strconv.FormatUint(revision, 10)+", has expired at ") {
		t.Errorf("%v", got)
	}
	w.stop(t)
	w = h.worker(t, "--catalog-expired", "serve")
	w.answers(t, "first")
	h.serve(t)
	until(t, "the manifest is renewed", func() bool { return !w.catalog(t).Expired })
	w.answers(t, "first")
	w.stop(t)
}

// TestServeKeysRotated replaces the keys of all uses under both halves: a worker
// that serves notices nothing, and nothing is left that needs the old ones.
func TestServeKeysRotated(t *testing.T) {
	t.Parallel()
	h := newHalves(t)
	h.serve(t)
	w := h.worker(t)
	w.keeps(t, h.publish(t, "first"))
	right := load.Contains(200, `{"said":"first`)
	underLoad(t, w.addr, load.Fixed(message(w.addr, storedBody), right), func(served func()) {
		runAvap(t, h.dir, h.env, "keygen", "--add", "--id", "next")
		until(t, "all is sealed with the new keys", func() bool { return sealedWith(t, h.path("catalog.snapshot"), "next") })
		all, err := seal.ReadKeys(h.path("avap-keys.json"))
		if err != nil {
			t.Fatal(err)
		}
		all = slices.DeleteFunc(all, func(k *seal.Key) bool { return k.ID != "next" })
		if err := writeWhole(h.path("avap-keys.json"), seal.AppendKeys(nil, all), 0o600); err != nil {
			t.Fatal(err)
		}
		served()
		w.keeps(t, h.publish(t, "first, and last"))
		w.answers(t, "first, and last")
	})
	fresh := h.worker(t, "--snapshot", "none")
	until(t, "a worker without a snapshot has the catalog", func() bool { return fresh.ready(t) })
	fresh.answers(t, "first, and last")
	h.kill()
	w.stop(t)
	h.worker(t).answers(t, "first, and last")
}

// sealedWith tells whether all of a snapshot is sealed with keys of an id.
func sealedWith(t *testing.T, file, id string) bool {
	t.Helper()
	snapshot, err := catalog.OpenSnapshot(file)
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	for unit, err := range snapshot.Units() {
		if err != nil {
			t.Fatal(err)
		}
		p, err := seal.OpenUnverified(unit.Package)
		if err != nil {
			t.Fatal(err)
		}
		if p.KeyID != id {
			return false
		}
	}
	return snapshot.Signed().KeyID == id
}
