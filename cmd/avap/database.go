// This file holds how scripts are kept from the database of the definitions, where an
// environment gives both halves one DATABASE_URL, and how the log is told of a database
// that cannot be used.

package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/avap-framework/avap/host"
)

// tablesOfDefinitions are what a database of definitions has one of: this program's,
// or those of an existing deployment.
const tablesOfDefinitions = `'avap_head', 'obex_dapl_functions', 'avap_bytecode'`

// foreignDatabase is the database of DATABASE_URL, which scripts get unless it holds
// definitions. It is asked with its first session, since it may be away at the start.
type foreignDatabase struct {
	host.SQL
	question string
	checked  atomic.Bool // and found to be the application's
}

func newForeignDatabase(db host.SQL, url string) *foreignDatabase {
	catalog := "pg_catalog.pg_class WHERE relname"
	if strings.HasPrefix(url, "sqlite:") {
		catalog = "sqlite_master WHERE name"
	}
	return &foreignDatabase{SQL: db, question: "SELECT count(*) FROM " + catalog + " IN (" + tablesOfDefinitions + ")"}
}

// Open lends a session.
func (d *foreignDatabase) Open(ctx context.Context) (host.Session, error) {
	s, err := d.SQL.Open(ctx)
	if err != nil || d.checked.Load() {
		return s, err
	}
	var found counted
	_, err = s.Query(ctx, host.Statement{Parts: []string{d.question}}, &found)
	if err == nil && found > 0 {
		err = &host.Error{Code: host.CodeSQL, Message: "the database of DATABASE_URL holds definitions: the worker needs AVAP_DATABASE"}
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	d.checked.Store(true)
	return s, nil
}

// loggedDatabase tells the log why no session can be opened. Answers do not say so: they
// go to callers, and the reason names the database and its user.
type loggedDatabase struct {
	host.SQL
	log *slog.Logger
}

// Open lends a session.
func (d *loggedDatabase) Open(ctx context.Context) (host.Session, error) {
	s, err := d.SQL.Open(ctx)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) { // of an execution whose caller has gone
		d.log.WarnContext(ctx, "the application's database cannot be used", "error", err, "cause", errors.Unwrap(err))
	}
	return s, err
}

// counted takes the one number of a row.
type counted int64

// Columns takes any columns.
func (*counted) Columns([]string) error { return nil }

// Row takes the number.
func (n *counted) Row(values []any) error {
	count, _ := values[0].(int64)
	*n = counted(count)
	return nil
}

// Grow lets the row be held.
func (*counted) Grow(int) error { return nil }
