package avap_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/host"
)

// newEngine makes an engine with a source of definitions, where there is any.
func newEngine(t *testing.T, definitions string) *avap.Engine {
	t.Helper()
	var opt avap.Options
	if definitions != "" {
		opt.Definitions = []avap.Source{{Name: "defs.avap", Text: definitions}}
	}
	opt.Host.HTTP = echo{}
	engine, err := avap.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// echo answers with the URL that it is asked for.
type echo struct{}

func (echo) Do(_ context.Context, r *host.Request) (*host.Response, error) {
	return &host.Response{Status: 200, ContentType: "text/plain", Body: []byte(r.URL)}, nil
}

// run compiles and runs a script.
func run(t *testing.T, engine *avap.Engine, script string, in avap.Input) (*avap.Result, error) {
	t.Helper()
	program, err := engine.Compile(script)
	if err != nil {
		t.Fatal(err)
	}
	return program.Run(t.Context(), in)
}

// said gives the single errors as line:column: code: message.
func said(err error) []string {
	var out []string
	for _, e := range avap.Errors(err) {
		out = append(out, fmt.Sprintf("%d:%d: %s: %s", e.Line, e.Col, e.Code, e.Msg))
	}
	return out
}

func TestErrors(t *testing.T) {
	_, err := newEngine(t, "").Compile("a =\nb = 1\nc =\nd = [1")
	want := []string{
		"1:4: syntax_error: expected an expression, found the end of the line",
		"3:4: syntax_error: expected an expression, found the end of the line",
		"4:5: syntax_error: `[` is not closed: ] is missing",
	}
	if diff := cmp.Diff(want, said(err)); diff != "" {
		t.Error(diff)
	}
	if got := avap.Errors(errors.New("another")); len(got) != 0 {
		t.Errorf("%v of an error that holds none", got)
	}
	if got := avap.Errors(nil); len(got) != 0 {
		t.Errorf("%v of no error", got)
	}
}

// TestManyParameters calls functions and commands whose parameters are many for the
// registers that there are, alone and beside an expression that wants most of them.
func TestManyParameters(t *testing.T) {
	list := func(format string, n int) string {
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprintf(format, i)
		}
		return strings.Join(items, ", ")
	}
	large := "y = max(" + list("%d", 230) + ")"
	variables := strings.ReplaceAll(list("v%d = 1", 30), ", ", "\n")
	for _, n := range []int{8, 9, 50, 160, 161, 200, 235} {
		for _, beside := range []string{"", variables + "\n" + large} {
			function := fmt.Sprintf(`function f(%s) {
    own = "own"
    return [%s, own]
}
x = f(%s) == range(%d) + ["own"]
`, list("p%d", n), list("p%d", n), list("%d", n), n)
			result, err := run(t, newEngine(t, ""), function+beside+"\naddResult(x)", avap.Input{})
			if err != nil {
				t.Errorf("%d parameters, %q beside: %v", n, beside, err)
			} else if result.Get("x") != true {
				t.Errorf("%d parameters, %q beside: wrong values", n, beside)
			}
		}
	}
	engine := newEngine(t, fmt.Sprintf("command c(%s, o: out) {\n%s\n%s\no = [%s]\n}", list("p%d: value", 20), variables, large, list("p%d", 20)))
	result, err := run(t, engine, "x = c("+list("%d", 20)+") == range(20)\naddResult(x)", avap.Input{})
	if err != nil || result.Get("x") != true {
		t.Errorf("a command with 20 parameters: %v, %v", result, err)
	}
}

