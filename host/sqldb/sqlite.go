// Sessions on SQLite.

package sqldb

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/avap-framework/avap/host"
)

// maxBusyTime is how long a statement waits for another connection's lock.
const maxBusyTime = 5 * time.Second

// sqlite is a DB in a file. Each session opens the file anew, which costs less
// than a millisecond and leaves nothing behind: no temporary table, no setting,
// no transaction.
type sqlite struct {
	file  string
	slots chan struct{} // one for each open session
	limit int
}

func newSQLite(file string, opts Options) (*sqlite, error) {
	file = strings.TrimPrefix(file, "//")
	if file == "" || strings.HasPrefix(file, ":memory:") || strings.ContainsRune(file, 0) {
		return nil, errors.New("sqlite: needs a file, as in sqlite:app.db")
	}
	return &sqlite{file: file, slots: make(chan struct{}, opts.MaxConns), limit: opts.MaxRow}, nil
}

func (s *sqlite) Close() {
	for range cap(s.slots) {
		s.slots <- struct{}{}
	}
}

func (s *sqlite) Open(ctx context.Context) (host.Session, error) {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, failed(ctx.Err(), "no connection to the database came free in time")
	}
	conn, err := openSQLite(s.file, s.limit)
	if err != nil {
		<-s.slots
		return nil, unavailable(err, "the database cannot be opened")
	}
	return &sqliteSession{conn: conn, limit: s.limit, release: func() { <-s.slots }}, nil
}

// sqliteSession is a host.Session on a connection of its own.
type sqliteSession struct {
	conn    *sqliteConn
	limit   int
	release func()
}

// Close closes the connection, which rolls back what was left open.
func (s *sqliteSession) Close() error {
	if s.conn == nil {
		return nil
	}
	s.conn.close()
	s.conn = nil
	s.release()
	return nil
}

func (s *sqliteSession) Query(ctx context.Context, stmt host.Statement, sink host.RowSink) (int64, error) {
	if err := checkStatement(stmt); err != nil {
		return 0, err
	}
	if s.conn == nil {
		return 0, failed(nil, "the session is closed")
	}
	if err := ended(ctx); err != nil {
		return 0, err
	}
	defer s.conn.interruptAfter(ctx)()
	affected, err := s.run(ctx, stmt, sink)
	if err == nil {
		return affected, nil
	}
	if refused, ok := errors.AsType[*sinkError](err); ok {
		return 0, refused.err
	}
	if late := ended(ctx); late != nil {
		return 0, late
	}
	if _, ok := errors.AsType[*host.Error](err); ok {
		return 0, err
	}
	return 0, failed(err, "%s", err)
}

func (s *sqliteSession) run(ctx context.Context, stmt host.Statement, sink host.RowSink) (int64, error) {
	numbers := make([]int, len(stmt.Args))
	for i := range numbers {
		numbers[i] = i + 1
	}
	sql := placeValues(stmt.Parts, "?", numbers)
	s.conn.setPolicy(policyOf(firstWord(sql)))
	s.conn.setBusyTime(busyTime(ctx))

	prepared, err := s.conn.prepareOnly(sql)
	if err != nil {
		return 0, err
	}
	defer prepared.finalize()
	if err := prepared.bind(stmt.Args); err != nil {
		return 0, err
	}
	changed := s.conn.totalChanges()
	if err := s.deliver(ctx, prepared, sink); err != nil {
		return 0, err
	}
	if prepared.columns() > 0 || s.conn.totalChanges() == changed {
		return 0, nil
	}
	return s.conn.changes(), nil
}

// policyOf returns what a statement that begins with word may do.
func policyOf(word string) uintptr {
	switch word {
	case "vacuum":
		return policyVacuum
	case "pragma", "explain":
		return policyNoPragma
	}
	return policyOrdinary
}

// busyTime is how long a statement may wait for locks within its deadline.
func busyTime(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return maxBusyTime
	}
	return max(0, min(maxBusyTime, time.Until(deadline)))
}

// deliver runs the statement and hands its rows to the sink.
func (s *sqliteSession) deliver(ctx context.Context, prepared *sqliteStmt, sink host.RowSink) error {
	columns := make([]sqliteColumn, prepared.columns())
	names := make([]string, len(columns))
	for i := range columns {
		columns[i].declared = strings.ToUpper(prepared.declaredType(i))
		names[i] = validText(prepared.columnName(i))
	}
	if len(columns) > 0 {
		if err := sink.Columns(names); err != nil {
			return &sinkError{err}
		}
	}
	row := make([]any, len(columns))
	for {
		more, err := prepared.step()
		if err != nil || !more {
			return err
		}
		if err := ended(ctx); err != nil {
			return err
		}
		size := 0
		for i := range columns {
			size += prepared.size(i)
		}
		if size > s.limit {
			return failed(nil, "a row is larger than %d bytes", s.limit)
		}
		if err := sink.Grow(size); err != nil {
			return &sinkError{err}
		}
		for i, c := range columns {
			row[i] = c.value(prepared.value(i))
		}
		if err := sink.Row(row); err != nil {
			return &sinkError{err}
		}
	}
}

// sqliteColumn is what the declaration of a column says beyond SQLite's types.
type sqliteColumn struct{ declared string }

func (c sqliteColumn) value(v any) any {
	switch v := v.(type) {
	case int64:
		if (c.declared == "BOOLEAN" || c.declared == "BOOL") && (v == 0 || v == 1) {
			return v == 1
		}
	case float64:
		return finite(v)
	case string:
		v = validText(v)
		if (c.declared == "JSON" || c.declared == "JSONB") && json.Valid([]byte(v)) {
			return host.JSON(v)
		}
		return v
	}
	return v
}

// interruptAfter interrupts the connection once the context is done, and goes on
// doing so until the function that it gives is called: an interrupt that comes
// before a statement's first step is forgotten by SQLite.
func (c *sqliteConn) interruptAfter(ctx context.Context) (stop func()) {
	finished := make(chan struct{})
	var watch sync.WaitGroup
	watch.Add(1)
	cancel := context.AfterFunc(ctx, func() {
		defer watch.Done()
		ticks := time.NewTicker(time.Millisecond)
		defer ticks.Stop()
		for {
			c.interrupt()
			select {
			case <-finished:
				return
			case <-ticks.C:
			}
		}
	})
	return func() {
		close(finished)
		if cancel() {
			watch.Done()
		}
		watch.Wait()
	}
}
