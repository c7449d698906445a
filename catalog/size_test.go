// This file holds what large catalogs cost.

package catalog_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/internal/catalogtest"
	"github.com/avap-framework/avap/seal"
)

// publishMany publishes definitions of about 600 bytes, and gives the revision.
func publishMany(b *testing.B, n int) (*catalogtest.Publisher, []catalog.Change, catalog.SignedManifest) {
	b.Helper()
	p := catalogtest.New(b)
	one := p.Define(`
command definition(text: value, factor: value, o: out) {
    total = 0
    startLoop(i, 1, factor)
        if(i, 3, ">")
            total = total + i * 7
        else()
            total = total - len(text)
        end()
    endLoop()
    o = text.upper() + ": " + str(total)
}`)[0]
	u, err := seal.OpenUnverified(one.Package)
	if err != nil {
		b.Fatal(err)
	}
	program := *u.Unit.Program
	changes := make([]catalog.Change, n)
	for i := range changes {
		program.Name = fmt.Sprint("definition", i)
		program.Functions[0].Name = program.Name
		changes[i] = p.Seal(&program)
	}
	b.ReportMetric(float64(len(changes[0].Package)), "B/unit")
	changes, m := p.Next(changes...)
	return p, changes, m
}

func BenchmarkApply10k(b *testing.B) {
	p, changes, m := publishMany(b, 10_000)
	for b.Loop() {
		if _, err := catalog.NewReplica(p.Options()).Apply(changes, true, m, catalogtest.Clock()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApplyDelta is one changed definition among 10,000.
func BenchmarkApplyDelta(b *testing.B) {
	p, changes, m := publishMany(b, 10_000)
	r := catalog.NewReplica(p.Options())
	if _, err := r.Apply(changes, true, m, catalogtest.Clock()); err != nil {
		b.Fatal(err)
	}
	u, err := seal.OpenUnverified(changes[7].Package)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		u.Unit.Source[0] = byte(i)
		sealed, err := seal.Seal(u.Unit, p.PackageKey)
		if err != nil {
			b.Fatal(err)
		}
		delta, m := p.Next(p.Change(bytecode.KindCommand, changes[7].Name, bytes.Clone(sealed)))
		b.StartTimer()
		if _, err := r.Apply(delta, false, m, catalogtest.Clock()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSnapshot100k(b *testing.B) {
	p, changes, m := publishMany(b, 100_000)
	v, err := catalog.NewReplica(p.Options()).Apply(changes, true, m, catalogtest.Clock())
	if err != nil {
		b.Fatal(err)
	}
	name := filepath.Join(b.TempDir(), "snapshot")
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			s, err := catalog.WriteSnapshot(b.Context(), name, v, p)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(s.Size())
			s.Close()
		}
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			_, s, err := restore(p.Options(), name)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(s.Size())
			s.Close()
		}
	})
}

// BenchmarkView looks up what a script of five commands needs, all in memory.
func BenchmarkView(b *testing.B) {
	p, changes, m := publishMany(b, 10_000)
	v, err := catalog.NewReplica(p.Options()).Apply(changes, true, m, catalogtest.Clock())
	if err != nil {
		b.Fatal(err)
	}
	names := []string{"definition1", "definition2", "definition3", "definition4", "nobody"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.View(b.Context(), names); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad100k loads definitions of a catalog of 100,000 from a snapshot,
// through the default memory, some of them much more often than others (Zipf's
// distribution with s = 1.1).
func BenchmarkLoad100k(b *testing.B) {
	p, changes, m := publishMany(b, 100_000)
	v, err := catalog.NewReplica(p.Options()).Apply(changes, true, m, catalogtest.Clock())
	if err != nil {
		b.Fatal(err)
	}
	name := filepath.Join(b.TempDir(), "snapshot")
	written, err := catalog.WriteSnapshot(b.Context(), name, v, p)
	if err != nil {
		b.Fatal(err)
	}
	written.Close()
	opt := p.Options()
	v, p.Packages = nil, nil
	clear(changes)
	empty := heap() // without a replica
	s, err := catalog.OpenSnapshot(name)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	opt.Source = s
	r := catalog.NewReplica(opt)
	if v, err = r.Restore(s.Units(), s.Signed()); err != nil {
		b.Fatal(err)
	}
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, 99_999)
	for b.Loop() {
		if err := v.Load(b.Context(), []string{fmt.Sprint("definition", zipf.Uint64())}); err != nil {
			b.Fatal(err)
		}
	}
	memory := r.Memory()
	b.ReportMetric(float64(memory.Hits)/float64(memory.Hits+memory.Misses), "hits/load")
	b.ReportMetric(float64(memory.Bytes)/(1<<20), "MiB-counted")
	b.ReportMetric(float64(heap()-empty)/(1<<20), "MiB-held")
	b.ReportMetric(float64(memory.Units), "units")
	runtime.KeepAlive(p)
	runtime.KeepAlive(v)
}

// heap gives the bytes that are in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
