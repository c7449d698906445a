// A connection to SQLite, by the C interface that modernc.org/sqlite translates.
//
// Its driver for database/sql is not used: that runs all the statements of a
// text, turns the texts of DATE columns into times, and copies a row before one
// can ask how large it is.

package sqldb

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// transient tells SQLite to copy a bound value.
const transient = ^uintptr(0)

// Limits of a connection. A pattern of LIKE costs its length times that of the
// text, in one step that no interrupt ends.
const maxLikePattern = 1000

// What the authorizer of a connection lets through besides statements on tables.
const (
	policyOrdinary uintptr = iota // what the modules of virtual tables ask for themselves
	policyVacuum                  // that, and the temporary file that VACUUM attaches
	policyNoPragma                // nothing
)

// sqliteConn is an open connection. Apart from interrupt, it is for one goroutine.
type sqliteConn struct {
	tls *libc.TLS
	db  uintptr
	out uintptr // two words of C memory, for results by pointer
}

// openSQLite opens a file, made where it is missing, for statements that may not
// leave it: no other file, no setting, no extension; values and rows up to limit
// bytes.
func openSQLite(file string, limit int) (*sqliteConn, error) {
	c := &sqliteConn{tls: libc.NewTLS()}
	if err := c.open(file); err != nil {
		c.close()
		return nil, err
	}
	sqlite3.Xsqlite3_limit(c.tls, c.db, sqlite3.SQLITE_LIMIT_LENGTH, int32(limit))
	sqlite3.Xsqlite3_limit(c.tls, c.db, sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, maxLikePattern)
	for _, option := range []struct{ name, on int32 }{
		{sqlite3.SQLITE_DBCONFIG_DEFENSIVE, 1},
		{sqlite3.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		{sqlite3.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
		{sqlite3.SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
		{sqlite3.SQLITE_DBCONFIG_ENABLE_FKEY, 1}, // as everywhere else in SQL
	} {
		if err := c.configure(option.name, option.on); err != nil {
			c.close()
			return nil, err
		}
	}
	c.setPolicy(policyNoPragma)
	return c, nil
}

func (c *sqliteConn) open(file string) error {
	c.out = libc.Xcalloc(c.tls, 2, 8)
	name, err := libc.CString(file)
	if err != nil || c.out == 0 {
		return errors.New("out of memory")
	}
	defer libc.Xfree(c.tls, name)
	const flags = sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_CREATE | sqlite3.SQLITE_OPEN_FULLMUTEX
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, c.out, flags, 0)
	c.db = c.result(0)
	return c.check(rc)
}

// configure sets a switch of the connection.
func (c *sqliteConn) configure(option, on int32) error {
	args := libc.Xmalloc(c.tls, 16)
	if args == 0 {
		return errors.New("out of memory")
	}
	defer libc.Xfree(c.tls, args)
	return c.check(sqlite3.Xsqlite3_db_config(c.tls, c.db, option, libc.VaList(args, on, uintptr(0))))
}

func (c *sqliteConn) close() {
	if c.db != 0 {
		sqlite3.Xsqlite3_close_v2(c.tls, c.db)
	}
	if c.out != 0 {
		libc.Xfree(c.tls, c.out)
	}
	c.tls.Close()
}

// result reads a word that SQLite wrote.
func (c *sqliteConn) result(i uintptr) uintptr {
	word := libc.GoBytes(c.out+8*i, int(unsafe.Sizeof(i)))
	if len(word) == 4 {
		return uintptr(binary.NativeEndian.Uint32(word))
	}
	return uintptr(binary.NativeEndian.Uint64(word))
}

// check makes an error of a result code.
func (c *sqliteConn) check(rc int32) error {
	switch rc & 0xff {
	case sqlite3.SQLITE_OK:
		return nil
	case sqlite3.SQLITE_AUTH:
		return errors.New("not available: ATTACH, DETACH, PRAGMA, VACUUM INTO and extensions")
	}
	return errors.New(libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db)))
}

// interrupt ends the statement that is running. It may be called from any
// goroutine while the connection is open, and so has a thread of its own.
func (c *sqliteConn) interrupt() {
	tls := libc.NewTLS()
	defer tls.Close()
	sqlite3.Xsqlite3_interrupt(tls, c.db)
}

