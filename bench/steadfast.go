package main

import (
	"context"
	"errors"

	"github.com/steadfast-go/claude"
)

// ours is this library, as New makes it.
type ours struct{ client *claude.Client }

func newSteadfast(e endpoint) (contender, error) {
	options := []claude.Option{claude.WithAPIKey(key), claude.WithBaseURL(e.url)}
	if e.memory != nil {
		options = append(options, claude.WithRoundTripper(e.memory))
	} else {
		options = append(options, claude.WithRootCAs(e.roots))
	}
	client, err := claude.New(options...)
	return ours{client}, err
}

func (o ours) request(image string) claude.Request {
	ask := claude.UserText(question)
	if image != "" {
		ask.Content = append(ask.Content, &claude.ImageBlock{Source: &claude.Source{Type: claude.SourceBase64, MediaType: mediaType, Data: image}})
	}
	return claude.Request{Model: model, MaxTokens: maxTokens, Messages: []claude.Message{ask}}
}

func (o ours) ask(ctx context.Context, image string) (answer, error) {
	resp, err := o.client.Messages.Create(ctx, o.request(image))
	if err != nil {
		return answer{}, err
	}
	return answer{resp.Text(), len(resp.ToolUses())}, nil
}

func (o ours) stream(ctx context.Context, how reading, s *sink) (string, error) {
	stream, err := o.client.Messages.Stream(ctx, o.request(""))
	if err != nil {
		return "", err
	}
	if how == accumulated {
		resp, err := stream.Response()
		if err != nil {
			return "", err
		}
		switch b := resp.Content[0].(type) {
		case *claude.TextBlock:
			return b.Text, nil
		case *claude.ThinkingBlock:
			return b.Thinking, nil
		case *claude.ToolUseBlock:
			return string(b.Input), nil
		}
		return "", errors.New("no such block")
	}
	for event, err := range stream.Events() {
		switch {
		case err != nil:
			return "", err
		case event.Delta == "":
		case how == borrowed:
			s.bytes(event.Bytes())
		default:
			s.string(event.Text())
		}
	}
	return "", nil
}
