// This file holds the plan of a publication: what is compiled, what that breaks,
// and what is to be stored.

package definitions

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/compile"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/syntax"
)

// plan is one publication while it is made, on the state of one revision.
type plan struct {
	state  *state
	pieces []*piece
	remove []store.Key
	// lenient leaves out pieces with mistakes and those that would break others.
	lenient bool
	// force publishes all the same: what breaks stays as it was.
	force    bool
	charge   func(int) error // told of bytes that compiling takes, and of its end
	progress func(done int)  // told of pieces that were compiled; may be nil

	published   map[store.Key]*piece
	removed     map[store.Key]bool
	dependents  []*piece // units of the catalog that are compiled anew
	refused     []*piece
	diagnostics []Diagnostic
}

// check compiles everything. Mistakes are diagnostics; the error is that of charge.
func (p *plan) check() error {
	p.published, p.removed = map[store.Key]*piece{}, map[store.Key]bool{}
	for _, k := range p.remove {
		p.removed[k] = true
	}
	p.dropTwice()
	for {
		if err := p.compileAll(p.pieces); err != nil {
			return err
		}
		broken, err := p.checkDependents()
		if err != nil {
			return err
		}
		broken = append(broken, p.checkCycles()...)
		for _, piece := range p.pieces {
			if piece.failed {
				broken = append(broken, piece)
			}
		}
		if !p.lenient || p.force || len(broken) == 0 {
			return nil
		}
		p.refuse(broken)
	}
}

// dropTwice finds units that are there more than once.
func (p *plan) dropTwice() {
	p.pieces = slices.DeleteFunc(p.pieces, func(piece *piece) bool {
		if p.published[piece.key] != nil {
			p.fault(piece, codeTwice, piece.head(), "the request has another %s", describe(piece.key))
			return true
		}
		p.published[piece.key] = piece
		return false
	})
}

// head is where a unit begins.
func (p *piece) head() syntax.Pos {
	if p.def != nil {
		return p.def.Pos
	}
	return syntax.Pos{}
}

// fault says that a piece cannot be published.
func (p *plan) fault(piece *piece, code string, pos syntax.Pos, format string, args ...any) {
	piece.failed = true
	p.diagnostics = append(p.diagnostics, Diagnostic{
		Severity: SeverityError, Code: code, Msg: fmt.Sprintf(format, args...),
		Source: piece.source, Key: piece.key, Pos: piece.at(pos),
	})
}

// refuse takes pieces out of the publication, and has those compiled again that
// call them.
func (p *plan) refuse(broken []*piece) {
	gone := map[string]bool{}
	for _, piece := range broken {
		if p.published[piece.key] != piece {
			continue
		}
		delete(p.published, piece.key)
		p.refused = append(p.refused, piece)
		if piece.key.Kind == bytecode.KindCommand {
			gone[piece.key.Name] = true
		}
	}
	p.pieces = slices.DeleteFunc(p.pieces, func(piece *piece) bool { return p.published[piece.key] != piece })
	for _, piece := range p.pieces {
		if piece.program != nil && slices.ContainsFunc(piece.program.Commands, func(c bytecode.Command) bool { return gone[c.Name] }) {
			piece.program = nil
		}
	}
}

// lookup returns the interface of a command as it will be.
func (p *plan) lookup(name string) *bytecode.Signature {
	key := store.Key{Kind: bytecode.KindCommand, Name: name}
	if piece := p.published[key]; piece != nil {
		return piece.signature()
	}
	if p.removed[key] {
		return nil
	}
	return p.state.signature(name)
}

// signature returns the interface of a command of the catalog.
func (s *state) signature(name string) *bytecode.Signature {
	u := s.units[store.Key{Kind: bytecode.KindCommand, Name: name}]
	switch {
	case u == nil, u.Stock > 0 && strings.HasPrefix(u.Source, "stock word "):
		return nil
	case u.Stock > 0:
		if own := command.Signature(name); own != nil && sameInterface(own.Params, u.Params) {
			return own
		}
		return &bytecode.Signature{Params: u.Params, Needs: u.Requires}
	}
	return &bytecode.Signature{Params: u.Params}
}

// compileAll compiles the pieces that are not yet.
func (p *plan) compileAll(all []*piece) error {
	for i, piece := range all {
		if piece.program != nil || piece.failed {
			continue
		}
		ds, err := piece.compile(compile.Options{Lookup: p.lookup, Charge: p.charge})
		if err != nil {
			return err
		}
		p.diagnostics = append(p.diagnostics, ds...)
		if p.progress != nil {
			p.progress(i + 1)
		}
	}
	return nil
}

