package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// place is where a fault is played.
type place uint8

const (
	inMemory     place = iota // in a bubble of virtual time
	onSocket                  // HTTP/1.1 on loopback, on a connection that is kept from a call before
	onTLS                     // TLS and HTTP/2 on loopback
	behindAProxy              // the same, through a proxy
)

// seen is what a caller sees of a fault that lasts.
type seen struct {
	status  int          // of its own typed error
	kind    string       // the API's type of that error
	id      int          // of the request whose id that error has
	class   claude.Class // ClassOf its error, where that wraps one of ours
	own     bool         // it has an error of its own making
	nothing bool         // it has no error, although the answer never came whole
	partial bool         // it has the text that had come
	again   int          // attempts that it makes us make by trying again
}

// outcome is what becomes of a fault in one mode, unary or streamed.
type outcome struct {
	once     int // attempts until the answer if the fault comes once; 0: as if it lasted
	attempts int // of one call, if it lasts
	sdk      seen
	plain    seen
}

// healthy is no fault at all: the first attempt brings the answer.
var healthy = outcome{once: 1}

// refused is the API's word: callers see its status, an SDK as its own typed error.
func refused(attempts, status int, kind string, class claude.Class) outcome {
	return outcome{
		attempts: attempts,
		sdk:      seen{status: status, kind: kind, id: attempts},
		plain:    seen{status: status, kind: kind, id: attempts, class: class},
	}
}

// foreign is the word of something before the API, which gives no request an id.
func foreign(attempts, status int, kind string, class claude.Class) outcome {
	o := refused(attempts, status, kind, class)
	o.sdk.id, o.plain.id = 0, 0
	return o
}

// unanswered has no status. The SDKs try again what has none, twice, whatever it is,
// and no header can tell them not to. That is bounded: the Transport attempts each
// of these once, where each is 1, or once and once more at no cost, where each is 2.
func unanswered(attempts int, class claude.Class, each int) outcome {
	return outcome{attempts: attempts, sdk: seen{class: class, again: 2 * each}, plain: seen{class: class}}
}

// breaksOff is a body that ends in an error; what had come of a stream is there.
func breaksOff(attempts int, class claude.Class, partial bool) outcome {
	s := seen{class: class, partial: partial}
	return outcome{attempts: attempts, sdk: s, plain: s}
}

// gotOver is the outcome of a fault that the second attempt gets over.
func (o outcome) gotOver() outcome {
	o.once = 2
	return o
}

// row is a fault and what is expected of it. Both majors of the SDK are expected to
// see the same, and so are the plain client and the instrumented one.
type row struct {
	fault    string
	step     claudetest.Step
	place    place
	unary    outcome
	streamed outcome
	hidden   *outcome // in both modes, where it differs under a base that is wrapped; the zero outcome expects nothing
}

// alike is for faults that come before a body.
func alike(fault string, step claudetest.Step, o outcome) row {
	return row{fault: fault, step: step, unary: o, streamed: o}
}

func (r row) at(p place) row {
	r.place = p
	return r
}

func (r row) wrapped(o outcome) row {
	r.hidden = &o
	return r
}

var (
	fox      = claudetest.Text("the quick brown fox jumps over the lazy dog")
	begun    = claudetest.Events(4) // within the text, of a stream
	notBegun = claudetest.Events(2) // before the text, of a stream
)

