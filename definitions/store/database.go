// This file holds the store on any SQL database: what SQLite and PostgreSQL do
// differently is behind engine.

package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// engine is what is particular to one kind of database.
type engine interface {
	// lock takes the lock that appends stand in line for, until the end of the
	// transaction, and gives the newest revision.
	lock(ctx context.Context, tx *sql.Tx) (uint64, error)
	// announce tells other servers of a revision, once the transaction is there.
	announce(ctx context.Context, tx *sql.Tx, revision uint64) error
	// snapshot is how a transaction begins that sees one moment.
	snapshot() *sql.TxOptions
	// rows is how many rows one INSERT should take.
	rows() int
	// away tells an error that will pass: the database is away, or busy.
	away(err error) bool
	// violation tells the error of a row that a constraint refuses.
	violation(err error) bool
}

// database is a Store on an SQL database.
type database struct {
	engine
	read, write *sql.DB
	opts        Options
	subscribers subscribers

	closing   context.Context // ends with Close
	close     context.CancelFunc
	watching  sync.WaitGroup
	closeOnce sync.Once
	release   func() error // gives back what the engine holds
}

// start begins to watch for the publications of others.
func (d *database) start(watch func(ctx context.Context, tell func())) {
	d.watching.Go(func() { watch(d.closing, d.subscribers.tell) })
}

func (d *database) Changes(ctx context.Context) <-chan struct{} { return d.subscribers.add(ctx) }

func (d *database) Close() error {
	var err error
	d.closeOnce.Do(func() {
		d.close()
		d.watching.Wait()
		d.subscribers.close()
		err = d.release()
	})
	return err
}

// How Append waits before it tries again.
const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
	commitTime = 30 * time.Second // for the answer to a commit
	talkTime   = 5 * time.Minute  // for all that a transaction does before that
)

func (d *database) Append(ctx context.Context, p Publication) (uint64, error) {
	p, err := prepare(p)
	if err != nil {
		return 0, err
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return 0, err
	}
	var (
		asked bool      // a commit was sent without a good answer
		until time.Time // when patience ends
	)
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		revision, sent, err := d.try(ctx, p, id)
		if err == nil {
			d.subscribers.tell()
			return revision, nil
		}
		asked = asked || sent
		if until.IsZero() {
			until = time.Now().Add(d.opts.Patience)
		}
		if !d.passing(ctx, err) || time.Now().After(until) || !d.pause(ctx, pause) {
			return 0, d.failure(ctx, err, asked)
		}
	}
}

// errSilent is of a database that keeps its connections and says nothing: its machine
// hangs, or the network in front of it drops what is sent.
var errSilent = errors.New("the database does not answer")

// silence bounds how long the database may say nothing: its context ends after
// Options.Patience, or the time that a connection takes, and where reached was called
// before, after talkTime.
type silence struct {
	context.Context
	cancel context.CancelFunc
	timer  *time.Timer
	fired  atomic.Bool
}

func (d *database) silence(ctx context.Context) *silence {
	s := &silence{}
	s.Context, s.cancel = context.WithCancel(ctx)
	s.timer = time.AfterFunc(max(d.opts.Patience, connectTime), func() { s.fired.Store(true); s.cancel() })
	return s
}

// reached says that the database has answered.
func (s *silence) reached() { s.timer.Reset(talkTime) }

// stop ends the context.
func (s *silence) stop() { s.timer.Stop(); s.cancel() }

// why makes errSilent of an error that comes of the silence.
func (s *silence) why(err error) error {
	if err != nil && s.fired.Load() {
		return errSilent
	}
	return err
}

// ofDatabase makes errSilent of a time-out that is not of the caller's context, so that
// nobody takes it for that.
func ofDatabase(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		return fmt.Errorf("%w: %v", errSilent, err)
	}
	return err
}

