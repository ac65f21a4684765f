package claude

import (
	"cmp"
	"math"
	"sync"
	"time"
)

// BudgetPolicy bounds the retries of all calls to a target together, so that a
// target that keeps failing is not asked several times as often as a healthy one.
// The zero value is the default policy.
//
// A target's budget is a number of units. Making a failed attempt again costs 10
// of them; 2 if nothing was sent, 5 if the server refused it without running it.
// An attempt that may have run costs more the longer its prompt is: 10 more for
// each 50,000 tokens. A retry that succeeds gives its units back, a call that
// succeeds at once adds one, and so does time.
//
// Where many attempts find the target overloaded (with 95 % confidence over 30 % of
// the last minute's), an overload is not tried again at all: another attempt would
// only take the place of another call. That needs the breaker's window.
//
// The budget is a transport's: of a policy that is given to a single call only Off
// counts.
type BudgetPolicy struct {
	// Units is the most a target's budget holds, and what it begins with.
	// Default 100: ten retries in a row that come to nothing.
	Units float64
	// PerSecond is how many units come back each second. Default 1: with traffic
	// too thin to earn units, a retry every ten seconds.
	PerSecond float64
	// Off lets every retry pass.
	Off bool
}

func (p BudgetPolicy) withDefaults() BudgetPolicy {
	p.Units = cmp.Or(p.Units, 100)
	p.PerSecond = cmp.Or(p.PerSecond, 1)
	return p
}

func (p BudgetPolicy) check() error {
	switch {
	case p.Units < 0 || math.IsNaN(p.Units):
		return &ConfigError{Field: "BudgetPolicy.Units", Problem: "is negative: use Off for no limit, 0 for the default"}
	case p.PerSecond < 0 || math.IsNaN(p.PerSecond):
		return &ConfigError{Field: "BudgetPolicy.PerSecond", Problem: "is negative"}
	}
	return nil
}

// The prices of a retry, in units.
const (
	costNotSent  = 2.0
	costRejected = 5.0
	costRan      = 10.0

	tokensPerCost   = 50_000 // tokens of a prompt that double costRan
	firstTrySuccess = 1.0
)

// retryCost is the price of making an attempt again. tokens is the size of its
// prompt.
func retryCost(processed Processed, tokens int) float64 {
	switch processed {
	case NotSent:
		return costNotSent
	case Rejected:
		return costRejected
	default:
		return costRan * (1 + float64(tokens)/tokensPerCost)
	}
}

// budget is a target's budget.
type budget struct {
	policy BudgetPolicy // with its defaults

	mu    sync.Mutex
	level float64
	at    time.Time // when level was right; zero: never used, and so full
}

// take pays cost, if it is there. A price over what the budget can hold is
// lowered to that: else a long prompt could never be sent again.
func (b *budget) take(now time.Time, cost float64) (paid, left float64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	cost = min(cost, b.policy.Units)
	if b.level < cost {
		return 0, b.level, false
	}
	b.level -= cost
	return cost, b.level, true
}

// add gives units back and returns what there is then.
func (b *budget) add(now time.Time, units float64) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	b.level = min(b.policy.Units, b.level+units)
	return b.level
}

func (b *budget) refill(now time.Time) {
	if b.at.IsZero() {
		b.level, b.at = b.policy.Units, now
	}
	if past := now.Sub(b.at); past > 0 {
		b.level = min(b.policy.Units, b.level+past.Seconds()*b.policy.PerSecond)
		b.at = now
	}
	b.level = min(b.level, b.policy.Units)
}
