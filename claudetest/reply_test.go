package claudetest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// replies are the ways to answer with a message.
var replies = map[string]struct {
	step claudetest.Step
	text string
	stop claude.StopReason
}{
	"text":        {claudetest.Text("Hello! Grüße an alle, the quick brown fox 🦊 jumps."), "Hello! Grüße an alle, the quick brown fox 🦊 jumps.", claude.StopEndTurn},
	"empty text":  {claudetest.Text(""), "", claude.StopEndTurn},
	"thinking":    {claudetest.Thinking("27 times 453 is 12231, I think.", "12,231"), "12,231", claude.StopEndTurn},
	"tool call":   {claudetest.ToolCall("weather", `{"city":"São Paulo","days":3,"id":12345678901234567890,"x":1.50}`), "", claude.StopToolUse},
	"empty input": {claudetest.ToolCall("now", `{}`), "", claude.StopToolUse},
	"no input":    {claudetest.ToolCall("now", ``), "", claude.StopToolUse},
	"blocks": {claudetest.Blocks(
		&claude.ThinkingBlock{Signature: "c2ln"}, &claude.RedactedThinkingBlock{Data: "ZGF0YQ=="}, claude.Text("Both."),
		claudetest.Call("a", `{"q":"1"}`), claudetest.Call("b", `{"q":"2"}`),
	), "Both.", claude.StopToolUse},
	"citations": {claudetest.Blocks(&claude.TextBlock{Text: "Blue.", Citations: []claude.Citation{
		{Type: claude.CiteChar, CitedText: "sky", EndCharIndex: 3},
		{Type: claude.CiteSearchResult, CitedText: "s", Source: "src", EndBlockIndex: 1},
	}}), "Blue.", claude.StopEndTurn},
	"server tool": {claudetest.Blocks(
		&claude.ServerToolUseBlock{ID: "srvtoolu_1", Name: "web_search", Input: json.RawMessage(`{"query":"go"}`)},
		&claude.UnknownBlock{Type: "web_search_tool_result", Raw: json.RawMessage(`{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[]}`)},
		claude.Text("So."),
	), "So.", claude.StopEndTurn},
	"nothing":  {claudetest.Blocks(), "", claude.StopEndTurn},
	"response": {claudetest.Response(claude.Response{Message: claude.AssistantText("Whole."), ID: "msg_mine", Model: "claude-opus-5-5", StopReason: claude.StopMaxTokens, Usage: claude.Usage{InputTokens: 5, OutputTokens: 6, CacheReadInputTokens: 7, ServiceTier: "priority"}}), "Whole.", claude.StopMaxTokens},
	"refusal": {claudetest.Response(claude.Response{
		StopReason: claude.StopRefusal, StopDetails: &claude.StopDetails{Type: "refusal", Category: "cyber"},
	}), "", claude.StopRefusal},
	"echo": {claudetest.Echo(), "Hello", claude.StopEndTurn},
	"reply": {claudetest.Reply(func(r *claudetest.Request) *claude.Response {
		return &claude.Response{Message: claude.AssistantText(r.Model)}
	}), claude.ModelSonnet5_5, claude.StopEndTurn},
	"stop reason": {claudetest.Text("Once upon").StopReason(claude.StopMaxTokens), "Once upon", claude.StopMaxTokens},
}

func TestAReplyReachesTheClientAsItWasMeant(t *testing.T) {
	for name, tc := range replies {
		t.Run(name, func(t *testing.T) {
			resp, err := newClient(t, claude.WithRoundTripper(memory(t, tc.step))).Messages.Create(t.Context(), hello)
			require.NoError(t, err)
			assert.Equal(t, tc.text, resp.Text())
			assert.Equal(t, tc.stop, resp.StopReason)
			assert.Equal(t, claude.RoleAssistant, resp.Role)
			assert.NotEmpty(t, resp.ID)
			assert.NotEmpty(t, resp.Model)
			assert.Equal(t, "req_000001", resp.RequestID)
			assert.Positive(t, resp.Usage.InputTokens)
			assert.Positive(t, resp.Usage.OutputTokens)
			assert.Equal(t, 4000, resp.RateLimit.Requests.Limit)
			assert.Equal(t, 3999, resp.RateLimit.Requests.Remaining)
			assert.False(t, resp.RateLimit.Tokens.Reset.IsZero())
		})
	}
}

