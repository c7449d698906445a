// This file holds reading the values of --rate-limit and --trusted-proxies.

package rate

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseRate reads the value of --rate-limit: requests a second, such as 100,
// 100/s or 0.5, and after a colon the burst, such as 100:200. "off" is zero, and
// so is the burst where there is none. Its errors are one line that says what to
// mend.
func ParseRate(s string) (perSecond float64, burst int, err error) {
	if s == "off" {
		return 0, 0, nil
	}
	number, after, hasBurst := strings.Cut(s, ":")
	number = strings.TrimSuffix(number, "/s")
	if !isDecimal(number) {
		return 0, 0, fmt.Errorf(`%q is not a rate; give requests a second such as 100, with a burst 100:200, or "off"`, s)
	}
	perSecond, err = strconv.ParseFloat(number, 64)
	if err != nil || perSecond < MinPerSecond || perSecond > MaxPerSecond {
		return 0, 0, fmt.Errorf(`%q: requests a second must be from %v to %d; "off" is without limit`,
			s, MinPerSecond, int(MaxPerSecond))
	}
	if !hasBurst {
		return perSecond, 0, nil
	}
	burst, err = strconv.Atoi(after)
	if err != nil || burst < 1 || burst > MaxBurst {
		return 0, 0, fmt.Errorf("%q: the burst, after the colon, must be a whole number from 1 to %d", s, MaxBurst)
	}
	return perSecond, burst, nil
}

// isDecimal reports whether a text is digits with at most one point among them.
func isDecimal(s string) bool {
	whole, fraction, point := strings.Cut(s, ".")
	return isDigits(whole) && (!point || isDigits(fraction))
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// ParseProxies reads the value of --trusted-proxies: addresses and CIDRs with
// commas between them, or nothing. Its errors are one line that names the entry
// and says what to mend.
func ParseProxies(list string) ([]netip.Prefix, error) {
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	var proxies []netip.Prefix
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.TrimSpace(entry)
		prefix, err := parseProxy(entry)
		if err != nil {
			return nil, fmt.Errorf("%q %w", entry, err)
		}
		proxies = append(proxies, prefix)
	}
	return proxies, nil
}

func parseProxy(entry string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(entry); err == nil {
		addr = plain(addr)
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(entry)
	switch {
	case err != nil:
		return prefix, errors.New("is neither an address nor a CIDR such as 10.1.0.0/16 or fd12::/32")
	case prefix != prefix.Masked():
		return prefix, fmt.Errorf("has bits set beyond its length; %s is the network, %s the single address",
			prefix.Masked(), prefix.Addr())
	}
	prefix = plainPrefix(prefix)
	if prefix.Bits() == 0 {
		return prefix, errors.New("trusts every address, so that clients could name any as theirs; list the proxies' networks")
	}
	return prefix, nil
}
