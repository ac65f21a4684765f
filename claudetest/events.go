package claudetest

import (
	"bytes"
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
	return event(name, encode(whole))
}

// encode writes JSON as the API does, < and & as they are. What goes in was decoded
// from JSON, or is made of strings and numbers, and so cannot fail.
func encode(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) //nolint:errchkjson // see above
	return strings.TrimSuffix(b.String(), "\n")
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
	start["content"], start["stop_reason"], start["stop_sequence"], start["stop_details"] = []any{}, nil, nil, nil
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
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, err
	}
	data := b.Bytes()
	whole := object{"stop_details": nil, "container": nil}
	if err := decode(data, &whole); err != nil {
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
	var inputs struct {
		Content []struct {
			Input json.RawMessage `json:"input"` // as it is: its members keep their order
		} `json:"content"`
	}
	if err := json.Unmarshal(data, &inputs); err != nil {
		return nil, err
	}
	for i, b := range content {
		if block, _ := b.(object); block["input"] != nil {
			block["input"] = inputs.Content[i].Input
		}
	}
	fill(whole)
	return whole, nil
}

// alwaysSent are the members of an answer's objects that the API sends even where they
// say nothing, by the object's type.
var alwaysSent = map[string]object{
	"text":                          {"citations": nil},
	"tool_use":                      {"caller": object{"type": "direct"}},
	"server_tool_use":               {"caller": object{"type": "direct"}},
	"web_search_tool_result":        {"caller": object{"type": "direct"}},
	"web_fetch_tool_result":         {"caller": object{"type": "direct"}},
	"web_search_result":             {"page_age": nil},
	"web_fetch_result":              {"retrieved_at": nil},
	"document":                      {"title": nil, "citations": nil},
	"char_location":                 {"file_id": nil},
	"page_location":                 {"file_id": nil},
	"content_block_location":        {"file_id": nil},
	"tool_search_tool_result_error": {"error_message": nil},
	"text_editor_code_execution_tool_result_error":  {"error_message": nil},
	"text_editor_code_execution_view_result":        {"num_lines": nil, "start_line": nil, "total_lines": nil},
	"text_editor_code_execution_str_replace_result": {"lines": nil, "new_lines": nil, "new_start": nil, "old_lines": nil, "old_start": nil},
	"refusal": {"category": nil, "explanation": nil},
}

// fill adds what is always sent, in everything within v.
func fill(v any) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			fill(x)
		}
	case object:
		if typ, _ := v["type"].(string); typ != "text" || v["text"] != nil { // a source may be of text too
			for name, value := range alwaysSent[typ] {
				if _, ok := v[name]; !ok {
					v[name] = value
				}
			}
		}
		for _, x := range v {
			fill(x)
		}
	}
}

// decode reads JSON, with its numbers as they are.
func decode(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(v)
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
		deltas = append(deltas, object{"type": "input_json_delta", "partial_json": ""})
		if input, _ := block["input"].(json.RawMessage); string(input) != "{}" { // of which nothing else is sent
			deltas = append(deltas, parts(string(input), "input_json_delta", "partial_json")...)
		}
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
