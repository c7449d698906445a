// This file holds the API's paths and what is checked of a request before its body
// is read.

package worker

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"unsafe"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker/httpd"
	"github.com/avap-framework/avap/worker/telemetry"
)

// Header fields that the worker looks at, by their index in watch.
const (
	fieldSignature = iota
	fieldRequestID
	fieldOrigin
	fieldParent
)

var watch = []string{"x-avap-signature", "x-request-id", "origin", "traceparent"}

// exchange is what the worker knows of a request. It is kept with the httpd.Request and
// reused with it.
type exchange struct {
	seen
	id          []byte // the request's id, as it is answered
	endpoint    *endpoint
	query       string // as sent; valid as long as the request
	signed      bool
	header      seal.Header
	begun       bool // begin has been called for the request
	turns       turns
	execution   execution
	request     request
	observation telemetry.Observation
	ids         [24]byte
}

// endpoint is one path of the API.
type endpoint struct {
	path   string
	method string
	serve  func(*Worker, *httpd.Request, *exchange)
	signed bool // whether requests may be signed, and are where the worker demands it
	label  telemetry.Endpoint
}

// The endpoints.
var (
	endpointExecute = &endpoint{"/api/v1/execute", http.MethodPost, (*Worker).execute, true, telemetry.EndpointExecute}
	endpointCompile = &endpoint{"/api/v1/compile", http.MethodPost, (*Worker).compile, true, telemetry.EndpointCompile}
	endpointHealth  = &endpoint{"/health", http.MethodGet, (*Worker).serveHealth, false, telemetry.EndpointHealth}
	endpointReady   = &endpoint{"/readyz", http.MethodGet, (*Worker).serveReady, false, telemetry.EndpointReady}
	endpointRoot    = &endpoint{"/", http.MethodGet, (*Worker).serveRoot, false, telemetry.EndpointOther}
)

// endpointOf returns the endpoint of a path, nil where there is none.
func (w *Worker) endpointOf(path []byte) *endpoint {
	switch text(path) {
	case endpointExecute.path:
		return endpointExecute
	case endpointCompile.path:
		if w.opt.CompileEndpoint {
			return endpointCompile
		}
	case endpointHealth.path:
		return endpointHealth
	case endpointReady.path:
		return endpointReady
	case endpointRoot.path:
		return endpointRoot
	}
	return nil
}

// handler is the worker as the HTTP server sees it.
type handler struct{ w *Worker }

// Head checks what can be checked before the body is there.
func (h handler) Head(r *httpd.Request) bool {
	w := h.w
	x := w.begin(r)
	if err := w.checkHead(r, x); err != nil {
		w.fail(r, x, err)
		return false
	}
	return true
}

// begin prepares the exchange of a new request: its id, and nothing of the one before.
func (w *Worker) begin(r *httpd.Request) *exchange {
	x, ok := r.User.(*exchange)
	if !ok {
		x = new(exchange)
		r.User = x
	}
	x.seen = seen{}
	x.begun, x.endpoint, x.query, x.signed = true, nil, "", false
	x.id, _ = r.Watched(fieldRequestID)
	if len(x.id) == 0 || len(x.id) > 128 || !printable(x.id) {
		x.id = newID(&x.ids)
	}
	r.FieldBytes("X-Request-Id", x.id)
	return x
}

// newID makes an id that is unique, not secret.
func newID(b *[24]byte) []byte {
	putHex(b[:16], rand.Uint64())
	putHex(b[16:], uint64(rand.Uint32()))
	return b[:]
}

