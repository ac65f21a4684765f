package claude

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/steadfast-go/claude/internal/wire"
)

// accumulator makes a Response of events.
//
// The rules: usage is cumulative, so that it is overwritten and never added; a
// message_delta's stop_details are final, null included; a tool's input is parsed
// once, at its stop; server blocks are complete when they begin.
type accumulator struct {
	started bool // message_start has come
	settled bool // a stop reason has come: all content is there
	stopped bool // message_stop has come
	counted bool // a message_delta has brought the final count of tokens

	head   Response // without content
	blocks []*growingBlock
	gaps   []string // what was odd about indexes, to be told once
	before int      // bytes of text that came before a continuation
}

// growingBlock is a content block on its way.
type growingBlock struct {
	index int
	block Block
	done  bool

	json      bool   // its deltas are input_json
	text      pieces // of deltas: text, thinking or JSON, as the block is one
	signature []byte
}

// add takes an event. It completes the event with what only the whole knows: the
// finished block, the totals.
func (a *accumulator) add(e *Event) error {
	switch e.Type {
	case EventMessageStart:
		if len(a.blocks) > 0 {
			return errors.New("a second message_start after content")
		}
		*a = accumulator{started: true, head: *e.Message}
		a.head.Content = nil
	case EventBlockStart:
		return a.begin(e)
	case EventBlockDelta:
		return a.grow(e)
	case EventBlockStop:
		b := a.find(e.Index)
		if b == nil {
			return fmt.Errorf("a stop of content block %d, which never began", e.Index)
		}
		if b.done {
			return fmt.Errorf("a second stop of content block %d", e.Index)
		}
		b.done = true
		b.finish()
		e.Block = b.block
	case EventMessageDelta:
		return a.end(e)
	case EventMessageStop:
		switch {
		case !a.settled:
			return errors.New("message_stop without a stop reason")
		case a.unfinished() && !cuts(a.head.StopReason):
			return errors.New("message_stop inside a content block")
		}
		a.stopped = true
	}
	return nil
}

func (a *accumulator) find(index int) *growingBlock {
	for _, b := range slices.Backward(a.blocks) { // it is nearly always the last one
		if b.index == index {
			return b
		}
	}
	return nil
}

func (a *accumulator) begin(e *Event) error {
	if a.find(e.Index) != nil {
		return fmt.Errorf("content block %d begins twice", e.Index)
	}
	if len(a.blocks) >= maxBlocks {
		return fmt.Errorf("more than %d content blocks", maxBlocks)
	}
	if want := len(a.blocks); e.Index != want && a.gaps == nil {
		a.gaps = append(a.gaps, fmt.Sprintf("content block %d came where %d was due", e.Index, want))
	}
	b := &growingBlock{index: e.Index, block: e.Block}
	switch own := e.Block.(type) { // the event's block is the caller's
	case *TextBlock:
		b.block = new(*own)
		b.text.add([]byte(own.Text))
	case *ThinkingBlock:
		b.block = new(*own)
		b.text.add([]byte(own.Thinking))
		b.signature = append(b.signature, own.Signature...)
	case *ToolUseBlock:
		b.block = new(*own)
	case *ServerToolUseBlock:
		b.block = new(*own)
	case *UnknownBlock:
		b.block = new(*own)
		if own.Type == "fallback" { // from here on another model answers
			if model := wire.NewDecoder(memberOf(string(own.Raw), "to")).PeekString("model"); model != "" {
				a.head.Model = model
			}
		}
	}
	a.blocks = append(a.blocks, b)
	return nil
}

func (a *accumulator) grow(e *Event) error {
	b := a.find(e.Index)
	if b == nil || b.done {
		return fmt.Errorf("a delta of content block %d, which is not open", e.Index)
	}
	b.json = b.json || e.Delta == DeltaInputJSON
	switch e.Delta {
	case DeltaText, DeltaInputJSON, DeltaThinking:
		b.text.add(e.text)
	case DeltaSignature:
		b.signature = append(b.signature, e.text...)
	case DeltaCitation:
		if t, ok := b.block.(*TextBlock); ok && e.Citation != nil {
			t.Citations = append(t.Citations, *e.Citation)
		}
	case "compaction_delta":
		if u, ok := b.block.(*UnknownBlock); ok && e.Raw != nil {
			members := membersOf(memberOf(string(e.Raw), "delta"))
			delete(members, "type")
			u.Raw = json.RawMessage(withMembers(string(u.Raw), members))
		}
	}
	return nil
}

// pieces is text that comes piece by piece. It is kept in chunks, so that nothing is
// copied as it grows; the whole is made once.
type pieces struct {
	full [][]byte
	last []byte // the chunk with room
	size int
}

const (
	minChunk = 64
	maxChunk = 64 << 10
)

func (p *pieces) add(piece []byte) {
	p.size += len(piece)
	for len(piece) > 0 {
		n := copy(p.last[len(p.last):cap(p.last)], piece)
		p.last, piece = p.last[:len(p.last)+n], piece[n:]
		if len(piece) > 0 {
			p.grow(len(piece))
		}
	}
}

// grow begins a new chunk, for a piece of which so much is left.
func (p *pieces) grow(left int) {
	if len(p.last) > 0 {
		p.full = append(p.full, p.last)
	}
	p.last = make([]byte, 0, max(minChunk, left, min(2*cap(p.last), maxChunk)))
}

// String returns the whole.
func (p *pieces) String() string { return shared(p.join()) }

func (p *pieces) join() []byte {
	return slices.Concat(append(p.full[:len(p.full):len(p.full)], p.last)...)
}

