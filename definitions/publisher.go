// This file holds the publisher: the only one who changes the catalog.

package definitions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/compile"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
)

// PublisherOptions make a publisher.
type PublisherOptions struct {
	Store store.Store   // required; the publisher does not close it
	Keys  *seal.Keyring // required; with a package key
	// MinRevision is what the revision must be above. Where the store's is not, an
	// empty publication lifts it: after a restore from a backup, workers have seen
	// revisions that the store no longer knows.
	MinRevision uint64
	// CompileMemory bounds the bytes that compiling the sources of one publication
	// takes at a time; 0 stands for 1 GiB.
	CompileMemory int64
	Log           *slog.Logger     // nil: slog.Default()
	Now           func() time.Time // nil: time.Now
}

// Publisher checks, compiles, seals and stores what is published, and knows the
// present catalog. It is safe for concurrent use; publications of one publisher
// are made one after the other.
type Publisher struct {
	store  store.Store
	keys   *seal.Keyring
	memory int64
	log    *slog.Logger
	now    func() time.Time

	mu      sync.Mutex // held by whoever changes state, or plans a change
	state   *state
	changed func() // told of each new revision, under mu

	told time.Time // when the log was, that the store does not answer; zero where it does
}

// Tries of a publication that another server is always faster than.
const maxTries = 50

// OpenPublisher reads the catalog from its store and brings it up to date: the
// stock commands of this program are published where they are missing or older,
// packages whose key is no longer the one that signs are sealed anew, and the
// revision is lifted above MinRevision.
func OpenPublisher(ctx context.Context, opt PublisherOptions) (*Publisher, error) {
	p := &Publisher{
		store: opt.Store, keys: opt.Keys, memory: opt.CompileMemory, log: opt.Log, now: opt.Now, changed: func() {},
	}
	if p.memory == 0 {
		p.memory = 1 << 30
	}
	if p.log == nil {
		p.log = slog.Default()
	}
	if p.now == nil {
		p.now = time.Now
	}
	if _, err := p.keys.Signing(seal.UsePackage); err != nil {
		return nil, err
	}
	loaded, err := p.store.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = newState(loaded, func(live *store.Live) []bytecode.Command { return p.callsOf(&live.Version, &live.Package) })
	if err := p.state.checkRoots(); err != nil {
		p.log.Error("the store does not agree with itself", "error", err)
	}
	if err := p.advance(ctx, opt.MinRevision); err != nil {
		return nil, err
	}
	if err := p.publishStock(ctx); err != nil {
		return nil, err
	}
	if err := p.reseal(ctx, true); err != nil {
		return nil, err
	}
	return p, nil
}

// Revision returns the present revision.
func (p *Publisher) Revision() uint64 {
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	return p.state.revision
}

// callsOf returns the commands that a unit of the store calls. Where its package
// does not open, its source tells; where that does not compile either, nothing
// is known.
func (p *Publisher) callsOf(v *store.Version, pack *store.Package) []bytecode.Command {
	program, err := opened(p.keys, v, pack)
	if err != nil && v.Stock == 0 {
		p.log.Debug("a package of the store does not open", "unit", describe(v.Key), "error", err)
		program = p.recompiled(v)
	}
	if program == nil {
		return nil
	}
	return callees(program)
}

// recompiled compiles a version of the store again, against the commands that it
// named: nil where that is not possible.
func (p *Publisher) recompiled(v *store.Version) *bytecode.Program {
	if v.Stock > 0 {
		return (&stockUnit{name: v.Name, params: v.Params, requires: v.Requires}).program()
	}
	if p.state == nil {
		return nil
	}
	parts, ds, err := pieces(-1, Source{Kind: v.Kind, Name: v.Name, Text: v.Source, Quotas: v.Quotas, Capabilities: v.Requires}, nil)
	if err != nil || len(ds) > 0 || len(parts) != 1 {
		return nil
	}
	if _, err := parts[0].compile(compile.Options{Lookup: p.state.signature}); err != nil {
		return nil
	}
	return parts[0].program
}

// advance lifts the revision above a number.
func (p *Publisher) advance(ctx context.Context, above uint64) error {
	return p.retry(ctx, func() (*store.Publication, error) {
		if above == 0 || p.state.revision > above {
			return nil, nil
		}
		return &store.Publication{
			Base: p.state.revision, AtLeast: above + 1, Action: store.ActionAdvance, Author: serverAuthor,
			Comment: fmt.Sprintf("workers have seen revision %d", above), Time: p.now().UTC().Truncate(time.Microsecond),
		}, nil
	})
}

// serverAuthor is the author of what servers do by themselves.
const serverAuthor = "server"

