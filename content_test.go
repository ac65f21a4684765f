package claude_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
)

// blocks is every block on the wire and in Go. The JSON has every member.
var blocks = []struct {
	json  string
	block claude.Block
}{
	{
		`{"type":"text","text":"Hi","cache_control":{"type":"ephemeral","ttl":"5m"}}`,
		&claude.TextBlock{Text: "Hi", CacheControl: &claude.CacheControl{TTL: claude.Cache5m}},
	},
	{
		`{"type":"text","text":"Hi","citations":[` +
			`{"type":"char_location","cited_text":"a","document_index":0,"document_title":null,"start_char_index":0,"end_char_index":1,"file_id":"file_1"},` +
			`{"type":"page_location","cited_text":"b","document_index":1,"document_title":"B","start_page_number":1,"end_page_number":2},` +
			`{"type":"content_block_location","cited_text":"c","document_index":2,"document_title":"","start_block_index":0,"end_block_index":1},` +
			`{"type":"web_search_result_location","cited_text":"d","url":"https://d","encrypted_index":"x","title":null},` +
			`{"type":"search_result_location","cited_text":"e","start_block_index":0,"end_block_index":2,"source":"s","search_result_index":0,"title":"E"}]}`,
		&claude.TextBlock{Text: "Hi", Citations: []claude.Citation{
			{Type: claude.CiteChar, CitedText: "a", EndCharIndex: 1, FileID: "file_1"},
			{Type: claude.CitePage, CitedText: "b", DocumentIndex: 1, DocumentTitle: new("B"), StartPageNumber: 1, EndPageNumber: 2},
			{Type: claude.CiteBlock, CitedText: "c", DocumentIndex: 2, DocumentTitle: new(""), EndBlockIndex: 1},
			{Type: claude.CiteWebSearch, CitedText: "d", URL: "https://d", EncryptedIndex: "x"},
			{Type: claude.CiteSearchResult, CitedText: "e", Source: "s", Title: new("E"), EndBlockIndex: 2},
		}},
	},
	{
		`{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AQID"},"transformations":{"oversized_image":"error"},"cache_control":{"type":"ephemeral"}}`,
		&claude.ImageBlock{
			Source:          claude.Base64Source("image/png", []byte{1, 2, 3}),
			Transformations: &claude.ImageTransformations{OversizedImage: "error"},
			CacheControl:    &claude.CacheControl{},
		},
	},
	{`{"type":"image","source":{"type":"url","url":"https://a"}}`, &claude.ImageBlock{Source: claude.URLSource("https://a")}},
	{`{"type":"image","source":{"type":"file","file_id":"file_1"}}`, &claude.ImageBlock{Source: claude.FileSource("file_1")}},
	{
		`{"type":"document","source":{"type":"text","media_type":"text/plain","data":"Hi"},"title":"T","context":"C","citations":{"enabled":true},"cache_control":{"type":"ephemeral"}}`,
		&claude.DocumentBlock{
			Source: claude.TextSource("Hi"), Title: "T", Context: "C",
			Citations: &claude.CitationsConfig{Enabled: true}, CacheControl: &claude.CacheControl{},
		},
	},
	{
		`{"type":"document","source":{"type":"content","content":[{"type":"text","text":"a"}]},"citations":{"enabled":false}}`,
		&claude.DocumentBlock{
			Source:    &claude.Source{Type: claude.SourceContent, Content: claude.Content{claude.Text("a")}},
			Citations: &claude.CitationsConfig{},
		},
	},
	{`{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERg=="}}`, claude.PDF([]byte("%PDF"))},
	{
		`{"type":"search_result","source":"s","title":"t","content":[{"type":"text","text":"a"}],"citations":{"enabled":true},"cache_control":{"type":"ephemeral","ttl":"1h"}}`,
		&claude.SearchResultBlock{
			Source: "s", Title: "t", Content: claude.Content{claude.Text("a")},
			Citations: &claude.CitationsConfig{Enabled: true}, CacheControl: &claude.CacheControl{TTL: claude.Cache1h},
		},
	},
	{`{"type":"thinking","thinking":"","signature":"sig"}`, &claude.ThinkingBlock{Signature: "sig"}},
	{`{"type":"redacted_thinking","data":"ZA=="}`, &claude.RedactedThinkingBlock{Data: "ZA=="}},
	{
		`{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1.0},"caller":{"type":"code_execution_20260120","tool_id":"srvtoolu_1"},"toolset_name":"browser","cache_control":{"type":"ephemeral"}}`,
		&claude.ToolUseBlock{
			ID: "toolu_1", Name: "f", Input: json.RawMessage(`{"a":1.0}`), ToolsetName: "browser",
			Caller: &claude.Caller{Type: "code_execution_20260120", ToolID: "srvtoolu_1"}, CacheControl: &claude.CacheControl{},
		},
	},
	{
		`{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"a"}],"is_error":true,"toolset_name":"computer","cache_control":{"type":"ephemeral"}}`,
		&claude.ToolResultBlock{
			ToolUseID: "toolu_1", Content: claude.Content{claude.Text("a")}, IsError: true,
			ToolsetName: "computer", CacheControl: &claude.CacheControl{},
		},
	},
	{
		`{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{},"caller":{"type":"direct"},"cache_control":{"type":"ephemeral"}}`,
		&claude.ServerToolUseBlock{
			ID: "srvtoolu_1", Name: "web_search", Input: json.RawMessage(`{}`),
			Caller: &claude.Caller{Type: "direct"}, CacheControl: &claude.CacheControl{},
		},
	},
	{
		`{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result","url":"u","title":"t","encrypted_content":"e","page_age":"1 day"}],"caller":{"type":"direct"},"cache_control":{"type":"ephemeral"}}`,
		&claude.WebSearchToolResultBlock{
			ToolUseID: "srvtoolu_1", Results: []claude.WebSearchResult{{URL: "u", Title: "t", EncryptedContent: "e", PageAge: "1 day"}},
			Caller: &claude.Caller{Type: "direct"}, CacheControl: &claude.CacheControl{},
		},
	},
	{
		`{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"web_search_tool_result_error","error_code":"unavailable"}}`,
		&claude.WebSearchToolResultBlock{ToolUseID: "srvtoolu_1", Error: &claude.ToolError{Type: "web_search_tool_result_error", Code: "unavailable"}},
	},
	{
		`{"type":"web_fetch_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"web_fetch_result","url":"u","content":{"type":"document","source":{"type":"text","media_type":"text/plain","data":"p"},"title":"T"},"retrieved_at":"2026-01-01T00:00:00Z"},"caller":{"type":"direct"}}`,
		&claude.WebFetchToolResultBlock{
			ToolUseID: "srvtoolu_1", Caller: &claude.Caller{Type: "direct"},
			Result: &claude.WebFetchResult{
				URL: "u", RetrievedAt: "2026-01-01T00:00:00Z", Document: &claude.DocumentBlock{Source: claude.TextSource("p"), Title: "T"},
			},
		},
	},
	{
		`{"type":"web_fetch_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"web_fetch_tool_result_error","error_code":"url_too_long"}}`,
		&claude.WebFetchToolResultBlock{ToolUseID: "srvtoolu_1", Error: &claude.ToolError{Type: "web_fetch_tool_result_error", Code: "url_too_long"}},
	},
	{
		`{"type":"code_execution_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"code_execution_result","stdout":"","stderr":"e","return_code":0,"content":[{"type":"code_execution_output","file_id":"file_1"}]}}`,
		&claude.CodeExecutionToolResultBlock{ToolUseID: "srvtoolu_1", Result: &claude.CodeExecutionResult{
			Type: "code_execution_result", Stderr: "e", Outputs: []claude.CodeExecutionOutput{{Type: "code_execution_output", FileID: "file_1"}},
		}},
	},
	{
		`{"type":"code_execution_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"encrypted_code_execution_result","encrypted_stdout":"x","stderr":"","return_code":1,"content":[]}}`,
		&claude.CodeExecutionToolResultBlock{ToolUseID: "srvtoolu_1", Result: &claude.CodeExecutionResult{
			Type: "encrypted_code_execution_result", EncryptedStdout: "x", ReturnCode: 1,
		}},
	},
	{
		`{"type":"bash_code_execution_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"bash_code_execution_result","stdout":"o","stderr":"","return_code":0,"content":[]},"cache_control":{"type":"ephemeral"}}`,
		&claude.BashCodeExecutionToolResultBlock{
			ToolUseID: "srvtoolu_1", Result: &claude.CodeExecutionResult{Type: "bash_code_execution_result", Stdout: "o"},
			CacheControl: &claude.CacheControl{},
		},
	},
	{
		`{"type":"text_editor_code_execution_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"text_editor_code_execution_view_result","content":"","file_type":"text","num_lines":0,"start_line":1,"total_lines":2}}`,
		&claude.TextEditorCodeExecutionToolResultBlock{ToolUseID: "srvtoolu_1", Result: &claude.TextEditorResult{
			Type: "text_editor_code_execution_view_result", FileType: "text", NumLines: new(0), StartLine: new(1), TotalLines: new(2),
		}},
	},
	{
		`{"type":"text_editor_code_execution_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"text_editor_code_execution_create_result","is_file_update":false}}`,
		&claude.TextEditorCodeExecutionToolResultBlock{ToolUseID: "srvtoolu_1", Result: &claude.TextEditorResult{
			Type: "text_editor_code_execution_create_result",
		}},
	},
	{
		`{"type":"text_editor_code_execution_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"text_editor_code_execution_str_replace_result","lines":["a"],"new_lines":1,"new_start":2,"old_lines":0,"old_start":3}}`,
		&claude.TextEditorCodeExecutionToolResultBlock{ToolUseID: "srvtoolu_1", Result: &claude.TextEditorResult{
			Type: "text_editor_code_execution_str_replace_result", Lines: []string{"a"},
			NewLines: new(1), NewStart: new(2), OldLines: new(0), OldStart: new(3),
		}},
	},
	{
		`{"type":"text_editor_code_execution_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"text_editor_code_execution_tool_result_error","error_code":"file_not_found","error_message":"gone"}}`,
		&claude.TextEditorCodeExecutionToolResultBlock{ToolUseID: "srvtoolu_1", Error: &claude.ToolError{
			Type: "text_editor_code_execution_tool_result_error", Code: "file_not_found", Message: "gone",
		}},
	},
	{
		`{"type":"tool_search_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"tool_search_tool_search_result","tool_references":[{"type":"tool_reference","tool_name":"f"}]}}`,
		&claude.ToolSearchToolResultBlock{ToolUseID: "srvtoolu_1", Result: &claude.ToolSearchResult{
			ToolReferences: claude.Content{&claude.ToolReferenceBlock{ToolName: "f"}},
		}},
	},
	{
		`{"type":"tool_reference","tool_name":"f","cache_control":{"type":"ephemeral"}}`,
		&claude.ToolReferenceBlock{ToolName: "f", CacheControl: &claude.CacheControl{}},
	},
	{
		`{"type":"container_upload","file_id":"file_1","cache_control":{"type":"ephemeral"}}`,
		&claude.ContainerUploadBlock{FileID: "file_1", CacheControl: &claude.CacheControl{}},
	},
	{
		`{"type":"browser_state","tabs":[{"tab_id":"1","title":"t","url":"u","active":true}],"state_changes":[{"type":"download_completed","tab_id":"1","download_id":"d","url":"u","path":"p","size_bytes":9,"error":"e"}],"cache_control":{"type":"ephemeral"}}`,
		&claude.BrowserStateBlock{
			Tabs:         []claude.BrowserTab{{TabID: "1", Title: "t", URL: "u", Active: true}},
			StateChanges: []claude.BrowserChange{{Type: "download_completed", TabID: "1", DownloadID: "d", URL: "u", Path: "p", SizeBytes: 9, Error: "e"}},
			CacheControl: &claude.CacheControl{},
		},
	},
	{
		`{"type":"hologram", "depth" : [1.50]}`,
		&claude.UnknownBlock{Type: "hologram", Raw: json.RawMessage(`{"type":"hologram", "depth" : [1.50]}`)},
	},
}