// compile compiles a piece. Errors among the diagnostics mean that it failed.
func (p *piece) compile(opt compile.Options) ([]Diagnostic, error) {
	p.program = nil
	if p.stock != nil {
		p.program = p.stock.program()
		return nil, nil
	}
	opt.Name = p.key.Name
	var program *bytecode.Program
	var found []compile.Diagnostic
	var err error
	if p.def != nil {
		program, found, err = compile.Definition(p.def, opt)
	} else {
		program, found, err = compile.Script(p.file, opt)
	}
	var mistake *compile.Error
	if errors.As(err, &mistake) {
		found = []compile.Diagnostic{{Pos: mistake.Pos, Code: codeSyntax, Msg: mistake.Msg}}
	} else if err != nil {
		return nil, err
	}
	var ds []Diagnostic
	for _, d := range found {
		severity := SeverityWarning
		if d.Severity == compile.Fault {
			severity, p.failed = SeverityError, true
		}
		ds = append(ds, Diagnostic{Severity: severity, Code: d.Code, Msg: d.Msg, Source: p.source, Key: p.key, Pos: p.at(d.Pos)})
	}
	if p.failed {
		return ds, nil
	}
	if p.def == nil {
		program.Requires = p.requires
	}
	if n := packageSize(program); n > maxProgram {
		p.failed = true
		return append(ds, Diagnostic{
			Severity: SeverityError, Code: codeSyntax, Source: p.source, Key: p.key, Pos: p.at(p.head()),
			Msg: fmt.Sprintf("the unit has %d bytes when compiled; the limit is %d: split it up", n, maxProgram),
		}), nil
	}
	p.program = program
	return ds, nil
}

// packageSize is how many bytes a program and its interface take in a package,
// which has the interface twice.
func packageSize(p *bytecode.Program) int {
	n := len(bytecode.AppendProgram(nil, p))
	for _, param := range p.Params {
		n += len(param.Name) + 4
	}
	return n
}

