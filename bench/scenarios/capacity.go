// This file measures whether twice the workers do twice as much.

package scenarios

import (
	"context"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/avap-framework/avap/internal/balancer"
	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/internal/plot"
)

const (
	sharePodCPUs      = 0.25 // four of them fill a processor
	sharePodMemory    = 256 << 20
	capacityRound     = 10 * time.Second // of a number of workers
	capacityTurns     = 4                // of each number in a round: the machine does not keep its speed for long
	capacityPerWorker = 32               // connections
	// capacityLoop makes a request take about 0.1 ms of a worker: the generator and the
	// balancer, which take a fixed time for each, then have room on one processor.
	capacityLoop = 10_000
	linearBar    = 0.10
	// What shows that the workers were the limit, and nothing else.
	quotaUsedBar  = 0.9 // of the workers' processor time, at least
	othersBusyBar = 0.9 // of the processor of generator and balancer, at most
)

// capacitySteps are the numbers of workers that are compared, the base first.
var capacitySteps = []int{1, 2, 4}

// capacityRun is one round of one number of workers.
type capacityRun struct {
	Workers int             `json:"workers"`
	Round   int             `json:"round"`
	Turns   []*capacityTurn `json:"turns"`
}

// capacityTurn is the part of a round before the next number of workers has its turn.
type capacityTurn struct {
	Result    *load.Result  `json:"result"`
	Pods      []podRun      `json:"pods"`
	Elapsed   time.Duration `json:"elapsed_ns"`
	Generator load.CPU      `json:"cpu_of_generator_and_balancer"`
	// Busy is the part of the time in which a processor did something, by its number.
	Busy map[int]float64 `json:"busy"`
}

// podRun is what a worker had and did in a round.
type podRun struct {
	Connections int64      `json:"connections"`
	CPU         load.CPU   `json:"cpu"`
	Quota       throttling `json:"quota"`
}

// A pod is a worker in a control group of its own.
type pod struct {
	*Worker
	group *cgroup
}

func capacity(ctx context.Context, l *Lab) (*Report, error) {
	if err := apart(); err != nil {
		return nil, err
	}
	if err := l.pin(ctx, strconv.Itoa(othersCPU)); err != nil {
		return nil, err
	}
	pods, err := l.pods(ctx, slices.Max(capacitySteps))
	if err != nil {
		return nil, err
	}
	var runs []*capacityRun
	for round := range l.opt.Rounds {
		done, err := l.capacityRound(ctx, pods)
		if err != nil {
			return nil, err
		}
		for _, run := range done {
			run.Round = round + 1
			l.logf("  round %d of %d, %d workers: %.0f/s", run.Round, l.opt.Rounds, run.Workers, run.rate())
		}
		runs = append(runs, done...)
	}
	r, err := capacityReport(runs)
	if err != nil {
		return nil, err
	}
	for i, p := range pods {
		r.notef("Worker %d has read from its group: GOMAXPROCS %s.", i+1, p.processors())
	}
	return r, nil
}

// pods starts workers that share one processor, a quarter of it each.
func (l *Lab) pods(ctx context.Context, n int) ([]pod, error) {
	var pods []pod
	for i := range n {
		group, err := newCgroup(strconv.Itoa(i), limits{cpus: sharePodCPUs, memory: sharePodMemory})
		if err != nil {
			return nil, err
		}
		l.undo = append(l.undo, group.remove)
		w, err := l.worker(ctx, workerOptions{group: group, cpus: strconv.Itoa(workersCPU)})
		if err != nil {
			return nil, err
		}
		if err := l.warm(ctx, w); err != nil {
			return nil, err
		}
		pods = append(pods, pod{w, group})
	}
	return pods, nil
}

// processors is what the worker has logged of its GOMAXPROCS.
func (p pod) processors() string {
	if found := loggedProcessors.FindStringSubmatch(p.stderr.String()); found != nil {
		return found[1]
	}
	return "unknown"
}

var loggedProcessors = regexp.MustCompile(`processors"?[=:](\d+)`)

// capacityRound gives every number of workers its turns.
func (l *Lab) capacityRound(ctx context.Context, pods []pod) ([]*capacityRun, error) {
	var runs []*capacityRun
	for _, n := range capacitySteps {
		runs = append(runs, &capacityRun{Workers: n})
	}
	for range capacityTurns {
		for _, run := range runs {
			turn, err := l.behindBalancer(ctx, pods[:run.Workers])
			if err != nil {
				return nil, fmt.Errorf("%d workers: %w", run.Workers, err)
			}
			run.Turns = append(run.Turns, turn)
		}
	}
	return runs, nil
}

