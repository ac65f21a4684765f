package sample

import "strings"

// answer returns the body of an answer with every member the API promises.
func answer(stop, content string) string {
	return `{"model":"claude-opus-4-6-20260205","id":"msg_01","type":"message","role":"assistant","content":[` + content +
		`],"container":null,"stop_reason":"` + stop + `","stop_sequence":null,"stop_details":null,"usage":` + usage + `}`
}

const usage = `{"input_tokens":12,"output_tokens":34,"cache_creation_input_tokens":5,"cache_read_input_tokens":6,` +
	`"cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":0},"server_tool_use":{"web_search_requests":1,"web_fetch_requests":0},` +
	`"service_tier":"standard","inference_geo":"not_available"}`

// serverTool returns a call of a server tool and its result.
func serverTool(name, resultType, content string) string {
	return `{"type":"server_tool_use","id":"srvtoolu_01","name":"` + name + `","input":{"a":1.50,"b":[ ]},"caller":{"type":"direct"}},` +
		`{"type":"` + resultType + `","tool_use_id":"srvtoolu_01","content":` + content + callerOf(resultType) + `},` +
		`{"type":"text","text":"So.","citations":null}`
}

func callerOf(resultType string) string {
	if strings.HasPrefix(resultType, "web_") {
		return `,"caller":{"type":"code_execution_20250825","tool_id":"srvtoolu_00"}`
	}
	return ""
}

