package claude

import (
	"container/heap"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The simulations let the breaker, the gate, the retrier and the budget work with a
// made-up server and assert bands. A control that does without them must miss its
// band: else the simulation would show nothing. What a comment calls seen comes from
//
//	go test -run InSimulation -v .
//
// and its other figures from the same, with the row or the constant changed.

// simulation runs events in virtual time: nothing sleeps, and nothing runs beside
// anything else. Chance comes from its seed, but for the jitter of waits: the real
// code draws that from the global source, so every band has room.
type simulation struct {
	now    time.Time
	rand   *rand.Rand
	events simEvents
	serial int
}

func newSimulation(seed uint64) *simulation {
	return &simulation{now: time.Date(2026, 10, 21, 0, 0, 0, 0, time.UTC), rand: rand.New(rand.NewPCG(seed, 1))}
}

// after has f happen once d has passed.
func (s *simulation) after(d time.Duration, f func()) {
	s.serial++
	heap.Push(&s.events, &simEvent{at: s.now.Add(d), serial: s.serial, happens: f})
}

// run lets everything happen.
func (s *simulation) run() {
	for len(s.events) > 0 {
		e := heap.Pop(&s.events).(*simEvent)
		s.now = e.at
		e.happens()
	}
}

// poisson has f happen so often a second, each time independently of the others,
// for a while from now.
func (s *simulation) poisson(perSecond float64, length time.Duration, f func()) {
	end := s.now.Add(length)
	var next func()
	next = func() {
		d := s.exp(time.Duration(float64(time.Second) / perSecond))
		if s.now.Add(d).Before(end) {
			s.after(d, func() { next(); f() })
		}
	}
	next()
}

// steady has f happen so often a second, at even distances.
func (s *simulation) steady(perSecond float64, length time.Duration, f func()) {
	step := time.Duration(float64(time.Second) / perSecond)
	for d := s.between(0, step); d < length; d += step {
		s.after(d, f)
	}
}

// exp draws from the exponential distribution.
func (s *simulation) exp(mean time.Duration) time.Duration {
	return time.Duration(s.rand.ExpFloat64() * float64(mean))
}

// between draws evenly.
func (s *simulation) between(least, most time.Duration) time.Duration {
	return least + time.Duration(s.rand.Float64()*float64(most-least))
}

// simEvent is something that happens at a time.
type simEvent struct {
	at      time.Time
	serial  int // at the same time, what was planned first happens first
	happens func()
}

// simEvents is a heap of them.
type simEvents []*simEvent

func (h *simEvents) Len() int { return len(*h) }

func (h *simEvents) Less(i, j int) bool {
	a, b := (*h)[i], (*h)[j]
	order := a.at.Compare(b.at)
	return order < 0 || order == 0 && a.serial < b.serial
}

func (h *simEvents) Swap(i, j int) { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }

func (h *simEvents) Push(x any) { *h = append(*h, x.(*simEvent)) }

func (h *simEvents) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	*h = (*h)[:last]
	return e
}

// simServer is asked now, and answers in its own time.
type simServer func(answer func(verdict))

// simProcess is a process that calls one target: its calls share a targetState.
type simProcess struct {
	*simulation

	server simServer
	policy RetryPolicy
	state  targetState

	known time.Time // until when the server asked to wait, by the answers that came in
	early int       // attempts made before that
}

func (s *simulation) newProcess(server simServer, retry RetryPolicy, circuit BreakerPolicy) *simProcess {
	p := &simProcess{simulation: s, server: server, policy: retry.withDefaults()}
	p.state.budget.policy = p.policy.Budget
	if !circuit.Off {
		p.state.breaker = newBreaker(Target{}, circuit.withDefaults(), s.rand.Float64)
	}
	return p
}

func (p *simProcess) attempts() float64 { return float64(p.state.attempts.Load()) }

// simDone is told how a call ended, and why if it failed.
type simDone func(ok bool, reason Reason)

// simCall is a call on its way through Transport.attempts, written out as events.
// Whatever is decided on it is decided by the real types.
type simCall struct {
	*simProcess

	retrier  retrier
	pass     permit
	patience time.Duration // left at the gate
	waits    time.Time     // until when it waits for probes
	done     simDone
}

// call makes a call now.
func (p *simProcess) call(done simDone) {
	c := &simCall{simProcess: p, done: done}
	c.retrier = retrier{policy: &p.policy, state: &p.state}
	c.admit()
}

// offered makes n calls on the average, at a rate a second, runs the simulation to its
// end and says how many calls there were and how many succeeded.
func (p *simProcess) offered(rate, n float64) (calls, succeeded float64) {
	p.poisson(rate, time.Duration(n/rate)*time.Second, func() {
		calls++
		p.call(func(ok bool, _ Reason) {
			if ok {
				succeeded++
			}
		})
	})
	p.run()
	return calls, succeeded
}

