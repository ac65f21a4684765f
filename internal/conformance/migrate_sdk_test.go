package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/anthropics/anthropic-sdk-go/v2/option"

	"github.com/steadfast-go/claude"
)

// The left side of docs/migrate.md: what these functions do stands there.

func sdkDropIn(ctx context.Context, params anthropic.MessageNewParams) (*anthropic.Message, error) {
	client := anthropic.NewClient(option.WithHTTPClient(&http.Client{Transport: &claude.Transport{}}))
	message, err := client.Messages.New(ctx, params)
	if failure, ok := errors.AsType[*anthropic.Error](err); ok {
		fmt.Println(claude.Explain(claude.CheckResponse(failure.Response))) // whose fault it is, and what to do
	}
	return message, err
}

func sdkCall(ctx context.Context) (string, error) {
	client := anthropic.NewClient() // ANTHROPIC_API_KEY
	message, err := client.Messages.New(ctx, anthropic.MessageNewParams{
		Model:     anthropic.ModelClaudeSonnet5_5,
		MaxTokens: 1024,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Hello"))},
	})
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, block := range message.Content {
		if block, ok := block.AsAny().(anthropic.TextBlock); ok {
			text.WriteString(block.Text)
		}
	}
	return text.String(), nil
}

func sdkSystem(ctx context.Context, client anthropic.Client) (*anthropic.Message, error) {
	return client.Messages.New(ctx, anthropic.MessageNewParams{
		Model:     anthropic.ModelClaudeSonnet5_5,
		MaxTokens: 1024,
		System: []anthropic.TextBlockParam{{
			Text:         "You are a terse assistant.",
			CacheControl: anthropic.NewCacheControlEphemeralParam(),
		}},
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Hello"))},
	})
}

func sdkConversation(ctx context.Context, client anthropic.Client) error {
	var conversation []anthropic.MessageParam
	for _, prompt := range []string{"My name is Ada.", "What is my name?"} {
		conversation = append(conversation, anthropic.NewUserMessage(anthropic.NewTextBlock(prompt)))
		message, err := client.Messages.New(ctx, anthropic.MessageNewParams{
			Model: anthropic.ModelClaudeSonnet5_5, MaxTokens: 1024, Messages: conversation,
		})
		if err != nil {
			return err
		}
		conversation = append(conversation, message.ToParam())
	}
	return nil
}

func sdkStream(ctx context.Context, client anthropic.Client, show func(string)) (string, error) {
	stream := client.Messages.NewStreaming(ctx, anthropic.MessageNewParams{
		Model:     anthropic.ModelClaudeSonnet5_5,
		MaxTokens: 4096,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Tell me a story."))},
	})
	defer stream.Close()
	var message anthropic.Message
	for stream.Next() {
		event := stream.Current()
		if err := message.Accumulate(event); err != nil {
			return "", err
		}
		if event, ok := event.AsAny().(anthropic.ContentBlockDeltaEvent); ok {
			show(event.Delta.Text)
		}
	}
	if err := stream.Err(); err != nil {
		return "", err
	}
	if message.StopReason == "" {
		return "", errors.New("the stream ended early") // Err does not tell
	}
	return string(message.StopReason), nil
}

func sdkTools(ctx context.Context, client anthropic.Client, conversation []anthropic.MessageParam) error {
	weather := anthropic.ToolUnionParam{OfTool: &anthropic.ToolParam{
		Name:        "weather",
		Description: anthropic.String("The weather at a place, now."),
		InputSchema: anthropic.ToolInputSchemaParam{
			Properties: map[string]any{"city": map[string]any{"type": "string"}},
			Required:   []string{"city"},
		},
	}}
	for {
		message, err := client.Messages.New(ctx, anthropic.MessageNewParams{
			Model: anthropic.ModelClaudeSonnet5_5, MaxTokens: 1024,
			Messages: conversation, Tools: []anthropic.ToolUnionParam{weather},
		})
		if err != nil {
			return err
		}
		conversation = append(conversation, message.ToParam())
		if message.StopReason != anthropic.StopReasonToolUse {
			return nil
		}
		var results []anthropic.ContentBlockParamUnion
		for _, block := range message.Content {
			if call, ok := block.AsAny().(anthropic.ToolUseBlock); ok {
				results = append(results, anthropic.NewToolResultBlock(call.ID, forecast([]byte(call.JSON.Input.Raw())), false))
			}
		}
		conversation = append(conversation, anthropic.NewUserMessage(results...))
	}
}

func sdkImage(ctx context.Context, client anthropic.Client, png []byte) (*anthropic.Message, error) {
	return client.Messages.New(ctx, anthropic.MessageNewParams{
		Model:     anthropic.ModelClaudeSonnet5_5,
		MaxTokens: 1024,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(
			anthropic.NewImageBlockBase64("image/png", base64.StdEncoding.EncodeToString(png)),
			anthropic.NewTextBlock("What is in this picture?"),
		)},
	})
}

func sdkCount(ctx context.Context, client anthropic.Client) (int, error) {
	count, err := client.Messages.CountTokens(ctx, anthropic.MessageCountTokensParams{
		Model:    anthropic.ModelClaudeSonnet5_5,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Hello"))},
	})
	if err != nil {
		return 0, err
	}
	return int(count.InputTokens), nil
}

func sdkRetries(ctx context.Context, params anthropic.MessageNewParams) (*anthropic.Message, error) {
	client := anthropic.NewClient(
		option.WithMaxRetries(4),               // besides the first attempt
		option.WithRequestTimeout(time.Minute), // of each attempt, its whole answer included
	)
	return client.Messages.New(ctx, params, option.WithMaxRetries(0)) // but not this call
}

func sdkErrors(ctx context.Context, client anthropic.Client, params anthropic.MessageNewParams) (string, error) {
	_, err := client.Messages.New(ctx, params)
	failure, ok := errors.AsType[*anthropic.Error](err)
	switch {
	case err == nil:
		return "", nil
	case !ok:
		return "no answer", err // net/http's error
	case failure.Type() == anthropic.ErrorTypeRateLimitError:
		return "later", err
	case failure.StatusCode == http.StatusBadRequest && strings.Contains(failure.RawJSON(), "credit balance"):
		return "pay", err
	}
	return fmt.Sprintf("report %d, request %s", failure.StatusCode, failure.RequestID), err
}

func sdkProxy(gateway, proxy string, ca []byte) (anthropic.Client, error) {
	proxyURL, err := url.Parse(proxy)
	if err != nil {
		return anthropic.Client{}, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return anthropic.Client{}, err
	}
	if !roots.AppendCertsFromPEM(ca) {
		return anthropic.Client{}, errors.New("no certificate in it")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = http.ProxyURL(proxyURL)
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	return anthropic.NewClient(
		option.WithBaseURL(gateway),
		option.WithHTTPClient(&http.Client{Transport: transport}),
	), nil
}
