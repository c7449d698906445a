// This file measures: what is measured, and in which order.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/avap-framework/avap/bench/engine"
)

// Names in reports.
const (
	avap    = "AVAP"
	lua54   = "Lua 5.4"
	compile = "compile"
)

// A subject is one program on one engine, with its samples.
type subject struct {
	Program string          `json:"program"`
	Engine  string          `json:"engine"`
	Samples []engine.Sample `json:"samples"`

	sample func() (engine.Sample, error)
}

// prepare makes the subjects, program by program, and checks that each gives
// the right answer.
func prepare(ctx context.Context, lua string, least time.Duration) ([]*subject, error) {
	var subjects []*subject
	add := func(program, name string, sample func() (engine.Sample, error)) {
		subjects = append(subjects, &subject{Program: program, Engine: name, sample: sample})
	}
	if lua != "" {
		if _, err := exec.LookPath(lua); err != nil {
			return nil, fmt.Errorf("%w (Debian: apt-get install lua5.4; or leave it out with -lua '')", err)
		}
	}
	for _, p := range engine.Programs() {
		for _, e := range engine.All() {
			run, err := e.Prepare(p)
			if errors.Is(err, engine.ErrNotExpressible) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("%s on %s: %w", p, e.Name(), err)
			}
			checked := func() error {
				answer, err := run()
				if err != nil {
					return err
				}
				return p.Check(answer)
			}
			add(string(p), e.Name(), func() (engine.Sample, error) { return engine.Measure(checked, least) })
		}
		if lua != "" {
			add(string(p), lua54, func() (engine.Sample, error) {
				ns, err := engine.PUCLua(lua).Measure(ctx, p, least)
				return engine.Sample{CPU: ns, Wall: ns}, err
			})
		}
	}
	for _, e := range engine.All() {
		f, err := e.Compile()
		if err != nil {
			return nil, fmt.Errorf("compile on %s: %w", e.Name(), err)
		}
		add(compile, e.Name(), func() (engine.Sample, error) { return engine.Measure(f, least) })
	}
	return subjects, nil
}

// measure takes one sample of each subject in each round, so that a noisy
// minute of the machine meets all of them alike.
func measure(ctx context.Context, subjects []*subject, rounds int, progress io.Writer) error {
	for round := range rounds {
		fmt.Fprintf(progress, "round %d of %d\n", round+1, rounds)
		for _, s := range subjects {
			if err := ctx.Err(); err != nil {
				return err
			}
			sample, err := s.sample()
			if err != nil {
				return fmt.Errorf("%s on %s: %w", s.Program, s.Engine, err)
			}
			s.Samples = append(s.Samples, sample)
		}
	}
	return nil
}
