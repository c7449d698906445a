// This file holds how a revision is made of changes: each package is verified, and its
// unit sorted by what this machine can do with it.

package catalog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/vm"
)

// staging collects what makes a revision.
type staging struct {
	replica *Replica
	held    *Revision // whose units need not be opened again; may be nil
	edits   [setCount][]edit
}

// sets are the entries of a revision, all of them and by what they are.
type sets [setCount]*Tree

// What the sets of a revision hold.
const (
	setAll     = iota
	setStock   // bound to a command of this machine
	setForeign // stock commands that this machine has none for
	setNewer   // units that this version of the bytecode cannot express
	setCount
)

// add takes in one change, once its package is verified.
func (s *staging) add(c *Change) error {
	e := &edit{key: key(c.Kind, c.Name)}
	class := setAll
	if !c.Removed {
		var err error
		if class, err = s.classify(c); err != nil {
			return fmt.Errorf("%s %q: %w", kindName(c.Kind), c.Name, err)
		}
		entry := c.Entry
		e.entry = &entry
	}
	for set := range s.edits {
		if set == setAll || set == class {
			s.edits[set] = append(s.edits[set], *e)
		} else {
			s.edits[set] = append(s.edits[set], edit{key: e.key})
		}
	}
	return nil
}

// classify verifies the package of a change and tells which set beside all
// entries it belongs to; setAll where there is none.
func (s *staging) classify(c *Change) (int, error) {
	if c.Hash == (Hash{}) {
		if len(c.Package) > 0 {
			return 0, ErrHash
		}
		return setNewer, nil
	}
	if sha256.Sum256(c.Package) != c.Hash {
		return 0, ErrHash
	}
	if s.held != nil {
		if there, class, ok := s.held.entry(c.Kind, c.Name); ok && there.Hash == c.Hash {
			return class, nil
		}
	}
	u, err := s.replica.open(c.Entry, c.Package)
	if version := new(bytecode.VersionError); errors.As(err, &version) {
		return setNewer, nil
	}
	if err != nil {
		return 0, err
	}
	return s.replica.take(u), nil
}

// finish makes the revision's sets, and holds them against its manifest.
func (s *staging) finish(next *Revision) error {
	for set, edits := range s.edits {
		next.sets[set] = next.sets[set].edit(edits)
	}
	all := next.sets[setAll]
	if all.Root() != next.manifest.Root || uint64(all.Len()) != next.manifest.Units {
		return fmt.Errorf("%w: revision %d", ErrRoot, next.manifest.Revision)
	}
	next.natives = s.natives(next.sets[setStock])
	return nil
}

// natives returns the commands of this machine that a revision has.
func (s *staging) natives(stock *Tree) map[string]*vm.Command {
	if s.held != nil && s.held.sets[setStock] == stock {
		return s.held.natives
	}
	natives := make(map[string]*vm.Command, stock.Len())
	for e := range stock.All() {
		if native := s.replica.opt.Natives[e.Name]; native != nil && e.Kind == bytecode.KindCommand {
			natives[e.Name] = native
		}
	}
	return natives
}

// open opens a package whose hash is the entry's.
func (r *Replica) open(e Entry, b []byte) (*unit, error) {
	p, err := seal.Open(r.opt.Keys, b)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrPackage, reason(err))
	case p.Unit == nil:
		return nil, fmt.Errorf("%w: it is source text", ErrUnit)
	case p.Unit.Origin != seal.OriginPublished:
		return nil, fmt.Errorf("%w: it is %s", ErrOrigin, p.Unit.Origin)
	case p.Unit.Program.Kind != e.Kind || p.Unit.Program.Name != e.Name:
		return nil, fmt.Errorf("%w: %s %q", ErrUnit, kindName(p.Unit.Program.Kind), p.Unit.Program.Name)
	}
	return newUnit(e.Hash, p.Unit, len(b)), nil
}

// take takes a unit into memory, if it is more than a name, and tells which set
// it belongs to.
func (r *Replica) take(u *unit) int {
	p := u.sealed.Program
	for _, name := range p.Requires {
		if _, known := vm.ParseCapability(name); !known {
			return setNewer
		}
	}
	if !isStock(p) {
		r.memory.put(u)
		return setAll
	}
	native := r.opt.Natives[p.Name]
	switch {
	case native != nil && slices.Equal(native.Params, p.Params), r.opt.Word(p.Name):
		return setStock
	}
	return setForeign
}

// isStock reports whether a program stands for the machine's own command: it calls
// nothing but itself, by its own interface, which no definition may.
func isStock(p *bytecode.Program) bool {
	return p.Kind == bytecode.KindCommand && len(p.Commands) == 1 &&
		p.Commands[0].Name == p.Name && slices.Equal(p.Commands[0].Params, p.Params)
}

func kindName(k bytecode.Kind) string {
	switch k {
	case bytecode.KindScript:
		return "script"
	case bytecode.KindCommand:
		return "command"
	}
	return fmt.Sprintf("unit of kind %d", k)
}
