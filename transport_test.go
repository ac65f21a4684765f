package claude_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	urlpkg "net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

const rawBody = `{"model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}`

// ask sends a raw request through a transport and reads the answer.
func ask(t *testing.T, rt http.RoundTripper, change ...func(*http.Request)) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.anthropic.com/v1/messages", strings.NewReader(rawBody))
	require.NoError(t, err)
	req.Header.Set("X-Api-Key", testKey)
	for _, f := range change {
		f(req)
	}
	before := req.Header.Clone()
	resp, err := (&http.Client{Transport: rt}).Do(req)
	assert.Equal(t, before, req.Header, "the caller's request is never changed")
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, resp.Body.Close())
	return resp, string(body), err
}

func TestARawCallSurvivesWhatATypedOneDoes(t *testing.T) {
	cut := claudetest.Text("cut").CutAfter(claudetest.Bytes(30))
	for name, steps := range map[string][]claudetest.Step{
		"529":                     {claudetest.Overloaded(), hi},
		"reset":                   {claudetest.Reset(), hi},
		"gateway's page":          {claudetest.GatewayPage(502), hi},
		"429":                     {claudetest.RateLimited(time.Second), hi},
		"an error inside a 200":   {claudetest.Error(200, "overloaded_error", "Overloaded"), hi},
		"an answer that is cut":   {cut, hi},
		"a page with the API's 5": {claudetest.Error(500, "api_error", "x"), claudetest.Error(504, "timeout_error", "x"), hi},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				script := inMemory(t, steps...)
				resp, body, err := ask(t, &claude.Transport{Base: script})
				require.NoError(t, err)
				assert.Equal(t, 200, resp.StatusCode)
				assert.Equal(t, hiBody, body)
				assert.Len(t, script.Requests(), len(steps))
				for _, r := range script.Requests() {
					assert.Equal(t, rawBody, string(r.Body))
					assert.Equal(t, testKey, r.Header.Get("X-Api-Key"))
				}
			})
		})
	}
}

// envelope is the body of a failed answer.
func envelope(typ, message string) string {
	return fmt.Sprintf(`{"type":"error","error":{"type":%q,"message":%q}}`, typ, message)
}

func TestARawCallerGetsTheLastAnswerAsItCame(t *testing.T) {
	const denied = "<html><h1>Denied</h1></html>"
	for name, tc := range map[string]struct {
		steps  []claudetest.Step
		status int
		body   string
		class  claude.Class
	}{
		"529, three times":               {[]claudetest.Step{claudetest.Raw(529, envelope("overloaded_error", "Overloaded")).Times(3)}, 529, envelope("overloaded_error", "Overloaded"), claude.ErrOverloaded},
		"400":                            {[]claudetest.Step{claudetest.Raw(400, envelope("invalid_request_error", "x"))}, 400, envelope("invalid_request_error", "x"), claude.ErrInvalidRequest},
		"a firewall's page":              {[]claudetest.Step{claudetest.GatewayText(403, denied).Header("Content-Type", "text/html")}, 403, denied, claude.ErrBlocked},
		"a redirect is not followed":     {[]claudetest.Step{claudetest.Raw(307, "moved")}, 307, "moved", claude.ErrRedirect},
		"an answer, and then none":       {[]claudetest.Step{claudetest.Raw(529, envelope("overloaded_error", "Overloaded")), claudetest.Reset().Times(2)}, 529, envelope("overloaded_error", "Overloaded"), claude.ErrOverloaded},
		"an error in a 200 to the end":   {[]claudetest.Step{claudetest.Raw(200, envelope("overloaded_error", "x")).Times(3)}, 200, envelope("overloaded_error", "x"), claude.ErrOverloaded},
		"a wait longer than we make":     {[]claudetest.Step{claudetest.Raw(429, envelope("rate_limit_error", "x")).RetryAfter(time.Hour)}, 429, envelope("rate_limit_error", "x"), claude.ErrRateLimit},
		"an answer without its own type": {[]claudetest.Step{claudetest.GatewayText(503, "upstream connect error").Header("Content-Type", "").Times(3)}, 503, "upstream connect error", claude.ErrGateway},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				resp, body, err := ask(t, &claude.Transport{Base: inMemory(t, tc.steps...)})
				require.NoError(t, err)
				assert.Equal(t, tc.status, resp.StatusCode)
				assert.Equal(t, tc.body, body)

				resp, err = (&claude.Transport{Base: inMemory(t, tc.steps...)}).RoundTrip(mustRequest(t))
				require.NoError(t, err)
				checked := claude.CheckResponse(resp)
				assert.Equal(t, tc.class, claude.ClassOf(checked), "%v", checked)
				again, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				assert.Equal(t, tc.body, string(again), "the body can be read after the check")
			})
		})
	}
}

