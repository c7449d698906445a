// Where requests may not go, by every road that leads there.

package httpclient_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/httpclient"
)

// loopbackForms are hosts of URLs that all lead to 127.0.0.1.
var loopbackForms = []string{
	"127.0.0.1",
	"127.0.0.1.",
	"localhost",
	"LOCALHOST",
	"2130706433",
	"0x7f000001",
	"0x7f.1",
	"0177.0.0.1",
	"017700000001",
	"127.1",
	"127.0.1",
	"[::ffff:127.0.0.1]",
	"[::ffff:7f00:1]",
	"[0:0:0:0:0:ffff:7f00:0001]",
	"①②⑦.⓪.⓪.①",
	"１２７.０.０.１",
	"127。0。0。1",
	"example.com@127.0.0.1",
	"user:secret@127.0.0.1",
}

// forbidden are hosts that no server listens on: a refusal is all that may come,
// for the addresses are judged before anything is sent to them.
var forbidden = []string{
	"10.0.0.1",
	"172.16.0.1",
	"192.168.1.1",
	"100.64.0.1",
	"100.100.100.200",
	"168.63.129.16",
	"169.254.169.254",
	"0xa9fea9fe",
	"2852039166",
	"0251.0376.0251.0376",
	"169.254.43518",
	"0.0.0.0",
	"0",
	"[::]",
	"255.255.255.255",
	"[::1]",
	"[fe80::1]",
	"[fe80::1%25lo]",
	"[fd00:ec2::254]",
	"[::ffff:169.254.169.254]",
	"[::169.254.169.254]",
	"[64:ff9b::169.254.169.254]",
	"[64:ff9b:1::127.0.0.1]",
	"[2002:7f00:1::]",
	"[2001:0:808:808:0:0:80ff:fffe]",
	"metadata.google.internal@169.254.169.254",
}

func TestLoopbackIsRefused(t *testing.T) {
	var hits atomic.Int32
	target := serve(t, "127.0.0.1", func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	client := newClient(t, "public")
	for _, form := range loopbackForms {
		_, err := get(t.Context(), client, "http://"+form+":"+portOf(t, target)+"/")
		message := wantError(t, err, host.CodeAddressDenied)
		if strings.Contains(message, "secret") {
			t.Errorf("%s: the message has the password: %s", form, message)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
}

func TestLoopbackIsAllowedWhenNamed(t *testing.T) {
	target := serve(t, "127.0.0.1", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("here")) })
	port := portOf(t, target)
	for _, allow := range []string{"127.0.0.1", "127.0.0.0/8, ::1", "127.0.0.1:" + port} {
		client := newClient(t, allow)
		for _, form := range loopbackForms {
			resp, err := get(t.Context(), client, "http://"+form+":"+port+"/")
			if err != nil {
				t.Errorf("%s, %s allowed: %v", form, allow, err)
				continue
			}
			if string(resp.Body) != "here" {
				t.Errorf("%s: body %q", form, resp.Body)
			}
		}
	}
	for _, allow := range []string{"localhost", "LocalHost.", "localhost:" + port} {
		client := newClient(t, allow)
		if _, err := get(t.Context(), client, "http://localhost:"+port+"/"); err != nil {
			t.Errorf("localhost, %s allowed: %v", allow, err)
		}
		_, err := get(t.Context(), client, "http://127.0.0.1:"+port+"/")
		wantError(t, err, host.CodeAddressDenied)
	}
}

func TestForbiddenAddresses(t *testing.T) {
	for _, allow := range []string{"public", "none", "localhost,example.com"} {
		client := newClient(t, allow)
		for _, form := range forbidden {
			for _, scheme := range []string{"http", "https"} {
				_, err := get(t.Context(), client, scheme+"://"+form+"/latest/meta-data/")
				wantError(t, err, host.CodeAddressDenied)
			}
		}
	}
}

func TestZeroOptionsAllowNothing(t *testing.T) {
	target := serve(t, "127.0.0.1", func(http.ResponseWriter, *http.Request) {})
	client := httpclient.New(httpclient.Options{})
	_, err := get(t.Context(), client, target.URL)
	wantError(t, err, host.CodeAddressDenied)
}

// TestRedirectIsRefused has an allowed server point at each forbidden place.
func TestRedirectIsRefused(t *testing.T) {
	var hits atomic.Int32
	target := serve(t, "127.0.0.1", func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	var location string
	allowed := serve(t, "127.0.0.2", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	})
	client := newClient(t, "127.0.0.2")

	var targets []string
	for _, form := range loopbackForms {
		targets = append(targets, "http://"+form+":"+portOf(t, target)+"/")
	}
	for _, form := range forbidden {
		targets = append(targets, "http://"+form+"/", "//"+form+"/")
	}
	for _, location = range targets {
		_, err := get(t.Context(), client, allowed.URL)
		wantError(t, err, host.CodeAddressDenied)
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
	for _, location = range []string{"file:///etc/passwd", "gopher://127.0.0.1/", "ftp://example.com/", "http:///"} {
		_, err := get(t.Context(), client, allowed.URL)
		wantError(t, err, host.CodeHTTP)
	}
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
