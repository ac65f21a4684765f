package claude

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
	"unsafe"

	"github.com/steadfast-go/claude/internal/wire"
)

// EventType says what an [Event] is. The set is open.
type EventType string

// The types of events, in the order they come.
//
// https://platform.claude.com/docs/en/build-with-claude/streaming
const (
	EventMessageStart EventType = "message_start"       // Message: the answer without content
	EventBlockStart   EventType = "content_block_start" // Index, Block: a block as it begins
	EventBlockDelta   EventType = "content_block_delta" // Index, Delta: a piece of a block
	EventBlockStop    EventType = "content_block_stop"  // Index, Block: the block, complete
	EventMessageDelta EventType = "message_delta"       // StopReason and Usage
	EventMessageStop  EventType = "message_stop"        // the answer is complete
	EventPing         EventType = "ping"                // nothing but a sign of life
)

// DeltaType says what a content_block_delta adds to its block. The set is open.
type DeltaType string

// The types of deltas.
const (
	DeltaText      DeltaType = "text_delta"       // Text: more of a text block
	DeltaInputJSON DeltaType = "input_json_delta" // Text: more of a tool call's input, a piece of JSON
	DeltaThinking  DeltaType = "thinking_delta"   // Text: more of a thinking block
	DeltaSignature DeltaType = "signature_delta"  // Text: a thinking block's signature
	DeltaCitation  DeltaType = "citations_delta"  // Citation: one more of a text block
)

// An Event is one step of a streamed answer. It may be kept, but for a delta's text:
// that lies in the stream's buffer and is only good until the loop goes on. Take it
// with Text, or keep a [Event.Clone].
type Event struct {
	Type  EventType
	Index int       // of the content block, for the types that have one
	Delta DeltaType // of a content_block_delta

	Message  *Response // of a message_start: the answer without content
	Block    Block     // of a content_block_start: as it begins; of a content_block_stop: complete
	Citation *Citation // of a citations_delta

	StopReason   StopReason // of a message_delta, like the three below
	StopSequence string
	StopDetails  *StopDetails
	Usage        *Usage // the totals so far

	usage     string         // of a message_delta, as it came: what is not in it stays as it is
	container *ContainerInfo // likewise
	extra     Extra          // likewise, beta members

	Raw json.RawMessage // of an event or delta that this version does not know: the event as it came

	text []byte // of a delta; only good until the next event
}

// Clone returns the event with a text of its own, which may be kept.
func (e *Event) Clone() Event {
	c := *e
	c.text = bytes.Clone(e.text)
	return c
}

// Text returns the piece of text, thinking, JSON or signature that a delta adds. Call
// it before the loop goes on; the string may then be kept.
func (e *Event) Text() string { return string(e.text) }

// Bytes is [Event.Text] without a copy. The bytes are only good until the loop goes
// on to the next event, and must not be changed.
func (e *Event) Bytes() []byte { return e.text }

// streamFault is an error event.
type streamFault struct{ data string }

func (f *streamFault) Error() string { return "error event" }

// errUnusual sends an event to the thorough decoder.
var errUnusual = errors.New("not in the usual form")

// decodeEvent decodes the payload of an event. scratch is for text with escapes; e
// points into it or into data. The result is the same as decodeEventSlowly's.
func decodeEvent(name, data []byte, e *Event, scratch []byte) (_ []byte, err error) {
	if len(name) == 5 && string(name) == "error" { // whatever it holds
		return scratch, &streamFault{string(data)}
	}
	if len(name) == 4 && string(name) == "ping" { // whatever it holds: a proxy makes one of an event that broke off
		*e = Event{Type: EventPing}
		return scratch, nil
	}
	scratch, err = decodeDelta(data, e, scratch)
	if err == nil {
		return scratch, nil
	}
	return scratch, decodeEventSlowly(data, e)
}

// The usual beginnings of nearly everything that comes.
const (
	deltaHead  = `{"type":"content_block_delta","index":`
	deltaInner = `,"delta":{"type":"`
)