func (c *simCall) admit() {
	c.patience, c.waits = c.policy.MaxRetryAfter, time.Time{}
	c.passGate()
}

func (c *simCall) passGate() {
	if s, shut := c.state.gate.ask(0, c.now); shut && !c.policy.Gate.Off {
		left := s.until.Sub(c.now)
		if left > c.patience {
			c.done(false, ReasonGate)
			return
		}
		c.patience -= left
		c.after(left+spread(left), c.passGate)
		return
	}
	var pass *permit
	if b := c.state.breaker; b != nil {
		var refused *CircuitOpenError
		if pass, refused = b.admit(c.now, &c.pass); refused != nil {
			c.refused(refused)
			return
		}
	}
	if c.now.Before(c.known) {
		c.early++
	}
	c.state.attempts.Add(1)
	c.state.inFlight.Add(1)
	c.server(func(v verdict) {
		c.state.inFlight.Add(-1)
		c.answered(pass, v)
	})
}

// refused waits for the probe that is on its way, by looking again and again.
func (c *simCall) refused(open *CircuitOpenError) {
	if c.waits.IsZero() {
		c.waits = c.now.Add(c.state.breaker.policy.ProbeWait)
	}
	if open.probed == nil || !c.now.Before(c.waits) || !c.now.Before(open.young) {
		c.done(false, ReasonCircuit)
		return
	}
	var look func()
	look = func() {
		select {
		case <-open.probed:
			c.passGate()
		default:
			if c.now.Before(c.waits) && c.now.Before(open.young) {
				c.after(10*time.Millisecond, look)
			} else {
				c.passGate()
			}
		}
	}
	look()
}

func (c *simCall) answered(pass *permit, v verdict) {
	if pass != nil {
		pass.end(c.now, v.result(), v.class)
	}
	if v.class == "" {
		c.retrier.succeeded(c.now)
		c.done(true, "")
		return
	}
	c.state.report(c.now, &v)
	if v.hinted {
		until := c.now.Add(v.hint)
		if until.After(c.known) {
			c.known = until
		}
		if api, ok := errors.AsType[*APIError](v.err); ok && classes[v.class].gate && !c.policy.Gate.Off {
			c.state.gate.close(0, c.now, until, api)
		}
	}
	d := c.retrier.next(&v, c.now, time.Time{}, func() bool { return false })
	if !d.retry {
		c.done(false, d.reason)
		return
	}
	c.after(d.wait, c.admit)
}

// simVerdict is what an attempt came to that ended with a class; "" is success.
func simVerdict(class Class) verdict {
	if class == "" {
		return verdict{}
	}
	return verdict{class: class, processed: classes[class].processed, err: &APIError{}}
}

// simLimited is what an attempt came to that ended with a 429 and a Retry-After.
func simLimited(hint time.Duration) verdict {
	v := simVerdict(ErrRateLimit)
	v.hint, v.hinted = hint, true
	return v
}

// fails is a server that fails this share of attempts, whatever they ask.
func (s *simulation) fails(share float64, class Class, least, most time.Duration) simServer {
	return func(answer func(verdict)) {
		v := verdict{}
		if s.rand.Float64() < share {
			v = simVerdict(class)
		}
		s.after(s.between(least, most), func() { answer(v) })
	}
}

// Seen, in attempts per call: where all fails 1.05 at 2/s and 1.01 at 20/s,
// without a budget 4.00; where half of it fails 1.11 to 1.12.
func TestInSimulationABudgetKeepsRetriesFromMultiplyingAnOutage(t *testing.T) {
	for name, tc := range map[string]struct {
		rate, fail  float64
		budget      BudgetPolicy
		success     float64 // share of calls, at least
		least, most float64 // attempts per call
	}{
		"2/s, a tenth fails":  {rate: 2, fail: .1, success: .995, most: 1.15},
		"20/s, a tenth fails": {rate: 20, fail: .1, success: .995, most: 1.15},
		"20/s, a half fails":  {rate: 20, fail: .5, success: .5, most: 1.15},
		"2/s, all fails":      {rate: 2, fail: 1, most: 1.10},
		"20/s, all fails":     {rate: 20, fail: 1, most: 1.10},
		"control: no budget":  {rate: 2, fail: 1, budget: BudgetPolicy{Off: true}, least: 3.9, most: 4},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulation(1)
			p := s.newProcess(s.fails(tc.fail, ErrGateway, 200*time.Millisecond, 200*time.Millisecond),
				RetryPolicy{MaxAttempts: 4, Budget: tc.budget}, BreakerPolicy{Off: true})
			calls, succeeded := p.offered(tc.rate, 6000)
			load := p.attempts() / calls
			t.Logf("of %v calls %.2f %% succeed; %.3f attempts per call", calls, 100*succeeded/calls, load)
			assert.GreaterOrEqual(t, succeeded/calls, tc.success, "too few calls succeed")
			assert.LessOrEqual(t, load, tc.most, "too many attempts per call")
			assert.GreaterOrEqual(t, load, tc.least, "the control retries too little")
		})
	}
}

