package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude/claudetest"
)

// parse parses a command line as main does.
func parse(t *testing.T, args ...string) (commands, error) {
	t.Helper()
	var c commands
	parser, err := kong.New(&c, options(streams{io.Discard, io.Discard})...)
	require.NoError(t, err)
	_, err = parser.Parse(args)
	return c, err
}

func TestTheFlagsHaveTheirDefaults(t *testing.T) {
	t.Setenv("STEADFAST_PROXY_TOKEN", "from-the-environment")
	c, err := parse(t, "proxy")
	require.NoError(t, err)
	assert.Equal(t, proxyCommand{
		Listen: "127.0.0.1:8787", Upstream: "https://api.anthropic.com", Token: "from-the-environment",
		MaxBody: 32 << 20, MaxConcurrent: 256, Attempts: 3, DrainTimeout: 30 * time.Second,
	}, c.Proxy)
}

func TestSizesHaveUnits(t *testing.T) {
	for text, want := range map[string]byteSize{"1": 1, "12B": 12, "3KiB": 3 << 10, "32MiB": 32 << 20, "1 gib": 1 << 30, "5MB": 5e6, "2kB": 2000, "1GB": 1e9} {
		var got byteSize
		require.NoError(t, got.UnmarshalText([]byte(text)), text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "x", "MiB", "-1", "1.5MiB", "9999999999GiB"} {
		require.Error(t, new(byteSize).UnmarshalText([]byte(text)), text)
	}
}

// output is what a command wrote so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	line chan struct{} // gets something with each write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.text.Write(p)
	select {
	case o.line <- struct{}{}:
	default:
	}
	return n, err
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func TestTheProxyRunsUntilItIsToldToEnd(t *testing.T) {
	api := claudetest.NewServer(t, claudetest.Overloaded(), claudetest.Text("Hello"))
	t.Setenv("ANTHROPIC_API_KEY", "sk-ant-from-the-environment")
	t.Setenv("STEADFAST_PROXY_TOKEN", "")
	c, err := parse(t, "proxy", "--listen=127.0.0.1:0", "--upstream="+api.URL, "--key-from-env", "--log-level=debug")
	require.NoError(t, err)
	to := &output{line: make(chan struct{}, 1)}
	ctx, end := context.WithCancel(t.Context())
	ended, draining := make(chan error, 1), make(chan struct{})
	go func() { ended <- c.Proxy.run(ctx, func() { close(draining) }, streams{io.Discard, to}) }()
	<-to.line
	url := regexp.MustCompile(`ANTHROPIC_BASE_URL=(\S+)`).FindStringSubmatch(to.String())[1]

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/messages", strings.NewReader(`{"model":"claude-haiku-5-5","max_tokens":16,"messages":[{"role":"user","content":"the prompt"}]}`))
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	require.NoError(t, err)
	_ = resp.Body.Close()
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "sk-ant-from-the-environment", api.Requests()[0].Key)

	end()
	<-draining
	require.NoError(t, <-ended)
	assert.Contains(t, to.String(), "attempts=2")
	assert.NotContains(t, to.String(), "sk-ant")
	assert.NotContains(t, to.String(), "the prompt")
}

func TestATerminationDrainsTheProxy(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("skipped: a process of Windows cannot send itself a signal")
	}
	goOn := make(chan struct{})
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n"+
			"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"Hello\"}}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-goOn
		_, _ = io.WriteString(w, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
	}))
	defer api.Close()
	t.Setenv("STEADFAST_PROXY_TOKEN", "")
	c, err := parse(t, "proxy", "--listen=127.0.0.1:0", "--upstream="+api.URL)
	require.NoError(t, err)
	to := &output{line: make(chan struct{}, 1)}
	ended := make(chan error, 1)
	go func() { ended <- c.Proxy.Run(streams{io.Discard, to}) }()
	<-to.line
	url := regexp.MustCompile(`ANTHROPIC_BASE_URL=(\S+)`).FindStringSubmatch(to.String())[1]
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	stream, err := client.Post(url+"/v1/messages", "application/json", strings.NewReader(`{"model":"m","max_tokens":16,"stream":true,"messages":[{"role":"user","content":"Hello"}]}`))
	require.NoError(t, err)
	defer func() { _ = stream.Body.Close() }()

	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, self.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool {
		ready, err := client.Get(url + "/-/readyz")
		if err != nil {
			return false
		}
		_ = ready.Body.Close()
		return ready.StatusCode == http.StatusServiceUnavailable
	}, 10*time.Second, time.Millisecond)
	close(goOn)
	body, err := io.ReadAll(stream.Body)
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(string(body), "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"), string(body))
	require.NoError(t, <-ended)
}
