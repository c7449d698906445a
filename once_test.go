// This file holds programs that are compiled for one execution alone.

package avap_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/internal/conformance"
	"github.com/avap-framework/avap/vm"
)

// still is an engine whose clock stands, and whose randomness is always the same.
func still(t testing.TB) *avap.Engine {
	t.Helper()
	engine, err := avap.New(avap.Options{Host: avap.Host{HTTP: echo{}, Clock: noon{}, Random: always('r')}})
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

type noon struct{}

func (noon) Now() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

type always byte

func (a always) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(a)
	}
	return len(b), nil
}

// A way leads to the program of a script.
type way func(*avap.Execution, string) (*avap.Program, error)

var (
	kept way = (*avap.Execution).Compile
	once way = (*avap.Execution).CompileOnce
)

// everything tells all that can be seen of a case: what is said of the script, its
// bytecode, its answer or errors, and what it used.
func everything(t *testing.T, engine *avap.Engine, limits avap.Limits, compile way, c *conformance.Case) string {
	t.Helper()
	x := engine.Begin(context.Background(), limits, nil)
	defer x.End()
	setAll(t, x.SetVariable, c.Request.Variables)
	setAll(t, x.SetParameter, c.Request.Body)
	if err := x.SetQuery(c.Request.Query); err != nil {
		return wrong(err)
	}
	p, err := compile(x, c.Script)
	if err != nil {
		return wrong(err)
	}
	told := fmt.Sprintf("%v %d %+v\n", p.Diagnostics(), p.Size(), p.Bytecode())
	if err := x.Run(p); err != nil {
		return told + wrong(err)
	}
	answer, err := x.AppendAnswer(nil)
	if err != nil {
		return told + wrong(err)
	}
	instructions, memory := x.Machine().Used()
	return told + fmt.Sprintln(x.Status(), string(durations.ReplaceAll(answer, nil)), instructions, memory)
}

// durations are what differs from run to run.
var durations = regexp.MustCompile(`"duration_ms":[0-9.]+`)

func setAll(t *testing.T, set func(string, vm.Value) error, object json.RawMessage) {
	t.Helper()
	if object == nil {
		return
	}
	v, err := vm.NewMachine(vm.Limits{}).ParseJSON(object)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range v.Entries() {
		if err := set(key.Str(), value); err != nil {
			t.Fatal(err)
		}
	}
}

// wrong tells of each of the errors in one.
func wrong(err error) string {
	var b strings.Builder
	for _, e := range avap.Errors(err) {
		fmt.Fprintf(&b, "%s %d:%d %s\n", e.Code, e.Line, e.Col, e.Msg)
	}
	return b.String()
}

// TestCompileOnce holds programs in memory that is used again to those that have their
// own, over all cases of the language: each is compiled in what others have left.
func TestCompileOnce(t *testing.T) {
	t.Parallel()
	engine := still(t)
	cases := conformance.Load(t, "testdata/conformance")
	limits := avap.Limits{Time: time.Minute}
	var wg sync.WaitGroup
	for first := range 4 {
		wg.Go(func() {
			for i := first; i < len(cases); i += 3 {
				c := &cases[i]
				want := everything(t, engine, limits, kept, c)
				if diff := cmp.Diff(want, everything(t, engine, limits, once, c)); diff != "" {
					t.Errorf("%s (-Compile +CompileOnce):\n%s", c.Name, diff)
				}
			}
		})
	}
	wg.Wait()
}

// TestCompileOnceAfter compiles and runs each script in what each other one has left.
func TestCompileOnceAfter(t *testing.T) {
	engine := still(t)
	many := ""
	for i := range 20 { // more names than are looked for one by one
		many += fmt.Sprintf("v%d = %d\n", i, i)
	}
	scripts := []string{
		many, "x = v3 + 1\naddResult(x)", "x = (1", "command c() { }", "y = missing", "frob(x)",
		"encodeMD5(\"a\", m)\nencodeSHA256(\"b\", n)\naddResult(n)", "frob(x)\nencodeMD5(\"a\", m)",
		"text = \"T-\" + str(v3) + `${v3}`\naddVar(_status, 201)\naddResult(text)",
		"function f(a) {\n    return a\n}\nfunction g(a) {\n    return f(a) + v3\n}\ny = g(2)\naddResult(y)",
		"try()\n    a = 1 / 0\nexception(e)\n    addResult(e)\nend()", "x = 1.5\nlong = \"" + strings.Repeat("l", 5000) + "\"",
		"while(true)\nend()",
	}
	limits := avap.Limits{Instructions: 10_000}
	variables := json.RawMessage(`{"v3":1,"v19":2,"m":3}`)
	for _, first := range scripts {
		for _, then := range scripts {
			a := &conformance.Case{Script: first}
			b := &conformance.Case{Script: then, Request: conformance.Request{Variables: variables}}
			want := everything(t, engine, limits, kept, b)
			everything(t, engine, limits, once, a)
			if diff := cmp.Diff(want, everything(t, engine, limits, once, b)); diff != "" {
				t.Errorf("%q after %q (-Compile +CompileOnce):\n%s", then, first, diff)
			}
		}
	}
}

