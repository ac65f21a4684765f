package main

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"
)

// section is a table of the report.
type section struct {
	title, about string
	stories      []story
}

// row is one figure of a story.
type row struct {
	name string
	aim  string // what Steadfast is to reach, by the project's design
	of   func(w *world) float64
}

// flight is how long a refusal takes to come back: 50 to 200 ms. The server itself
// refuses at once.
func (w *world) flight() time.Duration { return w.between(50*time.Millisecond, 200*time.Millisecond) }

// answer is how long an answer takes: 0.5 to 1.5 s.
func (w *world) answer() time.Duration {
	return w.between(500*time.Millisecond, 1500*time.Millisecond)
}

// earlyPer is how many attempts of each of n processes came before a wait they were
// told of was over.
func earlyPer(n int) func(*world) float64 {
	return func(w *world) float64 {
		return float64(w.countAttempts(func(a attempt) bool { return a.early })) / float64(n)
	}
}

// sections are all stories, for a fleet of n processes. What a server can do grows
// with the fleet.
func sections(n int) []section {
	return []section{
		{
			title: "An outage of a minute",
			about: fmt.Sprintf("%d processes with 2 calls a second each. For 60 s the server refuses everything with a 529, then all is well again for 60 s. Recovery is when the last call fails, counted from the end of the outage; failures that were on their way at that moment (0.2 s) do not count. Steadfast's breaker trips after 30 failures in a row and then probes about every 4 s: with the 13 or 14 probes of a minute that is some 44 requests for the 120 calls of a process, which is why the aim is missed. A new process, without a healthy time before, knows of no successes, so that 16 failures are enough.", n),
			stories: []story{
				outage("after 30 good s, answers of 1 s", n, 30*time.Second, time.Second, "minute"),
				outage("after 30 good s, answers of 0.1 s", n, 30*time.Second, 100*time.Millisecond, ""),
				outage("new processes, answers of 0.1 s", n, 0, 100*time.Millisecond, ""),
			},
		},
		{
			title:   "A brown-out at 0.7 of the capacity needed",
			about:   fmt.Sprintf("%d processes with 2 calls a second each for a minute, of a server that manages %.0f a second and sheds the others with a 529. To refuse costs it a share of an answer: 0.2 in the comparison, 0 and 0.5 to show how much that figure matters. Where a refusal costs something, a retry only takes the place of another call, so that retries cannot do better than raw without any; requests that are never sent could: the server's limit is 0.3 of the calls.", n, 1.4*float64(n)),
			stories: []story{brownout(n, .2), brownout(n, 0), brownout(n, .5)},
		},
		{
			title:   "Random failures",
			about:   fmt.Sprintf("%d processes with 2 calls a second each for a minute; 20 %% of the requests fail with a 500 after 0.5 to 1.5 s, as long as answers take. Three attempts can make it 99.2 %% and 1.24.", n),
			stories: []story{randomFailures(n)},
		},
		{
			title:   "A rate limit that says how long to wait",
			about:   fmt.Sprintf("%d processes with 2 calls a second each. For 30 s each request gets a 429 with a Retry-After of 5 s; then calls go on for 15 s without a limit. An attempt is early if an answer that has come back to its process said to wait for longer.", n),
			stories: []story{rateLimit(n)},
		},
		{
			title:   "Three times as many calls as the rate limit allows",
			about:   fmt.Sprintf("%d processes with 2 calls a second each for a minute, of an account that may make %.0f requests a second. The others get a 429 with a Retry-After of 1 s, which is when there is room again, though not for all of them. No client knows of the other processes.", n, float64(n)*2/3),
			stories: []story{threefold(n)},
		},
		{
			title:   "A queue that stays full",
			about:   "20 processes with 4 calls a second each to 50 workers who manage 100 a second, of which 35 stop for 20 s. A gateway gives up on a request after 2 s, with a 504, but the workers work on it all the same. Goodput is back when 95 % of the calls that begin in 5 s succeed, and go on to; never is not within 80 s. What makes the queue full is over at second 40; what keeps it full is the clients.",
			stories: []story{queue()},
		},
	}
}

