package claude

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// EventResumed is not the API's: a stream that broke off goes on here with another
// attempt, as [WithResume] allows. Message is the beginning of the new answer.
const EventResumed EventType = "resumed"

// maxResumes is the most continuations that WithResume allows.
const maxResumes = 10

// WithResume lets a stream of text that breaks off after its first content go on by
// itself: what is missing is asked for with [StreamError.Continue], at most n times,
// and an event of type [EventResumed] marks each seam. It is for text alone: once a
// tool call has begun, or a server tool has run, the break is an error as always.
// The usage of all attempts is added up. Default 0: never.
func WithResume(n int) CallOption {
	return callOption(func(c *callConfig) error {
		if n < 0 || n > maxResumes {
			return &ConfigError{Field: "WithResume", Problem: fmt.Sprintf("is not from 0 to %d", maxResumes)}
		}
		c.resume = n
		return nil
	})
}

// goOn is what a model is asked that does not continue a begun answer.
const goOn = "Your answer was cut off by a technical failure. Continue exactly where it stopped, without repeating any of it and without comment."

// Continue returns the request that asks for what is missing of a broken answer:
// the same request with what had come behind it. A model that continues a begun
// answer is given it as the beginning; any other is asked to go on. Unfinished
// thinking is left out. Where going on is not safe, the error, a [*ConfigError],
// says why: then decide yourself whether to ask the whole question again.
//
// https://platform.claude.com/docs/en/build-with-claude/streaming#error-recovery
func (e *StreamError) Continue() (Request, error) {
	unsafe := func(why string) (Request, error) {
		return Request{}, &ConfigError{Field: "Continue", Problem: why}
	}
	if e.request == nil {
		return unsafe("does not know the request: the stream was not made by a client")
	}
	r := *e.request
	r.stream = false
	if e.Complete {
		return unsafe("has nothing to ask for: all of the answer had come")
	}
	if e.Partial == nil {
		return r, nil
	}
	if r.ToolChoice != nil && (r.ToolChoice.Type == ToolChoiceAny || r.ToolChoice.Type == ToolChoiceTool) {
		return unsafe("is not possible where a tool call is forced")
	}
	if r.OutputConfig != nil && r.OutputConfig.Format != nil {
		return unsafe("is not possible where the answer has a prescribed format: its pieces would not fit")
	}
	kept, text, err := e.kept()
	if err != nil {
		return Request{}, err
	}
	if text == "" {
		return r, nil // nothing that could be gone on from
	}
	messages := append(r.Messages[:len(r.Messages):len(r.Messages)], Assistant(kept...))
	if !prefills(&r) {
		messages = append(messages, UserText(goOn))
	}
	r.Messages = messages
	return r, nil
}

// kept returns the blocks that can go back, and the text in them.
func (e *StreamError) kept() (kept Content, text string, err error) {
	for _, b := range e.Partial.Content {
		switch b := b.(type) {
		case *TextBlock:
			if strings.TrimSpace(b.Text) != "" {
				kept, text = append(kept, new(*b)), text+b.Text
			}
		case *ThinkingBlock:
			if b.Signature != "" { // finished
				kept = append(kept, b)
			}
		case *RedactedThinkingBlock:
			kept = append(kept, b)
		case *ToolUseBlock:
			if len(b.Input) > 0 {
				return nil, "", &ConfigError{Field: "Continue", Problem: "is not possible: a tool call was complete, and may have been run; answer it instead"}
			}
		default:
			return nil, "", &ConfigError{Field: "Continue", Problem: "is not possible: a server tool had run (" + b.blockType() + ")"}
		}
	}
	if last := len(kept) - 1; last >= 0 {
		if t, ok := kept[last].(*TextBlock); ok {
			t.Text = strings.TrimRight(t.Text, white) // the API refuses it at the end
		}
	}
	return kept, text, nil
}

const white = " \t\r\n"

// prefills reports whether a request's model continues a begun answer.
func prefills(r *Request) bool {
	m := lookupModel(r.Model)
	return m != nil && !m.noPrefill && (r.Thinking == nil || r.Thinking.Type == ThinkingDisabled)
}

