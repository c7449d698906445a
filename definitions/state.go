// This file holds the catalog as a server has it in memory: the newest version
// of each unit, who calls whom, what changed when, and the hash trees.

package definitions

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/definitions/store"
)

// state is the catalog of one revision, which moves on. Only the holder of the
// Publisher's lock changes it, under mu; others read it under mu.
type state struct {
	mu       sync.RWMutex
	revision uint64
	units    map[store.Key]*unit
	gone     map[store.Key]store.Tombstone
	callers  map[string]map[store.Key]struct{} // of commands, by name
	changes  []change                          // by revision; of a unit the last counts
	trees    [bytecode.Version]*catalog.Tree   // by bytecode version, from 1
	roots    []store.Root                      // of late revisions, by revision
}

// change says that a unit changed with a revision.
type change struct {
	revision uint64
	key      store.Key
}

// newState makes the state of what a store holds. calls are those of each live
// unit's program.
func newState(s *store.State, calls func(*store.Live) []bytecode.Command) *state {
	st := &state{
		revision: s.Revision,
		units:    make(map[store.Key]*unit, len(s.Units)),
		gone:     make(map[store.Key]store.Tombstone, len(s.Deleted)),
		callers:  map[string]map[store.Key]struct{}{},
		roots:    s.Roots,
	}
	for i := range s.Units {
		live := &s.Units[i]
		u := newUnit(live.Version, live.Package, calls(live))
		st.units[u.Key] = u
		st.link(u, true)
		st.changes = append(st.changes, change{max(u.Revision, u.pack.Revision), u.Key})
	}
	for _, t := range s.Deleted {
		st.gone[t.Key] = t
		st.changes = append(st.changes, change{t.Revision, t.Key})
	}
	sort.SliceStable(st.changes, func(i, j int) bool { return st.changes[i].revision < st.changes[j].revision })
	for i := range st.trees {
		entries := make([]catalog.Entry, 0, len(st.units))
		for _, u := range st.units {
			entries = append(entries, u.entry(uint32(i+1)))
		}
		st.trees[i] = catalog.NewTree(entries...)
	}
	return st
}

// link notes, or forgets, what a unit calls.
func (s *state) link(u *unit, add bool) {
	for _, c := range u.calls {
		callers := s.callers[c.Name]
		switch {
		case add && callers == nil:
			s.callers[c.Name] = map[store.Key]struct{}{u.Key: {}}
		case add:
			callers[u.Key] = struct{}{}
		default:
			delete(callers, u.Key)
			if len(callers) == 0 {
				delete(s.callers, c.Name)
			}
		}
	}
}

