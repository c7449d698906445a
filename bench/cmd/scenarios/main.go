// This file holds the program's flags and its way from scenarios to reports.

// Scenarios runs what is asked of a worker as a whole against processes of
// their own, and prints what was measured beside the bars. It needs Linux.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/avap-framework/avap/bench/page"
	"github.com/avap-framework/avap/bench/scenarios"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "scenarios:", err)
		os.Exit(1)
	}
}

type options struct {
	scenarios.Options
	only *regexp.Regexp
	out  string
	doc  page.Page
	json bool
}

func run() error {
	opt := options{Options: scenarios.Options{Log: os.Stderr}}
	only := flag.String("run", "", "regular expression of names; empty stands for all")
	list := flag.Bool("list", false, "list the scenarios and end")
	flag.StringVar(&opt.Avap, "avap", "", "the avap binary; empty builds it")
	flag.StringVar(&opt.Wrk, "wrk", "wrk", "the wrk binary")
	flag.StringVar(&opt.Nginx, "nginx", "/usr/sbin/nginx", "the nginx binary")
	flag.StringVar(&opt.Node, "node", "node", "the Node.js binary")
	flag.Float64Var(&opt.Scale, "scale", 1, "multiplies all durations and counts; the bars are meant for 1")
	flag.IntVar(&opt.Rounds, "rounds", 5, "rounds of what alternates")
	flag.BoolVar(&opt.Yield, "yield", false, "where latency counts, run the worker in the scheduler's idle class")
	flag.StringVar(&opt.out, "out", "results", "folder for scenarios.md, scenarios.json and plots")
	flag.StringVar((*string)(&opt.doc), "doc", "", "page with a block for each scenario, which is replaced, as ../docs/performance.md")
	flag.BoolVar(&opt.json, "json", false, "print JSON instead of Markdown")
	flag.Parse()
	if *list {
		for _, s := range scenarios.All() {
			fmt.Printf("%-12s%s\n", s.Name, s.What)
		}
		return nil
	}
	if opt.Scale <= 0 || opt.Scale > 100 || opt.Rounds < 1 {
		return errors.New("-scale must be more than 0 and at most 100, -rounds 1 or more")
	}
	var err error
	if opt.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	if err := opt.doc.Has(opt.names()...); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "scenarios-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := build(ctx, &opt.Options, dir); err != nil {
		return err
	}
	return measure(ctx, opt)
}

// names are those of the scenarios that are to be run.
func (o *options) names() (names []string) {
	for _, s := range scenarios.All() {
		if o.only.MatchString(s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

// build makes the binaries that are measured.
func build(ctx context.Context, opt *scenarios.Options, dir string) error {
	opt.Bare = filepath.Join(dir, "bare")
	if err := goBuild(ctx, ".", opt.Bare, "./cmd/bare"); err != nil {
		return err
	}
	if opt.Avap != "" {
		var err error
		opt.Avap, err = filepath.Abs(opt.Avap)
		return err
	}
	opt.Avap = filepath.Join(dir, "avap")
	return goBuild(ctx, "..", opt.Avap, "./cmd/avap")
}

func goBuild(ctx context.Context, dir, out, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", out, pkg)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, text)
	}
	return nil
}

// A summary is what one run of the program found.
type summary struct {
	Date     string              `json:"date"`
	Version  string              `json:"version"`
	Go       string              `json:"go"`
	Platform string              `json:"platform"`
	CPUs     int                 `json:"cpus"`
	Scale    float64             `json:"scale"`
	Rounds   int                 `json:"rounds"`
	Reports  []*scenarios.Report `json:"reports"`
}

// measure runs the scenarios one after the other. One that cannot be run does
// not keep the others from it.
func measure(ctx context.Context, opt options) error {
	version, err := exec.CommandContext(ctx, opt.Avap, "version").Output()
	if err != nil {
		return err
	}
	s := summary{
		Date: time.Now().UTC().Format(time.RFC3339), Version: strings.TrimSpace(string(version)),
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(),
		Scale: opt.Scale, Rounds: opt.Rounds,
	}
	var errs []error
	for _, scenario := range scenarios.All() {
		if !opt.only.MatchString(scenario.Name) {
			continue
		}
		fmt.Fprintln(os.Stderr, scenario.Name)
		report, err := one(ctx, opt.Options, scenario)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", scenario.Name, err))
			continue
		}
		s.Reports = append(s.Reports, report)
		errs = append(errs, document(ctx, opt, report)) // at once: the others may take an hour
	}
	if len(s.Reports) > 0 { // else what an earlier run has written is of more use
		errs = append(errs, s.write(opt))
	}
	return errors.Join(errs...)
}

func one(ctx context.Context, opt scenarios.Options, scenario scenarios.Scenario) (report *scenarios.Report, err error) {
	lab, err := scenarios.NewLab(opt)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	report, err = scenario.Run(ctx, lab)
	if err != nil {
		return nil, err
	}
	report.Scenario, report.What = scenario.Name, scenario.What
	return report, nil
}

// document puts a report into its block of the page.
func document(ctx context.Context, opt options, r *scenarios.Report) error {
	if opt.doc == "" {
		return nil
	}
	text := page.Origin(ctx, opt.Rounds)
	if opt.Scale != 1 {
		text += fmt.Sprintf("\n**Durations and counts times %g: this shows that all works, and is no measurement.**\n", opt.Scale)
	}
	text += "\n" + r.Digest()
	for _, name := range slices.Sorted(maps.Keys(r.Plots)) {
		image, err := opt.doc.Draw(name, r.What, r.Plots[name])
		if err != nil {
			return err
		}
		text += "\n" + image
	}
	return opt.doc.Set(r.Scenario, text)
}

// write puts the reports into files, and on standard output too.
func (s *summary) write(opt options) error {
	if err := os.MkdirAll(opt.out, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	markdown := s.markdown()
	files := map[string][]byte{"scenarios.json": text, "scenarios.md": []byte(markdown)}
	for _, r := range s.Reports {
		for name, svg := range r.Plots {
			files[name] = svg
		}
	}
	var errs []error
	for name, content := range files {
		errs = append(errs, os.WriteFile(filepath.Join(opt.out, name), content, 0o644))
	}
	if opt.json {
		markdown = string(text)
	}
	fmt.Print(markdown)
	return errors.Join(errs...)
}

func (s *summary) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %s, %d CPUs, scale %g, %d rounds, %s.\n", s.Version, s.Go, s.Platform, s.CPUs, s.Scale, s.Rounds, s.Date)
	for _, r := range s.Reports {
		b.WriteString("\n" + r.Markdown())
	}
	return b.String()
}
