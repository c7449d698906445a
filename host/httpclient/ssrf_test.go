// Requests that are forged to reach what a script may not: each form of address
// that leads there, on each road, and what the operator names to allow it.

package httpclient_test

import (
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/httpclient"
)

// forged is a URL that leads where the default policy lets nobody go.
type forged struct {
	url   string // PORT stands for that of the test's server on 127.0.0.1
	allow string // what --allow-net must name for it
	// answers are those of the name server, one look-up after the other, addresses
	// separated by spaces. The last is forbidden, any before it are not.
	answers []string
}

// name gives the answers of a name server.
func name(answers ...string) []string { return answers }

var forgedURLs = []forged{
	// Loopback.
	{"http://127.0.0.1:PORT/", "127.0.0.1", nil},
	{"http://127.0.0.1.:PORT/", "127.0.0.1", nil},
	{"http://127.8.8.8/", "127.0.0.0/8", nil},
	{"http://[::1]/", "::1", nil},
	{"http://[0:0:0:0:0:0:0:1]/", "::1", nil},
	{"http://localhost:PORT/", "127.0.0.1, ::1", nil},
	{"http://LOCALHOST:PORT/", "localhost", nil},
	{"http://local.example.:PORT/", "local.example", name("127.0.0.1")},

	// The same in other notations of IPv4.
	{"http://2130706433:PORT/", "127.0.0.1", nil},
	{"http://0x7f000001:PORT/", "127.0.0.1", nil},
	{"http://0X7F.0.0.1:PORT/", "127.0.0.1", nil},
	{"http://0x7f.1:PORT/", "127.0.0.1", nil},
	{"http://0177.0.0.1:PORT/", "127.0.0.1", nil},
	{"http://017700000001:PORT/", "127.0.0.1", nil},
	{"http://127.1:PORT/", "127.0.0.1", nil},
	{"http://127.0.1:PORT/", "127.0.0.1", nil},
	{"http://127.0.0.0x1:PORT/", "127.0.0.1", nil},
	{"http://①②⑦.⓪.⓪.①:PORT/", "127.0.0.1", nil},
	{"http://１２７.０.０.１:PORT/", "127.0.0.1", nil},
	{"http://127。0。0。1:PORT/", "127.0.0.1", nil},

	// IPv4 in IPv6.
	{"http://[::ffff:127.0.0.1]:PORT/", "127.0.0.1", nil},
	{"http://[::ffff:7f00:1]:PORT/", "127.0.0.1", nil},
	{"http://[0:0:0:0:0:ffff:7f00:0001]:PORT/", "127.0.0.1", nil},
	{"http://[::127.0.0.1]/", "127.0.0.1", nil},
	{"http://[::ffff:169.254.169.254]/", "169.254.169.254", nil},
	{"http://[::169.254.169.254]/", "169.254.169.254", nil},
	{"http://[64:ff9b::127.0.0.1]/", "127.0.0.1", nil},                            // NAT64
	{"http://[64:ff9b::169.254.169.254]/", "169.254.169.254", nil},                // NAT64
	{"http://[64:ff9b:1::127.0.0.1]/", "127.0.0.1", nil},                          // NAT64 of a site
	{"http://[64:ff9b:1:a9fe:a9:fe00::]/", "0.0.0.0/0, 169.254.0.0/16", nil},      // the same, all readings
	{"http://[2002:7f00:1::]/", "127.0.0.1", nil},                                 // 6to4
	{"http://[2002:a9fe:a9fe::1]/", "169.254.169.254", nil},                       // 6to4
	{"http://[2001:0:808:808:0:0:80ff:fffe]/", "public, 127.0.0.1", nil},          // Teredo
	{"http://[2001:0:7f00:1:0:0:f7f7:f7f7]/", "public, 127.0.0.1", nil},           // Teredo
	{"http://[2001:0:808:808:0:0:5601:5601]/", "public, 169.254.169.254", nil},    // Teredo
	{"http://[::ffff:0:0]/", "0.0.0.0", nil},                                      // mapped
	{"http://[64:ff9b::10.0.0.1]/", "10.0.0.0/8", nil},                            // NAT64
	{"http://[2002:c0a8:101::1]/", "192.168.1.1", nil},                            // 6to4
	{"http://[0000:0000:0000:0000:0000:ffff:0a00:0001]/", "::ffff:10.0.0.1", nil}, // mapped

	// Unspecified, which reaches loopback on many systems.
	{"http://0.0.0.0/", "0.0.0.0", nil},
	{"http://0/", "0.0.0.0", nil},
	{"http://0x/", "0.0.0.0", nil},
	{"http://[::]/", "::", nil},

	// Private and shared networks.
	{"http://10.0.0.1/", "10.0.0.0/8", nil},
	{"http://172.16.0.1/", "172.16.0.1", nil},
	{"http://172.31.255.254/", "172.31.0.0/16", nil},
	{"http://192.168.1.1/", "192.168.1.1", nil},
	{"http://3232235777/", "192.168.1.1", nil},
	{"http://192.168.257/", "192.168.1.1", nil},
	{"http://100.64.0.1/", "100.64.0.0/10", nil},
	{"http://198.18.0.1/", "198.18.0.0/15", nil},
	{"http://[fc00::1]/", "fc00::/7", nil},
	{"http://[fd12:3456::1]/", "fd12:3456::1", nil},
	{"http://[fec0::1]/", "fec0::/10", nil},

	// Link-local.
	{"http://169.254.0.1/", "169.254.0.0/16", nil},
	{"http://[fe80::1]/", "fe80::1", nil},
	{"http://[fe80::1%25lo]/", "fe80::1", nil},
	{"http://[fe80::1%25lo]:8080/", "[fe80::1]:8080", nil},

	// Metadata of clouds.
	{"http://169.254.169.254/latest/meta-data/iam/security-credentials/", "169.254.169.254", nil},
	{"http://169.254.169.254./", "169.254.169.254", nil},
	{"http://0xa9fea9fe/", "169.254.169.254", nil},
	{"http://2852039166/", "169.254.169.254", nil},
	{"http://0251.0376.0251.0376/", "169.254.169.254", nil},
	{"http://0251.0xfe.43518/", "169.254.169.254", nil},
	{"http://169.254.43518/", "169.254.169.254", nil},
	{"http://169.254.170.2/v2/credentials", "169.254.170.2", nil},
	{"http://[fd00:ec2::254]/", "fd00:ec2::254", nil},
	{"http://[fd00:0ec2:0:0::0254]/", "fd00:ec2::/64", nil},
	{"http://[fd20:ce::254]/", "fd20:ce::254", nil},
	{"http://100.100.100.200/", "100.100.100.200", nil},
	{"http://168.63.129.16/", "168.63.129.16", nil},
	{"http://192.0.0.192/", "192.0.0.192", nil},
	{"http://metadata.google.internal/computeMetadata/v1/", "169.254.169.254", name("169.254.169.254")},
	{"http://metadata.google.internal./", "fd20:ce::254", name("fd20:ce::254")},
	{"http://instance-data.ec2.internal/", "fd00:ec2::254", name("fd00:ec2::254")},

	// Multicast and broadcast.
	{"http://224.0.0.1/", "224.0.0.0/4", nil},
	{"http://255.255.255.255/", "255.255.255.255", nil},
	{"http://[ff02::1]/", "ff02::1", nil},

	// A user, query or fragment that looks like the host.
	{"http://public.example@127.0.0.1:PORT/", "127.0.0.1", nil},
	{"http://public.example:80@127.0.0.1:PORT/", "127.0.0.1", nil},
	{"http://user:secret@127.0.0.1:PORT/", "127.0.0.1", nil},
	{"http://public.example%2F@127.0.0.1:PORT/", "127.0.0.1", nil},
	{"http://127.0.0.1:PORT?@public.example/", "127.0.0.1", nil},
	{"http://127.0.0.1:PORT#@public.example/", "127.0.0.1", nil},
	{"http://metadata.google.internal@169.254.169.254/", "169.254.169.254", nil},

	// Other ports.
	{"http://127.0.0.1:22/", "127.0.0.1:22", nil},
	{"http://127.0.0.1:6379/", "127.0.0.1:6379", nil},
	{"http://127.0.0.1:00080/", "127.0.0.1:80", nil},
	{"http://169.254.169.254:8080/", "169.254.169.254:8080", nil},
	{"http://[::1]:65535/", "[::1]:65535", nil},

	// Names.
	{"http://loop.example:PORT/", "loop.example", name("127.0.0.1")},
	{"http://loop6.example/", "loop6.example", name("::1")},
	{"http://mapped.example/", "mapped.example", name("::ffff:127.0.0.1")},
	{"http://nat64.example/", "10.0.0.1", name("64:ff9b::10.0.0.1")},
	{"http://private.example/", "10.1.0.0/16", name("10.1.2.3")},
	{"http://unspecified.example/", "unspecified.example", name("0.0.0.0")},
	{"http://both.example/", "both.example", name("10.0.0.1 fd12::1")},
	{"http://127.0.0.1.nip.example/", "127.0.0.1", name("127.0.0.1")},
	{"http://link.example/", "169.254.0.0/16", name("169.254.7.7")},

	// Names that are rebound between two look-ups.
	{"http://rebind.example/", "public, 127.0.0.1", name("93.184.216.34", "127.0.0.1")},
	{"http://rebind6.example/", "public, ::1", name("2606:4700:4700::1111", "::1")},
	{"http://rebindmeta.example/", "public, 169.254.169.254", name("93.184.216.34", "93.184.216.34", "169.254.169.254")},
}

