// Reading the list of --allow-net, and hosts that are numbers.

package netpolicy

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Parse reads the value of --allow-net: "public", "none", or entries separated
// by commas, each of which is "public", a CIDR, an address, a host, or an
// address or host with a port. Its errors are one line that names the entry.
func Parse(list string) (*Policy, error) {
	p := &Policy{text: list}
	if strings.TrimSpace(list) == "none" {
		return p, nil
	}
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.TrimSpace(entry)
		if err := p.add(entry); err != nil {
			return nil, fmt.Errorf("%q: %w", entry, err)
		}
	}
	return p, nil
}

func (p *Policy) add(entry string) error {
	switch {
	case entry == "":
		return errors.New(`empty entry; "none" allows nothing`)
	case entry == "none":
		return errors.New("cannot stand beside other entries")
	case entry == "public":
		p.public = true
		return nil
	case strings.Contains(entry, "://"):
		return errors.New("is a URL; give its host, or host:port")
	case strings.Contains(entry, "/"):
		return p.addPrefix(entry)
	}
	if ip, err := netip.ParseAddr(unbracket(entry)); err == nil {
		return p.addAddr(ip)
	}
	if target, err := netip.ParseAddrPort(entry); err == nil {
		return p.addAddrPort(target)
	}
	return p.addHost(entry)
}

func (p *Policy) addPrefix(entry string) error {
	prefix, err := netip.ParsePrefix(entry)
	if err != nil {
		return errors.New("is not a CIDR such as 10.1.0.0/16 or fd12::/32 (which takes no port)")
	}
	if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	if prefix != prefix.Masked() {
		return fmt.Errorf("has bits set beyond its length; %s is the network, %s the single address",
			prefix.Masked(), prefix.Addr())
	}
	if err := judgedByItself(prefix); err != nil {
		return err
	}
	if isGuarded(prefix.Addr()) && !narrow(prefix) {
		return errors.New("is too wide to reach link-local or metadata addresses; give their exact addresses, or a /16 (IPv6: /64)")
	}
	p.prefixes = append(p.prefixes, prefix)
	return nil
}

func (p *Policy) addAddr(ip netip.Addr) error {
	ip, err := plain(ip)
	if err != nil {
		return err
	}
	p.prefixes = append(p.prefixes, netip.PrefixFrom(ip, ip.BitLen()))
	return nil
}

func (p *Policy) addAddrPort(target netip.AddrPort) error {
	ip, err := plain(target.Addr())
	if err != nil {
		return err
	}
	if target.Port() == 0 {
		return errors.New("port is not in 1 to 65535")
	}
	p.targets = append(p.targets, netip.AddrPortFrom(ip, target.Port()))
	return nil
}

func (p *Policy) addHost(entry string) error {
	host, digits, hasPort := strings.Cut(entry, ":")
	t := target{host: CanonicalHost(host)}
	if hasPort {
		port, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || port == 0 {
			return errors.New("port is not in 1 to 65535")
		}
		t.port = uint16(port)
	}
	if err := checkHost(t.host); err != nil {
		return err
	}
	p.hosts = append(p.hosts, t)
	return nil
}

// plain returns the address as policies hold it.
func plain(ip netip.Addr) (netip.Addr, error) {
	ip = ip.WithZone("").Unmap()
	return ip, judgedByItself(netip.PrefixFrom(ip, ip.BitLen()))
}

// judgedByItself refuses the IPv6 forms that carry an IPv4 address: an entry of
// theirs would never be asked, for it is that IPv4 address which counts.
func judgedByItself(p netip.Prefix) error {
	for _, form := range []netip.Prefix{compatible, nat64, localNAT64, teredo, sixToFour} {
		if form.Contains(p.Addr()) && p.Bits() >= form.Bits() && bearers(p.Addr())[0] != p.Addr() {
			return fmt.Errorf("carries IPv4 addresses (%s), which count in its place; list those", form)
		}
	}
	return nil
}

// unbracket takes the brackets off an IPv6 address that stands in them.
func unbracket(s string) string {
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.Contains(s, ":") {
		if inner, ok := strings.CutSuffix(inner, "]"); ok {
			return inner
		}
	}
	return s
}

// checkHost refuses what cannot be a host name in the form in which it is asked.
func checkHost(host string) error {
	if host == "" || len(host) > 253 {
		return errors.New("is not a host name")
	}
	if ip, ok := ParseNumericHost(host); ok {
		return fmt.Errorf("is an address in an unusual notation; write %s", ip)
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' {
			return errors.New("is not a host name")
		}
		for _, c := range []byte(label) {
			switch {
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			case c >= 0x80:
				return errors.New("has letters beyond ASCII; write its xn-- form")
			case c == '*':
				return errors.New("has a wildcard, which is not supported; list each host")
			default:
				return errors.New("is not a host name")
			}
		}
	}
	return nil
}

// ParseNumericHost reads a host of a URL that is an IPv4 address in any notation
// that C's inet_aton takes: one to four parts, decimal, octal (leading 0) or
// hexadecimal (0x), the last part filling the bytes that remain. Many programs
// take 2130706433 and 0x7f.1 for 127.0.0.1, so that no check may look past them.
func ParseNumericHost(host string) (netip.Addr, bool) {
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var ip uint64
	for i, part := range parts {
		n, ok := parseCNumber(part)
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		if !ok || n >= 1<<bits {
			return netip.Addr{}, false
		}
		ip = ip<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}), true
}

// parseCNumber reads an unsigned number of at most 32 bits as C writes it.
func parseCNumber(s string) (uint64, bool) {
	base := 10
	switch {
	case strings.HasPrefix(s, "0x"), strings.HasPrefix(s, "0X"):
		s, base = s[2:], 16
	case len(s) > 1 && s[0] == '0':
		base = 8
	}
	if s == "" && base == 16 { // inet_aton takes a bare 0x for 0
		return 0, true
	}
	n, err := strconv.ParseUint(s, base, 32)
	return n, err == nil
}
