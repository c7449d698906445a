package rotation_test

// This file tests that what clients notice is told, with workers of a few lines.

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/internal/rotation"
	"github.com/avap-framework/avap/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// worker verifies signatures, and looks at the keys anew for each.
type worker struct {
	*httptest.Server
	keys     *seal.Keyring
	verifier *seal.Verifier
	ending   atomic.Bool
	asked    atomic.Int64 // whether it is ready, since it is ending
	open     atomic.Int64 // connections
	dropping atomic.Bool
	dropped  atomic.Int64 // requests
}

func start(t *testing.T, keys string) *worker {
	t.Helper()
	ring, err := seal.OpenKeyring(seal.KeyringOptions{File: keys})
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{keys: ring, verifier: seal.NewVerifier(ring, seal.VerifierOptions{})}
	w.Server = httptest.NewUnstartedServer(w)
	w.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			w.open.Add(1)
		case http.StateClosed:
			w.open.Add(-1)
		}
	}
	w.Start()
	t.Cleanup(w.Close)
	return w
}

func (w *worker) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if w.ending.Load() {
		out.Header().Set("Connection", "close")
	}
	if r.URL.Path == "/readyz" {
		if w.ending.Load() {
			out.WriteHeader(http.StatusServiceUnavailable)
			w.asked.Add(1)
		}
		return
	}
	if w.dropping.Load() {
		w.dropped.Add(1)
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = w.keys.Reload()
	}
	if err == nil {
		err = w.verify(r, body)
	}
	if err != nil {
		http.Error(out, err.Error(), http.StatusUnauthorized)
		return
	}
	_, _ = io.WriteString(out, "right")
}

func (w *worker) verify(r *http.Request, body []byte) error {
	h, err := w.verifier.ParseHeader(r.Header.Values(seal.HeaderName))
	if err != nil {
		return err
	}
	return w.verifier.Verify(&h, r.Method, r.RequestURI, body)
}

// drain ends the worker when nobody is there any more.
func (w *worker) drain(ctx context.Context) error {
	w.ending.Store(true)
	defer w.Close()
	// Who asks a second time knows the answer to the first.
	return until(ctx, func() bool { return w.asked.Load() >= 2 && w.open.Load() == 0 })
}

// drop ends the worker in the middle of a request.
func (w *worker) drop(ctx context.Context) error {
	w.dropping.Store(true)
	defer w.Close()
	return until(ctx, func() bool { return w.dropped.Load() > 0 })
}

func until(ctx context.Context, is func() bool) error {
	for !is() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(w *worker, ctx context.Context) error
		fine bool
	}{
		"drained": {(*worker).drain, true},
		"dropped": {(*worker).drop, false},
	} {
		t.Run(name, func(t *testing.T) {
			keys := filepath.Join(t.TempDir(), "keys.json")
			answered := make(chan struct{}, 1000)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			result, err := rotation.Run(ctx, rotation.Options{
				KeysFile: keys,
				Start: func(context.Context) (rotation.Worker, error) {
					w := start(t, keys)
					return rotation.Worker{
						Addr: strings.TrimPrefix(w.URL, "http://"),
						End:  func(ctx context.Context) error { return c.end(w, ctx) },
					}, nil
				},
				Message: func(host string) load.Message { return load.Message{Target: "/", Host: host, Body: []byte("x")} },
				Check:   load.Prefix(http.StatusOK, "right"),
				Classes: func(clients load.Source) []load.Class {
					return []load.Class{{
						Name: "paced", Source: clients, Rate: 500, Warm: 8,
						Observe: func(load.Observation) {
							select {
							case answered <- struct{}{}:
							default:
							}
						},
					}}
				},
				Pause: func(ctx context.Context) error {
					for range 20 {
						select {
						case <-answered:
						case <-ctx.Done():
							return ctx.Err()
						}
					}
					return nil
				},
				Log: t.Logf,
			})
			if err != nil {
				t.Fatal(err)
			}
			class := result.Load.Classes[0]
			bad := class.Bad() + result.Refused
			if c.fine != (bad == 0) || class.Answered == 0 || len(result.Steps) != 4 || len(result.Connections) != 2 {
				t.Errorf("%d bad, %d answers, failed %v, wrong answer %q, steps %v, connections %v",
					bad, class.Answered, class.Failed, class.WrongAnswer, result.Steps, result.Connections)
			}
		})
	}
}
