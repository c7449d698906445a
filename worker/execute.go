// This file holds POST /api/v1/execute.

package worker

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/netip"
	"strings"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/vm"
	"github.com/avap-framework/avap/worker/httpd"
	"github.com/avap-framework/avap/worker/telemetry"
)

// packageType is the content type of a body that is a package.
const packageType = "application/vnd.avap.package"

// largeScript is the size in bytes above which a script is compiled in the slow lane:
// compiling it takes milliseconds.
const largeScript = 32 << 10

// quickBody is the size in bytes up to which verifying a body takes only a few
// microseconds, which is less than the shortest bucket of a histogram.
const quickBody = 4 << 10

// quickAnswer is the memory in bytes up to which an execution's answer is certainly
// written within a few microseconds.
const quickAnswer = 4 << 10

// Limiter bounds how many requests callers send. It must be safe for concurrent use.
type Limiter interface {
	// ByKey counts a verified request of a key, ByAddress one of an address. If that
	// is one too many, ok is false, and the next is admitted after retryAfter.
	ByKey(kid string) (retryAfter time.Duration, ok bool)
	ByAddress(addr netip.Addr) (retryAfter time.Duration, ok bool)
	// ClientAddress returns the address of the caller: that of the peer, or if the peer
	// is a trusted proxy, the one that X-Forwarded-For names.
	ClientAddress(peer netip.Addr, forwardedFor ...string) netip.Addr
}

// execution is one execution, with its request and the catalog that it runs against.
type execution struct {
	*avap.Execution
	ctx      context.Context
	exchange *exchange
	catalog  *Catalog
}

// execute runs one script.
func (w *Worker) execute(r *httpd.Request, x *exchange) {
	if err := w.admit(r, x, w.run); err != nil {
		w.fail(r, x, err)
	}
}

// run reads the body, finds the program, runs it, and answers.
func (w *Worker) run(r *httpd.Request, x *exchange, e *execution) error {
	e.Grant(w.grants(x))
	program, err := w.read(e, r)
	if err != nil {
		return err
	}
	if err := e.SetQuery(x.query); err != nil {
		return err
	}
	_, span := w.opt.Tracer.Start(e.ctx, telemetry.StageRun)
	err = e.Run(program)
	x.markRun(r, e, err == nil && e.Machine().Taken() <= quickAnswer)
	if err != nil {
		span.End(codeOf(err))
		return err
	}
	span.End("")
	answer, err := e.AppendAnswer(r.Buffer())
	if err != nil {
		return err
	}
	r.Answer(e.Status(), answer)
	return nil
}

// admit verifies a request, counts it against its rate, waits for a place, and then calls
// do with an execution for it.
func (w *Worker) admit(r *httpd.Request, x *exchange, do func(*httpd.Request, *exchange, *execution) error) error {
	if x.signed {
		err := w.verify(r, x)
		if len(r.Body) <= quickBody {
			x.stages[telemetry.StageVerify] = atOnce
		} else {
			x.mark(r, telemetry.StageVerify)
		}
		if err != nil {
			return err
		}
	}
	if err := w.limit(r, x); err != nil {
		return err
	}
	catalog := w.opt.Catalog()
	if catalog == nil {
		return &avap.Error{Code: codeCatalog, Msg: "the worker has no catalog yet: try again later"}
	}
	if err := w.lanes.Enter(&x.turns.Ticket); err != nil {
		return err
	}
	x.turns.begin(r)
	defer x.endTurns()
	ctx := context.Context(&x.turns)
	ctx, x.span = w.beginSpan(ctx, r, x)
	e := &x.execution
	*e = execution{
		Execution: catalog.engine.Begin(ctx, w.opt.Limits, &x.turns),
		ctx:       ctx, exchange: x, catalog: catalog,
	}
	defer e.End()
	return do(r, x, e)
}

// beginSpan begins the span of a request, as part of the caller's trace if there is one.
func (w *Worker) beginSpan(ctx context.Context, r *httpd.Request, x *exchange) (context.Context, telemetry.Span) {
	parent, n := r.Watched(fieldParent)
	if len(parent) == 0 && !w.opt.Tracer.Enabled() {
		return ctx, telemetry.Span{}
	}
	if n > 1 {
		parent = nil
	}
	var states []string
	for v := range r.Values("tracestate") {
		states = append(states, string(v))
	}
	return w.opt.Tracer.Begin(ctx, x.endpoint.label, parent, []byte(strings.Join(states, ",")))
}

// limit counts the request against its key's or its address's rate.
func (w *Worker) limit(r *httpd.Request, x *exchange) error {
	if w.opt.Limiter == nil {
		return nil
	}
	var after time.Duration
	var ok bool
	if x.signed {
		after, ok = w.opt.Limiter.ByKey(x.header.KeyID)
	} else {
		var forwarded []string
		for v := range r.Values("x-forwarded-for") {
			forwarded = append(forwarded, text(v))
		}
		after, ok = w.opt.Limiter.ByAddress(w.opt.Limiter.ClientAddress(r.Remote.Addr(), forwarded...))
	}
	if ok {
		return nil
	}
	return &limited{after}
}

