package claude_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

func TestTheClassSaysWhetherAnAttemptIsMadeAgain(t *testing.T) {
	envelope := claudetest.Error
	for name, tc := range map[string]struct {
		step     claudetest.Step
		class    claude.Class
		attempts int
	}{
		"400":                        {envelope(400, "invalid_request_error", "x"), claude.ErrInvalidRequest, 1},
		"401, key unchanged":         {envelope(401, "authentication_error", "x"), claude.ErrAuthentication, 1},
		"403":                        {envelope(403, "permission_error", "x"), claude.ErrPermission, 1},
		"404":                        {envelope(404, "not_found_error", "x"), claude.ErrNotFound, 1},
		"408":                        {envelope(408, "x", "x"), claude.ErrRequestTimeout, 3},
		"409":                        {envelope(409, "conflict_error", "x"), claude.ErrConflict, 3},
		"429":                        {envelope(429, "rate_limit_error", "x"), claude.ErrRateLimit, 3},
		"500":                        {envelope(500, "api_error", "x"), claude.ErrInternal, 3},
		"502 page":                   {claudetest.GatewayPage(502), claude.ErrGateway, 3},
		"529":                        {claudetest.Overloaded(), claude.ErrOverloaded, 3},
		"529 in a 200":               {envelope(200, "overloaded_error", "Overloaded"), claude.ErrOverloaded, 3},
		"reset":                      {claudetest.Reset(), claude.ErrConnectionLost, 2},
		"cut":                        {claudetest.Text("x").CutAfter(claudetest.Bytes(20)), claude.ErrBodyCut, 2},
		"page in a 200":              {claudetest.Portal(), claude.ErrUnexpectedResponse, 1},
		"redirect":                   {claudetest.Raw(302, "").Header("Location", "https://x.example"), claude.ErrRedirect, 1},
		"x-should-retry forbids":     {claudetest.Overloaded().ShouldRetry(false), claude.ErrOverloaded, 1},
		"x-should-retry commands":    {envelope(400, "invalid_request_error", "x").ShouldRetry(true), claude.ErrInvalidRequest, 3},
		"spend limit in a 429":       {envelope(429, "rate_limit_error", "You have reached your API usage limits: x"), claude.ErrBilling, 1},
		"spend limit by code":        {claudetest.Raw(429, `{"type":"error","error":{"type":"rate_limit_error","message":"x","details":{"error_code":"enforced_spend_limit_reached"}}}`), claude.ErrBilling, 1},
		"ramp limit by code":         {claudetest.Raw(429, `{"type":"error","error":{"type":"rate_limit_error","message":"x","details":{"error_code":"ramp_limit_exceeded"}}}`), claude.ErrRateLimit, 3},
		"a wait longer than we make": {claudetest.RateLimited(61 * time.Second), claude.ErrRateLimit, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, script := newClient(t, nil, tc.step.Times(tc.attempts))
				_, err := client.Messages.Create(t.Context(), hello)
				require.ErrorIs(t, err, tc.class)
				assert.Equal(t, tc.class, claude.ClassOf(err))
				assert.Len(t, script.Requests(), tc.attempts)
				assert.Len(t, asCall(t, err).Attempts, tc.attempts)
			})
		})
	}
}

func TestRetryWaitsAsLongAsTheServerAsks(t *testing.T) {
	for name, tc := range map[string]struct {
		step claudetest.Step
		want time.Duration
	}{
		"seconds":           {claudetest.RateLimited(7 * time.Second), 7 * time.Second},
		"half seconds":      {claudetest.RateLimited(2500 * time.Millisecond), 2500 * time.Millisecond},
		"milliseconds":      {claudetest.RateLimited(50*time.Second).Header("Retry-After-Ms", "1500"), 1500 * time.Millisecond},
		"a date":            {claudetest.Overloaded().Header("Retry-After", "Sat, 01 Jan 2000 00:00:09 GMT"), 9 * time.Second},
		"an hour, allowed":  {claudetest.RateLimited(time.Hour), time.Hour},
		"the limit's reset": {claudetest.Error(429, "rate_limit_error", "x").Header("Anthropic-Ratelimit-Input-Tokens-Limit", "10").Header("Anthropic-Ratelimit-Input-Tokens-Remaining", "0").Header("Anthropic-Ratelimit-Input-Tokens-Reset", "2000-01-01T00:00:30Z"), 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the clock starts at 2000-01-01 00:00:00 UTC
				client, script := newClient(t, []claude.Option{claude.WithRetry(claude.RetryPolicy{MaxRetryAfter: time.Hour})}, tc.step, hi)
				_, err := client.Messages.Create(t.Context(), hello)
				require.NoError(t, err)
				requests := script.Requests()
				require.Len(t, requests, 2)
				waited := requests[1].At.Sub(requests[0].At)
				assert.GreaterOrEqual(t, waited, tc.want, "never earlier than asked")
				assert.LessOrEqual(t, waited, tc.want+max(250*time.Millisecond, tc.want/10))
			})
		})
	}
}

