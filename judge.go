package claude

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/steadfast-go/claude/internal/netstage"
	"github.com/steadfast-go/claude/internal/redact"
	"github.com/steadfast-go/claude/internal/wire"
)

// observation is everything known about an attempt when it has ended.
type observation struct {
	now   time.Time
	stage Stage // how far it got

	// Without an answer:
	err     error         // of the base RoundTripper
	caller  error         // of the caller's context; nil if it goes on
	limit   *timeoutError // the limit of ours that ended it
	addr    string        // whom it was talking to
	proxy   string        // the proxy in use, redacted
	reused  bool          // the connection was a pooled one
	hooked  bool          // the base got as far as looking for a connection
	nethttp bool          // the base is one of net/http
	wrote   bool          // the request was written to its end

	// With an answer:
	status  int
	secret  string // the credential in use, to be kept out of every text
	header  http.Header
	body    string // all of it, or the start of a failed answer's
	bodyErr error  // what ended the reading of the body, nil at its end
	whole   bool   // of a raw call: body is all of the answer
	packed  string // of a raw call: what body was before it was unpacked; empty if it was not packed

	opening   *opening     // of a stream: its beginning
	collected *eventReader // of a stream that was read to its end, or to bodyErr
	call      *call        // what the answer is for
}

// verdict is what an attempt came to.
type verdict struct {
	class     Class // "" for success
	err       error // the typed cause
	processed Processed
	temporary bool
	once      bool          // it has begun to answer: one more attempt at most
	neutral   bool          // it says nothing of the target, whatever its class
	hint      time.Duration // how long the server asked us to wait
	hinted    bool
	override  retryOverride // x-should-retry
}

type retryOverride uint8

const (
	noOverride retryOverride = iota
	mustRetry
	mustNotRetry
)

// judge is the one place that says what an attempt came to. It is pure.
func judge(o *observation) verdict {
	var v verdict
	switch {
	case o.status == 0:
		v = judgeNoAnswer(o)
	case o.status >= 300 && o.status < 400:
		v = fail(&ResponseError{
			Status: o.status, Problem: "redirect, not followed", Location: location(o.header),
			RequestID: first(o.header, "Request-Id"), Header: o.header.Clone(), class: ErrRedirect,
		})
	case o.status >= 400:
		v = fail(newAPIError(o))
	case o.opening != nil:
		v = judgeOpening(o)
	case o.collected != nil:
		v = judgeCollected(o)
	case o.call.raw && !o.whole: // the body belongs to the caller
		v = judgeHeader(o)
	default:
		v = judgeBody(o)
	}
	if v.class == "" {
		return v
	}
	return judgeFailure(o, v)
}

// judgeFailure completes the verdict on a failure by its class and its headers.
func judgeFailure(o *observation, v verdict) verdict {
	if v.processed == "" {
		v.processed = classes[v.class].processed
	}
	v.hint, v.hinted = retryAfter(o.header, o.status, o.now)
	switch hint := first(o.header, "X-Should-Retry"); {
	case v.override != noOverride: // decided already
	case hint == "true":
		v.override = mustRetry
	case hint == "false":
		v.override = mustNotRetry
	}
	if e, ok := v.err.(*APIError); ok {
		e.RetryAfter = v.hint
	}
	return v
}

// fail makes a verdict of an error that knows its class.
func fail(err interface {
	error
	Class() Class
},
) verdict {
	return verdict{class: err.Class(), err: err}
}

