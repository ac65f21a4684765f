package claude

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// BreakerPolicy says when calls to a target are refused because it keeps failing.
// The zero value is the default policy.
//
// A breaker trips when it is sure: not at a ratio, which noise reaches now and
// then, but when the ratio of failures is above FailureShare with 95 %
// confidence, or after Run failures in a row. It then refuses calls for a while,
// lets one probe through at a time, and closes after two probes have succeeded. Calls
// that come while a young probe is on its way wait for what it says.
// What says nothing of the target, such as a bad request, a rate limit or a
// canceled call, counts neither way.
type BreakerPolicy struct {
	// Window is how far back outcomes count, by the time they came in. Default
	// 60 s.
	Window time.Duration
	// FailureShare is the share of failures, from 0 to 1, above which a target
	// counts as down. Default 0.8: where nothing else can answer, refusing calls
	// at a lower share would throw away those that work. With another target at
	// hand, 0.5 serves better.
	FailureShare float64
	// Run is how many failures in a row trip the breaker whatever the share, however
	// long they take to come. Default 30; 12 where another target is at hand. Where
	// nothing else is in the window, fewer are sure already: 16 of 16 for a share
	// of 0.8. Attempts that have been on their way for much longer than the failures
	// took count against a trip, as long as the target has answered lately or is new.
	Run int
	// OpenFor is how long calls are refused before a probe, ±20 %. Default 4 s.
	OpenFor time.Duration
	// OpenMax is what OpenFor doubles up to in a long outage. Default 30 s.
	OpenMax time.Duration
	// LongOutage is how long an outage lasts before OpenFor begins to double.
	// Default 2 min.
	LongOutage time.Duration
	// ProbeLease is how long a probe may take before the next call probes in its
	// place. Default 120 s, the default of Timeouts.FirstByte.
	ProbeLease time.Duration
	// ProbeWait is how long a call waits for the outcome of a probe that is on its way,
	// from when the probe began and in all, before it is refused: most probes say soon
	// whether the target is well again. Then those who waited go within 250 ms. A call
	// that would have too little time left after the wait is refused at once. Default
	// 4 s. [NoTimeout] refuses every call at once.
	ProbeWait time.Duration
	// Off lets every call pass.
	Off bool
}

func (p BreakerPolicy) withDefaults() BreakerPolicy {
	p.Window = cmp.Or(p.Window, time.Minute)
	p.FailureShare = cmp.Or(p.FailureShare, 0.8)
	p.Run = cmp.Or(p.Run, 30)
	p.OpenFor = cmp.Or(p.OpenFor, 4*time.Second)
	p.OpenMax = cmp.Or(p.OpenMax, max(30*time.Second, p.OpenFor))
	p.LongOutage = cmp.Or(p.LongOutage, 2*time.Minute)
	p.ProbeLease = cmp.Or(p.ProbeLease, 120*time.Second)
	p.ProbeWait = cmp.Or(p.ProbeWait, 4*time.Second)
	return p
}

func (p BreakerPolicy) check() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"Window", p.Window},
		{"OpenFor", p.OpenFor},
		{"OpenMax", p.OpenMax},
		{"LongOutage", p.LongOutage},
		{"ProbeLease", p.ProbeLease},
	} {
		if d.value < 0 {
			return &ConfigError{Field: "BreakerPolicy." + d.name, Problem: "is negative: use Off for no breaker, 0 for the default"}
		}
	}
	switch {
	case p.ProbeWait < 0 && p.ProbeWait != NoTimeout:
		return &ConfigError{Field: "BreakerPolicy.ProbeWait", Problem: "is negative: use NoTimeout to refuse calls at once, 0 for the default"}
	case p.FailureShare < 0 || p.FailureShare >= 1 || math.IsNaN(p.FailureShare):
		return &ConfigError{Field: "BreakerPolicy.FailureShare", Problem: "is not a share from 0 to below 1"}
	case p.Run < 0:
		return &ConfigError{Field: "BreakerPolicy.Run", Problem: "is negative"}
	case p.OpenMax != 0 && p.OpenMax < p.OpenFor:
		return &ConfigError{Field: "BreakerPolicy.OpenMax", Problem: "is shorter than OpenFor"}
	}
	return nil
}

