package worker_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker"
	"github.com/avap-framework/avap/worker/lane"
	"github.com/avap-framework/avap/worker/rate"
	"github.com/avap-framework/avap/worker/telemetry"
)

// forwarded is an unsigned request with lines of X-Forwarded-For.
func forwarded(values ...string) string {
	m := message{body: answering(1)}
	for _, v := range values {
		m.headers = append(m.headers, "X-Forwarded-For: "+v)
	}
	return m.String()
}

// expectFrom is expect for a request that comes from a loopback address.
func expectFrom(t *testing.T, from, addr, request string, status int) *http.Response {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	nc, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c := &conn{nc, bufio.NewReader(nc)}
	c.send(t, request)
	resp, body := c.read(t)
	if resp.StatusCode != status || status == 429 && !strings.Contains(body, `"code":"rate_limited"`) {
		t.Errorf("from %s: %d %s, want %d", from, resp.StatusCode, body, status)
	}
	return resp
}

// TestRateOfAddresses limits unsigned requests for each address: that of the
// connection, or what proxies that are trusted say of it.
func TestRateOfAddresses(t *testing.T) {
	serve := func(t *testing.T, proxies ...string) (string, *clock) {
		now := new(clock)
		opt := rate.Options{PerSecond: 0.5, Burst: 2, Now: now.now}
		for _, p := range proxies {
			opt.TrustedProxies = append(opt.TrustedProxies, netip.MustParsePrefix(p))
		}
		return listen(t, avap.Options{}, worker.Options{Limiter: rate.New(opt)}), now
	}
	const peer, other = "127.0.0.1", "127.0.0.2"
	t.Run("the connection's", func(t *testing.T) {
		addr, now := serve(t)
		expectFrom(t, peer, addr, forwarded(), 200)
		expectFrom(t, peer, addr, forwarded("192.0.2.1"), 200) // nobody trusts it
		if after := expectFrom(t, peer, addr, forwarded("192.0.2.2"), 429).Header.Get("Retry-After"); after != "2" {
			t.Errorf("Retry-After: %s", after)
		}
		expectFrom(t, other, addr, forwarded(), 200)
		expectFrom(t, peer, addr, message{method: "GET", target: "/health"}.String(), 200)
		now.forward(2 * time.Second)
		expectFrom(t, peer, addr, forwarded(), 200)
		expectFrom(t, peer, addr, forwarded(), 429)
	})
	t.Run("behind a proxy", func(t *testing.T) {
		addr, _ := serve(t, "127.0.0.1/32", "10.0.0.0/8")
		for range 2 {
			expectFrom(t, peer, addr, forwarded("192.0.2.1"), 200)
			expectFrom(t, peer, addr, forwarded("192.0.2.2, 10.1.2.3"), 200) // two proxies
			expectFrom(t, peer, addr, forwarded("192.0.2.3", "10.1.2.3"), 200)
			expectFrom(t, other, addr, forwarded("192.0.2.1"), 200) // which is no proxy
		}
		for _, values := range [][]string{
			{"192.0.2.1"},
			{"192.0.2.9, 192.0.2.1"}, // what stands in front, anybody may have written
			{"192.0.2.9", "192.0.2.1"},
			{"192.0.2.2, 10.9.9.9"},
			{"192.0.2.3", "10.1.2.3"},
		} {
			expectFrom(t, peer, addr, forwarded(values...), 429)
		}
		expectFrom(t, other, addr, forwarded("192.0.2.7"), 429)
		expectFrom(t, peer, addr, forwarded(), 200) // the proxy itself
	})
}

