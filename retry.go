package claude

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// RetryPolicy says when a failed attempt is made again. The zero value is the
// default policy. Which failures are worth it is not a matter of policy: the
// table of classes says so, and the server's x-should-retry overrides it.
type RetryPolicy struct {
	// MaxAttempts counts the first attempt too. Default 3: a failure that
	// survives two more attempts is rarely cured by a third. 1 means no retries.
	MaxAttempts int
	// BaseDelay is the upper bound of the first wait; it doubles with every
	// retry. Default 500 ms. Waits are drawn evenly between 0 and the bound (full
	// jitter), so that clients that failed together do not come back together.
	BaseDelay time.Duration
	// MaxDelay caps the bound. Default 8 s.
	MaxDelay time.Duration
	// OverloadBase is BaseDelay for an overloaded provider. Default 1 s.
	OverloadBase time.Duration
	// OverloadMax is MaxDelay for an overloaded provider. Default 30 s.
	OverloadMax time.Duration
	// MaxRetryAfter is the longest wait a server may ask for and get. Default
	// 60 s. Beyond it the call ends at once, with the time in RetryAt: coming
	// back earlier than asked only fails again.
	MaxRetryAfter time.Duration
	// Off makes every failure final.
	Off bool
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	if p.MaxAttempts == 0 {
		p.MaxAttempts = 3
	}
	if p.Off {
		p.MaxAttempts = 1
	}
	def := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	def(&p.BaseDelay, 500*time.Millisecond)
	def(&p.MaxDelay, 8*time.Second)
	def(&p.OverloadBase, time.Second)
	def(&p.OverloadMax, 30*time.Second)
	def(&p.MaxRetryAfter, time.Minute)
	return p
}

func (p RetryPolicy) check() error {
	if p.MaxAttempts < 0 {
		return &ConfigError{Field: "RetryPolicy.MaxAttempts", Problem: "is negative: use 1 for no retries, 0 for the default"}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"BaseDelay", p.BaseDelay},
		{"MaxDelay", p.MaxDelay},
		{"OverloadBase", p.OverloadBase},
		{"OverloadMax", p.OverloadMax},
		{"MaxRetryAfter", p.MaxRetryAfter},
	} {
		if d.value < 0 {
			return &ConfigError{Field: "RetryPolicy." + d.name, Problem: "is negative"}
		}
	}
	return nil
}

// retrier decides, for one call, whether another attempt follows and when.
type retrier struct {
	policy   RetryPolicy
	used     int  // attempts that count
	once     bool // the one more attempt after no answer is used up
	fresh    bool // the free attempt on a fresh connection is used up
	key      bool // the attempt with a changed credential is used up
	ordinary *backoff.ExponentialBackOff
	overload *backoff.ExponentialBackOff
}

// decision is what the retrier says of a failed attempt.
type decision struct {
	retry  bool
	fresh  bool          // on a fresh connection
	wait   time.Duration // before the next attempt
	reason Reason        // why there is none
	at     time.Time     // not before this time again
}

// next decides. keyChanged says whether another credential is at hand than the
// attempt had; deadline is zero if there is none.
func (r *retrier) next(v *verdict, now, deadline time.Time, keyChanged func() bool) decision {
	row := classes[v.class]
	d := decision{reason: ReasonFinal}
	if v.hinted {
		d.at = now.Add(v.hint)
	}
	free := false
	switch {
	case v.class == ErrCanceled || v.class == ErrDeadline:
		return d
	case v.override == mustNotRetry:
		return d
	case v.override == mustRetry:
	default:
		switch row.retry {
		case retryNever:
			return d
		case retryTemporary:
			if !v.temporary {
				return d
			}
		case retryOnce:
			if v.processed == Rejected { // cannot have run: as safe as any
				break
			}
			if r.once {
				return d
			}
			r.once = true
		case retryFresh:
			if r.fresh {
				return d
			}
			r.fresh, free, d.fresh = true, true, true
		case retryKey:
			if r.key || !keyChanged() {
				return d
			}
			r.key, free = true, true
		case retryAlways:
		}
	}
	if !free {
		r.used++
		if r.policy.Off {
			return d
		}
		if r.used >= r.policy.MaxAttempts {
			d.reason = ReasonAttempts
			return d
		}
	} else if r.policy.Off {
		return d
	}

	switch {
	case free:
	case v.hinted && v.hint > r.policy.MaxRetryAfter:
		d.reason = ReasonGate
		return d
	case v.hinted:
		// Exactly as asked, and a little later, so that those who were told the
		// same time do not arrive together.
		d.wait = v.hint + rand.N(max(250*time.Millisecond, v.hint/10))
	default:
		d.wait = r.backoff(row.overload)
	}
	if !deadline.IsZero() && now.Add(d.wait).After(deadline) {
		// Sleeping up to the deadline would only hide the real error behind it.
		d.reason = ReasonDeadline
		if d.at.IsZero() {
			d.at = now.Add(d.wait)
		}
		d.wait = 0
		return d
	}
	return decision{retry: true, fresh: d.fresh || row.family == ErrNetwork, wait: d.wait}
}

// backoff draws the next wait. Both schedules advance with every retry.
func (r *retrier) backoff(overload bool) time.Duration {
	if r.ordinary == nil {
		r.ordinary = fullJitter(r.policy.BaseDelay, r.policy.MaxDelay)
		r.overload = fullJitter(r.policy.OverloadBase, r.policy.OverloadMax)
	}
	ordinary, over := r.ordinary.NextBackOff(), r.overload.NextBackOff()
	if overload {
		return over
	}
	return ordinary
}

// fullJitter returns a schedule of waits drawn evenly from 0 to min(most,
// base·2ⁿ). ExponentialBackOff draws around an interval: one of half the bound,
// with a factor of 1, gives exactly that. Its constructor must be used: a literal
// lacks Stop and Multiplier and would not wait at all.
func fullJitter(base, most time.Duration) *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(min(base, most)/2),
		backoff.WithMaxInterval(most/2),
		backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(1),
		backoff.WithMaxElapsedTime(0),
	)
}

// sleep waits, or returns the context's error as soon as it ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
