// This file holds the hub: what watchers are sent, made once for all of them.

package definitions

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
)

// Limits of what watchers are sent.
const (
	maxMessage = 1 << 20 // bytes of a message
	// maxProgram is bytes of a compiled unit with its interface, so that a message has
	// room for it beside names, a contract and a manifest.
	maxProgram = maxMessage - 32<<10
	// keptDeltas is how many differences to one view, of one bytecode version, are kept
	// for further watchers.
	keptDeltas = 256
)

// hub turns the revisions of a publisher into messages. Nobody waits for a
// watcher: each takes the newest view when it is ready for one, and is sent the
// difference to what it has.
type hub struct {
	state    *state
	keys     *seal.Keyring
	lifetime time.Duration
	now      func() time.Time
	log      *slog.Logger

	mu      sync.Mutex // held by whoever makes a view
	failed  error      // of the latest try to make one
	current atomic.Pointer[view]
}

// view is a revision under one manifest of each bytecode version. Apart from the messages
// that it keeps, it does not change.
type view struct {
	revision uint64
	issued   time.Time
	key      *seal.Key     // that the manifests are signed with
	next     chan struct{} // closed when there is another view
	byCode   [bytecode.Version]codeView
}

// codeView is what a view has for workers of one bytecode version.
type codeView struct {
	manifest []byte // a Manifest, encoded
	mu       sync.Mutex
	deltas   map[uint64]*delta // by the revision that they start from; 0 for all of the catalog
}

// delta is the messages from one revision to a view's, made once.
type delta struct {
	once   sync.Once
	frames []frame // nil where the state has moved on
}

// renew makes a view of the present state.
func (h *hub) renew() {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, err := h.view()
	if err != nil {
		if h.failed == nil || h.failed.Error() != err.Error() {
			h.log.Error("the catalog cannot be signed: workers do not get it", "error", err)
		}
		h.failed = err
		return
	}
	h.failed = nil
	if old := h.current.Swap(v); old != nil {
		close(old.next)
	}
}

// view signs the present state.
func (h *hub) view() (*view, error) {
	k, err := h.keys.Signing(seal.UseCatalog)
	if err != nil {
		return nil, err
	}
	h.state.mu.RLock()
	revision, trees := h.state.revision, h.state.trees
	h.state.mu.RUnlock()
	v := &view{revision: revision, issued: h.now(), key: k, next: make(chan struct{})}
	for i, tree := range trees {
		signed, err := catalog.Sign(k, catalog.Manifest{
			Revision: revision, Bytecode: uint32(i + 1), Issued: v.issued, Expires: v.issued.Add(h.lifetime),
			Root: tree.Root(), Units: uint64(tree.Len()),
		})
		if err != nil {
			return nil, fmt.Errorf("revision %d: %w", revision, err)
		}
		v.byCode[i].manifest = appendManifest(nil, signed)
		v.byCode[i].deltas = map[uint64]*delta{}
	}
	return v, nil
}

// run renews the manifests at half their lifetime, and when another catalog key
// signs, until ctx ends.
func (h *hub) run(ctx context.Context) {
	ticker := time.NewTicker(min(h.lifetime/20, 5*time.Second))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		v := h.current.Load()
		k, err := h.keys.Signing(seal.UseCatalog)
		if v == nil || err != nil || v.key != k || h.now().Sub(v.issued) >= h.lifetime/2 || h.behind(v) {
			h.renew()
		}
	}
}

// behind reports whether a view is of an older revision than the state, as when
// it could not be signed.
func (h *hub) behind(v *view) bool {
	h.state.mu.RLock()
	defer h.state.mu.RUnlock()
	return v.revision != h.state.revision
}

// known reports whether a worker's catalog is one that the state was in.
func (h *hub) known(revision uint64, root []byte, version uint32) bool {
	if revision == 0 || len(root) != len(catalog.Hash{}) {
		return false
	}
	h.state.mu.RLock()
	defer h.state.mu.RUnlock()
	have, ok := h.state.root(revision, version)
	return ok && have == catalog.Hash(root)
}

// frames returns the messages that take a worker from a revision, 0 for none, to a
// view. They are nil where the state has moved on and another view is due.
func (h *hub) frames(v *view, from uint64, version uint32) []frame {
	c := &v.byCode[version-1]
	c.mu.Lock()
	d := c.deltas[from]
	if d == nil {
		d = &delta{}
		if len(c.deltas) < keptDeltas {
			c.deltas[from] = d
		}
	}
	c.mu.Unlock()
	d.once.Do(func() { d.frames = h.encode(v, from, version) })
	return d.frames
}

// encode makes the messages of a difference.
func (h *hub) encode(v *view, from uint64, version uint32) []frame {
	h.state.mu.RLock()
	if h.state.revision != v.revision {
		h.state.mu.RUnlock()
		return nil
	}
	var keys []store.Key
	reset := from == 0
	if !reset {
		keys = h.state.since(from)
		reset = len(keys) > len(h.state.units)
	}
	if reset {
		keys = h.state.keys()
	}
	units := make([]*unit, len(keys))
	for i, k := range keys {
		units[i] = h.state.units[k]
	}
	h.state.mu.RUnlock()

	w := messageWriter{manifest: v.byCode[version-1].manifest}
	if reset {
		w.message = appendNumber(w.message, fieldReset, 1)
	}
	var buf []byte
	for i, u := range units {
		buf = appendUnit(buf[:0], keys[i], u, version)
		w.unit(buf)
	}
	return w.end()
}
