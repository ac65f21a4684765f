package claude

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// network says how a base transport of ours reaches the network.
type network struct {
	proxy *url.URL       // nil means the environment's
	roots *x509.CertPool // nil means the system's
	only  string         // "tcp4" or "tcp6"; empty means both

	resolver *net.Resolver // nil means the system's

	spokeOne uint32 // atomically: 1 once an answer came by HTTP/1.1
}

// Life signs of a connection. What lies between forgets idle connections without
// telling, and a dead one takes every request on it along.
const (
	keepAliveIdle     = 15 * time.Second // of silence before TCP asks
	keepAliveInterval = 15 * time.Second
	keepAliveCount    = 9
	pingAfter         = 15 * time.Second // of silence before HTTP/2 asks
	pingTimeout       = 15 * time.Second // for its answer
	idleTimeout       = time.Minute      // without use, before a connection is closed

	passThroughLimit = 30 * time.Second // to dial for a request that is none of ours
)

// newBase makes the default base transport. The dial, TLS and first-byte limits
// are kept by each attempt.
func newBase(n network) *http.Transport {
	dialer := &net.Dialer{
		Resolver:        n.resolver,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount},
		ControlContext: func(ctx context.Context, _, addr string, _ syscall.RawConn) error {
			if a, ok := ctx.Value(attemptKey{}).(*attemptState); ok {
				a.dialing(StageConnect, addr) // the name is resolved, now it connects
			}
			return nil
		},
	}
	base := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if n.only != "" {
				network = n.only
			}
			if a, ok := ctx.Value(attemptKey{}).(*attemptState); ok {
				return a.dial(ctx, dialer, network, addr)
			}
			// A request that passes through has no limits of an attempt.
			ctx, stop := context.WithTimeout(ctx, passThroughLimit)
			defer stop()
			return dialer.DialContext(ctx, network, addr)
		},
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: n.roots},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     idleTimeout,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, res *http.Response) error {
			if res.StatusCode != http.StatusOK {
				return &proxyError{status: res.StatusCode}
			}
			return nil
		},
	}
	if n.proxy != nil {
		base.Proxy = http.ProxyURL(n.proxy)
	}
	return base
}

// dial connects for an attempt. Its limit is the dialer's too: net/http goes on
// dialing when the attempt has ended, and by a deadline the dialer shares the time
// out among the addresses of a host.
func (a *attemptState) dial(ctx context.Context, dialer *net.Dialer, network, addr string) (net.Conn, error) {
	a.dialing(StageDNS, addr)
	limit := a.limits.Dial
	until := time.Now().Add(limit)
	if limit > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithDeadline(ctx, until)
		defer stop()
	}
	conn, err := dialer.DialContext(ctx, network, addr)
	switch {
	case err == nil && a.secure:
		a.shake(conn)
	case err != nil && limit > 0 && !time.Now().Before(until):
		err = &timeoutError{name: "Dial", limit: limit}
	}
	return conn, err
}

// newFresh makes the transport of attempts that must not meet the connection that
// failed the one before, not even when other calls still hold it: each of its
// connections serves one request.
func newFresh(n network) *http.Transport {
	fresh := newBase(n)
	fresh.DisableKeepAlives = true
	return fresh
}

// proxyError is a proxy that would not connect us.
type proxyError struct{ status int }

// Error names the proxy's answer.
func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy answered %d %s to CONNECT", e.status, http.StatusText(e.status))
}

// proxyOf returns the proxy a request goes through, without its credentials;
// empty if there is none.
func proxyOf(req *http.Request, proxy func(*http.Request) (*url.URL, error)) string {
	if proxy == nil || req == nil {
		return ""
	}
	u, err := proxy(req)
	if err != nil || u == nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func closeIdle(rt http.RoundTripper) {
	if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
