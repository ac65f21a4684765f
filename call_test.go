package claude_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

func TestEveryDecisionAboutACallIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []claude.Decision
		client, _ := newClient(t, []claude.Option{claude.WithObserver(claude.Observer{
			Decision: func(_ context.Context, c claude.CallInfo, d claude.Decision) {
				assert.Equal(t, "messages.create", c.Op)
				seen = append(seen, d)
			},
		})}, claudetest.Overloaded(), claudetest.RateLimited(2*time.Second), hi)
		resp, err := client.Messages.Create(t.Context(), hello)
		require.NoError(t, err)
		assert.Equal(t, []string{
			"breaker admit closed", "attempt failure overloaded", "retry again backoff",
			"breaker admit closed", "attempt failure rate_limit", "retry again retry-after",
			"breaker admit closed", "attempt success",
		}, trail(resp.Trail))
		assert.Equal(t, resp.Trail, seen)
		assert.InDelta(t, 95, resp.Trail[2].Budget, 0.01, "a refused attempt costs 5 of 100")
		assert.Positive(t, resp.Trail[5].Wait)
		assert.Contains(t, resp.Trail[5].String(), "retry again (retry-after), wait 2")

		client, _ = newClient(t, nil, claudetest.Error(400, "invalid_request_error", "no"))
		_, err = client.Messages.Create(t.Context(), hello)
		assert.Equal(t, []string{"breaker admit closed", "attempt failure invalid_request", "retry stop final"}, trail(asCall(t, err).Trail))
	})
}

func TestCallsShareTheWaitThatTheServerAsksFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, script := newClient(t, nil, claudetest.RateLimited(5*time.Second), hi.Times(20))
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				_, err := client.Messages.Create(t.Context(), hello)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		requests := script.Requests()
		require.Len(t, requests, 21)
		for _, r := range requests[1:] {
			assert.GreaterOrEqual(t, r.At.Sub(start), 5*time.Second, "nobody asks while the wait is known")
		}
	})
}

func TestAWaitThatIsTooLongAnswersTheOthersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, script := newClient(t, nil, claudetest.RateLimited(2*time.Hour), hi.Times(2))
		start := time.Now()
		_, err := client.Messages.Create(t.Context(), hello)
		require.ErrorIs(t, err, claude.ErrRateLimit)
		time.Sleep(50 * time.Minute)
		_, err = client.Messages.Create(t.Context(), hello)
		e := asCall(t, err)
		assert.Equal(t, claude.ErrRateLimit, e.Class)
		assert.Equal(t, claude.ReasonGate, e.Reason)
		assert.Equal(t, start.Add(2*time.Hour), e.RetryAt)
		assert.Equal(t, claude.NotSent, e.Processed)
		assert.Empty(t, e.Attempts)
		api, ok := errors.AsType[*claude.APIError](err)
		require.True(t, ok, "it carries the error that shut the gate")
		assert.Equal(t, "req_000001", api.RequestID)
		assert.Equal(t, []string{"gate refuse gate"}, trail(e.Trail))
		assert.Len(t, script.Requests(), 1)
		health := client.Health()
		require.Len(t, health.Targets, 1)
		assert.Equal(t, start.Add(time.Hour), health.Targets[0].GateUntil, "then one asks again")

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		time.Sleep(10*time.Minute - 30*time.Second)
		_, err = client.Messages.Create(ctx, hello)
		assert.Equal(t, claude.ReasonDeadline, asCall(t, err).Reason, "half a minute is more than the caller has")
		_, err = client.Messages.Create(t.Context(), hello, claude.WithRetry(claude.RetryPolicy{Gate: claude.GatePolicy{Off: true}}))
		require.NoError(t, err, "the gate can be passed by")
		_, err = client.Messages.Create(t.Context(), hello)
		require.NoError(t, err, "and opens in time")
	})
}

func TestTheGateBelongsToACredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := inMemory(t, claudetest.RateLimited(time.Hour), hi)
		transport := &claude.Transport{Base: script}
		client := func(key string) *claude.Client {
			c, err := claude.New(claude.WithAPIKey(key), claude.WithTransport(transport))
			require.NoError(t, err)
			return c
		}
		_, err := client("sk-ant-first").Messages.Create(t.Context(), hello)
		require.ErrorIs(t, err, claude.ErrRateLimit)
		_, err = client("sk-ant-second").Messages.Create(t.Context(), hello)
		require.NoError(t, err)
		_, err = client("sk-ant-first").Messages.Create(t.Context(), hello)
		require.ErrorIs(t, err, claude.ErrRateLimit, "a second client with the same key knows")
		assert.Len(t, script.Requests(), 2)
	})
}