var faults = []row{
	// What the API answers.
	alike("overload", claudetest.Overloaded(), refused(3, 529, "overloaded_error", claude.ErrOverloaded).gotOver()),
	alike("rate limit", claudetest.RateLimited(7*time.Second), refused(3, 429, "rate_limit_error", claude.ErrRateLimit).gotOver()),
	alike("rate limit, in broken seconds", claudetest.RateLimited(1500*time.Millisecond), refused(3, 429, "rate_limit_error", claude.ErrRateLimit).gotOver()),
	alike("rate limit, in milliseconds", claudetest.RateLimited(0).RetryAfterMs(1500*time.Millisecond), refused(3, 429, "rate_limit_error", claude.ErrRateLimit).gotOver()),
	alike("rate limit, until a date", claudetest.RateLimited(0).RetryAfterDate(20*time.Second), refused(3, 429, "rate_limit_error", claude.ErrRateLimit).gotOver()),
	alike("rate limit that says when it is full again", claudetest.RateLimited(0).ResetsAfter(20*time.Second), refused(3, 429, "rate_limit_error", claude.ErrRateLimit).gotOver()),
	alike("rate limit for hours, which an SDK would sleep through", claudetest.RateLimited(2*time.Hour), refused(1, 429, "rate_limit_error", claude.ErrRateLimit)),
	alike("spend limit", claudetest.SpendLimit(), refused(1, 429, "rate_limit_error", claude.ErrBilling)),
	alike("no credit", claudetest.NoCredit(), refused(1, 400, "invalid_request_error", claude.ErrBilling)),
	alike("bad request", claudetest.InvalidRequest("max_tokens: Field required"), refused(1, 400, "invalid_request_error", claude.ErrInvalidRequest)),
	alike("bad request that is worth another try", claudetest.InvalidRequest("again").ShouldRetry(true), refused(3, 400, "invalid_request_error", claude.ErrInvalidRequest).gotOver()),
	alike("overload that is not", claudetest.Overloaded().ShouldRetry(false), refused(1, 529, "overloaded_error", claude.ErrOverloaded)),
	alike("prompt too long", claudetest.ContextTooLong(), refused(1, 400, "invalid_request_error", claude.ErrContextTooLong)),
	alike("wrong key", claudetest.Unauthorized(), refused(1, 401, "authentication_error", claude.ErrAuthentication)),
	alike("key without the right", claudetest.Forbidden(), refused(1, 403, "permission_error", claude.ErrPermission)),
	alike("unknown model", claudetest.NotFound("model: claude-x"), refused(1, 404, "not_found_error", claude.ErrNotFound)),
	alike("request that took too long", claudetest.Error(408, "timeout_error", "Request timeout"), refused(3, 408, "timeout_error", claude.ErrRequestTimeout).gotOver()),
	alike("conflict", claudetest.Error(409, "conflict_error", "Conflict"), refused(3, 409, "conflict_error", claude.ErrConflict).gotOver()),
	alike("body too large", claudetest.TooLarge(), foreign(1, 413, "request_too_large", claude.ErrTooLarge)),
	alike("failure inside the API", claudetest.Internal(), refused(3, 500, "api_error", claude.ErrInternal).gotOver()),
	alike("answer that took too long to make", claudetest.Error(504, "timeout_error", "Request timed out"), refused(3, 504, "timeout_error", claude.ErrInternal).gotOver()),
	alike("payment due", claudetest.Error(402, "billing_error", "Payment required"), refused(1, 402, "billing_error", claude.ErrBilling)),
	alike("slow answer", fox.After(30*time.Second), healthy),
	alike("no answer", claudetest.NoAnswer(), unanswered(2, claude.ErrTimeout, 1).gotOver()),

	// What something else answers in its place.
	alike("country that is not served", claudetest.Region(), foreign(1, 403, "forbidden", claude.ErrRegion)),
	alike("a gateway's page", claudetest.GatewayPage(502), foreign(3, 502, "", claude.ErrGateway).gotOver()),
	alike("a gateway's line of text", claudetest.GatewayText(503, "upstream connect error"), foreign(3, 503, "", claude.ErrGateway).gotOver()),
	alike("a filter's page", claudetest.GatewayPage(403), foreign(1, 403, "", claude.ErrBlocked)),
	alike("failure and nothing else", claudetest.Empty(500), foreign(3, 500, "", claude.ErrGateway).gotOver()),
	alike("success and nothing else", claudetest.Empty(200), unanswered(1, claude.ErrUnexpectedResponse, 1)),
	alike("captive portal", claudetest.Portal(), unanswered(1, claude.ErrUnexpectedResponse, 1)),
	alike("garbage", claudetest.Garbage(), unanswered(1, claude.ErrUnexpectedResponse, 1)),
	alike("wrong content type", claudetest.WrongContentType("text/html"), unanswered(1, claude.ErrUnexpectedResponse, 1)),
	alike("redirect to another host", claudetest.Redirect("https://elsewhere.example/v1/messages"), unanswered(1, claude.ErrRedirect, 1)),
	// An SDK takes every 200 for an answer. What is handed to it stays as it came.
	alike("overload, in a 200", claudetest.ErrorIn200("overloaded_error", "Overloaded"), outcome{
		once: 2, attempts: 3, sdk: seen{nothing: true}, plain: seen{status: 200, kind: "overloaded_error", id: 3, class: claude.ErrOverloaded},
	}),
	alike("bad request, in a 200", claudetest.ErrorIn200("invalid_request_error", "no"), outcome{
		attempts: 1, sdk: seen{nothing: true}, plain: seen{status: 200, kind: "invalid_request_error", id: 1, class: claude.ErrInvalidRequest},
	}),

	// Answers that do not come whole.
	{
		fault: "pauses", step: fox.Drip(10 * time.Second),
		unary: healthy, streamed: healthy,
	},
	{
		fault: "pause before the text", step: fox.StallAfter(notBegun, time.Minute),
		unary: healthy, streamed: healthy,
	},
	{
		fault: "one ping more", step: fox.PingAfter(begun),
		unary: healthy, streamed: healthy,
	},
	{
		fault: "huge event of a type nobody knows", step: fox.HugeEventAfter(begun, 1<<20),
		unary: healthy, streamed: healthy,
	},
	{
		fault: "something else within an answer", step: fox.InsertAfter(claudetest.Bytes(1), "}{"),
		unary: unanswered(1, claude.ErrUnexpectedResponse, 1), streamed: healthy,
	},
	{
		fault: "cut before the text", step: fox.CutAfter(notBegun),
		unary: breaksOff(2, claude.ErrBodyCut, false).gotOver(), streamed: breaksOff(3, claude.ErrStreamTruncated, false).gotOver(),
	},
	{
		fault: "reset within the first event", step: fox.ResetAfter(claudetest.Bytes(100)),
		unary: breaksOff(2, claude.ErrBodyCut, false).gotOver(), streamed: breaksOff(3, claude.ErrStreamTruncated, false).gotOver(),
	},
	{
		fault: "silence before the text", step: fox.StallAfter(claudetest.Events(1), claudetest.Forever),
		unary: breaksOff(2, claude.ErrBodyCut, false).gotOver(),
		// Fifteen seconds after its start a stream is handed over as it is.
		streamed: breaksOff(1, claude.ErrTimeout, false),
	},
	{
		fault: "cut within the text", step: fox.CutAfter(begun),
		unary: breaksOff(2, claude.ErrBodyCut, false).gotOver(), streamed: breaksOff(1, claude.ErrStreamTruncated, true),
	},
	{
		fault: "reset within the text", step: fox.ResetAfter(begun),
		unary: breaksOff(2, claude.ErrBodyCut, false).gotOver(), streamed: breaksOff(1, claude.ErrStreamTruncated, true),
	},
	{
		fault: "silence within the text", step: fox.StallAfter(begun, claudetest.Forever),
		unary: breaksOff(2, claude.ErrBodyCut, false).gotOver(), streamed: breaksOff(1, claude.ErrTimeout, true),
	},
	{
		fault: "end within the text, as if it were complete", step: fox.EndAfter(begun),
		unary:    unanswered(1, claude.ErrUnexpectedResponse, 1),
		streamed: breaksOff(1, claude.ErrStreamTruncated, true),
	},
	{
		fault: "error event before the text", step: fox.FailAfter(claudetest.Events(1), "overloaded_error", "Overloaded"),
		unary:    healthy,
		streamed: outcome{once: 2, attempts: 3, sdk: seen{status: 200, kind: "overloaded_error", id: 3}, plain: seen{own: true}},
	},
	{
		fault: "error event within the text", step: fox.FailAfter(begun, "overloaded_error", "Overloaded"),
		unary:    healthy,
		streamed: outcome{attempts: 1, sdk: seen{status: 200, kind: "overloaded_error", id: 1, partial: true}, plain: seen{own: true, partial: true}},
	},
	{
		fault: "event that is none", step: fox.GarbageAfter(begun),
		unary:    healthy,
		streamed: outcome{attempts: 1, sdk: seen{own: true, partial: true}, plain: seen{nothing: true, partial: true}},
	},

	// Connections that break or are not made.
	alike("reset", claudetest.Reset(), unanswered(2, claude.ErrConnectionLost, 1).gotOver()),
	alike("close", claudetest.Hangup(), unanswered(2, claude.ErrConnectionLost, 1).gotOver()),
	alike("GOAWAY", claudetest.GoAway(), unanswered(2, claude.ErrStaleConnection, 2).gotOver()),
	alike("refused stream", claudetest.RefusedStream(), unanswered(2, claude.ErrStaleConnection, 2).gotOver()),
	alike("certificate of an unknown authority", claudetest.UnknownCA(), unanswered(1, claude.ErrTLS, 1)),
	alike("certificate of another host", claudetest.WrongName(), unanswered(1, claude.ErrTLS, 1)),
	alike("expired certificate", claudetest.Expired(), unanswered(1, claude.ErrTLS, 1)),

	// The same where they really happen.
	alike("reset, on a socket", claudetest.Reset(), healthy.gotOver()).at(onSocket),
	alike("kept connection that has died, on a socket", claudetest.StaleKeepAlive(), healthy.gotOver()).at(onSocket),
	alike("reset, over HTTP/2", claudetest.Reset(), healthy.gotOver()).at(onTLS),
	alike("GOAWAY, over HTTP/2", claudetest.GoAway(), healthy.gotOver()).at(onTLS),
	alike("refused stream, over HTTP/2", claudetest.RefusedStream(), healthy.gotOver()).at(onTLS).
		wrapped(outcome{}), // luck: what is wrapped cannot be told to let go of a connection that is about to end
	{
		fault: "cut before the text, on a socket", step: fox.CutAfter(notBegun), place: onSocket,
		unary: healthy.gotOver(), streamed: healthy.gotOver(),
	},
	{
		fault: "cut before the text, over HTTP/2", step: fox.CutAfter(notBegun), place: onTLS,
		unary: healthy.gotOver(), streamed: healthy.gotOver(),
	},
	alike("proxy that cannot reach the host", claudetest.ProxyRefuses(502), healthy.gotOver()).at(behindAProxy),
	alike("proxy that forbids the host", claudetest.ProxyRefuses(403), unanswered(1, claude.ErrProxy, 1)).at(behindAProxy).
		wrapped(unanswered(3, claude.ErrConnect, 1)), // what is wrapped does not show its proxy
}

