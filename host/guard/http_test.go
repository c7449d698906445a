package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/guard"
	"github.com/avap-framework/avap/host/httpclient"
	"github.com/avap-framework/avap/host/netpolicy"
)

const (
	slow  = "http://slow.example/"
	other = "http://other.example/"
)

// TestBulkhead has two places and one to wait in front of a host that hangs.
func TestBulkhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard journal
		release := make(chan struct{})
		h := guard.NewHTTP(hang(release), guard.Options{MaxCalls: 2, MaxWaiting: 1, MaxWait: time.Second, Observer: heard.observer()})
		const busy = "GET http://slow.example:80: too many calls to this host are under way"

		results := make(chan error, 3)
		call := func() { results <- get(t.Context(), h, slow) }
		go call()
		go call()
		synctest.Wait()

		// The third waits, and no longer than it may.
		began := time.Now()
		wantRefused(t, get(t.Context(), h, slow), host.CodeHTTP, guard.WaitedLong, busy)
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("waited %v, want 1s", waited)
		}

		// Nor longer than its context.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		wantRefused(t, get(ctx, h, slow), host.CodeHTTP, context.DeadlineExceeded, "GET http://slow.example:80: timed out")
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		wantRefused(t, get(ctx, h, slow), host.CodeHTTP, context.Canceled, "GET http://slow.example:80: cancelled")

		// The fourth is refused at once, a call to another host is not, and the
		// third has its turn when a place is free.
		go call()
		synctest.Wait()
		began = time.Now()
		wantRefused(t, get(t.Context(), h, slow), host.CodeHTTP, guard.QueueFull, busy)
		go func() { _ = get(t.Context(), h, other) }()
		synctest.Wait()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %v, want no wait", waited)
		}
		close(release)
		for range cap(results) {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		want := []string{"http://slow.example:80 wait_timeout", "http://slow.example:80 queue_full"}
		if diff := cmp.Diff(want, heard.take()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]int{"http://slow.example:80": 2, "http://other.example:80": 1}, heard.most); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]int{"http://slow.example:80": 0, "http://other.example:80": 0}, heard.calls); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNobodyWaits has no queue.
func TestNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := guard.NewHTTP(hang(release), guard.Options{MaxCalls: 1, MaxWaiting: -1})
		go func() { _ = get(t.Context(), h, slow) }()
		synctest.Wait()
		if err := get(t.Context(), h, slow); !errors.Is(err, guard.QueueFull) {
			t.Errorf("error %v, want QueueFull", err)
		}
		close(release)
	})
}

// TestOneDestination writes one host in many ways, and others that look like it.
func TestOneDestination(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for _, tt := range []struct{ destination, urls string }{
		{"http://a.example:80", "http://a.example http://A.Example./x?y http://user:secret@a.example:80/ http://a.example:0080 http://a.example:#f"},
		{"https://a.example:443", "https://a.example HTTPS://a.example:443/"},
		{"http://a.example:8080", "http://a.example:8080/"},
		{"http://127.0.0.1:80", "http://127.0.0.1 http://127.1 http://2130706433 http://0x7f.1 http://[::ffff:127.0.0.1] http://①②⑦.0.0.1"},
		{"http://[::1]:80", "http://[::1] http://[0:0:0:0:0:0:0:1]:80"},
		{"http://a_b.example:80", "http://a_b.example"},
		{"http://xn--bcher-kva.example:80", "http://bücher.example http://B%C3%BCcher.example http://xn--bcher-kva.example"},
		{"malformed URL", "a.example ftp://a.example http://a:b http://[::1 http://a:65536/ http://" + long + " http://é" + long},
	} {
		for url := range strings.FieldsSeq(tt.urls) {
			var got string
			h := guard.NewHTTP(answer(200, nil), guard.Options{Observer: guard.Observer{
				Calls: func(destination string, _ int) { got = destination },
			}})
			if err := get(t.Context(), h, url); err != nil {
				t.Fatal(err)
			}
			if got != tt.destination {
				t.Errorf("%.50s is called as %s, want %s", url, got, tt.destination)
			}
		}
	}
}

