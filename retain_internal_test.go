package claude

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The runtime keeps a timer that has been stopped for a while, and with it the attempt
// that it was to end. What the caller got must not be kept with that: each process would
// hold more answers than it uses.
func TestAnAttemptThatIsKeptKeepsNoAnswer(t *testing.T) {
	const answer = `{"type":"message","role":"assistant","content":[],"model":"m","id":"m","stop_reason":null,"stop_sequence":null,"usage":{}}`
	var kept *attemptState
	base := sender(func(r *http.Request) (*http.Response, error) {
		a, ok := r.Context().Value(attemptKey{}).(*attemptState)
		require.True(t, ok)
		kept = a
		return &http.Response{
			StatusCode: http.StatusOK, ProtoMajor: 2, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(answer)), ContentLength: int64(len(answer)),
		}, nil
	})
	client, err := New(WithAPIKey("sk-ant-api03-test"), WithRoundTripper(base))
	require.NoError(t, err)

	var answers atomic.Int64
	func() {
		resp, err := client.Messages.Create(t.Context(), Request{Model: "m", MaxTokens: 1, Messages: []Message{UserText("Hello")}})
		require.NoError(t, err)
		answers.Add(1)
		runtime.AddCleanup(resp, func(n *atomic.Int64) { n.Add(-1) }, &answers)
	}()
	require.Eventually(t, func() bool {
		runtime.GC()
		return answers.Load() == 0
	}, 5*time.Second, time.Millisecond, "the answer is still reachable")
	require.NotNil(t, kept)
	runtime.KeepAlive(kept)

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.anthropic.com/v1/messages", strings.NewReader(`{"model":"m"}`))
	require.NoError(t, err)
	resp, err := (&Transport{Base: base}).RoundTrip(req)
	require.NoError(t, err)
	assert.Equal(t, len(answer), kept.back.text.Len(), "it has been read, to be judged")
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, answer, string(data))
	assert.Zero(t, kept.back.text.Size())
}