// behindBalancer keeps pods busy through a balancer, with as many connections for
// each of them whatever their number is.
func (l *Lab) behindBalancer(ctx context.Context, pods []pod) (*capacityTurn, error) {
	b, err := balancer.New(balancer.Options{Interval: time.Second})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	for _, p := range pods {
		b.Add(balancer.Backend{Addr: p.Addr, Ready: "http://" + p.Addr + "/readyz"})
	}
	ready, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := b.Await(ready, len(pods)); err != nil {
		return nil, err
	}
	turn := &capacityTurn{}
	finish, err := turn.begin(pods)
	if err != nil {
		return nil, err
	}
	request := heavy(capacityLoop)
	turn.Result, err = load.Run(ctx, load.Options{Addr: b.Addr(), Duration: l.scaled(capacityRound / capacityTurns), Classes: []load.Class{{
		Name: "clients", Source: load.Fixed(request.message(b.Addr()), request.check), Connections: capacityPerWorker * len(pods),
	}}})
	if err != nil {
		return nil, err
	}
	if err := finish(); err != nil {
		return nil, err
	}
	for i, p := range pods {
		turn.Pods[i].Connections = b.Connections()[p.Addr]
	}
	return turn, nil
}

// begin reads all counters; the function that it gives reads them again and keeps
// what was added.
func (t *capacityTurn) begin(pods []pod) (finish func() error, err error) {
	start := time.Now()
	cpus, err := processors()
	if err != nil {
		return nil, err
	}
	own, err := load.ProcessCPU(os.Getpid())
	if err != nil {
		return nil, err
	}
	before, err := read(pods)
	if err != nil {
		return nil, err
	}
	return func() error {
		after, err := read(pods)
		if err != nil {
			return err
		}
		for i := range after {
			t.Pods = append(t.Pods, podRun{CPU: after[i].CPU.Sub(before[i].CPU), Quota: after[i].Quota.sub(before[i].Quota)})
		}
		if t.Generator, err = load.ProcessCPU(os.Getpid()); err != nil {
			return err
		}
		t.Generator = t.Generator.Sub(own)
		now, err := processors()
		if err != nil {
			return err
		}
		t.Elapsed, t.Busy = time.Since(start), map[int]float64{}
		for number, p := range now {
			t.Busy[number] = p.share(cpus[number])
		}
		return nil
	}, nil
}

func read(pods []pod) (all []podRun, err error) {
	for _, p := range pods {
		var now podRun
		if now.CPU, err = p.cpu(); err != nil {
			return nil, err
		}
		if now.Quota, err = p.group.throttling(); err != nil {
			return nil, err
		}
		all = append(all, now)
	}
	return all, nil
}

// sum adds up what turns have counted.
func (r *capacityRun) sum(what func(*capacityTurn) float64) (total float64) {
	for _, t := range r.Turns {
		total += what(t)
	}
	return total
}

func (t *capacityTurn) answered() float64  { return float64(t.Result.Classes[0].Answered) }
func (t *capacityTurn) sending() float64   { return t.Result.Classes[0].Elapsed.Seconds() }
func (t *capacityTurn) elapsed() float64   { return t.Elapsed.Seconds() }
func (t *capacityTurn) generator() float64 { return t.Generator.Total.Seconds() }

// cpu is the processor time that all workers together used, in seconds.
func (t *capacityTurn) cpu() (total float64) {
	for _, p := range t.Pods {
		total += p.CPU.Total.Seconds()
	}
	return total
}

// bad is how many requests had a wrong answer or none.
func (t *capacityTurn) bad() float64 {
	c := t.Result.Classes[0]
	return float64(c.Wrong + c.Failures())
}

// rate is how many requests were answered in a second.
func (r *capacityRun) rate() float64 {
	return r.sum((*capacityTurn).answered) / r.sum((*capacityTurn).sending)
}

// each is the workers' processor time for one request, in nanoseconds.
func (r *capacityRun) each() float64 {
	return 1e9 * r.sum((*capacityTurn).cpu) / max(1, r.sum((*capacityTurn).answered))
}

// quotaUsed is the part of the processor time that the workers might have used.
func (r *capacityRun) quotaUsed() float64 {
	return r.sum((*capacityTurn).cpu) / (sharePodCPUs * float64(r.Workers) * r.sum((*capacityTurn).elapsed))
}

// generator is the part of a processor that generator and balancer used.
func (r *capacityRun) generator() float64 {
	return r.sum((*capacityTurn).generator) / r.sum((*capacityTurn).elapsed)
}

// busy is the part of the time in which a processor did something.
func (r *capacityRun) busy(number int) float64 {
	return r.sum(func(t *capacityTurn) float64 { return t.Busy[number] * t.elapsed() }) / r.sum((*capacityTurn).elapsed)
}

// throttled is the part of the periods in which a worker was stopped.
func (r *capacityRun) throttled() float64 {
	var sum throttling
	for _, t := range r.Turns {
		for _, p := range t.Pods {
			sum.Periods += p.Quota.Periods
			sum.Throttled += p.Quota.Throttled
		}
	}
	return float64(sum.Throttled) / float64(max(1, sum.Periods))
}

// even reports whether every worker had as many connections.
func (r *capacityRun) even() bool {
	for _, t := range r.Turns {
		if slices.ContainsFunc(t.Pods, func(p podRun) bool { return p.Connections != capacityPerWorker }) {
			return false
		}
	}
	return true
}

