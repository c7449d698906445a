// This file holds the loaders of the recorded expressions and programs.

// Package oracle holds what CPython says that AVAP's expressions and statements mean:
// records of expressions and of programs with their values or errors, for differential
// tests of the engine. README.md tells how they are made and where AVAP differs.
package oracle

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
)

// The records.
var (
	//go:embed testdata/expressions.jsonl
	expressions []byte
	//go:embed testdata/programs.jsonl
	programs []byte
)

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

// Program is a script and what becomes of it: what its last line puts into the variable
// out, or an error.
type Program struct {
	Script string `json:"p"`
	// Value is what out holds, as Python's repr() gives it. Empty where Code is not.
	Value string `json:"v"`
	// Code is the error's code, Line the line of the script that it is in. Empty where
	// there is a value.
	Code string `json:"x"`
	Line int    `json:"l"`
}

// Load reads the record of expressions, in its order. An error names the line of the
// record that is no case.
func Load() ([]Case, error) { return load(expressions, parse) }

// Programs is Load for the record of programs.
func Programs() ([]Program, error) { return load(programs, parseProgram) }

func load[T any](record []byte, parse func(line []byte) (T, error)) ([]T, error) {
	var cases []T
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

func parseProgram(line []byte) (Program, error) {
	var p Program
	if err := json.Unmarshal(line, &p); err != nil {
		return Program{}, err
	}
	valued := p.Value != "" && p.Code == "" && p.Line == 0
	failed := p.Value == "" && p.Code != "" && p.Line > 0
	if p.Script == "" || !valued && !failed {
		return Program{}, errNoCase
	}
	return p, nil
}
