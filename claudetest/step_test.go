package claudetest_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// texts asks so often and returns the text of each answer, or its status.
func texts(t *testing.T, rt http.RoundTripper, n int, body string, headers ...string) (all []string) {
	t.Helper()
	for range n {
		a := post(t, rt, body, headers...)
		if a.Status != http.StatusOK {
			all = append(all, strconv.Itoa(a.Status))
			continue
		}
		all = append(all, a.json(t)["content"].([]any)[0].(object)["text"].(string))
	}
	return all
}

func TestStepsAreTakenInOrder(t *testing.T) {
	transport := memory(t, claudetest.Overloaded().Times(2), claudetest.Text("a"), claudetest.Text("b").Times(2), claudetest.Text("c").Always())
	assert.Equal(t, []string{"529", "529", "a", "b", "b", "c", "c"}, texts(t, transport, 7, plainBody))
}

func TestStepsCanBeAddedWhileTheScriptRuns(t *testing.T) {
	transport := memory(t, claudetest.Text("a"))
	assert.Equal(t, []string{"a"}, texts(t, transport, 1, plainBody))
	transport.Add(claudetest.Text("b"), claudetest.Text("c"))
	assert.Equal(t, []string{"b", "c"}, texts(t, transport, 2, plainBody))
}

func TestAStepMayBeForSomeRequestsOnly(t *testing.T) {
	transport := memory(t,
		claudetest.Text("opus").ForModel(claude.ModelOpus5_5).Always(),
		claudetest.Unauthorized().ForKey("sk-ant-wrong").Always(),
		claudetest.Internal().On("GET /v1/models"),
		claudetest.Overloaded().On("GET /v1/files/").Times(2),
		claudetest.Text("others").Times(3),
	)
	assert.Equal(t, []string{"others"}, texts(t, transport, 1, plainBody))
	assert.Equal(t, []string{"opus"}, texts(t, transport, 1, strings.ReplaceAll(plainBody, claude.ModelSonnet5_5, claude.ModelOpus5_5)))
	assert.Equal(t, []string{"401"}, texts(t, transport, 1, plainBody, "X-Api-Key", "sk-ant-wrong"))
	assert.Equal(t, []string{"401"}, texts(t, transport, 1, plainBody, "Authorization", "Bearer sk-ant-wrong"))
	assert.Equal(t, []string{"others"}, texts(t, transport, 1, plainBody, "X-Api-Key", "sk-ant-right"))
	assert.Equal(t, 500, ask(t, transport, http.MethodGet, origin+"/v1/models", "").Status)
	assert.Equal(t, 200, ask(t, transport, http.MethodGet, origin+"/v1/models", "").Status, "from here on by itself")
	assert.Equal(t, 529, ask(t, transport, http.MethodGet, origin+"/v1/files/file_1", "").Status)
	assert.Equal(t, 529, ask(t, transport, http.MethodGet, origin+"/v1/files/file_1/content", "").Status)
	assert.Equal(t, 200, ask(t, transport, http.MethodGet, origin+"/v1/files", "").Status, "what ends in / is not for the list")
	assert.Equal(t, 200, ask(t, transport, http.MethodPost, "https://gateway.example/anthropic/v1/messages", plainBody).Status, "a prefix of the path does not matter")
}

func TestStepsWaitAsTheyAreTold(t *testing.T) {
	long := claudetest.Text(strings.Repeat("word ", 40))
	for name, tc := range map[string]struct {
		step   claudetest.Step
		stream bool
		want   time.Duration
	}{
		"at once":                 {long, false, 0},
		"after":                   {long.After(7 * time.Second), false, 7 * time.Second},
		"slow header":             {claudetest.SlowHeader(time.Hour), true, time.Hour},
		"drip of sixteen parts":   {long.Drip(time.Second), false, 16 * time.Second},
		"drip of events":          {claudetest.Text("Hi").Drip(time.Second), true, 7 * time.Second}, // seven events
		"stall":                   {long.StallAfter(claudetest.Events(3), time.Minute), true, time.Minute},
		"stall in the middle":     {long.StallAfter(claudetest.Bytes(100), time.Minute), false, time.Minute},
		"stall at the very end":   {long.StallAfter(claudetest.Bytes(1e6), time.Minute), false, time.Minute},
		"stall and drip":          {claudetest.Text("Hi").Drip(time.Second).StallAfter(claudetest.Events(2), time.Minute), true, 67 * time.Second},
		"error, dripping":         {claudetest.Overloaded().Drip(time.Second), false, 16 * time.Second},
		"chosen by one that does": {claudetest.Cycle(long).After(3 * time.Second).Drip(time.Second), false, 19 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body := plainBody
				if tc.stream {
					body = askStream
				}
				start := time.Now()
				a := post(t, roundTrip(func(r *http.Request) (*http.Response, error) {
					return memory(t, tc.step).RoundTrip(r.WithContext(t.Context())) // without the minute's limit
				}), body)
				require.NoError(t, a.Err)
				assert.Equal(t, tc.want, time.Since(start))
			})
		})
	}
}

