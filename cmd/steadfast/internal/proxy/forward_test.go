package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// impatient has limits that run out during a test.
func impatient(c *Config) {
	c.Timeouts = claude.Timeouts{FirstByte: 250 * time.Millisecond, StreamIdle: 250 * time.Millisecond}
}

func TestFaultsBeforeTheContentAreAbsorbed(t *testing.T) {
	answer := claudetest.Text("Good morning to you.")
	for name, fault := range map[string]claudetest.Step{
		"overloaded":                   claudetest.Overloaded(),
		"internal":                     claudetest.Internal(),
		"gateway page":                 claudetest.GatewayPage(http.StatusBadGateway),
		"rate limit":                   claudetest.RateLimited(10 * time.Millisecond),
		"reset":                        claudetest.Reset(),
		"hang-up":                      claudetest.Hangup(),
		"no answer":                    claudetest.NoAnswer(),
		"reset before content":         answer.ResetAfter(claudetest.Events(2)),
		"cut before content":           answer.CutAfter(claudetest.Events(1)),
		"ended before content":         answer.EndAfter(claudetest.Events(2)),
		"stall before content":         answer.StallAfter(claudetest.Events(2), claudetest.Forever),
		"overloaded before content":    answer.FailAfter(claudetest.Events(1), "overloaded_error", "Overloaded"),
		"stall before the first event": answer.StallAfter(claudetest.Bytes(0), claudetest.Forever),
		"reset in the first event":     answer.ResetAfter(claudetest.Bytes(100)),
	} {
		t.Run(name, func(t *testing.T) {
			for _, body := range []string{unary, streamed} {
				if body == unary && (name == "overloaded before content" || name == "ended before content") {
					continue // there are no events, and broken JSON may be what the API meant
				}
				healthy := try(t, nil, answer).post(body)
				s := try(t, impatient, fault, answer.Always())
				got := s.post(body)
				require.NoError(t, got.err)
				assert.Equal(t, http.StatusOK, got.StatusCode)
				assert.Empty(t, got.Header.Get(ClassHeader))
				assert.Equal(t, strings.ReplaceAll(healthy.body, "000001", ""), strings.ReplaceAll(got.body, "000002", ""))
				assert.Equal(t, "2", got.Header.Get(AttemptsHeader))
				requests := s.settled().Requests
				assert.Equal(t, Requests{Total: 1, Succeeded: 1, Attempts: 2, Recovered: 1}, requests)
			}
		})
	}
}

func TestAStreamThatBreaksOffAfterItsContentEndsWithAnErrorEvent(t *testing.T) {
	answer := claudetest.Text("Good morning to you.")
	whole := try(t, nil, answer).post(streamed).body
	inEvent := claudetest.Bytes(strings.LastIndex(whole, "text_delta"))
	for name, tc := range map[string]struct {
		step  claudetest.Step
		class claude.Class
		typ   string
	}{
		"reset":                 {answer.ResetAfter(claudetest.Events(4)), claude.ErrStreamTruncated, typeAPI},
		"cut":                   {answer.CutAfter(claudetest.Events(4)), claude.ErrStreamTruncated, typeAPI},
		"ended":                 {answer.EndAfter(claudetest.Events(4)), claude.ErrStreamTruncated, typeAPI},
		"ended in an event":     {answer.EndAfter(inEvent), claude.ErrStreamTruncated, typeAPI},
		"reset in an event":     {answer.ResetAfter(inEvent), claude.ErrStreamTruncated, typeAPI},
		"stall":                 {answer.StallAfter(claudetest.Events(4), claudetest.Forever), claude.ErrStreamStalled, typeTimeout},
		"overloaded":            {answer.FailAfter(claudetest.Events(4), "overloaded_error", "Overloaded"), claude.ErrOverloaded, typeOverloaded},
		"ended before its stop": {answer.EndAfter(claudetest.Events(7)), claude.ErrStreamTruncated, typeAPI},
	} {
		t.Run(name, func(t *testing.T) {
			s := try(t, impatient, tc.step)
			got := s.post(streamed)
			require.NoError(t, got.err)
			assert.Equal(t, http.StatusOK, got.StatusCode)
			events := readEvents(got.body)
			require.NotEmpty(t, events)
			last := events[len(events)-1]
			assert.Equal(t, eventError, last.name)
			assert.Contains(t, last.data, tc.typ)
			if tc.class != claude.ErrOverloaded { // the API's own words
				assert.Contains(t, last.data, string(tc.class))
				assert.Contains(t, last.data, `"request_id":"req_000001"`)
			}
			status := s.settled()
			assert.Equal(t, map[string]int{string(tc.class): 1}, status.Classes)
			assert.Equal(t, Requests{Total: 1, Failed: 1, Attempts: 1}, status.Requests)
			require.Len(t, status.Failures, 1)
			assert.Equal(t, string(tc.class), status.Failures[0].Class)
		})
	}
}

