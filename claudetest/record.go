package claudetest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/steadfast-go/claude/internal/redact"
)

// A Recorder is an [http.RoundTripper] that keeps every exchange that goes through
// it, streams with the times of their events, so that a [Replayer] can play them
// without a network. Keys, tokens and cookies are taken out before anything is
// saved; prompts and answers stay, so look through a recording before you publish it.
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

	secrets []string // what was taken out
}

type recordedRequest struct {
	Method string      `json:"method"`
	Path   string      `json:"path"`
	Header http.Header `json:"header,omitempty"`
	keptBody
}

type recordedResponse struct {
	Status   int             `json:"status,omitempty"`
	Header   http.Header     `json:"header,omitempty"`
	After    string          `json:"after,omitempty"` // until the header came
	keptBody                 // of an answer that was not streamed
	Events   []recordedEvent `json:"events,omitempty"`
	End      string          `json:"end,omitempty"`   // "" complete, else how it broke off
	Error    string          `json:"error,omitempty"` // there was no answer
}

type recordedEvent struct {
	After string `json:"after,omitempty"` // since the one before
	Text  string `json:"text"`
}

// How an answer broke off.
const (
	endReset = "reset" // the connection was reset
	endCut   = "cut"   // it ended, or the reader left
)

// NewRecorder returns a Recorder before a base; nil is http.DefaultTransport.
func NewRecorder(base http.RoundTripper) *Recorder {
	if base == nil {
		base = http.DefaultTransport
	}
	return &Recorder{base: base}
}

// CloseIdleConnections closes the connections of the base that nobody uses.
func (r *Recorder) CloseIdleConnections() {
	if c, ok := r.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip makes the exchange and keeps it. It asks for no compression of its own,
// so that what it keeps is text.
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	secrets := secretsOf(req.Header)
	x := &exchange{secrets: secrets, Request: recordedRequest{Method: req.Method, Path: redact.Text(req.URL.RequestURI(), secrets...), Header: cleanHeader(req.Header, secrets)}}
	out := req.Clone(req.Context())
	out.Header.Del("Accept-Encoding")
	if req.Body != nil && req.Body != http.NoBody {
		body, err := readBody(req)
		if err != nil {
			return nil, err
		}
		x.Request.keptBody = keepRequest(req.Header, body, secrets)
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
		if errors.Is(err, syscall.ECONNRESET) {
			x.Response.End = endReset
		}
		return nil, err
	}
	secrets = append(secrets, secretsOf(resp.Header)...)
	x.secrets = secrets
	x.Response.Status, x.Response.Header = resp.StatusCode, cleanHeader(resp.Header, secrets)
	x.Response.End = endCut // until it has come whole
	resp.Body = &recordedBody{
		ReadCloser: resp.Body, r: r, x: x, last: time.Now(),
		stream: isStream(resp.Header), length: resp.ContentLength,
	}
	return resp, nil
}

func isStream(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "text/event-stream")
}

// recordedBody keeps what is read of an answer.
type recordedBody struct {
	io.ReadCloser

	r      *Recorder
	x      *exchange
	stream bool
	length int64  // that was announced; -1: none
	text   []byte // read, and not kept yet
	last   time.Time
	ended  bool
}

func (b *recordedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.r.mu.Lock()
	defer b.r.mu.Unlock()
	if b.ended {
		return n, err
	}
	b.text = append(b.text, p[:n]...)
	for b.stream {
		end := eventEnd(b.text)
		if end < 0 {
			break
		}
		b.event(string(b.text[:end]))
		b.text = b.text[end:]
	}
	if err != nil {
		b.finish(err)
	}
	return n, err
}

// eventEnd returns where the first event of a stream ends, behind its empty line;
// -1 if it goes on.
func eventEnd(text []byte) int {
	end := -1
	for _, empty := range []string{"\n\n", "\r\n\r\n", "\r\r"} {
		if i := bytes.Index(text, []byte(empty)); i >= 0 && (end < 0 || i+len(empty) < end) {
			end = i + len(empty)
		}
	}
	return end
}