func TestEveryBlockGoesToTheWireAndBackUnchanged(t *testing.T) {
	for _, c := range blocks {
		out, err := claude.Content{c.block}.MarshalJSON()
		require.NoError(t, err)
		assert.Equal(t, "["+c.json+"]", string(out))

		var back claude.Content
		require.NoError(t, json.Unmarshal([]byte("["+c.json+"]"), &back), c.json)
		assert.Equal(t, claude.Content{c.block}, back)

		alone, err := json.Marshal(c.block)
		require.NoError(t, err)
		assert.JSONEq(t, c.json, string(alone), "a block alone has its type too")
	}
}

func TestEveryBlockOfTheAPIHasATypeOfItsOwn(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range blocks {
		var tag struct{ Type string }
		require.NoError(t, json.Unmarshal([]byte(c.json), &tag))
		_, unknown := c.block.(*claude.UnknownBlock)
		seen[tag.Type] = !unknown
	}
	for _, typ := range []string{
		"text", "image", "document", "search_result", "thinking", "redacted_thinking", "tool_use", "tool_result",
		"server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result",
		"bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result",
		"tool_reference", "container_upload", "browser_state",
	} {
		assert.True(t, seen[typ], typ)
	}
}

func TestMembersNewerThanThePackageComeBackByteForByte(t *testing.T) {
	const news = `"aaa":{ "b" : [1.50, 1E3, "\u00e9"] },"zzz":null`
	for _, c := range blocks {
		if _, ok := c.block.(*claude.UnknownBlock); ok {
			continue
		}
		in := strings.TrimSuffix(c.json, "}") + "," + news + "}"
		var back claude.Content
		require.NoError(t, json.Unmarshal([]byte("["+in+"]"), &back))
		out, err := back.MarshalJSON()
		require.NoError(t, err)
		assert.Equal(t, "["+in+"]", string(out))
	}
}

