// This file holds the flags of a worker, which serve and dev share, and the making of
// a worker from them.

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/internal/container"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/vm"
	"github.com/avap-framework/avap/worker"
	"github.com/avap-framework/avap/worker/httpd"
	"github.com/avap-framework/avap/worker/lane"
	"github.com/avap-framework/avap/worker/rate"
	"github.com/avap-framework/avap/worker/telemetry"
)

// workerFlags are the flags of a worker.
type workerFlags struct {
	listen, adminListen string
	limits              limitFlags
	hosts               hostFlags
	keys                keyFlags
	follow              followFlags

	unsigned        string
	compileEndpoint bool
	replay          bool
	replayEntries   int
	window          time.Duration
	grants          string
	unsignedGrants  string

	maxConcurrent, queue int
	queueWait            time.Duration
	memoryBudget         bytesValue
	maxBody              bytesValue
	maxConnections       int
	rateLimit            string
	trustedProxies       string
	cacheBytes           bytesValue
	drainDelay           time.Duration
	drainTimeout         time.Duration
	logLevel             string
}

// register registers the flags. dev says that they are those of a developer's worker.
func (f *workerFlags) register(fs *pflag.FlagSet, dev bool) {
	listen, unsigned, unsignedGrants, delay := ":8888", "deny", "http,random,time", 5*time.Second
	if dev {
		listen, unsigned, unsignedGrants, delay = "127.0.0.1:8888", "allow", "http,sql,random,time", 0
	}
	fs.StringVar(&f.listen, "listen", listen, "data port")
	fs.StringVar(&f.adminListen, "admin-listen", "127.0.0.1:9090", "admin port: metrics, health, profiles")
	fs.StringVar(&f.unsigned, "unsigned-scripts", unsigned, "allow or deny requests without a signature")
	fs.BoolVar(&f.compileEndpoint, "compile-endpoint", dev, "open POST /api/v1/compile")
	fs.BoolVar(&f.replay, "replay-protection", false, "refuse a signature that was seen before")
	fs.IntVar(&f.replayEntries, "replay-entries", seal.DefaultReplayEntries, "signatures that are remembered for that")
	fs.DurationVar(&f.window, "signature-window", seal.DefaultWindow, "how far a signature's time may be from the clock")
	fs.StringVar(&f.grants, "script-capabilities", "http,sql,random,time", "what scripts may reach; none for nothing")
	fs.StringVar(&f.unsignedGrants, "unsigned-capabilities", unsignedGrants, "which of these scripts of unsigned requests may reach")
	fs.IntVar(&f.maxConcurrent, "max-concurrent", 0, "executions at a time; 0 is one for each processor")
	fs.IntVar(&f.queue, "queue", lane.DefaultQueue, "requests that may wait for a place")
	fs.DurationVar(&f.queueWait, "queue-wait", lane.DefaultWait, "how long each of them waits at most, then 503")
	fs.Var(&f.memoryBudget, "memory-budget", "what all executions may hold together; 0 is a quarter of the container's memory")
	f.maxBody, f.cacheBytes = httpd.DefaultMaxBody, 64<<20
	fs.Var(&f.maxBody, "max-body", "size of a request's body")
	fs.IntVar(&f.maxConnections, "max-connections", httpd.DefaultMaxConns, "open connections of the data port")
	fs.StringVar(&f.rateLimit, "rate-limit", "off", "requests a second of a key or an address: 100, or 100:200 with a burst")
	fs.StringVar(&f.trustedProxies, "trusted-proxies", "", "CIDRs of proxies whose X-Forwarded-For is believed")
	fs.Var(&f.cacheBytes, "cache-bytes", "memory of compiled programs and definitions")
	fs.DurationVar(&f.drainDelay, "drain-delay", delay, "after SIGTERM: how long requests are taken while readiness says no")
	fs.DurationVar(&f.drainTimeout, "drain-timeout", 30*time.Second, "how long requests in progress may take to finish then")
	fs.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error; debug logs each request")
	f.limits.register(fs)
	f.hosts.register(fs)
	f.follow.register(fs, dev)
	f.keys.register(fs)
}