// TestRateOfKeys limits signed requests for each key, those alone that verify.
func TestRateOfKeys(t *testing.T) {
	var now clock
	one := newKey(t, seal.UseRequest, "one", 'r', time.Time{}, time.Time{})
	two := newKey(t, seal.UseRequest, "two", 's', time.Time{}, time.Time{})
	ring := newKeyring(t, now.now, one, two)
	addr := listen(t, avap.Options{}, worker.Options{
		Keys: ring, Verifier: seal.NewVerifier(ring, seal.VerifierOptions{Now: now.now}),
		Limiter: rate.New(rate.Options{PerSecond: 1, Burst: 2, Now: now.now}),
	})
	of := func(k *seal.Key) string {
		return message{body: answering(1), headers: []string{"X-AVAP-Signature: " +
			signature(t, k, seal.Request{Method: "POST", Target: executePath, Body: []byte(answering(1)), Time: now.now()})}}.String()
	}
	wrong := strings.Replace(of(one), "= 1", "= 2", 1)
	for range 5 { // what is not the key's own does not count for it
		expect(t, addr, wrong, 401, "signature_invalid")
		expect(t, addr, message{body: answering(1)}.String(), 401, "signature_missing")
	}
	for range 2 {
		expectFrom(t, "127.0.0.1", addr, of(one), 200)
		expectFrom(t, "127.0.0.2", addr, of(two), 200)
	}
	expect(t, addr, of(one), 429, "rate_limited")
	expectFrom(t, "127.0.0.9", addr, of(one), 429)
	expect(t, addr, wrong, 401, "signature_invalid")
	now.forward(time.Second)
	expect(t, addr, of(one), 200, "")
	expect(t, addr, of(one), 429, "rate_limited")
}

// gate is a worker whose only place one script holds, compiling until it is let go.
type gate struct {
	addr    string
	lanes   *lane.Lanes
	metrics *telemetry.Metrics
	letGo   func() // and wait for its answer
}

func holdPlace(t *testing.T, opt lane.Options) *gate {
	t.Helper()
	opt.Places = 1
	g := &gate{lanes: lane.New(opt), metrics: telemetry.NewMetrics(telemetry.Options{})}
	c := serveCatalogs(t, avap.Host{})
	commands := gated{c.whole(revision{commands: map[string]*catalog.Catalog{
		"which": c.define(t, "command which(o: out) {\n o = 1\n}"),
	}}), new(sync.Once), make(chan struct{}), make(chan struct{})}
	current := worker.NewCatalog(c.engine.With(commands), nil, nil)
	g.addr = listen(t, avap.Options{}, worker.Options{
		Catalog: func() *worker.Catalog { return current }, Unsigned: true, Lanes: g.lanes, Metrics: g.metrics,
	})
	var holder sync.WaitGroup
	holder.Go(func() { expect(t, g.addr, message{body: bodyOfScript(t, "which(a)")}.String(), 200, "") })
	<-commands.begun
	g.letGo = sync.OnceFunc(func() {
		close(commands.goOn)
		holder.Wait()
	})
	t.Cleanup(g.letGo)
	return g
}

// TestQueueFull refuses at once what finds no room to wait in.
func TestQueueFull(t *testing.T) {
	g := holdPlace(t, lane.Options{Queue: 2, Wait: time.Hour})
	var waiting sync.WaitGroup
	for i := range 2 {
		waiting.Go(func() { expect(t, g.addr, message{body: answering(i)}.String(), 200, "") })
	}
	until(t, func() bool { return g.lanes.Stats().FastWaiting == 2 })
	for range 3 {
		expect(t, g.addr, message{body: answering(9)}.String(), 503, "overloaded")
	}
	expect(t, g.addr, message{body: "no JSON"}.String(), 503, "overloaded") // nothing of it is read
	expectFrom(t, "127.0.0.1", g.addr, message{method: "GET", target: "/health"}.String(), 200)
	g.letGo()
	waiting.Wait()
	until(t, func() bool {
		s := scrape(t, g.metrics)
		return s[`avap_refusals_total{reason="queue_full"}`] == 4 && sum(s, "avap_requests_total") == 8
	})
}

// TestQueueWait refuses what has waited as long as it may.
func TestQueueWait(t *testing.T) {
	g := holdPlace(t, lane.Options{Wait: 20 * time.Millisecond})
	expect(t, g.addr, message{body: answering(1)}.String(), 503, "overloaded")
	if n := g.lanes.Stats().FastWaiting; n != 0 {
		t.Errorf("%d still wait", n)
	}
	g.letGo()
	until(t, func() bool { s := g.lanes.Stats(); return s.FastRunning+s.SlowRunning == 0 }) // there is room
	expect(t, g.addr, message{body: answering(1)}.String(), 200, "")
	until(t, func() bool { return scrape(t, g.metrics)[`avap_refusals_total{reason="queue_wait"}`] == 1 })
}

