package claude_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

func transcript(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "stream", name+".sse"))
	require.NoError(t, err)
	return string(data)
}

func read(t testing.TB, stream string) (*claude.Response, error) {
	t.Helper()
	return claude.NewStream(t.Context(), io.NopCloser(strings.NewReader(stream))).Response()
}

func TestTranscriptsAreReadAsTheAPIMeansThem(t *testing.T) {
	resp, err := read(t, transcript(t, "text"))
	require.NoError(t, err)
	assert.Equal(t, "Good morning, élan 🙂.", resp.Text())
	assert.Equal(t, claude.StopEndTurn, resp.StopReason)
	assert.Equal(t, 9, resp.Usage.OutputTokens, "cumulative, not added up")
	assert.Equal(t, "standard", resp.Usage.ServiceTier, "kept from message_start")

	resp, err = read(t, transcript(t, "tools"))
	require.NoError(t, err)
	calls := resp.ToolUses()
	require.Len(t, calls, 2)
	assert.JSONEq(t, `{"city":"São Paulo","days":3}`, string(calls[0].Input))
	assert.JSONEq(t, `{}`, string(calls[1].Input))
	assert.Equal(t, claude.StopToolUse, resp.StopReason)
	assert.Equal(t, 640, resp.Usage.CacheReadInputTokens)

	resp, err = read(t, transcript(t, "thinking"))
	require.NoError(t, err)
	thinking, ok := resp.Content[0].(*claude.ThinkingBlock)
	require.True(t, ok)
	assert.Equal(t, "27 times 453: 12231.", thinking.Thinking)
	assert.Equal(t, "EqQBCgIYAhIMc2FtcGxlLXNpZ25hdHVyZQ==", thinking.Signature)
	assert.Equal(t, "12,231", resp.Text())
	assert.Equal(t, 18, resp.Usage.OutputTokensDetails.ThinkingTokens)

	_, err = read(t, transcript(t, "error"))
	require.ErrorIs(t, err, claude.ErrOverloaded)
	api, ok := errors.AsType[*claude.APIError](err)
	require.True(t, ok)
	assert.Equal(t, 200, api.Status)
	broken, ok := errors.AsType[*claude.StreamError](err)
	require.True(t, ok)
	assert.Equal(t, "The first", broken.Partial.Text())
	assert.Empty(t, broken.Partial.StopReason)
}

func TestAToolCallCutByMaxTokensKeepsWhatCameOfIt(t *testing.T) {
	whole := transcript(t, "tools")
	from := strings.Index(whole, `data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\\u00e3o`)
	require.Positive(t, from)
	from = strings.LastIndex(whole[:from], "event:")
	to := strings.Index(whole, "event: message_delta")
	resp, err := read(t, strings.Replace(whole[:from]+whole[to:], `"stop_reason":"tool_use"`, `"stop_reason":"max_tokens"`, 1))
	require.NoError(t, err)
	assert.Equal(t, claude.StopMaxTokens, resp.StopReason)
	call := resp.ToolUses()[0]
	assert.Empty(t, call.Input, "what is left of it must not look like all of it")
	assert.Equal(t, `{"city": "S`, call.PartialInput)
	_, err = json.Marshal(claude.Request{Model: "m", MaxTokens: 1, Messages: []claude.Message{claude.UserText("x"), resp.Message}})
	require.Error(t, err, "nor go back as an empty one")
}

// textOf is the text that the whole events of a stream hold, found the slow way.
func textOf(t testing.TB, stream string) (text string, events int) {
	t.Helper()
	whole := stream[:strings.LastIndex("\n\n"+stream, "\n\n")]
	for event := range strings.SplitSeq(whole, "\n\n") {
		_, data, ok := strings.Cut(event, "data: ")
		if !ok {
			continue
		}
		events++
		var payload struct{ Delta struct{ Text string } }
		require.NoError(t, json.Unmarshal([]byte(data), &payload))
		text += payload.Delta.Text
	}
	return text, events
}

func TestAStreamCutAfterAnyByteSaysSoAndKeepsItsText(t *testing.T) {
	for _, name := range []string{"text", "tools", "thinking"} {
		whole := transcript(t, name)
		require.True(t, strings.HasSuffix(whole, "\n\n"))
		for i := range len(whole) - 1 {
			_, err := read(t, whole[:i])
			require.ErrorIs(t, err, claude.ErrStreamTruncated, "%s, cut after %d bytes", name, i)
			broken, ok := errors.AsType[*claude.StreamError](err)
			require.True(t, ok)
			want, _ := textOf(t, whole[:i])
			require.Equal(t, want, broken.Partial.Text(), "%s, cut after %d bytes", name, i)
			require.Contains(t, err.Error(), "ended before the answer was complete")
		}
		_, err := read(t, whole)
		require.NoError(t, err)
	}
}

// played gives a stream to a client in memory.
type played struct{ stream func() io.Reader }

func (p played) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, ProtoMajor: 2, Body: io.NopCloser(p.stream())}, nil
}

