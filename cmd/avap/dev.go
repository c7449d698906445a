// This file holds `avap dev`.

package main

import (
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

func devCommand() *cobra.Command {
	var (
		limits  limitFlags
		hosts   hostFlags
		listen  string
		maxBody bytesValue = 1 << 20
		define  []string
		drain   time.Duration
	)
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Serve scripts on this machine, to try things",
		Long: `dev serves the REST API on a loopback address, without signatures: for a
developer's machine. It answers requests to localhost alone. AVAP_DATABASE
names the database of ormDirect: postgres://… or sqlite:FILE.`,
		Example: `  avap dev
  avap dev --listen 127.0.0.1:9999 --define crm.avap`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd); err != nil {
				return err
			}
			quotas, err := limits.limits()
			if err != nil {
				return err
			}
			if maxBody < 1 {
				return fmt.Errorf("--max-body must be more than 0")
			}
			sources, err := readDefinitions(cmd, define)
			if err != nil {
				return err
			}
			host, closeHosts, err := hosts.open()
			if err != nil {
				return err
			}
			defer closeHosts()
			engine, err := avap.New(avap.Options{Host: host, Limits: quotas, Definitions: sources})
			if err != nil {
				return err
			}
			l, err := listenLoopback(listen)
			if err != nil {
				return err
			}
			debug.SetGCPercent(200)
			server := worker.New(worker.Options{
				Engine: engine, Limits: quotas, MaxBody: int64(maxBody), LoopbackOnly: true, Version: version,
				Log: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
			}).Server(listen)
			fmt.Fprint(cmd.OutOrStdout(), greeting(l.Addr().String()))
			return worker.Serve(cmd.Context(), server, func() error { return server.Serve(l) }, drain)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&listen, "listen", "127.0.0.1:8888", "data port")
	fs.Var(&maxBody, "max-body", "size of a request's body")
	fs.StringArrayVar(&define, "define", nil, "a file with command definitions")
	fs.DurationVar(&drain, "drain-timeout", 30*time.Second, "how long requests in progress may take to finish")
	limits.register(fs)
	hosts.register(fs)
	return cmd
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
