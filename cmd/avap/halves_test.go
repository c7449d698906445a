// This file holds both halves as processes: a definition server, and workers that
// follow it.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/internal/balancer"
	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/worker/replica"
)

// served is a running `avap serve`.
type served struct {
	*process
	addr, admin string // data port, admin port
}

// startServe starts a worker on free ports, and waits until it listens. It ends
// with the test at the latest.
func startServe(t *testing.T, dir string, env []string, args ...string) *served {
	t.Helper()
	return startServeOf(t, program(t), dir, env, args...)
}

// startServeOf starts a worker of another build.
func startServeOf(t *testing.T, program, dir string, env []string, args ...string) *served {
	t.Helper()
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, args...)
	p, err := startProcess(program, dir, env, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	found, err := p.await(&p.stderr, `"msg":"listening".*"data":"([^"]*)","admin":"([^"]*)"`)
	if err != nil {
		t.Fatal(err)
	}
	return &served{p, found[1], found[2]}
}

func (s *served) ready(t *testing.T) bool {
	t.Helper()
	return get(t, "http://"+s.addr+"/readyz").status == http.StatusOK
}

// reason is what the admin port says about readiness.
func (s *served) reason(t *testing.T) reply {
	t.Helper()
	return get(t, "http://"+s.admin+"/readyz")
}

// catalog is what the worker tells of the definition server and its catalog.
func (s *served) catalog(t *testing.T) replica.Status {
	t.Helper()
	var shown struct{ Catalog replica.Status }
	if err := json.Unmarshal([]byte(get(t, "http://"+s.admin+"/debug/catalog").body), &shown); err != nil {
		t.Fatal(err)
	}
	return shown.Catalog
}

// keeps waits until a revision is in force and in the snapshot.
func (s *served) keeps(t *testing.T, revision uint64) {
	t.Helper()
	until(t, "the revision is in force and kept", func() bool {
		c := s.catalog(t)
		return c.InForce && c.Revision == revision && c.SnapshotRevision == revision
	})
}

// answers runs a stored script that says what version it is.
func (s *served) answers(t *testing.T, want string) {
	t.Helper()
	if got := execute(t, s.addr, "", storedBody); !got.is(200, `"result":{"said":"`+want+`"}`) {
		t.Errorf("the stored script answers %v, want %s", got, want)
	}
}

// The stored script of the tests.
const storedBody = `{"name":"say"}`

func storedSource(says string) string { return "said = \"" + says + "\"\naddResult(said)\n" }

// halves are a folder with keys, a definition server that comes and goes, and an
// address for workers that stays the same.
type halves struct {
	dir     string
	env     []string
	service *balancer.Balancer
	server  *process // nil while it is away
	addr    string   // of the server itself
}

// newHalves makes keys and the address. No server is there yet.
func newHalves(t *testing.T) *halves {
	t.Helper()
	b, err := balancer.New(balancer.Options{Interval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	h := &halves{dir: t.TempDir(), env: environment("API_KEY=workers", "AVAP_ADMIN_TOKEN=administrators"), service: b}
	runAvap(t, h.dir, h.env, "keygen")
	return h
}

// serve starts the server.
func (h *halves) serve(t *testing.T, args ...string) {
	t.Helper()
	p, addr, err := startDefinitions(h.dir, h.env, append([]string{"--keys", "avap-keys.json"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	h.server, h.addr = p, addr
	// The balancer asks for HTTP, which the server does not speak; it is ready.
	yes := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer yes.Close()
	h.service.Add(balancer.Backend{Addr: addr, Ready: yes.URL})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.service.Await(ctx, 1); err != nil {
		t.Fatal(err)
	}
}

// kill ends the server with SIGKILL.
func (h *halves) kill() {
	h.server.kill()
	h.service.Remove(h.addr)
}

// stop ends the server as an operator does.
func (h *halves) stop(t *testing.T) {
	t.Helper()
	h.server.stop(t)
	h.service.Remove(h.addr)
}

// worker starts a worker that follows the server.
func (h *halves) worker(t *testing.T, args ...string) *served {
	t.Helper()
	return startServe(t, h.dir, h.env, h.workerArgs(args...)...)
}

func (h *halves) workerArgs(args ...string) []string {
	return append([]string{
		"--keys", "avap-keys.json", "--definitions", h.service.Addr(), "--snapshot", "catalog.snapshot",
		"--unsigned-scripts", "allow", "--drain-delay", "0s",
	}, args...)
}

func (h *halves) path(name string) string { return filepath.Join(h.dir, name) }

// publish publishes the stored script, and gives the revision.
func (h *halves) publish(t *testing.T, says string) uint64 {
	t.Helper()
	conn, err := dialAdmin(h.addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "x-avap-auth", "administrators")
	answer, err := avapv2pb.NewAdminClient(conn).Publish(ctx, &avapv2pb.PublishRequest{
		Sources: []*avapv2pb.Source{{Kind: avapv2pb.Kind_KIND_SCRIPT, Name: "say", Text: storedSource(says)}},
	})
	if err != nil || len(answer.Diagnostics) > 0 {
		t.Fatalf("%v %v", err, answer)
	}
	return answer.Revision
}

// underLoad runs steps while a client sends a request again and again, and has
// every one of them answered right. Steps call served to wait for some more
// answers.
func underLoad(t *testing.T, addr string, source load.Source, steps func(served func())) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answered := make(flow, 1024)
	type ending struct {
		result *load.Result
		err    error
	}
	ended := make(chan ending, 1)
	go func() {
		result, err := load.Run(ctx, load.Options{Addr: addr, Duration: 5 * time.Minute, Classes: []load.Class{{
			Name: "paced", Source: source, Rate: 200, Warm: 8, Observe: answered.observe,
		}}})
		ended <- ending{result, err}
	}()
	steps(func() {
		if err := answered.more(); err != nil {
			t.Fatal(err)
		}
	})
	cancel()
	end := <-ended
	if end.result == nil {
		t.Fatal(end.err)
	}
	checkLoad(t, end.result)
}

// checkLoad has every request answered right.
func checkLoad(t *testing.T, result *load.Result) {
	t.Helper()
	for _, c := range result.Classes {
		if c.Bad() > 0 || c.Answered == 0 {
			t.Errorf("%s: %d answers, %d wrong (%s), failures %v", c.Name, c.Answered, c.Wrong, c.WrongAnswer, c.Failed)
		}
		t.Logf("%s: %d answers on %d connections, p99 %v, max %v", c.Name, c.Answered, c.Opened, c.Latency().Percentile(99), c.Latency().Max())
	}
}

// flow counts answers, for tests that wait for some more.
type flow chan struct{}

// observe is told of each answer.
func (f flow) observe(load.Observation) {
	select {
	case f <- struct{}{}:
	default:
	}
}

// more waits for 40 answers from now on.
func (f flow) more() error {
	late := time.After(patience)
	for len(f) > 0 {
		<-f
	}
	for range 40 {
		select {
		case <-f:
		case <-late:
			return errors.New("the load does not go on")
		}
	}
	return nil
}

// message is a body as /execute takes it.
func message(addr, body string) load.Message {
	return load.Message{
		Target: "/api/v1/execute", Host: addr, Body: []byte(body), Header: [][2]string{{"Content-Type", "application/json"}},
	}
}