func TestACutBeforeTheContentIsAFailedAttemptAndAfterItAStreamError(t *testing.T) {
	whole := transcript(t, "text")
	content := strings.Index(whole, `"text":"Good"`)
	content += strings.Index(whole[content:], "\n\n") + 2
	for i := 0; i < len(whole)-1; i += 7 {
		client, err := claude.New(claude.WithAPIKey(testKey), claude.WithMaxAttempts(1), claude.WithRoundTripper(played{func() io.Reader { return strings.NewReader(whole[:i]) }}))
		require.NoError(t, err)
		stream, err := client.Messages.Stream(t.Context(), hello)
		if i < content {
			require.Error(t, err, "cut after %d bytes", i)
			assert.Contains(t, []claude.Class{claude.ErrStreamTruncated, claude.ErrUnexpectedResponse}, claude.ClassOf(err))
			continue
		}
		require.NoError(t, err, "cut after %d bytes", i)
		_, err = drainText(stream)
		require.ErrorIs(t, err, claude.ErrStreamTruncated)
	}
}

func TestOddStreamsAreRead(t *testing.T) {
	whole := transcript(t, "tools")
	want, err := read(t, whole)
	require.NoError(t, err)
	for name, odd := range map[string]string{
		"CRLF":          strings.ReplaceAll(whole, "\n", "\r\n"),
		"CR":            strings.ReplaceAll(whole, "\n", "\r"),
		"mark":          "\xEF\xBB\xBF" + whole,
		"comments":      strings.ReplaceAll(whole, "event:", ": keep-alive\nevent:"),
		"no names":      strings.ReplaceAll(whole, "event: ", "x: "),
		"no space":      strings.ReplaceAll(strings.ReplaceAll(whole, "data: ", "data:"), "event: ", "event:"),
		"unknown event": strings.Replace(whole, "event: ping\ndata: {\"type\": \"ping\"}", "event: news\ndata: {\"type\":\"news\",\"x\":1}", 1),
		"blank data":    strings.Replace(whole, "event: ping\ndata: {\"type\": \"ping\"}", "data:", 1),
		"done":          whole + "data: [DONE]\n\n",
		"member order":  strings.ReplaceAll(whole, `{"type":"text_delta","text":"Checking both."}`, `{"text":"Checking both.","type":"text_delta"}`),
		"split data":    strings.Replace(whole, `{"type":"text_delta"`, "\ndata: {\"type\":\"text_delta\"", 1),
	} {
		got, err := read(t, odd)
		require.NoError(t, err, name)
		assert.Equal(t, want.Message, got.Message, name)
		assert.Equal(t, want.Usage, got.Usage, name)
	}
}

func TestWhatThisVersionDoesNotKnowIsKept(t *testing.T) {
	stream := strings.Replace(transcript(t, "text"), "event: content_block_stop",
		"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"hologram_delta\",\"x\":1}}\n\n"+
			"event: news\ndata: {\"type\":\"news\",\"y\":2}\n\nevent: content_block_stop", 1)
	stream = strings.Replace(stream, `"output_tokens":9}`, `"output_tokens":9,"moons":3},"context_management":{"applied_edits":[]}`, 1)
	var raw []string
	s := claude.NewStream(t.Context(), io.NopCloser(strings.NewReader(stream)))
	for e, err := range s.Events() {
		require.NoError(t, err)
		if e.Raw != nil {
			raw = append(raw, string(e.Raw))
		}
	}
	assert.Equal(t, []string{`{"type":"content_block_delta","index":0,"delta":{"type":"hologram_delta","x":1}}`, `{"type":"news","y":2}`}, raw)
	resp, err := s.Response()
	require.NoError(t, err)
	assert.Contains(t, resp.Extra, "context_management")
	assert.Contains(t, resp.Usage.Extra, "moons")
}

func TestEventsMayBeKept(t *testing.T) {
	s := claude.NewStream(t.Context(), io.NopCloser(iotest.OneByteReader(strings.NewReader(transcript(t, "tools")))))
	var kept []claude.Event
	var then []string
	for e, err := range s.Events() {
		require.NoError(t, err)
		kept, then = append(kept, e), append(then, mustJSON(t, e.Block)+mustJSON(t, e.Message)+mustJSON(t, e.Usage)+string(e.Raw))
	}
	for i, e := range kept {
		assert.Equal(t, then[i], mustJSON(t, e.Block)+mustJSON(t, e.Message)+mustJSON(t, e.Usage)+string(e.Raw))
	}
}

func TestGapsBetweenBlocksAreToleratedAndReportedOnce(t *testing.T) {
	stream := strings.NewReplacer(`"index":1`, `"index":3`, `"index":2`, `"index":7`).Replace(transcript(t, "tools"))
	resp, err := read(t, stream)
	require.NoError(t, err)
	assert.Len(t, resp.Content, 3)
	assert.JSONEq(t, `{"city":"São Paulo","days":3}`, string(resp.ToolUses()[0].Input))
}

