package claude

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/steadfast-go/claude/internal/sse"
	"github.com/steadfast-go/claude/internal/wire"
)

// An Attempt is the record of one request on the wire.
type Attempt struct {
	Number    int           // from 1
	Start     time.Time     // when it began
	Elapsed   time.Duration // until there was an answer to judge, or none to come
	Stage     Stage         // how far it got
	Status    int           // HTTP status; 0 without an answer
	RequestID string        // the API's id; empty without an answer of the API
	Reused    bool          // the connection had been used before
	Class     Class         // what went wrong; empty for success
	Processed Processed     // what may have become of it
	Wait      time.Duration // the wait that followed it
	Err       error         // its failure, or nil
}

const (
	maxAnswer    = 64 << 20 // bytes of an answer that is not streamed
	maxFirstRead = 8 << 20  // bytes of it that its Content-Length may make us allocate at once
	maxDrain     = 64 << 10 // bytes read to keep a connection for the next request
)

// errTooLarge is an answer over maxAnswer.
var errTooLarge = errors.New("answer too large")

// attemptState follows one attempt through its stages and ends it when a stage
// takes too long. It is also the context the attempt is made with, so that our
// own dialer finds it there. The base RoundTripper may call its hooks late, from
// goroutines of its own, so it is never reused.
type attemptState struct {
	context.Context // ends with the attempt

	limits *Timeouts
	cancel context.CancelCauseFunc
	last   context.CancelFunc // ends a raw call together with its last attempt; may be nil

	trace    httptrace.ClientTrace
	traceKey any // of the hooks, where this context itself has them; else nil

	up   sentBody       // the request's body; here to be allocated with the rest
	down progressReader // the answer's body; likewise
	back textBody       // the answer's body for a raw caller, once we have read it; likewise

	sent *sentHeader // collects the headers for the log; nil where nobody asked

	mu      sync.Mutex
	clock   clock
	ended   bool
	stage   Stage
	addr    string   // of who is being dialed
	peer    net.Addr // at the other end of the connection; nil until there is one
	proxied bool
	secure  bool     // over TLS
	conn    net.Conn // the one dialed for the attempt, during its handshake
	got     bool     // it has a connection, dialed or not
	reused  bool
	wrote   bool
	hooked  bool // the base calls our hooks
	read    bool // the base has read the whole body
	replays int  // how often net/http sent it again
	tried   bool // a connection carried it since
}

// attemptKey is the context key of the attemptState.
type attemptKey struct{}

// Value finds the attemptState itself, its hooks, and what its context holds.
func (a *attemptState) Value(key any) any {
	if _, ok := key.(attemptKey); ok {
		return a
	}
	if a.traceKey != nil && key == a.traceKey {
		return &a.trace
	}
	return a.Context.Value(key)
}

// traceKey returns the key that httptrace asks a context for its hooks with. It is not
// exported; with it, an attempt's own context has its hooks without another around it.
func traceKey() any {
	asked := keyAsked{Context: context.Background()}
	httptrace.ContextClientTrace(&asked)
	return asked.key
}

type keyAsked struct {
	context.Context

	key any
}

func (c *keyAsked) Value(key any) any {
	c.key = key
	return nil
}