// setPolicy installs the authorizer, which SQLite asks as it compiles.
func (c *sqliteConn) setPolicy(policy uintptr) {
	sqlite3.Xsqlite3_set_authorizer(c.tls, c.db, authorizerPointer(authorize), policy)
}

func (c *sqliteConn) setBusyTime(d time.Duration) {
	sqlite3.Xsqlite3_busy_timeout(c.tls, c.db, int32(d.Milliseconds()))
}

// totalChanges counts the rows changed by all statements so far, changes those of
// the last INSERT, UPDATE or DELETE.
func (c *sqliteConn) totalChanges() int64 { return sqlite3.Xsqlite3_total_changes64(c.tls, c.db) }
func (c *sqliteConn) changes() int64      { return sqlite3.Xsqlite3_changes64(c.tls, c.db) }

// authorizer is the type of SQLite's callback.
type authorizer = func(tls *libc.TLS, policy uintptr, action int32, arg1, arg2, database, trigger uintptr) int32

// authorizerPointer returns a function in the form in which translated C calls it:
// the word of a Go function value.
func authorizerPointer(f authorizer) uintptr {
	return *(*uintptr)(unsafe.Pointer(&struct{ f authorizer }{f}))
}

// authorize says no to what leads out of the database.
func authorize(_ *libc.TLS, policy uintptr, action int32, arg1, arg2, _, _ uintptr) int32 {
	switch action {
	case sqlite3.SQLITE_ATTACH:
		if policy == policyVacuum && arg1 != 0 && libc.GoString(arg1) == "" {
			return sqlite3.SQLITE_OK
		}
		return sqlite3.SQLITE_DENY
	case sqlite3.SQLITE_PRAGMA:
		name := libc.GoString(arg1)
		if policy != policyNoPragma && arg2 == 0 && (name == "data_version" || name == "page_size") {
			return sqlite3.SQLITE_OK // read by fts5 and rtree
		}
		return sqlite3.SQLITE_DENY
	case sqlite3.SQLITE_DETACH:
		return sqlite3.SQLITE_DENY
	case sqlite3.SQLITE_FUNCTION:
		switch strings.ToLower(libc.GoString(arg2)) {
		case "load_extension", "fts3_tokenizer":
			return sqlite3.SQLITE_DENY
		}
	case sqlite3.SQLITE_CREATE_VTABLE:
		switch strings.ToLower(libc.GoString(arg2)) {
		case "fts5", "rtree", "rtree_i32", "geopoly":
			return sqlite3.SQLITE_OK
		}
		return sqlite3.SQLITE_DENY
	}
	return sqlite3.SQLITE_OK
}

// sqliteStmt is a compiled statement.
type sqliteStmt struct {
	conn   *sqliteConn
	handle uintptr
}

// prepareOnly compiles a text that must hold exactly one statement. SQLite itself
// says where the first one ends.
func (c *sqliteConn) prepareOnly(sql string) (*sqliteStmt, error) {
	text, err := libc.CString(sql)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, text)

	handle, rest, err := c.prepare(text)
	if err != nil {
		return nil, err
	}
	if handle == 0 && blank(sql[rest-text:]) {
		return nil, errors.New("the statement is empty")
	}
	for !blank(sql[rest-text:]) {
		var next uintptr
		next, rest, err = c.prepare(rest)
		if next != 0 || err != nil || handle == 0 {
			sqlite3.Xsqlite3_finalize(c.tls, next)
			sqlite3.Xsqlite3_finalize(c.tls, handle)
			return nil, errors.New("only one statement can be run at a time")
		}
	}
	return &sqliteStmt{conn: c, handle: handle}, nil
}

// prepare compiles the first statement of a C text and gives what follows it. A
// text of comments alone has no statement.
func (c *sqliteConn) prepare(text uintptr) (handle, rest uintptr, err error) {
	rc := sqlite3.Xsqlite3_prepare_v2(c.tls, c.db, text, -1, c.out, c.out+8)
	if err := c.check(rc); err != nil {
		return 0, text, err
	}
	return c.result(0), c.result(1), nil
}

