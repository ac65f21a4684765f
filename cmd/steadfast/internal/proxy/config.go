package proxy

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/steadfast-go/claude"
)

// The defaults of a [Config].
const (
	DefaultUpstream      = "https://api.anthropic.com"
	DefaultMaxBody       = 32 << 20 // the API's own limit for a message
	DefaultMaxConcurrent = 256
)

// A Config says how a [Proxy] works. Zero fields mean their defaults.
type Config struct {
	// Upstream is the base URL of the API. Default: [DefaultUpstream].
	Upstream string
	// PlainHTTP allows an upstream without TLS beyond this machine. Keys and prompts
	// can be read on the way then.
	PlainHTTP bool
	// Token, if set, is what every request must carry. [Listen] refuses to listen
	// beyond loopback without one.
	Token claude.Secret
	// Key, if set, is the API key that is sent upstream in place of the callers'
	// credentials.
	Key claude.Secret
	// MaxBody is the most bytes a request's body may have. Default: [DefaultMaxBody].
	MaxBody int64
	// MaxConcurrent is the most requests under way, streams included. Default:
	// [DefaultMaxConcurrent].
	MaxConcurrent int
	// Retry, Breaker and Timeouts are those of [claude.Transport].
	Retry    claude.RetryPolicy
	Breaker  claude.BreakerPolicy
	Timeouts claude.Timeouts
	// Base reaches the upstream. Default: that of [claude.Transport].
	Base http.RoundTripper
	// Logger gets a line for each request. Default: nothing is logged.
	Logger *slog.Logger
	// Version is shown on the status page.
	Version string
}

// withDefaults returns the configuration with its defaults, or what is wrong with it.
func (c Config) withDefaults() (Config, *url.URL, error) {
	if c.Upstream == "" {
		c.Upstream = DefaultUpstream
	}
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.MaxConcurrent == 0 {
		c.MaxConcurrent = DefaultMaxConcurrent
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	upstream, err := parseUpstream(c.Upstream, c.PlainHTTP)
	if c.MaxBody < 0 {
		err = errors.Join(err, errors.New("the limit of a body is negative"))
	}
	if c.MaxConcurrent < 0 {
		err = errors.Join(err, errors.New("the limit of requests under way is negative"))
	}
	return c, upstream, errors.Join(err, checkSecret("token", c.Token), checkSecret("API key", c.Key))
}

// parseUpstream never quotes the URL, which may hold a secret.
func parseUpstream(text string, plain bool) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the upstream must be a URL such as %s", DefaultUpstream)
	case u.User != nil:
		return nil, errors.New("the upstream's URL holds a name or password: send credentials in headers")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the upstream's URL holds a query or a fragment: leave them out")
	case strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), "/v1"):
		return nil, errors.New("the upstream's URL ends in /v1: leave that out, callers send it")
	case u.Scheme == "http" && !plain && !isLoopback(u.Hostname()):
		return nil, errors.New("the upstream is http beyond this machine, so keys and prompts could be read on the way: use https, or allow it with --plain-http")
	}
	return u, nil
}

// checkSecret finds what no header may carry.
func checkSecret(name string, s claude.Secret) error {
	for _, r := range s.Reveal() {
		if r <= ' ' || r > '~' {
			return fmt.Errorf("the %s holds a space, a line break or another character that no header may carry", name)
		}
	}
	return nil
}

// isLoopback reports whether a host is this machine by its name alone: an address
// of loopback, or localhost (RFC 6761, section 6.3).
func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// Listen listens on an address such as "127.0.0.1:8787". Without a token it must be
// one of loopback: whoever can reach the proxy can use it.
func Listen(address string, token claude.Secret) (net.Listener, error) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("the address to listen on: %w", err)
	}
	if token.Reveal() == "" && !addr.IP.IsLoopback() {
		return nil, fmt.Errorf("%s can be reached from other machines: listen on 127.0.0.1, or require a token", address)
	}
	return net.ListenTCP("tcp", addr)
}
