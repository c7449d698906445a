package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// dev is a running `avap dev`.
type dev struct {
	*process
	dir      string // its working directory
	addr     string
	greeting string
}

// startDev starts `avap dev` on a free port in a new folder, and waits for its
// greeting. It ends with the test at the latest.
func startDev(t *testing.T, args ...string) *dev {
	t.Helper()
	return startDevIn(t, t.TempDir(), nil, args...)
}

// startDevIn starts it in a folder, with more in its environment.
func startDevIn(t *testing.T, dir string, env []string, args ...string) *dev {
	t.Helper()
	p, err := startProcess(program(t), dir, environment(env...), append([]string{"dev", "--listen", "127.0.0.1:0"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	greeting, err := p.await(&p.stdout, `(?s)^.*avap catalog publish FILE [^\n]*\n`)
	if err != nil {
		t.Fatal(err)
	}
	return &dev{p, dir, regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(greeting[0]), greeting[0]}
}

// execute sends a body to the process.
func (d *dev) execute(t *testing.T, query, body string) (status int, answer string) {
	t.Helper()
	r := execute(t, d.addr, query, body)
	return r.status, r.body
}

// TestDev greets with a request that works, serves it, and ends well when asked.
func TestDev(t *testing.T) {
	t.Parallel()
	defined := filepath.Join(t.TempDir(), "shop.avap")
	if err := os.WriteFile(defined, []byte("command double(n: value, out1: out) {\n    out1 = n * 2\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startDev(t, "--define", defined, "--max-body", "1KiB", "--limit-depth", "10")

	curl := regexp.MustCompile(`curl -s 'http://[^/]+/api/v1/execute(\?[^']*)' -d '([^']*)'`).FindStringSubmatch(d.greeting)
	if curl == nil {
		t.Fatalf("no request in the greeting:\n%s", d.greeting)
	}
	if status, answer := d.execute(t, curl[1], curl[2]); status != 200 || !strings.Contains(answer, `"result":{"greeting":"Hello Ada"}`) {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := d.execute(t, "", `{"script":"x = double(21)\naddResult(x)"}`); status != 200 || !strings.Contains(answer, `"x":42`) {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := d.execute(t, "", `{"script":"`+strings.Repeat(" ", 1024)+`"}`); status != 413 {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := d.execute(t, "", `{"script":"function f(n) { return f(n) }\nf(1)"}`); status != 400 || !strings.Contains(answer, "quota_depth") {
		t.Errorf("%d %s", status, answer)
	}

	d.signal(t, syscall.SIGTERM)
	if end := d.wait(t); end.ExitCode() != 0 {
		t.Errorf("%v\n%s", end, &d.stderr)
	}
}

// TestDevCurl runs the greeting's command line as it stands.
func TestDevCurl(t *testing.T) {
	t.Parallel()
	d := startDev(t)
	line, _, _ := strings.Cut(d.greeting[strings.Index(d.greeting, "curl "):], "\n")
	out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"result":{"greeting":"Hello Ada"}`) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestDevPortTaken says so, and starts nothing.
func TestDevPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, err := exec.CommandContext(t.Context(), program(t), "dev", "--listen", l.Addr().String()).CombinedOutput()
	want := "avap: --listen " + l.Addr().String() + ": bind: address already in use\n"
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 2 || string(out) != want {
		t.Errorf("%v\n%s\nwant %s", err, out, want)
	}
}

// slowServer answers when its test lets it, and tells when it was asked.
func slowServer(t *testing.T) (url string, asked <-chan struct{}, answer func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests, release := make(chan struct{}, 1), make(chan struct{})
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		io.WriteString(w, "late")
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return "http://" + l.Addr().String(), requests, func() { close(release) }
}

// TestDevDrains lets a request in progress finish when the process is told to end.
func TestDevDrains(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			url, asked, answer := slowServer(t)
			d := startDev(t, "--allow-net", "127.0.0.1/32", "--limit-host-time", "30s")
			type got struct {
				status int
				answer string
			}
			done := make(chan got, 1)
			go func() {
				status, text := d.execute(t, "", `{"script":"RequestGet(u, None, None, text)\naddResult(text)","variables":{"u":"`+url+`"}}`)
				done <- got{status, text}
			}()
			<-asked
			d.signal(t, sig)
			refuses(t, d.addr)
			answer()
			if g := <-done; g.status != 200 || !strings.Contains(g.answer, `"text":"late"`) {
				t.Errorf("%d %s", g.status, g.answer)
			}
			if end := d.wait(t); end.ExitCode() != 0 {
				t.Errorf("%v\n%s", end, &d.stderr)
			}
		})
	}
}

// refuses waits until nobody takes connections at an address.
func refuses(t *testing.T, addr string) {
	t.Helper()
	until(t, "the process takes no connections any more", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
}

// TestDevDrainTimeout cuts off what takes longer than is granted, and says so.
func TestDevDrainTimeout(t *testing.T) {
	t.Parallel()
	d, cut := hangingDev(t, "--drain-timeout", "50ms")
	d.signal(t, syscall.SIGTERM)
	if end := d.wait(t); end.ExitCode() != 2 {
		t.Errorf("%v", end)
	}
	<-cut
	if want := "avap: requests in progress did not finish within 50ms and were cut off\n"; !strings.HasSuffix(d.stderr.String(), want) {
		t.Errorf("%q, want %q", &d.stderr, want)
	}
}

// TestDevSecondSignal ends the process at once, though a request is in progress.
func TestDevSecondSignal(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			// What is ignored here is ignored by a process that begins here, what is caught is not:
			// whoever began the tests may ignore the signal.
			caught := make(chan os.Signal, 1)
			signal.Notify(caught, sig)
			d, cut := hangingDev(t)
			signal.Stop(caught)
			d.signal(t, sig)
			refuses(t, d.addr)
			d.signal(t, sig)
			end := d.wait(t)
			<-cut
			if status := end.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != sig {
				t.Errorf("%v", end)
			}
		})
	}
}

// TestDevKilled leaves no port behind, and no files but in its data folder.
func TestDevKilled(t *testing.T) {
	t.Parallel()
	d, cut := hangingDev(t)
	d.signal(t, os.Kill)
	d.wait(t)
	<-cut
	refuses(t, d.addr)
	files, err := os.ReadDir(d.dir)
	if err != nil || len(files) != 1 || files[0].Name() != ".avap" {
		t.Errorf("%v %v", files, err)
	}
}

// hangingDev starts `avap dev` with a request in progress that does not end by
// itself. cut is closed when that has broken.
func hangingDev(t *testing.T, args ...string) (d *dev, cut <-chan struct{}) {
	t.Helper()
	url, asked, _ := slowServer(t)
	d = startDev(t, append([]string{"--allow-net", "127.0.0.1/32", "--limit-host-time", "1m"}, args...)...)
	broken := make(chan struct{})
	go func() {
		defer close(broken)
		c, err := net.Dial("tcp", d.addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		body := `{"script":"RequestGet(u, None, None, text)","variables":{"u":"` + url + `"}}`
		r, err := http.NewRequest("POST", "http://"+d.addr+"/api/v1/execute", strings.NewReader(body))
		if err == nil {
			err = r.Write(c)
		}
		if err != nil {
			t.Error(err)
		}
		if text, _ := io.ReadAll(c); bytes.Contains(text, []byte("200 OK")) {
			t.Errorf("the request was answered: %s", text)
		}
	}()
	<-asked
	return d, broken
}

// TestRunInterrupted ends a script with an answer that says so.
func TestRunInterrupted(t *testing.T) {
	t.Parallel()
	url, asked, _ := slowServer(t)
	script := filepath.Join(t.TempDir(), "wait.avap")
	if err := os.WriteFile(script, []byte("RequestGet(u, None, None, text)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program(t), "run", script, "--var", "u="+url, "--allow-net", "127.0.0.1/32", "--limit-host-time", "1m")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(out.String(), `"code":"cancelled"`) {
		t.Errorf("exit status %d: %s", code, out.String())
	}
}
