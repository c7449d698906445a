// This file holds what administrators do to the catalog.

package definitions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
)

// Order says how something is published.
type Order struct {
	Author  string // who does it, for the audit log; required
	Comment string // why; at most MaxComment bytes
	DryRun  bool   // nothing is stored: the result says what would be
	Base    uint64 // the revision that it is made for; 0 for any
	// KeepGoing leaves out units with mistakes, and those that call them, instead
	// of refusing the whole.
	KeepGoing bool
	// Action is what the audit log calls it; empty for store.ActionPublish.
	Action store.Action
	// Progress is told how many units of how many were looked at; nil for none. It
	// is called by the goroutine that publishes.
	Progress func(done, total int)
}

// Publish checks and compiles sources, together with all units that call what
// changes, and publishes them as one revision. Mistakes are diagnostics of the
// result. Its errors: *StockError, *RequestError, ErrBase, ErrBusy, those of the
// store, and of ctx.
func (p *Publisher) Publish(ctx context.Context, sources []Source, o Order) (*Result, error) {
	if len(sources) == 0 {
		return nil, &RequestError{"there is nothing to publish"}
	}
	for _, s := range sources {
		if err := checkContract(s); err != nil {
			return nil, err
		}
	}
	o.Action = cmp.Or(o.Action, store.ActionPublish)
	return p.publish(ctx, o, func(plan *plan) error {
		for i, s := range sources {
			parts, ds, err := pieces(i, s, plan.charge)
			if err != nil {
				return err
			}
			plan.pieces = append(plan.pieces, parts...)
			plan.diagnostics = append(plan.diagnostics, ds...)
		}
		return nil
	})
}

// checkContract tells whether the quotas of a source make sense.
func checkContract(s Source) error {
	q := s.Quotas
	for _, n := range []int64{q.Instructions, q.Memory, int64(q.Time), int64(q.HostTime), q.Depth, q.Output, q.HostCalls} {
		if n < 0 {
			return &RequestError{"a quota is 0 or more"}
		}
	}
	if s.Kind != 0 && s.Kind != bytecode.KindScript && s.Kind != bytecode.KindCommand {
		return &RequestError{fmt.Sprintf("%d is no kind of unit", s.Kind)}
	}
	return nil
}

// Delete takes units out of the catalog. What is still called is a diagnostic. Its
// errors are those of Publish, and *NotFoundError. A kind of 0 stands for the
// command of that name or, without one, the script.
func (p *Publisher) Delete(ctx context.Context, keys []store.Key, o Order) (*Result, error) {
	if len(keys) == 0 {
		return nil, &RequestError{"there is nothing to delete"}
	}
	if o.KeepGoing {
		return nil, &RequestError{"a deletion is made whole or not at all"}
	}
	o.Action = store.ActionDelete
	return p.publish(ctx, o, func(plan *plan) error {
		for _, k := range keys {
			k = p.state.resolve(k)
			u := p.state.units[k]
			switch {
			case u == nil:
				return &NotFoundError{Key: k}
			case u.Stock > 0:
				return &StockError{k.Name}
			case slices.Contains(plan.remove, k):
				return &RequestError{describe(k) + " is named twice"}
			}
			plan.remove = append(plan.remove, k)
		}
		return nil
	})
}

// Rollback publishes the source and the contract of an earlier version as a new
// one. Its errors are those of Delete.
func (p *Publisher) Rollback(ctx context.Context, key store.Key, version uint64, o Order) (*Result, error) {
	o.Action = store.ActionRollback
	o.KeepGoing = false
	return p.publish(ctx, o, func(plan *plan) error {
		k := p.state.resolve(key)
		v, err := p.store.Version(ctx, k, version)
		if errors.Is(err, store.ErrNotFound) || err == nil && v.Deleted {
			return &NotFoundError{k, version}
		} else if err != nil {
			return err
		}
		if v.Stock > 0 {
			return &StockError{k.Name}
		}
		parts, ds, err := pieces(0, Source{Kind: k.Kind, Name: k.Name, Text: v.Source, Quotas: v.Quotas, Capabilities: v.Requires}, plan.charge)
		if err != nil {
			return err
		}
		for _, part := range parts {
			part.from = version
		}
		plan.pieces, plan.diagnostics = parts, ds
		return nil
	})
}

