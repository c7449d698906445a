// Package sqldb gives scripts a database: PostgreSQL through jackc/pgx, SQLite
// through modernc.org/sqlite. Each execution has a session that carries nothing
// over from another one, runs one statement at a time with bound values, and
// takes the rows as they arrive.
//
// # Values
//
// Arguments behave as literals of their type do in SQL: a number that stands
// where the database wants text, or text where it wants a number or a date, is
// taken as such where PostgreSQL takes a quoted literal.
//
// What comes back is, by the type of the column,
//
//	boolean                    bool
//	integers, oid              int64
//	real, double               float64
//	numeric                    int64 without fraction digits and within 64 bits, else float64
//	json, jsonb                host.JSON
//	arrays of the above, text  host.JSON
//	bytea, SQLite's BLOB       text: \x and hexadecimal digits
//	everything else            the database's text
//
// A float that JSON cannot hold (NaN, Infinity) is text. The columns of SQLite
// declared BOOLEAN or JSON are taken for what they say.
//
// # Which database
//
// SQLite computes in this process: a statement is held to its file, to its
// deadline and to MaxRow for each value, but its intermediate values are memory of
// the process that no quota counts. Scripts of people one does not know belong on
// PostgreSQL, under a role that may do what they are meant to do.
package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/avap-framework/avap/host"
)

// Defaults of Options.
const (
	defaultMaxConns = 16
	defaultMaxRow   = 16 << 20
)

// Options configure a DB. The zero value is fit for use.
type Options struct {
	// MaxConns bounds the sessions that are open at a time; 0 stands for 16.
	// An Open over it waits as long as its context lasts.
	MaxConns int
	// MaxRow bounds a row, and each message of the database, in bytes; 0 stands
	// for 16 MiB. It is what the driver may hold before RowSink.Grow is asked.
	MaxRow int
}

func (o Options) withDefaults() Options {
	if o.MaxConns <= 0 {
		o.MaxConns = defaultMaxConns
	}
	if o.MaxRow <= 0 {
		o.MaxRow = defaultMaxRow
	}
	return o
}

// DB is a database that sessions are opened on.
type DB interface {
	host.SQL
	// Close waits for the open sessions to be closed and disconnects.
	Close()
}

// New makes a DB for postgres://… or sqlite:FILE. It connects when the first
// session is opened, and again after the database was away. Its errors never
// hold the URL.
func New(url string, opts Options) (DB, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "postgres", "postgresql":
		return newPostgres(url, opts.withDefaults())
	case "sqlite":
		return newSQLite(rest, opts.withDefaults())
	}
	return nil, errors.New("a database URL is postgres://… or sqlite:FILE")
}

// failed makes the error of a statement.
func failed(cause error, format string, args ...any) error {
	return &host.Error{Code: host.CodeSQL, Message: fmt.Sprintf(format, args...), Err: cause}
}

// unavailable makes the error of a database that cannot be reached or broke off.
func unavailable(cause error, message string) error {
	return &host.Error{Code: host.CodeSQL, Message: message, Err: cause, Unavailable: true}
}

// ended gives the error of a context that is done, and nil for one that is not.
func ended(ctx context.Context) error {
	switch err := ctx.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return failed(err, "the statement timed out")
	default:
		return failed(err, "the statement was cancelled")
	}
}

// checkStatement refuses what no database can be asked.
func checkStatement(stmt host.Statement) error {
	if len(stmt.Parts) != len(stmt.Args)+1 {
		return fmt.Errorf("a statement of %d parts and %d values", len(stmt.Parts), len(stmt.Args))
	}
	for _, part := range stmt.Parts {
		if strings.ContainsRune(part, 0) { // it ends a text in both protocols
			return failed(nil, "the statement holds a zero byte")
		}
	}
	return nil
}

// sinkError marks an error of the sink, which the caller gets as it is.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return e.err.Error() }
func (e *sinkError) Unwrap() error { return e.err }
