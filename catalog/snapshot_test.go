package catalog_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/internal/catalogtest"
)

// written writes a snapshot of a small catalog.
func written(t testing.TB, p *catalogtest.Publisher) (name string, v *catalog.Revision) {
	t.Helper()
	future := catalog.Change{Entry: catalog.Entry{Kind: bytecode.KindCommand, Name: "future", Version: 3}}
	v = p.Apply(catalog.NewReplica(p.Options()), append(p.Define(shouting), future)...)
	name = filepath.Join(t.TempDir(), "catalog.snapshot")
	s, err := catalog.WriteSnapshot(t.Context(), name, v, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return name, v
}

// restore makes a revision of the snapshot of a name.
func restore(opt catalog.ReplicaOptions, name string) (*catalog.Revision, *catalog.Snapshot, error) {
	s, err := catalog.OpenSnapshot(name)
	if err != nil {
		return nil, nil, err
	}
	v, err := catalog.NewReplica(opt).Restore(s.Units(), s.Signed())
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return v, s, nil
}

func TestSnapshot(t *testing.T) {
	p := catalogtest.New(t)
	name, v := written(t, p)
	restored, s, err := restore(p.Options(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if diff := cmp.Diff(v.Manifest(), restored.Manifest()); diff != "" || restored.Tree().Root() != v.Tree().Root() {
		t.Errorf("(-written +restored):\n%s", diff)
	}
	if len(restored.Unusable()) != 1 || restored.Command("shout") == nil {
		t.Error("the restored revision is another one")
	}
	for e := range v.Tree().All() {
		b, err := s.Unit(t.Context(), e)
		if e.Hash != (catalog.Hash{}) && (err != nil || !bytes.Equal(b, p.Packages[e.Hash])) {
			t.Errorf("%s is % x (%v)", e.Name, b, err)
		}
		e.Hash[0] ^= 1
		if _, err := s.Unit(t.Context(), e); !errors.Is(err, catalog.ErrNotFound) {
			t.Errorf("another %s: %v", e.Name, err)
		}
	}
	if _, err := s.Unit(t.Context(), entry("nobody")); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("nobody's unit: %v", err)
	}
	if info, err := os.Stat(name); err != nil || info.Size() != s.Size() || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v (%v)", info, err)
	}
}

// TestSnapshotReplaced reads from a snapshot whose place on disk another one took.
func TestSnapshotReplaced(t *testing.T) {
	p := catalogtest.New(t)
	name, v := written(t, p)
	old, err := catalog.OpenSnapshot(name)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	r := catalog.NewReplica(p.Options())
	if _, err := r.Restore(old.Units(), old.Signed()); err != nil {
		t.Fatal(err)
	}
	next := p.Apply(r, p.Define(`command mark(text: value, o: out) { o = text + "?" }`)...)
	s, err := catalog.WriteSnapshot(t.Context(), name, next, p)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before, _ := v.Tree().Get(bytecode.KindCommand, "mark")
	after, _ := next.Tree().Get(bytecode.KindCommand, "mark")
	if _, err := old.Unit(t.Context(), before); err != nil {
		t.Errorf("the old one has lost its mark: %v", err)
	}
	if _, err := s.Unit(t.Context(), after); err != nil {
		t.Errorf("the new one has no mark: %v", err)
	}
	if files, err := filepath.Glob(filepath.Join(filepath.Dir(name), "*")); err != nil || len(files) != 1 {
		t.Errorf("the folder holds %v (%v)", files, err)
	}
}

// TestSnapshotFlipped flips every byte of a snapshot, and cuts it at every length:
// none is taken, and nothing is read that is not there.
func TestSnapshotFlipped(t *testing.T) {
	p := catalogtest.New(t)
	name, _ := written(t, p)
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, s, err := restore(p.Options(), name); err == nil {
			s.Close()
			t.Errorf("%s: taken", what)
		}
	}
	for i := range good {
		b := bytes.Clone(good)
		for _, flip := range []byte{1 << (i % 8), 0xff} {
			b[i] = good[i] ^ flip
			refused(fmt.Sprintf("byte %d flipped by %#x", i, flip), b)
		}
		refused(fmt.Sprintf("cut to %d bytes", i), good[:i])
	}
	refused("a byte more", append(bytes.Clone(good), 0))
	refused("twice", append(bytes.Clone(good), good...))
	t.Logf("%d bytes, each flipped in two ways and cut off", len(good))
	if err := os.WriteFile(name, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, s, err := restore(p.Options(), name); err != nil {
		t.Error(err)
	} else {
		s.Close()
	}
}

// TestSnapshotRewritten flips a byte behind the back of a snapshot that was
// verified: the unit is not given out.
func TestSnapshotRewritten(t *testing.T) {
	p := catalogtest.New(t)
	name, v := written(t, p)
	_, s, err := restore(p.Options(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	mark, _ := v.Tree().Get(bytecode.KindCommand, "mark")
	b[bytes.Index(b, p.Packages[mark.Hash])+50] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Unit(t.Context(), mark); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// TestSnapshotOrder holds a snapshot whose units are those of the manifest, in
// another order or twice.
func TestSnapshotOrder(t *testing.T) {
	p := catalogtest.New(t)
	name, v := written(t, p)
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var units [][]byte
	at := 16 + 1 + 1 + 68 + 32
	for e := range v.Tree().All() {
		size := 17 + len(e.Name) + len(p.Packages[e.Hash])
		units = append(units, good[at:at+size])
		at += size
	}
	head := good[:16+1+1+68+32]
	for what, parts := range map[string][][]byte{
		"swapped": {head, units[1], units[0], units[2], units[3]},
		"twice":   {head, units[0], units[0], units[1], units[2], units[3]},
	} {
		if err := os.WriteFile(name, bytes.Join(parts, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := restore(p.Options(), name); err == nil || !strings.Contains(err.Error(), "order") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestSnapshotErrors holds snapshots that cannot be written or read.
func TestSnapshotErrors(t *testing.T) {
	p := catalogtest.New(t)
	name, v := written(t, p)
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	p.Failing["mark"] = errors.New("away")
	if _, err := catalog.WriteSnapshot(t.Context(), name, v, p); err == nil || !strings.Contains(err.Error(), `"mark": away`) {
		t.Errorf("written without mark: %v", err)
	}
	delete(p.Failing, "mark")
	mark, _ := v.Tree().Get(bytecode.KindCommand, "mark")
	honest := p.Packages[mark.Hash]
	p.Packages[mark.Hash] = []byte("another")
	if _, err := catalog.WriteSnapshot(t.Context(), name, v, p); !errors.Is(err, catalog.ErrHash) {
		t.Errorf("written with another mark: %v", err)
	}
	p.Packages[mark.Hash] = honest
	if b, err := os.ReadFile(name); err != nil || !bytes.Equal(b, good) {
		t.Errorf("the file has changed (%v)", err)
	}
	if _, err := catalog.WriteSnapshot(t.Context(), filepath.Join(name, "nowhere"), v, p); err == nil {
		t.Error("written to nowhere")
	}
	litter := name + ".tmp-123"
	if err := os.WriteFile(litter, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(litter, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	s, err := catalog.WriteSnapshot(t.Context(), name, v, p)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := os.Stat(litter); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a crash left is there: %v", err)
	}
	aside, err := catalog.SetAside(name)
	if _, stat := os.Stat(aside); err != nil || stat != nil {
		t.Errorf("set aside: %v, %v", err, stat)
	}
	if _, err := catalog.OpenSnapshot(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// A snapshot is refused, or it is the one way to write what is restored from it.
func FuzzSnapshot(f *testing.F) {
	p := catalogtest.New(f)
	name, _ := written(f, p)
	good, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:100])
	f.Add([]byte("avap-snapshot-1\n"))
	f.Add(append(bytes.Clone(good[:118]), bytes.Repeat([]byte{0xff}, 40)...))
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b)
		if len(b) >= 118 { // the manifest's own MAC is in order
			h := hmac.New(sha256.New, bytes.Repeat([]byte{'c'}, 32))
			h.Write([]byte("avap-manifest-1\n"))
			h.Write(b[18:86])
			copy(b[86:], h.Sum(nil))
		}
		name := filepath.Join(folder, "snapshot")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		v, s, err := restore(p.Options(), name)
		if err != nil {
			return
		}
		defer s.Close()
		again, err := catalog.WriteSnapshot(t.Context(), name, v, s)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if rewritten, err := os.ReadFile(name); err != nil || !bytes.Equal(rewritten, b) {
			t.Errorf("%x is written as %x (%v)", b, rewritten, err)
		}
	})
}
