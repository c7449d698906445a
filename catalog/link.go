// This file holds the linker: it binds definitions to what they call.

package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/vm"
)

// definition is a program of kind command, and what it was linked to last.
type definition struct {
	program *bytecode.Program
	command *vm.Command   // nil before it is linked
	callees []*vm.Command // what the command is bound to, as program.Commands
	limits  *vm.Limits    // of its contract; nil for none
}

// linker links definitions, each after those that it calls. A definition that is
// linked to the same callees already is left as it is, so that an unchanged pointer to
// its command means that nothing has changed.
type linker struct {
	// meaning gives what a name stands for: a command as it is, or a definition
	// to link; neither where there is nothing of that name.
	meaning func(name string) (*vm.Command, *definition)
	linked  map[string]*vm.Command
	path    []string // definitions whose callees are being linked
}

// circleError says that definitions call each other in a circle.
type circleError struct{ names []string }

func (e *circleError) Error() string {
	return fmt.Sprintf("the definitions call each other in a circle: %s", strings.Join(e.names, " → "))
}

// link returns the command of a name; nil where there is none.
func (l *linker) link(name string) (*vm.Command, error) {
	if c, ok := l.linked[name]; ok {
		return c, nil
	}
	c, d := l.meaning(name)
	if d != nil {
		if i := slices.Index(l.path, name); i >= 0 {
			return nil, &circleError{append(slices.Clone(l.path[i:]), name)}
		}
		l.path = append(l.path, name)
		if err := l.bind(name, d); err != nil {
			return nil, err
		}
		l.path = l.path[:len(l.path)-1]
		c = d.command
	}
	if l.linked == nil {
		l.linked = map[string]*vm.Command{}
	}
	l.linked[name] = c
	return c, nil
}

// bind links one definition and those that it calls.
func (l *linker) bind(name string, d *definition) error {
	callees := make([]*vm.Command, len(d.program.Commands))
	for i, callee := range d.program.Commands {
		var err error
		if callees[i], err = l.link(callee.Name); err != nil {
			return err
		}
	}
	if d.command != nil && slices.Equal(callees, d.callees) {
		return nil
	}
	code, err := vm.Link(d.program, func(name string) *vm.Command { return l.linked[name] })
	if err != nil {
		return err
	}
	d.command, d.callees = &vm.Command{Name: name, Params: d.program.Params, Code: code, Limits: d.limits}, callees
	return nil
}

// Limits returns what a contract says of quotas, nil where it says nothing.
func Limits(c seal.Contract) *vm.Limits {
	if c == (seal.Contract{}) {
		return nil
	}
	return &vm.Limits{
		Instructions: c.Instructions, Memory: c.Memory, Time: c.Time, HostTime: c.HostTime,
		Depth: int(c.Depth), Output: int(c.Output), HostCalls: int(c.HostCalls),
	}
}
