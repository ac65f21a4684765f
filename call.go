package claude

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/steadfast-go/claude/internal/redact"
	"github.com/steadfast-go/claude/internal/wire"
)

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
	tokens     int                     // estimated size of the prompt
	trailer    http.Header             // as in http.Request
	check      func(body string) error // says what is wrong with a raw call's answer, which is then read before it is handed over; may be nil
	decode     decoder                 // reads a typed call's answer
	result     any                     // what decode made, or is to fill
	credential Credential
	gate       uint64       // that it waits at: that of an account and one of its lanes
	retry      *RetryPolicy // with its defaults, like timeouts; shared with other calls
	timeouts   *Timeouts
	observer   *Observer
	logging    *traffic
	close      bool // as in http.Request
	raw        bool // the answer goes to a raw caller
	onceOnly   bool // nothing may be sent again
	makes      bool // something that stays, so that nothing may once it may have run, whatever x-should-retry says: who writes that does not know what runs
	streamed   streamMode
	request    *Request        // of a typed call that is streamed
	ctx        context.Context //nolint:containedctx // of a stream, which goes on after the call that opened it
	unwatch    func()          // ends the watch for a forgotten stream; may be nil

	transport *Transport
	state     *targetState
	trail     []Decision
	left      float64 // of the budget, as seen last
	attempt   int     // the number of the one under way, or to come
	pass      permit  // of the attempt under way, unless it is a probe
	later     *permit // of a stream that is being read
	held      *permit // that permit, or the probe's, to be freed whatever happens

	first  attemptState // of the first attempt
	record *record
}

// decoder reads the answer of a call. typ is its type, as the body says; empty where it
// says nothing.
type decoder func(c *call, body, typ string) error

// record is room for what is told of a call that goes well. Who gets an answer gets it,
// so it is apart from the call then, of which nothing is to be kept.
type record struct {
	attempts  [1]Attempt
	decisions [2]Decision
}

// newCall makes a call whose record nobody gets.
func newCall() *call {
	made := new(struct {
		call
		record
	})
	made.call.record = &made.record
	return &made.call
}

// lane is a limit of the API's own: what is refused there says nothing of the others.
type lane uint64

const (
	laneMessages lane = iota
	laneCount
	laneOther
)

// streamMode says what becomes of an answer that is an event stream.
type streamMode uint8

const (
	notStreamed     streamMode = iota // it is not taken for one
	streamedHeld                      // handed over once its first content has come
	streamedEagerly                   // handed over at once
	streamedWhole                     // read to its end
)

// forget drops what a result that refers to the call must not keep alive.
func (c *call) forget() {
	c.body, c.newBody, c.header, c.decode = wire.Body{}, nil, nil, nil
}

// release drops what is the caller's from here on. The runtime keeps a timer that has
// been stopped for a while, and with it the attempt and the call.
func (c *call) release() {
	c.result, c.record, c.trail, c.request = nil, nil, nil, nil
}

// note adds a decision to the call's trail.
func (c *call) note(ctx context.Context, d Decision) {
	d.Attempt, d.Budget = c.attempt, c.left
	if c.trail == nil {
		c.trail = c.record.decisions[:0]
	}
	c.trail = append(c.trail, d)
	if c.observer.Decision != nil {
		c.observer.Decision(ctx, c.info, d)
	}
}

// run makes a call: attempts, judged, until one succeeds or another would not
// help. On failure it returns the last outcome too, for raw callers.
func (t *Transport) run(ctx context.Context, c *call) (out outcome, attempts []Attempt, failure *CallError) {
	start := time.Now()
	c.transport, c.info.ID = t, t.calls.Add(1)
	c.state = t.targets.get(c.info.Target, start)
	c.info.Target = c.state.target
	c.left = c.state.budget.add(start, 0)
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
			} else {
				cancel()
			}
		}()
	}
	out, attempts, failure = t.attempts(ctx, callCtx, c)
	elapsed := time.Since(start)
	if failure != nil {
		// Copies: who keeps the error is not to keep the call.
		failure.Attempts, failure.Elapsed, failure.Trail = slices.Clone(attempts), elapsed, slices.Clone(c.trail)
		attempts = failure.Attempts
		for i := len(attempts) - 1; i >= 0 && failure.RequestID == ""; i-- {
			failure.RequestID = redact.Line(attempts[i].RequestID, maxShownMessage)
		}
	}
	c.ctx = ctx
	// The end of a stream is the call's.
	streaming := failure == nil && (c.streamed == streamedHeld || c.streamed == streamedEagerly) && !c.raw
	if c.observer.CallDone != nil && !streaming {
		c.done(ctx, out, attempts, elapsed, failure)
	}
	c.forget()
	return out, attempts, failure
}