// stage is where a caller calls.
type stage struct {
	url   string
	base  http.RoundTripper
	retry claude.RetryPolicy
}

// played is what became of a call.
type played struct {
	reply

	attempts int
	calls    int // that the transport was asked for
}

// play lets a caller call through a Transport, first a call that goes well if kept.
func (c caller) play(t *testing.T, s stage, streamed, kept bool) played {
	t.Helper()
	var attempts, calls atomic.Int64
	spans := tracetest.NewSpanRecorder()
	base := s.base
	if c.wrap != nil {
		base = c.wrap(base, spans)
	}
	transport := &claude.Transport{Base: base, Retry: s.retry, Observer: claude.Observer{
		CallStart:   func(ctx context.Context, _ claude.CallInfo) context.Context { calls.Add(1); return ctx },
		AttemptDone: func(context.Context, claude.CallInfo, claude.Attempt) { attempts.Add(1) },
	}}
	client := &http.Client{Transport: transport}
	if c.wrap != nil {
		client.Transport = c.wrap(transport, spans)
	}
	if kept {
		require.NoError(t, c.call(t.Context(), client, s.url, streamed).err)
		attempts.Store(0)
		calls.Store(0)
		spans.Reset()
	}
	r := c.call(t.Context(), client, s.url, streamed)
	transport.CloseIdleConnections()
	p := played{r, int(attempts.Load()), int(calls.Load())}
	if c.wrap != nil {
		assert.Len(t, spans.Ended(), p.calls+p.attempts, "a span for each call and each attempt in it")
	}
	return p
}

