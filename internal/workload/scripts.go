// This file holds the scripts of all profiles but mixed.

package workload

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/avap-framework/avap/internal/load"
)

// A request is a script with what it is given, and the check of its answer.
type request struct {
	script string
	query  string         // with its question mark
	fields map[string]any // of the body, beside the script
	check  load.Check
}

// body returns the request as /execute takes it.
func (r request) body() []byte {
	fields := map[string]any{"script": r.script}
	for name, value := range r.fields {
		fields[name] = value
	}
	return encode(fields)
}

// encode writes JSON as the worker does: nothing is escaped that need not be, and
// load.NumberMark stays as it is.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // of texts, numbers and lists of this package
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// exports expects a success with a result, which is JSON, and nothing beside it.
func exports(status int, result string) load.Check {
	return load.Prefix(status, `{"success":true,"result":`+result+`,"variables":`)
}

// steady is a small request handler.
func (*builder) steady() request {
	return request{
		script: `addParam(limit, max)
if(max, 10, >)
    total = max * 1.21
else()
    total = max + 5
end()
label = "T-" + str(max)
addResult(total)
addResult(label)
`,
		fields: map[string]any{"limit": 100},
		check:  exports(200, `{"total":121.0,"label":"T-100"}`),
	}
}

// compute is a loop of 1,000 rounds.
func (*builder) compute() request { return loop(1000) }

// loop sums up the numbers to rounds.
func loop(rounds int) request {
	return request{
		script: `addParam(rounds, n)
s = 0
startLoop(i, 1, n)
    s = s + i
endLoop()
addResult(s)
`,
		fields: map[string]any{"rounds": rounds},
		check:  exports(200, fmt.Sprintf(`{"s":%d}`, rounds*(rounds+1)/2)),
	}
}

// cold is a script as long as steady's, with a text in it that was never there
// before.
func (b *builder) cold() request {
	return request{
		script: `addParam(limit, max)
tag = "` + b.tag + load.NumberMark + `"
if(max, 10, >)
    total = max * 1.21
else()
    total = max + 5
end()
mark = "T-" + tag[:5]
addResult(total)
addResult(mark)
`,
		fields: map[string]any{"limit": 100},
		check:  exports(200, fmt.Sprintf(`{"total":121.0,"mark":"T-%.5s"}`, b.tag)),
	}
}

// broken does not compile, and is new each time.
func (b *builder) broken() request {
	return request{
		script: `tag = "` + b.tag + load.NumberMark + `"
if(tag, 1, ==
    addResult(tag)
`,
		check: load.Code(400, "syntax_error"),
	}
}

// heavyRounds is a loop of well over the 500 µs after which an execution leaves the
// fast lane, and well below the default quota on instructions.
const heavyRounds = 500_000

// Which of a hundred requests of chaos are not steady's: one syntax error, and five
// heavy scripts that are as far from each other as can be.
const (
	chaosBroken = 55 // of 100
	chaosHeavy  = 10 // of 20
)

func (b *builder) chaos() load.Source {
	return chaos{healthy: b.repeat(b.steady()), broken: b.repeat(b.broken()), heavy: b.repeat(loop(heavyRounds))}
}

type chaos struct{ healthy, broken, heavy load.Source }

func (c chaos) Next(n int64, r *load.Request) {
	switch {
	case n%100 == chaosBroken:
		c.broken.Next(n, r)
	case n%20 == chaosHeavy:
		c.heavy.Next(n, r)
	default:
		c.healthy.Next(n, r)
	}
}
