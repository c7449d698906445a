// Sessions on PostgreSQL.

package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/avap-framework/avap/host"
)

const (
	connectTime = 5 * time.Second
	resetTime   = 5 * time.Second

	// statementName is the prepared statement of the execution that is under
	// way; savepoint is where a refused one leaves an open transaction.
	statementName = "avap_statement"
	savepoint     = "avap_statement"
)

// postgres is a DB on PostgreSQL.
type postgres struct {
	pool   *pgxpool.Pool
	maxRow int
}

func newPostgres(url string, opts Options) (*postgres, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil { // its text holds parts of the URL
		return nil, errors.New("not a valid PostgreSQL URL; its form is postgres://USER@HOST:PORT/DATABASE")
	}
	config.MaxConns = int32(opts.MaxConns)
	config.AfterRelease = discardSession
	conn := config.ConnConfig
	conn.MaxProtocolMessageBodyLen = opts.MaxRow
	conn.StatementCacheCapacity, conn.DescriptionCacheCapacity = 0, 0
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = connectTime
	}
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "avap"
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, errors.New("the connections to PostgreSQL cannot be set up")
	}
	return &postgres{pool: pool, maxRow: opts.MaxRow}, nil
}

func (p *postgres) Close() { p.pool.Close() }

func (p *postgres) Open(ctx context.Context) (host.Session, error) {
	s := &pgSession{db: p}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// discardSession resets a connection that was handed back, and reports whether
// it may be lent again.
func discardSession(conn *pgx.Conn) bool {
	ctx, cancel := context.WithTimeout(context.Background(), resetTime)
	defer cancel()
	return conn.PgConn().Exec(ctx, "DISCARD ALL").Close() == nil
}

// pgSession is a host.Session on one connection of the pool.
type pgSession struct {
	db     *postgres
	conn   *pgxpool.Conn // nil after it was given back
	pg     *pgconn.PgConn
	used   bool // the server has taken a statement of this session
	cut    bool // the connection was ended on this side, with a statement
	closed bool
}

// connect takes a connection from the pool.
func (s *pgSession) connect(ctx context.Context) error {
	conn, err := s.db.pool.Acquire(ctx)
	switch {
	case err == nil:
		s.conn, s.pg = conn, conn.Conn().PgConn()
		return nil
	case ctx.Err() != nil:
		return failed(ctx.Err(), "no connection to the database came free in time")
	}
	return unavailable(err, "the database cannot be reached")
}

// Close rolls back what was left open at once, so that no lock outlives the
// execution; the rest of the reset follows before anybody has the connection.
func (s *pgSession) Close() error {
	s.closed = true
	if s.conn == nil {
		return nil
	}
	defer s.release()
	if !s.pg.IsClosed() && s.pg.TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.Background(), resetTime)
		defer cancel()
		_ = s.pg.Exec(ctx, "ROLLBACK").Close() // a connection where it fails is not lent again
	}
	return nil
}

func (s *pgSession) release() {
	s.conn.Release()
	s.conn = nil
}

func (s *pgSession) Query(ctx context.Context, stmt host.Statement, sink host.RowSink) (int64, error) {
	if err := checkStatement(stmt); err != nil {
		return 0, err
	}
	switch {
	case s.closed:
		return 0, failed(nil, "the session is closed")
	case len(stmt.Args) > 65535:
		return 0, failed(nil, "the statement has %d values; 65535 is the most", len(stmt.Args))
	case firstWord(stmt.Parts[0]) == "copy": // it would wait for data that never comes
		return 0, failed(nil, "COPY is not available; use SELECT and INSERT")
	}
	if err := ended(ctx); err != nil {
		return 0, err
	}
	affected, err := s.run(ctx, stmt, sink)
	if err != nil {
		err = s.explain(ctx, err)
		if outside, ok := errors.AsType[*host.Error](err); !ok || !outside.Unavailable {
			s.cut = s.conn != nil && s.pg.IsClosed() // what it asks for next is no sign of the database
		}
		return 0, err
	}
	return affected, nil
}

func (s *pgSession) run(ctx context.Context, stmt host.Statement, sink host.RowSink) (int64, error) {
	b := bindLiterals(stmt)
	described, err := s.prepare(ctx, b)
	if err != nil {
		return 0, err
	}
	values, err := b.encode(described.ParamOIDs)
	if err != nil {
		return 0, failed(err, "%s", err)
	}
	return s.execute(ctx, values, sink)
}

// prepare has the server parse the statement, with other types for the values
// where it refuses the first. The error is that of the first refusal.
func (s *pgSession) prepare(ctx context.Context, b *binding) (*pgconn.StatementDescription, error) {
	described, first := s.parseFirst(ctx, b)
	for err := first; err != nil; {
		refusal, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || !b.mend(refusal) {
			return nil, first
		}
		described, err = s.parse(ctx, b)
	}
	return described, nil
}

// parseFirst parses on another connection where that of the pool turns out to be
// dead, as all are after the database went away. Nothing of the session is lost
// as long as nothing has run in it.
func (s *pgSession) parseFirst(ctx context.Context, b *binding) (*pgconn.StatementDescription, error) {
	var err error
	for range s.db.pool.Config().MaxConns + 1 {
		if s.conn == nil {
			if err := s.connect(ctx); err != nil {
				return nil, err
			}
		}
		var described *pgconn.StatementDescription
		described, err = s.parse(ctx, b)
		if s.used || !s.pg.IsClosed() || ctx.Err() != nil {
			s.used = true
			return described, err
		}
		s.release()
	}
	return nil, err
}

