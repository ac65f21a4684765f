// Package sample holds one request and one answer of every shape there is: the
// tests of the codec go through them, and so does the schema oracle.
package sample

import (
	"encoding/json"
	"maps"

	"github.com/steadfast-go/claude"
)

const model = "claude-opus-4-6"

// pixel is a small PNG file.
var pixel = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89")

// ask returns a request that asks with blocks.
func ask(blocks ...claude.Block) claude.Request {
	return claude.Request{Model: model, MaxTokens: 1024, Messages: []claude.Message{claude.User(blocks...)}}
}

// hello returns the smallest request, changed by change.
func hello(change func(r *claude.Request)) claude.Request {
	r := ask(claude.Text("Hello"))
	change(&r)
	return r
}

// echo returns a request that sends back what the model answered.
func echo(blocks ...claude.Block) claude.Request {
	r := ask(claude.Text("Go on."))
	r.Messages = append(r.Messages, claude.Assistant(blocks...), claude.UserText("Thanks. And then?"))
	return r
}

// offer returns a request that offers tools.
func offer(tools ...claude.Tool) claude.Request {
	return hello(func(r *claude.Request) { r.Tools = tools })
}

// answerCall returns a request that answers a tool call.
func answerCall(result *claude.ToolResultBlock) claude.Request {
	r := ask(claude.Text("What is the weather?"))
	r.Tools = []claude.Tool{weather()}
	use := &claude.ToolUseBlock{ID: "toolu_01", Name: "get_weather", Input: json.RawMessage(`{"city":"Bern"}`), ToolsetName: result.ToolsetName}
	result.ToolUseID = use.ID
	r.Messages = append(r.Messages, claude.Assistant(use), claude.ToolResults(result))
	return r
}

