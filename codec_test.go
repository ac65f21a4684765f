package claude_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/sample"
)

// tools is every tool on the wire and in Go. The JSON has every member.
var tools = []struct {
	json string
	tool claude.Tool
}{
	{
		`{"name":"f","description":"d","input_schema":{"type":"object"},"input_examples":[{}],"eager_input_streaming":false,"cache_control":{"type":"ephemeral"},"allowed_callers":["direct"],"defer_loading":true,"strict":true}`,
		&claude.CustomTool{
			Name: "f", Description: "d", InputSchema: json.RawMessage(`{"type":"object"}`), InputExamples: json.RawMessage(`[{}]`),
			EagerInputStreaming: new(false), ToolOptions: allOptions,
		},
	},
	{
		`{"type":"bash_20250124","name":"bash","input_examples":[{}]` + allOptionsJSON,
		&claude.BashTool{Type: "bash_20250124", InputExamples: json.RawMessage(`[{}]`), ToolOptions: allOptions},
	},
	{
		`{"type":"text_editor_20250728","name":"str_replace_based_edit_tool","max_characters":9,"input_examples":[{}]` + allOptionsJSON,
		&claude.TextEditorTool{Type: "text_editor_20250728", MaxCharacters: 9, InputExamples: json.RawMessage(`[{}]`), ToolOptions: allOptions},
	},
	{`{"type":"text_editor_20250429","name":"str_replace_based_edit_tool"}`, &claude.TextEditorTool{Type: "text_editor_20250429"}},
	{`{"type":"text_editor_20250124","name":"str_replace_editor"}`, &claude.TextEditorTool{Type: "text_editor_20250124"}},
	{
		`{"type":"memory_20250818","name":"memory","input_examples":[{}]` + allOptionsJSON,
		&claude.MemoryTool{Type: "memory_20250818", InputExamples: json.RawMessage(`[{}]`), ToolOptions: allOptions},
	},
	{
		`{"type":"computer_toolset_20260801","configs":{"zoom":{"enabled":true}},"cache_control":{"type":"ephemeral"}}`,
		&claude.Toolset{Type: claude.ComputerToolset, Configs: json.RawMessage(`{"zoom":{"enabled":true}}`), CacheControl: &claude.CacheControl{}},
	},
	{`{"type":"browser_toolset_20260801"}`, &claude.Toolset{Type: claude.BrowserToolset}},
	{
		`{"type":"code_execution_20260521","name":"code_execution"` + allOptionsJSON,
		&claude.CodeExecutionTool{Type: "code_execution_20260521", ToolOptions: allOptions},
	},
	{
		`{"type":"web_search_20260318","name":"web_search","max_uses":1,"allowed_domains":["a"],"blocked_domains":["b"],"user_location":{"type":"approximate","city":"c","region":"r","country":"CH","timezone":"z"},"response_inclusion":"full"` + allOptionsJSON,
		&claude.WebSearchTool{
			Type: "web_search_20260318", MaxUses: 1, AllowedDomains: []string{"a"}, BlockedDomains: []string{"b"},
			UserLocation:      &claude.UserLocation{City: "c", Region: "r", Country: "CH", Timezone: "z"},
			ResponseInclusion: "full", ToolOptions: allOptions,
		},
	},
	{
		`{"type":"web_fetch_20260318","name":"web_fetch","max_uses":1,"allowed_domains":["a"],"blocked_domains":["b"],"citations":{"enabled":true},"max_content_tokens":2,"url_sources":{"user_input":{"type":"all"}},"use_cache":false,"response_inclusion":"excluded"` + allOptionsJSON,
		&claude.WebFetchTool{
			Type: "web_fetch_20260318", MaxUses: 1, AllowedDomains: []string{"a"}, BlockedDomains: []string{"b"},
			Citations: &claude.CitationsConfig{Enabled: true}, MaxContentTokens: 2,
			URLSources: json.RawMessage(`{"user_input":{"type":"all"}}`), UseCache: new(false),
			ResponseInclusion: "excluded", ToolOptions: allOptions,
		},
	},
	{
		`{"type":"tool_search_tool_regex_20251119","name":"tool_search_tool_regex"` + allOptionsJSON,
		&claude.ToolSearchTool{Type: claude.ToolSearchRegex, ToolOptions: allOptions},
	},
	{`{"type":"tool_search_tool_bm25","name":"tool_search_tool_bm25"}`, &claude.ToolSearchTool{Type: "tool_search_tool_bm25"}},
	{
		`{"type":"mcp_toolset", "mcp_server_name":"m"}`,
		&claude.UnknownTool{Type: "mcp_toolset", Raw: json.RawMessage(`{"type":"mcp_toolset", "mcp_server_name":"m"}`)},
	},
}

