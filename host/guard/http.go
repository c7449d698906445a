// This file holds the guard of outgoing HTTP requests.

package guard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/httpclient"
)

// defaultMaxCalls is how many connections httpclient has to a host.
const defaultMaxCalls = 64

// malformed is the destination of URLs that name none. Their calls are refused
// by the client, and bounded like all others.
const malformed = "malformed URL"

// HTTP is a host.HTTP that sends the requests of another one, within bounds for
// each destination. It is safe for concurrent use.
type HTTP struct {
	next host.HTTP
	opts Options
	all  *table
}

var _ host.HTTP = (*HTTP)(nil)

// NewHTTP guards next. Redirects pass the gate of each destination that they lead
// to, where next asks host.Request.Follow, as httpclient does.
func NewHTTP(next host.HTTP, opts Options) *HTTP {
	h := &HTTP{next: next, opts: opts.withDefaults(defaultMaxCalls)}
	h.all = newTable(&h.opts)
	return h
}

// Do sends the request once its destination has a place for it. A refusal is a
// *host.Error with host.CodeHTTP that wraps a Reason; where the context ended the
// wait, one that wraps the context's error.
func (h *HTTP) Do(ctx context.Context, req *host.Request) (*host.Response, error) {
	name := destination(req.URL)
	at, err := h.enter(ctx, name)
	if err != nil {
		return nil, refused(req.Method+" "+name, err)
	}
	defer func() { at.leave(errUnjudged) }() // after a panic

	guarded := *req
	guarded.Follow = func(url string) error {
		if req.Follow != nil {
			if err := req.Follow(url); err != nil {
				return err
			}
		}
		target := destination(url)
		if target == at.name() {
			return nil
		}
		at.leave(nil) // it has answered
		moved, err := h.enter(ctx, target)
		if err != nil {
			return refused(req.Method+" "+name+": a redirect's target", err)
		}
		at = moved
		return nil
	}
	resp, err := h.next.Do(ctx, &guarded)
	at.leave(at.judge(ctx, resp, err))
	return resp, err
}

// destination names the destination of a URL.
func destination(url string) string {
	name, err := httpclient.Destination(url)
	if err != nil {
		return malformed
	}
	return name
}

// visit is a call in progress at a destination.
type visit struct {
	table *table
	entry *entry
	began time.Time
	done  func(outcome error) // nil after leave
}

// enter passes the gate of a destination. Its error is a Reason or the context's.
func (h *HTTP) enter(ctx context.Context, name string) (*visit, error) {
	e := h.all.take(name)
	if e == nil {
		if f := h.opts.Observer.Refused; f != nil {
			f(name, Destinations)
		}
		return nil, Destinations
	}
	if err := e.gate.enter(ctx); err != nil {
		h.all.handBack(e)
		return nil, err
	}
	done, err := e.gate.begin()
	if err != nil {
		e.gate.leave()
		h.all.handBack(e)
		return nil, err
	}
	return &visit{table: h.all, entry: e, began: time.Now(), done: done}, nil
}

func (v *visit) name() string { return v.entry.gate.name }

// leave ends the visit; only the first call counts.
func (v *visit) leave(outcome error) {
	if v.done == nil {
		return
	}
	v.done(outcome)
	v.done = nil
	v.entry.gate.leave()
	v.table.handBack(v.entry)
}

// judge gives the outcome for the breaker.
func (v *visit) judge(ctx context.Context, resp *host.Response, err error) error {
	switch {
	case err == nil && resp.Status >= http.StatusInternalServerError:
		return errIll
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return v.entry.gate.ranOut(ctx, v.began)
	case unavailable(err):
		return errIll
	}
	return errUnjudged
}

// refused makes the error of a call that was not made.
func refused(where string, err error) error {
	var message string
	switch {
	case errors.Is(err, QueueFull), errors.Is(err, WaitedLong):
		message = "too many calls to this host are under way"
	case errors.Is(err, BreakerOpen):
		message = "the last calls to this host failed; it is not called for a while"
	case errors.Is(err, Destinations):
		message = "calls to too many hosts are under way"
	case errors.Is(err, context.Canceled):
		message = "cancelled"
	default:
		message = "timed out"
	}
	return &host.Error{Code: host.CodeHTTP, Message: fmt.Sprintf("%.130s: %s", where, message), Err: err}
}
