// This file holds what an execution is given and what it gives back.

package vm

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Field is a value under a name.
type Field struct {
	Name  string
	Value Value
}

const (
	fieldSize = 48
	logSize   = 32
)

// QueryParam is one parameter of a query string, decoded.
type QueryParam struct{ Key, Text string }

// Input is what a request brings to an execution. Its values were made by the
// machine that runs it.
type Input struct {
	Variables []Field      // the Global pool's first contents, in order
	Query     []QueryParam // repeated keys are kept
	Body      []Field      // the other keys of the request's body
	Logs      bool         // whether to keep the log of top-level statements
	Grants    Capability   // what the script may reach
}

// LogEntry records one top-level statement that ran.
type LogEntry struct {
	Command  string
	Duration time.Duration
	Success  bool // false where a try() met an error that it caught
}

// logEntry is a LogEntry whose statement may still run.
type logEntry struct {
	name   *quotedName // in Code.logs
	began  time.Duration
	took   time.Duration
	failed bool
}

// param returns the request's parameter of a key, None where there is none: the
// query string wins over the body.
func (m *Machine) param(key Value) (Value, error) {
	if !key.IsString() {
		text, err := m.textOf(key)
		if err != nil {
			return Value{}, err
		}
		key = text
	}
	name := key.str()
	if err := m.Work(1 + (len(m.in.Query)+len(m.in.Body))/4); err != nil {
		return Value{}, err
	}
	for i := range m.in.Query {
		if m.in.Query[i].Key == name {
			return m.queryValue(m.in.Query[i].Text)
		}
	}
	for i := range m.in.Body {
		if m.in.Body[i].Name != name {
			continue
		}
		if v := m.in.Body[i].Value; v.Kind() != String || v.byteLen() > 0 {
			return v, nil
		}
		break
	}
	return NoneValue(), nil
}

// queryValue turns the text of a query parameter into the value that it wholly is.
func (m *Machine) queryValue(s string) (Value, error) {
	switch s {
	case "", "null":
		return NoneValue(), nil
	case "true":
		return BoolValue(true), nil
	case "false":
		return BoolValue(false), nil
	}
	if v, ok := readNumber(s); ok && !strings.ContainsAny(s, "eE") {
		return v, nil
	}
	if isWhole(s, '{', '}') || isWhole(s, '[', ']') {
		v, err := m.ParseJSON([]byte(s))
		if e, ok := err.(*Error); err == nil || !ok || !e.Code.Catchable() {
			return v, err
		}
	}
	return m.Text(s)
}

func isWhole(s string, open, end byte) bool {
	s = strings.TrimSpace(s)
	return len(s) >= 2 && s[0] == open && s[len(s)-1] == end
}

// queryList returns every query parameter as a list of one-key dicts.
func (m *Machine) queryList() (Value, error) {
	l, err := m.newList(len(m.in.Query))
	if err != nil {
		return Value{}, err
	}
	for _, q := range m.in.Query {
		d, err := m.newDict(1)
		if err != nil {
			return Value{}, err
		}
		key, err := m.Text(q.Key)
		if err != nil {
			return Value{}, err
		}
		text, err := m.Text(q.Text)
		if err != nil {
			return Value{}, err
		}
		if err := d.set(m, key, text); err != nil {
			return Value{}, err
		}
		if err := m.push(l, dictValue(d)); err != nil {
			return Value{}, err
		}
	}
	return listValue(l), nil
}

// export notes a value under its name in the result; a name exported again
// keeps its place.
func (m *Machine) export(name string, v Value) error {
	if v.IsUnset() {
		v = NoneValue()
	}
	if err := m.Work(len(m.exports) / 8); err != nil {
		return err
	}
	for i := range m.exports {
		if m.exports[i].Name == name {
			m.exports[i].Value = v
			return nil
		}
	}
	if err := m.Charge(fieldSize); err != nil {
		return err
	}
	m.exports = append(m.exports, Field{name, v})
	return nil
}

// beginLog ends the log entry of the statement before and begins one.
func (m *Machine) beginLog(name *quotedName) error {
	if err := m.Charge(logSize); err != nil {
		return err
	}
	now := m.logTime()
	m.endLog(now)
	m.logs = append(m.logs, logEntry{name: name, began: now})
	return nil
}

func (m *Machine) endLog(now time.Duration) {
	if n := len(m.logs); n > 0 {
		m.logs[n-1].took = now - m.logs[n-1].began
	}
}

// logFuel is how many instructions a log takes for no time: together they take less
// than the microsecond that durations are rounded to.
const logFuel = 32

// logTime is the time since the execution began, as the log wants it: the clock is looked
// at only where enough was done since the last look that it can have gone on.
func (m *Machine) logTime() time.Duration {
	if m.limits.Instructions-m.reserve-m.fuel >= m.clock.logDue {
		m.lookForLog()
	}
	return m.clock.logged
}

//go:noinline
func (m *Machine) lookForLog() { // or logTime would be a call
	m.clock.logged = m.elapsed()
	m.clock.logDue = m.limits.Instructions - m.reserve - m.fuel + logFuel
}

// logStale has logTime look at the clock: something has run that may have taken longer
// than its instructions tell.
func (m *Machine) logStale() { m.clock.logDue = 0 }

// Results returns what the script exported, in order.
func (m *Machine) Results() []Field { return m.exports }

// Variables returns the Global pool as it is now, in the order in which the
// variables came to be.
func (m *Machine) Variables() []Field {
	fields := make([]Field, 0, len(m.births))
	m.eachVariable(func(name string, v Value) error {
		fields = append(fields, Field{name, v})
		return nil
	})
	return fields
}

// eachVariable calls f for each variable of the Global pool, in order.
func (m *Machine) eachVariable(f func(name string, v Value) error) error {
	for _, b := range m.births {
		var name string
		var v Value
		if b < 0 {
			name, v = m.in.Variables[^b].Name, m.in.Variables[^b].Value
		} else {
			name, v = m.frames[0].code.program.Globals[b], m.stack[b]
		}
		if err := f(name, v); err != nil {
			return err
		}
	}
	return nil
}

// Logs returns an entry for each top-level statement that ran.
func (m *Machine) Logs() []LogEntry {
	entries := make([]LogEntry, len(m.logs))
	code := m.frames[0].code
	for i, l := range m.logs {
		at, _ := slices.BinarySearchFunc(code.logs, l.name.from, func(q quotedName, from uint32) int {
			return cmp.Compare(q.from, from)
		})
		entries[i] = LogEntry{code.program.Logs[at], l.took, !l.failed}
	}
	return entries
}

// Status is the HTTP status that the script asked for by _status, or 200.
func (m *Machine) Status() int {
	v := Value{}
	if slot := m.frames[0].code.status; slot >= 0 {
		v = m.stack[slot]
	} else {
		for _, f := range m.in.Variables {
			if f.Name == "_status" {
				v = f.Value
			}
		}
	}
	if v.IsInt() && v.Int() >= 200 && v.Int() <= 599 {
		return int(v.Int())
	}
	return 200
}
