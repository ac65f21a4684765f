package claudetest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/steadfast-go/claude"
)

// A Step answers one request, or breaks it. Its methods return changed copies, so
// that a step reads like a sentence:
//
//	claudetest.Text("Hello").After(time.Second).ResetAfter(claudetest.Events(3))
type Step struct {
	name  string // for messages
	times int    // how many requests it answers; 0 means 1
	on    string // "METHOD path" it is for; empty means POST /v1/messages
	model string // only requests for this model
	key   string // only requests with this key or token

	reply func(r *Request) *claude.Response // a message, or nil
	raw   *rawAnswer                        // anything else, or nil
	link  linkFault                         // breaks the connection instead
	pick  *picker                           // chooses another step, or nil

	header  http.Header
	without bool // without the API's own headers: something else answers
	wait    time.Duration
	pause   time.Duration // between the events of a stream
	cuts    []cut
	changes []func(m *claude.Response)         // of the message
	limit   func(h http.Header, now time.Time) // adds headers that depend on the time
}

// rawAnswer is an answer that is no message.
type rawAnswer struct {
	status int
	body   string
}

// Forever is a time that does not end before the test does.
const Forever = time.Duration(1<<63 - 1)

// always is how often a step is taken that never runs out.
const always = 1 << 62

// Times makes the step answer n requests instead of one.
func (s Step) Times(n int) Step {
	s.times = n
	return s
}

// Always makes the step answer every request from here on. It need not be taken.
func (s Step) Always() Step { return s.Times(always) }

// On makes the step answer requests of another kind than the creation of a
// message: "GET /v1/models", "POST /v1/files". A path that ends in "/" stands for
// all below it.
func (s Step) On(methodAndPath string) Step {
	s.on = methodAndPath
	return s
}

// ForModel makes the step answer only requests for that model.
func (s Step) ForModel(model string) Step {
	s.model = model
	return s
}

// ForKey makes the step answer only requests with that API key or token.
func (s Step) ForKey(key string) Step {
	s.key = key
	return s
}

// After waits before the header of the answer is sent, or before the connection is
// broken instead. [Forever] never answers.
func (s Step) After(wait time.Duration) Step {
	s.wait = wait
	return s
}

// Drip pauses before each event of a stream, or before each of sixteen parts of
// an answer that is not streamed.
func (s Step) Drip(pause time.Duration) Step {
	s.pause = pause
	return s
}

// Header sets a header of the answer; an empty value removes it.
func (s Step) Header(name, value string) Step {
	s.header = s.header.Clone()
	if s.header == nil {
		s.header = make(http.Header)
	}
	s.header.Set(name, value)
	return s
}

// RetryAfter asks to wait, in whole or broken seconds.
func (s Step) RetryAfter(wait time.Duration) Step {
	return s.Header("Retry-After", strconv.FormatFloat(wait.Seconds(), 'f', -1, 64))
}

// RetryAfterMs asks to wait, in milliseconds, by the header of that name.
func (s Step) RetryAfterMs(wait time.Duration) Step {
	return s.Header("Retry-After-Ms", strconv.FormatInt(wait.Milliseconds(), 10))
}

// RetryAfterDate asks to wait until a date, which is rounded up to seconds.
func (s Step) RetryAfterDate(wait time.Duration) Step {
	s.limit = func(h http.Header, now time.Time) {
		at := now.Add(wait + time.Second - 1).UTC()
		h.Set("Retry-After", at.Format(http.TimeFormat))
	}
	return s
}

// ResetsAfter says nothing of waiting, but that the limit of input tokens is used
// up and when it is full again.
func (s Step) ResetsAfter(wait time.Duration) Step {
	s = s.Header("Retry-After", "")
	s.limit = func(h http.Header, now time.Time) {
		h.Set("Anthropic-Ratelimit-Input-Tokens-Limit", "80000")
		h.Set("Anthropic-Ratelimit-Input-Tokens-Remaining", "0")
		h.Set("Anthropic-Ratelimit-Input-Tokens-Reset", now.Add(wait+time.Second-1).UTC().Format(time.RFC3339))
	}
	return s
}

// ShouldRetry adds the x-should-retry header.
func (s Step) ShouldRetry(should bool) Step {
	return s.Header("X-Should-Retry", strconv.FormatBool(should))
}

// String names the step.
func (s Step) String() string {
	text := s.name
	if s.on != "" {
		text += " on " + s.on
	}
	if s.model != "" {
		text += " for " + s.model
	}
	switch {
	case s.times >= always:
		text += ", always"
	case s.times > 1:
		text += ", " + strconv.Itoa(s.times) + " times"
	}
	return text
}
