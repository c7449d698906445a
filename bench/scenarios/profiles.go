// This file measures what requests of several kinds cost: short and long scripts,
// scripts that are new each time, and the heap allocations of a request.

package scenarios

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/avap-framework/avap/internal/load"
)

// Bars of this scenario.
const (
	kindBar        = 0.5 // steady's processor time by that of compute and of cold
	allocationsBar = 10.0
)

// allocationRequests is how many requests there are to one reading of the worker's
// metrics, which allocates some thousand objects too.
const allocationRequests = 200_000

// profilesData is all that the scenario has measured.
type profilesData struct {
	Runs        []wrkRun `json:"runs"`
	Requests    int64    `json:"allocation_requests"`
	Allocations float64  `json:"allocations_of_a_request"`
}

func profiles(ctx context.Context, l *Lab) (*Report, error) {
	if err := l.needWrk(); err != nil {
		return nil, err
	}
	var targets []target
	var first *Worker // of steady
	for _, name := range []string{"steady", "compute", "cold"} {
		w, err := l.worker(ctx, workerOptions{}) // its own: no other's garbage
		if err != nil {
			return nil, err
		}
		if err := l.warm(ctx, w); err != nil {
			return nil, err
		}
		first = cmp.Or(first, w)
		request := func() (load.Message, load.Check, error) { return message(name, w.Addr) }
		t := target{name: name, server: w.process, addr: w.Addr, request: request}
		if _, err := t.ask(ctx); err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	var d profilesData
	var err error
	if d.Runs, err = l.measure(ctx, targets); err != nil {
		return nil, err
	}
	if err := l.countAllocations(ctx, first, &d); err != nil {
		return nil, err
	}
	return d.report(), nil
}

// countAllocations has the worker tell how many objects of the heap it has made for a
// number of requests, the whole process with all that it does beside.
func (l *Lab) countAllocations(ctx context.Context, w *Worker, d *profilesData) error {
	before, err := w.metric(ctx, "go_memstats_mallocs_total")
	if err != nil {
		return err
	}
	result, err := load.Run(ctx, load.Options{
		Addr: w.Addr, Duration: 5 * time.Minute,
		Classes: []load.Class{{Name: "steady", Source: w.source(steady), Connections: 16, Requests: l.scaledCount(allocationRequests)}},
	})
	if err != nil {
		return err
	}
	if err := mustBeRight(result.Classes[0]); err != nil {
		return err
	}
	after, err := w.metric(ctx, "go_memstats_mallocs_total")
	if err != nil {
		return err
	}
	d.Requests = result.Classes[0].Answered
	d.Allocations = (after - before) / float64(d.Requests)
	return nil
}

// metric reads a metric without labels from the admin port.
func (w *Worker) metric(ctx context.Context, name string) (float64, error) {
	body, err := w.ask(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("/metrics has no %s", name)
}

// ask reads a page of the admin port.
func (w *Worker) ask(ctx context.Context, path string) (body string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.admin+path, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s of the admin port: %s", path, answer.Status)
	}
	return string(text), err
}

func (d *profilesData) report() *Report {
	m := newWrkMedians(d.Runs)
	t := Table{Columns: []string{"profile, medians", "requests/s", "CPU of a request", "steady's CPU ÷ its", "its requests/s ÷ steady's"}}
	for _, name := range []string{"steady", "compute", "cold"} {
		t.add(name, fmt.Sprintf("%.0f", m.rate[name]), us(m.each[name]),
			fmt.Sprintf("%.2f", m.over("steady", name)), fmt.Sprintf("%.2f", m.rateOver(name, "steady")))
	}
	pairs := m.sideBySide([2]string{"steady", "compute"}, [2]string{"steady", "cold"})
	r := &Report{Data: d, Tables: []Table{t, pairs, rounds(d.Runs)}}
	r.atLeast("steady's CPU ÷ compute's", m.over("steady", "compute"), kindBar)
	r.atLeast("steady's CPU ÷ cold's", m.over("steady", "cold"), kindBar)
	r.bar("heap allocations of a steady request, whole process", fmt.Sprintf("≤ %g", allocationsBar),
		fmt.Sprintf("%.2f", d.Allocations), d.Allocations <= allocationsBar)
	r.bar("errors", "0", fmt.Sprint(m.errors), m.errors == 0)
	r.notef("compute is a loop of 1,000 rounds; of cold every script is new, so that each is compiled. "+
		"Allocations are counted by the worker's own `go_memstats_mallocs_total` before and after %d requests.", d.Requests)
	return r
}
