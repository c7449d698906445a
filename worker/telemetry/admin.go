// This file holds the admin port.

package telemetry

import (
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/avap-framework/avap"
)

// AdminOptions tune the admin port. Each field may be nil.
type AdminOptions struct {
	Metrics http.Handler // of /metrics, as Metrics.Handler gives it
	// Reasons says why the worker is not ready; none for ready. It must be quick
	// and safe for concurrent use.
	Reasons func() []Reason
	// Catalog gives what /debug/catalog shows, as encoding/json writes it.
	Catalog func() any
	Log     *slog.Logger
}

// Reason is why a worker is not ready.
type Reason struct {
	Code    avap.ErrorCode `json:"code"` // of the error that requests get
	Message string         `json:"message"`
}

// Handler serves the admin port: /metrics, /livez and /readyz to everybody, and
// /debug/pprof/… and /debug/catalog to this machine: to peers with a loopback
// address whose request names a loopback host, so that no web page in a browser
// here gets there under a name of its own, and carries no header of a proxy, so
// that a sidecar's callers do not pass for it.
func Handler(opt AdminOptions) http.Handler {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	a := &admin{opt: opt, mux: http.NewServeMux()}
	a.handle("/livez", a.live)
	a.handle("/readyz", a.ready)
	if opt.Metrics != nil {
		a.handle("/metrics", opt.Metrics.ServeHTTP)
	}
	if opt.Catalog != nil {
		a.handle("/debug/catalog", a.local(a.catalog))
	}
	a.handle("/debug/pprof/", a.local(pprof.Index))
	a.handle("/debug/pprof/cmdline", a.local(a.notFound)) // flags and paths are nobody's business
	a.handle("/debug/pprof/profile", a.local(pprof.Profile))
	a.handle("/debug/pprof/symbol", a.local(pprof.Symbol))
	a.handle("/debug/pprof/trace", a.local(pprof.Trace))
	a.handle("/", a.notFound)
	return a
}

// Server returns an HTTP server for the admin port with its time-outs. Profiles may
// take longer: they move their own end.
func Server(addr string, handler http.Handler, log *slog.Logger) *http.Server {
	s := &http.Server{
		Addr: addr, Handler: handler,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
	if log != nil {
		s.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	}
	return s
}

// admin is the handler.
type admin struct {
	opt AdminOptions
	mux *http.ServeMux
}

// ServeHTTP answers one request.
func (a *admin) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	id := adminRequestID(r)
	out.Header().Set("X-Request-Id", id)
	out.Header().Set("X-Content-Type-Options", "nosniff")
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			a.opt.Log.Error("a defect of the admin port", "request_id", id, "panic", p, "stack", string(debug.Stack()))
			a.fail(out, http.StatusInternalServerError, "internal", "internal error")
		}
	}()
	a.mux.ServeHTTP(out, r)
}

// handle serves GET and HEAD of a path.
func (a *admin) handle(path string, serve http.HandlerFunc) {
	a.mux.HandleFunc(path, func(out http.ResponseWriter, r *http.Request) {
		if known := path != "/"; known && r.Method != http.MethodGet && r.Method != http.MethodHead {
			out.Header().Set("Allow", "GET, HEAD")
			a.fail(out, http.StatusMethodNotAllowed, "method_not_allowed", r.URL.Path+" takes GET alone")
			return
		}
		serve(out, r)
	})
}

func (a *admin) live(out http.ResponseWriter, _ *http.Request) {
	writeValue(out, http.StatusOK, map[string]string{"status": "alive"})
}

func (a *admin) ready(out http.ResponseWriter, _ *http.Request) {
	answer := struct {
		Ready   bool     `json:"ready"`
		Reasons []Reason `json:"reasons"`
	}{Reasons: []Reason{}}
	if a.opt.Reasons != nil {
		answer.Reasons = append(answer.Reasons, a.opt.Reasons()...)
	}
	status := http.StatusOK
	if answer.Ready = len(answer.Reasons) == 0; !answer.Ready {
		status = http.StatusServiceUnavailable
	}
	writeValue(out, status, answer)
}

func (a *admin) catalog(out http.ResponseWriter, _ *http.Request) {
	writeValue(out, http.StatusOK, a.opt.Catalog())
}

func (a *admin) notFound(out http.ResponseWriter, _ *http.Request) {
	a.fail(out, http.StatusNotFound, "not_found", "there is nothing at this path")
}

// local serves requests of this machine alone.
func (a *admin) local(serve http.HandlerFunc) http.HandlerFunc {
	return func(out http.ResponseWriter, r *http.Request) {
		if !fromHere(r) {
			a.fail(out, http.StatusForbidden, "origin_denied", "this path answers requests of this machine alone")
			return
		}
		serve(out, r)
	}
}

// fromHere reports whether a request comes from this machine and from nobody behind
// it.
func fromHere(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if len(r.Header[name]) > 0 {
			return false
		}
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// fail answers with an error, as the data port does.
func (a *admin) fail(out http.ResponseWriter, status int, code avap.ErrorCode, message string) {
	writeValue(out, status, struct {
		Success   bool           `json:"success"`
		Error     string         `json:"error"`
		Code      avap.ErrorCode `json:"code"`
		RequestID string         `json:"request_id"`
	}{Error: message, Code: code, RequestID: out.Header().Get("X-Request-Id")})
}

// writeValue answers with a value as JSON. One that JSON cannot say is a defect,
// for the handler around it to answer.
func writeValue(out http.ResponseWriter, status int, v any) {
	var body strings.Builder
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	h := out.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	out.WriteHeader(status)
	_, _ = out.Write([]byte(strings.TrimSuffix(body.String(), "\n"))) // nobody is left to be told
}

// adminRequestID is the caller's own id where it sent a fit one, else a new one.
func adminRequestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	fit := id != "" && len(id) <= 128 && !strings.ContainsFunc(id, func(c rune) bool { return c < ' ' || c > '~' })
	if fit {
		return id
	}
	return rand.Text()
}
