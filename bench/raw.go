package main

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
)

// raw is what one writes by hand over net/http and encoding/json.
type raw struct {
	client *http.Client
	url    string
}

func newRaw(e endpoint, rt http.RoundTripper) contender {
	return raw{&http.Client{Transport: rt}, e.url + "/v1/messages"}
}

type (
	rawRequest struct {
		Model     string       `json:"model"`
		MaxTokens int          `json:"max_tokens"`
		Messages  []rawMessage `json:"messages"`
		Stream    bool         `json:"stream,omitempty"`
	}
	rawMessage struct {
		Role    string     `json:"role"`
		Content []rawBlock `json:"content"`
	}
	rawBlock struct {
		Type   string          `json:"type"`
		Text   string          `json:"text,omitempty"`
		Source *rawSource      `json:"source,omitempty"`
		ID     string          `json:"id,omitempty"`
		Name   string          `json:"name,omitempty"`
		Input  json.RawMessage `json:"input,omitempty"`
	}
	rawSource struct {
		Type      string `json:"type"`
		MediaType string `json:"media_type"`
		Data      string `json:"data"`
	}
	rawUsage struct {
		InputTokens              int `json:"input_tokens"`
		OutputTokens             int `json:"output_tokens"`
		CacheCreationInputTokens int `json:"cache_creation_input_tokens"`
		CacheReadInputTokens     int `json:"cache_read_input_tokens"`
	}
	rawResponse struct {
		ID         string     `json:"id"`
		Role       string     `json:"role"`
		Model      string     `json:"model"`
		Content    []rawBlock `json:"content"`
		StopReason string     `json:"stop_reason"`
		Usage      rawUsage   `json:"usage"`
	}
	rawEvent struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
		Delta struct {
			Type        string `json:"type"`
			Text        string `json:"text"`
			PartialJSON string `json:"partial_json"`
			Thinking    string `json:"thinking"`
			StopReason  string `json:"stop_reason"`
		} `json:"delta"`
		Usage rawUsage `json:"usage"`
	}
)

func (r raw) do(ctx context.Context, image string, stream bool) (*http.Response, error) {
	content := []rawBlock{{Type: "text", Text: question}}
	if image != "" {
		content = append(content, rawBlock{Type: "image", Source: &rawSource{"base64", mediaType, image}})
	}
	body, err := json.Marshal(rawRequest{model, maxTokens, []rawMessage{{"user", content}}, stream})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Api-Key", key)
	req.Header.Set("Anthropic-Version", "2023-06-01")
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("status %s", resp.Status)
	}
	return resp, nil
}

func (r raw) ask(ctx context.Context, image string) (answer, error) {
	resp, err := r.do(ctx, image, false)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	var m rawResponse
	if err := json.Unmarshal(data, &m); err != nil {
		return answer{}, err
	}
	var a answer
	for _, b := range m.Content {
		switch b.Type {
		case "text":
			a.text += b.Text
		case "tool_use":
			a.tools++
		}
	}
	return a, nil
}

func (r raw) stream(ctx context.Context, how reading, s *sink) (string, error) {
	resp, err := r.do(ctx, "", true)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var whole strings.Builder
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 32<<20)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok {
			continue
		}
		var e rawEvent
		if err := json.Unmarshal(data, &e); err != nil {
			return "", err
		}
		switch e.Type {
		case "content_block_delta":
			piece := e.Delta.Text + e.Delta.PartialJSON + e.Delta.Thinking
			if how == accumulated {
				whole.WriteString(piece)
			} else {
				s.string(piece)
			}
		case "message_stop":
			return whole.String(), nil
		}
	}
	return "", errors.Join(lines.Err(), io.ErrUnexpectedEOF)
}
