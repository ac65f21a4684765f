package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/cmd/steadfast/internal/proxy"
)

// proxyCommand runs the proxy until it is told to end.
type proxyCommand struct {
	Listen        string        `default:"127.0.0.1:8787" help:"Address to listen on. Beyond loopback a token is required. Default: ${default}." placeholder:"ADDRESS"`
	Upstream      string        `default:"https://api.anthropic.com" help:"Base URL of the API. Default: ${default}." placeholder:"URL"`
	PlainHTTP     bool          `help:"Allow an upstream without TLS beyond this machine." name:"plain-http"`
	Token         string        `env:"STEADFAST_PROXY_TOKEN" help:"Require this token of every request. Set the variable rather than the flag, which other users of the machine can see." placeholder:"TOKEN"`
	KeyFromEnv    bool          `help:"Send the key in ANTHROPIC_API_KEY upstream, in place of the callers' credentials." name:"key-from-env"`
	MaxBody       byteSize      `default:"32MiB" help:"Most bytes of a request's body. Default: ${default}." placeholder:"SIZE"`
	MaxConcurrent int           `default:"256" help:"Most requests under way, streams included. Default: ${default}." placeholder:"N"`
	Attempts      int           `default:"3" help:"Most attempts of a call; 1 switches retries off. Default: ${default}." placeholder:"N"`
	LogLevel      slog.Level    `default:"info" help:"Least level that is logged: debug, info, warn or error. Default: ${default}." placeholder:"LEVEL"`
	DrainTimeout  time.Duration `default:"30s" help:"How long requests may go on after SIGTERM or an interrupt. A second signal ends the proxy at once. Default: ${default}." placeholder:"TIME"`
}

// Help is shown below the flags.
func (c *proxyCommand) Help() string {
	return `Point a program at it with ANTHROPIC_BASE_URL=http://127.0.0.1:8787.

Calls of the API are retried where that helps and judged as the Go client does;
streams pass as they come, and one that breaks off ends with the API's error
event. Failures carry their class in the header X-Steadfast-Class. The status
page is at /-/status, probes at /-/healthz and /-/readyz.`
}

// Run runs the proxy.
func (c *proxyCommand) Run(to streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return c.run(ctx, stop, to)
}

// run runs the proxy until ctx ends, and drains it then. ending is called before.
func (c *proxyCommand) run(ctx context.Context, ending func(), to streams) error {
	config, err := c.config(to)
	if err != nil {
		return err
	}
	p, err := proxy.New(config)
	if err != nil {
		return err
	}
	listener, err := proxy.Listen(c.Listen, config.Token)
	if err != nil {
		return err
	}
	at := "http://" + reachable(listener.Addr())
	_, _ = fmt.Fprintf(to.err, "steadfast proxy: listening on %s, forwarding to %s\n  ANTHROPIC_BASE_URL=%s\n  status: %s/-/status\n", at, config.Upstream, at, at)

	proxy.RelaxGC()
	served := make(chan error, 1)
	go func() { served <- p.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending() // from here on a signal ends the process
	_, _ = fmt.Fprintf(to.err, "steadfast proxy: draining for up to %s\n", c.DrainTimeout)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.DrainTimeout)
	defer cancel()
	return errors.Join(p.Drain(drain), <-served)
}

// reachable is an address at which this machine reaches a listener.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}

// config makes the proxy's configuration of the flags.
func (c *proxyCommand) config(to streams) (proxy.Config, error) {
	config := proxy.Config{
		Upstream: c.Upstream, PlainHTTP: c.PlainHTTP, Token: claude.NewSecret(c.Token),
		MaxBody: int64(c.MaxBody), MaxConcurrent: c.MaxConcurrent,
		Retry:   claude.RetryPolicy{MaxAttempts: c.Attempts},
		Logger:  slog.New(slog.NewTextHandler(to.err, &slog.HandlerOptions{Level: c.LogLevel})),
		Version: version(),
	}
	for _, limit := range []struct {
		flag  string
		wrong bool
	}{
		{"--max-body", c.MaxBody <= 0},
		{"--max-concurrent", c.MaxConcurrent <= 0},
		{"--attempts", c.Attempts <= 0},
		{"--drain-timeout", c.DrainTimeout < 0},
	} {
		if limit.wrong {
			return config, fmt.Errorf("%s is too small", limit.flag)
		}
	}
	if c.KeyFromEnv {
		key := strings.TrimSpace(os.Getenv("ANTHROPIC_API_KEY"))
		if key == "" {
			return config, errors.New("--key-from-env: ANTHROPIC_API_KEY is not set")
		}
		config.Key = claude.NewSecret(key)
	}
	return config, nil
}

// byteSize is a number of bytes, such as 32MiB.
type byteSize int64

// UnmarshalText reads a number with a unit; without one it is in bytes.
func (s *byteSize) UnmarshalText(text []byte) error {
	number := strings.TrimSpace(string(text))
	factor := int64(1)
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}} {
		if rest, ok := cutSuffixFold(number, unit.name); ok {
			number, factor = strings.TrimSpace(rest), unit.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return fmt.Errorf("%q is no size such as 32MiB", text)
	}
	*s = byteSize(n * factor)
	return nil
}

func cutSuffixFold(s, suffix string) (string, bool) {
	if len(s) < len(suffix) || !strings.EqualFold(s[len(s)-len(suffix):], suffix) {
		return s, false
	}
	return s[:len(s)-len(suffix)], true
}
