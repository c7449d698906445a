// This file holds what a replica refuses: the table of attacks.

package catalog_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/seal"
)

// resign puts the right size and MAC into a package that was altered.
func resign(b []byte, secret byte) []byte {
	binary.BigEndian.PutUint32(b[6:], uint32(len(b)-42))
	h := hmac.New(sha256.New, bytes.Repeat([]byte{secret}, 32))
	h.Write(b[:10])
	h.Write(b[42:])
	copy(b[10:42], h.Sum(nil))
	return b
}

// TestRefused holds what a replica refuses of a revision that would replace mark.
// After each it has what it had, and takes the honest revision.
func TestRefused(t *testing.T) {
	const mark = `command mark(text: value, o: out) { o = text + "?" }`
	for _, tt := range []struct {
		name string
		// tamper gives what arrives in the place of changes and manifest.
		tamper func(p *publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest)
		want   error
	}{
		{"a manifest with a flipped bit", func(_ *publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m.Body = bytes.Clone(m.Body)
			m.Body[7] ^= 1
			return c, m
		}, catalog.ErrManifest},
		{"no MAC", func(_ *publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m.MAC = nil
			return c, m
		}, catalog.ErrManifest},
		{"signed with another key of the id", func(p *publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			p.catalogKey = newKey(p.t, seal.UseCatalog, "c", 'x')
			return c, p.sign(p.manifest())
		}, catalog.ErrManifest},
		{"signed with a key that is unknown", func(p *publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			p.catalogKey = newKey(p.t, seal.UseCatalog, "d", 'd')
			return c, p.sign(p.manifest())
		}, catalog.ErrManifest},
		{"signed, and no manifest", func(p *publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m.Body = append(bytes.Clone(m.Body), 0)
			mac, err := seal.SignManifest(p.catalogKey, m.Body)
			if err != nil {
				p.t.Fatal(err)
			}
			m.MAC = mac[:]
			return c, m
		}, catalog.ErrManifest},
		{"expired on arrival", func(p *publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m := p.manifest()
			m.Issued, m.Expires = clock().Add(-time.Hour), clock()
			return c, p.sign(m)
		}, catalog.ErrExpired},
		{"for a newer bytecode version", func(p *publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m := p.manifest()
			m.Bytecode++
			return c, p.sign(m)
		}, catalog.ErrBytecode},
		{"a lower revision", func(p *publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m := p.manifest()
			m.Revision -= 2
			return c, p.sign(m)
		}, catalog.ErrRollback},
		{"the same revision with another root", func(p *publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m := p.manifest()
			m.Revision--
			return c, p.sign(m)
		}, catalog.ErrFork},
		{"another number of units", func(p *publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m := p.manifest()
			m.Units++
			return c, p.sign(m)
		}, catalog.ErrRoot},
		{"another root", func(p *publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m := p.manifest()
			m.Root[0] ^= 1
			return c, p.sign(m)
		}, catalog.ErrRoot},
		{"without its change", func(_ *publisher, _ []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			return nil, m
		}, catalog.ErrRoot},
		{"with a change too many", func(_ *publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			return append(c, remove("whisper")), m
		}, catalog.ErrRoot},
		{"the unit of another version", func(_ *publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			c[0].Version++
			return c, m
		}, catalog.ErrRoot},
		{"a unit altered on the way", func(_ *publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			c[0].Package = bytes.Clone(c[0].Package)
			c[0].Package[len(c[0].Package)/2] ^= 1
			return c, m
		}, catalog.ErrHash},
		{"a unit without its package", func(_ *publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			c[0].Package = nil
			return c, m
		}, catalog.ErrHash},
		{"a package that should not be there", func(_ *publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			c[0].Hash = catalog.Hash{}
			return c, m
		}, catalog.ErrHash},
		{"a unit altered by the server", republish(func(p *publisher, b []byte) catalog.Change {
			b[len(b)/2] ^= 1
			return p.change(bytecode.KindCommand, "mark", b)
		}), catalog.ErrPackage},
		{"a unit of another package key", republish(func(p *publisher, b []byte) catalog.Change {
			return p.change(bytecode.KindCommand, "mark", resign(b, 'x'))
		}), catalog.ErrPackage},
		{"a unit with trailing bytes", republish(func(p *publisher, b []byte) catalog.Change {
			return p.change(bytecode.KindCommand, "mark", resign(append(b, 0), 'p'))
		}), catalog.ErrPackage},
		{"no package at all", republish(func(p *publisher, _ []byte) catalog.Change {
			return p.change(bytecode.KindCommand, "mark", []byte("o = 1"))
		}), catalog.ErrPackage},
		{"source text", republish(func(p *publisher, _ []byte) catalog.Change {
			b, err := seal.SealSource("addResult(x)", p.packageKey)
			if err != nil {
				p.t.Fatal(err)
			}
			return p.change(bytecode.KindCommand, "mark", b)
		}), catalog.ErrUnit},
		{"a compiled package", republish(func(p *publisher, b []byte) catalog.Change {
			u, err := seal.OpenUnverified(b)
			if err != nil {
				p.t.Fatal(err)
			}
			u.Unit.Origin = seal.OriginCompiled
			if b, err = seal.Seal(u.Unit, p.packageKey); err != nil {
				p.t.Fatal(err)
			}
			return p.change(bytecode.KindCommand, "mark", b)
		}), catalog.ErrOrigin},
		{"a unit under another unit's name", republish(func(p *publisher, b []byte) catalog.Change {
			return p.change(bytecode.KindCommand, "whisper", b)
		}), catalog.ErrUnit},
		{"a command as a script", republish(func(p *publisher, b []byte) catalog.Change {
			return p.change(bytecode.KindScript, "mark", b)
		}), catalog.ErrUnit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPublisher(t)
			p.revision = 4
			r, held := p.follow(shouting)
			tree, revision, catalogKey, shout := p.tree, p.revision, p.catalogKey, held.Command("shout")
			changes, m := p.next(p.define(mark)...)
			changes, m = tt.tamper(p, changes, m)
			v, err := r.Apply(changes, false, m, clock())
			if v != nil || !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			t.Log(err)
			if r.Current() != held || held.Command("shout") != shout {
				t.Error("the replica does not have what it had")
			}
			p.tree, p.revision, p.catalogKey = tree, revision, catalogKey
			if honest := p.apply(r, p.define(mark)...); honest.Command("shout") == shout {
				t.Error("the honest revision has not changed shout")
			}
		})
	}
}

