// This file holds the store in PostgreSQL, for any number of servers.

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const (
	channel = "avap_definitions" // of NOTIFY

	// migrationLock is the number of the advisory lock that migrations run
	// under: "avap" and a version.
	migrationLock = 0x61766170_00000001

	connectTime = 5 * time.Second
	pingTime    = 2 * time.Second // of a connection that was idle, before another one is made
	maxConns    = 4
)

// SQLSTATE codes that are looked at.
const (
	codeUniqueViolation     = "23505"
	codeForeignKeyViolation = "23503"
	codeCheckViolation      = "23514"
	codeSerialization       = "40001"
	codeDeadlock            = "40P01"
	codeLockNotAvailable    = "55P03"
	codeTooManyConnections  = "53300"
	codeIdleInTransaction   = "25P03"
	codePrivilege           = "42501"
	codeNoDatabase          = "3D000"
	codeBadPassword         = "28P01"
	codeBadAuthorization    = "28000"
	classConnection         = "08"
	classIntervention       = "57P" // shut down, crashed, starting up
)

// postgresEngine is what is particular to PostgreSQL.
type postgresEngine struct{}

// postgresConfig reads a URL.
func postgresConfig(url string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil { // its text holds parts of the URL
		return nil, &OpenError{Msg: "the database's URL cannot be read: " + errURL.Error()}
	}
	conn := config.ConnConfig
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = connectTime
	}
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "avap definitions"
	}
	return config, nil
}

// readPostgres connects so that nothing can be changed.
func readPostgres(ctx context.Context, url string) (*sql.DB, error) {
	config, err := postgresConfig(url)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	db := stdlib.OpenDB(*config.ConnConfig)
	if err := db.PingContext(ctx); err != nil {
		return nil, postgresOpenError(config.ConnConfig, errors.Join(err, db.Close()))
	}
	return db, nil
}

func openPostgres(ctx context.Context, url string, opts Options) (Store, error) {
	config, err := postgresConfig(url)
	if err != nil {
		return nil, err
	}
	conn := config.ConnConfig
	config.MaxConns = maxConns
	// A connection that broke while nobody used it is noticed before it is used.
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
	config.PingTimeout = pingTime
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, postgresOpenError(conn, err)
	}
	db := stdlib.OpenDBFromPool(pool)
	release := func() error {
		err := db.Close()
		pool.Close()
		return err
	}
	err = checkPostgres(ctx, db, conn)
	if err == nil {
		err = migratePostgres(ctx, db)
	}
	if err != nil {
		return nil, postgresOpenError(conn, errors.Join(err, release()))
	}
	d := &database{engine: postgresEngine{}, read: db, write: db, opts: opts, release: release}
	d.closing, d.close = context.WithCancel(context.Background())
	d.start(func(ctx context.Context, tell func()) {
		(&listener{config: conn.Copy(), poll: opts.Poll, tell: tell}).run(ctx)
	})
	return d, nil
}

// checkPostgres finds out before the migrations, which would try for seconds,
// whether the database can be written.
func checkPostgres(ctx context.Context, db *sql.DB, config *pgx.ConnConfig) error {
	var readOnly, mayCreate bool
	err := db.QueryRowContext(ctx, `SELECT current_setting('transaction_read_only') = 'on',
		to_regclass('avap_migrations') IS NOT NULL OR coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)`).Scan(&readOnly, &mayCreate)
	switch {
	case err != nil:
		return err
	case readOnly:
		return &OpenError{Msg: "the database is read-only: name the primary server, not a standby"}
	case !mayCreate:
		return &OpenError{Msg: fmt.Sprintf("%s may not make tables in the database %s: grant CREATE on its schema", config.User, config.Database)}
	}
	return nil
}

// migratePostgres migrates under a lock that ends with the connection.
func migratePostgres(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return err
	}
	err = migrate(ctx, db, goose.DialectPostgres, "postgres")
	unlock, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTime)
	defer cancel()
	_, unlockErr := conn.ExecContext(unlock, "SELECT pg_advisory_unlock($1)", int64(migrationLock))
	return errors.Join(err, unlockErr)
}

