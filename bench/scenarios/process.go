// This file starts and ends the processes that are measured.

package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/seal"
)

const (
	startTime = 20 * time.Second // what a process may take until it is ready
	endTime   = 60 * time.Second // what it may take to end
	// startPause is how long lies between two looks whether it is ready.
	startPause = time.Millisecond
)

// A Lab holds the processes and files of one scenario.
type Lab struct {
	opt     Options
	dir     string
	env     []string // of all processes, beside this program's own
	started []*process
	undo    []func() error
	pinned  bool // this program runs on some processors alone, until Close
}

// NewLab makes a lab with a folder of its own.
func NewLab(opt Options) (*Lab, error) {
	dir, err := os.MkdirTemp("", "avap-scenario-")
	return &Lab{opt: opt, dir: dir}, err
}

// Close ends what is still running and removes the folder.
func (l *Lab) Close() error {
	var errs []error
	for _, p := range l.started {
		errs = append(errs, p.kill())
	}
	for _, undo := range l.undo {
		errs = append(errs, undo())
	}
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}

// A process is one that the lab has started.
type process struct {
	cmd    *exec.Cmd
	began  time.Time
	stderr *tail
	done   chan struct{} // closed when it has ended
	err    error         // how, when done is closed
}

// start runs a command that ends with this program at the latest. Where group is
// not nil, it runs in that control group from its first instruction on.
func (l *Lab) start(group *cgroup, name string, args ...string) (*process, error) {
	if group != nil {
		name, args = group.enter(name, args)
	}
	cmd := exec.Command(name, args...)
	p := &process{cmd: cmd, began: time.Now(), stderr: &tail{}, done: make(chan struct{})}
	cmd.Dir = l.dir
	cmd.Env = append(os.Environ(), l.env...)
	cmd.Stderr = p.stderr
	cmd.SysProcAttr = attributes()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	l.started = append(l.started, p)
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// terminate sends SIGTERM; wait tells how the process ended.
func (p *process) terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// wait gives the error of a process that did not end well, or not in time.
func (p *process) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s: %w\n%s", filepath.Base(p.cmd.Path), p.err, p.stderr)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s does not end: %w", filepath.Base(p.cmd.Path), ctx.Err())
	}
}

// end has the process end as an operator does.
func (p *process) end(ctx context.Context) error {
	if err := p.terminate(); err != nil {
		return err
	}
	return p.wait(ctx)
}

// kill ends the process with those that it has started.
func (p *process) kill() error {
	select {
	case <-p.done: // nobody is left in its group: its number may be another one's by now
		return nil
	default:
	}
	if err := killGroup(p.pid()); err != nil {
		return err
	}
	<-p.done
	return nil
}

// cpu is the processor time that the process and those that it has started have
// used. They must not end meanwhile.
func (p *process) cpu() (load.CPU, error) {
	pids, err := children(p.pid())
	if err != nil {
		return load.CPU{}, err
	}
	var all load.CPU
	for _, pid := range append(pids, p.pid()) {
		c, err := load.ProcessCPU(pid)
		if err != nil {
			return load.CPU{}, err
		}
		all = all.Add(c)
	}
	return all, nil
}

// ready waits until a URL answers 200.
func (p *process) ready(ctx context.Context, url string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return p.until(ctx, func(ctx context.Context) bool {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false
		}
		answer, err := client.Do(r)
		if err != nil {
			return false
		}
		_ = answer.Body.Close() // the status says it
		return answer.StatusCode == http.StatusOK
	})
}

// until waits until a process is as far as it must be.
func (p *process) until(ctx context.Context, there func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for !there(ctx) {
		select {
		case <-p.done:
			return fmt.Errorf("%s ended at its start: %w\n%s", p.cmd, p.err, p.stderr)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready within %v\n%s", p.cmd, startTime, p.stderr)
		case <-time.After(startPause):
		}
	}
	return nil
}

// freeAddr returns an address of loopback whose port was free a moment ago.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// A Worker is a running `avap serve`.
type Worker struct {
	*process
	Addr  string // its data port
	admin string // its admin port
}

// workerOptions are what scenarios want of a worker.
type workerOptions struct {
	keys   string // file; empty for one with new keys
	signed bool   // unsigned scripts are refused
	group  *cgroup
	cpus   string // processors to run on, as taskset takes them; empty for all
	flags  []string
	yields bool // to the generator, where Options.Yield says so
}

// worker starts a worker and returns when it is ready.
func (l *Lab) worker(ctx context.Context, opt workerOptions) (*Worker, error) {
	w, err := l.launch(opt)
	if err != nil {
		return nil, err
	}
	return w, w.ready(ctx, "http://"+w.Addr+"/readyz")
}

// launch starts a worker and does not wait for it.
func (l *Lab) launch(opt workerOptions) (*Worker, error) {
	if opt.keys == "" {
		opt.keys = filepath.Join(l.dir, "keys.json")
		if _, err := l.newKeys(opt.keys, "first"); err != nil {
			return nil, err
		}
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	unsigned := "allow"
	if opt.signed {
		unsigned = "deny"
	}
	args := append([]string{
		"serve", "--listen", addr, "--admin-listen", admin, "--keys", opt.keys, "--unsigned-scripts", unsigned,
	}, opt.flags...)
	name := l.opt.Avap
	if opt.yields && l.opt.Yield {
		name, args = "chrt", append([]string{"--idle", "0", name}, args...)
	}
	if opt.cpus != "" {
		name, args = "taskset", append([]string{"--cpu-list", opt.cpus, name}, args...)
	}
	p, err := l.start(opt.group, name, args...)
	if err != nil {
		return nil, err
	}
	return &Worker{p, addr, admin}, nil
}

// newKeys writes a file with a package key and a request key with the given id,
// and gives both.
func (l *Lab) newKeys(file, id string) ([]*seal.Key, error) {
	pack, err := seal.GenerateKey(seal.UsePackage, "package", time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	request, err := seal.GenerateKey(seal.UseRequest, id, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	keys := []*seal.Key{pack, request}
	return keys, os.WriteFile(file, seal.AppendKeys(nil, keys), 0o600)
}

// A tail keeps the last bytes of what a process writes.
type tail struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

const tailSize = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.kept.Write(p)
	if t.kept.Len() > 2*tailSize {
		t.kept.Next(t.kept.Len() - tailSize)
	}
	return n, err
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.kept.String())
}
