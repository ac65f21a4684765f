package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

// sdk1 is the official Go SDK before its second major version.
type sdk1 struct {
	client anthropic.Client
	base   *http.Transport
}

func newOfficial1(e endpoint) (client, error) {
	base := e.transport()
	return sdk1{anthropic.NewClient(
		option.WithoutEnvironmentDefaults(), option.WithAPIKey(key), option.WithBaseURL(e.url),
		option.WithHTTPClient(&http.Client{Transport: base}), option.WithMaxRetries(0),
	), base}, nil
}

var official1Request = anthropic.MessageNewParams{
	Model: model, MaxTokens: maxTokens,
	Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(question))},
}

func (o sdk1) ask(ctx context.Context) (answer, error) {
	message, err := o.client.Messages.New(ctx, official1Request)
	if err != nil {
		return answer{}, err
	}
	return answerOf1(message), nil
}

func (o sdk1) stream(ctx context.Context) (answer, error) {
	stream := o.client.Messages.NewStreaming(ctx, official1Request)
	defer func() { _ = stream.Close() }()
	var message anthropic.Message
	for stream.Next() {
		if err := message.Accumulate(stream.Current()); err != nil {
			return answer{}, err
		}
	}
	if err := stream.Err(); err != nil {
		return answer{}, err
	}
	return answerOf1(&message), nil
}

func answerOf1(message *anthropic.Message) answer {
	a := answer{stop: string(message.StopReason)}
	for i := range message.Content {
		if b := &message.Content[i]; b.Type == "text" {
			a.text += b.Text
		}
	}
	return a
}

func (o sdk1) close() { o.base.CloseIdleConnections() }

func ownOfficial1(err error) []string {
	api, ok := errors.AsType[*anthropic.Error](err)
	if !ok {
		return nil
	}
	return []string{"status " + strconv.Itoa(api.StatusCode), "type " + string(api.Type())}
}
