package rate

import (
	"net/netip"
	"strings"
	"testing"
)

func FuzzClientAddress(f *testing.F) {
	f.Add("10.1.2.3", "1.1.1.1, 203.0.113.5:80, 10.0.0.2", "[fd12::1]:4711")
	f.Add("::ffff:10.1.2.3", "", ",,")
	f.Add("fe80::1%eth0", "[2001:db8::1", "unknown")
	l := New(Options{PerSecond: 1, TrustedProxies: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd12::/32"),
	}})
	f.Fuzz(func(t *testing.T, peer, first, second string) {
		from, err := netip.ParseAddr(peer)
		if err != nil {
			from = netip.Addr{}
		}
		got := l.ClientAddress(from, first, second)
		l.ByAddress(got)
		if got.Zone() != "" || got.Is4In6() || got.IsValid() != from.IsValid() {
			t.Errorf("address %v of the peer %v", got, from)
		}
		if !l.trusts(plain(from)) && got != plain(from) {
			t.Errorf("the peer %v, which is no proxy, is taken for %v", from, got)
		}
		// What stands left of a client cannot change who it is.
		if !l.trusts(got) {
			if again := l.ClientAddress(from, "192.0.2.99,"+first, second); again != got {
				t.Errorf("%v becomes %v by an entry further left", got, again)
			}
		}
	})
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"off", "100", "100/s:200", "0.5", "1e9", ":", "1:1:1", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		perSecond, burst, err := ParseRate(s)
		switch {
		case err != nil:
			if perSecond != 0 || burst != 0 || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, %d, %v", perSecond, burst, err)
			}
		case s != "off" && !(perSecond >= MinPerSecond && perSecond <= MaxPerSecond && burst >= 0 && burst <= MaxBurst):
			t.Errorf("%q is read as %v, %d", s, perSecond, burst)
		}
	})
}

func FuzzParseProxies(f *testing.F) {
	for _, s := range []string{"", "10.0.0.0/8,::1", "::ffff:10.0.0.0/104", "0.0.0.0/0", "fe80::1%eth0", ",", "1.2.3.4/33"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		proxies, err := ParseProxies(s)
		if err != nil && (proxies != nil || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%v, %v", proxies, err)
		}
		for _, p := range proxies {
			if p != p.Masked() || p.Bits() == 0 || p.Addr().Is4In6() || p.Addr().Zone() != "" {
				t.Errorf("%q is read as %v", s, p)
			}
		}
	})
}
