package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/cmd/steadfast/internal/ask"
	"github.com/steadfast-go/claude/cmd/steadfast/internal/term"
)

// askCommand asks a model one question.
type askCommand struct {
	Model     string   `default:"${model}" help:"The model to ask. Default: ${default}." placeholder:"ID" short:"m"`
	MaxTokens int      `default:"4096" help:"Most tokens the answer may have. Default: ${default}." placeholder:"N"`
	System    string   `help:"The system prompt." placeholder:"TEXT"`
	NoStream  bool     `help:"Show the answer when all of it is there."`
	JSON      bool     `help:"Print one JSON object, with the answer, usage, time and error." name:"json"`
	Demo      bool     `help:"Ask a server inside of this program: no key, no network, no cost."`
	Prompt    []string `arg:"" help:"The question; - reads it from standard input."`
}

// Help is shown below the flags.
func (c *askCommand) Help() string {
	return `The answer goes to standard output, everything else to standard error. The key is
that in ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN, the address that in
ANTHROPIC_BASE_URL. An interrupt ends the answer and keeps what has come.

Examples:
  steadfast ask "Why is the sky blue?"
  git diff | steadfast ask --system "You review code." -
  steadfast ask --json -m claude-haiku-5-5 "Say hello." | jq .response.usage
  steadfast ask --demo "Is anybody there?"

Exit codes:
` + exitCodeHelp()
}

// Run asks.
func (c *askCommand) Run(to streams, in input) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // a second interrupt ends the program at once
	return c.run(ctx, to, in)
}

func (c *askCommand) run(ctx context.Context, to streams, in input) error {
	prompt := strings.Join(c.Prompt, " ")
	if prompt == "-" {
		data, err := io.ReadAll(io.LimitReader(in, maxBody))
		if err != nil {
			return wrongUse("cannot read the prompt: %v", err)
		}
		prompt = string(data)
	}
	switch {
	case strings.TrimSpace(prompt) == "":
		return wrongUse("the prompt is empty")
	case c.MaxTokens <= 0:
		return wrongUse("--max-tokens must be 1 or more")
	}
	config := ask.Config{
		Request:  claude.Request{Model: c.Model, MaxTokens: c.MaxTokens, Messages: []claude.Message{claude.UserText(prompt)}},
		NoStream: c.NoStream, JSON: c.JSON,
		Out: to.out, Err: to.err, Progress: term.Is(to.err), Painter: term.For(to.err),
	}
	if c.System != "" {
		config.Request.System = claude.Content{claude.Text(c.System)}
	}
	if c.Demo {
		server, err := claudetest.Start(demo(prompt)...)
		if err != nil {
			return err
		}
		defer server.Close()
		config.Options = demoOptions(server.URL)
	}
	if err := ask.Run(ctx, config); err != nil {
		return failed(exitCode(claude.ClassOf(err)))
	}
	return nil
}

// demo is what the server of a demonstration does: it is overloaded once, and then
// answers word by word.
func demo(prompt string) []claudetest.Step {
	const most = 60
	if r := []rune(prompt); len(r) > most {
		prompt = string(r[:most]) + "…"
	}
	answer := "This is a demonstration: nobody was asked, and nothing was paid. You wrote: " + strings.Join(strings.Fields(prompt), " ") +
		"\n\nThe server was overloaded at first, and the client tried again by itself."
	return []claudetest.Step{claudetest.Overloaded(), claudetest.Text(answer).Drip(15 * time.Millisecond)}
}

func demoOptions(url string) []claude.Option {
	return []claude.Option{
		claude.WithBaseURL(url), claude.WithAPIKey("no-key-needed"),
		claude.WithRetry(claude.RetryPolicy{OverloadBase: 400 * time.Millisecond}), // nobody wants to wait in a demonstration
	}
}
