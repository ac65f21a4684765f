package claude

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// admit waits until the target may be asked: at its gate first, so that a call in
// the queue never holds a probe of the breaker. last is the attempt before; its
// class is empty where there was none.
func (c *call) admit(ctx, callCtx context.Context, last *outcome) (now time.Time, pass *permit, refused *CallError) {
	b := c.state.breaker
	var patience time.Time // until when it waits for probes; zero: it has not waited
	for now = time.Now(); ; now = time.Now() {
		if !c.retry.Gate.Off {
			if now, refused = c.passGate(ctx, callCtx, now, last); refused != nil {
				return now, nil, refused
			}
		}
		if b == nil {
			return now, nil, nil
		}
		left, open := remaining(callCtx, now), (*CircuitOpenError)(nil)
		if !patience.IsZero() {
			open = b.tooLate(now, left)
		}
		if open == nil {
			pass, open = b.admit(now, &c.pass)
		}
		if open == nil {
			break
		}
		c.tell(ctx)
		if patience.IsZero() {
			patience = now.Add(b.policy.ProbeWait)
		}
		wait := min(patience.Sub(now), open.young.Sub(now))
		if open.probed == nil || wait <= 0 || left < wait+b.answersWithin() {
			state := BreakerOpen
			if open.probing {
				state = BreakerProbing
			}
			c.note(ctx, Decision{At: now, Layer: LayerBreaker, Action: ActionRefuse, Reason: string(state), Wait: open.RetryAt.Sub(now)})
			return now, nil, c.refused(last, ErrCircuitOpen, open, ReasonCircuit, open.RetryAt)
		}
		if refused = c.awaitProbe(ctx, callCtx, last, open, now, wait); refused != nil {
			return now, nil, refused
		}
	}
	c.held = pass
	state := BreakerClosed
	if pass.probe {
		c.tell(ctx)
		state = BreakerProbing
	}
	c.note(ctx, Decision{At: now, Layer: LayerBreaker, Action: ActionAdmit, Reason: string(state)})
	return now, pass, nil
}

// remaining is how long a context goes on at the most.
func remaining(ctx context.Context, now time.Time) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return deadline.Sub(now)
	}
	return math.MaxInt64
}

// awaitProbe waits for the end of the probe that is on its way, but no longer than
// wait. Where it closes the breaker, those who have waited do not all go at once.
func (c *call) awaitProbe(ctx, callCtx context.Context, last *outcome, open *CircuitOpenError, now time.Time, wait time.Duration) *CallError {
	c.note(ctx, Decision{At: now, Layer: LayerBreaker, Action: ActionWait, Reason: string(BreakerProbing), Wait: wait})
	if c.observer.Wait != nil {
		c.observer.Wait(ctx, c.info, Wait{Duration: wait, Class: open.Last})
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var err error
	select {
	case <-timer.C:
	case <-callCtx.Done():
		err = callCtx.Err()
	case <-open.probed:
		if !c.state.breaker.isOpen() {
			spare := remaining(callCtx, time.Now()) - c.state.breaker.answersWithin()
			err = sleep(callCtx, min(spread(0), spare))
		}
	}
	if err != nil {
		return c.leftWaiting(ctx, last, ErrCircuitOpen, open, open.RetryAt, err)
	}
	return nil
}

// passGate waits for the gate to open, if that is soon enough, and returns the time.
func (c *call) passGate(ctx, callCtx context.Context, now time.Time, last *outcome) (time.Time, *CallError) {
	for patience := c.retry.MaxRetryAfter; ; now = time.Now() {
		s, shut := c.state.gate.ask(c.gate, now)
		if !shut {
			return now, nil
		}
		left := s.until.Sub(now)
		wait := left + spread(left)
		reason := Reason("")
		if remaining(callCtx, now) < wait {
			reason = ReasonDeadline
		}
		if left > patience {
			reason = ReasonGate
		}
		class := s.err.Class()
		if reason != "" {
			c.note(ctx, Decision{At: now, Layer: LayerGate, Action: ActionRefuse, Reason: string(reason), Wait: left})
			own := new(*s.err) // its fields are the caller's
			return now, c.refused(last, class, own, reason, s.told)
		}
		patience -= left
		c.note(ctx, Decision{At: now, Layer: LayerGate, Action: ActionWait, Reason: string(class), Wait: wait})
		if c.observer.Wait != nil {
			c.observer.Wait(ctx, c.info, Wait{Duration: wait, Class: class, Hinted: true})
		}
		if err := sleep(callCtx, wait); err != nil {
			return now, c.leftWaiting(ctx, last, class, s.err, s.told, err)
		}
	}
}

// leftWaiting is the error of a call whose context ended while it waited to be let
// through: what it waited for counts only where no attempt had failed before.
func (c *call) leftWaiting(ctx context.Context, last *outcome, class Class, cause error, at time.Time, err error) *CallError {
	if last.class != "" {
		return c.endedWhileWaiting(ctx, last, last.err, err)
	}
	e := c.endedWhileWaiting(ctx, &outcome{verdict: verdict{class: class, processed: NotSent, err: cause}}, cause, err)
	if e.Class == class { // our own Total
		e.RetryAt = at
	}
	return e
}

// spread is what is added to a wait that a server asked for, so that those who
// were told the same time do not arrive together.
func spread(wait time.Duration) time.Duration {
	return rand.N(max(250*time.Millisecond, wait/10))
}

// refused is the error of a call that is not let through: the failure before it,
// if there was one, else what stands in the way.
func (c *call) refused(last *outcome, class Class, err error, reason Reason, at time.Time) *CallError {
	if last.class != "" {
		return c.failed(last, reason, at)
	}
	return &CallError{Op: c.info.Op, Target: c.info.Target, Class: class, Reason: reason, RetryAt: at, Processed: NotSent, Err: err}
}
