package claudetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/steadfast-go/claude"
)

// Text answers with a message of text, streamed where the request asks for that.
// Token counts add up: the same text counts the same everywhere.
func Text(text string) Step { return Blocks(claude.Text(text)).named("text") }

// Thinking answers with a thinking block and then text.
func Thinking(thought, text string) Step {
	return Blocks(&claude.ThinkingBlock{Thinking: thought, Signature: "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"}, claude.Text(text)).named("thinking")
}

// ToolCall answers with a call of a tool. input is its arguments in JSON. Several
// calls are several blocks: see [Blocks] and [Call].
func ToolCall(name, input string) Step { return Blocks(Call(name, input)).named("tool call") }

// Call is a call of a tool, for [Blocks]. Its id is made of its name.
func Call(name, input string) *claude.ToolUseBlock {
	return &claude.ToolUseBlock{ID: "toolu_" + name, Name: name, Input: json.RawMessage(input)}
}

// Blocks answers with a message of the given content. It stops for "tool_use" if
// there is a call in it, else for "end_turn": see [Step.StopReason].
func Blocks(blocks ...claude.Block) Step {
	return Reply(func(*Request) *claude.Response {
		return &claude.Response{Message: claude.Message{Role: claude.RoleAssistant, Content: blocks}}
	}).named("blocks")
}

// Response answers with a message as it is; what it leaves empty (id, model, stop
// reason, usage) is filled in.
func Response(message claude.Response) Step {
	return Reply(func(*Request) *claude.Response {
		copied := message
		return &copied
	}).named("response")
}

// Echo answers with the text of the last message.
func Echo() Step {
	return Reply(func(r *Request) *claude.Response {
		text := ""
		if n := len(r.Message.Messages); n > 0 {
			text = r.Message.Messages[n-1].Text()
		}
		return &claude.Response{Message: claude.AssistantText(text)}
	}).named("echo")
}

// Reply answers with whatever a function makes of the request. It may be called by
// several goroutines at once, and must return a Response of its own each time.
func Reply(answer func(r *Request) *claude.Response) Step {
	return Step{name: "reply", reply: answer}
}

// Raw answers with a status and a body as it is, under the API's own headers: for
// what this package has no step for, such as the members of an API to come or a
// broken body. It is not streamed. For what is not the API's, see [GatewayText].
func Raw(status int, body string) Step {
	return Step{name: fmt.Sprintf("raw %d", status), raw: &rawAnswer{status: status, body: body}}
}

func (s Step) named(name string) Step {
	s.name = name
	return s
}

// StopReason sets why a message ended.
func (s Step) StopReason(reason claude.StopReason) Step {
	return s.change(func(r *claude.Response) { r.StopReason = reason })
}

// Usage sets the token counts of a message.
func (s Step) Usage(input, output int) Step {
	return s.change(func(r *claude.Response) { r.Usage.InputTokens, r.Usage.OutputTokens = input, output })
}

func (s Step) change(f func(r *claude.Response)) Step {
	s.changes = append(slices.Clip(s.changes), f)
	return s
}

// complete fills in what a message leaves empty.
func complete(m *claude.Response, r *Request) {
	if m.ID == "" {
		m.ID = fmt.Sprintf("msg_%06d", r.Number)
	}
	if m.Role == "" {
		m.Role = claude.RoleAssistant
	}
	if m.Model == "" {
		m.Model = r.Model
	}
	if m.Content == nil {
		m.Content = claude.Content{}
	}
	if m.StopReason == "" {
		m.StopReason = claude.StopEndTurn
		for _, b := range m.Content {
			if _, ok := b.(*claude.ToolUseBlock); ok {
				m.StopReason = claude.StopToolUse
			}
		}
	}
	if m.Usage.InputTokens == 0 {
		m.Usage.InputTokens = inputTokens(r.Body)
	}
	if m.Usage.OutputTokens == 0 {
		m.Usage.OutputTokens = outputTokens(m.Content)
	}
	if m.Usage.ServiceTier == "" {
		m.Usage.ServiceTier = "standard"
	}
}

// inputTokens counts what a request's prompt comes to: a token for each four bytes
// of its messages, system prompt and tools, and a few for the frame. Counting
// tokens and answering give the same number.
func inputTokens(body []byte) int {
	var prompt struct {
		Messages json.RawMessage `json:"messages"`
		System   json.RawMessage `json:"system"`
		Tools    json.RawMessage `json:"tools"`
	}
	if json.Unmarshal(body, &prompt) != nil {
		return 0
	}
	return 3 + (len(prompt.Messages)+len(prompt.System)+len(prompt.Tools)+3)/4
}

// outputTokens counts what an answer comes to.
func outputTokens(content claude.Content) int {
	n := 1
	for _, b := range content {
		switch b := b.(type) {
		case *claude.TextBlock:
			n += tokens(b.Text)
		case *claude.ThinkingBlock:
			n += tokens(b.Thinking)
		case *claude.ToolUseBlock:
			n += tokens(string(b.Input))
		default:
			n++
		}
	}
	return n
}

// tokens counts the words of a text, and its length where words are long.
func tokens(text string) int { return max(len(strings.Fields(text)), len(text)/8) }
