package claudetest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude/claudetest"
)

// object is a JSON object.
type object = map[string]any

// fakeTB is a test that keeps what it is told.
type fakeTB struct {
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (f *fakeTB) Helper() {}

func (f *fakeTB) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Fatalf(format string, args ...any) { f.Errorf("fatal: "+format, args...) }

func (f *fakeTB) Cleanup(cleanup func()) { f.cleanups = append(f.cleanups, cleanup) }

// end runs the cleanups as a test's end does, and returns the failures.
func (f *fakeTB) end() []string {
	for _, cleanup := range slices.Backward(f.cleanups) {
		cleanup()
	}
	f.cleanups = nil
	return f.said()
}

// said returns the failures so far and forgets them.
func (f *fakeTB) said() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	failures := f.failures
	f.failures = nil
	return failures
}

const (
	origin    = "https://api.anthropic.com"
	plainBody = `{"model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}`
	askStream = `{"model":"claude-sonnet-5-5","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Hello"}]}`
)

// answer is an answer that was read to its end, or to where it broke.
type answer struct {
	Status int
	Header http.Header
	Body   string
	Err    error
}

// ask makes a raw request and reads what comes. headers are names and values.
func ask(t *testing.T, rt http.RoundTripper, method, url, body string, headers ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, reader)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return answer{Err: err}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(data), err}
}

// post creates a message.
func post(t *testing.T, rt http.RoundTripper, body string, headers ...string) answer {
	t.Helper()
	return ask(t, rt, http.MethodPost, origin+"/v1/messages", body, headers...)
}

// json decodes the body.
func (a answer) json(t *testing.T) object {
	t.Helper()
	require.NoError(t, a.Err)
	var o object
	require.NoError(t, json.Unmarshal([]byte(a.Body), &o), "%d %s", a.Status, a.Body)
	return o
}

// message returns the type and message of an error envelope.
func (a answer) message(t *testing.T) string {
	t.Helper()
	failure, ok := a.json(t)["error"].(object)
	require.True(t, ok, a.Body)
	return fmt.Sprintf("%d %s: %s", a.Status, failure["type"], failure["message"])
}

// events decodes the events of a stream, which are framed as the API frames them.
func (a answer) events(t *testing.T) (all []object) {
	t.Helper()
	require.NoError(t, a.Err)
	require.True(t, strings.HasSuffix(a.Body, "\n\n"), "the last event is not complete")
	for text := range strings.SplitSeq(strings.TrimSuffix(a.Body, "\n\n"), "\n\n") {
		name, data, ok := strings.Cut(text, "\n")
		require.True(t, ok, text)
		var o object
		require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(data, "data: ")), &o), text)
		require.Equal(t, "event: "+o["type"].(string), name)
		all = append(all, o)
	}
	return all
}

// assemble makes a message of its events by the rules of the API.
func assemble(t *testing.T, events []object) object {
	t.Helper()
	require.NotEmpty(t, events)
	require.Equal(t, "message_start", events[0]["type"])
	m := events[0]["message"].(object)
	var content []any
	inputs := map[int]string{}
	for _, e := range events[1:] {
		index, _ := e["index"].(float64)
		switch e["type"] {
		case "content_block_start":
			require.Len(t, content, int(index))
			content = append(content, e["content_block"])
		case "content_block_delta":
			block, delta := content[int(index)].(object), e["delta"].(object)
			switch delta["type"] {
			case "text_delta":
				block["text"] = block["text"].(string) + delta["text"].(string)
			case "thinking_delta":
				block["thinking"] = block["thinking"].(string) + delta["thinking"].(string)
			case "signature_delta":
				block["signature"] = delta["signature"]
			case "citations_delta":
				block["citations"] = append(block["citations"].([]any), delta["citation"])
			case "input_json_delta":
				inputs[int(index)] += delta["partial_json"].(string)
			default:
				t.Fatalf("unknown delta %v", delta)
			}
		case "content_block_stop":
			if text := inputs[int(index)]; text != "" {
				var input any
				require.NoError(t, json.Unmarshal([]byte(text), &input))
				content[int(index)].(object)["input"] = input
			}
		case "message_delta":
			maps.Copy(m, e["delta"].(object))
			maps.Copy(m["usage"].(object), e["usage"].(object))
		}
	}
	require.Equal(t, "message_stop", events[len(events)-1]["type"])
	m["content"] = content
	if content == nil {
		m["content"] = []any{}
	}
	return m
}

// memory is a Transport whose script is used up when the test ends.
func memory(t *testing.T, steps ...claudetest.Step) *claudetest.Transport {
	t.Helper()
	transport := claudetest.NewTransport(steps...)
	t.Cleanup(func() { transport.Verify(t) })
	return transport
}

// realTransport is a transport of net/http that leaves nothing behind.
func realTransport(t *testing.T) *http.Transport {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// clientTLS trusts a server.
func clientTLS(t *testing.T, server *claudetest.Server) *tls.Config {
	t.Helper()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(server.CertPEM))
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// roundTrip is a function as a round tripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func equalJSON(t *testing.T, want, got object, about string) {
	t.Helper()
	one, err := json.MarshalIndent(want, "", " ")
	require.NoError(t, err)
	two, err := json.MarshalIndent(got, "", " ")
	require.NoError(t, err)
	assert.Equal(t, string(one), string(two), about)
}
