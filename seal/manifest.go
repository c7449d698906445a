// This file holds the MAC of a catalog's manifest. What a manifest says is the
// catalog's business; here it is bytes.

package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
)

// manifestPrefix stands in front of what is signed, so that no MAC of a
// manifest is one of anything else.
const manifestPrefix = "avap-manifest-1\n"

var errCatalogKey = errors.New("manifests are signed with catalog keys")

// SignManifest returns the HMAC-SHA256 of a manifest: over "avap-manifest-1\n" and
// the body, with a catalog key.
func SignManifest(k *Key, body []byte) ([sha256.Size]byte, error) {
	if k.Use != UseCatalog {
		return [sha256.Size]byte{}, errCatalogKey
	}
	return manifestSum(k, body), nil
}

// VerifyManifest verifies the MAC of a manifest with the catalog key kid, which
// must be valid now. Its errors are of type *Error with CodeIntegrity.
func VerifyManifest(keys *Keyring, kid string, body, mac []byte) error {
	k := keys.Lookup(UseCatalog, kid)
	if k == nil {
		return &Error{Code: CodeIntegrity, Msg: "the manifest does not verify", Err: errUnknownKey}
	}
	if sum := manifestSum(k, body); !hmac.Equal(sum[:], mac) {
		return &Error{Code: CodeIntegrity, Msg: "the manifest does not verify", Err: errMAC}
	}
	return nil
}

func manifestSum(k *Key, body []byte) [sha256.Size]byte {
	m := k.begin()
	m.text = append(m.text[:0], manifestPrefix...)
	m.h.Write(m.text)
	m.h.Write(body)
	return m.end()
}