// TestBreaker follows a host through an outage.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard journal
		status, asked := 503, 0
		h := guard.NewHTTP(httpFunc(func(context.Context, *host.Request) (*host.Response, error) {
			asked++
			return &host.Response{Status: status}, nil
		}), guard.Options{
			Breaker:  guard.Breaker{Failures: 4, OpenFor: 5 * time.Second, Probes: 2},
			Observer: heard.observer(),
		})
		calls := func(n int) {
			for range n {
				_ = get(t.Context(), h, slow)
			}
		}
		want := func(n int, lines ...string) {
			t.Helper()
			if asked != n {
				t.Errorf("the host was asked %d times, want %d", asked, n)
			}
			for i, line := range lines {
				lines[i] = "http://slow.example:80 " + line
			}
			if diff := cmp.Diff(lines, heard.take()); diff != "" {
				t.Error(diff)
			}
			asked = 0
		}

		calls(3)
		want(3)
		calls(1)
		want(1, "closed to open")
		wantRefused(t, get(t.Context(), h, slow), host.CodeHTTP, guard.BreakerOpen,
			"GET http://slow.example:80: the last calls to this host failed; it is not called for a while")
		want(0, "breaker_open")
		if err := get(t.Context(), h, other); err != nil {
			t.Errorf("another host: %v", err)
		}
		asked = 0

		// A probe that fails opens it again.
		time.Sleep(5*time.Second + 1)
		calls(2)
		want(1, "open to half-open", "half-open to open", "breaker_open")

		// Probes that succeed close it; what says nothing neither opens nor closes.
		time.Sleep(5*time.Second + 1)
		status = 200
		calls(1)
		want(1, "open to half-open")
		calls(1)
		want(1, "half-open to closed")
		status = 404
		calls(20)
		want(20)
	})
}

// TestProbes has more calls come than a half-open breaker lets through.
func TestProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var next host.HTTP = answer(500, nil)
		h := guard.NewHTTP(httpFunc(func(ctx context.Context, req *host.Request) (*host.Response, error) { return next.Do(ctx, req) }),
			guard.Options{Breaker: guard.Breaker{Failures: 1, Probes: 2, OpenFor: time.Second}})
		_ = get(t.Context(), h, slow)
		time.Sleep(time.Second + 1)

		release := make(chan struct{})
		next = hang(release)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = get(ctx, h, slow) }()
		go func() { _ = get(t.Context(), h, slow) }()
		synctest.Wait()
		if err := get(t.Context(), h, slow); !errors.Is(err, guard.BreakerOpen) {
			t.Errorf("a third probe: %v", err)
		}
		cancel() // a cancelled probe leaves its place to another one
		synctest.Wait()
		go func() { _ = get(t.Context(), h, slow) }()
		synctest.Wait()
		close(release)
		synctest.Wait()
		if err := get(t.Context(), h, slow); err != nil {
			t.Errorf("after two good probes: %v", err)
		}
	})
}

// TestRatio has failures and successes come by turns.
func TestRatio(t *testing.T) {
	for _, tt := range []struct {
		name    string
		pattern string // f fails, anything else succeeds; over and over
		pause   time.Duration
		opens   int // after so many calls; 0 for not at all
	}{
		{"half", "f.", 0, 11},
		{"all", "f", 0, 10},
		{"a third", "..f", 0, 0},
		{"half, far apart", "f.", 10 * time.Second, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls, opened := 0, 0
				h := guard.NewHTTP(httpFunc(func(context.Context, *host.Request) (*host.Response, error) {
					if calls++; tt.pattern[(calls-1)%len(tt.pattern)] == 'f' {
						return &host.Response{Status: 500}, nil
					}
					return &host.Response{Status: 200}, nil
				}), guard.Options{
					Breaker:  guard.Breaker{Failures: 10, Ratio: 0.5, MinCalls: 10, Window: 30 * time.Second},
					Observer: guard.Observer{State: func(string, guard.State, guard.State) { opened = calls }},
				})
				for range 100 {
					if err := get(t.Context(), h, slow); err != nil {
						break
					}
					time.Sleep(tt.pause)
				}
				if opened != tt.opens {
					t.Errorf("opened after %d calls, want %d", opened, tt.opens)
				}
			})
		})
	}
}

// TestWhatCounts gives each outcome so often that it opens a breaker if it counts.
func TestWhatCounts(t *testing.T) {
	httpError := func(unavailable bool) error {
		return &host.Error{Code: host.CodeHTTP, Message: "m", Unavailable: unavailable}
	}
	for _, tt := range []struct {
		name   string
		status int
		err    error
		counts bool
	}{
		{"200", 200, nil, false},
		{"404", 404, nil, false},
		{"429", 429, nil, false},
		{"500", 500, nil, true},
		{"503", 503, nil, true},
		{"599", 599, nil, true},
		{"unavailable", 0, httpError(true), true},
		{"malformed request", 0, httpError(false), false},
		{"denied", 0, &host.Error{Code: host.CodeAddressDenied, Message: "m"}, false},
		{"quota", 0, errors.New("quota_memory"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := guard.NewHTTP(answer(tt.status, tt.err), guard.Options{Breaker: guard.Breaker{Failures: 3}})
			var err error
			for range 4 {
				if err = get(t.Context(), h, slow); !errors.Is(err, guard.BreakerOpen) && !errors.Is(err, tt.err) {
					t.Fatalf("error %v, want %v as it is", err, tt.err)
				}
			}
			if got := errors.Is(err, guard.BreakerOpen); got != tt.counts {
				t.Errorf("opened: %v, want %v", got, tt.counts)
			}
		})
	}
}

