package claude

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var somewhere = Target{Host: "api.anthropic.com", Model: "claude-sonnet-5-5"}

// steady is a breaker without jitter.
func steady(policy BreakerPolicy) *breaker {
	return newBreaker(somewhere, policy.withDefaults(), func() float64 { return 0.5 })
}

// try lets one attempt through, if the breaker does, that ends at once.
func try(b *breaker, now time.Time, r result) (admitted bool) {
	p, refused := b.admit(now, new(permit))
	if refused != nil {
		return false
	}
	p.end(now, r, ErrOverloaded)
	return true
}

// trip fails it until it opens.
func trip(t *testing.T, b *breaker, now time.Time) {
	t.Helper()
	for range 100 {
		if b.state == BreakerOpen {
			return
		}
		try(b, now, failed)
	}
	require.Equal(t, BreakerOpen, b.state)
}

func TestTheBreakerAsATimeline(t *testing.T) {
	const open = 4.0 // seconds
	type step struct {
		at       float64
		admitted bool
		r        result
		state    BreakerState
	}
	for name, steps := range map[string][]step{
		"two probes close it": {
			{3.9, false, failed, BreakerOpen},
			{4.0, true, succeeded, BreakerProbing},
			{4.1, true, succeeded, BreakerClosed},
			{4.2, true, failed, BreakerClosed}, // the window starts empty
		},
		"a failed probe opens it again": {
			{4.0, true, succeeded, BreakerProbing},
			{4.1, true, failed, BreakerOpen},
			{8.0, false, failed, BreakerOpen},
			{8.1, true, failed, BreakerOpen},
			{12.0, false, failed, BreakerOpen},
		},
		"a neutral probe frees its place and says nothing": {
			{4.0, true, neutral, BreakerProbing},
			{4.0, true, neutral, BreakerProbing},
			{4.1, true, succeeded, BreakerProbing},
			{4.2, true, neutral, BreakerProbing},
			{4.3, true, succeeded, BreakerClosed},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := steady(BreakerPolicy{})
			require.InDelta(t, open, b.policy.OpenFor.Seconds(), 0)
			trip(t, b, at(0))
			for i, s := range steps {
				assert.Equal(t, s.admitted, try(b, at(s.at), s.r), "step %d", i)
				assert.Equal(t, s.state, b.state, "step %d", i)
			}
		})
	}
}

func TestItTripsWhenItIsSureAndNotByNoise(t *testing.T) {
	outcomes := func(ok, bad int) []result {
		all := make([]result, 0, ok+bad)
		for i := range ok + bad { // spread evenly, so that no run builds up
			r := succeeded
			if (i+1)*bad/(ok+bad) > i*bad/(ok+bad) {
				r = failed
			}
			all = append(all, r)
		}
		return all
	}
	half := BreakerPolicy{FailureShare: 0.5, Run: 12}
	for _, tc := range []struct {
		name   string
		policy BreakerPolicy
		ok     int
		bad    int
		trips  bool
	}{
		{"15 in a row are not enough alone", BreakerPolicy{}, 0, 15, false},
		{"16 of 16 are surely over 80 %", BreakerPolicy{}, 0, 16, true},
		{"half of a thousand", BreakerPolicy{}, 500, 500, false},
		{"4 of 4, with somewhere else to go", half, 0, 4, true},
		{"3 of 3", half, 0, 3, false},
		{"14 of 20", half, 6, 14, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := steady(tc.policy)
			for _, r := range outcomes(tc.ok, tc.bad) {
				try(b, at(0), r)
			}
			assert.Equal(t, tc.trips, b.state == BreakerOpen)
		})
	}
	for _, tc := range []struct{ failed, total int }{{4, 4}, {15, 20}, {60, 100}, {531, 1000}} {
		assert.Greater(t, wilson(tc.failed, tc.total), 0.5, "%+v", tc)
		assert.LessOrEqual(t, wilson(tc.failed-1, tc.total), 0.5, "%+v", tc)
	}
	assert.Zero(t, wilson(0, 0))
}

func TestARunOfFailuresTripsItHoweverSparseTheyAre(t *testing.T) {
	b := steady(BreakerPolicy{})
	for i := range 29 { // a minute apart: never two in the window
		try(b, at(float64(i)*61), failed)
	}
	require.Equal(t, BreakerClosed, b.state)
	try(b, at(29*61), neutral) // a 400 between them changes nothing
	try(b, at(30*61), failed)
	assert.Equal(t, BreakerOpen, b.state)

	b = steady(BreakerPolicy{})
	for i := range 100 { // a success ends a run
		try(b, at(float64(i)*61), []result{failed, succeeded}[i/29%2])
	}
	assert.Equal(t, BreakerClosed, b.state)
}

func TestOutcomesAreForgottenAfterTheWindow(t *testing.T) {
	b := steady(BreakerPolicy{})
	for i := range 15 {
		try(b, at(float64(i)), failed)
	}
	try(b, at(16), succeeded)
	assert.Equal(t, 16, b.window.total())
	b.window.advance(at(62.5))
	assert.Equal(t, 13, b.window.total(), "those of the first seconds are over a minute old")
	b.window.advance(at(1000))
	assert.Zero(t, b.window.total())
}