func blank(s string) bool { return strings.Trim(s, " \t\r\n\f;") == "" }

func (s *sqliteStmt) finalize() { sqlite3.Xsqlite3_finalize(s.conn.tls, s.handle) }

// bind binds the values to ?1, ?2 and so on. Those that the statement does not
// have, because they stand in a comment, are left out.
func (s *sqliteStmt) bind(args []any) error {
	count := int(sqlite3.Xsqlite3_bind_parameter_count(s.conn.tls, s.handle))
	if count > len(args) {
		return errors.New("the statement has placeholders of its own")
	}
	for i, arg := range args[:count] {
		if err := s.bindOne(int32(i+1), arg); err != nil {
			return err
		}
	}
	return nil
}

func (s *sqliteStmt) bindOne(i int32, arg any) error {
	tls := s.conn.tls
	switch v := arg.(type) {
	case bool:
		return s.conn.check(sqlite3.Xsqlite3_bind_int64(tls, s.handle, i, int64(boolInt(v))))
	case int64:
		return s.conn.check(sqlite3.Xsqlite3_bind_int64(tls, s.handle, i, v))
	case float64:
		return s.conn.check(sqlite3.Xsqlite3_bind_double(tls, s.handle, i, v))
	case string:
		text, err := libc.CString(v)
		if err != nil {
			return err
		}
		defer libc.Xfree(tls, text)
		return s.conn.check(sqlite3.Xsqlite3_bind_text(tls, s.handle, i, text, int32(len(v)), transient))
	}
	return s.conn.check(sqlite3.Xsqlite3_bind_null(tls, s.handle, i))
}

// step runs the statement to its next row.
func (s *sqliteStmt) step() (more bool, err error) {
	switch rc := sqlite3.Xsqlite3_step(s.conn.tls, s.handle); rc {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		return false, nil
	default:
		return false, s.conn.check(rc)
	}
}

func (s *sqliteStmt) columns() int {
	return int(sqlite3.Xsqlite3_column_count(s.conn.tls, s.handle))
}

func (s *sqliteStmt) columnName(i int) string {
	return libc.GoString(sqlite3.Xsqlite3_column_name(s.conn.tls, s.handle, int32(i)))
}

func (s *sqliteStmt) declaredType(i int) string {
	return libc.GoString(sqlite3.Xsqlite3_column_decltype(s.conn.tls, s.handle, int32(i)))
}

// size returns the bytes that a value of the row will take, before it is copied.
func (s *sqliteStmt) size(i int) int {
	switch s.kind(i) {
	case sqlite3.SQLITE_TEXT:
		return s.length(i)
	case sqlite3.SQLITE_BLOB:
		return 2 + 2*s.length(i)
	case sqlite3.SQLITE_NULL:
		return 0
	}
	return 8
}

// value copies a value of the row: nil, int64, float64 or string; a BLOB comes
// as its hexadecimal text.
func (s *sqliteStmt) value(i int) any {
	tls, column := s.conn.tls, int32(i)
	switch s.kind(i) {
	case sqlite3.SQLITE_INTEGER:
		return sqlite3.Xsqlite3_column_int64(tls, s.handle, column)
	case sqlite3.SQLITE_FLOAT:
		return sqlite3.Xsqlite3_column_double(tls, s.handle, column)
	case sqlite3.SQLITE_TEXT:
		text := sqlite3.Xsqlite3_column_text(tls, s.handle, column)
		return string(libc.GoBytes(text, s.length(i)))
	case sqlite3.SQLITE_BLOB:
		blob := sqlite3.Xsqlite3_column_blob(tls, s.handle, column)
		return hexText(libc.GoBytes(blob, s.length(i)))
	}
	return nil
}

func (s *sqliteStmt) kind(i int) int32 {
	return sqlite3.Xsqlite3_column_type(s.conn.tls, s.handle, int32(i))
}

func (s *sqliteStmt) length(i int) int {
	return int(sqlite3.Xsqlite3_column_bytes(s.conn.tls, s.handle, int32(i)))
}
