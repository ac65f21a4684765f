package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

const (
	unary    = `{"model":"claude-haiku-5-5","max_tokens":16,"messages":[{"role":"user","content":"the secret prompt"}]}`
	streamed = `{"model":"claude-haiku-5-5","max_tokens":16,"stream":true,"messages":[{"role":"user","content":"the secret prompt"}]}`

	testKey   = "sk-ant-api03-testtesttesttesttest"
	testToken = "token-of-the-proxy-0123456789"
)

// How long and how often a test looks for what is to come.
const (
	tooLong = 10 * time.Second
	shortly = time.Millisecond
)

// tried is a proxy under test, with a fault server behind it.
type tried struct {
	*Proxy

	t      *testing.T
	api    *claudetest.Server
	url    string
	client *http.Client
	served chan error

	drain sync.Once
}

// try starts a proxy in front of an API that plays the steps. Waits between attempts
// are too short to notice.
func try(t *testing.T, change func(*Config), steps ...claudetest.Step) *tried {
	t.Helper()
	api := claudetest.NewServer(t, steps...)
	return tryUpstream(t, api, api.URL, change)
}

func tryUpstream(t *testing.T, api *claudetest.Server, upstream string, change func(*Config)) *tried {
	t.Helper()
	c := Config{
		Upstream: upstream,
		Retry:    claude.RetryPolicy{BaseDelay: time.Millisecond, OverloadBase: time.Millisecond},
	}
	if change != nil {
		change(&c)
	}
	p, err := New(c)
	require.NoError(t, err)
	listener, err := Listen("127.0.0.1:0", c.Token)
	require.NoError(t, err)
	s := &tried{
		Proxy: p, t: t, api: api, url: "http://" + listener.Addr().String(), served: make(chan error, 1),
		client: &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	go func() { s.served <- p.Serve(listener) }()
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		s.end(t.Context())
	})
	return s
}

// end drains the proxy, once.
func (s *tried) end(ctx context.Context) {
	s.drain.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		assert.NoError(s.t, s.Drain(ctx))
		assert.NoError(s.t, <-s.served)
	})
}

// request makes a request of the proxy, with what a client of the API sends.
func (s *tried) request(method, path, body string) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	req.Header.Set("X-Api-Key", testKey)
	req.Header.Set("Anthropic-Version", "2026-10-21")
	req.Header.Set("Content-Type", "application/json")
	return req
}

// answered is an answer that was read to its end.
type answered struct {
	*http.Response
	body string
	err  error // what ended the reading, nil at its end
}

func (s *tried) do(req *http.Request) answered {
	s.t.Helper()
	resp, err := s.client.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return answered{resp, string(data), err}
}

func (s *tried) post(body string) answered {
	s.t.Helper()
	return s.do(s.request(http.MethodPost, "/v1/messages", body))
}

func (s *tried) get(path string) answered {
	s.t.Helper()
	return s.do(s.request(http.MethodGet, path, ""))
}

// failure reads the API's error envelope.
func (a answered) failure(t *testing.T) (typ, message string) {
	t.Helper()
	require.NoError(t, a.err)
	var e envelope
	require.NoError(t, json.Unmarshal([]byte(a.body), &e), a.body)
	assert.Equal(t, "error", e.Type)
	assert.Equal(t, "application/json", a.Header.Get("Content-Type"))
	return e.Error.Type, e.Error.Message
}

// goClient is a client of the API that goes through the proxy.
func (s *tried) goClient() *claude.Client {
	s.t.Helper()
	transport := new(claude.Transport)
	s.t.Cleanup(transport.CloseIdleConnections)
	client, err := claude.New(claude.WithBaseURL(s.url), claude.WithAPIKey(testKey), claude.WithTransport(transport))
	require.NoError(s.t, err)
	return client
}

// settled waits until nothing is under way any more: what became of a request is
// counted right after its answer's last byte.
func (s *tried) settled() Status {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.Status().Requests.InFlight == 0 }, tooLong, shortly)
	return s.Status()
}

// logged is a log that many write to.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// upstream is an API of which a test controls every byte.
func upstream(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: handler}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return "http://" + listener.Addr().String()
}
