// This file measures what a second processor costs a request.

package scenarios

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

const coresBar = 0.10

// A placement is which processors a worker and the generator run on.
type placement struct{ name, worker, generator string }

// placements are compared with the first one.
var placements = []placement{
	{"one core", strconv.Itoa(workersCPU), strconv.Itoa(othersCPU)},
	{"two cores", fmt.Sprintf("%d,%d", workersCPU, othersCPU), fmt.Sprintf("%d,%d", workersCPU, othersCPU)},
}

func cores(ctx context.Context, l *Lab) (*Report, error) {
	if err := l.needWrk(); err != nil {
		return nil, err
	}
	if err := apart(); err != nil {
		return nil, err
	}
	var targets []target // one of each placement
	for _, p := range placements {
		w, err := l.worker(ctx, workerOptions{cpus: p.worker})
		if err != nil {
			return nil, err
		}
		if err := l.warm(ctx, w); err != nil {
			return nil, err
		}
		targets = append(targets, target{
			name: p.name, server: w.process, addr: w.Addr, request: always(steady.message(w.Addr), steady.check),
			before: func(ctx context.Context) error { return l.pin(ctx, p.generator) }, // wrk is started there too
		})
	}
	runs, err := l.measure(ctx, targets)
	if err != nil {
		return nil, err
	}
	return coresReport(runs), nil
}

func coresReport(runs []wrkRun) *Report {
	r := &Report{Data: runs}
	all := Table{Columns: []string{"round", "worker on", "requests/s", "CPU of a request", "user", "system", "errors"}}
	each, rate := map[string][]time.Duration{}, map[string][]float64{}
	errs := int64(0)
	for _, run := range runs {
		all.add(run.Round, run.Target, fmt.Sprintf("%.0f", run.Rate), us(run.Each),
			us(run.CPU.User/time.Duration(run.Requests)), us(run.CPU.System/time.Duration(run.Requests)), run.Errors)
		each[run.Target] = append(each[run.Target], run.Each)
		rate[run.Target] = append(rate[run.Target], run.Rate)
		errs += run.Errors
	}
	medians := Table{Columns: []string{"worker on, medians", "requests/s", "CPU of a request"}}
	for _, p := range placements {
		medians.add(p.name, fmt.Sprintf("%.0f", median(rate[p.name])), us(median(each[p.name])))
	}
	r.Tables = []Table{medians, all}
	ratio := float64(median(each[placements[1].name])) / float64(max(1, median(each[placements[0].name])))
	r.bar("CPU of a request on two cores over that on one", fmt.Sprintf("%.1f to %.1f", 1-coresBar, 1+coresBar),
		fmt.Sprintf("%.3f", ratio), ratio >= 1-coresBar && ratio <= 1+coresBar)
	r.bar("errors", "0", fmt.Sprint(errs), errs == 0)
	r.notef("On one core wrk has the other one. On two it shares both with the worker, so that requests/s are not twice as many.")
	return r
}
