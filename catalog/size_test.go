// This file holds what large catalogs cost.

package catalog_test

import (
	"bytes"
	"fmt"
	"path/filepath"
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
