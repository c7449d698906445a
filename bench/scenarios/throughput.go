// This file measures what a request costs, beside other servers that do the same job
// and beside bare ones that do none.

package scenarios

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/internal/plot"
)

const longWindow = 6 * time.Hour // of signatures that are made beforehand

// Names of what is measured.
const (
	bareFast     = "bare fasthttp"
	bareStandard = "bare net/http"
	oursUnsigned = "avap, unsigned"
	oursSigned   = "avap, signed"
	nginxLua     = "nginx, LuaJIT"
	nodeJS       = "Node.js"
)

// Bars of this scenario. Those of the first issue are kept beside the present ones.
const (
	fastBar      = 0.85 // bare fasthttp's processor time by ours
	firstFastBar = 0.7
	firstSignBar = 0.6 // the same, signed
	nginxBar     = 0.9 // nginx's processor time by ours
	nginxRateBar = 0.95
	signedBar    = 0.9 // unsigned by signed; by requests a second the other way round
)

func throughput(ctx context.Context, l *Lab) (*Report, error) {
	if err := l.needWrk(); err != nil {
		return nil, err
	}
	targets, err := l.servers(ctx)
	if err != nil {
		return nil, err
	}
	runs, err := l.measure(ctx, targets)
	if err != nil {
		return nil, err
	}
	return throughputReport(runs)
}

// servers starts our worker, the peers, and bare servers that answer with the bytes of
// our worker. Each has given its answer once, and it was right.
func (l *Lab) servers(ctx context.Context) ([]target, error) {
	targets, err := l.ours(ctx)
	if err != nil {
		return nil, err
	}
	var answer []byte
	for _, t := range targets { // the same with a signature and without
		if answer, err = t.ask(ctx); err != nil {
			return nil, err
		}
	}
	for _, peer := range []func(context.Context, load.Check) (target, error){l.nginx, l.node} {
		t, err := peer(ctx, sameValues(answer))
		if err != nil {
			return nil, err
		}
		if _, err := t.ask(ctx); err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	bare, err := l.bare(ctx, answer)
	return append(targets, bare...), err
}

// ours starts the worker, to which requests go with a signature and without.
func (l *Lab) ours(ctx context.Context) ([]target, error) {
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
	unsigned := steady.message(w.Addr)
	signed, err := load.Sign(keys[1], unsigned, time.Now())
	return []target{
		{name: oursUnsigned, server: w.process, addr: w.Addr, request: always(unsigned, steady.check)},
		{name: oursSigned, server: w.process, addr: w.Addr, request: always(signed, steady.check)},
	}, err
}

// bare starts the servers that answer any request with the same bytes.
func (l *Lab) bare(ctx context.Context, answer []byte) ([]target, error) {
	file := filepath.Join(l.dir, "answer.json")
	if err := os.WriteFile(file, answer, 0o644); err != nil {
		return nil, err
	}
	var targets []target
	for _, kind := range []struct{ name, flag string }{{bareFast, "fasthttp"}, {bareStandard, "nethttp"}} {
		addr, err := freeAddr()
		if err != nil {
			return nil, err
		}
		p, err := l.start(nil, l.opt.Bare, "-kind", kind.flag, "-listen", addr, "-answer", file)
		if err != nil {
			return nil, err
		}
		t := target{name: kind.name, server: p, addr: addr, request: always(steady.message(addr), steady.check)}
		if err := p.listens(ctx, addr); err != nil {
			return nil, err
		}
		if _, err := t.ask(ctx); err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	return targets, nil
}

func throughputReport(runs []wrkRun) (*Report, error) {
	m := newWrkMedians(runs)
	t := Table{Columns: []string{"server, medians", "requests/s", "CPU of a request", "bare fasthttp's CPU ÷ its", "nginx's CPU ÷ its"}}
	names := []string{bareFast, oursUnsigned, oursSigned, nginxLua, bareStandard, nodeJS}
	for _, name := range names {
		t.add(name, fmt.Sprintf("%.0f", m.rate[name]), us(m.each[name]),
			fmt.Sprintf("%.2f", m.over(bareFast, name)), fmt.Sprintf("%.2f", m.over(nginxLua, name)))
	}
	pairs := m.sideBySide([2]string{bareFast, oursUnsigned}, [2]string{nginxLua, oursUnsigned}, [2]string{oursUnsigned, oursSigned})
	r := &Report{Data: runs, Tables: []Table{t, pairs, rounds(runs)}}
	r.atLeast("bare fasthttp's CPU ÷ avap's, unsigned", m.over(bareFast, oursUnsigned), fastBar)
	r.atLeast("the same, older bar", m.over(bareFast, oursUnsigned), firstFastBar)
	r.atLeast("bare fasthttp's CPU ÷ avap's, signed, older bar", m.over(bareFast, oursSigned), firstSignBar)
	r.atLeast("nginx's CPU ÷ avap's, unsigned", m.over(nginxLua, oursUnsigned), nginxBar)
	r.atLeast("avap's requests/s, unsigned, ÷ nginx's", m.rateOver(oursUnsigned, nginxLua), nginxRateBar)
	r.atLeast("avap's CPU unsigned ÷ signed", m.over(oursUnsigned, oursSigned), signedBar)
	r.atLeast("avap's requests/s, signed ÷ unsigned", m.rateOver(oursSigned, oursUnsigned), signedBar)
	r.bar("errors", "0", fmt.Sprint(m.errors), m.errors == 0)
	svg, err := serversPlot(m, names)
	r.Plots = map[string][]byte{"servers.svg": svg}
	return r, err
}

// serversPlot draws the processor time of a request on each server.
func serversPlot(m wrkMedians, names []string) ([]byte, error) {
	colours := map[string]string{oursUnsigned: "#0b6e4f", oursSigned: "#0b6e4f", nginxLua: "#5b6c8f", nodeJS: "#5b6c8f"}
	g := plot.Group{Title: "Processor time of a request (shorter is better)"}
	for _, name := range names {
		colour, ok := colours[name]
		if !ok {
			colour = "#b9c2cf" // servers that do nothing but answer
		}
		g.Bars = append(g.Bars, plot.Bar{Label: name, Text: us(m.each[name]), Value: float64(m.each[name]), Colour: colour})
	}
	return plot.Bars(g)
}
