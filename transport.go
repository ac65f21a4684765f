package claude

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/steadfast-go/claude/internal/redact"
	"github.com/steadfast-go/claude/internal/wire"
)

// Transport is an [http.RoundTripper] that makes calls of the Messages API
// resilient: it judges every attempt, retries what is worth it, waits as long as
// the server asks and leaves everything else alone. The typed client works
// through one; under any other HTTP client it is a drop-in:
//
//	httpClient := &http.Client{Transport: &claude.Transport{}}
//
// The zero value is ready to use. The fields must not change after the first
// request, and a Transport must not be copied: its state lives in it.
type Transport struct {
	// Base makes the attempts. Default: a transport of our own, with HTTP/2
	// pings, keep-alives, TLS 1.2 or newer and the environment's proxy.
	Base http.RoundTripper
	// Credential, if set, replaces the credential of every request.
	Credential Credential
	// Retry says when an attempt is made again.
	Retry RetryPolicy
	// Timeouts limit the phases of an attempt.
	Timeouts Timeouts
	// Observer is told everything.
	Observer Observer

	network network // of a base that is ours

	once  sync.Once
	err   error // of the fields, found on first use
	base  http.RoundTripper
	ours  bool // base is one of newBase
	dials bool // base is a transport of net/http that does not tell us when it dials
	retry RetryPolicy
	limit Timeouts
	proxy func(*http.Request) (*url.URL, error) // of a base that is ours
}

// init prepares the Transport once.
func (t *Transport) init() error {
	t.once.Do(func() {
		t.err = errors.Join(t.Retry.check(), t.Timeouts.check())
		t.retry, t.limit = t.Retry.withDefaults(), t.Timeouts.withDefaults()
		if t.Base == nil {
			t.base, t.ours = newBase(t.network), true
		} else {
			t.base = t.Base
		}
		if net, ok := t.base.(*http.Transport); ok {
			t.proxy, t.dials = net.Proxy, !t.ours
		}
	})
	return t.err
}

// CloseIdleConnections closes connections that nobody uses.
func (t *Transport) CloseIdleConnections() {
	if t.init() == nil {
		closeIdle(t.base)
	}
}

