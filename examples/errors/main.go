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
	"github.com/steadfast-go/claude/claudetest"
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
	step claudetest.Step
}{
	{"bad request", claudetest.InvalidRequest("max_tokens: must be greater than or equal to 0")},
	{"long prompt", claudetest.ContextTooLong()},
	{"no credit", claudetest.NoCredit()},
	{"wrong key", claudetest.Unauthorized()},
	{"no access", claudetest.Forbidden()},
	{"country", claudetest.Region()},
	{"firewall", claudetest.GatewayPage(http.StatusForbidden)},
	{"no model", claudetest.NotFound("model: claude-x")},
	{"too large", claudetest.TooLarge()},
	{"rate limit", claudetest.RateLimited(2 * time.Hour)},
	{"internal", claudetest.Internal()},
	{"gateway", claudetest.GatewayPage(http.StatusBadGateway)},
	{"overload", claudetest.Overloaded()},
	{"portal", claudetest.Portal()},
	{"redirect", claudetest.Redirect("https://elsewhere.example/")},
	{"cut answer", claudetest.Text("half an answer").CutAfter(claudetest.Bytes(40))},
	{"reset", claudetest.Reset()},
	{"no answer", claudetest.NoAnswer()},
}

func run() error {
	for _, scene := range scenes {
		server, err := claudetest.Start(scene.step)
		if err != nil {
			return err
		}
		show(scene.name, server.URL)
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
