// This file holds what becomes of the definitions of an existing deployment.

// Package legacy reads the definitions of an existing deployment from its
// database and sorts them: what is of the stock catalog, what a front end can
// take, and what not, with the reason. It changes nothing there, and publishes
// nothing here.
package legacy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
)

// The tables that are read.
const (
	FunctionsTable = "obex_dapl_functions"
	BytecodeTable  = "avap_bytecode"
)

// Row is one definition as it was found.
type Row struct {
	Table       string // where the code comes from
	Name        string
	Interface   string // JSON: [{"item": name, "type": …, "mode": …}, …]
	Description string
	Type        string
	Code        string
	Fault       string // why Code cannot be had, empty where it can
}

// Source is a definition that can be published.
type Source struct {
	Table string // where the code comes from; set by Sort
	Kind  bytecode.Kind
	Name  string
	Text  string // AVAP
}

// Frontend turns the code of rows in one language into AVAP. The one there is
// takes AVAP itself; one for Python would stand beside it.
type Frontend interface {
	// Language is what people call it.
	Language() string
	// Recognizes reports whether a text is meant to be in this language, right or
	// wrong.
	Recognizes(code string) bool
	// Source translates a row whose code is recognized. Its error says in one
	// line what is in the way.
	Source(row Row) (Source, error)
}

// Refusal is a row that cannot be taken.
type Refusal struct {
	Table, Name string
	Reason      string // one line
}

// Sorted is what becomes of the rows, each in order of names.
type Sorted struct {
	Sources []Source
	Stock   []string // names of the stock catalog, whose code stays behind
	Refused []Refusal
}

// Sort sorts rows. The first front end that recognizes a row's code has the word
// on it.
func Sort(rows []Row, frontends ...Frontend) Sorted {
	var s Sorted
	stock := stockNames()
	for _, same := range byName(rows) {
		row := same[0]
		if stock[row.Name] {
			s.Stock = append(s.Stock, row.Name)
			continue
		}
		source, reason := sortRow(same, frontends)
		if reason == "" {
			s.Sources = append(s.Sources, source)
		} else {
			s.Refused = append(s.Refused, Refusal{row.Table, row.Name, reason})
		}
	}
	return s
}

// sortRow returns the source of one name's rows, or the reason why there is none.
func sortRow(same []Row, frontends []Frontend) (source Source, reason string) {
	row := same[0]
	for _, other := range same[1:] {
		if other.Code != row.Code || other.Interface != row.Interface {
			return source, "several rows have this name and not the same code: delete all but one"
		}
	}
	switch {
	case row.Name == "":
		return source, "the row has no name"
	case row.Fault != "":
		return source, row.Fault
	case strings.TrimSpace(row.Code) == "":
		return source, "the row has no code"
	}
	for _, f := range frontends {
		if !f.Recognizes(row.Code) {
			continue
		}
		source, err := f.Source(row)
		if err != nil {
			return source, f.Language() + " source: " + err.Error()
		}
		source.Table = row.Table
		return source, ""
	}
	if isPython(row.Code) {
		return source, "Python source: write the command in AVAP"
	}
	return source, "source in a language that is not known: write the command in AVAP"
}

// byName returns the rows of each name together, in order of names.
func byName(rows []Row) [][]Row {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(a.Name, b.Name) })
	var groups [][]Row
	for i, row := range rows {
		if i == 0 || row.Name != rows[i-1].Name {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], row)
	}
	return groups
}

func stockNames() map[string]bool {
	names := map[string]bool{}
	for _, spec := range command.Stock() {
		names[spec.Name] = true
	}
	return names
}