func TestEventsThatMakeNoSenseAreAProtocolError(t *testing.T) {
	whole := transcript(t, "text")
	for name, stream := range map[string]string{
		"no message_start": whole[strings.Index(whole, "event: content_block_start"):],
		"unopened block":   strings.Replace(whole, `"type":"content_block_delta","index":0`, `"type":"content_block_delta","index":5`, 1),
		"opened twice":     strings.Replace(whole, "event: ping", "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: ping", 1),
		"broken JSON":      strings.Replace(whole, `"text":"Good"}`, `"text":"Good"`, 1),
		"no type":          strings.Replace(whole, "event: ping\ndata: {\"type\": \"ping\"}", "data: {}", 1),
		"no JSON":          strings.Replace(whole, "event: ping\ndata: {\"type\": \"ping\"}", "data: hello", 1),
		"two stops":        strings.Replace(whole, "event: message_delta", "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta", 1),
		"an open block":    strings.Replace(whole, `{"type":"content_block_stop","index":0           }`, `{"type": "ping"}`, 1),
		"no stop reason":   strings.Replace(whole, `"stop_reason":"end_turn"`, `"stop_reason":null`, 1),
		"a second start":   strings.Replace(whole, "event: content_block_stop", whole[:strings.Index(whole, "event: content_block_start")]+"event: content_block_stop", 1),
		"negative index":   strings.Replace(whole, `"type":"content_block_stop","index":0`, `"type":"content_block_stop","index":-1`, 1),
	} {
		_, err := read(t, stream)
		require.ErrorIs(t, err, claude.ErrProtocol, name)
	}
}

func TestAnEventNamedPingIsOneWhateverItHolds(t *testing.T) {
	whole := transcript(t, "text")
	want, err := read(t, whole)
	require.NoError(t, err)
	for _, data := range []string{`{}`, `hello`, `{"type":"content_block_delta","index":0,"delta":{"type":"text_del`} {
		got, err := read(t, strings.Replace(whole, `{"type": "ping"}`, data, 1))
		require.NoError(t, err, data)
		assert.Equal(t, want.Text(), got.Text())
	}
}

func FuzzAStreamOfAMessageAccumulatesToTheMessage(f *testing.F) {
	f.Add("hello, world", "thought", `{"a":[1,2,{"b":"c"}]}`)
	f.Add("ä€😀\x00\"\\\n", "", `{}`)
	f.Add("0", "0", "{\"\xb7\":[]}")
	f.Fuzz(func(t *testing.T, text, thought, input string) {
		input = strings.ToValidUTF8(input, "?") // as nothing else can be encoded
		if !json.Valid([]byte(input)) || !strings.HasPrefix(strings.TrimSpace(input), "{") {
			input = "{}"
		}
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, []byte(input)))
		valid := strings.ToValidUTF8(text, "?")
		step := claudetest.Blocks(
			&claude.ThinkingBlock{Thinking: strings.ToValidUTF8(thought, "?"), Signature: "sig"},
			claude.Text(valid), claudetest.Call("f", compact.String()),
		).Times(2)
		script := claudetest.NewTransport(step)
		client, err := claude.New(claude.WithAPIKey(testKey), claude.WithValidation(claude.ValidationOff), claude.WithRoundTripper(script))
		require.NoError(t, err)
		want, err := client.Messages.Create(t.Context(), hello)
		require.NoError(t, err)
		stream, err := client.Messages.Stream(t.Context(), hello)
		require.NoError(t, err)
		got, err := stream.Response()
		require.NoError(t, err)
		require.JSONEq(t, mustJSON(t, want.Message), mustJSON(t, got.Message))
		require.Equal(t, want.Usage, got.Usage)
	})
}

func TestABlockThisVersionDoesNotKnowIsAccumulated(t *testing.T) {
	stream := strings.NewReplacer(`"type":"tool_use","id"`, `"type":"mcp_tool_use","id"`).Replace(transcript(t, "tools"))
	resp, err := read(t, stream)
	require.NoError(t, err)
	unknown, ok := resp.Content[1].(*claude.UnknownBlock)
	require.True(t, ok)
	var block struct{ Input json.RawMessage }
	require.NoError(t, json.Unmarshal(unknown.Raw, &block))
	assert.JSONEq(t, `{"city":"São Paulo","days":3}`, string(block.Input))
}

func TestAnErrorEventIsAnErrorWhateverItHolds(t *testing.T) {
	whole := transcript(t, "text")
	for data, class := range map[string]claude.Class{
		`{"type":"error","error":{"type":"overloaded_error","message":"x"}}`: claude.ErrOverloaded,
		`{"error":{"type":"overloaded_error","message":"x"}}`:                claude.ErrOverloaded,
		`{"type":"error","error":{"type":"news_error","message":"x"}}`:       claude.ErrInternal,
	} {
		_, err := read(t, strings.Replace(whole, "event: content_block_stop", "event: error\ndata: "+data+"\n\nevent: content_block_stop", 1))
		assert.Equal(t, class, claude.ClassOf(err), data)
	}
}
