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
	"github.com/avap-framework/avap/internal/catalogtest"
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
		tamper func(p *catalogtest.Publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest)
		want   error
	}{
		{"a manifest with a flipped bit", func(_ *catalogtest.Publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m.Body = bytes.Clone(m.Body)
			m.Body[7] ^= 1
			return c, m
		}, catalog.ErrManifest},
		{"no MAC", func(_ *catalogtest.Publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m.MAC = nil
			return c, m
		}, catalog.ErrManifest},
		{"signed with another key of the id", func(p *catalogtest.Publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			p.CatalogKey = catalogtest.NewKey(p.T, seal.UseCatalog, "c", 'x')
			return c, p.Sign(p.Manifest())
		}, catalog.ErrManifest},
		{"signed with a key that is unknown", func(p *catalogtest.Publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			p.CatalogKey = catalogtest.NewKey(p.T, seal.UseCatalog, "d", 'd')
			return c, p.Sign(p.Manifest())
		}, catalog.ErrManifest},
		{"signed, and no manifest", func(p *catalogtest.Publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m.Body = append(bytes.Clone(m.Body), 0)
			mac, err := seal.SignManifest(p.CatalogKey, m.Body)
			if err != nil {
				p.T.Fatal(err)
			}
			m.MAC = mac[:]
			return c, m
		}, catalog.ErrManifest},
		{"expired on arrival", func(p *catalogtest.Publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m := p.Manifest()
			m.Issued, m.Expires = catalogtest.Clock().Add(-time.Hour), catalogtest.Clock()
			return c, p.Sign(m)
		}, catalog.ErrExpired},
		{"for a newer bytecode version", func(p *catalogtest.Publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m := p.Manifest()
			m.Bytecode++
			return c, p.Sign(m)
		}, catalog.ErrBytecode},
		{"a lower revision", func(p *catalogtest.Publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m := p.Manifest()
			m.Revision -= 2
			return c, p.Sign(m)
		}, catalog.ErrRollback},
		{"the same revision with another root", func(p *catalogtest.Publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m := p.Manifest()
			m.Revision--
			return c, p.Sign(m)
		}, catalog.ErrFork},
		{"another number of units", func(p *catalogtest.Publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m := p.Manifest()
			m.Units++
			return c, p.Sign(m)
		}, catalog.ErrRoot},
		{"another root", func(p *catalogtest.Publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			m := p.Manifest()
			m.Root[0] ^= 1
			return c, p.Sign(m)
		}, catalog.ErrRoot},
		{"without its change", func(_ *catalogtest.Publisher, _ []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			return nil, m
		}, catalog.ErrRoot},
		{"with a change too many", func(_ *catalogtest.Publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			return append(c, catalogtest.Remove("whisper")), m
		}, catalog.ErrRoot},
		{"the unit of another version", func(_ *catalogtest.Publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			c[0].Version++
			return c, m
		}, catalog.ErrRoot},
		{"a unit altered on the way", func(_ *catalogtest.Publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			c[0].Package = bytes.Clone(c[0].Package)
			c[0].Package[len(c[0].Package)/2] ^= 1
			return c, m
		}, catalog.ErrHash},
		{"a unit without its package", func(_ *catalogtest.Publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			c[0].Package = nil
			return c, m
		}, catalog.ErrHash},
		{"a package that should not be there", func(_ *catalogtest.Publisher, c []catalog.Change, m catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
			c[0].Hash = catalog.Hash{}
			return c, m
		}, catalog.ErrHash},
		{"a unit altered by the server", republish(func(p *catalogtest.Publisher, b []byte) catalog.Change {
			b[len(b)/2] ^= 1
			return p.Change(bytecode.KindCommand, "mark", b)
		}), catalog.ErrPackage},
		{"a unit of another package key", republish(func(p *catalogtest.Publisher, b []byte) catalog.Change {
			return p.Change(bytecode.KindCommand, "mark", resign(b, 'x'))
		}), catalog.ErrPackage},
		{"a unit with trailing bytes", republish(func(p *catalogtest.Publisher, b []byte) catalog.Change {
			return p.Change(bytecode.KindCommand, "mark", resign(append(b, 0), 'p'))
		}), catalog.ErrPackage},
		{"no package at all", republish(func(p *catalogtest.Publisher, _ []byte) catalog.Change {
			return p.Change(bytecode.KindCommand, "mark", []byte("o = 1"))
		}), catalog.ErrPackage},
		{"source text", republish(func(p *catalogtest.Publisher, _ []byte) catalog.Change {
			b, err := seal.SealSource("addResult(x)", p.PackageKey)
			if err != nil {
				p.T.Fatal(err)
			}
			return p.Change(bytecode.KindCommand, "mark", b)
		}), catalog.ErrUnit},
		{"a compiled package", republish(func(p *catalogtest.Publisher, b []byte) catalog.Change {
			u, err := seal.OpenUnverified(b)
			if err != nil {
				p.T.Fatal(err)
			}
			u.Unit.Origin = seal.OriginCompiled
			if b, err = seal.Seal(u.Unit, p.PackageKey); err != nil {
				p.T.Fatal(err)
			}
			return p.Change(bytecode.KindCommand, "mark", b)
		}), catalog.ErrOrigin},
		{"a unit under another unit's name", republish(func(p *catalogtest.Publisher, b []byte) catalog.Change {
			return p.Change(bytecode.KindCommand, "whisper", b)
		}), catalog.ErrUnit},
		{"a command as a script", republish(func(p *catalogtest.Publisher, b []byte) catalog.Change {
			return p.Change(bytecode.KindScript, "mark", b)
		}), catalog.ErrUnit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := catalogtest.New(t)
			p.Revision = 4
			r, held := p.Follow(shouting)
			tree, revision, catalogKey, shout := p.Tree, p.Revision, p.CatalogKey, held.Command("shout")
			changes, m := p.Next(p.Define(mark)...)
			changes, m = tt.tamper(p, changes, m)
			v, err := r.Apply(changes, false, m, catalogtest.Clock())
			if v != nil || !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			t.Log(err)
			if r.Current() != held || held.Command("shout") != shout {
				t.Error("the replica does not have what it had")
			}
			p.Tree, p.Revision, p.CatalogKey = tree, revision, catalogKey
			if honest := p.Apply(r, p.Define(mark)...); honest.Command("shout") == shout {
				t.Error("the honest revision has not changed shout")
			}
		})
	}
}

