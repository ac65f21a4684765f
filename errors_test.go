package claude_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// answer is a failed answer and the class it must get.
var answers = []struct {
	name  string
	step  claudetest.Step
	class claude.Class
}{
	{"400", claudetest.Error(400, "invalid_request_error", "max_tokens: Field required"), claude.ErrInvalidRequest},
	{"400 of an unknown type", claudetest.Error(400, "brand_new_error", "x"), claude.ErrInvalidRequest},
	{"405", claudetest.Error(405, "invalid_request_error", "x"), claude.ErrInvalidRequest},
	{"422", claudetest.Error(422, "invalid_request_error", "x"), claude.ErrInvalidRequest},
	{"credit (P47)", claudetest.Error(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."), claude.ErrBilling},
	{"own limit", claudetest.Error(400, "invalid_request_error", "You have reached your specified API usage limits. You will regain access on x."), claude.ErrBilling},
	{"spend cap", claudetest.Error(429, "rate_limit_error", "You have reached your API usage limits: x"), claude.ErrBilling},
	{"402", claudetest.Error(402, "billing_error", "x"), claude.ErrBilling},
	{"the words inside a message (P81)", claudetest.Error(400, "invalid_request_error", "messages.0: text says 429 rate_limit_error prompt is too long"), claude.ErrInvalidRequest},
	{"long prompt (P57)", claudetest.Error(400, "invalid_request_error", "prompt is too long: 212164 tokens > 199999 maximum"), claude.ErrContextTooLong},
	{"long prompt as 403 (P48)", claudetest.Error(403, "permission_error", "Extra usage is required for long context requests."), claude.ErrContextTooLong},
	{"long prompt of a gateway", claudetest.Error(400, "invalid_request_error", "Input is too long for requested model."), claude.ErrContextTooLong},
	{"413 of the edge (P56)", claudetest.GatewayText(413, `{"error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}`).Header("Content-Type", ""), claude.ErrTooLarge},
	{"413 page", claudetest.GatewayPage(413), claude.ErrTooLarge},
	{"401", claudetest.Error(401, "authentication_error", "invalid x-api-key"), claude.ErrAuthentication},
	{"region (P2)", claudetest.Region(), claude.ErrRegion},
	{"permission", claudetest.Error(403, "permission_error", "x"), claude.ErrPermission},
	{"portal 403 (P13)", claudetest.GatewayPage(403), claude.ErrBlocked},
	{"451", claudetest.GatewayPage(451), claude.ErrBlocked},
	{"511", claudetest.GatewayPage(511), claude.ErrBlocked},
	{"404 model (P63)", claudetest.Error(404, "not_found_error", "model: claude-x"), claude.ErrNotFound},
	{"404 page of a wrong path", claudetest.GatewayPage(404), claude.ErrBlocked},
	{"407", claudetest.GatewayPage(407), claude.ErrProxy},
	{"408", claudetest.GatewayPage(408), claude.ErrRequestTimeout},
	{"409", claudetest.Error(409, "conflict_error", "x"), claude.ErrConflict},
	{"429", claudetest.Error(429, "rate_limit_error", "This request would exceed your organization's rate limit"), claude.ErrRateLimit},
	{"429 page", claudetest.GatewayPage(429), claude.ErrRateLimit},
	{"500", claudetest.Error(500, "api_error", "Internal server error"), claude.ErrInternal},
	{"504", claudetest.Error(504, "timeout_error", "x"), claude.ErrInternal},
	{"529", claudetest.Overloaded(), claude.ErrOverloaded},
	{"529 without a body", claudetest.Empty(529), claude.ErrOverloaded},
	{"502 page (P12)", claudetest.GatewayPage(502), claude.ErrGateway},
	{"503 text", claudetest.GatewayText(503, "upstream connect error or disconnect/reset before headers. reset reason: x").Header("Content-Type", ""), claude.ErrGateway},
	{"520 empty", claudetest.Empty(520), claude.ErrGateway},
	{"522 of Cloudflare in JSON", claudetest.GatewayText(522, `{"type":"https://developers.cloudflare.com/x","title":"Error 522: Connection timed out","status":522,"error_code":522,"cloudflare_error":true}`).Header("Content-Type", "application/json"), claude.ErrGateway},
	{"302", claudetest.Raw(302, "").Header("Location", "https://elsewhere.example/login?token=x"), claude.ErrRedirect},
	{"401 of a vague type", claudetest.Error(401, "api_error", "x"), claude.ErrAuthentication},
	{"529 of a vague type", claudetest.Error(529, "api_error", "x"), claude.ErrOverloaded},
	{"error in a 200 (P14)", claudetest.Error(200, "rate_limit_error", "x"), claude.ErrRateLimit},
	{"page in a 200 (P14)", claudetest.Portal(), claude.ErrUnexpectedResponse},
	{"page in a 200 called JSON", claudetest.Raw(200, "<!DOCTYPE html><html></html>"), claude.ErrUnexpectedResponse},
	{"empty 200 (P93)", claudetest.Raw(200, ""), claude.ErrUnexpectedResponse},
	{"empty object", claudetest.Raw(200, "{}"), claude.ErrUnexpectedResponse},
	{"another object", claudetest.Raw(200, `{"object":"chat.completion","choices":[]}`), claude.ErrUnexpectedResponse},
	{"message without content", claudetest.Raw(200, `{"type":"message","role":"assistant"}`), claude.ErrUnexpectedResponse},
	{"half a JSON text", claudetest.Raw(200, hiBody[:60]), claude.ErrUnexpectedResponse},
	{"an array", claudetest.Raw(200, "[]"), claude.ErrUnexpectedResponse},
	{"10k nested arrays", claudetest.Raw(200, `{"type":"message","content":`+strings.Repeat("[", 10_000)), claude.ErrUnexpectedResponse},
	{"wrong content type", claudetest.Text("x").Header("Content-Type", "text/plain"), claude.ErrUnexpectedResponse},
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
	client, _ := newClient(t, nil, claudetest.Raw(200, `{"type":"message","content":[{"type":"text","text":"hi"}]}`))
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "hi", resp.Text())
}

func TestAnErrorNamesOperationClassAttemptsAndRequest(t *testing.T) {
	client, _ := newClient(t, nil, claudetest.Error(404, "not_found_error", "model: claude-x"))
	_, err := client.Messages.Create(t.Context(), hello)
	assert.Regexp(t, `^messages\.create: not_found \(1 attempt, [^,]+, req_000001\): 404 not_found_error: model: claude-x$`, err.Error())
	e := asCall(t, err)
	assert.Equal(t, claude.ReasonFinal, e.Reason)
	assert.Equal(t, claude.Rejected, e.Processed)
	assert.Equal(t, "claude-sonnet-5-5", e.Target.Model)
	api, ok := errors.AsType[*claude.APIError](err)
	require.True(t, ok)
	assert.Equal(t, "req_000001", api.RequestID)
	assert.Contains(t, string(api.Body), "claude-x")
}

func TestRedirectsAreNotFollowedAndTheKeyStays(t *testing.T) {
	elsewhere := claudetest.NewServer(t)
	server := claudetest.NewServer(t, claudetest.Redirect(elsewhere.URL+"/?key="+testKey))
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL(server.URL))
	require.NoError(t, err)
	defer client.Close()
	_, err = client.Messages.Create(t.Context(), hello)
	require.ErrorIs(t, err, claude.ErrRedirect)
	e, ok := errors.AsType[*claude.ResponseError](err)
	require.True(t, ok)
	assert.Equal(t, elsewhere.URL+"/", e.Location)
	assert.Empty(t, elsewhere.Requests())
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
	client, _ := newClient(t, nil, claudetest.Raw(200, strings.Repeat("\n", 80)+hiBody), claudetest.Raw(200, strings.Repeat(" ", 200)))
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "hi", resp.Text())
	_, err = client.Messages.Create(t.Context(), hello)
	require.ErrorIs(t, err, claude.ErrUnexpectedResponse)
}

func TestACredentialWithoutAKnownLookIsNotEchoed(t *testing.T) {
	const token = "gatewaysecret0123456789"
	for _, step := range []claudetest.Step{
		claudetest.Error(401, "authentication_error", "bad token "+token),
		claudetest.Raw(400, `{"detail":"bad token `+token+`"}`),
		claudetest.GatewayText(502, "bad token "+token).Header("Content-Type", ""),
	} {
		client, err := claude.New(claude.WithAuthToken(token), claude.WithRoundTripper(inMemory(t, step)), claude.WithMaxAttempts(1))
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
		resp, err := inMemory(t, claudetest.Text("paid for")).RoundTrip(r)
		if err != nil {
			return nil, err
		}
		whole, err := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(bytes.NewReader(whole))
		cancel() // the caller gives up when all of it is there
		return resp, err
	})))
	require.NoError(t, err)
	resp, err := client.Messages.Create(ctx, hello)
	require.NoError(t, err)
	assert.Equal(t, "paid for", resp.Text())
}
