package claude_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/fakeapi"
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
	cut := fakeapi.Says("cut")
	cut.CutAt = 30
	for name, steps := range map[string][]fakeapi.Step{
		"529":                     {fakeapi.Overloaded(), says},
		"reset":                   {fakeapi.Resets(), says},
		"gateway's page":          {fakeapi.Page(502, "Bad Gateway"), says},
		"429":                     {fakeapi.Limited(time.Second), says},
		"an error inside a 200":   {fakeapi.Fails(200, "overloaded_error", "Overloaded"), says},
		"an answer that is cut":   {cut, says},
		"a page with the API's 5": {fakeapi.Fails(500, "api_error", "x"), fakeapi.Fails(504, "timeout_error", "x"), says},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				script := fakeapi.NewScript(steps...)
				resp, body, err := ask(t, &claude.Transport{Base: script})
				require.NoError(t, err)
				assert.Equal(t, 200, resp.StatusCode)
				assert.Equal(t, says.Body, body)
				assert.Len(t, script.Requests(), len(steps))
				for _, r := range script.Requests() {
					assert.Equal(t, rawBody, r.Body)
					assert.Equal(t, testKey, r.Header.Get("X-Api-Key"))
				}
			})
		})
	}
}

func TestARawCallerGetsTheLastAnswerAsItCame(t *testing.T) {
	for name, tc := range map[string]struct {
		steps  []fakeapi.Step
		status int
		body   string
		class  claude.Class
	}{
		"529, three times":               {[]fakeapi.Step{fakeapi.Overloaded()}, 529, fakeapi.Overloaded().Body, claude.ErrOverloaded},
		"400":                            {[]fakeapi.Step{fakeapi.Fails(400, "invalid_request_error", "x")}, 400, fakeapi.Fails(400, "invalid_request_error", "x").Body, claude.ErrInvalidRequest},
		"a firewall's page":              {[]fakeapi.Step{fakeapi.Page(403, "Denied")}, 403, fakeapi.Page(403, "Denied").Body, claude.ErrBlocked},
		"a redirect is not followed":     {[]fakeapi.Step{{Status: 307, Body: "moved"}}, 307, "moved", claude.ErrRedirect},
		"an answer, and then none":       {[]fakeapi.Step{fakeapi.Overloaded(), fakeapi.Resets()}, 529, fakeapi.Overloaded().Body, claude.ErrOverloaded},
		"an error in a 200 to the end":   {[]fakeapi.Step{fakeapi.Fails(200, "overloaded_error", "x")}, 200, fakeapi.Fails(200, "overloaded_error", "x").Body, claude.ErrOverloaded},
		"a wait longer than we make":     {[]fakeapi.Step{fakeapi.Limited(time.Hour)}, 429, fakeapi.Limited(time.Hour).Body, claude.ErrRateLimit},
		"an answer without its own type": {[]fakeapi.Step{{Status: 503, Plain: true, Body: "upstream connect error"}}, 503, "upstream connect error", claude.ErrGateway},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				resp, body, err := ask(t, &claude.Transport{Base: fakeapi.NewScript(tc.steps...)})
				require.NoError(t, err)
				assert.Equal(t, tc.status, resp.StatusCode)
				assert.Equal(t, tc.body, body)

				resp, err = (&claude.Transport{Base: fakeapi.NewScript(tc.steps...)}).RoundTrip(mustRequest(t))
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
		step  fakeapi.Step
		class claude.Class
	}{
		"page in a 200":     {fakeapi.Page(200, "Login"), claude.ErrUnexpectedResponse},
		"nothing":           {fakeapi.Step{}, claude.ErrUnexpectedResponse},
		"broken JSON":       {fakeapi.Step{Body: `{"type":"message","content":[`}, claude.ErrUnexpectedResponse},
		"another object":    {fakeapi.Step{Body: `{"ok":true}`}, claude.ErrUnexpectedResponse},
		"content no list":   {fakeapi.Step{Body: `{"type":"message","content":"x"}`}, claude.ErrUnexpectedResponse},
		"no answer, resets": {fakeapi.Resets(), claude.ErrConnectionLost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, err := ask(t, &claude.Transport{Base: fakeapi.NewScript(tc.step)})
				require.Error(t, err)
				assert.Equal(t, tc.class, claude.ClassOf(err))
				assert.NotEmpty(t, asCall(t, err).Trail)
			})
		})
	}
}

func TestAMessageOfAGatewayMayLackIDAndUsage(t *testing.T) {
	const sparse = ` {"type":"message","role":"assistant","content":[]}`
	_, body, err := ask(t, &claude.Transport{Base: fakeapi.NewScript(fakeapi.Step{Plain: true, Body: sparse, Header: map[string]string{"Content-Type": "application/json; charset=utf-8"}})})
	require.NoError(t, err)
	assert.Equal(t, sparse, body)
}

func TestAPackedAnswerIsJudgedAndHandedOverPacked(t *testing.T) {
	pack := func(text string) string {
		var b bytes.Buffer
		zip := gzip.NewWriter(&b)
		_, _ = io.WriteString(zip, text)
		_ = zip.Close()
		return b.String()
	}
	for name, tc := range map[string]struct{ encoding, body string }{
		"gzip":                      {"gzip", pack(says.Body)},
		"an encoding we can't read": {"br", "whatever brotli says"},
	} {
		_, body, err := ask(t, &claude.Transport{Base: fakeapi.NewScript(fakeapi.Step{Body: tc.body}.With("Content-Encoding", tc.encoding))})
		require.NoError(t, err, name)
		assert.Equal(t, tc.body, body, name)
	}
	_, _, err := ask(t, &claude.Transport{Base: fakeapi.NewScript(fakeapi.Step{Body: pack("<html>")}.With("Content-Encoding", "gzip"))})
	require.ErrorIs(t, err, claude.ErrUnexpectedResponse)
}