func TestAnOutageIsNotMadeWorse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []claude.StateChange
		client, script := newClient(t, []claude.Option{claude.WithObserver(claude.Observer{
			StateChange: func(_ context.Context, c claude.StateChange) { changes = append(changes, c) },
		})}, claudetest.Overloaded().Always())
		for range 100 {
			_, err := client.Messages.Create(t.Context(), hello)
			require.Error(t, err)
			if errors.Is(err, claude.ErrCircuitOpen) {
				break
			}
		}
		before := len(script.Requests())
		assert.LessOrEqual(t, before, 31)
		start := time.Now()
		_, err := client.Messages.Create(t.Context(), hello)
		e := asCall(t, err)
		assert.Equal(t, claude.ErrCircuitOpen, e.Class)
		assert.Equal(t, claude.ReasonCircuit, e.Reason)
		assert.Equal(t, claude.NotSent, e.Processed)
		assert.Zero(t, time.Since(start))
		open, ok := errors.AsType[*claude.CircuitOpenError](err)
		require.True(t, ok)
		assert.Equal(t, open.RetryAt, e.RetryAt)
		assert.Equal(t, claude.ErrOverloaded, open.Last)
		assert.Contains(t, err.Error(), "do not call again before", "a model that reads it must not try again")
		assert.Len(t, script.Requests(), before)
		assert.NotErrorIs(t, err, claude.ErrNetwork)
		assert.Equal(t, claude.BreakerOpen, changes[0].To)

		target := client.Health().Targets[0]
		assert.Equal(t, claude.BreakerOpen, target.Breaker)
		assert.Equal(t, claude.ErrOverloaded, target.LastFailure.Class)
		assert.Contains(t, target.LastFailure.Message, "529")
		assert.Zero(t, target.InFlight)
		assert.Equal(t, uint64(before), target.Attempts)
		assert.Less(t, target.Budget, 80.0)

		other := hello
		other.Model = claude.ModelHaiku5_5
		_, err = client.Messages.Create(t.Context(), other)
		require.ErrorIs(t, err, claude.ErrOverloaded, "another model is another target")
	})
}

func TestARetryThatTheBreakerWouldRefuseKeepsTheRealError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, script := newClient(t, []claude.Option{claude.WithBreaker(claude.BreakerPolicy{Run: 2, OpenFor: time.Minute, OpenMax: time.Minute})}, claudetest.Error(500, "api_error", "broken").Times(2))
		_, err := client.Messages.Create(t.Context(), hello)
		e := asCall(t, err)
		assert.Equal(t, claude.ErrInternal, e.Class)
		assert.Equal(t, claude.ReasonCircuit, e.Reason)
		assert.WithinDuration(t, time.Now().Add(time.Minute), e.RetryAt, 13*time.Second)
		assert.Len(t, script.Requests(), 2)
	})
}

func TestRetriesStopWhenTheBudgetIsUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := claude.RetryPolicy{Budget: claude.BudgetPolicy{Units: 25}}
		client, script := newClient(t, []claude.Option{claude.WithRetry(budget), claude.WithBreaker(claude.BreakerPolicy{Off: true})}, claudetest.Error(500, "api_error", "broken").Times(7))
		_, err := client.Messages.Create(t.Context(), hello)
		assert.Equal(t, claude.ReasonAttempts, asCall(t, err).Reason)
		_, err = client.Messages.Create(t.Context(), hello)
		e := asCall(t, err)
		assert.Equal(t, claude.ReasonBudget, e.Reason)
		assert.Equal(t, claude.ErrInternal, e.Class)
		assert.Len(t, script.Requests(), 4)
		assert.Equal(t, "retry stop budget", trail(e.Trail)[len(e.Trail)-1])
		_, err = client.Messages.Create(t.Context(), hello, claude.WithRetry(claude.RetryPolicy{Budget: claude.BudgetPolicy{Off: true}}))
		assert.Equal(t, claude.ReasonAttempts, asCall(t, err).Reason, "it can be switched off")
	})
}

