// The header fields that scripts may send, and those that go along with a
// redirect.

package httpclient

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/avap-framework/avap/host"
)

// setHeaders puts the script's header fields on the request.
func setHeaders(out *http.Request, headers []host.Header) error {
	out.Header.Set("User-Agent", defaultAgent)
	out.Header.Set("Accept", "*/*")
	seen := map[string]bool{}
	for _, h := range headers {
		name := textproto.CanonicalMIMEHeaderKey(h.Name)
		value := strings.Trim(h.Value, " \t")
		if err := checkHeader(out, name, value); err != nil {
			return err
		}
		if framing[name] || name == "Accept-Encoding" && !strings.EqualFold(value, "identity") {
			continue // said by the client itself
		}
		if !seen[name] {
			out.Header.Del(name)
			seen[name] = true
		}
		out.Header.Add(name, value)
	}
	return nil
}

// framing names the fields that say where a message ends or who is to read it.
// Two programs that read them differently see different requests, so that only
// the client itself writes them.
var framing = map[string]bool{
	"Connection":          true,
	"Content-Length":      true,
	"Expect":              true,
	"Host":                true,
	"Http2-Settings":      true,
	"Keep-Alive":          true,
	"Proxy-Authenticate":  true,
	"Proxy-Authorization": true,
	"Proxy-Connection":    true,
	"Te":                  true,
	"Trailer":             true,
	"Transfer-Encoding":   true,
	"Upgrade":             true,
}

// checkHeader refuses a field that is malformed, and a framing field that says
// anything else than the client will.
func checkHeader(out *http.Request, name, value string) error {
	if !isToken(name) {
		return invalid("the header name %q is malformed", name)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return invalid("the value of the header %s has control characters", name)
	}
	if framing[name] && !harmless(out, name, value) {
		return invalid("the header %s cannot be set", name)
	}
	return nil
}

// harmless reports whether a framing field says what holds anyway.
func harmless(out *http.Request, name, value string) bool {
	switch name {
	case "Host":
		return strings.EqualFold(value, out.Host)
	case "Content-Length":
		return value == strconv.FormatInt(out.ContentLength, 10)
	case "Connection", "Proxy-Connection":
		return strings.EqualFold(value, "keep-alive") || strings.EqualFold(value, "close")
	case "Keep-Alive":
		return true
	case "Expect":
		return strings.EqualFold(value, "100-continue")
	}
	return false
}

// addContext adds the fields that propagate writes, but for those that are there
// already. A traceparent of the script's own goes with its own tracestate alone.
func addContext(header http.Header, propagate func(http.Header)) {
	fields := make(http.Header)
	propagate(fields)
	if header["Traceparent"] != nil {
		fields.Del("Tracestate")
	}
	for name, values := range fields {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if header[name] == nil {
			header[name] = values
		}
	}
}

func isToken(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// portable names the fields that stay when a redirect leaves the host. Any other
// may be a credential under a name of its own (X-Api-Key, X-Vault-Token …).
var portable = map[string]bool{
	"Accept":          true,
	"Accept-Encoding": true,
	"Accept-Language": true,
	"Cache-Control":   true,
	"Content-Type":    true,
	"Pragma":          true,
	"Range":           true,
	"User-Agent":      true,
}

// dropCredentials removes what is meant for the first host alone.
func dropCredentials(h http.Header) {
	for name := range h {
		if !portable[name] {
			delete(h, name)
		}
	}
}
