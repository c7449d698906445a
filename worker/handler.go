// This file holds the REST API: paths, methods, request ids, the shape of answers.

// Package worker is the door over HTTP: it takes scripts, runs them in the
// engine, and answers JSON.
package worker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/avap-framework/avap"
)

// Options tune the worker. The zero value of each field but Engine is useful.
type Options struct {
	Engine  *avap.Engine
	Limits  avap.Limits
	MaxBody int64 // bytes of a request's body; default 1 MiB
	// LoopbackOnly refuses requests whose Host is no loopback name or address,
	// so that no web page can reach a developer's machine by a name of its own.
	LoopbackOnly bool
	Version      string
	Log          *slog.Logger // default: discards
}

const (
	defaultMaxBody = 1 << 20
	maxHeader      = 32 << 10
	readTimeout    = 10 * time.Second
)

// Worker serves the REST API. It is safe for concurrent use.
type Worker struct {
	opt      Options
	programs *programCache
	health   []byte
}

// New makes a worker.
func New(opt Options) *Worker {
	if opt.MaxBody == 0 {
		opt.MaxBody = defaultMaxBody
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Worker{
		opt:      opt,
		programs: newProgramCache(defaultCacheBytes),
		health:   []byte(`{"status":"healthy","service":"avap-server","version":` + quote(opt.Version) + `}`),
	}
}

// Server gives an HTTP server for the data port, with the time-outs and header
// limits of the API.
func (w *Worker) Server(addr string) *http.Server {
	return &http.Server{
		Addr: addr, Handler: w,
		ReadTimeout: readTimeout, ReadHeaderTimeout: readTimeout, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(w.opt.Log.Handler(), slog.LevelWarn),
	}
}

// ServeHTTP answers one request.
func (w *Worker) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	id := requestID(r)
	out.Header().Set("X-Request-Id", id)
	defer func() {
		if p := recover(); p != nil {
			w.opt.Log.Error("a defect", "request_id", id, "panic", p)
			w.fail(out, id, &avap.Error{Code: codeInternal, Msg: "internal error"})
		}
	}()
	if problem := w.foreign(r); problem != nil {
		w.fail(out, id, problem)
		return
	}
	method, handle := "GET", w.notFound
	switch r.URL.Path {
	case "/api/v1/execute":
		method, handle = "POST", w.execute
	case "/health":
		handle = w.serveHealth
	case "/readyz":
		handle = func(out http.ResponseWriter, _ *http.Request, _ string) { out.WriteHeader(http.StatusOK) }
	case "/":
		handle = func(out http.ResponseWriter, r *http.Request, _ string) {
			http.Redirect(out, r, "/health", http.StatusFound)
		}
	default:
		method = r.Method
	}
	if r.Method != method && (method != "GET" || r.Method != "HEAD") {
		out.Header().Set("Allow", method)
		w.fail(out, id, &avap.Error{Code: codeMethod, Msg: r.URL.Path + " takes " + method + " alone"})
		return
	}
	handle(out, r, id)
}

func (w *Worker) serveHealth(out http.ResponseWriter, _ *http.Request, _ string) {
	writeJSON(out, http.StatusOK, w.health)
}

func (w *Worker) notFound(out http.ResponseWriter, _ *http.Request, id string) {
	w.fail(out, id, &avap.Error{Code: codeNotFound, Msg: "there is nothing at this path"})
}

// requestID is the caller's own id where it sent a fit one, else a new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); id != "" && len(id) <= 128 && printable(id) {
		return id
	}
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

func writeJSON(out http.ResponseWriter, status int, body []byte) {
	h := out.Header()
	h.Set("Content-Type", "application/json")
	out.WriteHeader(status)
	if bodiless(status) {
		return
	}
	out.Write(body)
}

// bodiless tells whether answers of a status have no body.
func bodiless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusResetContent || status == http.StatusNotModified
}

// Serve runs the server on a listener until ctx ends, then lets requests in
// progress finish for at most drain.
func Serve(ctx context.Context, s *http.Server, serve func() error, drain time.Duration) error {
	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err := s.Shutdown(deadline)
	if serr := <-failed; serr != nil && !strings.Contains(serr.Error(), "Server closed") {
		return serr
	}
	return err
}
