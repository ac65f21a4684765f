package claude_test

import (
	"context"
	"net/http"
	"slices"
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

// timedCall is how a call went.
type timedCall struct {
	took  time.Duration
	err   error
	trail []claude.Decision // of one that succeeded
}

// afterAnOutage trips a breaker, waits until it would let a probe through, and makes
// calls from then on, each at its time. The steps are what the server answers then.
func afterAnOutage(t *testing.T, policy claude.BreakerPolicy, at []time.Duration, steps ...claudetest.Step) (calls []timedCall, requests int) {
	t.Helper()
	policy.Run = 2
	steps = append([]claudetest.Step{claudetest.Overloaded().Times(2)}, steps...)
	client, script := newClient(t, []claude.Option{claude.WithMaxAttempts(1), claude.WithBreaker(policy)}, steps...)
	for range 2 {
		_, err := client.Messages.Create(t.Context(), hello)
		require.ErrorIs(t, err, claude.ErrOverloaded)
	}
	time.Sleep(5 * time.Second)
	calls = make([]timedCall, len(at))
	var all sync.WaitGroup
	for i, wait := range at {
		all.Go(func() {
			time.Sleep(wait)
			start := time.Now()
			resp, err := client.Messages.Create(t.Context(), hello)
			calls[i] = timedCall{took: time.Since(start), err: err}
			if err == nil {
				calls[i].trail = resp.Trail
			}
		})
	}
	all.Wait()
	return calls, len(script.Requests()) - 2
}

const second = time.Second

// Nobody is refused who only has to wait for what a probe says: the first one's
// success makes a waiting call the second probe, and that one's lets all go.
func TestCallsThatComeDuringAProbeWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, requests := afterAnOutage(t, claude.BreakerPolicy{}, []time.Duration{0, second / 2, second / 2, second / 2},
			claudetest.SlowHeader(second), claudetest.SlowHeader(second), hi.Times(2))
		for _, c := range calls {
			require.NoError(t, c.err)
		}
		assert.Equal(t, second, calls[0].took, "the first probe")
		took := []time.Duration{calls[1].took, calls[2].took, calls[3].took}
		slices.Sort(took)
		assert.Equal(t, 3*second/2, took[0], "half a second for the first probe; then one is the second")
		for _, d := range took[1:] {
			assert.InDelta(t, 3*second/2+125*time.Millisecond, d, float64(125*time.Millisecond), "the others go with its end, not all at once")
		}
		assert.NotEqual(t, took[1], took[2])
		assert.Equal(t, 4, requests)
		assert.Equal(t, "breaker wait probing", trail(calls[1].trail)[0])
	})
}

func TestAProbeThatFailsEndsTheWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, requests := afterAnOutage(t, claude.BreakerPolicy{}, []time.Duration{0, second / 2}, claudetest.Overloaded().After(second))
		require.ErrorIs(t, calls[0].err, claude.ErrOverloaded)
		require.ErrorIs(t, calls[1].err, claude.ErrCircuitOpen)
		assert.Equal(t, second/2, calls[1].took, "at once")
		e := asCall(t, calls[1].err)
		assert.WithinDuration(t, time.Now().Add(4*second), e.RetryAt, second, "it is open again")
		assert.Equal(t, []string{"breaker wait probing", "breaker refuse open"}, trail(e.Trail))
		assert.Equal(t, 1, requests)
	})
}

// A target that takes requests and never answers must not keep every call waiting.
func TestAnOldProbeIsNotWaitedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		policy claude.BreakerPolicy
		at     time.Duration // after the probe began
		waits  time.Duration
	}{
		"a young probe":         {at: second, waits: 3 * second},
		"a probe of nearly 4 s": {at: 3900 * time.Millisecond, waits: 100 * time.Millisecond},
		"a probe of 4 s":        {at: 4 * second},
		"a shorter wait":        {policy: claude.BreakerPolicy{ProbeWait: 2 * second}, at: second, waits: second},
		"no wait":               {policy: claude.BreakerPolicy{ProbeWait: claude.NoTimeout}, at: second / 1000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls, _ := afterAnOutage(t, tc.policy, []time.Duration{0, tc.at}, claudetest.NoAnswer())
				require.ErrorIs(t, calls[0].err, claude.ErrTimeout)
				require.ErrorIs(t, calls[1].err, claude.ErrCircuitOpen)
				assert.Equal(t, tc.waits, calls[1].took)
			})
		})
	}
}