// publishStock publishes the stock commands of this program that the catalog
// lacks or has in another form, and removes those that this program no longer has.
func (p *Publisher) publishStock(ctx context.Context) error {
	return p.retry(ctx, func() (*store.Publication, error) {
		plan := p.stockPlan(ctx)
		if len(plan.pieces)+len(plan.remove) == 0 {
			return nil, nil
		}
		if err := plan.check(); err != nil {
			return nil, err
		}
		for _, d := range plan.diagnostics {
			p.log.Warn("a definition does not go with the new stock catalog", "unit", describe(d.Key), "problem", d.Msg)
		}
		k, err := p.keys.Signing(seal.UsePackage)
		if err != nil {
			return nil, err
		}
		pub, _, err := plan.publication(stockAuthor, p.now(), k)
		if err != nil {
			return nil, err
		}
		pub.Action = store.ActionStock
		pub.Comment = fmt.Sprintf("stock catalog of level %d", stockLevel)
		return pub, nil
	})
}

// stockPlan plans what publishStock publishes.
func (p *Publisher) stockPlan(ctx context.Context) *plan {
	plan := &plan{state: p.state, force: true, charge: p.charge(ctx)}
	known := map[string]bool{}
	for _, s := range stock() {
		known[s.name] = true
		key := store.Key{Kind: bytecode.KindCommand, Name: s.name}
		text := s.declaration()
		u := p.state.units[key]
		switch {
		case u == nil && p.state.gone[key].Stock > stockLevel:
			continue // a newer program gave it up
		case u != nil && u.Stock == 0:
			p.log.Warn("a stock command of this program has the name of a definition, which stays", "command", s.name)
			continue
		case u != nil && (u.Stock > stockLevel || u.Source == text):
			continue
		}
		plan.pieces = append(plan.pieces, &piece{source: -1, key: key, text: text, stock: s})
	}
	for key, u := range p.state.units {
		if u.Stock == 0 || u.Stock > stockLevel || known[key.Name] {
			continue
		}
		if callers := p.state.callersOf(key.Name); len(callers) > 0 {
			p.log.Warn("a stock command that this program no longer has is still called, and stays", "command", key.Name, "caller", describe(callers[0]))
			continue
		}
		plan.remove = append(plan.remove, key)
	}
	slices.SortFunc(plan.remove, compareKeys)
	return plan
}

// reseal makes new packages for units whose package does not open, or is not
// sealed with the key that signs now. A package of a key that is not known is
// left alone unless atStart: another server may have newer keys than this one
// has read.
func (p *Publisher) reseal(ctx context.Context, atStart bool) error {
	return p.retry(ctx, func() (*store.Publication, error) {
		k, err := p.keys.Signing(seal.UsePackage)
		if err != nil {
			return nil, err
		}
		pub := &store.Publication{
			Base: p.state.revision, Action: store.ActionReseal, Author: serverAuthor,
			Comment: "packages sealed with key " + k.ID, Time: p.now().UTC().Truncate(time.Microsecond),
		}
		unknown := 0
		for _, key := range p.state.keys() {
			u := p.state.units[key]
			if u.pack.KeyID == k.ID || u.pack.Bytecode > bytecode.Version {
				continue
			}
			if !atStart && u.pack.Bytes != nil && !p.keys.Has(seal.UsePackage, u.pack.KeyID) {
				unknown++
				continue
			}
			pack, err := p.resealed(u, k)
			if err != nil {
				p.log.Error("a unit cannot be sealed anew", "unit", describe(key), "error", err)
				continue
			}
			pub.Packages = append(pub.Packages, pack)
		}
		if unknown > 0 {
			p.log.Warn("packages are sealed with a key that is not known here: workers may refuse them; give the key back, or start the server anew, which seals them again", "packages", unknown)
		}
		if len(pub.Packages) == 0 {
			return nil, nil
		}
		return pub, nil
	})
}

// resealed makes a new package of a unit: of the program of the old one where
// that opens, else of its source.
func (p *Publisher) resealed(u *unit, k *seal.Key) (store.Package, error) {
	program, err := opened(p.keys, &u.Version, &u.pack)
	if err != nil {
		if program = p.recompiled(&u.Version); program == nil {
			return store.Package{}, errors.New("its source does not compile with this program")
		}
	}
	return sealed(&u.Version, program, k)
}