func TestACallBehindAShutGateIsAnsweredWithACopyOfThe429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := fakeapi.NewScript(fakeapi.Limited(time.Hour).With("Retry-After-Ms", "3600000"), says)
		rt := &claude.Transport{Base: script}
		_, _, err := ask(t, rt)
		require.NoError(t, err)
		time.Sleep(20*time.Minute + 500*time.Millisecond)
		resp, body, err := ask(t, rt)
		require.NoError(t, err)
		assert.Equal(t, 429, resp.StatusCode)
		assert.Equal(t, "429 Too Many Requests", resp.Status)
		assert.Equal(t, "2400", resp.Header.Get("Retry-After"), "what is left of it, rounded up")
		assert.Empty(t, resp.Header.Get("Retry-After-Ms"))
		assert.Equal(t, fakeapi.Limited(time.Hour).Body, body)
		assert.Len(t, script.Requests(), 1)
		require.ErrorIs(t, claude.CheckResponse(resp), claude.ErrRateLimit)
		_, _, err = ask(t, rt, func(r *http.Request) { r.Header.Set("X-Api-Key", "sk-ant-of-another-caller") })
		require.NoError(t, err)
		assert.Len(t, script.Requests(), 2, "another caller's limit is another")
	})
}

func TestAnOpenBreakerIsAnErrorForRawCallersToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &claude.Transport{Base: fakeapi.NewScript(fakeapi.Overloaded()), Breaker: claude.BreakerPolicy{Run: 3}}
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
		step   fakeapi.Step
		change []func(*http.Request)
		want   string
	}{
		"a client that retries":             {fakeapi.Overloaded(), []func(*http.Request){stainless}, "false"},
		"one that does not say so":          {fakeapi.Overloaded(), nil, ""},
		"an answer it does not retry":       {fakeapi.Fails(401, "authentication_error", "x"), []func(*http.Request){stainless}, ""},
		"a success":                         {says, []func(*http.Request){stainless}, ""},
		"although the server wants a retry": {fakeapi.Overloaded().With("X-Should-Retry", "true"), []func(*http.Request){stainless}, "false"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				resp, _, err := ask(t, &claude.Transport{Base: fakeapi.NewScript(tc.step)}, tc.change...)
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
			script := fakeapi.NewScript(fakeapi.Overloaded())
			req, err := http.NewRequestWithContext(t.Context(), tc.method, tc.url, nil)
			require.NoError(t, err)
			resp, err := (&claude.Transport{Base: script}).RoundTrip(req)
			require.NoError(t, err)
			assert.Equal(t, 529, resp.StatusCode)
			attempts := 1
			if tc.ours {
				attempts = 3
			}
			assert.Len(t, script.Requests(), attempts, "%s %s", tc.method, tc.url)
		})
	}
}

func TestMatchSaysWhichRequestsAreCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := fakeapi.NewScript(fakeapi.Overloaded())
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
		script := fakeapi.NewScript(says)
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
		rt := &claude.Transport{Base: fakeapi.NewScript(fakeapi.Overloaded()), Breaker: claude.BreakerPolicy{Run: 3}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
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
		rt := &claude.Transport{Base: fakeapi.NewScript(fakeapi.Overloaded()), Breaker: claude.BreakerPolicy{Run: 3}}
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
				script := fakeapi.NewScript(fakeapi.Overloaded())
				_, _, err := ask(t, &claude.Transport{Base: script}, tc.change)
				require.NoError(t, err)
				assert.Len(t, script.Requests(), tc.requests)
				for _, r := range script.Requests() {
					assert.Len(t, r.Body, tc.size)
				}
			})
		})
	}
	_, _, err := ask(t, &claude.Transport{Base: fakeapi.NewScript(says)}, func(r *http.Request) {
		r.GetBody, r.Body = nil, io.NopCloser(brokenReader{})
	})
	require.ErrorIs(t, err, claude.ErrConfig)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestTheCallersTimeoutIsADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &http.Client{Transport: &claude.Transport{Base: fakeapi.NewScript(fakeapi.Step{After: time.Hour})}, Timeout: 3 * time.Second}
		start := time.Now()
		_, err := client.Post("https://api.anthropic.com/v1/messages", "application/json", strings.NewReader(rawBody)) //nolint:bodyclose // there is none
		require.Error(t, err)
		assert.Equal(t, claude.ErrDeadline, claude.ClassOf(err), "http.Client keeps only the text of our error")
		assert.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestCheckResponseLeavesASuccessAlone(t *testing.T) {
	resp, err := (&claude.Transport{Base: fakeapi.NewScript(says)}).RoundTrip(mustRequest(t))
	require.NoError(t, err)
	require.NoError(t, claude.CheckResponse(resp))
	body, _ := io.ReadAll(resp.Body)
	assert.Equal(t, says.Body, string(body))
	require.ErrorIs(t, claude.CheckResponse(nil), claude.ErrConfig)
	require.NoError(t, claude.CheckResponse(&http.Response{StatusCode: 200, Header: http.Header{}}))
	e := asCall(t, claude.CheckResponse(&http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {"7"}, "Request-Id": {"req_9"}}}))
	assert.Equal(t, "req_9", e.RequestID)
	assert.WithinDuration(t, time.Now().Add(7*time.Second), e.RetryAt, time.Second)
}