func TestAWaitBeyondTheDeadlineIsNotBegunAndHidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, nil, claudetest.RateLimited(30*time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		start := time.Now()
		_, err := client.Messages.Create(ctx, hello)
		e := asCall(t, err)
		assert.Equal(t, claude.ErrRateLimit, e.Class)
		assert.Equal(t, claude.ReasonDeadline, e.Reason)
		assert.Equal(t, start.Add(30*time.Second), e.RetryAt)
		assert.Zero(t, time.Since(start))
		api, ok := errors.AsType[*claude.APIError](err)
		require.True(t, ok)
		assert.Equal(t, 30*time.Second, api.RetryAfter)
	})
}

func TestALongShutDownAnswersAtOnceWithTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, nil, claudetest.RateLimited(3600*time.Second))
		start := time.Now()
		_, err := client.Messages.Create(t.Context(), hello)
		e := asCall(t, err)
		assert.Equal(t, claude.ReasonGate, e.Reason)
		assert.Equal(t, start.Add(time.Hour), e.RetryAt)
		assert.Zero(t, time.Since(start))
	})
}

func TestBackoffIsFullJitterWithinItsBounds(t *testing.T) {
	for name, tc := range map[string]struct {
		step   claudetest.Step
		policy claude.RetryPolicy
		bounds []time.Duration
	}{
		"ordinary": {claudetest.Error(500, "api_error", "x"), claude.RetryPolicy{MaxAttempts: 7}, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 8 * time.Second}},
		"overload": {claudetest.Overloaded(), claude.RetryPolicy{MaxAttempts: 8}, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second}},
		"own":      {claudetest.Error(500, "api_error", "x"), claude.RetryPolicy{MaxAttempts: 4, BaseDelay: time.Minute, MaxDelay: 90 * time.Second}, []time.Duration{time.Minute, 90 * time.Second, 90 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const calls = 300
				sums := make([]time.Duration, len(tc.bounds))
				for range calls {
					client, _ := newClient(t, []claude.Option{claude.WithRetry(tc.policy)}, tc.step.Times(len(tc.bounds)+1))
					_, err := client.Messages.Create(t.Context(), hello)
					attempts := asCall(t, err).Attempts
					require.Len(t, attempts, len(tc.bounds)+1)
					for i, bound := range tc.bounds {
						assert.LessOrEqual(t, attempts[i].Wait, bound)
						sums[i] += attempts[i].Wait
					}
				}
				for i, bound := range tc.bounds { // the mean of U(0, b) is b/2; 300 draws put 6 sigma at 10 %
					mean := sums[i] / calls
					assert.InEpsilon(t, float64(bound)/2, float64(mean), 0.2, "wait %d", i)
				}
			})
		})
	}
}

func TestAnAnswerIsFoundThroughTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, []claude.Option{claude.WithMaxAttempts(4)}, claudetest.Overloaded(), claudetest.RateLimited(time.Second), claudetest.Reset(), hi)
		resp, err := client.Messages.Create(t.Context(), hello)
		require.NoError(t, err)
		var classes []claude.Class
		for _, a := range resp.Attempts {
			classes = append(classes, a.Class)
		}
		assert.Equal(t, []claude.Class{claude.ErrOverloaded, claude.ErrRateLimit, claude.ErrConnectionLost, ""}, classes)
	})
}

