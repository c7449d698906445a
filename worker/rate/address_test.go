package rate

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClientAddress(t *testing.T) {
	proxies, err := ParseProxies("10.0.0.0/8, 192.0.2.7, fd12::/32")
	if err != nil {
		t.Fatal(err)
	}
	l := New(Options{TrustedProxies: proxies})
	tests := []struct {
		name, peer string
		fields     []string
		want       string
	}{
		{"no proxy", "203.0.113.5", nil, "203.0.113.5"},
		{"a client that claims to be a proxy", "203.0.113.5", []string{"198.51.100.1"}, "203.0.113.5"},
		{"a proxy that says nothing", "10.1.2.3", nil, "10.1.2.3"},
		{"a proxy", "10.1.2.3", []string{"203.0.113.5"}, "203.0.113.5"},
		{"a proxy by its address", "192.0.2.7", []string{"203.0.113.5"}, "203.0.113.5"},
		{"beside it", "192.0.2.8", []string{"203.0.113.5"}, "192.0.2.8"},
		{"a client that invents some", "10.1.2.3", []string{"1.1.1.1, 10.0.0.1, 203.0.113.5"}, "203.0.113.5"},
		{"two proxies", "10.1.2.3", []string{"1.1.1.1, 203.0.113.5, 192.0.2.7"}, "203.0.113.5"},
		{"two fields", "10.1.2.3", []string{"1.1.1.1", "203.0.113.5", "192.0.2.7,10.9.9.9"}, "203.0.113.5"},
		{"proxies alone", "10.1.2.3", []string{"10.0.0.1, 10.0.0.2"}, "10.0.0.1"},
		{"spaces and tabs", "10.1.2.3", []string{" 203.0.113.5\t,\t 10.0.0.2 "}, "203.0.113.5"},
		{"no spaces", "10.1.2.3", []string{"203.0.113.5,10.0.0.2"}, "203.0.113.5"},
		{"a port", "10.1.2.3", []string{"203.0.113.5:4711"}, "203.0.113.5"},
		{"IPv6", "fd12::1", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 in brackets", "fd12::1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv6 with a port", "fd12::1", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"IPv4 in an IPv6 socket", "::ffff:10.1.2.3", []string{"::ffff:203.0.113.5"}, "203.0.113.5"},
		{"a zone", "10.1.2.3", []string{"fe80::1%eth0"}, "fe80::1"},
		{"malformed", "10.1.2.3", []string{"unknown"}, "10.1.2.3"},
		{"malformed in the middle", "10.1.2.3", []string{"203.0.113.5, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"malformed, further left than the client", "10.1.2.3", []string{"'; drop, 203.0.113.5"}, "203.0.113.5"},
		{"nothing", "10.1.2.3", []string{""}, "10.1.2.3"},
		{"nothing between commas", "10.1.2.3", []string{"203.0.113.5, , 10.0.0.2"}, "10.0.0.2"},
		{"IPv4 in brackets", "10.1.2.3", []string{"[203.0.113.5]"}, "10.1.2.3"},
		{"half a bracket", "10.1.2.3", []string{"[2001:db8::1"}, "10.1.2.3"},
		{"leading zeros", "10.1.2.3", []string{"203.0.113.05"}, "10.1.2.3"},
		{"decimal", "10.1.2.3", []string{"3405803781"}, "10.1.2.3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := l.ClientAddress(addr(tt.peer), tt.fields...); got.String() != tt.want {
				t.Errorf("%v, want %s", got, tt.want)
			}
		})
	}
}

func TestProxiesInIPv6Form(t *testing.T) {
	l := New(Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}})
	if got := l.ClientAddress(addr("10.1.2.3"), "203.0.113.5"); got != addr("203.0.113.5") {
		t.Errorf("%v: the proxy is not trusted", got)
	}
}

