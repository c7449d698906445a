// This file measures how soon a worker answers that starts from the snapshot of its
// catalog, and what it holds when nothing is asked of it.

package scenarios

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/avap-framework/avap/internal/load"
)

const (
	starts      = 20
	startBar    = 100 * time.Millisecond
	idleTime    = 5 * time.Second
	residentBar = 40 << 20
)

// startData is all that the scenario has measured.
type startData struct {
	Starts   []time.Duration `json:"starts_ns"`
	Resident []int64         `json:"idle_resident_bytes"`
	Snapshot int64           `json:"snapshot_bytes"`
}

func start(ctx context.Context, l *Lab) (*Report, error) {
	opt, err := l.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	d, file := startData{}, opt.flags[len(opt.flags)-1]
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	d.Snapshot = info.Size()
	for i := range int(l.scaledCount(starts)) {
		w, took, err := l.firstAnswer(ctx, opt)
		if err != nil {
			return nil, err
		}
		d.Starts = append(d.Starts, took)
		if i < l.opt.Rounds {
			if err := wait(ctx, l.scaled(idleTime)); err != nil {
				return nil, err
			}
			resident, _, err := load.Resident(w.pid())
			if err != nil {
				return nil, err
			}
			d.Resident = append(d.Resident, resident)
			l.logf("  start %v, idle %s", took.Round(time.Microsecond), mib(resident))
		}
		if err := w.end(ctx); err != nil {
			return nil, err
		}
	}
	return d.report(), nil
}

// snapshot has a worker keep the stock catalog of a definition server in a file, and
// ends both. It returns the options of workers that start from the file; it is the last
// of their flags.
func (l *Lab) snapshot(ctx context.Context) (workerOptions, error) {
	l.env = []string{"API_KEY=workers", "AVAP_ADMIN_TOKEN=administrators"}
	keys, file := filepath.Join(l.dir, "keys.json"), filepath.Join(l.dir, "catalog.snapshot")
	if out, err := exec.CommandContext(ctx, l.opt.Avap, "keygen", "--out", keys).CombinedOutput(); err != nil {
		return workerOptions{}, fmt.Errorf("%w\n%s", err, out)
	}
	addr, err := freeAddr()
	if err != nil {
		return workerOptions{}, err
	}
	server, err := l.start(nil, l.opt.Avap, "definitions", "serve", "--listen", addr, "--keys", keys,
		"--store", "sqlite:"+filepath.Join(l.dir, "avap.db"))
	if err != nil {
		return workerOptions{}, err
	}
	if err := server.listens(ctx, addr); err != nil {
		return workerOptions{}, err
	}
	opt := workerOptions{keys: keys, flags: []string{"--drain-delay", "0s", "--definitions", addr, "--snapshot", file}}
	w, err := l.worker(ctx, opt)
	if err != nil {
		return opt, err
	}
	if err := w.until(ctx, func(context.Context) bool { _, err := os.Stat(file); return err == nil }); err != nil {
		return opt, err
	}
	return opt, errors.Join(w.end(ctx), server.end(ctx))
}

// firstAnswer starts a worker, and tells how long after the start of its process it
// had answered a request.
func (l *Lab) firstAnswer(ctx context.Context, opt workerOptions) (*Worker, time.Duration, error) {
	w, err := l.launch(opt)
	if err != nil {
		return nil, 0, err
	}
	request := steady.message(w.Addr).Bytes()
	var took time.Duration
	err = w.until(ctx, func(ctx context.Context) bool {
		status, body, err := exchange(ctx, w.Addr, request)
		took = time.Since(w.began)
		return err == nil && steady.check(status, body)
	})
	if err != nil {
		return nil, 0, err
	}
	status, err := w.ask(ctx, "/debug/catalog")
	if err == nil && !strings.Contains(status, `"origin":"snapshot"`) {
		err = fmt.Errorf("the catalog is not from the snapshot: %s", status)
	}
	return w, took, err
}

// exchange sends a request over a connection of its own.
func exchange(ctx context.Context, addr string, request []byte) (status int, body []byte, err error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, nil, err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return 0, nil, err
		}
	}
	if _, err := c.Write(request); err != nil {
		return 0, nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}

func (d *startData) report() *Report {
	r := &Report{Data: d}
	t := Table{Columns: []string{"", "times", "least", "median", "most"}}
	least, middle, most := spread(d.Starts)
	t.add("start to the first answer", len(d.Starts), ms(least), ms(middle), ms(most))
	small, usual, large := spread(d.Resident)
	t.add(fmt.Sprintf("resident, idle for %v", idleTime), len(d.Resident), mib(small), mib(usual), mib(large))
	r.Tables = []Table{t}
	r.bar("start to the first answer, median", "< "+ms(startBar), ms(middle), middle > 0 && middle < startBar)
	r.bar("resident when idle, median", "< "+mib(residentBar), mib(usual), usual > 0 && usual < residentBar)
	r.notef("`avap serve` with the stock catalog from its snapshot (%d KiB); its definition server is gone. "+
		"The request is the script of the profile steady, which is compiled for it.", d.Snapshot>>10)
	return r
}
