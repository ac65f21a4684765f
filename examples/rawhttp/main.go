// Rawhttp makes the same call three times: by hand with net/http, by the same hand
// with claude.Transport under it (one line differs), and with the typed client. It
// shows what each gets in a bad minute, what claude.CheckResponse says to a raw
// caller, and how Transport.Validation refuses a bad body. It needs no key and no
// network: in-process servers play the API.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

const key = "sk-ant-not-a-real-key"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, show := range []func(context.Context) error{compare, explain, validate} {
		if err := show(ctx); err != nil {
			return err
		}
	}
	return nil
}

// plain is the program as it was.
func plain(ctx context.Context, url string) (string, error) {
	httpClient := &http.Client{}
	return ask(ctx, httpClient, url)
}

// dropIn is the same program. One line differs.
func dropIn(ctx context.Context, url string) (string, error) {
	httpClient := &http.Client{Transport: &claude.Transport{}}
	return ask(ctx, httpClient, url)
}

// ask is written by hand, as it is in many programs.
func ask(ctx context.Context, httpClient *http.Client, url string) (string, error) {
	defer httpClient.CloseIdleConnections()
	body := `{"model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":"Say hello."}]}`
	resp, err := post(ctx, httpClient, url, body)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(data))
	}
	var message struct{ Content []struct{ Text string } }
	if err := json.Unmarshal(data, &message); err != nil {
		return "", err
	}
	var text strings.Builder
	for _, block := range message.Content {
		text.WriteString(block.Text)
	}
	return text.String(), nil
}

func post(ctx context.Context, httpClient *http.Client, url, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/messages", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Api-Key", key)
	req.Header.Set("Anthropic-Version", "2026-10-21")
	return httpClient.Do(req)
}

// typed is the program with the client.
func typed(ctx context.Context, url string) (string, error) {
	client, err := claude.New(claude.WithAPIKey(key), claude.WithBaseURL(url))
	if err != nil {
		return "", err
	}
	defer client.Close()
	resp, err := client.Messages.Create(ctx, claude.Request{
		Model: claude.ModelSonnet5_5, MaxTokens: 64,
		Messages: []claude.Message{claude.UserText("Say hello.")},
	})
	if err != nil {
		return "", err
	}
	return resp.Text(), nil
}

// compare lets all three go through the same bad minute.
func compare(ctx context.Context) error {
	elsewhere, err := claudetest.Start(claudetest.Text("not the API").Always())
	if err != nil {
		return err
	}
	defer elsewhere.Close()
	hello := claudetest.Text("Hello!")
	fmt.Printf("%-24s %-36s %-28s %s\n", "", "by hand", "with claude.Transport", "typed client")
	for _, scene := range []struct {
		name  string
		steps []claudetest.Step
	}{
		{"all is well", []claudetest.Step{hello}},
		{"overloaded for a moment", []claudetest.Step{claudetest.Overloaded(), hello}},
		{"rate limit of a second", []claudetest.Step{claudetest.RateLimited(time.Second), hello}},
		{"connection reset", []claudetest.Step{claudetest.Reset(), hello}},
		{"answer cut off", []claudetest.Step{hello.CutAfter(claudetest.Bytes(60)), hello}},
		{"a gateway's 502 page", []claudetest.Step{claudetest.GatewayPage(http.StatusBadGateway), hello}},
		{"overloaded, in a 200", []claudetest.Step{claudetest.ErrorIn200("overloaded_error", "Overloaded"), hello}},
		{"login page of a Wi-Fi", []claudetest.Step{claudetest.Portal().Always()}},
		{"redirect to another host", []claudetest.Step{claudetest.Redirect(elsewhere.URL + "/v1/messages").Always()}},
		{"credit used up", []claudetest.Step{claudetest.NoCredit().Always()}},
	} {
		cells := play(ctx, scene.steps, plain, dropIn, typed)
		fmt.Printf("%-24s %-36s %-28s %s\n", scene.name, cells[0], cells[1], cells[2])
	}
	for _, r := range elsewhere.Requests() {
		fmt.Printf("\nThe other host was sent %d bytes of prompt and the key %q, by hand.\n", len(r.Body), r.Key)
	}
	return nil
}

// play lets each program make its call, with a server of its own.
func play(ctx context.Context, steps []claudetest.Step, programs ...func(context.Context, string) (string, error)) []string {
	cells := make([]string, len(programs))
	var all sync.WaitGroup
	for i, program := range programs {
		all.Go(func() {
			server, err := claudetest.Start(steps...)
			if err != nil {
				cells[i] = err.Error()
				return
			}
			defer server.Close()
			cells[i] = cell(program(ctx, server.URL))
		})
	}
	all.Wait()
	return cells
}

// cell is what a program got, or the class of its error where that has one.
func cell(text string, err error) string {
	class := claude.ClassOf(err)
	switch {
	case err == nil:
		return fmt.Sprintf("%q", text)
	case class != claude.ErrUnknown:
		return string(class)
	}
	line := strings.Join(strings.Fields(err.Error()), " ")
	if _, cause, ok := strings.Cut(line, "->127.0.0.1"); ok { // less of the addresses
		_, line, _ = strings.Cut(cause, " ")
	}
	return line[:min(len(line), 34)]
}

// explain shows what a raw caller may ask about a final answer.
func explain(ctx context.Context) error {
	server, err := claudetest.Start(claudetest.NoCredit())
	if err != nil {
		return err
	}
	defer server.Close()
	httpClient := &http.Client{Transport: &claude.Transport{}}
	defer httpClient.CloseIdleConnections()
	resp, err := post(ctx, httpClient, server.URL, `{"model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":"Hi"}]}`)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println("\nA 400 by its status. CheckResponse tells what it is, and Explain what to do:")
	err = claude.CheckResponse(resp)
	advice := claude.Explain(err)
	fmt.Printf("  class  %s, request %s\n  whose  %s\n  what   %s\n  do     %s\n", claude.ClassOf(err), resp.Header.Get("Request-Id"), advice.Who, advice.Summary, strings.ReplaceAll(advice.Actions[0], "\n", " "))
	return nil
}

// validate shows a body that is refused before it is sent.
func validate(ctx context.Context) error {
	server, err := claudetest.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	httpClient := &http.Client{Transport: &claude.Transport{Validation: claude.TransportValidationRefuse}}
	defer httpClient.CloseIdleConnections()
	resp, err := post(ctx, httpClient, server.URL, `{"model":"claude-sonnet-5-5","messages":[{"role":"user","content":""}]}`)
	if err == nil {
		return resp.Body.Close()
	}
	fmt.Printf("\nA bad body with Transport.Validation; requests the server saw: %d\n", len(server.Requests()))
	if invalid, ok := errors.AsType[*claude.ValidationError](err); ok {
		for _, p := range invalid.Problems {
			fmt.Printf("  %-24s %s\n", p.Path, p.Message)
		}
	}
	return nil
}