// ask plays steps to a caller, wherever the row wants them.
func (r row) ask(t *testing.T, c caller, streamed bool, steps ...claudetest.Step) (p played) {
	t.Helper()
	if r.place == inMemory {
		synctest.Test(t, func(t *testing.T) {
			script := claudetest.NewTransport(steps...)
			p = c.play(t, stage{"https://api.anthropic.com", script, claude.RetryPolicy{}}, streamed, false)
		})
		return p
	}
	base := &http.Transport{ForceAttemptHTTP2: true}
	defer base.CloseIdleConnections()
	s := stage{base: base, retry: claude.RetryPolicy{BaseDelay: 1, OverloadBase: 1}}
	if r.place == onSocket {
		steps = append([]claudetest.Step{claudetest.Text("before")}, steps...)
		s.url = claudetest.NewServer(t, steps...).URL
		return c.play(t, s, streamed, true)
	}
	server := claudetest.NewTLSServer(t, steps...)
	s.url = server.URL
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(server.CertPEM))
	base.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if r.place == behindAProxy {
		address, err := server.ProxyURL()
		require.NoError(t, err)
		proxy, err := url.Parse(address)
		require.NoError(t, err)
		s.url, base.Proxy = "https://api.anthropic.com", http.ProxyURL(proxy)
	}
	return c.play(t, s, streamed, false)
}

