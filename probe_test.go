package claude_test

import (
	"context"
	"sync"
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
		took := map[time.Duration]int{}
		for _, c := range calls[1:] {
			took[c.took]++
		}
		assert.Equal(t, map[time.Duration]int{3 * second / 2: 3}, took,
			"half a second for the first probe; then one is the second, and the others go with its end")
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
		var all sync.WaitGroup
		all.Go(func() {
			_, err := client.Messages.Create(t.Context(), hello)
			assert.NoError(t, err)
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), second)
		defer cancel()
		start := time.Now()
		_, err := client.Messages.Create(ctx, hello)
		e := asCall(t, err)
		assert.Equal(t, second, time.Since(start))
		assert.Equal(t, claude.ErrDeadline, e.Class)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, claude.ErrCircuitOpen)
		assert.Equal(t, claude.NotSent, e.Processed)
		all.Wait()
	})
}