func TestACallThatWaitsIsTheNextProbeWhenTheLeaseIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, requests := afterAnOutage(t, claude.BreakerPolicy{ProbeWait: time.Hour, ProbeLease: 10 * second}, []time.Duration{0, second}, claudetest.NoAnswer(), hi)
		require.ErrorIs(t, calls[0].err, claude.ErrTimeout)
		require.NoError(t, calls[1].err)
		assert.Equal(t, 9*second, calls[1].took)
		assert.Equal(t, 2, requests)
	})
}

func TestACallerWhoLeavesDuringAProbeIsToldOfBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, []claude.Option{claude.WithMaxAttempts(1), claude.WithBreaker(claude.BreakerPolicy{Run: 2})},
			claudetest.Overloaded().Times(2), claudetest.SlowHeader(3*second))
		for range 2 {
			_, err := client.Messages.Create(t.Context(), hello)
			require.ErrorIs(t, err, claude.ErrOverloaded)
		}
		time.Sleep(5 * second)
		var probe sync.WaitGroup
		var answered error
		probe.Go(func() { _, answered = client.Messages.Create(t.Context(), hello) })
		synctest.Wait()

		short, cancel := context.WithTimeout(t.Context(), second)
		defer cancel()
		start := time.Now()
		_, err := client.Messages.Create(short, hello)
		e := asCall(t, err)
		assert.Zero(t, time.Since(start), "no call sleeps up to its deadline")
		assert.Equal(t, claude.ErrCircuitOpen, e.Class)
		assert.False(t, e.RetryAt.IsZero())

		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(second, leave)
		_, err = client.Messages.Create(ctx, hello)
		e = asCall(t, err)
		assert.Equal(t, second, time.Since(start))
		assert.Equal(t, claude.ErrCanceled, e.Class)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, claude.ErrCircuitOpen)
		assert.Equal(t, claude.NotSent, e.Processed)
		probe.Wait()
		require.NoError(t, answered)
	})
}

// Those who waited longest come first, and have the least time left. If such a call
// took the place of a probe it would end before it had an answer, and the next one
// likewise: the breaker of a target that is well again would never close.
func TestCallsWithTooLittleTimeLeftDoNotProbe(t *testing.T) {
	for name, tc := range map[string]struct{ answer, limit, closes time.Duration }{
		"answers of 1.2 s, 2 s for each call": {1200 * time.Millisecond, 2 * second, 3 * second},
		"answers of 1.5 s, 2 s for each call": {1500 * time.Millisecond, 2 * second, 4 * second},
		"answers of 2.5 s, 3 s for each call": {2500 * time.Millisecond, 3 * second, 6 * second},
		"answers of 3 s, 5 s for each call":   {3 * second, 5 * second, 7 * second},
		"answers of 3.5 s, 4 s for each call": {3500 * time.Millisecond, 4 * second, 8 * second},
		"answers of 2.5 s, 8 s for each call": {2500 * time.Millisecond, 8 * second, 6 * second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var well atomic.Bool
				var closed atomic.Int64 // when
				start := time.Now()
				client, err := claude.New(claude.WithAPIKey(testKey), claude.WithMaxAttempts(1), claude.WithBreaker(claude.BreakerPolicy{Run: 2}),
					claude.WithRoundTripper(roundTripper(func(r *http.Request) (*http.Response, error) {
						if !well.Load() {
							return nil, refusedConnection
						}
						select {
						case <-time.After(tc.answer):
							return instant{hiBody}.RoundTrip(r)
						case <-r.Context().Done():
							return nil, r.Context().Err()
						}
					})),
					claude.WithObserver(claude.Observer{StateChange: func(_ context.Context, s claude.StateChange) {
						if s.To == claude.BreakerClosed {
							closed.CompareAndSwap(0, int64(s.At.Sub(start)))
						}
					}}))
				require.NoError(t, err)
				for range 2 {
					_, err := client.Messages.Create(t.Context(), hello)
					require.Error(t, err)
				}
				time.Sleep(5 * second)
				well.Store(true)
				begin := time.Since(start)
				var all sync.WaitGroup
				for closed.Load() == 0 && time.Since(start) < time.Minute {
					all.Go(func() {
						ctx, cancel := context.WithTimeout(t.Context(), tc.limit)
						defer cancel()
						_, _ = client.Messages.Create(ctx, hello)
					})
					time.Sleep(50 * time.Millisecond)
				}
				all.Wait()
				require.NotZero(t, closed.Load(), "the breaker stays open")
				assert.LessOrEqual(t, time.Duration(closed.Load())-begin, tc.closes)
			})
		})
	}
}