const allOptionsJSON = `,"cache_control":{"type":"ephemeral"},"allowed_callers":["direct"],"defer_loading":true,"strict":true}`

var allOptions = claude.ToolOptions{
	CacheControl: &claude.CacheControl{}, AllowedCallers: []string{"direct"}, DeferLoading: true, Strict: true,
}

func TestEveryToolGoesToTheWireAndBackUnchanged(t *testing.T) {
	for _, c := range tools {
		r := claude.Request{Model: "m", MaxTokens: 1, Messages: []claude.Message{}, Tools: []claude.Tool{c.tool}}
		want := `{"model":"m","max_tokens":1,"tools":[` + c.json + `],"messages":[]}`
		out, err := claude.EncodeRequest(&r)
		require.NoError(t, err)
		assert.Equal(t, want, string(out))

		var back claude.Request
		require.NoError(t, json.Unmarshal(out, &back))
		assert.Equal(t, []claude.Tool{c.tool}, back.Tools)

		alone, err := json.Marshal(c.tool)
		require.NoError(t, err)
		assert.JSONEq(t, c.json, string(alone))
	}
}

func TestAToolNewerThanThePackageKeepsItsMembers(t *testing.T) {
	for _, c := range tools {
		in := strings.TrimSuffix(c.json, "}") + `,"x":{ "a": 1.0 },"y":null}`
		var r claude.Request
		require.NoError(t, json.Unmarshal([]byte(`{"tools":[`+in+`]}`), &r))
		out, err := r.MarshalJSON()
		require.NoError(t, err)
		assert.Contains(t, string(out), in)
	}
}

func TestATypedToolHasADefaultVersionAndAFixedName(t *testing.T) {
	for want, tool := range map[string]claude.Tool{
		`{"type":"bash_20250124","name":"bash"}`:                                     &claude.BashTool{},
		`{"type":"text_editor_20250728","name":"str_replace_based_edit_tool"}`:       &claude.TextEditorTool{},
		`{"type":"memory_20250818","name":"memory"}`:                                 &claude.MemoryTool{},
		`{"type":"code_execution_20250825","name":"code_execution"}`:                 &claude.CodeExecutionTool{},
		`{"type":"web_search_20250305","name":"web_search"}`:                         &claude.WebSearchTool{},
		`{"type":"web_fetch_20250910","name":"web_fetch"}`:                           &claude.WebFetchTool{},
		`{"type":"tool_search_tool_regex_20251119","name":"tool_search_tool_regex"}`: &claude.ToolSearchTool{},
		`{"type":"tool_search_tool_bm25_20251119","name":"tool_search_tool_bm25"}`:   &claude.ToolSearchTool{Type: claude.ToolSearchBM25},
		`{"type":"bash_20290101","name":"bash"}`:                                     &claude.BashTool{Type: "bash_20290101"},
	} {
		out, err := json.Marshal(tool)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(out))
	}
}

func TestAToolThatIsNilOrEmptyIsRefused(t *testing.T) {
	for _, tool := range []claude.Tool{nil, (*claude.CustomTool)(nil), &claude.UnknownTool{Type: "x"}} {
		r := say(claude.Text("a"))
		r.Tools = []claude.Tool{&claude.BashTool{}, tool}
		requireConfigError(t, r, "tools[1]")
	}
}

