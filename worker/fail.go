// This file holds failures: codes, HTTP statuses, the body of the answer.

package worker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/vm"
)

// Codes of the door itself.
const (
	codeBadRequest   avap.ErrorCode = "bad_request"
	codeBodyTooLarge avap.ErrorCode = "body_too_large"
	codeOrigin       avap.ErrorCode = "origin_denied"
	codeNotFound     avap.ErrorCode = "not_found"
	codeMethod       avap.ErrorCode = "method_not_allowed"
	codeInternal                    = vm.CodeInternal
)

// statuses are the HTTP statuses of codes; of any other code it is 400.
var statuses = map[avap.ErrorCode]int{
	codeBodyTooLarge:  http.StatusRequestEntityTooLarge,
	codeOrigin:        http.StatusForbidden,
	codeNotFound:      http.StatusNotFound,
	codeMethod:        http.StatusMethodNotAllowed,
	codeInternal:      http.StatusInternalServerError,
	vm.CodeCapability: http.StatusForbidden,
	vm.CodeAddress:    http.StatusForbidden,
	vm.CodeIntegrity:  http.StatusUnauthorized,
	vm.CodeOverloaded: http.StatusServiceUnavailable,
	vm.CodeTime:       http.StatusGatewayTimeout,
}

func badRequest(msg string) *avap.Error { return &avap.Error{Code: codeBadRequest, Msg: msg} }

// failure is the body of an answer that failed.
type failure struct {
	Success   bool           `json:"success"`
	Error     string         `json:"error"`
	Code      avap.ErrorCode `json:"code"`
	Line      int            `json:"line,omitempty"`
	Column    int            `json:"column,omitempty"`
	RequestID string         `json:"request_id"`
}

// fail answers with an error: of several the first. Where nobody listens any
// more it ends the connection instead.
func (w *Worker) fail(out http.ResponseWriter, id string, err error) {
	e := &avap.Error{Code: codeInternal, Msg: "internal error", Err: err}
	if all := avap.Errors(err); len(all) > 0 {
		e = all[0]
	}
	if e.Code == vm.CodeCancelled && errors.Is(e, context.Canceled) {
		panic(http.ErrAbortHandler)
	}
	if e.Code == codeInternal {
		w.opt.Log.Error("a defect", "request_id", id, "error", e.Msg, "cause", e.Err)
		e = &avap.Error{Code: codeInternal, Msg: "internal error"}
	}
	status, ok := statuses[e.Code]
	if !ok {
		status = http.StatusBadRequest
	}
	writeFailure(out, id, status, e)
}

func writeFailure(out http.ResponseWriter, id string, status int, e *avap.Error) {
	body, err := marshal(failure{Error: e.Error(), Code: e.Code, Line: e.Line, Column: e.Col, RequestID: id})
	if err != nil {
		body = []byte(`{"success":false,"error":"internal error","code":"internal","request_id":` + strconv.Quote(id) + `}`)
	}
	writeJSON(out, status, body)
}

// marshal writes JSON that is unescaped but for what JSON demands.
func marshal(v any) ([]byte, error) {
	var buf jsonBuffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	if n := len(buf); n > 0 && buf[n-1] == '\n' {
		buf = buf[:n-1]
	}
	return buf, err
}

type jsonBuffer []byte

func (b *jsonBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

func quote(s string) string {
	b, err := marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}
