package worker_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/syntax"
	"github.com/avap-framework/avap/vm"
	"github.com/avap-framework/avap/worker"
	"github.com/avap-framework/avap/worker/lane"
	"github.com/avap-framework/avap/worker/telemetry"
)

// unit is a stored script of a test's catalog.
type unit struct {
	*seal.Unit
	hash [32]byte
	err  error
}

// revision is the commands and scripts of a test's catalog. A command is the same in
// two revisions that take it from one catalog.
type revision struct {
	commands map[string]*catalog.Catalog // by the name of a command; the stock ones under ""
	scripts  map[string]unit
}

var _ avap.Commands = revision{}

func (r revision) of(name string) *catalog.Catalog {
	if c := r.commands[name]; c != nil {
		return c
	}
	return r.commands[""]
}

func (r revision) Signature(name string) *bytecode.Signature { return r.of(name).Signature(name) }
func (r revision) Command(name string) *vm.Command           { return r.of(name).Command(name) }

func (r revision) script(_ context.Context, name string) (*seal.Unit, [32]byte, error) {
	u := r.scripts[name]
	return u.Unit, u.hash, u.err
}

// storedScript is a script as a definition server hands it out.
func storedScript(t testing.TB, name, script string, c seal.Contract) unit {
	t.Helper()
	p := compiled(t, script)
	p.Name = name
	k := newKey(t, seal.UsePackage, "default", 'p', time.Time{}, time.Time{})
	u := &seal.Unit{Origin: seal.OriginPublished, Contract: c, Source: sha256.Sum256([]byte(script)), Program: p}
	pkg, err := seal.Seal(u, k)
	if err != nil {
		t.Fatal(err)
	}
	return unit{Unit: u, hash: sha256.Sum256(pkg)}
}

// catalogs is a worker whose catalog changes.
type catalogs struct {
	*server
	addr    string
	stock   *catalog.Catalog
	engine  *avap.Engine
	current atomic.Pointer[worker.Catalog]
	metrics *telemetry.Metrics
	sent    atomic.Int64 // requests, by ask
}

func serveCatalogs(t *testing.T, hosts avap.Host) *catalogs {
	t.Helper()
	c := &catalogs{stock: catalog.New(command.Signature, command.Natives(hosts)), metrics: telemetry.NewMetrics(telemetry.Options{})}
	var err error
	if c.engine, err = avap.New(avap.Options{Commands: c.stock}); err != nil {
		t.Fatal(err)
	}
	k := newKey(t, seal.UsePackage, "default", 'p', time.Time{}, time.Time{})
	c.server = start(t, avap.Options{}, worker.Options{
		Catalog: c.current.Load, Unsigned: true, Keys: newKeyring(t, nil, k), Metrics: c.metrics,
		Lanes:  lane.New(lane.Options{Places: 8, Wait: time.Minute}), // whichever machine it is
		Grants: avap.AllCapabilities, UnsignedGrants: avap.AllCapabilities,
	})
	c.addr = strings.TrimPrefix(c.URL, "http://")
	return c
}

