// This file holds W3C's trace context as it comes in.

package telemetry

import (
	"encoding/hex"

	"go.opentelemetry.io/otel/trace"
)

// mostState is how long a tracestate may be, in bytes; a longer one is dropped, as
// the standard allows.
const mostState = 512

// parseParent reads a traceparent as "Trace Context" of the W3C has it (level 2,
// section 3.2): version, trace id, span id and flags in lower-case hexadecimal
// digits, ids that are not all zero, nothing after them in version 00. It
// allocates nothing.
func parseParent(b []byte) (c trace.SpanContextConfig, ok bool) {
	const size = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(b) < size || len(b) > mostState || b[2] != '-' || b[35] != '-' || b[52] != '-' {
		return c, false
	}
	var version, flags [1]byte
	if !lowerHex(version[:], b[:2]) || !lowerHex(c.TraceID[:], b[3:35]) || !lowerHex(c.SpanID[:], b[36:52]) || !lowerHex(flags[:], b[53:55]) {
		return c, false
	}
	switch {
	case version[0] == 0xff, version[0] == 0 && len(b) > size, len(b) > size && b[size] != '-':
		return c, false
	}
	c.TraceFlags = trace.TraceFlags(flags[0]) & (trace.FlagsSampled | trace.FlagsRandom)
	c.Remote = true
	return c, c.TraceID.IsValid() && c.SpanID.IsValid()
}

// lowerHex decodes lower-case hexadecimal digits.
func lowerHex(dst, digits []byte) bool {
	for _, c := range digits {
		if 'A' <= c && c <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(dst, digits)
	return err == nil
}

// parseState reads a tracestate; one that is malformed counts as none.
func parseState(b []byte) trace.TraceState {
	if len(b) == 0 || len(b) > mostState {
		return trace.TraceState{}
	}
	state, err := trace.ParseTraceState(string(b))
	if err != nil {
		return trace.TraceState{}
	}
	return state
}
