package load_test

// This file tests runs against small servers that do what a test needs.

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/seal"
)

// TestMain has all ways of a test wait at the same time, however few processors there are.
// go test -parallel overrides it.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// serve starts a server of net/http and gives its address.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// speak starts a server that treats each connection as a test likes.
func speak(tb testing.TB, talk func(n int, conn net.Conn, in *bufio.Reader)) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var talks sync.WaitGroup
	talks.Go(func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			talks.Go(func() {
				defer conn.Close()
				talk(n, conn, bufio.NewReader(conn))
			})
		}
	})
	tb.Cleanup(func() {
		l.Close()
		talks.Wait()
	})
	return l.Addr().String()
}

// skip reads a request without a body.
func skip(in *bufio.Reader) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil || len(line) == 2 {
			return err
		}
	}
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// answerAll answers every request with "ok".
func answerAll(_ int, conn net.Conn, in *bufio.Reader) {
	for skip(in) == nil {
		io.WriteString(conn, ok)
	}
}

var get = load.Fixed(load.Message{Method: "GET", Target: "/", Host: "test"}, load.Contains(200, "ok"))

// A way is one of those in which a run waits for its connections.
type way struct {
	Run func(context.Context, load.Options) (*load.Result, error)
}

// eachWay runs a test with each way that there is here, at the same time.
func eachWay(t *testing.T, test func(t *testing.T, w way)) {
	for name, w := range ways() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

// run is a run that begins and ends well.
func (w way) run(t *testing.T, opt load.Options) *load.Result {
	t.Helper()
	result, err := w.Run(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestOpenLoopSendsWhatIsDue(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		addr := speak(t, answerAll)
		r := w.run(t, load.Options{Addr: addr, Duration: time.Second, Classes: []load.Class{
			{Name: "many", Source: get, Rate: 500},
			{Name: "few", Source: get, Rate: 10},
			{Name: "limited", Source: get, Rate: 500, Requests: 7},
		}})
		for name, want := range map[string]int64{"many": 500, "few": 10, "limited": 7} {
			c := r.Class(name)
			if c.Due != want || c.Answered != want || c.Wrong != 0 || c.Failures() != 0 || c.Late.Count() != want {
				t.Errorf("%s: want %d requests answered: %+v", name, want, c)
			}
		}
		if rate := r.Class("many").Achieved(); rate > 501 {
			t.Errorf("%g requests a second, want at most 500", rate)
		}
	})
}

func TestClosedLoopCountsAnswers(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		var requests atomic.Int64
		addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch n := requests.Add(1); {
			case n%10 == 0:
				w.WriteHeader(400)
				io.WriteString(w, `{"success":false,"error":"no \"code\":\"x\"","code":"syntax_error","line":1}`)
			case n%10 == 1:
				io.WriteString(w, "not what was asked for")
			default:
				io.WriteString(w, strings.Repeat("ok", 10_000)) // in chunks
			}
		})
		check := load.Either(load.Contains(200, "ok"), load.Code(400, "syntax_error"))
		source := load.Fixed(load.Message{Target: "/x", Host: addr, Body: []byte("{}")}, check)
		c := w.run(t, load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{
			{Name: "c", Source: source, Connections: 8, Requests: 1000},
		}}).Classes[0]

		got := load.ClassResult{
			Due: c.Due, Answered: c.Answered, Wrong: c.Wrong, WrongAnswer: c.WrongAnswer,
			Statuses: c.Statuses, Codes: c.Codes, Opened: c.Opened,
		}
		want := load.ClassResult{
			Due: 1000, Answered: 1000, Wrong: 100, WrongAnswer: "not what was asked for",
			Statuses: map[int]int64{200: 900, 400: 100}, Codes: map[string]int64{"syntax_error": 100}, Opened: 8,
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(load.Histogram{})); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
		if n := c.Latency(200).Count(); n != 900 {
			t.Errorf("latencies of %d answers of status 200, want 900", n)
		}
	})
}

