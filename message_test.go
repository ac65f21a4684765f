package claude_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/sample"
)

// fullRequest sets every field of Request, fullJSON is how it goes to the wire.
var (
	fullRequest = claude.Request{
		Model:     "claude-opus-4-6",
		MaxTokens: 4096,
		Messages: []claude.Message{
			claude.UserText("Hi"),
			{Role: claude.RoleAssistant, Content: claude.Content{claude.Text("Hello")}, Extra: claude.Extra{"mood": 1}},
			{Role: claude.RoleSystem, Content: claude.Content{claude.Text("Be brief.")}},
		},
		System:        claude.Content{claude.Text("Be kind.")},
		StopSequences: []string{"END"},
		Temperature:   new(0.0),
		TopP:          new(0.25),
		TopK:          new(0),
		Tools:         []claude.Tool{&claude.BashTool{}},
		ToolChoice:    &claude.ToolChoice{Type: claude.ToolChoiceTool, Name: "bash", DisableParallelToolUse: true},
		Thinking:      &claude.Thinking{Type: claude.ThinkingEnabled, BudgetTokens: 1024, Display: "omitted"},
		OutputConfig:  &claude.OutputConfig{Effort: claude.EffortMax, Format: &claude.OutputFormat{Schema: json.RawMessage(`{"type":"object"}`)}},
		Metadata:      &claude.Metadata{UserID: "u"},
		ServiceTier:   claude.TierAuto,
		InferenceGeo:  "global",
		Container:     &claude.Container{ID: "c", Skills: []claude.Skill{{SkillID: "s", Type: "custom", Version: "1"}}},
		Speed:         claude.SpeedFast,
		CacheControl:  &claude.CacheControl{TTL: claude.Cache1h},
		Diagnostics:   &claude.Diagnostics{PreviousMessageID: new("msg_0")},
		Extra:         claude.Extra{"thread": map[string]string{"type": "create"}, "fallbacks": "default"},
	}

	fullJSON = `{"model":"claude-opus-4-6","max_tokens":4096,` +
		`"system":[{"type":"text","text":"Be kind."}],` +
		`"tools":[{"type":"bash_20250124","name":"bash"}],` +
		`"tool_choice":{"type":"tool","name":"bash","disable_parallel_tool_use":true},` +
		`"thinking":{"type":"enabled","budget_tokens":1024,"display":"omitted"},` +
		`"output_config":{"effort":"max","format":{"type":"json_schema","schema":{"type":"object"}}},` +
		`"cache_control":{"type":"ephemeral","ttl":"1h"},"speed":"fast",` +
		`"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]},` +
		`{"role":"assistant","content":[{"type":"text","text":"Hello"}],"mood":1},` +
		`{"role":"system","content":[{"type":"text","text":"Be brief."}]}],` +
		`"stop_sequences":["END"],"temperature":0,"top_p":0.25,"top_k":0,"metadata":{"user_id":"u"},` +
		`"service_tier":"auto","inference_geo":"global",` +
		`"container":{"id":"c","skills":[{"skill_id":"s","type":"custom","version":"1"}]},` +
		`"diagnostics":{"previous_message_id":"msg_0"},` +
		`"fallbacks":"default","thread":{"type":"create"}}`
)

func TestARequestWithEveryFieldSetGoesToTheWireAndBack(t *testing.T) {
	v := reflect.ValueOf(fullRequest)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && f.Name != "WarmCache" {
			assert.False(t, v.Field(i).IsZero(), "%s is not set in this test", f.Name)
		}
	}
	out, err := claude.EncodeRequest(&fullRequest)
	require.NoError(t, err)
	assert.Equal(t, fullJSON, string(out))

	var back claude.Request
	require.NoError(t, json.Unmarshal(out, &back))
	again, err := claude.EncodeRequest(&back)
	require.NoError(t, err)
	assert.Equal(t, fullJSON, string(again))
	assert.Equal(t, fullRequest.Tools[0].(*claude.BashTool).ToolOptions, back.Tools[0].(*claude.BashTool).ToolOptions)
	assert.Equal(t, json.RawMessage(`"default"`), back.Extra["fallbacks"])
}

func TestAnUnsetFieldIsNotSent(t *testing.T) {
	r := say(claude.Text("a"))
	out, err := claude.EncodeRequest(&r)
	require.NoError(t, err)
	assert.Equal(t, `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}`, string(out))
}

func TestAZeroRequestIsStillJSON(t *testing.T) {
	out, err := claude.EncodeRequest(new(claude.Request))
	require.NoError(t, err)
	assert.Equal(t, `{"model":"","max_tokens":0,"messages":[]}`, string(out))
}

