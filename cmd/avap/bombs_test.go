package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestBombs throws every bomb of testdata/bombs at a process of its own, under
// the default quotas (but for a time quota that a busy machine does not meet
// first): each must end with an error that it names, and the process
// must never hold more than three times the memory quota beside what it holds
// when idle.
func TestBombs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/bombs/*.avap")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d bombs: %v", len(files), err)
	}
	program := buildProgram(t)
	origin := serveBombs(t)
	idleScript := filepath.Join(t.TempDir(), "idle.avap")
	if err := os.WriteFile(idleScript, []byte("addVar(x, 1)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, idle := throw(t, program, bomb{file: idleScript})
	const quota = 32 << 20
	var worst int64
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".avap"), func(t *testing.T) {
			b := readBomb(t, file)
			if b.path != "" {
				b.args = append(b.args, "--param", "url="+origin.URL+b.path, "--allow-net", "127.0.0.1/32")
			}
			code, peak := throw(t, program, b)
			if !slices.Contains(b.codes, code) {
				t.Errorf("ended with %s, not with one of %v", code, b.codes)
			}
			if peak > idle+3*quota {
				t.Errorf("held %d MiB, idle %d MiB", peak>>20, idle>>20)
			}
			worst = max(worst, peak)
		})
	}
	t.Logf("%d bombs; peak resident memory %d MiB, idle %d MiB", len(files), worst>>20, idle>>20)
}

// TestDroppedMemory makes and drops 10 GB of texts of 4 KB, which is no bomb: the
// memory quota is on what is held.
func TestDroppedMemory(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "drop.avap")
	text := `half = "x" * 2048
startLoop(i, 1, 2500000)
    t = half + half
endLoop()
n = len(t)
addResult(n)
`
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, peak := throw(t, buildProgram(t), bomb{
		file: script, args: []string{"--limit-instructions", "50000000", "--limit-time", "60s"},
	})
	if code != "ok" {
		t.Errorf("ended with %s", code)
	}
	t.Logf("peak resident memory %d MiB", peak>>20)
}

// bomb is a script that asks for too much.
type bomb struct {
	file     string
	codes    []string
	path     string // of the server that it asks
	database bool
	args     []string
}

// readBomb reads the comments that a bomb opens with.
func readBomb(t *testing.T, file string) bomb {
	t.Helper()
	text, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	b := bomb{file: file}
	for lines := bufio.NewScanner(text); lines.Scan(); {
		line, ok := strings.CutPrefix(lines.Text(), "// ")
		if !ok {
			break
		}
		switch key, value, _ := strings.Cut(line, ":"); key {
		case "code":
			for c := range strings.SplitSeq(value, ",") {
				b.codes = append(b.codes, strings.TrimSpace(c))
			}
		case "serves":
			b.path = strings.TrimSpace(value)
		case "database":
			b.database = true
		}
	}
	if len(b.codes) == 0 {
		t.Fatalf("%s names no code", file)
	}
	return b
}

// throw runs a bomb, and gives the code that it ended with ("ok" for none) and the
// peak resident memory of its process in bytes.
func throw(t *testing.T, program string, b bomb) (code string, peak int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"run", b.file, "--only-result", "--limit-time=4s"}, b.args...)...)
	cmd.Env = append(os.Environ(), "AVAP_DATABASE=")
	if b.database {
		cmd.Env = append(cmd.Env, "AVAP_DATABASE=sqlite:"+filepath.Join(t.TempDir(), "bomb.db"))
	}
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	var answer struct {
		Success bool
		Code    string
	}
	if jerr := json.Unmarshal(out, &answer); jerr != nil {
		t.Fatalf("no answer: %v, %v\n%.2000s", err, jerr, errors.String())
	}
	if answer.Success {
		answer.Code = "ok"
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return answer.Code, usage.Maxrss << 10
}

// buildProgram builds the program once for the tests that need it as a process.
func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "avap")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// serveBombs answers requests with more than anybody can hold.
func serveBombs(t *testing.T) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/stream", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		repeat(w, strings.Repeat("x", 64<<10), 160_000)
	})
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		repeat(z, strings.Repeat("x", 64<<10), 640_000)
	})
	mux.HandleFunc("/deep", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		repeat(w, strings.Repeat("[", 1000), 5000)
		repeat(w, strings.Repeat("]", 1000), 5000)
	})
	mux.HandleFunc("/wide", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "[{}")
		repeat(w, strings.Repeat(",{}", 1000), 10_000)
		io.WriteString(w, "]")
	})
	mux.HandleFunc("/trickle", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/redirect", http.StatusFound)
	})
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// repeat writes text n times, until the reader goes away.
func repeat(w io.Writer, text string, n int) {
	for range n {
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
	}
}