func TestARetryThatSucceedsIsRefunded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := make([]claudetest.Step, 0, 100)
		for range 50 {
			steps = append(steps, claudetest.Error(500, "api_error", "x").RetryAfter(0), hi)
		}
		client, script := newClient(t, nil, steps...)
		for range 50 {
			_, err := client.Messages.Create(t.Context(), hello)
			require.NoError(t, err)
		}
		assert.Len(t, script.Requests(), 100, "every second attempt fails, and every call succeeds")
	})
}

func TestACallThatIsCanceledLeavesNothingBehindWhereverItIs(t *testing.T) {
	for name, tc := range map[string]struct {
		steps  []claudetest.Step
		cancel time.Duration
	}{
		"before it begins":      {nil, 0},
		"in an attempt":         {[]claudetest.Step{claudetest.SlowHeader(time.Hour)}, time.Second},
		"in a wait for a retry": {[]claudetest.Step{claudetest.RateLimited(30 * time.Second)}, time.Second},
		"at the gate":           {[]claudetest.Step{claudetest.RateLimited(30 * time.Second)}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := newClient(t, nil, tc.steps...)
				if name == "at the gate" {
					_, err := client.Messages.Create(t.Context(), hello, claude.WithMaxAttempts(1))
					require.ErrorIs(t, err, claude.ErrRateLimit)
				}
				ctx, cancel := context.WithCancel(t.Context())
				if tc.cancel == 0 {
					cancel()
				}
				time.AfterFunc(tc.cancel, cancel)
				start := time.Now()
				_, err := client.Messages.Create(ctx, hello)
				e := asCall(t, err)
				assert.Equal(t, claude.ErrCanceled, e.Class)
				require.ErrorIs(t, err, context.Canceled)
				assert.Equal(t, tc.cancel, time.Since(start), "promptly")
				target := client.Health().Targets[0]
				assert.Zero(t, target.InFlight)
				assert.Zero(t, target.Failures, "the user's cancel says nothing of the target (P45)")
				assert.Zero(t, target.Successes)
			})
		})
	}
}

func TestACanceledProbeFreesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := []claudetest.Step{claudetest.Overloaded().Times(2), claudetest.SlowHeader(time.Hour), hi.Times(2)}
		client, _ := newClient(t, []claude.Option{claude.WithMaxAttempts(1), claude.WithBreaker(claude.BreakerPolicy{Run: 2})}, steps...)
		for range 2 {
			_, err := client.Messages.Create(t.Context(), hello)
			require.ErrorIs(t, err, claude.ErrOverloaded)
		}
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.Messages.Create(ctx, hello)
		require.ErrorIs(t, err, claude.ErrDeadline)
		assert.Equal(t, claude.BreakerProbing, client.Health().Targets[0].Breaker)
		for range 2 {
			_, err = client.Messages.Create(t.Context(), hello)
			require.NoError(t, err)
		}
		assert.Equal(t, claude.BreakerClosed, client.Health().Targets[0].Breaker)
	})
}

func TestAPanicOfTheBaseFreesWhatTheCallHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		script := inMemory(t, claudetest.Overloaded().Times(2), hi)
		client, err := claude.New(claude.WithAPIKey(testKey), claude.WithMaxAttempts(1), claude.WithBreaker(claude.BreakerPolicy{Run: 2}),
			claude.WithRoundTripper(roundTripper(func(r *http.Request) (*http.Response, error) {
				if len(script.Requests()) == 2 && broken {
					broken = false
					panic("a bug of the user's")
				}
				return script.RoundTrip(r)
			})))
		require.NoError(t, err)
		for range 2 {
			_, err := client.Messages.Create(t.Context(), hello)
			require.Error(t, err)
		}
		time.Sleep(5 * time.Second)
		require.Panics(t, func() { _, _ = client.Messages.Create(t.Context(), hello) })
		_, err = client.Messages.Create(t.Context(), hello)
		require.NoError(t, err, "the probe's place was freed")
		assert.Zero(t, client.Health().Targets[0].InFlight)
	})
}

