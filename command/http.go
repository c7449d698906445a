// This file holds the commands that send HTTP requests.

package command

import (
	"context"
	"mime"
	"net/url"
	"strings"
	"unsafe"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/vm"
)

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// RequestGet(url, querystring, headers, o_result)
func (l *library) requestGet(m *vm.Machine, args []vm.Value) error {
	req, err := newRequest(m, "GET", args)
	if err != nil {
		return err
	}
	args[3], err = l.send(m, req)
	return err
}

// RequestPost(url, querystring, headers, body, o_result)
func (l *library) requestPost(m *vm.Machine, args []vm.Value) error {
	req, err := newRequest(m, "POST", args)
	if err != nil {
		return err
	}
	if err := setBody(m, req, args[3]); err != nil {
		return err
	}
	args[4], err = l.send(m, req)
	return err
}

// newRequest makes a request of the first three arguments: url, querystring, headers.
func newRequest(m *vm.Machine, method string, args []vm.Value) (*host.Request, error) {
	if !args[0].IsString() {
		return nil, wrongKind("url", "text", args[0])
	}
	if err := work(m, len(args[0].Str())); err != nil {
		return nil, err
	}
	req := &host.Request{Method: method, URL: strings.TrimSpace(args[0].Str()), Grow: m.Charge}
	if req.URL == "" {
		return nil, failed("url is empty")
	}
	query, err := dictArgument(m, args[1], "querystring")
	if err != nil {
		return nil, err
	}
	encoded, err := formEncode(m, query)
	if err != nil {
		return nil, err
	}
	req.URL = withQuery(req.URL, encoded)
	headers, err := dictArgument(m, args[2], "headers")
	if err != nil {
		return nil, err
	}
	for name, v := range headers.Entries() {
		if v.IsNone() {
			continue
		}
		field, err := headerField(m, name, v)
		if err != nil {
			return nil, err
		}
		req.Headers = append(req.Headers, field)
	}
	return req, nil
}

// headerField makes a header field of a key and its value.
func headerField(m *vm.Machine, name, v vm.Value) (host.Header, error) {
	if err := m.Charge(64); err != nil {
		return host.Header{}, err
	}
	n, err := m.TextOf(name)
	if err != nil {
		return host.Header{}, err
	}
	text, err := scalarText(m, v, "headers: the value of "+clip(n.Str()))
	if err != nil {
		return host.Header{}, err
	}
	return host.Header{Name: n.Str(), Value: text.Str()}, m.Work(4)
}

// dictArgument reads an argument that is a dict, or text that holds one; None and
// empty text are the zero Value, which has no entries.
func dictArgument(m *vm.Machine, v vm.Value, param string) (vm.Value, error) {
	switch {
	case isEmpty(v):
		return vm.Value{}, nil
	case v.Kind() == vm.Dict:
		return v, nil
	case v.IsString():
		return dictFromText(m, v.Str(), param)
	}
	return vm.Value{}, wrongKind(param, "a dict, or text that holds one", v)
}

// formEncode writes a dict form-encoded, in its order: a list repeats its key,
// None is left out.
func formEncode(m *vm.Machine, d vm.Value) (string, error) {
	var b strings.Builder
	for key, v := range d.Entries() {
		name, err := m.TextOf(key)
		if err != nil {
			return "", err
		}
		values := v.Items()
		if k := v.Kind(); k != vm.List && k != vm.Tuple {
			values = []vm.Value{v}
		}
		for _, v := range values {
			if v.IsNone() {
				continue
			}
			if err := writePair(m, &b, name, v); err != nil {
				return "", err
			}
		}
	}
	return b.String(), nil
}

func writePair(m *vm.Machine, b *strings.Builder, name, v vm.Value) error {
	text, err := m.TextOf(v)
	if err != nil {
		return err
	}
	if b.Len() > 0 {
		b.WriteByte('&')
	}
	if err := writeEscaped(m, b, name.Str()); err != nil {
		return err
	}
	b.WriteByte('=')
	return writeEscaped(m, b, text.Str())
}

// writeEscaped writes a text form-encoded.
func writeEscaped(m *vm.Machine, b *strings.Builder, s string) error {
	for s != "" {
		n := min(len(s), scanPiece)
		if err := m.Charge(6*n + 2); err != nil { // a byte may become three, in a builder that doubles
			return err
		}
		if err := work(m, 4*n); err != nil {
			return err
		}
		b.WriteString(url.QueryEscape(s[:n]))
		s = s[n:]
	}
	return nil
}

