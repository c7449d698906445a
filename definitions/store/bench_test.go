package store_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/internal/pgtest"
)

// benchmark runs a benchmark on a store of each kind.
func benchmark(b *testing.B, run func(b *testing.B, s store.Store)) {
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + filepath.Join(b.TempDir(), "avap.db") },
		"postgres": func() string { return pgtest.Database(b) },
	} {
		b.Run(name, func(b *testing.B) {
			s, err := store.Open(b.Context(), url(), store.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			run(b, s)
		})
	}
}

// many is a publication of so many units with sources and packages of 500 bytes.
func many(base uint64, units int) store.Publication {
	p := store.Publication{Base: base, Action: store.ActionImport}
	text := "// " + strings.Repeat("x", 497)
	for i := range units {
		key := command(fmt.Sprintf("command%06d", i))
		p.Versions = append(p.Versions, store.Version{Key: key, Version: base + 1, Source: text})
		p.Packages = append(p.Packages, store.Package{Key: key, Version: base + 1, Bytecode: 1, KeyID: "k", Bytes: []byte(text)})
	}
	return p
}

// BenchmarkLoad loads 10,000 units that have three versions each.
func BenchmarkLoad(b *testing.B) {
	benchmark(b, func(b *testing.B, s store.Store) {
		for base := range uint64(3) {
			if _, err := s.Append(b.Context(), many(base, 10_000)); err != nil {
				b.Fatal(err)
			}
		}
		for b.Loop() {
			state, err := s.Load(b.Context())
			if err != nil || len(state.Units) != 10_000 {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAppend publishes one unit.
func BenchmarkAppend(b *testing.B) {
	benchmark(b, func(b *testing.B, s store.Store) {
		base := uint64(0)
		for b.Loop() {
			var err error
			if base, err = s.Append(b.Context(), many(base, 1)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkImport publishes 10,000 units at once.
func BenchmarkImport(b *testing.B) {
	benchmark(b, func(b *testing.B, s store.Store) {
		base := uint64(0)
		for b.Loop() {
			var err error
			if base, err = s.Append(b.Context(), many(base, 10_000)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
