package claude

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/steadfast-go/claude/internal/sse"
)

// A stream is held until its first content has come. Until then nobody has seen
// anything of it, so that whatever goes wrong is a failed attempt like any other:
// retried, counted, typed. Then what was held is handed over first.
const (
	maxHeldEvents = 64
	maxHeldBytes  = 256 << 10
	maxHeldTime   = 15 * time.Second // after the first byte

	maxEvent = 32 << 20 // bytes of one event of a stream
)

// errHeldEnough ends the holding of a stream that takes its time to begin.
var errHeldEnough = errors.New("held long enough")

// holder reads a stream and remembers what it read.
type holder struct {
	typed   bool // the reader of the stream takes events
	src     io.Reader
	held    []byte
	err     error // of src, to come behind what is held
	until   time.Time
	pending chan held // a read that was not over when the holding ended

	events []Event     // of a typed call whose content has come: all, that included
	reader *sse.Reader // what goes on behind them
}

// held is the result of a read.
type held struct {
	data []byte
	err  error
}

// Read reads on while the stream is held.
func (h *holder) Read(p []byte) (int, error) {
	if len(h.held) >= maxHeldBytes {
		return 0, errHeldEnough
	}
	if h.until.IsZero() {
		n, err := h.src.Read(p)
		h.keep(p[:n], err)
		h.until = time.Now().Add(maxHeldTime)
		return n, err
	}
	// A read cannot be taken back, so it is made beside us: when the time is up, the
	// stream's reader waits for it in our place.
	pending := make(chan held, 1)
	h.pending = pending
	go func() {
		n, err := h.src.Read(p) // once the time is up, nobody else uses p
		pending <- held{p[:n], err}
	}()
	timer := time.NewTimer(time.Until(h.until))
	defer timer.Stop()
	select {
	case r := <-pending:
		h.pending = nil
		h.keep(r.data, r.err)
		return len(r.data), r.err
	case <-timer.C:
		return 0, errHeldEnough
	}
}

func (h *holder) keep(data []byte, err error) {
	h.held = append(h.held, data...)
	h.err = err
}

// goOn hands over what has been read of a typed call's stream, so that it need not be
// read again. ok is false if that is not possible.
func (h *holder) goOn(body io.Reader) (in *sse.Reader, queue []Event, ok bool) {
	if h.reader == nil {
		return nil, nil, false
	}
	in, queue = h.reader, h.events
	in.Continue(body)
	h.held, h.reader, h.events = nil, nil, nil
	return in, queue, true
}

// heldBody is a stream whose beginning was held: it is read again from its start.
type heldBody struct {
	h    *holder
	body io.ReadCloser
}

func (b *heldBody) Read(p []byte) (int, error) {
	if h := b.h; len(h.held) > 0 || h.err != nil || h.pending != nil {
		return b.replay(p)
	}
	return b.body.Read(p)
}

// replay reads what was held.
func (b *heldBody) replay(p []byte) (int, error) {
	h := b.h
	if len(h.held) == 0 && h.err == nil {
		r := <-h.pending // ends with the attempt at the latest
		h.pending = nil
		h.keep(r.data, r.err)
	}
	if len(h.held) > 0 {
		n := copy(p, h.held)
		if h.held = h.held[n:]; len(h.held) == 0 {
			h.held = nil
		}
		return n, nil
	}
	return 0, h.err
}

func (b *heldBody) Close() error { return b.body.Close() }

// opening is what the beginning of a stream came to.
type opening struct {
	began     bool   // an event has come
	failure   string // the data of an error event
	malformed error  // an event that breaks the protocol
	err       error  // what ended the stream before any content
	last      lastEvent
	pings     int
	holder    *holder
}

// hold reads a stream up to its first content.
func (a *attemptState) hold(o *observation, resp *http.Response) {
	h := &holder{src: &a.down, typed: !o.call.raw}
	o.opening = h.open()
	o.opening.holder = h
	resp.Body = &heldBody{h, resp.Body}
}

