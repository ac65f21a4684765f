// Stream prints an answer as it comes: what the model thinks, what it says, which
// tools it calls. Ctrl-C ends it with what had come. Without ANTHROPIC_API_KEY an
// in-process server plays the API, and breaks the first connection off.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	prompt := "What is the weather in Oslo, and what should I wear?"
	if len(os.Args) > 1 {
		prompt = strings.Join(os.Args[1:], " ")
	}
	if err := run(ctx, prompt); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, prompt string) error {
	client, done, err := connect()
	if err != nil {
		return err
	}
	defer done()
	stream, err := client.Messages.Stream(ctx, claude.Request{
		Model:     claude.ModelSonnet5_5,
		MaxTokens: 2048,
		Messages:  []claude.Message{claude.UserText(prompt)},
	}, claude.WithResume(1))
	if err != nil {
		return err // nothing has come: it was tried again where that helps
	}
	for event, err := range stream.Events() {
		if broken, ok := errors.AsType[*claude.StreamError](err); ok {
			fmt.Printf("\n[%s; what had come: %d characters, about %d tokens]\n", claude.ClassOf(err), len(broken.Partial.Text()), broken.Partial.Usage.OutputTokens)
			if errors.Is(err, claude.ErrCanceled) {
				return nil // Ctrl-C
			}
		}
		if err != nil {
			return err
		}
		show(event)
	}
	resp, err := stream.Response()
	if err != nil {
		return err
	}
	fmt.Printf("\n\n%s after %d attempts; %d tokens in, %d out\n", resp.StopReason, len(resp.Attempts), resp.Usage.TotalInputTokens(), resp.Usage.OutputTokens)
	return nil
}

// show prints what an event brings.
func show(event claude.Event) {
	switch {
	case event.Delta == claude.DeltaText:
		fmt.Print(event.Text())
	case event.Delta == claude.DeltaThinking:
		fmt.Printf("\x1b[2m%s\x1b[0m", event.Text()) // dim
	case event.Type == claude.EventResumed:
		fmt.Print("[the stream broke off and goes on] ")
	case event.Type == claude.EventBlockStop:
		if call, ok := event.Block.(*claude.ToolUseBlock); ok {
			fmt.Printf("[calls %s %s]", call.Name, call.Input)
		} else {
			fmt.Println()
		}
	}
}

// connect returns a client of the real API where there is a key, else of one that is
// played. done lets go of it.
func connect() (client *claude.Client, done func(), err error) {
	if os.Getenv("ANTHROPIC_API_KEY") != "" {
		client, err = claude.New()
		return client, func() { client.Close() }, err
	}
	const (
		thought = "They want the weather, and advice on clothes."
		came    = "It is 4 degrees and raining" // with the first 12 events
		rest    = " in Oslo. Wear a warm coat that keeps the rain out, and boots."
	)
	server, err := claudetest.Start(
		claudetest.Overloaded(),
		claudetest.Thinking(thought, came+rest).Drip(40*time.Millisecond).ResetAfter(claudetest.Events(12)),
		claudetest.Blocks(claude.Text(rest), claudetest.Call("remember", `{"city":"Oslo"}`)).Drip(40*time.Millisecond),
	)
	if err != nil {
		return nil, nil, err
	}
	client, err = claude.New(claude.WithBaseURL(server.URL), claude.WithAPIKey("sk-ant-not-a-real-key"))
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	return client, func() { client.Close(); server.Close() }, nil
}
