// This file tests how wrk is driven, and what is made of what it prints.

package scenarios

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/internal/load"
)

const wrkOutput = `Running 10s test @ http://127.0.0.1:1/api/v1/execute
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.22ms    1.10ms  20.01ms   90.00%
    Req/Sec    15.22k     1.31k   18.00k    70.00%
  303000 requests in 10.01s, 150.00MB read
  Socket errors: connect 0, read 3, write 1, timeout 2
  Non-2xx or 3xx responses: 5
Requests/sec:  30269.73
Transfer/sec:     14.98MB
`

func TestParseWrk(t *testing.T) {
	run, err := parseWrk(wrkOutput)
	if err != nil || run.Requests != 303000 || run.Rate != 30269.73 || run.Errors != 11 {
		t.Errorf("%+v, %v", run, err)
	}
	clean := strings.Join(slices.DeleteFunc(strings.Split(wrkOutput, "\n"), func(line string) bool {
		return strings.Contains(line, "errors") || strings.Contains(line, "Non-2xx")
	}), "\n")
	if run, err := parseWrk(clean); err != nil || run.Errors != 0 {
		t.Errorf("%+v, %v", run, err)
	}
	for _, out := range []string{"", "unable to connect to 127.0.0.1:1", "  0 requests in 1s\nRequests/sec: 0.00\n"} {
		if run, err := parseWrk(out); err == nil {
			t.Errorf("%q gave %+v", out, run)
		}
	}
}