func (b *recordedBody) event(text string) {
	now := time.Now()
	e := recordedEvent{Text: text} // Save cleans them together
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
	case errors.Is(err, io.EOF), errors.Is(err, errLeft) && b.whole():
		b.x.Response.End = ""
	case errors.Is(err, syscall.ECONNRESET):
		b.x.Response.End = endReset
	}
	switch {
	case b.stream && len(b.text) > 0:
		b.event(string(b.text))
	case !b.stream:
		b.x.Response.keptBody = keep(b.text, b.x.secrets)
	}
}

// errLeft is a reader who closed an answer before its end.
var errLeft = errors.New("left")

// whole reports whether a reader who left had all the same read everything.
func (b *recordedBody) whole() bool {
	if !b.stream {
		return int64(len(b.text)) == b.length || json.Valid(b.text)
	}
	events := b.x.Response.Events
	return len(b.text) == 0 && len(events) > 0 && strings.Contains(events[len(events)-1].Text, `"type":"message_stop"`)
}

// Close keeps what was read of an answer that its reader left early.
func (b *recordedBody) Close() error {
	b.r.mu.Lock()
	if !b.ended {
		b.finish(errLeft)
	}
	b.r.mu.Unlock()
	return b.ReadCloser.Close()
}

// Save writes everything recorded so far to a file, as JSON that people can read
// and change.
func (r *Recorder) Save(path string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	clean := recording{Format: recordingFormat}
	for _, x := range r.exchanges {
		copied := *x
		copied.Response.Events = cleanEvents(x.Response.Events, x.secrets)
		clean.Exchanges = append(clean.Exchanges, &copied)
	}
	data, err := clean.encode()
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// cleanEvents returns the events of a stream without secrets.
func cleanEvents(events []recordedEvent, secrets []string) []recordedEvent {
	clean := slices.Clone(events)
	redactPieces(clean, secrets)
	for i := range clean {
		clean[i].Text = redact.Text(clean[i].Text, secrets...)
	}
	return clean
}

// redactPieces takes out what a stream spells in pieces, which no event shows by
// itself: the first delta of such a block then carries all of its text.
func redactPieces(events []recordedEvent, secrets []string) {
	type piece struct {
		event *recordedEvent
		whole object
		delta object
	}
	blocks := make(map[string][]piece)
	for i := range events {
		_, data, _ := strings.Cut(events[i].Text, "data: ")
		whole := object{}
		if decode([]byte(data), &whole) != nil {
			continue
		}
		delta, _ := whole["delta"].(object)
		for _, member := range []string{"text", "thinking", "partial_json"} {
			if _, ok := delta[member].(string); ok {
				block := fmt.Sprint(whole["index"], " ", member)
				blocks[block] = append(blocks[block], piece{&events[i], whole, delta})
			}
		}
	}
	for block, pieces := range blocks {
		_, member, _ := strings.Cut(block, " ")
		var text strings.Builder
		for _, p := range pieces {
			fmt.Fprint(&text, p.delta[member])
		}
		clean := redact.Text(text.String(), secrets...)
		if clean == text.String() {
			continue
		}
		for _, p := range pieces {
			p.delta[member], clean = clean, ""
			before, _, _ := strings.Cut(p.event.Text, "data: ")
			p.event.Text = before + "data: " + encode(p.whole) + "\n\n"
		}
	}
}

func (r recording) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(r)
	return b.Bytes(), err
}

// decodeRecording reads a file, which people may have changed.
func decodeRecording(data []byte) (recording, error) {
	var r recording
	if err := json.Unmarshal(data, &r); err != nil {
		return recording{}, err
	}
	if r.Format != recordingFormat {
		return recording{}, fmt.Errorf("its format is %q, not %q", r.Format, recordingFormat)
	}
	for i, x := range r.Exchanges {
		if err := x.check(); err != nil {
			return recording{}, fmt.Errorf("exchange %d: %w", i+1, err)
		}
	}
	return r, nil
}

