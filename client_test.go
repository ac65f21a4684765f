package claude_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
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

// clean empties the environment of everything New reads.
func clean(t *testing.T) {
	t.Helper()
	for _, name := range []string{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS"} {
		t.Setenv(name, "")
	}
}

func TestCreateSendsTheRequestAndReturnsTheAnswer(t *testing.T) {
	client, script := newClient(t, nil, hi.Header("Anthropic-Ratelimit-Requests-Reset", "2026-11-23T10:00:00Z"))
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "hi", resp.Text())
	assert.Equal(t, claude.StopEndTurn, resp.StopReason)
	assert.Equal(t, 12, resp.Usage.InputTokens)
	assert.Equal(t, "req_000001", resp.RequestID)
	assert.Equal(t, 4000, resp.RateLimit.Requests.Limit)
	assert.Equal(t, 2026, resp.RateLimit.Requests.Reset.Year())
	assert.JSONEq(t, resp.Raw, mustJSON(t, resp), "the answer in JSON is the API's Message object")
	require.Len(t, resp.Attempts, 1)
	assert.Equal(t, claude.Ran, resp.Attempts[0].Processed)

	require.Len(t, script.Requests(), 1)
	sent := script.Requests()[0]
	assert.Equal(t, "POST /v1/messages", sent.Method+" "+sent.Path)
	assert.Equal(t, testKey, sent.Header.Get("X-Api-Key"))
	assert.Empty(t, sent.Header.Get("Authorization"))
	assert.Equal(t, claude.Version20261021, sent.Header.Get("Anthropic-Version"))
	assert.Equal(t, "application/json", sent.Header.Get("Content-Type"))
	assert.JSONEq(t, `{"model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":[{"type":"text","text":"Hello"}]}]}`, string(sent.Body))
}

