package claude

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/steadfast-go/claude/internal/redact"
	"github.com/steadfast-go/claude/internal/wire"
)

// Transport is an [http.RoundTripper] that makes calls of the Messages API
// resilient: it judges every attempt, retries what is worth it, waits as long as
// the server asks, refuses calls to a target that keeps failing and leaves
// everything else alone. The typed client works through one; under any other HTTP
// client it is a drop-in:
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
	// Breaker says when calls to a failing target are refused.
	Breaker BreakerPolicy
	// Timeouts limit the phases of an attempt.
	Timeouts Timeouts
	// Validation says what happens to a raw POST /v1/messages whose body the API
	// would refuse. Default: it is sent.
	Validation TransportValidation
	// Logger gets a line for each attempt, call and warning, as [WithLogger] says.
	Logger *slog.Logger
	// Observer is told everything.
	Observer Observer
	// Match, if set, says which raw requests are calls of the API, in place of
	// their method and path. The others go straight to Base.
	Match func(*http.Request) bool

	network network // of a base that is ours

	once     sync.Once
	err      error // of the fields, found on first use
	base     http.RoundTripper
	fresh    http.RoundTripper // makes attempts on connections of their own; nil for a base that is not ours
	ours     bool              // base is one of newBase
	dials    bool              // base is a transport of net/http that does not tell us when it dials
	retry    RetryPolicy
	limit    Timeouts
	observer Observer
	proxy    func(*http.Request) (*url.URL, error) // of a base that is ours
	seed     maphash.Seed
	traceKey any // where a context has the hooks of httptrace
	targets  targets
	wraps    atomic.Bool // a base of the user's that has a transport of net/http in it

	watching sync.Mutex
	watchers []func(context.Context, StateChange)
	calls    atomic.Uint64
	accounts atomic.Uint64 // handed out to clients whose credential changes
}

// TransportValidation says what a [Transport] does with the body of a raw POST
// /v1/messages before sending it.
type TransportValidation int

// The ways to check a raw body.
const (
	TransportValidationOff    TransportValidation = iota // send it unread
	TransportValidationWarn                              // send it, and tell Observer.Warning and the logger what is wrong
	TransportValidationRefuse                            // refuse what the API is sure to refuse, with a [*ValidationError]; warn of the rest
)

// init prepares the Transport once.
func (t *Transport) init() error {
	t.once.Do(func() {
		t.err = errors.Join(t.Retry.check(), t.Breaker.check(), t.Timeouts.check())
		if t.Validation < TransportValidationOff || t.Validation > TransportValidationRefuse {
			t.err = errors.Join(t.err, &ConfigError{Field: "Transport.Validation", Problem: "is none of TransportValidationOff, TransportValidationWarn, TransportValidationRefuse"})
		}
		t.retry, t.limit = t.Retry.withDefaults(), t.Timeouts.withDefaults()
		t.targets.policy, t.targets.budget = t.Breaker.withDefaults(), t.retry.Budget
		t.seed, t.traceKey = maphash.MakeSeed(), traceKey()
		t.observer = t.Observer
		if t.Logger != nil {
			t.observer = joinTwo(t.observer, slogObserver(t.Logger))
		}
		t.watch(t.observer.StateChange)
		if t.Base == nil {
			t.base, t.fresh, t.ours = newBase(t.network), newFresh(t.network), true
		} else {
			t.base = t.Base
		}
		if net, ok := t.base.(*http.Transport); ok {
			t.proxy, t.dials = net.Proxy, !t.ours
		}
	})
	return t.err
}

// watch adds somebody to be told of changes of the breakers: all who work through
// the transport are, whichever call it was that made the change.
func (t *Transport) watch(told func(context.Context, StateChange)) {
	if told == nil {
		return
	}
	t.watching.Lock()
	defer t.watching.Unlock()
	t.watchers = append(t.watchers, told)
}

func (t *Transport) changed(ctx context.Context, change StateChange) {
	t.watching.Lock()
	watchers := t.watchers
	t.watching.Unlock()
	for _, told := range watchers {
		told(ctx, change)
	}
}