// BreakerState is what a target's breaker does with calls.
type BreakerState string

// The states.
const (
	BreakerClosed  BreakerState = "closed"  // lets them pass
	BreakerOpen    BreakerState = "open"    // refuses them
	BreakerProbing BreakerState = "probing" // lets one at a time pass, to see whether the target is well again
)

// StateChange is a breaker that changed its state.
type StateChange struct {
	Target   Target
	From, To BreakerState
	At       time.Time
	RetryAt  time.Time // of one that opened: when it lets a probe through; else zero
}

// A CircuitOpenError is a call that was refused without being sent, because its
// target kept failing. Calling again before RetryAt is refused too, unless a probe
// finds the target well sooner.
type CircuitOpenError struct {
	Target  Target
	RetryAt time.Time // when a probe is let through
	Last    Class     // what went wrong last at the target

	probing bool            // nobody knows whether the target is well again, so that RetryAt is a guess
	probed  <-chan struct{} // closed when the probe that is on its way has ended; nil without one
	young   time.Time       // until when that is worth waiting for
}

// Error says since when not to call.
func (e *CircuitOpenError) Error() string {
	s := "not sent: " + e.Target.String() + " keeps failing"
	if e.Last != "" {
		s += ", last with " + string(e.Last)
	}
	if !e.RetryAt.IsZero() {
		s += "; do not call again before " + moment(e.RetryAt)
	}
	return s
}

// Class returns [ErrCircuitOpen].
func (e *CircuitOpenError) Class() Class { return ErrCircuitOpen }

// Is reports whether target is [ErrCircuitOpen].
func (e *CircuitOpenError) Is(target error) bool { return ErrCircuitOpen.matches(target) }

// breaker is a target's breaker. The state machine is gobreaker's; what it counts
// and how long it stays open is ours: it forgets the outcome of calls that last
// longer than its interval, counts calls that have not ended, and stays open for
// a fixed time without jitter.
//
// gobreaker calls its callbacks with its lock held, and they take ours. So ours
// is never held while gobreaker is called.
type breaker struct {
	policy BreakerPolicy
	target Target
	random func() float64 // from 0 to below 1
	cycle  *gobreaker.TwoStepCircuitBreaker[struct{}]

	mu        sync.Mutex
	now       time.Time     // of the event being worked on
	took      time.Duration // the attempt whose end that is
	window    window
	state     BreakerState
	epoch     int       // counts the times it was closed
	since     time.Time // of the state
	openUntil time.Time
	openFor   time.Duration // before jitter
	outage    time.Time     // when it was last closed before this outage
	probe     *permit       // the one on its way
	flying    flying        // the other attempts on their way
	last      Class         // of the failure seen last
	changes   []StateChange // to be told once no lock is held
	telling   sync.Mutex    // held by who tells them

	succeeded time.Time     // when an attempt last succeeded
	answered  time.Duration // how long an answer took last; of a stream, it is not known
	begun     time.Time     // when the first attempt was admitted
}

// probesToClose is how many probes must succeed, one after the other.
const probesToClose = 2

var (
	errTargetFailed = errors.New("target failed")
	errNeutral      = errors.New("says nothing of the target")
)

func newBreaker(target Target, policy BreakerPolicy, random func() float64) *breaker {
	if random == nil {
		random = rand.Float64
	}
	b := &breaker{policy: policy, target: target, random: random, state: BreakerClosed, window: newWindow(policy.Window)}
	b.cycle = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   probesToClose,
		Timeout:       1, // how long it stays open is openUntil's to say
		ReadyToTrip:   func(gobreaker.Counts) bool { return b.tripped() },
		OnStateChange: func(_ string, from, to gobreaker.State) { b.moved(from, to) },
		IsExcluded:    func(err error) bool { return errors.Is(err, errNeutral) },
	})
	return b
}

