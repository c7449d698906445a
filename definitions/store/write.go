// This file holds how a publication becomes rows.

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
)

// writePublication writes all rows of a publication that has its revision, at most rows
// of them with one statement.
func writePublication(ctx context.Context, tx *sql.Tx, p Publication, id []byte, rows int) error {
	roots := p.Roots
	if roots == nil {
		roots = []byte{}
	}
	for _, stmt := range []struct {
		sql  string
		args []any
	}{
		{"UPDATE avap_head SET revision = $1", []any{p.Revision}},
		{"INSERT INTO avap_revisions (revision, base, publication, roots) VALUES ($1, $2, $3, $4)", []any{p.Revision, p.Base, id, roots}},
		{"INSERT INTO avap_audit (revision, time, author, action, comment) VALUES ($1, $2, $3, $4, $5)", []any{p.Revision, p.Time, p.Author, string(p.Action), p.Comment}},
	} {
		if _, err := tx.ExecContext(ctx, stmt.sql, stmt.args...); err != nil {
			return err
		}
	}
	if err := writeVersions(ctx, tx, p, rows); err != nil {
		return err
	}
	return writePackages(ctx, tx, p, rows)
}

const versionColumns = "kind, name, version, revision, stock, deleted, source, hash, params, requires, quotas, rolled_back_to, author, time"

func writeVersions(ctx context.Context, tx *sql.Tx, p Publication, rows int) error {
	in := inserter{tx: tx, table: "avap_versions", columns: versionColumns, most: rows}
	for i := range p.Versions {
		v := &p.Versions[i]
		err := in.add(ctx, len(v.Source), kindText(v.Kind), v.Name, v.Version, p.Revision, v.Stock, v.Deleted, v.Source, v.Hash[:],
			paramsText(v.Params), requiresText(v.Requires), quotasText(v.Quotas), v.From, v.Author, v.Time)
		if err != nil {
			return err
		}
	}
	if err := in.flush(ctx); err != nil {
		return err
	}
	return oddRow(ctx, tx, p.Revision, "its version is not the one after its newest", `
		SELECT kind, name FROM avap_versions AS v
		WHERE revision = $1 AND version > 1 AND NOT EXISTS (
			SELECT 1 FROM avap_versions WHERE kind = v.kind AND name = v.name AND version = v.version - 1)
		LIMIT 1`)
}

func writePackages(ctx context.Context, tx *sql.Tx, p Publication, rows int) error {
	in := inserter{tx: tx, table: "avap_packages", columns: "kind, name, version, revision, bytecode, key_id, bytes", most: rows}
	for i := range p.Packages {
		pkg := &p.Packages[i]
		bytes := pkg.Bytes
		if bytes == nil {
			bytes = []byte{}
		}
		err := in.add(ctx, len(bytes), kindText(pkg.Kind), pkg.Name, pkg.Version, p.Revision, pkg.Bytecode, pkg.KeyID, bytes)
		if err != nil {
			return err
		}
	}
	if err := in.flush(ctx); err != nil {
		return err
	}
	return oddRow(ctx, tx, p.Revision, "its package is not of its newest version, or it is deleted", `
		SELECT kind, name FROM avap_packages AS p
		WHERE revision = $1 AND EXISTS (
			SELECT 1 FROM avap_versions WHERE kind = p.kind AND name = p.name
			AND (version > p.version OR version = p.version AND deleted))
		LIMIT 1`)
}

// oddRow gives an *InvalidError where a query finds a unit.
func oddRow(ctx context.Context, tx *sql.Tx, revision uint64, msg, query string) error {
	var kind, name string
	err := tx.QueryRowContext(ctx, query, revision).Scan(&kind, &name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	key, err := keyOf(kind, name)
	if err != nil {
		return err
	}
	return &InvalidError{key, msg}
}

// batchBytes is about how much one INSERT takes.
const batchBytes = 8 << 20

// inserter puts rows together into few statements.
type inserter struct {
	tx      *sql.Tx
	table   string
	columns string
	most    int // rows of one statement
	args    []any
	rows    int
	bytes   int
}

// add adds a row of about that many bytes.
func (in *inserter) add(ctx context.Context, bytes int, row ...any) error {
	in.args = append(in.args, row...)
	in.rows++
	in.bytes += bytes
	if in.rows < in.most && in.bytes < batchBytes {
		return nil
	}
	return in.flush(ctx)
}

func (in *inserter) flush(ctx context.Context) error {
	if in.rows == 0 {
		return nil
	}
	var sql strings.Builder
	fmt.Fprintf(&sql, "INSERT INTO %s (%s) VALUES ", in.table, in.columns)
	for i, width := 0, len(in.args)/in.rows; i < len(in.args); i++ {
		switch {
		case i == 0:
			sql.WriteString("(")
		case i%width == 0:
			sql.WriteString("), (")
		default:
			sql.WriteString(", ")
		}
		fmt.Fprintf(&sql, "$%d", i+1)
	}
	sql.WriteString(")")
	_, err := in.tx.ExecContext(ctx, sql.String(), in.args...)
	in.args, in.rows, in.bytes = in.args[:0], 0, 0
	return err
}

func kindText(k bytecode.Kind) string {
	if k == bytecode.KindCommand {
		return "command"
	}
	return "script"
}

func keyOf(kind, name string) (Key, error) {
	switch kind {
	case "command":
		return Key{bytecode.KindCommand, name}, nil
	case "script":
		return Key{bytecode.KindScript, name}, nil
	}
	return Key{}, fmt.Errorf("the database has a unit of an unknown kind %q: use the avap that wrote it", kind)
}

// paramRow is a parameter in the database.
type paramRow struct {
	Name string `json:"name"`
	Mode string `json:"mode"`
}

func paramsText(params []bytecode.Param) string {
	rows := make([]paramRow, len(params))
	for i, p := range params {
		rows[i] = paramRow{p.Name, p.Mode.String()}
	}
	return jsonText(rows)
}

func parseParams(text string) ([]bytecode.Param, error) {
	var rows []paramRow
	if err := json.Unmarshal([]byte(text), &rows); err != nil || len(rows) == 0 {
		return nil, err
	}
	params := make([]bytecode.Param, len(rows))
	for i, row := range rows {
		mode, known := bytecode.ParseMode(row.Mode)
		if !known {
			return nil, fmt.Errorf("the parameter %q has the unknown mode %q", row.Name, row.Mode)
		}
		params[i] = bytecode.Param{Name: row.Name, Mode: mode}
	}
	return params, nil
}

func requiresText(names []string) string {
	if names == nil {
		names = []string{}
	}
	return jsonText(names)
}

func parseRequires(text string) ([]string, error) {
	var names []string
	if err := json.Unmarshal([]byte(text), &names); err != nil || len(names) == 0 {
		return nil, err
	}
	return names, nil
}

// quotaRow is a contract's quotas in the database; times are in nanoseconds.
type quotaRow struct {
	Instructions int64 `json:"instructions,omitempty"`
	Memory       int64 `json:"memory,omitempty"`
	Time         int64 `json:"time,omitempty"`
	HostTime     int64 `json:"host_time,omitempty"`
	Depth        int64 `json:"depth,omitempty"`
	Output       int64 `json:"output,omitempty"`
	HostCalls    int64 `json:"host_calls,omitempty"`
}

func quotasText(c seal.Contract) string {
	return jsonText(quotaRow{c.Instructions, c.Memory, int64(c.Time), int64(c.HostTime), c.Depth, c.Output, c.HostCalls})
}

// jsonText writes what always can be written: texts and numbers.
func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}
