// This file tests what is made of counters that are known.

package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/avap-framework/avap/internal/load"
)

// turnOf is a turn of a second in which each of the workers used its whole quarter.
func turnOf(workers int, answered, wrong int64) *capacityTurn {
	t := &capacityTurn{
		Elapsed: time.Second, Generator: load.CPU{Total: 100 * time.Millisecond},
		Busy: map[int]float64{workersCPU: 0.25 * float64(workers), othersCPU: 0.1},
		Result: &load.Result{Classes: []*load.ClassResult{{
			Name: "clients", Answered: answered, Wrong: wrong, Elapsed: time.Second,
		}}},
	}
	for range workers {
		t.Pods = append(t.Pods, podRun{capacityPerWorker, load.CPU{Total: 250 * time.Millisecond}, throttling{10, 9}})
	}
	return t
}

func TestCapacityReport(t *testing.T) {
	one := &capacityRun{Workers: 1, Round: 1, Turns: []*capacityTurn{turnOf(1, 900, 0), turnOf(1, 1100, 0)}}
	two := &capacityRun{Workers: 2, Round: 1, Turns: []*capacityTurn{turnOf(2, 1900, 0)}}
	four := &capacityRun{Workers: 4, Round: 1, Turns: []*capacityTurn{turnOf(4, 3000, 1)}}
	four.Turns[0].Pods[3].Connections--
	r, err := capacityReport([]*capacityRun{one, two, four})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		measured string
		holds    bool
	}{{"0.950", true}, {"0.750", false}, {"1", false}, {"1", false}, {"100 %", true}, {"10 %", true}} {
		if got := r.Bars[i]; got.Measured != want.measured || got.Holds != want.holds {
			t.Errorf("%s: %s, %t; want %s, %t", got.What, got.Measured, got.Holds, want.measured, want.holds)
		}
	}
	// 250 ms for 1,000 requests, in 9 of 10 periods stopped.
	if got := strings.Join(r.Tables[1].Rows[0], " "); got != "1 1 1000 250.00 µs 100 % 90 % 0 10 % 25 % 10 %" {
		t.Errorf("the first round is %s", got)
	}
	if svg := string(r.Plots["capacity.svg"]); !strings.Contains(svg, "linear") {
		t.Errorf("the plot has no linear line: %s", svg)
	}
}

func TestCoresReport(t *testing.T) {
	run := func(name string, each time.Duration) wrkRun { return wrkRun{Target: name, Requests: 1, Each: each} }
	r := coresReport([]wrkRun{
		run("one core", 100), run("two cores", 109),
		run("one core", 102), run("two cores", 150),
		run("one core", 90), run("two cores", 95),
	})
	if got := r.Bars[0]; got.Measured != "1.090" || !got.Holds {
		t.Errorf("%+v", got)
	}
}

func TestParseProcessors(t *testing.T) {
	stat := []byte("cpu  100 0 0 0 0 0 0 0 0 0\ncpu0 10 1 5 80 2 1 1 0 0 0\ncpu1 50 0 0 40 0 0 0 10 0 0\nintr 5 0\n")
	before, err := parseProcessors(stat)
	if err != nil || before[0] != (processor{18, 0, 100}) || before[1] != (processor{50, 10, 100}) {
		t.Errorf("%+v, %v", before, err)
	}
	if share := (processor{68, 10, 200}).share(before[0]); share != 0.6 {
		t.Errorf("busy for %g of the time, want 0.6", share)
	}
	after := map[int]processor{0: {58, 20, 180}, 1: {90, 30, 180}}
	if share := stolen(before, after); share != 0.25 {
		t.Errorf("the host had %g of the time, want 0.25", share)
	}
	if _, err := parseProcessors([]byte("intr 5\n")); err == nil {
		t.Error("no processors, and no error")
	}
}

// TestPin: this program may run somewhere, and moves where it is told to.
func TestPin(t *testing.T) {
	before, err := allowed()
	if err != nil || before == "" {
		t.Fatalf("%q, %v", before, err)
	}
	l := &Lab{}
	if err := l.pin(t.Context(), "0"); err != nil {
		t.Skip(err) // a container that may not use processor 0
	}
	if now, err := allowed(); now != "0" || err != nil {
		t.Errorf("runs on %s, %v", now, err)
	}
	for _, undo := range l.undo {
		if err := undo(); err != nil {
			t.Error(err)
		}
	}
	if after, err := allowed(); after != before || err != nil {
		t.Errorf("runs on %s afterwards, %v; want %s", after, err, before)
	}
}
