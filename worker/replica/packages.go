// This file holds where units come from that are not in memory: packages that wait for
// a snapshot, snapshots, and the server.

package replica

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/definitions/avapv2pb"
)

var errNotConnected = errors.New("the definition server is away")

// packages is the catalog.Source of a worker. It finds packages by their hash, so that a
// revision still gets its own for a while after another has taken its place. It is safe
// for concurrent use.
type packages struct {
	keep bool // whether snapshots are written

	server           atomic.Pointer[avapv2pb.CatalogClient]
	fetched, missing atomic.Uint64 // units that are not here: that the server gave, or did not, as while it is away

	mu                sync.Mutex
	fresh             map[catalog.Hash]pending // since the latest snapshot was begun
	frozen            map[catalog.Hash]pending // from before, for the snapshot that is being written
	current, previous *catalog.Snapshot
}

// pending is a package that waits for a snapshot.
type pending struct {
	kind bytecode.Kind
	name string
	b    []byte
	// passed is set once a snapshot was written without it: another package had taken
	// its place.
	passed bool
}

func newPackages(keep bool) *packages {
	return &packages{keep: keep, fresh: map[catalog.Hash]pending{}, frozen: map[catalog.Hash]pending{}}
}

// connect sets the server to ask; nil for none.
func (p *packages) connect(server avapv2pb.CatalogClient) {
	if server == nil {
		p.server.Store(nil)
		return
	}
	p.server.Store(&server)
}

// add keeps the packages of changes until a snapshot has them.
func (p *packages) add(changes []catalog.Change) {
	if !p.keep {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range changes {
		if c := &changes[i]; !c.Removed && len(c.Package) > 0 {
			p.fresh[c.Hash] = pending{kind: c.Kind, name: c.Name, b: c.Package}
		}
	}
}

// drop forgets the packages of changes that were refused, except for those that belong
// to the revision that is held.
func (p *packages) drop(changes []catalog.Change, held *catalog.Revision) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range changes {
		c := &changes[i]
		if held != nil {
			if e, ok := held.Tree().Get(c.Kind, c.Name); ok && e.Hash == c.Hash {
				continue
			}
		}
		delete(p.fresh, c.Hash)
	}
}

// Unit returns the package of an entry, by its hash.
func (p *packages) Unit(ctx context.Context, e catalog.Entry) ([]byte, error) {
	p.mu.Lock()
	unit, ok := p.fresh[e.Hash]
	if !ok {
		unit, ok = p.frozen[e.Hash]
	}
	snapshots := [...]*catalog.Snapshot{p.current, p.previous}
	p.mu.Unlock()
	if ok {
		return unit.b, nil
	}
	for _, s := range snapshots {
		if s == nil {
			continue
		}
		if b, err := s.Unit(ctx, e); err == nil {
			return b, nil
		}
	}
	b, err := p.fetch(ctx, e)
	if err != nil {
		p.missing.Add(1)
		return nil, err
	}
	p.fetched.Add(1)
	return b, nil
}

// fetch asks the server.
func (p *packages) fetch(ctx context.Context, e catalog.Entry) ([]byte, error) {
	server := p.server.Load()
	if server == nil {
		return nil, errNotConnected
	}
	u, err := (*server).GetUnit(ctx, &avapv2pb.GetUnitRequest{
		Kind: avapv2pb.Kind(e.Kind), Name: e.Name, Hash: e.Hash[:], BytecodeVersion: bytecode.Version,
	})
	if err != nil {
		return nil, err
	}
	return u.Package, nil
}

// freeze sets apart the packages that the next snapshot takes in.
func (p *packages) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for hash, unit := range p.fresh {
		p.frozen[hash] = unit
	}
	p.fresh = map[catalog.Hash]pending{}
}

// replace makes s, the snapshot of v, the present one. Packages that it holds need no
// longer be kept; those that it passed over stay for one more round, as the previous
// snapshot does. v may be nil if nothing is frozen.
func (p *packages) replace(s *catalog.Snapshot, v *catalog.Revision) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for hash, unit := range p.frozen {
		if e, ok := v.Tree().Get(unit.kind, unit.name); unit.passed || ok && e.Hash == hash {
			delete(p.frozen, hash)
			continue
		}
		unit.passed = true
		p.frozen[hash] = unit
	}
	if p.previous != nil {
		p.previous.Close()
	}
	p.previous, p.current = p.current, s
}

// close closes both snapshots.
func (p *packages) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range [...]*catalog.Snapshot{p.current, p.previous} {
		if s != nil {
			s.Close()
		}
	}
	p.current, p.previous = nil, nil
}