func outage(label string, n int, warm, answer time.Duration, chart string) story {
	const down = time.Minute
	end := warm + down
	during := func(at time.Duration) bool { return at >= warm && at < end }
	late := func(c call) bool { return !c.ok && c.ended > end+200*time.Millisecond }
	return story{
		label: label, chart: chart, caption: "An outage of a minute, " + label, marks: []float64{warm.Seconds(), end.Seconds()},
		processes: n, rate: 2, length: end + time.Minute,
		rows: []row{
			{"requests per call in it", "≤ 0.25", func(w *world) float64 {
				return float64(w.countAttempts(func(a attempt) bool { return during(a.at) })) / float64(w.countCalls(func(c call) bool { return during(c.began) }))
			}},
			{"calls failed after it", "≤ " + figure(5*float64(n)), func(w *world) float64 { return float64(w.countCalls(late)) }},
			{"recovery, s", "≤ 6", func(w *world) float64 {
				var last time.Duration
				for _, c := range w.calls {
					if late(c) {
						last = max(last, c.ended-end)
					}
				}
				return last.Seconds()
			}},
		},
		server: func(w *world) server {
			return func() outcome {
				if during(w.now()) {
					time.Sleep(w.flight())
					return outcome{status: 529}
				}
				time.Sleep(w.between(answer/2, answer*3/2))
				return outcome{status: http.StatusOK}
			}
		},
	}
}

func brownout(n int, refusal float64) story {
	label := fmt.Sprintf("a refusal costs %v", refusal)
	s := story{
		label: label, processes: n, rate: 2, length: time.Minute,
		rows: []row{
			{name: "failed, of " + figure(120*float64(n)) + " calls", of: func(w *world) float64 {
				// The calls come at random, so there are not quite as many.
				return failedShare(w) / 100 * 120 * float64(n)
			}},
			{name: "requests per call", of: perCall},
		},
		server: func(w *world) server {
			b := newBucket(1.4 * float64(n))
			return func() outcome {
				if !b.take(w.now(), refusal) {
					time.Sleep(w.flight())
					return outcome{status: 529}
				}
				time.Sleep(w.answer())
				return outcome{status: http.StatusOK}
			}
		},
	}
	if refusal == .2 {
		s.chart, s.caption = "brownout", "A brown-out at 0.7 of the capacity needed, "+label
		s.rows[0].aim = "≤ " + figure(8300*float64(n)/200)
	}
	return s
}

func randomFailures(n int) story {
	return story{
		processes: n, rate: 2, length: time.Minute,
		rows: []row{
			{"success, %", "≥ 98.9", func(w *world) float64 { return 100 - failedShare(w) }},
			{"requests per call", "≤ 1.26", perCall},
		},
		server: func(w *world) server {
			return func() outcome {
				time.Sleep(w.answer())
				if w.between(0, 100) < 20 {
					return outcome{status: http.StatusInternalServerError}
				}
				return outcome{status: http.StatusOK}
			}
		},
	}
}

func rateLimit(n int) story {
	const limited = 30 * time.Second
	return story{
		chart: "ratelimit", caption: "429 with Retry-After: 5 for 30 s", marks: []float64{limited.Seconds()},
		processes: n, rate: 2, length: limited + 15*time.Second,
		rows: []row{
			{"early attempts of a process", "0", earlyPer(n)},
			{"requests of a process", "", func(w *world) float64 { return float64(len(w.attempts)) / float64(n) }},
			{"calls failed, %", "", failedShare},
		},
		server: func(w *world) server {
			return func() outcome {
				at := w.now()
				time.Sleep(w.flight())
				if at < limited {
					return outcome{status: http.StatusTooManyRequests, wait: 5 * time.Second}
				}
				return outcome{status: http.StatusOK}
			}
		},
	}
}