// resolve finds the kind of a unit that was named without one.
func (s *state) resolve(k store.Key) store.Key {
	if k.Kind != 0 {
		return k
	}
	k.Kind = bytecode.KindCommand
	script := store.Key{Kind: bytecode.KindScript, Name: k.Name}
	_, gone := s.gone[k]
	_, goneScript := s.gone[script]
	switch {
	case s.units[k] != nil:
		return k
	case s.units[script] != nil, !gone && goneScript:
		return script
	}
	return k
}

// publish makes a publication of what fill puts into a plan.
func (p *Publisher) publish(ctx context.Context, o Order, fill func(*plan) error) (*Result, error) {
	switch {
	case o.Author == "":
		return nil, &RequestError{"a publication needs an author"}
	case len(o.Comment) > MaxComment || !utf8.ValidString(o.Comment):
		return nil, &RequestError{fmt.Sprintf("a comment is UTF-8 of at most %d bytes", MaxComment)}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var result *Result
	err := p.retry(ctx, func() (*store.Publication, error) {
		if o.Base != 0 && o.Base != p.state.revision {
			return nil, ErrBase
		}
		var pub *store.Publication
		var err error
		result, pub, err = p.draft(ctx, o, fill)
		return pub, err
	})
	if err != nil {
		return nil, err
	}
	if result.Revision != 0 {
		result.Revision = p.state.revision
	}
	if o.Action == store.ActionDelete && !o.DryRun {
		// Where a definition stood in a stock command's place, this comes back.
		if err := p.publishStock(ctx); err != nil {
			p.log.Error("the stock catalog could not be completed", "error", err)
		}
	}
	return result, nil
}

// draft plans a publication. It returns what is to be stored, nil for nothing,
// and a result whose revision is 0 where diagnostics are in the way.
func (p *Publisher) draft(ctx context.Context, o Order, fill func(*plan) error) (*Result, *store.Publication, error) {
	plan := &plan{state: p.state, lenient: o.KeepGoing, charge: p.charge(ctx)}
	if err := fill(plan); err != nil {
		return nil, nil, err
	}
	if err := plan.refuseStock(); err != nil {
		return nil, nil, err
	}
	if o.Progress != nil {
		plan.progress = func(done int) { o.Progress(done, len(plan.pieces)) }
	}
	if err := plan.check(); err != nil {
		return nil, nil, err
	}
	result := &Result{Diagnostics: sorted(plan.diagnostics)}
	if plan.failed() {
		return result, nil, nil
	}
	k, err := p.keys.Signing(seal.UsePackage)
	if err != nil {
		return nil, nil, err
	}
	pub, outcomes, err := plan.publication(o.Author, p.now(), k)
	if err != nil {
		return nil, nil, err
	}
	pub.Action, pub.Comment = o.Action, o.Comment
	result.Outcomes, result.Revision = outcomes, p.state.revision
	if o.DryRun || len(pub.Versions)+len(pub.Packages) == 0 {
		return result, nil, nil
	}
	return result, pub, nil
}

// refuseStock looks for names of stock commands: an error, or in a lenient plan
// diagnostics.
func (p *plan) refuseStock() error {
	var refused []*piece
	for _, piece := range p.pieces {
		if piece.key.Kind != bytecode.KindCommand || !p.state.isStock(piece.key) {
			continue
		}
		err := &StockError{piece.key.Name}
		if !p.lenient {
			return err
		}
		p.fault(piece, codeTwice, piece.head(), "%v", err)
		refused = append(refused, piece)
	}
	p.pieces = slices.DeleteFunc(p.pieces, func(piece *piece) bool { return slices.Contains(refused, piece) })
	p.refused = append(p.refused, refused...)
	return nil
}

// isStock reports whether a name belongs to a stock command, of this program or of
// the catalog. A definition that was there first keeps its name.
func (s *state) isStock(k store.Key) bool {
	if u := s.units[k]; u != nil {
		return u.Stock > 0
	}
	_, known := command.Help(k.Name)
	return known
}

// sorted puts diagnostics into the order of the request, each once.
func sorted(ds []Diagnostic) []Diagnostic {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		if a.Source != b.Source {
			return cmp.Compare(uint(a.Source), uint(b.Source)) // those of the catalog last
		}
		if a.Source < 0 {
			if c := compareKeys(a.Key, b.Key); c != 0 {
				return c
			}
		}
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return slices.Compact(ds)
}
