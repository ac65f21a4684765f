package oracle

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/internal/sample"
)

// newerReplies lists, by reply, what the schema of 2026-05-06 refuses of a message
// that claudetest answers with.
var newerReplies = map[string][]string{
	"sample unknown_blocks": {
		"content/*/type=hologram is unknown",
		"content/*/type=mcp_tool_use is unknown",
	},
	"sample unknown_members": {"stop_reason: not one of the values"},
	"sample unknown_variants": {
		"content/*/citations/*/type=video_location is unknown",
		"content/*/content/type=web_fetch_result_v2 is unknown",
	},
}

// newerEvents does the same for the events of a stream.
var newerEvents = map[string][]string{
	"sample unknown_blocks": {
		"content_block/type=hologram is unknown",
		"content_block/type=mcp_tool_use is unknown",
	},
	"sample unknown_members": {"delta/stop_reason: not one of the values"},
	"sample unknown_variants": {
		"content_block/content/type=web_fetch_result_v2 is unknown",
		"delta/citation/type=video_location is unknown",
	},
}

// newerErrors does the same for errors.
var newerErrors = map[string][]string{
	"conflict": {"error/type=conflict_error is unknown"},
}

// replySteps are the answers that carry a message: each way to make one, and each
// answer that package sample has.
func replySteps(t *testing.T) map[string]claudetest.Step {
	t.Helper()
	steps := map[string]claudetest.Step{
		"text":       claudetest.Text("Hello! Grüße <an> alle, the quick brown fox 🦊 jumps."),
		"empty text": claudetest.Text(""),
		"thinking":   claudetest.Thinking("Let me think about it for a while.", "Done."),
		"tool call":  claudetest.ToolCall("weather", `{"city":"Oslo","days":3}`),
		"no input":   claudetest.ToolCall("now", ""),
		"blocks":     claudetest.Blocks(claude.Text("Both."), claudetest.Call("a", `{"q":"1"}`), claudetest.Call("b", `{}`)),
		"nothing":    claudetest.Blocks(),
		"response":   claudetest.Response(claude.Response{}),
		"echo":       claudetest.Echo(),
		"reply":      claudetest.Reply(func(*claudetest.Request) *claude.Response { return new(claude.Response) }),
		"cut off":    claudetest.Text("Once upon").StopReason(claude.StopMaxTokens).Usage(7, 8),
		"dripping":   claudetest.Text("Hello").Drip(time.Nanosecond),
		"choice":     claudetest.Cycle(claudetest.Text("Hello")).Times(1),
		"capacity":   claudetest.Limited(claudetest.Capacity{RequestsPerMinute: 1}, claudetest.Text("Hello")).Times(1),
		"with pings": claudetest.Text("Hello, how are you?").PingAfter(claudetest.Events(0)).PingAfter(claudetest.Events(5)),
		"stop sequence": claudetest.Response(claude.Response{
			Message: claude.AssistantText("One"), StopReason: claude.StopSequence, StopSequence: "END",
		}),
		"cut in a stream": claudetest.Text("the quick brown fox jumps").EndAfter(claudetest.Events(5)),
	}
	for name, body := range sample.Responses() {
		var r claude.Response
		require.NoError(t, json.Unmarshal([]byte(body), &r), name)
		steps["sample "+name] = claudetest.Response(r)
	}
	return steps
}

const (
	askWhole  = `{"model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}`
	askStream = `{"model":"claude-sonnet-5-5","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Hello"}]}`
)

// ask makes a request in memory and returns the body of its answer.
func ask(t *testing.T, rt http.RoundTripper, method, path, body, contentType string) (status int, answer []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://api.anthropic.com"+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, answer
}

// create creates a message with a step.
func create(t *testing.T, step claudetest.Step, body string) (status int, answer []byte) {
	t.Helper()
	return ask(t, claudetest.NewTransport(step), http.MethodPost, "/v1/messages", body, "application/json")
}

// data returns the data lines of a stream.
func data(t *testing.T, stream []byte) (all [][]byte) {
	t.Helper()
	for line := range bytes.Lines(stream) {
		if text, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			all = append(all, text)
		}
	}
	require.NotEmpty(t, all)
	return all
}

func TestEveryReplyOfTheFakesPassesTheSchema(t *testing.T) {
	message, event := schema(t, "Message"), schema(t, "MessageStreamEvent")
	steps := replySteps(t)
	for _, name := range slices.Sorted(maps.Keys(steps)) {
		if name != "cut in a stream" { // what is cut is no JSON
			_, answer := create(t, steps[name], askWhole)
			assert.Equal(t, newerReplies[name], violations(t, message, answer), "%s: %s", name, answer)
		}
		found := make(map[string]bool)
		_, stream := create(t, steps[name], askStream)
		for _, d := range data(t, stream) {
			for _, v := range violations(t, event, d) {
				found[v] = true
			}
		}
		assert.Equal(t, newerEvents[name], slices.Sorted(maps.Keys(found)), "%s: %s", name, stream)
	}
	for _, names := range []map[string][]string{newerReplies, newerEvents} {
		for name := range names {
			assert.Contains(t, steps, name, "the table names a reply that is gone")
		}
	}
}

