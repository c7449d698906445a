// This file measures what hostile requests do to healthy ones.

package scenarios

import (
	"context"
	"fmt"
	"time"

	"github.com/avap-framework/avap/internal/load"
)

const (
	healthyRate = 2000
	poisonRound = 20 * time.Second
	// refuseBar is what broken scripts may take beside the healthy load.
	refuseBar = 5 * time.Millisecond
)

// A mixture is what is sent beside the healthy requests.
type mixture struct {
	Name   string
	others func(*Worker) []load.Class
}

var mixtures = []mixture{
	{"clean", func(*Worker) []load.Class { return nil }},
	{"poisoned", func(w *Worker) []load.Class {
		return []load.Class{w.at(10, endless), w.at(10, bomb), w.at(20, broken)}
	}},
	{"flooded", func(w *Worker) []load.Class { return []load.Class{w.at(500, endless.orShed())} }},
}

// at sends a script at a rate.
func (w *Worker) at(rate float64, s script) load.Class {
	c := w.class(s)
	c.Rate, c.Warm, c.Connections = rate, 4, 4096
	return c
}

// poisonRun is one round of one mixture.
type poisonRun struct {
	Mixture string       `json:"mixture"`
	Round   int          `json:"round"`
	Result  *load.Result `json:"result"`
}

func poison(ctx context.Context, l *Lab) (*Report, error) {
	w, err := l.worker(ctx, workerOptions{yields: true})
	if err != nil {
		return nil, err
	}
	if err := l.warm(ctx, w); err != nil {
		return nil, err
	}
	var runs []poisonRun
	for round := range l.opt.Rounds {
		for _, m := range mixtures {
			l.logf("  round %d of %d, %s", round+1, l.opt.Rounds, m.Name)
			healthy := w.at(healthyRate, steady)
			healthy.Name, healthy.Warm = "healthy", 16
			result, err := load.Run(ctx, load.Options{
				Addr: w.Addr, Duration: l.scaled(poisonRound), Classes: append([]load.Class{healthy}, m.others(w)...),
			})
			if err != nil {
				return nil, err
			}
			runs = append(runs, poisonRun{m.Name, round + 1, result})
		}
	}
	return poisonReport(runs), nil
}

// poisonReport compares medians over the rounds.
func poisonReport(runs []poisonRun) *Report {
	r := &Report{Data: runs, Tables: []Table{{Detail: true, Columns: []string{
		"mixture", "round", "class", "answers/s", "p50", "p99", "p99.9", "max", "not right", "statuses", "codes", "generator late, p99",
	}}}}
	p99 := map[string][]time.Duration{} // of healthy requests, by mixture
	var refused []time.Duration
	var late []time.Duration
	spoilt := map[string]int64{}
	for _, run := range runs {
		for _, c := range run.Result.Classes {
			h := c.Latency()
			notRight := c.Wrong + c.Failures()
			r.Tables[0].add(run.Mixture, run.Round, c.Name, fmt.Sprintf("%.0f", c.Achieved()), ms(h.Percentile(50)), ms(h.Percentile(99)),
				ms(h.Percentile(99.9)), ms(h.Max()), notRight, counts(c.Statuses), counts(c.Codes), ms(c.Late.Percentile(99)))
			switch {
			case c.Name == "healthy":
				p99[run.Mixture] = append(p99[run.Mixture], h.Percentile(99))
				late = append(late, c.Late.Percentile(99))
				spoilt[run.Mixture] += notRight
			case c.Name == broken.name:
				refused = append(refused, h.Percentile(99))
			}
			if c.Name != "healthy" {
				spoilt["hostile"] += notRight
			}
		}
	}
	clean, poisoned, flooded := median(p99["clean"]), median(p99["poisoned"]), median(p99["flooded"])
	within := func(what string, got, bar time.Duration, of string) {
		r.bar(what, "≤ "+ms(bar)+" ("+of+")", ms(got), got <= bar && got > 0)
	}
	within("healthy beside poison, p99", poisoned, max(2*clean, clean+3*time.Millisecond), "the larger of twice the clean run's "+ms(clean)+" and 3 ms more")
	within("healthy beside a flood, p99", flooded, clean+10*time.Millisecond, "10 ms more than the clean run's")
	within("broken scripts refused, p99", median(refused), refuseBar, "beside the healthy load")
	r.punctual(median(late))
	for _, m := range mixtures {
		r.bar("healthy wrong, refused or failed, "+m.Name, "0", fmt.Sprint(spoilt[m.Name]), spoilt[m.Name] == 0)
	}
	r.bar("hostile not ended as they must be", "0", fmt.Sprint(spoilt["hostile"]), spoilt["hostile"] == 0)
	r.notef("The p99 beside the bars are medians of the rounds. The endless of the flood may get 503.")
	return r
}
