package claudetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/steadfast-go/claude"
)

// A Script hands out steps to requests, in order, and remembers what was asked. It
// is what a [Server] and a [Transport] have in common.
type Script struct {
	mu         sync.Mutex
	slots      []*slot
	requests   []Request
	unexpected []string
	api        api
}

// slot is a step with what is left of it.
type slot struct {
	step  Step
	left  int
	taken int
}

// A Request is what a script was asked, decoded.
type Request struct {
	Number  int    // from 1
	ID      string // the request id it was answered with
	Method  string
	Path    string // without query
	Query   string
	Host    string
	Header  http.Header
	Body    []byte
	At      time.Time
	Model   string
	Stream  bool           // whether it asked for a stream
	Key     string         // the API key or bearer token that came with it
	Message claude.Request // the body, decoded, of a request that creates a message
	Step    string         // what answered it

	err error // of decoding
}

func newScript(steps []Step) *Script {
	s := &Script{}
	for _, step := range steps {
		s.add(step)
	}
	return s
}

func (s *Script) add(step Step) {
	s.slots = append(s.slots, &slot{step: step, left: max(1, step.times)})
}

// Add appends steps to the script, also while it is running.
func (s *Script) Add(steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, step := range steps {
		s.add(step)
	}
}

// Requests returns what has been asked so far, in order.
func (s *Script) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Chance takes the first step with a probability from 0 to 1, else the second. The
// seed makes it the same each time.
func Chance(probability float64, seed uint64, hit, miss Step) Step {
	return Step{
		name: fmt.Sprintf("%s with probability %g, else %s", hit.name, probability, miss.name),
		pick: func(n int, _ *Request) Step {
			if rand.New(rand.NewPCG(seed, uint64(n))).Float64() < probability {
				return hit
			}
			return miss
		},
	}.Always()
}

// Cycle takes its steps in turn, for ever.
func Cycle(steps ...Step) Step {
	return Step{name: "cycle", pick: func(n int, _ *Request) Step { return steps[n%len(steps)] }}.Always()
}

// handle answers a request: it says what a server has to do.
func (s *Script) handle(r *Request) (plan, error) {
	r.decode()
	s.mu.Lock()
	r.Number = len(s.requests) + 1
	r.ID = fmt.Sprintf("req_%06d", r.Number)
	step, ok := s.take(r)
	if !ok {
		step, ok = s.api.answer(r)
	}
	if !ok {
		text := fmt.Sprintf("request %d, %s %s, finds no step", r.Number, r.Method, r.Path)
		s.unexpected = append(s.unexpected, text)
		step = InvalidRequest("claudetest: " + text)
	}
	r.Step = step.String()
	s.requests = append(s.requests, *r)
	s.mu.Unlock()
	return planOf(step, r, r.At)
}

// take returns the first step that is for a request. The lock is held.
func (s *Script) take(r *Request) (Step, bool) {
	for _, slot := range s.slots {
		step := slot.step
		if slot.left <= 0 || step.link == linkStale || !step.isFor(r) {
			continue
		}
		slot.left--
		for step.pick != nil {
			step = step.pick(slot.taken, r)
		}
		slot.taken++
		return step, true
	}
	return Step{}, false
}

// isFor reports whether a step is for a request.
func (s Step) isFor(r *Request) bool {
	want := s.on
	if want == "" {
		want = "POST /v1/messages"
	}
	method, path, _ := strings.Cut(want, " ")
	at := strings.LastIndex(r.Path, "/v1/")
	if at < 0 {
		at = 0
	}
	asked := r.Path[at:]
	if method != r.Method || asked != path && !(strings.HasSuffix(path, "/") && strings.HasPrefix(asked, path)) {
		return false
	}
	return (s.model == "" || s.model == r.Model) && (s.key == "" || s.key == r.Key)
}

// takeLink takes the step that is due if it is a fault of the connection that
// want knows.
func (s *Script) takeLink(want func(linkFault) bool) (Step, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := s.due()
	if slot == nil || !want(slot.step.link) {
		return Step{}, false
	}
	slot.left--
	slot.taken++
	return slot.step, true
}

