package proxy

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/steadfast-go/claude"
)

// maxFailures is how many of the last failures are shown.
const maxFailures = 50

// A Status is what the status page shows. It holds no secret and nothing of what was
// asked or answered.
type Status struct {
	At       time.Time       `json:"at"`
	Version  string          `json:"version,omitempty"`
	Started  time.Time       `json:"started"`
	Upstream string          `json:"upstream"`
	Draining bool            `json:"draining"`
	Limits   Limits          `json:"limits"`
	Requests Requests        `json:"requests"`
	Classes  map[string]int  `json:"classes"` // failures by class
	Refused  map[string]int  `json:"refused"` // by the proxy itself, by reason
	Latency  Latency         `json:"latency"`
	Targets  []Target        `json:"targets"`
	Failures []RecentFailure `json:"failures"` // the last ones, the latest first
}

// Limits are the proxy's own.
type Limits struct {
	MaxBody       int64 `json:"max_body"`
	MaxConcurrent int   `json:"max_concurrent"`
}

// Requests counts requests. Total is the sum of the five below it.
type Requests struct {
	Total     int `json:"total"`
	InFlight  int `json:"in_flight"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`   // answered with an error, or with a stream that broke off
	Canceled  int `json:"canceled"` // left by their callers, or ended with the proxy
	Refused   int `json:"refused"`  // by the proxy itself

	Attempts  int `json:"attempts"`  // requests that went upstream for calls of the API
	Recovered int `json:"recovered"` // calls that succeeded after an attempt had failed
}

// Latency tells how long requests took that were forwarded and answered lately.
type Latency struct {
	WindowSeconds int       `json:"window_seconds"`
	FirstByte     Quantiles `json:"first_byte"` // until the header of the answer
	Total         Quantiles `json:"total"`      // until its end
}

// Quantiles are of durations, in milliseconds.
type Quantiles struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
}

// A Target is a host and model that calls went to, and how it is.
type Target struct {
	Host      string     `json:"host"`
	Model     string     `json:"model"`
	Breaker   string     `json:"breaker"` // closed, open or probing
	Since     *time.Time `json:"since,omitempty"`
	RetryAt   *time.Time `json:"retry_at,omitempty"`   // when an open breaker lets a probe through
	GateUntil *time.Time `json:"gate_until,omitempty"` // until when the API asked to wait
	Budget    float64    `json:"budget"`               // left for retries
	InFlight  int        `json:"in_flight"`
	Attempts  uint64     `json:"attempts"`
	Successes int        `json:"successes"` // in the breaker's window
	Failures  int        `json:"failures"`  // in the breaker's window
	LastClass string     `json:"last_class,omitempty"`
	LastAt    *time.Time `json:"last_at,omitempty"`
}

// A RecentFailure is a request that failed.
type RecentFailure struct {
	At        time.Time `json:"at"`
	Op        string    `json:"op"`
	Model     string    `json:"model,omitempty"`
	Status    int       `json:"status"`
	Class     string    `json:"class"`
	Attempts  int       `json:"attempts"`
	ElapsedMS float64   `json:"elapsed_ms"`
	RequestID string    `json:"request_id,omitempty"`
	Detail    string    `json:"detail,omitempty"`
}

// stats counts what became of requests.
type stats struct {
	started time.Time

	mu        sync.Mutex
	requests  Requests
	classes   map[string]int
	refused   map[string]int
	firstByte latency
	total     latency
	failures  [maxFailures]RecentFailure
}

func newStats(now time.Time) *stats {
	return &stats{started: now, classes: make(map[string]int), refused: make(map[string]int)}
}

// begin counts a request that has come.
func (s *stats) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests.Total++
	s.requests.InFlight++
}

// end counts what became of it.
func (s *stats) end(x *exchange) {
	now := x.start.Add(x.total)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.requests
	r.InFlight--
	r.Attempts += x.attempts
	switch {
	case x.refused != "":
		r.Refused++
		s.refused[x.refused]++
		return
	case x.class == claude.ErrCanceled:
		r.Canceled++
	case x.class != "":
		s.failures[r.Failed%maxFailures] = RecentFailure{
			At: now, Op: shown(x.op), Model: shown(x.model), Status: x.status, Class: string(x.class), Attempts: x.attempts,
			ElapsedMS: millis(x.total), RequestID: shown(x.requestID), Detail: x.detail,
		}
		r.Failed++
	default:
		r.Succeeded++
		if x.attempts > 1 {
			r.Recovered++
		}
	}
	if x.firstByte > 0 {
		s.firstByte.add(now, x.firstByte)
		s.total.add(now, x.total)
	}
	if x.class != "" {
		s.classes[string(x.class)]++
	}
}

// snapshot fills in what was counted.
func (s *stats) snapshot(now time.Time) Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	failed := s.requests.Failed
	status := Status{
		At: now, Started: s.started, Requests: s.requests,
		Classes: maps.Clone(s.classes), Refused: maps.Clone(s.refused),
		Latency:  Latency{WindowSeconds: int(latencyWindow.Seconds()), FirstByte: quantiles(&s.firstByte, now), Total: quantiles(&s.total, now)},
		Failures: make([]RecentFailure, 0, min(failed, maxFailures)),
	}
	for i := failed - 1; i >= max(0, failed-maxFailures); i-- {
		status.Failures = append(status.Failures, s.failures[i%maxFailures])
	}
	return status
}

func quantiles(l *latency, now time.Time) Quantiles {
	count, values := l.quantiles(now, 0.5, 0.99)
	return Quantiles{Count: count, P50: millis(values[0]), P99: millis(values[1])}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Status returns what the status page shows.
func (p *Proxy) Status() Status {
	now := time.Now()
	status := p.stats.snapshot(now)
	_, status.Draining = p.admission.now()
	status.Version, status.Upstream = p.config.Version, p.upstream.String()
	status.Limits = Limits{MaxBody: p.config.MaxBody, MaxConcurrent: p.config.MaxConcurrent}
	health := p.transport.Health()
	status.Targets = make([]Target, 0, len(health.Targets))
	for i := range health.Targets {
		status.Targets = append(status.Targets, targetOf(&health.Targets[i], now))
	}
	return status
}

// targetOf leaves out the text of the last failure, which may quote a request.
func targetOf(h *claude.TargetHealth, now time.Time) Target {
	t := Target{
		Host: h.Target.Host, Model: shown(h.Target.Model), Breaker: string(h.Breaker), Budget: h.Budget, InFlight: h.InFlight,
		Attempts: h.Attempts, Successes: h.Successes, Failures: h.Failures,
		Since: known(h.Since), RetryAt: known(h.RetryAt),
	}
	if h.GateUntil.After(now) {
		t.GateUntil = known(h.GateUntil)
	}
	if f := h.LastFailure; f != nil {
		t.LastClass, t.LastAt = string(f.Class), known(f.At)
	}
	return t
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// count is a name with its number.
type count struct {
	Name string
	N    int
}

// counts sorts what was counted, the most frequent first.
func counts(m map[string]int) []count {
	list := make([]count, 0, len(m))
	for name, n := range m {
		list = append(list, count{name, n})
	}
	slices.SortFunc(list, func(a, b count) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	return list
}
