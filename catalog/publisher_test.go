// This file holds the definition server of the tests: it compiles, seals and
// signs, and keeps what it says for everyone to tamper with.

package catalog_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/compile"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/syntax"
)

// publisher is a catalog with its keys. Its methods are for one goroutine, but
// Unit, which makes it a Source.
type publisher struct {
	t          testing.TB
	packageKey *seal.Key
	catalogKey *seal.Key
	keys       *seal.Keyring
	tree       *catalog.Tree
	revision   uint64
	interfaces map[string]*bytecode.Signature

	mu       sync.Mutex
	packages map[catalog.Hash][]byte
	asked    []string         // names of units that were asked for
	failing  map[string]error // by name of the unit
}

func newPublisher(t testing.TB) *publisher {
	p := &publisher{
		t:          t,
		packageKey: newKey(t, seal.UsePackage, "p", 'p'),
		catalogKey: newKey(t, seal.UseCatalog, "c", 'c'),
		tree:       catalog.NewTree(),
		interfaces: map[string]*bytecode.Signature{},
		packages:   map[catalog.Hash][]byte{},
		failing:    map[string]error{},
	}
	p.keys = newKeyring(t, p.packageKey, p.catalogKey)
	return p
}

// options are those of a replica that follows the publisher.
func (p *publisher) options() catalog.ReplicaOptions {
	return catalog.ReplicaOptions{
		Keys: p.keys, Stock: command.Signature, Natives: command.Natives(command.Host{}), Source: p,
		Word: func(name string) bool { return name == "if" },
	}
}

// Unit gives a package by its hash.
func (p *publisher) Unit(_ context.Context, e catalog.Entry) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, e.Name)
	if err := p.failing[e.Name]; err != nil {
		return nil, err
	}
	b, ok := p.packages[e.Hash]
	if !ok {
		return nil, errors.New("no unit of this hash")
	}
	return b, nil
}

// seal makes the change that publishes a program.
func (p *publisher) seal(program *bytecode.Program) catalog.Change {
	p.t.Helper()
	b, err := seal.Seal(&seal.Unit{Origin: seal.OriginPublished, Program: program}, p.packageKey)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.change(program.Kind, program.Name, b)
}

// change makes the change that publishes a package under a name.
func (p *publisher) change(kind bytecode.Kind, name string, b []byte) catalog.Change {
	e := catalog.Entry{Kind: kind, Name: name, Version: p.revision + 1, Hash: sha256.Sum256(b)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.packages[e.Hash] = b
	return catalog.Change{Entry: e, Package: b}
}

// define compiles definitions, which may call those from before.
func (p *publisher) define(src string) []catalog.Change {
	p.t.Helper()
	f, err := syntax.Parse(src, syntax.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, d := range f.Commands {
		sig := &bytecode.Signature{}
		for _, param := range d.Params {
			mode, _ := bytecode.ParseMode(param.Mode)
			sig.Params = append(sig.Params, bytecode.Param{Name: param.Name, Mode: mode})
		}
		p.interfaces[d.Name] = sig
	}
	lookup := func(name string) *bytecode.Signature {
		if sig := p.interfaces[name]; sig != nil {
			return sig
		}
		return command.Signature(name)
	}
	var changes []catalog.Change
	for _, d := range f.Commands {
		program, _, err := compile.Definition(d, compile.Options{Lookup: lookup})
		if err != nil {
			p.t.Fatal(err)
		}
		changes = append(changes, p.seal(program))
	}
	return changes
}

// stock makes the changes that publish stock commands of these interfaces.
func (p *publisher) stock(name string, params ...bytecode.Param) catalog.Change {
	p.t.Helper()
	return p.seal(stockProgram(name, params...))
}

// stockProgram stands for the machine's own command.
func stockProgram(name string, params ...bytecode.Param) *bytecode.Program {
	var names []string
	for _, param := range params {
		names = append(names, param.Name)
	}
	return &bytecode.Program{
		Kind: bytecode.KindCommand, Name: name, Params: params, Globals: names,
		Commands: []bytecode.Command{{Name: name, Params: params}},
		Functions: []bytecode.Function{{
			Name: name, Params: len(params), Registers: len(params),
			Code:      []bytecode.Instr{{Op: bytecode.OpStop}},
			Positions: []bytecode.Position{{Line: 1, Col: 1}}, Locals: names,
		}},
	}
}

// remove makes the change that takes a command away.
func remove(name string) catalog.Change {
	return catalog.Change{Entry: catalog.Entry{Kind: bytecode.KindCommand, Name: name}, Removed: true}
}

// next puts changes in force, and gives them with the manifest of the revision.
func (p *publisher) next(changes ...catalog.Change) ([]catalog.Change, catalog.SignedManifest) {
	p.t.Helper()
	for _, c := range changes {
		if c.Removed {
			p.tree = p.tree.Without(c.Kind, c.Name)
		} else {
			p.tree = p.tree.With(c.Entry)
		}
	}
	p.revision++
	return changes, p.sign(p.manifest())
}

func (p *publisher) manifest() catalog.Manifest {
	return catalog.Manifest{
		Revision: p.revision, Bytecode: bytecode.Version, Issued: clock(), Expires: clock().Add(24 * time.Hour),
		Root: p.tree.Root(), Units: uint64(p.tree.Len()),
	}
}

func (p *publisher) sign(m catalog.Manifest) catalog.SignedManifest {
	p.t.Helper()
	s, err := catalog.Sign(p.catalogKey, m)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// all gives every unit as a change: a whole snapshot.
func (p *publisher) all() []catalog.Change {
	var changes []catalog.Change
	for e := range p.tree.All() {
		changes = append(changes, catalog.Change{Entry: e, Package: p.packages[e.Hash]})
	}
	return changes
}

// follow makes a replica that has applied the publisher's definitions.
func (p *publisher) follow(src string) (*catalog.Replica, *catalog.Revision) {
	p.t.Helper()
	r := catalog.NewReplica(p.options())
	return r, p.apply(r, p.define(src)...)
}

// apply puts changes in force and applies them to a replica.
func (p *publisher) apply(r *catalog.Replica, changes ...catalog.Change) *catalog.Revision {
	p.t.Helper()
	changes, m := p.next(changes...)
	v, err := r.Apply(changes, false, m, clock())
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// wanted gives the names that the source was asked for since the last time, in
// order.
func (p *publisher) wanted() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := p.asked
	p.asked = nil
	slices.Sort(names)
	return names
}