func closeIdle(rt http.RoundTripper) {
	if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// call is everything a call needs, ready to be attempted any number of times.
type call struct {
	info       CallInfo
	method     string
	url        *url.URL
	host       string // the Host header, where it differs from the URL's
	header     http.Header
	body       wire.Body
	newBody    func() (io.ReadCloser, error) // in place of body, for a raw caller's own
	length     int64
	close      bool                             // as in http.Request
	trailer    http.Header                      // as in http.Request
	raw        bool                             // the answer goes to a raw caller
	decode     func(c *call, body string) error // reads a typed call's answer into result
	result     any                              // what decode made
	credential Credential
	retry      RetryPolicy
	timeouts   Timeouts
	observer   *Observer
	logging    *traffic
	onceOnly   bool // the body cannot be sent again
}

// run makes a call: attempts, judged, until one succeeds or another would not
// help. On failure it returns the last outcome too, for raw callers.
func (t *Transport) run(ctx context.Context, c *call) (out outcome, attempts []Attempt, failure *CallError) {
	start := time.Now()
	if c.observer.CallStart != nil {
		ctx = c.observer.CallStart(ctx, c.info)
	}
	callCtx := ctx
	if c.timeouts.Total > 0 {
		var cancel context.CancelFunc
		callCtx, cancel = context.WithDeadline(ctx, start.Add(c.timeouts.Total))
		defer func() {
			if out.resp == nil {
				cancel()
			} else if b, ok := out.resp.Body.(*rawBody); ok {
				b.release(cancel) // the call goes on until its answer is read
			}
		}()
	}
	r := retrier{policy: c.retry}
	for number := 1; ; number++ {
		out = t.observedAttempt(ctx, callCtx, c, number)
		attempts = append(attempts, out.record)
		last := &attempts[len(attempts)-1]
		if out.class == "" {
			break
		}
		deadline, _ := callCtx.Deadline()
		d := r.next(&out.verdict, time.Now(), deadline, func() bool { return c.keyChanged(ctx, out.token) })
		if c.onceOnly && d.retry {
			d = decision{reason: ReasonFinal, at: d.at}
		}
		if !d.retry {
			failure = c.failed(out, d.reason, d.at)
			break
		}
		if out.resp != nil {
			drain(out.resp.Body)
			out.resp = nil
		}
		if d.fresh {
			closeIdle(t.base) // the pool may hold more of the connections that died
		}
		last.Wait = d.wait
		if d.wait > 0 && c.observer.Wait != nil {
			c.observer.Wait(ctx, c.info, Wait{Duration: d.wait, Class: out.class, Hinted: out.hinted})
		}
		if err := sleep(callCtx, d.wait); err != nil {
			failure = c.endedWhileWaiting(ctx, out, err)
			break
		}
	}
	elapsed := time.Since(start)
	if failure != nil {
		failure.Attempts, failure.Elapsed = attempts, elapsed
		for i := len(attempts) - 1; i >= 0 && failure.RequestID == ""; i-- {
			failure.RequestID = redact.Line(attempts[i].RequestID, maxShownMessage)
		}
	}
	if c.observer.CallDone != nil {
		c.done(ctx, out, attempts, elapsed, failure)
	}
	return out, attempts, failure
}

// observedAttempt makes an attempt between its two hooks.
func (t *Transport) observedAttempt(ctx, callCtx context.Context, c *call, number int) outcome {
	attemptCtx := callCtx
	if c.observer.AttemptStart != nil {
		attemptCtx = c.observer.AttemptStart(callCtx, c.info, number)
	}
	out := t.attempt(attemptCtx, c, number)
	if (out.class == ErrDeadline || out.class == ErrCanceled) && ctx.Err() == nil {
		// It was our own Total that ended it, not the caller.
		limit := &timeoutError{name: "Total", limit: c.timeouts.Total}
		out.verdict = verdict{class: ErrTimeout, processed: out.processed, override: mustNotRetry, err: &NetworkError{
			Stage: out.record.Stage, Timeout: true, Err: limit, class: ErrTimeout, processed: out.processed,
		}}
		out.record.Class, out.record.Err = out.class, out.err
	}
	if c.observer.AttemptDone != nil {
		c.observer.AttemptDone(attemptCtx, c.info, out.record)
	}
	return out
}

// failed is the call's error for an attempt after which there is none.
func (c *call) failed(out outcome, reason Reason, at time.Time) *CallError {
	return &CallError{
		Op: c.info.Op, Target: c.info.Target, Class: out.class, Reason: reason,
		RetryAt: at, Processed: out.processed, Err: out.err,
	}
}

// endedWhileWaiting is the call's error when a context ended the wait between two
// attempts. Both causes are kept: that the caller gave up, and what it gave up on.
func (c *call) endedWhileWaiting(ctx context.Context, out outcome, err error) *CallError {
	e := c.failed(out, ReasonDeadline, time.Time{})
	if ctx.Err() == nil {
		return e // our own Total: the failure it was waiting after is the news
	}
	e.Reason, e.Class = ReasonFinal, contextClass(err)
	e.Err = fmt.Errorf("%w while waiting after %w", err, out.err)
	return e
}

// keyChanged reports whether another credential is at hand than token.
func (c *call) keyChanged(ctx context.Context, token Token) bool {
	if c.credential == nil {
		return false
	}
	now, err := c.credential.Token(ctx)
	return err == nil && now.Secret.Reveal() != token.Secret.Reveal()
}

// done tells the observer how the call ended.
func (c *call) done(ctx context.Context, out outcome, attempts []Attempt, elapsed time.Duration, failure *CallError) {
	result := CallResult{Class: out.class, Attempts: attempts, Elapsed: elapsed, RequestID: out.record.RequestID}
	if failure != nil {
		result.Class, result.Err, result.RequestID = failure.Class, failure, failure.RequestID
	} else if r, ok := c.result.(*Response); ok {
		result.Usage = &r.Usage
	}
	c.observer.CallDone(ctx, c.info, result)
}

// RoundTrip sends a request of the Messages API as many times as it takes. It
// returns the last answer as it came whenever there was one, its body intact,
// and an error, a [*CallError], only when there was none or when it is not the
// API's, such as an HTML page with status 200. Requests of anything else go
// straight to Base. The caller's request and credential are left as they are,
// unless Credential is set.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.init(); err != nil {
		closeBody(req)
		return nil, err
	}
	if !isAPI(req) {
		return t.base.RoundTrip(req)
	}
	c := &call{
		info:   CallInfo{Op: opOf(req), Target: Target{Host: req.URL.Host}},
		method: req.Method, url: req.URL, host: req.Host, header: req.Header, raw: true,
		close: req.Close, trailer: req.Trailer,
		credential: t.Credential, retry: t.retry, timeouts: t.limit, observer: &t.Observer,
	}
	if err := c.takeBody(req); err != nil {
		return nil, &CallError{Op: c.info.Op, Target: c.info.Target, Class: ErrConfig, Reason: ReasonFinal, Processed: NotSent, Err: err}
	}
	out, _, failure := t.run(req.Context(), c)
	if c.onceOnly {
		closeBody(req) // in case no attempt got as far as that
	}
	switch {
	case failure == nil:
	case out.resp == nil:
		return nil, failure
	case out.class == ErrUnexpectedResponse:
		drain(out.resp.Body)
		return nil, failure
	}
	out.resp.Request = req
	return out.resp, nil
}