func mustRequest(t *testing.T) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.anthropic.com/v1/messages", strings.NewReader(rawBody))
	require.NoError(t, err)
	return req
}

func TestARawCallerGetsAnErrorForWhatIsNoAnswerOfTheAPI(t *testing.T) {
	for name, tc := range map[string]struct {
		step  claudetest.Step
		class claude.Class
	}{
		"page in a 200":     {claudetest.Portal(), claude.ErrUnexpectedResponse},
		"nothing":           {claudetest.Raw(200, ""), claude.ErrUnexpectedResponse},
		"broken JSON":       {claudetest.Raw(200, `{"type":"message","content":[`), claude.ErrUnexpectedResponse},
		"another object":    {claudetest.Raw(200, `{"ok":true}`), claude.ErrUnexpectedResponse},
		"content no list":   {claudetest.Raw(200, `{"type":"message","content":"x"}`), claude.ErrUnexpectedResponse},
		"no answer, resets": {claudetest.Reset().Times(2), claude.ErrConnectionLost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, err := ask(t, &claude.Transport{Base: inMemory(t, tc.step)})
				require.Error(t, err)
				assert.Equal(t, tc.class, claude.ClassOf(err))
				assert.NotEmpty(t, asCall(t, err).Trail)
			})
		})
	}
}

func TestAMessageOfAGatewayMayLackIDAndUsage(t *testing.T) {
	const sparse = ` {"type":"message","role":"assistant","content":[]}`
	_, body, err := ask(t, &claude.Transport{Base: inMemory(t, claudetest.GatewayText(200, sparse).Header("Content-Type", "application/json; charset=utf-8"))})
	require.NoError(t, err)
	assert.Equal(t, sparse, body)
}

func TestAPackedAnswerIsJudgedAndHandedOverPacked(t *testing.T) {
	for name, tc := range map[string]struct{ encoding, body string }{
		"gzip":                      {"gzip", gzipped(hiBody)},
		"an encoding we can't read": {"br", "whatever brotli says"},
	} {
		_, body, err := ask(t, &claude.Transport{Base: inMemory(t, claudetest.Raw(200, tc.body).Header("Content-Encoding", tc.encoding))})
		require.NoError(t, err, name)
		assert.Equal(t, tc.body, body, name)
	}
	_, _, err := ask(t, &claude.Transport{Base: inMemory(t, claudetest.Raw(200, gzipped("<html>")).Header("Content-Encoding", "gzip"))})
	require.ErrorIs(t, err, claude.ErrUnexpectedResponse)
}

func TestACallBehindAShutGateIsAnsweredWithACopyOfThe429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := inMemory(t, claudetest.RateLimited(time.Hour).Header("Retry-After-Ms", "3600000"), hi)
		rt := &claude.Transport{Base: script}
		_, first, err := ask(t, rt)
		require.NoError(t, err)
		time.Sleep(20*time.Minute + 500*time.Millisecond)
		resp, body, err := ask(t, rt)
		require.NoError(t, err)
		assert.Equal(t, 429, resp.StatusCode)
		assert.Equal(t, "429 Too Many Requests", resp.Status)
		assert.Equal(t, "2400", resp.Header.Get("Retry-After"), "what is left of it, rounded up")
		assert.Empty(t, resp.Header.Get("Retry-After-Ms"))
		assert.Equal(t, first, body)
		assert.Len(t, script.Requests(), 1)
		require.ErrorIs(t, claude.CheckResponse(resp), claude.ErrRateLimit)
		_, _, err = ask(t, rt, func(r *http.Request) { r.Header.Set("X-Api-Key", "sk-ant-of-another-caller") })
		require.NoError(t, err)
		assert.Len(t, script.Requests(), 2, "another caller's limit is another")
	})
}

func TestAnOpenBreakerIsAnErrorForRawCallersToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &claude.Transport{Base: inMemory(t, claudetest.Overloaded().Times(3)), Breaker: claude.BreakerPolicy{Run: 3}}
		resp, _, err := ask(t, rt)
		require.NoError(t, err)
		assert.Equal(t, 529, resp.StatusCode)
		_, _, err = ask(t, rt)
		require.ErrorIs(t, err, claude.ErrCircuitOpen)
		assert.Equal(t, "claude-sonnet-5-5", asCall(t, err).Target.Model)
	})
}

