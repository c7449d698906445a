package avap_test

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/avap-framework/avap"
)

// canaryScripts each put the canary of their execution wherever a script can put
// something, look for what another execution may have left, and end in their
// own way.
var canaryScripts = []struct {
	name, script string
	limits       avap.Limits
	wantCode     avap.ErrorCode
}{
	{name: "success", script: canaryHead + `addResult(mine)`},
	{name: "function", script: canaryHead + `
function f(a, b) {
    if(a > 0)
        kept = b + "-f"
        return f(a - 1, kept)
    end()
    variableToList(left, seen)
    return [b, seen]
}
deep = f(20, canary)
addResult(deep)`},
	{name: "definition", script: canaryHead + `
remember(canary, told)
told2 = remember(canary)
addResult(told)`},
	{name: "many registers", script: canaryHead + manyVariables + `addResult(mine)`},
	{name: "error", script: canaryHead + `x = mine["nowhere"]`, wantCode: "runtime_error"},
	{name: "error in a function", script: canaryHead + `
function boom(n, kept) {
    if(n == 0)
        return 1 / 0
    end()
    return boom(n - 1, kept + "!")
}
try()
    boom(30, canary)
exception(e)
    addResult(e)
end()
boom(10, canary)`, wantCode: "runtime_error"},
	{
		name: "memory", script: canaryHead + "while(true)\n    mine = {\"again\": [mine, mine], \"text\": canary * 1000}\nend()",
		limits: avap.Limits{Memory: 1 << 20}, wantCode: "quota_memory",
	},
	{
		name: "instructions", script: canaryHead + "while(true)\n    x = canary\nend()",
		limits: avap.Limits{Instructions: 5000}, wantCode: "quota_instructions",
	},
	{
		name: "depth", script: canaryHead + "function f(a) { return f([a, canary]) }\nf(canary)",
		wantCode: "quota_depth",
	},
	{
		name: "output", script: canaryHead + "big = canary * 5000\naddResult(big)",
		limits: avap.Limits{Output: 10_000}, wantCode: "quota_output",
	},
}

const canaryHead = `
// Nothing of these is set unless somebody else has set it.
addVar(left, [left1, left2, left3])
addVar(strange, [` + "`${kept}${other}${deep}${told}${seen}${x}`" + `])
addParam("canary", param)
mine = {"v": canary, "p": param, "list": [canary] * 3, "text": canary + "-text"}
addVar(copied, mine)
left1 = canary
other = [c + "!" for c in [canary, param]]
addResult(left)
addResult(strange)
addResult(other)
`

// manyVariables fills registers beyond those that instructions reach directly.
var manyVariables = func() string {
	var b strings.Builder
	for i := range 300 {
		fmt.Fprintf(&b, "v%d = canary\n", i)
	}
	return b.String()
}()

var canaryPattern = regexp.MustCompile(`canary-\d+-`)

// TestIsolation runs 10,000 executions on many goroutines over shared programs:
// nothing of one is ever seen by another, also behind errors and quotas.
func TestIsolation(t *testing.T) {
	t.Parallel()
	engine, err := avap.New(avap.Options{Definitions: []avap.Source{{Name: "remember", Text: `
command remember(what: value, told: out) {
    try()
        told = [what, before]
    exception(e)
        told = [what, e]
    end()
    before = what
}`}}})
	if err != nil {
		t.Fatal(err)
	}
	programs := make([]*avap.Program, len(canaryScripts))
	for i, c := range canaryScripts {
		if programs[i], err = engine.Compile(c.script); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	const executions = 10_000
	workers := 4 * runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for id := w; id < executions; id += workers {
				runCanary(t, programs[id%len(programs)], id)
			}
		})
	}
	wg.Wait()
}

// runCanary runs one execution and looks for canaries that are not its own.
func runCanary(t *testing.T, p *avap.Program, id int) {
	c := canaryScripts[id%len(canaryScripts)]
	own := fmt.Sprintf("canary-%d-", id)
	r, err := p.Run(t.Context(), avap.Input{
		Variables: avap.Object{{Key: "canary", Value: own}, {Key: fmt.Sprintf("extra%d", id%7), Value: own}},
		Query:     "canary=" + own,
		Limits:    &c.limits,
	})
	text := ""
	if err != nil {
		text = err.Error()
		if got := avap.Errors(err)[0].Code; got != c.wantCode {
			t.Errorf("%s: ended with %s, want %q", c.name, err, c.wantCode)
		}
	} else {
		text = string(r.JSON)
		if c.wantCode != "" {
			t.Errorf("%s: ended well, want %s", c.name, c.wantCode)
		}
		if !strings.Contains(text, `"left":"[left1, left2, left3]"`) || !strings.Contains(text, `"strange":[""]`) {
			t.Errorf("%s: a variable was set before it was: %.300s", c.name, text)
		}
	}
	for _, found := range canaryPattern.FindAllString(text, -1) {
		if found != own {
			t.Errorf("%s: execution %d saw %s", c.name, id, found)
		}
	}
}
