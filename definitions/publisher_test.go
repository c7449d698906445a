// This file holds the tests of publishing, on a store in memory.

package definitions_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
)

var update = flag.Bool("update", false, "write what was got into the test data")

// keyring makes keys of both uses, whose secrets are made of their ids.
func keyring(t testing.TB, ids ...string) *seal.Keyring {
	t.Helper()
	if len(ids) == 0 {
		ids = []string{"k1"}
	}
	var keys []*seal.Key
	for i, id := range ids {
		for _, use := range []seal.Use{seal.UsePackage, seal.UseCatalog} {
			secret := []byte(strings.Repeat(string(use)+id, 8))
			k, err := seal.NewKey(use, id, secret, time.Unix(int64(i), 0), time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, k)
		}
	}
	r, err := seal.NewKeyring(nil, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// open opens a publisher whose log is lost.
func open(t testing.TB, s store.Store, keys *seal.Keyring) *definitions.Publisher {
	t.Helper()
	p, err := definitions.OpenPublisher(t.Context(), definitions.PublisherOptions{
		Store: s, Keys: keys, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Unix(1_800_000_000, 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// render writes a result, or an error, as the test data has it.
func render(r *definitions.Result, err error) string {
	if err != nil {
		return fmt.Sprintf("%T: %v\n", err, err)
	}
	changes := []string{"?", "created", "updated", "unchanged", "deleted", "recompiled", "refused"}
	var b strings.Builder
	fmt.Fprintf(&b, "revision %d\n", r.Revision)
	for _, o := range r.Outcomes {
		fmt.Fprintf(&b, "%s %s %s %d\n", changes[o.Change], kindName(o.Kind), o.Name, o.Version)
	}
	for _, d := range r.Diagnostics {
		fmt.Fprintf(&b, "source %d, %d:%d: %s: %s (%s %s)\n", d.Source, d.Pos.Line, d.Pos.Col, d.Code, d.Msg, kindName(d.Key.Kind), d.Key.Name)
	}
	return b.String()
}

func kindName(k bytecode.Kind) string { return []string{"?", "script", "command"}[k] }

// TestPublish runs the cases of testdata/publish. A case is a list of files, in
// order: sources, then what is done with them, then what comes of it.
func TestPublish(t *testing.T) {
	paths, err := filepath.Glob("testdata/publish/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			before := string(txtar.Format(a))
			(&publishCase{store: newMemory()}).run(t, a)
			if after := string(txtar.Format(a)); after != before && *update {
				if err := os.WriteFile(path, []byte(after), 0o666); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

type publishCase struct {
	store   *memory
	p       *definitions.Publisher
	sources []definitions.Source
	got     string
}

// run runs the files of a case and puts what came of them into its answers.
func (c *publishCase) run(t *testing.T, a *txtar.Archive) {
	c.p = open(t, c.store, keyring(t))
	for i := range a.Files {
		f := &a.Files[i]
		kind, name, _ := strings.Cut(f.Name, " ")
		order := definitions.Order{Author: "ada", KeepGoing: strings.Contains(string(f.Data), "keep going")}
		words := strings.Fields(string(f.Data))
		switch kind {
		case "source":
			c.sources = append(c.sources, definitions.Source{Name: name, Text: string(f.Data)})
		case "publish":
			c.got = render(c.p.Publish(t.Context(), c.sources, order))
			c.sources = nil
		case "delete":
			var keys []store.Key
			for _, name := range words {
				keys = append(keys, store.Key{Name: name})
			}
			c.got = render(c.p.Delete(t.Context(), keys, order))
		case "rollback":
			version, err := strconv.ParseUint(words[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			c.got = render(c.p.Rollback(t.Context(), store.Key{Name: words[0]}, version, order))
		case "show":
			c.got = c.show(t, words)
		case "want", "shown":
			f.Data = []byte(c.got)
		default:
			t.Fatalf("the case has a file %q", f.Name)
		}
	}
}

// show writes the newest versions of commands as they are stored.
func (c *publishCase) show(t *testing.T, names []string) string {
	var b strings.Builder
	for _, name := range names {
		key := store.Key{Kind: bytecode.KindCommand, Name: name}
		versions, err := c.store.History(t.Context(), key)
		if err != nil || len(versions) == 0 {
			t.Fatalf("%s: %v", name, err)
		}
		v, err := c.store.Version(t.Context(), key, versions[0].Version)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s, version %d of revision %d, from %d, by %s, interface %v, requires %v\n%s",
			name, v.Version, v.Revision, v.From, v.Author, v.Params, v.Requires, v.Source)
	}
	return b.String()
}

// TestPackages opens what was published and finds the unit that it is, with the
// contract that it came with.
func TestPackages(t *testing.T) {
	m, keys := newMemory(), keyring(t)
	p := open(t, m, keys)
	quotas := seal.Contract{Instructions: 1000, Memory: 2 << 20, Time: time.Second, HostTime: 2 * time.Second, Depth: 5, Output: 6, HostCalls: 7}
	r, err := p.Publish(t.Context(), []definitions.Source{
		{Text: "command now(o: out) requires time { getDateTime(\"\", 0, \"\", o) }", Quotas: quotas, Capabilities: []string{"time"}},
		{Name: "nightly", Text: "now(t)\naddResult(t)", Quotas: quotas, Capabilities: []string{"time", "http", "time"}},
	}, definitions.Order{Author: "ada"})
	if err != nil || r.Revision != 2 {
		t.Fatalf("%v, %v", r, err)
	}
	for _, pack := range m.publications[1].Packages {
		opened, err := seal.Open(keys, pack.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		u := opened.Unit
		if u.Origin != seal.OriginPublished || u.Contract != quotas || u.Program.Kind != pack.Kind || u.Program.Name != pack.Name {
			t.Errorf("%v holds %+v of %s", pack.Key, u, u.Program.Name)
		}
		want := map[bytecode.Kind][]string{bytecode.KindCommand: {"time"}, bytecode.KindScript: {"http", "time"}}[pack.Kind]
		if diff := cmp.Diff(want, u.Program.Requires); diff != "" {
			t.Errorf("capabilities of %s (-want +got):\n%s", pack.Name, diff)
		}
	}
}

// TestRefusedRequests holds requests that make no sense.
func TestRefusedRequests(t *testing.T) {
	p := open(t, newMemory(), keyring(t))
	good := []definitions.Source{{Text: "command a(x: value) { y = x }"}}
	tests := map[string]struct {
		sources []definitions.Source
		order   definitions.Order
		want    string
	}{
		"nothing":         {nil, definitions.Order{Author: "ada"}, "there is nothing to publish"},
		"no author":       {good, definitions.Order{}, "needs an author"},
		"comment":         {good, definitions.Order{Author: "ada", Comment: strings.Repeat("x", 1001)}, "at most 1000 bytes"},
		"negative quota":  {[]definitions.Source{{Text: "x = 1", Name: "s", Quotas: seal.Contract{Depth: -1}}}, definitions.Order{Author: "ada"}, "0 or more"},
		"kind":            {[]definitions.Source{{Kind: 7}}, definitions.Order{Author: "ada"}, "no kind"},
		"other revision":  {good, definitions.Order{Author: "ada", Base: 99}, "has changed since"},
		"script's name":   {[]definitions.Source{{Text: "x = 1"}}, definitions.Order{Author: "ada"}, "needs a name"},
		"control":         {[]definitions.Source{{Text: "x = 1", Name: "a\nb"}}, definitions.Order{Author: "ada"}, "control characters"},
		"long name":       {[]definitions.Source{{Text: "x = 1", Name: strings.Repeat("n", 201)}}, definitions.Order{Author: "ada"}, "at most 200 bytes"},
		"not UTF-8":       {[]definitions.Source{{Text: "x = 1", Name: "\xff"}}, definitions.Order{Author: "ada"}, "not UTF-8"},
		"NUL":             {[]definitions.Source{{Text: "x = \"\x00\"", Name: "s"}}, definitions.Order{Author: "ada"}, "NUL"},
		"large":           {[]definitions.Source{{Text: strings.Repeat("x = 1\n", 200_000), Name: "s"}}, definitions.Order{Author: "ada"}, "larger than"},
		"capability":      {[]definitions.Source{{Text: "x = 1", Name: "s", Capabilities: []string{"disk"}}}, definitions.Order{Author: "ada"}, "no capability"},
		"other contract":  {[]definitions.Source{{Text: good[0].Text, Capabilities: []string{"sql"}}}, definitions.Order{Author: "ada"}, "other capabilities"},
		"not a command":   {[]definitions.Source{{Text: "x = 1", Kind: bytecode.KindCommand}}, definitions.Order{Author: "ada"}, "definitions of commands alone"},
		"command, script": {[]definitions.Source{{Text: good[0].Text, Kind: bytecode.KindScript, Name: "s"}}, definitions.Order{Author: "ada"}, "a script cannot define"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := p.Publish(t.Context(), tt.sources, tt.order)
			if got := render(r, err); !strings.Contains(got, tt.want) || err == nil && r.Revision != 0 {
				t.Errorf("got %swant %s", got, tt.want)
			}
			if p.Revision() != 1 {
				t.Errorf("revision %d", p.Revision())
			}
		})
	}
}

// TestDryRun says what would be, and stores nothing.
func TestDryRun(t *testing.T) {
	m := newMemory()
	p := open(t, m, keyring(t))
	sources := []definitions.Source{{Text: "command a(x: value) { y = x }"}}
	r, err := p.Publish(t.Context(), sources, definitions.Order{Author: "ada", DryRun: true})
	if got := render(r, err); got != "revision 1\ncreated command a 1\n" || len(m.publications) != 1 {
		t.Errorf("got %s%d publications", got, len(m.publications))
	}
}

// TestProgress tells how many units were looked at.
func TestProgress(t *testing.T) {
	p := open(t, newMemory(), keyring(t))
	var seen []string
	_, err := p.Publish(t.Context(), []definitions.Source{{Text: "command a(x: value) { y = x }\ncommand b(x: value) { y = x }"}},
		definitions.Order{Author: "ada", Progress: func(done, total int) { seen = append(seen, fmt.Sprint(done, "/", total)) }})
	if diff := cmp.Diff([]string{"1/2", "2/2"}, seen); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestStockAtStart publishes the stock catalog once, and not again.
func TestStockAtStart(t *testing.T) {
	m, keys := newMemory(), keyring(t)
	for range 3 {
		if p := open(t, m, keys); p.Revision() != 1 {
			t.Fatalf("revision %d", p.Revision())
		}
	}
	pub := m.publications[0]
	if pub.Action != store.ActionStock || pub.Author != "stock" {
		t.Errorf("published as %s by %s", pub.Action, pub.Author)
	}
	for _, pack := range pub.Packages {
		opened, err := seal.Open(keys, pack.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		program := opened.Unit.Program
		if len(program.Commands) != 1 || program.Commands[0].Name != program.Name || !cmp.Equal(program.Commands[0].Params, program.Params) {
			t.Errorf("%s calls %v", pack.Name, program.Commands)
		}
	}
}

// TestStockUpgrade starts on the store of an older program: stock commands are
// brought up to date, and what users published stays.
func TestStockUpgrade(t *testing.T) {
	m, keys := newMemory(), keyring(t)
	open(t, m, keys)
	// The older program had encodeMD5 with another interface, a command that is
	// gone, one that is gone and still called, and not yet encodeSHA256, of which
	// users had their own.
	old := &m.publications[0]
	alter := func(name string, change func(*store.Version)) {
		for i := range old.Versions {
			if old.Versions[i].Name == name {
				change(&old.Versions[i])
			}
		}
	}
	alter("encodeMD5", func(v *store.Version) { v.Source = "stock command encodeMD5(x: value)" })
	alter("encodeSHA256", func(v *store.Version) {
		v.Stock, v.Source = 0, "command encodeSHA256(SourceVariable: value, TargetVariable: out) { TargetVariable = 1 }"
	})
	alter("getListLen", func(v *store.Version) { v.Name = "lengthOf" })
	for i := range old.Packages {
		if old.Packages[i].Name == "getListLen" {
			old.Packages[i].Name = "lengthOf"
		}
	}
	var log bytes.Buffer
	p, err := definitions.OpenPublisher(t.Context(), definitions.PublisherOptions{Store: m, Keys: keys, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range m.publications[1].Versions {
		got[v.Name] = fmt.Sprint(v.Version, " ", v.Deleted)
	}
	if diff := cmp.Diff(map[string]string{"encodeMD5": "2 false", "getListLen": "1 false", "lengthOf": "2 true"}, got); diff != "" {
		t.Errorf("the upgrade (-want +got):\n%s", diff)
	}
	if !strings.Contains(log.String(), "a stock command of this program has the name of a definition, which stays") {
		t.Errorf("no warning in the log: %s", log.String())
	}
	// The user's command goes on under its name.
	r, err := p.Publish(t.Context(), []definitions.Source{{Text: "command encodeSHA256(SourceVariable: value, TargetVariable: out) { TargetVariable = 2 }"}}, definitions.Order{Author: "ada"})
	if got := render(r, err); got != "revision 3\nupdated command encodeSHA256 2\n" {
		t.Error(got)
	}
	// Without it, the stock command takes its place.
	r, err = p.Delete(t.Context(), []store.Key{{Name: "encodeSHA256"}}, definitions.Order{Author: "ada"})
	if got := render(r, err); got != "revision 4\ndeleted command encodeSHA256 3\n" || p.Revision() != 5 {
		t.Errorf("revision %d after %s", p.Revision(), got)
	}
}

// TestStockOfNewerProgram leaves alone what a newer program published.
func TestStockOfNewerProgram(t *testing.T) {
	m, keys := newMemory(), keyring(t)
	open(t, m, keys)
	for i := range m.publications[0].Versions {
		v := &m.publications[0].Versions[i]
		v.Stock, v.Source = 99, v.Source+" of tomorrow"
	}
	if p := open(t, m, keys); p.Revision() != 1 {
		t.Errorf("revision %d: the older program published its own", p.Revision())
	}
}

// TestSealedAnew follows the key that signs: packages of an older one are sealed
// anew, as a revision, and unknown ones only at a start.
func TestSealedAnew(t *testing.T) {
	m := newMemory()
	open(t, m, keyring(t, "k1"))
	both := open(t, m, keyring(t, "k1", "k2"))
	if both.Revision() != 2 || m.publications[1].Action != store.ActionReseal {
		t.Fatalf("revision %d", both.Revision())
	}
	for _, pack := range m.publications[1].Packages {
		if opened, err := seal.Open(keyring(t, "k2"), pack.Bytes); err != nil || opened.KeyID != "k2" {
			t.Fatalf("%s: %v", pack.Name, err)
		}
	}
	// A server that knows k1 alone reads what the other one sealed, and leaves it.
	late := open(t, newMemory(), keyring(t, "k1"))
	if err := late.Reseal(t.Context()); err != nil || late.Revision() != 1 {
		t.Errorf("revision %d, %v", late.Revision(), err)
	}
	if restored := open(t, m, keyring(t, "k9")); restored.Revision() != 3 {
		t.Errorf("revision %d: packages of lost keys are not sealed anew", restored.Revision())
	}
}

// TestSealedAnewAtExpiry has one key begin where the other one ends, so that no moment has
// both.
func TestSealedAnewAtExpiry(t *testing.T) {
	turn := time.Now().Add(time.Hour)
	var later atomic.Bool
	var keys []*seal.Key
	for id, valid := range map[string][2]time.Time{"k1": {{}, turn}, "k2": {turn, {}}} {
		for _, use := range []seal.Use{seal.UsePackage, seal.UseCatalog} {
			k, err := seal.NewKey(use, id, []byte(strings.Repeat(string(use)+id, 8)), valid[0], valid[1])
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, k)
		}
	}
	ring, err := seal.NewKeyring(func() time.Time {
		if later.Load() {
			return turn
		}
		return turn.Add(-time.Second)
	}, keys...)
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory()
	p := open(t, m, ring)
	if err := p.Reseal(t.Context()); err != nil || p.Revision() != 1 {
		t.Fatalf("revision %d before the turn, %v", p.Revision(), err)
	}
	later.Store(true)
	if err := p.Reseal(t.Context()); err != nil || p.Revision() != 2 {
		t.Fatalf("revision %d after it, %v", p.Revision(), err)
	}
	for _, pack := range m.publications[1].Packages {
		if opened, err := seal.Open(ring, pack.Bytes); err != nil || opened.KeyID != "k2" {
			t.Errorf("%s: %v", pack.Name, err)
		}
	}
}

// TestMinRevision goes on above what workers have seen.
func TestMinRevision(t *testing.T) {
	m := newMemory()
	opt := definitions.PublisherOptions{Store: m, Keys: keyring(t), MinRevision: 70, Log: slog.New(slog.DiscardHandler)}
	for range 2 {
		p, err := definitions.OpenPublisher(t.Context(), opt)
		if err != nil || p.Revision() != 72 {
			t.Fatalf("revision %d, %v", p.Revision(), err)
		}
	}
	if got := m.publications[0].Action; got != store.ActionAdvance {
		t.Errorf("the audit log has %s", got)
	}
}

// TestTwoPublishers publishes through two servers on one store.
func TestTwoPublishers(t *testing.T) {
	m, keys := newMemory(), keyring(t)
	a, b := open(t, m, keys), open(t, m, keys)
	for i := range 6 {
		p := []*definitions.Publisher{a, b}[i%2]
		r, err := p.Publish(t.Context(), []definitions.Source{{Text: fmt.Sprintf("command c%d(x: value) { y = x }", i)}}, definitions.Order{Author: "ada"})
		if err != nil || r.Revision != uint64(i+2) {
			t.Fatalf("%d: %v, %v", i, r, err)
		}
	}
	if err := a.Refresh(t.Context()); err != nil || a.Revision() != b.Revision() {
		t.Errorf("revisions %d and %d, %v", a.Revision(), b.Revision(), err)
	}
}

// TestStoreFails holds what a publication comes to whose storing ended with an
// error.
func TestStoreFails(t *testing.T) {
	away := errors.New("the database is away")
	sources := []definitions.Source{{Text: "command a(x: value) { y = x }"}}
	tests := map[string]struct {
		fail func(m *memory, p store.Publication) error
		want string
	}{
		"not stored": {func(*memory, store.Publication) error { return away }, "*errors.errorString: the database is away\n"},
		"stored all the same": {func(m *memory, p store.Publication) error {
			m.store(p)
			return away
		}, "revision 2\ncreated command a 1\n"},
		"always late": {func(*memory, store.Publication) error { return store.ErrConflict }, "*errors.errorString: other publications were always first\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			p := open(t, m, keyring(t))
			m.fail = func(pub store.Publication) error { return tt.fail(m, pub) }
			if got := render(p.Publish(t.Context(), sources, definitions.Order{Author: "ada"})); got != tt.want {
				t.Errorf("got %swant %s", got, tt.want)
			}
			m.fail = nil
			if got := render(p.Publish(t.Context(), sources, definitions.Order{Author: "ada"})); !strings.HasPrefix(got, "revision 2\n") {
				t.Errorf("the next publication: %s", got)
			}
		})
	}
}

// TestCompileBounds ends what takes too much memory or too long.
func TestCompileBounds(t *testing.T) {
	p, err := definitions.OpenPublisher(t.Context(), definitions.PublisherOptions{
		Store: newMemory(), Keys: keyring(t), CompileMemory: 1 << 16, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	large := []definitions.Source{{Name: "s", Text: strings.Repeat("x = 1\n", 50_000)}}
	if _, err := p.Publish(t.Context(), large, definitions.Order{Author: "ada"}); err == nil || !strings.Contains(err.Error(), "too much memory") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Publish(ctx, large, definitions.Order{Author: "ada"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// stockDigests are the stock catalogs by level: SHA-256 of their declarations, a
// line each.
var stockDigests = map[uint32]string{
	1: "e62787ac5522758a6bd82f19573fb633bebd41623e96b15152b45adf9cd9088a",
}

// TestStockLevel holds the level of the stock catalog to what it declares. Where
// it fails, raise stockLevel and add a line above; never change one that was
// released.
func TestStockLevel(t *testing.T) {
	m := newMemory()
	open(t, m, keyring(t))
	h := sha256.New()
	level := uint32(0)
	for _, v := range m.publications[0].Versions {
		fmt.Fprintln(h, v.Source)
		level = v.Stock
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); stockDigests[level] != got {
		t.Errorf("the stock catalog of level %d is %s, want %s", level, got, stockDigests[level])
	}
}

// TestPublicationsAreLogged tells whoever reads the log what was published, and by whom.
func TestPublicationsAreLogged(t *testing.T) {
	m := newMemory()
	var log bytes.Buffer
	p, err := definitions.OpenPublisher(t.Context(), definitions.PublisherOptions{Store: m, Keys: keyring(t), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	source := []definitions.Source{{Text: "command double(n: value, result: out) { result = n * 2 }"}}
	for _, o := range []definitions.Order{{Author: "ada", DryRun: true}, {Author: "ada", Comment: "a ticket"}, {Author: "bob"}} {
		if _, err := p.Publish(t.Context(), source, o); err != nil {
			t.Fatal(err)
		}
	}
	// What is stored with the answer lost is found, and logged too, with its own revision.
	m.fail = func(p store.Publication) error {
		m.fail = nil
		m.store(p)
		m.store(store.Publication{Base: p.Base + 1, Action: store.ActionAdvance, Author: "another server", Roots: p.Roots})
		return store.ErrUncertain
	}
	if _, err := p.Delete(t.Context(), []store.Key{{Name: "double"}}, definitions.Order{Author: "bob"}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(log.String()) {
		_, line, _ = strings.Cut(line, "msg=")
		if !strings.Contains(line, "author=stock") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := []string{
		`published revision=2 author=ada action=publish units="[command double]" versions=1 packages=1`,
		`published revision=3 author=bob action=delete units="[command double]" versions=1 packages=0`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
}

// away is a store whose database may be away.
type away struct {
	*memory
	gone atomic.Bool
}

func (a *away) Since(ctx context.Context, revision uint64, limit int) ([]store.Publication, error) {
	if a.gone.Load() {
		return nil, errors.New("no connection")
	}
	return a.memory.Since(ctx, revision, limit)
}

// tell has whoever follows look.
func (a *away) tell() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for w := range a.watchers {
		w <- struct{}{}
	}
}

// TestStoreAway has the log tell of a store that is away, not at each look, and of the
// end of that.
func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &away{memory: newMemory()}
		var log bytes.Buffer
		p, err := definitions.OpenPublisher(t.Context(), definitions.PublisherOptions{Store: s, Keys: keyring(t), Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go p.Follow(ctx)
		synctest.Wait()
		s.gone.Store(true)
		for range 90 { // of seconds
			s.tell()
			time.Sleep(time.Second)
		}
		s.gone.Store(false)
		for range 2 {
			s.tell()
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		for text, want := range map[string]int{
			`level=ERROR msg="the catalog may be behind the store" error="reading publications: no connection"`: 2,
			`level=INFO msg="the store answers again" revision=1`:                                               1,
		} {
			if got := strings.Count(log.String(), text); got != want {
				t.Errorf("%d times, want %d: %s\n%s", got, want, text, log.String())
			}
		}
	})
}

// TestStoreRestored puts an older copy in the place of the database, under a server: it
// does not try again as if others were faster.
func TestStoreRestored(t *testing.T) {
	m := newMemory()
	p := open(t, m, keyring(t))
	source := []definitions.Source{{Text: "command f(a: out) { a = 1 }"}}
	if _, err := p.Publish(t.Context(), source, definitions.Order{Author: "ada"}); err != nil {
		t.Fatal(err)
	}
	m.publications = m.publications[:1]
	_, err := p.Delete(t.Context(), []store.Key{{Name: "f"}}, definitions.Order{Author: "ada"})
	const want = "the store is at revision 1 and this server at 2: was it restored from a backup? start the server anew, with --min-revision 2"
	if err == nil || err.Error() != want || errors.Is(err, definitions.ErrBusy) {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestStoreAwayIsLookedAtAgain has a publisher that could not read a revision read it
// later, though nobody tells it again.
func TestStoreAwayIsLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &away{memory: newMemory()}
		open := func(of store.Store) *definitions.Publisher {
			p, err := definitions.OpenPublisher(t.Context(), definitions.PublisherOptions{Store: of, Keys: keyring(t), Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		p, other := open(s), open(s.memory)
		ctx, cancel := context.WithCancel(t.Context())
		go p.Follow(ctx)
		synctest.Wait()
		s.gone.Store(true)
		source := []definitions.Source{{Text: "command f(a: out) { a = 1 }"}}
		if _, err := other.Publish(t.Context(), source, definitions.Order{Author: "ada"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.gone.Store(false)
		time.Sleep(6 * time.Second)
		if p.Revision() != other.Revision() {
			t.Errorf("it is at revision %d, the store at %d", p.Revision(), other.Revision())
		}
		cancel()
		synctest.Wait()
	})
}
