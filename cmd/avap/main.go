// Command avap runs, checks, formats and serves AVAP scripts.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run()) }

// run is main with an exit status: 0 for success, 1 where a script or a source
// failed, 2 where the program was called wrongly or could not do its work.
func run() int {
	err := newRoot().Execute()
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

// interruptible gives a context that ends with the first SIGINT or SIGTERM;
// a second one ends the process, as soon as anybody can see that end.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	first := make(chan os.Signal, 1)
	signal.Notify(first, os.Interrupt, syscall.SIGTERM)
	end := func(cause error) {
		signal.Stop(first)
		cancel(cause)
	}
	go func() {
		select {
		case s := <-first:
			end(fmt.Errorf("%v signal received", s))
		case <-ctx.Done():
			end(nil)
		}
	}()
	return ctx, func() { end(nil) }
}

// outliveLogs keeps a server from ending with whoever reads its log: the system ends a
// process that writes to a standard output or error that nobody reads any more. What
// is logged then is lost.
func outliveLogs() { signal.Ignore(syscall.SIGPIPE) }

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
from the command line or behind a REST API.

Every flag can be given as an environment variable: --limit-time is
AVAP_LIMIT_TIME. The flag wins. The exit status is 1 where a script or a source
failed, and 2 where the program was called wrongly.`,
		Example: `  avap dev                      # a worker on 127.0.0.1:8888, to try things
  avap serve --keys keys.json   # a worker in production
  avap run hello.avap --param name=Ada
  avap check *.avap`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd) },
	}
	root.SetFlagErrorFunc(wrongFlag)
	root.SetHelpCommand(helpCommand(root))
	root.AddCommand(devCommand(), serveCommand(), definitionsCommand(), catalogCommand(),
		runCommand(), checkCommand(), fmtCommand(), inspectCommand(),
		keygenCommand(), signCommand(), compileCommand(), benchCommand(), versionCommand())
	return root
}

// helpCommand is `avap help`, which takes the name of something unknown as the
// mistake that it is.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show what a command does",
		Example: `  avap help run`,
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return fmt.Errorf("there is no command %s: avap --help lists them", strings.Join(args, " "))
			}
			return cmd.Help()
		},
	}
}

// oneFile and someFiles say what the arguments of a command are.
func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s takes one FILE, not %d: see %[1]s --help", cmd.CommandPath(), len(args))
	}
	return nil
}

func someFiles(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s takes at least one FILE: see %[1]s --help", cmd.CommandPath())
	}
	return nil
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments: see %[1]s --help", cmd.CommandPath())
	}
	return nil
}
