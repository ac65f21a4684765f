package claude_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
)

// The benchmarks of stream decoding: ours beside what one writes by hand with bufio
// and encoding/json.

// longStream is an answer of one block that comes in many pieces.
type longStream struct {
	pieces int
	whole  string // what the pieces make
	body   string // on the wire
}

const streamPieces = 50_000

// The three kinds of pieces that nearly all events are.
var (
	textStream = sync.OnceValue(func() longStream {
		return makeStream("text", "text_delta", "text", plainProse+"\n\n")
	})
	jsonStream = sync.OnceValue(func() longStream {
		return makeStream("tool_use", "input_json_delta", "partial_json", `{"query":"the weather","limit":10,"tags":["a","b"]},`)
	})
	thinkingStream = sync.OnceValue(func() longStream {
		return makeStream("thinking", "thinking_delta", "thinking", plainProse+"\n\n")
	})
)

// makeStream cuts repetitions of sample into pieces of about eleven bytes, a few
// tokens each, and pads the events with spaces, as the API does both.
func makeStream(block, delta, member, sample string) longStream {
	start := map[string]string{
		"text":     `{"type":"text","text":""}`,
		"tool_use": `{"type":"tool_use","id":"toolu_01","name":"search","input":{}}`,
		"thinking": `{"type":"thinking","thinking":"","signature":""}`,
	}[block]
	var whole, body strings.Builder
	event := func(name, data string) { fmt.Fprintf(&body, "event: %s\ndata: %s\n\n", name, data) }
	event("message_start", `{"type":"message_start","message":{"model":"claude-sonnet-5-5","id":"msg_01","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":1}}}`)
	event("content_block_start", `{"type":"content_block_start","index":0,"content_block":`+start+`}`)
	event("ping", `{"type": "ping"}`)
	open, closing := "", ""
	if block == "tool_use" {
		open, closing = "[", "null]" // so that the whole is JSON
	}
	long := open + strings.Repeat(sample, streamPieces*18/len(sample)+1)
	for i := range streamPieces {
		piece := long[:5+i*7%13]
		long = long[len(piece):]
		if i == streamPieces-1 && block == "tool_use" {
			piece += long[:strings.IndexByte(long, '}')+2] + closing
		}
		whole.WriteString(piece)
		quoted, _ := json.Marshal(piece) //nolint:errchkjson // a string
		event("content_block_delta", fmt.Sprintf(`{"type":"content_block_delta","index":0,"delta":{"type":%q,%q:%s}%*s}`, delta, member, quoted, i*5%16, ""))
	}
	event("content_block_stop", `{"type":"content_block_stop","index":0}`)
	event("message_delta", `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":150000}}`)
	event("message_stop", `{"type":"message_stop"}`)
	return longStream{streamPieces, whole.String(), body.String()}
}

// RoundTrip answers with the stream, in memory.
func (s longStream) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := instant{s.body}.RoundTrip(r)
	resp.Header["Content-Type"], resp.ContentLength = []string{"text/event-stream"}, -1
	return resp, err
}

// check fails where what came is not what was sent. It compares piece by piece, so
// that nobody has to keep them.
type check struct {
	rest   string
	last   string // keeps a string from being made where nobody sees it
	pieces int
}

var errDiffers = errors.New("not what was sent")

func (c *check) take(piece []byte) error {
	if len(piece) > len(c.rest) || c.rest[:len(piece)] != string(piece) {
		return errDiffers
	}
	c.rest = c.rest[len(piece):]
	c.pieces++
	return nil
}

func (c *check) takeString(piece string) error {
	if !strings.HasPrefix(c.rest, piece) {
		return errDiffers
	}
	c.rest, c.last = c.rest[len(piece):], piece
	c.pieces++
	return nil
}

func (c *check) end(s longStream) error {
	if c.rest != "" || c.pieces != s.pieces {
		return errDiffers
	}
	return nil
}

// holds reports whether a block was made to hold something.
func holds(b claude.Block, whole string) bool {
	switch b := b.(type) {
	case *claude.TextBlock:
		return b.Text == whole
	case *claude.ThinkingBlock:
		return b.Thinking == whole
	case *claude.ToolUseBlock:
		return string(b.Input) == whole
	}
	return false
}

func readEvents(ctx context.Context, client *claude.Client, s longStream) error {
	stream, err := client.Messages.Stream(ctx, hello)
	if err != nil {
		return err
	}
	c := check{rest: s.whole}
	for event, err := range stream.Events() { //nolint:contextcheck // a stream keeps the context it was opened with
		if err != nil {
			return err
		}
		if event.Delta != "" {
			if err := c.take(event.Bytes()); err != nil {
				return err
			}
		}
	}
	return c.end(s)
}