// chaos fails at random, in every way there is in memory.
func chaos() claudetest.Step {
	steps := append(
		slices.Repeat([]claudetest.Step{hi}, 9),
		claudetest.Overloaded(),
		claudetest.RateLimited(time.Second),
		claudetest.Reset(),
		claudetest.GatewayPage(502),
		claudetest.Error(400, "invalid_request_error", "x"),
		claudetest.Text("x").CutAfter(claudetest.Bytes(20)),
		claudetest.Portal(),
	)
	return claudetest.Choose(func(r *claudetest.Request) claudetest.Step {
		if r.Number%17 == 0 {
			return claudetest.SlowHeader(time.Hour)
		}
		return steps[r.Number%len(steps)].After(time.Duration(rand.IntN(3000)) * time.Millisecond)
	})
}

func TestTenThousandCallsInTroubleLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails when a goroutine is left
		transport := &claude.Transport{Base: claudetest.NewTransport(chaos()), Timeouts: claude.Timeouts{FirstByte: 5 * time.Second}}
		client, err := claude.New(claude.WithAPIKey(testKey), claude.WithTransport(transport))
		require.NoError(t, err)
		raw := &http.Client{Transport: transport}
		var wg sync.WaitGroup
		var succeeded atomic.Int64
		for i := range 10_000 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 3 * time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+rand.IntN(20))*time.Second)
				defer cancel()
				if i%5 == 0 {
					req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.anthropic.com/v1/messages", strings.NewReader(`{"model":"claude-sonnet-5-5"}`))
					assert.NoError(t, err)
					if resp, err := raw.Do(req); err == nil {
						_, _ = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
					}
					return
				}
				_, err := client.Messages.Create(ctx, hello)
				if err == nil {
					succeeded.Add(1)
				} else {
					assert.NotEqual(t, claude.ErrUnknown, claude.ClassOf(err), "%v", err)
				}
			})
		}
		wg.Wait()
		assert.Greater(t, succeeded.Load(), int64(1000), "of 8,000, of which the half has less time than the trouble takes")
		for _, target := range client.Health().Targets {
			assert.Zero(t, target.InFlight)
		}
		time.Sleep(time.Hour)
		for range 50 { // no place of a probe was lost
			_, _ = client.Messages.Create(t.Context(), hello)
			time.Sleep(10 * time.Second)
		}
		assert.Equal(t, claude.BreakerClosed, client.Health().Targets[0].Breaker)
	})
}

func TestTargetsAreBoundedInNumber(t *testing.T) {
	transport := &claude.Transport{Base: inMemory(t, hi.Times(1100))}
	raw := &http.Client{Transport: transport}
	for i := range 1100 {
		resp, err := raw.Post("https://api.anthropic.com/v1/messages", "application/json", strings.NewReader(fmt.Sprintf(`{"model":"model-%d"}`, i)))
		require.NoError(t, err)
		_ = resp.Body.Close()
	}
	assert.Len(t, transport.Health().Targets, 1024)
}

func TestTheRealErrorIsKeptWhateverEndsTheNextAttempt(t *testing.T) {
	for name, tc := range map[string]struct {
		timeouts claude.Timeouts
		deadline time.Duration
		class    claude.Class
	}{
		"the caller's deadline": {deadline: 20 * time.Second, class: claude.ErrDeadline},
		"our own Total":         {timeouts: claude.Timeouts{Total: 20 * time.Second}, deadline: time.Hour, class: claude.ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := newClient(t, []claude.Option{claude.WithTimeouts(tc.timeouts)}, claudetest.Overloaded(), claudetest.SlowHeader(time.Hour))
				ctx, cancel := context.WithTimeout(t.Context(), tc.deadline)
				defer cancel()
				_, err := client.Messages.Create(ctx, hello)
				assert.Equal(t, tc.class, claude.ClassOf(err))
				api, ok := errors.AsType[*claude.APIError](err)
				require.True(t, ok, "%v", err)
				assert.Equal(t, 529, api.Status)
			})
		})
	}
}

func TestTheCallersImpatienceSaysNothingOfTheTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, nil, hi.After(30*time.Second).Times(41))
		for range 40 {
			_, err := client.Messages.Create(t.Context(), hello, claude.WithTimeouts(claude.Timeouts{Total: time.Second}))
			require.ErrorIs(t, err, claude.ErrTimeout)
		}
		assert.Equal(t, claude.BreakerClosed, client.Health().Targets[0].Breaker)
		_, err := client.Messages.Create(t.Context(), hello)
		require.NoError(t, err)
	})
}