func TestAnOuterRetryIsSilenced(t *testing.T) {
	stainless := func(r *http.Request) { r.Header.Set("X-Stainless-Retry-Count", "0") }
	for name, tc := range map[string]struct {
		step   claudetest.Step
		change []func(*http.Request)
		want   string
	}{
		"a client that retries":             {claudetest.Overloaded().Times(3), []func(*http.Request){stainless}, "false"},
		"one that does not say so":          {claudetest.Overloaded().Times(3), nil, ""},
		"an answer it does not retry":       {claudetest.Error(401, "authentication_error", "x"), []func(*http.Request){stainless}, ""},
		"a success":                         {hi, []func(*http.Request){stainless}, ""},
		"a refusal that is worth a retry":   {claudetest.Error(400, "invalid_request_error", "x").ShouldRetry(true).Times(3), []func(*http.Request){stainless}, "false"},
		"although the server wants a retry": {claudetest.Overloaded().ShouldRetry(true).Times(3), []func(*http.Request){stainless}, "false"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				resp, _, err := ask(t, &claude.Transport{Base: inMemory(t, tc.step)}, tc.change...)
				require.NoError(t, err)
				assert.Equal(t, tc.want, resp.Header.Get("X-Should-Retry"))
			})
		})
	}
}

func TestOnlyCallsOfTheAPIAreTouched(t *testing.T) {
	for _, tc := range []struct {
		method, url string
		ours        bool
	}{
		{http.MethodPost, "https://api.anthropic.com/v1/messages", true},
		{http.MethodPost, "https://gateway.example/anthropic/v1/messages?beta=true", true},
		{http.MethodPost, "https://api.anthropic.com/v1/messages/count_tokens", true},
		{http.MethodPost, "https://api.anthropic.com/v1/messages/batches", true},
		{http.MethodGet, "https://api.anthropic.com/v1/models", true},
		{http.MethodGet, "https://api.anthropic.com/v1/files/file_1/content", true},
		{http.MethodPost, "https://api.example.com/v1/chat/completions", false},
		{http.MethodGet, "https://api.example.com/v1/messages-of-ours", false},
		{http.MethodGet, "https://api.example.com/", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			attempts := 1
			if tc.ours {
				attempts = 3
			}
			req, err := http.NewRequestWithContext(t.Context(), tc.method, tc.url, nil)
			require.NoError(t, err)
			path := req.URL.Path[max(0, strings.Index(req.URL.Path, "/v1/")):]
			script := inMemory(t, claudetest.Overloaded().On(tc.method+" "+path).Times(attempts))
			resp, err := (&claude.Transport{Base: script}).RoundTrip(req)
			require.NoError(t, err)
			assert.Equal(t, 529, resp.StatusCode)
			assert.Len(t, script.Requests(), attempts, "%s %s", tc.method, tc.url)
		})
	}
}

func TestMatchSaysWhichRequestsAreCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := inMemory(t, claudetest.Overloaded().On("POST /ai").Times(3), claudetest.Overloaded())
		rt := &claude.Transport{Base: script, Match: func(r *http.Request) bool { return r.URL.Path == "/ai" }}
		for path, want := range map[string]int{"/ai": 3, "/v1/messages": 1} {
			before := len(script.Requests())
			_, _, err := ask(t, rt, func(r *http.Request) { r.URL.Path = path })
			require.NoError(t, err)
			assert.Len(t, script.Requests(), before+want, path)
		}
	})
}

func TestABadBodyIsRefusedOrWarnedOfBeforeItIsSent(t *testing.T) {
	bad := func(r *http.Request) {
		r.Body = io.NopCloser(strings.NewReader(`{"model":"claude-3-opus-20240229","max_tokens":8,"messages":[]}`))
		r.GetBody, r.ContentLength = nil, -1
	}
	for v, sent := range map[claude.TransportValidation]int{
		claude.TransportValidationOff: 1, claude.TransportValidationWarn: 1, claude.TransportValidationRefuse: 0,
	} {
		script := inMemory(t, slices.Repeat([]claudetest.Step{hi}, sent)...)
		var rules []string
		rt := &claude.Transport{Base: script, Validation: v, Observer: claude.Observer{Warning: func(_ context.Context, w claude.Warning) {
			assert.Equal(t, "POST /v1/messages", w.Op)
			rules = append(rules, w.Problem.Rule)
		}}}
		_, _, err := ask(t, rt, bad)
		assert.Len(t, script.Requests(), sent)
		switch v {
		case claude.TransportValidationRefuse:
			require.ErrorIs(t, err, claude.ErrValidation)
			invalid, ok := errors.AsType[*claude.ValidationError](err)
			require.True(t, ok)
			assert.Equal(t, "R014", invalid.Problems[0].Rule)
			assert.Equal(t, claude.NotSent, asCall(t, err).Processed)
			assert.Contains(t, rules, "M001")
		case claude.TransportValidationWarn:
			require.NoError(t, err)
			assert.Contains(t, rules, "R014")
		case claude.TransportValidationOff:
			require.NoError(t, err)
			assert.Empty(t, rules)
		}
	}
	_, _, err := ask(t, &claude.Transport{Validation: 9})
	require.ErrorIs(t, err, claude.ErrConfig)
}

func TestATransportLogsWhereItIsToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		rt := &claude.Transport{Base: inMemory(t, claudetest.Overloaded().Times(3)), Breaker: claude.BreakerPolicy{Run: 3}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		_, _, err := ask(t, rt)
		require.NoError(t, err)
		assert.Equal(t, 3, strings.Count(log.String(), "claude attempt"))
		assert.Contains(t, log.String(), "claude breaker")
		assert.Contains(t, log.String(), "claude call")
		assert.NotContains(t, log.String(), testKey)
	})
}

func TestClientsThatShareATransportShareWhatItKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &claude.Transport{Base: inMemory(t, claudetest.Overloaded().Times(3)), Breaker: claude.BreakerPolicy{Run: 3}}
		one, err := claude.New(claude.WithAPIKey(testKey), claude.WithTransport(rt))
		require.NoError(t, err)
		other, err := claude.New(claude.WithAPIKey(testKey), claude.WithTransport(rt))
		require.NoError(t, err)
		_, err = one.Messages.Create(t.Context(), hello)
		require.ErrorIs(t, err, claude.ErrOverloaded)
		_, err = other.Messages.Create(t.Context(), hello)
		require.ErrorIs(t, err, claude.ErrCircuitOpen)
		_, _, err = ask(t, rt)
		require.ErrorIs(t, err, claude.ErrCircuitOpen)
		assert.Equal(t, one.Health(), other.Health())
		_, err = claude.New(claude.WithAPIKey(testKey), claude.WithTransport(rt), claude.WithBreaker(claude.BreakerPolicy{}))
		require.ErrorIs(t, err, claude.ErrConfig)
	})
}

func TestABodyIsSentAgainWholeOrNotAtAll(t *testing.T) {
	large := strings.Repeat("x", 33<<20)
	for name, tc := range map[string]struct {
		change   func(*http.Request)
		size     int
		requests int
	}{
		"with GetBody":      {func(*http.Request) {}, len(rawBody), 3},
		"without GetBody":   {func(r *http.Request) { r.GetBody = nil }, len(rawBody), 3},
		"of unknown length": {func(r *http.Request) { r.GetBody, r.ContentLength = nil, -1 }, len(rawBody), 3},
		"over 32 MiB": {func(r *http.Request) {
			r.GetBody, r.ContentLength, r.Body = nil, -1, io.NopCloser(strings.NewReader(large))
		}, len(large), 1},
		"over 32 MiB, again": {func(r *http.Request) {
			r.ContentLength, r.GetBody = int64(len(large)), func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(large)), nil }
		}, len(large), 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				script := inMemory(t, claudetest.Overloaded().Times(tc.requests))
				_, _, err := ask(t, &claude.Transport{Base: script}, tc.change)
				require.NoError(t, err)
				assert.Len(t, script.Requests(), tc.requests)
				for _, r := range script.Requests() {
					assert.Len(t, r.Body, tc.size)
				}
			})
		})
	}
	_, _, err := ask(t, &claude.Transport{Base: inMemory(t)}, func(r *http.Request) {
		r.GetBody, r.Body = nil, io.NopCloser(brokenReader{})
	})
	require.ErrorIs(t, err, claude.ErrConfig)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestTheCallersTimeoutIsADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &http.Client{Transport: &claude.Transport{Base: inMemory(t, claudetest.SlowHeader(time.Hour))}, Timeout: 3 * time.Second}
		start := time.Now()
		_, err := client.Post("https://api.anthropic.com/v1/messages", "application/json", strings.NewReader(rawBody)) //nolint:bodyclose // there is none
		require.Error(t, err)
		assert.Equal(t, claude.ErrDeadline, claude.ClassOf(err), "http.Client keeps only the text of our error")
		assert.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestCheckResponseLeavesASuccessAlone(t *testing.T) {
	resp, err := (&claude.Transport{Base: inMemory(t, hi)}).RoundTrip(mustRequest(t))
	require.NoError(t, err)
	require.NoError(t, claude.CheckResponse(resp))
	body, _ := io.ReadAll(resp.Body)
	assert.Equal(t, hiBody, string(body))
	require.ErrorIs(t, claude.CheckResponse(nil), claude.ErrConfig)
	require.NoError(t, claude.CheckResponse(&http.Response{StatusCode: 200, Header: http.Header{}}))
	e := asCall(t, claude.CheckResponse(&http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {"7"}, "Request-Id": {"req_9"}}}))
	assert.Equal(t, "req_9", e.RequestID)
	assert.WithinDuration(t, time.Now().Add(7*time.Second), e.RetryAt, time.Second)
}

