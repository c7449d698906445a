// This file holds a revision of the catalog, as executions see it.

package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/vm"
)

// Revision is one revision of the catalog. It does not change: what an execution
// takes from one revision fits together. It is safe for concurrent use.
type Revision struct {
	replica  *Replica
	manifest Manifest
	signed   SignedManifest
	sets     sets
	natives  map[string]*vm.Command // of setStock, without a look into its tree
}

// Number returns the revision's number.
func (v *Revision) Number() uint64 { return v.manifest.Revision }

// Manifest returns what the revision's manifest says.
func (v *Revision) Manifest() Manifest { return v.manifest }

// Signed returns the manifest as it was sent.
func (v *Revision) Signed() SignedManifest { return v.signed }

// Tree returns the entries of the revision.
func (v *Revision) Tree() *Tree { return v.sets[setAll] }

// Unusable is a unit that this machine cannot use. Whoever calls it gets
// unknown_command.
type Unusable struct {
	Entry
	Reason string
}

// CountUnusable returns the number of units that this machine cannot use.
func (v *Revision) CountUnusable() int { return v.sets[setForeign].Len() + v.sets[setNewer].Len() }

// Unusable returns the units that this machine cannot use.
func (v *Revision) Unusable() []Unusable {
	var found []Unusable
	for e := range v.sets[setForeign].All() {
		found = append(found, Unusable{e, "this program has no command of this name and interface"})
	}
	for e := range v.sets[setNewer].All() {
		found = append(found, Unusable{e, "this program's bytecode version cannot express it"})
	}
	return found
}

// entry returns the entry of a kind and name, and which set beside all entries it is
// in: setAll where there is none.
func (v *Revision) entry(kind bytecode.Kind, name string) (e Entry, class int, ok bool) {
	key := key(kind, name)
	e, ok = v.sets[setAll].get(key)
	for set := setAll + 1; set < setCount && ok; set++ {
		if _, in := v.sets[set].get(key); in {
			return e, set, true
		}
	}
	return e, setAll, ok
}

// resolve tells what a name stands for: a command of this machine, or the entry
// of a definition.
func (v *Revision) resolve(name string) (native *vm.Command, e Entry, defined bool) {
	if native := v.natives[name]; native != nil {
		return native, Entry{}, false
	}
	e, class, ok := v.entry(bytecode.KindCommand, name)
	return nil, e, ok && class == setAll
}

// InMemory reports whether names need no Load: each is a command of this machine.
func (v *Revision) InMemory(names []string) bool {
	for _, name := range names {
		if v.natives[name] == nil {
			return false
		}
	}
	return true
}

// View is what a few names mean in one revision. It holds what it gives in
// memory, and is safe for concurrent use.
type View struct {
	signatures map[string]*bytecode.Signature
	commands   map[string]*vm.Command
}

// Signature returns the interface of one of the view's commands, nil where the
// revision has none of that name.
func (w *View) Signature(name string) *bytecode.Signature { return w.signatures[name] }

// Command returns one of the view's commands, nil where the revision has none of
// that name. As long as the definition and everything that it calls is the same,
// it is the same pointer in every revision.
func (w *View) Command(name string) *vm.Command { return w.commands[name] }

// View brings names, and what they call, into memory and links them. A name
// that the revision does not have, or this machine cannot use, means nothing; it
// is no error. One that is there and cannot be brought is a *vm.Error with
// CodeUnavailable, which wraps ErrUnavailable; where ctx was cancelled, one with
// CodeCancelled.
func (v *Revision) View(ctx context.Context, names []string) (*View, error) {
	held, err := v.gather(ctx, names)
	if err != nil {
		return nil, err
	}
	commands, err := v.link(names, held)
	if err != nil {
		return nil, unavailable(ctx, "the catalog's definitions do not fit together", err)
	}
	w := &View{commands: commands, signatures: make(map[string]*bytecode.Signature, len(names))}
	for _, name := range names {
		switch u := held[name]; {
		case u != nil:
			w.signatures[name] = u.signature
		case commands[name] != nil:
			w.signatures[name] = v.replica.opt.Stock(name)
		}
	}
	return w, nil
}

// Load brings names, and what they call, into memory, so that Signature and
// Command know them: for as long as there is room, and until keptLoads others have
// been loaded at least. Its errors are those of View.
func (v *Revision) Load(ctx context.Context, names []string) error {
	w, err := v.View(ctx, names)
	if err == nil {
		v.replica.memory.hold(w)
	}
	return err
}

