// This file holds the guard of the application's database.

package guard

import (
	"context"
	"errors"
	"time"

	"github.com/avap-framework/avap/host"
)

// defaultMaxSessions is how many connections sqldb has.
const defaultMaxSessions = 16

// SQL is a host.SQL that lends the sessions of another one, within bounds. It is
// safe for concurrent use.
type SQL struct {
	next host.SQL
	opts Options
	gate *gate
}

var _ host.SQL = (*SQL)(nil)

// NewSQL guards next. The name is the destination that Observer is told; it needs
// to be no address. The bulkhead bounds the sessions from Open to Close.
func NewSQL(name string, next host.SQL, opts Options) *SQL {
	s := &SQL{next: next, opts: opts.withDefaults(defaultMaxSessions)}
	s.gate = newGate(name, &s.opts)
	return s
}

// Open lends a session once there is a place for it. A refusal is a *host.Error
// with host.CodeSQL that wraps a Reason; where the context ended the wait, one
// that wraps the context's error.
func (s *SQL) Open(ctx context.Context) (host.Session, error) {
	if err := s.gate.enter(ctx); err != nil {
		return nil, refusedSQL(err)
	}
	opened := false
	defer func() {
		if !opened {
			s.gate.leave()
		}
	}()
	next, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	opened = true
	return &session{next: next, gate: s.gate}, nil
}

// open opens a session and tells the breaker. Success says nothing yet: the
// connection of a pool may have died long ago, and the first statement shows it.
// A failure is the database's, for a script has no part in it.
func (s *SQL) open(ctx context.Context) (next host.Session, err error) {
	done, err := s.gate.begin()
	if err != nil {
		return nil, refusedSQL(err)
	}
	outcome := errUnjudged
	defer func() { done(outcome) }()
	began := time.Now()
	next, err = s.next.Open(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		outcome = s.gate.ranOut(ctx, began)
	case err != nil:
		outcome = errIll
	}
	return next, err
}

// session is a session in its place.
type session struct {
	next host.Session
	gate *gate // nil after Close
	lost bool  // an outage has shown in it
}

// Query runs the statement unless the breaker has opened meanwhile.
func (s *session) Query(ctx context.Context, stmt host.Statement, sink host.RowSink) (int64, error) {
	if s.gate == nil {
		return s.next.Query(ctx, stmt, sink)
	}
	done, err := s.gate.begin()
	if err != nil {
		return 0, refusedSQL(err)
	}
	outcome := errUnjudged
	defer func() { done(outcome) }()
	affected, err := s.next.Query(ctx, stmt, sink)
	outcome = s.judge(ctx, err)
	return affected, err
}

// Close hands the session and its place back.
func (s *session) Close() error {
	if s.gate == nil {
		return s.next.Close()
	}
	defer func() {
		s.gate.leave()
		s.gate = nil
	}()
	return s.next.Close()
}

// judge gives the outcome of a statement for the breaker. Refused ones say nothing,
// for not all of them have reached the database. Nor does time that ran out, for a
// statement may take as long as its author likes; that a database does not answer
// shows when sessions are opened. An outage counts once for each session: one whose
// connection is lost fails for good, however well the database is.
func (s *session) judge(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case s.lost || ctx.Err() != nil || !unavailable(err):
		return errUnjudged
	}
	s.lost = true
	return errIll
}

// refusedSQL makes the error of a session or statement that was refused.
func refusedSQL(err error) error {
	message := "too many sessions on the database are open"
	switch {
	case errors.Is(err, BreakerOpen):
		message = "the database failed repeatedly; it is not asked for a while"
	case errors.Is(err, context.Canceled):
		message = "cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		message = "no connection to the database came free in time"
	}
	return &host.Error{Code: host.CodeSQL, Message: message, Err: err}
}
