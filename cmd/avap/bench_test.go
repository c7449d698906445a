package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/internal/plot"
)

// startWorker starts avap dev in the script's folder, beside its definition servers.
func (all *definitionsServers) startWorker(ts *testscript.TestScript, args []string) {
	path, err := exec.LookPath("avap")
	ts.Check(err)
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	p, err := startProcess(path, ts.Getenv("WORK"), env, append([]string{
		"dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--definitions-listen", "127.0.0.1:0",
	}, args...)...)
	ts.Check(err)
	all.running = append(all.running, p)
	greeting, err := p.await(&p.stdout, `http://127\.0\.0\.1:\d+`)
	ts.Check(err)
	ts.Setenv("AVAP_TARGET", greeting[0])
}

// rightAnswer is what a worker says to the profile steady.
const rightAnswer = `{"success":true,"result":{"total":121.0,"label":"T-100"},"variables":{},"logs":[]}`

// TestBenchInterrupted prints what there is when Ctrl-C ends a long run.
func TestBenchInterrupted(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		io.WriteString(w, rightAnswer)
	}))
	defer s.Close()
	out, status := bench(t, func(p *os.Process) {
		for range 3 {
			<-asked
		}
		p.Signal(os.Interrupt)
	}, "--target", s.URL, "--rate", "100", "--duration", "1h", "--warmup", "0s", "--json", "-")
	var report benchReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Runs) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	if r := report.Runs[0]; status != 0 || !r.Interrupted || r.Requests < 3 || r.Wrong != 0 || r.Statuses[200] != r.Answered || r.Requests != r.Answered+r.CutOff {
		t.Errorf("exit status %d: %s", status, out)
	}
}

// TestBenchInterruptedBefore: a run that was not begun has nothing to tell.
func TestBenchInterruptedBefore(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		io.WriteString(w, rightAnswer)
	}))
	defer s.Close()
	out, status := bench(t, func(p *os.Process) {
		<-asked
		p.Signal(os.Interrupt)
	}, "--target", s.URL, "--rate", "100", "--warmup", "1h")
	if out != "" || status != 2 {
		t.Errorf("exit status %d: %s", status, out)
	}
}

// TestBenchFailures counts requests without an answer, by why.
func TestBenchFailures(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // what is unread would reset the connection
		panic(http.ErrAbortHandler)
	}))
	defer s.Close()
	out, status := bench(t, func(*os.Process) {}, "--target", s.URL, "--rate", "20", "--duration", "200ms", "--warmup", "0s")
	for _, want := range []string{`(?m)^failed +4$`, `(?m)^  closed +4$`, `(?m)^requests +4$`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no line %s in\n%s", want, out)
		}
	}
	if status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
}

// TestBenchOverload counts refusals by themselves, and keeps them out of the
// latencies.
func TestBenchOverload(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(503)
		io.WriteString(w, `{"success":false,"error":"no room","code":"overloaded","request_id":"x"}`)
	}))
	defer s.Close()
	out, status := bench(t, func(*os.Process) {}, "--target", s.URL, "--rate", "20", "--duration", "200ms", "--warmup", "0s")
	for _, want := range []string{`(?m)^of them overloaded +4$`, `(?m)^answers 503 +4$`, `(?m)^wrong answers +0$`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no line %s in\n%s", want, out)
		}
	}
	if strings.Contains(out, "p50") {
		t.Errorf("latencies of refusals:\n%s", out)
	}
	if status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}

