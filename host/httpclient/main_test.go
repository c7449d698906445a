// What the tests of this package share: servers on loopback and a name server.

package httpclient_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/httpclient"
	"github.com/avap-framework/avap/host/netpolicy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newClient makes a client that may connect where allow says.
func newClient(t *testing.T, allow string, change ...func(*httpclient.Options)) *httpclient.Client {
	t.Helper()
	policy, err := netpolicy.Parse(allow)
	if err != nil {
		t.Fatal(err)
	}
	opts := httpclient.Options{Policy: policy}
	for _, f := range change {
		f(&opts)
	}
	client := httpclient.New(opts)
	t.Cleanup(client.Close)
	return client
}

// serve runs handler on the given loopback address, at a free port.
func serve(t *testing.T, ip string, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func portOf(t *testing.T, server *httptest.Server) string {
	t.Helper()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func get(ctx context.Context, client *httpclient.Client, url string, headers ...host.Header) (*host.Response, error) {
	return client.Do(ctx, &host.Request{Method: "GET", URL: url, Headers: headers})
}

// wantError checks the code of a *host.Error and gives its message.
func wantError(t *testing.T, err error, code string) string {
	t.Helper()
	outside, ok := errors.AsType[*host.Error](err)
	if !ok {
		t.Fatalf("error %v, want a *host.Error", err)
	}
	if outside.Code != code {
		t.Fatalf("code %s (%v), want %s", outside.Code, err, code)
	}
	return outside.Message
}

// nameServer answers every question with the addresses of its kind in the next of
// its answers; the last one stays.
type nameServer struct {
	mu      sync.Mutex
	answers map[dnsmessage.Type][][]netip.Addr
}

// newResolver starts a name server on loopback and gives a resolver that asks it.
func newResolver(t *testing.T, answers ...[]netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &nameServer{answers: map[dnsmessage.Type][][]netip.Addr{
		dnsmessage.TypeA:    ofKind(answers, netip.Addr.Is4),
		dnsmessage.TypeAAAA: ofKind(answers, netip.Addr.Is6),
	}}
	var wg sync.WaitGroup
	wg.Go(func() { server.run(conn) })
	t.Cleanup(func() { conn.Close(); wg.Wait() })
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "udp", conn.LocalAddr().String())
		},
	}
}

func (s *nameServer) run(conn net.PacketConn) {
	packet := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		var query dnsmessage.Message
		if err := query.Unpack(packet[:n]); err != nil || len(query.Questions) == 0 {
			continue
		}
		if reply, err := s.answer(query); err == nil {
			conn.WriteTo(reply, from)
		}
	}
}

func (s *nameServer) answer(query dnsmessage.Message) ([]byte, error) {
	question := query.Questions[0]
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query.ID, Response: true, RecursionAvailable: true},
		Questions: query.Questions[:1],
	}
	for _, ip := range s.next(question.Type) {
		var body dnsmessage.ResourceBody = &dnsmessage.AAAAResource{AAAA: ip.As16()}
		if ip.Is4() {
			body = &dnsmessage.AResource{A: ip.As4()}
		}
		reply.Answers = append(reply.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET},
			Body:   body,
		})
	}
	return reply.Pack()
}

func (s *nameServer) next(kind dnsmessage.Type) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	answers := s.answers[kind]
	if len(answers) == 0 {
		return nil
	}
	if len(answers) > 1 {
		s.answers[kind] = answers[1:]
	}
	return answers[0]
}

// ofKind keeps the addresses of one kind in each answer.
func ofKind(answers [][]netip.Addr, is func(netip.Addr) bool) [][]netip.Addr {
	out := make([][]netip.Addr, len(answers))
	for i, answer := range answers {
		for _, ip := range answer {
			if is(ip) {
				out[i] = append(out[i], ip)
			}
		}
	}
	return out
}

func addrs(list ...string) []netip.Addr {
	out := make([]netip.Addr, len(list))
	for i, s := range list {
		out[i] = netip.MustParseAddr(s)
	}
	return out
}

// quiet is a log for servers whose clients break the handshake on purpose.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