// judgeNoAnswer judges an attempt that ended without an answer's header.
func judgeNoAnswer(o *observation) verdict {
	if o.caller != nil {
		return callerEnded(o)
	}
	e := &NetworkError{Stage: o.stage, Addr: o.addr, Proxy: o.proxy, Reused: o.reused, Err: plainCause(o.err), secret: NewSecret(o.secret)}
	v := verdict{err: e}
	kind := netstage.Of(o.err)
	if o.limit != nil {
		kind, e.Err = netstage.TimedOut, o.limit
	}
	e.Timeout = kind == netstage.TimedOut
	if dns, ok := errors.AsType[*net.DNSError](o.err); ok && dns.IsTimeout {
		e.Timeout = true
	}

	op, _ := errors.AsType[*net.OpError](o.err)
	wrote := o.wrote
	if wrote && op != nil && op.Op == "write" {
		// net/http calls a request written that lies in its buffer.
		wrote, e.Stage = false, StageWrite
	}
	proxyRefusal, refused := errors.AsType[*proxyError](o.err)
	if !refused && o.nethttp && e.Proxy != "" {
		proxyRefusal, refused = refusalOf(o.err)
	}
	switch {
	case refused:
		e.Stage, e.Err = StageProxy, proxyRefusal
		e.class, e.Temporary = ErrProxy, proxyRefusal.status >= 500
	case op != nil && (op.Op == "proxyconnect" || op.Op == "socks connect"), o.stage == StageProxy:
		e.Stage, e.class, e.Temporary = StageProxy, ErrProxy, true
		switch kind {
		case netstage.Certificate, netstage.NotTLS, netstage.Alert:
			e.Temporary, e.TLS = false, tlsFailure(o.err, kind)
		case netstage.Denied:
			e.Temporary = false
		default:
		}
	case kind == netstage.NotFound:
		e.Stage, e.class = StageDNS, ErrDNS
	case kind == netstage.DNSFailure, o.stage == StageDNS:
		e.Stage, e.class, e.Temporary = StageDNS, ErrDNS, true
	case kind == netstage.Certificate, kind == netstage.NotTLS, kind == netstage.Alert && !(wrote && o.reused):
		e.Stage, e.class, e.TLS = StageTLS, ErrTLS, tlsFailure(o.err, kind)
	case o.stage == StageTLS:
		e.class, e.Temporary = ErrTLS, true
	case o.stage == StageConnect, op != nil && op.Op == "dial":
		e.class, e.Temporary = ErrConnect, true
	case kind == netstage.NotLooked, errors.Is(o.err, errReplayed):
		e.class, e.processed, e.Temporary = ErrStaleConnection, NotSent, true
	case o.limit != nil:
		e.class = ErrTimeout
	case o.reused && !wrote:
		// The pool handed out a connection that had died unnoticed. The server
		// cannot have acted on half a request.
		e.class, e.processed, e.Temporary = ErrStaleConnection, NotSent, true
	case kind == netstage.TimedOut:
		e.class = ErrTimeout
	case kind == netstage.Unknown && !o.hooked && !wrote:
		// Nothing was even tried: an unsupported scheme, a header that cannot be sent,
		// or whatever a base of the user's has to say.
		e.class, e.processed = ErrUnknown, NotSent
		if o.nethttp {
			e.class = ErrConfig
		}
	default:
		e.class = ErrConnectionLost
	}
	switch {
	case e.processed != "":
	case e.class == ErrConnectionLost && !wrote, e.class == ErrTimeout && !wrote:
		// Never had all of it: it cannot have run.
		e.processed, e.Temporary = Rejected, true
	default:
		e.processed = classes[e.class].processed
	}
	v.class, v.processed, v.temporary = e.class, e.processed, e.Temporary
	return v
}

// refusalOf knows the answer of a proxy to CONNECT in an error of a transport that
// is not ours: net/http keeps nothing of it but the text of its status.
func refusalOf(err error) (*proxyError, bool) {
	text := plainCause(err).Error()
	for _, status := range []int{http.StatusProxyAuthRequired, http.StatusForbidden, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		if text == http.StatusText(status) {
			return &proxyError{status}, true
		}
	}
	return nil, false
}

// callerEnded is the verdict on an attempt that the caller's context ended.
func callerEnded(o *observation) verdict {
	v := verdict{class: contextClass(o.caller), err: o.caller, processed: Ambiguous}
	if o.status == 0 && !o.wrote {
		v.processed = NotSent
	}
	return v
}