// putHex fills b, whose length divides by eight, with hex digits of a number, from its
// lowest on.
func putHex(b []byte, n uint64) {
	for ; len(b) >= 8; b, n = b[8:], n>>32 {
		// Each of the eight half bytes gets a byte of its own.
		x := n & 0xffff_ffff
		x = (x | x<<16) & 0x0000_ffff_0000_ffff
		x = (x | x<<8) & 0x00ff_00ff_00ff_00ff
		x = (x | x<<4) & 0x0f0f_0f0f_0f0f_0f0f
		// Those of 10 and more have bit 4 once 6 is added.
		letters := (x + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
		binary.LittleEndian.PutUint64(b, x+0x3030_3030_3030_3030+letters*('a'-'9'-1))
	}
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

// checkHead checks what the header alone can tell: path, origin, method, and the
// signature but for its MAC.
func (w *Worker) checkHead(r *httpd.Request, x *exchange) error {
	path, query, _ := bytes.Cut(pathOf(r.Header.RequestURI()), []byte("?"))
	x.query = text(query)
	if bytes.IndexByte(path, '%') >= 0 {
		if plain, err := url.PathUnescape(text(path)); err == nil {
			path = []byte(plain)
		}
	}
	signature, n := r.Watched(fieldSignature)
	signed := len(signature) > 0 || n > 1
	if !signed {
		if err := w.checkOrigin(r); err != nil {
			return err
		}
	}
	if x.endpoint = w.endpointOf(path); x.endpoint == nil {
		return &avap.Error{Code: codeNotFound, Msg: "there is nothing at this path"}
	}
	if err := checkMethod(r, x.endpoint); err != nil || !x.endpoint.signed {
		return err
	}
	if !signed {
		return w.checkUnsigned(x.endpoint)
	}
	return w.checkSignature(r, x, signature, n)
}

// pathOf returns path and query of a target, which may be a whole URL.
func pathOf(target []byte) []byte {
	if len(target) > 0 && target[0] != '/' {
		if i := bytes.Index(target, []byte("://")); i >= 0 {
			if j := bytes.IndexByte(target[i+3:], '/'); j >= 0 {
				return target[i+3+j:]
			}
			return []byte("/")
		}
	}
	return target
}

func checkMethod(r *httpd.Request, e *endpoint) error {
	method := r.Header.Method()
	if string(method) == e.method || e.method == http.MethodGet && string(method) == http.MethodHead {
		return nil
	}
	allowed := e.method
	if allowed == http.MethodGet {
		allowed = "GET, HEAD"
	}
	r.Field("Allow", allowed)
	return &avap.Error{Code: codeMethod, Msg: e.path + " takes " + e.method + " alone"}
}

// checkUnsigned refuses a request without a signature, unless the worker is open to such
// requests at this endpoint.
func (w *Worker) checkUnsigned(e *endpoint) error {
	open := w.opt.Unsigned
	if e == endpointCompile {
		open = w.opt.LoopbackOnly
	}
	if open {
		return nil
	}
	return &seal.Error{Code: seal.CodeMissing, Msg: "the request is not signed: " + seal.HeaderName + " is missing"}
}

// checkSignature checks form, key and time of a signature: the first of n header fields,
// of which there must be one.
func (w *Worker) checkSignature(r *httpd.Request, x *exchange, value []byte, n int) error {
	if w.opt.Verifier == nil {
		return &avap.Error{Code: codeSignature, Msg: "the signature's key is unknown"}
	}
	values := [2]string{text(value)}
	err := w.opt.Verifier.ParseHeaderAt(&x.header, values[:min(n, len(values))], r.Now())
	x.signed = err == nil
	return err
}

// verify checks the MAC of a signed request, over the bytes as they came.
func (w *Worker) verify(r *httpd.Request, x *exchange) error {
	return w.opt.Verifier.Verify(&x.header, text(r.Header.Method()), text(r.Header.RequestURI()), r.Body)
}

// Serve answers a request whose body is there.
func (h handler) Serve(r *httpd.Request) {
	x := r.User.(*exchange)
	if r.AtOnce() { // as nearly all do: that spares a look at the clock
		x.stages[telemetry.StageRead] = atOnce
	} else {
		x.mark(r, telemetry.StageRead)
	}
	x.endpoint.serve(h.w, r, x)
}

// Done counts the request.
func (h handler) Done(r *httpd.Request) {
	if x, ok := r.User.(*exchange); ok {
		h.w.observe(r, x)
		x.begun = false
	}
}

func (w *Worker) serveHealth(r *httpd.Request, _ *exchange) {
	r.Answer(http.StatusOK, append(r.Buffer(), w.health...))
}

// serveReady answers with a status alone: the reasons are the operator's.
func (w *Worker) serveReady(r *httpd.Request, _ *exchange) {
	status := http.StatusOK
	if !w.ready() {
		status = http.StatusServiceUnavailable
	}
	r.Answer(status, r.Buffer())
}

func (w *Worker) serveRoot(r *httpd.Request, _ *exchange) {
	r.Field("Location", "/health")
	r.Answer(http.StatusFound, r.Buffer())
}

// checkOrigin refuses unsigned requests that a web page of another origin sends, and on
// a developer's worker those that address it by a name other than this machine's own.
func (w *Worker) checkOrigin(r *httpd.Request) error {
	host := text(r.Header.Host())
	if w.opt.LoopbackOnly && !loopback(host) {
		return &avap.Error{Code: codeOrigin, Msg: "this worker answers requests to localhost alone"}
	}
	origin, n := r.Watched(fieldOrigin)
	if n == 0 {
		return nil
	}
	if n == 1 {
		if u, err := url.Parse(string(origin)); err == nil && u.Host != "" && strings.EqualFold(u.Host, host) {
			return nil
		}
	}
	return &avap.Error{Code: codeOrigin, Msg: "requests of other origins are refused"}
}

// loopback reports whether a Host header names this machine.
func loopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// text reads bytes of a request as text without a copy. It is valid as long as they
// are, and must not be kept.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
