// This file holds what a store keeps for a definition server, and the
// interface that SQLite and PostgreSQL implement.

// Package store keeps definitions: versions that are only ever added, the
// revisions that they came with, and who did it.
//
// A revision is a publication: the versions and packages that it brings, its
// row and its place in the audit log are one transaction. Revisions grow by 1,
// so that a gap means that something was lost, except where Publication.AtLeast
// says otherwise.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
)

// Errors of stores; what else they return is of the database or of the context.
var (
	// ErrConflict says that another publication was first: the revision is no
	// longer Publication.Base.
	ErrConflict = errors.New("another publication was first")
	// ErrNotFound says that there is no such version.
	ErrNotFound = errors.New("no such version")
	// ErrUncertain says that nobody knows whether a publication was stored: the
	// connection broke at its commit, and the database did not come back in time.
	// Since tells, once it answers again.
	ErrUncertain = errors.New("the database did not say whether it stored the publication")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// ConflictError is an ErrConflict that knows the present revision. It is below Base
// where the database was restored from a backup.
type ConflictError struct{ Revision, Base uint64 }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%v: the revision is %d, not %d", ErrConflict, e.Revision, e.Base)
}

// Is makes it an ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Action is what a publication is for.
type Action string

// Actions, as the audit log has them.
const (
	ActionPublish  Action = "publish"
	ActionDelete   Action = "delete"
	ActionRollback Action = "rollback"
	ActionImport   Action = "import"
	ActionStock    Action = "stock"   // the stock commands of the program
	ActionReseal   Action = "reseal"  // new packages of the same sources
	ActionAdvance  Action = "advance" // a higher revision alone, after a restore
)

// Key names a unit. Scripts and commands have names of their own each.
type Key struct {
	Kind bytecode.Kind
	Name string
}

// Version is one version of a unit. It does not change once it is stored.
type Version struct {
	Key
	Version  uint64 // from 1, of this unit
	Revision uint64 // that it came with; set by the store
	// Stock is the level of the stock catalog that the unit belongs to, 0 for
	// what users publish.
	Stock    uint32
	Deleted  bool // the unit is gone with this version; Source and what follows are empty
	Source   string
	Hash     [32]byte         // SHA-256 of Source; set by the store where it is zero
	Params   []bytecode.Param // the interface; only of commands
	Requires []string         // capabilities of the contract
	Quotas   seal.Contract    // of the contract
	From     uint64           // of a rollback: the version whose source this is, else 0
	Author   string           // that of the publication where it is empty
	Time     time.Time        // when it was published, to the microsecond, UTC; the publication's where it is zero
}

// Package is a sealed package of a version. A later one, by its revision,
// takes the place of an earlier one of the same unit.
type Package struct {
	Key
	Version  uint64 // of the unit that it is made of
	Revision uint64 // that it came with; set by the store
	Bytecode uint32 // version of its bytecode
	KeyID    string // of the package key
	Bytes    []byte
}

// Publication is one revision.
type Publication struct {
	Base     uint64 // the revision that it was made on
	Revision uint64 // its own; set by the store
	// AtLeast makes the revision this one, where it would be lower. 0 for none.
	AtLeast  uint64
	Action   Action
	Author   string // who did it: the name of the token
	Comment  string
	Time     time.Time // to the microsecond, UTC; now, where it is zero
	Roots    []byte    // roots of the hash trees; the store only keeps it
	Versions []Version // at most one of each unit
	// Packages are those of Versions that are not deleted, and of other units
	// whose packages change with them.
	Packages []Package
}

// Live is the newest version of a unit that is not deleted, with its package.
type Live struct {
	Version
	Package Package // the newest; Bytes is nil where there is none
}

// Tombstone says that a unit was deleted, and by which version.
type Tombstone struct {
	Key
	Version  uint64
	Revision uint64
	Stock    uint32
}

// Root is the Roots of one revision.
type Root struct {
	Revision uint64
	Roots    []byte
}

// State is what a server needs to serve.
type State struct {
	Revision uint64 // 0 where nothing was ever published
	Units    []Live
	Deleted  []Tombstone // units that are gone
	Roots    []Root      // of the latest MaxRoots revisions, oldest first
}

// MaxRoots is how many revisions State.Roots goes back.
const MaxRoots = 1 << 14

// AuditQuery says which part of the audit log is wanted.
type AuditQuery struct {
	Before uint64 // only revisions below this one; 0 for all
	Name   string // only those that touch a unit of this name; empty for all
	Limit  int    // at most that many entries; 0 stands for 100
}

// AuditEntry is one row of the audit log.
type AuditEntry struct {
	Revision uint64
	Time     time.Time
	Author   string
	Action   Action
	Comment  string
	Units    []AuditUnit
}

// AuditUnit is what a publication did to a unit.
type AuditUnit struct {
	Key
	Version uint64
	Deleted bool
	From    uint64 // of a rollback
}

// Store keeps the versions. It is safe for concurrent use, and several servers
// may use the same database through one each.
type Store interface {
	// Load reads the present state, all of one moment.
	Load(ctx context.Context) (*State, error)
	// Append stores a publication in one transaction and returns its revision:
	// Base + 1, or AtLeast where that is higher. It is ErrConflict, and nothing
	// is stored, where the present revision is not Base, and *InvalidError for
	// what no store would take. Once it has returned without an error the
	// publication outlives a crash. While the database is away it tries again, as
	// long as ctx lasts and at most Options.Patience. Only after ErrUncertain it
	// may have been stored or not.
	Append(ctx context.Context, p Publication) (uint64, error)
	// Since returns the publications after a revision, oldest first, at most
	// limit of them (0 stands for all).
	Since(ctx context.Context, revision uint64, limit int) ([]Publication, error)
	// History returns the versions of a unit, newest first, without their
	// sources. A unit that never was has none.
	History(ctx context.Context, key Key) ([]Version, error)
	// Version returns one version with its source; ErrNotFound where there is none.
	Version(ctx context.Context, key Key, version uint64) (*Version, error)
	// Audit returns a part of the audit log, newest first.
	Audit(ctx context.Context, q AuditQuery) ([]AuditEntry, error)
	// Changes returns a channel that receives when the revision may have changed,
	// also by another server, until ctx ends; then it is closed. Of several
	// changes it may tell once, and also of none. One that was not told of is
	// noticed by a poll. Whoever subscribes before Load misses nothing.
	Changes(ctx context.Context) <-chan struct{}
	// Close ends the use of the database. Calls that are under way may fail. A
	// second Close does nothing.
	Close() error
}
