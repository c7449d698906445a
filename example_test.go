package avap_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/host"
)

// A script reads its variables, and exports what the caller asked for.
func Example() {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := engine.Compile(`
total = price * count
if(total, 100, >)
    total = total * 0.9
end()
addResult(total)
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := program.Run(context.Background(), avap.Input{
		Variables: avap.Object{{Key: "price", Value: 30}, {Key: "count", Value: 5}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Get("total"))
	// Output: 135
}

// A program is compiled once, and run from as many goroutines as one likes. No
// execution sees anything of another.
func ExampleProgram_Run_concurrent() {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := engine.Compile("square = n * n\naddResult(square)")
	if err != nil {
		fmt.Println(err)
		return
	}
	squares := make([]any, 5)
	var wg sync.WaitGroup
	for n := range squares {
		wg.Go(func() {
			result, err := program.Run(context.Background(), avap.Input{
				Variables: avap.Object{{Key: "n", Value: n}},
			})
			if err == nil {
				squares[n] = result.Get("square")
			}
		})
	}
	wg.Wait()
	fmt.Println(squares)
	// Output: [0 1 4 9 16]
}

// An execution that reaches a quota ends with the quota's code. It always ends at
// the same instruction.
func ExampleLimits() {
	engine, err := avap.New(avap.Options{Limits: avap.Limits{Instructions: 10_000}})
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := engine.Compile("while(true)\n    n = 1\nend()")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = program.Run(context.Background(), avap.Input{})
	var e *avap.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code)
		fmt.Println(e)
	}
	// One execution may have other limits than the engine's.
	_, err = program.Run(context.Background(), avap.Input{Limits: &avap.Limits{Instructions: -1, Time: 10 * time.Millisecond}})
	if errors.As(err, &e) {
		fmt.Println(e.Code)
	}
	// Output:
	// quota_instructions
	// line 1: more than 10000 instructions
	// quota_time
}

// Variables are the first contents of the Global pool. Parameters are what
// addParam reads: those of the query string first, with the types that their text
// reads as.
func ExampleInput() {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := engine.Compile(`
addParam(page, page)
addParam(filter, filter)
addParam(missing, missing)
addVar(_status, 206)
addResult(page)
addResult(filter)
addResult(missing)
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := program.Run(context.Background(), avap.Input{
		Variables: avap.Object{{Key: "tenant", Value: "acme"}},
		Query:     "page=3",
		Parameters: avap.Object{
			{Key: "page", Value: 1},
			{Key: "filter", Value: avap.Object{{Key: "open", Value: true}}},
		},
		NoLogs: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Status)
	for _, export := range result.Exports {
		fmt.Println(export.Key, "=", export.Value)
	}
	fmt.Println(string(result.JSON))
	// Output:
	// 206
	// page = 3
	// filter = [{open true}]
	// missing = <nil>
	// {"success":true,"result":{"page":3,"filter":{"open":true},"missing":null},"variables":{"tenant":"acme","page":3,"filter":{"open":true},"missing":null,"_status":206},"logs":[]}
}

// Definitions add commands, written in AVAP themselves. They see nothing of the
// script that calls them but their parameters.
func ExampleOptions_definitions() {
	engine, err := avap.New(avap.Options{Definitions: []avap.Source{{
		Name: "greetings.avap",
		Text: `
// Greets somebody.
command greet(who: value, target: out) {
    target = "Hello " + who
}
`,
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := engine.Compile("greet(Ada, text)\naddResult(text)")
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := program.Run(context.Background(), avap.Input{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Get("text"))
	// Output: Hello Ada
}

// greeter is a host that answers without a network.
type greeter struct{}

func (greeter) Do(_ context.Context, r *host.Request) (*host.Response, error) {
	name, ok := strings.CutPrefix(r.URL, "https://people.internal/")
	if !ok {
		return nil, &host.Error{Code: host.CodeAddressDenied, Message: "only people.internal may be asked"}
	}
	body := []byte(`{"name": "` + name + `"}`)
	if r.Grow != nil {
		if err := r.Grow(len(body)); err != nil {
			return nil, err
		}
	}
	return &host.Response{Status: 200, ContentType: "application/json", Body: body}, nil
}

// fixedClock always tells the same time.
type fixedClock struct{ time.Time }

func (c fixedClock) Now() time.Time { return c.Time }

// What scripts reach outside is what their engine's host lets them reach, and what
// the single execution is granted.
func ExampleHost() {
	engine, err := avap.New(avap.Options{Host: avap.Host{
		HTTP:  greeter{},
		Clock: fixedClock{time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC)},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := engine.Compile(`
person = RequestGet(url)
name = person.name
tomorrow = getDateTime("%Y-%m-%d", 86400, UTC)
addResult(name)
addResult(tomorrow)
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, in := range []avap.Input{
		{Variables: avap.Object{{Key: "url", Value: "https://people.internal/ada"}}},
		{Variables: avap.Object{{Key: "url", Value: "https://elsewhere.example/"}}},
		{Variables: avap.Object{{Key: "url", Value: "https://people.internal/ada"}}, Grants: avap.CapTime},
	} {
		result, err := program.Run(context.Background(), in)
		var e *avap.Error
		if errors.As(err, &e) {
			fmt.Println(e.Code)
			continue
		}
		fmt.Println(result.Get("name"), result.Get("tomorrow"))
	}
	// Output:
	// ada 2026-03-01
	// address_denied
	// capability_denied
}

// What can be told of a script without running it: errors that it will meet, and
// what rarely works as meant.
func ExampleProgram_Diagnostics() {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := engine.Compile(`
frobnicate(1)
try()
x = 1
exception(err)
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range program.Diagnostics() {
		fmt.Println(d.Line, d.Col, d.Code, d.Caution())
		fmt.Println(d.Message)
	}
	// Output:
	// 2 1 unknown_command false
	// command not found: frobnicate
	// 3 1  true
	// a flat try(): what follows its exception runs in either case; close it with end()
}

// A script that does not parse is told of all its mistakes, in order.
func ExampleErrors() {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = engine.Compile("a =\nb = 1\nc = (2")
	for _, e := range avap.Errors(err) {
		fmt.Printf("%d:%d: %s (%s)\n", e.Line, e.Col, e.Msg, e.Code)
	}
	// Output:
	// 1:4: expected an expression, found the end of the line (syntax_error)
	// 3:5: `(` is not closed: ) is missing (syntax_error)
}

// An Execution is one run in its steps, for callers that have bytes and want
// bytes: nothing is turned into Go's own values on the way.
func ExampleExecution() {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := engine.Begin(context.Background(), avap.Limits{}, nil)
	defer x.End()
	x.Only = true
	items, err := x.Machine().ParseJSON([]byte(`[{"price": 2.50}, {"price": 4}]`))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := x.SetVariable("items", items); err != nil {
		fmt.Println(err)
		return
	}
	program, err := x.Compile("total = sum(i.price for i in items)\naddResult(total)")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := x.Run(program); err != nil {
		fmt.Println(err)
		return
	}
	answer, err := x.AppendAnswer(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(answer))
	// Output: {"success":true,"result":{"total":6.5}}
}
