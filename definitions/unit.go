// This file holds units as a server keeps them in memory.

package definitions

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
)

// unit is the newest version of a unit that is in the catalog, and its package.
// It does not change.
type unit struct {
	store.Version
	pack   store.Package
	sum    [sha256.Size]byte  // SHA-256 of the package; zero without one
	calls  []bytecode.Command // other commands that it calls
	answer func() []byte      // a CommandResponse of the first protocol, as bytes
}

// newUnit makes a unit of what a store holds. calls are those of the package's
// program.
func newUnit(v store.Version, p store.Package, calls []bytecode.Command) *unit {
	u := &unit{Version: v, pack: p, calls: calls}
	if p.Bytes != nil {
		u.sum = sha256.Sum256(p.Bytes)
	}
	u.answer = sync.OnceValue(func() []byte { return commandResponse(u) })
	return u
}

// entry is the unit's leaf in the tree of a bytecode version.
func (u *unit) entry(version uint32) catalog.Entry {
	e := catalog.Entry{Kind: u.Kind, Name: u.Name, Version: u.Version.Version}
	if u.pack.Bytecode <= version {
		e.Hash = u.sum
	}
	return e
}

// callees returns the commands that a program calls, other than itself.
func callees(p *bytecode.Program) []bytecode.Command {
	calls := make([]bytecode.Command, 0, len(p.Commands))
	for _, c := range p.Commands {
		if p.Kind != bytecode.KindCommand || c.Name != p.Name {
			calls = append(calls, c)
		}
	}
	return calls
}

// sealed makes the package of a version.
func sealed(v *store.Version, p *bytecode.Program, k *seal.Key) (store.Package, error) {
	b, err := seal.Seal(&seal.Unit{Origin: seal.OriginPublished, Contract: v.Quotas, Source: v.Hash, Program: p}, k)
	if err != nil {
		return store.Package{}, fmt.Errorf("%s: %w", describe(v.Key), err)
	}
	return store.Package{
		Key: v.Key, Version: v.Version, Bytecode: uint32(bytecode.VersionOf(p)), KeyID: k.ID, Bytes: b,
	}, nil
}

// opened verifies a package of the store and gives its program, which must be
// that of a version.
func opened(keys *seal.Keyring, v *store.Version, p *store.Package) (*bytecode.Program, error) {
	o, err := seal.Open(keys, p.Bytes)
	if err != nil {
		return nil, err
	}
	if o.Unit == nil || o.Unit.Origin != seal.OriginPublished ||
		o.Unit.Program.Kind != v.Kind || o.Unit.Program.Name != v.Name ||
		o.Unit.Source != v.Hash || o.Unit.Contract != v.Quotas || p.Version != v.Version {
		return nil, fmt.Errorf("the package is not that of %s, version %d", describe(v.Key), v.Version)
	}
	return o.Unit.Program, nil
}

// describe names a unit in messages.
func describe(k store.Key) string {
	if k.Kind == bytecode.KindScript {
		return "script " + k.Name
	}
	return "command " + k.Name
}

// compareKeys orders units: commands before scripts, by name.
func compareKeys(a, b store.Key) int {
	if a.Kind != b.Kind {
		return int(b.Kind) - int(a.Kind)
	}
	if a.Name < b.Name {
		return -1
	}
	if a.Name > b.Name {
		return 1
	}
	return 0
}

// sameInterface reports whether callers compiled for one interface run with the other.
func sameInterface(a, b []bytecode.Param) bool { return slices.Equal(a, b) }