// TestCompileOnceAgain compiles several scripts in one execution, behind mistakes too.
func TestCompileOnceAgain(t *testing.T) {
	engine := still(t)
	x := engine.Begin(t.Context(), avap.Limits{}, nil)
	defer x.End()
	for _, script := range []string{"x = (1", "frob(x)\ny = 2", "x = 1", "command c() { }", "z = \"T\""} {
		want, wantErr := engine.Compile(script)
		got, err := x.CompileOnce(script)
		if wantErr != nil {
			if err == nil || wrong(err) != wrong(wantErr) {
				t.Errorf("%q: %v, want %v", script, err, wantErr)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%q: %v", script, err)
		}
		if diff := cmp.Diff(want.Bytecode(), got.Bytecode()); diff != "" {
			t.Errorf("%q (-Compile +CompileOnce):\n%s", script, diff)
		}
	}
}

// keeper is a host that holds on to what scripts hand to it.
type keeper struct{ urls []string }

func (k *keeper) Do(_ context.Context, r *host.Request) (*host.Response, error) {
	k.urls = append(k.urls, r.URL)
	return &host.Response{Status: 200}, nil
}

// TestCompileOnceTexts has a host keep the texts of scripts, whose programs all lie in the
// same memory.
func TestCompileOnceTexts(t *testing.T) {
	var kept keeper
	engine, err := avap.New(avap.Options{Host: avap.Host{HTTP: &kept}})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 50 {
		url := fmt.Sprintf("https://example.org/%d", i)
		want = append(want, url)
		c := &conformance.Case{Script: fmt.Sprintf("url = %q\nRequestGet(url, , , answer)\naddResult(answer)", url)}
		everything(t, engine, avap.Limits{}, once, c)
	}
	if diff := cmp.Diff(want, kept.urls); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

// TestCompileOnceHolds has executions wait with what they compiled: the trees of their
// scripts are gone, and what is left is not much more than a program of its own.
func TestCompileOnceHolds(t *testing.T) {
	engine := still(t)
	script := strings.Repeat("x = (a + b) * (c - d) + [e, f][0]\n", 5_000)
	held := func(compile way) int {
		const executions = 8
		var waiting []*avap.Execution
		before := heap()
		for range executions {
			x := engine.Begin(context.Background(), avap.Limits{Memory: 1 << 30, Time: time.Minute}, nil)
			p, err := compile(x, script)
			if err != nil {
				t.Fatal(err)
			}
			defer runtime.KeepAlive(p)
			waiting = append(waiting, x)
		}
		after := heap()
		for _, x := range waiting {
			x.End()
		}
		return (after - before) / executions
	}
	own, lent := held(kept), held(once)
	if lent > 4*own {
		t.Errorf("%d bytes are held of a script that is compiled once, %d of one that is kept", lent, own)
	}
}

// heap is how many bytes of the heap are in use.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// FuzzCompileOnce runs any script in both ways.
func FuzzCompileOnce(f *testing.F) {
	for _, c := range conformance.Load(f, "testdata/conformance") {
		f.Add(c.Script, c.Request.Query)
	}
	engine := still(f)
	limits := avap.Limits{Instructions: 20_000, Memory: 1 << 20, Time: time.Minute, Output: 64 << 10, Depth: 50}
	f.Fuzz(func(t *testing.T, script, query string) {
		c := &conformance.Case{Script: script, Request: conformance.Request{Query: query}}
		want := everything(t, engine, limits, kept, c)
		if diff := cmp.Diff(want, everything(t, engine, limits, once, c)); diff != "" {
			t.Errorf("(-Compile +CompileOnce):\n%s", diff)
		}
	})
}
