// This file holds the paths of the engine: compiling, and running what was compiled.

package guard

import (
	"bytes"
	"embed"
	"fmt"
	"strconv"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/vm"
)

//go:embed testdata/*.avap
var scripts embed.FS

// script returns the text of a script of testdata.
func script(name string) string {
	text, err := scripts.ReadFile("testdata/" + name + ".avap")
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

var handlerScript = script("handler")

var enginePaths = []Path{
	{"compile/3-lines", 80, func(*setup) (work, error) { return startCompile(script("lines3")) }},
	{"compile/20-lines", 25, func(*setup) (work, error) { return startCompile(script("lines20")) }},
	{"run/loop", 3, func(s *setup) (work, error) { return startRun(s, "loop", `{"s":50005000}`) }},
	{"run/fib", 4, func(s *setup) (work, error) { return startRun(s, "fib", `{"r":610}`) }},
	{"run/strings", 15, func(s *setup) (work, error) { return startRun(s, "strings", `{"n":300}`) }},
	{"run/handler", 1000, func(s *setup) (work, error) { return startRun(s, "handler", `{"total":50.82,"label":"T-42"}`) }},
}

// startCompile compiles a text that is new in each round.
func startCompile(text string) (work, error) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		return work{}, err
	}
	n := 1000
	return work{round: func() error {
		n++
		_, err := engine.Compile(text + "mark = " + strconv.Itoa(n) + "\n")
		return err
	}}, nil
}

// startRun runs a compiled script and writes its answer, which is to have that result.
func startRun(s *setup, name, result string) (work, error) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		return work{}, err
	}
	program, err := engine.Compile(script(name))
	if err != nil {
		return work{}, err
	}
	var fuel, memory int64
	var answer []byte
	want := []byte(`{"success":true,"result":` + result)
	return work{
		round: func() (err error) {
			x := engine.Begin(s.ctx, avap.Limits{Time: -1}, nil) // under valgrind all takes long
			defer x.End()
			x.Only = true
			if err := x.SetParameter("limit", vm.IntValue(42)); err != nil {
				return err
			}
			if err := x.Run(program); err != nil {
				return err
			}
			fuel, memory = x.Machine().Used()
			if answer, err = x.AppendAnswer(answer[:0]); err != nil {
				return err
			}
			if !bytes.HasPrefix(answer, want) {
				return fmt.Errorf("the answer is %s, not %s", answer, want)
			}
			return nil
		},
		used: func() (int64, int64) { return fuel, memory },
	}, nil
}