// start begins an attempt: the context it returns ends with it.
func (a *attemptState) start(ctx context.Context, t *Transport) context.Context {
	a.Context, a.cancel = context.WithCancelCause(ctx)
	a.stage = StageWrite
	a.arm("FirstByte", a.limits.FirstByte) // for a base that calls no hooks
	// All at once: what lies between may put hooks of its own around those it finds.
	a.trace.GetConn = func(hostPort string) {
		if !t.ours && !t.dials {
			t.wraps.Store(true) // there is a transport of net/http within it
		}
		a.mu.Lock()
		a.hooked, a.wrote, a.got = true, false, false
		stage := StageConnect
		if a.proxied {
			stage = StageProxy
		}
		// The dial itself says when it begins; until then it may be a queue of the
		// base's that we stand in.
		a.enterLocked(stage, hostPort, "FirstByte", a.limits.FirstByte)
		a.mu.Unlock()
	}
	a.trace.TLSHandshakeStart = func() { a.connecting(StageTLS, "", "TLS", a.limits.TLS) }
	a.trace.GotConn = func(i httptrace.GotConnInfo) {
		a.mu.Lock()
		a.reused, a.got, a.tried = i.Reused, true, true
		if i.Conn != nil {
			a.peer = i.Conn.RemoteAddr()
		}
		a.enterLocked(StageWrite, "", "FirstByte", a.limits.FirstByte)
		a.mu.Unlock()
	}
	a.trace.WroteRequest = func(i httptrace.WroteRequestInfo) {
		if i.Err == nil {
			a.mu.Lock()
			a.wrote = true
			a.enterLocked(StageWait, "", "FirstByte", a.limits.FirstByte)
			a.mu.Unlock()
		}
	}
	if t.ours {
		a.trace.TLSHandshakeDone = func(tls.ConnectionState, error) { a.shake(nil) }
	}
	if a.sent != nil {
		a.trace.WroteHeaderField = a.sent.add
	}
	dials := t.dials || !t.ours && t.wraps.Load()
	if dials {
		a.trace.DNSStart = func(i httptrace.DNSStartInfo) { a.dialing(StageDNS, i.Host) }
		a.trace.ConnectStart = func(_, addr string) { a.dialing(StageConnect, addr) }
	}
	if dials || t.traceKey == nil || httptrace.ContextClientTrace(ctx) != nil { // hooks of the dialer's, or of the caller's
		return httptrace.WithClientTrace(a, &a.trace)
	}
	a.traceKey = t.traceKey
	return a
}

// dialing moves to a stage of dialing the origin; a proxy has one of its own.
func (a *attemptState) dialing(stage Stage, addr string) {
	if a.proxied {
		stage = StageProxy
	}
	a.connecting(stage, addr, "Dial", a.limits.Dial)
}

// connecting moves to a stage before there is a connection. Once there is one,
// net/http may still be busy with the one it dialed for the attempt, while another
// that came free carries it: that is no stage of the attempt's any more.
func (a *attemptState) connecting(stage Stage, addr, name string, limit time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.got {
		a.enterLocked(stage, addr, name, limit)
	}
}

// shake gives a new connection a deadline for its handshake, and frees the one
// before of it. net/http goes on shaking hands when the attempt has ended; a peer
// that says nothing would keep it for ever. The attempt's own limits come first.
func (a *attemptState) shake(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn != nil {
		_ = a.conn.SetDeadline(time.Time{})
	}
	a.conn = conn
	limit := a.limits.TLS
	switch {
	case conn == nil, limit <= 0, a.proxied && a.limits.Dial <= 0:
		return
	case a.proxied:
		limit += a.limits.Dial // what is said to the proxy
	}
	_ = conn.SetDeadline(time.Now().Add(4 * limit))
}

// enter moves to a stage and starts its limit.
func (a *attemptState) enter(stage Stage, addr, name string, limit time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.enterLocked(stage, addr, name, limit)
}

func (a *attemptState) enterLocked(stage Stage, addr, name string, limit time.Duration) {
	if a.ended || a.stage == StageBody {
		return // a hook that comes late
	}
	if addr != "" {
		a.addr, a.peer = addr, nil
	}
	a.stage = stage
	if name != "Dial" || a.clock.name != name { // one limit for look-up and every address
		a.armLocked(name, limit)
	}
}

// arm starts a limit in place of the one before.
func (a *attemptState) arm(name string, limit time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.armLocked(name, limit)
}

func (a *attemptState) armLocked(name string, limit time.Duration) {
	if !a.ended && !a.clock.start(name, limit) {
		a.clock.timer = time.AfterFunc(limit, a.expire)
	}
}

// expire ends the attempt for the limit that ran out, if it did.
func (a *attemptState) expire() {
	a.mu.Lock()
	out, ended := a.clock.rang(), a.ended
	a.mu.Unlock()
	if out != nil && !ended {
		a.cancel(out)
	}
}

