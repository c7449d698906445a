// This file measures the parser on a script as they are usually written.

package syntax

import (
	"io"
	"testing"
)

// usual is a script of twenty lines.
const usual = `// Looks a customer up and greets.
addParam(id, id)
addParam(limit, max)
addVar(status, "pending")
if(max, 0, >)
    startLoop(i, 1, max)
        val = i * 10 + len(status)
        addVar(tmp, val)
    endLoop()
    users = [{"name": "Ana", "age": 31}, {"name": "Bo", "age": 25}]
    old = [u["name"] for u in users if u["age"] > 26]
    greeting = ` + "`Hello ${old[0]}, ${status.upper()}`" + `
else()
    _status = 404
end()
try()
    RequestGet(https://api.example.com/v1/customers, {"id": id}, , answer)
exception(err)
    addVar(status, "failed")
end()
addResult(greeting)
addResult(tmp)
`

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(usual)))
	for b.Loop() {
		if _, err := Parse(usual, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPrint(b *testing.B) {
	b.ReportAllocs()
	f := mustParse(b, usual)
	for b.Loop() {
		if err := Print(io.Discard, f); err != nil {
			b.Fatal(err)
		}
	}
}
