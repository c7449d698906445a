// This file holds what was measured, and how it is told.

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// lastBar is how soon the last of up to lastBarUpTo workers has a publication, at the 99th
// percentile.
const (
	lastBar     = 100 * time.Millisecond
	lastBarUpTo = 1_000 // workers
)

// result is what one run has found.
type result struct {
	options
	connecting    time.Duration   // until all workers had the catalog
	behind, whole []time.Duration // from the acknowledgement, and from the call, to the last swap
	// What the server used before the workers came, when all were there, when nothing
	// had happened for a while, and after the publications.
	alone, connected, rested, published usage
}

// idling is the part of one processor that the server took while nothing happened.
func (r *result) idling() float64 {
	return (r.rested.time - r.connected.time).Seconds() / r.options.idle.Seconds()
}

// each is the server's processor time of a publication.
func (r *result) each() time.Duration {
	return (r.published.time - r.rested.time) / time.Duration(r.publications)
}

// report writes a table with a column for each run.
func report(results []result) string {
	rows := []struct {
		name string
		cell func(*result) string
	}{
		{"commands in the catalog; publications", func(r *result) string { return fmt.Sprintf("%d; %d", r.definitions, r.publications) }},
		{"all connected and synced", func(r *result) string { return ms(r.connecting) }},
		{"acknowledged to the last swap: p50", func(r *result) string { return ms(percentile(r.behind, 0.5)) }},
		{"the same, p99", (*result).judged},
		{"the same, the longest", func(r *result) string { return ms(percentile(r.behind, 1)) }},
		{"published to the last swap: p50; p99", func(r *result) string {
			return ms(percentile(r.whole, 0.5)) + "; " + ms(percentile(r.whole, 0.99))
		}},
		{"memory of the server: alone; connected; after publishing", func(r *result) string {
			return fmt.Sprintf("%d; %d; %d MiB", r.alone.memory>>20, r.connected.memory>>20, r.published.memory>>20)
		}},
		{"of it for each worker", func(r *result) string {
			return fmt.Sprintf("%d KiB", (r.published.memory-r.alone.memory)>>10/int64(r.watchers))
		}},
		{"processor of the server, idle", func(r *result) string { return fmt.Sprintf("%.2f %% of one", 100*r.idling()) }},
		{"its processor time of a publication", func(r *result) string { return ms(r.each()) }},
		{"the same for each worker", func(r *result) string {
			return fmt.Sprintf("%.1f µs", float64(r.each().Nanoseconds())/1e3/float64(r.watchers))
		}},
	}
	var b strings.Builder
	b.WriteString("| |")
	for i := range results {
		fmt.Fprintf(&b, " %d workers |", results[i].watchers)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" ---: |", len(results)) + "\n")
	for _, row := range rows {
		b.WriteString("| " + row.name + " |")
		for i := range results {
			b.WriteString(" " + row.cell(&results[i]) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// judged is the 99th percentile to the last swap, beside its bar where there is one.
func (r *result) judged() string {
	p99 := percentile(r.behind, 0.99)
	switch {
	case r.watchers > lastBarUpTo:
		return ms(p99)
	case p99 > lastBar:
		return fmt.Sprintf("%s, bar %s: **no**", ms(p99), ms(lastBar))
	}
	return fmt.Sprintf("%s, bar %s: yes", ms(p99), ms(lastBar))
}

// percentile is the least duration that a part of them, 0 to 1, is not above.
func percentile(d []time.Duration, part float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(d))
	return s[min(len(s)-1, int(part*float64(len(s))))]
}

func ms(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
