// This file holds the loader of the recorded expressions.

// Package oracle holds what CPython says that AVAP's expressions mean: a
// record of expressions with their values or errors, for a differential test
// of the engine. README.md tells how it is made and where AVAP differs.
package oracle

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
)

//go:embed testdata/expressions.jsonl
var recorded []byte

// Case is one expression and what becomes of it: a value or an error.
type Case struct {
	// Expr is the source, which assigns nothing and finds no variable set. It
	// may run over several lines, inside a template alone.
	Expr string `json:"e"`
	// Value is the value as it stands inside the text of a list, as Python's
	// repr() gives it: text in its quotes. Empty where Code is not.
	Value string `json:"v"`
	// Type is the value's type, as type() names it. Empty where Code is not.
	Type string `json:"t"`
	// Code is the error's code: type_error, name_error, overflow or
	// runtime_error. Empty where there is a value.
	Code string `json:"x"`
}

// Load reads the record, in its order. An error names the line of the record
// that is no case.
func Load() ([]Case, error) { return load(recorded) }

func load(record []byte) ([]Case, error) {
	var cases []Case
	lines := bufio.NewScanner(bytes.NewReader(record))
	for lines.Scan() {
		c, err := parse(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("oracle: line %d: %w", len(cases)+1, err)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("oracle: line %d: %w", len(cases)+1, err)
	}
	return cases, nil
}

var errNoCase = errors.New("neither a value with its type nor an error's code")

func parse(line []byte) (Case, error) {
	var c Case
	if err := json.Unmarshal(line, &c); err != nil {
		return Case{}, err
	}
	valued := c.Value != "" && c.Type != "" && c.Code == ""
	failed := c.Value == "" && c.Type == "" && c.Code != ""
	if c.Expr == "" || !valued && !failed {
		return Case{}, errNoCase
	}
	return c, nil
}
