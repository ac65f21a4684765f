package claudetest

import (
	"encoding/json"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/steadfast-go/claude"
)

const ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n"

// event is one event of a stream on the wire.
func event(name, data string) string { return "event: " + name + "\ndata: " + data + "\n\n" }

// object is an event's payload; its type is its name.
type object = map[string]any

func payload(name string, members object) string {
	whole := object{"type": name}
	maps.Copy(whole, members)
	data, _ := json.Marshal(whole) //nolint:errchkjson // what goes in was decoded from JSON
	return event(name, string(data))
}

// eventsOf returns the events that a message is streamed as, in the API's order:
// message_start, each block with its deltas, message_delta, message_stop, and a
// ping behind the first block's start.
func eventsOf(m *claude.Response) ([]string, error) {
	whole, err := objectOf(m)
	if err != nil {
		return nil, err
	}
	usage, _ := whole["usage"].(object)
	content, _ := whole["content"].([]any)
	start := maps.Clone(whole)
	start["content"], start["stop_reason"], start["stop_sequence"] = []any{}, nil, nil
	started := maps.Clone(usage)
	started["output_tokens"] = 1
	start["usage"] = started
	events := []string{payload("message_start", object{"message": start})}
	for i, b := range content {
		block, ok := b.(object)
		if !ok {
			continue
		}
		first, deltas := streamed(block)
		events = append(events, payload("content_block_start", object{"index": i, "content_block": first}))
		if i == 0 {
			events = append(events, ping)
		}
		for _, d := range deltas {
			events = append(events, payload("content_block_delta", object{"index": i, "delta": d}))
		}
		events = append(events, payload("content_block_stop", object{"index": i}))
	}
	end := object{"stop_reason": whole["stop_reason"], "stop_sequence": whole["stop_sequence"], "stop_details": whole["stop_details"], "container": whole["container"]}
	total := object{}
	for _, name := range []string{"input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "server_tool_use", "output_tokens_details"} {
		total[name] = usage[name]
	}
	events = append(events, payload("message_delta", object{"delta": end, "usage": total}), payload("message_stop", nil))
	return events, nil
}

// objectOf encodes a message with every member that the API always sends.
func objectOf(m *claude.Response) (object, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	whole := object{"stop_details": nil, "container": nil}
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, err
	}
	usage := object{
		"cache_creation": nil, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
		"inference_geo": "not_available", "output_tokens_details": nil, "server_tool_use": nil,
	}
	given, _ := whole["usage"].(object)
	maps.Copy(usage, given)
	whole["usage"] = usage
	content, _ := whole["content"].([]any)
	for _, b := range content {
		block, _ := b.(object)
		switch block["type"] {
		case "text":
			if _, ok := block["citations"]; !ok {
				block["citations"] = nil
			}
		case "tool_use":
			if _, ok := block["caller"]; !ok {
				block["caller"] = object{"type": "direct"}
			}
		}
	}
	return whole, nil
}

// streamed splits a block into what its start carries and its deltas. Blocks that
// the API sends whole have none.
func streamed(block object) (first object, deltas []object) {
	first = maps.Clone(block)
	switch block["type"] {
	case "text":
		first["text"] = ""
		first["citations"] = nil
		if citations, _ := block["citations"].([]any); len(citations) > 0 {
			first["citations"] = []any{}
			for _, c := range citations {
				deltas = append(deltas, object{"type": "citations_delta", "citation": c})
			}
		}
		deltas = append(parts(block["text"], "text_delta", "text"), deltas...)
	case "thinking":
		first["thinking"], first["signature"] = "", ""
		deltas = parts(block["thinking"], "thinking_delta", "thinking")
		deltas = append(deltas, object{"type": "signature_delta", "signature": block["signature"]})
	case "tool_use", "server_tool_use":
		first["input"] = object{}
		input, _ := json.Marshal(block["input"]) //nolint:errchkjson // decoded from JSON
		deltas = append(deltas, object{"type": "input_json_delta", "partial_json": ""})
		deltas = append(deltas, parts(string(input), "input_json_delta", "partial_json")...)
	}
	return first, deltas
}

// parts cuts a text into deltas of a few words, between characters.
func parts(value any, delta, member string) (all []object) {
	text, _ := value.(string)
	for text != "" {
		n := min(len(text), 12)
		if i := strings.IndexByte(text[n:], ' '); i >= 0 && i < 8 {
			n += i
		}
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n++
		}
		all = append(all, object{"type": delta, member: text[:n]})
		text = text[n:]
	}
	return all
}