// Signature returns the interface of a command; nil where the revision has none of
// that name, or it is not in memory.
func (v *Revision) Signature(name string) *bytecode.Signature {
	native, e, defined := v.resolve(name)
	if native != nil {
		return v.replica.opt.Stock(name)
	}
	if !defined {
		return nil
	}
	if u := v.replica.memory.peek(e.Hash); u != nil {
		return u.signature
	}
	return nil
}

// Command returns what a name means; nil where the revision has no such command, or
// not all that it calls is in memory. As long as the definition and everything
// that it calls is the same, it is the same pointer in every revision, for as long
// as somebody holds it.
func (v *Revision) Command(name string) *vm.Command {
	if native, _, defined := v.resolve(name); !defined {
		return native
	}
	held, missing := v.walk([]string{name}, v.replica.memory.peek)
	if len(missing) > 0 {
		return nil
	}
	commands, err := v.link([]string{name}, held)
	if err != nil {
		return nil
	}
	return commands[name]
}

// Script returns a stored script and the hash of its package. Where the revision has
// none of that name, or this machine cannot use it, the unit is nil. Errors are
// those of View.
func (v *Revision) Script(ctx context.Context, name string) (*seal.Unit, Hash, error) {
	return v.unit(ctx, bytecode.KindScript, name)
}

// Unit returns a stored script or a definition with its contract: nil where the
// revision has none of that kind and name, or this machine cannot use it. It must
// not be changed. Errors are those of View.
func (v *Revision) Unit(ctx context.Context, kind bytecode.Kind, name string) (*seal.Unit, error) {
	u, _, err := v.unit(ctx, kind, name)
	return u, err
}

func (v *Revision) unit(ctx context.Context, kind bytecode.Kind, name string) (*seal.Unit, Hash, error) {
	e, class, ok := v.entry(kind, name)
	if !ok || class != setAll {
		return nil, Hash{}, nil
	}
	u := v.replica.memory.get(e.Hash)
	if u == nil {
		var err error
		if u, err = v.replica.fetch(ctx, e); err != nil {
			return nil, Hash{}, unavailable(ctx, notAvailable(e), err)
		}
	}
	return u.sealed, e.Hash, nil
}

// unavailable makes the error of a unit that cannot be had. Its text is fit for
// callers, the cause is for the log.
func unavailable(ctx context.Context, msg string, cause error) error {
	code := CodeUnavailable
	if errors.Is(ctx.Err(), context.Canceled) {
		code = vm.CodeCancelled
	}
	return &vm.Error{Code: code, Msg: msg, Err: fmt.Errorf("%w: %w", ErrUnavailable, cause)}
}

func notAvailable(e Entry) string {
	return fmt.Sprintf("the %s %s of the catalog is not available now", kindName(e.Kind), e.Name)
}

// walk finds the definitions of names and of all that they call, as far as find
// knows them, and lists the entries that it does not.
func (v *Revision) walk(names []string, find func(Hash) *unit) (map[string]*unit, []Entry) {
	held, seen := map[string]*unit{}, map[string]bool{}
	var missing []Entry
	for todo := slices.Clone(names); len(todo) > 0; {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[name] {
			continue
		}
		seen[name] = true
		_, e, defined := v.resolve(name)
		if !defined {
			continue
		}
		u := find(e.Hash)
		if u == nil {
			missing = append(missing, e)
			continue
		}
		held[name] = u
		for _, c := range u.sealed.Program.Commands {
			todo = append(todo, c.Name)
		}
	}
	return held, missing
}

// gather brings the definitions of names, and all that they call, into memory.
func (v *Revision) gather(ctx context.Context, names []string) (map[string]*unit, error) {
	fetched := map[Hash]*unit{} // stays, whatever the memory has room for
	find := v.replica.memory.get
	for {
		held, missing := v.walk(names, func(h Hash) *unit {
			if u := fetched[h]; u != nil {
				return u
			}
			return find(h)
		})
		if len(missing) == 0 {
			return held, nil
		}
		for _, u := range held {
			fetched[u.hash] = u
		}
		units := make([]*unit, len(missing))
		group, fetching := errgroup.WithContext(ctx)
		group.SetLimit(fetches)
		for i, e := range missing {
			group.Go(func() (err error) {
				if units[i], err = v.replica.fetch(fetching, e); err != nil {
					return unavailable(ctx, notAvailable(e), err)
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		for _, u := range units {
			fetched[u.hash] = u
		}
	}
}

// link links names, whose definitions and those of all that they call are held.
func (v *Revision) link(names []string, held map[string]*unit) (map[string]*vm.Command, error) {
	return v.replica.memory.link(names, func(name string) (*vm.Command, *unit) {
		if u := held[name]; u != nil {
			return nil, u
		}
		native, _, _ := v.resolve(name)
		return native, nil
	})
}
