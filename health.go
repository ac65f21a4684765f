package claude

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/steadfast-go/claude/internal/redact"
)

// Health says how the targets of a client or transport are, as far as its own
// calls have told. It costs no call.
type Health struct {
	At      time.Time
	Targets []TargetHealth // those called lately, sorted by host and model
}

// TargetHealth says how a target is.
type TargetHealth struct {
	Target Target

	Breaker   BreakerState // BreakerClosed also where the breaker is off
	Since     time.Time    // when it got into that state; zero: it was never in another
	RetryAt   time.Time    // when an open breaker lets a probe through; else zero
	Successes int          // in the breaker's window
	Failures  int          // in the breaker's window
	Run       int          // failures since the last success

	GateUntil time.Time // until when a server asked to wait; zero: the gate is open
	Budget    float64   // units left for retries

	InFlight    int          // attempts under way
	Attempts    uint64       // made so far
	LastFailure *LastFailure // nil: none so far
}

// LastFailure is the failure of an attempt.
type LastFailure struct {
	At      time.Time
	Class   Class
	Message string // on one line, without secrets
}

// targetState is what is known of a target. All calls to it share it.
type targetState struct {
	target  Target
	budget  budget
	gate    gate
	breaker *breaker // nil: off

	inFlight atomic.Int64
	attempts atomic.Uint64

	used time.Time // when it was last asked for; guarded by the lock of its targets

	mu     sync.Mutex
	failed time.Time // when an attempt last failed, and with what
	class  Class
	text   string
}

// maxTargets is how many targets are kept: a raw caller may send any model.
const maxTargets = 1024

// targets keeps the states of a Transport's targets.
type targets struct {
	policy BreakerPolicy
	budget BudgetPolicy

	mu  sync.Mutex
	all map[Target]*targetState
}

// get returns the state of a target.
func (ts *targets) get(target Target, now time.Time) *targetState {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	s := ts.all[target]
	if s == nil {
		if ts.all == nil {
			ts.all = make(map[Target]*targetState)
		}
		if len(ts.all) >= maxTargets {
			ts.forget()
		}
		target.Model = strings.Clone(target.Model) // of a raw call, it lies in the body
		s = &targetState{target: target, budget: budget{policy: ts.budget}}
		if !ts.policy.Off {
			s.breaker = newBreaker(target, ts.policy, rand.Float64)
		}
		ts.all[target] = s
	}
	s.used = now
	return s
}

// forget drops the target that was not asked for the longest.
func (ts *targets) forget() {
	var oldest *targetState
	keep := func(s *targetState) bool { // it knows what must not be forgotten
		return s.inFlight.Load() > 0 || s.breaker != nil && s.breaker.isOpen() || s.gate.isShut(time.Now())
	}
	for _, s := range ts.all {
		if !keep(s) && (oldest == nil || s.used.Before(oldest.used)) {
			oldest = s
		}
	}
	if oldest != nil {
		delete(ts.all, oldest.target)
	}
}

// report keeps the last failure.
func (s *targetState) report(now time.Time, v *verdict) {
	text := redact.Line(v.err.Error(), maxShown) // not the error: it holds the answer's body
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed, s.class, s.text = now, v.class, text
}

// health takes a snapshot.
func (ts *targets) health(now time.Time) Health {
	ts.mu.Lock()
	states := make([]*targetState, 0, len(ts.all))
	for _, s := range ts.all {
		states = append(states, s)
	}
	ts.mu.Unlock()
	h := Health{At: now, Targets: make([]TargetHealth, len(states))}
	for i, s := range states {
		h.Targets[i] = s.health(now)
	}
	slices.SortFunc(h.Targets, func(a, b TargetHealth) int {
		return cmp.Or(cmp.Compare(a.Target.Host, b.Target.Host), cmp.Compare(a.Target.Model, b.Target.Model))
	})
	return h
}

func (s *targetState) health(now time.Time) TargetHealth {
	h := TargetHealth{
		Target: s.target, Breaker: BreakerClosed, GateUntil: s.gate.last(now).until,
		InFlight: int(s.inFlight.Load()), Attempts: s.attempts.Load(),
	}
	s.mu.Lock()
	if s.class != "" {
		h.LastFailure = &LastFailure{At: s.failed, Class: s.class, Message: s.text}
	}
	s.mu.Unlock()
	h.Budget = s.budget.add(now, 0)
	if b := s.breaker; b != nil {
		b.mu.Lock()
		b.window.advance(now)
		h.Breaker, h.Since = b.state, b.since
		if b.state == BreakerOpen {
			h.RetryAt = b.openUntil
		}
		h.Successes, h.Failures, h.Run = b.window.ok, b.window.failed, b.window.run
		b.mu.Unlock()
	}
	return h
}
