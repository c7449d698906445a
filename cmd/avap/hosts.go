// This file holds how scripts reach the world outside: the flags of it, and the
// clients behind their bulkheads and circuit breakers.

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/guard"
	"github.com/avap-framework/avap/host/httpclient"
	"github.com/avap-framework/avap/host/netpolicy"
	"github.com/avap-framework/avap/host/sqldb"
	"github.com/avap-framework/avap/worker/telemetry"
)

// Calls of scripts at a time: to one host, and sessions of the database.
const (
	maxHostCalls = 64
	maxSessions  = 16
)

// hostFlags say what scripts may reach outside.
type hostFlags struct {
	allowNet  string
	http, sql tally
}

func (h *hostFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&h.allowNet, "allow-net", "public",
		"where scripts may connect: public, none, or a list of CIDRs, hosts, host:port")
}

// hostOptions are what else the hosts are told.
type hostOptions struct {
	// propagate writes the trace of an execution to a request; may be nil.
	propagate func(ctx context.Context, header http.Header)
	hostTime  time.Duration // the quota of host calls
	dev       bool          // DATABASE_URL is not the application's database
	log       *slog.Logger  // is told of a database that cannot be used; nil for nobody
}

// open makes the hosts. close gives back what they have open.
func (h *hostFlags) open(opt hostOptions) (hosts avap.Host, close func(), err error) {
	policy, err := netpolicy.Parse(h.allowNet)
	if err != nil {
		return hosts, nil, fmt.Errorf("--allow-net: %w", err)
	}
	client := httpclient.New(httpclient.Options{Policy: policy, MaxConnsPerHost: maxHostCalls, Propagate: opt.propagate})
	// Calls must be shorter than the window in which their failures count.
	breaker := guard.Breaker{Window: max(30*time.Second, 2*opt.hostTime)}
	hosts.HTTP = guard.NewHTTP(client, guard.Options{MaxCalls: maxHostCalls, Breaker: breaker, Observer: h.http.observer()})
	name, url := "AVAP_DATABASE", os.Getenv("AVAP_DATABASE")
	if url == "" && !opt.dev {
		name, url = "DATABASE_URL", os.Getenv("DATABASE_URL")
	}
	if url == "" {
		return hosts, client.Close, nil
	}
	db, err := sqldb.New(url, sqldb.Options{MaxConns: maxSessions})
	if err != nil {
		client.Close()
		return hosts, nil, fmt.Errorf("%s: %w", name, err)
	}
	application := host.SQL(db)
	if name == "DATABASE_URL" {
		application = newForeignDatabase(db, url)
	}
	if opt.log != nil {
		application = &loggedDatabase{application, opt.log}
	}
	hosts.SQL = guard.NewSQL("database", application, guard.Options{MaxCalls: maxSessions, Breaker: breaker, Observer: h.sql.observer()})
	return hosts, func() { client.Close(); db.Close() }, nil
}

// stats returns the counts of the calls of scripts, for metrics.
func (h *hostFlags) stats() telemetry.Hosts {
	return telemetry.Hosts{HTTP: h.http.stats(0), SQL: h.sql.stats(maxSessions)}
}

// tally counts what a guard does, over all its destinations: they are what scripts
// name, so none is named in a metric. It is safe for concurrent use.
type tally struct {
	mu         sync.Mutex
	inUse      int
	byBreaker  uint64
	byBulkhead uint64
	open       int
	halfOpen   int
}

func (t *tally) observer() guard.Observer {
	return guard.Observer{
		Calls: func(_ string, delta int) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.inUse += delta
		},
		Refused: func(_ string, r guard.Reason) {
			t.mu.Lock()
			defer t.mu.Unlock()
			if r == guard.BreakerOpen {
				t.byBreaker++
			} else {
				t.byBulkhead++
			}
		},
		State: func(_ string, from, to guard.State) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.count(from, -1)
			t.count(to, 1)
		},
	}
}

// count counts breakers that are not closed.
func (t *tally) count(s guard.State, by int) {
	switch s {
	case guard.Open:
		t.open = max(0, t.open+by)
	case guard.HalfOpen:
		t.halfOpen = max(0, t.halfOpen+by)
	}
}

func (t *tally) stats(limit int) telemetry.HostStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return telemetry.HostStats{
		Open: t.open, HalfOpen: t.halfOpen, InUse: t.inUse, Limit: limit,
		RefusedByBreaker: t.byBreaker, RefusedByBulkhead: t.byBulkhead,
	}
}
