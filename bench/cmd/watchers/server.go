// This file holds the server's process, and how the other one talks to it: a line
// with the address, then for each line that comes in what the process used.

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/store"
)

// serve is the server's process. It ends with its standard input.
func serve(opt options) error {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "watchers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	db, err := store.Open(ctx, "sqlite:"+filepath.Join(folder, "avap.db"), store.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	keys, err := keyring()
	if err != nil {
		return err
	}
	s, err := definitions.New(ctx, definitions.Options{
		Store: db, Keys: keys, Token: workerToken, AdminTokens: map[string]string{"bench": adminToken},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	if err := fill(ctx, s.Publisher(), opt.definitions); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = s.Serve(l) }()
	fmt.Println(l.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		u, err := used()
		if err != nil {
			return err
		}
		fmt.Println(s.Watchers(), u.memory, u.time.Nanoseconds(), runtime.NumGoroutine())
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s.Close(ctx)
	return nil
}

// text is the source of a command.
func text(i, version int) string {
	return fmt.Sprintf("// Prices an order.\ncommand price%05d(pieces: value, price: value, total: out) {\n"+
		"    rebate = 0\n    if(pieces > 10)\n        rebate = 0.1\n    end()\n"+
		"    total = round(pieces * price * (1 - rebate), 2) + %d\n}\n", i, version)
}

// fill publishes the commands that the catalog begins with.
func fill(ctx context.Context, p *definitions.Publisher, n int) error {
	sources := make([]definitions.Source, max(n, 1))
	for i := range sources {
		sources[i].Text = text(i, 0)
	}
	_, err := p.Publish(ctx, sources, definitions.Order{Author: "bench"})
	return err
}

// usage is what a process used.
type usage struct {
	watchers   int
	memory     int64 // bytes, resident
	time       time.Duration
	goroutines int
}

// used tells what this process uses.
func used() (usage, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return usage{}, err
	}
	var u usage
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "VmRSS:") {
			if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &u.memory); err != nil {
				return usage{}, err
			}
			u.memory <<= 10
		}
	}
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}, err
	}
	u.time = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	return u, nil
}

// process is the server as the other process sees it.
type process struct {
	addr string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// start starts the server.
func start(ctx context.Context, opt options) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, program, "-serve", fmt.Sprintf("-definitions=%d", opt.definitions))}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := fmt.Fscanln(p.out, &p.addr); err != nil {
		return nil, fmt.Errorf("the server does not say where it listens: %w", err)
	}
	return p, nil
}

// usage asks the server what it used.
func (p *process) usage() (usage, error) {
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		return usage{}, err
	}
	var u usage
	var spent int64
	if _, err := fmt.Fscanln(p.out, &u.watchers, &u.memory, &spent, &u.goroutines); err != nil {
		return usage{}, err
	}
	u.time = time.Duration(spent)
	return u, nil
}

// stop ends the server.
func (p *process) stop() error {
	if err := p.in.Close(); err != nil {
		return err
	}
	return p.cmd.Wait()
}
