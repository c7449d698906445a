// This file holds a store in memory, for tests of what stands above stores.

package definitions_test

import (
	"context"
	"slices"
	"sync"

	"github.com/avap-framework/avap/definitions/store"
)

// memory is a store without a database. Several publishers may use one.
type memory struct {
	mu           sync.Mutex
	publications []store.Publication
	watchers     map[chan struct{}]bool
	fail         func(store.Publication) error // asked before a publication is stored; may be nil
}

func newMemory() *memory { return &memory{watchers: map[chan struct{}]bool{}} }

func (m *memory) revision() uint64 {
	if len(m.publications) == 0 {
		return 0
	}
	return m.publications[len(m.publications)-1].Revision
}

func (m *memory) Load(context.Context) (*store.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	live := map[store.Key]*store.Live{}
	gone := map[store.Key]store.Tombstone{}
	s := &store.State{Revision: m.revision()}
	for _, p := range m.publications {
		s.Roots = append(s.Roots, store.Root{Revision: p.Revision, Roots: p.Roots})
		for _, v := range p.Versions {
			delete(live, v.Key)
			delete(gone, v.Key)
			if v.Deleted {
				gone[v.Key] = store.Tombstone{Key: v.Key, Version: v.Version, Revision: p.Revision, Stock: v.Stock}
			} else {
				live[v.Key] = &store.Live{Version: v}
			}
		}
		for _, pack := range p.Packages {
			live[pack.Key].Package = pack
		}
	}
	for _, l := range live {
		s.Units = append(s.Units, *l)
	}
	for _, t := range gone {
		s.Deleted = append(s.Deleted, t)
	}
	return s, nil
}

func (m *memory) Append(_ context.Context, p store.Publication) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.Base != m.revision() {
		return 0, &store.ConflictError{Revision: m.revision(), Base: p.Base}
	}
	if m.fail != nil {
		if err := m.fail(p); err != nil {
			return 0, err
		}
	}
	return m.store(p), nil
}

// store keeps a publication and tells of it.
func (m *memory) store(p store.Publication) uint64 {
	p.Revision = max(p.Base+1, p.AtLeast)
	p.Versions, p.Packages = slices.Clone(p.Versions), slices.Clone(p.Packages)
	for i := range p.Versions {
		p.Versions[i].Revision = p.Revision
	}
	for i := range p.Packages {
		p.Packages[i].Revision = p.Revision
	}
	m.publications = append(m.publications, p)
	for w := range m.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
	return p.Revision
}

func (m *memory) Since(_ context.Context, revision uint64, limit int) ([]store.Publication, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var later []store.Publication
	for _, p := range m.publications {
		if p.Revision > revision && (limit == 0 || len(later) < limit) {
			later = append(later, p)
		}
	}
	return later, nil
}

func (m *memory) History(_ context.Context, key store.Key) ([]store.Version, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var versions []store.Version
	for _, p := range slices.Backward(m.publications) {
		for _, v := range p.Versions {
			if v.Key == key {
				v.Source = ""
				versions = append(versions, v)
			}
		}
	}
	return versions, nil
}

func (m *memory) Version(_ context.Context, key store.Key, version uint64) (*store.Version, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.publications {
		for _, v := range p.Versions {
			if v.Key == key && v.Version == version {
				return &v, nil
			}
		}
	}
	return nil, store.ErrNotFound
}

func (m *memory) Audit(_ context.Context, q store.AuditQuery) ([]store.AuditEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var entries []store.AuditEntry
	for _, p := range slices.Backward(m.publications) {
		e := store.AuditEntry{Revision: p.Revision, Time: p.Time, Author: p.Author, Action: p.Action, Comment: p.Comment}
		named := q.Name == ""
		for _, v := range p.Versions {
			e.Units = append(e.Units, store.AuditUnit{Key: v.Key, Version: v.Version, Deleted: v.Deleted, From: v.From})
			named = named || v.Name == q.Name
		}
		limit := q.Limit
		if limit == 0 {
			limit = 100
		}
		if named && (q.Before == 0 || p.Revision < q.Before) && len(entries) < limit {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

func (m *memory) Changes(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	m.mu.Lock()
	m.watchers[c] = true
	m.mu.Unlock()
	context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.watchers, c)
		close(c)
	})
	return c
}

func (m *memory) Close() error { return nil }
