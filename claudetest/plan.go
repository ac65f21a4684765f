package claudetest

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// plan is all that happens to one request: what a server does on a socket and a
// transport in memory, alike.
type plan struct {
	link   linkFault
	wait   time.Duration // before the header
	status int
	header http.Header
	length int // Content-Length; -1: not said, the parts are events
	parts  []part
	end    cutKind // cutEnd: complete
}

// part is a piece of a body.
type part struct {
	wait time.Duration // before it
	data string
}

// planOf makes the plan of a step for a request.
func planOf(s Step, r *Request) (plan, error) {
	now := r.At // when the header is sent, as far as that is known
	if s.wait < Forever {
		now = now.Add(s.wait)
	}
	p := plan{link: s.link, wait: s.wait, status: http.StatusOK, header: make(http.Header), end: cutEnd}
	if !s.without && s.link == linkFine {
		apiHeader(p.header, r, now)
	}
	withID := func(text string) string { return strings.ReplaceAll(text, requestIDPlace, r.ID) }
	var pieces []string
	switch {
	case s.raw != nil:
		p.status = s.raw.status
		pieces = slices16(withID(s.raw.body))
	case s.reply != nil:
		var err error
		if pieces, err = message(s, r, &p); err != nil {
			return p, err
		}
	}
	for name, values := range s.header {
		if values[0] == "" {
			p.header.Del(name)
		} else {
			p.header[name] = slices.Clone(values)
		}
	}
	if s.limit != nil {
		s.limit(p.header, now)
	}
	for _, piece := range pieces {
		p.parts = append(p.parts, part{s.pause, piece})
		if p.length >= 0 {
			p.length += len(piece)
		}
	}
	for _, c := range s.cuts {
		c.data = withID(c.data)
		p.apply(c)
	}
	return p, nil
}

// message is the answer of a step that has one: events where the request asks for
// a stream, else a JSON object.
func message(s Step, r *Request, p *plan) ([]string, error) {
	m := s.reply(r)
	if m == nil {
		return nil, errors.New("its answer is nil")
	}
	for _, change := range s.changes {
		change(m)
	}
	complete(m, r)
	if r.Stream {
		p.length = -1
		p.header.Set("Content-Type", "text/event-stream; charset=utf-8")
		p.header.Set("Cache-Control", "no-cache")
		return eventsOf(m)
	}
	whole, err := objectOf(m)
	if err != nil {
		return nil, err
	}
	return slices16(encode(whole)), nil
}

// slices16 cuts a body into sixteen parts, so that places and pauses mean
// something without events.
func slices16(body string) (pieces []string) {
	for n := 16; n > 0 && body != ""; n-- {
		size := (len(body) + n - 1) / n
		pieces = append(pieces, body[:size])
		body = body[size:]
	}
	return pieces
}

// apiHeader adds what the API sends with every answer.
func apiHeader(h http.Header, r *Request, now time.Time) {
	h.Set("Content-Type", "application/json")
	h.Set("Request-Id", r.ID)
	h.Set("Anthropic-Organization-Id", "00000000-0000-4000-8000-000000000000")
	h.Set("Date", now.UTC().Format(http.TimeFormat))
	limit := func(name string, most, left int) {
		h.Set("Anthropic-Ratelimit-"+name+"-Limit", strconv.Itoa(most))
		h.Set("Anthropic-Ratelimit-"+name+"-Remaining", strconv.Itoa(max(0, left)))
		h.Set("Anthropic-Ratelimit-"+name+"-Reset", now.Add(time.Second).UTC().Format(time.RFC3339))
	}
	tokens := func(name string, most, used int) { // the API rounds them to thousands
		limit(name, most, (most-used+500)/1000*1000)
	}
	size := inputTokens(r.Body)
	limit("Requests", 4000, 4000-1)
	tokens("Input-Tokens", 400_000, size)
	tokens("Output-Tokens", 80_000, 0)
	tokens("Tokens", 480_000, size)
}

// apply changes the plan for what happens at a place.
func (p *plan) apply(c cut) {
	if c.event && p.length >= 0 {
		return
	}
	i, rest := p.find(c.at)
	if c.kind == cutStall || c.kind == cutInsert {
		p.insert(c, i, rest)
		return
	}
	p.parts, p.end = p.parts[:i:i], cutEnd
	if rest != "" {
		p.parts = append(p.parts, part{data: rest})
	}
	switch c.kind {
	case cutClose, cutReset:
		p.end = c.kind
	case cutFail:
		p.parts = append(p.parts, part{data: c.data})
	default:
		if p.length >= 0 {
			p.length = p.size()
		}
	}
}

// insert puts a pause or a text behind the first i parts and the rest of one.
func (p *plan) insert(c cut, i int, rest string) {
	head, tail := slices.Clone(p.parts[:i]), slices.Clone(p.parts[i:])
	if rest != "" {
		head = append(head, part{tail[0].wait, rest})
		tail[0] = part{0, tail[0].data[len(rest):]}
	}
	switch {
	case c.kind == cutInsert:
		head = append(head, part{data: c.data})
		if p.length >= 0 {
			p.length += len(c.data)
		}
	case len(tail) == 0:
		tail = []part{{wait: c.wait}}
	default:
		if tail[0].wait += c.wait; tail[0].wait < 0 { // beyond what a time can hold
			tail[0].wait = Forever
		}
	}
	p.parts = slices.Concat(head, tail)
}

// size is what of the body is sent.
func (p *plan) size() (n int) {
	for _, q := range p.parts {
		n += len(q.data)
	}
	return n
}

// find returns the part that begins at a place, and what of that part still lies
// before it.
func (p *plan) find(at Place) (i int, rest string) {
	if at.events {
		return min(max(0, at.n), len(p.parts)), ""
	}
	n := at.n
	for i, q := range p.parts {
		if n < len(q.data) {
			return i, q.data[:max(0, n)]
		}
		n -= len(q.data)
	}
	return len(p.parts), ""
}