// Responses returns the body of an answer of every shape by its name, as the API
// sends it.
func Responses() map[string]string {
	return map[string]string{
		"text":          answer("end_turn", `{"type":"text","text":"Hello!\n\"é\" 🎈","citations":null}`),
		"empty":         answer("end_turn", ``),
		"max_tokens":    answer("max_tokens", `{"type":"text","text":"Once","citations":null}`),
		"thinking":      answer("end_turn", `{"type":"thinking","thinking":"Hm.","signature":"c2ln"},{"type":"thinking","thinking":"","signature":"c2ln"},{"type":"redacted_thinking","data":"ZGF0YQ=="},{"type":"text","text":"So.","citations":null}`),
		"tool_use":      answer("tool_use", `{"type":"text","text":"Let me see.","citations":null},{"type":"tool_use","id":"toolu_01","name":"get_weather","input":{"city":"Bern","days":1.0,"x":[1, 2]},"caller":{"type":"direct"}},{"type":"tool_use","id":"toolu_02","name":"now","input":{},"caller":{"type":"code_execution_20260120","tool_id":"srvtoolu_01"}}`),
		"toolset":       answer("tool_use", `{"type":"tool_use","id":"toolu_01","name":"screenshot","input":{},"caller":{"type":"direct"},"toolset_name":"computer"}`),
		"stop_sequence": strings.Replace(answer("stop_sequence", `{"type":"text","text":"One","citations":null}`), `"stop_sequence":null`, `"stop_sequence":"END"`, 1),
		"refusal": strings.Replace(answer("refusal", ``), `"stop_details":null`,
			`"stop_details":{"type":"refusal","category":"cyber","explanation":"No."}`, 1),
		"refusal_without_category": strings.Replace(answer("refusal", ``), `"stop_details":null`,
			`"stop_details":{"type":"refusal","category":null,"explanation":null}`, 1),
		"container": strings.Replace(answer("pause_turn", serverTool("code_execution", "code_execution_tool_result",
			`{"type":"code_execution_result","stdout":"1\n","stderr":"","return_code":0,"content":[{"type":"code_execution_output","file_id":"file_01"}]}`)+
			`,{"type":"container_upload","file_id":"file_02"}`),
			`"container":null`, `"container":{"id":"container_01","expires_at":"2026-11-24T10:00:00Z"}`, 1),
		"container_skills": strings.Replace(answer("end_turn", ``),
			`"container":null`, `"container":{"id":"container_01","expires_at":"2026-11-24T10:00:00Z","skills":[{"skill_id":"pptx","type":"anthropic","version":"1"}]}`, 1),
		"citations": answer("end_turn", `{"type":"text","text":"Blue.","citations":[`+
			`{"type":"char_location","cited_text":"sky","document_index":0,"document_title":null,"start_char_index":0,"end_char_index":3,"file_id":"file_01"},`+
			`{"type":"page_location","cited_text":"p","document_index":1,"document_title":"Doc","start_page_number":1,"end_page_number":2,"file_id":null},`+
			`{"type":"content_block_location","cited_text":"b","document_index":2,"document_title":null,"start_block_index":0,"end_block_index":1,"file_id":null},`+
			`{"type":"web_search_result_location","cited_text":"w","url":"https://example.com","title":null,"encrypted_index":"aWR4"},`+
			`{"type":"search_result_location","cited_text":"s","source":"src","title":"T","search_result_index":0,"start_block_index":0,"end_block_index":1}]}`),
		"web_search": answer("end_turn", serverTool("web_search", "web_search_tool_result",
			`[{"type":"web_search_result","url":"https://example.com","title":"Example","encrypted_content":"ZW5j","page_age":"2 days"},`+
				`{"type":"web_search_result","url":"https://example.com/2","title":"Second","encrypted_content":"ZW5j","page_age":null}]`)),
		"web_search_error": answer("end_turn", serverTool("web_search", "web_search_tool_result",
			`{"type":"web_search_tool_result_error","error_code":"max_uses_exceeded"}`)),
		"web_fetch": answer("end_turn", serverTool("web_fetch", "web_fetch_tool_result",
			`{"type":"web_fetch_result","url":"https://example.com","retrieved_at":"2026-11-01T00:00:00.123Z","content":`+
				`{"type":"document","source":{"type":"text","media_type":"text/plain","data":"page"},"title":null,"citations":{"enabled":true}}}`)),
		"web_fetch_pdf": answer("end_turn", serverTool("web_fetch", "web_fetch_tool_result",
			`{"type":"web_fetch_result","url":"https://example.com/a.pdf","retrieved_at":null,"content":`+
				`{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERg=="},"title":"A","citations":null}}`)),
		"web_fetch_error": answer("end_turn", serverTool("web_fetch", "web_fetch_tool_result",
			`{"type":"web_fetch_tool_result_error","error_code":"url_not_accessible"}`)),
		"code_execution_encrypted": answer("end_turn", serverTool("code_execution", "code_execution_tool_result",
			`{"type":"encrypted_code_execution_result","encrypted_stdout":"ZW5j","stderr":"","return_code":1,"content":[]}`)),
		"code_execution_error": answer("end_turn", serverTool("code_execution", "code_execution_tool_result",
			`{"type":"code_execution_tool_result_error","error_code":"execution_time_exceeded"}`)),
		"bash_code_execution": answer("end_turn", serverTool("bash_code_execution", "bash_code_execution_tool_result",
			`{"type":"bash_code_execution_result","stdout":"","stderr":"e","return_code":127,"content":[{"type":"bash_code_execution_output","file_id":"file_01"}]}`)),
		"bash_code_execution_error": answer("end_turn", serverTool("bash_code_execution", "bash_code_execution_tool_result",
			`{"type":"bash_code_execution_tool_result_error","error_code":"output_file_too_large"}`)),
		"text_editor_view": answer("end_turn", serverTool("text_editor_code_execution", "text_editor_code_execution_tool_result",
			`{"type":"text_editor_code_execution_view_result","content":"a","file_type":"text","num_lines":1,"start_line":0,"total_lines":1}`)),
		"text_editor_create": answer("end_turn", serverTool("text_editor_code_execution", "text_editor_code_execution_tool_result",
			`{"type":"text_editor_code_execution_create_result","is_file_update":false}`)),
		"text_editor_str_replace": answer("end_turn", serverTool("text_editor_code_execution", "text_editor_code_execution_tool_result",
			`{"type":"text_editor_code_execution_str_replace_result","lines":["-a","+b"],"new_lines":1,"new_start":0,"old_lines":1,"old_start":0}`)),
		"text_editor_str_replace_nulls": answer("end_turn", serverTool("text_editor_code_execution", "text_editor_code_execution_tool_result",
			`{"type":"text_editor_code_execution_str_replace_result","lines":null,"new_lines":null,"new_start":null,"old_lines":null,"old_start":null}`)),
		"text_editor_error": answer("end_turn", serverTool("text_editor_code_execution", "text_editor_code_execution_tool_result",
			`{"type":"text_editor_code_execution_tool_result_error","error_code":"file_not_found","error_message":"gone"}`)),
		"tool_search": answer("end_turn", serverTool("tool_search_tool_regex", "tool_search_tool_result",
			`{"type":"tool_search_tool_search_result","tool_references":[{"type":"tool_reference","tool_name":"get_weather"}]}`)),
		"tool_search_error": answer("end_turn", serverTool("tool_search_tool_bm25", "tool_search_tool_result",
			`{"type":"tool_search_tool_result_error","error_code":"unavailable","error_message":null}`)),
		// What the API leaves out in practice, or sends in an order of its own.
		"sparse": `{"id":"msg_01","role":"assistant","type":"message","content":[{"text":"Hi","type":"text"}],"model":"claude-haiku-5-5","stop_reason":"end_turn","usage":{"output_tokens":2,"input_tokens":1}}`,
		"nulls": `{"id":"msg_01","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi","citations":null}],"container":null,"stop_reason":null,"stop_sequence":null,"stop_details":null,"diagnostics":null,` +
			`"usage":{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":null,"cache_read_input_tokens":null,"cache_creation":null,"output_tokens_details":null,"server_tool_use":null,"service_tier":null,"inference_geo":null,"speed":null}}`,
		// What is newer than this package, or beta.
		"unknown_blocks": answer("end_turn", `{"type":"mcp_tool_use","id":"mcptoolu_01","name":"f","server_name":"m","input":{ "a" : 1.0 }}, {"type" : "hologram","é\u00e9":[1e2, null],"type2":"<&>"},{"type":"text","text":"Done."}`),
		"unknown_members": `{"id":"msg_01","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi","mood":{"calm" : 1.00},"tone":null},` +
			`{"type":"tool_use","id":"toolu_01","name":"f","input":{},"priority":1e3}],"stop_reason":"dreaming","stop_sequence":null,` +
			`"usage":{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"iterations":[{"type":"message","input_tokens":1}]},` +
			`"context_management":{"applied_edits":[]}, "input_transformations":[ ]}`,
		"unknown_variants": answer("end_turn", `{"type":"text","text":"Hi","citations":[{"type":"video_location","cited_text":"v","document_index":3,"document_title":"D","title":"T","start_second":1.5}]},`+
			serverTool("web_fetch", "web_fetch_tool_result", `{"type":"web_fetch_result_v2","url":"https://example.com","fresh":true}`)+`,`+
			serverTool("code_execution", "code_execution_tool_result", `{"type":"code_execution_result","stdout":"","stderr":"","return_code":0,"content":[],"abort_reason":null}`)),
		"diagnostics": strings.Replace(answer("end_turn", ``), `"stop_details":null`,
			`"stop_details":null,"diagnostics":{"cache_miss_reason":{"type":"tools_changed","cache_missed_input_tokens":7}}`, 1),
		"diagnostics_pending": strings.Replace(answer("end_turn", ``), `"stop_details":null`, `"stop_details":null,"diagnostics":{"cache_miss_reason":null}`, 1),
		"output_tokens_details": strings.Replace(answer("end_turn", ``), `"service_tier":"standard"`,
			`"output_tokens_details":{"thinking_tokens":20},"speed":"fast","service_tier":"priority"`, 1),
	}
}
