// This file drives wrk: a request over and over, and what the server's processes used.

package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/avap-framework/avap/internal/load"
)

const (
	wrkRound = 10 * time.Second // of one target
	// wrkTurn is how long wrk runs before the next target has its turn: a shared machine
	// does not keep its speed for long.
	wrkTurn = time.Second
)

// A target is a server and the requests to it.
type target struct {
	name   string
	server *process
	addr   string
	// request makes the request and the check of its answer. It is called before each
	// run, so that what must be new is new again.
	request func() (load.Message, load.Check, error)
	before  func(context.Context) error // called before each turn; nil for nothing
}

// wrkRun is what one run of wrk has found.
type wrkRun struct {
	Target   string        `json:"target"`
	Round    int           `json:"round"`
	Requests int64         `json:"requests"`
	Rate     float64       `json:"per_second"`
	CPU      load.CPU      `json:"cpu"`
	Each     time.Duration `json:"cpu_ns_of_a_request"`
	// Turns are Each of the single turns that the round is made of.
	Turns  []time.Duration `json:"turns_cpu_ns_of_a_request"`
	Errors int64           `json:"errors"` // of sockets, and statuses other than 2xx and 3xx
}

// always sends the same message.
func always(m load.Message, check load.Check) func() (load.Message, load.Check, error) {
	return func() (load.Message, load.Check, error) { return m, check, nil }
}

// ask sends the request once, and gives the answer, which must be right: wrk looks at
// no more than the status.
func (t target) ask(ctx context.Context) (answer []byte, err error) {
	m, check, err := t.request()
	if err != nil {
		return nil, err
	}
	keep := func(status int, body []byte) bool {
		answer = slices.Clone(body)
		return check(status, body)
	}
	result, err := load.Run(ctx, load.Options{
		Addr: t.addr, Duration: time.Minute, Classes: []load.Class{{Name: t.name, Source: load.Numbered(m, keep), Requests: 1}},
	})
	if err != nil {
		return nil, err
	}
	return answer, mustBeRight(result.Classes[0])
}

// needWrk tells early, and how, that wrk is missing.
func (l *Lab) needWrk() error { return installed(l.opt.Wrk, "wrk") }

// installed tells which packages of Debian a program that is missing comes from.
func installed(program, packages string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%w (Debian: apt-get install %s)", err, packages)
	}
	return nil
}

// measure puts the targets under load, round after round.
func (l *Lab) measure(ctx context.Context, targets []target) ([]wrkRun, error) {
	var runs []wrkRun
	for round := range l.opt.Rounds {
		done, err := l.wrkRound(ctx, targets)
		if err != nil {
			return nil, err
		}
		for _, run := range done {
			run.Round = round + 1
			l.logf("  round %d of %d, %s: %.0f/s, %v of CPU each", run.Round, l.opt.Rounds, run.Target, run.Rate, run.Each)
			runs = append(runs, run)
		}
	}
	return runs, nil
}

// wrkRound gives every target its turns, and adds them up.
func (l *Lab) wrkRound(ctx context.Context, targets []target) ([]wrkRun, error) {
	sums := make([]wrkRun, len(targets))
	turns := max(1, int(l.scaled(wrkRound)/wrkTurn))
	for range turns {
		for i, t := range targets {
			if t.before != nil {
				if err := t.before(ctx); err != nil {
					return nil, err
				}
			}
			turn, err := l.wrk(ctx, t, wrkTurn)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.name, err)
			}
			sum := &sums[i]
			sum.Target = turn.Target
			sum.Requests += turn.Requests
			sum.Errors += turn.Errors
			sum.CPU = sum.CPU.Add(turn.CPU)
			sum.Rate += turn.Rate / float64(turns)
			sum.Each = sum.CPU.Total / time.Duration(sum.Requests)
			sum.Turns = append(sum.Turns, turn.Each)
		}
	}
	return sums, nil
}

// wrk puts a target under load, for whole seconds, and measures what its processes used.
func (l *Lab) wrk(ctx context.Context, t target, duration time.Duration) (wrkRun, error) {
	m, _, err := t.request()
	if err != nil {
		return wrkRun{}, err
	}
	script := filepath.Join(l.dir, "request.lua")
	if err := os.WriteFile(script, []byte(wrkScript(m)), 0o644); err != nil {
		return wrkRun{}, err
	}
	seconds := strconv.Itoa(max(1, int(duration.Seconds())))
	before, err := t.server.cpu()
	if err != nil {
		return wrkRun{}, err
	}
	out, err := exec.CommandContext(ctx, l.opt.Wrk, "-t2", "-c64", "-d"+seconds, "-s", script,
		"http://"+t.addr+m.Target).CombinedOutput()
	if err != nil {
		return wrkRun{}, fmt.Errorf("%w\n%s", err, out)
	}
	after, err := t.server.cpu()
	if err != nil {
		return wrkRun{}, err
	}
	run, err := parseWrk(string(out))
	if err != nil {
		return wrkRun{}, fmt.Errorf("%w\n%s", err, out)
	}
	run.Target, run.CPU = t.name, after.Sub(before)
	run.Each = run.CPU.Total / time.Duration(run.Requests)
	return run, nil
}

// numbering has wrk put new digits in the place of the mark in each request. Its
// threads have states of Lua of their own: the first two digits are the thread's.
const numbering = `
local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("thread", threads)
end

local before, after
local number = 0
function init()
  local request = wrk.format()
  local first, last = string.find(request, mark, 1, true)
  before, after = string.sub(request, 1, first - 1), string.sub(request, last + 1)
end

function request()
  number = number + 1
  return before .. string.format("%02d%010d", thread, number) .. after
end
`

