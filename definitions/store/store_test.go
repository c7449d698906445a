package store_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 123456000, time.UTC)

// life publishes, changes, deletes, rolls back, seals anew and advances, and
// gives what was published as the store should give it back.
func life(t *testing.T, s store.Store) []store.Publication {
	t.Helper()
	greet := store.Version{
		Key: command("greet"), Version: 1, Source: "command greet(who: value, target: out) {\n    target = \"Hällo \" + who\n}\n",
		Params:   []bytecode.Param{{Name: "who", Mode: bytecode.ModeValue}, {Name: "target", Mode: bytecode.ModeOut}},
		Requires: []string{"http", "sql"},
		Quotas:   seal.Contract{Instructions: 1000, Memory: 1 << 20, Time: time.Second, HostTime: time.Minute, Depth: 9, Output: 10, HostCalls: 11},
		Author:   "somebody else", Time: noon.Add(-time.Hour),
	}
	again := greet
	again.Version, again.From = 3, 1
	gone := store.Version{Key: command("greet"), Version: 2, Deleted: true}
	stock := store.Version{Key: command("addVar"), Version: 1, Stock: 3, Source: "addVar(targetVarName:out, varValue:value)"}
	all := []store.Publication{{
		Action: store.ActionStock, Author: "avap", Versions: []store.Version{stock}, Packages: []store.Package{packed(stock.Key, 1, "old")},
	}, {
		Action: store.ActionPublish, Author: "ada", Comment: "first", Roots: []byte{1, 2, 3},
		Versions: []store.Version{greet, version(script("greet"), 1)},
		Packages: []store.Package{packed(greet.Key, 1, "old"), packed(script("greet"), 1, "old")},
	}, {
		Action: store.ActionDelete, Author: "ada", Versions: []store.Version{gone},
	}, {
		Action: store.ActionReseal, Author: "avap", Packages: []store.Package{packed(stock.Key, 1, "new"), packed(script("greet"), 1, "new")},
	}, {
		Action: store.ActionAdvance, Author: "avap", AtLeast: 100,
	}, {
		Action: store.ActionRollback, Author: "bob", Versions: []store.Version{again}, Packages: []store.Package{packed(greet.Key, 3, "new")},
	}, {
		Action: store.ActionDelete, Author: "bob", Versions: []store.Version{{Key: script("greet"), Version: 2, Deleted: true}},
	}}
	base := uint64(0)
	for i := range all {
		p := &all[i]
		p.Base, p.Time = base, noon.Add(time.Duration(i)*time.Second)
		base = appended(t, s, *p)
		p.Revision = base
		for j := range p.Versions {
			v := &p.Versions[j]
			v.Revision, v.Hash = base, sha256.Sum256([]byte(v.Source))
			if v.Author == "" {
				v.Author, v.Time = p.Author, p.Time
			}
		}
		for j := range p.Packages {
			p.Packages[j].Revision = base
		}
	}
	return all
}

func TestSinceGivesWhatWasAppended(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url)
		want := life(t, s)
		if diff := cmp.Diff(want, since(t, s, 0)); diff != "" {
			t.Errorf("Since(0) (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want[5:], since(t, s, 100)); diff != "" {
			t.Errorf("Since(100) (-want +got):\n%s", diff)
		}
		everything, err := s.Since(t.Context(), 3, 0)
		if diff := cmp.Diff(want[3:], everything); diff != "" || err != nil {
			t.Errorf("Since(3, all): %v (-want +got):\n%s", err, diff)
		}
	})
}

func TestLoadGivesTheNewest(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		first := open(t, url)
		published := life(t, first)
		want := &store.State{
			Revision: 102,
			Units: []store.Live{
				{Version: published[0].Versions[0], Package: published[3].Packages[0]},
				{Version: published[5].Versions[0], Package: published[5].Packages[0]},
			},
			Deleted: []store.Tombstone{{Key: script("greet"), Version: 2, Revision: 102}},
			Roots: []store.Root{
				{Revision: 1}, {Revision: 2, Roots: []byte{1, 2, 3}}, {Revision: 3}, {Revision: 4}, {Revision: 100}, {Revision: 101}, {Revision: 102},
			},
		}
		for name, s := range map[string]store.Store{"same": first, "opened again": open(t, url)} {
			if diff := cmp.Diff(want, load(t, s)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestLoadOfANewStore(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		if diff := cmp.Diff(&store.State{}, load(t, open(t, url))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestHistoryAndVersions(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url)
		published := life(t, s)
		want := []store.Version{published[5].Versions[0], published[2].Versions[0], published[1].Versions[0]}
		for _, v := range want {
			got, err := s.Version(t.Context(), v.Key, v.Version)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v, *got); diff != "" {
				t.Errorf("version %d (-want +got):\n%s", v.Version, diff)
			}
		}
		for i := range want {
			want[i].Source = ""
		}
		got, err := s.History(t.Context(), command("greet"))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("history: %v (-want +got):\n%s", err, diff)
		}

		if got, err := s.History(t.Context(), command("never")); len(got) > 0 || err != nil {
			t.Errorf("history of what never was: %v, %v", got, err)
		}
		for _, v := range []uint64{0, 4} {
			if _, err := s.Version(t.Context(), command("greet"), v); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("version %d: %v, want ErrNotFound", v, err)
			}
		}
	})
}