// plainCause unwraps net/http's *url.Error, which repeats method and URL.
func plainCause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func tlsFailure(err error, kind netstage.Kind) *TLSFailure {
	fault := netstage.Cert(err)
	if fault == nil {
		if kind == netstage.NotTLS {
			return &TLSFailure{Problem: "the server does not speak TLS"}
		}
		return &TLSFailure{Problem: "the server refused the handshake"}
	}
	f := &TLSFailure{Problem: fault.Problem, Interceptor: netstage.Interceptor(fault.Chain...)}
	if c := fault.Cert; c != nil {
		f.Issuer, f.Subject, f.NotBefore, f.NotAfter = c.Issuer.String(), c.Subject.String(), c.NotBefore, c.NotAfter
		f.Names = c.DNSNames[:min(len(c.DNSNames), 8)]
	}
	return f
}

// location is a redirect's target without what may be secret in it.
func location(h http.Header) string {
	u, err := url.Parse(first(h, "Location"))
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return redact.Line(u.String(), maxShownMessage)
}

// judgeHeader judges a 2xx whose body the caller reads.
func judgeHeader(o *observation) verdict {
	// A page with a request id is the API's own: a file that is downloaded.
	kind := mediaType(o.header)
	switch {
	case kind == "text/html" && first(o.header, "Request-Id") == "":
		return fail(unexpected(o, "an HTML page in place of an answer"))
	case o.call.check != nil && strings.HasPrefix(kind, "text/") && kind != "text/event-stream":
		return fail(unexpected(o, "an answer of the wrong content type"))
	}
	return verdict{}
}

// judgeBody judges a 2xx by its whole body.
func judgeBody(o *observation) verdict {
	// An answer that is complete counts, whatever ended right after it.
	if o.bodyErr != nil && o.caller != nil {
		return callerEnded(o)
	}
	if o.bodyErr != nil && o.limit != nil {
		return verdict{class: ErrTimeout, processed: Ran, err: &NetworkError{
			Stage: StageBody, Addr: o.addr, Proxy: o.proxy, Timeout: true, Err: o.limit, class: ErrTimeout, processed: Ran,
		}}
	}
	if errors.Is(o.bodyErr, errTooLarge) {
		return fail(unexpected(o, "an answer larger than 64 MiB"))
	}
	if o.bodyErr != nil {
		e := unexpected(o, "the answer broke off")
		e.class, e.Err = ErrBodyCut, cutBy(o.bodyErr)
		return fail(e)
	}
	body := strings.TrimLeft(o.body, " \t\r\n") // some gateways send white space to stay alive
	switch kind := mediaType(o.header); {
	case body == "":
		return fail(unexpected(o, "an empty answer"))
	case body[0] == '<' || kind == "text/html":
		return fail(unexpected(o, "an HTML page in place of an answer"))
	case kind != "" && kind != "application/json" && !strings.HasSuffix(kind, "+json"):
		return fail(unexpected(o, "an answer of the wrong content type"))
	}
	typ := wire.NewDecoder(o.body).PeekString("type")
	if typ == "error" {
		return fail(newAPIError(o)) // some gateways wrap an error in a 200
	}
	var err error
	switch c := o.call; {
	case c.decode != nil:
		err = c.decode(c, o.body, typ)
	case c.check != nil:
		err = c.check(o.body)
	}
	if err != nil {
		e := unexpected(o, "not the answer this call has")
		if _, ok := errors.AsType[*wire.SyntaxError](err); ok {
			e.Problem = "broken JSON"
		}
		e.Err = err
		return fail(e)
	}
	return verdict{}
}

// cutBy makes every end of a body before its time io.ErrUnexpectedEOF.
func cutBy(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return &bodyCutError{err}
}

type bodyCutError struct{ err error }

func (e *bodyCutError) Error() string   { return e.err.Error() }
func (e *bodyCutError) Unwrap() []error { return []error{io.ErrUnexpectedEOF, e.err} }

func unexpected(o *observation, problem string) *ResponseError {
	return &ResponseError{
		Status: o.status, ContentType: redact.Line(first(o.header, "Content-Type"), maxShownMessage), Problem: problem,
		RequestID: first(o.header, "Request-Id"), Header: o.header.Clone(), Body: head(o.body), class: ErrUnexpectedResponse,
	}
}

