// This file holds the program as processes of their own: their start, what they
// say, their end, and requests to them.

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a process may take for anything that a test waits for: longer than a
// worker waits between two attempts, which is up to 30 s.
const patience = time.Minute

// process is a running program.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{} // closed when it has ended
	err            error         // how, when ended is closed
}

// startProcess starts a program in a folder. Who starts it has it end.
func startProcess(path, dir string, env []string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = dir, env, &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// await waits until the process has written something, and gives it with its
// groups.
func (p *process) await(from *output, pattern string) (found []string, err error) {
	re, late := regexp.MustCompile(pattern), time.After(patience)
	for ended := false; ; {
		text, more := from.read()
		if found := re.FindStringSubmatch(text); found != nil {
			return found, nil
		}
		if ended {
			return nil, fmt.Errorf("the process ended with %v before it said %s\n%s%s", p.err, pattern, &p.stdout, &p.stderr)
		}
		select {
		case <-more:
		case <-p.ended:
			ended = true // and all that it wrote is there
		case <-late:
			return nil, fmt.Errorf("the process does not say %s\n%s%s", pattern, &p.stdout, &p.stderr)
		}
	}
}

// kill ends the process without a word.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// wait gives what the process ended with.
func (p *process) wait(t *testing.T) *os.ProcessState {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState
	case <-time.After(patience):
		t.Fatal("the process does not end")
		return nil
	}
}

// end ends the process as an operator does.
func (p *process) end(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-p.ended:
		if p.err != nil {
			return fmt.Errorf("%w\n%s", p.err, &p.stderr)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the process does not end: %w", ctx.Err())
	}
}

// stop ends the process, which must end well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.end(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// output is what a process has written. It is safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text []byte
	more chan struct{} // closed by the next write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return len(p), nil
}

// read gives what is there, and what is closed when there is more.
func (o *output) read() (text string, more <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return string(o.text), o.more
}

func (o *output) String() string {
	text, _ := o.read()
	return text
}

// program is the program as TestMain has made it for processes of their own.
func program(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("avap")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// environment is that of the tests without what means something to the program,
// and more.
func environment(more ...string) []string {
	own := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "API_KEY" || name == "DATABASE_URL" ||
			strings.HasPrefix(name, "AVAP_") || strings.HasPrefix(name, "BRAIN_") || strings.HasPrefix(name, "OTEL_")
	})
	return append(own, more...)
}

// runAvap runs the program to its end, which must be a good one, and gives what it
// prints.
func runAvap(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t), args...)
	cmd.Dir, cmd.Env = dir, env
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("avap %s: %v\n%s%s", strings.Join(args, " "), err, out, &errs)
	}
	return string(out)
}

// until waits for something.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// reply is an answer over HTTP.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) String() string { return fmt.Sprint(r.status, " ", r.body) }

// is tells whether the reply has a status, and a text in its body.
func (r reply) is(status int, text string) bool {
	return r.status == status && strings.Contains(r.body, text)
}

// get asks a process, on a connection of its own.
func get(t *testing.T, url string) reply {
	t.Helper()
	return send(t, "GET", url, "", nil)
}

// execute sends a body to the data port of a worker.
func execute(t *testing.T, addr, query, body string) reply {
	t.Helper()
	return send(t, "POST", "http://"+addr+"/api/v1/execute"+query, body, nil)
}

// send sends a request with header fields of its own; Host is one of them.
func send(t *testing.T, method, url, body string, fields map[string]string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range fields {
		r.Header.Set(name, value)
	}
	if host := fields["Host"]; host != "" {
		r.Host = host
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, string(text)}
}
