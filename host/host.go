// Package host holds the small interfaces through which commands reach the
// world outside an execution: HTTP, SQL, the clock and randomness. The machine
// and the language know nothing of them; whoever embeds the engine may bring
// implementations of their own.
package host

import (
	"context"
	"io"
	"time"
)

// Clock tells the time. Implementations must be safe for concurrent use.
type Clock interface {
	Now() time.Time
}

// Random is a source of random bytes that is fit for secrets.
// Implementations must be safe for concurrent use.
type Random = io.Reader

// Grow announces that n more bytes are about to be held for the execution that
// made the call. It is asked before the bytes are read or allocated; its error
// ends the call and must be handed back as it is (wrapped at most with %w).
type Grow func(n int) error

// HTTP sends the requests of scripts. Implementations enforce their own
// address policy and must be safe for concurrent use.
type HTTP interface {
	// Do sends one request and reads the whole answer. The context bounds the
	// call. What the outside did wrong is an *Error with CodeHTTP; a refused
	// address is one with CodeAddressDenied.
	Do(ctx context.Context, req *Request) (*Response, error)
}

// Header is one header field as it is written.
type Header struct{ Name, Value string }

// Request is an HTTP request of a script.
type Request struct {
	Method  string // GET or POST
	URL     string
	Headers []Header
	Body    []byte
	Grow    Grow // asked before each piece of the answer is read; may be nil

	// Follow is asked before a redirect to url is followed, on the goroutine of
	// Do; it may be nil. Its error ends the call and is handed back as it is.
	Follow func(url string) error
}

// Response is the whole answer to a Request.
type Response struct {
	Status      int
	ContentType string // as sent, parameters included
	Body        []byte // exactly what the calls of Grow announced, or less
}

// SQL opens sessions on the application's database. Implementations must be
// safe for concurrent use.
type SQL interface {
	// Open lends a session that carries nothing over from an earlier one.
	Open(ctx context.Context) (Session, error)
}

// Session is one execution's use of the database; one goroutine at a time.
type Session interface {
	// Query runs exactly one statement. The context's deadline is also the
	// statement's time-out in the database. Rows go to sink as they arrive.
	// affected is the number of rows changed where the statement returns none.
	// What the database refuses is an *Error with CodeSQL.
	Query(ctx context.Context, stmt Statement, sink RowSink) (affected int64, err error)
	// Close hands the session back; it is reset before anybody else has it.
	Close() error
}

// Statement is one SQL statement around bound values: Parts[0], then Args[0],
// then Parts[1] and so on. len(Parts) == len(Args)+1. An argument is nil, bool,
// int64, float64 or string.
type Statement struct {
	Parts []string
	Args  []any
}

// RowSink takes the rows of a statement.
type RowSink interface {
	// Columns is called once, before any row, and only for a statement that
	// returns rows (also where there are none).
	Columns(names []string) error
	// Row is called for each row. A value is nil, bool, int64, float64, string
	// or JSON; the slice is only valid during the call.
	Row(values []any) error
	// Grow announces bytes that the driver is about to hold for a row.
	Grow(n int) error
}

// JSON is a database value that holds JSON text.
type JSON string

// Codes of an Error.
const (
	CodeHTTP          = "http_error"
	CodeSQL           = "sql_error"
	CodeAddressDenied = "address_denied"
)

// Error is what went wrong outside. Message is fit for the author of a script:
// it holds no credentials, paths or addresses of the host's own.
type Error struct {
	Code    string
	Message string
	Err     error // the cause, for logs alone; may be nil

	// Unavailable says that the other side could not be reached, broke off or did
	// not answer in time. It is false where the request was wrong or was refused,
	// and where nobody can tell.
	Unavailable bool
}

func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }
