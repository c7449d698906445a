// This file holds what the worker reports of each request: metrics, a span, a line in
// the log.

package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker/httpd"
	"github.com/avap-framework/avap/worker/lane"
	"github.com/avap-framework/avap/worker/telemetry"
)

// seen is what has been observed of a request so far.
type seen struct {
	code    avap.ErrorCode
	refusal telemetry.Refusal
	lane    telemetry.Lane
	cache   telemetry.CacheUse
	at      time.Duration // the last mark, from the request's first byte on
	stages  telemetry.Stages
	span    telemetry.Span
}

// atOnce stands for the duration of a stage that is too short to be worth measuring. It is
// not zero, so that the stage is counted.
const atOnce = time.Nanosecond

// mark ends a stage that began at the last mark.
func (s *seen) mark(r *httpd.Request, stage telemetry.Stage) {
	at := r.Elapsed()
	s.stages[stage], s.at = at-s.at, at
}

// markRun ends the stage in which the execution read its input and ran. A small answer
// takes next to no time: it is taken to end with the run, which saves reading the clock.
func (s *seen) markRun(r *httpd.Request, e *execution, small bool) {
	s.stages[telemetry.StageHost] = e.HostTime()
	s.stages[telemetry.StageQueue] = e.exchange.turns.Waited()
	if small {
		s.stages[telemetry.StageAnswer] = atOnce
		return
	}
	s.mark(r, telemetry.StageRun)
	settleRun(&s.stages)
}

// settleRun subtracts from the run what are stages of their own: waiting for places,
// compiling, host calls.
func settleRun(t *telemetry.Stages) {
	others := t[telemetry.StageHost] + t[telemetry.StageCompile] + t[telemetry.StageQueue]
	t[telemetry.StageRun] = max(0, t[telemetry.StageRun]-others)
}

// endTurns gives up the execution's place, and notes how it got on in the lanes.
func (x *exchange) endTurns() {
	x.lane = telemetry.LaneFast
	if x.turns.Slow() {
		x.lane = telemetry.LaneSlow
	}
	x.stages[telemetry.StageQueue] = x.turns.Waited()
	x.turns.end()
}

// observe reports a request that was answered to metrics, trace and log.
func (w *Worker) observe(r *httpd.Request, x *exchange) {
	if w.opt.Metrics == nil && !w.opt.Tracer.Enabled() && !w.verbose {
		return
	}
	o := &x.observation
	*o = telemetry.Observation{
		Lane: x.lane, Cache: x.cache, Refusal: x.refusal, Status: r.Status(), Code: x.code,
		BytesIn: len(r.Body), BytesOut: r.Size(), Stages: x.stages,
	}
	if r.Took > 0 {
		o.Total = r.Took
		switch {
		case x.stages[telemetry.StageAnswer] == atOnce:
			o.Stages[telemetry.StageRun] = o.Total - x.at
			settleRun(&o.Stages)
		case x.lane != telemetry.LaneNone:
			o.Stages[telemetry.StageAnswer] = max(0, o.Total-x.at)
		}
	}
	if x.endpoint != nil {
		o.Endpoint = x.endpoint.label
	}
	if r.Abort {
		o.Status = 0
	}
	if w.opt.Metrics != nil {
		w.opt.Metrics.Observe(o)
	}
	x.span.Finish(o, text(x.id))
	if w.verbose {
		w.opt.Log.LogAttrs(context.Background(), slog.LevelDebug, "request",
			slog.String("request_id", string(x.id)), slog.String("endpoint", o.Endpoint.String()),
			slog.Int("status", o.Status), slog.String("code", string(o.Code)), slog.String("lane", o.Lane.String()),
			slog.Float64("ms", o.Total.Seconds()*1e3))
	}
}

// refusalOf returns why a request was turned away, where its code does not say it all.
func refusalOf(err error) telemetry.Refusal {
	var reason lane.Reason
	var sealed *seal.Error
	switch {
	case errors.As(err, &reason):
		switch reason {
		case lane.QueueFull, lane.SlowFull:
			return telemetry.RefusedQueueFull
		case lane.QueueWait, lane.SlowWait:
			return telemetry.RefusedQueueWait
		}
		return telemetry.RefusedMemory
	case errors.As(err, &sealed) && sealed.Code == seal.CodeOverloaded:
		return telemetry.RefusedReplayFull
	}
	return telemetry.RefusedNot
}

// codeOf returns the code of an error; empty if there is none.
func codeOf(err error) avap.ErrorCode {
	if all := avap.Errors(err); len(all) > 0 {
		return all[0].Code
	}
	return ""
}
