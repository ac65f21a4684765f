package claudetest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

const key = "sk-ant-key-of-the-test"

var hello = claude.Request{Model: claude.ModelSonnet5_5, MaxTokens: 64, Messages: []claude.Message{claude.UserText("Hello")}}

func newClient(t *testing.T, options ...claude.Option) *claude.Client {
	t.Helper()
	client, err := claude.New(append([]claude.Option{
		claude.WithAPIKey(key), claude.WithRetry(claude.RetryPolicy{BaseDelay: 1, OverloadBase: 1}),
	}, options...)...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func TestAServerPlaysItsScript(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.Overloaded(), claudetest.Reset(), claudetest.Text("Hello!"), claudetest.ToolCall("weather", `{"city":"Oslo"}`))
	client := newClient(t, claude.WithBaseURL(server.URL))
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "Hello!", resp.Text())
	assert.Len(t, resp.Attempts, 3)
	n, err := client.Messages.CountTokens(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, resp.Usage.InputTokens, n, "counting and answering agree")
	resp, err = client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, claude.StopToolUse, resp.StopReason)
	server.ExpectRequests(t, 5)
	server.ExpectMessage(t, 3, hello)
}

func TestTheSameScriptPlaysInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := claudetest.NewTransport(claudetest.RateLimited(30*time.Second), claudetest.Text("Hello!"))
		defer transport.Verify(t)
		start := time.Now()
		_, err := newClient(t, claude.WithRoundTripper(transport)).Messages.Create(t.Context(), hello)
		require.NoError(t, err)
		assert.Greater(t, time.Since(start), 30*time.Second)
		transport.ExpectGap(t, 1, 30*time.Second, 34*time.Second)
	})
}

func TestFaultsOfTheConnection(t *testing.T) {
	for name, tc := range map[string]struct {
		step     claudetest.Step
		class    claude.Class
		attempts int
	}{
		"unknown CA":    {claudetest.UnknownCA(), claude.ErrTLS, 1},
		"wrong name":    {claudetest.WrongName(), claude.ErrTLS, 1},
		"expired":       {claudetest.Expired(), claude.ErrTLS, 1},
		"GOAWAY":        {claudetest.GoAway(), "", 2},
		"refusedstream": {claudetest.RefusedStream(), "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			for _, where := range []string{"socket", "memory"} {
				steps := []claudetest.Step{claudetest.Text("before"), tc.step}
				if tc.class == "" {
					steps = append(steps, claudetest.Text("after"))
				}
				var client *claude.Client
				if where == "socket" {
					server := claudetest.NewTLSServer(t, steps...)
					client = newClient(t, claude.WithBaseURL(server.URL), claude.WithRootCAs(server.CertPEM))
				} else {
					client = newClient(t, claude.WithRoundTripper(claudetest.NewTransport(steps...)))
				}
				_, err := client.Messages.Create(t.Context(), hello)
				require.NoError(t, err)
				resp, err := client.Messages.Create(t.Context(), hello)
				assert.Equal(t, tc.class, claude.ClassOf(err), "%s: %v", where, err)
				if err == nil {
					assert.Equal(t, "after", resp.Text())
					assert.GreaterOrEqual(t, len(resp.Attempts), tc.attempts, where)
					assert.Equal(t, claude.ErrStaleConnection, resp.Attempts[0].Class)
				}
			}
		})
	}
}

func TestAStaleConnectionIsNoticedOnUse(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.Text("one"), claudetest.StaleKeepAlive(), claudetest.Text("two"))
	client := newClient(t, claude.WithBaseURL(server.URL))
	_, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "two", resp.Text())
	assert.Len(t, resp.Attempts, 2)
}

func TestAProxyMayRefuse(t *testing.T) {
	server := claudetest.NewTLSServer(t, claudetest.ProxyRefuses(407), claudetest.Text("through"))
	proxy, err := server.ProxyURL()
	require.NoError(t, err)
	client := newClient(t, claude.WithBaseURL("https://api.example.com"), claude.WithProxy(proxy), claude.WithRootCAs(server.CertPEM))
	_, err = client.Messages.Create(t.Context(), hello)
	require.ErrorIs(t, err, claude.ErrProxy)
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "through", resp.Text())
}

func stream(t *testing.T, rt http.RoundTripper, base string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/messages", strings.NewReader(`{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`))
	require.NoError(t, err)
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), err
}

func TestStreamsEndAsTheScriptSays(t *testing.T) {
	text := claudetest.Text("the quick brown fox jumps over the lazy dog")
	for name, tc := range map[string]struct {
		step claudetest.Step
		want string
		ends bool
	}{
		"whole":   {text, "message_stop", true},
		"cut":     {text.CutAfter(claudetest.Events(4)), "", false},
		"reset":   {text.ResetAfter(claudetest.Bytes(700)), "", false},
		"ended":   {text.EndAfter(claudetest.Events(4)), "", true},
		"error":   {text.FailAfter(claudetest.Events(4), "overloaded_error", "Overloaded"), "event: error", true},
		"garbage": {text.GarbageAfter(claudetest.Events(4)), "message_stop", true},
		"huge":    {text.HugeEventAfter(claudetest.Events(4), 1<<20), "event: huge", true},
		"drip":    {text.Drip(time.Millisecond), "message_stop", true},
		"stall":   {text.StallAfter(claudetest.Events(4), 10*time.Millisecond), "message_stop", true},
	} {
		t.Run(name, func(t *testing.T) {
			server := claudetest.NewServer(t, tc.step)
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			one, err := stream(t, transport, server.URL)
			assert.Equal(t, tc.ends, err == nil, "%v", err)
			assert.Contains(t, one, tc.want)
			two, err := stream(t, claudetest.NewTransport(tc.step), "https://api.anthropic.com")
			assert.Equal(t, tc.ends, err == nil, "%v", err)
			assert.Equal(t, one, two, "socket and memory agree")
		})
	}
}
