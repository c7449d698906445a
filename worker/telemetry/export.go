// This file holds where spans go.

package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// TraceOptions tune a tracer. The zero value is useful.
type TraceOptions struct {
	Version string // of the program
	// Console takes the spans of OTEL_TRACES_EXPORTER=console, a line of JSON
	// each; nil stands for standard output.
	Console io.Writer
	// Log is told when spans could not be sent; nil discards.
	Log *slog.Logger
}

// NewTracer makes a tracer after OpenTelemetry's variables of the environment. It
// makes spans where OTEL_TRACES_EXPORTER is otlp or console, or where it is unset
// and OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set,
// unless OTEL_SDK_DISABLED is true. OTLP goes over HTTP with protobuf. The SDK
// itself reads OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER,
// OTEL_BSP_… and what else there is of OTEL_EXPORTER_OTLP_…. A value that cannot be
// used is an error of one line.
//
// Spans wait for their export in a queue of bounded length; where it is full they
// are dropped. No request waits for an exporter.
func NewTracer(ctx context.Context, opt TraceOptions) (*Tracer, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Console == nil {
		opt.Console = os.Stdout
	}
	t := &Tracer{}
	exporters, err := openExporters(ctx, opt)
	if err != nil {
		return nil, err
	}
	if len(exporters) == 0 {
		return t, nil
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "avap-server"), attribute.String("service.version", opt.Version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %s", oneLine(err))
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(about)}
	open, giveUp := context.WithCancel(context.Background())
	for _, e := range exporters {
		options = append(options, sdktrace.WithBatcher(&quietExporter{e, open, opt.Log, &t.errors}))
	}
	t.giveUp = giveUp
	t.provider = sdktrace.NewTracerProvider(options...)
	t.tracer = t.provider.Tracer("github.com/avap-framework/avap/worker")
	return t, nil
}

// openExporters makes the exporters that the environment names.
func openExporters(ctx context.Context, opt TraceOptions) (exporters []sdktrace.SpanExporter, err error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	names := os.Getenv("OTEL_TRACES_EXPORTER")
	if names == "" && endpointVariable() != "" {
		names = "otlp"
	}
	for name := range strings.SplitSeq(names, ",") {
		switch strings.TrimSpace(name) {
		case "", "none":
		case "console":
			exporters = append(exporters, &consoleExporter{json.NewEncoder(opt.Console)})
		case "otlp":
			if err := checkOTLP(); err != nil {
				return nil, err
			}
			e, err := otlptracehttp.New(ctx)
			if err != nil {
				return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %s", oneLine(err))
			}
			exporters = append(exporters, e)
		default:
			return nil, fmt.Errorf("OTEL_TRACES_EXPORTER=%s is not known: write otlp, console or none", name)
		}
	}
	return exporters, nil
}

// endpointVariable names the variable that holds the address of the collector,
// empty where none does.
func endpointVariable() string {
	for _, v := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if os.Getenv(v) != "" {
			return v
		}
	}
	return ""
}

// checkOTLP finds what the exporter would only complain of and go on without.
func checkOTLP() error {
	for _, v := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if p := os.Getenv(v); p != "" && p != "http/protobuf" {
			return fmt.Errorf("%s=%s is not supported: write http/protobuf", v, p)
		}
	}
	v := endpointVariable()
	if v == "" {
		return nil
	}
	if u, err := url.Parse(os.Getenv(v)); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%s is no URL of a collector: write for example http://localhost:4318", v)
	}
	return nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// quietExporter counts and logs failures, which the SDK would hand to an error
// handler of the whole process. It exports nothing any more once open has ended.
type quietExporter struct {
	sdktrace.SpanExporter
	open   context.Context
	log    *slog.Logger
	errors *atomic.Uint64
}

func (e *quietExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if e.open.Err() != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.open, cancel)()
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil && !errors.Is(err, context.Canceled) {
		e.errors.Add(1)
		e.log.Warn("spans could not be sent", "spans", len(spans), "error", err)
	}
	return nil
}

// consoleExporter writes a line of JSON for each span.
type consoleExporter struct{ out *json.Encoder }

// consoleSpan is one line.
type consoleSpan struct {
	Time       time.Time      `json:"time"` // when it began
	Service    string         `json:"service"`
	Name       string         `json:"name"`
	TraceID    string         `json:"trace_id"`
	SpanID     string         `json:"span_id"`
	Parent     string         `json:"parent_id,omitempty"`
	DurationMS float64        `json:"duration_ms"`
	Failed     bool           `json:"failed,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

func (e *consoleExporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, s := range spans {
		line := consoleSpan{
			Time: s.StartTime(), Name: s.Name(), Failed: s.Status().Code == otelcodes.Error,
			TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(),
			DurationMS: float64(s.EndTime().Sub(s.StartTime()).Microseconds()) / 1e3,
			Attributes: make(map[string]any, len(s.Attributes())),
		}
		if s.Parent().IsValid() {
			line.Parent = s.Parent().SpanID().String()
		}
		if name, ok := s.Resource().Set().Value("service.name"); ok {
			line.Service = name.AsString()
		}
		for _, a := range s.Attributes() {
			line.Attributes[string(a.Key)] = a.Value.AsInterface()
		}
		if err := e.out.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func (e *consoleExporter) Shutdown(context.Context) error { return nil }
