package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

type rawEvent struct {
	Type         string     `json:"type"`
	Index        int        `json:"index"`
	Message      rawMessage `json:"message"`
	ContentBlock rawBlock   `json:"content_block"`
	Delta        struct {
		Type       string `json:"type"`
		Text       string `json:"text"`
		StopReason string `json:"stop_reason"`
	} `json:"delta"`
	Error rawError `json:"error"`
}

func (r raw) stream(ctx context.Context) (answer, error) {
	resp, err := r.do(ctx, true, "text/event-stream")
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	var m rawMessage
	lines := bufio.NewReader(resp.Body)
	for {
		data, err := rawNext(lines)
		if err != nil {
			return answer{}, err
		}
		var e rawEvent
		if err := json.Unmarshal(data, &e); err != nil {
			return answer{}, err
		}
		if e.Type == "message_stop" {
			return m.answer(), nil
		}
		if err := m.add(&e); err != nil {
			return answer{}, err
		}
	}
}

// rawNext reads the data of the next event: its lines that begin with "data:", up to a
// blank one. The names of events are left out, as the data repeats them. A stream ends by
// message_stop, so the end of the body is one too early.
func rawNext(lines *bufio.Reader) ([]byte, error) {
	var data []byte
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if value, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data = append(append(data, bytes.TrimPrefix(value, []byte(" "))...), '\n')
		}
		if len(line) == 0 && len(data) > 0 {
			return data, nil
		}
	}
}

// add makes an event part of the answer; events, deltas and blocks that it does not know
// are left out.
func (m *rawMessage) add(e *rawEvent) error {
	switch e.Type {
	case "error":
		return &e.Error
	case "message_start":
		*m = e.Message
	case "content_block_start":
		if e.Index != len(m.Content) {
			return fmt.Errorf("block %d begins after %d others", e.Index, len(m.Content))
		}
		m.Content = append(m.Content, e.ContentBlock)
	case "content_block_delta":
		if e.Index < 0 || e.Index >= len(m.Content) {
			return fmt.Errorf("block %d has not begun", e.Index)
		}
		if e.Delta.Type == "text_delta" {
			m.Content[e.Index].Text += e.Delta.Text
		}
	case "message_delta":
		m.StopReason = e.Delta.StopReason
	}
	return nil
}
