package claude_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/fakeapi"
)

// answer is a failed answer and the class it must get.
var answers = []struct {
	name  string
	step  fakeapi.Step
	class claude.Class
}{
	{"400", fakeapi.Fails(400, "invalid_request_error", "max_tokens: Field required"), claude.ErrInvalidRequest},
	{"400 of an unknown type", fakeapi.Fails(400, "brand_new_error", "x"), claude.ErrInvalidRequest},
	{"405", fakeapi.Fails(405, "invalid_request_error", "x"), claude.ErrInvalidRequest},
	{"422", fakeapi.Fails(422, "invalid_request_error", "x"), claude.ErrInvalidRequest},
	{"credit (P47)", fakeapi.Fails(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."), claude.ErrBilling},
	{"own limit", fakeapi.Fails(400, "invalid_request_error", "You have reached your specified API usage limits. You will regain access on x."), claude.ErrBilling},
	{"spend cap", fakeapi.Fails(429, "rate_limit_error", "You have reached your API usage limits: x"), claude.ErrBilling},
	{"402", fakeapi.Fails(402, "billing_error", "x"), claude.ErrBilling},
	{"the words inside a message (P81)", fakeapi.Fails(400, "invalid_request_error", "messages.0: text says 429 rate_limit_error prompt is too long"), claude.ErrInvalidRequest},
	{"long prompt (P57)", fakeapi.Fails(400, "invalid_request_error", "prompt is too long: 212164 tokens > 199999 maximum"), claude.ErrContextTooLong},
	{"long prompt as 403 (P48)", fakeapi.Fails(403, "permission_error", "Extra usage is required for long context requests."), claude.ErrContextTooLong},
	{"long prompt of a gateway", fakeapi.Fails(400, "invalid_request_error", "Input is too long for requested model."), claude.ErrContextTooLong},
	{"413 of the edge (P56)", fakeapi.Step{Status: 413, Plain: true, Body: `{"error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}`}, claude.ErrTooLarge},
	{"413 page", fakeapi.Page(413, "413 Request Entity Too Large"), claude.ErrTooLarge},
	{"401", fakeapi.Fails(401, "authentication_error", "invalid x-api-key"), claude.ErrAuthentication},
	{"region (P2)", fakeapi.Step{Status: 403, Plain: true, Header: map[string]string{"Cf-Ray": "x-FRA", "Content-Type": "application/json"}, Body: `{"error":{"type":"forbidden","message":"Request not allowed"}}`}, claude.ErrRegion},
	{"permission", fakeapi.Fails(403, "permission_error", "x"), claude.ErrPermission},
	{"portal 403 (P13)", fakeapi.Page(403, "Access denied"), claude.ErrBlocked},
	{"451", fakeapi.Page(451, "Unavailable"), claude.ErrBlocked},
	{"511", fakeapi.Page(511, "Log in"), claude.ErrBlocked},
	{"404 model (P63)", fakeapi.Fails(404, "not_found_error", "model: claude-x"), claude.ErrNotFound},
	{"404 page of a wrong path", fakeapi.Page(404, "Not found"), claude.ErrBlocked},
	{"407", fakeapi.Page(407, "Proxy"), claude.ErrProxy},
	{"408", fakeapi.Page(408, "Timeout"), claude.ErrRequestTimeout},
	{"409", fakeapi.Fails(409, "conflict_error", "x"), claude.ErrConflict},
	{"429", fakeapi.Fails(429, "rate_limit_error", "This request would exceed your organization's rate limit"), claude.ErrRateLimit},
	{"429 page", fakeapi.Page(429, "slow down"), claude.ErrRateLimit},
	{"500", fakeapi.Fails(500, "api_error", "Internal server error"), claude.ErrInternal},
	{"504", fakeapi.Fails(504, "timeout_error", "x"), claude.ErrInternal},
	{"529", fakeapi.Overloaded(), claude.ErrOverloaded},
	{"529 without a body", fakeapi.Step{Status: 529, Plain: true}, claude.ErrOverloaded},
	{"502 page (P12)", fakeapi.Page(502, "502 Bad Gateway"), claude.ErrGateway},
	{"503 text", fakeapi.Step{Status: 503, Plain: true, Body: "upstream connect error or disconnect/reset before headers. reset reason: x"}, claude.ErrGateway},
	{"520 empty", fakeapi.Step{Status: 520, Plain: true}, claude.ErrGateway},
	{"522 of Cloudflare in JSON", fakeapi.Step{Status: 522, Plain: true, Header: map[string]string{"Content-Type": "application/json"}, Body: `{"type":"https://developers.cloudflare.com/x","title":"Error 522: Connection timed out","status":522,"error_code":522,"cloudflare_error":true}`}, claude.ErrGateway},
	{"302", fakeapi.Step{Status: 302, Header: map[string]string{"Location": "https://elsewhere.example/login?token=x"}}, claude.ErrRedirect},
	{"401 of a vague type", fakeapi.Fails(401, "api_error", "x"), claude.ErrAuthentication},
	{"529 of a vague type", fakeapi.Fails(529, "api_error", "x"), claude.ErrOverloaded},
	{"error in a 200 (P14)", fakeapi.Fails(200, "rate_limit_error", "x"), claude.ErrRateLimit},
	{"page in a 200 (P14)", fakeapi.Page(200, "Hotel Wi-Fi"), claude.ErrUnexpectedResponse},
	{"page in a 200 called JSON", fakeapi.Step{Body: "<!DOCTYPE html><html></html>"}, claude.ErrUnexpectedResponse},
	{"empty 200 (P93)", fakeapi.Step{}, claude.ErrUnexpectedResponse},
	{"empty object", fakeapi.Step{Body: "{}"}, claude.ErrUnexpectedResponse},
	{"another object", fakeapi.Step{Body: `{"object":"chat.completion","choices":[]}`}, claude.ErrUnexpectedResponse},
	{"message without content", fakeapi.Step{Body: `{"type":"message","role":"assistant"}`}, claude.ErrUnexpectedResponse},
	{"half a JSON text", fakeapi.Step{Body: fakeapi.Says("x").Body[:60]}, claude.ErrUnexpectedResponse},
	{"an array", fakeapi.Step{Body: "[]"}, claude.ErrUnexpectedResponse},
	{"10k nested arrays", fakeapi.Step{Body: `{"type":"message","content":` + strings.Repeat("[", 10_000)}, claude.ErrUnexpectedResponse},
	{"wrong content type", fakeapi.Says("x").With("Content-Type", "text/plain"), claude.ErrUnexpectedResponse},
}

func TestEveryAnswerGetsItsClass(t *testing.T) {
	for _, tc := range answers {
		t.Run(tc.name, func(t *testing.T) {
			client, _ := newClient(t, nil, tc.step)
			_, err := client.Messages.Create(t.Context(), hello, claude.WithMaxAttempts(1))
			require.ErrorIs(t, err, tc.class, "%v", err)
			assert.Equal(t, tc.class, claude.ClassOf(err))
			assert.Equal(t, tc.class, claude.ClassOf(errors.Unwrap(err)), "the cause knows its class too")
			text := err.Error()
			assert.NotContains(t, text, "\n")
			assert.NotContains(t, text, "<h1>", "no page in an error")
			assert.NotContains(t, text, testKey)
			assert.NotContains(t, text, "Hello", "no prompt in an error")
			assert.Less(t, len(text), 1024)
			assert.Contains(t, text, "messages.create: "+string(tc.class)+" (1 attempt, ")
		})
	}
}

func TestAnAnswerWithoutIDOrUsageIsStillAnAnswer(t *testing.T) {
	client, _ := newClient(t, nil, fakeapi.Step{Body: `{"type":"message","content":[{"type":"text","text":"hi"}]}`})
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "hi", resp.Text())
}

func TestAnErrorNamesOperationClassAttemptsAndRequest(t *testing.T) {
	client, _ := newClient(t, nil, fakeapi.Fails(404, "not_found_error", "model: claude-x"))
	_, err := client.Messages.Create(t.Context(), hello)
	assert.Regexp(t, `^messages\.create: not_found \(1 attempt, [^,]+, req_fake_1\): 404 not_found_error: model: claude-x$`, err.Error())
	e := asCall(t, err)
	assert.Equal(t, claude.ReasonFinal, e.Reason)
	assert.Equal(t, claude.Rejected, e.Processed)
	assert.Equal(t, "claude-sonnet-5-5", e.Target.Model)
	api, ok := errors.AsType[*claude.APIError](err)
	require.True(t, ok)
	assert.Equal(t, "req_fake_1", api.RequestID)
	assert.Contains(t, string(api.Body), "claude-x")
}

func TestRedirectsAreNotFollowedAndTheKeyStays(t *testing.T) {
	thief := fakeapi.NewScript(fakeapi.Says("thanks for the key"))
	elsewhere := fakeapi.Serve(thief)
	defer elsewhere.Close()
	server := fakeapi.Serve(fakeapi.NewScript(fakeapi.Step{Status: http.StatusTemporaryRedirect, Header: map[string]string{"Location": elsewhere.URL + "/?key=" + testKey}}))
	defer server.Close()
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL(server.URL))
	require.NoError(t, err)
	defer client.Close()
	_, err = client.Messages.Create(t.Context(), hello)
	require.ErrorIs(t, err, claude.ErrRedirect)
	e, ok := errors.AsType[*claude.ResponseError](err)
	require.True(t, ok)
	assert.Equal(t, elsewhere.URL+"/", e.Location)
	assert.Empty(t, thief.Requests())
}