// define gives the catalog of a definition.
func (c *catalogs) define(t *testing.T, definition string) *catalog.Catalog {
	t.Helper()
	f, err := syntax.Parse(definition, syntax.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defined, _, err := c.stock.Define(f.Commands)
	if err != nil {
		t.Fatal(err)
	}
	return defined
}

// put puts a revision in force.
func (c *catalogs) put(r revision) {
	c.current.Store(worker.NewCatalog(c.engine, c.whole(r), r.script))
}

// whole gives a revision with the stock commands.
func (c *catalogs) whole(r revision) revision {
	commands := map[string]*catalog.Catalog{"": c.stock}
	maps.Copy(commands, r.commands)
	r.commands = commands
	return r
}

// made counts the programs that were compiled or linked so far, those included that
// could not be.
func (c *catalogs) made(t *testing.T) int {
	t.Helper()
	// A request is counted when its answer has been sent.
	until(t, func() bool { return sum(scrape(t, c.metrics), "avap_requests_total") == int(c.sent.Load()) })
	return sum(scrape(t, c.metrics), "avap_stage_duration_seconds_count", `stage="compile"`)
}

// scrape gives the samples of metrics as Prometheus is sent them.
func scrape(t testing.TB, m *telemetry.Metrics) map[string]float64 {
	t.Helper()
	out := httptest.NewRecorder()
	m.Handler().ServeHTTP(out, httptest.NewRequest("GET", "/metrics", nil))
	samples := map[string]float64{}
	for line := range strings.Lines(out.Body.String()) {
		i := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || i < 0 {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		samples[line[:i]] = value
	}
	return samples
}

// sum adds the samples of a metric whose labels have some parts.
func sum(samples map[string]float64, metric string, parts ...string) int {
	n := 0.0
	for sample, value := range samples {
		has := strings.HasPrefix(sample, metric+"{")
		for _, part := range parts {
			has = has && strings.Contains(sample, part)
		}
		if has {
			n += value
		}
	}
	return int(n)
}

// run runs a script, and wants a text in its answer.
func (c *catalogs) run(t *testing.T, script, want string) {
	t.Helper()
	c.ask(t, message{body: bodyOfScript(t, script)}.String(), want)
}

func (c *catalogs) ask(t *testing.T, request, want string) {
	t.Helper()
	c.sent.Add(1)
	_, body, _ := answerTo(t, c.addr, request)
	if !strings.Contains(body, want) {
		t.Errorf("%s, want %s", body, want)
	}
}

// TestNoCatalog refuses executions until there is a catalog, and says so in readiness.
func TestNoCatalog(t *testing.T) {
	c := serveCatalogs(t, avap.Host{})
	pkg := sealedSource(t, newKey(t, seal.UsePackage, "default", 'p', time.Time{}, time.Time{}), "x = 1")
	ready := func(want int) {
		t.Helper()
		if status, _, body := send(t, c.server, newRequest(t, "GET", c.URL+"/readyz", "")); status != want || len(body) > 0 {
			t.Errorf("readyz: %d %q, want %d", status, body, want)
		}
		if status, _, _ := send(t, c.server, newRequest(t, "GET", c.URL+"/health", "")); status != 200 {
			t.Errorf("health: %d", status)
		}
	}
	for range 2 {
		ready(503)
		if reasons := c.Unready(); len(reasons) != 1 || reasons[0].Code != "catalog_unavailable" {
			t.Errorf("reasons: %v", reasons)
		}
		for _, request := range []string{
			message{body: answering(1)}.String(), raw(pkg), inJSON(pkg), message{body: `{"name":"x"}`}.String(), message{body: "no JSON"}.String(),
		} {
			expect(t, c.addr, request, 503, "catalog_unavailable")
		}
		c.put(revision{})
		ready(200)
		expect(t, c.addr, message{body: answering(1)}.String(), 200, "")
		expectPackage(t, c.addr, pkg, 200, "")
		c.current.Store(nil)
	}
}

// TestCatalogSwap puts another catalog in force while an execution waits in a host
// call: it goes on with the one that it began with.
func TestCatalogSwap(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	c := serveCatalogs(t, avap.Host{HTTP: httpFunc(func(context.Context, *host.Request) (*host.Response, error) {
		close(begun)
		<-goOn
		return &host.Response{Status: 200}, nil
	})})
	put := func(n int) {
		c.put(revision{commands: map[string]*catalog.Catalog{
			"which": c.define(t, fmt.Sprintf("command which(o: out) {\n o = %d\n}", n)),
		}})
	}
	put(1)
	var before sync.WaitGroup
	before.Go(func() {
		c.run(t, "which(a)\nRequestGet('http://h/', None, None, x)\nwhich(b)\naddResult(a)\naddResult(b)", `"result":{"a":1,"b":1}`)
	})
	<-begun
	put(2)
	c.run(t, "which(a)\naddResult(a)", `"result":{"a":2}`)
	close(goOn)
	before.Wait()
}

// TestCatalogSwapUnderLoad swaps catalogs while callers run scripts that call a command
// twice: both calls are of one catalog.
func TestCatalogSwapUnderLoad(t *testing.T) {
	c := serveCatalogs(t, avap.Host{})
	var revisions []revision
	for n := range 3 {
		revisions = append(revisions, revision{commands: map[string]*catalog.Catalog{
			"which": c.define(t, fmt.Sprintf("command which(o: out) {\n o = %d\n}", n)),
		}})
	}
	c.put(revisions[0])
	const shared = "which(a)\naddResult(a)"
	done := make(chan struct{})
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			conn := dial(t, c.addr)
			// A script of its own every other time, so that some are compiled meanwhile.
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				if i%3 == 0 {
					if status, text, err := roundTrip(t, conn, conn.in, message{body: bodyOfScript(t, shared)}.String()); err != nil || status != 200 {
						t.Errorf("%d %s: %v", status, text, err)
						return
					}
				}
				body := bodyOfScript(t, fmt.Sprintf("own = %d\nwhich(a)\nwhich(b)\nsame = a == b\naddResult(same)", caller*(i%2)*1000+i%20))
				if status, text, err := roundTrip(t, conn, conn.in, message{body: body}.String()); err != nil || status != 200 || !strings.Contains(text, `"same":true`) {
					t.Errorf("%d %s: %v", status, text, err)
					return
				}
			}
		})
	}
	for i := range 150 {
		c.put(revisions[i%len(revisions)])
		c.run(t, shared, fmt.Sprintf(`"result":{"a":%d}`, i%len(revisions)))
	}
	close(done)
	callers.Wait()
}

