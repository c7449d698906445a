// This file measures what a request costs, beside bare HTTP servers.

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/seal"
)

const (
	throughputRound = 10 * time.Second
	unsignedBar     = 0.7
	signedBar       = 0.6
	longWindow      = 6 * time.Hour // of signatures that are made beforehand
)

// Names of what is measured.
const (
	bareFast     = "bare fasthttp"
	bareStandard = "bare net/http"
	oursUnsigned = "avap, unsigned"
	oursSigned   = "avap, signed"
)

// A target is a server and the requests to it.
type target struct {
	name   string
	server *process
	addr   string
	header [][2]string
}

// wrkRun is what one run of wrk has found.
type wrkRun struct {
	Target   string        `json:"target"`
	Round    int           `json:"round"`
	Requests int64         `json:"requests"`
	Rate     float64       `json:"per_second"`
	CPU      load.CPU      `json:"cpu"`
	Each     time.Duration `json:"cpu_ns_of_a_request"`
	Errors   int64         `json:"errors"` // of sockets, and statuses other than 2xx and 3xx
}

func throughput(ctx context.Context, l *Lab) (*Report, error) {
	if _, err := exec.LookPath(l.opt.Wrk); err != nil {
		return nil, fmt.Errorf("%w (Debian: apt-get install wrk)", err)
	}
	targets, err := l.targets(ctx)
	if err != nil {
		return nil, err
	}
	var runs []wrkRun
	for round := range l.opt.Rounds {
		for _, t := range targets {
			run, err := l.wrk(ctx, t)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.name, err)
			}
			run.Round = round + 1
			l.logf("  round %d of %d, %s: %.0f/s, %v of CPU each", round+1, l.opt.Rounds, t.name, run.Rate, run.Each)
			runs = append(runs, run)
		}
	}
	return throughputReport(runs), nil
}

// targets starts our worker, and bare servers that answer with the same bytes.
func (l *Lab) targets(ctx context.Context) ([]target, error) {
	keysFile := filepath.Join(l.dir, "keys.json")
	keys, err := l.newKeys(keysFile, "first")
	if err != nil {
		return nil, err
	}
	w, err := l.worker(ctx, workerOptions{keys: keysFile, flags: []string{"--signature-window", longWindow.String()}})
	if err != nil {
		return nil, err
	}
	if err := l.warm(ctx, w); err != nil {
		return nil, err
	}
	value, err := seal.Sign(keys[1], seal.Request{Method: "POST", Target: executePath, Body: steady.body(), Time: time.Now()})
	if err != nil {
		return nil, err
	}
	signature := [2]string{seal.HeaderName, value}
	answer, err := l.answer(ctx, w, signature)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(l.dir, "answer.json")
	if err := os.WriteFile(file, answer, 0o644); err != nil {
		return nil, err
	}
	content := [2]string{"Content-Type", "application/json"}
	ours := func(name string, header ...[2]string) target { return target{name, w.process, w.Addr, header} }
	targets := []target{ours(oursUnsigned, content), ours(oursSigned, content, signature)}
	for _, kind := range []struct{ name, flag string }{{bareFast, "fasthttp"}, {bareStandard, "nethttp"}} {
		addr, err := freeAddr()
		if err != nil {
			return nil, err
		}
		p, err := l.start(nil, l.opt.Bare, "-kind", kind.flag, "-listen", addr, "-answer", file)
		if err != nil {
			return nil, err
		}
		if err := p.ready(ctx, "http://"+addr+"/"); err != nil {
			return nil, err
		}
		targets = append(targets, target{kind.name, p, addr, [][2]string{content}})
	}
	return targets, nil
}

// answer asks for the answer that the bare servers give, once with the signature
// and once without.
func (l *Lab) answer(ctx context.Context, w *Worker, signature [2]string) (answer []byte, err error) {
	for _, header := range [][][2]string{{signature}, nil} {
		m := steady.message(w.Addr)
		m.Header = append(m.Header, header...)
		keep := func(status int, body []byte) bool {
			answer = append(answer[:0], body...)
			return steady.check(status, body)
		}
		result, err := load.Run(ctx, load.Options{
			Addr: w.Addr, Duration: time.Minute, Classes: []load.Class{{Name: "example", Source: load.Fixed(m, keep), Requests: 1}},
		})
		if err != nil {
			return nil, err
		}
		if err := mustBeRight(result.Classes[0]); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// wrk puts a target under load and measures what its process used.
func (l *Lab) wrk(ctx context.Context, t target) (wrkRun, error) {
	script := filepath.Join(l.dir, "request.lua")
	text := "wrk.method = \"POST\"\nwrk.body = " + luaText(steady.body()) + "\n"
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		return wrkRun{}, err
	}
	seconds := strconv.Itoa(max(1, int(l.scaled(throughputRound).Seconds())))
	args := []string{"-t2", "-c64", "-d" + seconds, "-s", script}
	for _, h := range t.header {
		args = append(args, "-H", h[0]+": "+h[1])
	}
	before, err := t.server.cpu()
	if err != nil {
		return wrkRun{}, err
	}
	out, err := exec.CommandContext(ctx, l.opt.Wrk, append(args, "http://"+t.addr+executePath)...).CombinedOutput()
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

func throughputReport(runs []wrkRun) *Report {
	r := &Report{Data: runs}
	all := Table{Columns: []string{"round", "server", "requests/s", "CPU of a request", "user", "system", "errors"}}
	each, rate := map[string][]time.Duration{}, map[string][]float64{}
	errs := int64(0)
	for _, run := range runs {
		all.add(run.Round, run.Target, fmt.Sprintf("%.0f", run.Rate), us(run.Each),
			us(run.CPU.User/time.Duration(run.Requests)), us(run.CPU.System/time.Duration(run.Requests)), run.Errors)
		each[run.Target] = append(each[run.Target], run.Each)
		rate[run.Target] = append(rate[run.Target], run.Rate)
		errs += run.Errors
	}
	bare := median(each[bareFast])
	medians := Table{Columns: []string{"server, medians", "requests/s", "CPU of a request", "bare fasthttp's CPU ÷ its"}}
	ratio := map[string]float64{}
	for _, name := range []string{bareFast, bareStandard, oursUnsigned, oursSigned} {
		ratio[name] = float64(bare) / float64(max(1, median(each[name])))
		medians.add(name, fmt.Sprintf("%.0f", median(rate[name])), us(median(each[name])), fmt.Sprintf("%.2f", ratio[name]))
	}
	r.Tables = []Table{medians, all}
	for _, want := range []struct {
		name string
		bar  float64
	}{{oursUnsigned, unsignedBar}, {oursSigned, signedBar}} {
		r.bar("bare fasthttp's CPU ÷ "+want.name, fmt.Sprintf("≥ %g", want.bar), fmt.Sprintf("%.2f", ratio[want.name]), ratio[want.name] >= want.bar)
	}
	r.bar("errors", "0", fmt.Sprint(errs), errs == 0)
	return r
}

func us(d time.Duration) string { return fmt.Sprintf("%.2f µs", float64(d)/float64(time.Microsecond)) }