func TestFamiliesMatchTheirMembersOnly(t *testing.T) {
	for class, families := range map[claude.Class][]claude.Class{
		claude.ErrDNS: {claude.ErrNetwork}, claude.ErrTLS: {claude.ErrNetwork}, claude.ErrTimeout: {claude.ErrNetwork},
		claude.ErrOverloaded: {claude.ErrServer}, claude.ErrGateway: {claude.ErrServer}, claude.ErrInternal: {claude.ErrServer},
		claude.ErrRateLimit: nil, claude.ErrBodyCut: nil,
	} {
		err := fmt.Errorf("outer: %w", &claude.CallError{Class: class})
		for _, family := range []claude.Class{claude.ErrNetwork, claude.ErrServer} {
			want := len(families) > 0 && families[0] == family
			assert.Equal(t, want, errors.Is(err, family), "%s in %s", class, family)
		}
		assert.Equal(t, class, claude.ClassOf(err))
	}
}

func TestClassOfForeignErrors(t *testing.T) {
	assert.Empty(t, claude.ClassOf(nil))
	assert.Equal(t, claude.ErrUnknown, claude.ClassOf(errors.New("x")))
	assert.Equal(t, claude.ErrCanceled, claude.ClassOf(fmt.Errorf("x: %w", context.Canceled)))
	assert.Equal(t, claude.ErrDeadline, claude.ClassOf(context.DeadlineExceeded))
	inner := &claude.CallError{Class: claude.ErrDNS}
	assert.Equal(t, claude.ErrRateLimit, claude.ClassOf(&claude.CallError{Class: claude.ErrRateLimit, Err: inner}), "the outermost counts")
}

