package claude

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/steadfast-go/claude/internal/redact"
	"github.com/steadfast-go/claude/internal/sse"
)

// A Stream is an answer that arrives as events. Take it with one of Events, Text
// and Response: a stream can be read once. Leaving a loop early closes it.
//
//	stream, err := client.Messages.Stream(ctx, request)
//	if err != nil {
//		return err // nothing has come yet
//	}
//	for text, err := range stream.Text() {
//		if err != nil {
//			return err // what has come so far is in the *claude.StreamError
//		}
//		fmt.Print(text)
//	}
//
// A stream that ends before the API said that it is complete is an error, never a
// shorter answer. RequestID, Partial and Close may be called at any time, by other
// goroutines too.
type Stream struct {
	ctx     context.Context //nolint:containedctx // the caller's: a stream outlives the call that opened it
	body    io.ReadCloser
	events  eventReader
	attempt *attemptState // nil for NewStream
	call    *call         // likewise
	info    streamInfo

	progress *time.Timer // of StreamProgress, else nil
	limit    time.Duration
	left     time.Duration // of it
	since    time.Time     // when it began to run

	again     func(context.Context, Request) (*Stream, error) // opens a continuation; nil if that is not allowed
	resumes   int                                             // continuations left
	resumed   int                                             // continuations made
	after     error                                           // why the last one could not be made
	seam      *seam                                           // of the continuation that is being read
	ready     []Event                                         // adapted to what came before it
	base      Usage                                           // of the attempts before it
	inherited int                                             // how many attempts those are

	stopAgain []context.CancelFunc // end the continuations; guarded by mu

	mu     sync.Mutex // guards what follows, and events' accumulator
	used   bool
	closed atomic.Bool // changed under mu; read for every event without it
	done   bool
	resp   *Response
	err    *CallError
}

// streamInfo is what is known of a stream beside its events.
type streamInfo struct {
	start     time.Time // of the call
	header    http.Header
	attempts  []Attempt
	elapsed   time.Duration // until the first content
	requestID string
}

// NewStream returns a Stream of what body holds: an event stream as the API sends
// it. It is for fakes in tests, and for streams that were stored. The stream closes
// body, also when ctx ends.
func NewStream(ctx context.Context, body io.ReadCloser) *Stream {
	s := &Stream{ctx: ctx, body: body, info: streamInfo{start: time.Now()}}
	s.events.in = sse.NewReader(body, maxEvent)
	return s
}

// open lets the stream read an answer whose beginning has been judged.
func (s *Stream) open(resp *http.Response, progress time.Duration) {
	s.body = resp.Body
	s.events.in = sse.NewReader(s.body, maxEvent)
	if raw, ok := resp.Body.(*rawBody); ok {
		s.attempt = raw.a
		if held, ok := raw.ReadCloser.(*heldBody); ok {
			if in, queue, ok := held.h.goOn(s.body); ok {
				s.events.in, s.events.queue = in, queue
			}
		}
	}
	if progress > 0 {
		s.limit, s.left = progress, progress
		a := s.attempt
		s.progress = time.AfterFunc(progress, func() { a.cancel(&timeoutError{name: "StreamProgress", limit: progress}) })
	}
}

// Events yields the events of the stream as they come. An error is the last thing
// it yields, a [*CallError] around a [*StreamError].
func (s *Stream) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := s.take(); err != nil {
			yield(Event{}, err)
			return
		}
		defer s.leave() // by break, return or panic
		for {
			more, err := s.next()
			if err != nil {
				yield(Event{}, err)
				return
			}
			if !more || !yield(s.events.event, nil) {
				return
			}
		}
	}
}

// Text yields the answer's text, piece by piece. Thinking and tool calls are left
// out; after the loop, Response has them.
func (s *Stream) Text() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for event, err := range s.Events() {
			if err != nil {
				yield("", err)
				return
			}
			if text := newText(&event); text != "" && !yield(text, nil) {
				return
			}
		}
	}
}

// newText returns the text that an event brings.
func newText(e *Event) string {
	if t, ok := e.Block.(*TextBlock); ok && e.Type == EventBlockStart {
		return t.Text // nearly always empty
	}
	if e.Delta == DeltaText {
		return e.Text()
	}
	return ""
}