func TestNoRedirectTakesTheKeyToAnotherHost(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s arrived elsewhere, with %v", r.Method, r.URL, r.Header)
	}))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{elsewhere.URL + "/v1/messages?secret=1", "/v1/elsewhere"} {
			for _, method := range []string{http.MethodPost, http.MethodGet} {
				asked := 0
				origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					asked++
					w.Header().Set("Location", to)
					w.WriteHeader(status)
				}))
				rt := new(claude.Transport)
				client := &http.Client{Transport: rt}
				req, err := http.NewRequestWithContext(t.Context(), method, origin.URL+"/v1/messages", strings.NewReader(rawBody))
				require.NoError(t, err)
				req.Header.Set("X-Api-Key", testKey)
				_, err = client.Do(req) //nolint:bodyclose // there is none
				require.ErrorIs(t, err, claude.ErrRedirect, "%d", status)
				page, ok := errors.AsType[*claude.ResponseError](err)
				require.True(t, ok)
				assert.Equal(t, status, page.Status)
				assert.Equal(t, strings.TrimSuffix(to, "?secret=1"), page.Location)
				assert.Equal(t, 1, asked)
				leavesNoSecret(t, err.Error())
				client.CloseIdleConnections()
				origin.Close()
			}
		}
	}
}

func TestWhatMakesSomethingIsSentAgainOnlyIfItCannotHaveRun(t *testing.T) {
	const batches, files = "POST /v1/messages/batches", "POST /v1/files"
	refused := errors.New("dial")
	for _, tc := range []struct {
		request  string
		name     string
		step     claudetest.Step
		attempts int
		status   int // of the answer
	}{
		{batches, "overload", claudetest.Overloaded(), 3, 529},
		{batches, "rate limit", claudetest.RateLimited(time.Second), 3, 429},
		{batches, "conflict", claudetest.Error(409, "conflict_error", "x"), 3, 409},
		{batches, "no connection", claudetest.Step{}, 3, 0},
		{batches, "internal error", claudetest.Error(500, "api_error", "x"), 1, 500},
		{batches, "internal error, with a word for another try", claudetest.Error(500, "api_error", "x").ShouldRetry(true), 1, 500},
		{batches, "gateway", claudetest.GatewayPage(502), 1, 502},
		{batches, "reset", claudetest.Reset(), 1, 0},
		{batches, "an answer that is cut", claudetest.Text("cut").CutAfter(claudetest.Bytes(30)), 1, 0},
		{files, "overload", claudetest.Overloaded(), 3, 529},
		{files, "internal error", claudetest.Error(500, "api_error", "x"), 1, 500},
		{files, "reset", claudetest.Reset(), 1, 0},
		{"POST /v1/messages/batches/b/cancel", "internal error", claudetest.Error(500, "api_error", "x"), 3, 500},
		{"GET /v1/messages/batches/b", "internal error", claudetest.Error(500, "api_error", "x"), 3, 500},
		{"DELETE /v1/files/f", "internal error", claudetest.Error(500, "api_error", "x"), 3, 500},
		{"POST /v1/messages/count_tokens", "internal error", claudetest.Error(500, "api_error", "x"), 3, 500},
		{"GET /v1/files/f/content", "reset", claudetest.Reset(), 2, 0},
	} {
		t.Run(tc.request+" "+tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				script := inMemory(t)
				if tc.name != "no connection" {
					script.Add(tc.step.On(tc.request).Times(tc.attempts))
				}
				attempts := 0
				base := roundTripper(func(r *http.Request) (*http.Response, error) {
					if attempts++; tc.name == "no connection" {
						return nil, &net.OpError{Op: "dial", Net: "tcp", Err: refused}
					}
					return script.RoundTrip(r)
				})
				method, path, _ := strings.Cut(tc.request, " ")
				resp, _, err := ask(t, &claude.Transport{Base: base}, func(r *http.Request) { r.Method, r.URL.Path = method, path })
				assert.Equal(t, tc.attempts, attempts)
				if err == nil {
					assert.Equal(t, tc.status, resp.StatusCode)
				}
			})
		})
	}
}

