// The address ranges that are not the public network, and the IPv6 forms that
// carry an IPv4 address.

package netpolicy

import "net/netip"

// special holds IANA's special-purpose address registries, IPv4 and IPv6, whole,
// with those entries too that IANA calls globally reachable: nothing that a
// script has a use for lives there. Multicast is added, which is no unicast.
var special = prefixes(
	// IANA IPv4 Special-Purpose Address Registry.
	"0.0.0.0/8",          // "this network"
	"0.0.0.0/32",         // "this host on this network"
	"10.0.0.0/8",         // private use
	"100.64.0.0/10",      // shared address space (carrier-grade NAT)
	"127.0.0.0/8",        // loopback
	"169.254.0.0/16",     // link local
	"172.16.0.0/12",      // private use
	"192.0.0.0/24",       // IETF protocol assignments
	"192.0.0.0/29",       // IPv4 service continuity prefix
	"192.0.0.8/32",       // IPv4 dummy address
	"192.0.0.9/32",       // Port Control Protocol anycast
	"192.0.0.10/32",      // TURN anycast
	"192.0.0.170/32",     // NAT64/DNS64 discovery
	"192.0.0.171/32",     // NAT64/DNS64 discovery
	"192.0.2.0/24",       // documentation (TEST-NET-1)
	"192.31.196.0/24",    // AS112-v4
	"192.52.193.0/24",    // AMT
	"192.88.99.0/24",     // deprecated 6to4 relay anycast
	"192.88.99.2/32",     // 6a44 relay anycast
	"192.168.0.0/16",     // private use
	"192.175.48.0/24",    // direct delegation AS112 service
	"198.18.0.0/15",      // benchmarking
	"198.51.100.0/24",    // documentation (TEST-NET-2)
	"203.0.113.0/24",     // documentation (TEST-NET-3)
	"240.0.0.0/4",        // reserved
	"255.255.255.255/32", // limited broadcast

	// IANA IPv6 Special-Purpose Address Registry, but for the forms that carry
	// an IPv4 address and are judged by it: ::ffff:0:0/96, 64:ff9b::/96,
	// 64:ff9b:1::/48, 2001::/32 (Teredo), 2002::/16 (6to4).
	"::1/128",           // loopback
	"::/128",            // unspecified
	"100::/64",          // discard only
	"100:0:0:1::/64",    // dummy prefix
	"2001::/23",         // IETF protocol assignments
	"2001:1::1/128",     // Port Control Protocol anycast
	"2001:1::2/128",     // TURN anycast
	"2001:1::3/128",     // DNS-SD service registration anycast
	"2001:2::/48",       // benchmarking
	"2001:3::/32",       // AMT
	"2001:4:112::/48",   // AS112-v6
	"2001:10::/28",      // deprecated ORCHID
	"2001:20::/28",      // ORCHIDv2
	"2001:30::/28",      // drone remote identification tags
	"2001:db8::/32",     // documentation
	"2620:4f:8000::/48", // direct delegation AS112 service
	"3fff::/20",         // documentation
	"5f00::/16",         // segment routing identifiers
	"fc00::/7",          // unique local
	"fe80::/10",         // link local

	// Not in the registries.
	"224.0.0.0/4", // IPv4 multicast
	"fec0::/10",   // site local, deprecated
	"ff00::/8",    // IPv6 multicast
)

// guarded holds the link-local ranges and the addresses where clouds keep the
// metadata (and so the credentials) of a machine. A list reaches them only by
// their exact address or by a narrow prefix, so that 0.0.0.0/0 does not.
var guarded = prefixes(
	"169.254.0.0/16",         // link local; metadata of most clouds
	"fe80::/10",              // link local
	"fd00:ec2::/32",          // Amazon: metadata, credentials of containers, DNS, time
	"fd20:ce::254/128",       // Google
	"fd00:42::42/128",        // Scaleway
	"fd00:c1::a9fe:a9fe/128", // Oracle
	"fd00:a9fe:a9fe::/64",    // Akamai
	"100.100.100.200/32",     // Alibaba
	"168.63.129.16/32",       // Azure; lies in public address space
	"192.0.0.192/32",         // Oracle classic
)

// The IPv6 forms that carry an IPv4 address.
var (
	compatible = netip.MustParsePrefix("::/96")
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")
	teredo     = netip.MustParsePrefix("2001::/32")
	sixToFour  = netip.MustParsePrefix("2002::/16")

	// globalUnicast is the part of IPv6 that IANA gives out.
	globalUnicast = netip.MustParsePrefix("2000::/3")
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// isPublic reports whether ip, which carries no other address, is a global
// unicast address outside the special-purpose and guarded ranges.
func isPublic(ip netip.Addr) bool {
	if ip.Is6() && !globalUnicast.Contains(ip) {
		return false
	}
	return !within(special, ip) && !isGuarded(ip)
}

// isGuarded reports whether ip is a link-local or metadata address.
func isGuarded(ip netip.Addr) bool { return within(guarded, ip) }

// narrow reports whether a prefix is long enough to cover guarded addresses.
func narrow(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() >= 16
	}
	return p.Bits() >= 64
}

func within(list []netip.Prefix, ip netip.Addr) bool {
	for _, p := range list {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// bearers returns the addresses by which ip is judged: those that it carries, or
// itself. Where a form leaves open which bits it carries, all readings are given.
func bearers(ip netip.Addr) []netip.Addr {
	b := ip.As16()
	switch {
	case ip.Is4(), ip == netip.IPv6Unspecified(), ip == netip.IPv6Loopback():
		return []netip.Addr{ip}
	case compatible.Contains(ip), nat64.Contains(ip):
		return []netip.Addr{v4(b[12:])}
	case localNAT64.Contains(ip):
		return localNAT64Readings(b)
	case teredo.Contains(ip): // the server, and the client with its bits inverted
		return []netip.Addr{v4(b[4:8]), v4([]byte{^b[12], ^b[13], ^b[14], ^b[15]})}
	case sixToFour.Contains(ip):
		return []netip.Addr{v4(b[2:6])}
	}
	return []netip.Addr{ip}
}

// localNAT64Readings reads an address of 64:ff9b:1::/48 with each prefix length
// that a site may have chosen there (RFC 6052, section 2.2). Byte 8 is never
// part of the IPv4 address. A reading in 0.0.0.0/8 is one that was not meant.
func localNAT64Readings(b [16]byte) []netip.Addr {
	out := []netip.Addr{v4(b[12:])} // /96
	for _, r := range [][]byte{
		{b[6], b[7], b[9], b[10]},   // /48
		{b[7], b[9], b[10], b[11]},  // /56
		{b[9], b[10], b[11], b[12]}, // /64
	} {
		if r[0] != 0 {
			out = append(out, v4(r))
		}
	}
	return out
}

func v4(b []byte) netip.Addr { return netip.AddrFrom4([4]byte(b)) }