// Response returns the whole answer, as [MessageService.Create] does. It reads what
// has not been read yet. After a loop that was left early it returns an error of
// class [ErrCanceled] that holds what had come.
func (s *Stream) Response() (*Response, error) {
	if err := s.take(); err == nil {
		defer s.leave()
		for {
			more, err := s.next()
			if err != nil {
				return nil, err
			}
			if !more {
				break
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return nil, s.err
	case s.resp == nil:
		return nil, &CallError{Op: s.op(), Class: ErrConfig, Reason: ReasonFinal, Processed: Ran, Err: &ConfigError{Field: "Stream", Problem: "is being read: call Response after the loop"}}
	}
	if s.resp.Raw == "" { // not made before: who reads only events has no use for it
		if raw, err := marshal(s.resp); err == nil {
			s.resp.Raw = shared(raw)
		}
	}
	return s.resp, nil
}

// Partial returns what has come so far: the content, unfinished blocks included,
// and the usage as far as it is known. Nothing in it changes any more. Before the
// first event it is empty.
func (s *Stream) Partial() *Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.partial()
}

func (s *Stream) partial() *Response {
	r := s.events.acc.response()
	s.events.acc.estimate(r)
	s.describe(r)
	return r
}

// own is what is known of the last call, without those it continues.
func (s *Stream) own() streamInfo {
	info := s.info
	info.attempts = info.attempts[s.inherited:]
	return info
}

// ownUsage is what the last attempt came to, without those it continues.
func (s *Stream) ownUsage() *Usage {
	r := s.events.acc.response()
	s.events.acc.estimate(r)
	return &r.Usage
}

// describe adds what is known of the call.
func (s *Stream) describe(r *Response) {
	if s.resumed > 0 {
		r.Usage, r.Resumes = addUsage(s.base, r.Usage), s.resumed
	}
	r.RequestID = s.info.requestID
	r.RateLimit = parseRateLimit(s.info.header)
	r.Attempts = s.info.attempts
	if s.call != nil {
		r.Trail = s.call.trail
	}
}

// RequestID returns the API's id of the attempt that is being read; quote it to
// support.
func (s *Stream) RequestID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info.requestID
}

// Close ends the stream. It may be called at any time and more than once; a loop
// that is reading ends with an error of class [ErrCanceled].
func (s *Stream) Close() error {
	s.mu.Lock()
	s.closed.Store(true)
	idle := !s.used
	s.used = true
	s.endAgain()
	s.mu.Unlock()
	if idle {
		s.leave() // nobody reads
		return nil
	}
	s.release()
	return nil
}

// endAgain ends the continuations there were. The lock is held.
func (s *Stream) endAgain() {
	for _, stop := range s.stopAgain {
		stop()
	}
}

// take claims the stream for a reader.
func (s *Stream) take() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used {
		return &CallError{Op: s.op(), Class: ErrConfig, Reason: ReasonFinal, Processed: Ran, Err: &ConfigError{Field: "Stream", Problem: "has been read already: a stream can be read once"}}
	}
	s.used = true
	return nil
}

func (s *Stream) op() string {
	if s.call == nil {
		return "stream"
	}
	return s.call.info.Op
}

// next reads the next event into s.events.event. more is false behind the last one.
//
// This is where the goroutines of open streams wait. What they do before and after
// is in functions of its own, so that their stacks can shrink meanwhile.
func (s *Stream) next() (more bool, _ error) {
	if s.events.acc.stopped {
		return false, s.finish(nil)
	}
	if s.closed.Load() {
		return false, s.finish(errLeft)
	}
	s.watchProgress()
	err := s.fetch()
	s.pauseProgress()
	if err == nil {
		err = s.add()
	}
	if err != nil {
		return false, s.finish(err)
	}
	if s.events.event.hasContent() {
		s.left = s.limit
	}
	return true, nil
}

// watchProgress lets the limit of StreamProgress run: only while the stream waits, not
// while its reader is busy.
func (s *Stream) watchProgress() {
	if s.progress != nil {
		s.since = time.Now()
		s.progress.Reset(s.left)
	}
}

func (s *Stream) pauseProgress() {
	if s.progress != nil {
		s.progress.Stop()
		s.left = max(1, s.left-time.Since(s.since))
	}
}

// fetch gets the next event.
func (s *Stream) fetch() error {
	if s.attempt == nil || s.seam != nil {
		return s.fetchAny()
	}
	err := s.events.read()
	if err != nil && s.resume(err) {
		return s.fetchAny()
	}
	return err
}

// fetchAny gets the next event, of a continuation or of a stream without an attempt.
func (s *Stream) fetchAny() error {
	for len(s.ready) == 0 {
		var stop func() bool
		if s.attempt == nil { // then nobody else watches the context
			stop = context.AfterFunc(s.ctx, s.release)
		}
		err := s.events.read()
		if stop != nil {
			stop()
		}
		switch {
		case err != nil && s.resume(err):
		case err != nil:
			return err
		case s.seam == nil:
			return nil
		default:
			s.ready = s.seam.adapt(s.events.event)
		}
	}
	s.events.event, s.ready = s.ready[0], s.ready[1:]
	return nil
}