func TestALargeUploadIsNotHeldBackAndPassesOnce(t *testing.T) {
	const piece, pieces = 1 << 20, 40 // more than is kept to be sent again
	began := make(chan struct{})
	size := int64(-1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first := make([]byte, piece)
		n, _ := io.ReadFull(r.Body, first)
		close(began)
		rest, _ := io.Copy(io.Discard, r.Body)
		size = int64(n) + rest
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	reader, writer := io.Pipe()
	go func() {
		data := make([]byte, piece)
		_, _ = writer.Write(data)
		<-began // the server has it while we still make the rest
		for range pieces - 1 {
			_, _ = writer.Write(data)
		}
		_ = writer.Close()
	}()
	rt := new(claude.Transport)
	defer rt.CloseIdleConnections()
	resp, _, err := ask(t, rt, func(r *http.Request) {
		r.URL.Scheme, r.URL.Host, r.URL.Path = "http", strings.TrimPrefix(server.URL, "http://"), "/v1/files"
		r.Body, r.GetBody, r.ContentLength = reader, nil, piece*pieces
	})
	require.NoError(t, err)
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.EqualValues(t, piece*pieces, size)
}

func TestFilesAndBatchesPassThroughAsTheyCome(t *testing.T) {
	server := claudetest.NewServer(t,
		claudetest.Overloaded().On("POST /v1/files"),
		claudetest.Internal().On("GET /v1/files/"),
		claudetest.RateLimited(0).On("POST /v1/messages/batches"),
	)
	page := []byte("<!DOCTYPE html><p>made by a tool</p>")
	made := server.AddFile("page.html", "text/html", page)
	rt := &claude.Transport{Retry: claude.RetryPolicy{BaseDelay: 1, OverloadBase: 1}}
	defer rt.CloseIdleConnections()
	do := func(method, path, contentType string, body []byte) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", contentType)
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode, "%s", answer)
		return string(answer)
	}
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	part, err := parts.CreateFormFile("file", "notes.txt")
	require.NoError(t, err)
	_, _ = io.WriteString(part, "some notes")
	require.NoError(t, parts.Close())
	assert.Contains(t, do(http.MethodPost, "/v1/files", parts.FormDataContentType(), form.Bytes()), `"filename":"notes.txt"`)
	assert.Equal(t, string(page), do(http.MethodGet, "/v1/files/"+made+"/content", "", nil), "a page that is the API's own")

	var batch struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(do(http.MethodPost, "/v1/messages/batches", "application/json", []byte(`{"requests":[{"custom_id":"a","params":`+rawBody+`}]}`))), &batch))
	do(http.MethodGet, "/v1/messages/batches/"+batch.ID, "", nil)
	do(http.MethodGet, "/v1/messages/batches/"+batch.ID, "", nil)
	assert.Contains(t, do(http.MethodGet, "/v1/messages/batches/"+batch.ID+"/results", "", nil), `"custom_id":"a"`)
	server.ExpectRequests(t, 9) // three of them a second time
}

func TestResultsOfABatchArriveLineByLine(t *testing.T) {
	next := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-jsonl")
		for range 3 {
			_, _ = io.WriteString(w, "{}\n")
			_ = http.NewResponseController(w).Flush()
			<-next // the reader has it
		}
	}))
	defer server.Close()
	rt := new(claude.Transport)
	defer rt.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/v1/messages/batches/b/results", nil)
	require.NoError(t, err)
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	n := 0
	for ; lines.Scan(); n++ {
		assert.Equal(t, "{}", lines.Text())
		next <- struct{}{}
	}
	require.NoError(t, lines.Err())
	assert.Equal(t, 3, n)
}

// traced is a RoundTripper like those of tracing libraries: it hands a copy of the
// request on, with a value in its context, a header, and both bodies wrapped.
type traced struct {
	base  http.RoundTripper
	name  string
	spans *[]string
}

type spanKey struct{}

func (t traced) RoundTrip(r *http.Request) (*http.Response, error) {
	parent, _ := r.Context().Value(spanKey{}).(string)
	span := parent + "/" + t.name
	*t.spans = append(*t.spans, span)
	r = r.Clone(context.WithValue(r.Context(), spanKey{}, span))
	r.Header.Set("Traceparent", span)
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	resp, err := t.base.RoundTrip(r)
	if err == nil {
		resp.Body = struct{ io.ReadCloser }{resp.Body}
	}
	return resp, err
}

func TestATransportStandsUnderAndOverOtherRoundTrippers(t *testing.T) {
	for name, body := range map[string]string{"unary": rawBody, "streamed": strings.Replace(rawBody, "{", `{"stream":true,`, 1)} {
		t.Run(name, func(t *testing.T) {
			server := claudetest.NewServer(t, claudetest.Overloaded(), claudetest.Reset(), claudetest.Text("Hello!"))
			var spans []string
			inner := &http.Transport{}
			defer inner.CloseIdleConnections()
			rt := traced{&claude.Transport{
				Base:  traced{inner, "attempt", &spans},
				Retry: claude.RetryPolicy{BaseDelay: 1, OverloadBase: 1},
			}, "call", &spans}
			resp, answer, err := ask(t, rt, func(r *http.Request) {
				r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(server.URL, "http://")
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
				r.GetBody = nil
			})
			require.NoError(t, err)
			assert.Equal(t, 200, resp.StatusCode)
			assert.Contains(t, answer, "Hello!")
			assert.Equal(t, []string{"/call", "/call/attempt", "/call/attempt", "/call/attempt"}, spans)
			for _, r := range server.Requests() {
				assert.Equal(t, "/call/attempt", r.Header.Get("Traceparent"))
				assert.JSONEq(t, body, string(r.Body))
			}
		})
	}
}