func weather() *claude.CustomTool {
	return &claude.CustomTool{
		Name:        "get_weather",
		Description: "The weather of a city, now.",
		InputSchema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`),
	}
}

func hour() *claude.CacheControl { return &claude.CacheControl{TTL: claude.Cache1h} }

// Requests returns a request of every shape by its name: every block, tool and
// option. They are new with every call.
func Requests() map[string]claude.Request {
	all := make(map[string]claude.Request)
	for _, some := range []map[string]claude.Request{
		options(), inputs(), echoes(), toolDefinitions(), toolResults(), betas(),
	} {
		maps.Copy(all, some)
	}
	return all
}

// options are the requests of every top-level member.
func options() map[string]claude.Request {
	return map[string]claude.Request{
		"minimal": hello(func(*claude.Request) {}),
		"conversation": hello(func(r *claude.Request) {
			r.Messages = append(r.Messages, claude.AssistantText("Hi! How can I help?"), claude.UserText("Tell me a joke.\n\"Quoted\", \\ and \t <b>&amp;</b> 🎈"))
		}),
		"prefill": hello(func(r *claude.Request) {
			r.Messages = append(r.Messages, claude.AssistantText("Once upon a"))
		}),
		"system": hello(func(r *claude.Request) {
			r.System = claude.Content{
				claude.Text("Be brief."),
				&claude.TextBlock{Text: "Be kind.", CacheControl: hour()},
			}
		}),
		"sampling": hello(func(r *claude.Request) {
			r.Temperature, r.TopP, r.TopK = new(0.0), new(0.9), new(0)
		}),
		"stop_sequences":    hello(func(r *claude.Request) { r.StopSequences = []string{"END", "\n\nHuman:"} }),
		"metadata":          hello(func(r *claude.Request) { r.Metadata = &claude.Metadata{UserID: "5f2b"} }),
		"service_tier":      hello(func(r *claude.Request) { r.ServiceTier = claude.TierStandardOnly }),
		"inference_geo":     hello(func(r *claude.Request) { r.InferenceGeo = "us" }),
		"container_id":      hello(func(r *claude.Request) { r.Container = &claude.Container{ID: "container_01"} }),
		"cache_control":     hello(func(r *claude.Request) { r.CacheControl = hour() }),
		"warm_cache":        hello(func(r *claude.Request) { r.MaxTokens, r.WarmCache = 0, true }),
		"thinking_adaptive": hello(func(r *claude.Request) { r.Thinking = &claude.Thinking{Type: claude.ThinkingAdaptive} }),
		"thinking_enabled": hello(func(r *claude.Request) {
			r.MaxTokens = 4096
			r.Thinking = &claude.Thinking{Type: claude.ThinkingEnabled, BudgetTokens: 2048, Display: "summarized"}
		}),
		"thinking_disabled":      hello(func(r *claude.Request) { r.Thinking = &claude.Thinking{Type: claude.ThinkingDisabled} }),
		"thinking_between_tools": hello(func(r *claude.Request) { r.Thinking = &claude.Thinking{Type: claude.ThinkingBetweenTools} }),
		"effort":                 hello(func(r *claude.Request) { r.OutputConfig = &claude.OutputConfig{Effort: claude.EffortLow} }),
		"output_format": hello(func(r *claude.Request) {
			r.OutputConfig = &claude.OutputConfig{Format: &claude.OutputFormat{Schema: map[string]any{
				"type":                 "object",
				"properties":           map[string]any{"answer": map[string]any{"type": "string"}},
				"required":             []string{"answer"},
				"additionalProperties": false,
			}}}
		}),
		"tool_choice_auto": choose(claude.ToolChoice{Type: claude.ToolChoiceAuto, DisableParallelToolUse: true}),
		"tool_choice_any":  choose(claude.ToolChoice{Type: claude.ToolChoiceAny}),
		"tool_choice_tool": choose(claude.ToolChoice{Type: claude.ToolChoiceTool, Name: "get_weather", DisableParallelToolUse: true}),
		"tool_choice_none": choose(claude.ToolChoice{Type: claude.ToolChoiceNone}),
		"speed":            hello(func(r *claude.Request) { r.Speed = claude.SpeedFast }),
		"diagnostics_first": hello(func(r *claude.Request) {
			r.Diagnostics = &claude.Diagnostics{}
		}),
		"diagnostics": hello(func(r *claude.Request) {
			r.Diagnostics = &claude.Diagnostics{PreviousMessageID: new("msg_01")}
		}),
		"container_skills": hello(func(r *claude.Request) {
			r.Tools = []claude.Tool{&claude.CodeExecutionTool{}}
			r.Container = &claude.Container{ID: "container_01", Skills: []claude.Skill{
				{SkillID: "pptx", Type: "anthropic", Version: "latest"}, {SkillID: "skill_01", Type: "custom"},
			}}
		}),
		"system_message": hello(func(r *claude.Request) {
			r.Messages = append(r.Messages, claude.Message{Role: claude.RoleSystem, Content: claude.Content{claude.Text("From now on, in French.")}})
		}),
	}
}

func choose(c claude.ToolChoice) claude.Request {
	r := offer(weather())
	r.ToolChoice = &c
	return r
}

// inputs are the requests of what a user may say.
func inputs() map[string]claude.Request {
	return map[string]claude.Request{
		"text_cached":  ask(&claude.TextBlock{Text: "Hello", CacheControl: &claude.CacheControl{}}),
		"image_base64": ask(claude.Image("image/png", pixel), claude.Text("What is it?")),
		"image_url":    ask(&claude.ImageBlock{Source: claude.URLSource("https://example.com/a.png"), CacheControl: hour()}),
		"image_file":   ask(&claude.ImageBlock{Source: claude.FileSource("file_01")}),
		"image_transformations": ask(&claude.ImageBlock{
			Source: claude.URLSource("https://example.com/a.png"), Transformations: &claude.ImageTransformations{OversizedImage: "downsize"},
		}),
		"document_base64": ask(claude.PDF([]byte("%PDF-1.7"))),
		"document_text": ask(&claude.DocumentBlock{
			Source: claude.TextSource("The sky is blue."), Title: "Sky", Context: "A short one.",
			Citations: &claude.CitationsConfig{Enabled: true}, CacheControl: hour(),
		}),
		"document_content": ask(&claude.DocumentBlock{
			Source:    &claude.Source{Type: claude.SourceContent, Content: claude.Content{claude.Text("First."), claude.Image("image/png", pixel)}},
			Citations: &claude.CitationsConfig{},
		}),
		"document_url":  ask(&claude.DocumentBlock{Source: claude.URLSource("https://example.com/a.pdf")}),
		"document_file": ask(&claude.DocumentBlock{Source: claude.FileSource("file_02")}),
		"search_result": ask(&claude.SearchResultBlock{
			Source: "https://example.com/wiki", Title: "Wiki", Content: claude.Content{claude.Text("Bern is a city.")},
			Citations: &claude.CitationsConfig{Enabled: true}, CacheControl: hour(),
		}),
		"container_upload": ask(&claude.ContainerUploadBlock{FileID: "file_03", CacheControl: hour()}, claude.Text("Sum it up.")),
	}
}

// echoes are the requests of what a model said.
func echoes() map[string]claude.Request {
	search := &claude.ServerToolUseBlock{
		ID: "srvtoolu_01", Name: "web_search", Input: json.RawMessage(`{"query":"Bern"}`),
		Caller: &claude.Caller{Type: "direct"}, CacheControl: hour(),
	}
	use := func(name string) *claude.ServerToolUseBlock {
		return &claude.ServerToolUseBlock{ID: "srvtoolu_01", Name: name, Input: json.RawMessage(`{}`)}
	}
	failed := func(typ, code string) *claude.ToolError { return &claude.ToolError{Type: typ, Code: code} }
	return map[string]claude.Request{
		"echo_thinking": echo(
			&claude.ThinkingBlock{Thinking: "Hm.", Signature: "c2ln"},
			&claude.ThinkingBlock{Signature: "c2ln"},
			&claude.RedactedThinkingBlock{Data: "ZGF0YQ=="},
			claude.Text("So."),
		),
		"echo_citations": echo(&claude.TextBlock{Text: "Blue.", Citations: []claude.Citation{
			{Type: claude.CiteChar, CitedText: "sky", DocumentTitle: new("Sky"), StartCharIndex: 4, EndCharIndex: 7},
			{Type: claude.CiteChar, CitedText: "The", EndCharIndex: 3, FileID: "file_never_sent"},
			{Type: claude.CitePage, CitedText: "page", DocumentIndex: 1, StartPageNumber: 1, EndPageNumber: 2},
			{Type: claude.CiteBlock, CitedText: "block", DocumentIndex: 2, DocumentTitle: new("Blocks"), EndBlockIndex: 1},
			{Type: claude.CiteWebSearch, CitedText: "web", URL: "https://example.com", EncryptedIndex: "aWR4"},
			{Type: claude.CiteSearchResult, CitedText: "found", Source: "https://example.com/wiki", Title: new("Wiki"), StartBlockIndex: 0, EndBlockIndex: 1},
		}}),
		"echo_web_search": echo(search,
			&claude.WebSearchToolResultBlock{
				ToolUseID: "srvtoolu_01", Caller: &claude.Caller{Type: "direct"},
				Results: []claude.WebSearchResult{
					{URL: "https://example.com", Title: "Example", EncryptedContent: "ZW5j", PageAge: "2 days"},
					{URL: "https://example.com/2", Title: "Second", EncryptedContent: "ZW5j"},
				},
			},
			&claude.WebSearchToolResultBlock{ToolUseID: "srvtoolu_01", CacheControl: hour()},
			&claude.WebSearchToolResultBlock{ToolUseID: "srvtoolu_01", Error: failed("web_search_tool_result_error", "max_uses_exceeded")},
		),
		"echo_web_fetch": echo(use("web_fetch"),
			&claude.WebFetchToolResultBlock{
				ToolUseID: "srvtoolu_01", Caller: &claude.Caller{Type: "code_execution_20250825", ToolID: "srvtoolu_00"},
				Result: &claude.WebFetchResult{
					URL: "https://example.com", RetrievedAt: "2026-11-01T00:00:00Z",
					Document: &claude.DocumentBlock{Source: claude.TextSource("page"), Title: "Page", Citations: &claude.CitationsConfig{Enabled: true}},
				},
			},
			&claude.WebFetchToolResultBlock{ToolUseID: "srvtoolu_01", Error: failed("web_fetch_tool_result_error", "url_not_accessible")},
		),
		"echo_code_execution": echo(use("code_execution"),
			&claude.CodeExecutionToolResultBlock{ToolUseID: "srvtoolu_01", Result: &claude.CodeExecutionResult{
				Type: "code_execution_result", Stdout: "1\n", Outputs: []claude.CodeExecutionOutput{{Type: "code_execution_output", FileID: "file_04"}},
			}},
			&claude.CodeExecutionToolResultBlock{ToolUseID: "srvtoolu_01", Result: &claude.CodeExecutionResult{
				Type: "encrypted_code_execution_result", EncryptedStdout: "ZW5j", Stderr: "oops", ReturnCode: 1,
			}},
			&claude.CodeExecutionToolResultBlock{ToolUseID: "srvtoolu_01", Error: failed("code_execution_tool_result_error", "unavailable")},
		),
		"echo_bash_code_execution": echo(use("bash_code_execution"),
			&claude.BashCodeExecutionToolResultBlock{ToolUseID: "srvtoolu_01", Result: &claude.CodeExecutionResult{
				Type: "bash_code_execution_result", Stderr: "no such file", ReturnCode: 2,
				Outputs: []claude.CodeExecutionOutput{{Type: "bash_code_execution_output", FileID: "file_05"}},
			}},
			&claude.BashCodeExecutionToolResultBlock{ToolUseID: "srvtoolu_01", Error: failed("bash_code_execution_tool_result_error", "output_file_too_large")},
		),
		"echo_text_editor_code_execution": echo(use("text_editor_code_execution"),
			&claude.TextEditorCodeExecutionToolResultBlock{ToolUseID: "srvtoolu_01", Result: &claude.TextEditorResult{
				Type: "text_editor_code_execution_view_result", Content: "a\nb", FileType: "text", NumLines: new(2), StartLine: new(1), TotalLines: new(2),
			}},
			&claude.TextEditorCodeExecutionToolResultBlock{ToolUseID: "srvtoolu_01", Result: &claude.TextEditorResult{
				Type: "text_editor_code_execution_create_result", IsFileUpdate: false,
			}},
			&claude.TextEditorCodeExecutionToolResultBlock{ToolUseID: "srvtoolu_01", Result: &claude.TextEditorResult{
				Type: "text_editor_code_execution_str_replace_result", Lines: []string{"-a", "+b"},
				NewLines: new(1), NewStart: new(1), OldLines: new(1), OldStart: new(0),
			}},
			&claude.TextEditorCodeExecutionToolResultBlock{ToolUseID: "srvtoolu_01", Error: &claude.ToolError{
				Type: "text_editor_code_execution_tool_result_error", Code: "file_not_found", Message: "no such file",
			}},
		),
		"echo_tool_search": echo(use("tool_search_tool_bm25"),
			&claude.ToolSearchToolResultBlock{ToolUseID: "srvtoolu_01", Result: &claude.ToolSearchResult{
				ToolReferences: claude.Content{&claude.ToolReferenceBlock{ToolName: "get_weather"}},
			}},
			&claude.ToolSearchToolResultBlock{ToolUseID: "srvtoolu_01", Error: failed("tool_search_tool_result_error", "too_many_requests")},
		),
	}
}

// toolDefinitions are the requests of every tool.
func toolDefinitions() map[string]claude.Request {
	everything := weather()
	everything.InputExamples = json.RawMessage(`[{"city":"Bern"}]`)
	everything.EagerInputStreaming = new(false)
	everything.ToolOptions = claude.ToolOptions{
		AllowedCallers: []string{"direct", "code_execution_20250825"}, DeferLoading: true, Strict: true,
	}
	cached := weather()
	cached.Name = "get_forecast"
	cached.CacheControl = hour()
	common := claude.ToolOptions{CacheControl: hour(), AllowedCallers: []string{"direct"}, Strict: true}
	where := &claude.UserLocation{City: "Bern", Region: "Bern", Country: "CH", Timezone: "Europe/Zurich"}
	all := map[string]claude.Request{
		"tool_custom":        offer(everything, cached),
		"tool_bash":          offer(&claude.BashTool{InputExamples: json.RawMessage(`[{"command":"ls"}]`), ToolOptions: common}),
		"tool_text_editor":   offer(&claude.TextEditorTool{MaxCharacters: 10_000, InputExamples: json.RawMessage(`[]`), ToolOptions: common}),
		"tool_memory":        offer(&claude.MemoryTool{ToolOptions: common}),
		"tool_web_search":    offer(&claude.WebSearchTool{MaxUses: 3, AllowedDomains: []string{"example.com"}, UserLocation: where, ToolOptions: common}),
		"tool_web_fetch":     offer(&claude.WebFetchTool{MaxUses: 3, BlockedDomains: []string{"example.com"}, Citations: &claude.CitationsConfig{Enabled: true}, MaxContentTokens: 5000, ToolOptions: common}),
		"tool_search_regex":  offer(&claude.ToolSearchTool{ToolOptions: common}, everything),
		"tool_search_bm25":   offer(&claude.ToolSearchTool{Type: claude.ToolSearchBM25}, everything),
		"tool_web_search_20": offer(&claude.WebSearchTool{Type: "web_search_20260318", ResponseInclusion: "excluded"}),
		"tool_web_fetch_18":  offer(&claude.WebFetchTool{Type: "web_fetch_20260318", UseCache: new(false), ResponseInclusion: "full"}),
		"tool_url_sources":   offer(&claude.WebFetchTool{URLSources: json.RawMessage(`{"user_input":{"type":"all"},"server_tool_results":{"type":"none"}}`)}),
		"toolset_computer": offer(&claude.Toolset{
			Type: claude.ComputerToolset, Configs: json.RawMessage(`{"zoom":{"enabled":false}}`), CacheControl: hour(),
		}),
		"toolset_browser": offer(&claude.Toolset{Type: claude.BrowserToolset}),
		"tool_unknown": offer(&claude.UnknownTool{
			Type: "computer_20251124", Name: "computer",
			Raw: json.RawMessage(`{"type":"computer_20251124","name":"computer","display_width_px":1024,"display_height_px":768}`),
		}),
	}
	// The versions of the typed tools.
	for _, version := range []string{"text_editor_20250124", "text_editor_20250429"} {
		all["tool_"+version] = offer(&claude.TextEditorTool{Type: version})
	}
	for _, version := range []string{"code_execution_20250522", "code_execution_20250825", "code_execution_20260120", "code_execution_20260521"} {
		all["tool_"+version] = offer(&claude.CodeExecutionTool{Type: version, ToolOptions: common})
	}
	all["tool_web_search_20260209"] = offer(&claude.WebSearchTool{Type: "web_search_20260209", BlockedDomains: []string{"example.com"}})
	all["tool_web_fetch_20260209"] = offer(&claude.WebFetchTool{Type: "web_fetch_20260209", AllowedDomains: []string{"example.com"}})
	all["tool_web_fetch_20260309"] = offer(&claude.WebFetchTool{Type: "web_fetch_20260309", UseCache: new(true)})
	for _, version := range []string{"tool_search_tool_regex", "tool_search_tool_bm25"} {
		all[version] = offer(&claude.ToolSearchTool{Type: version}, everything)
	}
	return all
}

// toolResults are the requests that answer a tool call.
func toolResults() map[string]claude.Request {
	call := new(claude.ToolUseBlock)
	failed := call.Result("no such city")
	failed.IsError = true
	cached := call.Result("Sunny.")
	cached.CacheControl = hour()
	all := map[string]claude.Request{
		"tool_result":       answerCall(cached),
		"tool_result_empty": answerCall(&claude.ToolResultBlock{}),
		"tool_result_error": answerCall(failed),
		"tool_result_blocks": answerCall(call.ResultContent(
			claude.Text("Sunny."),
			claude.Image("image/png", pixel),
			claude.PDF([]byte("%PDF-1.7")),
			&claude.SearchResultBlock{Source: "s", Title: "t", Content: claude.Content{claude.Text("x")}},
			&claude.ToolReferenceBlock{ToolName: "get_weather", CacheControl: hour()},
		)),
		"tool_result_toolset": answerCall(&claude.ToolResultBlock{ToolsetName: "computer", Content: claude.Content{claude.Image("image/png", pixel)}}),
		"tool_result_browser_state": answerCall(call.ResultContent(claude.Text("Opened."), &claude.BrowserStateBlock{
			Tabs: []claude.BrowserTab{{TabID: "1", Title: "Example", URL: "https://example.com", Active: true}, {TabID: "2"}},
			StateChanges: []claude.BrowserChange{
				{Type: "tab_opened", TabID: "2"},
				{Type: "download_completed", DownloadID: "d1", URL: "https://example.com/a", Path: "downloads/a", SizeBytes: 10},
				{Type: "download_failed", DownloadID: "d2", URL: "https://example.com/b", Error: "refused"},
			},
		})),
	}
	used := answerCall(call.Result("Sunny."))
	b := used.Messages[1].Content[0].(*claude.ToolUseBlock)
	b.Caller = &claude.Caller{Type: "code_execution_20260120", ToolID: "srvtoolu_01"}
	b.CacheControl = hour()
	all["tool_use_caller"] = used
	return all
}

// betas are the requests with members and blocks this package has no types for.
func betas() map[string]claude.Request {
	return map[string]claude.Request{
		"beta_members": hello(func(r *claude.Request) {
			r.Extra = claude.Extra{
				"context_management": map[string]any{"edits": []any{map[string]any{"type": "clear_tool_uses_20250919"}}},
				"mcp_servers":        json.RawMessage(`[{"type":"url","name":"m","url":"https://example.com/mcp"}]`),
			}
		}),
		"beta_block_member": ask(&claude.TextBlock{Text: "Hello", Extra: claude.Extra{"emphasis": 0.5}}),
		"beta_blocks": echo(
			&claude.UnknownBlock{Type: "mcp_tool_use", Raw: json.RawMessage(`{"type":"mcp_tool_use","id":"mcptoolu_01","name":"f","server_name":"m","input":{}}`)},
			&claude.UnknownBlock{Type: "mcp_tool_result", Raw: json.RawMessage(`{"type":"mcp_tool_result","tool_use_id":"mcptoolu_01","content":"ok","is_error":false}`)},
			claude.Text("Done."),
		),
	}
}
