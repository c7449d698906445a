// This file holds the tests of what no call over loopback can show: where
// administrators may call from, and what becomes of a defect.

package definitions

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

func TestAdministratorsAddress(t *testing.T) {
	g := newGuard("w", map[string]string{"ada": "a"})
	tcp := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 4711} }
	tests := map[string]struct {
		peer *peer.Peer
		want codes.Code
	}{
		"loopback":        {&peer.Peer{Addr: tcp("127.0.0.1")}, codes.OK},
		"loopback, IPv6":  {&peer.Peer{Addr: tcp("::1")}, codes.OK},
		"mapped loopback": {&peer.Peer{Addr: tcp("::ffff:127.0.0.1")}, codes.OK},
		"socket":          {&peer.Peer{Addr: &net.UnixAddr{Name: "s", Net: "unix"}}, codes.OK},
		"elsewhere":       {&peer.Peer{Addr: tcp("10.1.2.3")}, codes.PermissionDenied},
		"elsewhere, IPv6": {&peer.Peer{Addr: tcp("2001:db8::1")}, codes.PermissionDenied},
		"over TLS":        {&peer.Peer{Addr: tcp("10.1.2.3"), AuthInfo: credentials.TLSInfo{}}, codes.OK},
		"nobody":          {nil, codes.PermissionDenied},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			if tt.peer != nil {
				ctx = peer.NewContext(ctx, tt.peer)
			}
			ctx, err := g.check(ctx, &tap.Info{FullMethodName: "/avap.v2.Admin/List", Header: metadata.Pairs("x-avap-auth", "a")})
			if status.Code(err) != tt.want || err == nil && author(ctx) != "ada" {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			_, err = g.check(context.Background(), &tap.Info{FullMethodName: "/avap.v2.Catalog/Watch", Header: metadata.Pairs("x-avap-auth", "w")})
			if err != nil {
				t.Errorf("a worker: %v", err)
			}
		})
	}
}

// TestDefects answers calls that panic.
func TestDefects(t *testing.T) {
	var log bytes.Buffer
	s := &Server{log: slog.New(slog.NewTextHandler(&log, nil))}
	defect := func() { panic("secret") }
	_, unary := s.recoverUnary(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: "/a/b"}, func(context.Context, any) (any, error) {
		defect()
		return nil, nil
	})
	stream := s.recoverStream(nil, nil, &grpc.StreamServerInfo{FullMethod: "/c/d"}, func(any, grpc.ServerStream) error {
		defect()
		return nil
	})
	for _, err := range []error{unary, stream} {
		if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "secret") {
			t.Errorf("answered with %v", err)
		}
	}
	for _, want := range []string{"method=/a/b", "method=/c/d", "panic=secret", "guard_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s: %s", want, log.String())
		}
	}
}