func TestErrorsAreSafeAtTheirZeroValue(t *testing.T) {
	for _, err := range []error{&claude.CallError{}, &claude.APIError{}, &claude.NetworkError{}, &claude.ResponseError{}, &claude.ConfigError{}, &claude.ValidationError{}} {
		assert.NotPanics(t, func() {
			_ = err.Error()
			_ = claude.ClassOf(err)
			_ = errors.Is(err, claude.ErrNetwork)
			_ = claude.Explain(err)
		})
	}
}

func TestAnAnswerBehindWhiteSpaceIsAnAnswer(t *testing.T) {
	step := fakeapi.Says("hi")
	step.Body = strings.Repeat("\n", 80) + step.Body
	client, _ := newClient(t, nil, step, fakeapi.Step{Body: strings.Repeat(" ", 200)})
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "hi", resp.Text())
	_, err = client.Messages.Create(t.Context(), hello)
	require.ErrorIs(t, err, claude.ErrUnexpectedResponse)
}

func TestACredentialWithoutAKnownLookIsNotEchoed(t *testing.T) {
	const token = "gatewaysecret0123456789"
	for _, step := range []fakeapi.Step{
		fakeapi.Fails(401, "authentication_error", "bad token "+token),
		{Status: 400, Body: `{"detail":"bad token ` + token + `"}`},
		{Status: 502, Plain: true, Body: "bad token " + token},
	} {
		client, err := claude.New(claude.WithAuthToken(token), claude.WithRoundTripper(fakeapi.NewScript(step)), claude.WithMaxAttempts(1))
		require.NoError(t, err)
		_, err = client.Messages.Create(t.Context(), hello)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), token)
		assert.Contains(t, err.Error(), "[redacted]")
	}
}

func TestACompleteAnswerCountsWhateverEndedAfterIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithRoundTripper(roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := fakeapi.NewScript(fakeapi.Says("paid for")).RoundTrip(r)
		cancel() // the caller gives up when all of it is there
		return resp, err
	})))
	require.NoError(t, err)
	resp, err := client.Messages.Create(ctx, hello)
	require.NoError(t, err)
	assert.Equal(t, "paid for", resp.Text())
}
