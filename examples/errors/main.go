// Errors provokes one failure of each kind that needs no real network and shows
// the typed error and its advice.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/fakeapi"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// scenes are failures by what answers the call.
var scenes = []struct {
	name string
	step fakeapi.Step
}{
	{"bad request", fakeapi.Fails(400, "invalid_request_error", "max_tokens: must be greater than or equal to 0")},
	{"long prompt", fakeapi.Fails(400, "invalid_request_error", "prompt is too long: 212164 tokens > 199999 maximum")},
	{"no credit", fakeapi.Fails(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.")},
	{"wrong key", fakeapi.Fails(401, "authentication_error", "invalid x-api-key")},
	{"no access", fakeapi.Fails(403, "permission_error", "Your API key does not have permission to use the specified resource")},
	{"country", fakeapi.Step{Status: 403, Plain: true, Body: `{"error":{"type":"forbidden","message":"Request not allowed"}}`}},
	{"firewall", fakeapi.Page(403, "Access denied by policy")},
	{"no model", fakeapi.Fails(404, "not_found_error", "model: claude-x")},
	{"too large", fakeapi.Step{Status: 413, Plain: true, Body: `{"error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}`}},
	{"rate limit", fakeapi.Limited(2 * time.Hour)},
	{"internal", fakeapi.Fails(500, "api_error", "Internal server error")},
	{"gateway", fakeapi.Page(502, "502 Bad Gateway")},
	{"overload", fakeapi.Overloaded()},
	{"portal", fakeapi.Page(200, "Welcome to Hotel Wi-Fi")},
	{"redirect", fakeapi.Step{Status: 307, Plain: true, Header: map[string]string{"Location": "https://elsewhere.example/"}}},
	{"cut answer", func() fakeapi.Step { s := fakeapi.Says("half an answer"); s.CutAt = 40; return s }()},
	{"reset", fakeapi.Resets()},
	{"no answer", fakeapi.Step{After: time.Hour}},
}

func run() error {
	for _, scene := range scenes {
		server := fakeapi.Serve(fakeapi.NewScript(scene.step))
		show(scene.name, server.URL)
		server.CloseClientConnections()
		server.Close()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_ = listener.Close() // nobody listens there now
	show("refused", "http://"+listener.Addr().String())
	show("no such host", "https://api.invalid")
	return nil
}

// show makes a call and shows its failure.
func show(name, baseURL string) {
	client, err := claude.New(
		claude.WithBaseURL(baseURL),
		claude.WithAPIKey("sk-ant-not-a-real-key"),
		claude.WithMaxAttempts(1),
		claude.WithTimeouts(claude.Timeouts{FirstByte: 200 * time.Millisecond}),
		claude.WithRoundTripper(http.DefaultTransport.(*http.Transport).Clone()),
	)
	if err == nil {
		_, err = client.Messages.Create(context.Background(), claude.Request{
			Model: claude.ModelSonnet5_5, MaxTokens: 16,
			Messages: []claude.Message{claude.UserText("Hello")},
		})
		client.Close()
	}
	advice := claude.Explain(err)
	fmt.Printf("%-13s %-20s %-13s %s\n", name, claude.ClassOf(err), advice.Who, advice.Summary)
	fmt.Printf("%-13s -> %s\n", "", advice.Actions[0])
}