func TestALimitOfCountingIsNoneOfAnswering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, nil, claudetest.RateLimited(time.Hour).On("POST /v1/messages/count_tokens"), hi)
		_, err := client.Messages.CountTokens(t.Context(), hello)
		require.ErrorIs(t, err, claude.ErrRateLimit)
		_, err = client.Messages.CountTokens(t.Context(), hello)
		require.ErrorIs(t, err, claude.ErrRateLimit)
		_, err = client.Messages.Create(t.Context(), hello)
		require.NoError(t, err)
	})
}

func TestClientsWhoseCredentialsChangeDoNotShareAGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &claude.Transport{Base: inMemory(t, claudetest.RateLimited(time.Hour), hi)}
		for i := range 2 {
			key := &rotating{}
			key.value.Store(fmt.Sprintf("sk-ant-of-organisation-%d", i))
			client, err := claude.New(claude.WithCredential(key), claude.WithTransport(transport))
			require.NoError(t, err)
			_, err = client.Messages.Create(t.Context(), hello)
			assert.Equal(t, i == 1, err == nil, "%v", err)
		}
	})
}

func TestABudgetForOneCallIsNobodyElses(t *testing.T) {
	client, _ := newClient(t, nil, hi)
	_, err := client.Messages.Create(t.Context(), hello, claude.WithRetry(claude.RetryPolicy{Budget: claude.BudgetPolicy{Units: 1}}))
	require.NoError(t, err)
	assert.InDelta(t, 100, client.Health().Targets[0].Budget, 0)
}

func TestAHookThatPanicsFreesTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := false
		client, _ := newClient(t, []claude.Option{
			claude.WithMaxAttempts(1), claude.WithBreaker(claude.BreakerPolicy{Run: 1}),
			claude.WithObserver(claude.Observer{Decision: func(_ context.Context, _ claude.CallInfo, d claude.Decision) {
				if d.Action == claude.ActionAdmit && broken {
					broken = false
					panic("a bug of the user's")
				}
			}}),
		}, claudetest.Overloaded(), hi)
		_, err := client.Messages.Create(t.Context(), hello)
		require.Error(t, err)
		time.Sleep(5 * time.Second)
		broken = true
		require.Panics(t, func() { _, _ = client.Messages.Create(t.Context(), hello) })
		_, err = client.Messages.Create(t.Context(), hello)
		require.NoError(t, err)
	})
}

func TestEverybodyAtATransportIsToldOfItsBreakers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make([]int, 2)
		transport := &claude.Transport{Base: inMemory(t, claudetest.Overloaded().Times(3)), Breaker: claude.BreakerPolicy{Run: 3}}
		var clients []*claude.Client
		for i := range told {
			client, err := claude.New(claude.WithAPIKey(testKey), claude.WithTransport(transport), claude.WithObserver(claude.Observer{
				StateChange: func(context.Context, claude.StateChange) { told[i]++ },
			}))
			require.NoError(t, err)
			clients = append(clients, client)
		}
		_, err := clients[0].Messages.Create(t.Context(), hello)
		require.Error(t, err)
		assert.Equal(t, []int{1, 1}, told)
	})
}

func TestAFaultOfTheProgramIsNotTheTargets(t *testing.T) {
	for name, tc := range map[string]struct {
		base  http.RoundTripper
		class claude.Class
	}{
		"a scheme nobody speaks":  {&http.Transport{}, claude.ErrConfig},
		"a base with a complaint": {roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("signer: no credentials") }), claude.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			transport := &claude.Transport{Base: tc.base}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "gopher://api.example.com/v1/messages", strings.NewReader(`{"model":"m"}`))
			require.NoError(t, err)
			_, err = transport.RoundTrip(req) //nolint:bodyclose // there is none
			assert.Equal(t, tc.class, claude.ClassOf(err))
			assert.Len(t, asCall(t, err).Attempts, 1)
			assert.Zero(t, transport.Health().Targets[0].Failures)
		})
	}
}

func TestModelsOfRawCallsDoNotKeepTheirBodies(t *testing.T) {
	transport := &claude.Transport{Base: instant{hiBody}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 8 {
		body := fmt.Sprintf(`{"model":"model-%d","padding":%q}`, i, strings.Repeat("x", 4<<20))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.anthropic.com/v1/messages", strings.NewReader(body))
		require.NoError(t, err)
		resp, err := transport.RoundTrip(req)
		require.NoError(t, err)
		_ = resp.Body.Close()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(8<<20))
	assert.Len(t, transport.Health().Targets, 8)
}
