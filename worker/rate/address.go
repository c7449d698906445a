// This file holds which address a request is counted for.

package rate

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

// group is the addresses that share a bucket: an IPv6 network of 64 bits, or one
// IPv4 address, as a network of multicast addresses, which no client can have.
type group uint64

const groupsOfIPv4 group = 0xffffffff << 32

func groupOf(addr netip.Addr) group {
	addr = addr.Unmap()
	if addr.Is4() {
		b := addr.As4()
		return groupsOfIPv4 | group(binary.BigEndian.Uint32(b[:]))
	}
	b := addr.As16()
	return group(binary.BigEndian.Uint64(b[:8]))
}

// ClientAddress returns the address of the client that sent a request: the peer,
// or if that is a trusted proxy, what the values of the header fields
// X-Forwarded-For say, in their order. Each proxy appends the address of its own
// peer, so they are read from the right for as long as the address found is a
// trusted proxy itself; what stands further left anybody can have written. An
// entry that is no address ends the search at the last one found. Entries may
// have a port, as some proxies write it. With an untrusted peer it does not
// allocate.
func (l *Limiter) ClientAddress(peer netip.Addr, forwardedFor ...string) netip.Addr {
	addr := plain(peer)
	for i := len(forwardedFor) - 1; i >= 0; i-- {
		rest, more := forwardedFor[i], true
		for more {
			if !l.trusts(addr) {
				return addr
			}
			var entry string
			rest, entry, more = cutLast(rest)
			next, ok := parseEntry(entry)
			if !ok {
				return addr
			}
			addr = next
		}
	}
	return addr
}

func (l *Limiter) trusts(addr netip.Addr) bool {
	for _, p := range l.proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// cutLast cuts the last entry off a list with commas.
func cutLast(list string) (rest, entry string, more bool) {
	i := strings.LastIndexByte(list, ',')
	return list[:max(i, 0)], list[i+1:], i >= 0
}

// parseEntry reads an address with or without a port, in brackets or not.
func parseEntry(entry string) (netip.Addr, bool) {
	entry = strings.Trim(entry, " \t")
	if addr, err := netip.ParseAddr(entry); err == nil {
		return plain(addr), true
	}
	if target, err := netip.ParseAddrPort(entry); err == nil {
		return plain(target.Addr()), true
	}
	inner, ok := strings.CutPrefix(entry, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	addr, err := netip.ParseAddr(inner)
	return plain(addr), ok && closed && err == nil && addr.Is6()
}

// plain returns an address in the form in which addresses are compared.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// plainPrefix returns a prefix in the form in which it holds plain addresses.
func plainPrefix(p netip.Prefix) netip.Prefix {
	if addr := p.Addr(); addr.Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(addr.Unmap(), p.Bits()-96)
	}
	return p
}