func TestCountTokensIsSentOnlyWhatItTakes(t *testing.T) {
	out, err := claude.EncodeCount(&fullRequest)
	require.NoError(t, err)
	var body map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(out, &body))
	for _, name := range []string{"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control", "speed", "thread"} {
		assert.Contains(t, body, name)
	}
	for _, name := range []string{"max_tokens", "stream", "metadata", "stop_sequences", "temperature", "top_p", "top_k", "inference_geo", "service_tier", "container", "diagnostics"} {
		assert.NotContains(t, body, name)
	}
}

func TestAContainerIsAnIDOrAnObject(t *testing.T) {
	for in, want := range map[string]*claude.Container{
		`"container_1"`:      {ID: "container_1"},
		`{"id":"c","x":1.0}`: {ID: "c", Extra: claude.Extra{"x": json.RawMessage(`1.0`)}},
		`{"skills":[{"skill_id":"s","type":"anthropic"}]}`: {Skills: []claude.Skill{{SkillID: "s", Type: "anthropic"}}},
	} {
		var r claude.Request
		require.NoError(t, json.Unmarshal([]byte(`{"container":`+in+`}`), &r))
		assert.Equal(t, want, r.Container)
		out, err := claude.EncodeRequest(&r)
		require.NoError(t, err)
		assert.Contains(t, string(out), `"container":`+in)
	}
}

func TestMaxTokensOfZeroInJSONMeansTheCacheIsToBeWarmed(t *testing.T) {
	var r claude.Request
	require.NoError(t, json.Unmarshal([]byte(`{"max_tokens":0}`), &r))
	assert.True(t, r.WarmCache)
	r = claude.Request{}
	require.NoError(t, json.Unmarshal([]byte(`{"model":"m"}`), &r))
	assert.False(t, r.WarmCache)
}

