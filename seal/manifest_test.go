package seal_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/avap-framework/avap/seal"
)

// manifestMAC is the MAC as the wire's contract words it.
func manifestMAC(secret byte, body string) []byte {
	h := hmac.New(sha256.New, bytes.Repeat([]byte{secret}, 32))
	h.Write([]byte("avap-manifest-1\n" + body))
	return h.Sum(nil)
}

func manifestKeys(t testing.TB) *seal.Keyring {
	return newKeyring(
		t, clock,
		newKey(t, seal.UseCatalog, "now", 'a', time.Time{}, time.Time{}),
		newKey(t, seal.UseCatalog, "stale", 'b', day(1), day(10)),
		newKey(t, seal.UseCatalog, "early", 'c', day(20), day(30)),
		newKey(t, seal.UsePackage, "pkg", 'p', time.Time{}, time.Time{}),
	)
}

func TestSignManifest(t *testing.T) {
	got, err := seal.SignManifest(newKey(t, seal.UseCatalog, "now", 'a', time.Time{}, time.Time{}), []byte("body"))
	if want := manifestMAC('a', "body"); err != nil || !bytes.Equal(got[:], want) {
		t.Errorf("the MAC is %x (%v), want %x", got, err, want)
	}
	for _, use := range []seal.Use{seal.UsePackage, seal.UseRequest} {
		if _, err := seal.SignManifest(newKey(t, use, "k", 'a', time.Time{}, time.Time{}), nil); err == nil {
			t.Errorf("a %s key signs a manifest", use)
		}
	}
}

func TestVerifyManifest(t *testing.T) {
	good := manifestMAC('a', "body")
	flipped := bytes.Clone(good)
	flipped[31] ^= 1
	plain := hmac.New(sha256.New, bytes.Repeat([]byte{'a'}, 32))
	plain.Write([]byte("body"))
	for _, tt := range []struct {
		name, kid, body string
		mac             []byte
		want            seal.Code
	}{
		{"as signed", "now", "body", good, ""},
		{"an empty body", "now", "", manifestMAC('a', ""), ""},
		{"another body", "now", "bodY", good, seal.CodeIntegrity},
		{"a bit of the MAC", "now", "body", flipped, seal.CodeIntegrity},
		{"a short MAC", "now", "body", good[:31], seal.CodeIntegrity},
		{"a long MAC", "now", "body", append(bytes.Clone(good), 0), seal.CodeIntegrity},
		{"no MAC", "now", "body", nil, seal.CodeIntegrity},
		{"without the prefix", "now", "body", plain.Sum(nil), seal.CodeIntegrity},
		{"another key's secret", "now", "body", manifestMAC('x', "body"), seal.CodeIntegrity},
		{"an unknown key", "nobody", "body", good, seal.CodeIntegrity},
		{"no key", "", "body", good, seal.CodeIntegrity},
		{"a key that has ended", "stale", "body", manifestMAC('b', "body"), seal.CodeIntegrity},
		{"a key that has not begun", "early", "body", manifestMAC('c', "body"), seal.CodeIntegrity},
		{"a package key", "pkg", "body", manifestMAC('p', "body"), seal.CodeIntegrity},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := seal.VerifyManifest(manifestKeys(t), tt.kid, []byte(tt.body), tt.mac)
			if code := codeOf(t, err); code != tt.want {
				t.Errorf("the code is %q (%v: %v), want %q", code, err, errors.Unwrap(err), tt.want)
			}
		})
	}
}

// Of all MACs the one that SignManifest makes passes, and no other.
func FuzzManifest(f *testing.F) {
	keys := manifestKeys(f)
	f.Add("now", []byte("body"), manifestMAC('a', "body"))
	f.Add("stale", []byte{}, manifestMAC('b', ""))
	f.Add("", []byte("avap-manifest-1\n"), []byte{})
	f.Fuzz(func(t *testing.T, kid string, body, mac []byte) {
		err := seal.VerifyManifest(keys, kid, body, mac)
		if want := kid == "now" && bytes.Equal(mac, manifestMAC('a', string(body))); (err == nil) != want {
			t.Errorf("key %q, body %x, MAC %x: %v", kid, body, mac, err)
		}
	})
}