func TestALongOutageIsAskedAfterLessOften(t *testing.T) {
	b := steady(BreakerPolicy{})
	trip(t, b, at(0))
	now, last := at(0), time.Duration(0)
	var waits []time.Duration
	for now.Before(at(300)) {
		wait := b.openUntil.Sub(now)
		if wait != last {
			waits = append(waits, wait)
			last = wait
		}
		now = b.openUntil
		require.True(t, try(b, now, failed))
	}
	assert.Equal(t, []time.Duration{4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second}, waits)
	assert.True(t, try(b, now.Add(time.Minute), succeeded))
	assert.True(t, try(b, now.Add(time.Minute), succeeded))
	require.Equal(t, BreakerClosed, b.state)
	trip(t, b, now.Add(time.Hour))
	assert.Equal(t, 4*time.Second, b.openUntil.Sub(now.Add(time.Hour)), "another outage begins anew")
}

func TestTheOpenTimeIsSpread(t *testing.T) {
	for draw, want := range map[float64]time.Duration{0: 3200 * time.Millisecond, 0.5: 4 * time.Second, 1: 4800 * time.Millisecond} {
		b := newBreaker(somewhere, BreakerPolicy{}.withDefaults(), func() float64 { return draw })
		trip(t, b, at(0))
		assert.InDelta(t, float64(want), float64(b.openUntil.Sub(at(0))), 1)
	}
}

func TestOneProbeAtATime(t *testing.T) {
	b := steady(BreakerPolicy{})
	trip(t, b, at(0))
	probe, refused := b.admit(at(5), new(permit))
	require.Nil(t, refused)
	_, refused = b.admit(at(5), new(permit))
	require.NotNil(t, refused)
	assert.Equal(t, at(9), refused.RetryAt, "asking again is worth it after an open time")
	assert.Equal(t, ErrOverloaded, refused.Last)
	probe.end(at(6), succeeded, "")
	probe.end(at(6), failed, ErrOverloaded) // told twice: counts once
	assert.Equal(t, BreakerProbing, b.state)
	assert.True(t, try(b, at(6), succeeded))
	assert.Equal(t, BreakerClosed, b.state)
}

// A caller that never comes back must not keep the breaker open for ever
// (gobreaker alone answers "too many requests" until the program ends).
func TestAProbeThatHangsLosesItsPlace(t *testing.T) {
	b := steady(BreakerPolicy{ProbeLease: 10 * time.Second})
	trip(t, b, at(0))
	lost, refused := b.admit(at(5), new(permit))
	require.Nil(t, refused)
	require.False(t, try(b, at(14.9), succeeded))
	require.True(t, try(b, at(15), succeeded))
	lost.end(at(16), failed, ErrTimeout) // comes back after all: too late to count
	assert.Equal(t, BreakerProbing, b.state)
	assert.True(t, try(b, at(17), succeeded))
	assert.Equal(t, BreakerClosed, b.state)
}

// gobreaker alone drops the outcome of a call that outlasts its interval, so a
// target that fails after 90 s each time would be called for ever.
func TestCallsLongerThanTheWindowCount(t *testing.T) {
	b := steady(BreakerPolicy{})
	sent, refusals := 0, 0
	type flight struct {
		p   *permit
		end time.Time
	}
	var flights []flight
	for i := range 160 {
		now := at(float64(i) * 3)
		for len(flights) > 0 && !flights[0].end.After(now) {
			flights[0].p.end(flights[0].end, failed, ErrTimeout)
			flights = flights[1:]
		}
		p, refused := b.admit(now, new(permit))
		if refused != nil {
			refusals++
			continue
		}
		sent++
		flights = append(flights, flight{p, now.Add(90 * time.Second)})
	}
	assert.Less(t, sent, 60, "it noticed")
	assert.Positive(t, refusals)
}

func TestOutcomesOfBeforeTheOutageDoNotDecideAfterIt(t *testing.T) {
	b := steady(BreakerPolicy{})
	var late []*permit
	for range 40 {
		p, _ := b.admit(at(0), new(permit))
		late = append(late, p)
	}
	trip(t, b, at(0))
	require.True(t, try(b, at(5), succeeded))
	require.True(t, try(b, at(5), succeeded))
	for _, p := range late {
		p.end(at(6), failed, ErrTimeout)
	}
	assert.Equal(t, BreakerClosed, b.state)
	assert.Zero(t, b.window.total())
}

// gobreaker calls its callbacks with its lock held: asking it for anything there
// would hang.
func TestChangesAreToldOutsideOfEveryLock(t *testing.T) {
	b := steady(BreakerPolicy{})
	trip(t, b, at(0))
	try(b, at(5), succeeded)
	try(b, at(5), succeeded)
	changes := b.take()
	require.Len(t, changes, 3)
	assert.Equal(t, StateChange{Target: somewhere, From: BreakerClosed, To: BreakerOpen, At: at(0), RetryAt: at(4)}, changes[0])
	assert.Equal(t, BreakerProbing, changes[1].To)
	assert.Equal(t, BreakerClosed, changes[2].To)
	assert.Contains(t, changes[2].String(), "closed")
	assert.Empty(t, b.take(), "each is told once")
	assert.Equal(t, gobreaker.StateClosed, b.cycle.State())
}

func TestManyAtOnceLeaveNoProbeBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(somewhere, BreakerPolicy{OpenFor: time.Second}.withDefaults(), nil)
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				for j := range 50 {
					p, refused := b.admit(time.Now(), new(permit))
					if refused != nil {
						time.Sleep(200 * time.Millisecond)
						continue
					}
					time.Sleep(time.Duration((i*7+j)%50) * time.Millisecond)
					r := failed
					if j > 25 {
						r = result((i + j) % 3)
					}
					p.end(time.Now(), r, ErrInternal)
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Hour)
		for range 10 {
			try(b, time.Now(), succeeded)
		}
		assert.Nil(t, b.probe)
		assert.Equal(t, BreakerClosed, b.state)
	})
}