// withQuery appends a query to that of a URL, before its fragment.
func withQuery(target, query string) string {
	if query == "" {
		return target
	}
	target, fragment, _ := strings.Cut(target, "#")
	switch {
	case !strings.Contains(target, "?"):
		target += "?"
	case !strings.HasSuffix(target, "?") && !strings.HasSuffix(target, "&"):
		target += "&"
	}
	target += query
	if fragment != "" {
		target += "#" + fragment
	}
	return target
}

// setBody puts a body on a request.
func setBody(m *vm.Machine, req *host.Request, body vm.Value) error {
	declared := contentType(req.Headers)
	switch body.Kind() {
	case vm.None, vm.Unset:
		return nil
	case vm.Dict, vm.List, vm.Tuple:
		if declared == typeForm {
			return setForm(m, req, body)
		}
		text, err := m.JSON(body)
		if err != nil {
			return err
		}
		req.Body = text
		declareJSON(req, declared)
		return nil
	}
	text, err := m.TextOf(body)
	if err != nil {
		return err
	}
	if err := m.Charge(len(text.Str())); err != nil {
		return err
	}
	s := text.Str()
	req.Body = []byte(s)
	if enclosed(s, '{', '}') || enclosed(s, '[', ']') {
		parsed, err := m.ParseJSON(req.Body)
		switch {
		case err != nil && !catchable(err):
			return err
		case err == nil && declared == typeForm && parsed.Kind() == vm.Dict:
			return setForm(m, req, parsed)
		case err == nil:
			declareJSON(req, declared)
		}
	}
	return nil
}

// setForm puts a form-encoded body on a request.
func setForm(m *vm.Machine, req *host.Request, body vm.Value) error {
	if body.Kind() != vm.Dict {
		return wrongKind("body, to be form-encoded,", "a dict", body)
	}
	encoded, err := formEncode(m, body)
	if err != nil {
		return err
	}
	req.Body = []byte(encoded)
	return nil
}

// declareJSON says that the body is JSON, where the script says nothing else.
func declareJSON(req *host.Request, declared string) {
	if declared == "" {
		req.Headers = append(req.Headers, host.Header{Name: "Content-Type", Value: typeJSON})
	}
}

// contentType returns the content type that headers declare, without its
// parameters, "" where there is none.
func contentType(headers []host.Header) string {
	declared := ""
	for _, h := range headers {
		if strings.EqualFold(h.Name, "Content-Type") {
			declared = mediaType(h.Value)
		}
	}
	return declared
}

// mediaType returns a content type without its parameters.
func mediaType(s string) string {
	t, _, err := mime.ParseMediaType(s)
	if err != nil {
		t, _, _ = strings.Cut(s, ";")
		t = strings.ToLower(strings.TrimSpace(t))
	}
	return t
}

// send sends a request and gives the answer as a value.
func (l *library) send(m *vm.Machine, req *host.Request) (vm.Value, error) {
	if l.host.HTTP == nil {
		return vm.Value{}, vm.Errorf(vm.CodeHTTP, "this engine has no HTTP client")
	}
	var resp *host.Response
	err := m.HostCall(vm.CodeHTTP, func(ctx context.Context) (err error) {
		resp, err = l.host.HTTP.Do(ctx, req)
		return err
	})
	if err != nil {
		return vm.Value{}, outside(err, vm.CodeHTTP)
	}
	if resp.Status >= 400 {
		return vm.Value{}, vm.Errorf(vm.CodeHTTP, "%s: the answer has status %d", where(req), resp.Status)
	}
	t := mediaType(resp.ContentType)
	if t != typeJSON && !strings.HasSuffix(t, "+json") {
		return m.Text(unsafe.String(unsafe.SliceData(resp.Body), len(resp.Body))) // which copies it
	}
	if len(strings.TrimSpace(string(resp.Body[:min(len(resp.Body), maxMargin)]))) == 0 {
		return vm.NoneValue(), nil
	}
	v, err := m.ParseJSON(resp.Body)
	if err != nil && catchable(err) {
		return vm.Value{}, vm.Errorf(vm.CodeHTTP, "%s: the answer is no valid JSON: %w", where(req), err)
	}
	return v, err
}

// where says what a request was, without what may be secret in its URL: user,
// path and query.
func where(req *host.Request) string {
	u, err := url.Parse(req.URL)
	if err != nil {
		return req.Method
	}
	rest := ""
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		rest = "/…"
	}
	return req.Method + " " + clip(u.Scheme+"://"+u.Host) + rest
}
