// This file holds the replica: the catalog of a worker, as its definition server
// tells it, and what it refuses to be told.

package catalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/vm"
)

// Why a revision, or a unit that is fetched later, is refused. Errors wrap one of
// these.
var (
	ErrManifest = errors.New("the manifest does not verify")
	ErrExpired  = errors.New("the manifest has expired")
	ErrBytecode = errors.New("the manifest is for a newer bytecode version")
	ErrRollback = errors.New("the revision is below one that was accepted")
	ErrFork     = errors.New("the revision is one that was accepted with another root")
	ErrRoot     = errors.New("the units are not those of the manifest")
	ErrHash     = errors.New("the package is not the one that the catalog names")
	ErrPackage  = errors.New("the package does not verify")
	ErrOrigin   = errors.New("the package is not from a definition server")
	ErrUnit     = errors.New("the package holds another unit")
)

// ErrUnavailable says that a unit of the catalog could not be brought into
// memory. The error of the source, or the reason why the unit was refused, is
// wrapped beside it.
var ErrUnavailable = errors.New("a unit of the catalog is not available")

// CodeUnavailable is the code of executions that need a unit that is not available.
const CodeUnavailable vm.ErrorCode = "catalog_unavailable"

// ErrNotFound says that a source does not have the package that was asked for.
var ErrNotFound = errors.New("there is no such package")

// Source holds packages of units that are not in memory.
type Source interface {
	// Unit returns the package that hashes to e.Hash. What it gives is verified.
	// It is safe for concurrent use.
	Unit(ctx context.Context, e Entry) ([]byte, error)
}

// Defaults of ReplicaOptions.
const (
	DefaultCacheBytes   = 64 << 20
	DefaultFetchTimeout = 5 * time.Second
)

// fetches is how many units one Load fetches at a time.
const fetches = 8

// ReplicaOptions say what a replica is made of.
type ReplicaOptions struct {
	// Keys verify manifests (catalog keys) and packages (package keys).
	Keys *seal.Keyring
	// Stock gives the interface of this machine's own command of a name, nil
	// where there is none; Natives are these commands.
	Stock   func(name string) *bytecode.Signature
	Natives map[string]*vm.Command
	// Word tells whether a name is a word of the language's syntax, which the
	// catalog may hold and nobody can call; nil: none is.
	Word func(name string) bool
	// Source gives units that are not in memory; nil: there are none but these.
	Source Source
	// CacheBytes bounds the units in memory; zero stands for DefaultCacheBytes.
	CacheBytes int
	// FetchTimeout bounds one call of Source; zero stands for DefaultFetchTimeout.
	FetchTimeout time.Duration
}

// Replica follows the catalog of a definition server, revision by revision. It
// knows no network and no files. It is safe for concurrent use.
type Replica struct {
	opt     ReplicaOptions
	memory  *memory
	flights singleflight.Group
	current atomic.Pointer[Revision]

	apply sync.Mutex // held while a revision is applied
}

// NewReplica makes a replica that holds nothing yet.
func NewReplica(opt ReplicaOptions) *Replica {
	if opt.Stock == nil {
		opt.Stock = func(string) *bytecode.Signature { return nil }
	}
	if opt.Word == nil {
		opt.Word = func(string) bool { return false }
	}
	opt.CacheBytes = cmp.Or(opt.CacheBytes, DefaultCacheBytes)
	opt.FetchTimeout = cmp.Or(opt.FetchTimeout, DefaultFetchTimeout)
	return &Replica{opt: opt, memory: newMemory(opt.CacheBytes)}
}

// Current returns the newest revision that was applied or restored, nil where there
// is none. It may have expired.
func (r *Replica) Current() *Revision { return r.current.Load() }