// attempts is the loop of a call: admitted, attempted, judged, and again.
func (t *Transport) attempts(ctx, callCtx context.Context, c *call) (out outcome, attempts []Attempt, failure *CallError) {
	deadline, _ := callCtx.Deadline()
	r := retrier{policy: c.retry, state: c.state, tokens: c.tokens}
	var answer *http.Response // the last one there was, for raw callers
	fresh := false
	attempts = c.record.attempts[:0]
	var before error // the failure of the attempt before
	defer func() {
		if c.held != nil {
			c.held.end(time.Now(), neutral, "") // a hook has panicked; told twice it does nothing
		}
	}()
	for {
		c.attempt = len(attempts) + 1
		now, pass, refused := c.admit(ctx, callCtx, &out)
		if refused != nil {
			r.giveBack(time.Now())
			failure = refused
			break
		}
		out = t.observedAttempt(ctx, callCtx, c, pass, now, fresh)
		if out.replayed != nil {
			attempts = append(attempts, *out.replayed)
			c.note(ctx, Decision{At: time.Now(), Layer: LayerAttempt, Action: ActionReplay, Reason: string(ErrStaleConnection)})
			out.record.Number++
			c.attempt++
			// net/http has used up the free attempt, unless we kept it from making a
			// second one: then ours is still to come, on a connection of its own.
			r.fresh = r.fresh || !errors.Is(out.err, errReplayed)
		}
		attempts = append(attempts, out.record)
		if c.makes && out.class != "" && (out.processed == Ambiguous || out.processed == Ran) {
			c.onceOnly = true
		}
		c.report(ctx, pass, &out, &r)
		if out.class == "" {
			return out, attempts, nil
		}
		token := out.token
		d := r.next(&out.verdict, time.Now(), deadline, func() bool { return c.keyChanged(callCtx, token) })
		if c.onceOnly && d.retry {
			r.giveBack(time.Now())
			d = decision{reason: ReasonFinal, at: d.at, left: d.left}
		}
		c.left = d.left
		if !d.retry {
			c.note(ctx, Decision{At: time.Now(), Layer: LayerRetry, Action: ActionStop, Reason: string(d.reason)})
			failure = c.failed(&out, d.reason, d.at)
			if before != nil && (out.class == ErrCanceled || out.class == ErrDeadline || out.neutral || out.class == ErrConfig) {
				failure.Err = fmt.Errorf("%w, after %w", out.err, before)
			}
			break
		}
		before = out.err
		c.note(ctx, Decision{At: time.Now(), Layer: LayerRetry, Action: ActionAgain, Reason: d.why, Wait: d.wait})
		if out.resp != nil {
			answer = set(out.resp, out.body)
			out.resp = nil
		}
		fresh = d.fresh
		attempts[len(attempts)-1].Wait = d.wait
		if d.wait > 0 && c.observer.Wait != nil {
			c.observer.Wait(ctx, c.info, Wait{Duration: d.wait, Class: out.class, Hinted: out.hinted})
		}
		if err := sleep(callCtx, d.wait); err != nil {
			r.giveBack(time.Now())
			failure = c.endedWhileWaiting(ctx, &out, out.err, err)
			break
		}
	}
	if out.resp == nil && failure.Class != ErrCanceled && failure.Class != ErrDeadline {
		out.resp = answer
	}
	return out, attempts, failure
}

// drop lets go of an answer that nobody reads. Of a stream nobody knows how long it
// would go on.
func drop(resp *http.Response) {
	if isStream(resp.Header) {
		_ = resp.Body.Close()
		return
	}
	drain(resp.Body)
}

