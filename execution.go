// This file holds one execution in its steps, for doors that bring bytes and
// take bytes: nothing is turned into Go's own values on the way.

package avap

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/avap-framework/avap/vm"
)

// Execution is one execution of a script, from its input to its answer. It is
// not safe for concurrent use. Its quotas run from Begin on: reading the input and
// compiling count too.
type Execution struct {
	engine  *Engine
	machine vm.Machine
	in      vm.Input
	budget  vm.Scratch            // of compiling
	charge  func(bytes int) error // budget's
	once    *compiler             // of the program that CompileOnce made; nil for none
	// Only keeps variables and logs out of the answer.
	Only bool
}

// Begin starts an execution. A nil scheduler lets others run now and then, and
// shares no memory with them. End must be called when the answer was taken.
func (e *Engine) Begin(ctx context.Context, limits Limits, s vm.Scheduler) *Execution {
	x, _ := e.executions.Get().(*Execution)
	if x == nil {
		x = &Execution{}
	}
	x.engine = e
	x.machine.Reset(ctx, limits, s)
	x.in.Grants, x.in.Logs = vm.AllCapabilities, true
	return x
}

// End gives up what the execution holds. It must not be used any more.
func (x *Execution) End() {
	x.machine.Clear()
	empty(&x.in.Variables)
	empty(&x.in.Query)
	empty(&x.in.Body)
	x.Only = false
	if x.once != nil {
		x.engine.giveBack(x.once)
		x.once = nil
	}
	pool := x.engine.executions
	x.engine = nil
	pool.Put(x)
}

// empty clears a slice, and keeps its room for the next execution unless it is
// large.
func empty[T any](s *[]T) {
	if cap(*s) > 64 {
		*s = nil
	}
	var zero T
	for i := range *s { // few as a rule: clear would take longer
		(*s)[i] = zero
	}
	*s = (*s)[:0]
}

// Machine is the machine of the execution, for reading its input in.
func (x *Execution) Machine() *vm.Machine { return &x.machine }

// SetVariable adds a variable of the Global pool.
func (x *Execution) SetVariable(name string, v vm.Value) error {
	if err := x.machine.Charge(len(name) + 64); err != nil {
		return err
	}
	x.in.Variables = append(x.in.Variables, vm.Field{Name: name, Value: v})
	return nil
}

// SetParameter adds a parameter for addParam, behind those of the query string.
func (x *Execution) SetParameter(name string, v vm.Value) error {
	if err := x.machine.Charge(len(name) + 64); err != nil {
		return err
	}
	x.in.Body = append(x.in.Body, vm.Field{Name: name, Value: v})
	return nil
}

// SetQuery sets the query string. A pair that is not well escaped is kept as
// it is written.
func (x *Execution) SetQuery(query string) error {
	if query == "" {
		return nil
	}
	if err := x.machine.Charge(2*len(query) + 64*(1+strings.Count(query, "&"))); err != nil {
		return err
	}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		key, text, _ := strings.Cut(pair, "=")
		x.in.Query = append(x.in.Query, vm.QueryParam{Key: unescape(key), Text: unescape(text)})
	}
	return nil
}

func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	if u, err := url.QueryUnescape(s); err == nil {
		s = u
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Grant bounds what the script may reach.
func (x *Execution) Grant(c Capability) { x.in.Grants = c }

// setInput takes an Input over.
func (x *Execution) setInput(in Input) error {
	for _, p := range in.Variables {
		v, err := x.machine.FromGo(p.Value)
		if err != nil {
			return err
		}
		if err := x.SetVariable(p.Key, v); err != nil {
			return err
		}
	}
	for _, p := range in.Parameters {
		v, err := x.machine.FromGo(p.Value)
		if err != nil {
			return err
		}
		if err := x.SetParameter(p.Key, v); err != nil {
			return err
		}
	}
	if in.Grants != 0 {
		x.in.Grants = in.Grants
	}
	x.in.Logs = !in.NoLogs
	return x.SetQuery(in.Query)
}

// Restrict lowers the execution's limits where those of a contract are lower;
// its zero fields change nothing.
func (x *Execution) Restrict(contract Limits) { x.machine.Restrict(contract) }

// Compile compiles a script under the quotas of memory and time of this
// execution. What that takes is not held by the execution itself.
func (x *Execution) Compile(script string) (*Program, error) {
	return x.engine.compile(x.machine.Context(), script, x.account())
}

// CompileOnce is Compile for a program that only this execution runs: it lies in memory
// that is used again, and must not be used after End or another CompileOnce.
func (x *Execution) CompileOnce(script string) (*Program, error) {
	if x.once == nil {
		x.once = x.engine.takeCompiler()
	} else {
		x.once.forget()
	}
	p := &x.once.program
	err := x.once.compile(x.machine.Context(), x.engine, script, x.account(), p, nil)
	x.once.parser.Forget() // or a tree would wait with an execution that waits
	if err != nil {
		return nil, err
	}
	return p, nil
}

// account opens an account for what compiling takes.
func (x *Execution) account() func(bytes int) error {
	if x.charge == nil { // made once, not for each script
		x.charge = x.budget.Charge
	}
	x.budget = x.machine.Scratch()
	return x.charge
}

// Run runs a program of the same engine to its end.
func (x *Execution) Run(p *Program) error {
	x.in.Logs = x.in.Logs && !x.Only
	return x.machine.Execute(&p.code, &x.in)
}

// AppendAnswer appends the JSON answer of an execution that succeeded.
func (x *Execution) AppendAnswer(dst []byte) ([]byte, error) {
	return x.machine.AppendAnswer(dst, !x.Only)
}

// HostTime is how long the execution has spent in host calls.
func (x *Execution) HostTime() time.Duration { return x.machine.HostTime() }

// Status is the HTTP status that the script asked for, else 200.
func (x *Execution) Status() int { return x.machine.Status() }