// progress restarts the limit at hand: something moved.
func (a *attemptState) progress() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.armLocked(a.clock.name, a.clock.limit)
}

// end releases everything the attempt holds. It may be called again.
func (a *attemptState) end() {
	a.mu.Lock()
	a.ended = true
	last := a.last
	a.clock.stop()
	a.mu.Unlock()
	a.cancel(nil)
	if last != nil {
		last()
	}
}

// observe fills in what the attempt knows of itself.
func (a *attemptState) observe(o *observation, caller context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o.stage, o.addr, o.reused, o.hooked = a.stage, a.addr, a.reused, a.hooked
	if a.peer != nil && (o.err != nil || o.bodyErr != nil) {
		o.addr = a.peer.String() // not for every answer: it is put together each time
	}
	if !a.hooked && a.read && a.stage == StageWrite {
		a.wrote, o.stage = true, StageWait
	}
	o.wrote = a.wrote || o.status != 0
	o.caller = caller.Err()
	if o.caller == nil {
		ended := o.err // a dial keeps its limit itself
		if a.Context.Err() != nil {
			ended = context.Cause(a.Context)
		}
		o.limit, _ = errors.AsType[*timeoutError](ended)
	}
}

// replay notes that net/http sends the request again, and reports whether it had
// done so before. It may ask for the body more than once before it does.
func (a *attemptState) replay() (before bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.replays > 0 && a.hooked && !a.tried {
		return false
	}
	a.tried = false
	a.replays++
	return a.replays > 1
}

func (a *attemptState) replayed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.replays > 0
}

// sentBody is a request's body that reports progress while it is uploaded. It lets go
// of the body when it is closed: the attempt lasts as long as its answer, which may be
// a long stream.
type sentBody struct {
	a *attemptState

	mu     sync.Mutex
	own    wire.BodyReader // of a body that we hold
	body   io.ReadCloser   // in its place, a raw caller's
	closed bool
}

// open begins the body of a call. It is false if there is none.
func (b *sentBody) open(a *attemptState, c *call) (ok bool, err error) {
	b.a = a
	if c.newBody != nil {
		b.body, err = c.newBody()
		return err == nil, err
	}
	b.own.Reset(c.body)
	return c.body.Len() > 0, nil
}

func (b *sentBody) Read(p []byte) (n int, err error) {
	b.mu.Lock()
	body, closed := b.body, b.closed
	if body == nil && !closed {
		n, err = b.own.Read(p) // with the lock: Close may come at any time
	}
	b.mu.Unlock()
	switch {
	case closed:
		return 0, http.ErrBodyReadAfterClose
	case body != nil:
		n, err = body.Read(p)
	}
	if errors.Is(err, io.EOF) {
		b.a.mu.Lock()
		b.a.read = true
		b.a.mu.Unlock()
	}
	b.a.progress()
	return n, err
}

func (b *sentBody) Close() error {
	b.mu.Lock()
	body := b.body
	b.own, b.body, b.closed = wire.BodyReader{}, nil, true
	b.mu.Unlock()
	if body == nil {
		return nil
	}
	return body.Close()
}

// outcome is an attempt with its verdict.
type outcome struct {
	verdict
	at       time.Time // when it was judged
	record   Attempt
	replayed *Attempt // net/http had sent it before, on a kept connection that was dead
	header   http.Header
	body     string
	resp     *http.Response // raw calls: the answer, its body intact
	token    Token          // the credential it was made with
}

