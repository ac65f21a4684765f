package claudetest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

func TestAStepThatNobodyTookFailsTheTest(t *testing.T) {
	for name, start := range map[string]func(tb claudetest.TB, steps ...claudetest.Step) *claudetest.Server{"plain": claudetest.NewServer, "TLS": claudetest.NewTLSServer} {
		t.Run(name, func(t *testing.T) {
			tb := new(fakeTB)
			start(tb, claudetest.Text("a"), claudetest.Overloaded().Times(3), claudetest.Text("b").Always())
			assert.Equal(t, []string{
				"claudetest: step 1 was taken 0 times of 1; the script was:\n" +
					"  1. text: taken 0 times\n  2. 529 overloaded_error, 3 times: taken 0 times\n  3. text, always: taken 0 times\nrequests:\n",
				"claudetest: step 2 was taken 0 times of 3; the script was:\n" +
					"  1. text: taken 0 times\n  2. 529 overloaded_error, 3 times: taken 0 times\n  3. text, always: taken 0 times\nrequests:\n",
			}, tb.end())
		})
	}
}

func TestARequestWithoutAStepFailsTheTest(t *testing.T) {
	tb := new(fakeTB)
	transport := claudetest.NewTransport(claudetest.Text("a"))
	assert.Equal(t, 200, post(t, transport, plainBody).Status)
	transport.Verify(tb)
	assert.Empty(t, tb.said())

	a := post(t, transport, plainBody)
	assert.Equal(t, "400 invalid_request_error: claudetest: request 2, POST /v1/messages, finds no step", a.message(t))
	assert.Equal(t, http.StatusBadRequest, ask(t, transport, http.MethodGet, origin+"/v1/nothing", "").Status)
	assert.Equal(t, http.StatusBadRequest, ask(t, transport, http.MethodGet, origin+"/", "").Status)
	transport.Verify(tb)
	said := tb.said()
	require.Len(t, said, 3)
	assert.Equal(t, "claudetest: request 2, POST /v1/messages, finds no step; the script was:\n"+
		"  1. text: taken 1 times\nrequests:\n"+
		"  1. POST /v1/messages claude-sonnet-5-5: text\n"+
		"  2. POST /v1/messages claude-sonnet-5-5: 400 invalid_request_error\n"+
		"  3. GET /v1/nothing : 400 invalid_request_error\n"+
		"  4. GET / : 400 invalid_request_error\n", said[0])
	assert.Contains(t, said[1], "request 3, GET /v1/nothing, finds no step")
}

func TestARequestWithoutAStepIsNotTriedAgain(t *testing.T) {
	transport := claudetest.NewTransport()
	_, err := newClient(t, claude.WithRoundTripper(transport)).Messages.Create(t.Context(), hello)
	require.ErrorIs(t, err, claude.ErrInvalidRequest)
	assert.Contains(t, err.Error(), "finds no step")
	assert.Len(t, transport.Requests(), 1)
}

func TestExpectationsThatHoldSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb := new(fakeTB)
		transport := memory(t, claudetest.RateLimited(4*time.Second), claudetest.Text("a"))
		_, err := newClient(t, claude.WithRoundTripper(transport)).Messages.Create(t.Context(), hello)
		require.NoError(t, err)
		transport.ExpectRequests(tb, 2)
		transport.ExpectMessage(tb, 1, hello)
		transport.ExpectMessage(tb, 2, hello)
		transport.ExpectHeader(tb, 2, "x-api-key", key)
		transport.ExpectHeader(tb, 2, "anthropic-beta", "")
		transport.ExpectGap(tb, 1, 4*time.Second, 5*time.Second)
		assert.Empty(t, tb.said())
	})
}

func TestAFailedExpectationPrintsWhatDiffers(t *testing.T) {
	tb := new(fakeTB)
	transport := memory(t, claudetest.Text("a").Times(2))
	client := newClient(t, claude.WithRoundTripper(transport))
	for range 2 {
		_, err := client.Messages.Create(t.Context(), hello)
		require.NoError(t, err)
	}

	transport.ExpectRequests(tb, 3)
	assert.Equal(t, []string{"claudetest: 2 requests were made, want 3:\n  1. text, 2 times: taken 2 times\nrequests:\n" +
		"  1. POST /v1/messages claude-sonnet-5-5: text, 2 times\n  2. POST /v1/messages claude-sonnet-5-5: text, 2 times\n"}, tb.said())

	want := hello
	want.MaxTokens = 100
	want.System = claude.Content{claude.Text("Be brief.")}
	transport.ExpectMessage(tb, 1, want)
	assert.Equal(t, []string{`claudetest: request 1 differs (- expected, + made):
  {
-   "max_tokens": 100,
+   "max_tokens": 64,
    "messages": [
      {
  …
      }
    ],
-   "model": "claude-sonnet-5-5",
-   "system": [
-     {
-       "text": "Be brief.",
-       "type": "text"
-     }
-   ]
+   "model": "claude-sonnet-5-5"
  }
`}, tb.said())

	transport.ExpectHeader(tb, 1, "anthropic-version", "2023-06-01")
	assert.Equal(t, []string{"claudetest: header of request 1 differs (- expected, + made):\n- anthropic-version: 2023-06-01\n+ anthropic-version: 2026-10-21"}, tb.said())

	transport.ExpectGap(tb, 1, time.Hour, 2*time.Hour)
	said := tb.said()
	require.Len(t, said, 1)
	assert.Regexp(t, `^claudetest: between request 1 and 2 passed \S+, want 1h0m0s to 2h0m0s$`, said[0])

	for _, n := range []int{0, 3, -1} {
		transport.ExpectMessage(tb, n, hello)
		transport.ExpectHeader(tb, n, "a", "")
	}
	transport.ExpectGap(tb, 2, 0, 0)
	transport.ExpectGap(tb, 5, 0, 0)
	said = tb.said()
	require.Len(t, said, 8)
	for _, s := range said {
		assert.Regexp(t, `^claudetest: there is no request -?\d:`, s)
	}

	want.Messages = []claude.Message{claude.User(nil)}
	transport.ExpectMessage(tb, 1, want)
	said = tb.said()
	require.Len(t, said, 1)
	assert.Contains(t, said[0], "the expected request cannot be encoded")
}

func TestWhetherARequestIsStreamedMakesNoDifferenceToItsMessage(t *testing.T) {
	tb := new(fakeTB)
	transport := memory(t, claudetest.Text("a"))
	post(t, transport, askStream)
	transport.ExpectMessage(tb, 1, hello)
	assert.Empty(t, tb.said())
}
