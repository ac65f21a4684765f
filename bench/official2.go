package main

import (
	"context"
	"net/http"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/anthropics/anthropic-sdk-go/v2/option"
)

// sdk2 is the official Go SDK in its second major version.
type sdk2 struct{ client anthropic.Client }

func newOfficial2(e endpoint) contender {
	return sdk2{anthropic.NewClient(
		option.WithAPIKey(key), option.WithBaseURL(e.url), option.WithHTTPClient(&http.Client{Transport: e.transport()}),
	)}
}

func (o sdk2) request(image string) anthropic.MessageNewParams {
	content := []anthropic.ContentBlockParamUnion{anthropic.NewTextBlock(question)}
	if image != "" {
		content = append(content, anthropic.NewImageBlockBase64(mediaType, image))
	}
	return anthropic.MessageNewParams{Model: model, MaxTokens: maxTokens, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(content...)}}
}

func (o sdk2) ask(ctx context.Context, image string) (answer, error) {
	message, err := o.client.Messages.New(ctx, o.request(image))
	if err != nil {
		return answer{}, err
	}
	var a answer
	for i := range message.Content {
		switch message.Content[i].Type {
		case "text":
			a.text += message.Content[i].Text
		case "tool_use":
			a.tools++
		}
	}
	return a, nil
}

// stream reads the union's own fields, the cheaper of the SDK's two ways: AsAny
// decodes each event once more.
func (o sdk2) stream(ctx context.Context, how reading, s *sink) (string, error) {
	stream := o.client.Messages.NewStreaming(ctx, o.request(""))
	defer func() { _ = stream.Close() }()
	var message anthropic.Message
	for stream.Next() {
		event := stream.Current()
		if how == accumulated {
			if err := message.Accumulate(event); err != nil {
				return "", err
			}
		} else if event.Type == "content_block_delta" {
			s.string(event.Delta.Text + event.Delta.PartialJSON + event.Delta.Thinking)
		}
	}
	if err := stream.Err(); err != nil || how != accumulated {
		return "", err
	}
	b := &message.Content[0]
	if b.Type == "tool_use" {
		return string(b.Input), nil
	}
	return b.Text + b.Thinking, nil
}
