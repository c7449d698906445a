// This file holds POST /api/v1/execute.

package worker

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/vm"
)

// request is the body of an execute request, read into the execution.
type request struct {
	x      *avap.Execution
	script vm.Value
}

// execute runs one script.
func (w *Worker) execute(out http.ResponseWriter, r *http.Request, id string) {
	body, err := w.readBody(r)
	if err != nil {
		w.fail(out, id, err)
		return
	}
	x := w.opt.Engine.Begin(r.Context(), w.opt.Limits, nil)
	defer x.End()
	answer, err := w.run(x, r.URL.RawQuery, body)
	if err != nil {
		w.fail(out, id, err)
		return
	}
	writeJSON(out, x.Status(), answer)
}

// run reads the body, finds the program, runs it, and gives the answer.
func (w *Worker) run(x *avap.Execution, query string, body []byte) ([]byte, error) {
	script, err := readRequest(x, body)
	if err != nil {
		return nil, err
	}
	if err := x.SetQuery(query); err != nil {
		return nil, err
	}
	program, err := w.programs.get(x, script)
	if err != nil {
		return nil, err
	}
	if err := x.Run(program); err != nil {
		return nil, err
	}
	return x.AppendAnswer(make([]byte, 0, 512))
}

// readBody reads the whole body, which must be within the limit.
func (w *Worker) readBody(r *http.Request) ([]byte, error) {
	tooLarge := &avap.Error{Code: codeBodyTooLarge, Msg: "the request's body is too large"}
	if r.ContentLength > w.opt.MaxBody {
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, w.opt.MaxBody+1))
	if err != nil {
		return nil, badRequest("the request's body did not arrive: " + plainNetError(err))
	}
	if int64(len(body)) > w.opt.MaxBody {
		return nil, tooLarge
	}
	return body, nil
}

// readRequest reads a JSON body into the execution: `variables` become the
// Global pool, other keys parameters. It gives the script.
func readRequest(x *avap.Execution, body []byte) (string, error) {
	q := request{x: x}
	if err := x.Machine().ParseObject(body, q.field); err != nil {
		var e *avap.Error
		if errors.As(err, &e) && (e.Code == vm.CodeRuntime || e.Code == vm.CodeType) {
			return "", badRequest(e.Msg)
		}
		return "", err
	}
	if q.script.IsUnset() {
		return "", badRequest(`the body has no "script"`)
	}
	script := q.script.Str()
	if script == "" {
		return "", badRequest("the script is empty")
	}
	return script, nil
}

// field takes one top-level key of the body.
func (q *request) field(key string, v vm.Value) error {
	switch key {
	case "script":
		if v.Kind() != vm.String {
			return badRequest(`"script" must be text`)
		}
		q.script = v
		return nil
	case "variables":
		return q.variables(v)
	case "package":
		return badRequest("packages are not taken here: send the source as \"script\"")
	case "return":
		only, err := onlyResult(v)
		if err != nil {
			return err
		}
		q.x.Only = only
		return nil
	}
	return q.x.SetParameter(key, v)
}

func (q *request) variables(v vm.Value) error {
	if v.IsNone() {
		return nil
	}
	if v.Kind() != vm.Dict {
		return badRequest(`"variables" must be an object`)
	}
	for key, value := range v.Entries() {
		if err := q.x.SetVariable(key.Str(), value); err != nil {
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

// foreign refuses requests that a web page of another origin sends, and in a
// developer's worker those that came by a name that is not this machine's own.
func (w *Worker) foreign(r *http.Request) error {
	if w.opt.LoopbackOnly && !loopback(r.Host) {
		return &avap.Error{Code: codeOrigin, Msg: "this worker answers requests to localhost alone"}
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
		return &avap.Error{Code: codeOrigin, Msg: "requests of other origins are refused"}
	}
	return nil
}

// loopback tells whether a Host header names this machine.
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

func plainNetError(err error) string {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "it took too long"
	}
	return "the connection broke"
}
