package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

func TestADrainingProxyLetsStreamsFinish(t *testing.T) {
	goOn := make(chan struct{})
	base := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, begin)
		_ = http.NewResponseController(w).Flush()
		<-goOn
		_, _ = io.WriteString(w, stop)
	})
	s := tryUpstream(t, nil, base, nil)
	resp, err := s.client.Do(s.request(http.MethodPost, "/v1/messages", streamed))
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	assert.Equal(t, http.StatusOK, s.get(pageReady).StatusCode)

	drained := make(chan error, 1)
	go func() { drained <- s.Drain(t.Context()) }()
	require.Eventually(t, func() bool { return s.get(pageReady).StatusCode == http.StatusServiceUnavailable }, tooLong, shortly)
	assert.Equal(t, http.StatusOK, s.get(pageHealth).StatusCode)
	assert.True(t, s.Status().Draining)
	got := s.post(unary)
	assert.Equal(t, http.StatusServiceUnavailable, got.StatusCode)
	assert.Equal(t, "1", got.Header.Get("Retry-After"))
	got.failure(t)

	close(goOn)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, begin+stop, string(body))
	require.NoError(t, <-drained)
	require.NoError(t, <-s.served)
	s.drain.Do(func() {})
	assert.Equal(t, Requests{Total: 2, Succeeded: 1, Refused: 1, Attempts: 1}, s.settled().Requests)
}

const (
	begin = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-haiku-5-5\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n" +
		"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n" +
		"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n"
	stop = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n" +
		"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":3}}\n\n" +
		"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
)

func TestWhatOutlastsTheDrainingIsToldSo(t *testing.T) {
	s := try(t, nil, claudetest.Text("Good morning to you.").StallAfter(claudetest.Events(4), claudetest.Forever), claudetest.NoAnswer())
	stream, err := s.client.Do(s.request(http.MethodPost, "/v1/messages", streamed))
	require.NoError(t, err)
	defer func() { _ = stream.Body.Close() }()
	waiting := make(chan answered, 1)
	req := s.request(http.MethodPost, "/v1/messages", unary)
	go func() { waiting <- s.do(req) }()
	require.Eventually(t, func() bool { return len(s.api.Requests()) == 2 }, tooLong, shortly)
	events, err := s.client.Do(s.request(http.MethodGet, pageEvents, ""))
	require.NoError(t, err)
	defer func() { _ = events.Body.Close() }()

	now, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, s.Drain(now), "2 requests")
	require.NoError(t, <-s.served)
	s.drain.Do(func() {})

	body, err := io.ReadAll(stream.Body)
	require.NoError(t, err)
	all := readEvents(string(body))
	last := all[len(all)-1]
	assert.Equal(t, eventError, last.name)
	assert.Contains(t, last.data, "the proxy was stopped")
	got := <-waiting
	assert.Equal(t, http.StatusServiceUnavailable, got.StatusCode)
	assert.Empty(t, got.Header.Get("X-Should-Retry"))
	got.failure(t)
	_, err = io.ReadAll(events.Body)
	require.NoError(t, err, "the event stream of the status ends too")
	assert.Equal(t, 2, s.settled().Requests.Canceled)
}

func TestTheStatusCountsWhatHappened(t *testing.T) {
	answer := claudetest.Text("Good morning to you.")
	s := try(t, func(c *Config) { c.MaxBody = 4 << 10 },
		answer, answer, answer,
		claudetest.Overloaded(), answer,
		claudetest.Internal(), claudetest.Reset(), answer,
		claudetest.InvalidRequest("messages: the secret prompt is wrong"),
		claudetest.Unauthorized(),
		claudetest.Overloaded().Times(3),
		answer.EndAfter(claudetest.Events(4)),
	)
	for range 3 {
		s.post(unary)
	}
	s.post(streamed)
	s.post(unary)
	s.post(unary)
	s.post(unary)
	s.post(unary)
	s.post(streamed)
	s.post(strings.Repeat("x", 5<<10))
	s.get("/v1/models")
	status := s.settled()
	assert.Equal(t, Requests{Total: 11, Succeeded: 6, Failed: 4, Refused: 1, Attempts: 15, Recovered: 2}, status.Requests)
	assert.Equal(t, map[string]int{"invalid_request": 1, "authentication": 1, "overloaded": 1, "stream_truncated": 1}, status.Classes)
	assert.Equal(t, map[string]int{refusedBody: 1}, status.Refused)
	assert.Equal(t, 10, status.Latency.FirstByte.Count)
	assert.Equal(t, 10, status.Latency.Total.Count)
	assert.Positive(t, status.Latency.Total.P50)
	assert.GreaterOrEqual(t, status.Latency.Total.P99, status.Latency.Total.P50)
	require.Len(t, status.Failures, 4)
	assert.Equal(t, "stream_truncated", status.Failures[0].Class, "the latest first")
	assert.Equal(t, "401 authentication_error", status.Failures[2].Detail)
	require.Len(t, status.Targets, 2)
	assert.Equal(t, uint64(14), status.Targets[1].Attempts)
	assert.Len(t, s.api.Requests(), 15)

	var read Status
	require.NoError(t, json.Unmarshal([]byte(s.get(pageJSON).body), &read))
	assert.Equal(t, status.Requests, read.Requests)
	assert.Equal(t, status.Classes, read.Classes)
}

