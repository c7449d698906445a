// This file holds the limit of how often a message is logged.

package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// mostKinds is how many messages have a rate of their own; all others share one.
const mostKinds = 256

// LimitHandler passes on a limited number of records of a kind in each second, so
// that whoever can provoke a message can neither fill the disk nor hide others
// behind it. The kind of a record is its level and message: messages are constant,
// what varies stands in attributes. When a second ends in which records were
// dropped, one record with the same message tells how many. It is safe for
// concurrent use.
type LimitHandler struct {
	next   slog.Handler // with the attributes and groups of this handler
	limits *limits
}

// limits are what a handler and those derived from it share.
type limits struct {
	root    slog.Handler
	most    int
	dropped atomic.Uint64

	mu    sync.Mutex
	kinds map[kind]*window
}

type kind struct {
	level   slog.Level
	message string
}

// window is a second of a kind.
type window struct {
	began   time.Time
	passed  int
	dropped int
}

var _ slog.Handler = (*LimitHandler)(nil)

// Limit makes a handler that passes perSecond records of a kind on to next; 0
// stands for 10.
func Limit(next slog.Handler, perSecond int) *LimitHandler {
	if perSecond <= 0 {
		perSecond = 10
	}
	return &LimitHandler{next: next, limits: &limits{root: next, most: perSecond, kinds: map[kind]*window{}}}
}

// Dropped is how many records were dropped so far.
func (h *LimitHandler) Dropped() uint64 { return h.limits.dropped.Load() }

// Enabled implements slog.Handler.
func (h *LimitHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler. The rates are those of h.
func (h *LimitHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &LimitHandler{next: h.next.WithAttrs(attrs), limits: h.limits}
}

// WithGroup implements slog.Handler. The rates are those of h.
func (h *LimitHandler) WithGroup(name string) slog.Handler {
	return &LimitHandler{next: h.next.WithGroup(name), limits: h.limits}
}

// Handle implements slog.Handler.
func (h *LimitHandler) Handle(ctx context.Context, r slog.Record) error {
	if !h.limits.pass(kind{r.Level, r.Message}) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// pass reports whether a record goes on.
func (l *limits) pass(k kind) bool {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.kinds[k]
	if w == nil {
		if len(l.kinds) >= mostKinds {
			k = kind{slog.LevelWarn, "other messages"}
			w = l.kinds[k]
		}
		if w == nil {
			w = &window{}
			l.kinds[k] = w
		}
	}
	if now.Sub(w.began) >= time.Second && w.dropped == 0 {
		w.began, w.passed = now, 0
	}
	if w.passed < l.most {
		w.passed++
		return true
	}
	l.dropped.Add(1)
	if w.dropped++; w.dropped == 1 {
		time.AfterFunc(time.Second-now.Sub(w.began), func() { l.sum(k, w) })
	}
	return false
}

// sum ends a window in which records were dropped.
func (l *limits) sum(k kind, w *window) {
	l.mu.Lock()
	n := w.dropped
	*w = window{}
	l.mu.Unlock()
	r := slog.NewRecord(time.Now(), k.level, k.message, 0)
	r.AddAttrs(slog.Int("dropped", n))
	_ = l.root.Handle(context.Background(), r) // as slog.Logger does: nobody is there to be told
}