// set frees an answer's connection and leaves what was read of its body in it.
func set(resp *http.Response, body string) *http.Response {
	drop(resp)
	resp.Body = bodyOf(body)
	resp.ContentLength = int64(len(body))
	resp.Header = resp.Header.Clone()
	if resp.Header.Get("Content-Length") != "" {
		resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return resp
}

// observedAttempt makes an attempt between its two hooks. Whatever happens in it,
// a panic of a hook or of the base included, frees its permit.
func (t *Transport) observedAttempt(ctx, callCtx context.Context, c *call, pass *permit, now time.Time, fresh bool) (out outcome) {
	c.state.attempts.Add(1)
	c.state.inFlight.Add(1)
	whole := false
	defer func() {
		c.state.inFlight.Add(-1)
		if !whole && pass != nil {
			pass.end(time.Now(), neutral, "")
		}
	}()
	attemptCtx := callCtx
	if c.observer.AttemptStart != nil {
		attemptCtx = c.observer.AttemptStart(callCtx, c.info, c.attempt)
		now = time.Now()
	}
	out = t.attempt(attemptCtx, c, now, fresh)
	if (out.class == ErrDeadline || out.class == ErrCanceled) && ctx.Err() == nil && c.timeouts.Total > 0 {
		// It was our own Total that ended it, not the caller; but like the caller's
		// patience, it says nothing of the target.
		limit := &timeoutError{name: "Total", limit: c.timeouts.Total}
		broken, partial := errors.AsType[*StreamError](out.err)
		out.verdict = verdict{class: ErrTimeout, processed: out.processed, override: mustNotRetry, neutral: true, err: &NetworkError{
			Stage: out.record.Stage, Timeout: true, Err: limit, class: ErrTimeout, processed: out.processed,
		}}
		if partial {
			broken.class, broken.Err = ErrTimeout, limit
			out.err = broken
		}
		out.record.Class, out.record.Err = out.class, out.err
	}
	if c.observer.AttemptDone != nil {
		c.observer.AttemptDone(attemptCtx, c.info, out.record)
		out.at = time.Now()
	}
	whole = true
	return out
}

// report tells the target's breaker, gate and budget what an attempt came to.
func (c *call) report(ctx context.Context, pass *permit, out *outcome, r *retrier) {
	now := out.at
	switch {
	case pass == nil:
	case out.class == "" && out.resp != nil && !pass.probe && isStream(out.header):
		c.held, c.later, pass.late = nil, pass, true // what it says of the target it says at its end
	default:
		pass.end(now, out.result(), out.class)
		defer c.tell(ctx) // after the decision that is the reason
	}
	if out.class == "" {
		c.left = r.succeeded(now)
		c.note(ctx, Decision{At: now, Layer: LayerAttempt, Action: ActionSuccess})
		return
	}
	c.state.report(now, &out.verdict)
	if api, ok := out.err.(*APIError); ok && out.hinted && classes[out.class].gate && !c.retry.Gate.Off {
		c.state.gate.close(c.gate, now, now.Add(out.hint), api)
	}
	c.note(ctx, Decision{At: now, Layer: LayerAttempt, Action: ActionFailure, Reason: string(out.class)})
}

// tell delivers the breaker's changes of state, with no lock held that a hook could
// want. One goroutine at a time does it, so that they come in order.
func (c *call) tell(ctx context.Context) {
	b := c.state.breaker
	for b.pending() && b.telling.TryLock() {
		for _, change := range b.take() {
			c.transport.changed(ctx, change)
		}
		b.telling.Unlock()
	}
}

// failed is the call's error for an attempt after which there is none.
func (c *call) failed(out *outcome, reason Reason, at time.Time) *CallError {
	return &CallError{
		Op: c.info.Op, Target: c.info.Target, Class: out.class, Reason: reason,
		RetryAt: at, Processed: out.processed, Err: out.err,
	}
}

// endedWhileWaiting is the call's error when a context ended a wait. Both causes
// are kept: that the caller gave up, and what it was waiting after.
func (c *call) endedWhileWaiting(ctx context.Context, out *outcome, cause, err error) *CallError {
	e := c.failed(out, ReasonDeadline, time.Time{})
	if ctx.Err() == nil {
		return e // our own Total: the failure it was waiting after is the news
	}
	e.Reason, e.Class = ReasonFinal, contextClass(err)
	e.Err = fmt.Errorf("%w while waiting after %w", err, cause)
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
	result := CallResult{Class: out.class, Attempts: attempts, Trail: c.trail, Elapsed: elapsed, RequestID: out.record.RequestID}
	if failure != nil {
		result.Class, result.Err, result.RequestID = failure.Class, failure, failure.RequestID
		if partial := failure.partial(); partial.ID != "" {
			result.Usage = &partial.Usage
		}
	} else if r, ok := c.result.(*Response); ok {
		result.Usage = &r.Usage
	}
	c.observer.CallDone(ctx, c.info, result)
}

// streamDone tells of a stream's end what is told of a call's. usage is what this call
// came to, without those that it continues.
func (c *call) streamDone(info *streamInfo, usage *Usage, failure *CallError) {
	if c.unwatch != nil {
		c.unwatch()
	}
	result := CallResult{Attempts: info.attempts, Trail: c.trail, Elapsed: time.Since(info.start), FirstContent: info.elapsed, RequestID: info.requestID}
	result.Usage = usage
	if failure != nil {
		c.failedLater(c.ctx, failure.Class, failure.Err)
		result.Class, result.Err = failure.Class, failure
	} else {
		c.wholeLater(c.ctx)
	}
	if c.observer.CallDone != nil {
		c.observer.CallDone(c.ctx, c.info, result)
	}
}

// brokeLater counts a raw caller's stream that broke off after its first content.
func (c *call) brokeLater(ctx context.Context, a *attemptState, err error) {
	limit, caller := a.ends(ctx)
	e := streamEnd(err, caller, limit)
	c.failedLater(ctx, e.class, e)
}

// failedLater counts a failure that came after the attempt had been reported as a
// success.
func (c *call) failedLater(ctx context.Context, class Class, err error) {
	now := time.Now()
	v := verdict{class: class, err: err}
	if limit, ok := errors.AsType[*timeoutError](err); ok && limit.name == "Total" {
		v.neutral = true
	}
	if class != ErrCanceled && class != ErrDeadline {
		c.state.report(now, &v)
	}
	switch b := c.state.breaker; {
	case b == nil:
	case c.later != nil:
		c.later.end(now, v.result(), class)
		c.later = nil
		c.tell(ctx)
	case v.result() == failed:
		b.alsoFailed(now, class)
		c.tell(ctx)
	}
}

// wholeLater counts a stream that has come to its end as the success it is.
func (c *call) wholeLater(ctx context.Context) {
	if c.later != nil {
		c.later.end(time.Now(), succeeded, "")
		c.later = nil
		c.tell(ctx)
	}
}

func isStream(h http.Header) bool { return mediaType(h) == "text/event-stream" }
