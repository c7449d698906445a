// This file holds how rows become versions, packages and publications again.

package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/avap-framework/avap/seal"
)

func (d *database) Load(ctx context.Context) (*State, error) {
	state := &State{}
	err := d.snapshotOf(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, "SELECT revision FROM avap_head").Scan(&state.Revision); err != nil {
			return err
		}
		if err := loadUnits(ctx, tx, state); err != nil {
			return err
		}
		if err := loadPackages(ctx, tx, state); err != nil {
			return err
		}
		return loadRoots(ctx, tx, state)
	})
	if err != nil {
		return nil, err
	}
	return state, nil
}

// newest joins the newest version of each unit, as n.
const newest = ` JOIN (SELECT kind, name, max(version) AS version FROM avap_versions GROUP BY kind, name) AS n
	ON n.kind = v.kind AND n.name = v.name AND n.version = v.version `

func loadUnits(ctx context.Context, tx *sql.Tx, state *State) error {
	query := "SELECT " + columnsOf("v", "source") + " FROM avap_versions AS v" + newest + "ORDER BY v.kind, v.name"
	return eachRow(ctx, tx, query, nil, func(row *sql.Rows) error {
		v, err := scanVersion(row)
		if err != nil {
			return err
		}
		if v.Deleted {
			state.Deleted = append(state.Deleted, Tombstone{v.Key, v.Version, v.Revision, v.Stock})
			return nil
		}
		state.Units = append(state.Units, Live{Version: v})
		return nil
	})
}

// loadPackages gives the units their packages. Both are in the same order.
func loadPackages(ctx context.Context, tx *sql.Tx, state *State) error {
	query := `SELECT v.kind, v.name, v.version, v.revision, v.bytecode, v.key_id, v.bytes FROM avap_packages AS v` + newest + `
		WHERE v.revision = (SELECT max(revision) FROM avap_packages WHERE kind = v.kind AND name = v.name AND version = v.version)
		ORDER BY v.kind, v.name`
	rest := state.Units
	return eachRow(ctx, tx, query, nil, func(row *sql.Rows) error {
		pkg, err := scanPackage(row)
		if err != nil {
			return err
		}
		for len(rest) > 0 && rest[0].Key != pkg.Key {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return fmt.Errorf("the database has a package of %s without its version", pkg.Name)
		}
		rest[0].Package = pkg
		return nil
	})
}

func loadRoots(ctx context.Context, tx *sql.Tx, state *State) error {
	query := `SELECT revision, roots FROM (
		SELECT revision, roots FROM avap_revisions ORDER BY revision DESC LIMIT $1) AS latest ORDER BY revision`
	return eachRow(ctx, tx, query, []any{MaxRoots}, func(row *sql.Rows) error {
		var r Root
		if err := row.Scan(&r.Revision, &r.Roots); err != nil {
			return err
		}
		r.Roots = orNil(r.Roots)
		state.Roots = append(state.Roots, r)
		return nil
	})
}

// defaultLimit bounds an audit query that names no limit.
const defaultLimit = 100

func (d *database) Since(ctx context.Context, revision uint64, limit int) ([]Publication, error) {
	var all []Publication
	err := d.snapshotOf(ctx, func(ctx context.Context, tx *sql.Tx) error {
		query := `SELECT r.revision, r.base, r.roots, a.action, a.author, a.comment, a.time
			FROM avap_revisions AS r JOIN avap_audit AS a ON a.revision = r.revision
			WHERE r.revision > $1 ORDER BY r.revision`
		args := []any{revision}
		if limit > 0 {
			query, args = query+" LIMIT $2", append(args, limit)
		}
		err := eachRow(ctx, tx, query, args, func(row *sql.Rows) error {
			var p Publication
			if err := row.Scan(&p.Revision, &p.Base, &p.Roots, &p.Action, &p.Author, &p.Comment, &p.Time); err != nil {
				return err
			}
			p.Time, p.Roots = p.Time.UTC(), orNil(p.Roots)
			if p.Revision > p.Base+1 {
				p.AtLeast = p.Revision
			}
			all = append(all, p)
			return nil
		})
		if err != nil || len(all) == 0 {
			return err
		}
		return fill(ctx, tx, all)
	})
	return all, err
}

// fill gives publications in a row their versions and packages.
func fill(ctx context.Context, tx *sql.Tx, all []Publication) error {
	between := []any{all[0].Revision, all[len(all)-1].Revision}
	at := make(map[uint64]*Publication, len(all))
	for i := range all {
		at[all[i].Revision] = &all[i]
	}
	err := eachRow(ctx, tx, "SELECT "+columnsOf("v", "source")+` FROM avap_versions AS v
		WHERE v.revision BETWEEN $1 AND $2 ORDER BY v.revision, v.kind, v.name`, between, func(row *sql.Rows) error {
		v, err := scanVersion(row)
		if err == nil {
			at[v.Revision].Versions = append(at[v.Revision].Versions, v)
		}
		return err
	})
	if err != nil {
		return err
	}
	return eachRow(ctx, tx, `SELECT kind, name, version, revision, bytecode, key_id, bytes FROM avap_packages
		WHERE revision BETWEEN $1 AND $2 ORDER BY revision, kind, name`, between, func(row *sql.Rows) error {
		pkg, err := scanPackage(row)
		if err == nil {
			at[pkg.Revision].Packages = append(at[pkg.Revision].Packages, pkg)
		}
		return err
	})
}