// gated is commands of which the first one that is asked for is given when goOn is closed.
type gated struct {
	revision
	once        *sync.Once
	begun, goOn chan struct{}
}

func (g gated) Signature(name string) *bytecode.Signature {
	g.once.Do(func() {
		close(g.begun)
		<-g.goOn
	})
	return g.revision.Signature(name)
}

// TestCompiledForAnother compiles a script while the catalog changes, and a caller of
// the new one asks for the same script: it is not given the program of the old one.
func TestCompiledForAnother(t *testing.T) {
	c := serveCatalogs(t, avap.Host{})
	of := func(n int) revision {
		return revision{commands: map[string]*catalog.Catalog{
			"which": c.define(t, fmt.Sprintf("command which(o: out) {\n o = %d\n}", n)),
		}}
	}
	old := gated{c.whole(of(1)), new(sync.Once), make(chan struct{}), make(chan struct{})}
	c.current.Store(worker.NewCatalog(c.engine, old, nil))
	const script = "which(a)\naddResult(a)"
	var callers sync.WaitGroup
	callers.Go(func() { c.run(t, script, `"result":{"a":1}`) })
	<-old.begun
	c.put(of(2))
	for range 3 {
		callers.Go(func() { c.run(t, script, `"result":{"a":2}`) })
	}
	until(t, func() bool { return c.CacheStats().Misses == 4 }) // all have looked, and found nothing
	close(old.goOn)
	callers.Wait()
	c.run(t, script, `"result":{"a":2}`)
}

// TestRecompiled makes a program anew only where a command that it uses has changed.
func TestRecompiled(t *testing.T) {
	c := serveCatalogs(t, avap.Host{})
	old, other := c.define(t, "command changing(o: out) {\n o = 1\n}"), c.define(t, "command changing(o: out) {\n o = 2\n}")
	steady := c.define(t, "command steady(o: out) {\n o = 'steady'\n}")
	first := revision{commands: map[string]*catalog.Catalog{"changing": old, "steady": steady}}
	second := revision{commands: map[string]*catalog.Catalog{"changing": other, "steady": steady}}
	third := revision{commands: map[string]*catalog.Catalog{"changing": other, "steady": steady, "coming": c.define(t, "command coming(o: out) {\n o = 3\n}")}}

	k := newKey(t, seal.UsePackage, "default", 'p', time.Time{}, time.Time{})
	changes := "changing(a)\naddResult(a)"
	pkg := sealed(t, k, compiled(t, changes, "command changing(o: out) {\n o = 1\n}"), seal.Contract{})
	scripts := []struct{ script, first, second, third string }{
		{"a = 'none'\naddResult(a)", "none", "none", "none"},
		{"steady(a)\naddResult(a)", "steady", "steady", "steady"},
		{changes, `"a":1`, `"a":2`, `"a":2`},
		{"steady(a)\nif(a, '', '==')\nchanging(a)\nend()\naddResult(a)", "steady", "steady", "steady"},
		{"coming(a)\naddResult(a)", `"code":"unknown_command"`, `"code":"unknown_command"`, `"a":3`},
		{"x =", `"code":"syntax_error"`, `"code":"syntax_error"`, `"code":"syntax_error"`},
	}
	all := func(t *testing.T, which int) {
		t.Helper()
		for _, s := range scripts {
			c.run(t, s.script, [...]string{s.first, s.second, s.third}[which])
		}
		c.ask(t, raw(pkg), [...]string{scripts[2].first, scripts[2].second, scripts[2].third}[which])
	}
	for _, step := range []struct {
		name     string
		revision revision
		which    int
		made     int // programs
	}{
		{"first", first, 0, 7},
		{"the same again", first, 0, 1}, // what does not compile is tried with each catalog
		{"a command has changed", second, 1, 1 + 3},
		{"a command has come", third, 2, 1 + 1},
		{"it has gone", second, 1, 1 + 1},
		{"all back", first, 0, 1 + 3},
	} {
		t.Run(step.name, func(t *testing.T) {
			before := c.made(t)
			c.put(step.revision)
			all(t, step.which)
			if made := c.made(t) - before; made != step.made {
				t.Errorf("%d programs were made, want %d", made, step.made)
			}
			before, stats := c.made(t), c.CacheStats()
			all(t, step.which)
			if made := c.made(t) - before; made != 0 {
				t.Errorf("%d programs were made again", made)
			}
			if after := c.CacheStats(); after.Misses != stats.Misses || after.Hits != stats.Hits+7 || after.Entries != 7 {
				t.Errorf("the cache went from %+v to %+v", stats, after)
			}
		})
	}
}