// simBreaker says whether an attempt may go, and is told how it ended.
type simBreaker func(now time.Time) (end func(now time.Time, failed bool), admitted bool)

func ourBreaker(b *breaker) simBreaker {
	return func(now time.Time) (func(time.Time, bool), bool) {
		pass, refused := b.admit(now, new(permit))
		return func(now time.Time, bad bool) {
			if bad {
				pass.end(now, failed, ErrGateway)
			} else {
				pass.end(now, succeeded, "")
			}
		}, refused == nil
	}
}

// usualBreaker does what gobreaker does by default: it trips after more than 5
// failures in a row, is open for 60 s, and one probe decides.
func usualBreaker() simBreaker {
	run, generation, probing := 0, 0, false
	openUntil := time.Time{} // zero: closed
	return func(now time.Time) (func(time.Time, bool), bool) {
		if now.Before(openUntil) || probing {
			return nil, false
		}
		probing = !openUntil.IsZero()
		mine := generation
		return func(now time.Time, failed bool) {
			if mine != generation {
				return
			}
			if run++; !failed {
				run = 0
			}
			switch {
			case failed && (probing || run > 5):
				openUntil, probing, run = now.Add(time.Minute), false, 0
				generation++
			case probing:
				openUntil, probing = time.Time{}, false
				generation++
			}
		}, true
	}
}

// simStandby is the policy for a target that another can stand in for.
var simStandby = BreakerPolicy{FailureShare: .5, Run: 12}

// someSeconds is how long an attempt takes where breakers are compared.
func (s *simulation) someSeconds() time.Duration { return time.Second + s.exp(4*time.Second) }

// Seen: none blocked, by gobreaker's defaults 50 % of the calls.
func TestInSimulationABreakerDoesNotTripOnNoise(t *testing.T) {
	for name, tc := range map[string]struct {
		rate, fail  float64
		policy      BreakerPolicy
		usual       bool
		least, most float64 // share of calls blocked
	}{
		"0.2/s, 30 % fail":          {rate: .2, fail: .3, most: .001},
		"2/s, 40 % fail":            {rate: 2, fail: .4, most: .001},
		"20/s, 40 % fail":           {rate: 20, fail: .4, most: .001},
		"standby, 0.2/s, 20 % fail": {rate: .2, fail: .2, policy: simStandby, most: .001},
		"standby, 2/s, 30 % fail":   {rate: 2, fail: .3, policy: simStandby, most: .001},
		"standby, 20/s, 30 % fail":  {rate: 20, fail: .3, policy: simStandby, most: .001},
		"control: gobreaker's rule": {rate: 20, fail: .3, usual: true, least: .2, most: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulation(1)
			breaker := ourBreaker(newBreaker(Target{}, tc.policy.withDefaults(), s.rand.Float64))
			if tc.usual {
				breaker = usualBreaker()
			}
			calls, blocked := 0.0, 0.0
			s.poisson(tc.rate, time.Hour, func() {
				calls++
				end, admitted := breaker(s.now)
				if !admitted {
					blocked++
					return
				}
				s.after(s.someSeconds(), func() { end(s.now, s.rand.Float64() < tc.fail) })
			})
			s.run()
			t.Logf("%.2f %% of %v calls blocked", 100*blocked/calls, calls)
			assert.LessOrEqual(t, blocked/calls, tc.most, "too many calls blocked")
			assert.GreaterOrEqual(t, blocked/calls, tc.least, "the control blocks too few")
		})
	}
}

