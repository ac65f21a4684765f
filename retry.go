package claude

import (
	"cmp"
	"context"
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
	// BaseDelay is the upper bound of the first wait, but after an overload; it
	// doubles with every retry. Default 500 ms. Waits are drawn evenly between 0 and the bound (full
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
	// Budget bounds the retries of all calls to a target.
	Budget BudgetPolicy
	// Gate makes calls to a target share the waits that the server asks for.
	Gate GatePolicy
	// Off makes every failure final and never waits, at the gate neither.
	Off bool
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	p.MaxAttempts = cmp.Or(p.MaxAttempts, 3)
	if p.Off {
		p.MaxAttempts, p.Gate.Off = 1, true
	}
	p.BaseDelay = cmp.Or(p.BaseDelay, 500*time.Millisecond)
	p.MaxDelay = cmp.Or(p.MaxDelay, 8*time.Second)
	p.OverloadBase = cmp.Or(p.OverloadBase, time.Second)
	p.OverloadMax = cmp.Or(p.OverloadMax, 30*time.Second)
	p.MaxRetryAfter = cmp.Or(p.MaxRetryAfter, time.Minute)
	p.Budget = p.Budget.withDefaults()
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
	return p.Budget.check()
}

// retrier decides, for one call, whether another attempt follows and when.
type retrier struct {
	policy   *RetryPolicy // with its defaults
	state    *targetState // of the target
	tokens   int          // size of the prompt
	used     int          // attempts that count
	paid     float64      // what the retry under way took from the budget
	retried  bool         // there was a retry
	once     bool         // the one more attempt after no answer is used up
	fresh    bool         // the free attempt on a fresh connection is used up
	key      bool         // the attempt with a changed credential is used up
	ordinary *backoff.ExponentialBackOff
	overload *backoff.ExponentialBackOff
}

// decision is what the retrier says of a failed attempt.
type decision struct {
	retry  bool
	fresh  bool          // on a fresh connection
	wait   time.Duration // before the next attempt
	why    string        // what the wait is for
	reason Reason        // why there is none
	at     time.Time     // not before this time again
	left   float64       // of the budget
}

// next decides. keyChanged says whether another credential is at hand than the
// attempt had; deadline is zero if there is none. Nothing is taken from the
// budget unless everything else is in favour.
func (r *retrier) next(v *verdict, now, deadline time.Time, keyChanged func() bool) decision {
	d := decision{reason: ReasonFinal, why: "backoff"}
	if v.hinted {
		d.at = now.Add(v.hint)
	}
	r.retried, r.paid = true, 0
	free, again := r.worthIt(v, keyChanged)
	if !free {
		r.used++
	}
	left := r.state.budget.add(now, 0)
	stop := func(reason Reason) decision {
		return decision{reason: reason, at: d.at, left: left}
	}
	switch {
	case !again && r.once && !r.policy.Off && v.class != ErrCanceled && v.class != ErrDeadline && classes[v.class].retry == retryOnce && v.override == noOverride:
		return stop(ReasonAttempts) // the one more there was
	case !again || r.policy.Off:
		return stop(ReasonFinal)
	case !free && r.used >= r.policy.MaxAttempts:
		return stop(ReasonAttempts)
	case free:
		d.why = "fresh connection"
		if v.class == ErrAuthentication {
			d.why = "changed credential"
		}
	case v.hinted && v.hint > r.policy.MaxRetryAfter:
		return stop(ReasonGate)
	case v.hinted:
		d.why, d.wait = "retry-after", v.hint+spread(v.hint)
	default:
		d.wait = r.backoff(classes[v.class].overload)
	}
	if !deadline.IsZero() && now.Add(d.wait).After(deadline) {
		// Sleeping up to the deadline would only hide the real error behind it.
		if d.at.IsZero() {
			d.at = now.Add(d.wait)
		}
		return stop(ReasonDeadline)
	}
	if b := r.state.breaker; b != nil {
		if until, sure := b.refuses(now.Add(d.wait)); sure {
			d.at = until
			return stop(ReasonCircuit)
		}
		if classes[v.class].overload && !r.policy.Budget.Off && v.override != mustRetry && b.browningOut(now) {
			return stop(ReasonBudget)
		}
	}
	if !free && !r.policy.Budget.Off {
		var ok bool
		r.paid, left, ok = r.state.budget.take(now, retryCost(v.processed, r.tokens))
		if !ok {
			return stop(ReasonBudget)
		}
	}
	d.retry, d.reason, d.left = true, "", left
	d.fresh = classes[v.class].network
	return d
}

// worthIt reads the class table: whether another attempt may help, and whether it
// is free.
func (r *retrier) worthIt(v *verdict, keyChanged func() bool) (free, again bool) {
	rule := classes[v.class].retry
	if v.once && rule == retryAlways {
		rule = retryOnce
	}
	switch {
	case v.class == ErrCanceled || v.class == ErrDeadline || v.override == mustNotRetry:
		return false, false
	case v.override == mustRetry:
		return false, true
	}
	switch rule {
	case retryAlways:
		return false, true
	case retryTemporary:
		return false, v.temporary
	case retryOnce:
		if v.processed == Rejected { // cannot have run: as safe as any
			return false, true
		}
		again, r.once = !r.once, true
		return false, again
	case retryFresh:
		again, r.fresh = !r.fresh, true
		return again, again
	case retryKey:
		if r.key || r.policy.Off || !keyChanged() {
			return false, false
		}
		r.key = true
		return true, true
	case retryNever:
	}
	return false, false
}

// succeeded settles the budget after an attempt that succeeded, and returns what
// is left.
func (r *retrier) succeeded(now time.Time) float64 {
	units := r.paid
	if !r.retried {
		units = firstTrySuccess
	}
	r.paid = 0
	return r.state.budget.add(now, units)
}

// giveBack undoes the last decision to retry.
func (r *retrier) giveBack(now time.Time) {
	r.state.budget.add(now, r.paid)
	r.paid = 0
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
