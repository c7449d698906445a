// This file tests the peers and the processes that they consist of.

package scenarios

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/avap-framework/avap/internal/load"
)

func testLab(t *testing.T, opt Options) *Lab {
	t.Helper()
	opt.Log = io.Discard
	lab, err := NewLab(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	return lab
}

const steadyAnswer = `{"success":true,"result":{"total":121.0,"label":"T-100"},"variables":{"max":100,"total":121.0,"label":"T-100"},"logs":[]}`

// TestPeers: each peer does the job, with a process for each processor beside the one
// that started them, and none is left afterwards.
func TestPeers(t *testing.T) {
	for _, tt := range []struct {
		name, program, packages string
		start                   func(*Lab, context.Context, load.Check) (target, error)
	}{
		{"nginx", "/usr/sbin/nginx", nginxPackages, (*Lab).nginx},
		{"node", "node", nodePackage, (*Lab).node},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := installed(tt.program, tt.packages); err != nil {
				t.Skip(err)
			}
			lab := testLab(t, Options{Nginx: "/usr/sbin/nginx", Node: "node"})
			peer, err := tt.start(lab, t.Context(), sameValues([]byte(steadyAnswer)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := peer.ask(t.Context()); err != nil {
				t.Error(err)
			}
			workers, err := children(peer.server.pid())
			if err != nil || len(workers) != runtime.NumCPU() {
				t.Errorf("the processes below it are %v, %v", workers, err)
			}
			if used, err := peer.server.cpu(); err != nil || used.Total <= 0 {
				t.Errorf("it used %v, %v", used, err)
			}
			if err := peer.server.kill(); err != nil {
				t.Fatal(err)
			}
			awaitGone(t, workers)
		})
	}
}

// awaitGone waits until processes are gone, or are no more than a number that nobody
// has asked for yet.
func awaitGone(t *testing.T, pids []int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for _, pid := range pids {
		for {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err != nil || strings.Contains(string(stat), ") Z ") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("process %d is still there", pid)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// TestMissingPeer: the error names what to install.
func TestMissingPeer(t *testing.T) {
	lab := testLab(t, Options{Nginx: "no-nginx", Node: "no-node", Wrk: "no-wrk"})
	_, nginx := lab.nginx(t.Context(), nil)
	_, node := lab.node(t.Context(), nil)
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nginx, "apt-get install nginx-core libnginx-mod-http-lua lua-cjson"},
		{node, "apt-get install nodejs"},
		{lab.needWrk(), "apt-get install wrk"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("got %v, want %q", tt.err, tt.want)
		}
	}
}

func TestSameValues(t *testing.T) {
	check := sameValues([]byte(steadyAnswer))
	for body, want := range map[string]bool{
		steadyAnswer: true,
		`{"variables":{"max":1e2,"total":121,"label":"T-100"},"success":true,"result":{"label":"T-100","total":121}}`:  true,
		`{"success":true,"result":{"total":121,"label":"T-100"},"variables":{"total":121,"label":"T-100"}}`:            false,
		`{"success":true,"result":{"total":120,"label":"T-100"},"variables":{"max":100,"total":121,"label":"T-100"}}`:  false,
		`{"success":false,"result":{"total":121,"label":"T-100"},"variables":{"max":100,"total":121,"label":"T-100"}}`: false,
		"": false,
	} {
		if got := check(200, []byte(body)); got != want {
			t.Errorf("%s: %t", body, got)
		}
	}
	if check(201, []byte(steadyAnswer)) || sameValues(nil)(200, []byte(steadyAnswer)) {
		t.Error("another status, or nothing to compare with, passes")
	}
}

// TestProcessGroup: the processor time is that of a process and its children together,
// and they end together.
func TestProcessGroup(t *testing.T) {
	lab := testLab(t, Options{})
	p, err := lab.start(nil, "sh", "-c", "sh -c 'while :; do :; done' & wait")
	if err != nil {
		t.Fatal(err)
	}
	var below []int
	for deadline := time.Now().Add(20 * time.Second); ; {
		if below, err = children(p.pid()); err != nil {
			t.Fatal(err)
		}
		all, err := p.cpu()
		if err != nil {
			t.Fatal(err)
		}
		own, err := load.ProcessCPU(p.pid())
		if err != nil {
			t.Fatal(err)
		}
		if len(below) == 1 && all.Total > own.Total+50*time.Millisecond {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("children %v, %v together, %v alone", below, all.Total, own.Total)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := p.kill(); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, below)
	if err := p.kill(); err != nil { // again
		t.Error(err)
	}
}

// TestExchange asks a server that answers as a worker does.
func TestExchange(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, steadyAnswer)
	}))
	defer server.Close()
	addr := strings.TrimPrefix(server.URL, "http://")
	status, body, err := exchange(t.Context(), addr, steady.message(addr).Bytes())
	if err != nil || !steady.check(status, body) {
		t.Errorf("%d %s, %v", status, body, err)
	}
}

// TestLatencyReport measures a server that refuses a request now and then: refusals
// are counted, and are no part of the latencies.
func TestLatencyReport(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			time.Sleep(50 * time.Millisecond)
			w.WriteHeader(503)
			_, _ = io.WriteString(w, `{"success":false,"code":"overloaded"}`)
		}
	}))
	defer server.Close()
	addr := strings.TrimPrefix(server.URL, "http://")
	result, err := load.Run(t.Context(), load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{{
		Source:      load.Cycle(load.Fixed(load.Message{Target: "/", Host: addr}, nil), load.Fixed(load.Message{Target: "/refused", Host: addr}, nil)),
		Connections: 1, Requests: 10,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := served(result.Classes[0]); got.Count() != 5 {
		t.Errorf("%d answers count, want 5", got.Count())
	}
	r := latencyReport([]latencyRun{{Peak: 100, Result: result.Classes[0]}})
	row := r.Tables[0].Rows[0]
	if row[1] != "100" || row[len(row)-2] != "5" || row[len(row)-1] != "0" {
		t.Errorf("the peak, refused and not right: %q", row)
	}
	if empty := served(&load.ClassResult{Statuses: map[int]int64{503: 3}}); empty.Count() != 0 {
		t.Error("refusals count")
	}
}
