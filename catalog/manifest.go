// This file holds the manifest of a revision: what a definition server vouches for.

package catalog

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/avap-framework/avap/seal"
)

// Manifest says what a revision of the catalog is.
type Manifest struct {
	Revision uint64
	Bytecode uint32    // the bytecode version that the tree is for; 1 or more
	Issued   time.Time // in nanoseconds from 1970 on
	Expires  time.Time // after Issued
	Root     Hash      // of the tree
	Units    uint64    // in the tree
}

// SignedManifest is a manifest as it is sent.
type SignedManifest struct {
	Body  []byte
	KeyID string // of a catalog key
	MAC   []byte
}

// manifestSize is the length of a body: revision (8), bytecode (4), issued (8),
// expires (8), units (8), root (32). Numbers are big-endian, times are
// nanoseconds since 1970.
const manifestSize = 36 + sha256.Size

var (
	errManifestSize  = errors.New("a manifest of another size")
	errManifestTimes = errors.New("a manifest whose times are out of range or order")
	errManifestCode  = errors.New("a manifest without a bytecode version")
)

// AppendManifest appends the encoding of a manifest: 68 bytes.
func AppendManifest(dst []byte, m Manifest) ([]byte, error) {
	issued, expires := m.Issued.UnixNano(), m.Expires.UnixNano()
	switch {
	case !m.Issued.Equal(time.Unix(0, issued)), !m.Expires.Equal(time.Unix(0, expires)), issued < 0, expires <= issued:
		return nil, errManifestTimes
	case m.Bytecode == 0:
		return nil, errManifestCode
	}
	dst = binary.BigEndian.AppendUint64(dst, m.Revision)
	dst = binary.BigEndian.AppendUint32(dst, m.Bytecode)
	dst = binary.BigEndian.AppendUint64(dst, uint64(issued))
	dst = binary.BigEndian.AppendUint64(dst, uint64(expires))
	dst = binary.BigEndian.AppendUint64(dst, m.Units)
	return append(dst, m.Root[:]...), nil
}

// DecodeManifest reads what AppendManifest wrote, and nothing else. Times are
// in UTC.
func DecodeManifest(b []byte) (Manifest, error) {
	if len(b) != manifestSize {
		return Manifest{}, errManifestSize
	}
	issued, expires := binary.BigEndian.Uint64(b[12:]), binary.BigEndian.Uint64(b[20:])
	m := Manifest{
		Revision: binary.BigEndian.Uint64(b),
		Bytecode: binary.BigEndian.Uint32(b[8:]),
		Units:    binary.BigEndian.Uint64(b[28:]),
		Root:     Hash(b[36:]),
	}
	switch {
	case expires > math.MaxInt64, issued >= expires:
		return Manifest{}, errManifestTimes
	case m.Bytecode == 0:
		return Manifest{}, errManifestCode
	}
	m.Issued, m.Expires = time.Unix(0, int64(issued)).UTC(), time.Unix(0, int64(expires)).UTC()
	return m, nil
}

// Sign signs a manifest with a catalog key.
func Sign(k *seal.Key, m Manifest) (SignedManifest, error) {
	body, err := AppendManifest(nil, m)
	if err != nil {
		return SignedManifest{}, err
	}
	mac, err := seal.SignManifest(k, body)
	return SignedManifest{Body: body, KeyID: k.ID, MAC: mac[:]}, err
}

// Verify returns what a manifest says, once its MAC is that of a catalog key that
// is valid now. Whether it has expired is for the caller to see. Its errors are
// of type *seal.Error with CodeIntegrity.
func Verify(keys *seal.Keyring, s SignedManifest) (Manifest, error) {
	if err := seal.VerifyManifest(keys, s.KeyID, s.Body, s.MAC); err != nil {
		return Manifest{}, err
	}
	m, err := DecodeManifest(s.Body)
	if err != nil {
		return Manifest{}, &seal.Error{Code: seal.CodeIntegrity, Msg: "the manifest does not verify", Err: err}
	}
	return m, nil
}
