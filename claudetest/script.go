package claudetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
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
	picks map[*picker]func(r *Request) Step
}

// taken is how often the step was.
func (s *slot) taken() int { return max(1, s.step.times) - s.left }

// picker chooses another step for each request. What it remembers of the requests
// before belongs to a script, so that one step may stand in several.
type picker struct {
	start func() func(r *Request) Step
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

	base string // scheme, host and what stands before /v1
	err  error  // of decoding
}

func newScript(steps []Step) *Script {
	s := &Script{}
	s.Add(steps...)
	return s
}

// Add appends steps to the script, also while it is running.
func (s *Script) Add(steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, step := range steps {
		s.slots = append(s.slots, &slot{step: step, left: max(1, step.times)})
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
//
// What [Chance], [Cycle], [Choose] and [Limited] choose from must be steps that
// answer a request or break it once it has been read; a fault that comes before, such
// as [GoAway], is a step of its own.
func Chance(probability float64, seed uint64, hit, miss Step) Step {
	return Step{
		name: fmt.Sprintf("%s with probability %g, else %s", hit.name, probability, miss.name),
		pick: &picker{func() func(*Request) Step {
			random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // not for secrets
			return func(*Request) Step {
				if random.Float64() < probability {
					return hit
				}
				return miss
			}
		}},
	}.Always()
}

// Cycle takes its steps in turn, for ever. There must be one.
func Cycle(steps ...Step) Step {
	if len(steps) == 0 {
		panic("claudetest: Cycle without steps")
	}
	return Step{name: "cycle", pick: &picker{func() func(*Request) Step {
		n := -1
		return func(*Request) Step {
			n++
			return steps[n%len(steps)]
		}
	}}}.Always()
}

// Choose takes the step that a function returns for each request: by its number, the
// time it came at, or what it asks. The function is called for one request after
// another, and must not use the script itself.
func Choose(choose func(r *Request) Step) Step {
	return Step{name: "choice", pick: &picker{func() func(*Request) Step { return choose }}}.Always()
}

// handle answers a request: it says what a server has to do.
func (s *Script) handle(r *Request) plan {
	r.decode()
	s.mu.Lock()
	r.Number = len(s.requests) + 1
	r.ID = fmt.Sprintf("req_%06d", r.Number)
	step, ok := s.take(r)
	if !ok {
		step, ok = s.api.answer(r)
	}
	if !ok {
		step = s.refuse(r, ", finds no step")
	}
	r.Step = step.String()
	s.requests = append(s.requests, *r)
	s.mu.Unlock()
	p, err := planOf(step, r)
	if err != nil {
		s.mu.Lock()
		step = s.refuse(r, fmt.Sprintf(": step %q cannot be played: %v", step, err))
		s.mu.Unlock()
		p, _ = planOf(step, r)
	}
	return p
}

// refuse keeps what went wrong with the test itself for Verify, and returns the
// step that tells the caller. The lock is held.
func (s *Script) refuse(r *Request, problem string) Step {
	text := fmt.Sprintf("request %d, %s %s%s", r.Number, r.Method, r.Path, problem)
	s.unexpected = append(s.unexpected, text)
	return InvalidRequest("claudetest: " + text).ShouldRetry(false)
}

// misplaced keeps for Verify that a fault was due where it cannot be played.
func (s *Script) misplaced(r *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse(r, fmt.Sprintf(": step %q cannot be played here, see its documentation", r.Step))
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
			next := slot.picks[step.pick]
			if next == nil {
				next = step.pick.start()
				if slot.picks == nil {
					slot.picks = make(map[*picker]func(r *Request) Step)
				}
				slot.picks[step.pick] = next
			}
			step = step.over(next(r))
		}
		return step, true
	}
	return Step{}, false
}

// over lays what was asked of a step over the one that it chose.
func (s Step) over(chosen Step) Step {
	for name, values := range s.header {
		chosen = chosen.Header(name, values[0])
	}
	if s.wait != 0 {
		chosen.wait = s.wait
	}
	if s.pause != 0 {
		chosen.pause = s.pause
	}
	if s.limit != nil {
		chosen.limit = s.limit
	}
	for _, c := range s.cuts {
		chosen = chosen.with(c)
	}
	for _, f := range s.changes {
		chosen = chosen.change(f)
	}
	return chosen
}

