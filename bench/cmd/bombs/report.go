// This file counts the results and writes them as Markdown.

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/avap-framework/avap/bench/bombs"
)

// A report is what one run of the program found.
type report struct{ Hits []result }

func (r report) markdown() string {
	var b strings.Builder
	b.WriteString("| engine | bombs | held | out of memory | crash | no end | most memory while held | limits that are on |\n")
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|---|\n")
	for _, name := range r.engines() {
		of := r.of(name)
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %.0f MiB | %s |\n", name, len(of),
			count(of, stopped)+count(of, finished), count(of, outOfMemory), count(of, crashed), count(of, noEnd),
			heldPeak(of), limits(name))
	}
	fmt.Fprintf(&b, "\nHeld: the engine ended the script with an error, or ran it to its end, within %d MiB and %v. "+
		"Out of memory: the process passed %d MiB and was killed, or died of it. "+
		"Crash: the process died, which no embedding program can recover. No end: killed after %v.\n",
		memoryCap>>20, timeCap, memoryCap>>20, timeCap)
	r.writeFailures(&b)
	return b.String()
}

// writeFailures names the bombs that were not held.
func (r report) writeFailures(b *strings.Builder) {
	head := "\n| engine | outcome | bombs |\n|---|---|---|\n"
	for _, name := range r.engines() {
		for _, o := range []outcome{outOfMemory, crashed, noEnd} {
			if ids := names(r.of(name), func(x result) bool { return x.Outcome == o }); ids != "" {
				fmt.Fprintf(b, "%s| %s | %s | %s |\n", head, name, o, ids)
				head = ""
			}
		}
	}
	if ids := names(r.of(avap), func(x result) bool { return x.Unexpected }); ids != "" {
		fmt.Fprintf(b, "\nAVAP ended otherwise than these bombs name: %s.\n", ids)
	}
}

func (r report) engines() []string {
	var names []string
	for _, x := range r.Hits {
		if !slices.Contains(names, x.Engine) {
			names = append(names, x.Engine)
		}
	}
	return names
}

func (r report) of(name string) []result {
	var of []result
	for _, x := range r.Hits {
		if x.Engine == name {
			of = append(of, x)
		}
	}
	return of
}

func count(results []result, o outcome) int {
	n := 0
	for _, x := range results {
		if x.Outcome == o {
			n++
		}
	}
	return n
}

func heldPeak(results []result) float64 {
	peak := 0.0
	for _, x := range results {
		if x.Outcome == stopped || x.Outcome == finished {
			peak = max(peak, x.PeakMiB)
		}
	}
	return peak
}

func names(results []result, keep func(result) bool) string {
	var ids []string
	for _, x := range results {
		if keep(x) {
			ids = append(ids, "`"+x.Bomb+"`")
		}
	}
	return strings.Join(ids, ", ")
}

func limits(name string) string {
	if name == avap {
		return "the defaults of `avap run`: 10 M instructions, 32 MiB, 800 ms, 5 s in host calls, depth 200"
	}
	for _, peer := range bombs.Peers() {
		if peer.Name == name {
			return peer.Limits
		}
	}
	return ""
}