// permit lets one attempt through a breaker. Its end must be told; telling it
// again does nothing.
type permit struct {
	b     *breaker
	epoch int
	begun time.Time
	probe bool
	late  bool          // it ends with its stream, long after it was answered
	lease time.Time     // when the next call may probe instead
	over  chan struct{} // of a probe: closed when it has ended, and the breaker knows
	ended bool
	done  func(error) // of gobreaker, for a probe; nil while it is being asked
}

// admit lets an attempt through, or says why not. The permit is *ordinary, which
// the caller provides, unless it is a probe's: the breaker itself keeps that.
func (b *breaker) admit(now time.Time, ordinary *permit) (*permit, *CircuitOpenError) {
	p, refused := b.reserve(now, ordinary)
	if refused != nil || !p.probe {
		return p, refused
	}
	done, err := b.cycle.Allow()
	b.mu.Lock()
	if err == nil {
		p.done = done
		if b.state == BreakerOpen {
			b.become(BreakerProbing)
		}
		b.mu.Unlock()
		return p, nil
	}
	// Others hold what gobreaker lets through, for a moment: see strike.
	b.probe = nil
	refused = b.refusal(now)
	b.mu.Unlock()
	close(p.over)
	return nil, refused
}

// strike tells gobreaker of a failure while the breaker is closed, which makes it ask
// whether that is enough. Of what succeeds then it need not know: its counts are not
// read, and each answer would cost an allocation and two looks at the clock.
func (b *breaker) strike(epoch int) {
	done, err := b.cycle.Allow()
	if err != nil {
		return // it has tripped meanwhile
	}
	b.mu.Lock()
	closed := b.state == BreakerClosed && b.epoch == epoch
	b.mu.Unlock()
	if closed {
		done(errTargetFailed)
	} else {
		done(errNeutral)
	}
}

// reserve decides by what is ours: the time, and whether a probe is on its way.
func (b *breaker) reserve(now time.Time, ordinary *permit) (*permit, *CircuitOpenError) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = now
	if b.state == BreakerClosed {
		*ordinary = permit{b: b, epoch: b.epoch, begun: now}
		b.flying.add(now)
		if b.begun.IsZero() {
			b.begun = now
		}
		return ordinary, nil
	}
	if now.Before(b.openUntil) {
		return nil, b.refusal(now)
	}
	if old := b.probe; old != nil {
		if now.Before(old.lease) || old.done == nil {
			return nil, b.refusal(now)
		}
		b.mu.Unlock()
		old.end(now, neutral, "")
		b.mu.Lock()
		if b.probe != nil || b.state == BreakerClosed {
			return nil, b.refusal(now)
		}
	}
	b.probe = &permit{b: b, epoch: b.epoch, begun: now, probe: true, lease: now.Add(b.policy.ProbeLease), over: make(chan struct{})}
	return b.probe, nil
}

// refusal is the error of a refused call. While a probe is on its way nobody
// knows when the next may go; an open time from now is when it's worth asking.
func (b *breaker) refusal(now time.Time) *CircuitOpenError {
	at := b.openUntil
	if !at.After(now) {
		at = now.Add(b.policy.OpenFor)
	}
	e := &CircuitOpenError{Target: b.target, RetryAt: at, Last: b.last, probing: b.state == BreakerProbing}
	if b.probe != nil {
		e.probed, e.young = b.probe.over, b.probe.begun.Add(min(b.policy.ProbeWait, b.policy.ProbeLease))
	}
	return e
}

// refuses reports whether an attempt at a time would certainly be refused, and
// until when.
func (b *breaker) refuses(at time.Time) (until time.Time, sure bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.openUntil, b.state != BreakerClosed && at.Before(b.openUntil)
}

// answersWithin is how long an answer takes, by the last one.
func (b *breaker) answersWithin() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answered
}

// tooLate refuses a call that has waited and has only so much time left the place of a
// probe; nil where it may ask. A probe that its caller leaves says nothing, and those who
// waited come first: of calls with too little time each would take it from one that has
// enough, and the breaker stay open though the target is well.
func (b *breaker) tooLate(now time.Time, left time.Duration) *CircuitOpenError {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == BreakerClosed || left >= 2*b.answered {
		return nil
	}
	return b.refusal(now)
}