// TestStoredScripts runs scripts of the catalog by their names.
func TestStoredScripts(t *testing.T) {
	c := serveCatalogs(t, avap.Host{})
	command := storedScript(t, "command", "x = 1", seal.Contract{})
	command.Unit = &seal.Unit{Origin: seal.OriginPublished, Program: &bytecode.Program{
		Kind: bytecode.KindCommand, Name: "command",
		Functions: []bytecode.Function{{Name: "command", Code: []bytecode.Instr{{Op: bytecode.OpStop}}}},
	}}
	command.hash[0]++
	c.put(revision{scripts: map[string]unit{
		"answer":  storedScript(t, "answer", "addParam(q, q)\nw = v * 2\naddResult(q)\naddResult(w)", seal.Contract{}),
		"cheap":   storedScript(t, "cheap", "startLoop(i, 1, 1000)\nendLoop()", seal.Contract{Instructions: 100}),
		"":        storedScript(t, "", "n = 'no name'\naddResult(n)", seal.Contract{}),
		"away":    {err: &avap.Error{Code: "catalog_unavailable", Msg: "the definition server cannot be reached"}},
		"command": command,
	}})
	for _, s := range []struct {
		name, body string
		status     int
		code, want string
	}{
		{"variables and parameters", `{"name":"answer","variables":{"v":21},"q":"p"}`, 200, "", `"result":{"q":"p","w":42}`},
		{"the result alone", `{"return":["result"],"name":"answer","variables":{"v":21}}`, 200, "", `{"success":true,"result":{"q":null,"w":42}}`},
		{"its contract", `{"name":"cheap"}`, 400, "quota_instructions", ""},
		{"its contract, again", `{"name":"cheap"}`, 400, "quota_instructions", ""},
		{"no name at all", `{"name":""}`, 200, "", "no name"},
		{"unknown", `{"name":"nothing"}`, 404, "unknown_script", ""},
		{"in other letters", `{"name":"Answer"}`, 404, "unknown_script", ""},
		{"that cannot be had", `{"name":"away"}`, 503, "catalog_unavailable", ""},
		{"a command", `{"name":"command"}`, 401, "integrity", ""},
		{"name as a parameter of a script", `{"name":"answer","script":"addParam('name', n)\naddResult(n)"}`, 200, "", `"n":"answer"`},
	} {
		t.Run(s.name, func(t *testing.T) {
			if body := expect(t, c.addr, message{body: s.body}.String(), s.status, s.code); !strings.Contains(body, s.want) {
				t.Errorf("%s, want %s", body, s.want)
			}
		})
	}
	t.Run("published anew", func(t *testing.T) {
		c.put(revision{scripts: map[string]unit{"answer": storedScript(t, "answer", "w = 'new'\naddResult(w)", seal.Contract{})}})
		if body := expect(t, c.addr, message{body: `{"name":"answer"}`}.String(), 200, ""); !strings.Contains(body, `"w":"new"`) {
			t.Errorf("%s", body)
		}
		expect(t, c.addr, message{body: `{"name":"cheap"}`}.String(), 404, "unknown_script")
	})
	t.Run("a catalog without scripts", func(t *testing.T) {
		c.current.Store(worker.NewCatalog(c.engine, nil, nil))
		expect(t, c.addr, message{body: `{"name":"answer"}`}.String(), 404, "unknown_script")
	})
}
