package catalog_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/compile"
	"github.com/avap-framework/avap/internal/catalogtest"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/syntax"
	"github.com/avap-framework/avap/vm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const shouting = `
command shout(text: value, o: out) { o = mark(text.upper()) }
command mark(text: value, o: out) { o = text + "!" }
command whisper(text: value, o: out) { o = text.lower() }
`

// view gives what names mean in a revision.
func view(t testing.TB, v *catalog.Revision, names ...string) *catalog.View {
	t.Helper()
	w, err := v.View(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// codeOf gives the code of an error, which must be a *vm.Error.
func codeOf(t testing.TB, err error) vm.ErrorCode {
	t.Helper()
	var e *vm.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *vm.Error", err)
	}
	return e.Code
}

func TestReplica(t *testing.T) {
	p := catalogtest.New(t)
	r := catalog.NewReplica(p.Options())
	if r.Current() != nil {
		t.Fatal("a new replica holds a revision")
	}
	first := p.Apply(r, p.Define(shouting)...)
	if first.Number() != 1 || first.Tree().Root() != p.Tree.Root() || r.Current() != first {
		t.Errorf("revision %d, root %x", first.Number(), first.Tree().Root())
	}
	if diff := cmp.Diff(p.Manifest(), first.Manifest()); diff != "" {
		t.Errorf("the manifest (-published +held):\n%s", diff)
	}
	for _, name := range []string{"shout", "mark", "whisper"} {
		if first.Signature(name) == nil || first.Command(name) == nil {
			t.Errorf("%s is not known", name)
		}
	}
	if first.Signature("nobody") != nil || first.Command("nobody") != nil || first.Command("addVar") != nil {
		t.Error("what was not published is known")
	}
	second := p.Apply(r, catalogtest.Remove("whisper"))
	if second.Command("whisper") != nil || first.Command("whisper") == nil {
		t.Error("whisper is not gone from the second revision alone")
	}
	if second.Tree().Len() != 2 || first.Tree().Len() != 3 {
		t.Errorf("%d and %d units", first.Tree().Len(), second.Tree().Len())
	}
	changes, m := p.All(), p.Sign(p.Manifest())
	whole, err := catalog.NewReplica(p.Options()).Apply(changes, true, m, catalogtest.Clock())
	if err != nil || whole.Tree().Root() != second.Tree().Root() {
		t.Errorf("from a whole snapshot: %v", err)
	}
}

// TestPointers holds what callers tell by a command's pointer: whether it, and
// all that it calls, is the same.
func TestPointers(t *testing.T) {
	p := catalogtest.New(t)
	r, first := p.Follow(shouting)
	before := map[string]*vm.Command{}
	for _, name := range []string{"shout", "mark", "whisper"} {
		before[name] = first.Command(name)
	}
	second := p.Apply(r, p.Define(`command mark(text: value, o: out) { o = text + "?" }`)...)
	for name, same := range map[string]bool{"shout": false, "mark": false, "whisper": true} {
		if got := second.Command(name) == before[name]; got != same {
			t.Errorf("%s is the same: %t", name, got)
		}
	}
	p.Revision++
	third, err := r.Apply(p.All(), true, p.Sign(p.Manifest()), catalogtest.Clock())
	if err != nil {
		t.Fatal(err)
	}
	if third.Command("shout") != second.Command("shout") {
		t.Error("a whole snapshot of the same units changes a command")
	}
	fourth := p.Apply(r, catalogtest.Remove("mark"))
	if fourth.Command("shout") == third.Command("shout") {
		t.Error("shout is the same without mark, which it calls")
	}
}

// TestPointersOutOfMemory lets go of all units in memory: a command that is held
// elsewhere comes back as the same, without being asked for.
func TestPointersOutOfMemory(t *testing.T) {
	p := catalogtest.New(t)
	opt := p.Options()
	opt.CacheBytes = 1 // room for one
	r := catalog.NewReplica(opt)
	v := p.Apply(r, p.Define(shouting)...)
	held := view(t, v, "shout")
	view(t, v, "whisper")
	if m := r.Memory(); m.Units != 1 {
		t.Fatalf("%d units in memory", m.Units)
	}
	p.Asked()
	again := view(t, v, "shout", "mark")
	if again.Command("shout") != held.Command("shout") {
		t.Error("shout was linked twice")
	}
	if names := p.Asked(); len(names) > 0 {
		t.Errorf("asked for %v, which are held", names)
	}
	if u, err := v.Unit(t.Context(), bytecode.KindCommand, "mark"); err != nil || u.Program.Name != "mark" {
		t.Errorf("mark is %v (%v)", u, err)
	}
	runtime.KeepAlive(held)
	runtime.KeepAlive(again)
}

// TestForgotten lets the collector take what nobody holds: it is asked for again.
func TestForgotten(t *testing.T) {
	p := catalogtest.New(t)
	opt := p.Options()
	opt.CacheBytes = 1
	r := catalog.NewReplica(opt)
	v := p.Apply(r, p.Define(shouting)...)
	for range 100 {
		view(t, v, "shout")
		view(t, v, "whisper")
		p.Asked()
		runtime.GC()
		view(t, v, "shout")
		if slices.Contains(p.Asked(), "shout") {
			return
		}
	}
	t.Error("a definition that nobody holds is never forgotten")
}

// TestLoad brings units into memory, and no others.
func TestLoad(t *testing.T) {
	p := catalogtest.New(t)
	p.Next(p.Define(shouting)...)
	opt := p.Options()
	opt.CacheBytes = 1
	r := catalog.NewReplica(opt)
	v, err := r.Apply(p.All(), true, p.Sign(p.Manifest()), catalogtest.Clock())
	if err != nil {
		t.Fatal(err)
	}
	view(t, v, "whisper") // the one that is in memory now
	p.Asked()
	if v.Command("shout") != nil || v.Signature("shout") != nil {
		t.Error("shout is known and was not loaded")
	}
	w := view(t, v, "shout", "nobody", "shout")
	if diff := cmp.Diff([]string{"mark", "shout"}, p.Asked()); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	if w.Signature("shout") == nil || w.Command("shout") == nil || w.Command("nobody") != nil {
		t.Error("the view does not know shout alone")
	}
	if m := r.Memory(); m.Misses < 2 || m.Most != 1 {
		t.Errorf("%+v", m)
	}
	// What was loaded stays for a while, though there is room for one alone.
	if err := v.Load(t.Context(), []string{"shout", "mark", "whisper"}); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	for _, name := range []string{"shout", "mark", "whisper"} {
		if v.Command(name) == nil || v.Signature(name) == nil {
			t.Errorf("%s is not known and was loaded", name)
		}
	}
}

// run runs a script against a revision, and gives what it exports under o.
func run(t testing.TB, v *catalog.Revision, script string) any {
	t.Helper()
	code := compileScript(t, v, script)
	return execute(t, code)
}

func compileScript(t testing.TB, v *catalog.Revision, script string) *vm.Code {
	t.Helper()
	f, err := syntax.Parse(script, syntax.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := view(t, v, "shout", "mark", "whisper", "dice", "encodeMD5", "addResult", "randomString")
	p, _, err := compile.Script(f, compile.Options{Lookup: w.Signature})
	if err != nil {
		t.Fatal(err)
	}
	code, err := vm.Link(p, w.Command)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// execute runs code that may reach nothing outside; an error is its result.
func execute(t testing.TB, code *vm.Code) any {
	t.Helper()
	m := vm.NewMachine(vm.Limits{})
	if err := m.Run(code, vm.Input{}); err != nil {
		return string(codeOf(t, err))
	}
	o, err := vm.ToGo(m.Results()[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestRun runs scripts against revisions: what they call is what the revision
// says.
func TestRun(t *testing.T) {
	p := catalogtest.New(t)
	r := catalog.NewReplica(p.Options())
	stock := []catalog.Change{
		p.Stock("addResult", command.Signature("addResult").Params...),
		p.Stock("encodeMD5", command.Signature("encodeMD5").Params...),
		p.Stock("randomString", command.Signature("randomString").Params...),
	}
	first := p.Apply(r, slices.Concat(stock, p.Define(shouting), p.Define(`
