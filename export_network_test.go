package claude

import (
	"context"
	"net"
	"net/http"
)

// WithResolver has names looked up by r.
func WithResolver(r *net.Resolver) Option {
	return option(func(c *config) error {
		c.net.resolver = r
		return nil
	})
}

// WrapConns has the connections of a client's base wrapped.
func WrapConns(c *Client, wrap func(net.Conn) net.Conn) {
	base := c.transport.base.(*http.Transport)
	dial := base.DialContext
	base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return wrap(conn), nil
	}
}