func TestTheGoClientGetsTheRightErrorOfABrokenStream(t *testing.T) {
	answer := claudetest.Text("Good morning to you.")
	whole := try(t, nil, answer).post(streamed).body
	for _, place := range []claudetest.Place{claudetest.Events(4), claudetest.Bytes(strings.LastIndex(whole, "text_delta"))} {
		s := try(t, nil, answer.ResetAfter(place))
		stream, err := s.goClient().Messages.Stream(t.Context(), claude.Request{Model: claude.ModelHaiku5_5, MaxTokens: 16, Messages: []claude.Message{claude.UserText("Hello")}})
		require.NoError(t, err)
		_, err = stream.Response()
		api, ok := errors.AsType[*claude.APIError](err)
		require.True(t, ok, err)
		assert.Equal(t, typeAPI, api.Type)
		assert.Contains(t, api.Message, "stream_truncated")
		broken, ok := errors.AsType[*claude.StreamError](err)
		require.True(t, ok, err)
		assert.NotEmpty(t, broken.Partial.Text())
	}
}

func TestAnswersOfTheAPIPassUntouched(t *testing.T) {
	for name, step := range map[string]claudetest.Step{
		"success":         claudetest.Text("Hello"),
		"invalid request": claudetest.InvalidRequest("messages: at least one message is required"),
		"unauthorized":    claudetest.Unauthorized(),
		"forbidden":       claudetest.Forbidden(),
		"region":          claudetest.Region(),
		"too large":       claudetest.TooLarge(),
		"not found":       claudetest.NotFound("model: claude-x"),
		"long wait":       claudetest.RateLimited(time.Hour),
		"spend limit":     claudetest.SpendLimit(),
		"page":            claudetest.GatewayPage(http.StatusForbidden),
	} {
		t.Run(name, func(t *testing.T) {
			direct := claudetest.NewServer(t, step)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, direct.URL+"/v1/messages", strings.NewReader(unary))
			require.NoError(t, err)
			s := try(t, nil, step)
			plain := s.do(req)
			got := s.post(unary)
			assert.Equal(t, plain.StatusCode, got.StatusCode)
			assert.Equal(t, plain.body, got.body)
			wantClass := claude.ClassOf(claude.CheckResponse(&http.Response{StatusCode: plain.StatusCode, Header: plain.Header, Body: io.NopCloser(strings.NewReader(plain.body))}))
			assert.Equal(t, string(wantClass), got.Header.Get(ClassHeader))
			assert.Equal(t, "1", got.Header.Get(AttemptsHeader))
			if retriedByStatus(got.StatusCode) {
				assert.Equal(t, "false", got.Header.Get("X-Should-Retry"))
			}
			for _, name := range []string{ClassHeader, AttemptsHeader, "X-Should-Retry"} {
				got.Header.Del(name)
			}
			for name := range plain.Header {
				if name != "Date" {
					assert.Equal(t, plain.Header[name], got.Header[name], name)
				}
			}
			assert.Len(t, got.Header, len(plain.Header))
		})
	}
}

func TestWhatHasBeenTriedEnoughIsNotTriedAgainByTheCaller(t *testing.T) {
	s := try(t, nil, claudetest.Overloaded().Times(3))
	got := s.post(unary)
	assert.Equal(t, statusOverloaded, got.StatusCode)
	assert.Equal(t, "overloaded", got.Header.Get(ClassHeader))
	assert.Equal(t, "3", got.Header.Get(AttemptsHeader))
	assert.Equal(t, "false", got.Header.Get("X-Should-Retry"))
	typ, message := got.failure(t)
	assert.Equal(t, typeOverloaded, typ)
	assert.Equal(t, "Overloaded", message)
}

