package catalog_test

import (
	"bytes"
	"testing"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/internal/catalogtest"
)

// Of all that may arrive in the place of a revision, that revision alone is
// applied.
func FuzzApply(f *testing.F) {
	p := catalogtest.New(f)
	whole := func() ([]catalog.Change, catalog.SignedManifest) { return p.All(), p.Sign(p.Manifest()) }
	p.Next(p.Define(shouting)...)
	first, firstManifest := whole()
	changes, m := p.Next(p.Define(`command mark(text: value, o: out) { o = text + "?" }`)...)
	honest := changes[0]
	f.Add(uint8(honest.Kind), honest.Name, honest.Version, honest.Hash[:], honest.Package, false, false, m.Body, m.KeyID, m.MAC)
	f.Add(uint8(honest.Kind), "whisper", honest.Version, honest.Hash[:], honest.Package, false, false, m.Body, m.KeyID, m.MAC)
	f.Add(uint8(1), "mark", uint64(0), []byte{}, []byte{}, true, true, firstManifest.Body, "c", firstManifest.MAC)
	f.Fuzz(func(
		t *testing.T, kind uint8, name string, version uint64, hash, pack []byte, removed, reset bool, body []byte, keyID string, mac []byte,
	) {
		r := catalog.NewReplica(p.Options())
		held, err := r.Apply(first, true, firstManifest, catalogtest.Clock())
		if err != nil {
			t.Fatal(err)
		}
		c := catalog.Change{
			Entry:   catalog.Entry{Kind: bytecode.Kind(kind), Name: name, Version: version},
			Package: pack, Removed: removed,
		}
		copy(c.Hash[:], hash)
		v, err := r.Apply([]catalog.Change{c}, reset, catalog.SignedManifest{Body: body, KeyID: keyID, MAC: mac}, catalogtest.Clock())
		same := !removed && !reset && c.Entry == honest.Entry && bytes.Equal(pack, honest.Package) &&
			bytes.Equal(body, m.Body) && keyID == m.KeyID && bytes.Equal(mac, m.MAC)
		switch {
		case err != nil && (v != nil || r.Current() != held):
			t.Errorf("refused (%v), and not what it had", err)
		case err != nil && same:
			t.Error(err)
		case err == nil && v != held && !same:
			t.Errorf("%+v is applied", c)
		}
	})
}
