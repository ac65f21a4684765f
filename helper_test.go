package claude_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/internal/nettest"
)

// What the tests share.

const (
	testKey       = "sk-ant-api03-secret-of-the-test"
	proxyPassword = "pass-word"

	fox = "The quick brown fox jumps over the lazy dog, again and again."
)

var hello = claude.Request{
	Model:     claude.ModelSonnet5_5,
	MaxTokens: 64,
	Messages:  []claude.Message{claude.UserText("Hello")},
}

// hiBody is an answer as it comes, for servers that are not played by a script.
const hiBody = `{"model":"claude-sonnet-5-5","id":"msg_01Hi","type":"message","role":"assistant","content":[{"type":"text","text":"hi"}],` +
	`"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2,"service_tier":"standard"}}`

// hi answers with it.
var hi = claudetest.Raw(http.StatusOK, hiBody)

// inMemory plays steps without a socket, all of them before the test ends.
func inMemory(t *testing.T, steps ...claudetest.Step) *claudetest.Transport {
	t.Helper()
	transport := claudetest.NewTransport(steps...)
	t.Cleanup(func() { transport.Verify(t) })
	return transport
}

// within plays steps in a server of the test's own, all of them before it ends.
func within(t *testing.T, steps ...claudetest.Step) *claudetest.Handler {
	t.Helper()
	handler := claudetest.NewHandler(steps...)
	t.Cleanup(func() { handler.Verify(t) })
	return handler
}

// newClient returns a client that plays steps in memory.
func newClient(t *testing.T, options []claude.Option, steps ...claudetest.Step) (*claude.Client, *claudetest.Transport) {
	t.Helper()
	script := inMemory(t, steps...)
	client, err := claude.New(append([]claude.Option{claude.WithAPIKey(testKey), claude.WithRoundTripper(script)}, options...)...)
	require.NoError(t, err)
	return client, script
}

// refusedConnection is what a base returns that nobody listens to.
var refusedConnection = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// asCall returns what a call failed with.
func asCall(t *testing.T, err error) *claude.CallError {
	t.Helper()
	e, ok := errors.AsType[*claude.CallError](err)
	require.True(t, ok, "%T is no *CallError", err)
	return e
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return string(data)
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func gzipped(text string) string {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	_, _ = io.WriteString(zip, text)
	_ = zip.Close()
	return b.String()
}

// spaces is an endless white text.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// trail renders a call's decisions without what varies.
func trail(decisions []claude.Decision) []string {
	var lines []string
	for _, d := range decisions {
		line := fmt.Sprintf("%s %s", d.Layer, d.Action)
		if d.Reason != "" {
			line += " " + d.Reason
		}
		lines = append(lines, line)
	}
	return lines
}

// rotating is a credential that changes.
type rotating struct{ value atomic.Value }

func (r *rotating) Token(context.Context) (claude.Token, error) {
	return claude.Token{Secret: claude.NewSecret(r.value.Load().(string)), Source: "test"}, nil
}

// drainText reads a stream's text to its end or error.
func drainText(s *claude.Stream) (string, error) {
	var b strings.Builder
	for text, err := range s.Text() {
		if err != nil {
			return b.String(), err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// readRequest reads a whole request, and reports whether there was one.
func readRequest(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

// asked listens on loopback and hands a connection to answer once it has read a
// whole request from it.
func asked(t *testing.T, answer func(net.Conn)) (baseURL string) {
	t.Helper()
	return "http://" + nettest.Listen(t, func(c net.Conn) {
		if readRequest(bufio.NewReader(c)) {
			answer(c)
		}
	})
}

// reset makes the end of a connection a RST.
func reset(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }

// brokeOff asserts that a call failed because its answers broke off.
func brokeOff(t *testing.T, call *claude.CallError) {
	t.Helper()
	assert.Equal(t, claude.ErrBodyCut, call.Class)
	require.ErrorIs(t, call, io.ErrUnexpectedEOF)
	assert.Equal(t, claude.Ran, call.Processed)
	require.Len(t, call.Attempts, 2)
	assert.Equal(t, claude.StageBody, call.Attempts[1].Stage)
	assert.Equal(t, http.StatusOK, call.Attempts[1].Status)
}

// leavesNoSecret fails the test if a text holds a credential of these tests.
func leavesNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{testKey, proxyPassword, base64.StdEncoding.EncodeToString([]byte("me:" + proxyPassword))} {
		assert.NotContains(t, text, secret)
	}
}

// fails makes one call to a base URL, which has to fail without a secret in what
// people may see of it.
func fails(t *testing.T, baseURL string, options ...claude.Option) *claude.CallError {
	t.Helper()
	var log bytes.Buffer
	client, err := claude.New(append([]claude.Option{
		claude.WithAPIKey(testKey), claude.WithBaseURL(baseURL), claude.WithRetry(claude.RetryPolicy{BaseDelay: 1, OverloadBase: 1}),
		claude.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
	}, options...)...)
	require.NoError(t, err)
	defer client.Close()
	_, err = client.Messages.Create(t.Context(), hello)
	require.Error(t, err)
	call := asCall(t, err)
	leavesNoSecret(t, fmt.Sprintf("%v %+v", err, call.Trail))
	for _, a := range call.Attempts {
		leavesNoSecret(t, a.Err.Error())
	}
	leavesNoSecret(t, claude.Explain(err).String())
	leavesNoSecret(t, client.Health().Targets[0].LastFailure.Message)
	leavesNoSecret(t, log.String())
	return call
}

// failAt is fails for a call that gets no answer.
func failAt(t *testing.T, baseURL string, options ...claude.Option) (*claude.NetworkError, *claude.CallError) {
	t.Helper()
	call := fails(t, baseURL, options...)
	network, _ := errors.AsType[*claude.NetworkError](call)
	require.NotNil(t, network, "%v", call)
	assert.Equal(t, call.Class, network.Class())
	assert.Equal(t, network.Stage, call.Attempts[len(call.Attempts)-1].Stage, "the record says the same")
	return network, call
}

// outcome is what a failed call came to.
type outcome struct {
	class     claude.Class
	stage     claude.Stage
	processed claude.Processed
	attempts  int
	temporary bool
	timeout   bool
}

func outcomeOf(network *claude.NetworkError, call *claude.CallError) outcome {
	return outcome{call.Class, network.Stage, call.Processed, len(call.Attempts), network.Temporary, network.Timeout}
}

// ignore reads what comes and says nothing.
func ignore(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// tlsServer serves HTTP/1.1 and HTTP/2 at https://localhost.
func tlsServer(t *testing.T, cert tls.Certificate, handler http.Handler) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return "https://localhost:" + portOf(server.Listener.Addr())
}

func portOf(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}
