package claude

import (
	"errors"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The defaults are promises. Changing one here breaks a user's expectation.
func TestTheDefaultsAreWhatTheDocumentsSay(t *testing.T) {
	assert.Equal(t, RetryPolicy{
		MaxAttempts:   3,
		BaseDelay:     500 * time.Millisecond,
		MaxDelay:      8 * time.Second,
		OverloadBase:  time.Second,
		OverloadMax:   30 * time.Second,
		MaxRetryAfter: 60 * time.Second,
		Budget:        BudgetPolicy{Units: 100, PerSecond: 1},
	}, RetryPolicy{}.withDefaults())
	assert.Equal(t, BreakerPolicy{
		Window:       60 * time.Second,
		FailureShare: 0.8,
		Run:          30,
		OpenFor:      4 * time.Second,
		OpenMax:      30 * time.Second,
		LongOutage:   2 * time.Minute,
		ProbeLease:   120 * time.Second,
		ProbeWait:    4 * time.Second,
	}, BreakerPolicy{}.withDefaults())
	assert.Equal(t, 2, probesToClose)
	assert.Equal(t, Timeouts{
		Dial:       10 * time.Second,
		TLS:        10 * time.Second,
		FirstByte:  120 * time.Second,
		StreamIdle: 180 * time.Second,
		Total:      0, // off
	}, Timeouts{}.withDefaults())
	assert.Equal(t, 32<<20, maxRequest)
	assert.Equal(t, 32<<20, maxBuffered)
	assert.Equal(t, 64<<20, maxAnswer)
	assert.Equal(t, 64<<10, maxErrorBody)
	assert.Equal(t, 512, maxShown)
	assert.Equal(t, "2026-10-21", Version20261021)

	client, err := New(WithAPIKey("sk-ant-not-a-real-key"), WithBaseURL("https://api.example.com"))
	require.NoError(t, err)
	assert.Equal(t, Version20261021, client.header.Get("Anthropic-Version"))
	assert.Equal(t, ValidationDefault, client.config.validation)
	assert.Nil(t, client.logging, "nothing is logged")
	assert.Equal(t, TransportValidationOff, (&Transport{}).Validation)
	assert.True(t, RetryPolicy{Off: true}.withDefaults().Gate.Off, "who wants no retries wants no waits")
	assert.Zero(t, Timeouts{FirstByte: NoTimeout}.withDefaults().FirstByte)
}

func TestPoliciesThatCannotWorkAreRefused(t *testing.T) {
	for _, err := range []error{
		BreakerPolicy{Window: -1}.check(), BreakerPolicy{FailureShare: 1}.check(), BreakerPolicy{FailureShare: -0.1}.check(),
		BreakerPolicy{Run: -1}.check(), BreakerPolicy{OpenFor: time.Hour, OpenMax: time.Minute}.check(), BreakerPolicy{ProbeLease: -1}.check(), BreakerPolicy{ProbeWait: -2}.check(),
		BudgetPolicy{Units: -1}.check(), BudgetPolicy{PerSecond: -1}.check(), RetryPolicy{Budget: BudgetPolicy{Units: -1}}.check(),
	} {
		var e *ConfigError
		require.ErrorAs(t, err, &e)
		assert.Contains(t, e.Field, "Policy.")
	}
	require.NoError(t, BreakerPolicy{}.check())
	require.NoError(t, BudgetPolicy{}.check())
	assert.Equal(t, time.Hour, BreakerPolicy{OpenFor: time.Hour}.withDefaults().OpenMax)
}

// What backoff/v4 does when it is used in the obvious way, and why we do not.
func TestTheTrapsOfTheBackoffLibraryAreAvoided(t *testing.T) {
	t.Run("a literal without Stop and Multiplier does not wait at all", func(t *testing.T) {
		literal := &backoff.ExponentialBackOff{InitialInterval: time.Second, MaxInterval: time.Second, Clock: backoff.SystemClock}
		literal.Reset()
		_ = literal.NextBackOff()
		assert.Zero(t, literal.NextBackOff())
		ours := fullJitter(time.Second, time.Minute)
		var sum time.Duration
		for range 100 {
			sum += ours.NextBackOff()
		}
		assert.Greater(t, sum, time.Minute)
	})
	t.Run("its own schedule ends after a while, ours never does", func(t *testing.T) {
		ours := fullJitter(time.Millisecond, 10*time.Millisecond)
		ours.Clock = later{}
		assert.NotEqual(t, backoff.Stop, ours.NextBackOff())
	})
	t.Run("its cap is on the mean, ours is on the wait", func(t *testing.T) {
		ours := fullJitter(time.Second, 8*time.Second)
		longest := time.Duration(0)
		for range 2000 {
			longest = max(longest, ours.NextBackOff())
		}
		assert.LessOrEqual(t, longest, 8*time.Second)
		assert.Greater(t, longest, 7*time.Second)
	})
	t.Run("Permanent takes an error out of its wrapping, so no error of ours goes through it", func(t *testing.T) {
		cause := errors.New("cause")
		err := backoff.Retry(func() error { return errors.Join(errors.New("stage"), backoff.Permanent(cause)) }, &backoff.StopBackOff{})
		assert.Equal(t, cause, err)
	})
}

// later is a clock a year ahead.
type later struct{}

func (later) Now() time.Time { return time.Now().AddDate(1, 0, 0) }