// How long a stream took, with the pauses of its reader, says nothing of how long the
// next call needs.
func TestALongStreamBeforeTheOutageKeepsNobodyFromWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, []claude.Option{claude.WithMaxAttempts(1), claude.WithBreaker(claude.BreakerPolicy{Run: 2})},
			claudetest.Text("one two three four"), claudetest.Overloaded().Times(2), claudetest.SlowHeader(second), hi)
		stream, err := client.Messages.Stream(t.Context(), hello)
		require.NoError(t, err)
		for _, err := range stream.Text() {
			require.NoError(t, err)
			time.Sleep(time.Minute)
		}
		for range 2 {
			_, err := client.Messages.Create(t.Context(), hello)
			require.ErrorIs(t, err, claude.ErrOverloaded)
		}
		time.Sleep(5 * second)
		var probe sync.WaitGroup
		probe.Go(func() { _, _ = client.Messages.Create(t.Context(), hello) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = client.Messages.Create(ctx, hello)
		require.NoError(t, err)
		probe.Wait()
	})
}

func TestAWaitForAProbeLeavesTimeForTheAnswer(t *testing.T) {
	answers := func(t *testing.T, first, patience time.Duration) (took time.Duration, err error) {
		t.Helper()
		client, _ := newClient(t, []claude.Option{claude.WithMaxAttempts(1), claude.WithBreaker(claude.BreakerPolicy{Run: 2, ProbeWait: second})},
			claudetest.Overloaded().Times(2), claudetest.SlowHeader(first), claudetest.SlowHeader(900*time.Millisecond), claudetest.SlowHeader(20*time.Millisecond).Times(1))
		for range 2 {
			_, err := client.Messages.Create(t.Context(), hello)
			require.ErrorIs(t, err, claude.ErrOverloaded)
		}
		time.Sleep(5 * second)
		_, err = client.Messages.Create(t.Context(), hello)
		require.NoError(t, err)
		var probe sync.WaitGroup
		probe.Go(func() { _, _ = client.Messages.Create(t.Context(), hello) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		start := time.Now()
		_, err = client.Messages.Create(ctx, hello)
		took = time.Since(start)
		probe.Wait()
		if err != nil { // nothing was sent: take what was left in the script
			_, left := client.Messages.Create(t.Context(), hello)
			require.NoError(t, left)
		}
		return took, err
	}
	for range 20 { // the spread is drawn
		synctest.Test(t, func(t *testing.T) {
			_, err := answers(t, 20*time.Millisecond, 1050*time.Millisecond)
			require.NoError(t, err, "the wait and an answer of 20 ms fit into 1,050 ms")
		})
	}
	synctest.Test(t, func(t *testing.T) {
		took, err := answers(t, 100*time.Millisecond, 1050*time.Millisecond)
		require.ErrorIs(t, err, claude.ErrCircuitOpen, "the wait and an answer of 100 ms do not")
		assert.Zero(t, took)
	})
}
