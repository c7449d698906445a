// The headers that carry an execution's context to other programs.

package httpclient_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/httpclient"
)

// traceKey is where the tests' contexts keep their traceparent.
type traceKey struct{}

const (
	ours   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

// propagate writes the context's trace, as a propagator of OpenTelemetry does.
func propagate(o *httpclient.Options) {
	o.Propagate = func(ctx context.Context, header http.Header) {
		if trace, ok := ctx.Value(traceKey{}).(string); ok {
			header.Set("traceparent", trace)
			header.Set("tracestate", "avap=1")
			header.Set("baggage", "user=7")
		}
	}
}

func TestPropagate(t *testing.T) {
	var got http.Header
	record := func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Clone() }
	away := serve(t, "127.0.0.2", record)
	server := serve(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, away.URL, http.StatusTemporaryRedirect)
		case "/stay":
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
		default:
			record(w, r)
		}
	})
	client := newClient(t, "127.0.0.0/8", propagate)
	traced := context.WithValue(t.Context(), traceKey{}, ours)

	for _, tt := range []struct {
		name    string
		ctx     context.Context
		method  string
		path    string
		headers string // of the script, name=value
		want    string // traceparent, tracestate, baggage
	}{
		{"get", traced, "GET", "/", "", ours + " avap=1 user=7"},
		{"post", traced, "POST", "/", "", ours + " avap=1 user=7"},
		{"no trace", t.Context(), "GET", "/", "", "- - -"},
		{"redirect on the host", traced, "POST", "/stay", "", ours + " avap=1 user=7"},
		{"redirect to another host", traced, "GET", "/away", "", "- - -"},
		{"POST redirected to another host", traced, "POST", "/away", "", "- - -"},
		{"the script's own", traced, "GET", "/", "traceparent=" + theirs, theirs + " - user=7"},
		{"the script's own, whole", traced, "GET", "/", "TraceParent=" + theirs + " TRACESTATE=x=1 Baggage=y=2", theirs + " x=1 y=2"},
		{"the script's own, to another host", traced, "GET", "/away", "traceparent=" + theirs, "- - -"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := &host.Request{Method: tt.method, URL: server.URL + tt.path}
			if tt.method == "POST" {
				req.Body = []byte("body")
			}
			for field := range strings.FieldsSeq(tt.headers) {
				name, value, _ := strings.Cut(field, "=")
				req.Headers = append(req.Headers, host.Header{Name: name, Value: value})
			}
			got = nil
			if _, err := client.Do(tt.ctx, req); err != nil {
				t.Fatal(err)
			}
			var sent []string
			for _, name := range []string{"Traceparent", "Tracestate", "Baggage"} {
				value := strings.Join(got[name], ",")
				if value == "" {
					value = "-"
				}
				sent = append(sent, value)
			}
			if diff := cmp.Diff(tt.want, strings.Join(sent, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