// attempt makes one attempt of a call.
func (t *Transport) attempt(ctx context.Context, c *call, now time.Time, fresh bool) outcome {
	number := c.attempt
	out := outcome{record: Attempt{Number: number, Start: now}}
	a := &c.first
	if number > 1 {
		a = new(attemptState)
	}
	a.limits = c.timeouts
	judged := false
	defer func() {
		if !judged && a.cancel != nil {
			a.end() // the base has panicked
		}
	}()
	req, err := t.newRequest(ctx, c, a, fresh, &out)
	if err != nil {
		out.class, out.err, out.processed = ErrConfig, err, NotSent
		if ctxErr := ctx.Err(); ctxErr != nil {
			out.verdict = callerEnded(&observation{caller: ctxErr})
		}
		out.record.Stage = StageConfig
		out.finish(time.Now())
		return out
	}
	resp, err := t.send(req, fresh)

	o := observation{err: err, call: c, secret: out.token.Secret.Reveal(), nethttp: t.ours || t.dials}
	if c.raw && o.secret == "" {
		o.secret = credentialIn(c.header)
	}
	if err != nil {
		o.proxy = proxyOf(req, t.proxy)
	}
	if err == nil {
		if resp.ProtoMajor < 2 {
			atomic.StoreUint32(&t.network.spokeOne, 1)
		}
		o.status, o.header = resp.StatusCode, resp.Header
		a.enter(StageBody, "", "StreamIdle", c.timeouts.StreamIdle)
		a.readAnswer(&o, c, resp)
	}
	o.now = time.Now()
	a.observe(&o, ctx)
	out.verdict = judge(&o)
	if c.logging != nil {
		c.logging.request(ctx, req, c, number, out.token, a.sent)
		c.logging.response(ctx, &o, number, out.token)
	}
	judged = true
	out.header, out.body = o.header, o.body
	if o.packed != "" {
		out.body = o.packed
	}
	if c.raw && o.opening != nil && o.opening.holder != nil {
		out.body = string(o.opening.holder.held) // what a raw caller would have read
	}
	out.record.Stage, out.record.Reused, out.record.Status = o.stage, o.reused, o.status
	out.record.RequestID = first(o.header, "Request-Id")
	if a.replayed() {
		out.replayed = &Attempt{
			Number: number, Start: out.record.Start, Stage: StageWrite, Reused: true,
			Class: ErrStaleConnection, Processed: NotSent, Err: errReplayed,
		}
	}
	switch {
	case err != nil:
		a.end()
	case o.whole:
		out.resp = resp
		a.end()
		a.down.Reader = nil // who keeps the answer is not to keep its connection
	case !c.raw && (o.opening == nil || out.class != ""):
		if o.opening != nil {
			_ = resp.Body.Close()
		}
		a.end()
	default:
		out.resp = resp // the attempt ends with its body
		if resp.Body == http.NoBody || c.method == http.MethodHead {
			a.end() // nothing will be read
			break
		}
		body := &rawBody{ReadCloser: resp.Body, a: a, caller: ctx, typed: !c.raw}
		if c.raw && o.opening != nil {
			body.tail = new(streamTail)
			body.broke = func(err error) { c.brokeLater(ctx, a, err) }
			body.whole = func() { c.wholeLater(ctx) }
		}
		resp.Body = body
		a.arm("StreamIdle", 0)
	}
	out.finish(o.now)
	return out
}

// finish completes the record from the verdict.
func (out *outcome) finish(now time.Time) {
	out.at = now
	r := &out.record
	r.Elapsed = now.Sub(r.Start)
	r.Class, r.Err, r.Processed = out.class, out.err, out.processed
	if out.class == "" {
		r.Processed = Ran
	}
	switch e := out.err.(type) {
	case *APIError:
		if r.RequestID == "" {
			r.RequestID = e.RequestID
		}
	case *NetworkError:
		r.Stage = e.Stage
	}
}

// send calls the base, which may be the user's: a missing answer becomes an error.
func (t *Transport) send(req *http.Request, fresh bool) (resp *http.Response, err error) {
	base := t.base
	if fresh {
		closeIdle(base) // the pool may hold more of the connections that died
		if t.fresh != nil {
			base = t.fresh
		}
	}
	resp, err = base.RoundTrip(req)
	if err == nil && (resp == nil || resp.Body == nil) {
		err = errors.New("the base RoundTripper returned neither an answer nor an error")
	}
	if err != nil && resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	return resp, err
}