func TestAudit(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url)
		var all []store.AuditEntry
		for _, p := range life(t, s) {
			e := store.AuditEntry{Revision: p.Revision, Time: p.Time, Author: p.Author, Action: p.Action, Comment: p.Comment}
			for _, v := range p.Versions {
				e.Units = append(e.Units, store.AuditUnit{Key: v.Key, Version: v.Version, Deleted: v.Deleted, From: v.From})
			}
			all = append([]store.AuditEntry{e}, all...)
		}
		for _, tt := range []struct {
			query store.AuditQuery
			want  []store.AuditEntry
		}{
			{store.AuditQuery{}, all},
			{store.AuditQuery{Limit: 2}, all[:2]},
			{store.AuditQuery{Before: 101, Limit: 2}, all[2:4]},
			{store.AuditQuery{Name: "addVar"}, all[6:]},
			{store.AuditQuery{Name: "greet", Before: 102}, []store.AuditEntry{all[1], all[4], all[5]}},
			{store.AuditQuery{Name: "never"}, nil},
			{store.AuditQuery{Before: 1}, nil},
		} {
			got, err := s.Audit(t.Context(), tt.query)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%+v: %v (-want +got):\n%s", tt.query, err, diff)
			}
		}
	})
}

func TestConflict(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url)
		appended(t, s, pair(0, "ada"))
		for _, base := range []uint64{0, 2, 7} {
			if _, err := s.Append(t.Context(), pair(base, "bob")); !errors.Is(err, store.ErrConflict) {
				t.Errorf("base %d: %v, want ErrConflict", base, err)
			} else if c := (*store.ConflictError)(nil); !errors.As(err, &c) || c.Revision != 1 || c.Base != base {
				t.Errorf("base %d: %v, want that the revision is 1", base, err)
			}
		}
		checkPairs(t, s, map[uint64]string{1: "ada"})
	})
}

func TestInvalidPublications(t *testing.T) {
	a := command("a")
	with := func(change func(v *store.Version)) []store.Version {
		v := version(a, 2)
		change(&v)
		return []store.Version{v}
	}
	tests := []struct {
		name string
		p    store.Publication
		want string
	}{
		{"nothing", store.Publication{}, "there is nothing in the publication"},
		{"twice", store.Publication{Versions: []store.Version{version(a, 2), version(a, 3)}}, "a: the publication has two versions of it"},
		{"a version that is there", store.Publication{Versions: []store.Version{version(a, 1)}}, "a version is there already"},
		{"a version too far", store.Publication{Versions: []store.Version{version(a, 3)}}, "a: its version is not the one after its newest"},
		{"a first version too far", store.Publication{Versions: []store.Version{version(command("b"), 2)}}, "b: its version is not the one after its newest"},
		{"version 0", store.Publication{Versions: []store.Version{version(a, 0)}}, "a: versions are numbered from 1"},
		{"no name", store.Publication{Versions: []store.Version{version(command(""), 1)}}, ": a unit has no name"},
		{"long name", store.Publication{Versions: []store.Version{version(command(strings.Repeat("n", 513)), 1)}}, "the name is longer than 512 bytes"},
		{"no kind", store.Publication{Versions: []store.Version{version(store.Key{Name: "a"}, 2)}}, "a: 0 is no kind of a unit"},
		{"zero byte", store.Publication{Versions: with(func(v *store.Version) { v.Source = "a\x00b" })}, "a: a text holds a zero byte"},
		{"not UTF-8", store.Publication{Versions: with(func(v *store.Version) { v.Source = "\xff" })}, "a: a text is not UTF-8"},
		{"hash", store.Publication{Versions: with(func(v *store.Version) { v.Hash[0] = 1 })}, "a: the hash is not the source's"},
		{"mode", store.Publication{Versions: with(func(v *store.Version) { v.Params = []bytecode.Param{{Name: "p", Mode: 77}} })}, `a: the parameter "p" has an unknown mode`},
		{"author", store.Publication{AtLeast: 9, Author: "\x00"}, "a text holds a zero byte"},
		{"a package without a version", store.Publication{Packages: []store.Package{packed(command("b"), 1, "k")}}, "a package is of a version that is not"},
		{"a package of an old version", store.Publication{Versions: []store.Version{version(a, 2)}, Packages: []store.Package{packed(a, 1, "k")}}, "a: its package is not of its newest version, or it is deleted"},
		{"a package of a deleted unit", store.Publication{Packages: []store.Package{packed(command("gone"), 2, "k")}}, "gone: its package is not of its newest version, or it is deleted"},
		{"two packages", store.Publication{Packages: []store.Package{packed(a, 1, "k"), packed(a, 1, "l")}}, "a: the publication has two packages of it"},
		{"revision", store.Publication{AtLeast: 1 << 63}, "the revision is more than 2^63-1"},
	}
	both(t, func(t *testing.T, url string) {
		s := open(t, url)
		appended(t, s, store.Publication{Versions: []store.Version{version(a, 1), version(command("gone"), 1)}})
		base := appended(t, s, store.Publication{Base: 1, Versions: []store.Version{{Key: command("gone"), Version: 2, Deleted: true}}})
		before := load(t, s)
		for _, tt := range tests {
			tt.p.Base = base
			_, err := s.Append(t.Context(), tt.p)
			var invalid *store.InvalidError
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
			}
		}
		if diff := cmp.Diff(before, load(t, s)); diff != "" {
			t.Errorf("a refused publication left something (-before +after):\n%s", diff)
		}
	})
}