func TestA401IsTriedOnceMoreOnlyWithAnotherKey(t *testing.T) {
	key := &rotating{}
	key.value.Store("sk-ant-api03-first-key")
	script := inMemory(t, claudetest.Error(401, "authentication_error", "invalid x-api-key").Times(3))
	client, err := claude.New(claude.WithCredential(key), claude.WithRoundTripper(roundTripper(func(r *http.Request) (*http.Response, error) {
		key.value.Store("sk-ant-api03-second-key") // rotated while the attempt was under way
		return script.RoundTrip(r)
	})))
	require.NoError(t, err)
	_, err = client.Messages.Create(t.Context(), hello)
	require.ErrorIs(t, err, claude.ErrAuthentication)
	requests := script.Requests()
	require.Len(t, requests, 2, "one more, not for ever")
	assert.Equal(t, "sk-ant-api03-first-key", requests[0].Header.Get("X-Api-Key"))
	assert.Equal(t, "sk-ant-api03-second-key", requests[1].Header.Get("X-Api-Key"))
	_, err = client.Messages.Create(t.Context(), hello)
	require.Error(t, err)
	assert.Len(t, script.Requests(), 3, "the key is the same now")
}

func TestTheCallersCancelIsPromptAtEveryPoint(t *testing.T) {
	for name, steps := range map[string][]claudetest.Step{
		"while waiting for an answer": {claudetest.SlowHeader(time.Hour)},
		"while waiting to retry":      {claudetest.RateLimited(time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := newClient(t, nil, steps...)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(5*time.Second, cancel)
				start := time.Now()
				_, err := client.Messages.Create(ctx, hello)
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, claude.ErrCanceled)
				assert.Equal(t, 5*time.Second, time.Since(start))
				if name == "while waiting to retry" {
					_, ok := errors.AsType[*claude.APIError](err)
					assert.True(t, ok, "the failure it was waiting after is kept")
				}
			})
		})
	}
}

func TestTimeoutsEndTheirPhase(t *testing.T) {
	for name, tc := range map[string]struct {
		timeouts claude.Timeouts
		step     claudetest.Step
		want     time.Duration
		attempts int
	}{
		"first byte, default":   {step: claudetest.SlowHeader(time.Hour), want: 240 * time.Second, attempts: 2},
		"first byte":            {timeouts: claude.Timeouts{FirstByte: 3 * time.Second}, step: claudetest.SlowHeader(time.Hour), want: 6 * time.Second, attempts: 2},
		"total":                 {timeouts: claude.Timeouts{Total: 5 * time.Second}, step: claudetest.SlowHeader(time.Hour), want: 5 * time.Second, attempts: 1},
		"first byte off, total": {timeouts: claude.Timeouts{FirstByte: claude.NoTimeout, Total: time.Minute}, step: claudetest.SlowHeader(time.Hour), want: time.Minute, attempts: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, script := newClient(t, []claude.Option{claude.WithTimeouts(tc.timeouts), claude.WithRetry(claude.RetryPolicy{BaseDelay: 1})}, tc.step.Times(tc.attempts))
				start := time.Now()
				_, err := client.Messages.Create(t.Context(), hello)
				require.ErrorIs(t, err, claude.ErrTimeout)
				require.ErrorIs(t, err, claude.ErrNetwork)
				assert.InDelta(t, float64(tc.want), float64(time.Since(start)), float64(time.Second))
				assert.Len(t, script.Requests(), tc.attempts)
			})
		})
	}
}

func TestRetriesCanBeSwitchedOff(t *testing.T) {
	client, script := newClient(t, []claude.Option{claude.WithRetry(claude.RetryPolicy{Off: true, MaxAttempts: 9})}, claudetest.Overloaded())
	_, err := client.Messages.Create(t.Context(), hello)
	require.ErrorIs(t, err, claude.ErrOverloaded)
	assert.Len(t, script.Requests(), 1)
}

func TestARawCallerMayPauseBetweenReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &http.Client{Transport: &claude.Transport{Base: inMemory(t), Timeouts: claude.Timeouts{StreamIdle: time.Second, Total: time.Hour}}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.anthropic.com/v1/models", nil)
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err)
		one := make([]byte, 1)
		for range 5 {
			<-time.After(time.Minute) // virtual: the caller thinks
			_, err = resp.Body.Read(one)
			require.NoError(t, err)
		}
		require.NoError(t, resp.Body.Close())
	})
}
