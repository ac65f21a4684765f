// Package fakeapi plays the Messages API by a script, misbehaviour included: on
// a loopback socket for real network faults, or in memory for virtual time.
package fakeapi

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Step answers one request.
type Step struct {
	Status int               // 0 means 200
	Header map[string]string // in addition to the API's own
	Body   string            //
	After  time.Duration     // before the header is sent
	Reset  bool              // break the connection instead of answering
	CutAt  int               // announce the whole body and break off after so many bytes; 0 means no cut
	Plain  bool              // leave the API's own headers out: something else answers
}

// Says answers with a message of text.
func Says(text string) Step {
	return Step{Body: fmt.Sprintf(`{"model":"claude-sonnet-5-5","id":"msg_01Fake","type":"message","role":"assistant",`+
		`"content":[{"type":"text","text":%q}],"stop_reason":"end_turn","stop_sequence":null,`+
		`"usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":%d,"service_tier":"standard"}}`,
		text, 1+len(strings.Fields(text)))}
}

// Fails answers with the API's error envelope.
func Fails(status int, typ, message string) Step {
	return Step{Status: status, Body: fmt.Sprintf(`{"type":"error","error":{"type":%q,"message":%q},"request_id":"req_fake"}`, typ, message)}
}

// Overloaded is the API short of capacity.
func Overloaded() Step { return Fails(529, "overloaded_error", "Overloaded") }

// Limited is the API's rate limit, with a wait.
func Limited(wait time.Duration) Step {
	return Fails(http.StatusTooManyRequests, "rate_limit_error", "This request would exceed your account's rate limit. Please try again later.").
		With("Retry-After", strconv.FormatFloat(wait.Seconds(), 'f', -1, 64))
}

// Page answers with HTML, as something between us and the API would.
func Page(status int, title string) Step {
	return Step{
		Status: status, Plain: true, Header: map[string]string{"Content-Type": "text/html"},
		Body: "<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>",
	}
}

// Resets breaks the connection.
func Resets() Step { return Step{Reset: true} }

// With returns the step with a header.
func (s Step) With(name, value string) Step {
	header := map[string]string{name: value}
	for k, v := range s.Header {
		if k != name {
			header[k] = v
		}
	}
	s.Header = header
	return s
}

// Script answers requests by its steps, in order; the last one goes on for ever.
type Script struct {
	mu       sync.Mutex
	steps    []Step
	requests []Request
}

// Request is a request as it came.
type Request struct {
	Method, Path string
	Host         string
	Header       http.Header
	Body         string
	At           time.Time
}

// NewScript returns a Script.
func NewScript(steps ...Step) *Script { return &Script{steps: steps} }

// Requests returns what has been asked so far.
func (s *Script) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

func (s *Script) next(r *http.Request) (Step, int) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	s.requests = append(s.requests, Request{r.Method, r.URL.RequestURI(), host, r.Header.Clone(), string(body), time.Now()})
	step := s.steps[0]
	if len(s.steps) > 1 {
		s.steps = s.steps[1:]
	}
	return step, len(s.requests)
}

func (s Step) header(h http.Header, number int) {
	if !s.Plain {
		h.Set("Content-Type", "application/json")
		h.Set("Request-Id", fmt.Sprintf("req_fake_%d", number))
		h.Set("Anthropic-Ratelimit-Requests-Limit", "1000")
		h.Set("Anthropic-Ratelimit-Requests-Remaining", strconv.Itoa(1000-number))
	}
	for name, value := range s.Header {
		h.Set(name, value)
	}
}

// ServeHTTP plays the next step on a real connection.
func (s *Script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	step, number := s.next(r)
	if step.After > 0 {
		select {
		case <-time.After(step.After):
		case <-r.Context().Done():
			return
		}
	}
	if step.Reset {
		reset(w)
		return
	}
	step.header(w.Header(), number)
	body := step.Body
	if step.CutAt > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		body = body[:step.CutAt]
	}
	w.WriteHeader(max(step.Status, 200))
	_, _ = io.WriteString(w, body)
	if step.CutAt > 0 {
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		reset(w)
	}
}

// reset closes the connection so that the peer sees a RST.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// Serve starts a server on loopback that plays the script. The caller closes it.
func Serve(script *Script) *httptest.Server { return httptest.NewServer(script) }

// RoundTrip plays the next step in memory.
func (s *Script) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	step, number := s.next(r)
	if step.After > 0 {
		timer := time.NewTimer(step.After)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if step.Reset {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	header := make(http.Header)
	step.header(header, number)
	resp := &http.Response{
		StatusCode: max(step.Status, 200), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, ContentLength: int64(len(step.Body)), Request: r,
		Body: io.NopCloser(strings.NewReader(step.Body)),
	}
	resp.Status = strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode)
	if step.CutAt > 0 {
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(step.Body[:step.CutAt]), failingReader{}))
	}
	return resp, nil
}

// failingReader is a body that broke off.
type failingReader struct{}

// Read fails.
func (failingReader) Read([]byte) (int, error) { return 0, errCut }

var errCut = errors.Join(io.ErrUnexpectedEOF)