func TestMembersNewerThanThePackageComeBackAtEveryDepth(t *testing.T) {
	for _, in := range []string{
		`{"type":"text","text":"a","cache_control":{"type":"ephemeral","x":1.0}}`,
		`{"type":"text","text":"a","citations":[{"type":"page_location","cited_text":"b","document_index":0,"document_title":null,"start_page_number":1,"end_page_number":2,"x":[ ]}]}`,
		`{"type":"image","source":{"type":"url","url":"u","x":"\/"}}`,
		`{"type":"image","source":{"type":"quantum","qubits":[1, 2]}}`,
		`{"type":"tool_use","id":"a","name":"b","input":{},"caller":{"type":"robot","x":1e2}}`,
		`{"type":"web_search_tool_result","tool_use_id":"a","content":[{"type":"web_search_result","url":"u","title":"t","encrypted_content":"e","x":1}]}`,
		`{"type":"web_search_tool_result","tool_use_id":"a","content":{"type":"web_search_tool_result_error","error_code":"new","x":1}}`,
		`{"type":"code_execution_tool_result","tool_use_id":"a","content":{"type":"code_execution_result","stdout":"","stderr":"","return_code":0,"content":[{"type":"code_execution_output","file_id":"f","x":1}],"abort_reason":null}}`,
		`{"type":"browser_state","tabs":[{"tab_id":"1","title":"t","url":"u","x":1}]}`,
		`{"type":"document","source":{"type":"content","content":[{"type":"text","text":"a","x":1}]},"citations":{"enabled":true,"x":1}}`,
	} {
		var back claude.Content
		require.NoError(t, json.Unmarshal([]byte("["+in+"]"), &back))
		out, err := back.MarshalJSON()
		require.NoError(t, err)
		assert.Equal(t, "["+in+"]", string(out))
	}
}