func readStrings(ctx context.Context, client *claude.Client, s longStream) error {
	stream, err := client.Messages.Stream(ctx, hello)
	if err != nil {
		return err
	}
	c := check{rest: s.whole}
	for event, err := range stream.Events() { //nolint:contextcheck // a stream keeps the context it was opened with
		if err != nil {
			return err
		}
		if event.Delta != "" {
			if err := c.takeString(event.Text()); err != nil {
				return err
			}
		}
	}
	return c.end(s)
}

func readWhole(ctx context.Context, client *claude.Client, s longStream) error {
	stream, err := client.Messages.Stream(ctx, hello)
	if err != nil {
		return err
	}
	resp, err := stream.Response() //nolint:contextcheck // a stream keeps the context it was opened with
	if err != nil {
		return err
	}
	if !holds(resp.Content[0], s.whole) {
		return errDiffers
	}
	return nil
}

// plainEvent is an event by hand.
type plainEvent struct {
	Type  string `json:"type"`
	Index int    `json:"index"`
	Delta struct {
		Type        string `json:"type"`
		Text        string `json:"text"`
		PartialJSON string `json:"partial_json"`
		Thinking    string `json:"thinking"`
		StopReason  string `json:"stop_reason"`
	} `json:"delta"`
	Usage struct {
		OutputTokens int `json:"output_tokens"`
	} `json:"usage"`
}

func rawStream(ctx context.Context, client *http.Client, each func(string) error) error {
	body, err := json.Marshal(rawRequest{"claude-sonnet-5-5", 64, []rawMessage{{"user", []rawBlock{{"text", "Hello"}}}}})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.anthropic.com/v1/messages", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok {
			continue
		}
		var e plainEvent
		if err := json.Unmarshal(data, &e); err != nil {
			return err
		}
		switch e.Type {
		case "content_block_delta":
			if err := each(e.Delta.Text + e.Delta.PartialJSON + e.Delta.Thinking); err != nil {
				return err
			}
		case "message_stop":
			return nil
		}
	}
	return errors.Join(lines.Err(), io.ErrUnexpectedEOF)
}

func rawEvents(ctx context.Context, client *http.Client, s longStream) error {
	c := check{rest: s.whole}
	return errors.Join(rawStream(ctx, client, c.takeString), c.end(s))
}

func rawWhole(ctx context.Context, client *http.Client, s longStream) error {
	var whole strings.Builder
	err := rawStream(ctx, client, func(piece string) error { whole.WriteString(piece); return nil })
	if err == nil && whole.String() != s.whole {
		err = errDiffers
	}
	return err
}

func benchmarkStream(b *testing.B, s longStream, ours func(context.Context, *claude.Client, longStream) error, raw func(context.Context, *http.Client, longStream) error) {
	b.Helper()
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithRoundTripper(s))
	require.NoError(b, err)
	run := func(b *testing.B, f func() error) {
		b.Helper()
		measure(b, 0, f)
		b.ReportMetric(float64(b.N)*float64(s.pieces)/b.Elapsed().Seconds(), "events/s")
	}
	b.Run("steadfast", func(b *testing.B) { run(b, func() error { return ours(b.Context(), client, s) }) })
	b.Run("raw", func(b *testing.B) {
		client := &http.Client{Transport: s}
		run(b, func() error { return raw(b.Context(), client, s) })
	})
}

func BenchmarkStreamTextEvents(b *testing.B) { benchmarkStream(b, textStream(), readEvents, rawEvents) }

func BenchmarkStreamTextAccumulated(b *testing.B) {
	benchmarkStream(b, textStream(), readWhole, rawWhole)
}

func BenchmarkStreamInputJSONEvents(b *testing.B) {
	benchmarkStream(b, jsonStream(), readEvents, rawEvents)
}

func BenchmarkStreamInputJSONAccumulated(b *testing.B) {
	benchmarkStream(b, jsonStream(), readWhole, rawWhole)
}

func BenchmarkStreamThinkingEvents(b *testing.B) {
	benchmarkStream(b, thinkingStream(), readEvents, rawEvents)
}

func BenchmarkStreamThinkingAccumulated(b *testing.B) {
	benchmarkStream(b, thinkingStream(), readWhole, rawWhole)
}

func TestTheStreamBenchmarksReadWhatWasSent(t *testing.T) {
	assert.True(t, json.Valid([]byte(jsonStream().whole)))
	for _, s := range []longStream{textStream(), jsonStream(), thinkingStream()} {
		client, err := claude.New(claude.WithAPIKey(testKey), claude.WithRoundTripper(s))
		require.NoError(t, err)
		require.NoError(t, readEvents(t.Context(), client, s))
		require.NoError(t, readWhole(t.Context(), client, s))
		require.NoError(t, rawEvents(t.Context(), &http.Client{Transport: s}, s))
		require.NoError(t, rawWhole(t.Context(), &http.Client{Transport: s}, s))
	}
}