// endless tells its host that it has begun, and runs until its caller goes away.
const endless = "RequestGet('http://h/', None, None, x)\nwhile(true)\nend()"

// serveEndless starts a worker for endless scripts, and a channel that tells of each.
func serveEndless(t *testing.T, lanes *lane.Lanes, m *telemetry.Metrics) (addr string, begun chan struct{}) {
	t.Helper()
	begun = make(chan struct{}, 1)
	hosts := avap.Host{HTTP: httpFunc(func(context.Context, *host.Request) (*host.Response, error) {
		begun <- struct{}{}
		return &host.Response{Status: 200}, nil
	})}
	limits := avap.Limits{Instructions: -1, Time: time.Hour}
	return listen(t, avap.Options{Host: hosts, Limits: limits}, worker.Options{Lanes: lanes, Metrics: m}), begun
}

// TestEndlessScripts answers quick scripts while endless ones, which nothing but their
// callers can end, share the places with them.
func TestEndlessScripts(t *testing.T) {
	for _, places := range []int{1, 2} {
		t.Run(fmt.Sprint(places, " places"), func(t *testing.T) {
			metrics := telemetry.NewMetrics(telemetry.Options{})
			addr, begun := serveEndless(t, lane.New(lane.Options{Places: places, Wait: time.Minute}), metrics)
			for n := range 3 {
				c := dial(t, addr) // closed when the test ends
				c.send(t, message{body: bodyOfScript(t, endless)}.String())
				<-begun
				for i := range 20 {
					expect(t, addr, message{body: answering(i)}.String(), 200, "")
				}
				// All that was answered is the quick ones.
				until(t, func() bool { return sum(scrape(t, metrics), "avap_requests_total") == 20*(n+1) })
			}
		})
	}
}

// TestSlowLaneFull lets four endless scripts take turns on a place, and refuses the
// fifth when it has not had its turn within the waiting time.
func TestSlowLaneFull(t *testing.T) {
	lanes := lane.New(lane.Options{Places: 1, Wait: time.Second}) // on a busy machine a first turn may be late
	addr, begun := serveEndless(t, lanes, nil)
	refused := make(chan string, 5)
	var callers sync.WaitGroup
	var conns []*conn
	for range 5 {
		c := dial(t, addr)
		c.send(t, message{body: bodyOfScript(t, endless)}.String())
		conns = append(conns, c)
		callers.Go(func() {
			if resp, err := http.ReadResponse(c.in, nil); err == nil {
				defer resp.Body.Close()
				refused <- resp.Status + ", Retry-After " + resp.Header.Get("Retry-After")
			}
		})
		select {
		case <-begun:
		case answer := <-refused:
			t.Fatalf("before it has begun: %s", answer)
		}
	}
	if got, want := <-refused, "503 Service Unavailable, Retry-After 1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for i := range 10 {
		expect(t, addr, message{body: answering(i)}.String(), 200, "")
	}
	for _, c := range conns {
		c.Close()
	}
	callers.Wait()
	if n := lanes.Stats().Refused[lane.SlowWait]; n != 1 || len(refused) > 0 {
		t.Errorf("%d were refused, %d more answered", n, len(refused))
	}
}

// TestHostCallHoldsNoPlace answers others while the only other execution waits for its
// host.
func TestHostCallHoldsNoPlace(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	hosts := avap.Host{HTTP: httpFunc(func(context.Context, *host.Request) (*host.Response, error) {
		begun <- struct{}{}
		<-goOn
		return &host.Response{Status: 200}, nil
	})}
	lanes := lane.New(lane.Options{Places: 1, Queue: 1, Wait: time.Minute})
	addr := listen(t, avap.Options{Host: hosts, Limits: avap.Limits{HostTime: time.Minute}}, worker.Options{Lanes: lanes})
	var waiting sync.WaitGroup
	for range 3 {
		waiting.Go(func() { expect(t, addr, message{body: bodyOfScript(t, reaching)}.String(), 200, "") })
		<-begun
	}
	if s := lanes.Stats(); s.FastRunning+s.SlowRunning+s.FastWaiting+s.SlowWaiting != 0 {
		t.Errorf("with 3 in host calls: %+v", s)
	}
	for i := range 10 {
		expect(t, addr, message{body: answering(i)}.String(), 200, "")
	}
	close(goOn)
	waiting.Wait()
}