// newRequest makes the attempt's request, with its credential and its body.
func (t *Transport) newRequest(ctx context.Context, c *call, a *attemptState, fresh bool, out *outcome) (*http.Request, error) {
	header := c.header
	if !c.raw || c.credential != nil {
		// A map of its own for each attempt: the base may be the user's, and add to
		// it. The values are shared and never written.
		header = maps.Clone(c.header)
	}
	if c.credential != nil {
		token, err := setCredential(ctx, header, c.credential)
		if err != nil {
			return nil, err
		}
		out.token = token
	}
	hasBody, err := a.up.open(a, c)
	if err != nil {
		return nil, &ConfigError{Field: "GetBody", Problem: "failed", Err: err}
	}
	if c.logging != nil && c.logging.policy.Headers {
		a.sent = &sentHeader{token: out.token}
	}
	req := http.Request{
		Method: c.method, URL: c.url, Host: c.host, Header: header, Close: c.close, Trailer: c.trailer,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if !hasBody {
		a.read = true
	} else {
		req.Body, req.ContentLength = &a.up, c.length
		// By HTTP/1.1, net/http alone knows that nothing was written to a kept
		// connection. It may then send the request again: once, and not on another
		// connection of the same age. By HTTP/2 it would do so, unseen, after a
		// PROTOCOL_ERROR as well (https://go.dev/issue/47635), when the request may
		// have run; without a body to send again it says what happened, and we decide.
		if !fresh && !c.onceOnly && !idempotent(header) && atomic.LoadUint32(&t.network.spokeOne) == 1 {
			req.GetBody = func() (io.ReadCloser, error) {
				if a.replay() {
					return nil, errReplayed
				}
				closeIdle(t.base)
				again := new(sentBody)
				_, err := again.open(a, c)
				return again, err
			}
		}
	}
	a.secure = c.url.Scheme == "https"
	full := req.WithContext(a.start(ctx, t))
	a.proxied = proxyOf(full, t.proxy) != ""
	return full, nil
}

// errReplayed is a request that net/http wants to send a second time by itself.
var errReplayed = errors.New("a kept connection was dead, the request was sent again")

// idempotent reports whether net/http takes a POST for one that may be sent again
// even when it may have run. The API knows no such header, so it may not.
func idempotent(h http.Header) bool {
	return h["Idempotency-Key"] != nil || h["X-Idempotency-Key"] != nil
}

// readAnswer reads as much of an answer as its judgement needs: all of it for the
// typed client and for a raw caller's that is judged by its body, the start of a
// raw caller's failure, nothing of what passes through.
func (a *attemptState) readAnswer(o *observation, c *call, resp *http.Response) {
	a.down = progressReader{resp.Body, a}
	stream := o.status < 300 && c.streamed != notStreamed && mediaType(o.header) == "text/event-stream"
	if encoding := first(o.header, "Content-Encoding"); stream && encoding != "" && encoding != "identity" && !resp.Uncompressed {
		if c.raw {
			return // it is the caller's to unpack
		}
		a.down.Reader = &unzipper{src: resp.Body}
	}
	switch {
	case stream && c.streamed == streamedWhole:
		a.collect(o, resp)
	case stream && c.streamed == streamedEagerly:
		o.opening = &opening{}
	case stream:
		a.hold(o, resp)
	case !c.raw:
		a.readTyped(o, resp)
	case o.status >= 300:
		o.peek(resp)
	case c.check != nil && isWhole(o.header):
		a.readRaw(o, resp)
	}
}

// unzipper unpacks a stream as it comes.
type unzipper struct {
	src io.Reader
	zip *gzip.Reader
}

func (u *unzipper) Read(p []byte) (n int, err error) {
	if u.zip == nil {
		if u.zip, err = gzip.NewReader(u.src); err != nil {
			return 0, err
		}
	}
	return u.zip.Read(p)
}

// peek reads the start of a raw caller's failure and puts it back as it came.
func (o *observation) peek(resp *http.Response) {
	o.body, _ = peek(resp)
	if !isZipped(resp) {
		return
	}
	o.packed, o.body = o.body, ""
	if unzip, err := gzip.NewReader(strings.NewReader(o.packed)); err == nil {
		data, _ := readUpTo(unzip, maxErrorBody, -1) // as much as there is
		o.body = string(data[:min(len(data), maxErrorBody)])
	}
}

// collect reads a stream to its end, in place of an answer that comes at once.
func (a *attemptState) collect(o *observation, resp *http.Response) {
	defer func() { _ = resp.Body.Close() }()
	o.collected = &eventReader{in: sse.NewReader(&a.down, maxEvent)}
	o.bodyErr = o.collected.collect()
	if o.bodyErr == nil {
		drainSoon(resp.Body)
	}
}

// readTyped reads an answer to its end, which keeps the connection usable.
func (a *attemptState) readTyped(o *observation, resp *http.Response) {
	defer func() { _ = resp.Body.Close() }()
	body, limit, length := io.Reader(&a.down), int64(maxAnswer), resp.ContentLength
	if o.status >= 300 {
		limit, length = maxErrorBody, min(length, maxErrorBody)
	}
	if isZipped(resp) {
		unzip, err := gzip.NewReader(body)
		if err != nil {
			o.bodyErr = err
			return
		}
		body, length = unzip, -1
	}
	data, err := readUpTo(body, limit, length)
	o.body = shared(data[:min(int64(len(data)), limit)])
	if o.status < 300 || !errors.Is(err, errTooLarge) {
		o.bodyErr = err
	}
}

// readRaw reads an answer to its end and puts it back as it came. One that is too
// large for that is not judged: the caller reads on where we stopped.
func (a *attemptState) readRaw(o *observation, resp *http.Response) {
	data, err := readUpTo(&a.down, maxAnswer, resp.ContentLength)
	a.back.text.Reset(shared(data))
	if errors.Is(err, errTooLarge) {
		resp.Body = &replayedBody{Reader: io.MultiReader(&a.back, &a.down), Closer: resp.Body}
		return
	}
	_ = resp.Body.Close()
	a.back.err, resp.Body = brokenBody(err), &a.back
	o.body, o.bodyErr, o.whole = shared(data), err, true
	if err == nil && isZipped(resp) {
		unzip, err := gzip.NewReader(strings.NewReader(o.body))
		if err == nil {
			data, err = readUpTo(unzip, maxAnswer, -1)
			o.packed, o.body = o.body, shared(data)
		}
		o.bodyErr = err
	}
}

func isZipped(resp *http.Response) bool {
	return strings.EqualFold(first(resp.Header, "Content-Encoding"), "gzip") && !resp.Uncompressed
}

// isWhole reports whether a raw caller's answer can be read before it is handed
// over: JSON, in an encoding that we can read. A stream cannot.
func isWhole(h http.Header) bool {
	switch strings.ToLower(first(h, "Content-Encoding")) {
	case "", "identity", "gzip":
	default:
		return false
	}
	kind := mediaType(h)
	return kind == "application/json" || strings.HasSuffix(kind, "+json") || kind == "text/html" || kind == ""
}

// shared makes a string of bytes that are not touched any more, without copying.
func shared(data []byte) string { return unsafe.String(unsafe.SliceData(data), len(data)) }

// readUpTo reads everything, and fails with errTooLarge once it has read more than
// limit bytes. length is what to expect, -1 if unknown.
func readUpTo(r io.Reader, limit, length int64) ([]byte, error) {
	size := int64(4 << 10)
	if length >= 0 {
		size = min(length, maxFirstRead)
	}
	data := make([]byte, 0, size+1) // one more, to see the end without growing
	for {
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return data, errTooLarge
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return data, err
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
	}
}

// progressReader reports every byte that comes as a sign of life.
type progressReader struct {
	io.Reader
	a *attemptState
}

func (r *progressReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.a.progress()
	}
	return n, err
}

