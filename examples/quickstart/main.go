// Quickstart shows a call surviving a bad minute of the API, a bad request caught
// before it is sent, and what errors say. It needs no key and no network: an
// in-process server plays the API. With -live and ANTHROPIC_API_KEY it makes one
// real call instead.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

func main() {
	live := flag.Bool("live", false, "make one real, paid call with ANTHROPIC_API_KEY")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	run := demo
	if *live {
		run = call
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		fmt.Fprintln(os.Stderr, claude.Explain(err))
		os.Exit(1)
	}
}

var hello = claude.Request{
	Model:     claude.ModelSonnet5_5,
	MaxTokens: 64,
	Messages:  []claude.Message{claude.UserText("Say hello in one short sentence.")},
}

// call makes one real call.
func call(ctx context.Context) error {
	client, err := claude.New(claude.WithObserver(narrate()))
	if err != nil {
		return err
	}
	defer client.Close()
	fmt.Println("POST", client.Endpoint(), "with the key from", client.Credential().Source)
	resp, err := client.Messages.Create(ctx, hello)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n%d tokens in, %d out, %s\n", resp.Text(), resp.Usage.TotalInputTokens(), resp.Usage.OutputTokens, resp.RequestID)
	return nil
}

// demo plays the three scenes.
func demo(ctx context.Context) error {
	fmt.Println("1. The API has a bad minute; one call survives it")
	err := play(func(client *claude.Client) error {
		resp, err := client.Messages.Create(ctx, hello)
		if err != nil {
			return err
		}
		fmt.Printf("   answer     %q after %d attempts\n", resp.Text(), len(resp.Attempts))
		return nil
	}, claudetest.Overloaded(), claudetest.RateLimited(time.Second), claudetest.Reset(), claudetest.Text("Hello! Good to see you."))
	if err != nil {
		return err
	}

	fmt.Println("\n2. A request the API would refuse never leaves")
	bad := claude.Request{Model: claude.ModelSonnet5_5, Messages: []claude.Message{
		{Role: claude.RoleUser, Content: claude.Content{claude.Text("")}},
	}}
	for _, p := range claude.Check(bad, claude.Version20261021) {
		fmt.Printf("   %-8s %-28s %s\n", p.Severity, p.Path, p.Message)
	}

	fmt.Println("\n3. Errors say what broke and what to do")
	for _, step := range []claudetest.Step{claudetest.Unauthorized(), claudetest.Region(), claudetest.Portal()} {
		err := play(func(client *claude.Client) error {
			_, err := client.Messages.Create(ctx, hello)
			return err
		}, step)
		advice := claude.Explain(err)
		fmt.Printf("   %-20s %s\n   %-20s %s\n   %-20s 1. %s\n", claude.ClassOf(err), advice.Summary, "  whose", advice.Who, "  do", strings.ReplaceAll(advice.Actions[0], "\n", " "))
	}
	return nil
}

// play runs scene with a client of a server that plays steps.
func play(scene func(*claude.Client) error, steps ...claudetest.Step) error {
	server, err := claudetest.Start(steps...)
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := claude.New(
		claude.WithBaseURL(server.URL),
		claude.WithAPIKey("sk-ant-not-a-real-key"),
		claude.WithMaxAttempts(5),
		claude.WithObserver(narrate()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	return scene(client)
}

// narrate prints what happens to attempts that are made again.
func narrate() claude.Observer {
	return claude.Observer{
		Wait: func(_ context.Context, _ claude.CallInfo, w claude.Wait) {
			why := "backoff"
			if w.Hinted {
				why = "as the server asked"
			}
			fmt.Printf("   %-18s wait %6s (%s)\n", w.Class, w.Duration.Round(10*time.Millisecond), why)
		},
	}
}
