package claudetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/steadfast-go/claude/internal/redact"
)

// A Recorder is an [http.RoundTripper] that keeps every exchange that goes through
// it, streams with the times of their events, so that a [Replayer] can play them
// without a network. Keys, tokens and cookies are taken out before anything is
// kept; prompts and answers stay.
type Recorder struct {
	base http.RoundTripper

	mu        sync.Mutex
	exchanges []*exchange
}

// recording is the file.
type recording struct {
	Format    string      `json:"format"`
	Exchanges []*exchange `json:"exchanges"`
}

const recordingFormat = "claudetest recording 1"

// exchange is a request with what came of it.
type exchange struct {
	Request  recordedRequest  `json:"request"`
	Response recordedResponse `json:"response"`
}

type recordedRequest struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Header http.Header     `json:"header,omitempty"`
	Body   json.RawMessage `json:"body,omitempty"` // as it was, or as a string if it was no JSON
}

type recordedResponse struct {
	Status int             `json:"status,omitempty"`
	Header http.Header     `json:"header,omitempty"`
	After  string          `json:"after,omitempty"` // until the header came
	Body   json.RawMessage `json:"body,omitempty"`  // of an answer that was not streamed
	Events []recordedEvent `json:"events,omitempty"`
	End    string          `json:"end,omitempty"`   // "" complete, else how it broke off
	Error  string          `json:"error,omitempty"` // there was no answer
}

type recordedEvent struct {
	After string `json:"after,omitempty"` // since the one before
	Text  string `json:"text"`
}

// NewRecorder returns a Recorder before a base; nil is http.DefaultTransport.
func NewRecorder(base http.RoundTripper) *Recorder {
	if base == nil {
		base = http.DefaultTransport
	}
	return &Recorder{base: base}
}

// RoundTrip makes the exchange and keeps it.
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	secrets := secretsOf(req)
	x := &exchange{Request: recordedRequest{Method: req.Method, Path: redact.Text(req.URL.RequestURI(), secrets...), Header: cleanHeader(req.Header, secrets)}}
	out := req
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		closeBody(req)
		if err != nil {
			return nil, err
		}
		x.Request.Body = keep(body, secrets)
		out = req.Clone(req.Context())
		out.Body = io.NopCloser(bytes.NewReader(body))
	}
	start := time.Now()
	resp, err := r.base.RoundTrip(out)
	r.mu.Lock()
	defer r.mu.Unlock()
	x.Response.After = time.Since(start).Round(time.Millisecond).String()
	r.exchanges = append(r.exchanges, x)
	if err != nil {
		x.Response.Error = redact.Text(err.Error(), secrets...)
		return nil, err
	}
	x.Response.Status, x.Response.Header = resp.StatusCode, cleanHeader(resp.Header, secrets)
	resp.Body = &recordedBody{ReadCloser: resp.Body, r: r, x: x, last: time.Now(), secrets: secrets, stream: isStream(resp.Header)}
	return resp, nil
}

// recordedBody keeps what is read of an answer.
type recordedBody struct {
	io.ReadCloser

	r       *Recorder
	x       *exchange
	stream  bool
	secrets []string
	text    []byte // read, and not kept yet
	last    time.Time
	ended   bool
}

func (b *recordedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.r.mu.Lock()
	defer b.r.mu.Unlock()
	b.text = append(b.text, p[:n]...)
	for b.stream {
		i := bytes.Index(b.text, []byte("\n\n"))
		if i < 0 {
			break
		}
		b.event(string(b.text[:i+2]))
		b.text = b.text[i+2:]
	}
	if err != nil && !b.ended {
		b.finish(err)
	}
	return n, err
}

func (b *recordedBody) event(text string) {
	now := time.Now()
	e := recordedEvent{Text: redact.Text(text, b.secrets...)}
	if past := now.Sub(b.last).Round(time.Millisecond); past > 0 {
		e.After = past.String()
	}
	b.x.Response.Events = append(b.x.Response.Events, e)
	b.last = now
}

// finish keeps the rest. The lock is held.
func (b *recordedBody) finish(err error) {
	b.ended = true
	switch {
	case b.stream && len(b.text) > 0:
		b.event(string(b.text))
	case !b.stream:
		b.x.Response.Body = keep(b.text, b.secrets)
	}
	switch {
	case errors.Is(err, io.EOF):
	case errors.Is(err, syscall.ECONNRESET):
		b.x.Response.End = "reset"
	default:
		b.x.Response.End = "cut"
	}
}

// Close keeps what was read of an answer that its reader left early.
func (b *recordedBody) Close() error {
	b.r.mu.Lock()
	if !b.ended {
		b.finish(io.ErrUnexpectedEOF)
	}
	b.r.mu.Unlock()
	return b.ReadCloser.Close()
}