// stalling answers at once, but for 200 ms in which it answers nobody.
func stalling(t *testing.T) string {
	var once sync.Once
	return speak(t, func(_ int, conn net.Conn, in *bufio.Reader) {
		for n := 0; skip(in) == nil; n++ {
			if n == 40 {
				once.Do(func() { time.Sleep(200 * time.Millisecond) })
			}
			io.WriteString(conn, ok)
		}
	})
}

// TestStallIsSeenByAllThatAreDue is about coordinated omission: of 400 requests
// a second, 80 are due in a stall of 200 ms, and half of these have more than
// 100 ms to wait. A closed loop would know of one.
func TestStallIsSeenByAllThatAreDue(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		slow := func(c *load.Class) int {
			n := 0
			c.Observe = func(o load.Observation) {
				if o.Latency >= 100*time.Millisecond {
					n++
				}
			}
			w.run(t, load.Options{Addr: stalling(t), Duration: time.Second, Classes: []load.Class{*c}})
			return n
		}
		if n := slow(&load.Class{Source: get, Rate: 400, Connections: 1, Warm: 1}); n < 40 {
			t.Errorf("%d requests of the open loop were slow, want 40 or more", n)
		}
		if n := slow(&load.Class{Source: get, Connections: 1, Requests: 100}); n == 0 {
			t.Error("no request of the closed loop was slow")
		}
	})
}

// TestBurstOpensConnections has the server answer when it has 20 requests, so
// that each needs a connection of its own.
func TestBurstOpensConnections(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		const together = 20
		var arrived atomic.Int64
		all := make(chan struct{})
		addr := speak(t, func(_ int, conn net.Conn, in *bufio.Reader) {
			for skip(in) == nil {
				if arrived.Add(1) == together {
					close(all)
				}
				<-all
				io.WriteString(conn, ok)
			}
		})
		c := w.run(t, load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{
			{Source: get, Rate: 1000, Connections: together, Warm: 2, Requests: 5 * together},
		}}).Classes[0]
		if c.Opened != together || c.Answered != 5*together || c.Failures() != 0 {
			t.Errorf("want %d connections and %d answers: %+v", together, 5*together, c)
		}
	})
}

// TestGreeting: what is said before the start is not counted.
func TestGreeting(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		var requests atomic.Int64
		addr := speak(t, func(n int, conn net.Conn, in *bufio.Reader) {
			for skip(in) == nil {
				requests.Add(1)
				io.WriteString(conn, ok)
			}
		})
		c := w.run(t, load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{
			{Source: get, Rate: 1000, Connections: 30, Warm: 30, Greet: true, Requests: 5},
		}}).Classes[0]
		if c.Answered != 5 || c.Due != 5 || c.Opened != 30 || requests.Load() != 35 {
			t.Errorf("the server saw %d requests: %+v", requests.Load(), c)
		}

		for _, rude := range []string{"", "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nok"} {
			addr := speak(t, func(_ int, conn net.Conn, in *bufio.Reader) {
				if skip(in) == nil {
					io.WriteString(conn, rude)
				}
			})
			_, err := w.Run(t.Context(), load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{{Source: get, Greet: true}}})
			if err == nil {
				t.Errorf("no error after %q", rude)
			}
		}
	})
}