func TestASchemaMayBeAnythingThatMarshals(t *testing.T) {
	type schema struct {
		Type string `json:"type"`
		Help string `json:"description"`
	}
	for _, s := range []any{
		json.RawMessage(`{"type":"object","description":"<a> & b"}`),
		map[string]any{"type": "object", "description": "<a> & b"},
		schema{"object", "<a> & b"},
		&schema{"object", "<a> & b"},
	} {
		r := say(claude.Text("a"))
		r.Tools = []claude.Tool{&claude.CustomTool{Name: "f", InputSchema: s}}
		out, err := claude.EncodeRequest(&r)
		require.NoError(t, err)
		assert.Contains(t, string(out), "<a> & b", "HTML is not escaped: that would cost tokens")
	}
}

func TestEveryRequestComesBackUnchanged(t *testing.T) {
	for name, r := range sample.Requests() {
		t.Run(name, func(t *testing.T) {
			out, err := claude.EncodeRequest(&r)
			require.NoError(t, err)
			require.True(t, json.Valid(out))
			var back claude.Request
			require.NoError(t, json.Unmarshal(out, &back))
			again, err := claude.EncodeRequest(&back)
			require.NoError(t, err)
			assert.Equal(t, string(out), string(again))

			std, err := json.Marshal(r)
			require.NoError(t, err)
			assert.JSONEq(t, string(out), string(std), "by value, through encoding/json")
			std, err = json.Marshal(&r)
			require.NoError(t, err)
			assert.JSONEq(t, string(out), string(std), "by pointer")
		})
	}
}

func TestNoRequestSendsNullUnlessTheAPIWantsIt(t *testing.T) {
	wanted := map[string]bool{
		"echo_citations":    true, // document_title and title are required, and may be null
		"diagnostics_first": true, // previous_message_id: null opts in
	}
	for name, r := range sample.Requests() {
		out, err := claude.EncodeRequest(&r)
		require.NoError(t, err)
		assert.Equal(t, wanted[name], strings.Contains(string(out), "null"), "%s: %s", name, out)
	}
}

func TestEveryAnswerComesBackUnchanged(t *testing.T) {
	for name, body := range sample.Responses() {
		t.Run(name, func(t *testing.T) {
			r, err := claude.DecodeResponse(body)
			require.NoError(t, err)
			assert.Equal(t, body, r.Raw)

			out, err := r.MarshalJSON()
			require.NoError(t, err)
			assert.Equal(t, withoutNulls(t, body), withoutNulls(t, string(out)), "the answer is the API's Message object")

			var back claude.Response
			require.NoError(t, json.Unmarshal(out, &back))
			again, err := back.MarshalJSON()
			require.NoError(t, err)
			assert.Equal(t, string(out), string(again))
		})
	}
}

// withoutNulls decodes JSON; null is absent, and so is a count of 0 tokens in usage.
func withoutNulls(t *testing.T, text string) any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	usage := v["usage"].(map[string]any)
	for _, name := range []string{"cache_creation_input_tokens", "cache_read_input_tokens"} {
		if n, _ := usage[name].(float64); n == 0 {
			delete(usage, name)
		}
	}
	var prune func(v any) any
	prune = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for name, x := range v {
				if x == nil {
					delete(v, name)
				} else {
					v[name] = prune(x)
				}
			}
		case []any:
			for i, x := range v {
				v[i] = prune(x)
			}
		}
		return v
	}
	return prune(v)
}

func TestNoAnswerHoldsABlockThatIsUnknownByMistake(t *testing.T) {
	for name, body := range sample.Responses() {
		r, err := claude.DecodeResponse(body)
		require.NoError(t, err)
		for _, b := range r.Content {
			if u, ok := b.(*claude.UnknownBlock); ok {
				assert.Equal(t, "unknown_blocks", name, u.Type)
			}
		}
	}
}

