package claude_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
)

// The benchmarks of the codec: ours beside what one writes by hand with
// encoding/json.

// plainRequest and plainAnswer are that hand-written code.
type (
	plainRequest struct {
		Model     string         `json:"model"`
		MaxTokens int            `json:"max_tokens"`
		System    string         `json:"system,omitempty"`
		Messages  []plainMessage `json:"messages"`
	}
	plainMessage struct {
		Role    string       `json:"role"`
		Content []plainBlock `json:"content"`
	}
	plainBlock struct {
		Type   string          `json:"type"`
		Text   string          `json:"text,omitempty"`
		Source *plainSource    `json:"source,omitempty"`
		ID     string          `json:"id,omitempty"`
		Name   string          `json:"name,omitempty"`
		Input  json.RawMessage `json:"input,omitempty"`
	}
	plainSource struct {
		Type      string `json:"type"`
		MediaType string `json:"media_type"`
		Data      string `json:"data"`
	}
	plainAnswer struct {
		ID         string       `json:"id"`
		Role       string       `json:"role"`
		Model      string       `json:"model"`
		Content    []plainBlock `json:"content"`
		StopReason string       `json:"stop_reason"`
		Usage      struct {
			InputTokens  int `json:"input_tokens"`
			OutputTokens int `json:"output_tokens"`
		} `json:"usage"`
	}
)

func smallRequest() claude.Request {
	return claude.Request{
		Model: "claude-opus-4-6", MaxTokens: 1024, System: claude.Content{claude.Text("Be brief.")},
		Messages: []claude.Message{claude.UserText("Why is the sky blue?")},
	}
}

func smallPlainRequest() plainRequest {
	return plainRequest{
		Model: "claude-opus-4-6", MaxTokens: 1024, System: "Be brief.",
		Messages: []plainMessage{{Role: "user", Content: []plainBlock{{Type: "text", Text: "Why is the sky blue?"}}}},
	}
}

// image8MiB is base64, as a caller has it.
var image8MiB = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("\x89PNG\r\n"), 1<<20))

func imageRequest() claude.Request {
	return claude.Request{
		Model: "claude-opus-4-6", MaxTokens: 1024,
		Messages: []claude.Message{claude.User(
			&claude.ImageBlock{Source: &claude.Source{Type: claude.SourceBase64, MediaType: "image/png", Data: image8MiB}},
			claude.Text("What is it?"),
		)},
	}
}

func imagePlainRequest() plainRequest {
	return plainRequest{
		Model: "claude-opus-4-6", MaxTokens: 1024,
		Messages: []plainMessage{{Role: "user", Content: []plainBlock{
			{Type: "image", Source: &plainSource{Type: "base64", MediaType: "image/png", Data: image8MiB}},
			{Type: "text", Text: "What is it?"},
		}}},
	}
}

// bigAnswer returns an answer of 1 MiB of text, made of sentence, and 20 tool calls.
func bigAnswer(sentence string) string {
	text, _ := json.Marshal(strings.Repeat(sentence, 1<<20/len(sentence)))
	var b strings.Builder
	b.WriteString(`{"model":"claude-opus-4-6","id":"msg_01","type":"message","role":"assistant","content":[{"type":"text","text":`)
	b.Write(text)
	b.WriteByte('}')
	for i := range 20 {
		fmt.Fprintf(&b, `,{"type":"tool_use","id":"toolu_%02d","name":"search","input":{"query":"the weather in town %d","limit":10,"tags":["a","b"]},"caller":{"type":"direct"}}`, i, i)
	}
	b.WriteString(`],"container":null,"stop_reason":"tool_use","stop_sequence":null,"stop_details":null,"usage":{"input_tokens":12,"output_tokens":250000,` +
		`"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"service_tier":"standard"}}`)
	return b.String()
}

const (
	plainProse   = "The quick brown fox jumps over the lazy dog, and nothing in it needs an escape. "
	escapedProse = "\"Why,\" she asked, \"is the sky blue?\"\n\nIt scatters: see `main.go`, where a\\b is a path, and a line has some sixty or seventy characters in it.\n"
)

// measure runs f and reports how often it copies size bytes, if
// that says something.
func measure(b *testing.B, size int, f func() error) {
	b.ReportAllocs()
	if size > 0 {
		b.SetBytes(int64(size))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if size > 0 {
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/float64(size), "copies/op")
	}
}

func BenchmarkEncodeSmall(b *testing.B) {
	ours, plain := smallRequest(), smallPlainRequest()
	benchmarkEncode(b, 0, &ours, &plain)
}

func BenchmarkEncodeImage8MiB(b *testing.B) {
	ours, plain := imageRequest(), imagePlainRequest()
	benchmarkEncode(b, len(image8MiB), &ours, &plain)
}

func benchmarkEncode(b *testing.B, size int, ours *claude.Request, plain *plainRequest) {
	b.Run("steadfast", func(b *testing.B) {
		measure(b, size, func() error {
			_, err := claude.EncodeBody(ours, 512)
			return err
		})
	})
	b.Run("raw", func(b *testing.B) {
		measure(b, size, func() error {
			_, err := json.Marshal(plain)
			return err
		})
	})
}

func BenchmarkDecodeAnswer1MiB(b *testing.B) {
	for name, sentence := range map[string]string{"plain": plainProse, "escaped": escapedProse} {
		body := bigAnswer(sentence)
		b.Run(name+"/steadfast", func(b *testing.B) {
			measure(b, len(body), func() error {
				_, err := claude.DecodeResponse(body)
				return err
			})
		})
		b.Run(name+"/raw", func(b *testing.B) {
			data := []byte(body)
			measure(b, len(body), func() error {
				var a plainAnswer
				return json.Unmarshal(data, &a)
			})
		})
	}
}

func TestTheBenchmarksCompareTheSameThing(t *testing.T) {
	ours, err := json.Marshal(imageRequest())
	require.NoError(t, err)
	plain, err := json.Marshal(imagePlainRequest())
	require.NoError(t, err)
	require.JSONEq(t, string(plain), string(ours))

	body := bigAnswer(escapedProse)
	r, err := claude.DecodeResponse(body)
	require.NoError(t, err)
	var a plainAnswer
	require.NoError(t, json.Unmarshal([]byte(body), &a))
	require.Equal(t, a.Content[0].Text, r.Text())
	require.Len(t, r.ToolUses(), 20)
	require.Len(t, a.Content, 21)
}
