// This file holds how a store is opened: by a URL, with migrations.

package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// Options configure a store. The zero value is fit for use.
type Options struct {
	// Poll is how often the store looks for publications of others that nobody
	// told it of: 0 stands for 1 s with SQLite, where nobody ever tells, and for
	// 5 s with PostgreSQL, where it is the safety net.
	Poll time.Duration

	// Patience is how long Append tries again while the database is away: 0
	// stands for 15 s.
	Patience time.Duration
}

func (o Options) withDefaults(poll time.Duration) Options {
	if o.Poll <= 0 {
		o.Poll = poll
	}
	if o.Patience <= 0 {
		o.Patience = 15 * time.Second
	}
	return o
}

// OpenError says in one line why a store cannot be opened, and what to mend. It
// never contains a password.
type OpenError struct {
	Msg string
	Err error // the cause; may be nil. Its text may be long
}

func (e *OpenError) Error() string { return e.Msg }

// Unwrap gives the cause.
func (e *OpenError) Unwrap() error { return e.Err }

// errURL names the forms of a URL. The URL itself may hold a password.
var errURL = errors.New("write sqlite:FILE or postgres://USER@HOST:PORT/DATABASE")

// Open opens the store at sqlite:FILE or postgres://…, makes the database what
// this version of the program needs, and leaves alone whatever else is in it.
// Several servers may do so at once. Its errors are *OpenError, or of ctx.
func Open(ctx context.Context, url string, opts Options) (Store, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, rest, opts.withDefaults(time.Second))
	case "postgres", "postgresql":
		return openPostgres(ctx, url, opts.withDefaults(5*time.Second))
	}
	return nil, &OpenError{Msg: "a store is named by a URL: " + errURL.Error()}
}

// OpenReader opens a database for reading alone, to take over what somebody else
// keeps there. Its errors are those of Open.
func OpenReader(ctx context.Context, url string) (*sql.DB, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		return readSQLite(ctx, rest)
	case "postgres", "postgresql":
		return readPostgres(ctx, url)
	}
	return nil, &OpenError{Msg: "a database is named by a URL: " + errURL.Error()}
}

// CheckFlag refuses a URL that holds a password: what is on a command line is
// seen by everybody on the machine.
func CheckFlag(storeURL string) error {
	scheme, _, _ := strings.Cut(storeURL, ":")
	if scheme != "postgres" && scheme != "postgresql" {
		return nil
	}
	u, err := url.Parse(storeURL)
	if err != nil {
		return errURL
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errURL
	}
	if _, set := u.User.Password(); set || query.Has("password") || query.Has("sslpassword") {
		return errors.New("a password does not belong on the command line: give the URL in DATABASE_URL, or the password in a password file (PGPASSFILE, or ?passfile= in the URL)")
	}
	return nil
}

//go:embed migrations
var migrations embed.FS

// migrate brings a database to the newest schema. Whoever calls it keeps others
// from doing so at the same time.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, folder string) error {
	files, err := fs.Sub(migrations, "migrations/"+folder)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(dialect, db, files,
		goose.WithTableName("avap_migrations"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	has, known, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if has > known {
		return &OpenError{Msg: fmt.Sprintf("the database was made by a newer avap (its schema is %d, this program knows %d): use that one", has, known)}
	}
	_, err = provider.Up(ctx)
	return err
}