func TestEveryAnswerCanBeSentBack(t *testing.T) {
	for name, body := range sample.Responses() {
		r, err := claude.DecodeResponse(body)
		require.NoError(t, err)
		next := say(claude.Text("a"))
		next.Messages = append(next.Messages, r.Message, claude.UserText("b"))
		out, err := claude.EncodeRequest(&next)
		require.NoError(t, err, name)
		var sent struct{ Messages []map[string]json.RawMessage }
		require.NoError(t, json.Unmarshal(out, &sent))
		assert.Len(t, sent.Messages[1], 2, "%s: a message is a role and content; what else the answer held stays behind", name)
		assert.NotContains(t, string(sent.Messages[1]["content"]), "file_never_sent")
	}
}

func TestWhatIsUnknownIsSentBackByteForByte(t *testing.T) {
	r, err := claude.DecodeResponse(sample.Responses()["unknown_blocks"])
	require.NoError(t, err)
	next := claude.Request{Messages: []claude.Message{r.Message}}
	out, err := claude.EncodeRequest(&next)
	require.NoError(t, err)
	for _, want := range []string{
		`{"type":"mcp_tool_use","id":"mcptoolu_01","name":"f","server_name":"m","input":{ "a" : 1.0 }}`,
		`{"type" : "hologram","é\u00e9":[1e2, null],"type2":"<&>"}`,
	} {
		assert.Contains(t, string(out), want)
	}

	r, err = claude.DecodeResponse(sample.Responses()["unknown_members"])
	require.NoError(t, err)
	next.Messages = []claude.Message{r.Message}
	out, err = claude.EncodeRequest(&next)
	require.NoError(t, err)
	assert.Contains(t, string(out), `"mood":{"calm" : 1.00},"tone":null`)
	assert.Contains(t, string(out), `"priority":1e3`)
	assert.NotContains(t, string(out), "context_management")
	assert.Equal(t, json.RawMessage(`[ ]`), r.Extra["input_transformations"])
	assert.Equal(t, json.RawMessage(`[{"type":"message","input_tokens":1}]`), r.Usage.Extra["iterations"])
	assert.Equal(t, claude.StopReason("dreaming"), r.StopReason)
}

func TestACitationsFileIDStaysInTheAnswerAndIsNotSentBack(t *testing.T) {
	r, err := claude.DecodeResponse(sample.Responses()["citations"])
	require.NoError(t, err)
	cites := r.Content[0].(*claude.TextBlock).Citations
	assert.Equal(t, "file_01", cites[0].FileID)

	kept, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Contains(t, string(kept), `"file_id":"file_01"`)

	next := claude.Request{Messages: []claude.Message{r.Message}}
	for _, encode := range []func() ([]byte, error){
		func() ([]byte, error) { return claude.EncodeRequest(&next) },
		func() ([]byte, error) { return claude.EncodeCount(&next) },
		func() ([]byte, error) { return json.Marshal(next) },
	} {
		sent, err := encode()
		require.NoError(t, err)
		assert.NotContains(t, string(sent), "file_id")
		assert.Contains(t, string(sent), `"document_index":0,"document_title":null`, "required, and null where there is none")
		assert.Contains(t, string(sent), `"encrypted_index":"aWR4","title":null`)
	}
}

func TestTheCallerOfAToolIsSentBack(t *testing.T) {
	r, err := claude.DecodeResponse(sample.Responses()["tool_use"])
	require.NoError(t, err)
	uses := r.ToolUses()
	require.Len(t, uses, 2)
	assert.Equal(t, &claude.Caller{Type: "direct"}, uses[0].Caller)
	assert.Equal(t, json.RawMessage(`{"city":"Bern","days":1.0,"x":[1, 2]}`), uses[0].Input)
	next := claude.Request{Messages: []claude.Message{r.Message}}
	out, err := claude.EncodeRequest(&next)
	require.NoError(t, err)
	assert.Contains(t, string(out), `"input":{"city":"Bern","days":1.0,"x":[1, 2]},"caller":{"type":"direct"}`)
	assert.Contains(t, string(out), `"caller":{"type":"code_execution_20260120","tool_id":"srvtoolu_01"}`)
}

