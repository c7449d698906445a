// This file holds the test of where administrators may call from, which no
// loopback connection can show.

package definitions

import (
	"context"
	"net"
	"testing"

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
