package claude_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// exampleClient returns a client of an API that answers with steps.
func exampleClient(steps ...claudetest.Step) *claude.Client {
	client, err := claude.New(claude.WithAPIKey("sk-ant-not-a-real-key"), claude.WithRoundTripper(claudetest.NewTransport(steps...)))
	if err != nil {
		panic(err)
	}
	return client
}

func ExampleMessageService_Create() {
	client := exampleClient(claudetest.Text("Hello! How can I help?")) // or claude.New()

	conversation := []claude.Message{claude.UserText("Hello")}
	resp, err := client.Messages.Create(context.Background(), claude.Request{
		Model:     claude.ModelSonnet5_5,
		MaxTokens: 1024,
		Messages:  conversation,
	})
	if err != nil {
		fmt.Println(claude.Explain(err))
		return
	}
	fmt.Println(resp.Text(), resp.StopReason)
	conversation = append(conversation, resp.Message, claude.UserText("And goodbye"))
	fmt.Println(len(conversation), "turns")
	// Output:
	// Hello! How can I help? end_turn
	// 3 turns
}

func ExampleCallError() {
	client := exampleClient(claudetest.RateLimited(2 * time.Hour))

	_, err := client.Messages.Create(context.Background(), hello)
	fmt.Println(errors.Is(err, claude.ErrRateLimit), claude.ClassOf(err))
	if call, ok := errors.AsType[*claude.CallError](err); ok {
		fmt.Println("come back in", time.Until(call.RetryAt).Round(time.Hour))
	}
	if api, ok := errors.AsType[*claude.APIError](err); ok {
		fmt.Println(api.Status, api.Type)
	}
	// Output:
	// true rate_limit
	// come back in 2h0m0s
	// 429 rate_limit_error
}

func ExampleExplain() {
	client := exampleClient(claudetest.Error(401, "authentication_error", "invalid x-api-key"))

	_, err := client.Messages.Create(context.Background(), hello)
	advice := claude.Explain(err)
	fmt.Println(advice.Class, "/", advice.Who)
	// Output: authentication / you
}

func ExampleRetryPolicy() {
	client, err := claude.New(
		claude.WithAPIKey("sk-ant-not-a-real-key"),
		claude.WithRetry(claude.RetryPolicy{MaxAttempts: 5, MaxRetryAfter: 10 * time.Second}),
	)
	fmt.Println(client.Endpoint(), err)
	// Output: https://api.anthropic.com/v1/messages <nil>
}

func ExampleTimeouts() {
	_, err := claude.New(
		claude.WithAPIKey("sk-ant-not-a-real-key"),
		claude.WithTimeouts(claude.Timeouts{Dial: 2 * time.Second, Total: time.Minute, StreamIdle: claude.NoTimeout}),
	)
	fmt.Println(err)
	// Output: <nil>
}

func ExampleObserver() {
	client, _ := claude.New(
		claude.WithAPIKey("sk-ant-not-a-real-key"),
		claude.WithRoundTripper(claudetest.NewTransport(claudetest.Error(500, "api_error", "Internal server error").RetryAfter(0), hi)),
		claude.WithObserver(claude.Observer{
			AttemptDone: func(_ context.Context, call claude.CallInfo, a claude.Attempt) {
				fmt.Println(call.Op, a.Number, a.Status, a.Class)
			},
		}),
	)
	_, _ = client.Messages.Create(context.Background(), hello)
	// Output:
	// messages.create 1 500 internal
	// messages.create 2 200
}

func ExampleToolResults() {
	call := &claude.ToolUseBlock{ID: "toolu_1", Name: "weather"}
	answer := claude.ToolResults(call.Result("12 degrees, rain"))
	fmt.Println(answer.Role, len(answer.Content))
	// Output: user 1
}

func ExampleValidate() {
	err := claude.Validate(claude.Request{Model: claude.ModelSonnet5_5, MaxTokens: 64}, claude.Version20261021)
	fmt.Println(err)
	// Output: 1 problem: messages: holds no message; add at least one user message (R014)
}

func ExampleCheckJSON() {
	body := `{"model":"claude-3-opus-20240229","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}`
	for _, p := range claude.CheckJSON([]byte(body), claude.Version20230601) {
		fmt.Println(p.Severity, p.Path, p.Rule)
	}
	// Output: warning model M001
}

func ExampleLogPolicy() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case "msg", "method", "status", "body":
			return a
		}
		return slog.Attr{}
	}}))
	client, _ := claude.New(
		claude.WithAPIKey("sk-ant-not-a-real-key"),
		claude.WithRoundTripper(claudetest.NewTransport()),
		claude.WithLogger(log),
		claude.WithLogging(claude.LogPolicy{Bodies: true, MaxBody: 40}),
	)
	_, _ = client.Messages.CountTokens(context.Background(), hello)
	// Output:
	// msg="claude request" method=POST body="{\"model\":\"claude-sonnet-5-5\",\"messages\":…"
	// msg="claude response" status=200 body="{\"input_tokens\":18}"
	// msg="claude call"
}
