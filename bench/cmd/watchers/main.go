// This file holds the program's flags, and the choice between its two roles:
// the workers, and the definition server in a process of its own.

// Watchers connects many workers with a definition server over loopback, publishes,
// and prints how long it takes until the last worker has swapped its catalog, and
// what the server needs of memory and time. It needs Linux, for /proc.
//
//	watchers                                   # a thousand workers, then ten thousand
//	watchers -watchers 100 -publications 1000  # one run of one's own
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/avap-framework/avap/bench/page"
	"github.com/avap-framework/avap/seal"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "watchers:", err)
		os.Exit(1)
	}
}

// options are what one run is like.
type options struct {
	watchers, publications, definitions int
	pause, idle                         time.Duration
}

func run() error {
	var opt options
	flag.IntVar(&opt.watchers, "watchers", 0, "workers, each with a connection and a catalog of its own; 0 for a run with 1,000, and one with 10,000")
	flag.IntVar(&opt.publications, "publications", 200, "publications, one after the other, of a run with -watchers")
	flag.DurationVar(&opt.pause, "pause", 50*time.Millisecond, "between the last swap and the next publication, of a run with -watchers")
	flag.IntVar(&opt.definitions, "definitions", 100, "commands in the catalog before the workers come")
	flag.DurationVar(&opt.idle, "idle", 10*time.Second, "how long the server is watched while nothing happens")
	doc := flag.String("doc", "", "page with the block watchers, which is replaced, as ../docs/performance.md")
	server := flag.Bool("serve", false, "used by the program itself: be the server")
	flag.Parse()
	if *server {
		return serve(opt)
	}
	if err := page.Page(*doc).Has("watchers"); err != nil {
		return err
	}
	runs, err := opt.runs()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var results []result
	for _, opt := range runs {
		fmt.Fprintf(os.Stderr, "%d workers, %d publications\n", opt.watchers, opt.publications)
		r, err := measure(ctx, opt)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	markdown := report(results)
	fmt.Print(markdown)
	return page.Page(*doc).Set("watchers", page.Origin(ctx, 1)+"\n"+markdown)
}

// runs are those that the options ask for.
func (opt options) runs() ([]options, error) {
	switch {
	case opt.watchers < 0 || opt.publications < 1 || opt.definitions < 1 || opt.pause < 0 || opt.idle <= 0:
		return nil, errors.New("-watchers is 0 or more, -publications and -definitions are 1 or more, -pause is not negative, -idle is positive")
	case opt.watchers > 0:
		return []options{opt}, nil
	}
	few, many := opt, opt
	few.watchers, few.publications, few.pause = 1_000, 300, 50*time.Millisecond
	many.watchers, many.publications, many.pause = 10_000, 20, time.Second
	return []options{few, many}, nil
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