// retry makes a publication and stores it; where another server was first it
// makes it anew. make gives nil where there is nothing to do. The caller holds mu.
func (p *Publisher) retry(ctx context.Context, make func() (*store.Publication, error)) error {
	for range maxTries {
		pub, err := make()
		if err != nil || pub == nil {
			return err
		}
		err = p.append(ctx, pub)
		if c := (*store.ConflictError)(nil); errors.As(err, &c) && c.Revision < c.Base {
			return fmt.Errorf("the store is at revision %d and this server at %d: was it restored from a backup? start the server anew, with --min-revision %[2]d", c.Revision, c.Base)
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return ErrBusy
}

// append stores a publication and moves the state on. After an error the state
// is that of the store, where it can be read. The caller holds mu.
func (p *Publisher) append(ctx context.Context, pub *store.Publication) error {
	e := p.state.edits(pub, p.callsOf)
	trees := p.state.treesWith(e)
	pub.Roots = encodeRoots(trees)
	revision, err := p.store.Append(ctx, *pub)
	if err != nil {
		if err = p.appended(ctx, pub, err); err == nil {
			pub.Revision = max(pub.Base+1, pub.AtLeast) // others may have been published since
			p.tell(pub)
		}
		return err
	}
	pub.Revision = revision
	e.stamp(revision)
	p.state.apply(pub, e, trees)
	p.tell(pub)
	p.changed()
	return nil
}

// tell logs a publication that was stored. Comments and sources are in the audit log
// and in the history alone.
func (p *Publisher) tell(pub *store.Publication) {
	const most = 10 // names in a line
	names := []string{}
	for i := range pub.Versions[:min(most, len(pub.Versions))] {
		names = append(names, describe(pub.Versions[i].Key))
	}
	p.log.Info("published", "revision", pub.Revision, "author", pub.Author, "action", pub.Action,
		"units", names, "versions", len(pub.Versions), "packages", len(pub.Packages))
}

// appended finds out what became of a publication whose storing gave an error:
// nil where it was stored all the same.
func (p *Publisher) appended(ctx context.Context, pub *store.Publication, err error) error {
	behind := p.catchUp(context.WithoutCancel(ctx))
	switch {
	case errors.Is(err, store.ErrConflict) && behind != nil:
		return behind
	case behind == nil && p.state.holds(pub):
		return nil
	}
	return err
}

// catchUpLimit is how many publications are read at a time.
const catchUpLimit = 64

// catchUp takes over what other servers have published. The caller holds mu.
func (p *Publisher) catchUp(ctx context.Context) error {
	for {
		later, err := p.store.Since(ctx, p.state.revision, catchUpLimit)
		if err != nil {
			return fmt.Errorf("reading publications: %w", err)
		}
		if len(later) == 0 {
			return nil
		}
		for i := range later {
			e := p.state.edits(&later[i], p.callsOf)
			p.state.apply(&later[i], e, p.state.treesWith(e))
			if err := p.state.checkRoots(); err != nil {
				p.log.Error("the store does not agree with itself", "error", err)
			}
		}
		p.changed()
	}
}

// Refresh takes over what other servers have published.
func (p *Publisher) Refresh(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.catchUp(ctx)
}

// refreshTo takes over what other servers have published, where the revision is
// below one: of many who ask at once, the first has the store read.
func (p *Publisher) refreshTo(ctx context.Context, revision uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.revision >= revision {
		return nil
	}
	return p.catchUp(ctx)
}

// refresh does what Refresh does, and logs an error, again each minute that it lasts,
// and its end. It is Follow's alone.
func (p *Publisher) refresh(ctx context.Context) {
	err := p.Refresh(ctx)
	switch {
	case ctx.Err() != nil:
	case err == nil && !p.told.IsZero():
		p.told = time.Time{}
		p.log.Info("the store answers again", "revision", p.Revision())
	case err != nil && time.Since(p.told) >= toldInterval:
		p.told = time.Now()
		p.log.Error("the catalog may be behind the store", "error", err)
	}
}

// How often the key that signs is looked at, so that an old one need not stay for
// long after it, and a store that did not answer; and how often packages are, of which
// another server may have sealed some with it since.
const (
	keyInterval  = 5 * time.Second
	sealInterval = time.Minute
)

// How often the log is told that the store does not answer.
const toldInterval = time.Minute

// Follow takes over what other servers publish, as the store tells of it, and
// seals packages anew when the keys change, until ctx ends.
func (p *Publisher) Follow(ctx context.Context) {
	told := p.store.Changes(ctx)
	p.refresh(ctx) // what was published since the catalog was read
	ticker := time.NewTicker(keyInterval)
	defer ticker.Stop()
	last, looked := p.signing(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-told:
			if !ok {
				return
			}
			p.refresh(ctx)
		case now := <-ticker.C:
			if !p.told.IsZero() {
				p.refresh(ctx) // the store may not tell again of what could not be read
			}
			k := p.signing()
			if k == last && now.Sub(looked) < sealInterval {
				continue
			}
			last, looked = k, now
			if err := p.Reseal(ctx); err != nil && ctx.Err() == nil {
				p.log.Error("packages could not be sealed anew", "error", err)
			}
		}
	}
}

// signing is the id of the package key that signs; empty where none does.
func (p *Publisher) signing() string {
	k, err := p.keys.Signing(seal.UsePackage)
	if err != nil {
		return ""
	}
	return k.ID
}

// Reseal seals packages anew whose key is known, but not the one that signs now, perhaps
// because it has expired. They become a revision.
func (p *Publisher) Reseal(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reseal(ctx, false)
}

// errCompileMemory says that a publication is too large to compile.
var errCompileMemory = errors.New("compiling takes too much memory: publish less at a time")

// charge bounds what compiling takes, in memory and by ctx.
func (p *Publisher) charge(ctx context.Context) func(int) error {
	left := p.memory
	return func(n int) error {
		if left -= int64(n); left < 0 {
			return &RequestError{errCompileMemory.Error()}
		}
		return ctx.Err()
	}
}