func TestNewRefusesEveryWrongConfiguration(t *testing.T) {
	clean(t)
	key := claude.WithAPIKey(testKey)
	for name, options := range map[string][]claude.Option{
		"no credential":          nil,
		"empty key":              {claude.WithAPIKey("")},
		"space in the key":       {claude.WithAPIKey("sk-ant abc")},
		"space before the key":   {claude.WithAPIKey(" sk-ant-abc")},
		"newline after the key":  {claude.WithAPIKey("sk-ant-abc\n")},
		"quoted key":             {claude.WithAPIKey(`"sk-ant-abc"`)},
		"bearer prefix":          {claude.WithAPIKey("Bearer sk-ant-abc")},
		"control character":      {claude.WithAPIKey("sk-ant-\x00abc")},
		"letters beyond ASCII":   {claude.WithAPIKey("sk-ant-é")},
		"bearer prefix of token": {claude.WithAuthToken("bearer abcdef")},
		"two credentials":        {key, claude.WithAuthToken("token-abcdef")},
		"nil credential":         {claude.WithCredential(nil)},
		"no scheme":              {key, claude.WithBaseURL("api.example.com")},
		"no scheme but a port":   {key, claude.WithBaseURL("localhost:8080")},
		"another scheme":         {key, claude.WithBaseURL("ftp://api.example.com")},
		"no host":                {key, claude.WithBaseURL("https://")},
		"plain http":             {key, claude.WithBaseURL("http://api.example.com")},
		"a query":                {key, claude.WithBaseURL("https://api.example.com?x=1")},
		"userinfo":               {key, claude.WithBaseURL("https://me:secret@api.example.com")},
		"empty base URL":         {key, claude.WithBaseURL("")},
		"negative attempts":      {key, claude.WithMaxAttempts(-1)},
		"negative delay":         {key, claude.WithRetry(claude.RetryPolicy{BaseDelay: -1})},
		"negative policy":        {key, claude.WithRetry(claude.RetryPolicy{MaxAttempts: -1})},
		"negative timeout":       {key, claude.WithTimeouts(claude.Timeouts{Dial: -5 * time.Second})},
		"negative log cap":       {key, claude.WithLogger(slog.Default()), claude.WithLogging(claude.LogPolicy{MaxBody: -1})},
		"logging without logger": {key, claude.WithLogging(claude.LogPolicy{Bodies: true})},
		"nil logger":             {key, claude.WithLogger(nil)},
		"nil round tripper":      {key, claude.WithRoundTripper(nil)},
		"nil transport":          {key, claude.WithTransport(nil)},
		"nil option":             {key, nil},
		"unknown validation":     {key, claude.WithValidation(7)},
		"unknown scheme":         {key, claude.WithAuthScheme("digest")},
		"header with newline":    {key, claude.WithHeader("X-Team", "a\r\nX-Api-Key: b")},
		"header name":            {key, claude.WithHeader("X Team", "a")},
		"credential header":      {key, claude.WithHeader("x-api-key", "a")},
		"framing header":         {key, claude.WithHeader("Content-Length", "1")},
		"empty version":          {key, claude.WithVersion("")},
		"two betas in one":       {key, claude.WithBeta("a,b")},
		"proxy without host":     {key, claude.WithProxy("proxy.example:3128")},
		"proxy scheme":           {key, claude.WithProxy("ftp://proxy.example:3128")},
		"certificates of none":   {key, claude.WithRootCAs([]byte("no certificate"))},
		"unknown network":        {key, claude.WithNetwork("udp")},
		"proxy beside own base":  {key, claude.WithProxy("http://proxy.example:3128"), claude.WithRoundTripper(http.DefaultTransport)},
		"two transports":         {key, claude.WithTransport(&claude.Transport{}), claude.WithRoundTripper(http.DefaultTransport)},
		"negative in transport":  {key, claude.WithTransport(&claude.Transport{Timeouts: claude.Timeouts{TLS: -2}})},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := claude.New(options...)
			require.Error(t, err)
			assert.Nil(t, client)
			assert.ErrorIs(t, err, claude.ErrConfig)
			_, ok := errors.AsType[*claude.ConfigError](err)
			assert.True(t, ok, "%T", err)
			assert.NotContains(t, err.Error(), "abc", "the error must not quote the credential")
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestBaseURLIsTakenInEveryUsualForm(t *testing.T) {
	clean(t)
	for given, want := range map[string]string{
		"https://h":                         "https://h/v1/messages",
		"https://h/":                        "https://h/v1/messages",
		"https://h/v1":                      "https://h/v1/messages",
		"https://h/v1/":                     "https://h/v1/messages",
		"https://h/v1/messages":             "https://h/v1/messages",
		"https://h/v1/messages/":            "https://h/v1/messages",
		"https://h:8443/gateway/anthropic/": "https://h:8443/gateway/anthropic/v1/messages",
		"http://127.0.0.1:8080":             "http://127.0.0.1:8080/v1/messages",
		"http://[::1]:8080/v1":              "http://[::1]:8080/v1/messages",
		"http://localhost":                  "http://localhost/v1/messages",
	} {
		client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL(given))
		require.NoError(t, err, given)
		assert.Equal(t, want, client.Endpoint(), given)
	}
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL("http://gateway.example"), claude.WithPlainHTTP())
	require.NoError(t, err)
	assert.Equal(t, "http://gateway.example/v1/messages", client.Endpoint())
	client, err = claude.New(claude.WithAPIKey(testKey))
	require.NoError(t, err)
	assert.Equal(t, "https://api.anthropic.com/v1/messages", client.Endpoint())
}

func TestExactlyOneCredentialIsSent(t *testing.T) {
	const bearer = "bearer-token-of-the-test"
	for _, tc := range []struct {
		name       string
		env        map[string]string
		options    []claude.Option
		wantHeader string
		wantInfo   claude.CredentialInfo
		warned     bool
	}{
		{"key of the environment", map[string]string{"ANTHROPIC_API_KEY": testKey}, nil, "X-Api-Key", claude.CredentialInfo{Scheme: claude.AuthAPIKey, Source: "ANTHROPIC_API_KEY"}, false},
		{"token of the environment", map[string]string{"ANTHROPIC_AUTH_TOKEN": bearer}, nil, "Authorization", claude.CredentialInfo{Scheme: claude.AuthBearer, Source: "ANTHROPIC_AUTH_TOKEN"}, false},
		{"both: the key wins", map[string]string{"ANTHROPIC_API_KEY": testKey, "ANTHROPIC_AUTH_TOKEN": bearer}, nil, "X-Api-Key", claude.CredentialInfo{Scheme: claude.AuthAPIKey, Source: "ANTHROPIC_API_KEY"}, true},
		{"an option switches the environment off", map[string]string{"ANTHROPIC_AUTH_TOKEN": "other-token-entirely"}, []claude.Option{claude.WithAPIKey(testKey)}, "X-Api-Key", claude.CredentialInfo{Scheme: claude.AuthAPIKey, Source: "WithAPIKey"}, false},
		{"and the other way round", map[string]string{"ANTHROPIC_API_KEY": "other-key-entirely"}, []claude.Option{claude.WithAuthToken(bearer)}, "Authorization", claude.CredentialInfo{Scheme: claude.AuthBearer, Source: "WithAuthToken"}, false},
		{"a key by the other scheme", nil, []claude.Option{claude.WithAPIKey(testKey), claude.WithAuthScheme(claude.AuthBearer)}, "Authorization", claude.CredentialInfo{Scheme: claude.AuthBearer, Source: "WithAPIKey"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			clean(t)
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			script := inMemory(t, hi)
			var warnings []string
			client, err := claude.New(append(tc.options, claude.WithRoundTripper(script), claude.WithObserver(claude.Observer{
				Warning: func(_ context.Context, w claude.Warning) { warnings = append(warnings, w.Message) },
			}))...)
			require.NoError(t, err)
			assert.Equal(t, tc.wantInfo, client.Credential())
			_, err = client.Messages.Create(t.Context(), hello)
			require.NoError(t, err)
			h := script.Requests()[0].Header
			for _, name := range []string{"X-Api-Key", "Authorization"} {
				if name == tc.wantHeader {
					assert.Len(t, h.Values(name), 1)
				} else {
					assert.Empty(t, h.Values(name))
				}
			}
			if tc.warned {
				require.NotEmpty(t, warnings)
				assert.Contains(t, warnings[0], "ANTHROPIC_API_KEY")
				assert.Contains(t, warnings[0], "ANTHROPIC_AUTH_TOKEN")
			} else {
				assert.Empty(t, warnings)
			}
		})
	}
}