func TestFailures(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		closed := func() string { // an address where nobody listens, and nobody can: it is a caller's
			conn, err := net.Dial("tcp", speak(t, answerAll))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			return conn.LocalAddr().String()
		}
		once := func(answer string) func(int, net.Conn, *bufio.Reader) {
			return func(_ int, conn net.Conn, in *bufio.Reader) {
				if skip(in) == nil {
					io.WriteString(conn, answer)
				}
			}
		}
		tests := []struct {
			name string
			addr string
			want load.Failure
		}{
			{"nobody listens", closed(), load.FailureConnect},
			{"closed before the answer", speak(t, once("")), load.FailureClosed},
			{"closed in the header", speak(t, once("HTTP/1.1 200 OK\r\n")), load.FailureCut},
			{"closed in the body", speak(t, once("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok")), load.FailureCut},
			{"no HTTP", speak(t, once("220 mail.example.com\r\n")), load.FailureMalformed},
			{"reset", speak(t, func(_ int, conn net.Conn, in *bufio.Reader) {
				if skip(in) == nil {
					conn.(*net.TCPConn).SetLinger(0)
				}
			}), load.FailureReset},
			{"no answer", speak(t, func(_ int, _ net.Conn, in *bufio.Reader) { io.Copy(io.Discard, in) }), load.FailureTimeout},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				var observed []load.Failure
				class := load.Class{
					Source: get, Rate: 1000, Requests: 5,
					Observe: func(o load.Observation) { observed = append(observed, o.Failure) },
				}
				timeout := time.Minute // on a busy machine, what comes may come late
				if tt.want == load.FailureTimeout {
					timeout = time.Second // enough to connect
				}
				c := w.run(t, load.Options{Addr: tt.addr, Duration: time.Minute, Timeout: timeout, Classes: []load.Class{class}}).Classes[0]
				if diff := cmp.Diff(map[load.Failure]int64{tt.want: 5}, c.Failed); diff != "" {
					t.Errorf("failures (-want +got):\n%s", diff)
				}
				if len(observed) != 5 || observed[0] != tt.want {
					t.Errorf("observed %v", observed)
				}
				if c.Answered != 0 || c.Due != 5 {
					t.Errorf("%d of %d answered", c.Answered, c.Due)
				}
			})
		}
	})
}

// TestNoHiddenRetry: a connection that the server ends between two requests
// costs a request where one was under way, and none where it was idle.
func TestNoHiddenRetry(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		var requests atomic.Int64
		addr := speak(t, func(_ int, conn net.Conn, in *bufio.Reader) {
			if skip(in) == nil {
				requests.Add(1)
				io.WriteString(conn, ok)
				if skip(in) == nil {
					requests.Add(1)
				}
			}
		})
		c := w.run(t, load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{
			{Source: get, Connections: 1, Requests: 10},
		}}).Classes[0]
		if c.Answered != 5 || c.Failed[load.FailureClosed] != 5 || requests.Load() != 10 {
			t.Errorf("the server saw %d requests: %+v", requests.Load(), c)
		}
	})
}

func TestConnectionThatEndsWithItsAnswer(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		for _, answer := range []string{
			"HTTP/1.1 200 OK\r\nconnection: Close\r\nContent-Length: 2\r\n\r\nok",
			"HTTP/1.1 200 OK\r\n\r\nok",
			"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		} {
			addr := speak(t, func(_ int, conn net.Conn, in *bufio.Reader) {
				if skip(in) == nil {
					io.WriteString(conn, answer)
				}
			})
			for _, rate := range []float64{0, 1000} {
				c := w.run(t, load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{
					{Source: get, Rate: rate, Connections: 1, Requests: 10},
				}}).Classes[0]
				if c.Answered != 10 || c.Wrong != 0 || c.Opened != 10 {
					t.Errorf("rate %g, %q: %+v", rate, answer, c)
				}
			}
		}
	})
}

// TestAnswerBeforeTheRequestIsRead has answers come while a large request is
// still being written, and the next request wait for the end of that.
func TestAnswerBeforeTheRequestIsRead(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		body := strings.Repeat("x", 8<<20) + load.NumberMark
		addr := speak(t, func(_ int, conn net.Conn, in *bufio.Reader) {
			for {
				if err := skip(in); err != nil {
					return
				}
				io.WriteString(conn, ok)
				rest := io.LimitReader(in, int64(len(body)))
				if n, err := io.Copy(io.Discard, rest); err != nil || n != int64(len(body)) {
					return
				}
			}
		})
		source := load.Numbered(load.Message{Target: "/", Host: "test", Body: []byte(body)}, load.Contains(200, "ok"))
		c := w.run(t, load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{
			{Source: source, Rate: 200, Connections: 2, Requests: 10},
		}}).Classes[0]
		if c.Answered != 10 || c.Wrong != 0 {
			t.Errorf("%+v", c)
		}
	})
}