func TestAFailureWithoutAnAnswerIsExplainedInTheAPIsEnvelope(t *testing.T) {
	answer := claudetest.Text("Good morning to you.")
	for name, tc := range map[string]struct {
		steps  []claudetest.Step
		body   string
		status int
		class  claude.Class
		typ    string
	}{
		"resets":                 {[]claudetest.Step{claudetest.Reset().Times(2)}, unary, http.StatusBadGateway, claude.ErrConnectionLost, typeAPI},
		"no answers":             {[]claudetest.Step{claudetest.NoAnswer().Times(2)}, unary, http.StatusGatewayTimeout, claude.ErrTimeout, typeTimeout},
		"cut answers":            {[]claudetest.Step{answer.CutAfter(claudetest.Events(4)).Times(2)}, unary, http.StatusBadGateway, claude.ErrBodyCut, typeAPI},
		"pages":                  {[]claudetest.Step{claudetest.Portal()}, unary, http.StatusBadGateway, claude.ErrUnexpectedResponse, typeAPI},
		"redirect":               {[]claudetest.Step{claudetest.Redirect("https://elsewhere.example/")}, unary, http.StatusBadGateway, claude.ErrRedirect, typeAPI},
		"cuts before content":    {[]claudetest.Step{answer.CutAfter(claudetest.Events(1)).Times(3)}, streamed, http.StatusBadGateway, claude.ErrStreamTruncated, typeAPI},
		"silence before content": {[]claudetest.Step{answer.StallAfter(claudetest.Events(1), claudetest.Forever).Times(3)}, streamed, http.StatusGatewayTimeout, claude.ErrStreamStalled, typeTimeout},
		"garbage before content": {[]claudetest.Step{answer.GarbageAfter(claudetest.Events(1))}, streamed, http.StatusBadGateway, claude.ErrProtocol, typeAPI},
	} {
		t.Run(name, func(t *testing.T) {
			s := try(t, impatient, tc.steps...)
			got := s.post(tc.body)
			assert.Equal(t, tc.status, got.StatusCode)
			assert.Equal(t, string(tc.class), got.Header.Get(ClassHeader))
			assert.Equal(t, "false", got.Header.Get("X-Should-Retry"))
			typ, message := got.failure(t)
			assert.Equal(t, tc.typ, typ)
			assert.Contains(t, message, string(tc.class))
			assert.Contains(t, message, claude.Explain(tc.class).Summary)
			assert.Contains(t, message, "What to do first: ")
			status := s.settled()
			assert.Equal(t, 1, status.Requests.Failed)
			assert.Equal(t, map[string]int{string(tc.class): 1}, status.Classes)
		})
	}
}

func TestAnUpstreamThatIsNotThereIsABadGateway(t *testing.T) {
	gone := upstream(t, func(http.ResponseWriter, *http.Request) {})
	gone = strings.Replace(gone, "127.0.0.1", "127.0.0.2", 1) // nobody listens there
	s := tryUpstream(t, nil, gone, nil)
	got := s.post(unary)
	assert.Equal(t, http.StatusBadGateway, got.StatusCode)
	assert.Equal(t, "connect", got.Header.Get(ClassHeader))
	assert.Equal(t, "3", got.Header.Get(AttemptsHeader))
	other := s.get("/v1/organizations/usage")
	assert.Equal(t, http.StatusBadGateway, other.StatusCode, "a path that is not ours")
	other.failure(t)
}

func TestCallsToATargetThatIsDownAreRefusedWithTheTimeToComeBack(t *testing.T) {
	s := try(t, func(c *Config) {
		c.Retry = claude.RetryPolicy{MaxAttempts: 1}
		c.Breaker = claude.BreakerPolicy{Run: 2, OpenFor: time.Hour, OpenMax: time.Hour}
	}, claudetest.Internal().Times(2))
	for range 2 {
		assert.Equal(t, http.StatusInternalServerError, s.post(unary).StatusCode)
	}
	got := s.post(unary)
	assert.Equal(t, http.StatusServiceUnavailable, got.StatusCode)
	assert.Equal(t, "circuit_open", got.Header.Get(ClassHeader))
	assert.Equal(t, "0", got.Header.Get(AttemptsHeader))
	assert.NotEmpty(t, got.Header.Get("Retry-After"))
	status := s.settled()
	require.Len(t, status.Targets, 1)
	assert.Equal(t, "open", status.Targets[0].Breaker)
	assert.Equal(t, "claude-haiku-5-5", status.Targets[0].Model)
	assert.NotNil(t, status.Targets[0].RetryAt)
}

func TestCredentialsAndHeadersAreForwarded(t *testing.T) {
	s := try(t, nil, claudetest.Text("Hello").Always())
	req := s.request(http.MethodPost, "/v1/messages?beta=true", streamed)
	req.Header.Set("Anthropic-Beta", "a-2026-01-01,b-2026-01-01")
	req.Header.Set("Authorization", "Bearer oauth-token")
	req.Header.Set("User-Agent", "other-language/1")
	req.Header.Set("Accept-Encoding", "gzip, br")
	req.Header.Set("X-Forwarded-For", "10.0.0.1")
	req.Header.Set("Connection", "X-Hop")
	req.Header.Set("X-Hop", "1")
	s.do(req)
	sent := s.api.Requests()[0]
	assert.Equal(t, "beta=true", sent.Query)
	assert.Equal(t, strings.TrimPrefix(s.api.URL, "http://"), sent.Host)
	assert.JSONEq(t, streamed, string(sent.Body))
	for name, want := range map[string]string{
		"X-Api-Key": testKey, "Authorization": "Bearer oauth-token", "Anthropic-Beta": "a-2026-01-01,b-2026-01-01",
		"User-Agent": "other-language/1", "Anthropic-Version": "2026-10-21", "Accept-Encoding": "identity",
		"X-Hop": "", "X-Forwarded-For": "", "Via": "",
	} {
		assert.Equal(t, want, sent.Header.Get(name), name)
	}
}