// usualDeltas are the types of deltas that hold one string, with its member.
var usualDeltas = [...]struct {
	delta DeltaType
	rest  string // behind the quote that begins the type
}{
	{DeltaText, `text_delta","text":"`},
	{DeltaInputJSON, `input_json_delta","partial_json":"`},
	{DeltaThinking, `thinking_delta","thinking":"`},
}

// decodeDelta decodes a delta in the form that the API writes it, straight from
// the read buffer. Anything else is errUnusual.
func decodeDelta(data []byte, e *Event, scratch []byte) ([]byte, error) {
	if len(data) < len(deltaHead) || string(data[:len(deltaHead)]) != deltaHead {
		return scratch, errUnusual
	}
	i, index := len(deltaHead), 0
	for ; i < len(data) && '0' <= data[i] && data[i] <= '9'; i++ {
		if index = index*10 + int(data[i]-'0'); index > maxBlocks {
			return scratch, errUnusual
		}
	}
	if data[i-1] == ':' || data[len(deltaHead)] == '0' && i > len(deltaHead)+1 {
		return scratch, errUnusual // no digit, or a number that JSON does not have
	}
	rest := data[i:]
	if len(rest) < len(deltaInner) || string(rest[:len(deltaInner)]) != deltaInner {
		return scratch, errUnusual
	}
	rest = rest[len(deltaInner):]
	for i := range usualDeltas {
		usual := &usualDeltas[i]
		if len(rest) < len(usual.rest) || string(rest[:len(usual.rest)]) != usual.rest {
			continue
		}
		rest = rest[len(usual.rest):]
		text, tail, scratch, ok := unquote(rest, scratch)
		if !ok || !isTail(tail) {
			return scratch, errUnusual
		}
		if e.Type == EventBlockDelta && e.Delta == usual.delta && e.Raw == nil && e.Citation == nil {
			e.Index, e.text = index, text // like the one before, as most are: the rest is empty
		} else {
			*e = Event{Type: EventBlockDelta, Index: index, Delta: usual.delta, text: text}
		}
		return scratch, nil
	}
	return scratch, errUnusual
}

// maxBlocks is more content blocks than any answer has.
const maxBlocks = 1 << 20

// isTail reports whether all that is left is the end of two objects and the spaces
// that the API puts there to hide lengths.
func isTail(tail []byte) bool {
	closed := 0
	for _, c := range tail {
		switch c {
		case '}':
			closed++
		case ' ':
		default:
			return false
		}
	}
	return closed == 2
}

// unquote reads a JSON string whose first quote has been read. Without escapes the
// text is a part of data, else of scratch.
func unquote(data, scratch []byte) (text, tail, _ []byte, ok bool) {
	s := unsafe.String(unsafe.SliceData(data), len(data)) // only read, and only until we return
	end, ascii := wire.PlainEnd(s)
	if end < len(data) && data[end] == '"' {
		text = data[:end]
	} else {
		if scratch, end, ok = wire.AppendUnescaped(scratch[:0], s, end); !ok {
			return nil, nil, scratch, false
		}
		text, ascii = scratch, false
	}
	if !ascii && !utf8.Valid(text) {
		return nil, nil, scratch, false
	}
	return text, data[end+1:], scratch, true
}

// decodeEventSlowly decodes any event.
func decodeEventSlowly(data []byte, e *Event) error {
	*e = Event{}
	body := string(data) // what an Event holds is its own
	p := eventPayload{event: e}
	if err := decodeText(body, func(f *fields) {
		p.typ = f.dec.PeekString("type")
		f.decode(&p)
	}); err != nil {
		return err
	}
	e.Type = EventType(p.typ)
	switch e.Type {
	case "":
		return errors.New("an event without a type")
	case "error":
		return &streamFault{body}
	case EventMessageStart:
		if e.Message == nil {
			return errors.New("a message_start without a message")
		}
	case EventBlockStart:
		if e.Block == nil {
			return errors.New("a content_block_start without a content_block")
		}
	case EventBlockDelta:
		if !p.known {
			e.Raw = json.RawMessage(body)
		}
	case EventBlockStop, EventMessageDelta, EventMessageStop, EventPing:
	default:
		e.Raw = json.RawMessage(body)
	}
	if e.Index < 0 || e.Index > maxBlocks {
		return fmt.Errorf("an event for content block %d", e.Index)
	}
	return nil
}

