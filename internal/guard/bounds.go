// This file holds the bounds: how they are written down, and when a cost passes one.

package guard

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Measure is one thing that a round costs.
type Measure struct {
	Name string
	// A cost is within the bound where it is no more than More above it and no more
	// than Less below it, in parts of it, and Slack on either side.
	More, Less, Slack float64
	// Exact measures say the same whatever Go compiled the product.
	Exact bool
	What  string
}

// Instructions is the measure that only valgrind can tell on its own kind of processor.
const Instructions = "instructions"

// Measures are the columns of the bounds.
//
// A bound binds on both sides: what became cheaper gets a new bound, so that the gain
// is not lost again. The slack is for what comes and goes beside the path: an
// allocation of the runtime now and then, a write that wakes a thread.
var Measures = []Measure{
	{Name: Instructions, More: 0.05, Less: 0.10, What: "of the processor, counted by valgrind; of a request, both ends together"},
	{Name: "allocations", More: 0.002, Less: 0.002, Slack: 0.75, What: "on the heap"},
	{Name: "bytes", More: 0.05, Less: 0.10, Slack: 8, What: "of these allocations"},
	{Name: "reads", Slack: 0.25, Exact: true, What: "system calls of the server"},
	{Name: "writes", Slack: 0.25, Exact: true, What: "the same"},
	{Name: "fuel", Exact: true, What: "instructions of the machine, as its quota counts them"},
	{Name: "memory", Exact: true, What: "bytes that the machine charged"},
}

// Costs are what a round of a path costs, by the name of the measure.
type Costs map[string]float64

// Table is the costs of all paths, and what they were measured with.
type Table struct {
	Go        string // the version of Go, as runtime.Version gives it
	Processor string // system, architecture, and whether valgrind presents AVX2
	Paths     []string
	Costs     map[string]Costs // by path
}

func newTable() *Table { return &Table{Costs: map[string]Costs{}} }

// otherGo is how much more a cost may be where another version of Go compiled.
const otherGo = 0.25

// Compare takes the table for bounds and tells what of got is outside of them, for each
// path a few lines. What was measured in one of them alone is left out, but for whole
// paths.
func (t *Table) Compare(got *Table) map[string][]string {
	found := map[string][]string{}
	for _, path := range got.Paths {
		want, ok := t.Costs[path]
		if !ok {
			found[path] = append(found[path], "has no bounds yet")
			continue
		}
		for _, m := range Measures {
			bound, bounded := want[m.Name]
			cost, measured := got.Costs[path][m.Name]
			switch {
			case !bounded || !measured, m.Name == Instructions && t.Processor != got.Processor:
				continue
			case minor(t.Go) != minor(got.Go) && !m.Exact:
				m.More, m.Less = max(m.More, otherGo), 1
			}
			if line := m.compare(bound, cost); line != "" {
				found[path] = append(found[path], line)
			}
		}
	}
	for _, path := range t.Paths {
		if _, ok := got.Costs[path]; !ok {
			found[path] = append(found[path], "has bounds, and is no path")
		}
	}
	return found
}

// compare says how a cost is outside of its bound; nothing where it is not.
func (m *Measure) compare(bound, cost float64) string {
	more, less := bound*(1+m.More)+m.Slack, bound*(1-m.Less)-m.Slack
	change := fmt.Sprintf("%s: %s, recorded are %s", m.Name, number(cost), number(bound))
	if bound > 0 {
		change += fmt.Sprintf(" (%+.1f %%)", 100*(cost/bound-1))
	}
	switch {
	case cost > more:
		return change + ": dearer than its bound of " + number(more)
	case cost < less:
		return change + ": cheaper than " + number(less) + ", record it so that it stays so"
	}
	return ""
}

// minor returns go1.26 of go1.26.8.
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

// number writes a cost, whole where it is large.
func number(v float64) string {
	if v < 100 {
		v = math.Round(v*100) / 100
	} else {
		v = math.Round(v)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

const (
	absent = "-" // what stands in the table where nothing is measured
	head   = "# What a round of each path costs. Written by: make guard-update\n# Measured with "
)

// Format writes the table as Parse reads it.
func (t *Table) Format() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s %s\n", head, t.Go, t.Processor)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "path\t")
	for _, m := range Measures {
		fmt.Fprintf(w, "%s\t", m.Name)
	}
	fmt.Fprintln(w)
	for _, path := range t.Paths {
		fmt.Fprintf(w, "%s\t", path)
		for _, m := range Measures {
			cell := absent
			if v, ok := t.Costs[path][m.Name]; ok {
				cell = strconv.FormatFloat(math.Round(v), 'f', 0, 64)
			}
			fmt.Fprintf(w, "%s\t", cell)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	return b.Bytes()
}

// Parse reads what Format has written.
func Parse(text []byte) (*Table, error) {
	rest, ok := bytes.CutPrefix(text, []byte(head))
	if !ok {
		return nil, fmt.Errorf("the bounds do not begin with %q", head)
	}
	t := newTable()
	lines := bufio.NewScanner(bytes.NewReader(rest))
	for n := 0; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		switch {
		case n == 0 && len(fields) == 2:
			t.Go, t.Processor = fields[0], fields[1]
		case len(fields) != len(Measures)+1 || n == 0:
			return nil, fmt.Errorf("the bounds have a line of %d words: %q", len(fields), lines.Text())
		case n == 1:
			if names := columns(); !slices.Equal(fields[1:], names) {
				return nil, fmt.Errorf("the bounds have the columns %v, not %v", fields[1:], names)
			}
		default:
			costs, err := parseCosts(fields[1:])
			if err != nil {
				return nil, fmt.Errorf("the bounds of %s: %w", fields[0], err)
			}
			t.add(fields[0], costs)
		}
	}
	return t, lines.Err()
}

func columns() []string {
	var names []string
	for _, m := range Measures {
		names = append(names, m.Name)
	}
	return names
}

func parseCosts(cells []string) (Costs, error) {
	costs := Costs{}
	for i, cell := range cells {
		if cell == absent {
			continue
		}
		v, err := strconv.ParseFloat(cell, 64)
		if err != nil {
			return nil, err
		}
		costs[Measures[i].Name] = v
	}
	return costs, nil
}

// Add adds what was measured another time, by the same rule as add.
func (t *Table) Add(other *Table) {
	for _, path := range other.Paths {
		t.add(path, other.Costs[path])
	}
}

// add adds a path, or measures of one. The least of several samples counts: what comes
// on top is not the path's.
func (t *Table) add(path string, costs Costs) {
	known, ok := t.Costs[path]
	if !ok {
		known = Costs{}
		t.Paths, t.Costs[path] = append(t.Paths, path), known
	}
	for name, v := range costs {
		if least, ok := known[name]; !ok || v < least {
			known[name] = v
		}
	}
}