// TestTimeOuts ends calls by their context, early and late.
func TestTimeOuts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		after  time.Duration
		cancel bool
		counts bool
	}{
		{"no fair time", 999 * time.Millisecond, false, false},
		{"fair time", time.Second, false, true},
		{"cancelled", time.Minute, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := guard.NewHTTP(hang(nil), guard.Options{Breaker: guard.Breaker{Failures: 2, FairTime: time.Second, Window: time.Hour}})
				var err error
				for range 3 {
					ctx, cancel := context.WithTimeout(t.Context(), tt.after)
					if tt.cancel {
						ctx, cancel = context.WithCancel(t.Context())
						time.AfterFunc(tt.after, cancel)
					}
					err = get(ctx, h, slow)
					cancel()
				}
				if got := errors.Is(err, guard.BreakerOpen); got != tt.counts {
					t.Errorf("opened: %v, want %v", got, tt.counts)
				}
			})
		})
	}
}

// TestFloodOfNames calls more hosts than are remembered.
func TestFloodOfNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard journal
		release := make(chan struct{})
		h := guard.NewHTTP(httpFunc(func(ctx context.Context, req *host.Request) (*host.Response, error) {
			switch {
			case strings.Contains(req.URL, "bad"):
				return &host.Response{Status: 500}, nil
			case strings.Contains(req.URL, "hang"):
				return hang(release).Do(ctx, req)
			}
			return &host.Response{Status: 200}, nil
		}), guard.Options{
			MaxDestinations: 8,
			Breaker:         guard.Breaker{Failures: 2, OpenFor: time.Minute},
			Observer:        heard.observer(),
		})
		flood := func(kind string, calls int) {
			for i := range 100 {
				for range calls {
					_ = get(t.Context(), h, fmt.Sprintf("http://%s%d.example/", kind, i))
				}
			}
		}
		isOpen := func() bool { return errors.Is(get(t.Context(), h, "http://hot-bad.example/"), guard.BreakerOpen) }

		_, _ = isOpen(), isOpen()
		flood("once", 1)
		if !isOpen() {
			t.Error("a flood of names closed the breaker of a hot host")
		}

		// Of open breakers, the one that nobody asks goes first.
		for i := range 100 {
			for range 2 {
				_ = get(t.Context(), h, fmt.Sprintf("http://bad%d.example/", i))
			}
			if !isOpen() {
				t.Fatal("a flood of open breakers closed that of a hot host")
			}
		}
		flood("bad", 2)
		if isOpen() {
			t.Error("more is remembered than MaxDestinations")
		}

		// Hosts with calls in progress are never forgotten.
		for i := range 8 {
			go func() { _ = get(t.Context(), h, fmt.Sprintf("http://hang%d.example/", i)) }()
		}
		synctest.Wait()
		heard.take()
		wantRefused(t, get(t.Context(), h, other), host.CodeHTTP, guard.Destinations,
			"GET http://other.example:80: calls to too many hosts are under way")
		if diff := cmp.Diff([]string{"http://other.example:80 destinations"}, heard.take()); diff != "" {
			t.Error(diff)
		}
		close(release)
		synctest.Wait()
		if err := get(t.Context(), h, other); err != nil {
			t.Error(err)
		}
	})
}

// TestPanic has the guarded client panic; its place must come free.
func TestPanic(t *testing.T) {
	h := guard.NewHTTP(httpFunc(func(context.Context, *host.Request) (*host.Response, error) { panic("defect") }),
		guard.Options{MaxCalls: 1, MaxWaiting: -1})
	for range 3 {
		func() {
			defer func() {
				if got := recover(); got != "defect" {
					t.Errorf("recovered %v", got)
				}
			}()
			t.Error(get(t.Context(), h, slow))
		}()
	}
}

