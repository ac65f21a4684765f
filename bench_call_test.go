package claude_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/steadfast-go/claude"
)

// instant answers in memory, without anything of its own to measure.
type instant struct{ body string }

func (i instant) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/2.0", ProtoMajor: 2, ContentLength: int64(len(i.body)),
		Header:  http.Header{"Content-Type": {"application/json"}, "Request-Id": {"req_1"}},
		Body:    io.NopCloser(strings.NewReader(i.body)),
		Request: r,
	}, nil
}

// rawRequest and rawResponse are what one writes by hand over net/http.
type (
	rawBlock struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	rawMessage struct {
		Role    string     `json:"role"`
		Content []rawBlock `json:"content"`
	}
	rawRequest struct {
		Model     string       `json:"model"`
		MaxTokens int          `json:"max_tokens"`
		Messages  []rawMessage `json:"messages"`
	}
	rawResponse struct {
		ID         string     `json:"id"`
		Type       string     `json:"type"`
		Role       string     `json:"role"`
		Model      string     `json:"model"`
		Content    []rawBlock `json:"content"`
		StopReason string     `json:"stop_reason"`
		Usage      struct {
			InputTokens              int `json:"input_tokens"`
			OutputTokens             int `json:"output_tokens"`
			CacheCreationInputTokens int `json:"cache_creation_input_tokens"`
			CacheReadInputTokens     int `json:"cache_read_input_tokens"`
		} `json:"usage"`
	}
)

func rawCall(ctx context.Context, client *http.Client) (*rawResponse, error) {
	body, err := json.Marshal(rawRequest{"claude-sonnet-5-5", 64, []rawMessage{{"user", []rawBlock{{"text", "Hello"}}}}})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.anthropic.com/v1/messages", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Api-Key", testKey)
	req.Header.Set("Anthropic-Version", "2023-06-01")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	out := new(rawResponse)
	return out, json.Unmarshal(data, out)
}

// BenchmarkCall is a small call in memory beside its hand-written twin.
func BenchmarkCall(b *testing.B) {
	base := instant{hiBody}
	b.Run("raw", func(b *testing.B) {
		client := &http.Client{Transport: base}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := rawCall(b.Context(), client); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("steadfast", func(b *testing.B) {
		client, err := claude.New(claude.WithAPIKey(testKey), claude.WithRoundTripper(base))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := client.Messages.Create(b.Context(), hello); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// post is a raw request, made anew for each round trip as a caller would.
func post(ctx context.Context, body string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.anthropic.com/v1/messages", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header["Content-Type"] = []string{"application/json"}
	req.Header["X-Api-Key"] = []string{testKey}
	return req
}

func roundTrip(b *testing.B, rt http.RoundTripper, req *http.Request) {
	b.Helper()
	resp, err := rt.RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

// BenchmarkRoundTrip is what the Transport adds to a bare round trip in memory.
func BenchmarkRoundTrip(b *testing.B) {
	const body = `{"model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}`
	base := instant{hiBody}
	for name, rt := range map[string]http.RoundTripper{"bare": base, "transport": &claude.Transport{Base: base}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				roundTrip(b, rt, post(b.Context(), body))
			}
		})
	}
}
