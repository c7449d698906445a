// This file holds the measured programs and their right answers.

package engine

import (
	"embed"
	"fmt"
)

// Program is one of the measured programs.
type Program string

// The programs that every engine runs, each in its own language.
const (
	Loop    Program = "loop"    // the sum of 1 to 100,000 in a counted loop
	Fib     Program = "fib"     // fib(22), recursive
	Strings Program = "strings" // 1,000 texts made and put into a dict
	Handler Program = "handler" // a request: parameter, branch, arithmetic, two results
)

// Programs lists the programs in the order of the reports.
func Programs() []Program { return []Program{Loop, Fib, Strings, Handler} }

// Limit is the request parameter of the handler.
const Limit = 100

// Answer is what a program gave: for the handler both results, for the others
// the number alone.
type Answer struct {
	Number float64
	Text   string
}

// Want is the one right answer of a program.
func (p Program) Want() Answer {
	switch p {
	case Loop:
		return Answer{Number: 5000050000}
	case Fib:
		return Answer{Number: 17711}
	case Strings:
		return Answer{Number: 1000}
	case Handler:
		return Answer{Number: 121, Text: "T-100"}
	}
	panic("no such program: " + string(p))
}

// Check compares an answer with the one right one.
func (p Program) Check(got Answer) error {
	if want := p.Want(); got != want {
		return fmt.Errorf("%s gave %v instead of %v", p, got, want)
	}
	return nil
}

//go:embed programs
var files embed.FS

// source reads a program in the language of the extension; it is empty where
// the language cannot express it.
func source(name, extension string) string {
	text, err := files.ReadFile("programs/" + name + "." + extension)
	if err != nil {
		return ""
	}
	return string(text)
}