// drainTime is how long the end of a complete stream is waited for.
const drainTime = 100 * time.Millisecond

// drainSoon reads the few bytes behind a complete stream, so that its connection can
// be used again and the server need not be told that we have gone.
func drainSoon(body io.ReadCloser) {
	timer := time.AfterFunc(drainTime, func() { _ = body.Close() })
	_, _ = io.CopyN(io.Discard, body, maxDrain)
	timer.Stop()
}

// drain reads a little of what is left of an answer nobody wants, so that its
// connection can be used again, and closes it.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDrain)
	_ = body.Close()
}

// replayedBody is a body whose start was read already.
type replayedBody struct {
	io.Reader
	io.Closer
	err error // what ended the reading of the start
}

func (b *replayedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) && b.err != nil {
		err = b.err
	}
	return n, err
}

// rawBody is the body a raw caller reads; the attempt's context ends with it.
type rawBody struct {
	io.ReadCloser
	a      *attemptState
	caller context.Context //nolint:containedctx // to tell its end from that of a limit of ours
	typed  bool            // a Stream reads it, which says itself what went wrong
	broke  func(error)     // told once when a stream breaks off; may be nil
	tail   *streamTail     // of such a stream
	whole  func()          // told once when it has come to its end, or was left; may be nil
}

// release has cancel called when the attempt ends, or now if it has.
func (b *rawBody) release(cancel context.CancelFunc) {
	b.a.mu.Lock()
	b.a.last = cancel
	ended := b.a.ended
	b.a.mu.Unlock()
	if ended {
		cancel()
	}
}

