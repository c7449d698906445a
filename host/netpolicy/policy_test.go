package netpolicy_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/avap-framework/avap/host/netpolicy"
)

func parse(t *testing.T, list string) *netpolicy.Policy {
	t.Helper()
	p, err := netpolicy.Parse(list)
	if err != nil {
		t.Fatalf("Parse(%q): %v", list, err)
	}
	return p
}

// TestPublic goes through the address space as the default policy sees it.
func TestPublic(t *testing.T) {
	tests := map[string]bool{
		// Ordinary servers.
		"1.1.1.1":                      true,
		"8.8.8.8":                      true,
		"93.184.216.34":                true,
		"172.15.255.255":               true,
		"172.32.0.0":                   true,
		"100.63.255.255":               true,
		"100.128.0.0":                  true,
		"198.17.255.255":               true,
		"198.20.0.0":                   true,
		"223.255.255.255":              true,
		"2606:4700:4700::1111":         true,
		"2a00:1450:4001:830::200e":     true,
		"::ffff:8.8.8.8":               true,
		"::8.8.8.8":                    true,
		"64:ff9b::8.8.8.8":             true,
		"2002:808:808::1":              true,
		"2001:0:808:808:0:0:f7f7:f7f7": true, // Teredo, 8.8.8.8 twice

		// Special-purpose, IPv4.
		"0.0.0.0":         false,
		"0.1.2.3":         false,
		"10.0.0.1":        false,
		"10.255.255.255":  false,
		"100.64.0.1":      false,
		"100.100.100.200": false,
		"100.127.255.255": false,
		"127.0.0.1":       false,
		"127.255.255.254": false,
		"168.63.129.16":   false, // Azure's metadata, in public space
		"169.254.0.1":     false,
		"169.254.169.254": false,
		"172.16.0.1":      false,
		"172.31.255.255":  false,
		"192.0.0.1":       false,
		"192.0.0.8":       false,
		"192.0.0.9":       false,
		"192.0.0.170":     false,
		"192.0.0.192":     false,
		"192.0.2.1":       false,
		"192.31.196.1":    false,
		"192.52.193.1":    false,
		"192.88.99.1":     false,
		"192.168.0.1":     false,
		"192.175.48.1":    false,
		"198.18.0.1":      false,
		"198.19.255.255":  false,
		"198.51.100.1":    false,
		"203.0.113.1":     false,
		"224.0.0.1":       false,
		"239.255.255.255": false,
		"240.0.0.1":       false,
		"255.255.255.255": false,

		// Special-purpose, IPv6.
		"::":              false,
		"::1":             false,
		"100::1":          false,
		"100:0:0:1::1":    false,
		"2001:1::1":       false,
		"2001:2::1":       false,
		"2001:3::1":       false,
		"2001:4:112::1":   false,
		"2001:10::1":      false,
		"2001:20::1":      false,
		"2001:30::1":      false,
		"2001:db8::1":     false,
		"2620:4f:8000::1": false,
		"3fff::1":         false,
		"4000::1":         false, // never given out
		"5f00::1":         false,
		"fc00::1":         false,
		"fd00:ec2::254":   false,
		"fd20:ce::254":    false,
		"fe80::1":         false,
		"fe80::1%eth0":    false,
		"fe80::a9fe:a9fe": false,
		"febf::1":         false,
		"fec0::1":         false,
		"ff02::1":         false,

		// An IPv4 address in IPv6 clothes.
		"::ffff:127.0.0.1":             false,
		"::ffff:169.254.169.254":       false,
		"::ffff:10.0.0.1":              false,
		"::127.0.0.1":                  false,
		"::10.1.1.1":                   false,
		"64:ff9b::127.0.0.1":           false,
		"64:ff9b::169.254.169.254":     false,
		"64:ff9b::192.168.1.1":         false,
		"64:ff9b:1::127.0.0.1":         false,
		"64:ff9b:1::8.8.8.8":           false, // NAT64 of the site's own
		"64:ff9b:1:a9fe:a9:fe00::":     false, // the same with a /48
		"2002:7f00:1::1":               false,
		"2002:a9fe:a9fe::1":            false,
		"2002:c0a8:101::1":             false,
		"2001:0:808:808:0:0:80ff:fffe": false, // Teredo, client 127.0.0.1
		"2001:0:7f00:1:0:0:f7f7:f7f7":  false, // Teredo, server 127.0.0.1
	}
	policy := parse(t, "public")
	for text, want := range tests {
		addr := netip.AddrPortFrom(netip.MustParseAddr(text), 443)
		if got := policy.Allows("example.com", addr); got != want {
			t.Errorf("public allows %s: %v, want %v", text, got, want)
		}
		if parse(t, "none").Allows("example.com", addr) {
			t.Errorf("none allows %s", text)
		}
	}
}