// grants returns what the request's script may reach.
func (w *Worker) grants(x *exchange) avap.Capability {
	if x.signed {
		return w.opt.Grants
	}
	return w.opt.UnsignedGrants
}

// read reads the body into the execution, and returns the program that it asks for.
func (w *Worker) read(e *execution, r *httpd.Request) (*avap.Program, error) {
	if isPackage(r.Header.ContentType()) {
		return w.packaged(e, r.Body)
	}
	q := &e.exchange.request
	*q = request{e: e, field: q.field, raw: q.raw}
	if q.field == nil { // made once, not for each request
		q.field, q.raw = q.takeField, q.takeScript
	}
	if err := e.Machine().ParseObjectRaw(r.Body, q.field, "script", q.raw); err != nil {
		return nil, asBadRequest(err)
	}
	switch {
	case q.script != nil && !q.pkg.IsUnset():
		return nil, badRequest(`the body has both "script" and "package": send one of them`)
	case q.script != nil:
		if err := q.nameIsParameter(); err != nil {
			return nil, err
		}
		return w.sent(e, r.Body, q.script, q.at)
	case !q.pkg.IsUnset():
		if err := q.nameIsParameter(); err != nil {
			return nil, err
		}
		b, err := decodePackage(e, q.pkg.Str())
		if err != nil {
			return nil, err
		}
		return w.packaged(e, b)
	case q.name.Kind() == vm.String:
		return w.stored(e, q.name.Str())
	case !q.name.IsUnset():
		return nil, badRequest(`"name" must be text`)
	}
	return nil, badRequest(`the body has no "script", "package" or "name"`)
}

// isPackage reports whether a content type, perhaps with parameters, is that of packages.
func isPackage(contentType []byte) bool {
	if len(contentType) < len(packageType) {
		return false
	}
	media, _, _ := bytes.Cut(contentType, []byte(";"))
	return bytes.EqualFold(bytes.TrimSpace(media), []byte(packageType))
}

// asBadRequest turns an error in the body's JSON into one of the request.
func asBadRequest(err error) error {
	if all := avap.Errors(err); len(all) > 0 && (all[0].Code == vm.CodeRuntime || all[0].Code == vm.CodeType) {
		return badRequest(all[0].Msg)
	}
	return err
}

// decodePackage decodes a package that a body holds as base64, charged to the execution.
func decodePackage(e *execution, encoded string) ([]byte, error) {
	n := base64.StdEncoding.DecodedLen(len(encoded))
	if err := e.Machine().Charge(n); err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, badRequest(`"package" is not base64`)
	}
	return b, nil
}

// request is the body of an execute request, read into the execution.
type request struct {
	e         *execution
	script    []byte // as it stands in the body, still escaped; nil if there is none
	at        int    // its offset in the body
	pkg, name vm.Value
	field     vm.FieldFunc
	raw       vm.RawFunc
}

// takeScript takes the script as it stands in the body.
func (q *request) takeScript(text []byte, at int) error {
	q.script, q.at = text[:len(text):len(text)], at
	return nil
}

// takeField takes one top-level key of the body.
func (q *request) takeField(key string, v vm.Value) error {
	switch key {
	case "script":
		return badRequest(`"script" must be text`)
	case "package":
		if v.Kind() != vm.String {
			return badRequest(`"package" must be text`)
		}
		q.pkg = v
		return nil
	case "name":
		q.name = v
		return nil
	case "variables":
		return q.variables(v)
	case "return":
		only, err := onlyResult(v)
		if err != nil {
			return err
		}
		q.e.Only = only
		return nil
	}
	return q.e.SetParameter(key, v)
}

// nameIsParameter makes "name" a parameter: beside a script or a package it names no
// stored script.
func (q *request) nameIsParameter() error {
	if q.name.IsUnset() {
		return nil
	}
	return q.e.SetParameter("name", q.name)
}

// variables takes "variables": an object, or null.
func (q *request) variables(v vm.Value) error {
	if v.IsNone() {
		return nil
	}
	if v.Kind() != vm.Dict {
		return badRequest(`"variables" must be an object`)
	}
	for key, value := range v.Entries() {
		if err := q.e.SetVariable(key.Str(), value); err != nil {
			return err
		}
	}
	return nil
}

// onlyResult reads `"return": ["result"]`.
func onlyResult(v vm.Value) (bool, error) {
	items := v.Items()
	if v.Kind() != vm.List || len(items) != 1 || items[0].Str() != "result" {
		return false, badRequest(`"return" must be ["result"]`)
	}
	return true, nil
}