func TestTheCallersTimeoutEndsAStreamThatIsBeingRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := claudetest.NewTransport(claudetest.Text("the quick brown fox").StallAfter(claudetest.Events(4), claudetest.Forever))
		client := &http.Client{Transport: &claude.Transport{Base: rt}, Timeout: 3 * time.Second}
		start := time.Now()
		resp, err := client.Post("https://api.anthropic.com/v1/messages", "application/json", strings.NewReader(`{"stream":true,"model":"m"}`))
		require.NoError(t, err)
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
		require.Error(t, err)
		assert.Equal(t, claude.ErrDeadline, claude.ClassOf(err), "%v", err)
		assert.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestTheCallersTimeoutDoesNotHideTheFailureBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &http.Client{Transport: &claude.Transport{Base: inMemory(t, claudetest.RateLimited(10*time.Second))}, Timeout: 3 * time.Second}
		start := time.Now()
		resp, err := client.Post("https://api.anthropic.com/v1/messages", "application/json", strings.NewReader(rawBody))
		require.NoError(t, err)
		defer resp.Body.Close()
		require.ErrorIs(t, claude.CheckResponse(resp), claude.ErrRateLimit)
		assert.Zero(t, time.Since(start), "the wait would outlast the timeout")
	})
}

// reverse starts a reverse proxy to a server, through a transport of ours.
func reverse(t *testing.T, to string) (url string, failures <-chan error) {
	t.Helper()
	target, err := urlpkg.Parse(to)
	require.NoError(t, err)
	failed := make(chan error, 1)
	rt := &claude.Transport{Retry: claude.RetryPolicy{BaseDelay: 1, OverloadBase: 1}}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: rt,
		ErrorLog:  log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			failed <- err
			w.WriteHeader(http.StatusBadGateway)
		},
	})
	t.Cleanup(func() { proxy.Close(); rt.CloseIdleConnections() })
	return proxy.URL, failed
}

func TestAReverseProxyHandsAStreamOnAsItComes(t *testing.T) {
	server := claudetest.NewServer(t,
		claudetest.Overloaded(),
		claudetest.Text("the quick brown fox").StallAfter(claudetest.Events(4), claudetest.Forever),
	)
	url, _ := reverse(t, server.URL)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post(url+"/v1/messages", "application/json", strings.NewReader(`{"stream":true,"model":"m"}`))
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, 200, resp.StatusCode)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "text_delta") {
			break // it is here, and the server says no more
		}
	}
	require.NoError(t, lines.Err())
	assert.Contains(t, lines.Text(), "text_delta")
}

func TestAReverseProxyNeverEndsABrokenStreamInSilence(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.Text("the quick brown fox").ResetAfter(claudetest.Events(4)))
	url, _ := reverse(t, server.URL)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post(url+"/v1/messages", "application/json", strings.NewReader(`{"stream":true,"model":"m"}`))
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Contains(t, string(body), "text_delta")
}

func TestAReverseProxysErrorHandlerGetsTheTypedError(t *testing.T) {
	for name, tc := range map[string]struct {
		step  claudetest.Step
		class claude.Class
	}{
		"a login page": {claudetest.Portal(), claude.ErrUnexpectedResponse},
		"a reset":      {claudetest.Reset().Times(2), claude.ErrConnectionLost},
		"a redirect":   {claudetest.Redirect("https://elsewhere.example/"), claude.ErrRedirect},
	} {
		t.Run(name, func(t *testing.T) {
			server := claudetest.NewServer(t, tc.step)
			url, failures := reverse(t, server.URL)
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			resp, err := client.Post(url+"/v1/messages", "application/json", strings.NewReader(rawBody))
			require.NoError(t, err)
			defer resp.Body.Close()
			assert.Equal(t, http.StatusBadGateway, resp.StatusCode)
			assert.Empty(t, resp.Header.Get("Location"))
			assert.Equal(t, tc.class, asCall(t, <-failures).Class)
		})
	}
}

func TestWhatAnOuterClientTriesAgainIsAttemptedOnceEachTime(t *testing.T) {
	cut := claudetest.Text("cut").CutAfter(claudetest.Bytes(30))
	for name, tc := range map[string]struct {
		count    string
		step     claudetest.Step
		attempts int
		stamp    string
	}{
		"its first":                     {"0", claudetest.Overloaded(), 3, "false"},
		"its second":                    {"1", claudetest.Overloaded(), 1, ""},
		"its second, to wait for hours": {"1", claudetest.RateLimited(time.Hour), 1, "false"},
		"a body it would ask for again": {"0", cut, 2, "false"},
		"its second, not worth a third": {"1", claudetest.Error(429, "rate_limit_error", "You have reached your API usage limits: x"), 1, "false"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				script := inMemory(t, tc.step.Times(tc.attempts))
				req := mustRequest(t)
				req.Header.Set("X-Stainless-Retry-Count", tc.count)
				resp, err := (&claude.Transport{Base: script}).RoundTrip(req)
				require.NoError(t, err)
				assert.Len(t, script.Requests(), tc.attempts)
				assert.Equal(t, tc.stamp, resp.Header.Get("X-Should-Retry"))
				require.NoError(t, resp.Body.Close())
			})
		})
	}
}

func TestACallCanceledAtTheGateIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &claude.Transport{Base: inMemory(t, claudetest.RateLimited(30*time.Second)), Retry: claude.RetryPolicy{MaxAttempts: 1}}
		_, _, err := ask(t, rt)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		req := mustRequest(t).WithContext(ctx)
		req.Header.Set("X-Api-Key", testKey)
		resp, err := rt.RoundTrip(req)
		require.ErrorIs(t, err, context.Canceled)
		assert.Nil(t, resp)
	})
}

// The error that shuts a gate is read by other calls while the answer it came from
// is its caller's to change.
func TestAnswersAndErrorsShareNoHeaders(t *testing.T) {
	rt := &claude.Transport{Base: inMemory(t, claudetest.RateLimited(time.Hour).Always()), Retry: claude.RetryPolicy{MaxRetryAfter: time.Second}}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			resp, err := rt.RoundTrip(mustRequest(t))
			if !assert.NoError(t, err) {
				return
			}
			resp.Header.Set("X-Seen", "yes")
			assert.Equal(t, 429, resp.StatusCode)
			_ = resp.Body.Close()
		})
	}
	wg.Wait()
}

func TestAPackedFailureIsJudgedByWhatIsInIt(t *testing.T) {
	packed := gzipped(envelope("invalid_request_error", "Your credit balance is too low to access the Anthropic API."))
	step := claudetest.Raw(400, packed).Header("Content-Encoding", "gzip").Times(2)
	var classes []claude.Class
	rt := &claude.Transport{Base: inMemory(t, step), Observer: claude.Observer{CallDone: func(_ context.Context, _ claude.CallInfo, r claude.CallResult) {
		classes = append(classes, r.Class)
	}}}
	resp, body, err := ask(t, rt)
	require.NoError(t, err)
	assert.Equal(t, packed, body, "handed over as it came")
	assert.Equal(t, "gzip", resp.Header.Get("Content-Encoding"))
	assert.Equal(t, []claude.Class{claude.ErrBilling}, classes)
	resp, err = rt.RoundTrip(mustRequest(t))
	require.NoError(t, err)
	require.ErrorIs(t, claude.CheckResponse(resp), claude.ErrBilling)
}

func TestARawCallersOwnKeyIsInNoText(t *testing.T) {
	const key = "gateway-key-0123456789"
	rt := &claude.Transport{Base: inMemory(t, claudetest.Error(401, "authentication_error", "no such key: "+key))}
	_, _, err := ask(t, rt, func(r *http.Request) { r.Header.Set("X-Api-Key", key) })
	require.NoError(t, err)
	assert.NotContains(t, rt.Health().Targets[0].LastFailure.Message, key)
}

func TestABareTextIsNoAnswer(t *testing.T) {
	_, _, err := ask(t, &claude.Transport{Base: inMemory(t, claudetest.GatewayText(200, "Please log in"))})
	require.ErrorIs(t, err, claude.ErrUnexpectedResponse)
}

func TestAFailureThatCameZippedStaysAsItCame(t *testing.T) {
	const failure = `{"type":"error","error":{"type":"overloaded_error","message":"no"}}`
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		rt := &claude.Transport{Retry: claude.RetryPolicy{MaxAttempts: 2}, Base: roundTripper(func(*http.Request) (*http.Response, error) {
			if calls++; calls > 1 {
				return nil, refusedConnection
			}
			var zipped bytes.Buffer
			zip := gzip.NewWriter(&zipped)
			_, err := io.WriteString(zip, failure)
			require.NoError(t, err)
			require.NoError(t, zip.Close())
			return &http.Response{
				StatusCode: http.StatusOK, ProtoMajor: 2, ContentLength: int64(zipped.Len()),
				Header: http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, Body: io.NopCloser(&zipped),
			}, nil
		})}
		resp, err := rt.RoundTrip(post(t.Context(), `{"model":"m"}`))
		require.NoError(t, err)
		defer resp.Body.Close()
		assert.Equal(t, 2, calls, "the last answer there was")
		unzip, err := gzip.NewReader(resp.Body)
		require.NoError(t, err)
		data, err := io.ReadAll(unzip)
		require.NoError(t, err)
		assert.Equal(t, failure, string(data))
		_, seeks := resp.Body.(io.Seeker)
		assert.False(t, seeks, "a body that is read once must not look as if it could be read again")
	})
}