func TestAllows(t *testing.T) {
	tests := []struct {
		list, host, addr string
		want             bool
	}{
		{"10.1.0.0/16", "a", "10.1.2.3:80", true},
		{"10.1.0.0/16", "a", "10.2.0.1:80", false},
		{"10.1.0.0/16", "a", "8.8.8.8:80", false},
		{"public,10.1.0.0/16", "a", "8.8.8.8:80", true},
		{" 10.1.0.0/16 ,\tpublic", "a", "10.1.0.1:80", true},
		{"10.1.2.3", "a", "10.1.2.3:99", true},
		{"10.1.2.3:99", "a", "10.1.2.3:99", true},
		{"10.1.2.3:99", "a", "10.1.2.3:80", false},
		{"[fd12::1]:99", "a", "[fd12::1]:99", true},
		{"[fd12::1]", "a", "[fd12::1]:80", true},
		{"fd12::1", "a", "[fd12::1]:80", true},
		{"fd12::/32", "a", "[fd12::99]:80", true},

		// An address counts as the IPv4 address that it carries, on either side.
		{"10.0.0.0/8", "a", "[::ffff:10.0.0.1]:80", true},
		{"10.0.0.0/8", "a", "[64:ff9b::10.0.0.1]:80", true},
		{"10.0.0.0/8", "a", "[64:ff9b:1::10.0.0.1]:80", true},
		{"10.0.0.0/8", "a", "[2002:a00:1::1]:80", true},
		{"::ffff:10.0.0.0/104", "a", "10.0.0.1:80", true},
		{"::/0", "a", "[64:ff9b::10.0.0.1]:80", false},
		{"0.0.0.0/0,::/0", "a", "[64:ff9b::10.0.0.1]:80", true},
		{"public,10.0.0.0/8", "a", "[2001:0:808:808:0:0:f5ff:fffe]:80", true}, // Teredo, 8.8.8.8 and 10.0.0.1

		// Hosts, at whatever address they have, under their own name alone.
		{"db.internal", "db.internal", "10.9.9.9:5432", true},
		{"db.internal", "DB.Internal.", "10.9.9.9:5432", true},
		{"DB.internal.", "db.internal", "10.9.9.9:5432", true},
		{"db.internal", "other.internal", "10.9.9.9:5432", false},
		{"db.internal", "x.db.internal", "10.9.9.9:5432", false},
		{"db.internal:5432", "db.internal", "10.9.9.9:5432", true},
		{"db.internal:5432", "db.internal", "10.9.9.9:80", false},
		{"localhost", "localhost", "127.0.0.1:80", true},
		{"localhost", "localhost", "[::1]:80", true},

		// Link-local and metadata only by address or a narrow prefix.
		{"meta.internal", "meta.internal", "169.254.169.254:80", false},
		{"meta.internal", "meta.internal", "[fe80::1]:80", false},
		{"meta.internal", "meta.internal", "[fd00:ec2::254]:80", false},
		{"meta.internal", "meta.internal", "[::ffff:169.254.169.254]:80", false},
		{"meta.internal", "meta.internal", "100.100.100.200:80", false},
		{"0.0.0.0/0", "a", "169.254.169.254:80", false},
		{"0.0.0.0/0", "a", "100.100.100.200:80", false},
		{"0.0.0.0/0", "a", "168.63.129.16:80", false},
		{"0.0.0.0/0", "a", "127.0.0.1:80", true},
		{"::/0", "a", "[fe80::1]:80", false},
		{"::/0", "a", "[fd00:ec2::254]:80", false},
		{"fc00::/7", "a", "[fd00:ec2::254]:80", false},
		{"100.64.0.0/10", "a", "100.100.100.200:80", false},
		{"100.100.0.0/16", "a", "100.100.100.200:80", true},
		{"169.254.0.0/16", "a", "169.254.169.254:80", true},
		{"169.254.169.254", "a", "169.254.169.254:80", true},
		{"169.254.169.254:80", "a", "169.254.169.254:80", true},
		{"169.254.169.254:80", "a", "169.254.169.254:81", false},
		{"169.254.169.254", "a", "[::ffff:169.254.169.254]:80", true},
		{"fe80::/64", "a", "[fe80::1%eth0]:80", true},
		{"fd00:ec2::/64", "a", "[fd00:ec2::254]:80", true},
		{"public", "a", "[fd00:ec2::254]:80", false},
	}
	for _, tt := range tests {
		if got := parse(t, tt.list).Allows(tt.host, netip.MustParseAddrPort(tt.addr)); got != tt.want {
			t.Errorf("%q allows %s at %s: %v, want %v", tt.list, tt.host, tt.addr, got, tt.want)
		}
	}
}

