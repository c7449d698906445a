// This file holds ormDirect, which runs SQL statements.

package command

import (
	"context"
	"io"
	"strconv"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/vm"
)

// sessionOf is the key that an execution keeps its session under.
type sessionOf struct{ *library }

// ormDirect(prompt, TargetVariable)
func (l *library) ormDirect(m *vm.Machine, args []vm.Value) error {
	stmt, err := promptStatement(m, args[0])
	if err != nil {
		return err
	}
	if l.host.SQL == nil {
		return vm.Errorf(vm.CodeSQL, "this engine has no database")
	}
	rows := &rowSink{m: m}
	var affected int64
	err = m.HostCall(vm.CodeSQL, func(ctx context.Context) error {
		session, err := m.State(sessionOf{l}, func() (io.Closer, error) { return l.host.SQL.Open(ctx) })
		if err != nil {
			return err
		}
		affected, err = session.(host.Session).Query(ctx, stmt, rows)
		return err
	})
	switch {
	case err != nil:
		return outside(err, vm.CodeSQL)
	case rows.keys != nil:
		args[1] = rows.list
		return nil
	}
	args[1], err = m.Text("Success: " + strconv.FormatInt(affected, 10))
	return err
}

// promptStatement makes a statement of a prompt: of a template with its values
// kept apart, of any other text as it stands.
func promptStatement(m *vm.Machine, prompt vm.Value) (host.Statement, error) {
	if pieces, ok := prompt.Splice(); ok {
		return statement(m, pieces)
	}
	if !prompt.IsString() {
		return host.Statement{}, wrongKind("prompt", "text", prompt)
	}
	return host.Statement{Parts: []string{prompt.Str()}}, nil
}

// rowSink makes a list of dicts of the rows of a statement.
type rowSink struct {
	m    *vm.Machine
	keys []vm.Value
	list vm.Value
}

// Columns is part of host.RowSink.
func (s *rowSink) Columns(names []string) (err error) {
	s.keys = make([]vm.Value, len(names))
	for i, name := range names {
		if s.keys[i], err = s.m.Text(name); err != nil {
			return err
		}
	}
	s.list, err = s.m.NewList(0)
	return err
}

// Row is part of host.RowSink.
func (s *rowSink) Row(values []any) error {
	if err := s.m.Work(1 + len(values)/4); err != nil {
		return err
	}
	row, err := s.m.NewDict(len(values))
	if err != nil {
		return err
	}
	for i, x := range values {
		v, err := s.value(x)
		if err != nil {
			return err
		}
		if err := s.m.SetKey(row, s.keys[i], v); err != nil {
			return err
		}
	}
	return s.m.Append(s.list, row)
}

// value makes a value of a column's. JSON that the language does not know, with
// a number beyond its range for instance, stays text.
func (s *rowSink) value(x any) (vm.Value, error) {
	text, ok := x.(host.JSON)
	if !ok {
		return s.m.FromGo(x)
	}
	v, err := s.m.ParseJSON([]byte(text))
	if err != nil && catchable(err) {
		return s.m.Text(string(text))
	}
	return v, err
}

// Grow is part of host.RowSink.
func (s *rowSink) Grow(n int) error { return s.m.Charge(n) }
