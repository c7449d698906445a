// This file holds the keyring: which keys there are, which of them signs, and
// how they change while the program runs.

package seal

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// KeyringOptions say where keys come from.
type KeyringOptions struct {
	// File holds keys; empty for none.
	File string
	// Getenv gives environment variables, as os.Getenv does; nil for none.
	// AVAP_INTERNAL_KEY, AVAP_REQUEST_KEY and AVAP_CATALOG_KEY are the secret of
	// the package, request and catalog key "default", of MinSecret bytes or more.
	// They win over the file's keys of the same use and id; empty ones are none.
	Getenv func(string) string
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time
}

// Keyring holds the keys in force. It is safe for concurrent use: readers take
// no lock, and see the keys of one moment.
type Keyring struct {
	file        string
	environment []*Key
	now         func() time.Time
	current     atomic.Pointer[snapshot]
}

// snapshot is the keys of one moment. It does not change.
type snapshot struct {
	keys     map[Use][]*Key // of each use, the one that signs first, first
	requests []*Key         // those of requests: each signed request asks for one
	digest   [sha256.Size]byte
}

// OpenKeyring reads the keys. Its errors are one line each, and hold no secret.
func OpenKeyring(opt KeyringOptions) (*Keyring, error) {
	r := &Keyring{file: opt.File, now: opt.Now}
	if r.now == nil {
		r.now = time.Now
	}
	for _, use := range Uses {
		if opt.Getenv == nil {
			break
		}
		secret := opt.Getenv(use.variable())
		if secret == "" {
			continue
		}
		k, err := NewKey(use, "default", []byte(secret), time.Time{}, time.Time{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", use.variable(), err)
		}
		r.environment = append(r.environment, k)
	}
	return r, r.Reload()
}

// NewKeyring makes a keyring of keys, in the order in which a file would hold them.
func NewKeyring(now func() time.Time, keys ...*Key) (*Keyring, error) {
	r := &Keyring{environment: keys, now: now}
	if now == nil {
		r.now = time.Now
	}
	return r, r.Reload()
}

// Reload reads the file again. After an error the keys in force are those from
// before.
func (r *Keyring) Reload() error {
	var digest [sha256.Size]byte
	var keys []*Key
	if r.file != "" {
		text, err := readFile(r.file)
		if err != nil {
			return err
		}
		digest = sha256.Sum256(text)
		if s := r.current.Load(); s != nil && s.digest == digest {
			return nil
		}
		if keys, err = parseFile(r.file, text); err != nil {
			return err
		}
	}
	s, err := merge(keys, r.environment)
	if err != nil {
		return err
	}
	s.digest = digest
	r.current.Store(s)
	return nil
}

// merge puts the environment's keys after the file's, in the place of those
// of the same use and id.
func merge(file, environment []*Key) (*snapshot, error) {
	all := slices.DeleteFunc(slices.Clone(file), func(k *Key) bool {
		return slices.ContainsFunc(environment, func(e *Key) bool { return e.Use == k.Use && e.ID == k.ID })
	})
	all = append(all, environment...)
	slices.SortStableFunc(all, func(a, b *Key) int { return b.NotBefore.Compare(a.NotBefore) })
	s := &snapshot{keys: map[Use][]*Key{}}
	blocks := map[[sha256.BlockSize]byte]*Key{}
	for _, k := range all {
		block := k.block()
		if other := blocks[block]; other != nil && other.Use != k.Use {
			return nil, fmt.Errorf("the %v and the %v have one secret: each use needs its own", other, k)
		}
		blocks[block] = k
		s.keys[k.Use] = append(s.keys[k.Use], k)
	}
	s.requests = s.keys[UseRequest]
	return s, nil
}

// Watch looks at the file every interval until ctx ends, and puts its keys in
// force when it has changed. A file that cannot be used changes nothing;
// onError, unless it is nil, is told of it once for each reason. The whole file
// is read each time: it is small, and its times and numbers do not always tell.
func (r *Keyring) Watch(ctx context.Context, interval time.Duration, onError func(error)) {
	if r.file == "" {
		return
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := r.Reload()
		if err == nil {
			told = ""
			continue
		}
		if msg := err.Error(); msg != told && onError != nil {
			told = msg
			onError(err)
		}
	}
}

// Lookup returns the key of a use and an id that is valid now, nil where there is none.
func (r *Keyring) Lookup(use Use, id string) *Key {
	return find(r.current.Load().keys[use], id, r.now())
}

// Has reports whether there is a key of a use and an id, be it valid now or not.
func (r *Keyring) Has(use Use, id string) bool {
	return slices.ContainsFunc(r.current.Load().keys[use], func(k *Key) bool { return k.ID == id })
}

// requestKey returns the request key of an id that is valid at a moment, nil where there is
// none.
func (r *Keyring) requestKey(id string, now time.Time) *Key {
	return find(r.current.Load().requests, id, now)
}

func find(keys []*Key, id string, now time.Time) *Key {
	for _, k := range keys {
		if k.ID == id && (k.always() || k.ValidAt(now)) {
			return k
		}
	}
	return nil
}

// Valid yields the keys of a use that are valid now, the one that signs first.
func (r *Keyring) Valid(use Use) func(yield func(*Key) bool) {
	return func(yield func(*Key) bool) {
		now := r.now()
		for _, k := range r.current.Load().keys[use] {
			if k.ValidAt(now) && !yield(k) {
				return
			}
		}
	}
}

// Signing returns the key that signs now: of those that are valid the one with
// the latest NotBefore, of several the first in the file.
func (r *Keyring) Signing(use Use) (*Key, error) {
	for k := range r.Valid(use) {
		return k, nil
	}
	if len(r.current.Load().keys[use]) > 0 {
		return nil, errors.New("no " + string(use) + " key is valid now: look at not_before and not_after")
	}
	return nil, fmt.Errorf("no %s key: give one with --keys (avap keygen makes them) or as %s", use, use.variable())
}
