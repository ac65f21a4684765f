package proxy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
)

// exchange is a request and what became of it. Only the goroutine that serves the
// request touches it, until it is counted.
type exchange struct {
	start time.Time
	op    string // such as "POST /v1/messages"
	model string
	api   bool // a call of the API, made by claude.Transport

	refused   string // why the proxy itself refused it; empty if it did not
	status    int    // of the answer
	attempts  int
	class     claude.Class // empty for success
	detail    string       // of the failure, without secrets and prompts
	requestID string
	firstByte time.Duration // until the answer's header; 0: none came
	total     time.Duration

	failure *claude.CallError // of the call, also where there was an answer
	stream  *watchedStream    // the answer, if it is a stream of the API
	body    *watchedBody      // the answer otherwise
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// fail notes what went wrong. The first failure counts.
func (x *exchange) fail(class claude.Class, detail string) {
	if x.class == "" {
		x.class, x.detail = class, detail
	}
}

// observer tells an exchange what the Transport did for it.
func observer() claude.Observer {
	return claude.Observer{CallDone: func(ctx context.Context, call claude.CallInfo, result claude.CallResult) {
		x := exchangeOf(ctx)
		if x == nil {
			return
		}
		x.api, x.op, x.model = true, call.Op, call.Target.Model
		x.attempts, x.requestID = len(result.Attempts), result.RequestID
		if failure, ok := errors.AsType[*claude.CallError](result.Err); ok {
			x.failure = failure
			x.fail(failure.Class, detail(failure))
		}
	}}
}

// forward sends a request upstream and its answer back.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, x *exchange) {
	p.limitBody(w, r)
	p.reverse.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x)))
}

func (p *Proxy) newReverse() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		Transport:      caller{p.transport},
		ModifyResponse: p.modify,
		ErrorHandler:   p.fail,
		FlushInterval:  -1, // at once
		BufferPool:     &p.buffers,
		ErrorLog:       slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // see exchange.end
	}
}

// rewrite makes the request that goes upstream.
func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	r.SetURL(p.upstream)
	h := r.Out.Header
	for name := range h {
		if strings.HasPrefix(name, "X-Steadfast-") {
			delete(h, name)
		}
	}
	p.token.strip(h)
	if key := p.config.Key.Reveal(); key != "" {
		h.Del("Authorization")
		h.Set("X-Api-Key", key)
	}
	if isMessage(r.Out) {
		h.Set("Accept-Encoding", "identity") // what is compressed cannot be watched
	}
}

// isMessage reports whether a request creates a message.
func isMessage(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/v1/messages")
}

// caller makes the calls for the reverse proxy.
//
// It does so on a goroutine of its own. A call needs a deep stack, and the one of the
// goroutine that serves the request would stay that large while its stream is open.
//
// And it gives every answer a header of its own: the Transport may keep the one it
// came with, for the calls that have to wait because of it.
type caller struct{ http.RoundTripper }

func (c caller) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	done := make(chan any)
	go func() {
		defer func() { done <- recover() }()
		resp, err = c.RoundTripper.RoundTrip(r)
	}()
	if panicked := <-done; panicked != nil {
		panic(panicked)
	}
	if err != nil {
		return nil, err
	}
	resp.Header, resp.Request = resp.Header.Clone(), r
	return resp, nil
}