// head is what an error keeps of a body.
func head(body string) []byte { return []byte(body[:min(len(body), maxErrorBody)]) }

func mediaType(h http.Header) string {
	kind := first(h, "Content-Type")
	if kind == "application/json" { // by far the most frequent: spare the parser
		return kind
	}
	kind, _, _ = mime.ParseMediaType(kind)
	return kind
}

// newAPIError reads the error out of a failed answer.
func newAPIError(o *observation) *APIError {
	e := &APIError{
		Status: o.status, RequestID: redact.Line(first(o.header, "Request-Id"), maxShownMessage),
		// A copy: the answer's own goes to the caller, while the error may shut the gate
		// for calls on other goroutines.
		Header: o.header.Clone(), Body: head(o.body), shape: shapeForeign,
	}
	var envelope errorEnvelope
	switch err := decodeText(o.body, func(f *fields) { f.decode(&envelope) }); {
	case err == nil && envelope.hasError:
		e.shape = shapeEnvelope
		e.Type = redact.Line(envelope.failure.typ, maxShownMessage, o.secret)
		e.Message = redact.Line(envelope.failure.message, maxShown, o.secret)
		e.Code = redact.Line(envelope.failure.code, maxShownMessage, o.secret)
		if e.RequestID == "" {
			e.RequestID = redact.Line(envelope.requestID, maxShownMessage)
		}
	case err == nil:
		e.shape = shapeJSON
		e.Message = redact.Line(envelope.message, maxShown, o.secret)
	default:
		e.Message = pageTitle(o.body, o.secret)
	}
	return e
}

// errorEnvelope is {"type":"error","error":{…},"request_id":…}. It is lenient:
// gateways send all kinds of variations.
type errorEnvelope struct {
	hasError  bool
	failure   errorBody
	requestID string
	message   string // of a foreign envelope
}

func (e *errorEnvelope) fields(f *fields) {
	if f.key == "error" && !f.hit && f.dec.Kind() == '{' {
		f.hit, e.hasError = true, true
		f.decode(&e.failure)
		f.hit = true
		return
	}
	lenient(f, "request_id", &e.requestID)
	lenient(f, "message", &e.message)
	lenient(f, "Message", &e.message)
	lenient(f, "title", &e.message)
	lenient(f, "detail", &e.message)
	lenient(f, "error", &e.message)
}

type errorBody struct{ typ, message, code string }

func (e *errorBody) fields(f *fields) {
	lenient(f, "type", &e.typ)
	lenient(f, "message", &e.message)
	if f.key == "details" && !f.hit && f.dec.Kind() == '{' {
		f.hit = true
		d := errorDetails{}
		f.decode(&d)
		f.hit = true
		e.code = d.code
	}
}

type errorDetails struct{ code string }

func (d *errorDetails) fields(f *fields) { lenient(f, "error_code", &d.code) }

// lenient describes a string that may be something else, which is then ignored.
func lenient(f *fields, name string, p *string) {
	if f.key == name && !f.hit && f.dec.Kind() == '"' {
		f.hit = true
		*p = f.dec.String()
	}
}

// pageTitle is what to show of a body that is not JSON: the title of a page, or
// the start of a text; never the page.
func pageTitle(body, secret string) string {
	body = body[:min(len(body), 16<<10)]
	lower := strings.ToLower(body)
	if i := strings.Index(lower, "<title"); i >= 0 && len(lower) == len(body) {
		rest := body[i:]
		if start := strings.IndexByte(rest, '>'); start >= 0 {
			if end := strings.Index(strings.ToLower(rest), "</title"); end > start {
				return redact.Line(strings.TrimSpace(rest[start+1:end]), maxShownMessage, secret)
			}
		}
	}
	if trimmed := strings.TrimSpace(body); trimmed == "" || trimmed[0] == '<' {
		return ""
	}
	return redact.Line(strings.TrimSpace(body), maxShownMessage, secret)
}