// isAPI reports whether a request is one of the Messages API, by its path alone:
// the host may be any gateway.
func isAPI(req *http.Request) bool {
	if req.URL == nil {
		return false
	}
	path := req.URL.Path
	i := strings.LastIndex(path, "/v1/")
	if i < 0 {
		return false
	}
	root, _, _ := strings.Cut(path[i+len("/v1/"):], "/")
	return slices.Contains([]string{"messages", "models", "files"}, root)
}

// opOf names a raw request: its method and the end of its path.
func opOf(req *http.Request) string {
	return req.Method + " " + req.URL.Path[strings.LastIndex(req.URL.Path, "/v1/"):]
}

// maxBuffered is the largest body of a raw caller that is kept to be sent again.
const maxBuffered = 32 << 20

// takeBody makes the request's body replayable: by its GetBody, or by a copy of
// it up to 32 MiB. A larger one is passed through, and sent once.
func (c *call) takeBody(req *http.Request) error {
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	c.length = req.ContentLength
	if req.GetBody != nil {
		closeBody(req)
		c.newBody = req.GetBody
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(req.Body, maxBuffered+1))
	if err != nil {
		closeBody(req)
		return fmt.Errorf("reading the request's body: %w", err)
	}
	if len(data) > maxBuffered {
		c.onceOnly = true
		c.newBody = func() (io.ReadCloser, error) {
			return &replayedBody{Reader: io.MultiReader(bytes.NewReader(data), req.Body), Closer: req.Body}, nil
		}
		return nil
	}
	closeBody(req)
	c.length = int64(len(data))
	c.body = wire.BodyOf(data)
	return nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// network says how a base transport of ours reaches the network.
type network struct {
	proxy *url.URL       // nil means the environment's
	roots *x509.CertPool // nil means the system's
	only  string         // "tcp4" or "tcp6"; empty means both
}

// newBase makes the default base transport. Its connections are checked for life
// (TCP keep-alive, HTTP/2 pings) and dropped after a minute without use, because
// what lies between forgets idle connections without telling. The dial, TLS and
// first-byte limits are kept by each attempt.
func newBase(n network) *http.Transport {
	dialer := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 9},
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
				a.dialing(StageDNS, addr)
			}
			return dialer.DialContext(ctx, network, addr)
		},
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: n.roots},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
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