// TestAnswerInPieces has answers come a byte at a time, and in ones larger than what is
// read at once.
func TestAnswerInPieces(t *testing.T) {
	large := strings.Repeat("ok", 200_000)
	for name, answer := range map[string]string{
		"slow":   ok,
		"large":  fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(large), large),
		"chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("4\r\nokok\r\n", 50_000) + "0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, w way) {
				addr := speak(t, func(_ int, conn net.Conn, in *bufio.Reader) {
					for skip(in) == nil {
						slow := answer[:min(len(answer), 50)]
						for i := range slow {
							io.WriteString(conn, slow[i:i+1])
							time.Sleep(10 * time.Microsecond) // else they come together
						}
						io.WriteString(conn, answer[len(slow):])
					}
				})
				c := w.run(t, load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{
					{Source: get, Connections: 2, Requests: 4},
				}}).Classes[0]
				if c.Answered != 4 || c.Wrong != 0 || c.Opened != 2 || c.BytesIn != int64(4*len(answer)) {
					t.Errorf("want 4 answers of %d bytes: %+v", len(answer), c)
				}
			})
		})
	}
}

// TestWhatNobodyAskedFor: a server ends connections that are idle, or answers once too
// often. Only the last connection is left alone, so that what is counted does not hang on
// how soon the run is over.
func TestWhatNobodyAskedFor(t *testing.T) {
	const requests = 3
	eachWay(t, func(t *testing.T, w way) {
		for name, unasked := range map[string]string{"nothing": "", "an answer": ok} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				addr := speak(t, func(n int, conn net.Conn, in *bufio.Reader) {
					if skip(in) != nil {
						return
					}
					io.WriteString(conn, ok)
					if n == requests-1 {
						_ = skip(in) // until the caller closes it
						return
					}
					time.Sleep(time.Millisecond)
					io.WriteString(conn, unasked)
				})
				c := w.run(t, load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{
					{Source: get, Rate: 1, Connections: 1, Requests: requests}, // long apart, for busy machines
				}}).Classes[0]
				idle, unsolicited := int64(requests-1), int64(0)
				if unasked != "" {
					idle, unsolicited = 0, requests-1
				}
				if c.Answered != requests || c.Failures() != 0 || c.Opened != requests || c.IdleClosed != idle || c.Unsolicited != unsolicited {
					t.Errorf("%+v", c)
				}
			})
		}
	})
}

func TestCancelledRunGivesWhatItHas(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		ctx, cancel := context.WithCancel(t.Context())
		addr := speak(t, func(_ int, conn net.Conn, in *bufio.Reader) {
			for n := 0; skip(in) == nil; n++ {
				if n == 10 {
					cancel() // and no answer
					continue
				}
				io.WriteString(conn, ok)
			}
		})
		for _, rate := range []float64{0, 1000} {
			result, err := w.Run(ctx, load.Options{Addr: addr, Duration: time.Hour, Classes: []load.Class{
				{Source: get, Rate: rate, Connections: 1},
			}})
			if rate > 0 { // the second run begins cancelled
				if !errors.Is(err, context.Canceled) || result != nil {
					t.Errorf("got %v and %v of a run that could not begin", result, err)
				}
				continue
			}
			c := result.Classes[0]
			if !errors.Is(err, context.Canceled) || c.Answered != 10 || c.Failed[load.FailureCancelled] != 1 {
				t.Errorf("%v: %+v", err, c)
			}
		}
	})
}

func TestRunEndsWithWaitingRequests(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		addr := speak(t, func(_ int, _ net.Conn, in *bufio.Reader) { io.Copy(io.Discard, in) })
		c := w.run(t, load.Options{Addr: addr, Duration: 100 * time.Millisecond, Timeout: 200 * time.Millisecond, Classes: []load.Class{
			{Source: get, Rate: 1000, Connections: 3},
		}}).Classes[0]
		if c.Due != 100 || c.Failures() != 100 || c.Failed[load.FailureUnsent] == 0 || c.Delayed < 97 {
			t.Errorf("%+v", c)
		}
	})
}

