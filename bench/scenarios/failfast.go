// This file measures how soon hostile requests end on an idle worker.

package scenarios

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/seal"
)

const failFastBar = 40 * time.Millisecond

func failFast(ctx context.Context, l *Lab) (*Report, error) {
	w, err := l.worker(ctx, workerOptions{yields: true})
	if err != nil {
		return nil, err
	}
	if err := l.warm(ctx, w); err != nil {
		return nil, err
	}
	r := &Report{Tables: []Table{{Columns: []string{"request", "answers", "p50", "p99", "max", "statuses"}}}}
	var data []*load.ClassResult
	for _, class := range append([]load.Class{w.badSignature()},
		w.class(endless), w.class(bomb), w.class(recursion), w.class(broken)) {
		l.logf("  %s", class.Name)
		class.Connections, class.Requests = 1, max(200, l.scaledCount(1000))
		result, err := load.Run(ctx, load.Options{Addr: w.Addr, Duration: 5 * time.Minute, Classes: []load.Class{class}})
		if err != nil {
			return nil, err
		}
		c := result.Classes[0]
		latency := c.Latency()
		r.Tables[0].add(c.Name, latency.Count(), ms(latency.Percentile(50)), ms(latency.Percentile(99)), ms(latency.Max()), counts(c.Codes))
		p99 := latency.Percentile(99)
		r.bar(c.Name+", p99", "≤ "+ms(failFastBar), ms(p99), p99 <= failFastBar && c.Answered >= 200)
		r.bar(c.Name+", wrong or failed", "0", fmt.Sprint(c.Wrong+c.Failures()), c.Wrong+c.Failures() == 0)
		if c.Wrong > 0 {
			r.notef("A wrong answer to %s: `%s`", c.Name, c.WrongAnswer)
		}
		data = append(data, c)
	}
	r.Data = data
	return r, nil
}

// class sends a script.
func (w *Worker) class(s script) load.Class { return load.Class{Name: s.name, Source: w.source(s)} }

// badSignature sends a request whose signature has the right form, key and
// time, and the wrong MAC.
func (w *Worker) badSignature() load.Class {
	value := fmt.Sprintf("t=%d, kid=first, v1=%s", time.Now().Unix(), strings.Repeat("0", 64))
	m := steady.message(w.Addr)
	m.Header = append(m.Header, [2]string{seal.HeaderName, value})
	return load.Class{Name: "bad signature", Source: load.Fixed(m, load.Code(401, string(seal.CodeInvalid)))}
}

// counts writes how often there was what, in the order of the names.
func counts[K ~string | ~int](of map[K]int64) string {
	var parts []string
	for _, k := range sorted(of) {
		parts = append(parts, fmt.Sprintf("%v %d", k, of[k]))
	}
	return strings.Join(parts, ", ")
}
