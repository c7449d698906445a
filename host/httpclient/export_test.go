package httpclient

// This file holds what tests of other packages' view need from inside.

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
)

// errPassed ends a connection that the policy lets pass.
var errPassed = errors.New("the policy lets it pass")

// Divert has the client connect to address wherever the policy lets it connect to,
// so that a test can name any place and reaches none but its own server.
func (c *Client) Divert(address string) {
	judge := c.control
	c.control = func(host string) control {
		judge := judge(host)
		return func(ctx context.Context, network, address string, conn syscall.RawConn) error {
			if err := judge(ctx, network, address, conn); err != nil {
				return err
			}
			return errPassed
		}
	}
	c.http.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, target string) (net.Conn, error) {
		conn, err := c.dial(ctx, network, target)
		if errors.Is(err, errPassed) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
		return conn, err
	}
}
