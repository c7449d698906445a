// This file holds traces: spans of requests, of their stages and of calls to
// hosts, and the trace context on its way in and out.

package telemetry

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/host"
)

// Tracer makes spans, or where no exporter is configured only hands the callers'
// trace context on. Its zero value does the latter; NewTracer makes one after the
// environment. It is safe for concurrent use.
type Tracer struct {
	provider *sdktrace.TracerProvider // nil: no spans
	tracer   trace.Tracer
	errors   atomic.Uint64
	giveUp   context.CancelFunc // ends all exports; nil without spans
}

// Span is a part of a trace. Its zero value is none: its methods do nothing.
type Span struct{ span trace.Span }

// spanNames are the names of requests' spans.
var spanNames = [numEndpoints]string{
	EndpointOther: "HTTP", EndpointExecute: "POST /api/v1/execute", EndpointCompile: "POST /api/v1/compile",
}

// Enabled tells whether spans are made.
func (t *Tracer) Enabled() bool { return t.tracer != nil }

// Begin starts the span of a request. traceparent and tracestate are the request's
// header fields, nil where there are none; of several traceparent fields none
// counts, of several tracestate fields the caller joins the values by commas.
// What is malformed counts as none. The context that it gives carries the trace to
// Start and Propagate. Without spans it is free for requests without a traceparent.
func (t *Tracer) Begin(ctx context.Context, e Endpoint, traceparent, tracestate []byte) (context.Context, Span) {
	if len(traceparent) > 0 {
		ctx = t.carry(ctx, traceparent, tracestate)
	}
	if t.tracer == nil || e >= numEndpoints || spanNames[e] == "" {
		return ctx, Span{}
	}
	ctx, span := t.tracer.Start(ctx, spanNames[e], trace.WithSpanKind(trace.SpanKindServer))
	return ctx, Span{span}
}

// carry puts the caller's trace context into a context.
func (t *Tracer) carry(ctx context.Context, traceparent, tracestate []byte) context.Context {
	c, ok := parseParent(traceparent)
	if !ok {
		return ctx
	}
	c.TraceState = parseState(tracestate)
	return trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(c))
}

// Start starts the span of a stage within that of a request.
func (t *Tracer) Start(ctx context.Context, s Stage) (context.Context, Span) {
	if t.tracer == nil {
		return ctx, Span{}
	}
	return t.start(ctx, s.String(), trace.SpanKindInternal)
}

func (t *Tracer) start(ctx context.Context, name string, kind trace.SpanKind) (context.Context, Span) {
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind))
	return ctx, Span{span}
}

// Propagate writes the trace context of an execution to the header of a request to
// a host: the span's own, or without spans the caller's as it came. It is meant
// for httpclient.Options.Propagate.
func (t *Tracer) Propagate(ctx context.Context, h http.Header) {
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
}

// End ends a span with the code of the error that ended what it stands for, empty
// for none.
func (s Span) End(code avap.ErrorCode) {
	if s.span == nil {
		return
	}
	s.fail(code)
	s.span.End()
}

func (s Span) fail(code avap.ErrorCode) {
	if code != "" {
		s.span.SetAttributes(attribute.String("avap.code", string(code)))
		s.span.SetStatus(otelcodes.Error, string(code))
	}
}

// Finish ends the span of a request.
func (s Span) Finish(o *Observation, requestID string) {
	if s.span == nil {
		return
	}
	defer s.span.End()
	if !s.span.IsRecording() {
		return
	}
	code := o.Code
	if code == "" {
		code = "ok"
	}
	s.span.SetAttributes(
		attribute.Int("http.response.status_code", o.Status),
		attribute.Int("http.request.body.size", o.BytesIn),
		attribute.Int("http.response.body.size", o.BytesOut),
		attribute.String("avap.request_id", requestID),
		attribute.String("avap.code", string(code)),
		attribute.String("avap.lane", o.Lane.String()),
	)
	if o.Cache != CacheUnused {
		s.span.SetAttributes(attribute.Bool("avap.cache_hit", o.Cache == CacheHit))
	}
	if o.Status >= http.StatusInternalServerError {
		s.span.SetStatus(otelcodes.Error, string(code))
	}
}

// HTTP gives a host that makes a span of each request of a script. Neither URL
// nor header are in it.
func (t *Tracer) HTTP(next host.HTTP) host.HTTP {
	if t.tracer == nil || next == nil {
		return next
	}
	return &tracedHTTP{t, next}
}

type tracedHTTP struct {
	tracer *Tracer
	next   host.HTTP
}

func (h *tracedHTTP) Do(ctx context.Context, req *host.Request) (*host.Response, error) {
	ctx, span := h.tracer.start(ctx, "http", trace.SpanKindClient)
	span.span.SetAttributes(attribute.String("http.request.method", req.Method), attribute.Int("http.request.body.size", len(req.Body)))
	response, err := h.next.Do(ctx, req)
	if response != nil {
		span.span.SetAttributes(
			attribute.Int("http.response.status_code", response.Status),
			attribute.Int("http.response.body.size", len(response.Body)),
		)
	}
	span.End(codeOf(err))
	return response, err
}

// SQL gives a host that makes a span of each session that is opened and of each
// statement. No statement, argument or row is in it.
func (t *Tracer) SQL(next host.SQL) host.SQL {
	if t.tracer == nil || next == nil {
		return next
	}
	return &tracedSQL{t, next}
}

type tracedSQL struct {
	tracer *Tracer
	next   host.SQL
}

func (s *tracedSQL) Open(ctx context.Context) (host.Session, error) {
	ctx, span := s.tracer.start(ctx, "sql open", trace.SpanKindClient)
	session, err := s.next.Open(ctx)
	span.End(codeOf(err))
	if err != nil {
		return nil, err
	}
	return &tracedSession{session, s.tracer}, nil
}

type tracedSession struct {
	host.Session
	tracer *Tracer
}

func (s *tracedSession) Query(ctx context.Context, stmt host.Statement, sink host.RowSink) (int64, error) {
	ctx, span := s.tracer.start(ctx, "sql", trace.SpanKindClient)
	affected, err := s.Session.Query(ctx, stmt, sink)
	span.span.SetAttributes(attribute.Int64("avap.rows_affected", affected))
	span.End(codeOf(err))
	return affected, err
}

// codeOf gives the code of an error of a host.
func codeOf(err error) avap.ErrorCode {
	var e *avap.Error
	var h *host.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	case errors.As(err, &h):
		return avap.ErrorCode(h.Code)
	}
	return "other"
}

// Errors is how many exports of spans failed.
func (t *Tracer) Errors() uint64 { return t.errors.Load() }

// mostFlush is how long Close takes at most.
const mostFlush = 5 * time.Second

// Close sends what spans are left, until ctx ends and for at most 5 s. What is not
// sent by then is given up, and spans that end behind it are lost.
func (t *Tracer) Close(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, mostFlush)
	defer cancel()
	defer t.giveUp() // Shutdown would go on in the background
	return t.provider.Shutdown(ctx)
}