// isFor reports whether a step is for a request.
func (s Step) isFor(r *Request) bool {
	want := s.on
	if want == "" {
		want = "POST /v1/messages"
	}
	method, path, _ := strings.Cut(want, " ")
	asked := r.Path[max(0, strings.LastIndex(r.Path, "/v1/")):]
	below := strings.HasSuffix(path, "/") && strings.HasPrefix(asked, path)
	return method == r.Method && (asked == path || below) &&
		(s.model == "" || s.model == r.Model) && (s.key == "" || s.key == r.Key)
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
	return slot.step, true
}

// due returns the slot that comes next, of those that are for any request that
// creates a message. The lock is held.
func (s *Script) due() *slot {
	for _, slot := range s.slots {
		if slot.left > 0 && slot.step.on == "" && slot.step.model == "" && slot.step.key == "" {
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
	return slot != nil && (slot.step.link.handshake() || slot.step.link == linkProxy)
}

// baseOf is what stands before /v1 in the URL of a request.
func baseOf(scheme, host, path string) string {
	return scheme + "://" + host + path[:max(0, strings.LastIndex(path, "/v1/"))]
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
	return Step{
		name: step.name + " within a capacity",
		pick: &picker{func() func(*Request) Step {
			l := &limiter{
				Capacity: c, step: step,
				requests: bucket{perMinute: c.RequestsPerMinute}, tokens: bucket{perMinute: c.TokensPerMinute},
			}
			return l.answer
		}},
	}.Always()
}

// limiter is a capacity at work.
type limiter struct {
	Capacity

	step             Step
	requests, tokens bucket
	places           []time.Time // when each is free again
}

func (l *limiter) answer(r *Request) Step {
	now, size := r.At, inputTokens(r.Body)
	if wait := max(l.requests.wait(now, 1), l.tokens.wait(now, size)); wait > 0 {
		return l.header(RateLimited((wait + time.Second - 1).Truncate(time.Second)), now)
	}
	step := l.step
	if l.Concurrent > 0 {
		l.places = slices.DeleteFunc(l.places, func(free time.Time) bool { return !free.After(now) })
		n := len(l.places)
		if n >= l.Concurrent+l.Queue {
			return l.header(Overloaded(), now)
		}
		start := now
		if n >= l.Concurrent {
			start = l.places[n-l.Concurrent]
		}
		l.places = append(l.places, start.Add(l.Service))
		step = step.After(start.Add(l.Service).Sub(now))
	}
	l.requests.used++
	l.tokens.used += float64(size)
	return l.header(step, now)
}

// header adds what the API says of the limits. That of all tokens is the most
// restrictive one in effect.
func (l *limiter) header(s Step, now time.Time) Step {
	s = l.requests.header(s, "Requests", now)
	s = l.tokens.header(s, "Input-Tokens", now)
	return l.tokens.header(s, "Tokens", now)
}

// bucket is a limit that refills all the time.
type bucket struct {
	perMinute int
	used      float64
	at        time.Time
}

// wait returns how long until n fit in. More than the bucket holds fit in when it
// is full.
func (b *bucket) wait(now time.Time, n int) time.Duration {
	if b.perMinute == 0 {
		return 0
	}
	if !b.at.IsZero() {
		b.used = max(0, b.used-now.Sub(b.at).Seconds()*b.rate())
	}
	b.at = now
	over := b.used + float64(min(n, b.perMinute)) - float64(b.perMinute)
	return max(0, time.Duration(over/b.rate()*float64(time.Second)))
}

// rate is what comes back each second.
func (b *bucket) rate() float64 { return float64(b.perMinute) / time.Minute.Seconds() }

func (b *bucket) header(s Step, name string, now time.Time) Step {
	if b.perMinute == 0 {
		return s
	}
	full := now.Add(time.Duration(b.used/b.rate()*float64(time.Second)) + time.Second - 1)
	return s.Header("Anthropic-Ratelimit-"+name+"-Limit", strconv.Itoa(b.perMinute)).
		Header("Anthropic-Ratelimit-"+name+"-Remaining", strconv.Itoa(max(0, int(float64(b.perMinute)-b.used)))).
		Header("Anthropic-Ratelimit-"+name+"-Reset", full.UTC().Format(time.RFC3339))
}
