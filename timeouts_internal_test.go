package claude

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// An attempt's limits run one after the other on one timer, which is not set again for
// each: where it rings too early, the attempt goes on.
func TestALimitRunsOutWhenTheLastOneStartedDoes(t *testing.T) {
	type start struct {
		at    time.Duration
		limit time.Duration
	}
	const never = -1
	for name, tc := range map[string]struct {
		starts []start
		ends   time.Duration
	}{
		"started once":                        {[]start{{0, time.Second}}, time.Second},
		"started again":                       {[]start{{0, time.Second}, {700 * time.Millisecond, time.Second}}, 1700 * time.Millisecond},
		"started again and again":             {[]start{{0, time.Second}, {900 * time.Millisecond, time.Second}, {1800 * time.Millisecond, time.Second}, {2700 * time.Millisecond, time.Second}}, 3700 * time.Millisecond},
		"a shorter one after it":              {[]start{{0, time.Minute}, {time.Second, 2 * time.Second}}, 3 * time.Second},
		"a longer one after it":               {[]start{{0, time.Second}, {500 * time.Millisecond, time.Minute}}, 60500 * time.Millisecond},
		"switched off":                        {[]start{{0, time.Second}, {500 * time.Millisecond, 0}}, never},
		"off, and on before the timer rings":  {[]start{{0, time.Second}, {200 * time.Millisecond, 0}, {800 * time.Millisecond, time.Second}}, 1800 * time.Millisecond},
		"off, and on after the timer rang":    {[]start{{0, time.Second}, {200 * time.Millisecond, 0}, {5 * time.Second, time.Second}}, 6 * time.Second},
		"off, and shorter before it rings":    {[]start{{0, time.Minute}, {time.Second, 0}, {2 * time.Second, time.Second}}, 3 * time.Second},
		"off from the start, and then on":     {[]start{{0, 0}, {time.Second, time.Second}}, 2 * time.Second},
		"started once more when it rings too": {[]start{{0, time.Second}, {500 * time.Millisecond, time.Second}, {1250 * time.Millisecond, time.Second}}, 2250 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var a attemptState
				a.Context, a.cancel = context.WithCancelCause(t.Context())
				defer a.end()
				begin := time.Now()
				for _, s := range tc.starts {
					time.Sleep(s.at - time.Since(begin)) // virtual
					a.arm("StreamIdle", s.limit)
				}
				select {
				case <-a.Done():
				case <-time.After(time.Hour):
				}
				if tc.ends == never {
					assert.NoError(t, a.Err())
					return
				}
				assert.Equal(t, tc.ends, time.Since(begin))
				assert.Equal(t, &timeoutError{name: "StreamIdle", limit: tc.starts[len(tc.starts)-1].limit}, context.Cause(&a))
			})
		})
	}
}

func TestAnAttemptThatHasEndedLeavesNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a attemptState
		a.Context, a.cancel = context.WithCancelCause(t.Context())
		a.arm("FirstByte", time.Second)
		a.arm("FirstByte", 2*time.Second) // the timer rings too early for this one
		a.end()
		a.arm("StreamIdle", time.Second) // a hook that comes late
		a.expire()                       // the timer was ringing when it ended
		assert.False(t, a.clock.timer.Stop(), "it still runs")
		assert.ErrorIs(t, context.Cause(&a), context.Canceled)
		assert.Equal(t, "FirstByte", a.clock.name)
	})
}