// classifyAPI says what an error answer means: by type and code, then status,
// then headers; by message only for known gaps, anchored at its start.
func classifyAPI(e *APIError) Class {
	if c := classByCode[e.Code]; c != "" {
		return c
	}
	if c := classByGap(e); c != "" {
		return c
	}
	if e.shape == shapeEnvelope {
		if e.Status == http.StatusForbidden && e.Type == "forbidden" && e.RequestID == "" {
			return ErrRegion
		}
		// invalid_request_error is also the catch-all of other 4xx statuses.
		// So is api_error, in some gateways; and a 529 says overload by itself.
		c := classByType[e.Type]
		vague := c == ErrInvalidRequest && hasOwnClass(e.Status) ||
			c == ErrInternal && (e.Status == 529 || e.Status >= 400 && e.Status < 500)
		if c != "" && !vague {
			return c
		}
	}
	return classByStatus(e)
}

var classByCode = map[string]Class{
	"enforced_spend_limit_reached":            ErrBilling,
	"contract_spend_limit_reached":            ErrBilling,
	"linked_organization_spend_limit_reached": ErrBilling,
	"linked_organization_billing_unavailable": ErrBilling,
	"token_expired":                           ErrAuthentication,
	"request_body_too_large_after_decoding":   ErrTooLarge,
}

var classByType = map[string]Class{
	"invalid_request_error": ErrInvalidRequest,
	"authentication_error":  ErrAuthentication,
	"billing_error":         ErrBilling,
	"permission_error":      ErrPermission,
	"not_found_error":       ErrNotFound,
	"request_too_large":     ErrTooLarge,
	"rate_limit_error":      ErrRateLimit,
	"timeout_error":         ErrInternal,
	"api_error":             ErrInternal,
	"overloaded_error":      ErrOverloaded,
	"conflict_error":        ErrConflict,
}

// classByGap knows the failures the API gives no type of their own.
func classByGap(e *APIError) Class {
	starts := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(e.Message, p) {
				return true
			}
		}
		return false
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusTooManyRequests, http.StatusOK:
		if starts("Your credit balance is too low", "You have reached your specified API usage limits",
			"You have reached your specified workspace API usage limits", "You have reached your API usage limits") {
			return ErrBilling
		}
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusOK:
		if starts("prompt is too long", "input length and `max_tokens` exceed context limit", "Input is too long for requested model") {
			return ErrContextTooLong
		}
	case http.StatusForbidden:
		if starts("Extra usage is required for long context requests") {
			return ErrContextTooLong
		}
	}
	return ""
}

func hasOwnClass(status int) bool {
	switch status {
	case 401, 402, 403, 404, 408, 409, 413, 429:
		return true
	}
	return status >= 500
}

func classByStatus(e *APIError) Class {
	ours := e.shape == shapeEnvelope || e.RequestID != ""
	switch {
	case e.Status == 529:
		return ErrOverloaded
	case e.Status == http.StatusRequestEntityTooLarge:
		return ErrTooLarge // sent by the edge, often without the envelope
	case e.Status == http.StatusTooManyRequests:
		return ErrRateLimit
	case e.Status == http.StatusRequestTimeout:
		return ErrRequestTimeout
	case e.Status == http.StatusProxyAuthRequired:
		return ErrProxy
	case e.Status == http.StatusNetworkAuthenticationRequired, e.Status == http.StatusUnavailableForLegalReasons:
		return ErrBlocked
	case e.Status >= 500 && ours && e.shape == shapeEnvelope:
		return ErrInternal
	case e.Status >= 500:
		return ErrGateway
	case e.Status < 400 && e.shape == shapeEnvelope:
		return ErrInternal // an error of an unknown type inside a 200
	case e.Status < 400:
		return ErrUnexpectedResponse
	case !ours && e.shape == shapeForeign:
		return ErrBlocked // a page or a bare text: not the API's
	}
	switch e.Status {
	case http.StatusUnauthorized:
		return ErrAuthentication
	case http.StatusPaymentRequired:
		return ErrBilling
	case http.StatusForbidden:
		if !ours {
			return ErrBlocked
		}
		return ErrPermission
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrConflict
	}
	if !ours {
		return ErrBlocked
	}
	return ErrInvalidRequest
}
