// This file holds the publisher.

// Package catalogtest is a definition server for tests, without a network and a
// store: it compiles, seals and signs, and lets everyone tamper with what it says.
package catalogtest

import (
	"bytes"
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

// Publisher is a catalog with its keys. Its methods are for one goroutine, but
// Unit, which makes it a Source.
type Publisher struct {
	T                      testing.TB
	PackageKey, CatalogKey *seal.Key
	Keys                   *seal.Keyring
	Tree                   *catalog.Tree
	Revision               uint64
	Interfaces             map[string]*bytecode.Signature // that definitions are compiled against

	// Of Unit: what it gives, and why it does not, by the unit's name.
	Packages map[catalog.Hash][]byte
	Failing  map[string]error

	mu    sync.Mutex // guards Packages, Failing and asked
	asked []string   // names of units that Unit was asked for
}

// Clock is the time that manifests are issued at: 15 November 2026.
func Clock() time.Time { return time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC) }

// NewKey makes a key whose secret is 32 times one byte.
func NewKey(t testing.TB, use seal.Use, id string, secret byte) *seal.Key {
	t.Helper()
	k, err := seal.NewKey(use, id, bytes.Repeat([]byte{secret}, 32), time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// New makes an empty catalog with the package key p and the catalog key c.
func New(t testing.TB) *Publisher {
	t.Helper()
	p := &Publisher{
		PackageKey: NewKey(t, seal.UsePackage, "p", 'p'),
		CatalogKey: NewKey(t, seal.UseCatalog, "c", 'c'),
		Tree:       catalog.NewTree(),
		Interfaces: map[string]*bytecode.Signature{},
		Packages:   map[catalog.Hash][]byte{},
		Failing:    map[string]error{},
		T:          t,
	}
	var err error
	if p.Keys, err = seal.NewKeyring(Clock, p.PackageKey, p.CatalogKey); err != nil {
		t.Fatal(err)
	}
	return p
}

// Options are those of a replica that follows the publisher.
func (p *Publisher) Options() catalog.ReplicaOptions {
	return catalog.ReplicaOptions{
		Keys: p.Keys, Stock: command.Signature, Natives: command.Natives(command.Host{}), Source: p,
		Word: func(name string) bool { return name == "if" },
	}
}

// Unit returns a package by its hash.
func (p *Publisher) Unit(_ context.Context, e catalog.Entry) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, e.Name)
	if err := p.Failing[e.Name]; err != nil {
		return nil, err
	}
	b, ok := p.Packages[e.Hash]
	if !ok {
		return nil, errors.New("no unit of this hash")
	}
	return b, nil
}

// Seal makes the change that publishes a program.
func (p *Publisher) Seal(program *bytecode.Program) catalog.Change {
	p.T.Helper()
	b, err := seal.Seal(&seal.Unit{Origin: seal.OriginPublished, Program: program}, p.PackageKey)
	if err != nil {
		p.T.Fatal(err)
	}
	return p.Change(program.Kind, program.Name, b)
}

// Change makes the change that publishes a package under a name.
func (p *Publisher) Change(kind bytecode.Kind, name string, b []byte) catalog.Change {
	e := catalog.Entry{Kind: kind, Name: name, Version: p.Revision + 1, Hash: sha256.Sum256(b)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Packages[e.Hash] = b
	return catalog.Change{Entry: e, Package: b}
}

// Define compiles definitions, which may call those from before.
func (p *Publisher) Define(src string) []catalog.Change {
	p.T.Helper()
	f, err := syntax.Parse(src, syntax.Options{})
	if err != nil {
		p.T.Fatal(err)
	}
	for _, d := range f.Commands {
		sig := &bytecode.Signature{}
		for _, param := range d.Params {
			mode, _ := bytecode.ParseMode(param.Mode)
			sig.Params = append(sig.Params, bytecode.Param{Name: param.Name, Mode: mode})
		}
		p.Interfaces[d.Name] = sig
	}
	lookup := func(name string) *bytecode.Signature {
		if sig := p.Interfaces[name]; sig != nil {
			return sig
		}
		return command.Signature(name)
	}
	var changes []catalog.Change
	for _, d := range f.Commands {
		program, _, err := compile.Definition(d, compile.Options{Lookup: lookup})
		if err != nil {
			p.T.Fatal(err)
		}
		changes = append(changes, p.Seal(program))
	}
	return changes
}

// Stock makes the changes that publish stock commands of these interfaces.
func (p *Publisher) Stock(name string, params ...bytecode.Param) catalog.Change {
	p.T.Helper()
	return p.Seal(stockProgram(name, params...))
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

// Remove makes the change that takes a command away.
func Remove(name string) catalog.Change {
	return catalog.Change{Entry: catalog.Entry{Kind: bytecode.KindCommand, Name: name}, Removed: true}
}

// Next puts changes in force, and gives them with the manifest of the revision.
func (p *Publisher) Next(changes ...catalog.Change) ([]catalog.Change, catalog.SignedManifest) {
	p.T.Helper()
	for _, c := range changes {
		if c.Removed {
			p.Tree = p.Tree.Without(c.Kind, c.Name)
		} else {
			p.Tree = p.Tree.With(c.Entry)
		}
	}
	p.Revision++
	return changes, p.Sign(p.Manifest())
}

func (p *Publisher) Manifest() catalog.Manifest {
	return catalog.Manifest{
		Revision: p.Revision, Bytecode: bytecode.Version, Issued: Clock(), Expires: Clock().Add(24 * time.Hour),
		Root: p.Tree.Root(), Units: uint64(p.Tree.Len()),
	}
}

func (p *Publisher) Sign(m catalog.Manifest) catalog.SignedManifest {
	p.T.Helper()
	s, err := catalog.Sign(p.CatalogKey, m)
	if err != nil {
		p.T.Fatal(err)
	}
	return s
}

// All returns every unit as a change: a whole snapshot.
func (p *Publisher) All() []catalog.Change {
	var changes []catalog.Change
	for e := range p.Tree.All() {
		changes = append(changes, catalog.Change{Entry: e, Package: p.Packages[e.Hash]})
	}
	return changes
}

// Follow makes a replica that has applied the publisher's definitions.
func (p *Publisher) Follow(src string) (*catalog.Replica, *catalog.Revision) {
	p.T.Helper()
	r := catalog.NewReplica(p.Options())
	return r, p.Apply(r, p.Define(src)...)
}

// Apply puts changes in force and applies them to a replica.
func (p *Publisher) Apply(r *catalog.Replica, changes ...catalog.Change) *catalog.Revision {
	p.T.Helper()
	changes, m := p.Next(changes...)
	v, err := r.Apply(changes, false, m, Clock())
	if err != nil {
		p.T.Fatal(err)
	}
	return v
}

// Asked returns the names that the source was asked for since the last time, in
// order.
func (p *Publisher) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := p.asked
	p.asked = nil
	slices.Sort(names)
	return names
}
