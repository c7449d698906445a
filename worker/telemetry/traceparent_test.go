// This file holds the reading of trace context to the standard's rules, and to
// OpenTelemetry's own reader.

package telemetry

import (
	"context"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const goodParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestParseParent(t *testing.T) {
	for _, tt := range []struct {
		name, parent string
		ok           bool
	}{
		{"as the standard shows it", goodParent, true},
		{"not sampled", goodParent[:53] + "00", true},
		{"unknown flags", goodParent[:53] + "ff", true},
		{"a version of tomorrow", "cc" + goodParent[2:], true},
		{"a version of tomorrow with more", "cc" + goodParent[2:] + "-what-else", true},
		{"a version of tomorrow with more, not set off", "cc" + goodParent[2:] + "x", false},
		{"version ff", "ff" + goodParent[2:], false},
		{"more in version 00", goodParent + "-01", false},
		{"nothing", "", false},
		{"cut short", goodParent[:54], false},
		{"capital letters", "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
		{"no digits", "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", false},
		{"no trace", "00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
		{"no span", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
		{"other dashes", "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01", false},
		{"spaces", " " + goodParent, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, ok := parseParent([]byte(tt.parent))
			if ok != tt.ok {
				t.Fatalf("taken: %v, want %v", ok, tt.ok)
			}
			if ok && (c.TraceID.String() != goodParent[3:35] || c.SpanID.String() != goodParent[36:52] || !c.Remote) {
				t.Errorf("read as %v", c)
			}
		})
	}
}

// FuzzTraceContext reads any header as OpenTelemetry's propagator does, which
// takes a dash behind version 00 and any length, and no flags that it does not
// know.
func FuzzTraceContext(f *testing.F) {
	for _, p := range []string{goodParent, "cc" + goodParent[2:] + "-x", "ff" + goodParent[2:], goodParent + "-", ""} {
		f.Add(p, "a=1,b@c=2")
	}
	f.Add(goodParent, "a=1,a=2")
	f.Add(goodParent, ",=")
	f.Fuzz(func(t *testing.T, parent, state string) {
		h := http.Header{"Traceparent": {parent}, "Tracestate": {state}}
		ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(h))
		theirs := trace.SpanContextFromContext(ctx)
		c, ok := parseParent([]byte(parent))
		c.TraceState = parseState([]byte(state))
		ours := trace.NewSpanContext(c)
		unknownFlags := ok && parent[:2] == "00" && parent[53:] > "03"
		switch {
		case unknownFlags:
		case ok && !theirs.IsValid(), !ok && theirs.IsValid() && len(parent) == len(goodParent):
			t.Errorf("%q: taken is %v, OpenTelemetry says %v", parent, ok, theirs.IsValid())
		case ok && (ours.TraceID() != theirs.TraceID() || ours.SpanID() != theirs.SpanID() || ours.IsSampled() != theirs.IsSampled()):
			t.Errorf("%q: %v, OpenTelemetry says %v", parent, ours, theirs)
		case ok && len(state) <= mostState && ours.TraceState().String() != theirs.TraceState().String():
			t.Errorf("%q: state %q, OpenTelemetry says %q", state, ours.TraceState(), theirs.TraceState())
		}
	})
}