// postgresOpenError says what to mend. The driver's texts run over several lines.
func postgresOpenError(config *pgx.ConnConfig, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	var (
		open    *OpenError
		refusal *pgconn.PgError
		where   = "PostgreSQL at " + net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
	)
	if strings.HasPrefix(config.Host, "/") {
		where = "PostgreSQL in " + config.Host
	}
	msg := where + " does not answer: see that it runs, and that host and port of the URL are right"
	switch {
	case errors.As(err, &open):
		msg = where + ": " + open.Msg
	case errors.As(err, &refusal):
		msg = where + ": " + firstLine(refusal.Message) + advice(config, refusal.Code)
	case !errors.As(err, new(*pgconn.ConnectError)) && !errors.As(err, new(net.Error)):
		msg = where + ": " + firstLine(err.Error())
	case strings.Contains(err.Error(), "tls"), strings.Contains(err.Error(), "TLS"), strings.Contains(err.Error(), "x509"):
		msg = where + ": no TLS connection: see sslmode and sslrootcert of the URL"
	}
	return &OpenError{Msg: msg, Err: err}
}

// advice says what to mend after a refusal of PostgreSQL's.
func advice(config *pgx.ConnConfig, code string) string {
	switch code {
	case codeBadPassword, codeBadAuthorization:
		return ": give the password in DATABASE_URL or in a password file (PGPASSFILE)"
	case codeNoDatabase:
		return fmt.Sprintf(": make it with createdb %s", config.Database)
	case codePrivilege:
		return fmt.Sprintf(": grant %s what it needs in the database %s", config.User, config.Database)
	case codeTooManyConnections:
		return ": raise max_connections"
	}
	return ""
}

// lock stands in line for the row of the newest revision. A server that hangs
// does not hold the others up for long, and a commit is on disk before it is
// acknowledged whatever the database's default is.
func (postgresEngine) lock(ctx context.Context, tx *sql.Tx) (head uint64, err error) {
	_, err = tx.ExecContext(ctx, `SELECT set_config('lock_timeout', '10s', true),
		set_config('idle_in_transaction_session_timeout', '30s', true),
		CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END`)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, "SELECT revision FROM avap_head FOR UPDATE").Scan(&head)
	return head, err
}

func (postgresEngine) announce(ctx context.Context, tx *sql.Tx, revision uint64) error {
	_, err := tx.ExecContext(ctx, "SELECT pg_notify($1, $2)", channel, strconv.FormatUint(revision, 10))
	return err
}

func (postgresEngine) snapshot() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

// rows are many: each statement costs a round trip.
func (postgresEngine) rows() int { return 256 }

// away takes every error for a passing one that is not PostgreSQL's word on a
// statement: then the connection broke, or there was none.
func (postgresEngine) away(err error) bool {
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) {
		return !errors.As(err, new(*InvalidError)) && !errors.Is(err, ErrConflict)
	}
	switch refusal.Code {
	case codeSerialization, codeDeadlock, codeLockNotAvailable, codeTooManyConnections, codeIdleInTransaction:
		return true
	}
	return strings.HasPrefix(refusal.Code, classConnection) || strings.HasPrefix(refusal.Code, classIntervention)
}

func (postgresEngine) violation(err error) bool {
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) {
		return false
	}
	switch refusal.Code {
	case codeUniqueViolation, codeForeignKeyViolation, codeCheckViolation:
		return true
	}
	return false
}

// listener waits for notifications on a connection of its own, and looks at the
// revision now and then: a notification may be lost where a proxy stands between.
type listener struct {
	config *pgx.ConnConfig
	poll   time.Duration
	tell   func()
	seen   int64 // the revision at the last look
}

// run listens until ctx ends, and connects again whenever the connection broke.
func (l *listener) run(ctx context.Context) {
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, maxPause) {
		if listened := l.listen(ctx); listened {
			pause = firstPause
		}
		if ctx.Err() == nil {
			l.tell() // whoever looks finds out that the database is away
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// listen listens on one connection until it breaks, and tells whether it ever
// got so far.
func (l *listener) listen(ctx context.Context) bool {
	conn, err := pgx.ConnectConfig(ctx, l.config)
	if err != nil {
		return false
	}
	defer func() {
		leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(leave) // it may be gone already
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return false
	}
	l.tell() // of what went by while nobody listened
	for {
		if err := l.wait(ctx, conn); err != nil {
			return true
		}
	}
}

// wait passes on the next notification, or a revision that came without one.
func (l *listener) wait(ctx context.Context, conn *pgx.Conn) error {
	limited, cancel := context.WithTimeout(ctx, l.poll)
	defer cancel()
	_, err := conn.WaitForNotification(limited)
	if err == nil {
		l.tell()
		return nil
	}
	if limited.Err() == nil || ctx.Err() != nil {
		return err
	}
	look, cancelLook := context.WithTimeout(ctx, connectTime)
	defer cancelLook()
	var revision int64
	if err := conn.QueryRow(look, "SELECT revision FROM avap_head").Scan(&revision); err != nil {
		return err
	}
	if revision != l.seen {
		l.seen = revision
		l.tell()
	}
	return nil
}
