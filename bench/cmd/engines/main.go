// This file holds the program's flags and its way from rounds to reports.

// Engines measures the same programs on AVAP and on its peers, in interleaved
// rounds of one process, and writes what it found as Markdown, JSON and SVG.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"

	"github.com/avap-framework/avap/bench/page"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "engines:", err)
		os.Exit(1)
	}
}

func run() error {
	rounds := flag.Int("rounds", 31, "rounds over all programs and engines")
	least := flag.Duration("time", 40*time.Millisecond, "time of one sample")
	lua := flag.String("lua", "lua5.4", "command of a Lua 5.4; empty leaves it out")
	clock := flag.String("clock", "cpu", "what the tables show, cpu or wall time; the JSON holds both")
	procs := flag.Int("procs", 1, "GOMAXPROCS; with 1 the collector takes its time from the engine, as in Lua")
	out := flag.String("out", "results", "folder for engines.md, engines.json and engines.svg")
	doc := flag.String("doc", "", "page with the block engines, which is replaced, as ../docs/performance.md")
	flag.Parse()
	if err := page.Page(*doc).Has("engines"); err != nil {
		return err
	}
	if *clock != "cpu" && *clock != "wall" {
		return fmt.Errorf("-clock is %q, want cpu or wall", *clock)
	}
	if *rounds < 1 {
		return fmt.Errorf("-rounds is %d, want 1 or more", *rounds)
	}
	runtime.GOMAXPROCS(*procs)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	subjects, err := prepare(ctx, *lua, *least)
	if err != nil {
		return err
	}
	if err := measure(ctx, subjects, *rounds, os.Stderr); err != nil {
		return err
	}
	r := newReport(subjects, *clock, *rounds, *least)
	if err := write(r, *out); err != nil {
		return err
	}
	return document(ctx, r, page.Page(*doc))
}

// document puts the report into its block of a page.
func document(ctx context.Context, r report, doc page.Page) error {
	svg, err := r.svg()
	if err != nil {
		return err
	}
	image, err := doc.Draw("engines.svg", "The same, as bars", svg)
	if err != nil {
		return err
	}
	return doc.Set("engines", page.Origin(ctx, r.Rounds)+"\n"+r.markdown()+"\n"+image)
}

// write puts the report into files, and its Markdown on standard output too.
func write(r report, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	json, err := r.json()
	if err != nil {
		return err
	}
	svg, err := r.svg()
	if err != nil {
		return err
	}
	markdown := r.markdown()
	for name, content := range map[string][]byte{
		"engines.md": []byte(markdown), "engines.json": json, "engines.svg": svg,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	_, err = fmt.Print(markdown)
	return err
}