// result is what an attempt says of its target.
type result uint8

const (
	neutral result = iota
	succeeded
	failed
)

// end reports an attempt's end and frees what it held.
func (p *permit) end(now time.Time, r result, class Class) {
	b := p.b
	b.mu.Lock()
	if p.ended {
		b.mu.Unlock()
		return
	}
	p.ended = true
	b.now = now
	switch r {
	case failed:
		b.last = class
	case succeeded:
		b.succeeded = now
		if !p.late {
			b.answered = now.Sub(p.begun)
		}
	case neutral:
	}
	current := b.state == BreakerClosed && p.epoch == b.epoch
	if current {
		b.flying.remove(p.begun)
		b.took = now.Sub(p.begun)
		if r != neutral {
			b.window.add(now, r == failed)
		}
	}
	b.mu.Unlock()
	if !p.probe {
		if current && r == failed {
			b.strike(p.epoch)
		}
		return
	}
	switch r {
	case succeeded:
		p.done(nil)
	case failed:
		p.done(errTargetFailed)
	case neutral:
		p.done(errNeutral)
	}
	b.mu.Lock()
	if b.probe == p {
		b.probe = nil
	}
	b.mu.Unlock()
	close(p.over)
}

// alsoFailed counts one more failure after an attempt that was reported as a
// success: an answer that broke off later. It matters to a closed breaker only.
func (b *breaker) alsoFailed(now time.Time, class Class) {
	b.mu.Lock()
	closed := b.state == BreakerClosed
	b.mu.Unlock()
	var p permit
	if !closed {
		return
	}
	if got, refused := b.admit(now, &p); refused == nil {
		got.begun = now.Add(-b.policy.Window) // it has lasted: no younger one counts against it
		r := failed
		if got.probe { // it tripped meanwhile: not this one's to decide
			r = neutral
		}
		got.end(now, r, class)
	}
}

// tripped is asked by gobreaker after each failure of a closed breaker.
//
// Failures may come in quickly and answers slowly: then the window holds nothing but
// failures at first, however few they are. What has been on its way for much longer
// than this failure took has not failed like it, and counts against.
func (b *breaker) tripped() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	w, sure := &b.window, b.policy.FailureShare
	older := b.flying.olderThan(b.now, muchLonger*b.took)
	answers := !b.succeeded.IsZero() && b.now.Sub(b.succeeded) < 2*b.policy.Window
	if !answers && w.run >= b.policy.Run && b.now.Sub(b.begun) > b.policy.Window {
		older = 0 // nothing has answered for that long: what is on its way may well hang
	}
	return wilson(w.failed, w.total()+older) > sure ||
		w.run >= b.policy.Run && (older == 0 || wilson(w.run, w.run+older) > sure)
}

// muchLonger than a failure took is beyond chance even where failures and answers
// take alike: a factor below 4 keeps the breaker from seeing bursts, by simulation.
const muchLonger = 4

func (b *breaker) isOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state != BreakerClosed
}

// browningOut reports whether so many attempts fail that more of them would only
// take the place of others.
func (b *breaker) browningOut(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.window.advance(now)
	total := b.window.total()
	return total >= brownOutTotal && wilson(b.window.failed, total) > brownOutShare
}

const (
	brownOutTotal = 20  // outcomes, below which nothing is said
	brownOutShare = 0.3 // of failures, with 95 % confidence
)

// moved follows gobreaker's state.
func (b *breaker) moved(from, to gobreaker.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch to {
	case gobreaker.StateOpen:
		// It stays open for a time that grows once the outage is a long one.
		switch {
		case from == gobreaker.StateClosed:
			b.outage, b.openFor = b.now, b.policy.OpenFor
		case b.now.Sub(b.outage) > b.policy.LongOutage:
			b.openFor = min(2*b.openFor, b.policy.OpenMax)
		}
		jitter := 0.8 + 0.4*b.random()
		b.openUntil = b.now.Add(time.Duration(float64(b.openFor) * jitter))
		b.become(BreakerOpen)
	case gobreaker.StateClosed:
		b.epoch++
		b.window, b.flying = newWindow(b.policy.Window), flying{}
		b.openUntil = time.Time{}
		b.become(BreakerClosed)
	case gobreaker.StateHalfOpen: // for callers it is open until a probe is let through
	}
}

