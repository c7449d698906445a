// This file holds `avap dev`.

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/worker"
)

// devOptions are the flags of `avap dev`.
type devOptions struct {
	limits  limitFlags
	hosts   hostFlags
	listen  string
	maxBody bytesValue
	define  []string
	drain   time.Duration
}

func devCommand() *cobra.Command {
	o := devOptions{maxBody: 1 << 20}
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Serve scripts on this machine, to try things",
		Long: `dev serves the REST API on a loopback address, without signatures: for a
developer's machine. It answers requests to localhost alone. AVAP_DATABASE
names the database of ormDirect: postgres://… or sqlite:FILE.`,
		Example: `  avap dev
  avap dev --listen 127.0.0.1:9999 --define crm.avap`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	fs := cmd.Flags()
	fs.StringVar(&o.listen, "listen", "127.0.0.1:8888", "data port")
	fs.Var(&o.maxBody, "max-body", "size of a request's body")
	fs.StringArrayVar(&o.define, "define", nil, "a file with command definitions")
	fs.DurationVar(&o.drain, "drain-timeout", 30*time.Second, "how long requests in progress may take to finish")
	o.limits.register(fs)
	o.hosts.register(fs)
	return cmd
}

func (o *devOptions) run(cmd *cobra.Command) error {
	quotas, err := o.limits.limits()
	if err != nil {
		return err
	}
	if o.maxBody < 1 {
		return fmt.Errorf("--max-body must be more than 0")
	}
	if o.drain < 0 {
		return fmt.Errorf("--drain-timeout must not be less than 0")
	}
	host, closeHosts, err := o.hosts.open()
	if err != nil {
		return err
	}
	defer closeHosts()
	sources, err := readDefinitions(cmd, o.define)
	if err != nil {
		return err
	}
	engine, err := newEngine(cmd, avap.Options{Host: host, Limits: quotas, Definitions: sources})
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	l, err := listenLoopback(o.listen)
	if err != nil {
		return err
	}
	debug.SetGCPercent(200)
	server := worker.New(worker.Options{
		Engine: engine, Limits: quotas, MaxBody: int64(o.maxBody), LoopbackOnly: true, Version: version,
		Log: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	}).Server(o.listen)
	fmt.Fprint(cmd.OutOrStdout(), greeting(l.Addr().String()))
	return worker.Serve(ctx, server, func() error { return server.Serve(l) }, o.drain)
}

// listenLoopback listens on an address of this machine alone.
func listenLoopback(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: write HOST:PORT, as 127.0.0.1:8888", addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("--listen %s: dev takes no signatures, so it listens on loopback addresses alone", addr)
	}
	l, err := net.Listen("tcp", addr)
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return nil, fmt.Errorf("--listen %s: %w", addr, op.Err)
	}
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", addr, err)
	}
	return l, nil
}

// greeting says where the worker is, with a request that works as it stands.
func greeting(addr string) string {
	return strings.ReplaceAll(`avap dev listens on http://ADDR

Try it:

  curl -s 'http://ADDR/api/v1/execute?name=Ada' -d '{"script": "addParam(name, who)\ngreeting = \"Hello \" + who\naddResult(greeting)"}'

`, "ADDR", addr)
}