// TestDefinitionErrors holds what stands against definitions: each error names its
// source and its place.
func TestDefinitionErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		want string // behind the name of the source
	}{
		{"circle", "command a() {\n    b()\n}\ncommand b() {\n    a()\n}", "line 1: command a: the definitions call each other in a circle: a → b → a"},
		{"calls itself", "command a() {\n    a()\n}", "line 1: command a: the definitions call each other in a circle: a → a"},
		{"stock name", "\ncommand addVar(x: value) {\n}", "line 2: command addVar: a stock command has this name"},
		{"missing capability", "command a(o: out) {\n    o = RequestGet(\"http://h/\")\n}", "line 2: command a: RequestGet needs the capability http"},
		{"the callee's capability does not help", "command a(o: out) {\n    b(o)\n    getDateTime(\"\", 0, UTC, o)\n}\ncommand b(o: out) requires time {\n    getDateTime(\"\", 0, UTC, o)\n}", "line 3: command a: getDateTime needs the capability time"},
		{"unknown capability", "command a() requires fire {\n}", "line 1: command a: fire is no capability"},
		{"unknown mode", "command a(x: thing) {\n}", "line 1: "},
		{"addResult", "command a(x: value) {\n    addResult(x)\n}", "line 2: "},
		{"addVar", "command a() {\n    addVar(x, 1)\n}", "line 2: "},
		{"addParam", "command a() {\n    addParam(x, y)\n}", "line 2: "},
		{"getQueryParamList", "command a() {\n    getQueryParamList(y)\n}", "line 2: "},
		{"Global variable", "command a(o: out) {\n    o = $x\n}", "line 2: "},
		{"a script", "x = 1", "line 1: a source of definitions holds definitions of commands alone"},
		{"nothing", "// nothing", "line 1: a source of definitions holds definitions of commands alone"},
		{"a function beside", "command a() {\n}\nfunction f() {\n}", "line 1: a source of definitions holds definitions of commands alone"},
		{"twice", "command a() {\n}\ncommand a() {\n}", "line 3: command a stands in line 1 already"},
		{"syntax", "command a() {\n    x =\n}", "line 2: expected an expression, found the end of the line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := avap.New(avap.Options{Definitions: []avap.Source{
				{Name: "good.avap", Text: "command fine(x: value, o: out) {\n    o = x\n}"},
				{Name: "bad.avap", Text: c.text},
			}})
			if err == nil || !strings.HasPrefix(err.Error(), "bad.avap: "+c.want) {
				t.Fatalf("%v, want %s", err, c.want)
			}
			for _, e := range avap.Errors(err) {
				if e.Code != avap.CodeSyntax || e.Line == 0 || e.Col == 0 {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

// TestManyDefinitionErrors tells of all syntax errors of a source.
func TestManyDefinitionErrors(t *testing.T) {
	_, err := avap.New(avap.Options{Definitions: []avap.Source{{Name: "bad", Text: "command a() {\n    x =\n    y =\n}"}}})
	const missing = "expected an expression, found the end of the line"
	if diff := cmp.Diff("bad: line 2: "+missing+"\nbad: line 3: "+missing, err.Error()); diff != "" {
		t.Error(diff)
	}
	if n := len(avap.Errors(err)); n != 2 {
		t.Errorf("%d errors", n)
	}
}

// TestDiagnostics tells of scripts and definitions, these with their source's name.
func TestDiagnostics(t *testing.T) {
	engine, err := avap.New(avap.Options{Definitions: []avap.Source{
		{Name: "one", Text: "command a() {\n    lost()\n}"},
		{Name: "two", Text: "command b() {\n    a()\n}\ncommand c() {\n\n    a(1)\n}"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []avap.Diagnostic{
		{Name: "one", Line: 2, Col: 5, Code: "unknown_command", Message: "command not found: lost"},
		{Name: "two", Line: 6, Col: 5, Code: "bad_arguments", Message: "a() takes 0 arguments, not 1"},
	}
	if diff := cmp.Diff(want, engine.Diagnostics()); diff != "" {
		t.Error(diff)
	}
	program, err := engine.Compile("x = 1\nfrob()\nb()")
	if err != nil {
		t.Fatal(err)
	}
	want = []avap.Diagnostic{{Line: 2, Col: 1, Code: "unknown_command", Message: "command not found: frob"}}
	if diff := cmp.Diff(want, program.Diagnostics()); diff != "" {
		t.Error(diff)
	}
}

// TestSize grows with what is compiled, and counts its texts.
func TestSize(t *testing.T) {
	engine := newEngine(t, "")
	size := func(script string) int {
		p, err := engine.Compile(script)
		if err != nil {
			t.Fatal(err)
		}
		return p.Size()
	}
	small := size("x = 1")
	text := size("x = \"" + strings.Repeat("a", 100_000) + "\"")
	long := size(strings.Repeat("x = y + 1\n", 10_000))
	if small <= 0 || small > 10_000 || text < small+100_000 || long < small+10_000*8 {
		t.Errorf("%d, %d with 100,000 bytes of text, %d with 10,000 statements", small, text, long)
	}
}

// TestSizeOfSmall has small programs hold no more than they say: a cache counts on it.
func TestSizeOfSmall(t *testing.T) {
	engine := newEngine(t, "")
	compiled := func(script string) *avap.Program {
		p, err := engine.Compile(script)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	linked := func(code []byte) *avap.Program {
		decoded, err := bytecode.Decode(code)
		if err != nil {
			t.Fatal(err)
		}
		p, err := engine.Link(t.Context(), decoded)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, script := range []string{"x = 1", "x = y", "addResult(1)", "addParam(name, who)\naddResult(who)"} {
		code := bytecode.AppendProgram(nil, compiled(script).Bytecode())
		for way, make := range map[string]func() *avap.Program{
			"compiled": func() *avap.Program { return compiled(script) },
			"linked":   func() *avap.Program { return linked(code) },
		} {
			var programs [2_000]*avap.Program
			before := heap()
			for i := range programs {
				programs[i] = make()
			}
			held := (heap() - before) / len(programs)
			if size := programs[0].Size(); held > size {
				t.Errorf("%q, %s, holds %d bytes and says %d", script, way, held, size)
			}
		}
	}
}

// TestCancelled ends an execution whose context ends, before it begins or in its
// middle, uncaught.
func TestCancelled(t *testing.T) {
	program, err := newEngine(t, "").Compile("while(true)\n    try()\n        x = 1\n    exception(e)\n        x = 2\n    end()\nend()")
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(5*time.Millisecond, func() { cancel(cause) })
	_, err = program.Run(ctx, avap.Input{Limits: &avap.Limits{Time: time.Minute, Instructions: -1}})
	var e *avap.Error
	if !errors.As(err, &e) || e.Code != "cancelled" || !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
	_, err = program.Run(ctx, avap.Input{Limits: &avap.Limits{Time: time.Minute, Instructions: -1}})
	if !errors.As(err, &e) || e.Code != "cancelled" {
		t.Errorf("cancelled before it began: %v", err)
	}
}

// TestGrants denies what an execution is not granted, uncaught; the zero value
// grants everything.
func TestGrants(t *testing.T) {
	engine := newEngine(t, "")
	for _, c := range []struct {
		name, script string
		grants       avap.Capability
		want         string // a code
	}{
		{"everything", "RequestGet('http://h/', None, None, x)", 0, ""},
		{"http", "RequestGet('http://h/', None, None, x)", avap.CapHTTP, ""},
		{"no http", "RequestGet('http://h/', None, None, x)", avap.AllCapabilities &^ avap.CapHTTP, "capability_denied"},
		{"no http for a POST", "RequestPost('http://h/', None, None, None, x)", avap.CapSQL, "capability_denied"},
		{"no sql", "ormDirect('SELECT 1', x)", avap.CapHTTP, "capability_denied"},
		{"no random", "randomString('[a-z]', 4, x)", avap.CapTime, "capability_denied"},
		{"random", "randomString('[a-z]', 4, x)", avap.CapRandom, ""},
		{"no time", "getDateTime('', 0, UTC, x)", avap.CapRandom, "capability_denied"},
		{"time", "getDateTime('', 0, UTC, x)", avap.CapTime, ""},
		{"needs none", "encodeMD5(a, x)", avap.CapTime, ""},
		{"not caught", "try()\nRequestGet('http://h/', None, None, x)\nexception(e)\naddVar(x, caught)\nend()", avap.CapTime, "capability_denied"},
		{"in an expression", "x = [RequestGet('http://h/') for i in range(2)]", avap.CapTime, "capability_denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := run(t, engine, c.script, avap.Input{Grants: c.grants})
			got := ""
			if all := avap.Errors(err); len(all) > 0 {
				got = string(all[0].Code)
			}
			if got != c.want {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestLogTimes checks that the log has the time of what takes any: many instructions, or
// a call of the world outside, and not that of the statement before or behind it.
func TestLogTimes(t *testing.T) {
	const asleep = 20 * time.Millisecond
	engine, err := avap.New(avap.Options{Host: avap.Host{HTTP: sleeper(asleep)}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := run(t, engine, `n = 1
startLoop(i, 1, 10000)
    n = n + i
endLoop()
m = n
RequestGet("http://h/", None, None, answer)
m = n`, avap.Input{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range r.Logs {
		names = append(names, l.Command)
		takes := map[string]time.Duration{"startLoop": time.Microsecond, "RequestGet": asleep}[l.Command]
		if l.Duration < takes || takes == 0 && l.Duration >= asleep {
			t.Errorf("%s took %v", l.Command, l.Duration)
		}
	}
	if diff := cmp.Diff([]string{"assign", "startLoop", "assign", "RequestGet", "assign"}, names); diff != "" {
		t.Error(diff)
	}
}

// sleeper is an HTTP client that answers after a while.
type sleeper time.Duration

func (s sleeper) Do(ctx context.Context, r *host.Request) (*host.Response, error) {
	time.Sleep(time.Duration(s))
	return echo{}.Do(ctx, r)
}

// TestContracts holds that a definition has what it requires, whatever its caller
// is granted, and nothing else.
func TestContracts(t *testing.T) {
	engine := newEngine(t, `
command fetch(url: value, o: out) requires http {
    o = RequestGet(url)
}
command through(url: value, o: out) {
    fetch(url, o)
}`)
	for _, script := range []string{"fetch('http://h/', x)\naddResult(x)", "through('http://h/', x)\naddResult(x)"} {
		r, err := run(t, engine, script, avap.Input{Grants: avap.CapTime})
		if err != nil || r.Get("x") != "http://h/" {
			t.Errorf("%s: %v", script, err)
		}
	}
	if _, err := run(t, engine, "fetch('http://h/', x)\nRequestGet('http://h/', None, None, y)", avap.Input{Grants: avap.CapTime}); err == nil || avap.Errors(err)[0].Code != "capability_denied" {
		t.Errorf("behind the definition the script has what it had: %v", err)
	}
}

// TestDefinitions runs scripts against definitions of every kind.
func TestDefinitions(t *testing.T) {
	const definitions = `
command set(v: value, o: out) {
    o = v
}
command start(o: out) {
    try()
        before = o
    exception(e)
        before = "unset"
    end()
    o = [before]
}
command forget(o: out) {
    x = 1
}
command keep(o: out) {
    o = o
}
command fail(o: out) {
    o = 1
    x = 1 / 0
}
command early(n: value, o: out) {
    o = "early"
    if(n, 1, =)
        return(99)
    end()
    o = "late"
}
command read(n: name, o: out) {
    o = [n]
}
command pattern(p: text, o: out) {
    o = [p]
}
command both(a: out, b: out) {
    a = 1
    b = 2
}
command nothing() {
}
command private(o: out) {
    names = []
    try()
        names.append(secret)
    exception(e)
        names.append(e)
    end()
    try()
        names.append(left)
    exception(e)
        names.append(e)
    end()
    left = 1
    o = names
}
command outer(v: value, o: out) {
    set(v, inner)
    private(seen)
    o = [inner, seen]
}
command append1(l: value) {
    l.append(1)
}
`
	engine := newEngine(t, definitions)
	for _, c := range []struct{ name, script, want string }{ // want: the result, or code of the error
		{"statement", "set(7, x)\naddResult(x)", `{"x":7}`},
		{"expression", "x = set(7) + 1\naddResult(x)", `{"x":8}`},
		{"assignment", "x = set(7)\naddResult(x)", `{"x":7}`},
		{"out starts as the caller's value", "x = 5\nstart(x)\naddResult(x)", `{"x":[5]}`},
		{"out starts unset", "start(x)\naddResult(x)", `{"x":["unset"]}`},
		{"out starts unset in an expression", "x = 5\nx = start()\naddResult(x)", `{"x":["unset"]}`},
		{"out that is never set is None", "forget(x)\naddResult(x)", `{"x":null}`},
		{"out that was set before stays", "x = 5\nforget(x)\naddResult(x)", `{"x":5}`},
		{"out that is read unset", "keep(x)", "name_error"},
		{"out is not written behind an error", "x = 5\ntry()\nfail(x)\nexception(e)\nend()\naddResult(x)\naddResult(e)", `{"x":5,"e":"division by zero"}`},
		{"return", "early(1, x)\nearly(2, y)\naddResult(x)\naddResult(y)", `{"x":"early","y":"late"}`},
		{"the value of a return is dropped", "x = early(1)\naddResult(x)", `{"x":"early"}`},
		{"name", "v = 3\nread(v, x)\naddResult(x)", `{"x":[3]}`},
		{"name in quotes", "v = 3\nread(\"v\", x)\naddResult(x)", `{"x":[3]}`},
		{"name that is not set", "read(v, x)\naddResult(x)", `{"x":[null]}`},
		{"no name", "read(1 + 2, x)", "bad_arguments"},
		{"text", "pattern([0-9], x)\naddResult(x)", `{"x":["[0-9]"]}`},
		{"two outs", "both(x, y)\naddResult(x)\naddResult(y)", `{"x":1,"y":2}`},
		{"two outs are one variable", "both(x, x)\naddResult(x)", `{"x":2}`},
		{"two outs in no expression", "x = both()", "bad_arguments"},
		{"no parameters", "nothing()", `{}`},
		{"too many arguments", "nothing(1)", "bad_arguments"},
		{"a missing out", "set(1)", "bad_arguments"},
		{"isolated", "secret = 1\nleft = 2\nprivate(x)\nprivate(x)\naddResult(x)", `{"x":["name secret is not set","name left is not set"]}`},
		{"isolated from a function", "function f(secret) {\nprivate(x)\nreturn x\n}\ny = f(1)\naddResult(y)", `{"y":["name secret is not set","name left is not set"]}`},
		{"isolated from one that calls it", "outer(4, x)\naddResult(x)", `{"x":[4,["name secret is not set","name left is not set"]]}`},
		{"into a function's own variable", "function f() {\nset(1, x)\nreturn x\n}\nx = 0\ny = f()\naddResult(x)\naddResult(y)", `{"x":0,"y":1}`},
		{"lists are references", "l = []\nappend1(l)\naddResult(l)", `{"l":[1]}`},
		{"a function goes before", "function set(a, b) {\nreturn [a, b]\n}\nx = set(1, 2)\naddResult(x)", `{"x":[1,2]}`},
		{"missing values are None", "set(, x)\naddResult(x)", `{"x":null}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := run(t, engine, c.script, avap.Input{NoLogs: true})
			if err != nil {
				if got := avap.Errors(err)[0]; string(got.Code) != c.want {
					t.Errorf("%s: %v, want %s", got.Code, err, c.want)
				}
				return
			}
			result, _, _ := strings.Cut(strings.TrimPrefix(string(r.JSON), `{"success":true,"result":`), `,"variables"`)
			if result != c.want {
				t.Errorf("%s, want %s", result, c.want)
			}
		})
	}
}

// TestInput holds what may be given to an execution, and what comes back.
func TestInput(t *testing.T) {
	engine := newEngine(t, "")
	r, err := run(t, engine, "addParam(p, p)\nd = {'k': [v, p]}\naddResult(d)\naddResult(p)", avap.Input{
		Variables: avap.Object{
			{Key: "v", Value: map[string]any{"b": int8(1), "a": []string{"x"}}},
			{Key: "f", Value: float32(0.5)},
			{Key: "n", Value: nil},
			{Key: "v2", Value: []byte("bytes")},
		},
		Query:      "p=&p=late&%zz=1",
		Parameters: avap.Object{{Key: "p", Value: "from the body"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := avap.Object{
		{Key: "d", Value: avap.Object{{Key: "k", Value: []any{avap.Object{{Key: "a", Value: []any{"x"}}, {Key: "b", Value: int64(1)}}, nil}}}},
		{Key: "p", Value: nil},
	}
	if diff := cmp.Diff(want, r.Exports); diff != "" {
		t.Error(diff)
	}
	var names []string
	for _, v := range r.Variables {
		names = append(names, v.Key)
	}
	if diff := cmp.Diff([]string{"v", "f", "n", "v2", "p", "d"}, names); diff != "" {
		t.Error(diff)
	}
	if len(r.Logs) != 4 || r.Status != 200 || r.Used.Instructions == 0 || r.Used.Time <= 0 || r.Get("nowhere") != nil {
		t.Errorf("%+v", r)
	}
	for _, c := range []struct {
		name  string
		value any
		code  string
	}{
		{"infinite", math.Inf(1), "overflow"},
		{"no number", math.NaN(), "overflow"},
		{"beyond 64 bits", uint64(math.MaxUint64), "overflow"},
		{"a channel", make(chan int), "type_error"},
		{"a struct", struct{}{}, "type_error"},
	} {
		for _, in := range []avap.Input{{Variables: avap.Object{{Key: "v", Value: c.value}}}, {Parameters: avap.Object{{Key: "v", Value: c.value}}}} {
			if _, err := run(t, engine, "x = 1", in); err == nil || string(avap.Errors(err)[0].Code) != c.code {
				t.Errorf("%s: %v, want %s", c.name, err, c.code)
			}
		}
	}
}

// TestNoHost runs without anything to reach outside: what needs it fails, and the
// script may catch that.
func TestNoHost(t *testing.T) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for script, code := range map[string]avap.ErrorCode{
		"RequestGet('http://127.0.0.1/', None, None, x)": "http_error",
		"ormDirect('SELECT 1', x)":                       "sql_error",
	} {
		if _, err := run(t, engine, script, avap.Input{}); err == nil || avap.Errors(err)[0].Code != code {
			t.Errorf("%s: %v, want %s", script, err, code)
		}
		if _, err := run(t, engine, "try()\n"+script+"\nexception(e)\nend()", avap.Input{}); err != nil {
			t.Errorf("%s: not caught: %v", script, err)
		}
	}
}

// TestLimitsOfOneExecution go before the engine's; negative ones are none.
func TestLimitsOfOneExecution(t *testing.T) {
	engine, err := avap.New(avap.Options{Limits: avap.Limits{Instructions: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	const script = "startLoop(i, 1, 5000)\n    x = i\nendLoop()"
	if _, err := run(t, engine, script, avap.Input{}); err == nil || avap.Errors(err)[0].Code != "quota_instructions" {
		t.Errorf("%v", err)
	}
	for _, l := range []avap.Limits{{}, {Instructions: -1, Memory: -1, Time: -1, HostTime: -1, Depth: -1, Output: -1, HostCalls: -1}} {
		if _, err := run(t, engine, script, avap.Input{Limits: &l}); err != nil {
			t.Errorf("%+v: %v", l, err)
		}
	}
}