// modify prepares an answer of the upstream for the caller.
func (p *Proxy) modify(resp *http.Response) error {
	x := exchangeOf(resp.Request.Context())
	if x.failure != nil && !isAnswer(resp.StatusCode, x.failure) {
		return x.failure
	}
	x.firstByte = time.Since(x.start)
	x.status = resp.StatusCode
	if x.requestID == "" {
		x.requestID = resp.Header.Get("Request-Id")
	}
	if !x.api && resp.StatusCode >= http.StatusBadRequest {
		if err := claude.CheckResponse(resp); err != nil {
			x.fail(claude.ClassOf(err), detail(err))
		}
	}
	h := resp.Header
	h.Del(ClassHeader)
	h.Del(AttemptsHeader)
	if x.class != "" {
		h.Set(ClassHeader, string(x.class))
	}
	if x.api {
		h.Set(AttemptsHeader, strconv.Itoa(x.attempts))
	}
	if x.failure != nil && x.attempts > 0 && retriedByStatus(resp.StatusCode) {
		h.Set("X-Should-Retry", "false") // what is worth it has been done
	}
	switch {
	case resp.StatusCode == http.StatusSwitchingProtocols:
	case x.api && isMessage(resp.Request) && resp.StatusCode < 300 && isEventStream(h):
		h.Del("Content-Length") // there may be an event to add
		resp.ContentLength = -1
		x.stream = &watchedStream{body: resp.Body, ctx: resp.Request.Context(), requestID: x.requestID}
		resp.Body = x.stream
	default:
		x.body = &watchedBody{ReadCloser: resp.Body}
		resp.Body = x.body
	}
	return nil
}

// isAnswer reports whether the answer of a failed call is one that a caller can do
// something with, as opposed to one that broke off before any of it was handed on.
func isAnswer(status int, failure error) bool {
	_, ok := errors.AsType[*claude.APIError](failure) // an error inside a 200
	return ok || status >= 300
}

func isEventStream(h http.Header) bool {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return kind == "text/event-stream"
}

// retriedByStatus reports whether clients try an answer again by its status.
func retriedByStatus(status int) bool {
	return status >= 500 || slices.Contains([]int{http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests}, status)
}

// fail answers a request that got no answer.
func (p *Proxy) fail(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r.Context())
	if isOverLimit(err) {
		p.refuse(w, r, x, p.tooLarge())
		return
	}
	class := claude.ClassOf(err)
	x.fail(class, detail(err))
	if class == claude.ErrCanceled && !isStopped(r.Context()) {
		x.status = statusClientGone
		w.WriteHeader(x.status) // nobody is there to read it
		return
	}
	status, typ := kindOf(class)
	x.status, x.firstByte = status, time.Since(x.start)
	h := w.Header()
	h.Set(ClassHeader, string(class))
	if x.api {
		h.Set(AttemptsHeader, strconv.Itoa(x.attempts))
	}
	requestID := ""
	if failure, ok := errors.AsType[*claude.CallError](err); ok {
		requestID = failure.RequestID
		if !failure.RetryAt.IsZero() {
			setRetryAfter(h, time.Until(failure.RetryAt))
		}
	}
	if x.attempts > 0 && class != claude.ErrCanceled { // of a proxy that stops another may answer
		h.Set("X-Should-Retry", "false")
	}
	answer(w, status, typ, explain(err), requestID)
}

// statusClientGone is what logs have for a caller that left before its answer.
const statusClientGone = 499

// refuse answers a request that the proxy itself refuses.
func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, x *exchange, why *refusal) {
	x.refused, x.status = why.reason, why.status
	if why.reason == refusedBody {
		w.Header().Set(ClassHeader, string(claude.ErrTooLarge))
		w.Header().Set("Connection", "close")
		p.discardBody(w, r)
	}
	refuse(w, why)
}

// end says what became of a request, once it has been served. broke says that its
// answer did not reach the caller whole.
func (x *exchange) end(ctx context.Context, broke bool) {
	x.total = time.Since(x.start)
	gone := func() { x.fail(claude.ErrCanceled, "the caller left") }
	switch {
	case x.refused != "", x.class != "":
	case x.stream != nil:
		class, detail := x.stream.result()
		switch {
		case class != "":
			x.fail(class, detail)
		case broke && !x.stream.over():
			gone()
		}
	case !broke:
	case x.body != nil && x.body.err != nil && ctx.Err() == nil:
		x.fail(claude.ErrBodyCut, "the answer broke off")
	default:
		gone()
	}
}

// watchedBody remembers how the reading of an answer ended.
type watchedBody struct {
	io.ReadCloser
	err error // nil: at its end, or not at all
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}
