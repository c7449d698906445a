// This file holds who may call what.

package definitions

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/avap-framework/avap/definitions/avapv2pb"
)

// authHeader is the metadata that carries a token.
const authHeader = "x-avap-auth"

// guard knows the tokens. It holds their hashes, so that comparing takes the same
// time whatever the length.
type guard struct {
	worker [sha256.Size]byte
	admins []admin
}

// admin is a named token.
type admin struct {
	name string
	hash [sha256.Size]byte
}

func newGuard(token string, admins map[string]string) *guard {
	g := &guard{worker: sha256.Sum256([]byte(token))}
	for name, token := range admins {
		g.admins = append(g.admins, admin{name, sha256.Sum256([]byte(token))})
	}
	return g
}

// Errors of guard; they tell no more than they must.
var (
	errToken     = status.Error(codes.Unauthenticated, "x-avap-auth: the token is missing or wrong")
	errNoAdmins  = status.Error(codes.Unimplemented, "this server has no administrators: start it with --admin-tokens")
	errPlaintext = status.Error(codes.PermissionDenied, "without TLS administrators are served on this machine alone")
)

// authorKey is the key in a call's context of the administrator's name.
type authorKey struct{}

// check is asked before a message of a call is read. It returns the call's context.
func (g *guard) check(ctx context.Context, call *tap.Info) (context.Context, error) {
	method := strings.TrimPrefix(call.FullMethodName, "/")
	service, _, _ := strings.Cut(method, "/")
	if service == grpc_health_v1.Health_ServiceDesc.ServiceName {
		return ctx, nil
	}
	var token string
	if given := call.Header.Get(authHeader); len(given) == 1 {
		token = given[0]
	}
	hash := sha256.Sum256([]byte(token))
	if service == avapv2pb.Admin_ServiceDesc.ServiceName {
		return g.checkAdmin(ctx, hash)
	}
	if subtle.ConstantTimeCompare(hash[:], g.worker[:]) != 1 {
		return nil, errToken
	}
	return ctx, nil
}

// checkAdmin looks for the administrator with a token.
func (g *guard) checkAdmin(ctx context.Context, hash [sha256.Size]byte) (context.Context, error) {
	if len(g.admins) == 0 {
		return nil, errNoAdmins
	}
	if !private(ctx) {
		return nil, errPlaintext
	}
	found := -1
	for i := range g.admins { // all of them, so that time does not tell which
		if subtle.ConstantTimeCompare(hash[:], g.admins[i].hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return nil, errToken
	}
	return context.WithValue(ctx, authorKey{}, g.admins[found].name), nil
}

// private reports whether nobody can listen to a call: it came over TLS, or from
// this machine.
func private(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return false
	}
	if _, ok := p.AuthInfo.(credentials.TLSInfo); ok {
		return true
	}
	switch addr := p.Addr.(type) {
	case *net.TCPAddr:
		return addr.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// author returns the name of the administrator who calls.
func author(ctx context.Context) string {
	name, _ := ctx.Value(authorKey{}).(string)
	return name
}