func TestCustomHeadersOfTheEnvironmentAreSent(t *testing.T) {
	clean(t)
	t.Setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Team: blue\nX-Cost-Center: 42\n")
	client, script := newClient(t, []claude.Option{claude.WithHeader("X-Team", "red"), claude.WithBeta("beta-one")}, hi)
	_, err := client.Messages.Create(t.Context(), hello, claude.WithBeta("beta-two"), claude.WithHeader("X-Call", "1"))
	require.NoError(t, err)
	h := script.Requests()[0].Header
	assert.Equal(t, "red", h.Get("X-Team"), "an option wins")
	assert.Equal(t, "42", h.Get("X-Cost-Center"))
	assert.Equal(t, "1", h.Get("X-Call"))
	assert.Equal(t, "beta-one,beta-two", h.Get("Anthropic-Beta"))

	t.Setenv("ANTHROPIC_CUSTOM_HEADERS", "Authorization: Bearer abcdefghijk")
	_, err = claude.New(claude.WithAPIKey(testKey))
	require.ErrorIs(t, err, claude.ErrConfig)
	assert.NotContains(t, err.Error(), "abcdefghijk")
}

func TestCountTokensLeavesOutWhatTheCountRefuses(t *testing.T) {
	client, script := newClient(t, nil, claudetest.Raw(200, `{"input_tokens":2095}`).On("POST /v1/messages/count_tokens"))
	request := hello
	request.Metadata = &claude.Metadata{UserID: "u"}
	request.StopSequences = []string{"x"}
	n, err := client.Messages.CountTokens(t.Context(), request)
	require.NoError(t, err)
	assert.Equal(t, 2095, n)
	assert.Equal(t, "/v1/messages/count_tokens", script.Requests()[0].Path)
	assert.JSONEq(t, `{"model":"claude-sonnet-5-5","messages":[{"role":"user","content":[{"type":"text","text":"Hello"}]}]}`, string(script.Requests()[0].Body))
}

func TestModelsAreListedAndGot(t *testing.T) {
	client, script := newClient(
		t, nil,
		claudetest.Raw(200, `{"data":[{"id":"claude-sonnet-5-5","type":"model","display_name":"Claude Sonnet 5.5","created_at":"2026-09-28T00:00:00Z"}],"has_more":true,"first_id":"claude-sonnet-5-5","last_id":"claude-sonnet-5-5"}`).On("GET /v1/models"),
		claudetest.Raw(200, `{"id":"claude-sonnet-5-5","type":"model","display_name":"Claude Sonnet 5.5","created_at":"2026-09-28T00:00:00Z"}`).On("GET /v1/models/claude-sonnet-5-5"),
	)
	page, err := client.Models.List(t.Context(), claude.ModelListParams{Limit: 1, AfterID: "x", Lifecycle: []string{"active"}})
	require.NoError(t, err)
	require.Len(t, page.Data, 1)
	assert.True(t, page.HasMore)
	assert.Equal(t, "claude-sonnet-5-5", page.LastID)
	model, err := client.Models.Get(t.Context(), "claude-sonnet-5-5")
	require.NoError(t, err)
	assert.Equal(t, "claude-sonnet-5-5", model.ID)
	assert.Equal(t, "/v1/models", script.Requests()[0].Path)
	assert.Equal(t, "after_id=x&lifecycle%5B%5D=active&limit=1", script.Requests()[0].Query)
	assert.Equal(t, "/v1/models/claude-sonnet-5-5", script.Requests()[1].Path)
	assert.Empty(t, script.Requests()[0].Header.Get("Content-Type"))
}

