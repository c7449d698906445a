// The URLs of scripts: how they are read, and how error messages show them.

package httpclient

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/avap-framework/avap/host/netpolicy"
)

// parseURL reads an http or https URL. As browsers and Python do, it takes
// spaces and other characters that a URL must not have, and escapes them.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, invalid("the URL is malformed")
	}
	if err := checkTarget(u); err != nil {
		return nil, err
	}
	u.Fragment, u.RawFragment = "", ""
	u.RawQuery = escapeQuery(u.RawQuery)
	return u, nil
}

// maxHost bounds the host of a Destination, in bytes. Names have 253 at most.
const maxHost = 300

// Destination returns the scheme, host and port that a request for the URL goes to,
// written in one way for all that the client takes for the same: in lower case,
// without user, with the port, addresses in their usual notation. Its error is
// fit for the author of a script.
func Destination(text string) (string, error) {
	u, err := parseURL(text)
	if err != nil {
		return "", err
	}
	name, err := asciiHost(u.Hostname())
	if err != nil {
		return "", err
	}
	port, err := strconv.ParseUint(portOf(u), 10, 16)
	if err != nil {
		return "", invalid("the URL has a malformed port")
	}
	return u.Scheme + "://" + net.JoinHostPort(name, strconv.FormatUint(port, 10)), nil
}

// asciiHost writes a host as net/http looks it up.
func asciiHost(name string) (string, error) {
	if len(name) > 4*maxHost { // before anything is computed from it
		return "", invalid("the URL's host is too long")
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 }) {
		ascii, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", invalid("the URL's host is malformed")
		}
		name = ascii
	}
	if len(name) > maxHost {
		return "", invalid("the URL's host is too long")
	}
	if ip, ok := netpolicy.ParseNumericHost(name); ok {
		return ip.String(), nil
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap().String(), nil
	}
	if name = netpolicy.CanonicalHost(name); name == "" || strings.HasSuffix(name, ".") {
		return "", invalid("the URL's host is malformed")
	}
	return name, nil
}

// checkTarget refuses URLs that are not of this client.
func checkTarget(u *url.URL) error {
	switch {
	case u.Scheme == "":
		return invalid("the URL has no scheme; it begins with http:// or https://")
	case u.Scheme != "http" && u.Scheme != "https":
		return invalid("the scheme %q is not supported, only http and https", u.Scheme)
	case u.Hostname() == "":
		return invalid("the URL has no host")
	}
	return nil
}

// escapeQuery escapes the bytes that would end a query in the request line, or
// that no query may have, and leaves everything else as the script wrote it.
func escapeQuery(query string) string {
	var b strings.Builder
	for _, c := range []byte(query) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\^`+"`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// location shows a request in an error message: method, scheme and host. The
// rest of a URL is left out, for user, path and query may all hold secrets.
func location(method, text string) string {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Host == "" {
		return method
	}
	return method + " " + shown(u)
}

func shown(u *url.URL) string {
	rest := ""
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		rest = "/…"
	}
	return fmt.Sprintf("%s://%.100s%s", u.Scheme, u.Host, rest)
}
