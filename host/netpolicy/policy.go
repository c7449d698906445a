// Package netpolicy decides where the HTTP requests of scripts may connect to.
//
// A Policy is read from a list such as "public, 10.1.0.0/16, db.internal:5432"
// and asked twice: for a name in a URL nothing is decided, for the address it
// resolved to everything is. Control hooks the second question into a
// net.Dialer, after resolution and before the connection is made, so that a name
// whose answer changes between two look-ups gains nothing.
package netpolicy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// Policy says which addresses may be connected to. The zero value allows none.
// A Policy never changes and is safe for concurrent use.
type Policy struct {
	text     string
	public   bool
	prefixes []netip.Prefix   // CIDRs and single addresses, any port
	targets  []netip.AddrPort // single addresses with a port
	hosts    []target
}

// target is a host that the operator named; port 0 stands for any.
type target struct {
	host string
	port uint16
}

// ErrDenied is wrapped by every error of Control.
var ErrDenied = errors.New("address not allowed")

// String returns the list that the policy was read from.
func (p *Policy) String() string { return p.text }

// Allows reports whether a connection to the resolved address addr may be made
// under the name host, as it stands in a URL.
//
// A host that the list names may be reached at whatever address it resolves to,
// private ones included: naming it is the operator's decision, and internal
// services are why one names hosts. Link-local and metadata addresses are the
// exception. They hand out the machine's own credentials, so that they have to
// be listed by address even where a listed name leads to them.
//
// An IPv6 address that carries an IPv4 address (mapped, compatible, NAT64, 6to4,
// Teredo) counts as that IPv4 address.
func (p *Policy) Allows(host string, addr netip.AddrPort) bool {
	ip := addr.Addr().WithZone("").Unmap()
	if !ip.IsValid() {
		return false
	}
	public := p.public && !localNAT64.Contains(ip) // that form is for private use
	for _, ip := range bearers(ip) {
		if !p.lists(host, ip, addr.Port()) && (!public || !isPublic(ip)) {
			return false
		}
	}
	return true
}

// lists reports whether an entry of the list covers ip.
func (p *Policy) lists(host string, ip netip.Addr, port uint16) bool {
	if slices.Contains(p.targets, netip.AddrPortFrom(ip, port)) {
		return true
	}
	guarded := isGuarded(ip)
	for _, prefix := range p.prefixes {
		if prefix.Contains(ip) && (!guarded || narrow(prefix)) {
			return true
		}
	}
	return !guarded && p.names(host, port)
}

// names reports whether the list has the host itself.
func (p *Policy) names(host string, port uint16) bool {
	host = CanonicalHost(host)
	return slices.ContainsFunc(p.hosts, func(t target) bool {
		return t.host == host && (t.port == 0 || t.port == port)
	})
}

// Control makes the hook for net.Dialer.ControlContext that lets a connection
// under the name host pass or fails it with an error that wraps ErrDenied. The
// error names the host and never the address that it resolved to.
func (p *Policy) Control(host string) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		addr, err := netip.ParseAddrPort(address)
		if err != nil || !p.Allows(host, addr) {
			return fmt.Errorf("%s: %w", host, ErrDenied)
		}
		return nil
	}
}

// CanonicalHost writes a host the way in which hosts are compared: lower case
// and without the dot of the root.
func CanonicalHost(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