func TestEveryErrorOfTheFakesPassesTheSchema(t *testing.T) {
	s := schema(t, "ErrorResponse")
	// Not here: Region, TooLarge, GatewayPage, GatewayText, Empty, Portal, Garbage
	// and Redirect, which are answers of something else than the API.
	steps := map[string]claudetest.Step{
		"overloaded":      claudetest.Overloaded(),
		"rate limited":    claudetest.RateLimited(time.Second),
		"spend limit":     claudetest.SpendLimit(),
		"no credit":       claudetest.NoCredit(),
		"invalid request": claudetest.InvalidRequest(`messages.0: "<no>"`),
		"context":         claudetest.ContextTooLong(),
		"unauthorized":    claudetest.Unauthorized(),
		"forbidden":       claudetest.Forbidden(),
		"not found":       claudetest.NotFound("model: x"),
		"internal":        claudetest.Internal(),
		"billing":         claudetest.Error(http.StatusPaymentRequired, "billing_error", "Pay"),
		"timeout":         claudetest.Error(http.StatusGatewayTimeout, "timeout_error", "Slow"),
		"conflict":        claudetest.Error(http.StatusConflict, "conflict_error", "Both"),
		"in a 200":        claudetest.ErrorIn200("overloaded_error", "Overloaded"),
		"without a step":  claudetest.Overloaded().ForModel("another"),
		"over a capacity": claudetest.Limited(claudetest.Capacity{TokensPerMinute: 1}, claudetest.Text("")).On("POST /v1/messages"),
	}
	for _, name := range slices.Sorted(maps.Keys(steps)) {
		for _, body := range []string{askWhole, askStream} { // it is no stream either way
			transport := claudetest.NewTransport(steps[name])
			if name == "over a capacity" {
				ask(t, transport, http.MethodPost, "/v1/messages", body, "application/json")
			}
			_, answer := ask(t, transport, http.MethodPost, "/v1/messages", body, "application/json")
			assert.Equal(t, newerErrors[name], violations(t, s, answer), "%s: %s", name, answer)
		}
	}
	for name := range newerErrors {
		assert.Contains(t, steps, name, "the table names an error that is gone")
	}

	_, stream := create(t, claudetest.Text("Hello").FailAfter(claudetest.Events(4), "overloaded_error", "Overloaded"), askStream)
	events := data(t, stream)
	assert.Empty(t, violations(t, s, events[len(events)-1]), "in a stream")
}

func TestEveryOtherAnswerOfTheFakesPassesTheSchema(t *testing.T) {
	transport := claudetest.NewTransport()
	check := func(name, method, path, body string, newer ...string) map[string]any {
		t.Helper()
		status, answer := ask(t, transport, method, path, body, "application/json")
		assert.Equal(t, newer, violations(t, schema(t, name), answer), "%d %s", status, answer)
		var members map[string]any
		require.NoError(t, json.Unmarshal(answer, &members))
		return members
	}
	check("CountMessageTokensResponse", http.MethodPost, "/v1/messages/count_tokens", askWhole)
	check("ListResponse_ModelInfo_", http.MethodGet, "/v1/models", "")
	check("ListResponse_ModelInfo_", http.MethodGet, "/v1/models?lifecycle[]=retired", "")
	check("ModelInfo", http.MethodGet, "/v1/models/"+claude.ModelOpus5_5, "")
	check("ErrorResponse", http.MethodGet, "/v1/models/none", "")

	batch := `{"requests":[{"custom_id":"a","params":` + askWhole + `},{"custom_id":"b","params":{}}]}`
	id, _ := check("MessageBatch", http.MethodPost, "/v1/messages/batches", batch)["id"].(string)
	path := "/v1/messages/batches/" + id
	check("ErrorResponse", http.MethodGet, path+"/results", "")
	check("ErrorResponse", http.MethodDelete, path, "")
	check("ErrorResponse", http.MethodPost, "/v1/messages/batches", `{"requests":[]}`)
	for range 3 { // it advances
		check("MessageBatch", http.MethodGet, path, "")
	}
	_, results := ask(t, transport, http.MethodGet, path+"/results", "", "")
	for line := range bytes.Lines(results) {
		assert.Empty(t, violations(t, schema(t, "MessageBatchIndividualResponse"), line), "%s", line)
	}
	check("ListResponse_MessageBatch_", http.MethodGet, "/v1/messages/batches", "")
	check("DeleteMessageBatchResponse", http.MethodDelete, path, "")
	check("ListResponse_MessageBatch_", http.MethodGet, "/v1/messages/batches", "")
	canceled, _ := check("MessageBatch", http.MethodPost, "/v1/messages/batches", batch)["id"].(string)
	path = "/v1/messages/batches/" + canceled
	check("MessageBatch", http.MethodPost, path+"/cancel", "")
	for range 2 {
		check("MessageBatch", http.MethodGet, path, "")
	}
	_, results = ask(t, transport, http.MethodGet, path+"/results", "", "")
	for line := range bytes.Lines(results) {
		assert.Empty(t, violations(t, schema(t, "MessageBatchIndividualResponse"), line), "%s", line)
	}

	// The document only has the beta of the files.
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "a.txt")
	require.NoError(t, err)
	_, err = part.Write([]byte("text"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	_, answer := ask(t, transport, http.MethodPost, "/v1/files", form.String(), w.FormDataContentType())
	assert.Empty(t, violations(t, schema(t, "BetaFileMetadataSchema"), answer), "%s", answer)
	file := transport.AddFile("b.png", "image/png", []byte("\x89PNG"))
	check("BetaFileMetadataSchema", http.MethodGet, "/v1/files/"+file, "")
	check("BetaFileListResponse", http.MethodGet, "/v1/files", "")
	check("BetaFileDeleteResponse", http.MethodDelete, "/v1/files/"+file, "")
	check("ErrorResponse", http.MethodGet, "/v1/files/"+file, "")
}