// resume opens the stream that goes on where this one broke off, if that is allowed,
// safe, and within the budget of the target.
func (s *Stream) resume(err error) bool {
	if s.again == nil || s.resumes == 0 {
		return false
	}
	limit, caller := s.ends()
	s.mu.Lock()
	if s.seam != nil { // what was held back had come too
		for _, e := range s.seam.flush() {
			_ = s.events.acc.grow(&e)
			s.ready = append(s.ready, e)
		}
	}
	closed := s.closed.Load()
	broken := s.events.failure(err, caller, limit, s.info.header)
	broken.Partial, broken.request = s.partial(), s.call.request
	onlyText := s.events.acc.onlyText()
	s.mu.Unlock()
	if closed || caller != nil || limit != nil && limit.name == "Total" || !onlyText || !resumable(broken.class) {
		return false
	}
	request, err := broken.Continue()
	if err != nil {
		return false
	}
	c, now := s.call, time.Now()
	if !c.retry.Budget.Off {
		if _, _, ok := c.state.budget.take(now, retryCost(Ran, c.tokens)); !ok {
			return false
		}
	}
	ctx, cancel := s.span(c.timeouts.Total)
	s.mu.Lock()
	s.stopAgain = append(s.stopAgain, cancel)
	s.mu.Unlock()
	s.release()
	s.resumes--
	r := retrier{policy: c.retry}
	next, err := (*Stream)(nil), sleep(ctx, r.backoff(classes[broken.class].overload))
	if err == nil {
		next, err = s.again(ctx, request)
	}
	if err != nil {
		s.after = err // is told with what had come
		return false
	}
	return s.join(next, broken)
}

// span is the context of a continuation: the caller's, within what Total leaves, if it
// limits anything.
func (s *Stream) span(total time.Duration) (context.Context, context.CancelFunc) {
	if total > 0 {
		return context.WithDeadline(s.ctx, s.info.start.Add(total))
	}
	return context.WithCancel(s.ctx)
}

// join makes the stream go on with another, and tells the end of the call so far.
func (s *Stream) join(next *Stream, broken *StreamError) bool {
	s.mu.Lock()
	if s.closed.Load() {
		s.mu.Unlock()
		_ = next.Close()
		return false // finish tells of this one
	}
	old, info, usage, failure := s.call, s.own(), s.ownUsage(), s.callError(broken)
	s.seam = s.events.acc.splice(!prefills(old.request))
	s.base = broken.Partial.Usage // those before included
	s.resumed++
	s.inherited = len(s.info.attempts)
	attempts := slices.Clone(s.info.attempts)
	for _, a := range next.info.attempts {
		a.Number += s.inherited
		attempts = append(attempts, a)
	}
	next.call.trail = slices.Concat(old.trail, next.call.trail)
	next.call.request = old.request
	s.body, s.attempt, s.call = next.body, next.attempt, next.call
	s.events.in, s.events.queue = next.events.in, next.events.queue
	next.info.start, next.info.elapsed, next.info.attempts = s.info.start, s.info.elapsed, attempts
	s.info = next.info
	s.progress, s.limit, s.left = next.progress, next.limit, next.left
	if s.call.unwatch != nil {
		s.call.unwatch() // it watches a Stream that nobody was given
		s.call.unwatch = nil
	}
	s.mu.Unlock()
	old.streamDone(&info, usage, failure)
	return true
}

// resumable reports whether a class of failure is worth going on after.
func resumable(c Class) bool {
	row := classes[c]
	return row.retry == retryAlways || c == ErrTimeout
}

// onlyText reports whether nothing but text, and thinking before it, has come.
func (a *accumulator) onlyText() bool {
	for _, b := range a.blocks {
		switch b.block.(type) {
		case *TextBlock:
		case *ThinkingBlock, *RedactedThinkingBlock:
			if !b.done {
				return false
			}
		default:
			return false
		}
	}
	return a.started && !a.settled
}

const (
	maxOverlap = 200 // bytes of what had come that a model may repeat at the seam
	minOverlap = 12  // bytes below which a repetition is chance
)

