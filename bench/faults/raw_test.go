package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
)

// raw is what one writes by hand over net/http and encoding/json, with care: nothing is
// taken for an answer that is not whole.
type raw struct {
	client *http.Client
	base   *http.Transport
	url    string
}

func newRaw(e endpoint) (client, error) {
	base := e.transport()
	return newRawOver(e, base, base), nil
}

// newRawOver is raw over an adapter around its base transport.
func newRawOver(e endpoint, base *http.Transport, adapter http.RoundTripper) client {
	return raw{&http.Client{Transport: adapter}, base, e.url + "/v1/messages"}
}

type (
	rawBlock struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	rawMessage struct {
		Type       string     `json:"type"`
		Content    []rawBlock `json:"content"`
		StopReason string     `json:"stop_reason"`
	}
	// rawError is the API's own.
	rawError struct {
		Status  int    `json:"-"`
		Type    string `json:"type"`
		Message string `json:"message"`
	}
)

func (e *rawError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Type, e.Message) }

// do sends a request and makes sure that what comes is of a content type.
func (r raw) do(ctx context.Context, stream bool, contentType string) (*http.Response, error) {
	body, err := json.Marshal(map[string]any{
		"model": model, "max_tokens": maxTokens, "stream": stream,
		"messages": []map[string]string{{"role": "user", "content": question}},
	})
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
		defer func() { _ = resp.Body.Close() }()
		var envelope struct {
			Error rawError `json:"error"`
		}
		_ = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&envelope) // a proxy's page is none
		envelope.Error.Status = resp.StatusCode
		return nil, &envelope.Error
	}
	if got, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); got != contentType {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the content type is %q", got)
	}
	return resp, nil
}

func (r raw) ask(ctx context.Context) (answer, error) {
	resp, err := r.do(ctx, false, "application/json")
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	var m rawMessage
	if err := json.Unmarshal(data, &m); err != nil {
		return answer{}, err
	}
	if m.Type != "message" {
		return answer{}, errors.New("this is no message")
	}
	return m.answer(), nil
}

func ownRaw(err error) []string {
	api, ok := errors.AsType[*rawError](err)
	if !ok {
		return nil
	}
	return []string{"status " + strconv.Itoa(api.Status), "type " + api.Type}
}

func (r raw) close() { r.base.CloseIdleConnections() }

func (m *rawMessage) answer() answer {
	a := answer{stop: m.StopReason}
	for _, b := range m.Content {
		if b.Type == "text" {
			a.text += b.Text
		}
	}
	return a
}