// Save writes everything recorded so far to a file, as JSON that people can read
// and change.
func (r *Recorder) Save(path string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(recording{recordingFormat, r.exchanges}); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// secretsOf returns the credentials of a request.
func secretsOf(req *http.Request) (secrets []string) {
	for _, name := range []string{"X-Api-Key", "Authorization", "Cookie", "Proxy-Authorization"} {
		for _, v := range req.Header.Values(name) {
			secrets = append(secrets, v, strings.TrimPrefix(v, "Bearer "))
		}
	}
	return secrets
}

func cleanHeader(h http.Header, secrets []string) http.Header {
	clean := make(http.Header, len(h))
	for name, values := range h {
		for _, v := range values {
			clean.Add(name, redact.Header(name, v, secrets...))
		}
	}
	return clean
}

// keep makes a body part of a JSON file: as it is, or as a string.
func keep(body []byte, secrets []string) json.RawMessage {
	if len(body) == 0 {
		return nil
	}
	text := redact.Text(string(body), secrets...)
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	data, err := json.Marshal(text)
	if err != nil {
		return nil
	}
	return data
}

// restore undoes keep.
func restore(kept json.RawMessage) string {
	var text string
	if json.Unmarshal(kept, &text) == nil {
		return text
	}
	var b bytes.Buffer
	if json.Compact(&b, kept) != nil {
		return string(kept)
	}
	return b.String()
}

// A Replayer is an [http.RoundTripper] that plays a recording. A request is
// answered with what was recorded for the same method, path and body; equal ones in
// the order they were recorded. One that was not recorded fails the test and shows
// the recorded one that is nearest.
type Replayer struct {
	// KeepTiming keeps the recorded pauses, before an answer and between events.
	// Inside testing/synctest they take no time. Default: none.
	KeepTiming bool

	t  TB
	mu sync.Mutex
	r  recording
	at map[*exchange]bool // played
}

// NewReplayer reads a recording.
func NewReplayer(t TB, path string) *Replayer {
	t.Helper()
	p := &Replayer{t: t, at: make(map[*exchange]bool)}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &p.r)
	}
	if err == nil && p.r.Format != recordingFormat {
		err = fmt.Errorf("its format is %q, not %q", p.r.Format, recordingFormat)
	}
	if err != nil {
		t.Fatalf("claudetest: recording %s: %v", path, err)
	}
	return p
}

// RoundTrip plays the exchange that was recorded for a request.
func (p *Replayer) RoundTrip(req *http.Request) (*http.Response, error) {
	secrets := secretsOf(req)
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		closeBody(req)
		if err != nil {
			return nil, err
		}
	}
	want := recordedRequest{Method: req.Method, Path: redact.Text(req.URL.RequestURI(), secrets...), Body: keep(body, secrets)}
	x := p.find(want)
	if x == nil {
		p.t.Helper()
		text := p.nearest(want)
		p.t.Errorf("claudetest: %s %s was not recorded; the nearest recorded request (- recorded, + made):\n%s", want.Method, want.Path, text)
		return nil, fmt.Errorf("claudetest: %s %s was not recorded", want.Method, want.Path)
	}
	wait := func(text string) time.Duration {
		d, err := time.ParseDuration(text)
		if err != nil || !p.KeepTiming {
			return 0
		}
		return d
	}
	if err := pause(req.Context(), wait(x.Response.After)); err != nil {
		return nil, err
	}
	if x.Response.Error != "" {
		return nil, errors.New(x.Response.Error)
	}
	mb := &memoryBody{end: cutEnd}
	for _, e := range x.Response.Events {
		mb.parts = append(mb.parts, part{wait(e.After), e.Text})
	}
	length := int64(-1)
	if len(x.Response.Body) > 0 {
		text := restore(x.Response.Body)
		mb.parts, length = append(mb.parts, part{data: text}), int64(len(text))
	}
	switch x.Response.End {
	case "reset":
		mb.end = cutReset
	case "cut":
		mb.end = cutClose
	}
	mb.ctx, mb.cancel = context.WithCancel(req.Context())
	header := maps.Clone(x.Response.Header)
	header.Del("Content-Length")
	header.Del("Content-Encoding")
	return &http.Response{
		StatusCode: x.Response.Status, Status: fmt.Sprintf("%d %s", x.Response.Status, http.StatusText(x.Response.Status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Body: mb, ContentLength: length, Request: req,
	}, nil
}

func (p *Replayer) find(want recordedRequest) *exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.r.Exchanges {
		r := x.Request
		if !p.at[x] && r.Method == want.Method && r.Path == want.Path && diffJSON(r.Body, want.Body) == "" {
			p.at[x] = true
			return x
		}
	}
	return nil
}

// nearest shows the recorded request that differs least from one.
func (p *Replayer) nearest(want recordedRequest) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.r.Exchanges) == 0 {
		return "  (the recording is empty)\n"
	}
	lines := func(r recordedRequest) []string {
		return append([]string{r.Method + " " + r.Path}, pretty(r.Body)...)
	}
	diffs := make([]string, 0, len(p.r.Exchanges))
	for _, x := range p.r.Exchanges {
		d := diffLines(lines(x.Request), lines(want))
		if d == "" {
			d = "  (equal, but it was played before: record it as often as it is made)\n"
		}
		diffs = append(diffs, d)
	}
	return slices.MinFunc(diffs, func(a, b string) int { return strings.Count(a, "\n") - strings.Count(b, "\n") })
}