func TestEveryClientGetsThroughWhatCanBeGotThrough(t *testing.T) {
	for _, r := range faults {
		for mode, streamed := range map[string]bool{"unary": false, "streamed": true} {
			for _, c := range callers {
				want := r.unary
				if streamed {
					want = r.streamed
				}
				if c.wrap != nil && r.hidden != nil {
					want = *r.hidden
				}
				t.Run(r.fault+"/"+mode+"/"+c.name, func(t *testing.T) {
					if r.place != inMemory {
						t.Parallel() // an SDK that tries again by itself waits real time
					}
					see := want.plain
					if c.sdk {
						see = want.sdk
					}
					if want.once > 0 {
						got := r.ask(t, c, streamed, r.step, fox.Always())
						assert.Equal(t, reply{text: foxText, complete: true}, got.reply, "what a healthy API answers: %v", got.err)
						assert.Equal(t, want.once, got.attempts)
						assert.Equal(t, 1, got.calls)
					}
					if want.attempts == 0 {
						return
					}
					got := r.ask(t, c, streamed, r.step.Always(), fox.Always())
					assert.Equal(t, want.attempts+see.again, got.attempts)
					see.check(t, got.reply)
				})
			}
		}
	}
}

const foxText = "the quick brown fox jumps over the lazy dog"

// check compares what a caller has in the end with what it was to see.
func (s seen) check(t *testing.T, got reply) {
	t.Helper()
	if s.nothing {
		require.NoError(t, got.err)
	} else {
		require.Error(t, got.err)
	}
	assert.Equal(t, s.status != 0, got.typed, "%v", got.err)
	assert.Equal(t, s.status, got.status)
	assert.Equal(t, s.kind, got.kind)
	if s.id > 0 {
		assert.Equal(t, fmt.Sprintf("req_%06d", s.id), got.requestID)
	} else {
		assert.Empty(t, got.requestID)
	}
	if s.class != "" { // an SDK's own error says nothing of it: see TestAnSDKsErrorCanBeExplained
		assert.Equal(t, s.class, claude.ClassOf(got.err), "%v", got.err)
	}
	if s.own {
		assert.Equal(t, claude.ErrUnknown, claude.ClassOf(got.err), "%v", got.err)
	}
	assert.Equal(t, s.partial, got.text != "")
}
