// This file holds finding the program of a request: in the cache, or by compiling.

package worker

import (
	"errors"
	"strings"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/vm"
	"github.com/avap-framework/avap/worker/l1"
	"github.com/avap-framework/avap/worker/telemetry"
)

// cached is a program, or what else a key may stand for.
type cached struct {
	program *avap.Program // nil where only other says what there is
	other   *other        // nil for a script that compiles
}

// other is what is cached beside a program, or in place of one. A script that does not
// compile is as cheap to refuse as another one is to run.
type other struct {
	engine   *avap.Engine  // that err is of
	err      error         // of a script that does not compile
	contract *avap.Limits  // of a package; nil for none
	pkg      *seal.Package // of version 1: its source stands for a program
}

// caches are what L1 is made of. Their keys come from callers, in three spellings: in
// one cache a script could be taken for a package, whose MAC nobody has seen. Of scripts
// callers may send any number; what is signed is kept.
type caches struct {
	sources  *l1.Cache[cached] // by the script as it stands in JSON
	scripts  *l1.Cache[cached] // by the script itself, out of packages
	packages *l1.Cache[cached] // by the package, and by the hash of a stored script
}

func newCaches(bytes int) caches {
	return caches{
		sources:  l1.New[cached](l1.Options{Bytes: bytes / 2, Selective: true}),
		scripts:  l1.New[cached](l1.Options{Bytes: bytes / 4, Selective: true}),
		packages: l1.New[cached](l1.Options{Bytes: bytes / 4}),
	}
}

func (c *caches) each() []*l1.Cache[cached] {
	return []*l1.Cache[cached]{c.sources, c.scripts, c.packages}
}

// sent gives the program of a script that stands in a body, by its text as it
// stands there: a script that was met before is not even unescaped. One that is
// spelled in two ways is kept twice.
func (w *Worker) sent(e *execution, body, script []byte, at int) (*avap.Program, error) {
	size := len(script)
	c, err := w.lookUp(e, w.sources, text(script), func(_ string, room []byte, keep bool) (cached, error) {
		script, err := e.Machine().Unquote(room, body, at, size)
		if err != nil {
			return cached{}, asBadRequest(err)
		}
		return w.compileFor(e, script, keep)
	})
	if err != nil {
		return nil, err
	}
	return c.compiled()
}

// scripted gives the program of a script that is not JSON's.
func (w *Worker) scripted(e *execution, script string) (*avap.Program, error) {
	c, err := w.lookUp(e, w.scripts, script, func(script string, _ []byte, keep bool) (cached, error) {
		if !keep {
			script = strings.Clone(script) // which the program holds on to
		}
		return w.compileFor(e, script, keep)
	})
	if err != nil {
		return nil, err
	}
	return c.compiled()
}

// compiled gives the program of a script, or what is wrong with it.
func (c cached) compiled() (*avap.Program, error) {
	if c.other != nil {
		return nil, c.other.err
	}
	return c.program, nil
}

// lentScript is up to how many bytes a script is compiled in memory that is used again:
// that is more than its program takes, and many executions may wait for hosts with it.
const lentScript = 4 << 10

// compileFor compiles a script, to keep it in the cache or for this execution alone.
func (w *Worker) compileFor(e *execution, script string, keep bool) (cached, error) {
	if script == "" {
		return cached{}, badRequest("the script is empty")
	}
	if len(script) > largeScript {
		if err := e.exchange.turns.SlowDown(); err != nil {
			return cached{}, err
		}
	}
	compile := e.Compile
	if !keep && len(script) <= lentScript {
		compile = e.CompileOnce
	}
	p, err := compile(script)
	if err != nil && syntactic(err) {
		return cached{other: &other{engine: e.catalog.engine, err: err}}, nil
	}
	return cached{program: p}, err
}

// syntactic tells whether an error is a property of the script, and no quota's.
func syntactic(err error) bool {
	all := avap.Errors(err)
	return len(all) > 0 && all[0].Code == avap.CodeSyntax
}

// packaged gives the program of a package, which must verify, each time.
func (w *Worker) packaged(e *execution, b []byte) (*avap.Program, error) {
	if w.opt.Keys == nil {
		return nil, integrity(errors.New("the worker has no package keys"))
	}
	if err := seal.Verify(w.opt.Keys, b); err != nil {
		return nil, err
	}
	c, err := w.lookUp(e, w.packages, text(b), func(string, []byte, bool) (cached, error) {
		p, err := seal.Open(w.opt.Keys, b)
		if err != nil {
			return cached{}, err
		}
		if p.Version == seal.VersionSource {
			return cached{other: &other{pkg: p}}, nil
		}
		return link(e, p.Unit)
	})
	switch {
	case err != nil:
		return nil, err
	case c.program == nil:
		return w.scripted(e, c.other.pkg.Source)
	}
	return c.restricting(e), nil
}

