// This file holds the REST API: paths, methods, request ids, the shape of answers.

// Package worker is the door over HTTP: it takes scripts, runs them in the
// engine, and answers JSON.
package worker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
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
	// ReadTimeout is how long a request's header and body may take to arrive;
	// default 10 s.
	ReadTimeout time.Duration
	Log         *slog.Logger // default: discards
}

const (
	defaultMaxBody     = 1 << 20
	defaultReadTimeout = 10 * time.Second
	maxHeader          = 32 << 10
	// readHeader is how much of a header is read at all: up to here one that is
	// too large is answered as the API answers, beyond it in a bare line.
	readHeader = 2 * maxHeader
	// sendTimeout is how long a caller may take to read an answer, what is not
	// used of the default quotas included.
	sendTimeout = time.Minute
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
	if opt.ReadTimeout == 0 {
		opt.ReadTimeout = defaultReadTimeout
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
		ReadTimeout: w.opt.ReadTimeout, ReadHeaderTimeout: w.opt.ReadTimeout, IdleTimeout: 2 * time.Minute,
		WriteTimeout: w.opt.writeTimeout(), MaxHeaderBytes: readHeader,
		ErrorLog: slog.NewLogLogger(w.opt.Log.Handler(), slog.LevelWarn),
	}
}

// writeTimeout bounds a request from its header to the end of its answer; 0,
// which is no bound, where an execution has none.
func (o *Options) writeTimeout() time.Duration {
	if o.Limits.Time < 0 || o.Limits.HostTime < 0 {
		return 0
	}
	return o.ReadTimeout + o.Limits.Time + o.Limits.HostTime + sendTimeout
}

// ServeHTTP answers one request.
func (w *Worker) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	id := requestID(r)
	out.Header().Set("X-Request-Id", id)
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			w.opt.Log.Error("a defect", "request_id", id, "panic", p, "stack", string(debug.Stack()))
			writeFailure(out, id, http.StatusInternalServerError, &avap.Error{Code: codeInternal, Msg: "internal error"})
		}
	}()
	if headerSize(r) > maxHeader {
		writeFailure(out, id, http.StatusRequestHeaderFieldsTooLarge, badRequest("the request's line and headers are larger than 32 KiB"))
		return
	}
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
		allowed := method
		if method == "GET" {
			allowed = "GET, HEAD"
		}
		out.Header().Set("Allow", allowed)
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

// headerSize is how many bytes the request line and the headers of a request had.
func headerSize(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len("Host: ") + len(r.Host) + 4
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v) + 4
		}
	}
	return size
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
// progress finish for at most drain. Those that have not are cut off, which is
// an error.
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
	if errors.Is(err, context.DeadlineExceeded) {
		s.Close()
		err = fmt.Errorf("requests in progress did not finish within %v and were cut off", drain)
	}
	if serr := <-failed; !errors.Is(serr, http.ErrServerClosed) {
		return serr
	}
	return err
}