// TestRealClient has the guard and httpclient agree on what is whose fault.
func TestRealClient(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/short":
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("short"))
		case "/missing":
			http.NotFound(w, r)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/away":
			http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
		default:
			_, _ = w.Write([]byte("hello"))
		}
	}))
	defer server.Close()
	closed := closedPort(t)
	full := func(int) error { return errors.New("quota_memory") }

	for _, tt := range []struct {
		name   string
		req    host.Request
		opens  string // the destination, if any
		denied bool
	}{
		{name: "refused", req: host.Request{Method: "GET", URL: "http://" + closed}, opens: "http://" + closed},
		{name: "closed without an answer", req: host.Request{Method: "POST", Body: []byte("x"), URL: server.URL + "/abort"}, opens: server.URL},
		{name: "broken off", req: host.Request{Method: "GET", URL: server.URL + "/short"}, opens: server.URL},
		{name: "not found", req: host.Request{Method: "GET", URL: server.URL + "/missing"}},
		{name: "redirect loop", req: host.Request{Method: "GET", URL: server.URL + "/loop"}},
		{name: "bad header", req: host.Request{Method: "GET", URL: server.URL, Headers: []host.Header{{Name: "Host", Value: "x"}}}},
		{name: "bad method", req: host.Request{Method: "PUT", URL: server.URL}},
		{name: "no TLS there", req: host.Request{Method: "GET", URL: strings.Replace(server.URL, "http", "https", 1)}},
		{name: "quota", req: host.Request{Method: "GET", URL: server.URL, Grow: full}},
		{name: "denied", req: host.Request{Method: "GET", URL: "http://10.0.0.1/"}},
		{name: "redirect to a denied address", req: host.Request{Method: "GET", URL: server.URL + "/away?to=http://10.0.0.1/"}},
		{name: "redirect to a dead host", req: host.Request{Method: "GET", URL: server.URL + "/away?to=http://" + closed}, opens: "http://" + closed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var heard journal
			h := guard.NewHTTP(newClient(t, "127.0.0.1"), guard.Options{Breaker: guard.Breaker{Failures: 3}, Observer: heard.observer()})
			for range 3 {
				_, _ = h.Do(t.Context(), &tt.req)
			}
			var want []string
			if tt.opens != "" {
				want = []string{tt.opens + " closed to open"}
			}
			if diff := cmp.Diff(want, heard.take()); diff != "" {
				t.Error(diff)
			}
			for destination, n := range heard.calls {
				if n != 0 {
					t.Errorf("%s has %d calls left", destination, n)
				}
			}
		})
	}
}

// TestRedirectPassesTheGate redirects to a host whose breaker is open.
func TestRedirectPassesTheGate(t *testing.T) {
	closed := closedPort(t)
	server := httptest.NewServer(http.RedirectHandler("http://"+closed, http.StatusFound))
	defer server.Close()
	h := guard.NewHTTP(newClient(t, "127.0.0.1"), guard.Options{Breaker: guard.Breaker{Failures: 1}})
	_ = get(t.Context(), h, "http://"+closed)

	wantRefused(t, get(t.Context(), h, server.URL), host.CodeHTTP, guard.BreakerOpen,
		"GET "+server.URL+": a redirect's target: the last calls to this host failed; it is not called for a while")

	// A caller's own Follow is asked as well.
	refusal := errors.New("no further")
	_, err := h.Do(t.Context(), &host.Request{Method: "GET", URL: server.URL, Follow: func(url string) error {
		if url != "http://"+closed {
			t.Errorf("asked for %s", url)
		}
		return refusal
	}})
	if err != refusal {
		t.Errorf("error %v, want that of Follow", err)
	}
}

// TestManyAtOnce counts the requests that reach a real server at a time.
func TestManyAtOnce(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		defer func() {
			mu.Lock()
			now--
			mu.Unlock()
		}()
		time.Sleep(time.Millisecond)
	}))
	defer server.Close()
	var heard journal
	h := guard.NewHTTP(newClient(t, "127.0.0.1"), guard.Options{MaxCalls: 4, MaxWaiting: 100, MaxWait: time.Minute, Observer: heard.observer()})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 10 {
				if err := get(t.Context(), h, server.URL); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if most > 4 || heard.most[server.URL] > 4 {
		t.Errorf("%d requests at the server, %d counted at a time; want 4 at most", most, heard.most[server.URL])
	}
	if n := heard.calls[server.URL]; n != 0 {
		t.Errorf("%d calls are left", n)
	}
}

// newClient makes an httpclient that may connect where allow says.
func newClient(t *testing.T, allow string) *httpclient.Client {
	t.Helper()
	policy, err := netpolicy.Parse(allow)
	if err != nil {
		t.Fatal(err)
	}
	client := httpclient.New(httpclient.Options{Policy: policy})
	t.Cleanup(client.Close)
	return client
}

// closedPort gives an address where nothing listens, nor can while the test lasts: it is
// that of a caller.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	caller, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { caller.Close() })
	called, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { called.Close() })
	return caller.LocalAddr().String()
}

func BenchmarkDo(b *testing.B) {
	for _, hosts := range []int{1, 10_000} { // 10,000 are more than are remembered
		b.Run(fmt.Sprintf("hosts=%d", hosts), func(b *testing.B) {
			h := guard.NewHTTP(answer(200, nil), guard.Options{})
			urls := make([]string, hosts)
			for i := range urls {
				urls[i] = fmt.Sprintf("http://host%d.example/", i)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if err := get(b.Context(), h, urls[i%hosts]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
