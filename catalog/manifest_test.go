package catalog_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/internal/catalogtest"
	"github.com/avap-framework/avap/seal"
)

func newKeyring(t testing.TB, keys ...*seal.Key) *seal.Keyring {
	t.Helper()
	r, err := seal.NewKeyring(catalogtest.Clock, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func someManifest() catalog.Manifest {
	return catalog.Manifest{
		Revision: 7, Bytecode: 1, Issued: catalogtest.Clock(), Expires: catalogtest.Clock().Add(24 * time.Hour),
		Root: catalog.NewTree(entry("a")).Root(), Units: 1,
	}
}

const manifestVector = "0000000000000007" + "00000001" + "18e80ede6e1c0000" + "18e85d72ff6b0000" + "0000000000000001"

func TestManifest(t *testing.T) {
	k := catalogtest.NewKey(t, seal.UseCatalog, "c", 'c')
	m := someManifest()
	s, err := catalog.Sign(k, m)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(s.Body); got != manifestVector+hex.EncodeToString(m.Root[:]) {
		t.Errorf("the body is %s", got)
	}
	got, err := catalog.Verify(newKeyring(t, k), s)
	if diff := cmp.Diff(m, got); diff != "" || err != nil {
		t.Errorf("%v (-signed +verified):\n%s", err, diff)
	}
	s.Body[0]++
	var refused *seal.Error
	if _, err := catalog.Verify(newKeyring(t, k), s); !errors.As(err, &refused) || refused.Code != seal.CodeIntegrity {
		t.Errorf("altered: %v", err)
	}
}

// TestManifestErrors holds what cannot be signed, and what is signed and yet no
// manifest.
func TestManifestErrors(t *testing.T) {
	k := catalogtest.NewKey(t, seal.UseCatalog, "c", 'c')
	for name, change := range map[string]func(*catalog.Manifest){
		"no bytecode version":       func(m *catalog.Manifest) { m.Bytecode = 0 },
		"no times":                  func(m *catalog.Manifest) { m.Issued, m.Expires = time.Time{}, time.Time{} },
		"issued before 1970":        func(m *catalog.Manifest) { m.Issued = time.Unix(-1, 0) },
		"expires when it is issued": func(m *catalog.Manifest) { m.Expires = m.Issued },
		"expires in the year 3000":  func(m *catalog.Manifest) { m.Expires = m.Expires.AddDate(974, 0, 0) },
	} {
		m := someManifest()
		change(&m)
		if _, err := catalog.Sign(k, m); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := catalog.Sign(catalogtest.NewKey(t, seal.UsePackage, "p", 'p'), someManifest()); err == nil {
		t.Error("a package key signs a manifest")
	}
	good, err := catalog.AppendManifest(nil, someManifest())
	if err != nil {
		t.Fatal(err)
	}
	swapped := bytes.Clone(good)
	copy(swapped[12:], good[20:28])
	copy(swapped[20:], good[12:20])
	for name, body := range map[string][]byte{
		"nothing":             nil,
		"a byte less":         good[:len(good)-1],
		"a byte more":         append(bytes.Clone(good), 0),
		"no bytecode version": append(append(bytes.Clone(good[:8]), 0, 0, 0, 0), good[12:]...),
		"times swapped":       swapped,
		"expires beyond 2262": append(append(bytes.Clone(good[:20]), 0xff), good[21:]...),
	} {
		mac, err := seal.SignManifest(k, body)
		if err != nil {
			t.Fatal(err)
		}
		var refused *seal.Error
		_, err = catalog.Verify(newKeyring(t, k), catalog.SignedManifest{Body: body, KeyID: "c", MAC: mac[:]})
		if !errors.As(err, &refused) || refused.Code != seal.CodeIntegrity {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever is taken as a manifest is encoded to the same bytes.
func FuzzManifest(f *testing.F) {
	good, err := catalog.AppendManifest(nil, someManifest())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:67])
	f.Add(make([]byte, 68))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := catalog.DecodeManifest(b)
		if err != nil {
			return
		}
		if again, err := catalog.AppendManifest(nil, m); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is decoded to %v, which is %x (%v)", b, m, again, err)
		}
	})
}
