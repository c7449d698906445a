// Redirects: how many, where to, and what goes along.

package httpclient

import (
	"net/http"
	"net/netip"
	"net/url"
	"strconv"

	"github.com/avap-framework/avap/host/netpolicy"
)

// checkRedirect is asked before each redirect is followed. req carries the header
// fields of the first request anew each time, so that what has to go is judged by
// the whole chain: once a redirect has left the host, credentials stay behind,
// even if a later one leads back.
func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return invalid("more than %d redirects", maxRedirects)
	}
	if err := checkTarget(req.URL); err != nil {
		return err
	}
	if err := c.checkLiteral(req.URL); err != nil {
		return err
	}
	if err := askFollow(req); err != nil {
		return err
	}
	req.URL.RawQuery = escapeQuery(req.URL.RawQuery)
	req.Header.Del("Referer") // it would hand the query on
	if req.Method != via[0].Method {
		req.Header.Del("Content-Type")
	}
	first := via[0].URL
	for _, hop := range append(via[1:len(via):len(via)], req) {
		if !sameHost(first, hop.URL) {
			dropCredentials(req.Header)
			break
		}
	}
	return nil
}

// followKey is where a request's context keeps host.Request.Follow.
type followKey struct{}

// askFollow asks the caller whether the redirect may be followed.
func askFollow(req *http.Request) error {
	follow, ok := req.Context().Value(followKey{}).(func(string) error)
	if !ok {
		return nil
	}
	if err := follow(req.URL.String()); err != nil {
		return &hookError{err}
	}
	return nil
}

// checkLiteral refuses a target that is a forbidden address as it stands. Names
// are judged by what they resolve to, when the connection is made.
func (c *Client) checkLiteral(u *url.URL) error {
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		var ok bool
		if ip, ok = netpolicy.ParseNumericHost(u.Hostname()); !ok {
			return nil
		}
	}
	port, err := strconv.ParseUint(portOf(u), 10, 16)
	if err != nil {
		return invalid("a redirect has a malformed port")
	}
	if !c.policy.Allows(u.Hostname(), netip.AddrPortFrom(ip, uint16(port))) {
		return netpolicy.ErrDenied
	}
	return nil
}

// sameHost reports whether credentials for a may go to b: the same host and
// port, or the step of one host from http to https on their usual ports.
func sameHost(a, b *url.URL) bool {
	if netpolicy.CanonicalHost(a.Hostname()) != netpolicy.CanonicalHost(b.Hostname()) {
		return false
	}
	if a.Scheme == b.Scheme {
		return portOf(a) == portOf(b)
	}
	return a.Scheme == "http" && portOf(a) == "80" && b.Scheme == "https" && portOf(b) == "443"
}

func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