func (d *database) History(ctx context.Context, key Key) ([]Version, error) {
	var all []Version
	err := d.snapshotOf(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return eachRow(ctx, tx, "SELECT "+columnsOf("v", "NULL")+` FROM avap_versions AS v
			WHERE v.kind = $1 AND v.name = $2 ORDER BY v.version DESC`, []any{kindText(key.Kind), key.Name}, func(row *sql.Rows) error {
			v, err := scanVersion(row)
			all = append(all, v)
			return err
		})
	})
	return all, err
}

func (d *database) Version(ctx context.Context, key Key, version uint64) (*Version, error) {
	var found *Version
	err := d.snapshotOf(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return eachRow(ctx, tx, "SELECT "+columnsOf("v", "source")+` FROM avap_versions AS v
			WHERE v.kind = $1 AND v.name = $2 AND v.version = $3`, []any{kindText(key.Kind), key.Name, version}, func(row *sql.Rows) error {
			v, err := scanVersion(row)
			found = &v
			return err
		})
	})
	if err == nil && found == nil {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (d *database) Audit(ctx context.Context, q AuditQuery) ([]AuditEntry, error) {
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	query, args := "SELECT revision, time, author, action, comment FROM avap_audit AS a WHERE true", []any{q.Limit}
	if q.Before > 0 {
		args = append(args, q.Before)
		query += fmt.Sprintf(" AND revision < $%d", len(args))
	}
	if q.Name != "" {
		args = append(args, q.Name)
		query += fmt.Sprintf(" AND EXISTS (SELECT 1 FROM avap_versions WHERE revision = a.revision AND name = $%d)", len(args))
	}
	query += " ORDER BY revision DESC LIMIT $1"
	var all []AuditEntry
	err := d.snapshotOf(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := eachRow(ctx, tx, query, args, func(row *sql.Rows) error {
			var e AuditEntry
			if err := row.Scan(&e.Revision, &e.Time, &e.Author, &e.Action, &e.Comment); err != nil {
				return err
			}
			e.Time = e.Time.UTC()
			all = append(all, e)
			return nil
		})
		if err != nil {
			return err
		}
		for i := range all {
			if all[i].Units, err = auditUnits(ctx, tx, all[i].Revision); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

func auditUnits(ctx context.Context, tx *sql.Tx, revision uint64) (units []AuditUnit, err error) {
	err = eachRow(ctx, tx, `SELECT kind, name, version, deleted, rolled_back_to FROM avap_versions
		WHERE revision = $1 ORDER BY kind, name`, []any{revision}, func(row *sql.Rows) error {
		var (
			u          AuditUnit
			kind, name string
		)
		if err := row.Scan(&kind, &name, &u.Version, &u.Deleted, &u.From); err != nil {
			return err
		}
		u.Key, err = keyOf(kind, name)
		units = append(units, u)
		return err
	})
	return units, err
}

// columnsOf are the columns of a version, with the source or NULL in its place.
func columnsOf(table, source string) string {
	if source != "NULL" {
		source = table + "." + source
	}
	return fmt.Sprintf("%[1]s.kind, %[1]s.name, %[1]s.version, %[1]s.revision, %[1]s.stock, %[1]s.deleted, %[2]s, %[1]s.hash, "+
		"%[1]s.params, %[1]s.requires, %[1]s.quotas, %[1]s.rolled_back_to, %[1]s.author, %[1]s.time", table, source)
}

// scanVersion reads a version, and holds its source to its hash: a source that
// was changed behind the server's back would go out signed.
func scanVersion(row *sql.Rows) (Version, error) {
	var (
		v                        Version
		kind, name               string
		source                   sql.NullString
		hash                     []byte
		params, requires, quotas string
		when                     time.Time
	)
	err := row.Scan(&kind, &name, &v.Version, &v.Revision, &v.Stock, &v.Deleted, &source, &hash, &params, &requires, &quotas, &v.From, &v.Author, &when)
	if err != nil {
		return v, err
	}
	if v.Key, err = keyOf(kind, name); err != nil {
		return v, err
	}
	v.Source, v.Time = source.String, when.UTC()
	copy(v.Hash[:], hash)
	if source.Valid && v.Hash != sha256.Sum256([]byte(v.Source)) || len(hash) != len(v.Hash) {
		return v, fmt.Errorf("version %d of the %s %s was changed in the database: its source has another hash; restore it from a backup", v.Version, kind, name)
	}
	var q quotaRow
	v.Params, err = parseParams(params)
	if err == nil {
		v.Requires, err = parseRequires(requires)
	}
	if err == nil {
		err = json.Unmarshal([]byte(quotas), &q)
	}
	if err != nil {
		return v, fmt.Errorf("version %d of the %s %s cannot be read: %w", v.Version, kind, name, err)
	}
	v.Quotas = seal.Contract{
		Instructions: q.Instructions, Memory: q.Memory, Time: time.Duration(q.Time), HostTime: time.Duration(q.HostTime),
		Depth: q.Depth, Output: q.Output, HostCalls: q.HostCalls,
	}
	return v, nil
}

func scanPackage(row *sql.Rows) (Package, error) {
	var (
		pkg        Package
		kind, name string
	)
	err := row.Scan(&kind, &name, &pkg.Version, &pkg.Revision, &pkg.Bytecode, &pkg.KeyID, &pkg.Bytes)
	if err != nil {
		return pkg, err
	}
	pkg.Key, err = keyOf(kind, name)
	return pkg, err
}

// eachRow calls a function for each row of a query.
func eachRow(ctx context.Context, tx *sql.Tx, query string, args []any, each func(row *sql.Rows) error) (err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// orNil returns nil for no bytes, which databases keep as an empty value.
func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return bytes.Clone(b)
}