// at puts the port of the test's server into a URL.
func (f forged) at(port string) string { return strings.ReplaceAll(f.url, "PORT", port) }

// resolver gives the form's name server, from the given answer on; without
// answers there is none, and names are those of the system.
func (f forged) resolver(t *testing.T, from int) func(*httpclient.Options) {
	return func(o *httpclient.Options) {
		if f.answers == nil {
			return
		}
		var answers [][]netip.Addr
		for _, answer := range f.answers[from:] {
			answers = append(answers, addrs(strings.Fields(answer)...))
		}
		o.Resolver = newResolver(t, answers...)
	}
}

// ssrfServer runs a server on 127.0.0.1 that closes each connection after its
// answer, and counts the requests that come through.
func ssrfServer(t *testing.T) (address, port string, hits *atomic.Int32) {
	hits = new(atomic.Int32)
	server := serve(t, "127.0.0.1", func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		w.Header().Set("Connection", "close")
		w.Write([]byte("here"))
	})
	return server.Listener.Addr().String(), portOf(t, server), hits
}

// TestForgedIsRefused asks for each form directly.
func TestForgedIsRefused(t *testing.T) {
	address, port, hits := ssrfServer(t)
	for _, f := range forgedURLs {
		t.Run(f.url, func(t *testing.T) {
			client := newClient(t, "public", f.resolver(t, 0))
			client.Divert(address)
			harmless := max(len(f.answers)-1, 0)
			for i := range harmless {
				if _, err := get(t.Context(), client, f.at(port)); err != nil {
					t.Fatalf("look-up %d, which is public: %v", i+1, err)
				}
			}
			hits.Store(0)
			for _, scheme := range []string{"http:", "https:", "HTTP:", " http:"} {
				_, err := get(t.Context(), client, scheme+strings.TrimPrefix(f.at(port), "http:"))
				if message := wantError(t, err, host.CodeAddressDenied); strings.Contains(message, "secret") {
					t.Errorf("the message has the password: %s", message)
				}
			}
			_, err := client.Do(t.Context(), &host.Request{Method: "POST", URL: f.at(port), Body: []byte("x")})
			wantError(t, err, host.CodeAddressDenied)

			nowhere := newClient(t, "none", f.resolver(t, 0))
			nowhere.Divert(address)
			_, err = get(t.Context(), nowhere, f.at(port))
			wantError(t, err, host.CodeAddressDenied)
			if n := hits.Load(); n != 0 {
				t.Errorf("%d requests came through", n)
			}
		})
	}
}