// add makes the event that was read part of the answer.
func (s *Stream) add() error {
	s.mu.Lock()
	gaps := len(s.events.acc.gaps)
	err := s.events.add()
	gaps = len(s.events.acc.gaps) - gaps
	if e := &s.events.event; err == nil && s.resumed > 0 {
		if e.Type == EventResumed {
			s.events.acc.head.Usage = e.Message.Usage
		}
		if e.Usage != nil {
			*e.Usage = addUsage(s.base, *e.Usage)
		}
	}
	s.mu.Unlock()
	if gaps > 0 {
		s.warn(s.events.acc.gaps[0])
	}
	return err
}

func (s *Stream) warn(message string) {
	if s.call != nil && s.call.observer.Warning != nil {
		s.call.observer.Warning(s.ctx, Warning{Op: s.op(), Message: "the stream is odd, and was read all the same: " + message})
	}
}

// leave ends a stream whose reader has gone.
func (s *Stream) leave() {
	s.mu.Lock()
	done, whole := s.done, s.events.acc.stopped
	if !done {
		s.closed.Store(true)
	}
	for !done && len(s.events.queue) > 0 && !s.events.acc.started { // it had come, and was billed
		s.events.event, s.events.queue = s.events.queue[0], s.events.queue[1:]
		_ = s.events.add()
	}
	s.mu.Unlock()
	switch {
	case done:
	case whole:
		_ = s.finish(nil) // left at its last event
	default:
		_ = s.finish(errLeft)
	}
}

// errLeft is a stream that its reader left before the end.
var errLeft = errors.New("the stream was closed before its end")

// finish ends the stream with its result, or the failure that err is. It returns
// that failure.
func (s *Stream) finish(err error) error {
	var caller error
	var limit *timeoutError
	if err != nil {
		limit, caller = s.ends()
	} else if raw, ok := s.body.(*rawBody); ok {
		drainSoon(raw.ReadCloser)
	}
	s.release()
	s.mu.Lock()
	if s.done {
		s.mu.Unlock()
		return s.failure()
	}
	s.done = true
	if err == nil {
		s.resp = s.events.acc.response()
		s.describe(s.resp)
	} else {
		s.err = s.failed(err, caller, limit)
	}
	s.mu.Unlock()
	if s.call != nil {
		own := s.own()
		s.call.streamDone(&own, s.ownUsage(), s.err)
	}
	s.mu.Lock()
	s.endAgain() // after the hooks, which are given its context
	s.mu.Unlock()
	return s.failure()
}

// failure returns the stream's failure, nil without one.
func (s *Stream) failure() error {
	if s.err == nil {
		return nil
	}
	return s.err
}

// ends returns what ended the stream: the caller's context, or a limit of ours.
func (s *Stream) ends() (limit *timeoutError, caller error) {
	if s.attempt != nil {
		return s.attempt.ends(s.ctx)
	}
	return nil, s.ctx.Err()
}

// failed makes the stream's error. The lock is held.
func (s *Stream) failed(err, caller error, limit *timeoutError) *CallError {
	if s.closed.Load() && caller == nil && limit == nil {
		err, caller = errLeft, fmt.Errorf("%w: %w", errLeft, context.Canceled)
	}
	e := s.events.failure(err, caller, limit, s.info.header)
	e.Partial = s.partial()
	e.UsageExact = s.events.acc.counted && s.resumed == 0
	if s.after != nil {
		e.Err = fmt.Errorf("%w, and going on failed: %w", e.Err, s.after)
	}
	if s.call != nil {
		e.request = s.call.request
	}
	return s.callError(e)
}

// callError is the call's error for what became of the stream. The lock is held.
func (s *Stream) callError(e *StreamError) *CallError {
	call := &CallError{Op: s.op(), Class: e.class, Reason: ReasonFinal, RequestID: redact.Line(s.info.requestID, maxShownMessage), Processed: Ran, Attempts: s.info.attempts, Elapsed: time.Since(s.info.start), Err: e}
	if c := s.call; c != nil {
		call.Target, call.Trail = c.info.Target, c.trail
	}
	return call
}

// release lets go of the connection.
func (s *Stream) release() {
	s.mu.Lock()
	body, progress := s.body, s.progress
	s.mu.Unlock()
	if progress != nil {
		progress.Stop()
	}
	_ = body.Close()
}

// An eventReader reads events and makes an answer of them.
type eventReader struct {
	in      *sse.Reader
	acc     accumulator
	event   Event
	scratch []byte

	queue   []Event // before in: what was held, or an answer that came whole
	content bool    // something that the caller waits for has come
	pings   int
	last    lastEvent
}

// lastEvent is what is remembered of an event, for errors.
type lastEvent struct {
	typ   EventType
	delta DeltaType
	block string
}