// TestLargePublication has more rows than one statement takes.
func TestLargePublication(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url)
		var p store.Publication
		for i := range 1000 {
			key := command(fmt.Sprintf("c%03d", i))
			p.Versions = append(p.Versions, version(key, 1))
			p.Packages = append(p.Packages, packed(key, 1, "k"))
		}
		p.Versions[500].Source = "// " + strings.Repeat("x", 9<<20)
		appended(t, s, p)
		state := load(t, s)
		if len(state.Units) != len(p.Versions) {
			t.Fatalf("%d units, want %d", len(state.Units), len(p.Versions))
		}
		for i, u := range state.Units {
			if u.Source != p.Versions[i].Source || string(u.Package.Bytes) != string(p.Packages[i].Bytes) {
				t.Fatalf("unit %d is %.40q with %q", i, u.Source, u.Package.Bytes)
			}
		}
	})
}

func TestChanges(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s, other := open(t, url), open(t, url)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		own, others, ended := s.Changes(t.Context()), other.Changes(t.Context()), s.Changes(ctx)
		quiet(t, own)
		quiet(t, others)

		appended(t, s, pair(0, "ada"))
		told(t, own)
		told(t, others)

		cancel()
		for range ended { // until it is closed
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for range own {
		}
		if _, open := <-s.Changes(t.Context()); open {
			t.Error("a closed store told of a change")
		}
	})
}

// TestConcurrentAppends has four writers on two stores of one database.
func TestConcurrentAppends(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		const each = 25
		stores := []store.Store{open(t, url), open(t, url)}
		changes := []<-chan struct{}{stores[0].Changes(t.Context()), stores[1].Changes(t.Context())}
		var (
			mu           sync.Mutex
			acknowledged = map[uint64]string{}
			writers      sync.WaitGroup
		)
		for i, author := range []string{"ada", "bob", "cyd", "dan"} {
			writers.Go(func() {
				s := stores[i%2]
				for range each {
					revision, err := persist(t.Context(), s, author)
					if err != nil {
						t.Errorf("%s: %v", author, err)
						return
					}
					mu.Lock()
					if other, twice := acknowledged[revision]; twice {
						t.Errorf("revision %d was acknowledged to %s and %s", revision, other, author)
					}
					acknowledged[revision] = author
					mu.Unlock()
				}
			})
		}
		// Whoever reads what is new at each signal comes to see all.
		for i, s := range stores {
			seen := uint64(0)
			for seen < 4*each {
				told(t, changes[i])
				if news := since(t, s, seen); len(news) > 0 {
					if news[0].Revision != seen+1 {
						t.Errorf("revision %d follows %d", news[0].Revision, seen)
					}
					seen = news[len(news)-1].Revision
				}
			}
		}
		writers.Wait()
		if len(acknowledged) != 4*each {
			t.Errorf("%d publications were acknowledged, want %d", len(acknowledged), 4*each)
		}
		checkPairs(t, stores[0], acknowledged)
	})
}

// persist appends a pair on whatever is the newest revision.
func persist(ctx context.Context, s store.Store, author string) (uint64, error) {
	for {
		state, err := s.Load(ctx)
		if err != nil {
			return 0, err
		}
		revision, err := s.Append(ctx, pair(state.Revision, author))
		if !errors.Is(err, store.ErrConflict) {
			return revision, err
		}
	}
}

func TestAppendEndsWithItsContext(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Append(ctx, pair(0, "ada")); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want context.Canceled", err)
		}
		checkPairs(t, s, nil)
	})
}

func TestClosedStore(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url)
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := s.Append(t.Context(), pair(0, "ada")); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Append: %v, want ErrClosed", err)
		}
		if _, err := s.Load(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Load: %v, want ErrClosed", err)
		}
	})
}