// eventPayload describes the payloads of all events.
type eventPayload struct {
	typ   string
	known bool // the delta
	event *Event
}

func (p *eventPayload) fields(f *fields) {
	e := p.event
	switch EventType(p.typ) {
	case EventMessageStart:
		sub(f, "message", &e.Message)
	case EventBlockStart:
		number(f, "index", &e.Index, required)
		if f.mine("content_block", required) {
			e.Block = f.decodeBlock()
			f.done()
		}
	case EventBlockDelta:
		number(f, "index", &e.Index, required)
		if f.mine("delta", required) {
			p.delta(f)
			f.done()
		}
	case EventBlockStop:
		number(f, "index", &e.Index, required)
	case EventMessageDelta:
		if f.mine("delta", required) {
			f.decode(&messageDelta{e})
			f.done()
		}
		if f.mine("usage", required) {
			e.usage = f.dec.Raw()
			f.done()
		}
		if f.key == "type" && !f.hit { // not the message's
			f.hit = true
			f.dec.Skip()
		}
		f.rest(&e.extra)
	}
}

// delta reads the delta of a content_block_delta.
func (p *eventPayload) delta(f *fields) {
	e := p.event
	e.Delta = DeltaType(f.dec.PeekString("type"))
	member := map[DeltaType]string{
		DeltaText: "text", DeltaInputJSON: "partial_json", DeltaThinking: "thinking", DeltaSignature: "signature",
	}[e.Delta]
	switch {
	case member != "":
		d := stringDelta{member: member}
		f.decode(&d)
		e.text, p.known = []byte(d.text), true
	case e.Delta == DeltaCitation:
		d := citationDelta{}
		f.decode(&d)
		e.Citation, p.known = d.citation, d.citation != nil
	default:
		f.dec.Skip()
	}
}

type stringDelta struct{ member, text string }

func (d *stringDelta) fields(f *fields) { text(f, d.member, &d.text, required) }

type citationDelta struct{ citation *Citation }

func (d *citationDelta) fields(f *fields) { sub(f, "citation", &d.citation) }

// messageDelta reads the delta of a message_delta into its event.
type messageDelta struct{ *Event }

func (d *messageDelta) fields(f *fields) {
	textNullable(f, "stop_reason", &d.StopReason)
	textNullable(f, "stop_sequence", &d.StopSequence)
	sub(f, "stop_details", &d.StopDetails)
	sub(f, "container", &d.container)
	f.rest(&d.extra)
}

// hasContent reports whether an event holds something that the caller of a stream
// waits for: a piece of content, a block that comes whole, or the answer's end.
func (e *Event) hasContent() bool {
	switch e.Type {
	case EventBlockDelta:
		return len(e.text) > 0 || e.Citation != nil || e.Raw != nil
	case EventBlockStart:
		switch b := e.Block.(type) {
		case *TextBlock:
			return b.Text != ""
		case *ThinkingBlock:
			return b.Thinking != ""
		case *ToolUseBlock, *ServerToolUseBlock:
			return false
		}
		return true
	case EventBlockStop, EventMessageDelta, EventMessageStop:
		return true
	}
	return false
}

// brief is what is remembered of the event, for errors.
func (e *Event) brief() lastEvent {
	l := lastEvent{typ: e.Type, delta: e.Delta}
	if e.Block != nil {
		l.block = e.Block.blockType()
	}
	return l
}

// isBlank reports whether an event's data says nothing, as some gateways send.
func isBlank(data []byte) bool {
	if len(data) > 0 && data[0] == '{' {
		return false
	}
	data = bytes.TrimSpace(data)
	return len(data) == 0 || string(data) == "[DONE]"
}
