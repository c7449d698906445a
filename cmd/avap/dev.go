// This file holds `avap dev`.

package main

import (
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"
)

// devOptions are the flags of `avap dev`.
type devOptions struct {
	worker workerFlags
	define []string
}

func devCommand() *cobra.Command {
	var o devOptions
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
	fs.StringArrayVar(&o.define, "define", nil, "a file with command definitions")
	o.worker.register(fs, true)
	return cmd
}

func (o *devOptions) run(cmd *cobra.Command) error {
	sources, err := readDefinitions(cmd, o.define)
	if err != nil {
		return err
	}
	s, err := o.worker.open(cmd, true, sources)
	if err != nil {
		return err
	}
	defer s.close()
	l, err := listenLoopback(o.worker.listen)
	if err != nil {
		return err
	}
	admin, err := net.Listen("tcp", o.worker.adminListen)
	if err != nil && !cmd.Flags().Changed("admin-listen") {
		admin, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		l.Close()
		return fmt.Errorf("--admin-listen %s: %w", o.worker.adminListen, err)
	}
	fmt.Fprint(cmd.OutOrStdout(), greeting(l.Addr().String()))
	return s.run(cmd, l, admin)
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
	return listen("--listen", addr)
}

// greeting says where the worker is, with a request that works as it stands.
func greeting(addr string) string {
	return strings.ReplaceAll(`avap dev listens on http://ADDR

Try it:

  curl -s 'http://ADDR/api/v1/execute?name=Ada' -d '{"script": "addParam(name, who)\ngreeting = \"Hello \" + who\naddResult(greeting)"}'

`, "ADDR", addr)
}
