// This file holds `avap serve`, and what serve and dev do alike: listening, the
// admin port, the end.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap/internal/container"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker/telemetry"
)

func serveCommand() *cobra.Command {
	var f workerFlags
	cmd := &cobra.Command{
		Use:   "serve --keys FILE",
		Short: "Serve scripts in production: the worker",
		Long: `serve runs the worker: it takes scripts and packages over REST, verifies their
signatures, and runs them in a sandbox. It needs a package key and, unless unsigned
scripts are allowed, a request key: avap keygen makes them. The keyring is watched:
keys are rotated without a restart.

With --definitions it follows a definition server, whose token is API_KEY, and needs
a catalog key; without, it runs on the stock commands alone. The catalog is kept in
--snapshot, signed, for a start while the server is away.

SIGTERM drains it: /readyz says no at once, requests are taken for --drain-delay more,
then those in progress have --drain-timeout to finish. A second signal ends it.

AVAP_DATABASE, or DATABASE_URL where that is not set, names the database of ormDirect.
One that holds definitions it takes from AVAP_DATABASE alone.`,
		Example: `  avap keygen --out keys.json
  avap serve --keys keys.json
  API_KEY=… avap serve --keys keys.json --definitions catalog.internal:50051
  avap serve --keys keys.json --limit-time 2s --rate-limit 100:200 --allow-net public,10.1.0.0/16
  AVAP_INTERNAL_KEY=… AVAP_REQUEST_KEY=… avap serve --listen :8080`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.serve(cmd) },
	}
	f.register(cmd.Flags(), false)
	return cmd
}

// serve runs the worker until a signal ends it.
func (f *workerFlags) serve(cmd *cobra.Command) error {
	outliveLogs()
	if err := f.follow.resolve(); err != nil {
		return err
	}
	if err := f.needKeys(); err != nil {
		return err
	}
	s, err := f.open(cmd, false)
	if err != nil {
		return err
	}
	defer s.close()
	l, err := listen("--listen", f.listen, ":8888")
	if err != nil {
		return err
	}
	admin, err := listen("--admin-listen", f.adminListen, "127.0.0.1:9090")
	if err != nil {
		l.Close()
		return err
	}
	return s.run(cmd, l, admin)
}

// needKeys refuses a keyring that lacks a key that the flags call for.
func (f *workerFlags) needKeys() error {
	ring, err := f.keys.open()
	if err != nil {
		return err
	}
	if _, err := ring.Signing(seal.UsePackage); err != nil {
		return err
	}
	if _, err := ring.Signing(seal.UseRequest); err != nil && f.unsigned == "deny" {
		return fmt.Errorf("%w; or write --unsigned-scripts=allow", err)
	}
	if f.follow.address != "" {
		_, err = ring.Signing(seal.UseCatalog)
	}
	return err
}

// notHostPort is the error of a flag whose value is no HOST:PORT.
func notHostPort(flag, addr, example string) error {
	return fmt.Errorf("%s %s: write HOST:PORT, as %s", flag, addr, example)
}

// listen listens on an address that a flag names.
func listen(flag, addr, example string) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, notHostPort(flag, addr, example)
	}
	l, err := net.Listen("tcp", addr)
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return nil, fmt.Errorf("%s %s: %w", flag, addr, op.Err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, addr, err)
	}
	return l, nil
}

// run serves both ports until a signal, then drains.
func (s *service) run(cmd *cobra.Command, data, admin net.Listener) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // most of what a request needs is used again; the memory limit bounds it
	}
	if _, err := container.SetMemoryLimit(s.log); err != nil {
		s.log.Warn("Go's memory is not bounded", "error", err)
	}
	s.checkFiles()
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer s.follow(context.WithoutCancel(ctx))() // to the very end of the drain

	adminServer := telemetry.Server(admin.Addr().String(), telemetry.Handler(telemetry.AdminOptions{
		Metrics: s.metrics.Handler(), Reasons: s.Unready, Catalog: s.debugCatalog, Log: s.log,
	}), s.log)
	failed := make(chan error, 2)
	go func() {
		if err := adminServer.Serve(admin); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("the admin port: %w", err)
		}
	}()
	defer adminServer.Close()
	go func() { failed <- s.Serve(data) }()
	s.log.Info("listening", "version", version, "data", data.Addr().String(), "admin", admin.Addr().String(),
		"unsigned_scripts", s.flags.unsigned, "places", s.lanes.Places())
	if s.greet != nil {
		s.awaitCatalog(ctx)
		s.greet()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.log.Info("draining", "delay", s.flags.drainDelay.String(), "timeout", s.flags.drainTimeout.String())
	err := s.Drain(context.WithoutCancel(ctx), s.flags.drainDelay, s.flags.drainTimeout)
	s.log.Info("ended")
	return err
}

// otherFiles is about as many files as a worker may need beside those of its callers:
// connections to hosts, the databases and the definition server, snapshots.
const otherFiles = 256

// checkFiles warns where connections may use up the files that all else needs too.
func (s *service) checkFiles() {
	if most := container.OpenFiles(); most > 0 && most < uint64(s.flags.maxConnections)+otherFiles {
		s.log.Warn("connections may use up all files that may be open: raise the limit (ulimit -n), or lower --max-connections",
			"open_files", most, "max_connections", s.flags.maxConnections)
	}
}

// awaitCatalog waits until there is a catalog, or ctx ends.
func (s *service) awaitCatalog(ctx context.Context) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for len(s.Unready()) > 0 {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// follow keeps the keys and the catalog up to date until stop is called, which returns once
// nothing of that runs any more.
func (s *service) follow(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	following.Go(func() {
		s.keys.Watch(ctx, keysInterval, func(err error) { s.log.Error("the keyring is as it was", "error", err) })
	})
	if s.follower != nil {
		following.Go(func() {
			if err := s.follower.Run(ctx); err != nil {
				s.log.Error("the catalog is not followed any more", "error", err)
			}
		})
	} else {
		s.log.Warn("no definition server: the stock catalog alone")
	}
	return func() { cancel(); following.Wait() }
}