func TestZeroPolicyAllowsNothing(t *testing.T) {
	var policy netpolicy.Policy
	if policy.Allows("example.com", netip.MustParseAddrPort("8.8.8.8:80")) {
		t.Error("the zero policy allows 8.8.8.8")
	}
	if parse(t, "public").Allows("example.com", netip.AddrPort{}) {
		t.Error("public allows no address at all")
	}
}

func TestParseErrors(t *testing.T) {
	tests := map[string]string{
		"":                     `"": empty entry; "none" allows nothing`,
		"public,":              `"": empty entry; "none" allows nothing`,
		"public,none":          `"none": cannot stand beside other entries`,
		"http://x/":            `"http://x/": is a URL; give its host, or host:port`,
		"10.0.0.0/33":          `"10.0.0.0/33": is not a CIDR such as 10.1.0.0/16 or fd12::/32 (which takes no port)`,
		"10.0.0.0/8:80":        `"10.0.0.0/8:80": is not a CIDR such as 10.1.0.0/16 or fd12::/32 (which takes no port)`,
		"10.0.0.1/8":           `"10.0.0.1/8": has bits set beyond its length; 10.0.0.0/8 is the network, 10.0.0.1 the single address`,
		"fe80::/10":            `"fe80::/10": is too wide to reach link-local or metadata addresses; give their exact addresses, or a /16 (IPv6: /64)`,
		"64:ff9b::/96":         `"64:ff9b::/96": carries IPv4 addresses (64:ff9b::/96), which count in its place; list those`,
		"2002:a00:1::1":        `"2002:a00:1::1": carries IPv4 addresses (2002::/16), which count in its place; list those`,
		"db:0":                 `"db:0": port is not in 1 to 65535`,
		"db:65536":             `"db:65536": port is not in 1 to 65535`,
		"db:http":              `"db:http": port is not in 1 to 65535`,
		"db:":                  `"db:": port is not in 1 to 65535`,
		"10.0.0.1:0":           `"10.0.0.1:0": port is not in 1 to 65535`,
		"2130706433":           `"2130706433": is an address in an unusual notation; write 127.0.0.1`,
		"0x7f.1:80":            `"0x7f.1:80": is an address in an unusual notation; write 127.0.0.1`,
		"*.example.com":        `"*.example.com": has a wildcard, which is not supported; list each host`,
		"bücher.example":       `"bücher.example": has letters beyond ASCII; write its xn-- form`,
		"a..b":                 `"a..b": is not a host name`,
		"-a":                   `"-a": is not a host name`,
		"user@host":            `"user@host": is not a host name`,
		"[::1":                 `"[::1": port is not in 1 to 65535`,
		"a b":                  `"a b": is not a host name`,
		"." + "x" + "\n" + "y": `".x\ny": is not a host name`,
	}
	for list, want := range tests {
		_, err := netpolicy.Parse(list)
		if err == nil {
			t.Errorf("Parse(%q) succeeded, want %s", list, want)
			continue
		}
		if err.Error() != want {
			t.Errorf("Parse(%q):\n got %s\nwant %s", list, err, want)
		}
	}
}

