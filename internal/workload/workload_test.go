package workload_test

// This file sends each profile to a worker, and gives its checks wrong answers.

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/internal/workload"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a worker, which takes requests without a signature where it has no
// key.
func serve(t *testing.T, key *seal.Key) (addr string, w *worker.Worker) {
	t.Helper()
	limits := avap.Limits{Time: time.Minute}
	engine, err := avap.New(avap.Options{Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	opt := worker.Options{
		Catalog: func() *worker.Catalog { return worker.NewCatalog(engine, nil, nil) },
		Limits:  limits, Unsigned: key == nil,
	}
	if key != nil {
		ring, err := seal.NewKeyring(time.Now, key)
		if err != nil {
			t.Fatal(err)
		}
		opt.Keys, opt.Verifier = ring, seal.NewVerifier(ring, seal.VerifierOptions{})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w = worker.New(opt)
	served := make(chan error, 1)
	go func() { served <- w.Serve(l) }()
	t.Cleanup(func() {
		if err := w.Drain(context.Background(), 0, 20*time.Second); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), w
}

func requestKey(t *testing.T) *seal.Key {
	t.Helper()
	key, err := seal.GenerateKey(seal.UseRequest, "bench", time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func source(t *testing.T, name string, opt workload.Options) load.Source {
	t.Helper()
	p, ok := workload.Find(name)
	if !ok {
		t.Fatalf("no profile %s", name)
	}
	s, err := p.Source(opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestProfiles: a worker gives the right answers to every profile, with a signature
// where it asks for one.
func TestProfiles(t *testing.T) {
	statuses := map[string][]int{"mixed": {200, 404}, "chaos": {200, 400}}
	for _, p := range workload.Profiles() {
		for _, key := range []*seal.Key{nil, requestKey(t)} {
			addr, w := serve(t, key)
			t.Run(p.Name, func(t *testing.T) {
				const n = 200
				result, err := load.Run(t.Context(), load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{{
					Source: source(t, p.Name, workload.Options{Host: addr, Key: key, Seed: 7}), Connections: 2, Requests: n,
				}}})
				if err != nil {
					t.Fatal(err)
				}
				c := result.Classes[0]
				if c.Answered != n || c.Wrong != 0 {
					t.Errorf("%d of %d answered, %d wrong, as %s", c.Answered, n, c.Wrong, c.WrongAnswer)
				}
				var got []int
				for status := range c.Statuses {
					got = append(got, status)
				}
				slices.Sort(got)
				want := statuses[p.Name]
				if want == nil {
					want = []int{200}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("statuses (-want +got):\n%s", diff)
				}
				if misses := w.CacheStats().Misses; (misses >= n) != (p.Name == "cold") {
					t.Errorf("%d programs were compiled", misses)
				}
			})
		}
	}
}

// TestChecks: what a worker answers to a request passes; another request's answer,
// and every answer that is not quite right, does not.
func TestChecks(t *testing.T) {
	addr, _ := serve(t, nil)
	for _, p := range workload.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			s := source(t, p.Name, workload.Options{Host: addr, Seed: 3})
			for n := range int64(100) {
				var r load.Request
				s.Next(n, &r)
				status, body := exchange(t, addr, r.Bytes)
				if !r.Check(status, body) {
					t.Fatalf("request %d: %d %s does not pass", n, status, body)
				}
				for name, wrong := range map[string]struct {
					status int
					body   []byte
				}{
					"status":           {status + 1, body},
					"empty":            {status, nil},
					"cut":              {status, body[:len(`{"success":`)]},
					"half a result":    {200, []byte(`{"success":true,"result":{`)},
					"another result":   {status, bytes.Replace(body, []byte(`"result":{"`), []byte(`"result":{"other":1,"`), 1)},
					"another failure":  {status, bytes.Replace(body, []byte(`"code":"syntax_`), []byte(`"code":"name_`), 1)},
					"internal failure": {500, []byte(`{"success":false,"error":"x","code":"internal"}`)},
					"draining":         {503, []byte(`{"success":false,"error":"x","code":"draining"}`)},
				} {
					if (wrong.status != status || !bytes.Equal(wrong.body, body)) && r.Check(wrong.status, wrong.body) {
						t.Errorf("request %d: %s passes: %d %s", n, name, wrong.status, wrong.body)
					}
				}
				if !r.Check(503, []byte(`{"success":false,"error":"x","code":"overloaded"}`)) {
					t.Errorf("request %d: a refusal for want of room does not pass", n)
				}
			}
		})
	}
}

// TestMessage: the request of a profile that repeats one is what its source sends,
// and its check takes the right answer alone.
func TestMessage(t *testing.T) {
	addr, _ := serve(t, nil)
	repeating := map[string]bool{}
	for _, p := range workload.Profiles() {
		m, check, ok := p.Message(workload.Options{Host: addr})
		if repeating[p.Name] = ok; !ok {
			continue
		}
		var r load.Request
		load.Numbered(m, check).Next(5, &r)
		if status, body := exchange(t, addr, r.Bytes); !r.Check(status, body) {
			t.Errorf("%s: %d %s does not pass", p.Name, status, body)
		}
		if r.Check(503, []byte(`{"success":false,"error":"x","code":"overloaded"}`)) {
			t.Errorf("%s: a refusal passes", p.Name)
		}
		if marked := bytes.Contains(m.Body, []byte(load.NumberMark)); marked != (p.Name == "cold") {
			t.Errorf("%s: a number in the body: %t", p.Name, marked)
		}
	}
	want := map[string]bool{"steady": true, "mixed": false, "compute": true, "signed": true, "cold": true, "chaos": false}
	if diff := cmp.Diff(want, repeating); diff != "" {
		t.Errorf("profiles that repeat one request (-want +got):\n%s", diff)
	}
}

// exchange sends the bytes of a request.
func exchange(t *testing.T, addr string, request []byte) (status int, body []byte) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, body
}

// requests gives the first requests of a source, as they are sent.
func requests(s load.Source, n int64) (all []string) {
	for i := range n {
		var r load.Request
		s.Next(i, &r)
		all = append(all, string(r.Bytes))
	}
	return all
}

// TestSeed: the same seed sends the same requests, another one others; scripts that
// must be new are new nevertheless.
func TestSeed(t *testing.T) {
	of := func(profile string, seed uint64) []string {
		return requests(source(t, profile, workload.Options{Host: "h", Seed: seed}), 640)
	}
	first := of("mixed", 1)
	if diff := cmp.Diff(first, of("mixed", 1)); diff != "" {
		t.Errorf("the same seed:\n%s", diff)
	}
	if slices.Equal(first, of("mixed", 2)) {
		t.Error("another seed draws the same")
	}
	cold := append(of("cold", 1), of("cold", 1)...)
	slices.Sort(cold)
	if n := len(slices.Compact(cold)); n != 2*640 {
		t.Errorf("%d of %d cold requests are new", n, 2*640)
	}
}

// TestChaosShares counts what is sent.
func TestChaosShares(t *testing.T) {
	got := map[string]int{}
	for _, r := range requests(source(t, "chaos", workload.Options{Host: "h"}), 1000) {
		switch {
		case strings.Contains(r, `==\n`):
			got["broken"]++
		case strings.Contains(r, `"rounds":500000`):
			got["heavy"]++
		default:
			got["steady"]++
		}
	}
	if diff := cmp.Diff(map[string]int{"broken": 10, "heavy": 50, "steady": 940}, got); diff != "" {
		t.Errorf("of 1,000 requests (-want +got):\n%s", diff)
	}
}

// TestWrongKey refuses a key that signs no requests.
func TestWrongKey(t *testing.T) {
	key, err := seal.GenerateKey(seal.UsePackage, "k", time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range workload.Profiles() {
		if _, err := p.Source(workload.Options{Host: "h", Key: key}); err == nil {
			t.Errorf("%s: no error", p.Name)
		}
	}
}
