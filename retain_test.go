package claude_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
)

// connection stands for what an answer comes by: its body knows it.
type connection struct{ _ [4 << 10]byte }

type connectedBody struct {
	io.Reader
	conn *connection
}

func (b *connectedBody) Close() error { return nil }

// connecting answers with bodies that count how many of their connections are kept.
type connecting struct {
	status int
	body   string
	kept   *atomic.Int64
}

func (c connecting) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := instant{c.body}.RoundTrip(r)
	conn := new(connection)
	c.kept.Add(1)
	runtime.AddCleanup(conn, func(kept *atomic.Int64) { kept.Add(-1) }, c.kept)
	resp.StatusCode, resp.Body = c.status, &connectedBody{strings.NewReader(c.body), conn}
	return resp, err
}

// What a program keeps of its calls, in a conversation or a list of errors, must not
// keep what they went over.
func TestKeptResultsLetGoOfTheirConnections(t *testing.T) {
	const refusal = `{"type":"error","error":{"type":"invalid_request_error","message":"no"}}`
	for name, tc := range map[string]struct {
		status int
		body   string
		call   func(ctx context.Context, t *testing.T, rt http.RoundTripper) any
	}{
		"an answer": {200, hiBody, func(ctx context.Context, t *testing.T, rt http.RoundTripper) any {
			t.Helper()
			resp, err := newOver(t, rt).Messages.Create(ctx, hello)
			require.NoError(t, err)
			return resp
		}},
		"an error": {400, refusal, func(ctx context.Context, t *testing.T, rt http.RoundTripper) any {
			t.Helper()
			_, err := newOver(t, rt).Messages.Create(ctx, hello)
			require.ErrorIs(t, err, claude.ErrInvalidRequest)
			return err
		}},
		"an error of a call whose answer nobody gets": {400, refusal, func(ctx context.Context, t *testing.T, rt http.RoundTripper) any {
			t.Helper()
			_, err := newOver(t, rt).Messages.CountTokens(ctx, hello)
			require.ErrorIs(t, err, claude.ErrInvalidRequest)
			return err
		}},
		"a raw answer": {200, hiBody, func(ctx context.Context, t *testing.T, rt http.RoundTripper) any {
			t.Helper()
			resp, err := (&claude.Transport{Base: rt}).RoundTrip(post(ctx, `{"model":"m"}`)) //nolint:bodyclose // it is kept
			require.NoError(t, err)
			return resp
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var kept atomic.Int64
			result := tc.call(t.Context(), t, connecting{tc.status, tc.body, &kept})
			require.Eventually(t, func() bool {
				runtime.GC()
				return kept.Load() == 0
			}, 5*time.Second, time.Millisecond, "the connection is still reachable")
			runtime.KeepAlive(result)
		})
	}
}

func newOver(t *testing.T, rt http.RoundTripper) *claude.Client {
	t.Helper()
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithRoundTripper(rt), claude.WithMaxAttempts(1))
	require.NoError(t, err)
	return client
}

func TestABaseThatMasksTheKeyForItsLogDoesNotSpoilIt(t *testing.T) {
	for name, option := range map[string]claude.Option{"X-Api-Key": claude.WithAPIKey(testKey), "Authorization": claude.WithAuthToken("token-1")} {
		var sent []string
		client, err := claude.New(option, claude.WithRoundTripper(roundTripper(func(r *http.Request) (*http.Response, error) {
			sent = append(sent, r.Header.Get(name))
			r.Header[name][0] = "[redacted]"
			return instant{hiBody}.RoundTrip(r)
		})))
		require.NoError(t, err)
		for range 2 {
			_, err := client.Messages.Create(t.Context(), hello)
			require.NoError(t, err)
		}
		assert.Equal(t, sent[0], sent[1])
		assert.NotContains(t, sent[1], "redacted")
	}
}