// check refuses values that are out of range.
func (f *workerFlags) check() error {
	for _, v := range []struct {
		name  string
		value int64
		least int64
	}{
		{"replay-entries", int64(f.replayEntries), 1},
		{"max-concurrent", int64(f.maxConcurrent), 0},
		{"queue", int64(f.queue), 1},
		{"queue-wait", int64(f.queueWait), 1},
		{"max-body", int64(f.maxBody), 1},
		{"max-connections", int64(f.maxConnections), 1},
		{"cache-bytes", int64(f.cacheBytes), 1},
		{"drain-delay", int64(f.drainDelay), 0},
		{"drain-timeout", int64(f.drainTimeout), 0},
	} {
		if v.value < v.least {
			return fmt.Errorf("--%s must %s", v.name, [...]string{"not be less than 0", "be more than 0"}[v.least])
		}
	}
	switch {
	case f.window < time.Second || f.window > 24*time.Hour:
		return errors.New("--signature-window must be between 1s and 24h")
	case int64(f.maxBody) > math.MaxInt32:
		return errors.New("--max-body must be at most 2GiB")
	case f.maxConcurrent > 10_000:
		return errors.New("--max-concurrent must be at most 10000")
	case f.unsigned != "allow" && f.unsigned != "deny":
		return fmt.Errorf("--unsigned-scripts=%s: write allow or deny", f.unsigned)
	}
	return nil
}

// parseCapabilities reads a list of capabilities.
func parseCapabilities(flag, list string) (avap.Capability, error) {
	var set avap.Capability
	if list == "none" {
		return 0, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		c, ok := vm.ParseCapability(strings.TrimSpace(name))
		if !ok {
			return 0, fmt.Errorf("--%s=%s: %q is no capability: write some of http,sql,random,time, or none", flag, list, name)
		}
		set |= c
	}
	return set, nil
}

// service is a worker with what it stands on.
type service struct {
	*worker.Worker
	flags    *workerFlags
	keys     *seal.Keyring
	lanes    *lane.Lanes
	follower *follower // nil without a definition server
	log      *slog.Logger
	metrics  *telemetry.Metrics
	tracer   *telemetry.Tracer
	greet    func() // says that requests are answered; nil says nothing
	closers  []func()
}

// close gives back what the service has open, last opened first.
func (s *service) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
}

