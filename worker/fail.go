// This file holds failures: codes, HTTP statuses, the body of the answer.

package worker

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/vm"
	"github.com/avap-framework/avap/worker/httpd"
	"github.com/avap-framework/avap/worker/rate"
	"github.com/avap-framework/avap/worker/telemetry"
)

// Codes of the worker itself, beside those of scripts.
const (
	codeBadRequest   avap.ErrorCode = "bad_request"
	codeBodyTooLarge avap.ErrorCode = "body_too_large"
	codeOrigin       avap.ErrorCode = "origin_denied"
	codeNotFound     avap.ErrorCode = "not_found"
	codeScript       avap.ErrorCode = "unknown_script"
	codeMethod       avap.ErrorCode = "method_not_allowed"
	codeRate         avap.ErrorCode = "rate_limited"
	codeCatalog      avap.ErrorCode = "catalog_unavailable"
	codeDraining     avap.ErrorCode = "draining"
	codeSignature                   = avap.ErrorCode(seal.CodeInvalid)
	codeInternal                    = vm.CodeInternal
)

// statuses are the HTTP statuses of codes; any other code is answered with 400.
var statuses = map[avap.ErrorCode]int{
	codeBodyTooLarge: http.StatusRequestEntityTooLarge,
	codeOrigin:       http.StatusForbidden,
	codeNotFound:     http.StatusNotFound,
	codeScript:       http.StatusNotFound,
	codeMethod:       http.StatusMethodNotAllowed,
	codeRate:         http.StatusTooManyRequests,
	codeCatalog:      http.StatusServiceUnavailable,
	codeDraining:     http.StatusServiceUnavailable,
	codeInternal:     http.StatusInternalServerError,

	avap.ErrorCode(seal.CodeMissing):  http.StatusUnauthorized,
	avap.ErrorCode(seal.CodeInvalid):  http.StatusUnauthorized,
	avap.ErrorCode(seal.CodeExpired):  http.StatusUnauthorized,
	avap.ErrorCode(seal.CodeReplayed): http.StatusUnauthorized,

	vm.CodeCapability: http.StatusForbidden,
	vm.CodeAddress:    http.StatusForbidden,
	vm.CodeIntegrity:  http.StatusUnauthorized,
	vm.CodeOverloaded: http.StatusServiceUnavailable,
	vm.CodeTime:       http.StatusGatewayTimeout,
}

// retryAfter is how many seconds a caller that was refused for load should wait.
const retryAfter = 1

func badRequest(msg string) *avap.Error { return &avap.Error{Code: codeBadRequest, Msg: msg} }

// limited is the error of a caller that sends more than it may.
type limited struct{ after time.Duration }

func (*limited) Error() string { return "too many requests" }

// fail answers with an error, or with the first of several. If the caller has gone it
// ends the connection instead.
func (w *Worker) fail(r *httpd.Request, x *exchange, err error) {
	x.refusal = refusalOf(err)
	e := w.failure(x, err)
	x.code = e.Code
	if e.Code == vm.CodeCancelled && errors.Is(e, context.Canceled) {
		r.Abort = true
		return
	}
	status, ok := statuses[e.Code]
	if !ok {
		status = http.StatusBadRequest
	}
	w.answerFailure(r, x, status, e)
}

// failure turns an error into one that callers may see. A defect is logged, and tells
// them nothing of itself.
func (w *Worker) failure(x *exchange, err error) *avap.Error {
	var sealed *seal.Error
	var slow *limited
	all := avap.Errors(err)
	switch {
	case errors.As(err, &sealed):
		return &avap.Error{Code: avap.ErrorCode(sealed.Code), Msg: sealed.Msg}
	case errors.As(err, &slow):
		return &avap.Error{Code: codeRate, Msg: slow.Error(), Err: slow}
	case len(all) > 0 && all[0].Code != codeInternal:
		return all[0]
	case len(all) > 0:
		w.opt.Log.Error("a defect", "request_id", string(x.id), "error", all[0].Msg, "cause", all[0].Err)
	default:
		w.opt.Log.Error("a defect", "request_id", string(x.id), "error", err)
	}
	return &avap.Error{Code: codeInternal, Msg: "internal error"}
}

// Refuse answers a request that could not be read. The id and endpoint that Head may have
// found are kept.
func (h handler) Refuse(r *httpd.Request, why httpd.Problem) {
	w := h.w
	x, ok := r.User.(*exchange)
	if ok && x.begun {
		r.FieldBytes("X-Request-Id", x.id)
	} else {
		x = w.begin(r)
	}
	status, e := http.StatusBadRequest, badRequest("the request is not HTTP/1.1 that can be read without doubt")
	switch why {
	case httpd.HeaderTooLarge:
		status, e = http.StatusRequestHeaderFieldsTooLarge, badRequest("the request's line and headers are larger than 32 KiB")
	case httpd.BodyTooLarge:
		status = http.StatusRequestEntityTooLarge
		e = &avap.Error{Code: codeBodyTooLarge, Msg: "the request's body is larger than " + strconv.Itoa(w.opt.MaxBody) + " bytes"}
	case httpd.Overloaded:
		status = http.StatusServiceUnavailable
		e = &avap.Error{Code: vm.CodeOverloaded, Msg: "too many large requests at a time: try again later"}
	case httpd.TooSlow:
		e = badRequest("the request did not arrive: it took too long")
	case httpd.Broken:
		e = badRequest("the request did not arrive: the connection broke")
	case httpd.Defect:
		status, e = http.StatusInternalServerError, &avap.Error{Code: codeInternal, Msg: "internal error"}
	}
	if why == httpd.HeaderTooLarge || why == httpd.Malformed {
		x.refusal = telemetry.RefusedHeader
	}
	x.code = e.Code
	w.answerFailure(r, x, status, e)
}

// answerFailure writes the answer of a failure.
func (w *Worker) answerFailure(r *httpd.Request, x *exchange, status int, e *avap.Error) {
	var slow *limited
	if errors.As(e, &slow) {
		r.Field("Retry-After", strconv.Itoa(rate.Seconds(slow.after)))
	} else if status == http.StatusServiceUnavailable {
		r.Field("Retry-After", strconv.Itoa(retryAfter))
	}
	r.Answer(status, appendFailure(r.Buffer(), x.id, e))
}

// appendFailure appends the body of a failure.
func appendFailure(dst, id []byte, e *avap.Error) []byte {
	dst = vm.AppendQuoted(append(dst, `{"success":false,"error":`...), e.Error())
	dst = vm.AppendQuoted(append(dst, `,"code":`...), string(e.Code))
	if e.Line > 0 {
		dst = strconv.AppendInt(append(dst, `,"line":`...), int64(e.Line), 10)
	}
	if e.Col > 0 {
		dst = strconv.AppendInt(append(dst, `,"column":`...), int64(e.Col), 10)
	}
	dst = vm.AppendQuoted(append(dst, `,"request_id":`...), string(id))
	return append(dst, '}')
}

// quote writes a text in JSON.
func quote(s string) string { return string(vm.AppendQuoted(nil, s)) }