// CloseIdleConnections closes connections that nobody uses.
func (t *Transport) CloseIdleConnections() {
	if t.init() == nil {
		closeIdle(t.base)
		if t.fresh != nil {
			closeIdle(t.fresh)
		}
	}
}

// Health returns how the targets called so far are: breaker, gate, budget and
// last failure of each. It makes no call.
func (t *Transport) Health() Health {
	if t.init() != nil {
		return Health{At: time.Now()}
	}
	return t.targets.health(time.Now())
}

// RoundTrip sends a request of the Messages API as many times as it takes. It
// returns the last answer as it came whenever there was one, its body intact,
// and an error, a [*CallError], only when there was none or when it is not the
// API's: an HTML page with status 200, or a redirect, which an [http.Client] would
// follow to any host with the key in its X-Api-Key header. A call that another
// call's Retry-After keeps from being sent is answered with a copy of that 429.
// Requests of anything else go straight to Base. The caller's request and
// credential are left as they are, unless Credential is set.
//
// Answers to other requests than POST /v1/messages, counting tokens and models
// (files, the results of batches) pass through as they come. What makes something,
// an upload or a new batch, is sent again only if the server cannot have acted on
// it; a body over 32 MiB that has no GetBody is sent once.
//
// Where the caller is a client that retries too and marks its attempts
// (X-Stainless-Retry-Count), the final answer of a failed call says x-should-retry:
// false, so that attempts are not multiplied. Such a client knows no word against
// retrying where there was no answer at all; what it then sends again is attempted
// once each time.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.init(); err != nil {
		closeBody(req)
		return nil, refuse("round trip", Target{}, err)
	}
	if req.URL == nil || req.Header == nil {
		closeBody(req)
		return nil, refuse("round trip", Target{}, &ConfigError{Field: "Request", Problem: "has no URL or no Header"})
	}
	if ours := t.Match; ours != nil && !ours(req) || ours == nil && !isAPI(req) {
		return t.base.RoundTrip(req)
	}
	c, err := t.rawCall(req)
	if err != nil {
		c.info.Target.Model = strings.Clone(c.info.Target.Model) // it lies in the body
		return nil, refuse(c.info.Op, c.info.Target, err)
	}
	out, _, failure := t.run(req.Context(), c)
	if c.onceOnly {
		closeBody(req) // in case no attempt got as far as that
	}
	resp := out.resp
	switch {
	case failure == nil:
	case resp == nil && len(failure.Attempts) == 0 && (failure.Reason == ReasonGate || failure.Reason == ReasonDeadline):
		api, ok := errors.AsType[*APIError](failure)
		if !ok {
			return nil, failure
		}
		resp = api.again(time.Until(failure.RetryAt))
	case resp == nil:
		return nil, failure
	case out.class == ErrUnexpectedResponse, out.class == ErrRedirect && first(resp.Header, "Location") != "":
		drop(resp)
		return nil, failure
	}
	resp.Request = req
	if failure != nil && t.silences(req, failure) && (retriedBlindly(resp.StatusCode) || first(resp.Header, "X-Should-Retry") == "true") {
		resp.Header = resp.Header.Clone()
		resp.Header.Set("X-Should-Retry", "false")
	}
	return resp, nil
}

// silences reports whether the caller is a client that retries too, and is not to
// retry this. What it tries again already, because it got no answer, it may go on
// trying at its own pace, but not to wait for longer than we would.
func (t *Transport) silences(req *http.Request, failure *CallError) bool {
	marked, again := outerRetry(req)
	if t.retry.MaxAttempts == 1 {
		return false // then it is for the caller alone to retry
	}
	itsTurn := again && failure.Reason == ReasonAttempts && time.Until(failure.RetryAt) <= t.retry.MaxRetryAfter
	return marked && !itsTurn
}

// outerRetry reports whether a request comes from a client that retries and marks
// its attempts, and whether it is such a retry.
func outerRetry(req *http.Request) (marked, again bool) {
	count := first(req.Header, "X-Stainless-Retry-Count")
	return count != "", count != "" && count != "0"
}

// retriedBlindly reports whether other clients try an answer again by its status;
// a success they try again if its body breaks off.
func retriedBlindly(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return true
	}
	return status < 300 || status >= 500
}

