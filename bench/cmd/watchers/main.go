// This file holds the program's flags, and the choice between its two roles:
// the workers, and the definition server in a process of its own.

// Watchers connects many workers with a definition server over loopback, publishes,
// and prints how long it takes until the last worker has swapped its catalog, and
// what the server needs of memory and time. It needs Linux, for /proc.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/avap-framework/avap/seal"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "watchers:", err)
		os.Exit(1)
	}
}

// options are the program's flags.
type options struct {
	watchers, publications, definitions int
	pause, idle                         time.Duration
}

func run() error {
	var opt options
	flag.IntVar(&opt.watchers, "watchers", 1000, "workers, each with a connection and a catalog of its own")
	flag.IntVar(&opt.publications, "publications", 200, "publications, one after the other")
	flag.IntVar(&opt.definitions, "definitions", 100, "commands in the catalog before the workers come")
	flag.DurationVar(&opt.pause, "pause", 50*time.Millisecond, "between the last swap and the next publication")
	flag.DurationVar(&opt.idle, "idle", 10*time.Second, "how long the server is watched while nothing happens")
	server := flag.Bool("serve", false, "used by the program itself: be the server")
	flag.Parse()
	if *server {
		return serve(opt)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return measure(ctx, opt)
}

// Tokens and keys of this measurement.
const (
	workerToken = "workers"
	adminToken  = "administrator"
)

func keyring() (*seal.Keyring, error) {
	var keys []*seal.Key
	for _, use := range []seal.Use{seal.UsePackage, seal.UseCatalog} {
		k, err := seal.NewKey(use, "bench", fmt.Appendf(nil, "a secret of 32 bytes for the use %s", use), time.Time{}, time.Time{})
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return seal.NewKeyring(nil, keys...)
}