// String describes it for people: "content_block_start(tool_use)".
func (l lastEvent) String() string {
	switch {
	case l.delta != "":
		return string(l.typ) + "(" + string(l.delta) + ")"
	case l.block != "":
		return string(l.typ) + "(" + l.block + ")"
	}
	return string(l.typ)
}

// protocolError is an event that makes no sense.
type protocolError struct{ err error }

func (e *protocolError) Error() string { return e.err.Error() }
func (e *protocolError) Unwrap() error { return e.err }

// read reads the next event. The error is a *streamFault, a *protocolError or that
// of the body.
func (r *eventReader) read() error {
	if len(r.queue) > 0 {
		r.event, r.queue = r.queue[0], r.queue[1:]
		if len(r.queue) == 0 {
			r.queue = nil
		}
		return nil
	}
	for {
		name, data, err := r.in.Next()
		if err != nil {
			return err
		}
		if isBlank(data) {
			continue
		}
		if r.scratch, err = decodeEvent(name, data, &r.event, r.scratch); err != nil {
			if _, ok := errors.AsType[*streamFault](err); ok {
				return err
			}
			return &protocolError{err}
		}
		return nil
	}
}

// add makes the event that was read part of the answer.
func (r *eventReader) add() error {
	e := &r.event
	if e.Type == EventPing {
		r.pings++
		return nil
	}
	if e.Type != r.last.typ || e.Delta != r.last.delta || e.Block != nil { // else it is as the one before
		r.last = e.brief()
	}
	if !r.acc.started && e.Type != EventMessageStart && e.Raw == nil {
		return &protocolError{fmt.Errorf("%s before message_start", e.Type)}
	}
	if err := r.acc.add(e); err != nil {
		return &protocolError{err}
	}
	r.content = r.content || e.hasContent()
	return nil
}

// failure says what became of the stream.
func (r *eventReader) failure(err, caller error, limit *timeoutError, header http.Header) *StreamError {
	var e *StreamError
	fault, isFault := errors.AsType[*streamFault](err)
	protocol, isProtocol := errors.AsType[*protocolError](err)
	switch {
	case isFault:
		api := newAPIError(&observation{status: http.StatusOK, header: header, body: fault.data})
		e = &StreamError{Err: api, class: api.Class()}
	case isProtocol:
		e = &StreamError{Err: protocol.err, class: ErrProtocol}
	default:
		e = streamEnd(err, caller, limit)
	}
	e.LastEvent, e.Pings, e.Complete = r.last.String(), r.pings, r.acc.settled
	return e
}

// eventsOf returns the events of an answer that came whole.
func eventsOf(r *Response) []Event {
	head := new(*r)
	head.Content = nil
	events := []Event{{Type: EventMessageStart, Message: head}}
	for i, b := range r.Content {
		begun, delta := b, Event{Type: EventBlockDelta, Index: i}
		switch whole := b.(type) {
		case *TextBlock:
			t := new(*whole)
			t.Text, begun = "", t
			delta.Delta, delta.text = DeltaText, []byte(whole.Text)
		case *ThinkingBlock:
			t := new(*whole)
			t.Thinking, begun = "", t
			delta.Delta, delta.text = DeltaThinking, []byte(whole.Thinking)
		}
		events = append(events, Event{Type: EventBlockStart, Index: i, Block: begun})
		if delta.Delta != "" {
			events = append(events, delta)
		}
		events = append(events, Event{Type: EventBlockStop, Index: i})
	}
	return append(events,
		Event{Type: EventMessageDelta, StopReason: r.StopReason, StopSequence: r.StopSequence, StopDetails: r.StopDetails},
		Event{Type: EventMessageStop})
}

// collect reads a stream to its end, for Create.
func (r *eventReader) collect() error {
	for !r.acc.stopped {
		if err := r.read(); err != nil {
			return err
		}
		if err := r.add(); err != nil {
			return err
		}
	}
	return nil
}

// watch reports the stream to the observer if it is dropped without being read to
// its end or closed, and closes it then.
func (s *Stream) watch(leaked func(context.Context, CallInfo, string)) {
	var stack [1]uintptr
	place := "unknown place"
	if runtime.Callers(4, stack[:]) > 0 {
		frame, _ := runtime.CallersFrames(stack[:]).Next()
		place = fmt.Sprintf("%s:%d", frame.File, frame.Line)
	}
	type lost struct {
		a     *attemptState
		call  CallInfo
		done  func(context.Context, CallInfo, CallResult)
		place string
	}
	cleanup := runtime.AddCleanup(s, func(l lost) {
		l.a.end()
		if l.done != nil {
			l.done(context.Background(), l.call, CallResult{Class: ErrCanceled, Err: errLeft})
		}
		leaked(context.Background(), l.call, l.place)
	}, lost{s.attempt, s.call.info, s.call.observer.CallDone, place})
	s.call.unwatch = cleanup.Stop
}