// seam joins the events of a continuation to what had come before.
type seam struct {
	offset int    // added to the indexes of blocks
	open   int    // the text block that goes on; -1 if none was open
	tail   string // of its text
	repeat bool   // the model was asked to go on, so it may repeat some of it

	joined bool   // the open block is the one that text goes to
	head   []byte // of the continuation, until it is clear what of it is repeated
	done   bool   // that is clear
}

// splice prepares for a continuation.
func (a *accumulator) splice(repeat bool) *seam {
	s := &seam{open: -1, repeat: repeat}
	a.before = 0
	for _, b := range a.blocks {
		s.offset = max(s.offset, b.index+1)
		a.before += b.text.size
		if _, ok := b.block.(*TextBlock); ok && !b.done {
			s.open, s.tail = b.index, b.text.String()
			s.tail = s.tail[max(0, len(s.tail)-maxOverlap):]
		}
	}
	a.settled, a.stopped, a.counted = false, false, false
	return s
}

// adapt returns the events that an event of the continuation comes to.
func (s *seam) adapt(e Event) []Event {
	switch e.Type {
	case EventMessageStart:
		e.Type = EventResumed
		return []Event{e}
	case EventBlockStart:
		if s.open >= 0 && !s.joined {
			if t, ok := e.Block.(*TextBlock); ok && t.Text == "" {
				s.joined = true
				s.offset = s.open - e.Index
				return nil
			}
			closed := Event{Type: EventBlockStop, Index: s.open}
			s.open, s.done = -1, true
			e.Index += s.offset
			return []Event{closed, e}
		}
	case EventBlockDelta:
		if s.joined && !s.done && e.Index+s.offset == s.open && e.Delta == DeltaText {
			s.head = append(s.head, e.text...)
			if s.repeat && len(s.head) < maxOverlap {
				return nil
			}
			return s.flush()
		}
	case EventBlockStop:
		if s.joined && e.Index+s.offset == s.open {
			e.Index += s.offset
			return append(s.flush(), e)
		}
	case EventMessageDelta, EventMessageStop:
		if s.joined {
			return append(s.flush(), e)
		}
		return []Event{e}
	default:
		return []Event{e}
	}
	e.Index += s.offset
	return []Event{e}
}

// flush returns the head of the continuation without what repeats the tail.
func (s *seam) flush() []Event {
	if s.done || !s.joined {
		return nil
	}
	s.done = true
	head := string(s.head)
	sent := strings.TrimRight(s.tail, white) // what the model was given
	if s.repeat {
		for n := min(len(head), len(sent)); n >= minOverlap; n-- {
			if strings.HasSuffix(sent, head[:n]) {
				head = head[n:]
				break
			}
		}
	}
	// The white space that was cut off for the API has been handed over; where the
	// model writes it again, it is not handed over twice.
	head = strings.TrimPrefix(head, s.tail[len(sent):])
	if head == "" {
		return nil
	}
	return []Event{{Type: EventBlockDelta, Index: s.open, Delta: DeltaText, text: []byte(head)}}
}

// addUsage adds the tokens of two attempts.
func addUsage(a, b Usage) Usage {
	sum := b
	sum.InputTokens += a.InputTokens
	sum.OutputTokens += a.OutputTokens
	sum.CacheCreationInputTokens += a.CacheCreationInputTokens
	sum.CacheReadInputTokens += a.CacheReadInputTokens
	if c := a.CacheCreation; c != nil {
		if sum.CacheCreation == nil {
			sum.CacheCreation = new(CacheCreation)
		}
		sum.CacheCreation = &CacheCreation{
			Ephemeral5mInputTokens: c.Ephemeral5mInputTokens + sum.CacheCreation.Ephemeral5mInputTokens,
			Ephemeral1hInputTokens: c.Ephemeral1hInputTokens + sum.CacheCreation.Ephemeral1hInputTokens,
			Extra:                  sum.CacheCreation.Extra,
		}
	}
	if d := a.OutputTokensDetails; d != nil {
		if sum.OutputTokensDetails == nil {
			sum.OutputTokensDetails = new(OutputTokensDetails)
		}
		sum.OutputTokensDetails = &OutputTokensDetails{ThinkingTokens: d.ThinkingTokens + sum.OutputTokensDetails.ThinkingTokens, Extra: sum.OutputTokensDetails.Extra}
	}
	return sum
}