func (b *breaker) become(state BreakerState) {
	change := StateChange{Target: b.target, From: b.state, To: state, At: b.now}
	if state == BreakerOpen {
		change.RetryAt = b.openUntil
	}
	b.changes = append(b.changes, change)
	b.state, b.since = state, b.now
}

// pending reports whether there are changes that nobody has been told of.
func (b *breaker) pending() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.changes) > 0
}

// take returns the changes that nobody has been told of.
func (b *breaker) take() []StateChange {
	b.mu.Lock()
	defer b.mu.Unlock()
	changes := b.changes
	b.changes = nil
	return changes
}

// window counts outcomes of the last while by the time they came in.
type window struct {
	bucket  time.Duration
	buckets [windowBuckets]struct{ ok, failed int }
	newest  int64 // number of the bucket of the last outcome
	ok      int
	failed  int
	run     int // failures since the last success
}

const windowBuckets = 60

func newWindow(length time.Duration) window {
	return window{bucket: max(1, length/windowBuckets)}
}

func (w *window) total() int { return w.ok + w.failed }

func (w *window) add(now time.Time, failed bool) {
	w.advance(now)
	b := &w.buckets[w.newest%windowBuckets]
	if failed {
		b.failed++
		w.failed++
		w.run++
	} else {
		b.ok++
		w.ok++
		w.run = 0
	}
}

// advance drops what is too old to count.
func (w *window) advance(now time.Time) {
	n := now.UnixNano() / int64(w.bucket)
	for i := max(w.newest+1, n-windowBuckets+1); i <= n; i++ {
		b := &w.buckets[i%windowBuckets]
		w.ok -= b.ok
		w.failed -= b.failed
		b.ok, b.failed = 0, 0
	}
	w.newest = max(w.newest, n)
}

// flying counts the attempts on their way by the time they began.
type flying [flyingBuckets]struct {
	number int64 // of the bucket
	count  int
}

const (
	flyingBucket  = 250 * time.Millisecond
	flyingBuckets = 60 // older ones no longer speak for the target: they may hang
)

func (f *flying) add(begun time.Time) {
	n := begun.UnixNano() / int64(flyingBucket)
	slot := &f[n%flyingBuckets]
	if slot.number != n {
		slot.number, slot.count = n, 0
	}
	slot.count++
}

func (f *flying) remove(begun time.Time) {
	n := begun.UnixNano() / int64(flyingBucket)
	if slot := &f[n%flyingBuckets]; slot.number == n && slot.count > 0 {
		slot.count--
	}
}

// olderThan counts those that have been on their way for longer than a time.
func (f *flying) olderThan(now time.Time, took time.Duration) (count int) {
	newest := now.Add(-took).UnixNano()/int64(flyingBucket) - 1
	oldest := now.UnixNano()/int64(flyingBucket) - flyingBuckets + 1
	for i := range f {
		if n := f[i].number; n >= oldest && n <= newest {
			count += f[i].count
		}
	}
	return count
}

// wilson returns the lower bound of the share of failures with 95 % confidence
// (Wilson's score interval). It needs 4 failures of 4, 15 of 20 or 60 of 100 to
// be sure of more than a half.
func wilson(failed, total int) float64 {
	if total == 0 {
		return 0
	}
	const z = 1.96
	n, share := float64(total), float64(failed)/float64(total)
	center := share + z*z/(2*n)
	margin := z * math.Sqrt(share*(1-share)/n+z*z/(4*n*n))
	return (center - margin) / (1 + z*z/n)
}

// String describes the change on one line.
func (c StateChange) String() string {
	return fmt.Sprintf("%s: breaker %s, was %s", c.Target, c.To, c.From)
}
