// This file holds finding the program of a request: in the cache, or by compiling.

package worker

import (
	"errors"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/vm"
	"github.com/avap-framework/avap/worker/l1"
	"github.com/avap-framework/avap/worker/telemetry"
)

// cached is a program, or the error of a script that does not compile: it is as cheap
// to refuse as another one is to run.
type cached struct {
	program  *avap.Program
	engine   *avap.Engine  // that err is of
	err      error         // instead of program
	contract *avap.Limits  // of a package; nil for none
	pkg      *seal.Package // of version 1: its source stands for a program
}

// caches are what L1 is made of. Their keys come from callers, in three spellings: in
// one cache a script could be taken for a package, whose MAC nobody has seen.
type caches struct {
	sources  *l1.Cache[*cached] // by the script as it stands in JSON
	scripts  *l1.Cache[*cached] // by the script itself, out of packages
	packages *l1.Cache[*cached] // by the package, and by the hash of a stored script
}

func newCaches(bytes int) caches {
	return caches{
		sources:  l1.New[*cached](l1.Options{Bytes: bytes / 2}),
		scripts:  l1.New[*cached](l1.Options{Bytes: bytes / 4}),
		packages: l1.New[*cached](l1.Options{Bytes: bytes / 4}),
	}
}

func (c *caches) each() []*l1.Cache[*cached] {
	return []*l1.Cache[*cached]{c.sources, c.scripts, c.packages}
}

// sent gives the program of a script that stands in a body, by its text as it
// stands there: a script that was met before is not even unescaped. One that is
// spelled in two ways is kept twice.
func (w *Worker) sent(e *execution, body, script []byte, at int) (*avap.Program, error) {
	c, err := w.lookUp(e, w.sources, text(script), func(string) (*cached, error) {
		script, err := e.Machine().Unquote(body, at)
		if err != nil {
			return nil, asBadRequest(err)
		}
		return w.compileFor(e, script)
	})
	if err != nil {
		return nil, err
	}
	return c.program, c.err
}

// scripted gives the program of a script that is not JSON's.
func (w *Worker) scripted(e *execution, script string) (*avap.Program, error) {
	c, err := w.lookUp(e, w.scripts, script, func(script string) (*cached, error) { return w.compileFor(e, script) })
	if err != nil {
		return nil, err
	}
	return c.program, c.err
}

// compileFor compiles a script for the cache.
func (w *Worker) compileFor(e *execution, script string) (*cached, error) {
	if script == "" {
		return nil, badRequest("the script is empty")
	}
	if len(script) > largeScript {
		if err := e.exchange.turns.SlowDown(); err != nil {
			return nil, err
		}
	}
	p, err := e.Compile(script)
	if syntactic(err) {
		return &cached{engine: e.catalog.engine, err: err}, nil
	}
	return &cached{program: p}, err
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
	c, err := w.lookUp(e, w.packages, text(b), func(string) (*cached, error) {
		p, err := seal.Open(w.opt.Keys, b)
		if err != nil {
			return nil, err
		}
		if p.Version == seal.VersionSource {
			return &cached{pkg: p}, nil
		}
		return link(e, p.Unit)
	})
	switch {
	case err != nil:
		return nil, err
	case c.pkg != nil:
		return w.scripted(e, c.pkg.Source)
	}
	if c.contract != nil {
		e.Restrict(*c.contract)
	}
	return c.program, nil
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
	c, err := w.lookUp(e, w.packages, string(hash[:]), func(string) (*cached, error) { return link(e, unit) })
	if err != nil {
		return nil, err
	}
	if c.contract != nil {
		e.Restrict(*c.contract)
	}
	return c.program, nil
}

// link makes the program of a compiled script.
func link(e *execution, u *seal.Unit) (*cached, error) {
	p, err := e.catalog.engine.Link(e.ctx, u.Program)
	if err != nil {
		return nil, integrity(err)
	}
	return &cached{program: p, contract: catalog.Limits(u.Contract)}, nil
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
// all that ask at the same time. An error of make is the caller's alone.
func (w *Worker) lookUp(e *execution, cache *l1.Cache[*cached], key string, make func(key string) (*cached, error)) (*cached, error) {
	x := e.exchange
	c, ok := cache.GetString(key)
	x.cache = telemetry.CacheHit
	if ok {
		holds, err := c.holds(e)
		if holds || err != nil {
			return c, err
		}
		cache.Delete(key)
	}
	x.cache = telemetry.CacheMiss
	began := time.Now()
	_, span := w.opt.Tracer.Start(e.ctx, telemetry.StageCompile)
	defer func() {
		span.End("")
		x.stages[telemetry.StageCompile] += time.Since(began)
	}()
	// Who waits for another one's compilation takes no place meanwhile.
	e.exchange.turns.Ticket.Leave()
	c, err := build(e, cache, key, make)
	if err := e.exchange.turns.Ticket.Enter(); err != nil {
		return nil, err
	}
	return c, err
}

// build makes what a cache lacks. What another one made meanwhile may be of another
// catalog: then it is made again.
func build(e *execution, cache *l1.Cache[*cached], key string, make func(key string) (*cached, error)) (*cached, error) {
	for {
		own := false
		c, err := cache.BuildString(e.ctx, key, func(key string) (*cached, int, error) {
			own = true
			if err := e.exchange.turns.Ticket.Enter(); err != nil {
				return nil, 0, l1.Own(err)
			}
			defer e.exchange.turns.Ticket.Leave()
			c, err := make(key)
			if err != nil {
				return nil, 0, l1.Own(err)
			}
			return c, c.size(), nil
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
func (c *cached) holds(e *execution) (bool, error) {
	switch {
	case c.program != nil:
		return e.catalog.engine.Holds(e.ctx, c.program)
	case c.err != nil:
		return c.engine == e.catalog.engine, nil
	}
	return true, nil
}

// size is about how many bytes the cache's entry holds beside its key.
func (c *cached) size() int {
	n := 256
	if c.program != nil {
		n += c.program.Size()
	}
	if c.err != nil {
		n += 512
	}
	if c.pkg != nil {
		n += len(c.pkg.Source)
	}
	return n
}