// Apply makes the next revision of what is held, or of nothing where reset is
// set, and changes. It is applied whole, or refused with one of the errors above
// and nothing has changed. A manifest that differs in its times alone takes the
// place of the one in force where it expires later. The work is in proportion to
// the changes.
func (r *Replica) Apply(changes []Change, reset bool, signed SignedManifest, now time.Time) (*Revision, error) {
	r.apply.Lock()
	defer r.apply.Unlock()
	m, err := r.verify(signed)
	if err != nil {
		return nil, err
	}
	if !now.Before(m.Expires) {
		return nil, fmt.Errorf("%w: at %s", ErrExpired, m.Expires.Format(time.RFC3339))
	}
	next := &Revision{replica: r, manifest: m, signed: signed}
	held := r.current.Load()
	if held != nil && !reset {
		next.sets = held.sets
	}
	s := staging{replica: r, held: held}
	for i := range changes {
		if err := s.add(&changes[i]); err != nil {
			return nil, err
		}
	}
	if err := s.finish(next); err != nil {
		return nil, err
	}
	if held != nil && held.manifest.sameUnits(&m) && !m.Expires.After(held.manifest.Expires) {
		return held, nil
	}
	r.current.Store(next)
	return next, nil
}

// Restore makes a revision of a snapshot, expired or not: what follows from that
// is for the caller to decide. Revisions below it are refused from then on. Its
// errors are those of Apply but ErrExpired.
func (r *Replica) Restore(units iter.Seq2[Change, error], signed SignedManifest) (*Revision, error) {
	r.apply.Lock()
	defer r.apply.Unlock()
	m, err := r.verify(signed)
	if err != nil {
		return nil, err
	}
	next := &Revision{replica: r, manifest: m, signed: signed}
	s := staging{replica: r}
	for change, err := range units {
		if err == nil {
			err = s.add(&change)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := s.finish(next); err != nil {
		return nil, err
	}
	r.current.Store(next)
	return next, nil
}

// verify returns what a manifest says, if it may follow what is held.
func (r *Replica) verify(signed SignedManifest) (Manifest, error) {
	m, err := Verify(r.opt.Keys, signed)
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrManifest, reason(err))
	}
	if m.Bytecode > bytecode.Version {
		return m, fmt.Errorf("%w: %d", ErrBytecode, m.Bytecode)
	}
	held := r.current.Load()
	if held == nil {
		return m, nil
	}
	last := &held.manifest
	if m.Revision < last.Revision {
		return m, fmt.Errorf("%w: %d after %d", ErrRollback, m.Revision, last.Revision)
	}
	if m.Revision == last.Revision && m.Bytecode == last.Bytecode && !m.sameUnits(last) {
		return m, fmt.Errorf("%w: %d", ErrFork, m.Revision)
	}
	return m, nil
}

// reason gives what an error of package seal has for the log.
func reason(err error) error {
	if e := new(seal.Error); errors.As(err, &e) && e.Err != nil {
		return e.Err
	}
	return err
}

// sameUnits reports whether two manifests differ in their times alone.
func (m *Manifest) sameUnits(n *Manifest) bool {
	return m.Revision == n.Revision && m.Bytecode == n.Bytecode && m.Root == n.Root && m.Units == n.Units
}

// fetch brings a unit into memory. Of those who ask for one at the same time one
// asks the source, for all; it goes on when that one gives up.
func (r *Replica) fetch(ctx context.Context, e Entry) (*unit, error) {
	if r.opt.Source == nil {
		return nil, errors.New("there is no source of units")
	}
	flight := r.flights.DoChan(string(e.Hash[:]), func() (any, error) {
		if u := r.memory.peek(e.Hash); u != nil {
			return u, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opt.FetchTimeout)
		defer cancel()
		b, err := r.opt.Source.Unit(ctx, e)
		if err != nil {
			return nil, err
		}
		if sha256.Sum256(b) != e.Hash {
			return nil, ErrHash
		}
		u, err := r.open(e, b)
		if err != nil {
			return nil, err
		}
		return r.memory.put(u), nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-flight:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*unit), nil
	}
}

// Memory tells how the bound of units in memory works out.
type Memory struct {
	Units  int    `json:"units"` // in memory
	Bytes  int    `json:"bytes"` // that they take, about
	Most   int    `json:"most"`  // that they may take
	Hits   uint64 `json:"hits"`  // of units that were wanted
	Misses uint64 `json:"misses"`
}

// Memory returns the counts of the units in memory.
func (r *Replica) Memory() Memory {
	m := r.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	return Memory{Units: m.units.Len(), Bytes: m.bytes, Most: m.most, Hits: m.hits, Misses: m.misses}
}