// parse sends one round trip: the time-out, the statement, and in a transaction
// a savepoint around it, for a refusal would end the transaction otherwise.
func (s *pgSession) parse(ctx context.Context, b *binding) (*pgconn.StatementDescription, error) {
	status := s.pg.TxStatus()
	guarded := status == 'T' && len(b.args) > 0
	p := s.pg.StartPipeline(ctx)
	step := func(sql string) {
		p.SendQueryParams(sql, nil, nil, nil, nil)
		p.SendPipelineSync()
	}
	p.SendDeallocate(statementName)
	p.SendPipelineSync()
	if status != 'E' { // there, nothing passes but the end of the transaction
		step(timeoutCommand(ctx))
	}
	if guarded {
		step("SAVEPOINT " + savepoint)
	}
	p.SendPrepare(statementName, b.sql(), b.types)
	p.SendPipelineSync()
	if guarded {
		step("ROLLBACK TO SAVEPOINT " + savepoint)
		step("RELEASE SAVEPOINT " + savepoint)
	}
	return parsed(p)
}

// parsed reads the answers of a pipeline that holds one prepared statement.
func parsed(p *pgconn.Pipeline) (described *pgconn.StatementDescription, first error) {
	err := p.Flush()
	for err == nil {
		var result any
		result, err = p.GetResults()
		if d, ok := result.(*pgconn.StatementDescription); ok {
			described = d
		}
		if _, refused := errors.AsType[*pgconn.PgError](err); refused {
			if first == nil {
				first = err
			}
			err = nil
			continue
		}
		if result == nil {
			break
		}
	}
	if closeErr := p.Close(); err == nil {
		if _, refused := errors.AsType[*pgconn.PgError](closeErr); !refused {
			err = closeErr
		}
	}
	switch {
	case first != nil:
		return nil, first
	case err != nil:
		return nil, err
	}
	return described, nil
}

// timeoutCommand bounds the statements that follow by what the context has left,
// a little less, so that the server ends them itself and the connection lives.
func timeoutCommand(ctx context.Context) string {
	deadline, ok := ctx.Deadline()
	if !ok {
		return "SET statement_timeout = 0"
	}
	left := time.Until(deadline)
	left = max(left-min(left/10, 50*time.Millisecond), time.Millisecond)
	return "SET statement_timeout = " + strconv.FormatInt(left.Milliseconds(), 10)
}

// execute runs the prepared statement and hands its rows to the sink.
func (s *pgSession) execute(ctx context.Context, values [][]byte, sink host.RowSink) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	result := s.pg.ExecPrepared(ctx, statementName, values, nil, nil)
	if err := deliver(result, sink); err != nil {
		cancel() // the rows that are left are not waited for
		result.Close()
		return 0, &sinkError{err}
	}
	columns := len(result.FieldDescriptions())
	tag, err := result.Close()
	switch {
	case err != nil:
		return 0, err
	case columns > 0:
		return 0, nil
	case tag.String() == "":
		return 0, failed(nil, "the statement is empty")
	}
	return tag.RowsAffected(), nil
}

// deliver hands the rows to the sink. Its error is one of the sink.
func deliver(result *pgconn.ResultReader, sink host.RowSink) error {
	fields := result.FieldDescriptions()
	if len(fields) == 0 {
		return nil
	}
	names := make([]string, len(fields))
	types := make([]uint32, len(fields))
	for i, f := range fields {
		names[i], types[i] = validText(f.Name), f.DataTypeOID
	}
	if err := sink.Columns(names); err != nil {
		return err
	}
	row := make([]any, len(fields))
	for result.NextRow() {
		size := 0
		for _, raw := range result.Values() {
			size += len(raw)
		}
		if err := sink.Grow(size); err != nil {
			return err
		}
		for i, raw := range result.Values() {
			row[i] = decodePG(types[i], raw)
		}
		if err := sink.Row(row); err != nil {
			return err
		}
	}
	return nil
}

// explain makes the error for the author of the script. The server's messages
// are handed on; those of the connection hold addresses and names.
func (s *pgSession) explain(ctx context.Context, err error) error {
	if refused, ok := errors.AsType[*sinkError](err); ok {
		return refused.err
	}
	if outside, ok := errors.AsType[*host.Error](err); ok {
		return outside
	}
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
		return &host.Error{
			Code:        host.CodeSQL,
			Message:     fmt.Sprintf("%s (SQLSTATE %s)", describePG(refusal), refusal.Code),
			Err:         err,
			Unavailable: serverAway(refusal),
		}
	}
	if err := ended(ctx); err != nil {
		return err
	}
	if _, ok := errors.AsType[*pgproto3.ExceededMaxBodyLenErr](err); ok {
		return failed(err, "a row is larger than %d bytes", s.db.maxRow)
	}
	const lost = "the connection to the database was lost"
	switch {
	case s.cut:
		return failed(err, lost)
	case s.pg.IsClosed():
		return unavailable(err, lost)
	}
	return failed(err, "the statement failed")
}

// serverAway reports whether a refusal is about the server and not the statement:
// no connection left, a shutdown or crash, an error of its system. The codes are
// those of PostgreSQL's manual, appendix A. A statement may raise any code, but
// only the server itself ends a session.
func serverAway(refusal *pgconn.PgError) bool {
	if refusal.SeverityUnlocalized != "FATAL" && refusal.SeverityUnlocalized != "PANIC" {
		return false
	}
	switch refusal.Code {
	case "53300", "57P01", "57P02", "57P03", "58000", "58030":
		return true
	}
	return false
}

func describePG(refusal *pgconn.PgError) string {
	text := refusal.Message
	if refusal.Detail != "" {
		text += ": " + strings.TrimSuffix(refusal.Detail, ".")
	}
	return validText(text)
}