command dice(o: out) requires random { o = len(randomString("[0-9]", 7)) }`))...)
	const script = "o = shout(\"hi\")\naddResult(o)"
	code := compileScript(t, first, script)
	for _, tt := range []struct {
		script string
		want   any
	}{
		{script, "HI!"},
		{"o = encodeMD5(\"\")\naddResult(o)", "d41d8cd98f00b204e9800998ecf8427e"},
		{"o = dice()\naddResult(o)", int64(7)}, // by the definition's contract
		{"o = randomString(\"[0-9]\", 7)\naddResult(o)", "capability_denied"},
		{"o = nobody(1)\naddResult(o)", "unknown_command"},
	} {
		if got := run(t, first, tt.script); got != tt.want {
			t.Errorf("%s gives %v, want %v", tt.script, got, tt.want)
		}
	}
	second := p.Apply(r, p.Define(`command mark(text: value, o: out) { o = text + "?" }`)...)
	if got := execute(t, code); got != "HI!" {
		t.Errorf("compiled against the first revision it gives %v", got)
	}
	if got := run(t, second, script); got != "HI?" {
		t.Errorf("against the second revision it gives %v", got)
	}
	if got := run(t, first, script); got != "HI!" {
		t.Errorf("against the first revision it gives %v afterwards", got)
	}
	third := p.Apply(r, catalogtest.Remove("mark"))
	if got := run(t, third, script); got != "unknown_command" {
		t.Errorf("without mark it gives %v", got)
	}
}

// TestSingleFlight asks for one unit from many sides: the source is asked once,
// and who gives up does so alone.
func TestSingleFlight(t *testing.T) {
	p := catalogtest.New(t)
	p.Next(p.Define(shouting)...)
	opt := p.Options()
	opt.CacheBytes = 1
	gate := &gated{Source: p, asked: make(chan struct{}, 100), open: make(chan struct{})}
	opt.Source = gate
	v, err := catalog.NewReplica(opt).Apply(p.All(), true, p.Sign(p.Manifest()), catalogtest.Clock())
	if err != nil {
		t.Fatal(err)
	}
	close(gate.open)
	view(t, v, "mark")
	gate.open = make(chan struct{})
	for len(gate.asked) > 0 {
		<-gate.asked
	}
	p.Asked()

	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { first <- v.Load(ctx, []string{"whisper"}) }()
	<-gate.asked
	cancel()
	if err := <-first; codeOf(t, err) != vm.CodeCancelled || !errors.Is(err, context.Canceled) {
		t.Errorf("the one that gave up got %v", err)
	}
	var others sync.WaitGroup
	for range 20 {
		others.Go(func() {
			if err := v.Load(t.Context(), []string{"whisper"}); err != nil {
				t.Error(err)
			}
		})
	}
	close(gate.open)
	others.Wait()
	if diff := cmp.Diff([]string{"whisper"}, p.Asked()); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

// gated is a source that lets nobody through before it is opened.
type gated struct {
	catalog.Source
	asked chan struct{}
	open  chan struct{}
}

func (g *gated) Unit(ctx context.Context, e catalog.Entry) ([]byte, error) {
	g.asked <- struct{}{}
	<-g.open
	return g.Source.Unit(ctx, e)
}

// TestStock binds stock commands to this machine's own.
func TestStock(t *testing.T) {
	p := catalogtest.New(t)
	md5 := command.Signature("encodeMD5").Params
	r := catalog.NewReplica(p.Options())
	v := p.Apply(r, slices.Concat(
		p.Define("command digest(text: value, o: out) { o = encodeMD5(text) }"),
		p.Define("command unknown(o: out) { o = noSuchStock(1) }\n"),
		[]catalog.Change{
			p.Stock("encodeMD5", md5...),
			p.Stock("if", bytecode.Param{Name: "condition"}),
			p.Stock("noSuchStock", bytecode.Param{Name: "x"}),
			p.Stock("encodeSHA256", bytecode.Param{Name: "otherwise"}),
			{Entry: catalog.Entry{Kind: bytecode.KindCommand, Name: "future", Version: 1}},
		},
	)...)
	natives := p.Options().Natives
	if got := v.Command("encodeMD5"); got == nil || got.Name != natives["encodeMD5"].Name || got.Code != nil {
		t.Errorf("encodeMD5 is %v", got)
	}
	if v.Signature("encodeMD5") != command.Signature("encodeMD5") {
		t.Error("encodeMD5 has another interface")
	}
	if v.Command("digest") == nil || v.Command("unknown") == nil {
		t.Error("a definition is missing")
	}
	for _, name := range []string{"if", "noSuchStock", "encodeSHA256", "future", "replace"} {
		if v.Command(name) != nil || v.Signature(name) != nil {
			t.Errorf("%s can be called", name)
		}
		if w := view(t, v, name); w.Command(name) != nil || w.Signature(name) != nil {
			t.Errorf("%s can be called", name)
		}
	}
	for names, want := range map[string]bool{
		"": true, "encodeMD5": true, "encodeMD5 encodeMD5": true, "digest": false, "encodeMD5 digest": false,
		"if": false, "noSuchStock": false, "replace": false,
	} {
		if got := v.InMemory(strings.Fields(names)); got != want {
			t.Errorf("%q needs no Load: %t, want %t", names, got, want)
		}
	}
	unusable := map[string]string{}
	for _, u := range v.Unusable() {
		unusable[u.Name] = u.Reason
	}
	if diff := cmp.Diff([]string{"encodeSHA256", "future", "noSuchStock"}, slices.Sorted(maps.Keys(unusable))); diff != "" {
		t.Errorf("unusable (-want +got):\n%s", diff)
	}
	if u, err := v.Unit(t.Context(), bytecode.KindCommand, "future"); u != nil || err != nil {
		t.Errorf("future is %v (%v)", u, err)
	}
	// A user's definition of the name takes its place.
	v = p.Apply(r, p.Define(`command encodeMD5(text: value, o: out) { o = "mine" }`)...)
	if got := v.Command("encodeMD5"); got == nil || got.Code == nil {
		t.Errorf("encodeMD5 is not the user's: %v", got)
	}
	if v.InMemory([]string{"encodeMD5"}) {
		t.Error("the user's encodeMD5 is taken for the machine's")
	}
	if got := view(t, v, "digest"); got.Command("digest") == nil {
		t.Error("digest is gone")
	}
	v = p.Apply(r, catalogtest.Remove("noSuchStock"), p.Stock("encodeSHA256", command.Signature("encodeSHA256").Params...))
	if u := v.Unusable(); len(u) != 1 || v.Command("encodeSHA256") == nil {
		t.Errorf("unusable are %v", u)
	}
}

// TestNewerUnits holds units of a newer server: they are there, and cannot be
// called.
func TestNewerUnits(t *testing.T) {
	p := catalogtest.New(t)
	capability := p.Define("command a(o: out) { o = 1 }")[0]
	u, err := seal.OpenUnverified(capability.Package)
	if err != nil {
		t.Fatal(err)
	}
	program := *u.Unit.Program
	program.Name, program.Requires = "disk", []string{"disk"}
	disk := p.Seal(&program)
	r := catalog.NewReplica(p.Options())
	v := p.Apply(r, disk, newer(t, p, capability))
	var names []string
	for _, u := range v.Unusable() {
		names = append(names, u.Name)
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"a", "disk"}, names); diff != "" || v.Command("a") != nil || v.Command("disk") != nil {
		t.Errorf("unusable (-want +got):\n%s", diff)
	}
	v = p.Apply(r, p.Define("command a(o: out) { o = 1 }")...)
	if v.Command("a") == nil || len(v.Unusable()) != 1 {
		t.Error("a cannot be called once it can be expressed")
	}
}

// newer makes a change whose bytecode version is the next.
func newer(t *testing.T, p *catalogtest.Publisher, c catalog.Change) catalog.Change {
	t.Helper()
	u, err := seal.OpenUnverified(c.Package)
	if err != nil {
		t.Fatal(err)
	}
	code := bytecode.AppendProgram(nil, u.Unit.Program)
	b := bytes.Clone(c.Package)
	b[len(b)-len(code)]++ // the program begins with its version
	return p.Change(c.Kind, c.Name, resign(b, 'p'))
}

// TestCircle holds definitions that call each other in a circle, which no server
// publishes: a call fails, and nothing else does.
func TestCircle(t *testing.T) {
	p := catalogtest.New(t)
	p.Interfaces["b"] = &bytecode.Signature{Params: []bytecode.Param{{Name: "o", Mode: bytecode.ModeOut}}}
	_, v := p.Follow("command a(o: out) { o = b() }\ncommand b(o: out) { o = a() }\ncommand c(o: out) { o = 1 }")
	if v.Command("a") != nil || v.Command("b") != nil || v.Command("c") == nil {
		t.Error("a definition that calls itself can be called, or one that does not cannot")
	}
	if err := v.Load(t.Context(), []string{"a"}); codeOf(t, err) != catalog.CodeUnavailable {
		t.Errorf("loading gives %v", err)
	}
}

// TestDiamonds links definitions each of which is called from two sides: what
// they call is visited once.
func TestDiamonds(t *testing.T) {
	p := catalogtest.New(t)
	src := "command a0(o: out) { o = 1 }\ncommand b0(o: out) { o = 2 }\n"
	for i := 1; i < 60; i++ {
		for _, name := range []string{"a", "b"} {
			src += fmt.Sprintf("command %s%d(o: out) { o = a%d() + b%d() }\n", name, i, i-1, i-1)
		}
	}
	_, v := p.Follow(src)
	if v.Command("a59") == nil {
		t.Error("a59 is not known")
	}
}

// TestScript holds a stored script with its contract.
func TestScript(t *testing.T) {
	p := catalogtest.New(t)
	script := &bytecode.Program{
		Kind: bytecode.KindScript, Name: "report",
		Functions: []bytecode.Function{{Code: []bytecode.Instr{{Op: bytecode.OpStop}}, Positions: []bytecode.Position{{Line: 1, Col: 1}}}},
	}
	b, err := seal.Seal(&seal.Unit{Origin: seal.OriginPublished, Contract: seal.Contract{Instructions: 9}, Program: script}, p.PackageKey)
	if err != nil {
		t.Fatal(err)
	}
	r := catalog.NewReplica(p.Options())
	v := p.Apply(r, p.Change(bytecode.KindScript, "report", b))
	u, hash, err := v.Script(t.Context(), "report")
	if err != nil || u.Contract.Instructions != 9 || u.Program.Name != "report" || hash != sha256.Sum256(b) {
		t.Errorf("the script is %v (%v)", u, err)
	}
	if u, _, err := v.Script(t.Context(), "nobody"); u != nil || err != nil {
		t.Errorf("nobody's script is %v (%v)", u, err)
	}
	if v.Command("report") != nil {
		t.Error("a script can be called as a command")
	}
}

// TestReissue takes a manifest that differs in its times alone, if it is a later
// one.
func TestReissue(t *testing.T) {
	p := catalogtest.New(t)
	r, v := p.Follow(shouting)
	m := p.Manifest()
	m.Issued, m.Expires = m.Issued.Add(time.Hour), m.Expires.Add(time.Hour)
	later, err := r.Apply(nil, false, p.Sign(m), catalogtest.Clock())
	if err != nil || later == v || !r.Current().Manifest().Expires.Equal(m.Expires) || later.Command("shout") != v.Command("shout") {
		t.Errorf("the later manifest is not in force: %v", err)
	}
	if got, err := r.Apply(nil, false, p.Sign(p.Manifest()), catalogtest.Clock()); err != nil || got != later || r.Current() != later {
		t.Errorf("the earlier manifest is in force again: %v", err)
	}
}

// TestRestore starts from units that were kept.
func TestRestore(t *testing.T) {
	p := catalogtest.New(t)
	_, v := p.Follow(shouting)
	units := func(yield func(catalog.Change, error) bool) {
		for _, c := range p.All() {
			if !yield(c, nil) {
				return
			}
		}
	}
	r := catalog.NewReplica(p.Options())
	restored, err := r.Restore(units, v.Signed())
	if err != nil || restored.Command("shout") == nil || r.Current() != restored {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if _, err := catalog.NewReplica(p.Options()).Restore(func(yield func(catalog.Change, error) bool) {
		yield(catalog.Change{}, broken)
	}, v.Signed()); !errors.Is(err, broken) {
		t.Errorf("of a broken sequence: %v", err)
	}
	if next := p.Apply(r, catalogtest.Remove("whisper")); next.Number() != 2 {
		t.Errorf("revision %d", next.Number())
	}
}

// TestConcurrent loads from a small memory while revisions come: each view fits
// together.
func TestConcurrent(t *testing.T) {
	p := catalogtest.New(t)
	opt := p.Options()
	opt.CacheBytes = 8 << 10
	r := catalog.NewReplica(opt)
	p.Apply(r, p.Define(shouting)...)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				v := r.Current()
				w, err := v.View(context.Background(), []string{"shout", "mark", "whisper"})
				if err != nil {
					t.Error(err)
					return
				}
				for _, name := range []string{"shout", "mark", "whisper"} {
					if w.Command(name) == nil || w.Signature(name) == nil {
						t.Errorf("%s is not in the view of revision %d", name, v.Number())
					}
				}
			}
		})
	}
	for i := range 50 {
		p.Apply(r, p.Define(fmt.Sprintf(`command mark(text: value, o: out) { o = text + "%d" }`, i))...)
	}
	close(done)
	readers.Wait()
}