// bench runs avap bench in a process of its own, and gives what it printed.
func bench(t *testing.T, meanwhile func(*os.Process), args ...string) (out string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t), append([]string{"bench"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	meanwhile(cmd.Process)
	cmd.Wait()
	if status = cmd.ProcessState.ExitCode(); status == 2 && stderr.Len() == 0 {
		t.Error("nothing says what is wrong")
	}
	return stdout.String(), status
}

// exampleReport has one run of each kind, with all that can be told.
func exampleReport() *benchReport {
	cpu := 12.34
	return &benchReport{
		Target: "http://127.0.0.1:8888", Profile: "mixed", Signed: true, Duration: 10, Warmup: 0.5,
		Started: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC),
		Runs: []*benchRun{
			{
				Rate: 2000, Seconds: 10, Requests: 20000, Answered: 20000, Achieved: 2000, Statuses: map[int]int64{200: 19600, 404: 400},
				Latency: benchTimes{0.2, 0.1, 0.25, 1.5, 12.3456, 1234}, Late: &benchTimes{P99: 0.05}, CPU: &cpu,
				curve: []plot.Point{{X: 0, Y: 0.05}, {X: 1, Y: 0.25}, {X: 2, Y: 1.5}},
			},
			{
				Rate: 45000.5, Seconds: 3.2, Requests: 99, Answered: 90, Achieved: 12.5, Statuses: map[int]int64{200: 40, 401: 1, 503: 49},
				Refused: 49, Wrong: 1, Example: `{"success":false,"code":"signature_missing"}`, Delayed: 7, CutOff: 2, Interrupted: true,
				Failed: map[load.Failure]int64{load.FailureReset: 3, load.FailureTimeout: 4}, Late: &benchTimes{P99: 2.5},
			},
			{Statuses: map[int]int64{200: 5}, Achieved: 123456.7, Requests: 5, Latency: benchTimes{1, 1, 1, 1, 1, 1}},
		},
	}
}

func TestBenchTable(t *testing.T) {
	const golden = "testdata/bench/table.golden"
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), exampleReport().text()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
}

// TestBenchDrawing draws one run as a distribution, several over their rates.
func TestBenchDrawing(t *testing.T) {
	sweep := exampleReport()
	one := exampleReport()
	one.Runs = one.Runs[:1]
	for _, tt := range []struct {
		report *benchReport
		lines  []string
		texts  []string
	}{
		{sweep, []string{"p50", "p90", "p99", "p99.9"}, []string{"avap bench, mixed<", "requests/s"}},
		{one, []string{"latency"}, []string{"avap bench, mixed, 2000/s<", ">0<", ">90<", ">99<", "percent of the answers"}},
	} {
		svg, err := tt.report.svg()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range tt.texts {
			if !strings.Contains(string(svg), want) {
				t.Errorf("no %q in\n%s", want, svg)
			}
		}
		var names []string
		for _, m := range regexp.MustCompile(`<polyline [^>]*/>\n<text [^>]*>([^<]*)<`).FindAllStringSubmatch(string(svg), -1) {
			names = append(names, m[1])
		}
		if diff := cmp.Diff(tt.lines, names); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	}
}

// TestBenchProgress has one line that is written anew, and is gone at the end.
func TestBenchProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var class load.Class
		stop := watchBench(&progress{out: &out, what: "steady", shown: -1}, 10*time.Second, &class)
		for _, o := range []load.Observation{{Status: 200}, {Status: 200}, {Status: 400, Wrong: true}, {Failure: load.FailureReset}} {
			class.Observe(o)
		}
		time.Sleep(1100 * time.Millisecond)
		stop()
		line := "\rsteady: %d s of 10s, 3 answered, 1 wrong, 1 failed\x1b[K"
		want := fmt.Sprintf(line, 0) + fmt.Sprintf(line, 1) + "\r\x1b[K"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("shown (-want +got):\n%s", diff)
		}
	})
	var class load.Class
	watchBench(&progress{}, time.Second, &class)()
	if class.Observe != nil {
		t.Error("requests are counted for nobody")
	}
}

func TestBenchTimeText(t *testing.T) {
	for ms, want := range map[float64]string{0: "0.000 ms", 0.0834: "0.083 ms", 9.99: "9.990 ms", 10: "10.0 ms", 999.9: "999.9 ms", 61234: "61.23 s"} {
		if got := timeText(ms); got != want {
			t.Errorf("%g: got %s, want %s", ms, got, want)
		}
	}
	for rate, want := range map[float64]string{0: "closed loop", 0.5: "0.5/s", 12.345: "12.3/s", 100: "100/s", 12345.6: "12346/s"} {
		if got := fmt.Sprint(rateText(rate)); got != want {
			t.Errorf("%g: got %s, want %s", rate, got, want)
		}
	}
}
