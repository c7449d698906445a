// This file holds `avap dev`.

package main

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap/worker/telemetry"
)

// devOptions are the flags of `avap dev`.
type devOptions struct {
	worker      workerFlags
	data        string
	definitions string
	define      []string
}

func devCommand() *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Serve scripts on this machine, to try things",
		Long: `dev runs a worker and a definition server in one process, for a developer's machine:
on loopback addresses, and without signatures. It answers requests to localhost alone.
Keys, commands and scripts are kept in the folder of --data, which the first start
makes; avap catalog publishes there, with the token that is printed. With
--definitions it follows another definition server instead, whose token is API_KEY.

AVAP_DATABASE names the database of ormDirect: postgres://… or sqlite:FILE.`,
		Example: `  avap dev
  avap dev --listen 127.0.0.1:9999 --define crm.avap`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	fs := cmd.Flags()
	fs.StringVar(&o.data, "data", ".avap", "the folder of keys, commands and scripts")
	fs.StringVar(&o.definitions, "definitions-listen", "127.0.0.1:50051", "where the definition server listens")
	fs.StringArrayVar(&o.define, "define", nil, "a file with command definitions, which is published first")
	o.worker.register(fs, true)
	return cmd
}

func (o *devOptions) run(cmd *cobra.Command) error {
	f := &o.worker
	if err := f.check(); err != nil {
		return err
	}
	if err := f.follow.resolve(); err != nil {
		return err
	}
	if f.follow.address != "" && len(o.define) > 0 {
		return errors.New("--define publishes to the definition server in this process: leave --definitions out, or publish with avap catalog publish")
	}
	if err := f.try(); err != nil { // before anything listens, or is made in the folder
		return err
	}
	sources, err := readDefinitions(cmd, o.define)
	if err != nil {
		return err
	}
	l, err := listenLoopback("--listen", f.listen)
	if err != nil {
		return err
	}
	defer l.Close()
	admin, err := listenFree(cmd, "admin-listen", f.adminListen)
	if err != nil {
		return err
	}
	defer admin.Close()
	folder, publish := "", ""
	if f.follow.address == "" {
		half, err := o.openDefinitions(cmd, sources)
		if err != nil {
			return err
		}
		defer half.close()
		f.keys.file = half.keys
		f.follow.address, f.follow.token, f.follow.tls = half.listener.Addr().String(), half.token, tlsFlags{}
		folder, publish = ", data in "+o.data, half.publishing()
	}
	s, err := f.open(cmd, true)
	if err != nil {
		return err
	}
	defer s.close()
	s.greet = func() { fmt.Fprint(cmd.OutOrStdout(), o.greeting(l.Addr(), admin.Addr(), folder), publish) }
	return s.run(cmd, l, admin)
}

// try makes what the flags ask for and drops it, to find flags that are wrong.
func (f *workerFlags) try() error {
	if _, err := telemetry.ParseLevel(f.logLevel); err != nil {
		return fmt.Errorf("--log-level: %w", err)
	}
	if _, err := f.options(true); err != nil {
		return err
	}
	_, closeHosts, err := f.hosts.open(hostOptions{dev: true})
	if err != nil {
		return err
	}
	closeHosts()
	return nil
}

// listenLoopback listens on an address of this machine alone.
func listenLoopback(flag, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, notHostPort(flag, addr, "127.0.0.1:8888")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%s %s: dev takes no signatures, so it listens on loopback addresses alone", flag, addr)
	}
	return listen(flag, addr, "127.0.0.1:8888")
}

// listenFree listens on the loopback address of a flag, or where that is the default
// and taken, on a free port.
func listenFree(cmd *cobra.Command, flag, addr string) (net.Listener, error) {
	l, err := listenLoopback("--"+flag, addr)
	if err != nil && !cmd.Flags().Changed(flag) {
		return listenLoopback("--"+flag, "127.0.0.1:0")
	}
	return l, err
}

// greeting says where everything is, with a request that works as it stands.
func (o *devOptions) greeting(data, admin net.Addr, folder string) string {
	return strings.NewReplacer(
		"{data}", data.String(), "{admin}", admin.String(), "{definitions}", o.worker.follow.address, "{folder}", folder,
	).Replace(`avap dev listens on http://{data}
metrics on http://{admin}/metrics, definitions on {definitions}{folder}

Try it:

  curl -s 'http://{data}/api/v1/execute?name=Ada' -d '{"script": "addParam(name, who)\ngreeting = \"Hello \" + who\naddResult(greeting)"}'

`)
}
