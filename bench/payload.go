package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	plainProse   = "The quick brown fox jumps over the lazy dog, and nothing in it needs an escape. "
	escapedProse = "\"Why,\" she asked, \"is the sky blue?\"\n\nIt scatters: see `main.go`, where a\\b is a path, and a line has some sixty or seventy characters in it.\n"
)

// memory answers every request at once, without anything of its own to measure.
type memory struct {
	body   string
	stream bool
	seen   func(body []byte) // shown what was sent; may be nil
}

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.seen != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		m.seen(data)
	} else if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	_ = r.Body.Close()
	kind, length := "application/json", int64(len(m.body))
	if m.stream {
		kind, length = "text/event-stream", -1
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/2.0", ProtoMajor: 2, ContentLength: length,
		Header:  http.Header{"Content-Type": {kind}, "Request-Id": {"req_1"}},
		Body:    io.NopCloser(strings.NewReader(m.body)),
		Request: r,
	}, nil
}

// image returns base64 of so many bytes.
func image(size int) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x89PNG\r\n", size/8)))
}

// message returns an answer of text and tool calls, as the API writes it.
func message(text string, tools int) string {
	quoted, _ := json.Marshal(text) //nolint:errchkjson // a string
	var b strings.Builder
	fmt.Fprintf(&b, `{"model":%q,"id":"msg_01","type":"message","role":"assistant","content":[{"type":"text","text":%s}`, model, quoted)
	for i := range tools {
		fmt.Fprintf(&b, `,{"type":"tool_use","id":"toolu_%02d","name":"search","input":{"query":"the weather in town %d","limit":10,"tags":["a","b"]},"caller":{"type":"direct"}}`, i, i)
	}
	b.WriteString(`],"container":null,"stop_reason":"end_turn","stop_sequence":null,"stop_details":null,"usage":{"input_tokens":12,"output_tokens":250,` +
		`"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"service_tier":"standard"}}`)
	return b.String()
}

// events is an answer of one block that comes in pieces, in three parts.
type events struct {
	pieces int
	whole  string // what the pieces make

	head   string   // what comes before them
	deltas []string // one for each
	tail   string
}

func (e events) body() string { return e.head + strings.Join(e.deltas, "") + e.tail }

// The kinds of deltas that nearly all events are.
const (
	textDelta     = "text_delta"
	jsonDelta     = "input_json_delta"
	thinkingDelta = "thinking_delta"
)

// makeEvents makes an answer of pieces of about eleven bytes, a few tokens each, and
// pads the events with spaces, as the API does both.
func makeEvents(delta string, pieces int) events {
	block, member, sample := `{"type":"text","text":""}`, "text", plainProse+"\n\n"
	switch delta {
	case jsonDelta:
		block, member = `{"type":"tool_use","id":"toolu_01","name":"search","input":{},"caller":{"type":"direct"}}`, "partial_json"
		sample = `{"query":"the weather","limit":10,"tags":["a","b"]},`
	case thinkingDelta:
		block, member = `{"type":"thinking","thinking":"","signature":""}`, "thinking"
	}
	event := func(name, data string) string { return "event: " + name + "\ndata: " + data + "\n\n" }
	e := events{pieces: pieces}
	e.head = event("message_start", `{"type":"message_start","message":{"model":"`+model+`","id":"msg_01","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":1}}}`) +
		event("content_block_start", `{"type":"content_block_start","index":0,"content_block":`+block+`}`) +
		event("ping", `{"type": "ping"}`)
	e.tail = event("content_block_stop", `{"type":"content_block_stop","index":0}`) +
		event("message_delta", `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":150000}}`) +
		event("message_stop", `{"type":"message_stop"}`)
	rest := strings.Repeat(sample, pieces*18/len(sample)+1)
	if delta == jsonDelta {
		rest = "[" + rest
	}
	var whole strings.Builder
	for i := range pieces {
		piece := rest[:5+i*7%13]
		rest = rest[len(piece):]
		if i == pieces-1 && delta == jsonDelta { // the whole is JSON
			piece += rest[:strings.IndexByte(rest, '}')+2] + "null]"
		}
		whole.WriteString(piece)
		quoted, _ := json.Marshal(piece) //nolint:errchkjson // a string
		e.deltas = append(e.deltas, event("content_block_delta",
			fmt.Sprintf(`{"type":"content_block_delta","index":0,"delta":{"type":%q,%q:%s}%*s}`, delta, member, quoted, i*5%16, "")))
	}
	e.whole = whole.String()
	return e
}