// stored gives the program of a stored script.
func (w *Worker) stored(e *execution, name string) (*avap.Program, error) {
	unknown := &avap.Error{Code: codeScript, Msg: "there is no stored script of this name"}
	if e.catalog.script == nil {
		return nil, unknown
	}
	e.exchange.turns.Ticket.Leave() // it may have to be fetched
	unit, hash, err := e.catalog.script(e.ctx, name)
	_ = e.exchange.turns.Ticket.Enter() // it does not fail
	if err != nil {
		return nil, err
	}
	if unit == nil {
		return nil, unknown
	}
	// No package is as short as a hash, so none is taken for one.
	c, err := w.lookUp(e, w.packages, string(hash[:]), func(string, []byte, bool) (cached, error) { return link(e, unit) })
	if err != nil {
		return nil, err
	}
	return c.restricting(e), nil
}

// restricting gives the program of a unit, and puts the execution under its contract.
func (c cached) restricting(e *execution) *avap.Program {
	if c.other != nil {
		e.Restrict(*c.other.contract)
	}
	return c.program
}

// link makes the program of a compiled script.
func link(e *execution, u *seal.Unit) (cached, error) {
	p, err := e.catalog.engine.Link(e.ctx, u.Program)
	if err != nil {
		return cached{}, integrity(err)
	}
	c := cached{program: p}
	if limits := catalog.Limits(u.Contract); limits != nil {
		c.other = &other{contract: limits}
	}
	return c, nil
}

// integrity is the error of a package that cannot be run. What its cause says of it
// is for the log alone.
func integrity(cause error) error {
	var e *avap.Error
	if errors.As(cause, &e) && e.Code != vm.CodeIntegrity {
		return cause // of loading what it calls
	}
	return &seal.Error{Code: seal.CodeIntegrity, Msg: "the package does not verify", Err: cause}
}

// lookUp gives what a cache holds under a key. Where it holds nothing, or what was made
// against another catalog and means something else in this one, it is made, once for
// all that ask at the same time. A script that a full cache is not to keep is made for
// this execution alone. An error of produce is the caller's alone.
func (w *Worker) lookUp(e *execution, cache *l1.Cache[cached], key string, produce producer) (cached, error) {
	x := e.exchange
	c, ok, keep := cache.Ask(key)
	x.cache = telemetry.CacheHit
	if ok {
		holds, err := c.holds(e)
		if holds || err != nil {
			return c, err
		}
		cache.Delete(key)
	}
	x.cache = telemetry.CacheMiss
	began, err := e.Machine().Look()
	if err != nil {
		return cached{}, err
	}
	_, span := w.opt.Tracer.Start(e.ctx, telemetry.StageCompile)
	defer func() {
		span.End("")
		x.stages[telemetry.StageCompile] += e.Machine().Elapsed() - began
	}()
	room := 0
	if cache == w.sources { // for the script as it is, which is never longer
		room = len(key)
	}
	if !keep {
		return produce(key, make([]byte, room), false)
	}
	return build(e, cache, key, room, produce)
}

// producer makes what a cache keeps under a key, where it is to be kept. Only then it may
// hold on to the key. The room it may use in any case.
type producer func(key string, room []byte, keep bool) (cached, error)

// build makes what a cache lacks. The key is copied, with so much room behind it. Who
// waits for another one's compilation takes no place meanwhile. What that one made may be
// of another catalog: then it is made again.
func build(e *execution, cache *l1.Cache[cached], key string, room int, produce producer) (cached, error) {
	kept := append(make([]byte, 0, len(key)+room), key...)
	key, behind := text(kept), kept[len(kept):cap(kept)]
	for {
		own := false
		c, err := cache.BuildString(e.ctx, &e.exchange.turns.Ticket, key, func(key string) (cached, int, error) {
			own = true
			c, err := produce(key, behind, true)
			if err != nil {
				return cached{}, 0, l1.Own(err)
			}
			return c, c.size() + len(behind), nil
		})
		if err != nil || own {
			return c, err
		}
		if holds, err := c.holds(e); holds || err != nil {
			return c, err
		}
		cache.Delete(key)
	}
}

// holds tells whether what is cached is what the execution's catalog would make.
func (c cached) holds(e *execution) (bool, error) {
	switch {
	case c.program != nil:
		return e.catalog.engine.Holds(e.ctx, c.program)
	case c.other.err != nil:
		return c.other.engine == e.catalog.engine, nil
	}
	return true, nil
}

// size is about how many bytes the cache's entry holds beside its key.
func (c cached) size() int {
	n := 256
	if c.program != nil {
		n += c.program.Size()
	}
	if c.other != nil && c.other.err != nil {
		n += 512
	}
	if c.other != nil && c.other.pkg != nil {
		n += len(c.other.pkg.Source)
	}
	return n
}