func TestAStreamSaysTheSameAsAWholeAnswer(t *testing.T) {
	for name, tc := range replies {
		t.Run(name, func(t *testing.T) {
			whole := post(t, memory(t, tc.step), plainBody)
			streamed := post(t, memory(t, tc.step), askStream)
			assert.Equal(t, http.StatusOK, whole.Status)
			assert.Equal(t, "application/json", whole.Header.Get("Content-Type"))
			assert.Equal(t, http.StatusOK, streamed.Status)
			assert.Equal(t, "text/event-stream; charset=utf-8", streamed.Header.Get("Content-Type"))
			assert.Empty(t, streamed.Header.Get("Content-Length"))
			equalJSON(t, whole.json(t), assemble(t, streamed.events(t)), name)
		})
	}
}

func TestAStreamBeginsAndEndsAsTheAPIHasIt(t *testing.T) {
	events := post(t, memory(t, claudetest.Thinking("Let me think about it for a while.", "Done.")), askStream).events(t)
	var order []string
	for _, e := range events {
		name := fmt.Sprint(e["type"])
		if d, ok := e["delta"].(object); ok && d["type"] != nil {
			name += " " + fmt.Sprint(d["type"])
		}
		if len(order) == 0 || order[len(order)-1] != name {
			order = append(order, name)
		}
	}
	assert.Equal(t, []string{
		"message_start", "content_block_start", "ping", "content_block_delta thinking_delta", "content_block_delta signature_delta", "content_block_stop",
		"content_block_start", "content_block_delta text_delta", "content_block_stop", "message_delta", "message_stop",
	}, order)
	start := events[0]["message"].(object)
	assert.Empty(t, start["content"])
	assert.Nil(t, start["stop_reason"])
	assert.InDelta(t, 1, start["usage"].(object)["output_tokens"], 0)
}

func TestTheInputOfAToolCallStaysAsItWasWritten(t *testing.T) {
	const input = `{"z":1.50,"a":12345678901234567890,"html":"<b>&"}`
	resp, err := newClient(t, claude.WithRoundTripper(memory(t, claudetest.ToolCall("f", input)))).Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, input, string(resp.ToolUses()[0].Input)) //nolint:testifylint // byte for byte

	var pieces strings.Builder
	for _, e := range post(t, memory(t, claudetest.ToolCall("f", input)), askStream).events(t) {
		if d, ok := e["delta"].(object); ok && d["type"] == "input_json_delta" {
			pieces.WriteString(d["partial_json"].(string))
		}
	}
	assert.Equal(t, input, pieces.String()) //nolint:testifylint // likewise
}

func TestTokenCountsAddUp(t *testing.T) {
	request := hello
	request.System = claude.Content{claude.Text("You are terse.")}
	request.Tools = []claude.Tool{&claude.CustomTool{Name: "weather", InputSchema: json.RawMessage(`{"type":"object"}`)}}
	transport := memory(t, claudetest.Text("one two three").Times(3))
	client := newClient(t, claude.WithRoundTripper(transport))
	n, err := client.Messages.CountTokens(t.Context(), request)
	require.NoError(t, err)
	resp, err := client.Messages.Create(t.Context(), request)
	require.NoError(t, err)
	assert.Equal(t, n, resp.Usage.InputTokens, "counting and answering")

	longer := request
	longer.Messages = append([]claude.Message{claude.UserText("And before that, something longer."), claude.AssistantText("Yes.")}, hello.Messages...)
	more, err := client.Messages.CountTokens(t.Context(), longer)
	require.NoError(t, err)
	assert.Greater(t, more, n, "a longer prompt")

	whole := post(t, transport, plainBody).json(t)["usage"].(object)
	events := post(t, transport, askStream).events(t)
	start := events[0]["message"].(object)["usage"].(object)
	end := events[len(events)-2]["usage"].(object)
	assert.Equal(t, whole["input_tokens"], start["input_tokens"], "streamed and not")
	assert.Equal(t, whole["input_tokens"], end["input_tokens"])
	assert.Equal(t, whole["output_tokens"], end["output_tokens"])
}