// again makes the answer an error came from, for a call that was not sent because
// of it. left is what remains of the wait it asked for.
func (e *APIError) again(left time.Duration) *http.Response {
	header := e.Header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	header.Del("Retry-After-Ms")
	header.Set("Retry-After", strconv.FormatInt(int64((max(0, left)+time.Second-1)/time.Second), 10))
	header.Set("Content-Length", strconv.Itoa(len(e.Body)))
	header.Del("Content-Encoding") // the error keeps the plain body
	return &http.Response{
		Status: strconv.Itoa(e.Status) + " " + http.StatusText(e.Status), StatusCode: e.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: bodyOf(string(e.Body)), ContentLength: int64(len(e.Body)),
	}
}

// rawCall makes a call of a raw request. It returns one on failure too, for the
// error's sake.
func (t *Transport) rawCall(req *http.Request) (*call, error) {
	kind := kindOf(req)
	c := newCall()
	c.raw, c.info = true, CallInfo{Op: opOf(req, kind), Target: Target{Host: req.URL.Host}}
	c.method, c.url, c.host, c.header = req.Method, req.URL, req.Host, req.Header
	c.close, c.trailer = req.Close, req.Trailer
	c.check, c.streamed, c.makes = kind.check(), kind.streamed(), makes(req, kind)
	c.credential, c.retry, c.timeouts, c.observer = t.Credential, &t.retry, &t.limit, &t.observer
	if _, again := outerRetry(req); again {
		once := t.retry
		once.MaxAttempts = 1
		c.retry = &once
	}
	c.gate = uint64(kind.lane())
	if t.Credential == nil {
		c.gate ^= t.accountOf(credentialIn(req.Header))
	}
	data, err := c.takeBody(req, kind == kindMessage || kind == kindCount)
	if err != nil {
		return c, err
	}
	if model := wire.NewDecoder(shared(data)).PeekString("model"); len(model) <= maxModel {
		c.info.Target.Model = model
	}
	c.tokens = (len(data) - rawMediaSize(shared(data))*9/10) / bytesPerToken
	if kind == kindMessage && data != nil && t.Validation != TransportValidationOff {
		if err := t.checkBody(req, c.info.Op, data); err != nil {
			return c, err
		}
	}
	return c, nil
}

// makes reports whether a request makes something that stays: a POST of a batch, a
// file, or whatever there will be. A second one would make it twice.
func makes(req *http.Request, kind rawKind) bool {
	return kind == kindOther && req.Method == http.MethodPost && isAPI(req) && !strings.HasSuffix(req.URL.Path, "/cancel")
}

// rawMediaSize is about the length of the base64 data in a body.
func rawMediaSize(body string) (size int) {
	const member = `"data":"`
	for {
		i := strings.Index(body, member)
		if i < 0 {
			return size
		}
		body = body[i+len(member):]
		if n := strings.IndexByte(body, '"'); n > 4<<10 {
			size += n
		}
	}
}

// checkBody applies Validation to a raw body.
func (t *Transport) checkBody(req *http.Request, op string, body []byte) error {
	version := first(req.Header, "Anthropic-Version")
	if version == "" {
		version = Version20261021
	}
	return t.observer.sift(req.Context(), op, CheckJSON(body, version), func(p Problem) bool {
		return p.Severity == SeverityError && t.Validation == TransportValidationRefuse
	})
}

// accountOf is what a gate knows a credential by.
func (t *Transport) accountOf(secret string) uint64 { return maphash.String(t.seed, secret) << 2 }

// credentialIn returns the key or token that a request's header carries.
func credentialIn(h http.Header) string {
	if key := first(h, "X-Api-Key"); key != "" {
		return key
	}
	token := first(h, "Authorization")
	if len(token) > 7 && strings.EqualFold(token[:7], "bearer ") {
		token = token[7:]
	}
	return token
}

// apiPath returns what follows the last "/v1/" of a path.
func apiPath(u *url.URL) (path string, ok bool) {
	if u == nil {
		return "", false
	}
	const root = "/v1/"
	i := strings.LastIndex(u.Path, root)
	if i < 0 {
		return "", false
	}
	return u.Path[i+len(root):], true
}