func TestAFixedTypeThatIsNewerThanThePackageComesBack(t *testing.T) {
	for _, in := range []string{
		`{"type":"text","text":"a","cache_control":{"type":"persistent"}}`,
		`{"type":"web_fetch_tool_result","tool_use_id":"a","content":{"url":"u","type":"web_fetch_result_v2"}}`,
		`{"type":"web_search_tool_result","tool_use_id":"a","content":[{"url":"u","title":"t","encrypted_content":"e","type":"video_result"}]}`,
		`{"type":"tool_search_tool_result","tool_use_id":"a","content":{"tool_references":[],"type":"new"}}`,
	} {
		var back claude.Content
		require.NoError(t, json.Unmarshal([]byte("["+in+"]"), &back))
		out, err := back.MarshalJSON()
		require.NoError(t, err)
		assert.Equal(t, "["+in+"]", string(out))
	}
}

func TestNullMeansAbsentInWhatIsReceived(t *testing.T) {
	var got claude.Content
	require.NoError(t, json.Unmarshal([]byte(`[
		{"type":"text","text":"a","citations":null,"cache_control":null},
		{"type":"document","source":null,"title":null,"context":null,"citations":null},
		{"type":"tool_use","id":"i","name":null,"input":{},"caller":null},
		{"type":"web_search_tool_result","tool_use_id":"w","content":[{"type":null,"url":"u","title":"t","encrypted_content":"e","page_age":null}]},
		{"type":"text_editor_code_execution_tool_result","tool_use_id":"e","content":{"type":"text_editor_code_execution_str_replace_result","lines":null,"new_lines":null}},
		{"type":"tool_result","tool_use_id":"r","content":null,"is_error":null}
	]`), &got))
	assert.Equal(t, claude.Content{
		claude.Text("a"),
		&claude.DocumentBlock{},
		&claude.ToolUseBlock{ID: "i", Input: json.RawMessage(`{}`)},
		&claude.WebSearchToolResultBlock{ToolUseID: "w", Results: []claude.WebSearchResult{{URL: "u", Title: "t", EncryptedContent: "e"}}},
		&claude.TextEditorCodeExecutionToolResultBlock{ToolUseID: "e", Result: &claude.TextEditorResult{Type: "text_editor_code_execution_str_replace_result"}},
		&claude.ToolResultBlock{ToolUseID: "r"},
	}, got)
}