func TestARequestMarshalsByValueByPointerAndInsideOtherTypes(t *testing.T) {
	type batch struct {
		ID     string         `json:"custom_id"`
		Params claude.Request `json:"params"`
	}
	byValue, err := json.Marshal(batch{"a", fullRequest})
	require.NoError(t, err)
	assert.JSONEq(t, `{"custom_id":"a","params":`+fullJSON+`}`, string(byValue))
	byPointer, err := json.Marshal(&batch{"a", fullRequest})
	require.NoError(t, err)
	assert.Equal(t, string(byValue), string(byPointer))
	var back batch
	require.NoError(t, json.Unmarshal(byValue, &back))
	assert.Equal(t, "claude-opus-4-6", back.Params.Model)

	messages, err := json.Marshal([]claude.Message{claude.UserText("a")})
	require.NoError(t, err)
	assert.JSONEq(t, `[{"role":"user","content":[{"type":"text","text":"a"}]}]`, string(messages))
	usage, err := json.Marshal(map[string]claude.Usage{"u": {InputTokens: 1}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"u":{"input_tokens":1,"output_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0}}`, string(usage))
}

func TestARequestMayHoldManyMessages(t *testing.T) {
	r := claude.Request{Model: "m", MaxTokens: 1, Messages: make([]claude.Message, 100_000)}
	for i := range r.Messages {
		r.Messages[i] = claude.UserText("a")
	}
	out, err := claude.EncodeRequest(&r)
	require.NoError(t, err)
	var back claude.Request
	require.NoError(t, back.UnmarshalJSON(out))
	assert.Len(t, back.Messages, 100_000)
}

func TestAResponseIsReadWhole(t *testing.T) {
	body := `{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-6","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],` +
		`"stop_reason":"stop_sequence","stop_sequence":"END",` +
		`"stop_details":{"type":"refusal","category":"bio","explanation":"No.","recommended_model":"m"},` +
		`"usage":{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":3,"cache_read_input_tokens":4,` +
		`"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":2},"output_tokens_details":{"thinking_tokens":5},` +
		`"server_tool_use":{"web_search_requests":6,"web_fetch_requests":7},"service_tier":"batch","inference_geo":"us","speed":"fast"},` +
		`"container":{"id":"c","expires_at":"2026-11-24T10:00:00.5Z","skills":[{"skill_id":"s","type":"custom","version":"1"}]},` +
		`"diagnostics":{"cache_miss_reason":{"type":"unavailable"}}}`
	r, err := claude.DecodeResponse(body)
	require.NoError(t, err)
	assert.Equal(t, &claude.Response{
		Message:      claude.Message{Role: claude.RoleAssistant, Content: claude.Content{claude.Text("a"), claude.Text("b")}},
		ID:           "msg_1",
		Model:        "claude-opus-4-6",
		StopReason:   claude.StopSequence,
		StopSequence: "END",
		StopDetails: &claude.StopDetails{
			Type: "refusal", Category: "bio", Explanation: "No.", Extra: claude.Extra{"recommended_model": json.RawMessage(`"m"`)},
		},
		Usage: claude.Usage{
			InputTokens: 1, OutputTokens: 2, CacheCreationInputTokens: 3, CacheReadInputTokens: 4,
			CacheCreation:       &claude.CacheCreation{Ephemeral5mInputTokens: 1, Ephemeral1hInputTokens: 2},
			OutputTokensDetails: &claude.OutputTokensDetails{ThinkingTokens: 5},
			ServerToolUse:       &claude.ServerToolUsage{WebSearchRequests: 6, WebFetchRequests: 7},
			ServiceTier:         "batch", InferenceGeo: "us", Speed: claude.SpeedFast,
		},
		Container: &claude.ContainerInfo{
			ID: "c", ExpiresAt: time.Date(2026, 11, 24, 10, 0, 0, 5e8, time.UTC),
			Skills: []claude.Skill{{SkillID: "s", Type: "custom", Version: "1"}},
		},
		Diagnostics: &claude.CacheDiagnostics{CacheMissReason: json.RawMessage(`{"type":"unavailable"}`)},
		Raw:         body,
	}, r)
	assert.Equal(t, "ab", r.Text())
	assert.Equal(t, 8, r.Usage.TotalInputTokens())

	out, err := json.Marshal(r)
	require.NoError(t, err)
	assert.JSONEq(t, body, string(out))
}

func TestAResponseMarshalsAsTheAPIsMessageNotAsTheEmbeddedOne(t *testing.T) {
	r, err := claude.DecodeResponse(sample.Responses()["text"])
	require.NoError(t, err)
	r.RequestID = "req_1"
	r.Attempts = make([]claude.Attempt, 2)
	for _, v := range []any{r, *r} {
		out, err := json.Marshal(v)
		require.NoError(t, err)
		var members map[string]any
		require.NoError(t, json.Unmarshal(out, &members))
		assert.Equal(t, "message", members["type"])
		assert.Equal(t, "msg_01", members["id"])
		assert.Equal(t, "end_turn", members["stop_reason"])
		assert.Contains(t, members, "usage")
		for _, name := range []string{"RequestID", "request_id", "RateLimit", "Attempts", "Raw", "Message"} {
			assert.NotContains(t, members, name)
		}
	}
	var back claude.Response
	require.NoError(t, json.Unmarshal([]byte(r.Raw), &back))
	assert.Equal(t, "msg_01", back.ID)
	assert.Equal(t, r.Text(), back.Text())
}

func TestAnAnswerJoinsTheConversation(t *testing.T) {
	conversation := []claude.Message{claude.UserText("Weather?")}
	r, err := claude.DecodeResponse(sample.Responses()["tool_use"])
	require.NoError(t, err)
	conversation = append(conversation, r.Message)
	conversation = append(conversation, claude.ToolResults(r.ToolUses()[0].Result("Sunny."), r.ToolUses()[1].Result("Noon.")))
	out, err := claude.EncodeRequest(&claude.Request{Model: "m", MaxTokens: 1, Messages: conversation})
	require.NoError(t, err)
	assert.JSONEq(t, `{"model":"m","max_tokens":1,"messages":[
		{"role":"user","content":[{"type":"text","text":"Weather?"}]},
		{"role":"assistant","content":[
			{"type":"text","text":"Let me see."},
			{"type":"tool_use","id":"toolu_01","name":"get_weather","input":{"city":"Bern","days":1.0,"x":[1,2]},"caller":{"type":"direct"}},
			{"type":"tool_use","id":"toolu_02","name":"now","input":{},"caller":{"type":"code_execution_20260120","tool_id":"srvtoolu_01"}}]},
		{"role":"user","content":[
			{"type":"tool_result","tool_use_id":"toolu_01","content":[{"type":"text","text":"Sunny."}]},
			{"type":"tool_result","tool_use_id":"toolu_02","content":[{"type":"text","text":"Noon."}]}]}]}`, string(out))
}

func TestTextJoinsTheTextBlocksOnly(t *testing.T) {
	m := claude.Assistant(&claude.ThinkingBlock{Thinking: "hm"}, claude.Text("a"), &claude.ToolUseBlock{}, (*claude.TextBlock)(nil), nil, claude.Text("b"))
	assert.Equal(t, "ab", m.Text())
	one := claude.AssistantText(strings.Repeat("x", 100))
	assert.Zero(t, testing.AllocsPerRun(10, func() { _ = one.Text() }), "a single block is not copied")
	assert.Empty(t, new(claude.Message).Text())
}
