// This file holds the worker: what it is made of, its start and its end.

// Package worker serves scripts over HTTP: it checks requests, runs scripts in the
// engine, and answers with JSON. The packages below it have one job each: httpd reads
// and writes HTTP, lane decides who runs, l1 caches programs, rate limits callers,
// replica follows a definition server, telemetry reports what happened.
package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker/httpd"
	"github.com/avap-framework/avap/worker/l1"
	"github.com/avap-framework/avap/worker/lane"
	"github.com/avap-framework/avap/worker/telemetry"
)

// Options tune the worker. The zero value of each field but Catalog is useful.
type Options struct {
	// Catalog returns the catalog in force. While it returns nil, executions are
	// answered with catalog_unavailable. It must be safe for concurrent use.
	Catalog func() *Catalog
	// CatalogReason says why there is no catalog; nil for a plain message.
	CatalogReason func() error
	Limits        avap.Limits
	MaxBody       int // bytes of a request's body; default 1 MiB
	// Keys are the package and request keys; nil for none.
	Keys *seal.Keyring
	// Verifier verifies signed requests; nil refuses all of them.
	Verifier *seal.Verifier
	// Unsigned lets requests without a signature run scripts.
	Unsigned bool
	// CompileEndpoint opens POST /api/v1/compile, to unsigned requests only with
	// LoopbackOnly.
	CompileEndpoint bool
	// LoopbackOnly refuses requests whose Host is no loopback name or address,
	// so that no web page can reach a developer's machine by a name of its own.
	LoopbackOnly bool
	// Grants is what scripts of signed requests may reach, UnsignedGrants what those
	// of unsigned requests may.
	Grants, UnsignedGrants avap.Capability
	Lanes                  *lane.Lanes // default: lane.Options{}
	Limiter                Limiter     // default: none
	CacheBytes             int         // of compiled programs; default 64 MiB
	Version                string
	HTTP                   httpd.Options      // Handler, MaxBody, Full, Log and Watch are the worker's
	Metrics                *telemetry.Metrics // default: none
	Tracer                 *telemetry.Tracer  // default: none
	Log                    *slog.Logger       // default: discards
}

// Worker serves the REST API. It is safe for concurrent use.
type Worker struct {
	opt    Options
	server *httpd.Server
	lanes  *lane.Lanes
	caches
	health  []byte
	verbose bool                             // whether each request is logged
	unready atomic.Pointer[telemetry.Reason] // beside the catalog; nil for none
}

// New makes a worker.
func New(opt Options) *Worker {
	opt.MaxBody = cmp.Or(opt.MaxBody, httpd.DefaultMaxBody)
	opt.Log = cmp.Or(opt.Log, slog.New(slog.DiscardHandler))
	if opt.Lanes == nil {
		opt.Lanes = lane.New(lane.Options{})
	}
	opt.CacheBytes = cmp.Or(opt.CacheBytes, l1.DefaultBytes)
	opt.Tracer = cmp.Or(opt.Tracer, new(telemetry.Tracer))
	w := &Worker{
		opt:     opt,
		lanes:   opt.Lanes,
		verbose: opt.Log.Enabled(context.Background(), slog.LevelDebug),
		caches:  newCaches(opt.CacheBytes),
		health:  []byte(`{"status":"healthy","service":"avap-server","version":` + quote(opt.Version) + `}`),
	}
	http := opt.HTTP
	http.Handler, http.MaxBody, http.Log, http.Watch = handler{w}, opt.MaxBody, opt.Log, watch
	if opt.Metrics != nil {
		http.Full = func() { opt.Metrics.Refuse(telemetry.RefusedConnection) }
	}
	w.server = httpd.New(http)
	return w
}

// Serve answers the connections of a listener until Shutdown.
func (w *Worker) Serve(l net.Listener) error {
	if err := w.server.Serve(l); !errors.Is(err, httpd.ErrClosed) {
		return err
	}
	return nil
}

// Connections is how many connections of the data port are open.
func (w *Worker) Connections() int { return w.server.Connections() }

// CacheStats returns the counts of the cache of compiled programs.
func (w *Worker) CacheStats() telemetry.CacheStats {
	sum := telemetry.CacheStats{Limit: int64(w.opt.CacheBytes)}
	for _, c := range w.each() {
		s := c.Stats()
		sum.Hits, sum.Misses = sum.Hits+s.Hits, sum.Misses+s.Misses
		sum.Evictions, sum.Declined = sum.Evictions+s.Evictions, sum.Declined+s.Declined
		sum.Entries, sum.Bytes = sum.Entries+c.Len(), sum.Bytes+int64(c.Bytes())
	}
	return sum
}

// SetUnready makes /readyz answer 503, for a reason; nil takes that back. Requests are
// answered all the same.
func (w *Worker) SetUnready(r *telemetry.Reason) { w.unready.Store(r) }

// Unready returns the reasons why the worker is not ready; none if it is.
func (w *Worker) Unready() []telemetry.Reason {
	var reasons []telemetry.Reason
	if r := w.unready.Load(); r != nil {
		reasons = append(reasons, *r)
	}
	if w.opt.Catalog() == nil {
		message := "there is no catalog yet"
		if w.opt.CatalogReason != nil {
			if err := w.opt.CatalogReason(); err != nil {
				message = err.Error()
			}
		}
		reasons = append(reasons, telemetry.Reason{Code: codeCatalog, Message: message})
	}
	return reasons
}

// ready reports whether Unready would return no reasons, without making the list.
func (w *Worker) ready() bool { return w.unready.Load() == nil && w.opt.Catalog() != nil }

// Drain ends the worker without losing what it has accepted. At once /readyz answers 503,
// and every answer ends its connection; after delay, in which a load balancer takes
// notice, no more connections are accepted. Requests in progress have timeout to finish;
// any that do not are cut off, which is an error. The end of ctx cuts delay short.
func (w *Worker) Drain(ctx context.Context, delay, timeout time.Duration) error {
	w.SetUnready(&telemetry.Reason{Code: codeDraining, Message: "the worker is ending"})
	w.server.Drain()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if err := w.server.Shutdown(deadline); err != nil {
		return fmt.Errorf("requests in progress did not finish within %v and were cut off", timeout)
	}
	return nil
}
