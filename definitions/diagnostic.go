// This file holds what a publication is answered with.

package definitions

import (
	"errors"
	"fmt"

	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/syntax"
)

// Severity tells how bad a diagnostic is.
type Severity uint8

// Severities.
const (
	SeverityError   Severity = 1 // the source cannot be published
	SeverityWarning Severity = 2 // it runs, but rarely as meant
)

// Codes of diagnostics, beside those of errors at run time.
const (
	codeSyntax = "syntax_error" // the source does not parse or compile
	codeCycle  = "cycle"        // commands call each other in a circle
	codeInUse  = "in_use"       // what shall be deleted is called
	codeTwice  = "duplicate"    // a unit is there twice
)

// Diagnostic is what can be said of a source without running it.
type Diagnostic struct {
	Severity Severity
	Code     string
	Msg      string
	Source   int       // index in the request; -1 where it is about a unit of the catalog
	Key      store.Key // the unit, where one could be told
	Pos      syntax.Pos
}

// Change is what became of a unit.
type Change uint8

// Changes, as the protocol numbers them.
const (
	ChangeCreated    Change = 1
	ChangeUpdated    Change = 2
	ChangeUnchanged  Change = 3 // source and contract are those of the newest version
	ChangeDeleted    Change = 4
	ChangeRecompiled Change = 5 // the same version, for another interface of what it calls
	ChangeRefused    Change = 6 // left out of an import
)

// Outcome is what became of one unit.
type Outcome struct {
	store.Key
	Change  Change
	Version uint64 // the newest; 0 where there is none
}

// Result is what a publication came to.
type Result struct {
	// Revision is what the change became. Where nothing changed, and of a dry
	// run, it is the present one; 0 where diagnostics are in the way.
	Revision    uint64
	Outcomes    []Outcome // in the order of the request, then what was recompiled
	Diagnostics []Diagnostic
}

// Errors of publications.
var (
	// ErrBase says that the catalog has another revision than the change was made for.
	ErrBase = errors.New("the catalog has changed since")
	// ErrBusy says that others published all the time; nothing was stored.
	ErrBusy = errors.New("other publications were always first")
)

// StockError says that a name belongs to a stock command.
type StockError struct{ Name string }

func (e *StockError) Error() string { return "the stock command " + e.Name + " has this name" }

// NotFoundError says that there is no such unit or version.
type NotFoundError struct {
	store.Key
	Version uint64 // 0 where it is about the unit
}

func (e *NotFoundError) Error() string {
	if e.Version == 0 {
		return "there is no " + describe(e.Key)
	}
	return fmt.Sprintf("%s has no version %d with a source", describe(e.Key), e.Version)
}

// RequestError says that a request makes no sense.
type RequestError struct{ Msg string }

func (e *RequestError) Error() string { return e.Msg }