// check makes sure that an exchange can be played.
func (x *exchange) check() error {
	if x == nil {
		return errors.New("it is null")
	}
	r := &x.Response
	if r.Error == "" && (r.Status < 100 || r.Status > 599) {
		return fmt.Errorf("its status is %d", r.Status)
	}
	switch r.End {
	case "", endCut, endReset:
	default:
		return fmt.Errorf("its end is %q, not %q, %q or empty", r.End, endCut, endReset)
	}
	waits := []string{r.After}
	for _, e := range r.Events {
		waits = append(waits, e.After)
	}
	for _, w := range waits {
		if d, err := time.ParseDuration(w); w != "" && (err != nil || d < 0) {
			return fmt.Errorf("%q is no time to wait", w)
		}
	}
	header := make(http.Header, len(r.Header))
	for name, values := range r.Header {
		name = http.CanonicalHeaderKey(name)
		header[name] = append(header[name], values...)
	}
	r.Header = header
	return nil
}

// secretsOf returns the credentials in a header, the longest first: whole values,
// what follows the name of a scheme, and the values of cookies.
func secretsOf(h http.Header) (secrets []string) {
	for _, name := range []string{"X-Api-Key", "Authorization", "Proxy-Authorization", "X-Goog-Api-Key", "Api-Key", "Cookie"} {
		for _, v := range h.Values(name) {
			_, credential, _ := strings.Cut(v, " ")
			secrets = append(secrets, v, strings.TrimSpace(credential))
		}
	}
	for _, c := range append((&http.Request{Header: h}).Cookies(), (&http.Response{Header: h}).Cookies()...) {
		secrets = append(secrets, c.Value)
	}
	slices.SortStableFunc(secrets, func(a, b string) int { return len(b) - len(a) })
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

// keptBody is a body in a JSON file.
type keptBody struct {
	Body   json.RawMessage `json:"body,omitempty"`        // as it was, or as a string if it was no JSON
	Base64 []byte          `json:"body_base64,omitempty"` // if it was no text
}

func keep(body []byte, secrets []string) keptBody {
	switch {
	case len(body) == 0:
		return keptBody{}
	case !utf8.Valid(body):
		for _, s := range secrets {
			if len(s) >= 8 { // as package redact has it
				body = bytes.ReplaceAll(body, []byte(s), []byte(redact.Mask))
			}
		}
		return keptBody{Base64: body}
	}
	text := redact.Text(string(body), secrets...)
	if json.Valid([]byte(text)) && !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), `"`) {
		return keptBody{Body: json.RawMessage(text)}
	}
	data, err := json.Marshal(text)
	if err != nil {
		return keptBody{}
	}
	return keptBody{Body: data}
}

// keepRequest is keep, without the boundary of a form, which is another each time.
func keepRequest(h http.Header, body []byte, secrets []string) keptBody {
	kind, params, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if boundary := params["boundary"]; boundary != "" && strings.HasPrefix(kind, "multipart/") {
		body = bytes.ReplaceAll(body, []byte("--"+boundary), []byte("--boundary"))
	}
	return keep(body, secrets)
}

// text undoes keep.
func (k keptBody) text() string {
	if len(k.Base64) > 0 {
		return string(k.Base64)
	}
	var text string
	if bytes.HasPrefix(k.Body, []byte{'"'}) && json.Unmarshal(k.Body, &text) == nil {
		return text
	}
	var b bytes.Buffer
	if json.Compact(&b, k.Body) != nil {
		return string(k.Body)
	}
	return b.String()
}

// lines shows a request for comparing.
func (r *recordedRequest) lines() []string {
	lines := []string{r.Method + " " + r.Path}
	if len(r.Base64) > 0 {
		return append(lines, hex.EncodeToString(r.Base64))
	}
	return append(lines, pretty(r.Body)...)
}

