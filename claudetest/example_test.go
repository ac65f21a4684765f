package claudetest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// My service answers 503 while the API is overloaded, and goes on as soon as it is
// not.
func Example_overloaded() {
	api := claudetest.NewTransport(
		claudetest.Overloaded().Times(3), // outlasts the client's three attempts
		claudetest.Text("Hello!"),
	)
	client, err := claude.New(
		claude.WithAPIKey("sk-ant-none"),
		claude.WithRoundTripper(api),
		claude.WithRetry(claude.RetryPolicy{OverloadBase: time.Nanosecond}), // a test does not wait
	)
	if err != nil {
		panic(err)
	}
	service := func(w http.ResponseWriter, r *http.Request) {
		resp, err := client.Messages.Create(r.Context(), claude.Request{
			Model: claude.ModelSonnet5_5, MaxTokens: 64,
			Messages: []claude.Message{claude.UserText("Greet me.")},
		})
		switch {
		case errors.Is(err, claude.ErrOverloaded):
			w.Header().Set("Retry-After", "30")
			http.Error(w, "busy, please try again soon", http.StatusServiceUnavailable)
		case err != nil:
			http.Error(w, "something is broken", http.StatusInternalServerError)
		default:
			fmt.Fprintln(w, resp.Text())
		}
	}

	for range 2 {
		w := httptest.NewRecorder()
		service(w, httptest.NewRequest(http.MethodGet, "/", nil))
		fmt.Print(w.Code, " ", w.Body)
	}
	fmt.Println(len(api.Requests()), "requests reached the API")
	// Output:
	// 503 busy, please try again soon
	// 200 Hello!
	// 4 requests reached the API
}

// There is no network in CI: the exchanges were recorded before, by
//
//	recorder := claudetest.NewRecorder(nil)
//	client, err := claude.New(claude.WithRoundTripper(recorder))
//	…
//	err = recorder.Save("testdata/greeting.json")
//
// and are played again.
func ExampleReplayer() {
	t := new(fakeTB) // in a test, its *testing.T
	client, err := claude.New(
		claude.WithAPIKey("sk-ant-none"),
		claude.WithRoundTripper(claudetest.NewReplayer(t, "testdata/greeting.json")),
	)
	if err != nil {
		panic(err)
	}
	request := claude.Request{
		Model: claude.ModelHaiku5_5, MaxTokens: 32,
		Messages: []claude.Message{claude.UserText("Greet me in Norwegian, in one word.")},
	}
	tokens, err := client.Messages.CountTokens(context.Background(), request)
	fmt.Println(tokens, err)
	resp, err := client.Messages.Create(context.Background(), request)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text(), resp.Usage.InputTokens)
	// Output:
	// 17 <nil>
	// Hei! 17
}

// My UI shows what has come when a stream is cut, and that it is not all.
func ExampleStep_CutAfter() {
	api := claudetest.NewTransport(
		claudetest.Text("Once upon a time there was a fox.").CutAfter(claudetest.Events(5)),
	)
	client := &http.Client{Transport: &claude.Transport{Base: api}}
	resp, err := client.Post("https://api.anthropic.com/v1/messages", "application/json", strings.NewReader(
		`{"model":"claude-sonnet-5-5","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Tell me a story."}]}`))
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()

	complete := false
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var event struct {
			Type  string `json:"type"`
			Delta struct {
				Text string `json:"text"`
			} `json:"delta"`
		}
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			break
		}
		fmt.Print(event.Delta.Text)
		complete = complete || event.Type == "message_stop"
	}
	if err := lines.Err(); err != nil || !complete {
		fmt.Println("… [the answer broke off]")
	}
	// Output: Once upon a time there was a… [the answer broke off]
}

// A load test finds out what happens beyond the account's limits.
func ExampleLimited() {
	api := claudetest.NewTransport(
		claudetest.Limited(claudetest.Capacity{RequestsPerMinute: 2}, claudetest.Echo()),
	)
	client, err := claude.New(
		claude.WithAPIKey("sk-ant-none"),
		claude.WithRoundTripper(api),
		claude.WithRetry(claude.RetryPolicy{Off: true}), // else the client waits as long as it is told
	)
	if err != nil {
		panic(err)
	}
	for i := range 3 {
		resp, err := client.Messages.Create(context.Background(), claude.Request{
			Model: claude.ModelSonnet5_5, MaxTokens: 64,
			Messages: []claude.Message{claude.UserText(fmt.Sprint("request ", i+1))},
		})
		if call, ok := errors.AsType[*claude.CallError](err); ok {
			fmt.Println(call.Class, "for", time.Until(call.RetryAt).Round(10*time.Second))
			continue
		}
		fmt.Println(resp.Text(), "with", resp.RateLimit.Requests.Remaining, "left")
	}
	// Output:
	// request 1 with 1 left
	// request 2 with 0 left
	// rate_limit for 30s
}
