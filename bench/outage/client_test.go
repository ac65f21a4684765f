package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"io"
	"net/http"
	"time"

	anthropic1 "github.com/anthropics/anthropic-sdk-go"
	option1 "github.com/anthropics/anthropic-sdk-go/option"
	anthropic2 "github.com/anthropics/anthropic-sdk-go/v2"
	option2 "github.com/anthropics/anthropic-sdk-go/v2/option"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/bench/internal/adapters"
)

// What everybody asks, and what is answered.
const (
	key       = "sk-ant-api03-bench"
	model     = "claude-sonnet-5-5"
	maxTokens = 1024
	baseURL   = "https://api.anthropic.com"
	question  = "Why is the sky blue?"
	reply     = "Good morning."
)

var errWrong = errors.New("the answer is not what was sent")

func compare(text string) error {
	if text != reply {
		return errWrong
	}
	return nil
}

// ask makes one call to its end, retries and all.
type ask func(ctx context.Context) error

// contender is a kind of client; each process gets one of its own, as made by
// default.
type contender struct {
	name   string
	color  color.Color
	dashed bool // it would cover another's line
	make   func(rt http.RoundTripper) (ask, error)
}

const (
	steadfast = "Steadfast"
	official1 = "official v1"
	official2 = "official v2"
	byHand    = "raw"
	blind     = "raw, 3 attempts"
	failsafe  = "failsafe-go"
	retryable = "go-retryablehttp"
)

var contenders = []contender{
	{steadfast, color.RGBA{R: 0x1b, G: 0x7f, B: 0x5c, A: 0xff}, false, newSteadfast},
	{official1, color.RGBA{R: 0xd9, G: 0x77, B: 0x57, A: 0xff}, true, newOfficial1},
	{official2, color.RGBA{R: 0x8a, G: 0x2f, B: 0x1c, A: 0xff}, false, newOfficial2},
	{byHand, color.RGBA{R: 0x8a, G: 0x8f, B: 0x98, A: 0xff}, false, newRaw},
	{blind, color.RGBA{R: 0x4c, G: 0x78, B: 0xa8, A: 0xff}, false, newBlind},
	{failsafe, color.RGBA{R: 0x8e, G: 0x5b, B: 0xb5, A: 0xff}, true, over(adapters.Failsafe)},
	{retryable, color.RGBA{R: 0xc9, G: 0xa2, B: 0x27, A: 0xff}, false, over(adapters.Retryable)},
}

func newSteadfast(rt http.RoundTripper) (ask, error) {
	client, err := claude.New(claude.WithAPIKey(key), claude.WithBaseURL(baseURL), claude.WithRoundTripper(rt))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		resp, err := client.Messages.Create(ctx, claude.Request{Model: model, MaxTokens: maxTokens, Messages: []claude.Message{claude.UserText(question)}})
		if err != nil {
			return err
		}
		return compare(resp.Text())
	}, nil
}

func newOfficial1(rt http.RoundTripper) (ask, error) {
	client := anthropic1.NewClient(option1.WithAPIKey(key), option1.WithBaseURL(baseURL), option1.WithHTTPClient(&http.Client{Transport: rt}))
	return func(ctx context.Context) error {
		message, err := client.Messages.New(ctx, anthropic1.MessageNewParams{
			Model: model, MaxTokens: maxTokens,
			Messages: []anthropic1.MessageParam{anthropic1.NewUserMessage(anthropic1.NewTextBlock(question))},
		})
		if err != nil {
			return err
		}
		return compare(message.Content[0].Text)
	}, nil
}

func newOfficial2(rt http.RoundTripper) (ask, error) {
	client := anthropic2.NewClient(option2.WithAPIKey(key), option2.WithBaseURL(baseURL), option2.WithHTTPClient(&http.Client{Transport: rt}))
	return func(ctx context.Context) error {
		message, err := client.Messages.New(ctx, anthropic2.MessageNewParams{
			Model: model, MaxTokens: maxTokens,
			Messages: []anthropic2.MessageParam{anthropic2.NewUserMessage(anthropic2.NewTextBlock(question))},
		})
		if err != nil {
			return err
		}
		return compare(message.Content[0].Text)
	}, nil
}

// newRaw is what one writes by hand over net/http and encoding/json.
func newRaw(rt http.RoundTripper) (ask, error) {
	client := &http.Client{Transport: rt}
	return func(ctx context.Context) error {
		body, err := json.Marshal(map[string]any{
			"model": model, "max_tokens": maxTokens,
			"messages": []map[string]string{{"role": "user", "content": question}},
		})
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, baseURL+"/v1/messages", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Api-Key", key)
		req.Header.Set("Anthropic-Version", "2023-06-01")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %s", resp.Status)
		}
		var message struct {
			Content []struct {
				Text string `json:"text"`
			} `json:"content"`
		}
		if err := json.Unmarshal(data, &message); err != nil {
			return err
		}
		if len(message.Content) == 0 {
			return errWrong
		}
		return compare(message.Content[0].Text)
	}, nil
}

// over is the hand-written code over an adapter.
func over(adapt func(http.RoundTripper) http.RoundTripper) func(http.RoundTripper) (ask, error) {
	return func(rt http.RoundTripper) (ask, error) { return newRaw(adapt(rt)) }
}

// newBlind is the usual loop around that: three attempts, 0.5 and 1 s apart,
// whatever went wrong.
func newBlind(rt http.RoundTripper) (ask, error) {
	once, err := newRaw(rt)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		err := once(ctx)
		for wait := 500 * time.Millisecond; err != nil && wait <= time.Second; wait *= 2 {
			time.Sleep(wait)
			err = once(ctx)
		}
		return err
	}, nil
}