func (h *holder) open() *opening {
	o := new(opening)
	reader := sse.NewReader(h, maxEvent)
	var e Event
	var events []Event
	var scratch []byte
	for range maxHeldEvents {
		name, data, err := reader.Next()
		switch {
		case errors.Is(err, errHeldEnough), errors.Is(err, sse.ErrTooLarge):
			return o // whatever it is, it is the reader's to see
		case err != nil:
			o.err = err
			return o
		case isBlank(data):
			continue
		}
		scratch, err = decodeEvent(name, data, &e, scratch)
		if fault, ok := errors.AsType[*streamFault](err); ok {
			o.failure = fault.data
			return o
		}
		if err != nil {
			o.malformed = err
			return o
		}
		o.began, o.last = true, e.brief()
		if h.typed {
			events = append(events, e)
		}
		switch {
		case e.hasContent() && h.typed:
			h.events, h.reader = events, reader
			return o
		case e.hasContent():
			return o
		case e.Type == EventPing:
			o.pings++
		}
	}
	return o
}

// judgeOpening judges a stream by its beginning.
func judgeOpening(o *observation) verdict {
	p := o.opening
	switch {
	case p.failure != "":
		o.body = p.failure
		return fail(newAPIError(o))
	case p.malformed != nil:
		return fail(&StreamError{LastEvent: p.last.String(), Pings: p.pings, Err: p.malformed, class: ErrProtocol})
	case p.err == nil:
		return verdict{} // content has come
	case o.caller != nil:
		return callerEnded(o)
	}
	e := &StreamError{LastEvent: p.last.String(), Pings: p.pings, Err: p.err, class: ErrStreamTruncated}
	switch {
	case o.limit != nil:
		e.class, e.Err = ErrStreamStalled, o.limit
	case !p.began && errors.Is(p.err, io.EOF):
		return fail(unexpected(o, "an empty stream"))
	case errors.Is(p.err, io.EOF):
		e.Err = io.ErrUnexpectedEOF
	}
	return fail(e)
}

// judgeCollected judges a stream that was read to its end.
func judgeCollected(o *observation) verdict {
	r := o.collected
	if o.bodyErr == nil {
		resp := r.acc.response()
		if raw, err := marshal(resp); err == nil {
			resp.Raw = shared(raw)
		}
		o.call.result = resp
		return verdict{}
	}
	if fault, ok := errors.AsType[*streamFault](o.bodyErr); ok && !r.content {
		o.body = fault.data
		return fail(newAPIError(o))
	}
	if !r.acc.started && errors.Is(o.bodyErr, io.EOF) {
		return fail(unexpected(o, "an empty stream"))
	}
	e := r.failure(o.bodyErr, o.caller, o.limit, o.header)
	e.Partial, e.UsageExact, e.request = r.acc.response(), r.acc.counted, o.call.request
	r.acc.estimate(e.Partial)
	v := fail(e)
	v.processed, v.once = Ran, r.content
	if e.Complete {
		v.override = mustNotRetry // paid, and all there: see Partial
	}
	return v
}

// streamEnd says what became of a stream after its first content.
func streamEnd(err error, caller error, limit *timeoutError) *StreamError {
	e := &StreamError{Err: err, class: ErrStreamTruncated}
	switch {
	case caller != nil:
		e.class, e.Err = contextClass(caller), caller
	case limit != nil && limit.name == "Total":
		e.class, e.Err = ErrTimeout, limit
	case limit != nil:
		e.class, e.Err = ErrStreamStalled, limit
	case errors.Is(err, sse.ErrTooLarge):
		e.class, e.Err = ErrProtocol, fmt.Errorf("an event over %d MiB: %w", maxEvent>>20, err)
	case errors.Is(err, io.EOF):
		e.Err = io.ErrUnexpectedEOF
	}
	return e
}

// ends returns the error of the caller's context, or the limit of ours that ended
// the attempt.
func (a *attemptState) ends(caller context.Context) (*timeoutError, error) {
	var o observation
	a.observe(&o, caller)
	if o.caller == nil && o.limit == nil && errors.Is(context.Cause(a.Context), context.DeadlineExceeded) {
		o.limit = &timeoutError{name: "Total", limit: a.limits.Total}
	}
	return o.limit, o.caller
}