// callersOf returns the units that call a command, in order.
func (s *state) callersOf(name string) []store.Key {
	keys := make([]store.Key, 0, len(s.callers[name]))
	for k := range s.callers[name] {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

// edits are what a publication does to the units.
type edits struct {
	put  []*unit // new versions and new packages
	gone []store.Tombstone
}

// edits returns what a publication does. calls are those of the package's program.
func (s *state) edits(p *store.Publication, calls func(*store.Version, *store.Package) []bytecode.Command) edits {
	var e edits
	versions := map[store.Key]*store.Version{}
	for i := range p.Versions {
		v := &p.Versions[i]
		versions[v.Key] = v
		if v.Deleted {
			e.gone = append(e.gone, store.Tombstone{Key: v.Key, Version: v.Version, Revision: p.Revision, Stock: v.Stock})
		}
	}
	for i := range p.Packages {
		pack := p.Packages[i]
		pack.Revision = p.Revision
		v := versions[pack.Key]
		if v == nil {
			u := s.units[pack.Key]
			if u == nil || u.Version.Version != pack.Version {
				continue // of a version that is not the newest any more
			}
			v = &u.Version
		}
		e.put = append(e.put, newUnit(*v, pack, calls(v, &pack)))
		delete(versions, pack.Key)
	}
	for i := range p.Versions {
		if v := &p.Versions[i]; versions[v.Key] != nil && !v.Deleted {
			e.put = append(e.put, newUnit(*v, store.Package{}, nil))
		}
	}
	return e
}

// stamp says with which revision the edits came.
func (e *edits) stamp(revision uint64) {
	for _, u := range e.put {
		u.pack.Revision = revision
		if u.Revision == 0 { // a new version; else a new package of an old one
			u.Revision = revision
		}
	}
	for i := range e.gone {
		e.gone[i].Revision = revision
	}
}

// holds reports whether the newest versions of the units of a publication are its own.
func (s *state) holds(p *store.Publication) bool {
	for i := range p.Versions {
		v := &p.Versions[i]
		u := s.units[v.Key]
		switch {
		case v.Deleted && (u != nil || s.gone[v.Key].Version != v.Version):
			return false
		case !v.Deleted && (u == nil || u.Version.Version != v.Version || u.Hash != v.Hash || u.Author != v.Author || !u.Time.Equal(v.Time)):
			return false
		}
	}
	return len(p.Versions) > 0
}

// treesWith returns the trees after edits.
func (s *state) treesWith(e edits) (trees [bytecode.Version]*catalog.Tree) {
	for i := range s.trees {
		entries := make([]catalog.Entry, 0, len(e.put))
		for _, u := range e.put {
			entries = append(entries, u.entry(uint32(i+1)))
		}
		trees[i] = s.trees[i].With(entries...)
		for _, t := range e.gone {
			trees[i] = trees[i].Without(t.Kind, t.Name)
		}
	}
	return trees
}

// apply moves the state on to a publication's revision.
func (s *state) apply(p *store.Publication, e edits, trees [bytecode.Version]*catalog.Tree) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range e.put {
		if old := s.units[u.Key]; old != nil {
			s.link(old, false)
		}
		delete(s.gone, u.Key)
		s.units[u.Key] = u
		s.link(u, true)
		s.changes = append(s.changes, change{p.Revision, u.Key})
	}
	for _, t := range e.gone {
		if old := s.units[t.Key]; old != nil {
			s.link(old, false)
		}
		delete(s.units, t.Key)
		s.gone[t.Key] = t
		s.changes = append(s.changes, change{p.Revision, t.Key})
	}
	s.revision, s.trees = p.Revision, trees
	s.roots = append(s.roots, store.Root{Revision: p.Revision, Roots: encodeRoots(trees)})
	if len(s.roots) > 2*store.MaxRoots {
		s.roots = slices.Clone(s.roots[len(s.roots)-store.MaxRoots:])
	}
	if len(s.changes) > 2*(len(s.units)+len(s.gone))+1024 {
		s.compact()
	}
}

// compact leaves of each unit's changes the last.
func (s *state) compact() {
	seen := make(map[store.Key]struct{}, len(s.units)+len(s.gone))
	kept := make([]change, 0, len(s.units)+len(s.gone))
	for _, c := range slices.Backward(s.changes) {
		if _, ok := seen[c.key]; !ok {
			seen[c.key] = struct{}{}
			kept = append(kept, c)
		}
	}
	slices.Reverse(kept)
	s.changes = kept
}

// since returns the units that changed after a revision, in order.
func (s *state) since(revision uint64) []store.Key {
	from := sort.Search(len(s.changes), func(i int) bool { return s.changes[i].revision > revision })
	keys := make([]store.Key, 0, len(s.changes)-from)
	for _, c := range s.changes[from:] {
		keys = append(keys, c.key)
	}
	slices.SortFunc(keys, compareKeys)
	return slices.Compact(keys)
}

// keys returns the keys of all units, in order.
func (s *state) keys() []store.Key {
	keys := make([]store.Key, 0, len(s.units))
	for k := range s.units {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

// root returns the root of a revision's tree, where it is known.
func (s *state) root(revision uint64, version uint32) (catalog.Hash, bool) {
	if revision == s.revision {
		return s.trees[version-1].Root(), true
	}
	i := sort.Search(len(s.roots), func(i int) bool { return s.roots[i].Revision >= revision })
	if i == len(s.roots) || s.roots[i].Revision != revision {
		return catalog.Hash{}, false
	}
	return decodeRoot(s.roots[i].Roots, version)
}

const rootSize = 4 + len(catalog.Hash{})

// encodeRoots writes the roots of trees: bytecode version (4 bytes, big-endian)
// and root of each.
func encodeRoots(trees [bytecode.Version]*catalog.Tree) []byte {
	b := make([]byte, 0, len(trees)*rootSize)
	for i, t := range trees {
		root := t.Root()
		b = binary.BigEndian.AppendUint32(b, uint32(i+1))
		b = append(b, root[:]...)
	}
	return b
}

// decodeRoot finds the root of a bytecode version.
func decodeRoot(b []byte, version uint32) (catalog.Hash, bool) {
	for ; len(b) >= rootSize; b = b[rootSize:] {
		if binary.BigEndian.Uint32(b) == version {
			return catalog.Hash(b[4:rootSize]), true
		}
	}
	return catalog.Hash{}, false
}

// checkRoots tells whether the trees are what the store says of the revision.
func (s *state) checkRoots() error {
	if len(s.roots) == 0 || s.roots[len(s.roots)-1].Revision != s.revision {
		return nil
	}
	for i, t := range s.trees {
		if root, ok := decodeRoot(s.roots[len(s.roots)-1].Roots, uint32(i+1)); ok && root != t.Root() {
			return fmt.Errorf("revision %d of the store has another hash tree than it was published with", s.revision)
		}
	}
	return nil
}