func threefold(n int) story {
	return story{
		chart: "threefold", caption: "Three times as many calls as the rate limit allows",
		processes: n, rate: 2, length: time.Minute,
		rows: []row{
			{"calls failed, %", "", failedShare},
			{"requests per call", "", perCall},
			{"early attempts of a process", "", earlyPer(n)},
		},
		server: func(w *world) server {
			b := newBucket(float64(n) * 2 / 3)
			return func() outcome {
				if !b.take(w.now(), 0) {
					time.Sleep(w.flight())
					return outcome{status: http.StatusTooManyRequests, wait: time.Second}
				}
				time.Sleep(w.answer())
				return outcome{status: http.StatusOK}
			}
		},
	}
}

// bucket is what a server can do: so much a second, and a second's worth at once.
type bucket struct {
	capacity float64

	mu   sync.Mutex
	room float64
	at   time.Duration
}

func newBucket(capacity float64) *bucket { return &bucket{capacity: capacity, room: capacity} }

// take takes an answer out of it, or only what the refusal costs.
func (b *bucket) take(now time.Duration, refusal float64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.room, b.at = min(b.capacity, b.room+(now-b.at).Seconds()*b.capacity), now
	if b.room < 1 {
		b.room -= refusal
		return false
	}
	b.room--
	return true
}

// queue is the story of a metastable failure.
func queue() story {
	const step, stop, end = 5, 20, 40 // seconds
	s := story{
		chart: "queue", caption: "35 of 50 workers stop for 20 s, and the queue is full", marks: []float64{stop, end},
		processes: 20, rate: 4, length: 120 * time.Second,
		server: func(w *world) server {
			q := &workers{world: w, idle: 50}
			time.AfterFunc(stop*time.Second, func() { q.hire(-35) })
			time.AfterFunc(end*time.Second, func() { q.hire(35) })
			return q.serve
		},
	}
	bins := int(s.length/time.Second) / step
	s.rows = []row{
		{"goodput is back after, s", "", func(w *world) float64 {
			calls, good := make([]float64, bins), make([]float64, bins)
			for _, c := range w.calls {
				i := int(c.began/time.Second) / step
				calls[i]++
				if c.ok {
					good[i]++
				}
			}
			seconds := 0
			for i := end / step; i < bins; i++ {
				if good[i] < .95*calls[i] {
					seconds = (i+1)*step - end
				}
			}
			if seconds == bins*step-end {
				return math.Inf(1)
			}
			return float64(seconds)
		}},
		{"calls failed, %", "", failedShare},
		{"requests per call", "", perCall},
	}
	return s
}

// workers serve a queue, one request each at a time. They know nothing of whether
// somebody still waits for the answer.
type workers struct {
	*world

	desk    sync.Mutex
	idle    int // below zero where some who are busy are to stop
	waiting []chan struct{}
}

func (q *workers) hire(n int) {
	q.desk.Lock()
	defer q.desk.Unlock()
	q.idle += n
	q.work()
}

// work gives requests to whoever is idle. The caller holds the lock.
func (q *workers) work() {
	for q.idle > 0 && len(q.waiting) > 0 {
		done := q.waiting[0]
		q.waiting = q.waiting[1:]
		q.idle--
		q.mu.Lock()
		takes := time.Duration(q.rand.ExpFloat64() * float64(500*time.Millisecond))
		q.mu.Unlock()
		time.AfterFunc(takes, func() {
			close(done)
			q.hire(1)
		})
	}
}

func (q *workers) serve() outcome {
	done := make(chan struct{})
	q.desk.Lock()
	q.waiting = append(q.waiting, done)
	q.work()
	q.desk.Unlock()
	select {
	case <-done:
		return outcome{status: http.StatusOK}
	case <-time.After(2 * time.Second):
		return outcome{status: http.StatusGatewayTimeout}
	}
}

// failedShare is the percentage of calls that failed.
func failedShare(w *world) float64 {
	return 100 * float64(w.countCalls(func(c call) bool { return !c.ok })) / float64(len(w.calls))
}

func perCall(w *world) float64 { return float64(len(w.attempts)) / float64(len(w.calls)) }

func (w *world) countCalls(which func(call) bool) (n int) {
	for _, c := range w.calls {
		if which(c) {
			n++
		}
	}
	return n
}

func (w *world) countAttempts(which func(attempt) bool) (n int) {
	for _, a := range w.attempts {
		if which(a) {
			n++
		}
	}
	return n
}