// wrkScript has wrk send a message, in which a load.NumberMark may stand once.
func wrkScript(m load.Message) string {
	var s strings.Builder
	s.WriteString("wrk.method = \"POST\"\n")
	for _, h := range m.Header {
		fmt.Fprintf(&s, "wrk.headers[%s] = %s\n", luaText([]byte(h[0])), luaText([]byte(h[1])))
	}
	fmt.Fprintf(&s, "wrk.body = %s\n", luaText(m.Body))
	if bytes.Contains(m.Body, []byte(load.NumberMark)) {
		fmt.Fprintf(&s, "mark = %s\n%s", luaText([]byte(load.NumberMark)), numbering)
	}
	return s.String()
}

// luaText writes bytes as a text of Lua.
func luaText(b []byte) string {
	var s strings.Builder
	s.WriteByte('"')
	for _, c := range b {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			fmt.Fprintf(&s, "\\%03d", c)
		} else {
			s.WriteByte(c)
		}
	}
	s.WriteByte('"')
	return s.String()
}

// What wrk prints.
var (
	wrkRequests = regexp.MustCompile(`(?m)^\s*(\d+) requests in `)
	wrkRate     = regexp.MustCompile(`(?m)^Requests/sec:\s*([\d.]+)`)
	wrkStatuses = regexp.MustCompile(`(?m)^\s*Non-2xx or 3xx responses: (\d+)`)
	wrkSockets  = regexp.MustCompile(`(?m)^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
)

func parseWrk(out string) (run wrkRun, err error) {
	requests, rate := wrkRequests.FindStringSubmatch(out), wrkRate.FindStringSubmatch(out)
	if requests == nil || rate == nil {
		return run, errors.New("wrk printed no result")
	}
	if run.Requests, err = strconv.ParseInt(requests[1], 10, 64); err != nil || run.Requests == 0 {
		return run, errors.New("wrk made no requests")
	}
	if run.Rate, err = strconv.ParseFloat(rate[1], 64); err != nil {
		return run, err
	}
	problems := wrkStatuses.FindStringSubmatch(out)
	if sockets := wrkSockets.FindStringSubmatch(out); sockets != nil {
		problems = append(problems, sockets[1:]...)
	}
	for _, text := range problems {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil { // all but the first whole match
			run.Errors += n
		}
	}
	return run, nil
}

// wrkMedians are the medians of the rounds, by target.
type wrkMedians struct {
	each   map[string]time.Duration // processor time of a request
	rate   map[string]float64       // requests a second
	turns  map[string][]float64     // processor time of a request, in nanoseconds, turn after turn
	errors int64                    // of all runs together
}

func newWrkMedians(runs []wrkRun) wrkMedians {
	each, rate := map[string][]time.Duration{}, map[string][]float64{}
	m := wrkMedians{each: map[string]time.Duration{}, rate: map[string]float64{}, turns: map[string][]float64{}}
	for _, run := range runs {
		each[run.Target] = append(each[run.Target], run.Each)
		rate[run.Target] = append(rate[run.Target], run.Rate)
		for _, turn := range run.Turns {
			m.turns[run.Target] = append(m.turns[run.Target], float64(turn))
		}
		m.errors += run.Errors
	}
	for name := range each {
		m.each[name], m.rate[name] = median(each[name]), median(rate[name])
	}
	return m
}

// over is the processor time of one target by that of another; 0 where one was not
// measured.
func (m wrkMedians) over(one, other string) float64 {
	if m.each[other] == 0 {
		return 0
	}
	return float64(m.each[one]) / float64(m.each[other])
}

// rateOver is the requests a second of one target by those of another.
func (m wrkMedians) rateOver(one, other string) float64 {
	if m.rate[other] == 0 {
		return 0
	}
	return m.rate[one] / m.rate[other]
}

// sideBySide compares targets, in pairs of one and another, by turns that were neighbours
// in time: the speed of the machine, which changes from minute to minute, falls out of
// their ratios.
func (m wrkMedians) sideBySide(pairs ...[2]string) Table {
	t := Table{Columns: []string{"ratio of CPU times", "of the medians", "median of pairs of turns", "half of the pairs between"}}
	for _, p := range pairs {
		one, other := m.turns[p[0]], m.turns[p[1]]
		var ratios []float64
		for i := range min(len(one), len(other)) {
			ratios = append(ratios, one[i]/other[i])
		}
		first, middle, third := quartiles(ratios)
		t.add(p[0]+" ÷ "+p[1], fmt.Sprintf("%.2f", m.over(p[0], p[1])), fmt.Sprintf("%.3f", middle), fmt.Sprintf("%.2f and %.2f", first, third))
	}
	return t
}

// rounds is the table of all runs.
func rounds(runs []wrkRun) Table {
	t := Table{Detail: true, Columns: []string{"round", "target", "requests/s", "CPU of a request", "user", "system", "errors"}}
	for _, run := range runs {
		n := time.Duration(run.Requests)
		t.add(run.Round, run.Target, fmt.Sprintf("%.0f", run.Rate), us(run.Each), us(run.CPU.User/n), us(run.CPU.System/n), run.Errors)
	}
	return t
}

func us(d time.Duration) string { return fmt.Sprintf("%.2f µs", float64(d)/float64(time.Microsecond)) }