func TestNeitherLogNorPagesShowAKeyOrAPrompt(t *testing.T) {
	var log logged
	s := try(t, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Token = claude.NewSecret(testToken)
	},
		claudetest.Text("the secret answer").Times(2),
		claudetest.InvalidRequest("messages.0.content: the secret prompt is wrong, says "+testKey),
		claudetest.Text("the secret answer").ResetAfter(claudetest.Events(4)),
		claudetest.Text("the secret answer").FailAfter(claudetest.Events(4), "api_error", "the secret prompt"),
		claudetest.Reset().Times(2),
		claudetest.InvalidRequest("the secret prompt is no JSON"),
		claudetest.NotFound("the secret path").On("GET /the-secret-path"),
	)
	var shownTo []string
	for _, body := range []string{unary, streamed, unary, streamed, streamed, unary, "the secret prompt"} {
		req := s.request(http.MethodPost, "/v1/messages?key=the-secret-query", body)
		req.Header.Set(TokenHeader, testToken)
		s.do(req)
	}
	req := s.request(http.MethodGet, "/the-secret-path", "")
	req.Header.Set(TokenHeader, testToken)
	s.do(req)
	s.settled()
	for _, path := range []string{pageStatus, pageJSON} {
		req := s.request(http.MethodGet, path, "")
		req.Header.Set(TokenHeader, testToken)
		shownTo = append(shownTo, s.do(req).body)
	}
	for _, text := range append(shownTo, log.String()) {
		assert.NotEmpty(t, text)
		assert.NotContains(t, text, "secret")
		assert.NotContains(t, text, testKey)
		assert.NotContains(t, text, testToken)
	}
	assert.Contains(t, log.String(), "class=invalid_request")
	assert.Contains(t, log.String(), "class=stream_truncated")
	assert.Contains(t, log.String(), "class=connection_lost")
}

func TestTheStatusPageShowsTheNumbersAndLoadsNothingFromElsewhere(t *testing.T) {
	s := try(t, nil, claudetest.Text("Hello"), claudetest.Unauthorized())
	s.post(unary)
	req := s.request(http.MethodPost, "/v1/messages", strings.Replace(unary, "claude-haiku-5-5", "<script>alert(1)</script>", 1))
	s.do(req)
	s.settled()
	page := s.get(pageStatus)
	assert.Equal(t, "text/html; charset=utf-8", page.Header.Get("Content-Type"))
	csp := page.Header.Get("Content-Security-Policy")
	assert.Contains(t, csp, "default-src 'none'")
	assert.NotContains(t, csp, "unsafe")
	assert.Contains(t, page.body, `<dd id="total">2</dd>`)
	assert.Contains(t, page.body, `<dd id="failed">1</dd>`)
	assert.Contains(t, page.body, `id="class-authentication">1</td>`)
	assert.Contains(t, page.body, "&lt;script&gt;alert")
	assert.NotContains(t, page.body, "<script>alert")
	assert.NotContains(t, page.body, "style=", "no inline style")
	assert.NotContains(t, strings.ReplaceAll(page.body, s.api.URL, ""), "//", "no other host")
}

func TestTheStatusComesAsEvents(t *testing.T) {
	s := try(t, nil, claudetest.Text("Hello"))
	for view, name := range map[string]string{"": "status", "?view=page": "page"} {
		resp, err := s.client.Do(s.request(http.MethodGet, pageEvents+view, ""))
		require.NoError(t, err)
		assert.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
		lines := bufio.NewReader(resp.Body)
		first, err := lines.ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, "event: "+name+"\n", first)
		if view == "" {
			s.post(unary)
			for {
				line, err := lines.ReadString('\n')
				require.NoError(t, err)
				data, ok := strings.CutPrefix(line, "data: ")
				if !ok {
					continue
				}
				var status Status
				require.NoError(t, json.Unmarshal([]byte(data), &status))
				if status.Requests.Succeeded == 1 {
					break
				}
			}
		}
		_ = resp.Body.Close()
	}
}

func TestThePagesAnswerWhatTheyAreAsked(t *testing.T) {
	s := try(t, nil)
	for path, want := range map[string]int{
		pageRoot: 302, pageStatus: 200, pageJSON: 200, pageStyle: 200, pageScript: 200, pageIcon: 200, pageHealth: 200, pageReady: 200,
		pageRoot + "status.html": 404, pageRoot + "../web/status.html": 404, pageRoot + "none": 404,
	} {
		got := s.get(path)
		assert.Equal(t, want, got.StatusCode, path)
		assert.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"), path)
	}
	assert.Equal(t, http.StatusMethodNotAllowed, s.do(s.request(http.MethodPost, pageStatus, "")).StatusCode)
	assert.Contains(t, s.get(pageStyle).Header.Get("Content-Type"), "text/css")
	assert.Contains(t, s.get(pageScript).Header.Get("Content-Type"), "javascript")
	assert.Contains(t, s.get(pageIcon).Header.Get("Content-Type"), "image/svg+xml")
	assert.Zero(t, s.Status().Requests.Total)
}