func TestAStringIsShorthandForOneTextBlock(t *testing.T) {
	for in, want := range map[string]claude.Content{
		`"Hi\n"`: {claude.Text("Hi\n")},
		`""`:     nil,
		`[]`:     {},
	} {
		var c claude.Content
		require.NoError(t, json.Unmarshal([]byte(in), &c))
		assert.Equal(t, want, c, in)
	}
	var m claude.Message
	require.NoError(t, json.Unmarshal([]byte(`{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"ok"}]}`), &m))
	assert.Equal(t, claude.Content{claude.Text("ok")}, m.Content[0].(*claude.ToolResultBlock).Content)
}

func TestContentThatIsNotContentIsRefused(t *testing.T) {
	for _, in := range []string{
		`7`, `true`, `{}`, `[null]`, `["a"]`, `[7]`, `[[]]`, `[{"type":"text","text":7}]`, `[{"type":"text","text":"a"`,
		`[{"type":"text","citations":{}}]`, `[{"type":"tool_result","is_error":"no"}]`, `[{"type":"browser_state","tabs":[1]}]`,
	} {
		var c claude.Content
		assert.Error(t, json.Unmarshal([]byte(in), &c), in)
	}
}

func TestAnEmptyToolInputIsSentAsAnEmptyObject(t *testing.T) {
	out, err := json.Marshal(&claude.ToolUseBlock{ID: "a", Name: "b"})
	require.NoError(t, err)
	assert.JSONEq(t, `{"type":"tool_use","id":"a","name":"b","input":{}}`, string(out))
}

func TestToolResultsAnswerTheirCall(t *testing.T) {
	call := &claude.ToolUseBlock{ID: "toolu_1", Name: "click", ToolsetName: "browser"}
	m := claude.ToolResults(
		call.Result("done"),
		call.ResultError(errors.New("no such button")),
		call.ResultContent(claude.Text("a"), claude.Text("b")),
	)
	out, err := json.Marshal(m)
	require.NoError(t, err)
	assert.JSONEq(t, `{"role":"user","content":[
		{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"done"}],"toolset_name":"browser"},
		{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"no such button"}],"is_error":true,"toolset_name":"browser"},
		{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"toolset_name":"browser"}]}`, string(out))
}

// requireConfigError checks that the request cannot be encoded and that the
// error says where.
func requireConfigError(t *testing.T, r claude.Request, field string) *claude.ConfigError {
	t.Helper()
	out, err := claude.EncodeRequest(&r)
	require.Error(t, err)
	assert.Nil(t, out)
	bad, ok := errors.AsType[*claude.ConfigError](err)
	require.True(t, ok, "%T: %v", err, err)
	assert.Contains(t, bad.Field, field)
	assert.ErrorIs(t, err, claude.ErrConfig)

	_, err = json.Marshal(r)
	assert.ErrorIs(t, err, claude.ErrConfig, "encoding/json says the same")
	return bad
}

func say(blocks ...claude.Block) claude.Request {
	return claude.Request{Model: "m", MaxTokens: 1, Messages: []claude.Message{claude.User(blocks...)}}
}

func TestABlockThatIsNilIsRefused(t *testing.T) {
	requireConfigError(t, say(claude.Text("a"), nil), "content[1]")
	requireConfigError(t, say((*claude.TextBlock)(nil)), "content[0]")
	requireConfigError(t, say((*claude.UnknownBlock)(nil)), "content[0]")
	requireConfigError(t, say(&claude.UnknownBlock{Type: "x"}), "content[0]")
	requireConfigError(t, say(&claude.ToolResultBlock{ToolUseID: "a", Content: claude.Content{nil}}), "content[0]")
	requireConfigError(t, say(&claude.WebFetchToolResultBlock{ToolUseID: "a"}), "content")
	r := claude.Request{Messages: []claude.Message{claude.ToolResults(nil)}}
	requireConfigError(t, r, "content[0]")
}

