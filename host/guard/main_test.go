// What the tests of this package share: hosts and databases that do as they are
// told, and a record of what an Observer hears.

package guard_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/guard"
	"github.com/avap-framework/avap/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

// httpFunc is a host.HTTP.
type httpFunc func(ctx context.Context, req *host.Request) (*host.Response, error)

func (f httpFunc) Do(ctx context.Context, req *host.Request) (*host.Response, error) {
	return f(ctx, req)
}

// sqlFunc is a host.SQL.
type sqlFunc func(ctx context.Context) (host.Session, error)

func (f sqlFunc) Open(ctx context.Context) (host.Session, error) { return f(ctx) }

// sessionFunc is a host.Session that runs statements.
type sessionFunc func(ctx context.Context) error

func (f sessionFunc) Query(ctx context.Context, _ host.Statement, _ host.RowSink) (int64, error) {
	return 0, f(ctx)
}

func (f sessionFunc) Close() error { return nil }

// answer is a host that gives each request the same answer.
func answer(status int, err error) httpFunc {
	return func(context.Context, *host.Request) (*host.Response, error) {
		if err != nil {
			return nil, err
		}
		return &host.Response{Status: status}, nil
	}
}

// hang is a host that answers when release is closed.
func hang(release <-chan struct{}) httpFunc {
	return func(ctx context.Context, _ *host.Request) (*host.Response, error) {
		select {
		case <-release:
			return &host.Response{Status: 200}, nil
		case <-ctx.Done():
			return nil, &host.Error{Code: host.CodeHTTP, Message: "ended", Err: ctx.Err(), Unavailable: true}
		}
	}
}

func get(ctx context.Context, h host.HTTP, url string) error {
	_, err := h.Do(ctx, &host.Request{Method: "GET", URL: url})
	return err
}

// wantRefused checks that err is a refusal that a script can catch.
func wantRefused(t *testing.T, err error, code string, reason error, message string) {
	t.Helper()
	outside, ok := errors.AsType[*host.Error](err)
	if !ok || !errors.Is(err, reason) {
		t.Fatalf("error %v, want a refusal: %v", err, reason)
	}
	if outside.Code != code || outside.Message != message || outside.Unavailable {
		t.Errorf("refused with %s (unavailable: %v)\n got %s\nwant %s", outside.Code, outside.Unavailable, outside.Message, message)
	}
}

// journal is what an Observer has heard.
type journal struct {
	mu    sync.Mutex
	lines []string
	calls map[string]int // in progress
	most  map[string]int // of calls at a time
}

func (j *journal) observer() guard.Observer {
	j.calls, j.most = map[string]int{}, map[string]int{}
	return guard.Observer{
		Calls: func(destination string, delta int) {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.calls[destination] += delta
			j.most[destination] = max(j.most[destination], j.calls[destination])
		},
		Refused: func(destination string, reason guard.Reason) { j.add("%s %s", destination, string(reason)) },
		State:   func(destination string, from, to guard.State) { j.add("%s %s to %s", destination, from, to) },
	}
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// take gives the lines since the last take.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}