// Read limits the silence of the server, not the pauses of the caller: the limit
// runs only while a read waits.
func (b *rawBody) Read(p []byte) (int, error) {
	b.a.arm("StreamIdle", b.a.limits.StreamIdle)
	n, err := b.ReadCloser.Read(p)
	b.a.arm("StreamIdle", 0)
	if b.broke != nil {
		b.tail.keep(p[:n])
		if errors.Is(err, io.EOF) && !b.tail.complete() {
			err = io.ErrUnexpectedEOF // half an answer must not look like a whole one
		}
	}
	if err != nil && !b.typed && !errors.Is(err, io.EOF) {
		err = b.typedError(err)
	}
	if err != nil {
		if b.broke != nil && !errors.Is(err, io.EOF) {
			b.broke(err)
			b.broke, b.whole = nil, nil
		}
		b.close()
	}
	return n, err
}

// streamTail is the end of an event stream, as far as it has come.
type streamTail struct {
	buf [1 << 10]byte
	n   int
}

func (t *streamTail) keep(data []byte) {
	data = data[max(0, len(data)-len(t.buf)):]
	if over := t.n + len(data) - len(t.buf); over > 0 {
		copy(t.buf[:], t.buf[over:t.n])
		t.n -= over
	}
	t.n += copy(t.buf[t.n:], data)
}

// complete reports whether the stream has come to its end, or to an error event, which
// says itself that it has not.
func (t *streamTail) complete() bool {
	return bytes.Contains(t.buf[:t.n], []byte(`"message_stop"`)) || bytes.Contains(t.buf[:t.n], []byte(`"error"`))
}

// typedError makes what ended a body before its time an error that says so.
func (b *rawBody) typedError(err error) error {
	limit, caller := b.a.ends(b.caller)
	switch {
	case caller != nil:
		return err
	case limit != nil:
		return &NetworkError{Stage: StageBody, Timeout: true, Err: limit, class: ErrTimeout, processed: Ran}
	case b.broke != nil:
		return &NetworkError{Stage: StageStream, Err: err, class: ErrStreamTruncated, processed: Ran}
	}
	return brokenBody(err)
}

func brokenBody(err error) error {
	if err == nil {
		return nil
	}
	return &NetworkError{Stage: StageBody, Err: cutBy(err), class: ErrBodyCut, processed: Ran}
}

func (b *rawBody) Close() error {
	b.close() // first: a read may be under way that Close would wait for
	return b.ReadCloser.Close()
}

func (b *rawBody) close() {
	if b.whole != nil {
		b.whole()
		b.whole = nil
	}
	b.a.end()
}