// After two good minutes, all that begins fails. Seen: it trips after 25 calls and
// 120 s at 0.2/s, 51 and 25 s at 2/s, 265 and 13 s at 20/s; on standby after 11 and
// 55 s, 32 and 16 s, 162 and 8 s.
func TestInSimulationABreakerTripsSoonInAnOutage(t *testing.T) {
	for name, tc := range map[string]struct {
		rate                      float64
		policy                    BreakerPolicy
		calls                     float64 // at most, on average
		leastSeconds, mostSeconds float64 // on average
	}{
		"0.2/s":          {rate: .2, calls: 40, leastSeconds: 80, mostSeconds: 200},
		"2/s":            {rate: 2, calls: 70, leastSeconds: 15, mostSeconds: 35},
		"20/s":           {rate: 20, calls: 350, leastSeconds: 8, mostSeconds: 18},
		"standby, 0.2/s": {rate: .2, policy: simStandby, calls: 14, leastSeconds: 30, mostSeconds: 75},
		"standby, 2/s":   {rate: 2, policy: simStandby, calls: 42, leastSeconds: 8, mostSeconds: 21},
		"standby, 20/s":  {rate: 20, policy: simStandby, calls: 240, leastSeconds: 5, mostSeconds: 13},
	} {
		t.Run(name, func(t *testing.T) {
			const outages = 15
			calls, seconds := 0.0, 0.0
			for seed := range outages {
				s := newSimulation(uint64(seed))
				b := newBreaker(Target{}, tc.policy.withDefaults(), s.rand.Float64)
				breaker := ourBreaker(b)
				outage := s.now.Add(2 * time.Minute)
				var tripped time.Time
				s.poisson(tc.rate, 10*time.Minute, func() {
					if !tripped.IsZero() {
						return
					}
					end, _ := breaker(s.now)
					down := s.now.After(outage)
					if down {
						calls++
					}
					s.after(s.someSeconds(), func() {
						end(s.now, down)
						if tripped.IsZero() && len(b.take()) > 0 {
							tripped = s.now
						}
					})
				})
				s.run()
				require.True(t, tripped.After(outage), "tripped before the outage, or never")
				seconds += tripped.Sub(outage).Seconds()
			}
			calls, seconds = calls/outages, seconds/outages
			t.Logf("trips after %.0f calls and %.0f s", calls, seconds)
			assert.LessOrEqual(t, calls, tc.calls, "too many calls until it trips")
			assert.LessOrEqual(t, seconds, tc.mostSeconds, "trips too late")
			assert.GreaterOrEqual(t, seconds, tc.leastSeconds, "trips before there is evidence")
		})
	}
}

// Five good minutes, in which 2 % fail, and 45 bad seconds, in which 90 % do, take
// turns; each lasts that long on average. Seen, in % of calls blocked in bad times
// and in good ones: 19 and 2.2 at 2/s, 43 and 2.1 at 20/s, on standby 63 and 3.5,
// 70 and 4.1, by gobreaker's defaults 87 and 20.
func TestInSimulationABreakerSavesCallsWhenFailuresComeInBursts(t *testing.T) {
	for name, tc := range map[string]struct {
		rate        float64
		policy      BreakerPolicy
		usual       bool
		saved       float64 // share of calls blocked in bad times, at least
		least, most float64 // share of calls blocked in good times
	}{
		"2/s":                       {rate: 2, saved: .1, most: .06},
		"20/s":                      {rate: 20, saved: .3, most: .06},
		"standby, 2/s":              {rate: 2, policy: simStandby, saved: .4, most: .07},
		"standby, 20/s":             {rate: 20, policy: simStandby, saved: .5, most: .07},
		"control: gobreaker's rule": {rate: 20, usual: true, saved: .5, least: .1, most: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulation(1)
			breaker := ourBreaker(newBreaker(Target{}, tc.policy.withDefaults(), s.rand.Float64))
			if tc.usual {
				breaker = usualBreaker()
			}
			bad, until := true, s.now
			var calls, blocked struct{ good, bad float64 }
			s.poisson(tc.rate, time.Hour, func() {
				for !s.now.Before(until) {
					if bad = !bad; bad {
						until = until.Add(s.exp(45 * time.Second))
					} else {
						until = until.Add(s.exp(5 * time.Minute))
					}
				}
				count, refused, fail := &calls.good, &blocked.good, .02
				if bad {
					count, refused, fail = &calls.bad, &blocked.bad, .9
				}
				*count++
				end, admitted := breaker(s.now)
				if !admitted {
					*refused++
					return
				}
				failed := s.rand.Float64() < fail
				s.after(s.someSeconds(), func() { end(s.now, failed) })
			})
			s.run()
			t.Logf("blocked %.1f %% in bad times, %.1f %% in good ones", 100*blocked.bad/calls.bad, 100*blocked.good/calls.good)
			assert.GreaterOrEqual(t, blocked.bad/calls.bad, tc.saved, "too few calls saved")
			assert.LessOrEqual(t, blocked.good/calls.good, tc.most, "too many calls hindered")
			assert.GreaterOrEqual(t, blocked.good/calls.good, tc.least, "the control hinders too few")
		})
	}
}