func TestWhatNeverComesEndsWithTheCaller(t *testing.T) {
	for name, tc := range map[string]struct {
		step    claudetest.Step
		answers bool
	}{
		"no answer":         {claudetest.NoAnswer(), false},
		"after for ever":    {claudetest.Overloaded().After(claudetest.Forever), false},
		"stall for ever":    {claudetest.Text("Hi").StallAfter(claudetest.Events(3), claudetest.Forever), true},
		"stall, and a drip": {claudetest.Text("Hi").Drip(time.Second).StallAfter(claudetest.Events(3), claudetest.Forever), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				a := post(t, memory(t, tc.step), askStream) // waits a minute
				require.Error(t, a.Err)
				assert.Equal(t, tc.answers, a.Status == http.StatusOK)
				assert.Equal(t, time.Minute, time.Since(start))
			})
		})
	}
}

func TestAConnectionMayBreakAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := memory(t, claudetest.Reset().After(5*time.Second), claudetest.Hangup().After(7*time.Second))
		start := time.Now()
		require.ErrorIs(t, post(t, transport, plainBody).Err, syscall.ECONNRESET)
		assert.Equal(t, 5*time.Second, time.Since(start))
		require.ErrorIs(t, post(t, transport, plainBody).Err, io.EOF)
		assert.Equal(t, 12*time.Second, time.Since(start))
	})
	server := claudetest.NewServer(t, claudetest.Reset().After(10*time.Millisecond))
	start := time.Now()
	require.Error(t, ask(t, realTransport(t), http.MethodPost, server.URL+"/v1/messages", plainBody).Err)
	assert.GreaterOrEqual(t, time.Since(start), 10*time.Millisecond)
}

func TestHeadersAreSetAndRemoved(t *testing.T) {
	a := post(t, memory(t, claudetest.Text("Hi").Header("x-added", "1").Header("request-id", "").Header("content-type", "application/problem+json")), plainBody)
	assert.Equal(t, "1", a.Header.Get("X-Added"))
	assert.NotContains(t, a.Header, "Request-Id")
	assert.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
	step := claudetest.Text("Hi")
	_ = step.Header("x-added", "1")
	assert.NotContains(t, post(t, memory(t, step), plainBody).Header, "X-Added", "a method changes a copy")
}

func TestEveryFormOfRetryAfterIsHonoured(t *testing.T) {
	limited := claudetest.RateLimited(0).Header("Retry-After", "")
	for name, tc := range map[string]struct {
		step   claudetest.Step
		header string
		value  string // "" where it depends on the time
		wait   time.Duration
	}{
		"by the step itself":      {claudetest.RateLimited(20 * time.Second), "Retry-After", "20", 20 * time.Second},
		"whole seconds":           {limited.RetryAfter(20 * time.Second), "Retry-After", "20", 20 * time.Second},
		"broken seconds":          {limited.RetryAfter(1500 * time.Millisecond), "Retry-After", "1.5", 1500 * time.Millisecond},
		"milliseconds":            {limited.RetryAfterMs(1250 * time.Millisecond), "Retry-After-Ms", "1250", 1250 * time.Millisecond},
		"milliseconds go first":   {claudetest.RateLimited(20 * time.Second).RetryAfterMs(time.Second), "Retry-After-Ms", "1000", time.Second},
		"date":                    {limited.RetryAfterDate(20 * time.Second), "Retry-After", "", 20 * time.Second},
		"date of a slow answer":   {limited.RetryAfterDate(20 * time.Second).After(time.Minute), "Retry-After", "", 80 * time.Second},
		"reset of a limit":        {limited.ResetsAfter(20 * time.Second), "Anthropic-Ratelimit-Input-Tokens-Reset", "", 20 * time.Second},
		"on an overloaded answer": {claudetest.Overloaded().RetryAfter(9 * time.Second), "Retry-After", "9", 9 * time.Second},
		"on one that is chosen":   {claudetest.Cycle(claudetest.Overloaded()).RetryAfterDate(9 * time.Second).Times(1), "Retry-After", "", 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := post(t, roundTrip(memory(t, tc.step).RoundTrip), plainBody)
				if tc.value != "" {
					assert.Equal(t, tc.value, a.Header.Get(tc.header))
				}
				assert.NotEmpty(t, a.Header.Get(tc.header))
				transport := memory(t, tc.step, claudetest.Text("Hi"))
				start := time.Now()
				_, err := newClient(t, claude.WithRoundTripper(transport)).Messages.Create(t.Context(), hello)
				require.NoError(t, err)
				assert.GreaterOrEqual(t, time.Since(start), tc.wait)
				assert.LessOrEqual(t, time.Since(start), tc.wait+max(250*time.Millisecond, tc.wait/10)+time.Second)
			})
		})
	}
}

func TestShouldRetryOverrulesTheStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := memory(t, claudetest.Overloaded().ShouldRetry(false))
		_, err := newClient(t, claude.WithRoundTripper(transport)).Messages.Create(t.Context(), hello)
		require.ErrorIs(t, err, claude.ErrOverloaded)
		transport.ExpectRequests(t, 1)

		transport = memory(t, claudetest.InvalidRequest("no").ShouldRetry(true), claudetest.Text("Hi"))
		_, err = newClient(t, claude.WithRoundTripper(transport)).Messages.Create(t.Context(), hello)
		require.NoError(t, err)
	})
}

func TestAStepSaysWhatItIs(t *testing.T) {
	for want, step := range map[string]claudetest.Step{
		"text":                            claudetest.Text("secret prompt"),
		"529 overloaded_error, 3 times":   claudetest.Overloaded().Times(3),
		"text for m, always":              claudetest.Text("").ForModel("m").Always(),
		"500 api_error on GET /v1/models": claudetest.Internal().On("GET /v1/models"),
		"raw 418":                         claudetest.Raw(418, ""),
		"choice, always":                  claudetest.Choose(nil),
		"text within a capacity, always":  claudetest.Limited(claudetest.Capacity{}, claudetest.Text("")),
		"reset with probability 0.5, else text, always": claudetest.Chance(0.5, 1, claudetest.Reset(), claudetest.Text("")),
	} {
		assert.Equal(t, want, step.String())
	}
	assert.NotContains(t, claudetest.Text("").ForKey("sk-ant-secret").String(), "secret")
}

func TestOneStepMayHaveSeveralFaults(t *testing.T) {
	step := claudetest.Text("the quick brown fox jumps over the lazy dog").
		PingAfter(claudetest.Events(2)).InsertAfter(claudetest.Bytes(0), ": keep-alive\n\n").FailAfter(claudetest.Events(7), "overloaded_error", "Overloaded")
	a := post(t, memory(t, step), askStream)
	require.NoError(t, a.Err)
	assert.True(t, strings.HasPrefix(a.Body, ": keep-alive\n\nevent: message_start\n"))
	assert.Equal(t, 2, strings.Count(a.Body, "event: ping\n"))
	assert.True(t, strings.HasSuffix(a.Body, "\n\n"))
	assert.Contains(t, a.Body[strings.LastIndex(a.Body, "event: "):], `"type":"overloaded_error"`)
	assert.Contains(t, a.Body, "req_000001", "the error names its request")
	assert.NotContains(t, a.Body, "message_stop")
}

func TestFaultsOfEventsLeaveAWholeAnswerAlone(t *testing.T) {
	at := claudetest.Events(3)
	for _, step := range []claudetest.Step{
		claudetest.Text("Hi").FailAfter(at, "overloaded_error", "Overloaded"), claudetest.Text("Hi").GarbageAfter(at),
		claudetest.Text("Hi").PingAfter(at), claudetest.Text("Hi").HugeEventAfter(at, 1000),
	} {
		assert.Equal(t, []string{"Hi"}, texts(t, memory(t, step), 1, plainBody))
	}
}