func TestLuaText(t *testing.T) {
	if got, want := luaText([]byte("a\"\\\n1é")), `"a\034\092\0101\195\169"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestNumbering runs the script of wrk as two threads of it do: no two requests are the
// same, and each is as long as its header says.
func TestNumbering(t *testing.T) {
	lua, err := exec.LookPath("lua5.4")
	if err != nil {
		t.Skip("it needs the Debian package lua5.4")
	}
	script := wrkScript(load.Message{Header: [][2]string{{"X-Name", "a"}}, Body: []byte(`{"n":"` + load.NumberMark + `"}`)})
	thread := "do\nlocal wrk = {headers = {}, format = nil}\nfunction wrk.format() return wrk.headers['X-Name'] .. wrk.body end\n" +
		"local state = setmetatable({wrk = wrk}, {__index = _G})\n" +
		"load(script, 'script', 't', state)()\nstate.thread = number\nstate.init()\nprint(state.request())\nprint(state.request())\nend\n"
	program := "script = [==[" + script + "]==]\nfor n = 1, 2 do number = n " + thread + " end\n"
	out, err := exec.CommandContext(t.Context(), lua, "-e", program).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `a{"n":"010000000001"}
a{"n":"010000000002"}
a{"n":"020000000001"}
a{"n":"020000000002"}
`
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// bars gives the measured values of a report by name, and which of its bars do not hold.
func bars(r *Report) (measured map[string]string, missed []string) {
	measured = map[string]string{}
	for _, b := range r.Bars {
		measured[b.What] = b.Measured
		if !b.Holds {
			missed = append(missed, b.What)
		}
	}
	return measured, missed
}

// TestThroughputReport has runs whose medians are known.
func TestThroughputReport(t *testing.T) {
	var runs []wrkRun
	for _, off := range []time.Duration{-1, 0, 5} { // the median is that of 0
		for name, each := range map[string]time.Duration{
			bareFast: 80, bareStandard: 160, nginxLua: 150, nodeJS: 300, oursUnsigned: 100, oursSigned: 160,
		} {
			runs = append(runs, wrkRun{Target: name, Requests: 1, Rate: 1e4 / float64(each), Each: each + off})
		}
	}
	r, err := throughputReport(runs)
	if err != nil {
		t.Fatal(err)
	}
	r.Scenario, r.What = "throughput", "processor time"
	measured, missed := bars(r)
	if diff := cmp.Diff(map[string]string{
		"bare fasthttp's CPU ÷ avap's, unsigned":          "0.80",
		"the same, older bar":                             "0.80",
		"bare fasthttp's CPU ÷ avap's, signed, older bar": "0.50",
		"nginx's CPU ÷ avap's, unsigned":                  "1.50",
		"avap's requests/s, unsigned, ÷ nginx's":          "1.50",
		"avap's CPU unsigned ÷ signed":                    "0.62",
		"avap's requests/s, signed ÷ unsigned":            "0.62",
		"errors":                                          "0",
	}, measured); diff != "" {
		t.Errorf("measured (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"bare fasthttp's CPU ÷ avap's, unsigned", "bare fasthttp's CPU ÷ avap's, signed, older bar", "avap's CPU unsigned ÷ signed",
		"avap's requests/s, signed ÷ unsigned",
	}, missed); diff != "" {
		t.Errorf("missed bars (-want +got):\n%s", diff)
	}
	if svg := string(r.Plots["servers.svg"]); strings.Count(svg, nginxLua) != 1 {
		t.Errorf("the plot has no nginx:\n%s", svg)
	}
	if digest := r.Digest(); strings.Contains(digest, "| round |") || !strings.Contains(r.Markdown(), "| round |") {
		t.Errorf("rounds are for the whole report alone; the digest is\n%s", digest)
	}
}

// TestSideBySide has a machine that is half as fast in the second round: pairs are of turns
// that were neighbours.
func TestSideBySide(t *testing.T) {
	run := func(name string, each time.Duration, turns ...time.Duration) wrkRun {
		return wrkRun{Target: name, Requests: 1, Rate: 1, Each: each, Turns: turns}
	}
	m := newWrkMedians([]wrkRun{
		run("one", 10, 10, 9, 10), run("other", 20, 20, 20, 20),
		run("one", 21, 20, 21, 22), run("other", 40, 40, 40, 40),
		run("none", 1),
	})
	got := m.sideBySide([2]string{"one", "other"}, [2]string{"one", "none"})
	if diff := cmp.Diff([][]string{
		{"one ÷ other", "0.50", "0.500", "0.50 and 0.53"},
		{"one ÷ none", "15.00", "0.000", "0.00 and 0.00"},
	}, got.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// TestNothingMeasured: a server without runs holds no bar.
func TestNothingMeasured(t *testing.T) {
	r, err := throughputReport([]wrkRun{{Target: bareFast, Requests: 1, Rate: 1, Each: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, missed := bars(r); len(missed) != 7 {
		t.Errorf("missed: %q", missed)
	}
}

func TestProfilesReport(t *testing.T) {
	run := func(name string, each time.Duration) wrkRun {
		return wrkRun{Target: name, Requests: 1, Rate: 1, Each: each}
	}
	d := profilesData{Runs: []wrkRun{run("steady", 10), run("compute", 16), run("cold", 40)}, Requests: 10, Allocations: 2.345}
	measured, missed := bars(d.report())
	if diff := cmp.Diff(map[string]string{
		"steady's CPU ÷ compute's": "0.62", "steady's CPU ÷ cold's": "0.25",
		"heap allocations of a steady request, whole process": "2.35", "errors": "0",
	}, measured); diff != "" {
		t.Errorf("measured (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"steady's CPU ÷ cold's"}, missed); diff != "" {
		t.Errorf("missed bars (-want +got):\n%s", diff)
	}
}

func TestStartReport(t *testing.T) {
	d := startData{
		Starts:   []time.Duration{90 * time.Millisecond, 300 * time.Millisecond, 40 * time.Millisecond},
		Resident: []int64{41 << 20, 20 << 20},
	}
	measured, missed := bars(d.report())
	if diff := cmp.Diff(map[string]string{
		"start to the first answer, median": "90.0 ms", "resident when idle, median": "30 MiB",
	}, measured); diff != "" || missed != nil {
		t.Errorf("missed %q, measured (-want +got):\n%s", missed, diff)
	}
	if _, missed := bars((&startData{}).report()); len(missed) != 2 {
		t.Errorf("nothing was measured, and only %q is missed", missed)
	}
}