// due returns the slot that comes next. The lock is held.
func (s *Script) due() *slot {
	for _, slot := range s.slots {
		if slot.left > 0 {
			return slot
		}
	}
	return nil
}

// endsConnection reports whether the step that is due needs a new connection, so
// that the one in use must not be kept.
func (s *Script) endsConnection() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := s.due()
	return slot != nil && slot.step.link.handshake()
}

// decode fills in what the body and headers say.
func (r *Request) decode() {
	r.Key = r.Header.Get("X-Api-Key")
	if r.Key == "" {
		r.Key = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	var head struct {
		Model  string `json:"model"`
		Stream bool   `json:"stream"`
	}
	if len(r.Body) == 0 {
		return
	}
	_ = json.Unmarshal(r.Body, &head) // what is no JSON has neither
	r.Model, r.Stream = head.Model, head.Stream
	if strings.HasSuffix(r.Path, "/v1/messages") {
		r.err = json.Unmarshal(r.Body, &r.Message)
	}
}

// Capacity is what a server can do: limits by the minute, and places to work in.
// What is zero is not limited.
type Capacity struct {
	RequestsPerMinute int           // more are answered 429, with Retry-After and the real headers
	TokensPerMinute   int           // of input, likewise
	Concurrent        int           // requests worked on at a time
	Queue             int           // requests that wait for a place; more are answered 529
	Service           time.Duration // how long one takes; needed by Concurrent
}

// Limited answers with a step as far as a capacity reaches.
func Limited(c Capacity, step Step) Step {
	requests, tokens := bucket{perMinute: c.RequestsPerMinute}, bucket{perMinute: c.TokensPerMinute}
	var mu sync.Mutex
	var places []time.Time // when each is free again
	return Step{
		name: step.name + " within a capacity",
		pick: func(_ int, r *Request) Step {
			mu.Lock()
			defer mu.Unlock()
			now, size := r.At, inputTokens(r.Body)
			wait := max(requests.wait(now, 1), tokens.wait(now, size))
			headers := func(s Step) Step {
				return tokens.header(requests.header(s, "Requests", now), "Input-Tokens", now)
			}
			if wait > 0 {
				return headers(RateLimited((wait + time.Second - 1).Truncate(time.Second)))
			}
			if c.Concurrent > 0 {
				busy := places[:0]
				for _, p := range places {
					if p.After(now) {
						busy = append(busy, p)
					}
				}
				if places = busy; len(places) >= c.Concurrent+c.Queue {
					return headers(Overloaded())
				}
				start := now
				if n := len(places); n >= c.Concurrent {
					start = places[n-c.Concurrent]
				}
				places = append(places, start.Add(c.Service))
				step = step.After(start.Add(c.Service).Sub(now))
			}
			requests.take(1)
			tokens.take(size)
			return headers(step)
		},
	}.Always()
}

// bucket is a limit that refills all the time.
type bucket struct {
	perMinute int
	used      float64
	at        time.Time
}

// wait returns how long until n fit in.
func (b *bucket) wait(now time.Time, n int) time.Duration {
	if b.perMinute == 0 {
		return 0
	}
	rate := float64(b.perMinute) / time.Minute.Seconds()
	if !b.at.IsZero() {
		b.used = max(0, b.used-now.Sub(b.at).Seconds()*rate)
	}
	b.at = now
	over := b.used + float64(min(n, b.perMinute)) - float64(b.perMinute)
	return max(0, time.Duration(over/rate*float64(time.Second)))
}

func (b *bucket) take(n int) { b.used += float64(n) }

func (b *bucket) header(s Step, name string, now time.Time) Step {
	if b.perMinute == 0 {
		return s
	}
	rate := float64(b.perMinute) / time.Minute.Seconds()
	full := now.Add(time.Duration(b.used / rate * float64(time.Second)))
	return s.Header("Anthropic-Ratelimit-"+name+"-Limit", fmt.Sprint(b.perMinute)).
		Header("Anthropic-Ratelimit-"+name+"-Remaining", fmt.Sprint(max(0, b.perMinute-int(b.used)))).
		Header("Anthropic-Ratelimit-"+name+"-Reset", full.UTC().Format(time.RFC3339))
}