// open makes the service.
func (f *workerFlags) open(cmd *cobra.Command, dev bool) (*service, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	level, err := telemetry.ParseLevel(f.logLevel)
	if err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	limited := telemetry.Limit(telemetry.NewLogHandler(os.Stderr, level), 0)
	s := &service{flags: f, log: slog.New(limited)}
	if err := s.open(cmd, dev, limited); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// open makes what the service stands on, then its worker.
func (s *service) open(cmd *cobra.Command, dev bool, logs *telemetry.LimitHandler) error {
	f := s.flags
	opt, err := f.options(dev)
	if err != nil {
		return err
	}
	memory, err := container.ReadMemory()
	if err != nil && f.memoryBudget == 0 {
		return fmt.Errorf("%w: give --memory-budget", err)
	}
	s.keys, s.lanes = opt.Keys, lane.New(f.lanes(memory.Bytes))
	opt.Lanes = s.lanes
	if s.tracer, err = telemetry.NewTracer(cmd.Context(), telemetry.TraceOptions{Version: version, Log: s.log}); err != nil {
		return err
	}
	s.closers = append(s.closers, func() { _ = s.tracer.Close(cmd.Context()) })
	if err := s.openCatalog(&opt, dev); err != nil {
		return err
	}
	opt.Log, opt.Version, opt.Tracer = s.log, version, s.tracer
	s.metrics = telemetry.NewMetrics(telemetry.Options{
		Version: version, Commit: commit(), Log: s.log,
		Sources: s.sources(s.lanes, logs),
	})
	opt.Metrics = s.metrics
	s.Worker = worker.New(opt)
	return nil
}

// options makes the worker's options of flags that stand for themselves.
func (f *workerFlags) options(dev bool) (opt worker.Options, err error) {
	if opt.Limits, err = f.limits.limits(); err != nil {
		return opt, err
	}
	if opt.Grants, err = parseCapabilities("script-capabilities", f.grants); err != nil {
		return opt, err
	}
	if opt.UnsignedGrants, err = parseCapabilities("unsigned-capabilities", f.unsignedGrants); err != nil {
		return opt, err
	}
	opt.UnsignedGrants &= opt.Grants // no script has more, whoever sends it
	if opt.Limiter, err = f.limiter(); err != nil {
		return opt, err
	}
	if opt.Keys, err = f.keys.open(); err != nil {
		return opt, err
	}
	opt.Verifier = seal.NewVerifier(opt.Keys, seal.VerifierOptions{
		Window: f.window, Replay: f.replay, ReplayEntries: f.replayEntries,
	})
	opt.Unsigned, opt.LoopbackOnly, opt.CompileEndpoint = f.unsigned == "allow", dev, f.compileEndpoint
	opt.MaxBody, opt.CacheBytes = int(f.maxBody), int(f.cacheBytes)
	opt.HTTP.MaxConns = f.maxConnections
	return opt, nil
}

// limiter makes the limiter of --rate-limit; nil for none.
func (f *workerFlags) limiter() (worker.Limiter, error) {
	perSecond, burst, err := rate.ParseRate(f.rateLimit)
	if err != nil {
		return nil, fmt.Errorf("--rate-limit: %w", err)
	}
	proxies, err := rate.ParseProxies(f.trustedProxies)
	if err != nil {
		return nil, fmt.Errorf("--trusted-proxies: %w", err)
	}
	if perSecond == 0 {
		return nil, nil
	}
	return rate.New(rate.Options{PerSecond: perSecond, Burst: burst, TrustedProxies: proxies}), nil
}

// lanes makes the options of the lanes in a container with so much memory.
func (f *workerFlags) lanes(memory int64) lane.Options {
	budget := int64(f.memoryBudget)
	if budget == 0 {
		budget = memory / 4
	}
	return lane.Options{Places: f.maxConcurrent, Queue: f.queue, Wait: f.queueWait, Memory: budget}
}

// openCatalog makes the engine, and what it compiles against: the definition server's
// catalog, or without one the stock commands.
func (s *service) openCatalog(opt *worker.Options, dev bool) error {
	host, closeHosts, err := s.flags.hosts.open(hostOptions{
		propagate: s.tracer.Propagate, hostTime: opt.Limits.HostTime, dev: dev, log: s.log,
	})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, closeHosts)
	host.HTTP, host.SQL = s.tracer.HTTP(host.HTTP), s.tracer.SQL(host.SQL)
	if s.flags.follow.address == "" {
		engine, err := avap.New(avap.Options{Host: host, Limits: opt.Limits})
		if err != nil {
			return err
		}
		stock := worker.NewCatalog(engine, nil, nil)
		opt.Catalog = func() *worker.Catalog { return stock }
		return nil
	}
	opt.CacheBytes = int(s.flags.cacheBytes / 4 * 3) // the rest is the catalog's
	if s.follower, err = s.flags.follow.open(opt, host, s.flags.cacheBytes/4, s.log); err != nil {
		return err
	}
	s.closers = append(s.closers, s.follower.Close)
	opt.Catalog, opt.CatalogReason = s.follower.catalog, s.follower.Ready
	return nil
}

// sources are what metrics ask for at each scrape.
func (s *service) sources(lanes *lane.Lanes, log *telemetry.LimitHandler) telemetry.Sources {
	sources := telemetry.Sources{
		Lanes: func() telemetry.Lanes {
			st := lanes.Stats()
			return telemetry.Lanes{
				Fast: telemetry.LaneStats{Running: st.FastRunning, Places: lanes.Places(), Queued: st.FastWaiting, QueueLimit: lanes.Queue()},
				Slow: telemetry.LaneStats{Running: st.SlowRunning, Places: lanes.SlowPlaces(), Queued: st.SlowWaiting, QueueLimit: lanes.Queue()},
			}
		},
		Memory: func() telemetry.Budget {
			st := lanes.Stats()
			return telemetry.Budget{Used: st.Memory, Limit: st.MemoryLimit}
		},
		Caches:      func() telemetry.Caches { return telemetry.Caches{Programs: s.Worker.CacheStats()} },
		Connections: func() int { return s.Worker.Connections() },
		Ready:       func() bool { return len(s.Worker.Unready()) == 0 },
		Hosts:       s.flags.hosts.stats,
		LogsDropped: log.Dropped,
		TraceErrors: s.tracer.Errors,
	}
	if s.follower != nil {
		sources.Catalog = s.follower.telemetry
	}
	return sources
}