// TestForgedRedirectIsRefused has an allowed server point at each form. It answers
// for all that the policy would let pass, so that a hole shows and reaches nobody.
func TestForgedRedirectIsRefused(t *testing.T) {
	var location string
	var status int
	var hits atomic.Int32
	server := serve(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		switch r.Host + r.URL.Path {
		case "127.0.0.2/":
			w.Header().Set("Location", location)
			w.WriteHeader(status)
		case "127.0.0.2/first":
			http.Redirect(w, r, "/", http.StatusFound)
		default:
			hits.Add(1)
		}
	})
	port := portOf(t, server)
	for _, f := range forgedURLs {
		t.Run(f.url, func(t *testing.T) {
			client := newClient(t, "public, 127.0.0.2", f.resolver(t, max(len(f.answers)-1, 0)))
			client.Divert(server.Listener.Addr().String())
			for _, url := range []string{"http://127.0.0.2/", "http://127.0.0.2/first"} {
				for _, status = range []int{302, 307} {
					for _, location = range []string{f.at(port), strings.TrimPrefix(f.at(port), "http:")} {
						_, err := get(t.Context(), client, url)
						wantError(t, err, host.CodeAddressDenied)
					}
				}
			}
		})
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
}

// TestForgedIsAllowedWhenNamed names each form's place. Whatever it is, the
// connection that is allowed goes to the test's server.
func TestForgedIsAllowedWhenNamed(t *testing.T) {
	address, port, _ := ssrfServer(t)
	var location string
	first := serve(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	})
	for _, f := range forgedURLs {
		t.Run(f.url, func(t *testing.T) {
			client := newClient(t, f.allow, f.resolver(t, 0))
			client.Divert(address)
			for range max(len(f.answers), 1) {
				resp, err := get(t.Context(), client, f.at(port))
				if err != nil {
					t.Fatalf("%s allowed: %v", f.allow, err)
				}
				if string(resp.Body) != "here" {
					t.Errorf("body %q", resp.Body)
				}
			}

			// The loopback forms for real, and behind a redirect.
			if !strings.Contains(f.url, "PORT") {
				return
			}
			real := newClient(t, f.allow+", 127.0.0.2", f.resolver(t, 0))
			location = f.at(port)
			for _, url := range []string{f.at(port), first.URL} {
				resp, err := get(t.Context(), real, url)
				if err != nil {
					t.Fatalf("%s allowed: %v", f.allow, err)
				}
				if string(resp.Body) != "here" {
					t.Errorf("body %q", resp.Body)
				}
			}
		})
	}
}