// isAPI reports whether a request is one of the Messages API, by its method and
// path alone: the host may be any gateway.
func isAPI(req *http.Request) bool {
	path, ok := apiPath(req.URL)
	root, _, _ := strings.Cut(path, "/")
	return ok && slices.Contains([]string{"messages", "models", "files"}, root)
}

// rawKind is what a raw request asks for, as far as its answer can be judged.
type rawKind uint8

const (
	kindOther   rawKind = iota // a download, an upload, a batch: its answer passes through
	kindMessage                // POST /v1/messages
	kindCount                  // POST /v1/messages/count_tokens
	kindModels                 // GET /v1/models
)

func kindOf(req *http.Request) rawKind {
	path, _ := apiPath(req.URL)
	switch {
	case req.Method == http.MethodPost && path == "messages":
		return kindMessage
	case req.Method == http.MethodPost && path == "messages/count_tokens":
		return kindCount
	case req.Method == http.MethodGet && (path == "models" || strings.HasPrefix(path, "models/")):
		return kindModels
	}
	return kindOther
}

func (k rawKind) lane() lane {
	switch k {
	case kindMessage:
		return laneMessages
	case kindCount:
		return laneCount
	case kindModels, kindOther:
	}
	return laneOther
}

// streamed says what becomes of an answer of the kind that is a stream.
func (k rawKind) streamed() streamMode {
	if k == kindMessage {
		return streamedHeld
	}
	return notStreamed
}

// check returns what says whether a body is an answer of the kind.
func (k rawKind) check() func(body string) error {
	switch k {
	case kindMessage:
		return checkMessage
	case kindCount, kindModels:
		return checkJSONText
	case kindOther:
	}
	return nil
}

func checkJSONText(body string) error {
	dec := wire.NewDecoder(body)
	dec.Skip()
	dec.End()
	return dec.Err()
}

// checkMessage returns an error unless a body is a Message object: of that type,
// with a list of content. The rest may lack, as it does behind some gateways.
func checkMessage(body string) error {
	dec := wire.NewDecoder(body)
	typ, list := "", false
	for ok := dec.BeginObject(); ok; {
		var name string
		if name, ok = dec.NextMember(); !ok {
			break
		}
		switch {
		case name == "type" && dec.Kind() == '"':
			typ = dec.String()
			continue
		case name == "content":
			list = dec.Kind() == '['
		}
		dec.Skip()
	}
	dec.End()
	switch {
	case dec.Err() != nil:
		return dec.Err()
	case typ != "message":
		return errors.New(`no "type":"message" in it`)
	case !list:
		return errors.New("no list of content in it")
	}
	return nil
}

// opOf names a raw request: its method and the end of its path.
func opOf(req *http.Request, kind rawKind) string {
	switch kind { // what is asked for most is not put together each time
	case kindMessage:
		return "POST /v1/messages"
	case kindCount:
		return "POST /v1/messages/count_tokens"
	case kindModels, kindOther:
	}
	if path, ok := apiPath(req.URL); ok {
		return redact.Line(req.Method+" /v1/"+withoutIDs(path), maxShownMessage)
	}
	if req.URL == nil {
		return req.Method
	}
	return redact.Line(req.Method+" "+req.URL.Path, maxShownMessage)
}

// withoutIDs puts {id} in the place of what differs from call to call, so that an
// operation serves as a label.
func withoutIDs(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		switch p {
		case "messages", "models", "files", "batches", "count_tokens", "results", "content", "cancel":
		default:
			parts[i] = "{id}"
		}
	}
	return strings.Join(parts, "/")
}

const (
	maxModel      = 256      // bytes of a model's name
	maxBuffered   = 32 << 20 // bytes of a raw caller's body that are kept to be sent again
	bytesPerToken = 4        // of a prompt in JSON, roughly
)

