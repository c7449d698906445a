// This file holds an execution from its start to its end: calls, returns,
// errors that unwind to a handler. The loop over instructions is in interp.go.

package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/avap-framework/avap/bytecode"
)

// Run is Execute with an input of its own.
func (m *Machine) Run(code *Code, in Input) error { return m.Execute(code, &in) }

// Execute runs a script to its end. The input must not change, and the results are
// read from the machine, until the next Reset or Clear. A failed execution has no
// results. The error is an *Error.
func (m *Machine) Execute(code *Code, in *Input) (err error) {
	defer func() {
		if r := recover(); r != nil {
			cause := fmt.Errorf("%v\n%s", r, debug.Stack())
			err = &Error{Code: CodeInternal, Msg: "a defect of the machine", Err: cause}
		}
	}()
	if code.program.Kind != bytecode.KindScript {
		return Errorf(CodeIntegrity, "not a script")
	}
	if err := m.start(code, in); err != nil {
		return err
	}
	for {
		err := m.dispatch()
		if err == nil {
			if in.Logs && m.clock.start != 0 { // before a first look nothing has taken time
				m.endLog(m.logTime())
			}
			return nil
		}
		if err := m.unwind(err); err != nil {
			return err
		}
	}
}

// start puts the first frame in place and the request's variables into their slots.
func (m *Machine) start(code *Code, in *Input) error {
	m.in = in
	main := &code.functions[0]
	if n := main.Registers + spareRegisters; n > len(m.stack) {
		m.stack = make([]Value, max(n, 1024))
	}
	if err := m.occupy(main.Registers); err != nil {
		return err
	}
	if n := len(code.program.Globals); n > len(m.born) {
		m.born = make([]bool, n)
	}
	for i, f := range in.Variables {
		slot, ok := code.slot(f.Name)
		if !ok {
			m.births = append(m.births, ^int32(i))
			continue
		}
		m.stack[slot] = f.Value
		if err := m.birth(slot); err != nil {
			return err
		}
	}
	caps := in.Grants
	if code.grants != 0 { // a contract only ever lowers what there is
		caps &= code.grants
	}
	if cap(m.frames) == 0 {
		m.frames = make([]frame, 0, 8)
	}
	m.frames = m.frames[:1]
	f := &m.frames[0]
	f.code, f.fn, f.base, f.pc, f.caps, f.result = code, main, 0, 0, caps, -1
	return nil
}

// occupy charges for registers up to top the first time that they are used.
func (m *Machine) occupy(top int) error {
	if top <= m.high {
		return nil
	}
	n := top - m.high
	m.high = top
	return m.Charge(n * valueSize)
}

// birth notes that the variable of a slot has come to be.
func (m *Machine) birth(slot int32) error {
	if !m.born[slot] {
		m.born[slot] = true
		m.births = append(m.births, slot)
		return m.Charge(valueSize)
	}
	return nil
}

// enter pushes a frame for fn whose arguments are the n registers from args on
// in the stack. The caller's frame has its pc set.
func (m *Machine) enter(code *Code, fn *function, args, n int, caps Capability) error {
	caller := &m.frames[len(m.frames)-1]
	if len(m.frames) > m.limits.Depth {
		return Errorf(CodeDepth, "calls nested deeper than %d", m.limits.Depth)
	}
	base, result := args, -1
	if caller.fn.wide {
		base, result = caller.base+caller.fn.Registers, args
	}
	top := base + fn.Registers
	if top+spareRegisters > len(m.stack) {
		m.growStack(top + spareRegisters)
	}
	if err := m.occupy(top); err != nil {
		return err
	}
	if result >= 0 {
		copy(m.stack[base:base+n], m.stack[args:args+n])
	}
	clear(m.stack[base+n : top])
	if err := m.Work(fn.registers / 16); err != nil {
		return err
	}
	m.frames = append(m.frames, frame{code: code, fn: fn, base: base, caps: caps, result: result})
	return nil
}

func (m *Machine) growStack(n int) {
	stack := make([]Value, max(n, 2*len(m.stack)))
	copy(stack, m.stack[:m.high])
	m.stack = stack
}

// leave pops the frame of a function and puts v where the caller wants it.
func (m *Machine) leave(v Value) {
	f := &m.frames[len(m.frames)-1]
	at := f.base
	if f.result >= 0 {
		at = f.result
	}
	m.stack[at] = v
	m.frames = m.frames[:len(m.frames)-1]
}

// leaveDefinition pops the frame of a definition's invocation. Its parameters
// stay in the caller's window; the rest of its Local pool is wiped, because
// the caller must not see it.
func (m *Machine) leaveDefinition() {
	f := &m.frames[len(m.frames)-1]
	params := f.code.program.Params
	clear(m.stack[f.base+len(params) : f.base+f.fn.Registers])
	for i, p := range params {
		if v := &m.stack[f.base+i]; p.Mode == bytecode.ModeOut && v.IsUnset() {
			*v = NoneValue()
		}
	}
	if f.result >= 0 {
		copy(m.stack[f.result:f.result+len(params)], m.stack[f.base:])
	}
	m.frames = m.frames[:len(m.frames)-1]
	m.leaveContracts()
}