// TestNamedIsNotMore names one place, by which no other one opens.
func TestNamedIsNotMore(t *testing.T) {
	address, port, hits := ssrfServer(t)
	for _, tt := range []struct {
		allow, url string
		answers    []string
	}{
		{"127.0.0.1:1", "http://127.0.0.1:PORT/", nil},
		{"127.0.0.2", "http://127.0.0.1:PORT/", nil},
		{"localhost", "http://127.0.0.1:PORT/", nil},
		{"loop.example", "http://other.example:PORT/", name("127.0.0.1")},
		{"loop.example", "http://loop.example@127.0.0.1:PORT/", name("127.0.0.1")},
		{"loop.example", "http://127.0.0.1:PORT/", name("127.0.0.1")},
		{"loop.example:1", "http://loop.example:PORT/", name("127.0.0.1")},
		{"meta.example", "http://meta.example/", name("169.254.169.254")},
		{"meta.example", "http://meta.example/", name("fd00:ec2::254")},
		{"meta.example", "http://meta.example/", name("64:ff9b::169.254.169.254")},
		{"0.0.0.0/0, ::/0", "http://169.254.169.254/", nil},
		{"0.0.0.0/0, ::/0", "http://[fe80::1]/", nil},
		{"0.0.0.0/0, ::/0", "http://[fd00:ec2::254]/", nil},
		{"::/0", "http://[::ffff:127.0.0.1]:PORT/", nil},
		{"169.254.169.254:80", "http://169.254.169.254:8080/", nil},
		{"169.254.169.254", "http://169.254.170.2/", nil},
	} {
		f := forged{url: tt.url, answers: tt.answers}
		client := newClient(t, tt.allow, f.resolver(t, 0))
		client.Divert(address)
		_, err := get(t.Context(), client, f.at(port))
		if outside, ok := err.(*host.Error); !ok || outside.Code != host.CodeAddressDenied {
			t.Errorf("%s, %s allowed: %v, want %s", tt.url, tt.allow, err, host.CodeAddressDenied)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
}

// TestOtherSchemes asks for what is no address of HTTP's, directly and behind a
// redirect, of a client that may go everywhere on loopback.
func TestOtherSchemes(t *testing.T) {
	var location string
	server := serve(t, "127.0.0.1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	})
	client := newClient(t, "127.0.0.0/8, ::1, localhost")
	for _, tt := range []struct{ url, want, redirected string }{
		{"file:///etc/passwd", `the scheme "file" is not supported, only http and https`, ""},
		{"file://127.0.0.1/etc/passwd", `the scheme "file" is not supported, only http and https`, ""},
		{"gopher://127.0.0.1:6379/_FLUSHALL", `the scheme "gopher" is not supported, only http and https`, ""},
		{"ftp://127.0.0.1/", `the scheme "ftp" is not supported, only http and https`, ""},
		{"dict://127.0.0.1:11211/stats", `the scheme "dict" is not supported, only http and https`, ""},
		{"ldap://127.0.0.1/", `the scheme "ldap" is not supported, only http and https`, ""},
		{"unix:///var/run/docker.sock", `the scheme "unix" is not supported, only http and https`, ""},
		{"ws://127.0.0.1/", `the scheme "ws" is not supported, only http and https`, ""},
		{"data:text/plain,x", `the scheme "data" is not supported, only http and https`, ""},
		{"jar:http://127.0.0.1!/", `the scheme "jar" is not supported, only http and https`, ""},
		{"http:///", "the URL has no host", ""},
		{"http://@/", "the URL has no host", ""},
		{"http:127.0.0.1", "the URL has no host", ""},
		{"http://127.0.0.1\\@public.example/", "the URL is malformed", "the redirect's target is malformed"},
		{"http://%31%32%37.0.0.1/", "the URL is malformed", "the redirect's target is malformed"},
		{"http://[::1/", "the URL is malformed", "the redirect's target is malformed"},
		{"http://[::1%lo]/", "the URL is malformed", "the redirect's target is malformed"},
		{"http://127.0.0.1:80:80/", "the URL is malformed", "the redirect's target is malformed"},
		{"http://127.0.0.1 public.example/", "the URL is malformed", "the redirect's target is malformed"},
	} {
		_, err := get(t.Context(), client, tt.url)
		if got := wantError(t, err, host.CodeHTTP); !strings.HasSuffix(got, ": "+tt.want) {
			t.Errorf("%s:\n got %s\nwant … %s", tt.url, got, tt.want)
		}
		if tt.redirected == "" {
			tt.redirected = tt.want
		}
		location = tt.url
		_, err = get(t.Context(), client, server.URL)
		if got, want := wantError(t, err, host.CodeHTTP), "GET "+server.URL+": "+tt.redirected; got != want {
			t.Errorf("redirect to %s:\n got %s\nwant %s", tt.url, got, want)
		}
	}
}
