package catalog_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
)

// entry is version 1 of a command whose package is its name.
func entry(name string) catalog.Entry {
	return catalog.Entry{Kind: bytecode.KindCommand, Name: name, Version: 1, Hash: sha256.Sum256([]byte(name))}
}

// place is a key as a text of 0 and 1.
func place(e catalog.Entry) string {
	sum := sha256.Sum256(append([]byte{byte(e.Kind)}, e.Name...))
	var b strings.Builder
	for _, c := range sum {
		fmt.Fprintf(&b, "%08b", c)
	}
	return b.String()
}

// naiveRoot is the root as the documentation of Tree words it.
func naiveRoot(entries []catalog.Entry) catalog.Hash {
	switch len(entries) {
	case 0:
		return sha256.Sum256([]byte{2})
	case 1:
		e := entries[0]
		b := binary.BigEndian.AppendUint64([]byte{0, byte(e.Kind)}, e.Version)
		return sha256.Sum256(append(append(b, e.Hash[:]...), e.Name...))
	}
	for bit := range 256 {
		var sides [2][]catalog.Entry
		for _, e := range entries {
			which := place(e)[bit] - '0'
			sides[which] = append(sides[which], e)
		}
		if len(sides[0]) > 0 && len(sides[1]) > 0 {
			left, right := naiveRoot(sides[0]), naiveRoot(sides[1])
			return sha256.Sum256(slices.Concat([]byte{1, byte(bit)}, left[:], right[:]))
		}
	}
	panic("two entries of one name")
}

// TestTreeVectors holds roots that other programs can be tested against.
func TestTreeVectors(t *testing.T) {
	script := entry("a")
	script.Kind = bytecode.KindScript
	later := entry("a")
	later.Version = 2
	zero := entry("a")
	zero.Hash = catalog.Hash{}
	for _, tt := range []struct {
		name    string
		entries []catalog.Entry
		root    string
	}{
		{"nothing", nil, "dbc1b4c900ffe48d575b5da5c638040125f65db0fe3e24494b76ea986457d986"},
		{"one", []catalog.Entry{entry("a")}, "dd8f2e6f5b8d844a672627806e71c49523343a91d8333761cbbc545b2506d1e7"},
		{"another version", []catalog.Entry{later}, "2ce2d77a1ff42dc7b907e27045b77a35604e7953fe1d392b749ff106cabc6f87"},
		{"another kind", []catalog.Entry{script}, "07e9a5c05e6631a700ff0488491932eaca26d87f07aad6eabc07ab772188e929"},
		{"what the version cannot express", []catalog.Entry{zero}, "acb81fdd067c7b79758eb3411ec03fa945181052b1a331f415b21663f058cc80"},
		{"one name, two kinds", []catalog.Entry{entry("a"), script}, "9e5e78066a2c53a4ef1e8bf933bc88ec53f14b6fca6325b160968c392c8a839f"},
		{"three", []catalog.Entry{entry("a"), entry("b"), entry("c")}, "f37d448a175ea3d647447ae34d23a1c13abf5e8bbb30fef92ae6cbe87bbfd446"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, naive := catalog.NewTree(tt.entries...).Root(), naiveRoot(tt.entries)
			if hex.EncodeToString(root[:]) != tt.root || root != naive {
				t.Errorf("the root is %x, by the definition %x, documented %s", root, naive, tt.root)
			}
		})
	}
}

