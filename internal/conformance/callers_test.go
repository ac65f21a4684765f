package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	anthropic1 "github.com/anthropics/anthropic-sdk-go"
	option1 "github.com/anthropics/anthropic-sdk-go/option"
	anthropic2 "github.com/anthropics/anthropic-sdk-go/v2"
	option2 "github.com/anthropics/anthropic-sdk-go/v2/option"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/steadfast-go/claude"
)

const (
	key   = "sk-ant-not-a-real-key"
	model = "claude-sonnet-5-5"
)

// A caller is a program that has an *http.Client of its own.
type caller struct {
	name string
	sdk  bool // its own errors are typed, and it retries by itself
	// call asks for a message, streamed or not.
	call func(ctx context.Context, client *http.Client, url string, streamed bool) reply
	// wrap, if set, puts something around the base and the transport.
	wrap func(around http.RoundTripper, spans *tracetest.SpanRecorder) http.RoundTripper
}

// reply is what a caller has in the end.
type reply struct {
	text     string
	complete bool // of a stream: its last event has come
	err      error

	// Of the caller's own typed error:
	typed     bool
	status    int
	kind      string // the API's type of the error
	requestID string
}

var callers = []caller{
	{name: "SDK v1", sdk: true, call: callSDK1},
	{name: "SDK v2", sdk: true, call: callSDK2},
	{name: "plain", call: callPlain},
	{name: "OpenTelemetry", call: callPlain, wrap: func(around http.RoundTripper, spans *tracetest.SpanRecorder) http.RoundTripper {
		return otelhttp.NewTransport(around, otelhttp.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))))
	}},
}

func callSDK1(ctx context.Context, client *http.Client, url string, streamed bool) (r reply) {
	sdk := anthropic1.NewClient(option1.WithoutEnvironmentDefaults(), option1.WithAPIKey(key), option1.WithBaseURL(url), option1.WithHTTPClient(client))
	params := anthropic1.MessageNewParams{
		Model: model, MaxTokens: 64,
		Messages: []anthropic1.MessageParam{anthropic1.NewUserMessage(anthropic1.NewTextBlock("Hello"))},
	}
	if streamed {
		stream := sdk.Messages.NewStreaming(ctx, params)
		for stream.Next() {
			event := stream.Current()
			r.text += event.Delta.Text
			r.complete = event.Type == "message_stop"
		}
		r.err = stream.Err()
		_ = stream.Close()
	} else {
		message, err := sdk.Messages.New(ctx, params)
		if r.err = err; err == nil {
			for _, block := range message.Content {
				r.text += block.Text
			}
			r.complete = message.StopReason != ""
		}
	}
	if e, ok := errors.AsType[*anthropic1.Error](r.err); ok {
		r.typed, r.status, r.kind, r.requestID = true, e.StatusCode, string(e.Type()), e.RequestID
	}
	return r
}

func callSDK2(ctx context.Context, client *http.Client, url string, streamed bool) (r reply) {
	sdk := anthropic2.NewClient(option2.WithoutEnvironmentDefaults(), option2.WithAPIKey(key), option2.WithBaseURL(url), option2.WithHTTPClient(client))
	params := anthropic2.MessageNewParams{
		Model: model, MaxTokens: 64,
		Messages: []anthropic2.MessageParam{anthropic2.NewUserMessage(anthropic2.NewTextBlock("Hello"))},
	}
	if streamed {
		stream := sdk.Messages.NewStreaming(ctx, params)
		for stream.Next() {
			event := stream.Current()
			r.text += event.Delta.Text
			r.complete = event.Type == "message_stop"
		}
		r.err = stream.Err()
		_ = stream.Close()
	} else {
		message, err := sdk.Messages.New(ctx, params)
		if r.err = err; err == nil {
			for _, block := range message.Content {
				r.text += block.Text
			}
			r.complete = message.StopReason != ""
		}
	}
	if e, ok := errors.AsType[*anthropic2.Error](r.err); ok {
		r.typed, r.status, r.kind, r.requestID = true, e.StatusCode, string(e.Type()), e.RequestID
	}
	return r
}

// callPlain is what a program does that knows the API and nothing else. Its typed
// error is the one CheckResponse makes.
func callPlain(ctx context.Context, client *http.Client, url string, streamed bool) (r reply) {
	body := `{"model":"` + model + `","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}`
	if streamed {
		body = strings.Replace(body, "{", `{"stream":true,`, 1)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/messages", strings.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	req.Header.Set("X-Api-Key", key)
	req.Header.Set("Anthropic-Version", claude.Version20261021)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	if r.err = claude.CheckResponse(resp); r.err == nil {
		r.text, r.complete, r.err = read(resp.Body, streamed)
	}
	if e, ok := errors.AsType[*claude.APIError](r.err); ok {
		r.typed, r.status, r.kind, r.requestID = true, e.Status, e.Type, e.RequestID
	}
	return r
}

// read reads the text out of an answer.
func read(body io.Reader, streamed bool) (text string, complete bool, err error) {
	if !streamed {
		var message struct {
			Content []struct {
				Text string `json:"text"`
			} `json:"content"`
			StopReason string `json:"stop_reason"`
		}
		err := json.NewDecoder(body).Decode(&message)
		for _, block := range message.Content {
			text += block.Text
		}
		return text, message.StopReason != "", err
	}
	lines := bufio.NewReader(body)
	for {
		line, err := lines.ReadBytes('\n')
		if data, ok := strings.CutPrefix(string(line), "data: "); ok {
			var event struct {
				Type  string `json:"type"`
				Delta struct {
					Text string `json:"text"`
				} `json:"delta"`
				Error struct {
					Type string `json:"type"`
				} `json:"error"`
			}
			_ = json.Unmarshal([]byte(data), &event) // what is no event says nothing
			if event.Type == "error" {
				return text, false, errors.New(event.Error.Type)
			}
			text += event.Delta.Text
			complete = event.Type == "message_stop"
		}
		switch {
		case errors.Is(err, io.EOF):
			return text, complete, nil
		case err != nil:
			return text, complete, err
		}
	}
}