// altered are the commands whose interface changes, or that go: what calls them
// must be compiled anew.
func (p *plan) altered() []string {
	var names []string
	alters := func(k store.Key, params []bytecode.Param) bool {
		if k.Kind != bytecode.KindCommand {
			return false
		}
		u := p.state.units[k]
		return u != nil && !sameInterface(u.Params, params)
	}
	for _, piece := range p.pieces {
		if piece.program != nil && alters(piece.key, piece.program.Params) {
			names = append(names, piece.key.Name)
		}
	}
	for _, k := range p.remove {
		if k.Kind == bytecode.KindCommand {
			names = append(names, k.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// checkDependents compiles anew what calls commands that change. It returns the
// pieces that broke something.
func (p *plan) checkDependents() (broken []*piece, err error) {
	p.dependents = nil
	done := map[store.Key]bool{}
	for _, name := range p.altered() {
		key := store.Key{Kind: bytecode.KindCommand, Name: name}
		for _, caller := range p.state.callersOf(name) {
			if p.published[caller] != nil || p.removed[caller] || done[caller] {
				continue
			}
			if p.removed[key] && p.published[key] == nil {
				p.diagnostics = append(p.diagnostics, Diagnostic{
					Severity: SeverityError, Code: codeInUse, Source: -1, Key: caller,
					Msg: fmt.Sprintf("%s calls %s", describe(caller), name),
				})
				continue
			}
			done[caller] = true
			ok, err := p.checkDependent(caller)
			if err != nil {
				return nil, err
			}
			if !ok && p.published[key] != nil {
				broken = append(broken, p.published[key])
			}
		}
	}
	return broken, nil
}

// checkDependent compiles a unit of the catalog anew.
func (p *plan) checkDependent(key store.Key) (bool, error) {
	u := p.state.units[key]
	parts, ds, err := pieces(-1, Source{Kind: key.Kind, Name: key.Name, Text: u.Source, Quotas: u.Quotas, Capabilities: u.Requires}, p.charge)
	if err != nil {
		return false, err
	}
	ok := len(parts) == 1 && len(ds) == 0
	if ok {
		found, err := parts[0].compile(compile.Options{Lookup: p.lookup, Charge: p.charge})
		if err != nil {
			return false, err
		}
		ds, ok = found, !parts[0].failed
	}
	if ok {
		p.dependents = append(p.dependents, parts[0])
		return true, nil
	}
	for _, d := range ds {
		if d.Severity == SeverityError {
			d.Key, d.Source = key, -1
			d.Msg = fmt.Sprintf("%s would break: %s", describe(key), d.Msg)
			p.diagnostics = append(p.diagnostics, d)
		}
	}
	return false, nil
}

// checkCycles finds circles of calls. It returns the pieces that close one.
func (p *plan) checkCycles() (broken []*piece) {
	walk := cycles{calls: p.callsOf, state: map[string]int{}}
	for _, piece := range p.pieces {
		if piece.key.Kind != bytecode.KindCommand || piece.stock != nil || piece.program == nil {
			continue
		}
		circle := walk.from(piece.key.Name)
		if circle == nil {
			continue
		}
		p.fault(piece, codeCycle, piece.head(), "the definitions call each other in a circle: %s", strings.Join(circle, " → "))
		broken = append(broken, piece)
	}
	return broken
}

// callsOf returns the commands that a command calls.
func (p *plan) callsOf(name string) []bytecode.Command {
	key := store.Key{Kind: bytecode.KindCommand, Name: name}
	if piece := p.published[key]; piece != nil {
		switch {
		case piece.stock != nil, piece.program == nil:
			return nil
		}
		return piece.program.Commands
	}
	if u := p.state.units[key]; u != nil && !p.removed[key] {
		return u.calls
	}
	return nil
}

// cycles looks for circles in a graph of calls. It recurses as deep as calls go.
type cycles struct {
	calls func(name string) []bytecode.Command
	state map[string]int // 1 on the path, 2 done
	path  []string
}

// from returns the first circle that is met on the ways from a command.
func (c *cycles) from(name string) []string {
	switch c.state[name] {
	case 1:
		return append(slices.Clone(c.path[slices.Index(c.path, name):]), name)
	case 2:
		return nil
	}
	c.state[name] = 1
	c.path = append(c.path, name)
	var circle []string
	for _, callee := range c.calls(name) {
		if circle = c.from(callee.Name); circle != nil {
			break
		}
	}
	c.path = c.path[:len(c.path)-1]
	c.state[name] = 2
	return circle
}

// failed reports whether the publication cannot be made as it was asked for.
func (p *plan) failed() bool {
	return !p.lenient && !p.force && slices.ContainsFunc(p.diagnostics, func(d Diagnostic) bool { return d.Severity == SeverityError })
}

// publication returns what is to be stored, sealed with a package key. Where
// nothing changes it has neither versions nor packages.
func (p *plan) publication(author string, now time.Time, k *seal.Key) (*store.Publication, []Outcome, error) {
	pub := &store.Publication{Base: p.state.revision, Author: author, Time: now.UTC().Truncate(time.Microsecond)}
	var outcomes []Outcome
	for _, piece := range p.pieces {
		o, err := p.addPiece(pub, piece, k)
		if err != nil {
			return nil, nil, err
		}
		outcomes = append(outcomes, o)
	}
	for _, key := range p.remove {
		v := store.Version{
			Key: key, Version: p.state.nextVersion(key), Deleted: true, Author: author, Time: pub.Time,
		}
		pub.Versions = append(pub.Versions, v)
		outcomes = append(outcomes, Outcome{Key: key, Change: ChangeDeleted, Version: v.Version})
	}
	for _, piece := range p.refused {
		o := Outcome{Key: piece.key, Change: ChangeRefused}
		if u := p.state.units[piece.key]; u != nil {
			o.Version = u.Version.Version
		}
		outcomes = append(outcomes, o)
	}
	for _, piece := range p.dependents {
		changed, err := p.addPackage(pub, piece, k)
		if err != nil {
			return nil, nil, err
		}
		if changed {
			outcomes = append(outcomes, Outcome{Key: piece.key, Change: ChangeRecompiled, Version: p.state.units[piece.key].Version.Version})
		}
	}
	return pub, outcomes, nil
}

// addPiece puts a piece into a publication.
func (p *plan) addPiece(pub *store.Publication, piece *piece, k *seal.Key) (Outcome, error) {
	old := p.state.units[piece.key]
	v := store.Version{
		Key: piece.key, Source: piece.text, Hash: sha256.Sum256([]byte(piece.text)), Params: piece.program.Params,
		Requires: piece.program.Requires, Quotas: piece.quotas, From: piece.from, Author: pub.Author, Time: pub.Time,
	}
	if piece.stock != nil {
		v.Stock = stockLevel
	}
	if old != nil && old.Source == v.Source && old.Quotas == v.Quotas && slices.Equal(old.Requires, v.Requires) &&
		(old.Stock > 0) == (v.Stock > 0) {
		change := ChangeUnchanged
		changed, err := p.addPackage(pub, piece, k)
		if changed {
			change = ChangeRecompiled
		}
		return Outcome{Key: piece.key, Change: change, Version: old.Version.Version}, err
	}
	v.Version = p.state.nextVersion(piece.key)
	pack, err := sealed(&v, piece.program, k)
	if err != nil {
		return Outcome{}, err
	}
	pub.Versions, pub.Packages = append(pub.Versions, v), append(pub.Packages, pack)
	change := ChangeUpdated
	if old == nil {
		change = ChangeCreated
	}
	return Outcome{Key: piece.key, Change: change, Version: v.Version}, nil
}

// addPackage puts a new package of an old version into a publication, where it
// calls other commands, or other interfaces, than the present one.
func (p *plan) addPackage(pub *store.Publication, piece *piece, k *seal.Key) (changed bool, err error) {
	u := p.state.units[piece.key]
	same := slices.EqualFunc(u.calls, callees(piece.program), func(a, b bytecode.Command) bool {
		return a.Name == b.Name && sameInterface(a.Params, b.Params)
	})
	if same {
		return false, nil
	}
	pack, err := sealed(&u.Version, piece.program, k)
	if err != nil {
		return false, err
	}
	pub.Packages = append(pub.Packages, pack)
	return true, nil
}

// nextVersion returns the number of a unit's next version.
func (s *state) nextVersion(k store.Key) uint64 {
	if u := s.units[k]; u != nil {
		return u.Version.Version + 1
	}
	return s.gone[k].Version + 1
}