func TestOptionsAreRefused(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		class := []load.Class{{Source: get}}
		for name, opt := range map[string]load.Options{
			"no duration":  {Addr: "x:1", Classes: class},
			"no classes":   {Addr: "x:1", Duration: 1},
			"no address":   {Duration: 1, Classes: class},
			"no source":    {Addr: "x:1", Duration: 1, Classes: []load.Class{{}}},
			"rate":         {Addr: "x:1", Duration: 1, Classes: []load.Class{{Source: get, Rate: -1}}},
			"connections":  {Addr: "x:1", Duration: 1, Classes: []load.Class{{Source: get, Connections: -1}}},
			"warm":         {Addr: "x:1", Duration: 1, Classes: []load.Class{{Source: get, Connections: 1, Warm: 2}}},
			"endless wait": {Addr: "x:1", Duration: 1, Timeout: -1, Classes: class},
		} {
			if _, err := w.Run(t.Context(), opt); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
	})
}

// TestNumbered sends texts that differ.
func TestNumbered(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		seen := map[string]bool{}
		var mu sync.Mutex
		addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			if a, b, _ := strings.Cut(string(body), "+"); err != nil || a != b || len(a) != len(load.NumberMark) {
				t.Errorf("body %q, %v", body, err)
			}
			seen[string(body)] = true
			io.WriteString(w, "ok")
		})
		message := load.Message{Target: "/", Host: addr, Body: []byte(load.NumberMark + "+" + load.NumberMark)}
		source := load.Numbered(message, load.Contains(200, "ok"))
		w.run(t, load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{{Source: source, Connections: 4, Requests: 100}}})
		if len(seen) != 100 || !seen["000000000099+000000000099"] {
			t.Errorf("%d texts, want 100", len(seen))
		}
	})
}

// TestSignedRequestsVerify switches the key in the middle.
func TestSignedRequestsVerify(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		keys := make([]*seal.Key, 2)
		for i := range keys {
			key, err := seal.GenerateKey(seal.UseRequest, fmt.Sprintf("key-%d", i), time.Time{}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			keys[i] = key
		}
		ring, err := seal.NewKeyring(time.Now, keys...)
		if err != nil {
			t.Fatal(err)
		}
		verifier := seal.NewVerifier(ring, seal.VerifierOptions{})
		var mu sync.Mutex
		used := map[string]int{}
		addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			header, err := verifier.ParseHeader(r.Header.Values(seal.HeaderName))
			if err == nil {
				err = verifier.Verify(&header, r.Method, r.RequestURI, body)
			}
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			used[header.KeyID]++
			mu.Unlock()
			io.WriteString(w, "ok")
		})
		sources := make([]load.Source, 2)
		for i, key := range keys {
			sources[i], err = load.Signed(key, load.Message{Target: "/a?b=c", Host: addr, Body: []byte("{}")}, load.Contains(200, "ok"))
			if err != nil {
				t.Fatal(err)
			}
		}
		source := load.NewSwitch(sources[0])
		n := 0
		c := w.run(t, load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{{
			Source: source, Connections: 1, Requests: 20,
			Observe: func(load.Observation) {
				if n++; n == 5 {
					source.Set(sources[1])
				}
			},
		}}}).Classes[0]
		if diff := cmp.Diff(map[string]int{"key-0": 5, "key-1": 15}, used); diff != "" || c.Wrong != 0 {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
	})
}