func TestABlockThatHoldsItselfIsRefused(t *testing.T) {
	a := &claude.ToolResultBlock{ToolUseID: "a"}
	a.Content = claude.Content{a}
	requireConfigError(t, say(a), "")
	wide := &claude.SearchResultBlock{}
	wide.Content = claude.Content{wide, wide, wide}
	requireConfigError(t, say(wide), "")
}

func TestTextThatIsNotUTF8IsRefused(t *testing.T) {
	bad := requireConfigError(t, say(claude.Text("caf\xe9")), "text")
	assert.ErrorContains(t, bad, "invalid UTF-8 at byte 3")
	assert.NotContains(t, bad.Error(), "caf")
	requireConfigError(t, say(&claude.ToolUseBlock{Input: json.RawMessage("{\"a\":\"\xff\"}")}), "input")
	requireConfigError(t, say(&claude.TextBlock{Text: "a", Extra: claude.Extra{"\xff": 1}}), "")
}

func TestRawJSONThatIsNotJSONIsRefused(t *testing.T) {
	requireConfigError(t, say(&claude.ToolUseBlock{ID: "a", Name: "b", Input: json.RawMessage(`{"cut":`)}), "input")
	requireConfigError(t, say(&claude.UnknownBlock{Type: "x", Raw: json.RawMessage(`nope`)}), "")
}

func TestAnExtraMemberThatHasAFieldIsRefused(t *testing.T) {
	bad := requireConfigError(t, say(&claude.TextBlock{Text: "a", Extra: claude.Extra{"text": "b"}}), "Extra")
	assert.ErrorContains(t, bad, `"text"`)
	requireConfigError(t, say(&claude.TextBlock{Text: "a", Extra: claude.Extra{"type": "b"}}), "Extra")
	requireConfigError(t, say(&claude.TextBlock{Text: "a", Extra: claude.Extra{"citations": nil}}), "Extra")
	requireConfigError(t, say(&claude.ImageBlock{Source: &claude.Source{Type: "url", Extra: claude.Extra{"data": "x"}}}), "Extra")
	requireConfigError(t, say(&claude.WebFetchToolResultBlock{
		Result: &claude.WebFetchResult{}, Extra: claude.Extra{"content": 1},
	}), "Extra")
	requireConfigError(t, withExtra("model", "x"), "Request.Extra")
	requireConfigError(t, withExtra("stream", true), "Request.Extra")
	requireConfigError(t, withExtra("max_tokens", 3), "Request.Extra")
}

type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("secret") }

type broken struct{}

func (broken) MarshalJSON() ([]byte, error) { return []byte("{"), nil }

func TestAnExtraValueThatCannotBeEncodedIsAConfigErrorNotAPanic(t *testing.T) {
	cycle := map[string]any{}
	cycle["self"] = cycle
	var deep any
	for range 10_000 {
		deep = []any{deep}
	}
	for name, v := range map[string]any{
		"cycle":   cycle,
		"nan":     math.NaN(),
		"inf":     map[string]float64{"x": math.Inf(1)},
		"chan":    make(chan int),
		"func":    func() {},
		"panics":  panics{},
		"broken":  broken{},
		"deep":    deep,
		"rawdeep": json.RawMessage(strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)),
		"raw":     json.RawMessage(`{"a"}`),
		"utf8":    "\xff",
	} {
		t.Run(name, func(t *testing.T) {
			requireConfigError(t, say(&claude.TextBlock{Text: "a", Extra: claude.Extra{"x": v}}), "x")
			bad := requireConfigError(t, withExtra("x", v), "x")
			assert.NotContains(t, bad.Error(), "secret")
			assert.Less(t, len(bad.Error()), 1000)
			r := say(claude.Text("a"))
			r.Tools = []claude.Tool{&claude.CustomTool{Name: "f", InputSchema: v}}
			requireConfigError(t, r, "input_schema")
		})
	}
}

func withExtra(key string, v any) claude.Request {
	r := say(claude.Text("a"))
	r.Extra = claude.Extra{key: v}
	return r
}

func TestNestingBeyondAThousandLevelsIsRefusedInAnAnswer(t *testing.T) {
	var c claude.Content
	assert.Error(t, c.UnmarshalJSON([]byte(strings.Repeat("[", 10_000))))
	assert.Error(t, c.UnmarshalJSON([]byte(`[{"type":"x","a":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+`}]`)))
	nested := strings.Repeat(`{"type":"tool_result","content":[`, 2000)
	assert.Error(t, c.UnmarshalJSON([]byte("["+nested)))
}
