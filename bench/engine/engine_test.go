// This file holds the benchmarks of all engines, and the test that each of
// them computes what it is measured for.

package engine

import (
	"errors"
	"testing"
)

func TestAnswers(t *testing.T) {
	each(t, func(t *testing.T, e Engine, p Program) {
		run := prepare(t, e, p)
		// Twice: what a run leaves behind must not change the next one.
		for range 2 {
			got, err := run()
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Check(got); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestCompileScripts(t *testing.T) {
	for _, e := range All() {
		t.Run(e.Name(), func(t *testing.T) {
			compile, err := e.Compile()
			if err != nil {
				t.Fatal(err)
			}
			if err := compile(); err != nil {
				t.Error(err)
			}
		})
	}
}

func BenchmarkRun(b *testing.B) {
	each(b, func(b *testing.B, e Engine, p Program) {
		run := prepare(b, e, p)
		b.ReportAllocs()
		for b.Loop() {
			got, err := run()
			if err != nil {
				b.Fatal(err)
			}
			if err := p.Check(got); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	for _, e := range All() {
		b.Run(e.Name(), func(b *testing.B) {
			compile, err := e.Compile()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := compile(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// each runs f for every program on every engine whose language can say it.
func each[T interface {
	testing.TB
	Run(string, func(T)) bool
}](t T, f func(T, Engine, Program)) {
	for _, p := range Programs() {
		for _, e := range All() {
			if p == Fib && e.Name() == "expr" {
				continue
			}
			t.Run(string(p)+"/"+e.Name(), func(t T) { f(t, e, p) })
		}
	}
}

func prepare(t testing.TB, e Engine, p Program) func() (Answer, error) {
	t.Helper()
	run, err := e.Prepare(p)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestExprHasNoFunctions(t *testing.T) {
	if _, err := (Expr{}).Prepare(Fib); !errors.Is(err, ErrNotExpressible) {
		t.Errorf("got %v, want ErrNotExpressible", err)
	}
}