// perLinear is the throughput over what it would be if it grew as the workers do.
func perLinear(workers int, rate, base float64) float64 {
	return rate / (base * float64(workers) / float64(capacitySteps[0]))
}

func capacityReport(runs []*capacityRun) (*Report, error) {
	r := &Report{Data: runs}
	by := map[int][]*capacityRun{}
	for _, run := range runs {
		by[run.Workers] = append(by[run.Workers], run)
	}
	of := func(workers int, what func(*capacityRun) float64) float64 {
		var values []float64
		for _, run := range by[workers] {
			values = append(values, what(run))
		}
		return median(values)
	}
	bases := by[capacitySteps[0]]
	linear := func(n int) float64 {
		return perLinear(n, of(n, (*capacityRun).rate), of(capacitySteps[0], (*capacityRun).rate))
	}
	r.Tables = []Table{{Columns: []string{
		"workers, medians", "requests/s", "of linear", "of linear, median of the rounds", "CPU of a request", "quota used", "generator and balancer",
	}}, capacityRounds(runs)}
	used, busy := 1.0, 0.0
	for _, n := range capacitySteps {
		var ratios []float64 // of the rounds, each to its own base
		for i, run := range by[n] {
			ratios = append(ratios, perLinear(n, run.rate(), bases[i].rate()))
		}
		r.Tables[0].add(n, fmt.Sprintf("%.0f", of(n, (*capacityRun).rate)), fmt.Sprintf("%.3f", linear(n)), fmt.Sprintf("%.3f", median(ratios)),
			us(time.Duration(of(n, (*capacityRun).each))), percent(of(n, (*capacityRun).quotaUsed)), percent(of(n, (*capacityRun).generator)))
		used = min(used, of(n, (*capacityRun).quotaUsed))
		busy = max(busy, of(n, func(run *capacityRun) float64 { return run.busy(othersCPU) }))
		if n != capacitySteps[0] {
			r.bar(fmt.Sprintf("throughput of %d workers over %d times that of one", n, n),
				fmt.Sprintf("%.1f to %.1f", 1-linearBar, 1+linearBar), fmt.Sprintf("%.3f", linear(n)), math.Abs(linear(n)-1) <= linearBar)
		}
	}
	bad, uneven := 0.0, 0
	for _, run := range runs {
		bad += run.sum((*capacityTurn).bad)
		if !run.even() {
			uneven++
		}
	}
	r.bar("wrong or failed", "0", fmt.Sprint(bad), bad == 0)
	r.bar("rounds with connections spread unevenly", "0", fmt.Sprint(uneven), uneven == 0)
	r.bar("the workers' quota that was used, least median", "≥ "+percent(quotaUsedBar)+", else they were not the limit", percent(used), used >= quotaUsedBar)
	r.bar("processor of generator and balancer busy, highest median", "≤ "+percent(othersBusyBar)+", else it was the limit", percent(busy), busy <= othersBusyBar)
	svg, err := capacityPlot(func(n int) float64 { return of(n, (*capacityRun).rate) })
	r.Plots = map[string][]byte{"capacity.svg": svg}
	return r, err
}

// capacityRounds is the table of all rounds.
func capacityRounds(runs []*capacityRun) Table {
	t := Table{Columns: []string{
		"round", "workers", "requests/s", "CPU of a request", "quota used", "periods throttled", "not right",
		"generator and balancer", fmt.Sprintf("processor %d busy", workersCPU), fmt.Sprintf("processor %d busy", othersCPU),
	}}
	for _, run := range runs {
		t.add(run.Round, run.Workers, fmt.Sprintf("%.0f", run.rate()), us(time.Duration(run.each())), percent(run.quotaUsed()), percent(run.throttled()),
			run.sum((*capacityTurn).bad), percent(run.generator()), percent(run.busy(workersCPU)), percent(run.busy(othersCPU)))
	}
	return t
}

// capacityPlot draws throughput over workers, beside a line to which it would grow
// if each of them did as much as the first.
func capacityPlot(rate func(workers int) float64) ([]byte, error) {
	measured, linear := plot.Line{Name: "measured"}, plot.Line{Name: "linear"}
	var ticks []plot.Tick
	base := rate(capacitySteps[0]) / float64(capacitySteps[0])
	for _, n := range capacitySteps {
		measured.Points = append(measured.Points, plot.Point{X: float64(n), Y: rate(n)})
		linear.Points = append(linear.Points, plot.Point{X: float64(n), Y: base * float64(n)})
		ticks = append(ticks, plot.Tick{At: float64(n), Label: strconv.Itoa(n)})
	}
	return plot.Lines{
		Title: "Throughput of workers of a quarter processor each",
		X:     plot.Axis{Unit: "workers", Ticks: ticks}, Y: plot.Axis{Unit: "requests/s"},
		Lines: []plot.Line{measured, linear},
	}.SVG()
}

func percent(part float64) string { return fmt.Sprintf("%.0f %%", 100*part) }