// TestSteadyStateDoesNotAllocate counts the allocations of a run, of which the
// server has none.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	for name, w := range ways() { // one at a time: all allocations are counted together
		t.Run(name, func(t *testing.T) {
			answer := []byte(ok)
			addr := speak(t, func(_ int, conn net.Conn, in *bufio.Reader) {
				for skip(in) == nil {
					conn.Write(answer)
				}
			})
			mallocs := func(requests int64) uint64 {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				w.run(t, load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{
					{Source: get, Connections: 4, Requests: requests},
					{Source: get, Rate: 10_000, Connections: 4, Warm: 4, Requests: requests / 10},
				}})
				runtime.ReadMemStats(&after)
				return after.Mallocs - before.Mallocs
			}
			few, many := mallocs(1000), mallocs(11_000)
			if many > few+1000 {
				t.Errorf("11,000 requests took %d allocations, 1,000 took %d", many, few)
			}
		})
	}
}

// TestSignedNumbered: requests that differ are each signed by themselves.
func TestSignedNumbered(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		key, err := seal.GenerateKey(seal.UseRequest, "k", time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		ring, err := seal.NewKeyring(time.Now, key)
		if err != nil {
			t.Fatal(err)
		}
		verifier := seal.NewVerifier(ring, seal.VerifierOptions{})
		var bodies []string
		addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			header, err := verifier.ParseHeader(r.Header.Values(seal.HeaderName))
			if err == nil {
				err = verifier.Verify(&header, r.Method, r.RequestURI, body)
			}
			if err != nil {
				t.Error(err)
			}
			bodies = append(bodies, string(body)) // of one connection
			io.WriteString(w, "ok")
		})
		source, err := load.SignedNumbered(key, load.Message{Target: "/", Host: addr, Body: []byte(load.NumberMark + "," + load.NumberMark)}, load.Contains(200, "ok"))
		if err != nil {
			t.Fatal(err)
		}
		w.run(t, load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{{Source: source, Connections: 1, Requests: 2}}})
		if diff := cmp.Diff([]string{"000000000000,000000000000", "000000000001,000000000001"}, bodies); diff != "" {
			t.Errorf("bodies (-want +got):\n%s", diff)
		}

		other, err := seal.GenerateKey(seal.UsePackage, "k", time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := load.SignedNumbered(other, load.Message{}, nil); err == nil {
			t.Error("no error for a key of another use")
		}
	})
}

func TestListener(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", ":0"} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		port := uint16(l.Addr().(*net.TCPAddr).Port)
		pid, err := load.Listener(port)
		if runtime.GOOS != "linux" {
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Error(err)
			}
		} else if err != nil || pid != os.Getpid() {
			t.Errorf("%s: process %d, %v, want %d", addr, pid, err, os.Getpid())
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := load.Listener(0); runtime.GOOS == "linux" && !errors.Is(err, load.ErrNoListener) {
		t.Errorf("a port that nobody can listen on: %v", err)
	}
}

func TestProcessCPU(t *testing.T) {
	if runtime.GOOS != "linux" {
		if _, err := load.ProcessCPU(os.Getpid()); !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
		return
	}
	before, err := load.ProcessCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for used := time.Duration(0); used < 50*time.Millisecond; { // spins, and looks
		now, err := load.ProcessCPU(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		used = now.Sub(before).Total
		if now.User+now.System > now.Total+time.Second {
			t.Fatalf("parts larger than the whole: %+v", now)
		}
	}
	if now, peak, err := load.Resident(os.Getpid()); err != nil || now <= 0 || peak < now/2 {
		t.Errorf("resident %d, at most %d, %v", now, peak, err)
	}
	if _, err := load.ProcessCPU(1 << 22); err == nil {
		t.Error("no error for a process that cannot be")
	}
}

func BenchmarkClosedLoop(b *testing.B) {
	answer := []byte(ok)
	addr := speak(b, func(_ int, conn net.Conn, in *bufio.Reader) {
		for skip(in) == nil {
			conn.Write(answer)
		}
	})
	b.ReportAllocs()
	const requests = 10_000
	for b.Loop() {
		if _, err := load.Run(b.Context(), load.Options{Addr: addr, Duration: time.Minute, Classes: []load.Class{
			{Source: get, Connections: 16, Requests: requests},
		}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/requests, "ns/request")
}
