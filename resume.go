package claude

import (
	"fmt"
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
	for i, b := range e.Partial.Content {
		switch b := b.(type) {
		case *TextBlock:
			t := *b
			if i == len(e.Partial.Content)-1 {
				t.Text = strings.TrimRight(t.Text, " \t\r\n") // the API refuses it at the end
			}
			if strings.TrimSpace(t.Text) != "" {
				kept, text = append(kept, &t), text+t.Text
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
	return kept, text, nil
}

// prefills reports whether a request's model continues a begun answer.
func prefills(r *Request) bool {
	m := lookupModel(r.Model)
	return m != nil && !m.noPrefill && (r.Thinking == nil || r.Thinking.Type == ThinkingDisabled)
}

// resume opens the stream that goes on where this one broke off, if that is allowed
// and safe.
func (s *Stream) resume(err error) bool {
	if s.again == nil || s.resumes == 0 {
		return false
	}
	caller, limit := s.ends()
	s.mu.Lock()
	closed := s.closed
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
	s.release()
	s.call.streamDone(&s.info, nil, &CallError{
		Op: s.op(), Class: broken.class, Reason: ReasonFinal, Target: s.call.info.Target, RequestID: s.info.requestID,
		Processed: Ran, Attempts: s.info.attempts, Trail: s.call.trail, Elapsed: time.Since(s.info.start), Err: broken,
	})
	s.resumes--
	next, err := s.again(s.ctx, request)
	if err != nil {
		s.after = err // is told with what had come
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seam = s.events.acc.splice(!prefills(s.call.request))
	s.base = broken.Partial.Usage // those before included
	s.resumed++
	attempts := append(s.info.attempts[:len(s.info.attempts):len(s.info.attempts)], next.info.attempts...)
	trail := append(s.call.trail[:len(s.call.trail):len(s.call.trail)], next.call.trail...)
	original := s.call.request
	s.body, s.attempt, s.call, s.events.in = next.body, next.attempt, next.call, next.events.in
	s.events.queue = next.events.queue
	next.info.start, next.info.elapsed, next.info.attempts = s.info.start, s.info.elapsed, attempts
	s.info, s.call.trail, s.call.request = next.info, trail, original
	s.progress, s.limit = next.progress, next.limit
	if s.call.unwatch != nil {
		s.call.unwatch() // it watches a Stream that nobody was given
		s.call.unwatch = nil
	}
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

// maxOverlap is how much of what had come a model may repeat at the seam.
const maxOverlap = 200

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
	for _, b := range a.blocks {
		s.offset = max(s.offset, b.index+1)
		if _, ok := b.block.(*TextBlock); ok && !b.done {
			s.open, s.tail = b.index, b.text.String()
			s.tail = s.tail[max(0, len(s.tail)-maxOverlap):]
		}
	}
	a.settled, a.stopped = false, false
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
	default:
		return []Event{e}
	}
	e.Index += s.offset
	return []Event{e}
}

// flush returns the head of the continuation without what repeats the tail.
func (s *seam) flush() []Event {
	if s.done {
		return nil
	}
	s.done = true
	head := string(s.head)
	if s.repeat {
		for n := min(len(head), len(s.tail)); n > 0; n-- {
			if strings.HasSuffix(s.tail, head[:n]) {
				head = head[n:]
				break
			}
		}
	}
	if strings.TrimRight(s.tail, " \t\r\n") != s.tail { // it was cut off for the API, and comes again
		head = strings.TrimLeft(head, " \t\r\n")
	}
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
	return sum
}