// call pushes the frame of the function that an instruction calls, where the
// interpreter's loop cannot.
func (m *Machine) call(fr *frame, in *word) error {
	if err := m.Work(0); err != nil {
		return err
	}
	return m.enter(fr.code, &fr.code.functions[in.c], fr.base+int(in.a), int(in.b), fr.caps)
}

// command runs the command that an instruction calls: a native one to its end;
// of a definition it pushes the frame.
func (m *Machine) command(fr *frame, in *word) error {
	if err := m.Work(0); err != nil {
		return err
	}
	cmd := fr.code.commands[in.c]
	if cmd == nil {
		return Errorf(CodeUnknownCommand, "command not found: %s", fr.code.program.Commands[in.c].Name)
	}
	if missing := cmd.Needs &^ fr.caps; missing != 0 {
		return Errorf(CodeCapability, "%s needs the capability %s", cmd.Name, missing)
	}
	if cmd.Code != nil {
		err := m.enter(cmd.Code, &cmd.Code.functions[0], fr.base+int(in.a), int(in.b), cmd.Code.grants)
		if err == nil && cmd.Limits != nil {
			m.lowered = true
			m.enterContract(cmd.Limits)
		}
		return err
	}
	m.logStale()
	return cmd.Native(m, fr.registers(m, in.a, int(in.b)))
}

// unwind goes on in the handler of an error, or gives the error that ends the
// execution, with its place in the script.
func (m *Machine) unwind(err error) error {
	e := m.locate(err)
	if !e.Code.Catchable() {
		return e
	}
	for i := len(m.frames) - 1; i >= 0; i-- {
		f := &m.frames[i]
		if err := m.Work(len(f.fn.Handlers) / 8); err != nil {
			return m.locate(err)
		}
		target, ok := f.fn.handler(f.pc - 1)
		if !ok {
			continue
		}
		m.wipeDefinitions(i)
		m.frames = m.frames[:i+1]
		m.leaveContracts()
		f.pc = target
		if n := len(m.logs); i == 0 && n > 0 {
			m.logs[n-1].failed = true
		}
		m.mem.op = m.mem.left
		text, err := m.Text(e.Msg)
		if err == nil {
			m.caught = text
			err = m.Work(32)
		}
		if err != nil {
			return m.locate(err)
		}
		return nil
	}
	return e
}

// wipeDefinitions wipes the Local pools of the definitions above frame i, which
// an error has ended.
func (m *Machine) wipeDefinitions(i int) {
	for _, f := range m.frames[i+1:] {
		if f.code != m.frames[i].code {
			clear(m.stack[f.base : f.base+f.fn.Registers])
		}
	}
}

// locate returns err as an *Error with its place: that of the innermost call in
// the script itself, because a definition's lines mean nothing to its caller.
func (m *Machine) locate(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: CodeInternal, Msg: "a defect of a command", Err: err}
	}
	if e.Line > 0 {
		return e
	}
	located := *e
	for i := len(m.frames) - 1; i >= 0; i-- {
		if f := &m.frames[i]; f.code == m.frames[0].code {
			located.Line, located.Col = f.fn.position(f.pc - 1)
			break
		}
	}
	return &located
}

// handler returns where an error at pc goes on.
func (f *function) handler(pc int) (int, bool) {
	for _, h := range f.Handlers {
		if int(h.From) <= pc && pc < int(h.To) {
			return int(h.Target), true
		}
	}
	return 0, false
}

// HostCall runs call, which waits for something outside, under what is left of
// the host-call quotas. Its time does not count as execution time. An error of
// call is returned as it is, but past the quota of time it is one of code,
// which is CodeHTTP or CodeSQL.
func (m *Machine) HostCall(code ErrorCode, call func(ctx context.Context) error) error {
	m.hostCalls++
	if m.hostCalls > m.limits.HostCalls {
		return Errorf(CodeHostCalls, "more than %d host calls", m.limits.HostCalls)
	}
	left := m.limits.HostTime - m.clock.host
	if left <= 0 {
		return Errorf(code, "the time for host calls is used up")
	}
	m.elapsed()
	ctx, cancel := context.WithTimeout(m.ctx, left)
	defer cancel()
	m.sched.Leave()
	began := now()
	m.clock.away = true
	err := call(ctx)
	m.clock.away = false
	m.clock.host += now() - began
	if busy := m.sched.Enter(); busy != nil {
		return busy
	}
	if err != nil && m.ctx.Err() != nil {
		return Errorf(CodeCancelled, "cancelled: %w", context.Cause(m.ctx))
	}
	return err
}

// state is something that commands keep during one execution.
type state struct {
	key    any
	closer io.Closer
}

// State returns what was kept under key during this execution; where there is
// nothing yet, it keeps what open makes, and closes it when the execution is over.
func (m *Machine) State(key any, open func() (io.Closer, error)) (io.Closer, error) {
	for _, s := range m.states {
		if s.key == key {
			return s.closer, nil
		}
	}
	c, err := open()
	if err == nil {
		m.states = append(m.states, state{key, c})
	}
	return c, err
}
