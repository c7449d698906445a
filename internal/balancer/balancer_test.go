package balancer_test

// This file tests the balancer with two servers that say who they are.

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/avap-framework/avap/internal/balancer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers with its name, and is ready while it is told to be.
type server struct {
	balancer.Backend
	ready atomic.Bool
	close func()
}

func start(t *testing.T, name string) *server {
	t.Helper()
	s := &server{}
	s.ready.Store(true)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" && !s.ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		io.WriteString(w, name)
	}))
	t.Cleanup(h.Close)
	addr := h.Listener.Addr().String()
	s.Backend, s.close = balancer.Backend{Addr: addr, Ready: h.URL + "/readyz"}, h.Close
	return s
}

func balance(t *testing.T, servers ...*server) *balancer.Balancer {
	t.Helper()
	b, err := balancer.New(balancer.Options{Interval: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	for _, s := range servers {
		b.Add(s.Backend)
	}
	await(t, b, len(servers))
	return b
}

func await(t *testing.T, b *balancer.Balancer, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := b.Await(ctx, n); err != nil {
		t.Fatal(err)
	}
}

// ask gives the names of the servers that answer on n connections.
func ask(t *testing.T, b *balancer.Balancer, n int) map[string]int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	names := map[string]int{}
	for range n {
		answer, err := client.Get("http://" + b.Addr())
		if err != nil {
			names["error"]++
			continue
		}
		name, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		names[string(name)]++
	}
	return names
}

func TestConnectionsGoInTurnToWhoIsReady(t *testing.T) {
	one, two := start(t, "one"), start(t, "two")
	b := balance(t, one, two)
	for _, step := range []struct {
		name     string
		one, two bool
		want     map[string]int
	}{
		{"both", true, true, map[string]int{"one": 5, "two": 5}},
		{"one drains", false, true, map[string]int{"two": 10}},
		{"none", false, false, map[string]int{"error": 10}},
		{"one is back", true, false, map[string]int{"one": 10}},
	} {
		one.ready.Store(step.one)
		two.ready.Store(step.two)
		n := 0
		for _, ready := range []bool{step.one, step.two} {
			if ready {
				n++
			}
		}
		await(t, b, n)
		if diff := cmp.Diff(step.want, ask(t, b, 10)); diff != "" {
			t.Errorf("%s: who answered (-want +got):\n%s", step.name, diff)
		}
	}
	if n := b.Refused(); n != 10 {
		t.Errorf("%d connections refused, want 10", n)
	}
	b.Remove(two.Addr)
	if diff := cmp.Diff(map[string]int64{one.Addr: 15}, b.Connections()); diff != "" {
		t.Errorf("connections (-want +got):\n%s", diff)
	}
}

// TestNothingIsRetried: a backend that is gone, and was ready a moment ago,
// costs the connection.
func TestNothingIsRetried(t *testing.T) {
	one := start(t, "one")
	b, err := balancer.New(balancer.Options{Interval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	b.Add(one.Backend)
	await(t, b, 1)
	one.close()
	if diff := cmp.Diff(map[string]int{"error": 3}, ask(t, b, 3)); diff != "" {
		t.Errorf("who answered (-want +got):\n%s", diff)
	}
}

// TestConnectionsOutliveReadiness keeps a connection over the drain of its
// backend, and passes on the end of one direction.
func TestConnectionsOutliveReadiness(t *testing.T) {
	one := start(t, "one")
	b := balance(t, one)
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request := "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	answer := make([]byte, 4096)
	for range 2 {
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(answer); err != nil || string(answer[n-3:n]) != "one" {
			t.Fatalf("%q, %v", answer[:n], err)
		}
		one.ready.Store(false)
		await(t, b, 0)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(answer); err != io.EOF {
		t.Errorf("%d bytes and %v, want the end of the connection", n, err)
	}
}

func TestCloseEndsAll(t *testing.T) {
	one := start(t, "one")
	b := balance(t, one)
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection goes on")
	}
	if err := b.Await(t.Context(), 5); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Await: %v", err)
	}
	b.Add(one.Backend) // has no effect
}
