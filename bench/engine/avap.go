// This file runs the programs on AVAP.

package engine

import (
	"context"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/vm"
)

// AVAP is this project, embedded. It runs as a worker runs it: with all quotas
// on, a machine of the engine's pool for each request, cleared after it, the
// request brought in and the results read as values of the machine.
type AVAP struct{}

// Name implements Engine.
func (AVAP) Name() string { return "AVAP" }

// Prepare implements Engine.
func (AVAP) Prepare(p Program) (func() (Answer, error), error) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		return nil, err
	}
	program, err := engine.Compile(source(string(p), "avap"))
	if err != nil {
		return nil, err
	}
	return func() (Answer, error) {
		x := engine.Begin(context.Background(), avap.Limits{}, nil)
		defer x.End()
		x.Only = true // no logs: no peer keeps any
		if err := x.SetParameter("limit", vm.IntValue(Limit)); err != nil {
			return Answer{}, err
		}
		if err := x.Run(program); err != nil {
			return Answer{}, err
		}
		return avapAnswer(x.Machine().Results()), nil
	}, nil
}

func avapAnswer(results []vm.Field) Answer {
	var answer Answer
	for _, result := range results {
		switch v := result.Value; v.Kind() {
		case vm.Int:
			answer.Number = float64(v.Int())
		case vm.Float:
			answer.Number = v.Float()
		case vm.String:
			answer.Text = v.Str() // shared, and kept alive by itself
		}
	}
	return answer
}

// Compile implements Engine.
func (AVAP) Compile() (func() error, error) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		return nil, err
	}
	text := source("compile", "avap")
	return func() error {
		_, err := engine.Compile(text)
		return err
	}, nil
}
