// This file holds keys, and the one place that computes a MAC.

package seal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"
)

// Use is what a key is for.
type Use string

// Uses of keys.
const (
	UsePackage Use = "package"
	UseRequest Use = "request"
	UseCatalog Use = "catalog"
)

// Uses are all uses, in the order in which people name them.
var Uses = [...]Use{UsePackage, UseRequest, UseCatalog}

// variable is the environment variable that holds a key of a use.
func (u Use) variable() string {
	switch u {
	case UsePackage:
		return "AVAP_INTERNAL_KEY"
	case UseRequest:
		return "AVAP_REQUEST_KEY"
	}
	return "AVAP_CATALOG_KEY"
}

// Sizes of secrets in bytes, and of ids in characters.
const (
	// MinFileSecret is what a secret in a file must have.
	MinFileSecret = 32
	// MinSecret is what any secret must have, one from the environment too:
	// fewer bytes can be guessed by whoever has seen one signature.
	MinSecret = 16
	// maxPackageID is what a package has room for.
	maxPackageID = 8
	maxID        = 64
)

// Key is one secret under a use and an id. It does not change and is safe for
// concurrent use.
type Key struct {
	Use       Use
	ID        string    // printable ASCII without spaces, commas and double quotes
	NotBefore time.Time // zero: since ever
	NotAfter  time.Time // zero: for ever; the key is valid before this moment, not at it

	secret []byte
	macs   sync.Pool // of *mac
}

// NewKey makes a key. It keeps a copy of the secret.
func NewKey(use Use, id string, secret []byte, notBefore, notAfter time.Time) (*Key, error) {
	switch {
	case use != UsePackage && use != UseRequest && use != UseCatalog:
		return nil, errors.New("unknown use: write package, request or catalog")
	case use == UsePackage && (id == "" || len(id) > maxPackageID):
		return nil, fmt.Errorf("the id of a package key has 1 to %d characters", maxPackageID)
	case id == "" || len(id) > maxID:
		return nil, fmt.Errorf("an id has 1 to %d characters", maxID)
	case !validID(id):
		return nil, errors.New("an id is printable ASCII without spaces, commas and double quotes")
	case len(secret) < MinSecret:
		return nil, fmt.Errorf("the secret has %d bytes; it needs %d or more", len(secret), MinSecret)
	case !notBefore.IsZero() && !notAfter.IsZero() && !notBefore.Before(notAfter):
		return nil, errors.New("not_after is not behind not_before")
	}
	return &Key{Use: use, ID: id, NotBefore: notBefore, NotAfter: notAfter, secret: append([]byte(nil), secret...)}, nil
}

// GenerateKey makes a key with a new secret of 32 bytes from the system's
// secure source.
func GenerateKey(use Use, id string, notBefore, notAfter time.Time) (*Key, error) {
	var secret [MinFileSecret]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, err
	}
	return NewKey(use, id, secret[:], notBefore, notAfter)
}

func validID(id string) bool { return idLen(id) == len(id) }

// idLen is how many characters a text begins with that an id may have.
func idLen(s string) int {
	for i := range len(s) {
		switch c := s[i]; {
		case c > ',' && c <= '~': // as nearly all are
		case c <= ' ' || c >= ',' || c == '"':
			return i
		}
	}
	return len(s)
}

// ValidAt reports whether the key may sign and verify at a moment.
func (k *Key) ValidAt(t time.Time) bool {
	return !t.Before(k.NotBefore) && (k.NotAfter.IsZero() || t.Before(k.NotAfter))
}

// always reports whether no clock need be read to know that the key is valid.
func (k *Key) always() bool { return k.NotBefore.IsZero() && k.NotAfter.IsZero() }

// Format writes use and id under every verb: a key never shows its secret.
func (k *Key) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, string(k.Use)+" key "+k.ID)
}

// block is the secret as HMAC takes it: two secrets of one block are one.
func (k *Key) block() (b [sha256.BlockSize]byte) {
	if len(k.secret) > len(b) {
		sum := sha256.Sum256(k.secret)
		copy(b[:], sum[:])
		return b
	}
	copy(b[:], k.secret)
	return b
}

// mac computes MACs of a key, one after the other. It comes from the key's pool.
type mac struct {
	key  *Key
	h    hash.Hash
	text []byte // of what is not there in one piece; then the sum
}

// keptText is how many bytes a mac has for its text; more are not kept for the next one.
const keptText = 1 << 10

func (k *Key) begin() *mac {
	m, ok := k.macs.Get().(*mac)
	if !ok {
		return &mac{k, hmac.New(sha256.New, k.secret), make([]byte, 0, keptText)}
	}
	m.h.Reset()
	return m
}

// sum returns the MAC.
func (m *mac) sum() [sha256.Size]byte {
	m.text = m.h.Sum(m.text[:0])
	sum := [sha256.Size]byte(m.text)
	if cap(m.text) > keptText {
		m.text = nil
	}
	return sum
}

// end returns the MAC, and gives the computation back to the pool.
func (m *mac) end() [sha256.Size]byte {
	sum := m.sum()
	m.key.macs.Put(m)
	return sum
}
