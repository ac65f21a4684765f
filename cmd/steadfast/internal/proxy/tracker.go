package proxy

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// The events that end a stream.
const (
	eventStop  = "message_stop"
	eventError = "error"
	eventPing  = "ping"
)

const (
	maxField   = 64       // bytes kept of a line that matters only by its field
	maxPayload = 64 << 10 // bytes kept of an event that may end the stream
)

// tracker follows an event stream as its bytes pass, without holding any back. It
// knows whether the stream has come to its end, and how to bring it there when it
// breaks off, be that in the middle of a character.
//
// It reads lines as the WHATWG has them: they end in LF, CRLF or CR
// (https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6).
type tracker struct {
	line    []byte                // the start of the line at hand
	size    int                   // of all of that line
	last    [utf8.UTFMax - 1]byte // its last bytes, or as many as it has
	afterCR bool                  // the last byte was a CR: a LF that follows belongs to it
	begun   bool                  // there was a line before

	name  []byte // of the event at hand
	lines int    // of data it has so far
	data  []byte // that data, of an event that may end the stream
	large bool   // there was more of it than is kept

	ended   string // the event that ended the stream, empty before
	failure []byte // the data of the error event, if it was one
}

// pass takes note of bytes that pass.
func (t *tracker) pass(p []byte) {
	for len(p) > 0 {
		if t.afterCR {
			t.afterCR = false
			if p[0] == '\n' {
				p = p[1:]
				continue
			}
		}
		line, rest := p, []byte(nil)
		end := bytes.IndexByte(p, '\n')
		if end >= 0 {
			line = p[:end]
		}
		if cr := bytes.IndexByte(line, '\r'); cr >= 0 {
			end, line = cr, line[:cr]
			t.afterCR = true
		}
		t.add(line)
		if end >= 0 {
			rest = p[end+1:]
			t.endLine()
		}
		p = rest
	}
}

// add takes note of a part of a line.
func (t *tracker) add(part []byte) {
	t.size += len(part)
	keep := part[max(0, len(part)-len(t.last)):]
	copy(t.last[:], t.last[len(keep):])
	copy(t.last[len(t.last)-len(keep):], keep)
	limit := maxField
	if t.matters() {
		limit = maxPayload
	}
	if room := limit - len(t.line); room < len(part) {
		part = part[:max(0, room)]
	}
	t.line = append(t.line, part...)
}

// matters reports whether the event at hand may end the stream.
func (t *tracker) matters() bool {
	switch string(t.name) {
	case "", eventStop, eventError:
		return true
	}
	return false
}

// endLine reads a line that is complete.
func (t *tracker) endLine() {
	line, size := t.line, t.size
	t.line, t.size = t.line[:0], 0
	if !t.begun {
		t.begun = true
		line = bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF"))
		size = len(line)
	}
	if size == 0 {
		t.endEvent()
		return
	}
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "event":
		t.name = append(t.name[:0], value...)
	case "data":
		t.lines++
		if !t.matters() {
			return
		}
		if t.large = t.large || size > maxPayload || len(t.data)+len(value) >= maxPayload; t.large {
			return
		}
		if t.lines > 1 {
			t.data = append(t.data, '\n')
		}
		t.data = append(t.data, value...)
	}
}

// endEvent reads an event that is complete.
func (t *tracker) endEvent() {
	if t.lines > 0 && t.matters() {
		t.endBy(t.kind())
	}
	t.name, t.lines, t.data, t.large = t.name[:0], 0, t.data[:0], false
}

// endBy ends the stream if the event at hand does.
func (t *tracker) endBy(kind string) {
	if t.ended != "" || kind != eventStop && kind != eventError {
		return
	}
	t.ended = kind
	if kind == eventError {
		t.failure = bytes.Clone(t.data)
	}
}

// kind returns the type of the event at hand if it may end the stream: its name, or
// where it has none, as behind some gateways, what its data says.
func (t *tracker) kind() string {
	if len(t.name) > 0 || t.large {
		return string(t.name)
	}
	var payload struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(t.data, &payload) != nil {
		return ""
	}
	return payload.Type
}

// finish returns what brings a stream that broke off to its end: it ends the line
// and the event at hand and adds failure, a whole event. If all of the last event
// had come but for its end, failure is not needed, and failed is false.
//
// Half an event cannot be taken back. So that nobody reads it, it becomes a ping:
// clients skip those by their name.
func (t *tracker) finish(failure string) (ending []byte, failed bool) {
	add := func(s string) {
		ending = append(ending, s...)
		t.pass([]byte(s))
	}
	if t.size > 0 {
		add(t.restOfRune() + "\n")
	}
	if t.lines > 0 && !t.large && json.Valid(t.data) {
		if kind := t.kind(); kind == eventStop || kind == eventError {
			if t.afterCR { // which the first LF belongs to
				add("\n")
			}
			add("\n")
			return ending, false
		}
	}
	if t.lines > 0 {
		add("event: " + eventPing + "\n\n")
	}
	add(failure)
	return ending, true
}

// restOfRune completes the character that a line broke off in, for readers that take
// no other than valid UTF-8.
func (t *tracker) restOfRune() string {
	last := t.last[len(t.last)-min(t.size, len(t.last)):]
	for i := len(last) - 1; i >= 0; i-- {
		if utf8.RuneStart(last[i]) {
			last = last[i:]
			break
		}
	}
	r := append(make([]byte, 0, utf8.UTFMax), last...)
	for !utf8.FullRune(r) {
		next := byte(0x80)
		switch { // the least that may follow, RFC 3629
		case len(r) == 1 && r[0] == 0xE0:
			next = 0xA0
		case len(r) == 1 && r[0] == 0xF0:
			next = 0x90
		}
		r = append(r, next)
	}
	return string(r[len(last):])
}