func TestParseNumericHost(t *testing.T) {
	tests := map[string]string{
		"127.0.0.1":        "127.0.0.1",
		"127.0.0.1.":       "127.0.0.1",
		"2130706433":       "127.0.0.1",
		"0x7f000001":       "127.0.0.1",
		"0X7F.0x0.0x0.0x1": "127.0.0.1",
		"0x7f.1":           "127.0.0.1",
		"127.1":            "127.0.0.1",
		"127.0.1":          "127.0.0.1",
		"0177.0.0.01":      "127.0.0.1",
		"017700000001":     "127.0.0.1",
		"0":                "0.0.0.0",
		"0x":               "0.0.0.0",
		"0xa9fea9fe":       "169.254.169.254",
		"169.16689662":     "169.254.169.254",
		"4294967295":       "255.255.255.255",
		"4294967296":       "",
		"256.1.1.1":        "",
		"1.2.3.256":        "",
		"1.2.3.4.5":        "",
		"1..2":             "",
		"":                 "",
		"089":              "",
		"1e9":              "",
		"a.1":              "",
		"example.com":      "",
		"0x7g":             "",
		"-1":               "",
		"1_0":              "",
	}
	for host, want := range tests {
		ip, ok := netpolicy.ParseNumericHost(host)
		if got := ip.String(); ok != (want != "") || ok && got != want {
			t.Errorf("ParseNumericHost(%q) = %s, %v, want %s", host, got, ok, want)
		}
	}
}

// TestControl dials a real listener through the hook.
func TestControl(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()

	dial := func(list string) error {
		dialer := net.Dialer{ControlContext: parse(t, list).Control("localhost")}
		conn, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
		if err == nil {
			conn.Close()
		}
		return err
	}
	if err := dial("localhost"); err != nil {
		t.Errorf("a listed host: %v", err)
	}
	if err := dial("public"); !errors.Is(err, netpolicy.ErrDenied) {
		t.Errorf("loopback under public: %v, want ErrDenied", err)
	}
}

// FuzzParse holds that every list is either refused in one line or gives a
// policy that reads back the same and keeps metadata addresses guarded.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"public", "none", "public,10.0.0.0/8", "db.internal:5432", "[fd12::1]:99", "::/0", "0.0.0.0/0, x",
		"::ffff:0:0/96", "fe80::/10", "2001::/23", "1.2.3.4:5", "169.254.0.0/16", "%", "[", "a:b:c", "0x7f.1",
	} {
		f.Add(seed)
	}
	metadata := netip.MustParseAddrPort("169.254.169.254:80")
	mapped := netip.MustParseAddrPort("[64:ff9b::169.254.169.254]:80")
	f.Fuzz(func(t *testing.T, list string) {
		policy, err := netpolicy.Parse(list)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("an error of several lines: %q", err)
			}
			return
		}
		again, err := netpolicy.Parse(policy.String())
		if err != nil {
			t.Fatalf("%q does not read back: %v", policy, err)
		}
		for _, addr := range []netip.AddrPort{metadata, mapped} {
			got := policy.Allows("host", addr)
			if got != again.Allows("host", addr) {
				t.Fatalf("%q reads back as something else", policy)
			}
			if got && !strings.Contains(list, "169.254.") && !strings.Contains(strings.ToLower(list), ":a9fe") {
				t.Fatalf("%q allows %s, which it does not name", list, addr)
			}
		}
	})
}