func TestOtherPathsPassThrough(t *testing.T) {
	base := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Path", r.URL.RequestURI())
		if strings.HasSuffix(r.URL.Path, "gone") {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write(append([]byte("<html>"), body...))
	})
	s := tryUpstream(t, nil, base+"/gateway", nil)
	got := s.do(s.request(http.MethodPut, "/any/thing%2Felse?a=b", "body"))
	assert.Equal(t, "<html>body", got.body)
	assert.Equal(t, "/gateway/any/thing%2Felse?a=b", got.Header.Get("X-Path"))
	assert.Empty(t, got.Header.Get(AttemptsHeader))
	got = s.get("/gone")
	assert.Equal(t, http.StatusInternalServerError, got.StatusCode)
	assert.Equal(t, "gateway", got.Header.Get(ClassHeader))
	assert.Equal(t, "<html>", got.body)
}

func TestTheRestOfTheAPIWorksThroughTheProxy(t *testing.T) {
	s := try(t, nil)
	client := s.goClient()
	n, err := client.Messages.CountTokens(t.Context(), claude.Request{Model: claude.ModelHaiku5_5, Messages: []claude.Message{claude.UserText("Hello")}})
	require.NoError(t, err)
	assert.Positive(t, n)
	_, err = client.Models.Get(t.Context(), claude.ModelHaiku5_5)
	require.NoError(t, err)
	_, err = client.Models.Get(t.Context(), "claude-none")
	require.ErrorIs(t, err, claude.ErrNotFound)
}

func TestTheBytesOfAStreamAreNeverHeldBack(t *testing.T) {
	events, err := os.ReadFile("../../../../testdata/stream/tools.sse")
	require.NoError(t, err)
	read := make(chan struct{})
	base := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		flush := http.NewResponseController(w).Flush
		content := strings.Index(string(events), "Checking") // from here on, each byte waits for the one before
		content += strings.Index(string(events[content:]), "\n\n") + 2
		_, _ = w.Write(events[:content])
		_ = flush()
		for i := content; i < len(events); i++ {
			select {
			case <-read:
			case <-r.Context().Done():
				return
			}
			_, _ = w.Write(events[i : i+1])
			_ = flush()
		}
	})
	s := tryUpstream(t, nil, base, nil)
	resp, err := s.client.Do(s.request(http.MethodPost, "/v1/messages", streamed))
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var got []byte
	buf := make([]byte, 4096)
	content := strings.Index(string(events), "Checking")
	content += strings.Index(string(events[content:]), "\n\n") + 2
	for len(got) < len(events) {
		if len(got) >= content {
			read <- struct{}{}
		}
		n, err := resp.Body.Read(buf)
		got = append(got, buf[:n]...)
		require.True(t, err == nil || len(got) == len(events), err)
	}
	assert.Equal(t, string(events), string(got))
}

func TestACallerThatLeavesIsNoFailureOfTheAPI(t *testing.T) {
	s := try(t, nil, claudetest.Text("Good morning to you.").StallAfter(claudetest.Events(4), claudetest.Forever), claudetest.NoAnswer())
	for _, body := range []string{streamed, unary} {
		ctx, leave := context.WithCancel(t.Context())
		req := s.request(http.MethodPost, "/v1/messages", body).WithContext(ctx)
		if body == unary {
			done := make(chan error, 1)
			go func() {
				_, err := s.client.Do(req)
				done <- err
			}()
			require.Eventually(t, func() bool { return len(s.api.Requests()) == 2 }, tooLong, shortly)
			leave()
			require.ErrorIs(t, <-done, context.Canceled)
			continue
		}
		resp, err := s.client.Do(req)
		require.NoError(t, err)
		_, err = resp.Body.Read(make([]byte, 10))
		require.NoError(t, err)
		leave()
		_ = resp.Body.Close()
	}
	status := s.settled()
	assert.Equal(t, Requests{Total: 2, Canceled: 2, Attempts: 2}, status.Requests)
	assert.Equal(t, map[string]int{"canceled": 2}, status.Classes)
	assert.Empty(t, status.Failures)
}

func TestADownloadThatBreaksOffIsCutForTheCallerToo(t *testing.T) {
	base := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	s := tryUpstream(t, nil, base, nil)
	got := s.get("/v1/files/file_1/content")
	require.ErrorIs(t, got.err, io.ErrUnexpectedEOF)
	assert.Equal(t, map[string]int{"body_cut": 1}, s.settled().Classes)
}