func TestUsageCanBeSet(t *testing.T) {
	resp, err := newClient(t, claude.WithRoundTripper(memory(t, claudetest.Text("Hi").Usage(1000, 2000)))).Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, 1000, resp.Usage.InputTokens)
	assert.Equal(t, 2000, resp.Usage.OutputTokens)
}

func TestARawAnswerStaysAsItIs(t *testing.T) {
	const body = ` {"type":"message", "new":[1.0]}`
	transport := memory(t, claudetest.Raw(200, body).Times(2), claudetest.Raw(418, "").Header("Content-Type", "text/plain").On("GET /v1/teapots"))
	for _, asked := range []string{plainBody, askStream} {
		a := post(t, transport, asked)
		assert.Equal(t, 200, a.Status)
		assert.Equal(t, body, a.Body)
		assert.Equal(t, "application/json", a.Header.Get("Content-Type"))
		assert.NotEmpty(t, a.Header.Get("Request-Id"))
	}
	a := ask(t, transport, http.MethodGet, origin+"/v1/teapots", "")
	assert.Equal(t, 418, a.Status)
	assert.Empty(t, a.Body)
	assert.Equal(t, "text/plain", a.Header.Get("Content-Type"))
}

func TestAReplySeesTheRequestDecoded(t *testing.T) {
	transport := memory(t, claudetest.Reply(func(r *claudetest.Request) *claude.Response {
		assert.Equal(t, 1, r.Number)
		assert.Equal(t, "/v1/messages", r.Path)
		assert.Equal(t, key, r.Key)
		assert.Equal(t, "Hello", r.Message.Messages[0].Text())
		assert.Equal(t, 64, r.Message.MaxTokens)
		assert.False(t, r.Stream)
		return &claude.Response{}
	}))
	_, err := newClient(t, claude.WithRoundTripper(transport)).Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	seen := transport.Requests()
	require.Len(t, seen, 1)
	assert.Equal(t, "reply", seen[0].Step)
	assert.Equal(t, "req_000001", seen[0].ID)
	assert.Equal(t, "api.anthropic.com", seen[0].Host)
}

func TestAReplyThatCannotBeWrittenFailsTheTest(t *testing.T) {
	for name, step := range map[string]claudetest.Step{
		"nil":        claudetest.Reply(func(*claudetest.Request) *claude.Response { return nil }),
		"nil block":  claudetest.Blocks(nil),
		"broken raw": claudetest.ToolCall("f", `{"a":`),
	} {
		t.Run(name, func(t *testing.T) {
			tb := new(fakeTB)
			server := claudetest.NewServer(tb, step.StopReason(claude.StopEndTurn))
			transport := claudetest.NewTransport(step)
			got := post(t, transport, plainBody)
			assert.Equal(t, http.StatusBadRequest, got.Status)
			assert.Contains(t, got.message(t), "cannot be played")
			got = ask(t, realTransport(t), http.MethodPost, server.URL+"/v1/messages", plainBody)
			assert.Equal(t, http.StatusBadRequest, got.Status)
			transport.Verify(tb)
			said := tb.end()
			require.Len(t, said, 2)
			assert.Contains(t, said[0], "request 1, POST /v1/messages")
			assert.Contains(t, said[0], "cannot be played")
		})
	}
}
