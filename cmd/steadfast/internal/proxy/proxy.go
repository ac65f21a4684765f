package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
)

// A Proxy forwards requests to the Messages API and makes its calls resilient. It is
// an [http.Handler]; its own pages are below /-/.
type Proxy struct {
	config    Config
	upstream  *url.URL
	token     secret
	origin    *http.CrossOriginProtection
	transport *claude.Transport
	reverse   *httputil.ReverseProxy
	buffers   buffers
	admission *admission
	stats     *stats
	pages     *pages

	ctx    context.Context //nolint:containedctx // every request's: it ends with the proxy
	stop   context.CancelCauseFunc
	server *http.Server
}

// Limits of the server. A body may take as long as it likes, and so may an answer.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
)

// errStopped is the cause with which requests end that outlast the draining.
var errStopped = errors.New("the proxy was stopped")

func isStopped(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errStopped) }

// New returns a Proxy. Every misconfiguration is an error here.
func New(c Config) (*Proxy, error) {
	c, upstream, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		config: c, upstream: upstream,
		token:     newSecret(c.Token.Reveal()),
		origin:    http.NewCrossOriginProtection(),
		admission: newAdmission(c.MaxConcurrent),
		stats:     newStats(time.Now()),
		transport: &claude.Transport{Base: c.Base, Retry: c.Retry, Breaker: c.Breaker, Timeouts: c.Timeouts, Observer: observer()},
	}
	p.reverse = p.newReverse()
	p.pages = newPages(p)
	p.ctx, p.stop = context.WithCancelCause(context.Background())
	p.server = &http.Server{
		Handler:           p,
		BaseContext:       func(net.Listener) context.Context { return p.ctx },
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelWarn),
	}
	return p, nil
}

// Serve answers requests until the proxy is drained. It closes the listener.
func (p *Proxy) Serve(l net.Listener) error {
	if err := p.checkLoop(l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	if err := p.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// checkLoop refuses a proxy whose upstream is itself.
func (p *Proxy) checkLoop(addr net.Addr) error {
	_, port, err := net.SplitHostPort(addr.String())
	if err == nil && p.upstream.Port() == port && isLoopback(p.upstream.Hostname()) {
		return errors.New("the upstream is the proxy itself")
	}
	return nil
}

// endGrace is what requests get to end in once they were told to.
const endGrace = 5 * time.Second

// Drain ends the proxy: it takes no new requests, readiness says so, and what is
// under way goes on. When ctx ends before that has, it is told to end: a stream with
// an error event, a request without an answer with a 503; then the error says how
// many. Drain is called once.
func (p *Proxy) Drain(ctx context.Context) error {
	p.admission.close()
	var left error
	select {
	case <-p.admission.idle:
	case <-ctx.Done():
		if n, _ := p.admission.now(); n > 0 {
			left = fmt.Errorf("%d requests did not end in time and were broken off", n)
		}
	}
	p.stop(errStopped)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), endGrace)
	defer cancel()
	err := p.server.Shutdown(grace)
	if err != nil {
		err = p.server.Close()
	}
	p.transport.CloseIdleConnections()
	return errors.Join(left, err)
}

// ServeHTTP forwards a request, or answers it itself.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isPage(r) {
		p.pages.ServeHTTP(w, r)
		return
	}
	x := &exchange{start: time.Now(), op: opOf(r)}
	p.stats.begin()
	whole, entered := false, false
	defer func() { // a panic ends an answer that broke off
		x.end(r.Context(), !whole)
		p.stats.end(x)
		p.log(r.Context(), x)
		if entered {
			p.admission.leave()
		}
	}()
	why := p.guard(r)
	if why == nil {
		why = p.admission.enter()
		entered = why == nil
	}
	if entered {
		p.forward(w, r, x)
	} else {
		p.refuse(w, r, x, why)
	}
	whole = true
}

// isPage reports whether a request is for the proxy itself.
func isPage(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, pageRoot) }

// opOf names a request until the Transport does. A path that is not the API's may
// hold anything, so it is left out.
func opOf(r *http.Request) string { return shown(r.Method) + " (another path)" }

// log writes a line about a request.
func (p *Proxy) log(ctx context.Context, x *exchange) {
	level := slog.LevelInfo
	if x.class != "" || x.refused != "" {
		level = slog.LevelWarn
	}
	if !p.config.Logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("op", x.op), slog.String("model", shown(x.model)), slog.Int("status", x.status),
		slog.Int("attempts", x.attempts), slog.Duration("first_byte", x.firstByte), slog.Duration("elapsed", x.total),
		slog.String("request_id", shown(x.requestID)),
	}
	if x.refused != "" {
		attrs = append(attrs, slog.String("refused", x.refused))
	}
	if x.class != "" {
		attrs = append(attrs, slog.String("class", string(x.class)), slog.String("detail", x.detail))
	}
	p.config.Logger.LogAttrs(ctx, level, "request", attrs...)
}

// maxShown is how much is shown of what a caller or an upstream chose.
const maxShown = 64

// shown makes a name fit to be shown: short and printable.
func shown(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return -1
		}
		return r
	}, name)
	if r := []rune(name); len(r) > maxShown {
		name = string(r[:maxShown]) + "…"
	}
	return name
}