func TestParseRate(t *testing.T) {
	type parsed struct {
		PerSecond float64
		Burst     int
		Err       string
	}
	const (
		form  = ` is not a rate; give requests a second such as 100, with a burst 100:200, or "off"`
		value = `: requests a second must be from 0.001 to 1000000; "off" is without limit`
		burst = `: the burst, after the colon, must be a whole number from 1 to 1000000`
	)
	for text, want := range map[string]parsed{
		"off":         {},
		"100":         {PerSecond: 100},
		"100/s":       {PerSecond: 100},
		"100:200":     {PerSecond: 100, Burst: 200},
		"100/s:200":   {PerSecond: 100, Burst: 200},
		"0.5":         {PerSecond: 0.5},
		"1000000:1":   {PerSecond: 1e6, Burst: 1},
		"":            {Err: `""` + form},
		"/s":          {Err: `"/s"` + form},
		"100/m":       {Err: `"100/m"` + form},
		" 100":        {Err: `" 100"` + form},
		"-1":          {Err: `"-1"` + form},
		"+1":          {Err: `"+1"` + form},
		"1e3":         {Err: `"1e3"` + form},
		"0x10":        {Err: `"0x10"` + form},
		"NaN":         {Err: `"NaN"` + form},
		"1.":          {Err: `"1."` + form},
		"1.5.2":       {Err: `"1.5.2"` + form},
		"0":           {Err: `"0"` + value},
		"0.0001":      {Err: `"0.0001"` + value},
		"1000001":     {Err: `"1000001"` + value},
		"100:":        {Err: `"100:"` + burst},
		"100:0":       {Err: `"100:0"` + burst},
		"100:1000001": {Err: `"100:1000001"` + burst},
		"100:1.5":     {Err: `"100:1.5"` + burst},
		"100:200/s":   {Err: `"100:200/s"` + burst},
	} {
		var got parsed
		var err error
		if got.PerSecond, got.Burst, err = ParseRate(text); err != nil {
			got.Err = err.Error()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseProxies(t *testing.T) {
	tests := []struct{ list, want, err string }{
		{list: "", want: ""},
		{list: "  ", want: ""},
		{list: "10.0.0.0/8", want: "10.0.0.0/8"},
		{list: "10.0.0.1, fd12::/32 ,::1", want: "10.0.0.1/32 fd12::/32 ::1/128"},
		{list: "::ffff:10.0.0.1,::ffff:10.0.0.0/104", want: "10.0.0.1/32 10.0.0.0/8"},
		{list: "fe80::1%eth0", want: "fe80::1/128"},
		{list: "10.0.0.1,", err: `"" is neither an address nor a CIDR such as 10.1.0.0/16 or fd12::/32`},
		{list: "proxy.example", err: `"proxy.example" is neither an address nor a CIDR such as 10.1.0.0/16 or fd12::/32`},
		{list: "10.0.0.1:80", err: `"10.0.0.1:80" is neither an address nor a CIDR such as 10.1.0.0/16 or fd12::/32`},
		{list: "10.0.0.1/8", err: `"10.0.0.1/8" has bits set beyond its length; 10.0.0.0/8 is the network, 10.0.0.1 the single address`},
		{list: "0.0.0.0/0", err: `"0.0.0.0/0" trusts every address, so that clients could name any as theirs; list the proxies' networks`},
		{list: "::1,::/0", err: `"::/0" trusts every address, so that clients could name any as theirs; list the proxies' networks`},
		{list: "::ffff:0.0.0.0/96", err: `"::ffff:0.0.0.0/96" trusts every address, so that clients could name any as theirs; list the proxies' networks`},
	}
	for _, tt := range tests {
		t.Run(tt.list, func(t *testing.T) {
			proxies, err := ParseProxies(tt.list)
			var got []string
			for _, p := range proxies {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("proxies (-want +got):\n%s", diff)
			}
			if (err != nil || tt.err != "") && (err == nil || err.Error() != tt.err) {
				t.Errorf("error %v, want %s", err, tt.err)
			}
		})
	}
}
