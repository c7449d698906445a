// Command avap runs, checks, formats and serves AVAP scripts.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run()) }

// run is main with an exit status: 0 for success, 1 where a script or a source
// failed, 2 where the program was called wrongly or could not do its work.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newRoot().ExecuteContext(ctx)
	var failed errFailed
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failed):
		return 1
	}
	fmt.Fprintln(os.Stderr, "avap:", err)
	return 2
}

// errFailed says that a command has told already what went wrong with the
// script or source that it was given.
type errFailed struct{}

func (errFailed) Error() string { return "failed" }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "avap",
		Short: "Run, check and serve scripts in AVAP, the command language of HTTP APIs",
		Long: `AVAP is a small command language for the logic behind HTTP APIs. This program
runs scripts in a sandbox with hard quotas on instructions, memory and time,
from the command line or behind a REST API.`,
		Example: `  avap dev                      # a worker on 127.0.0.1:8888, to try things
  avap run hello.avap --param name=Ada
  avap check *.avap`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(devCommand(), runCommand(), checkCommand(), fmtCommand(), inspectCommand(), versionCommand(),
		keygenCommand(), signCommand(), compileCommand())
	return root
}