// republish makes what arrives from a server that signs a change of its own
// making: mark's package is given to make.
func republish(
	make func(p *publisher, b []byte) catalog.Change,
) func(*publisher, []catalog.Change, catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
	return func(p *publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
		return p.next(make(p, bytes.Clone(c[0].Package)))
	}
}

// TestRefusedLater holds what a replica refuses of units that it fetches later.
func TestRefusedLater(t *testing.T) {
	away := errors.New("the server is away")
	for _, tt := range []struct {
		name   string
		tamper func(p *publisher, mark catalog.Entry)
		want   error
	}{
		{"no answer", func(p *publisher, _ catalog.Entry) { p.failing["mark"] = away }, away},
		{"altered on the way", func(p *publisher, e catalog.Entry) {
			p.packages[e.Hash] = append(bytes.Clone(p.packages[e.Hash]), 0)
		}, catalog.ErrHash},
		{"another unit", func(p *publisher, e catalog.Entry) {
			whisper, _ := p.tree.Get(bytecode.KindCommand, "whisper")
			p.packages[e.Hash] = p.packages[whisper.Hash]
		}, catalog.ErrHash},
		{"nothing", func(p *publisher, e catalog.Entry) { p.packages[e.Hash] = nil }, catalog.ErrHash},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPublisher(t)
			p.next(p.define(shouting)...)
			opt := p.options()
			opt.CacheBytes = 1
			r := catalog.NewReplica(opt)
			v, err := r.Apply(p.all(), true, p.sign(p.manifest()), clock())
			if err != nil {
				t.Fatal(err)
			}
			view(t, v, "whisper")
			mark, _ := p.tree.Get(bytecode.KindCommand, "mark")
			honest := p.packages[mark.Hash]
			tt.tamper(p, mark)
			if err := v.Load(t.Context(), []string{"shout"}); !errors.Is(err, tt.want) || !errors.Is(err, catalog.ErrUnavailable) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			view(t, v, "whisper")
			delete(p.failing, "mark")
			p.packages[mark.Hash] = honest
			if view(t, v, "shout").Command("shout") == nil {
				t.Error("shout is not there once the source is honest again")
			}
		})
	}
	p := newPublisher(t)
	opt := p.options()
	opt.CacheBytes, opt.Source = 1, nil
	p.next(p.define(shouting)...)
	v, err := catalog.NewReplica(opt).Apply(p.all(), true, p.sign(p.manifest()), clock())
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Load(t.Context(), []string{"shout", "whisper"}); !errors.Is(err, catalog.ErrUnavailable) {
		t.Errorf("without a source: %v", err)
	}
}
