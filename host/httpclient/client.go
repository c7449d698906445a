// Package httpclient sends the HTTP requests of scripts over net/http: where the
// network policy lets them, within the time and memory that their execution has
// left, and with error messages that tell nothing of the network they ran in.
package httpclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/netpolicy"
)

// Bounds of every client.
const (
	maxRedirects    = 10
	maxHeaderBytes  = 64 << 10 // of an answer
	dialTimeout     = 10 * time.Second
	idleTimeout     = 90 * time.Second
	defaultMaxConns = 64
	defaultAgent    = "avap"
)

// Options configure a Client.
type Options struct {
	// Policy says where to connect; nil is the zero policy, which allows nothing.
	Policy *netpolicy.Policy
	// MaxConnsPerHost bounds the connections to one host and port, those in use
	// and those kept for reuse; 0 stands for 64. A request over it waits.
	MaxConnsPerHost int
	// TLS configures https, for instance with roots of one's own; may be nil.
	TLS *tls.Config
	// Resolver looks names up; nil is the system's.
	Resolver *net.Resolver
	// Propagate writes header fields that carry the context of the execution,
	// such as W3C's traceparent and tracestate, to each request; may be nil. They
	// do not go along where a redirect leaves the host, and give way to those
	// that the script sets.
	Propagate func(ctx context.Context, header http.Header)
}

// Client is a host.HTTP that is safe for concurrent use.
type Client struct {
	policy    *netpolicy.Policy
	control   func(host string) control
	dialer    net.Dialer
	http      http.Client
	propagate func(ctx context.Context, header http.Header)
}

// control judges an address right before it is connected to, as the field of the
// same name of net.Dialer does.
type control = func(ctx context.Context, network, address string, conn syscall.RawConn) error

var _ host.HTTP = (*Client)(nil)

// New makes a client. It ignores the proxy variables of the environment, keeps
// no cookies, and reuses connections until Close.
func New(opts Options) *Client {
	c := &Client{
		policy: opts.Policy,
		dialer: net.Dialer{Timeout: dialTimeout, Resolver: opts.Resolver},

		propagate: opts.Propagate,
	}
	if c.policy == nil {
		c.policy = new(netpolicy.Policy)
	}
	c.control = c.policy.Control
	perHost := opts.MaxConnsPerHost
	if perHost <= 0 {
		perHost = defaultMaxConns
	}
	c.http = http.Client{
		CheckRedirect: c.checkRedirect,
		Transport: &http.Transport{
			DialContext:            c.dial,
			TLSClientConfig:        opts.TLS,
			TLSHandshakeTimeout:    dialTimeout,
			ExpectContinueTimeout:  time.Second,
			MaxConnsPerHost:        perHost,
			MaxIdleConnsPerHost:    perHost,
			MaxIdleConns:           4 * perHost,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxHeaderBytes,
			ForceAttemptHTTP2:      true,
		},
	}
	return c
}

// Close closes the connections that no request is using.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do sends the request, follows at most 10 redirects and reads the whole answer.
// A URL with a user and password sends them as basic authentication. An error is
// a *host.Error, except for one of req.Grow or req.Follow, which comes back as it is.
// Where the context ended the request, the *host.Error wraps the context's error.
func (c *Client) Do(ctx context.Context, req *host.Request) (*host.Response, error) {
	where := location(req.Method, req.URL)
	out, err := c.newRequest(ctx, req)
	if err != nil {
		return nil, failed(where, err)
	}
	resp, err := c.http.Do(out)
	if err != nil {
		return nil, failed(where, err)
	}
	defer resp.Body.Close()

	body, err := readBody(resp, req.Grow)
	if err != nil {
		return nil, failed(where, err)
	}
	return &host.Response{
		Status:      resp.StatusCode,
		ContentType: resp.Header.Get("Content-Type"),
		Body:        body,
	}, nil
}

// newRequest checks what the script asks for and makes a request of it.
func (c *Client) newRequest(ctx context.Context, req *host.Request) (*http.Request, error) {
	if req.Method != http.MethodGet && req.Method != http.MethodPost {
		return nil, invalid("method %q is not supported", req.Method)
	}
	u, err := parseURL(req.URL)
	if err != nil {
		return nil, err
	}
	if req.Follow != nil {
		ctx = context.WithValue(ctx, followKey{}, req.Follow)
	}
	var body io.Reader = http.NoBody
	if len(req.Body) > 0 {
		body = bytes.NewReader(req.Body)
	}
	out, err := http.NewRequestWithContext(ctx, req.Method, "http://host/", body)
	if err != nil {
		return nil, err
	}
	out.URL, out.Host = u, u.Host
	if err := setHeaders(out, req.Headers); err != nil {
		return nil, err
	}
	if c.propagate != nil {
		addContext(out.Header, func(h http.Header) { c.propagate(ctx, h) })
	}
	return out, nil
}

// dial connects to an address that the policy allows. The name is resolved here,
// by the dialer, and each address that it gives is judged as it is about to be
// connected to.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	dialer := c.dialer
	dialer.ControlContext = c.control(name)
	if ip, ok := netpolicy.ParseNumericHost(name); ok {
		address = net.JoinHostPort(ip.String(), port)
	}
	return dialer.DialContext(ctx, network, address)
}
