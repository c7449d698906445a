// This file holds how rows are read from a database, by the columns that it has.

package legacy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
)

// ErrNoTables says that a database has neither of the tables.
var ErrNoTables = fmt.Errorf("the database has neither a table %s nor %s: name that of the existing deployment", FunctionsTable, BytecodeTable)

// Read reads the definitions of a database, postgres://… or sqlite:FILE, in one
// transaction that changes nothing. Code comes from obex_dapl_functions; where
// that has none, from the package in avap_bytecode. Errors are those of
// store.OpenReader, ErrNoTables, and what a table lacks.
func Read(ctx context.Context, url string) ([]Row, error) {
	db, err := store.OpenReader(ctx, url)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // nothing was changed
	r := reader{tx: tx, present: presentPostgres}
	if strings.HasPrefix(url, "sqlite:") {
		r.present = presentSQLite
	}
	functions, hasFunctions, err := r.readTable(ctx, FunctionsTable, "name", "interface", "description", "type", "code")
	if err != nil {
		return nil, err
	}
	packages, hasPackages, err := r.readTable(ctx, BytecodeTable, "command_name", "bytecode", "source_hash")
	if err != nil {
		return nil, err
	}
	if !hasFunctions && !hasPackages {
		return nil, ErrNoTables
	}
	return join(functions, packages), nil
}

// reader reads tables in a transaction.
type reader struct {
	tx      *sql.Tx
	present string // the query that tells whether there is a table
}

// readTable reads a table's wanted columns as texts, the first of which must be
// there; columns that are not there are empty. found tells whether the table is.
func (r *reader) readTable(ctx context.Context, table string, wanted ...string) (rows []map[string]string, found bool, err error) {
	has, err := r.columnsOf(ctx, table)
	if err != nil || has == nil {
		return nil, false, err
	}
	var columns []string
	for _, name := range wanted {
		if slices.Contains(has, name) {
			columns = append(columns, name)
		}
	}
	if len(columns) == 0 || columns[0] != wanted[0] {
		return nil, false, fmt.Errorf("the table %s has no column %s", table, wanted[0])
	}
	result, err := r.tx.QueryContext(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+table)
	if err != nil {
		return nil, false, err
	}
	defer result.Close()
	for result.Next() {
		values := make([][]byte, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := result.Scan(into...); err != nil {
			return nil, false, err
		}
		row := map[string]string{}
		for i, name := range columns {
			row[name] = string(values[i])
		}
		rows = append(rows, row)
	}
	return rows, true, result.Err()
}

// How to ask whether there is a table, or a view. Asking a table that is not
// there would end the transaction.
const (
	presentSQLite   = "SELECT count(*) FROM sqlite_master WHERE name = $1"
	presentPostgres = "SELECT count(to_regclass($1))"
)

// columnsOf returns the names of a table's columns, nil where there is no table.
func (r *reader) columnsOf(ctx context.Context, table string) ([]string, error) {
	var n int
	if err := r.tx.QueryRowContext(ctx, r.present, table).Scan(&n); err != nil || n == 0 {
		return nil, err
	}
	rows, err := r.tx.QueryContext(ctx, "SELECT * FROM "+table+" WHERE 1 = 0")
	if err != nil {
		return nil, err
	}
	columns, err := rows.Columns()
	return columns, errors.Join(err, rows.Close())
}

// join gives each function its code.
func join(functions, packages []map[string]string) []Row {
	byName := map[string]map[string]string{}
	for _, p := range packages {
		byName[p["command_name"]] = p
	}
	var rows []Row
	known := map[string]bool{}
	for _, f := range functions {
		row := Row{
			Table: FunctionsTable, Name: f["name"], Interface: f["interface"], Description: f["description"], Type: f["type"], Code: f["code"],
		}
		known[row.Name] = true
		if p := byName[row.Name]; strings.TrimSpace(row.Code) == "" && p != nil {
			row.Table = BytecodeTable
			row.Code, row.Fault = unpack(p)
		}
		rows = append(rows, checkText(row))
	}
	for _, p := range packages {
		if !known[p["command_name"]] {
			row := Row{Table: BytecodeTable, Name: p["command_name"]}
			row.Code, row.Fault = unpack(p)
			rows = append(rows, checkText(row))
		}
	}
	return rows
}

// unpack returns the source in a package of avap_bytecode, whose MAC is of a key
// that every deployment has: what stands for it is the hash beside it.
func unpack(p map[string]string) (code, fault string) {
	if len(p["bytecode"]) == 0 {
		return "", ""
	}
	pkg, err := seal.OpenUnverified([]byte(p["bytecode"]))
	if err != nil || pkg.Version != 1 {
		return "", "compiled code without its source"
	}
	if want := p["source_hash"]; want != "" {
		sum := sha256.Sum256([]byte(pkg.Source))
		if got := hex.EncodeToString(sum[:]); !strings.EqualFold(got, want) {
			return "", "the package's source is not that of its source_hash"
		}
	}
	return pkg.Source, ""
}

// checkText keeps back what is no text.
func checkText(row Row) Row {
	for _, text := range []string{row.Name, row.Interface, row.Description, row.Type, row.Code} {
		if row.Fault == "" && (!utf8.ValidString(text) || bytes.ContainsRune([]byte(text), 0)) {
			row.Fault = "a column holds what is no text"
		}
	}
	return row
}