func TestTree(t *testing.T) {
	var none *catalog.Tree
	if _, ok := none.Get(bytecode.KindCommand, "a"); ok || none.Len() != 0 || none.Root() != naiveRoot(nil) {
		t.Error("the empty tree is not empty")
	}
	one := none.With(entry("a"))
	two := one.With(entry("b"))
	if one.Len() != 1 || two.Len() != 2 {
		t.Errorf("%d and %d entries", one.Len(), two.Len())
	}
	if got, ok := two.Get(bytecode.KindCommand, "a"); !ok || got != entry("a") {
		t.Errorf("got %v, %t", got, ok)
	}
	for _, absent := range []catalog.Entry{{Kind: bytecode.KindScript, Name: "a"}, {Kind: bytecode.KindCommand, Name: "c"}} {
		if got, ok := two.Get(absent.Kind, absent.Name); ok {
			t.Errorf("got %v", got)
		}
		if two.Without(absent.Kind, absent.Name) != two {
			t.Error("taking away what is not there changes the tree")
		}
	}
	if two.With(entry("a")) != two {
		t.Error("adding what is there changes the tree")
	}
	if back := two.Without(bytecode.KindCommand, "b"); back.Root() != one.Root() || back.Len() != 1 {
		t.Error("taking away what was added does not give the tree from before")
	}
	if none := one.Without(bytecode.KindCommand, "a"); none.Root() != naiveRoot(nil) || none.Len() != 0 {
		t.Error("taking away the last does not give the empty tree")
	}
	newer := entry("a")
	newer.Version = 2
	if got, _ := one.With(entry("a"), newer).Get(bytecode.KindCommand, "a"); got != newer {
		t.Errorf("of two with one name there is %v", got)
	}
	for e := range two.All() {
		if e.Name == "" {
			t.Error("an entry without a name")
		}
		break // and an iteration that ends early is one
	}
}

// TestTreeHistory makes random sets in random ways: the root is that of the set.
func TestTreeHistory(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		tree, set := catalog.NewTree(), map[string]catalog.Entry{}
		names := 1 + random.IntN(200)
		for range 60 {
			if random.IntN(3) == 0 {
				name := fmt.Sprint("n", random.IntN(names))
				tree = tree.Without(bytecode.KindCommand, name)
				delete(set, name)
				continue
			}
			var batch []catalog.Entry
			for range random.IntN(20) {
				e := entry(fmt.Sprint("n", random.IntN(names)))
				e.Version = uint64(random.IntN(3))
				batch, set[e.Name] = append(batch, e), e
			}
			tree = tree.With(batch...)
		}
		var entries []catalog.Entry
		for _, e := range set {
			entries = append(entries, e) // in the order of Go's maps: none
			if got, ok := tree.Get(e.Kind, e.Name); !ok || got != e {
				t.Fatalf("seed %d: got %v, want %v", seed, got, e)
			}
		}
		if tree.Root() != naiveRoot(entries) || tree.Root() != catalog.NewTree(entries...).Root() {
			t.Errorf("seed %d: the root is not that of the set", seed)
		}
		slices.SortFunc(entries, func(a, b catalog.Entry) int { return strings.Compare(place(a), place(b)) })
		if diff := cmp.Diff(entries, slices.Collect(tree.All())); diff != "" || tree.Len() != len(entries) {
			t.Errorf("seed %d: %d entries (-want +got):\n%s", seed, tree.Len(), diff)
		}
	}
}

// manyEntries are entries of other names.
func manyEntries(n int) []catalog.Entry {
	entries := make([]catalog.Entry, n)
	for i := range entries {
		entries[i] = entry(fmt.Sprint("definition", i))
	}
	return entries
}

func BenchmarkNewTree100k(b *testing.B) {
	entries := manyEntries(100_000)
	b.ReportAllocs()
	for b.Loop() {
		catalog.NewTree(entries...)
	}
}

func BenchmarkTreeWith100k(b *testing.B) {
	tree := catalog.NewTree(manyEntries(100_000)...)
	changed := entry("definition7")
	b.ReportAllocs()
	for i := uint64(2); b.Loop(); i++ {
		changed.Version = i
		tree = tree.With(changed)
	}
}

func BenchmarkTreeGet100k(b *testing.B) {
	tree := catalog.NewTree(manyEntries(100_000)...)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := tree.Get(bytecode.KindCommand, "definition7"); !ok {
			b.Fatal("not there")
		}
	}
}
