// This file holds the catalog: what the stock commands are called, what they
// take, and how a set of them is bound to a host. The table is in table.go.

// Package command holds the stock commands of the language: their interfaces
// and documentation as data, and the bodies in Go, a file for each family, of
// those that are no instructions of the machine.
package command

import (
	"crypto/rand"
	"io"
	"regexp"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/vm"
)

//go:generate go test -run TestReference -update .

// Spec describes a stock command.
type Spec struct {
	Name   string
	Family string // the heading that it stands under in the documentation
	Syntax bool   // a word of the language's syntax, which is not called as a command
	Usage  string // how it is written
	Params []bytecode.Param
	Form   bytecode.Form
	Needs  []string // capabilities that its caller must have been granted
	Doc    string   // one paragraph

	Example string // a script
	Query   string // the query string of the example's request
	Result  string // what the example exports, in JSON
}

// Stock returns the stock commands, by family.
func Stock() []Spec { return slices.Clone(table) }

// signatures are the interfaces of the callable commands. The map never changes.
var signatures = func() map[string]*bytecode.Signature {
	m := make(map[string]*bytecode.Signature, len(table))
	for _, s := range table {
		if !s.Syntax {
			m[s.Name] = &bytecode.Signature{Params: s.Params, Form: s.Form, Needs: s.Needs}
		}
	}
	return m
}()

// Host is the world outside that commands reach. The zero value has no HTTP and
// no database, and the system's clock and secure random source.
type Host struct {
	HTTP   host.HTTP // nil: requests fail with http_error
	SQL    host.SQL  // nil: statements fail with sql_error
	Clock  host.Clock
	Random io.Reader // fit for secrets, safe for concurrent use
}

// systemClock is the system's time.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

// How many time zones and formats of dates are remembered.
const (
	keptZones   = 64
	keptFormats = 64
)

// library is the stock commands bound to a host.
type library struct {
	host     Host
	patterns *patterns
	zones    *lru.Cache[string, *time.Location]
	formats  *lru.Cache[string, *regexp.Regexp] // of dates that are read
}

// Natives binds the stock commands to a host. The map has every name that can
// be called; the ones that compile to instructions have no Native. It may be
// shared by any number of machines.
func Natives(h Host) map[string]*vm.Command {
	if h.Clock == nil {
		h.Clock = systemClock{}
	}
	if h.Random == nil {
		h.Random = rand.Reader
	}
	l := &library{
		host:     h,
		patterns: newPatterns(),
		zones:    newCache[*time.Location](keptZones),
		formats:  newCache[*regexp.Regexp](keptFormats),
	}
	bodies := map[string]vm.Native{
		"RequestGet":       l.requestGet,
		"RequestPost":      l.requestPost,
		"ormDirect":        l.ormDirect,
		"encodeSHA256":     encodeSHA256,
		"encodeMD5":        encodeMD5,
		"randomString":     l.randomString,
		"replace":          l.replace,
		"getRegex":         l.getRegex,
		"getDateTime":      l.getDateTime,
		"getTimeStamp":     l.getTimeStamp,
		"stampToDatetime":  stampToDatetime,
		"getListLen":       getListLen,
		"itemFromList":     itemFromList,
		"variableFromJSON": variableFromJSON,
	}
	commands := make(map[string]*vm.Command, len(signatures))
	for name, sig := range signatures {
		c := &vm.Command{Name: name, Params: sig.Params, Native: bodies[name]}
		for _, need := range sig.Needs {
			capability, _ := vm.ParseCapability(need)
			c.Needs |= capability
		}
		commands[name] = c
	}
	return commands
}

// newCache makes a bounded cache that is safe for concurrent use; what was used
// least recently goes first.
func newCache[V any](size int) *lru.Cache[string, V] {
	c, err := lru.New[string, V](size)
	if err != nil {
		panic(err) // the size is not positive
	}
	return c
}