func TestTheStringsOfAnAnswerPointIntoItsBody(t *testing.T) {
	body := fmt.Sprintf(`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":%q}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`,
		strings.Repeat("no escapes ", 1000))
	r, err := claude.DecodeResponse(body)
	require.NoError(t, err)
	for _, s := range []string{r.ID, r.Model, r.Text(), string(r.StopReason), r.Raw} {
		from, at := uintptr(unsafe.Pointer(unsafe.StringData(body))), uintptr(unsafe.Pointer(unsafe.StringData(s)))
		assert.True(t, at >= from && at+uintptr(len(s)) <= from+uintptr(len(body)), "%.20s", s)
	}
}

func TestUnmarshalDoesNotKeepTheCallersBytes(t *testing.T) {
	data := []byte(`{"role":"user","content":[{"type":"text","text":"abc"},{"type":"new","x":1}]}`)
	var m claude.Message
	require.NoError(t, m.UnmarshalJSON(data))
	clear(data)
	assert.Equal(t, "abc", m.Text())
	assert.JSONEq(t, `{"type":"new","x":1}`, string(m.Content[1].(*claude.UnknownBlock).Raw))
}

func TestABrokenCharacterInAnAnswerIsReplaced(t *testing.T) {
	body := strings.Replace(sample.Responses()["text"], "Hello", "He\xffllo", 1)
	r, err := claude.DecodeResponse(body)
	require.NoError(t, err)
	assert.Contains(t, r.Text(), "He\uFFFDllo")
	assert.Equal(t, body, r.Raw)
}

func TestNullChangesNothingAsEncodingJSONWants(t *testing.T) {
	m := claude.UserText("a")
	require.NoError(t, json.Unmarshal([]byte(`null`), &m))
	assert.Equal(t, claude.UserText("a"), m)
	var holder struct {
		M claude.Message
		U claude.Usage
		P *claude.Request
		C claude.Content
	}
	require.NoError(t, json.Unmarshal([]byte(`{"M":null,"U":null,"P":null,"C":null}`), &holder))
}

func TestWhatIsNotAnAnswerIsAnError(t *testing.T) {
	for _, body := range []string{
		``, ` `, `null`, `[]`, `"text"`, `7`, `{`, `{}x`, `{"content":[}`, `{"content":"a"`, `{"usage":7}`, `{"usage":[]}`,
		`{"content":[{"type":"text","text":"cut`, `<html>`, `{"id":1}`, `{"usage":{"input_tokens":"1"}}`, `{"usage":{"input_tokens":1.5}}`,
	} {
		_, err := claude.DecodeResponse(body)
		assert.Error(t, err, body)
	}
}

func FuzzRequestJSON(f *testing.F) {
	for _, r := range sample.Requests() {
		data, err := r.MarshalJSON()
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r claude.Request
		if r.UnmarshalJSON(data) != nil {
			return
		}
		out, err := r.MarshalJSON()
		if err != nil {
			require.ErrorIs(t, err, claude.ErrConfig) // such as a server tool's result without a result
			return
		}
		require.True(t, json.Valid(out))
		var back claude.Request
		require.NoError(t, back.UnmarshalJSON(out))
		again, err := back.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, string(out), string(again))
		_, err = claude.EncodeCount(&r)
		require.NoError(t, err)
	})
}

func FuzzResponseJSON(f *testing.F) {
	for _, body := range sample.Responses() {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r, err := claude.DecodeResponse(body)
		if err != nil {
			return
		}
		out, err := r.MarshalJSON()
		if err != nil {
			require.ErrorIs(t, err, claude.ErrConfig)
			return
		}
		require.True(t, json.Valid(out))
		back, err := claude.DecodeResponse(string(out))
		require.NoError(t, err)
		again, err := back.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, string(out), string(again))
	})
}