// republish makes what arrives from a server that signs a change of its own
// making: mark's package is given to make.
func republish(
	make func(p *catalogtest.Publisher, b []byte) catalog.Change,
) func(*catalogtest.Publisher, []catalog.Change, catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
	return func(p *catalogtest.Publisher, c []catalog.Change, _ catalog.SignedManifest) ([]catalog.Change, catalog.SignedManifest) {
		return p.Next(make(p, bytes.Clone(c[0].Package)))
	}
}

// TestRefusedLater holds what a replica refuses of units that it fetches later.
func TestRefusedLater(t *testing.T) {
	away := errors.New("the server is away")
	for _, tt := range []struct {
		name   string
		tamper func(p *catalogtest.Publisher, mark catalog.Entry)
		want   error
	}{
		{"no answer", func(p *catalogtest.Publisher, _ catalog.Entry) { p.Failing["mark"] = away }, away},
		{"altered on the way", func(p *catalogtest.Publisher, e catalog.Entry) {
			p.Packages[e.Hash] = append(bytes.Clone(p.Packages[e.Hash]), 0)
		}, catalog.ErrHash},
		{"another unit", func(p *catalogtest.Publisher, e catalog.Entry) {
			whisper, _ := p.Tree.Get(bytecode.KindCommand, "whisper")
			p.Packages[e.Hash] = p.Packages[whisper.Hash]
		}, catalog.ErrHash},
		{"nothing", func(p *catalogtest.Publisher, e catalog.Entry) { p.Packages[e.Hash] = nil }, catalog.ErrHash},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := catalogtest.New(t)
			p.Next(p.Define(shouting)...)
			opt := p.Options()
			opt.CacheBytes = 1
			r := catalog.NewReplica(opt)
			v, err := r.Apply(p.All(), true, p.Sign(p.Manifest()), catalogtest.Clock())
			if err != nil {
				t.Fatal(err)
			}
			view(t, v, "whisper")
			mark, _ := p.Tree.Get(bytecode.KindCommand, "mark")
			honest := p.Packages[mark.Hash]
			tt.tamper(p, mark)
			if err := v.Load(t.Context(), []string{"shout"}); !errors.Is(err, tt.want) || !errors.Is(err, catalog.ErrUnavailable) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			view(t, v, "whisper")
			delete(p.Failing, "mark")
			p.Packages[mark.Hash] = honest
			if view(t, v, "shout").Command("shout") == nil {
				t.Error("shout is not there once the source is honest again")
			}
		})
	}
	p := catalogtest.New(t)
	opt := p.Options()
	opt.CacheBytes, opt.Source = 1, nil
	p.Next(p.Define(shouting)...)
	v, err := catalog.NewReplica(opt).Apply(p.All(), true, p.Sign(p.Manifest()), catalogtest.Clock())
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Load(t.Context(), []string{"shout", "whisper"}); !errors.Is(err, catalog.ErrUnavailable) {
		t.Errorf("without a source: %v", err)
	}
}
