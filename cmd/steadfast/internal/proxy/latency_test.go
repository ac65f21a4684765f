package proxy

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
)

func TestQuantilesAreRightToThreePercent(t *testing.T) {
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(1, 2))
	var l latency
	var all []time.Duration
	for i := range 10_000 {
		d := time.Duration(1+random.ExpFloat64()*800_000) * time.Microsecond
		all = append(all, d)
		l.add(start.Add(time.Duration(i)*20*time.Millisecond), d)
	}
	slices.Sort(all)
	count, values := l.quantiles(start.Add(200*time.Second), 0.5, 0.99, 1)
	assert.Equal(t, len(all), count)
	for i, rank := range []int{4999, 9899, 9999} {
		assert.InEpsilon(t, all[rank].Seconds(), values[i].Seconds(), 0.033)
	}
}

func TestEveryDurationHasItsBucket(t *testing.T) {
	last := -1
	for us := int64(0); us < 1<<33; us += 1 + us/40 {
		d := time.Duration(us) * time.Microsecond
		b := bucketOf(d)
		require.GreaterOrEqual(t, b, last)
		require.Less(t, b, allBuckets)
		last = b
		if us < 1<<maxBits {
			require.InDelta(t, us, valueOf(b).Microseconds(), float64(us)/32+1)
		}
	}
	assert.Zero(t, bucketOf(-time.Second))
	assert.Equal(t, allBuckets-1, bucketOf(100*time.Hour))
}

func TestWhatIsOlderThanTheWindowIsForgotten(t *testing.T) {
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	var l latency
	for _, step := range []struct {
		at    time.Duration // add one there
		count int           // and find so many
	}{
		{0, 1},
		{9 * time.Second, 2},
		{10 * time.Second, 3},
		{latencyWindow - time.Second, 4},
		{latencyWindow, 3},
		{latencyWindow + 9*time.Second, 4},
		{latencyWindow + 10*time.Second, 4},
		{time.Hour, 1},
	} {
		now := start.Add(step.at)
		l.add(now, time.Millisecond)
		count, _ := l.quantiles(now, 0.5)
		assert.Equal(t, step.count, count, step.at.String())
	}
	count, values := l.quantiles(start.Add(3*time.Hour), 0.5)
	assert.Zero(t, count)
	assert.Equal(t, []time.Duration{0}, values)
}

func TestOnlyTheLastFailuresAreKept(t *testing.T) {
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s := newStats(start)
	for i := range maxFailures + 7 {
		s.begin()
		s.end(&exchange{start: start, op: strconv.Itoa(i), class: claude.ErrInternal, status: 500, attempts: 3})
	}
	status := s.snapshot(start)
	require.Len(t, status.Failures, maxFailures)
	assert.Equal(t, strconv.Itoa(maxFailures+6), status.Failures[0].Op)
	assert.Equal(t, "7", status.Failures[maxFailures-1].Op)
	assert.Equal(t, maxFailures+7, status.Requests.Failed)
	assert.Equal(t, 3*(maxFailures+7), status.Requests.Attempts)
}
