// This file holds the program's flags, and the choice between its two roles:
// the one that throws the bombs, and the one that is hit.

// Bombs throws memory and CPU bombs at AVAP and at its peers, each in a process
// of its own that is watched from outside, and prints what became of them. It
// needs Linux, for /proc.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"syscall"

	"github.com/avap-framework/avap/bench/bombs"
	"github.com/avap-framework/avap/bench/page"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bombs:", err)
		os.Exit(1)
	}
}

type options struct {
	avap, folder, out string
	only              *regexp.Regexp
	doc               page.Page
	target, id        string // of the process that is hit
}

func run() error {
	var opt options
	only := flag.String("only", "", "regular expression of engine/bomb; empty stands for all")
	flag.StringVar(&opt.avap, "avap", "../bin/avap", "the avap binary; empty leaves AVAP out")
	flag.StringVar(&opt.folder, "avap-bombs", "../testdata/bombs", "folder of the bombs in AVAP")
	flag.StringVar(&opt.out, "out", "results", "folder for bombs.md and bombs.json")
	flag.StringVar((*string)(&opt.doc), "doc", "", "page with the block bombs, which is replaced, as ../docs/performance.md")
	flag.StringVar(&opt.target, "hit", "", "used by the program itself: the peer to hit in this process")
	flag.StringVar(&opt.id, "with", "", "used by the program itself: the bomb to hit it with")
	flag.Parse()
	var err error
	if opt.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	all, err := bombs.Load(opt.folder)
	if err != nil {
		return err
	}
	if opt.target != "" {
		return hit(all, opt.target, opt.id)
	}
	if err := opt.doc.Has("bombs"); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	hits, err := throw(ctx, all, opt)
	if err != nil {
		return err
	}
	r := report{hits}
	return errors.Join(write(r, opt.out), opt.doc.Set("bombs", page.Origin(ctx, 1)+"\n"+r.markdown()))
}

// write puts the report into files, and its Markdown on standard output too.
func write(r report, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r.Hits, "", " ")
	if err != nil {
		return err
	}
	markdown := r.markdown()
	fmt.Print(markdown)
	return errors.Join(
		os.WriteFile(filepath.Join(folder, "bombs.json"), append(text, '\n'), 0o644),
		os.WriteFile(filepath.Join(folder, "bombs.md"), []byte(markdown), 0o644),
	)
}

// ending is what the process that is hit tells of itself, if it still can.
type ending struct {
	Finished bool   `json:"finished"`
	Error    string `json:"error,omitempty"`
}

// hit runs one bomb in this process.
func hit(all []bombs.Bomb, target, id string) error {
	// A belt beside the watcher's braces: the machine survives even a process
	// that takes memory faster than it is watched.
	limit := &syscall.Rlimit{Cur: addressSpace, Max: addressSpace}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, limit); err != nil {
		return err
	}
	debug.SetMaxStack(stackCap)
	for _, peer := range bombs.Peers() {
		if peer.Name != target {
			continue
		}
		for _, bomb := range all {
			source, ok := bomb.Sources[peer.Language]
			if bomb.ID != id || !ok {
				continue
			}
			end := ending{Finished: true}
			if err := peer.Run(bombs.Expand(source)); err != nil {
				end = ending{Error: fmt.Sprintf("%.300s", err)}
			}
			return json.NewEncoder(os.Stdout).Encode(end)
		}
	}
	return fmt.Errorf("no bomb %s for %s", id, target)
}