// A Replayer is an [http.RoundTripper] that plays a recording. A request is
// answered with what was recorded for the same method, path and body; equal ones in
// the order they were recorded. One that was not recorded fails the test, which
// shows the recorded one that is nearest, and is answered 400.
type Replayer struct {
	// KeepTiming keeps the recorded pauses, before an answer and between events.
	// Inside testing/synctest they take no time. Default: none.
	KeepTiming bool

	t      TB
	mu     sync.Mutex
	r      recording
	played map[*exchange]bool
}

// NewReplayer reads a recording.
func NewReplayer(t TB, path string) *Replayer {
	t.Helper()
	p := &Replayer{t: t, played: make(map[*exchange]bool)}
	data, err := os.ReadFile(path) //nolint:gosec // the caller's own
	if err == nil {
		p.r, err = decodeRecording(data)
	}
	if err != nil {
		t.Fatalf("claudetest: recording %s: %v", path, err)
	}
	return p
}

// RoundTrip plays the exchange that was recorded for a request.
func (p *Replayer) RoundTrip(req *http.Request) (*http.Response, error) {
	secrets := secretsOf(req.Header)
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	want := recordedRequest{Method: req.Method, Path: redact.Text(req.URL.RequestURI(), secrets...), keptBody: keepRequest(req.Header, body, secrets)}
	x := p.find(&want)
	if x == nil {
		p.t.Helper()
		text := fmt.Sprintf("%s %s was not recorded", want.Method, want.Path)
		p.t.Errorf("claudetest: %s; the nearest recorded request (- recorded, + made):\n%s", text, p.nearest(&want))
		x = unrecorded(text)
	}
	return p.play(req, &x.Response)
}

// unrecorded answers a request that was not recorded, so that nobody tries again.
func unrecorded(text string) *exchange {
	return &exchange{Response: recordedResponse{
		Status:   http.StatusBadRequest,
		Header:   http.Header{"Content-Type": {"application/json"}, "X-Should-Retry": {"false"}},
		keptBody: keptBody{Body: json.RawMessage(envelope("invalid_request_error", "claudetest: "+text, ""))},
	}}
}

func (p *Replayer) play(req *http.Request, r *recordedResponse) (*http.Response, error) {
	wait := func(text string) time.Duration {
		d, err := time.ParseDuration(text)
		if err != nil || !p.KeepTiming {
			return 0
		}
		return d
	}
	if err := pause(req.Context(), wait(r.After)); err != nil {
		return nil, err
	}
	switch {
	case r.Error != "" && r.End == endReset:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	case r.Error != "":
		return nil, errors.New(r.Error)
	}
	mb := &memoryBody{end: cutEnd}
	for _, e := range r.Events {
		mb.parts = append(mb.parts, part{wait(e.After), e.Text})
	}
	length := int64(-1)
	if text := r.text(); text != "" {
		mb.parts, length = append(mb.parts, part{data: text}), int64(len(text))
	}
	switch r.End {
	case endReset:
		mb.end = cutReset
	case endCut:
		mb.end = cutClose
	}
	header := r.Header.Clone()
	header.Del("Content-Length") // what was taken out may have changed it
	return mb.response(req, r.Status, header, length), nil
}

func (p *Replayer) find(want *recordedRequest) *exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := want.lines()
	for _, x := range p.r.Exchanges {
		if !p.played[x] && slices.Equal(x.Request.lines(), lines) {
			p.played[x] = true
			return x
		}
	}
	return nil
}

// nearest shows the recorded request that differs least from one.
func (p *Replayer) nearest(want *recordedRequest) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.r.Exchanges) == 0 {
		return "  (the recording is empty)\n"
	}
	lines, text, least := want.lines(), "", -1
	for _, x := range p.r.Exchanges {
		d := diffLines(x.Request.lines(), lines)
		changed := strings.Count("\n"+d, "\n-") + strings.Count("\n"+d, "\n+")
		if least >= 0 && changed >= least {
			continue
		}
		text, least = d, changed
		if d == "" {
			text = "  (equal, but it was played before: record it as often as it is made)\n"
		}
	}
	return text
}