func TestABadRequestIsNotSent(t *testing.T) {
	client, script := newClient(t, nil, hi)
	_, err := client.Messages.Create(t.Context(), claude.Request{})
	require.ErrorIs(t, err, claude.ErrValidation)
	e, ok := errors.AsType[*claude.ValidationError](err)
	require.True(t, ok)
	assert.GreaterOrEqual(t, len(e.Problems), 3, "model, max_tokens and messages are all missing")
	assert.Equal(t, claude.NotSent, asCall(t, err).Processed)
	assert.Empty(t, script.Requests())

	_, err = client.Messages.Create(t.Context(), claude.Request{}, claude.WithValidation(claude.ValidationOff))
	require.NoError(t, err, "the check can be switched off")
	assert.Len(t, script.Requests(), 1)
}

func TestBadInputIsATypedErrorAndNothingIsSent(t *testing.T) {
	cyclic := map[string]any{}
	cyclic["self"] = cyclic
	with := func(change func(*claude.Request)) claude.Request {
		r := hello
		r.Messages = append([]claude.Message(nil), hello.Messages...)
		change(&r)
		return r
	}
	nan := 0.0
	nan /= nan
	for name, request := range map[string]claude.Request{
		"zero":            {},
		"nil block":       with(func(r *claude.Request) { r.Messages[0].Content = claude.Content{nil} }),
		"typed nil block": with(func(r *claude.Request) { r.Messages[0].Content = claude.Content{(*claude.TextBlock)(nil)} }),
		"nil tool":        with(func(r *claude.Request) { r.Tools = []claude.Tool{nil} }),
		"cyclic extra":    with(func(r *claude.Request) { r.Extra = claude.Extra{"x": cyclic} }),
		"unmarshalable":   with(func(r *claude.Request) { r.Extra = claude.Extra{"x": make(chan int)} }),
		"clash":           with(func(r *claude.Request) { r.Extra = claude.Extra{"model": "x"} }),
		"invalid UTF-8":   with(func(r *claude.Request) { r.Messages[0] = claude.UserText("a\xffb") }),
		"NaN":             with(func(r *claude.Request) { r.Temperature = &nan }),
		"broken input": with(func(r *claude.Request) {
			r.Messages = append(r.Messages, claude.Assistant(&claude.ToolUseBlock{ID: "toolu_1", Name: "x", Input: json.RawMessage(`{"a"`)}))
		}),
		"deep input": with(func(r *claude.Request) {
			r.Extra = claude.Extra{"x": json.RawMessage(strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000))}
		}),
		"40 MB":             with(func(r *claude.Request) { r.Messages[0] = claude.UserText(strings.Repeat("a", 40<<20)) }),
		"100k bad messages": with(func(r *claude.Request) { r.Messages = make([]claude.Message, 100_000) }),
	} {
		for _, v := range []claude.Validation{claude.ValidationDefault, claude.ValidationOff} {
			if v == claude.ValidationOff && (name == "zero" || name == "100k bad messages") {
				continue // can be encoded, so it is sent
			}
			t.Run(fmt.Sprintf("%s/%d", name, v), func(t *testing.T) {
				client, script := newClient(t, nil)
				_, err := client.Messages.Create(t.Context(), request, claude.WithValidation(v))
				require.Error(t, err)
				assert.Contains(t, []claude.Class{claude.ErrValidation, claude.ErrConfig}, claude.ClassOf(err))
				assert.Less(t, len(err.Error()), 1500)
				assert.Empty(t, script.Requests())
			})
		}
	}
}

func TestAHundredMegabytesOfAnswerAreRefused(t *testing.T) {
	client, _ := newClient(t, []claude.Option{claude.WithRoundTripper(roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: -1, Body: io.NopCloser(io.LimitReader(spaces{}, 100<<20))}, nil
	}))})
	_, err := client.Messages.Create(t.Context(), hello)
	require.ErrorIs(t, err, claude.ErrUnexpectedResponse)
	assert.Contains(t, err.Error(), "larger than")
}

func TestObserverSeesEveryStepAndItsContextFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var steps []string
		var seen any
		observe := claude.Observer{
			CallStart: func(ctx context.Context, c claude.CallInfo) context.Context {
				steps = append(steps, "call "+c.Op+" "+c.Target.String())
				return context.WithValue(ctx, key{}, "span")
			},
			AttemptStart: func(ctx context.Context, _ claude.CallInfo, n int) context.Context {
				steps = append(steps, fmt.Sprintf("attempt %d under %v", n, ctx.Value(key{})))
				return context.WithValue(ctx, key{}, n)
			},
			AttemptDone: func(_ context.Context, _ claude.CallInfo, a claude.Attempt) {
				steps = append(steps, fmt.Sprintf("attempt %d %d %s", a.Number, a.Status, a.Class))
			},
			Wait: func(_ context.Context, _ claude.CallInfo, w claude.Wait) {
				steps = append(steps, fmt.Sprintf("wait %v %s", w.Hinted, w.Class))
			},
			CallDone: func(_ context.Context, _ claude.CallInfo, r claude.CallResult) {
				steps = append(steps, fmt.Sprintf("done %d attempts, %d tokens", len(r.Attempts), r.Usage.OutputTokens))
			},
		}
		script := inMemory(t, claudetest.RateLimited(3*time.Second), hi)
		client, err := claude.New(claude.WithAPIKey(testKey), claude.WithObserver(observe), claude.WithRoundTripper(roundTripper(func(r *http.Request) (*http.Response, error) {
			seen = r.Context().Value(key{})
			return script.RoundTrip(r)
		})))
		require.NoError(t, err)
		_, err = client.Messages.Create(t.Context(), hello)
		require.NoError(t, err)
		assert.Equal(t, []string{
			"call messages.create api.anthropic.com/claude-sonnet-5-5",
			"attempt 1 under span", "attempt 1 429 rate_limit", "wait true rate_limit",
			"attempt 2 under span", "attempt 2 200 ", "done 2 attempts, 2 tokens",
		}, steps)
		assert.Equal(t, 2, seen, "the request is sent with the attempt's context")
	})
}

func TestTheTrafficLogIsWhatTheServerGot(t *testing.T) {
	var mu sync.Mutex
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&lockedWriter{mu: &mu, w: &out}, nil))
	server := claudetest.NewServer(t, claudetest.Text("a secret answer sk-ant-api03-leaked-by-the-model"))
	client, err := claude.New(
		claude.WithAPIKey(testKey), claude.WithBaseURL(server.URL), claude.WithLogger(log),
		claude.WithLogging(claude.LogPolicy{Headers: true, Bodies: true}),
	)
	require.NoError(t, err)
	defer client.Close()
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)

	lines := map[string]map[string]any{}
	for line := range strings.Lines(out.String()) {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		lines[entry["msg"].(string)] = entry
	}
	sent := server.Requests()[0]
	request := lines["claude request"]
	require.NotNil(t, request)
	assert.Equal(t, "POST", request["method"])
	assert.Equal(t, server.URL+"/v1/messages", request["url"])
	assert.JSONEq(t, string(sent.Body), request["body"].(string))
	logged := request["header"].(map[string]any)
	for name := range sent.Header {
		if name == "X-Api-Key" {
			assert.Equal(t, "[redacted]", logged[name])
			continue
		}
		assert.Equal(t, sent.Header.Get(name), logged[name], name)
	}
	assert.Equal(t, sent.Host, logged["Host"])
	response := lines["claude response"]
	assert.Equal(t, strings.ReplaceAll(resp.Raw, "sk-ant-api03-leaked-by-the-model", "[redacted]"), response["body"])
	assert.Equal(t, "req_000001", response["header"].(map[string]any)["Request-Id"])
	assert.NotContains(t, out.String(), testKey)
	assert.NotContains(t, out.String(), "leaked-by-the-model")
	require.Contains(t, lines, "claude call")
	assert.NotContains(t, fmt.Sprint(lines["claude call"]), "secret answer", "the line of a call holds no text")
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func TestASecretDoesNotShowItself(t *testing.T) {
	s := claude.NewSecret(testKey)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "token", claude.Token{Secret: s})
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s), fmt.Sprintf("%+v %#v", claude.Token{Secret: s}, &claude.Token{Secret: s}), mustJSON(t, s), mustJSON(t, map[string]any{"s": s}), log.String()} {
		assert.NotContains(t, shown, testKey)
		assert.NotContains(t, shown, fmt.Sprintf("%x", testKey))
	}
	hidden := struct{ token claude.Token }{claude.Token{Secret: s}} // fmt asks no method of an unexported field
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", hidden, hidden, hidden), testKey)
	assert.Equal(t, testKey, s.Reveal())
	assert.Empty(t, claude.Secret{}.Reveal())
}