// passing tells an error after which trying again makes sense.
func (d *database) passing(ctx context.Context, err error) bool {
	if ctx.Err() != nil || d.closing.Err() != nil || errors.Is(err, errSilent) {
		return false
	}
	return d.away(err) || errors.Is(err, context.Canceled) // of an answer that did not come
}

// pause waits a while, and tells whether it makes sense to go on.
func (d *database) pause(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause/2 + mathrand.N(pause/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-d.closing.Done():
	}
	return false
}

// failure makes the error of an Append.
func (d *database) failure(ctx context.Context, err error, asked bool) error {
	if errors.Is(err, ErrConflict) || errors.As(err, new(*InvalidError)) {
		return err
	}
	switch {
	case d.closing.Err() != nil:
		err = ErrClosed
	case ctx.Err() != nil:
		err = ctx.Err()
	default:
		err = ofDatabase(ctx, err)
	}
	if asked {
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	return err
}

// try appends once. sent says that the commit was sent, so that an error leaves
// open whether it was done.
func (d *database) try(ctx context.Context, p Publication, id []byte) (revision uint64, sent bool, err error) {
	// The transaction ends with ctx and with the store, but not while its commit
	// is under way.
	txCtx := d.silence(context.WithoutCancel(ctx))
	defer txCtx.stop()
	defer func() { err = txCtx.why(err) }()
	keep := context.AfterFunc(ctx, txCtx.cancel)
	defer keep()
	stay := context.AfterFunc(d.closing, txCtx.cancel)
	defer stay()
	conn, err := d.write.Conn(txCtx)
	if err != nil {
		return 0, false, err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(txCtx, nil)
	if err != nil {
		return 0, false, err
	}
	defer tx.Rollback() // does nothing after the commit
	txCtx.reached()
	revision, done, err := d.put(txCtx, tx, p, id)
	if err != nil || done {
		return revision, false, err
	}
	if !keep() || !stay() {
		return 0, false, context.Canceled
	}
	txCtx.timer.Stop()
	timer := time.AfterFunc(commitTime, txCtx.cancel)
	defer timer.Stop()
	if err := tx.Commit(); err != nil {
		return 0, true, err
	}
	return revision, false, nil
}

// put writes a publication into a transaction. done says that it is stored
// already: an earlier attempt had succeeded without its answer coming through.
func (d *database) put(ctx context.Context, tx *sql.Tx, p Publication, id []byte) (revision uint64, done bool, err error) {
	head, err := d.lock(ctx, tx)
	if err != nil {
		return 0, false, err
	}
	if head != p.Base {
		err := tx.QueryRowContext(ctx, "SELECT revision FROM avap_revisions WHERE publication = $1", id).Scan(&revision)
		if errors.Is(err, sql.ErrNoRows) {
			return 0, false, &ConflictError{Revision: head, Base: p.Base}
		}
		return revision, err == nil, err
	}
	p.Revision = max(p.Base+1, p.AtLeast)
	err = writePublication(ctx, tx, p, id, d.rows())
	if err != nil && d.violation(err) {
		return 0, false, &InvalidError{Msg: "a version is there already, or a package is of a version that is not: " + err.Error()}
	}
	if err != nil {
		return 0, false, err
	}
	return p.Revision, false, d.announce(ctx, tx, p.Revision)
}

// snapshotOf runs a function in a transaction that sees one moment, and that
// ends with the store.
func (d *database) snapshotOf(ctx context.Context, read func(ctx context.Context, tx *sql.Tx) error) error {
	limited := d.silence(ctx)
	defer limited.stop()
	stay := context.AfterFunc(d.closing, limited.cancel)
	defer stay()
	tx, err := d.read.BeginTx(limited, d.snapshot())
	if err == nil {
		limited.reached()
		err = read(limited, tx)
		// Nothing was written: how the transaction ends makes no difference.
		_ = tx.Rollback()
	}
	if err != nil && d.closing.Err() != nil {
		return ErrClosed
	}
	return ofDatabase(ctx, limited.why(err))
}
