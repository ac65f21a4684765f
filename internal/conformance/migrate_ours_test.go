package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/steadfast-go/claude"
)

// The right side of docs/migrate.md: what these functions do stands there.

func ourCall(ctx context.Context) (string, error) {
	client, err := claude.New() // ANTHROPIC_API_KEY; what is wrong with the set-up is an error here
	if err != nil {
		return "", err
	}
	resp, err := client.Messages.Create(ctx, claude.Request{
		Model:     claude.ModelSonnet5_5,
		MaxTokens: 1024,
		Messages:  []claude.Message{claude.UserText("Hello")},
	})
	if err != nil {
		return "", err
	}
	return resp.Text(), nil
}

func ourSystem(ctx context.Context, client *claude.Client) (*claude.Response, error) {
	return client.Messages.Create(ctx, claude.Request{
		Model:     claude.ModelSonnet5_5,
		MaxTokens: 1024,
		System: claude.Content{&claude.TextBlock{
			Text:         "You are a terse assistant.",
			CacheControl: &claude.CacheControl{},
		}},
		Messages: []claude.Message{claude.UserText("Hello")},
	})
}

func ourConversation(ctx context.Context, client *claude.Client) error {
	var conversation []claude.Message
	for _, prompt := range []string{"My name is Ada.", "What is my name?"} {
		conversation = append(conversation, claude.UserText(prompt))
		resp, err := client.Messages.Create(ctx, claude.Request{
			Model: claude.ModelSonnet5_5, MaxTokens: 1024, Messages: conversation,
		})
		if err != nil {
			return err
		}
		conversation = append(conversation, resp.Message)
	}
	return nil
}

func ourStream(ctx context.Context, client *claude.Client, show func(string)) (string, error) {
	stream, err := client.Messages.Stream(ctx, claude.Request{
		Model:     claude.ModelSonnet5_5,
		MaxTokens: 4096,
		Messages:  []claude.Message{claude.UserText("Tell me a story.")},
	})
	if err != nil {
		return "", err // nothing has come
	}
	for text, err := range stream.Text() { // leaving the loop closes the stream
		if err != nil {
			return "", err // an early end, too
		}
		show(text)
	}
	resp, err := stream.Response()
	if err != nil {
		return "", err
	}
	return string(resp.StopReason), nil
}

func ourTools(ctx context.Context, client *claude.Client, conversation []claude.Message) error {
	weather := &claude.CustomTool{
		Name:        "weather",
		Description: "The weather at a place, now.",
		InputSchema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`),
	}
	for {
		resp, err := client.Messages.Create(ctx, claude.Request{
			Model: claude.ModelSonnet5_5, MaxTokens: 1024,
			Messages: conversation, Tools: []claude.Tool{weather},
		})
		if err != nil {
			return err
		}
		conversation = append(conversation, resp.Message)
		if resp.StopReason != claude.StopToolUse {
			return nil
		}
		var results []*claude.ToolResultBlock
		for _, call := range resp.ToolUses() {
			results = append(results, call.Result(forecast(call.Input)))
		}
		conversation = append(conversation, claude.ToolResults(results...))
	}
}

func ourImage(ctx context.Context, client *claude.Client, png []byte) (*claude.Response, error) {
	return client.Messages.Create(ctx, claude.Request{
		Model:     claude.ModelSonnet5_5,
		MaxTokens: 1024,
		Messages: []claude.Message{claude.User(
			claude.Image("image/png", png),
			claude.Text("What is in this picture?"),
		)},
	})
}

func ourCount(ctx context.Context, client *claude.Client) (int, error) {
	return client.Messages.CountTokens(ctx, claude.Request{
		Model:    claude.ModelSonnet5_5,
		Messages: []claude.Message{claude.UserText("Hello")},
	})
}

func ourRetries(ctx context.Context, req claude.Request) (*claude.Response, error) {
	client, err := claude.New(
		claude.WithMaxAttempts(5), // the first one included
		claude.WithTimeouts(claude.Timeouts{FirstByte: time.Minute, StreamIdle: time.Minute}), // no limit for what makes progress
	)
	if err != nil {
		return nil, err
	}
	return client.Messages.Create(ctx, req, claude.WithMaxAttempts(1)) // but not this call
}

func ourErrors(ctx context.Context, client *claude.Client, req claude.Request) (string, error) {
	_, err := client.Messages.Create(ctx, req)
	switch {
	case err == nil:
		return "", nil
	case errors.Is(err, claude.ErrNetwork):
		return "no answer", err // dns, connect, proxy, tls, timeout, …: ClassOf says which
	case errors.Is(err, claude.ErrRateLimit):
		return "later", err // RetryAt of the *claude.CallError says when
	case errors.Is(err, claude.ErrBilling):
		return "pay", err
	}
	if failure, ok := errors.AsType[*claude.APIError](err); ok {
		return fmt.Sprintf("report %d, request %s", failure.Status, failure.RequestID), err
	}
	return claude.Explain(err).String(), err // whose fault it is, and what to do
}

func ourProxy(gateway, proxy string, ca []byte) (*claude.Client, error) {
	return claude.New(
		claude.WithBaseURL(gateway),
		claude.WithProxy(proxy),
		claude.WithRootCAs(ca), // besides the system's
	)
}
