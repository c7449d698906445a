// This file holds what a scenario reports, as Markdown.

package scenarios

import (
	"fmt"
	"strings"
	"time"
)

// Report is what a scenario has found.
type Report struct {
	Scenario string  `json:"scenario"`
	What     string  `json:"what"`
	Tables   []Table `json:"tables"`
	Bars     []Bar   `json:"bars"`
	// Notes say what a reader must know about this run.
	Notes []string `json:"notes,omitempty"`
	// Data is all that was measured.
	Data any `json:"data,omitempty"`
	// Plots are SVG drawings, by file name.
	Plots map[string][]byte `json:"-"`
}

// Table is a table of measurements.
type Table struct {
	// Detail tables show what medians are made of; a page of documentation does
	// without.
	Detail  bool       `json:"detail,omitempty"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Bar is a promise, and what was measured of it.
type Bar struct {
	What     string `json:"what"`
	Bar      string `json:"bar"`
	Measured string `json:"measured"`
	Holds    bool   `json:"holds"`
}

func (t *Table) add(cells ...any) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = fmt.Sprint(cell)
	}
	t.Rows = append(t.Rows, row)
}

func (r *Report) bar(what, bar, measured string, holds bool) {
	r.Bars = append(r.Bars, Bar{what, bar, measured, holds})
}

// atLeast holds a ratio to a bar.
func (r *Report) atLeast(what string, ratio, bar float64) {
	r.bar(what, fmt.Sprintf("≥ %.2f", bar), fmt.Sprintf("%.2f", ratio), ratio >= bar)
}

func (r *Report) notef(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// generatorBar is how late the generator itself may be: it is part of every
// latency.
const generatorBar = time.Millisecond

// punctual holds the generator itself to a bar, with the p99 of how late it was.
func (r *Report) punctual(late time.Duration) {
	r.bar("generator late, p99", "≤ "+ms(generatorBar)+", else the rest says little", ms(late), late <= generatorBar)
}

// Markdown writes the report as a section.
func (r *Report) Markdown() string {
	return fmt.Sprintf("## %s\n\n%s.\n", r.Scenario, strings.ToUpper(r.What[:1])+r.What[1:]) + r.body(true)
}

// Digest writes the report without its heading and its details, for a page of
// documentation.
func (r *Report) Digest() string { return strings.TrimPrefix(r.body(false), "\n") }

// body writes all but the heading, an empty line before each part.
func (r *Report) body(details bool) string {
	var b strings.Builder
	for _, t := range r.Tables {
		if details || !t.Detail {
			b.WriteString("\n" + t.markdown())
		}
	}
	if len(r.Bars) > 0 {
		bars := Table{Columns: []string{"what", "bar", "measured", "holds"}}
		for _, x := range r.Bars {
			bars.add(x.What, x.Bar, x.Measured, map[bool]string{true: "yes", false: "**no**"}[x.Holds])
		}
		b.WriteString("\n" + bars.markdown())
	}
	if len(r.Notes) > 0 {
		b.WriteString("\n* " + strings.Join(r.Notes, "\n* ") + "\n")
	}
	return b.String()
}

func (t *Table) markdown() string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(t.Columns)
	b.WriteString(strings.Repeat("|---", len(t.Columns)) + "|\n")
	for _, row := range t.Rows {
		line(row)
	}
	return b.String()
}
