// This file holds the store in an SQLite file, for one server.

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteEngine is what SQLite does in a way of its own. There is one writer; a
// second process on the same file is put up with, and noticed by the poll.
type sqliteEngine struct {
	file   string // absolute
	opened os.FileInfo
}

// openSQLite opens a file, and makes it where there is none.
func openSQLite(ctx context.Context, file string, opts Options) (Store, error) {
	file, err := fileName(file)
	if err != nil {
		return nil, err
	}
	if err := makeFile(file); err != nil {
		return nil, err
	}
	write, err := sql.Open("sqlite", sqliteName(file, durable+"_txlock=immediate"))
	if err != nil {
		return nil, sqliteOpenError(file, err)
	}
	write.SetMaxOpenConns(1)
	if err := migrateSQLite(ctx, write); err != nil {
		return nil, sqliteOpenError(file, errors.Join(err, write.Close()))
	}
	read, err := sql.Open("sqlite", sqliteName(file, durable+"_query_only=1"))
	if err != nil {
		return nil, sqliteOpenError(file, errors.Join(err, write.Close()))
	}
	read.SetMaxOpenConns(4)
	engine := sqliteEngine{file: absolute(file)}
	if engine.opened, err = os.Stat(engine.file); err != nil {
		return nil, sqliteOpenError(file, errors.Join(err, read.Close(), write.Close()))
	}
	d := &database{
		engine: engine, read: read, write: write, opts: opts,
		release: func() error { return errors.Join(read.Close(), write.Close()) },
	}
	d.closing, d.close = context.WithCancel(context.Background())
	d.start(func(ctx context.Context, tell func()) { watchFile(ctx, read, opts.Poll, tell) })
	return d, nil
}

// readSQLite opens a file that is there, and changes nothing of it.
func readSQLite(ctx context.Context, file string) (*sql.DB, error) {
	file, err := fileName(file)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(file); err != nil {
		return nil, &OpenError{Msg: fmt.Sprintf("the database %s: %s", file, errors.Unwrap(err)), Err: err}
	}
	db, err := sql.Open("sqlite", sqliteName(file, "mode=ro&_query_only=1"))
	if err != nil {
		return nil, sqliteOpenError(file, err)
	}
	if _, err := db.ExecContext(ctx, "SELECT count(*) FROM sqlite_master"); err != nil {
		return nil, sqliteOpenError(file, errors.Join(err, db.Close()))
	}
	return db, nil
}

func fileName(file string) (string, error) {
	file = strings.TrimPrefix(file, "//")
	if file == "" || strings.HasPrefix(file, ":memory:") || strings.ContainsRune(file, 0) {
		return "", &OpenError{Msg: "sqlite: needs a file, as in sqlite:avap.db"}
	}
	return file, nil
}

// makeFile makes the file where there is none, for its owner alone.
func makeFile(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		return f.Close()
	}
	var reason string
	switch {
	case errors.Is(err, fs.ErrNotExist):
		reason = "there is no such folder: make it first"
	case errors.Is(err, fs.ErrPermission):
		reason = "no permission to write it: the server's user must own the file and its folder"
	default:
		reason = errors.Unwrap(err).Error()
	}
	return &OpenError{Msg: fmt.Sprintf("the database %s: %s", file, reason), Err: err}
}

// durable has every commit on disk before it is acknowledged: the write-ahead
// log alone is written, and flushed each time.
const durable = "_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1&_time_format=sqlite&"

// sqliteName is the driver's name of a file.
func sqliteName(file, more string) string {
	path := (&url.URL{Path: filepath.ToSlash(absolute(file))}).EscapedPath()
	return "file:" + path + "?_busy_timeout=5000&" + more
}

func absolute(file string) string {
	if abs, err := filepath.Abs(file); err == nil {
		return abs
	}
	return file
}

// migrateSQLite tries again where another process migrates at the same moment:
// one of the two finds the file locked, or a table there already, and then the
// work done.
func migrateSQLite(ctx context.Context, db *sql.DB) error {
	const (
		attempts = 20
		busyTime = 30 * time.Second
	)
	end := time.Now().Add(busyTime)
	for i := 1; ; i++ {
		err := migrate(ctx, db, goose.DialectSQLite3, "sqlite")
		var refused *sqlite.Error
		if !errors.As(err, &refused) {
			return err
		}
		switch refused.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			if time.Now().After(end) {
				return err
			}
		case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT:
			if i >= attempts {
				return err
			}
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(50 * time.Millisecond)):
		}
	}
}

func sqliteOpenError(file string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var open *OpenError
	if errors.As(err, &open) {
		return &OpenError{Msg: fmt.Sprintf("the database %s: %s", file, open.Msg), Err: err}
	}
	var refused *sqlite.Error
	reason := firstLine(err.Error())
	if errors.As(err, &refused) {
		switch refused.Code() & 0xff {
		case sqlite3.SQLITE_NOTADB:
			reason = "it is no SQLite database: name another file"
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			reason = "another program keeps it locked: end that one, or use PostgreSQL for several servers"
		case sqlite3.SQLITE_CORRUPT:
			reason = "the database is damaged: restore it from a backup"
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
			reason = "no permission to write it: the server's user must own the file and its folder"
		case sqlite3.SQLITE_FULL:
			reason = "the disk is full"
		}
	}
	return &OpenError{Msg: fmt.Sprintf("the database %s: %s", file, reason), Err: err}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// watchFile looks at the file's version, which another connection's commits
// change, SQLite being unable to tell of them.
func watchFile(ctx context.Context, db *sql.DB, poll time.Duration, tell func()) {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	conn, err := db.Conn(ctx) // the version is one connection's view
	for seen := int64(-1); ; {
		var version int64
		if err == nil {
			err = conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version)
		}
		if ctx.Err() == nil && (err != nil || version != seen) {
			tell()
		}
		seen = version
		select {
		case <-ctx.Done():
			if conn != nil {
				_ = conn.Close() // gives it back
			}
			return
		case <-ticker.C:
		}
	}
}

// lock has only to read: the transaction began with the lock. It refuses where the file
// is no longer the one that was opened: SQLite would write to that, which nobody finds
// again.
func (e sqliteEngine) lock(ctx context.Context, tx *sql.Tx) (head uint64, err error) {
	if now, err := os.Stat(e.file); err != nil || !os.SameFile(now, e.opened) {
		return 0, fmt.Errorf("the database %s was moved, removed or replaced under the server: put it back, or start the server anew", e.file)
	}
	err = tx.QueryRowContext(ctx, "SELECT revision FROM avap_head").Scan(&head)
	return head, err
}

// announce has nobody to tell outside of this process.
func (sqliteEngine) announce(context.Context, *sql.Tx, uint64) error { return nil }

func (sqliteEngine) snapshot() *sql.TxOptions { return &sql.TxOptions{ReadOnly: true} }

// rows are few: the driver finds each argument by a search through all of them.
func (sqliteEngine) rows() int { return 8 }

func (sqliteEngine) away(err error) bool {
	var refused *sqlite.Error
	if !errors.As(err, &refused) {
		return false
	}
	code := refused.Code() & 0xff
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

func (sqliteEngine) violation(err error) bool {
	var refused *sqlite.Error
	return errors.As(err, &refused) && refused.Code()&0xff == sqlite3.SQLITE_CONSTRAINT
}
