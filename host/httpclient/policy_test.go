// Where requests may not go, by every road that leads there.

package httpclient_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/httpclient"
)

func TestZeroOptionsAllowNothing(t *testing.T) {
	target := serve(t, "127.0.0.1", func(http.ResponseWriter, *http.Request) {})
	client := httpclient.New(httpclient.Options{})
	_, err := get(t.Context(), client, target.URL)
	wantError(t, err, host.CodeAddressDenied)
}

// TestRebinding has a name point at an allowed address first and at another one
// afterwards: what counts is the address that is connected to.
func TestRebinding(t *testing.T) {
	var hits atomic.Int32
	good := serve(t, "127.0.0.2", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
	})
	port := portOf(t, good)
	bad := http.Server{Addr: "127.0.0.1:" + port, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) })}
	done := make(chan struct{})
	go func() { defer close(done); bad.ListenAndServe() }()
	t.Cleanup(func() { bad.Close(); <-done })

	client := newClient(t, "127.0.0.2", func(o *httpclient.Options) {
		o.Resolver = newResolver(t, addrs("127.0.0.2"), addrs("127.0.0.1"))
	})
	url := "http://rebind.example:" + port + "/"
	if _, err := get(t.Context(), client, url); err != nil {
		t.Fatalf("the first answer: %v", err)
	}
	_, err := get(t.Context(), client, url)
	message := wantError(t, err, host.CodeAddressDenied)
	if want := "GET http://rebind.example:" + port + ": the address is not allowed by --allow-net"; message != want {
		t.Errorf("message %q, want %q", message, want)
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
}

// TestNamesAndMetadata holds that a listed name reaches private addresses and
// still no metadata.
func TestNamesAndMetadata(t *testing.T) {
	server := serve(t, "127.0.0.1", func(http.ResponseWriter, *http.Request) {})
	client := newClient(t, "db.example", func(o *httpclient.Options) {
		o.Resolver = newResolver(t, addrs("127.0.0.1"), addrs("169.254.169.254"))
	})
	url := "http://db.example:" + portOf(t, server) + "/"
	if _, err := get(t.Context(), client, url, host.Header{Name: "Connection", Value: "close"}); err != nil {
		t.Fatalf("a private address: %v", err)
	}
	client.Close()
	_, err := get(t.Context(), client, url)
	wantError(t, err, host.CodeAddressDenied)
}

func TestProxyVariablesAreIgnored(t *testing.T) {
	var hits atomic.Int32
	proxy := serve(t, "127.0.0.1", func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	client := newClient(t, "127.0.0.0/8", func(o *httpclient.Options) {
		o.Resolver = newResolver(t, addrs("127.0.0.3"))
	})
	_, err := get(t.Context(), client, "http://x.example:1/")
	wantError(t, err, host.CodeHTTP)
	if n := hits.Load(); n != 0 {
		t.Errorf("the proxy had %d requests", n)
	}
}
