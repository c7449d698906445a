// This file holds what a path is, the list of them, and how one is run.

// Package guard keeps the key paths from becoming dearer unnoticed. It runs each a
// number of times between two marks, and its test compares what a round took with the
// bounds in testdata/bounds.txt: the processor's instructions, as valgrind counts
// them, allocations, system calls, and what the machine itself charges. None of them
// depends on how busy or fast a computer is.
//
// docs/development.md says how a failure is read and a new bound accepted.
package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"syscall"
)

// Path is one way through the product.
type Path struct {
	Name string
	// Rounds is how many make one sample: some millions of instructions.
	Rounds int
	start  func(s *setup) (work, error)
}

// work is a path that was prepared.
type work struct {
	// round goes the path once, and looks at what came of it.
	round func() error
	// used tells what the machine charged for the last round; nil where there is none.
	used func() (fuel, memory int64)
}

// Paths returns all paths.
func Paths() []Path {
	return slices.Concat(requestPaths, enginePaths, partPaths, definitionPaths)
}

// Sample is what some rounds of a path took together.
type Sample struct {
	Path   string
	Rounds int
	// Of the heap, with the collector off.
	Allocations, Bytes uint64
	// What the machine charged for the last round; zero where there is no machine.
	Fuel, Memory int64
}

// Run warms a path up, and takes samples of that many rounds each. Every sample is
// written as a line of JSON, and marked by calls of Begin and End. Nothing else may run
// in the process meanwhile.
func (p Path) Run(ctx context.Context, out io.Writer, samples, rounds int) (err error) {
	s := &setup{ctx: ctx}
	defer func() { err = errors.Join(err, s.close()) }()
	w, err := p.start(s)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	for i := range samples + 1 {
		sample, err := w.sample(rounds, i > 0)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		if sample.Path = p.Name; i == 0 {
			continue // pools, caches and buffers were filled
		}
		if err := json.NewEncoder(out).Encode(sample); err != nil {
			return err
		}
	}
	return nil
}

func (w work) sample(rounds int, marked bool) (Sample, error) {
	s := Sample{Rounds: rounds}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if marked {
		Begin()
	}
	for range rounds {
		if err := w.round(); err != nil {
			return s, err
		}
	}
	if marked {
		End()
	}
	runtime.ReadMemStats(&after)
	s.Allocations, s.Bytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	if w.used != nil {
		s.Fuel, s.Memory = w.used()
	}
	return s, nil
}

// Begin is where counting begins. Valgrind knows it by its name, and a list of system
// calls shows its getppid, which nothing else here asks for.
//
//go:noinline
func Begin() { syscall.Getppid() }

// End is where counting ends.
//
//go:noinline
func End() { syscall.Getppid() }

// setup is what a path needs while it is measured.
type setup struct {
	ctx  context.Context
	ends []func() error
}

// atEnd has f called when the path was measured, the last first.
func (s *setup) atEnd(f func() error) { s.ends = append(s.ends, f) }

func (s *setup) close() error {
	var errs []error
	for _, f := range slices.Backward(s.ends) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}