// takeBody makes the request's body replayable: by a copy of it up to 32 MiB, or
// by its GetBody. A larger one without is passed through, and sent once. It
// returns the copy; read says that it is needed.
func (c *call) takeBody(req *http.Request, read bool) (data []byte, err error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	c.length = req.ContentLength
	if req.GetBody != nil && (!read || req.ContentLength > maxBuffered) {
		closeBody(req)
		c.newBody = req.GetBody
		return nil, nil
	}
	if req.ContentLength <= maxBuffered {
		data, err = readUpTo(req.Body, maxBuffered, req.ContentLength)
	} else {
		err = errTooLarge // as it says itself: an upload need not wait for us
	}
	switch {
	case errors.Is(err, errTooLarge) && req.GetBody != nil:
		closeBody(req)
		c.newBody = req.GetBody
		return nil, nil
	case errors.Is(err, errTooLarge):
		c.onceOnly = true
		whole := &replayedBody{Reader: io.MultiReader(bytes.NewReader(data), req.Body), Closer: req.Body}
		c.newBody = func() (io.ReadCloser, error) { return whole, nil }
		return nil, nil
	case err != nil && req.Context().Err() != nil:
		closeBody(req)
		return nil, req.Context().Err()
	case err != nil:
		closeBody(req)
		return nil, &ConfigError{Field: "Body", Problem: "cannot be read", Err: err}
	case req.ContentLength > 0 && int64(len(data)) != req.ContentLength:
		closeBody(req)
		return nil, &ConfigError{Field: "Body", Problem: fmt.Sprintf("has %d bytes, ContentLength says %d", len(data), req.ContentLength)}
	}
	closeBody(req)
	c.length = int64(len(data))
	c.body = wire.BodyOf(data)
	return data, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// textBody is a body that has been read before. It lets go of its text once that has
// been read again.
type textBody struct {
	text strings.Reader
	err  error // what ended the reading, nil at its end
}

// bodyOf makes a body of a text.
func bodyOf(text string) *textBody {
	b := new(textBody)
	b.text.Reset(text)
	return b
}

func (b *textBody) Read(p []byte) (int, error) {
	n, err := b.text.Read(p)
	if errors.Is(err, io.EOF) {
		b.text.Reset("")
		if b.err != nil {
			err = b.err
		}
	}
	return n, err
}

// WriteTo spares the copy that io.Copy would make.
func (b *textBody) WriteTo(w io.Writer) (int64, error) {
	n, err := b.text.WriteTo(w)
	if err == nil {
		b.text.Reset("")
		err = b.err
	}
	return n, err
}

// Close does nothing: there is nothing to give back, and a Read may be under way.
func (b *textBody) Close() error { return nil }

// CheckResponse returns the typed error of a raw HTTP call's answer, as a
// [*CallError], or nil if it is a success. The body can be read afterwards as if
// nobody had looked at it. For an answer that came through a [Transport] it is
// the final word: everything worth trying has been tried.
//
//	resp, err := httpClient.Do(req)
//	if err == nil {
//		err = claude.CheckResponse(resp)
//	}
func CheckResponse(resp *http.Response) error {
	if resp == nil {
		return &CallError{Op: "check response", Class: ErrConfig, Reason: ReasonFinal, Processed: NotSent, Err: &ConfigError{Field: "resp", Problem: "is nil"}}
	}
	c := &call{raw: true, info: CallInfo{Op: "check response"}}
	if resp.Request != nil && resp.Request.URL != nil {
		c.info = CallInfo{Op: opOf(resp.Request, kindOf(resp.Request)), Target: Target{Host: resp.Request.URL.Host}}
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	o := observation{now: time.Now(), stage: StageBody, status: resp.StatusCode, header: resp.Header, call: c}
	envelope := o.status < 300 && mediaType(o.header) == "application/json"
	if o.status >= 300 || envelope {
		o.peek(resp)
	}
	v := judge(&o)
	if v.class == "" && envelope && wire.NewDecoder(o.body).PeekString("type") == "error" {
		v = judgeFailure(&o, fail(newAPIError(&o)))
	}
	if v.class == "" {
		return nil
	}
	e := c.failed(&outcome{verdict: v}, ReasonFinal, time.Time{})
	e.RequestID = first(o.header, "Request-Id")
	if v.hinted {
		e.RetryAt = o.now.Add(v.hint)
	}
	return e
}

// peek reads the start of an answer's body and puts it back.
func peek(resp *http.Response) (head string, err error) {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	head = string(data)
	resp.Body = &replayedBody{Reader: io.MultiReader(strings.NewReader(head), resp.Body), Closer: resp.Body, err: err}
	return head, err
}