// take returns the whole, of which there will be no more.
func (p *pieces) take() []byte {
	whole := p.last
	if p.full != nil || len(whole) < cap(whole)/4*3 { // else a copy would save little room
		whole = p.join()
	}
	p.full, p.last = nil, nil
	return whole
}

// end takes a message_delta.
func (a *accumulator) end(e *Event) error {
	h := &a.head
	h.Extra, h.Usage.Extra = maps.Clone(h.Extra), maps.Clone(h.Usage.Extra) // kept events and Partial have the ones before
	if e.usage != "" {
		if err := decodeText(e.usage, func(f *fields) { f.decode(&h.Usage) }); err != nil {
			return err
		}
		a.counted = true
	}
	h.StopReason, h.StopSequence, h.StopDetails = e.StopReason, e.StopSequence, e.StopDetails
	if e.container != nil {
		h.Container = e.container
	}
	for name, value := range e.extra {
		if raw, ok := value.(json.RawMessage); ok && string(raw) == "null" && h.Extra[name] != nil {
			continue // null says nothing
		}
		if h.Extra == nil {
			h.Extra = make(Extra)
		}
		h.Extra[name] = value
	}
	a.settled = h.StopReason != ""
	e.Usage = new(h.Usage)
	return nil
}

// finish puts what has come into the block.
func (b *growingBlock) finish() {
	data := b.text.take()
	switch block := b.block.(type) {
	case *TextBlock:
		block.Text = shared(data)
	case *ThinkingBlock:
		block.Thinking, block.Signature = shared(data), string(b.signature)
	case *ToolUseBlock:
		block.Input, block.PartialInput = input(block.Input, data)
	case *ServerToolUseBlock:
		block.Input, block.PartialInput = input(block.Input, data)
	case *UnknownBlock:
		if whole, partial := input(nil, data); len(data) > 0 && partial == "" && b.json {
			block.Raw = json.RawMessage(withMembers(string(block.Raw), map[string]string{"input": string(whole)}))
		}
	}
}

// input returns a tool call's input from the pieces of JSON that came, or what
// came if that is no complete JSON. Without any it is what the block began with.
func input(begun json.RawMessage, data []byte) (whole json.RawMessage, partial string) {
	text := shared(data)
	if strings.TrimSpace(text) == "" {
		if len(begun) == 0 {
			begun = json.RawMessage("{}")
		}
		return begun, ""
	}
	if checkJSONText(text) != nil {
		return nil, text
	}
	return data, ""
}

// response returns what has come so far, of which nothing changes any more.
func (a *accumulator) response() *Response {
	r := new(a.head)
	r.Content = make(Content, 0, len(a.blocks))
	ordered := a.blocks
	if a.gaps != nil {
		ordered = slices.Clone(a.blocks)
		slices.SortStableFunc(ordered, func(x, y *growingBlock) int { return x.index - y.index })
	}
	for _, b := range ordered {
		if b.done {
			r.Content = append(r.Content, b.block)
			continue
		}
		r.Content = append(r.Content, b.snapshot())
	}
	return r
}

// snapshot is a copy of an unfinished block with what has come of it.
func (b *growingBlock) snapshot() Block {
	switch block := b.block.(type) {
	case *TextBlock:
		s := new(*block)
		s.Text, s.Citations = b.text.String(), slices.Clone(block.Citations)
		return s
	case *ThinkingBlock:
		s := new(*block)
		s.Thinking, s.Signature = b.text.String(), string(b.signature)
		return s
	case *ToolUseBlock:
		s := new(*block)
		s.Input, s.PartialInput = nil, b.text.String()
		return s
	case *ServerToolUseBlock:
		s := new(*block)
		s.Input, s.PartialInput = nil, b.text.String()
		return s
	}
	return b.block
}

// unfinished reports whether a block has begun and not ended.
func (a *accumulator) unfinished() bool {
	return slices.ContainsFunc(a.blocks, func(b *growingBlock) bool { return !b.done })
}

// estimate fills in the output tokens where no final count has come.
func (a *accumulator) estimate(r *Response) {
	if a.counted {
		return
	}
	size := 0
	for _, b := range a.blocks {
		size += b.text.size
	}
	size -= a.before
	r.Usage.OutputTokens = max(r.Usage.OutputTokens, (size+bytesPerToken-1)/bytesPerToken)
}

// cuts reports whether a stop reason leaves the last block without its end.
func cuts(r StopReason) bool {
	switch r {
	case StopMaxTokens, StopContextWindow, StopRefusal, StopPauseTurn:
		return true
	}
	return false
}

// withMembers returns a JSON object with members replaced or added.
func withMembers(raw string, members map[string]string) string {
	var b strings.Builder
	b.WriteByte('{')
	put := func(name, value string) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		quoted, _ := json.Marshal(name) //nolint:errchkjson // a string
		b.Write(quoted)
		b.WriteByte(':')
		b.WriteString(value)
	}
	dec := wire.NewDecoder(raw)
	for ok := dec.BeginObject(); ok; {
		var name string
		if name, ok = dec.NextMember(); ok {
			value := dec.Raw()
			if v, given := members[name]; given {
				value = v
				delete(members, name)
			}
			put(name, value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		put(name, members[name])
	}
	b.WriteByte('}')
	return b.String()
}

// memberOf returns a member of a JSON object, {} where there is none.
func memberOf(raw, want string) string {
	if member := membersOf(raw)[want]; member != "" {
		return member
	}
	return "{}"
}

// membersOf returns the members of a JSON object as they are.
func membersOf(raw string) map[string]string {
	all := make(map[string]string)
	dec := wire.NewDecoder(raw)
	for ok := dec.BeginObject(); ok; {
		var name string
		if name, ok = dec.NextMember(); ok {
			all[name] = dec.Raw()
		}
	}
	return all
}