// TestMemoryBudget ends the execution that asks past what all may hold together, and no
// other one.
func TestMemoryBudget(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	hosts := avap.Host{HTTP: httpFunc(func(context.Context, *host.Request) (*host.Response, error) {
		close(begun)
		<-goOn
		return &host.Response{Status: 200}, nil
	})}
	const budget = 16 << 20
	lanes := lane.New(lane.Options{Places: 2, Memory: budget})
	metrics := telemetry.NewMetrics(telemetry.Options{})
	limits := avap.Limits{Memory: 64 << 20, HostTime: time.Minute}
	addr := listen(t, avap.Options{Host: hosts, Limits: limits}, worker.Options{Lanes: lanes, Metrics: metrics})
	// A script that holds so much, in the fast lane for most of the time, and something else.
	of := func(size int, more string) string {
		return message{body: bodyOfScript(t, fmt.Sprintf("x = 'a' * %d\n%sx = None", size, more))}.String()
	}
	expect(t, addr, of(2*budget, ""), 503, "overloaded")
	expect(t, addr, message{body: answering(1)}.String(), 200, "")
	until(t, func() bool { return lanes.Stats().Memory == 0 })

	var holder sync.WaitGroup
	holder.Go(func() {
		expect(t, addr, of(5<<20, "RequestGet('http://h/', None, None, y)\n"), 200, "")
	})
	<-begun
	if held := lanes.Stats().Memory; held < 5<<20 {
		t.Errorf("%d bytes are held", held)
	}
	expect(t, addr, of(budget-(4<<20), ""), 503, "overloaded")
	expect(t, addr, message{body: answering(1)}.String(), 200, "")
	close(goOn)
	holder.Wait()
	until(t, func() bool { return lanes.Stats().Memory == 0 })
	expect(t, addr, of(5<<20, ""), 200, "")
	until(t, func() bool { return scrape(t, metrics)[`avap_refusals_total{reason="memory_budget"}`] == 2 })
}

// TestLargeScripts compiles them in the slow lane.
func TestLargeScripts(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Options{})
	addr := listen(t, avap.Options{}, worker.Options{Metrics: metrics})
	expect(t, addr, message{body: bodyOfScript(t, strings.Repeat("// a comment\n", 4<<10))}.String(), 200, "")
	until(t, func() bool {
		return sum(scrape(t, metrics), "avap_request_duration_seconds_count", `endpoint="execute"`, `lane="slow"`) == 1
	})
}

// manyRows is a database whose one answer is large.
type manyRows int

func (n manyRows) Open(context.Context) (host.Session, error) { return n, nil }
func (manyRows) Close() error                                 { return nil }

func (n manyRows) Query(_ context.Context, _ host.Statement, sink host.RowSink) (int64, error) {
	err := sink.Columns([]string{"n"})
	for i := 0; i < int(n) && err == nil; i++ {
		err = sink.Row([]any{int64(i)})
	}
	return 0, err
}

// TestManyRows answers with many rows of a database, which take longer to take in than
// a turn, and gives every place back.
func TestManyRows(t *testing.T) {
	for _, places := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(places, " places"), func(t *testing.T) {
			lanes := lane.New(lane.Options{Places: places, Wait: time.Minute})
			addr := listen(t, avap.Options{Host: avap.Host{SQL: manyRows(50_000)}}, worker.Options{Lanes: lanes})
			c := dial(t, addr)
			for range 3 {
				c.send(t, message{body: `{"script":"ormDirect('SELECT n', rows)\nn = len(rows)\naddResult(n)","return":["result"]}`}.String())
				if resp, body := c.read(t); resp.StatusCode != 200 || !strings.Contains(body, `"result":{"n":50000}`) {
					t.Fatalf("%d %.300s", resp.StatusCode, body)
				}
			}
			c.Close()
			until(t, func() bool { return lanes.Stats() == lane.Stats{} })
		})
	}
}
