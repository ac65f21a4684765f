package diagnose_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/diagnose"
)

func TestCredentialsThatAreNotAccepted(t *testing.T) {
	const message = "POST /v1/messages/count_tokens"
	no := claudetest.Unauthorized().On(models)
	for name, tc := range map[string]struct {
		steps  []claudetest.Step
		cfg    diagnose.Config
		step   string
		class  claude.Class
		who    claude.Party
		says   string
		cause  string
		action string
	}{
		"auth_401": {
			steps: []claudetest.Step{no.Times(2)},
			step:  "auth", class: claude.ErrAuthentication, who: claude.PartyYou, says: "401 authentication_error: invalid x-api-key", cause: "The X-Api-Key header carries a credential that is not accepted; it is from ANTHROPIC_API_KEY", action: "This is a gateway",
		},
		"auth_permission": {
			steps: []claudetest.Step{no, claudetest.Forbidden().On(models)},
			step:  "auth", class: claude.ErrPermission, who: claude.PartyAccount, says: "403 permission_error", cause: "may not use", action: "See what the key's workspace",
		},
		"auth_region": {
			steps: []claudetest.Step{no, claudetest.Region().On(models)},
			step:  "auth", class: claude.ErrRegion, who: claude.PartyNetwork, says: "403 forbidden: Request not allowed", cause: "egress", action: "Find the country",
		},
		"auth_no_answer": {
			steps: []claudetest.Step{no, claudetest.Hangup().On(models)},
			step:  "auth", class: claude.ErrConnectionLost, who: claude.PartyNetwork, says: "no answer: closed without a word", cause: "closes connections", action: "Call again",
		},
		"model_unknown": {
			steps: []claudetest.Step{no}, cfg: diagnose.Config{Model: "claude-haiku-55"},
			step: "model", class: claude.ErrNotFound, who: claude.PartyYou, says: "the API does not know the model claude-haiku-55", cause: "The id is misspelt", action: "Did you mean claude-haiku-5-5?",
		},
		"model_retired": {
			steps: []claudetest.Step{no}, cfg: diagnose.Config{Model: "claude-3-opus-20240229"},
			step: "model", class: claude.ErrNotFound, who: claude.PartyYou, says: "claude-3-opus-20240229 was retired on 2026-01-05", cause: "Models are retired", action: "Change the model: use claude-opus-5-5.",
		},
		"count_limited": {
			steps: []claudetest.Step{no, claudetest.SpendLimit().On(message)},
			step:  "count", class: claude.ErrBilling, who: claude.PartyAccount, says: "You have reached your API usage limits", cause: "credit is used up", action: "Add credit",
		},
		"message_no_credit": {
			steps: []claudetest.Step{no, claudetest.NoCredit()}, cfg: diagnose.Config{Paid: true},
			step: "message", class: claude.ErrBilling, who: claude.PartyAccount, says: "Your credit balance is too low", cause: "credit is used up", action: "Add credit",
		},
		"message_overloaded": {
			steps: []claudetest.Step{no, claudetest.Overloaded()}, cfg: diagnose.Config{Paid: true},
			step: "message", class: claude.ErrOverloaded, who: claude.PartyProvider, says: "529 overloaded_error", cause: "Many users", action: "Wait a minute",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := tc.cfg
			server := claudetest.NewServer(t, tc.steps...)
			cfg.BaseURL, cfg.Environ = server.URL, set()
			report := diagnosed(t, cfg)
			s := step(t, report, tc.step)
			assert.Equal(t, diagnose.StatusFailed, s.Status)
			assert.Equal(t, tc.class, s.Class)
			assert.Contains(t, s.Finding, tc.says)
			assert.Contains(t, s.Cause, tc.cause)
			assert.Contains(t, s.Actions[0], tc.action)
			assert.Equal(t, tc.who, report.Verdict.Who)
			assert.Equal(t, tc.step, report.Verdict.Step)
			golden(t, name, report)
		})
	}
}

func TestTheHeadersAreShownAsTheyAreSent(t *testing.T) {
	server := claudetest.NewServer(t)
	for name, tc := range map[string]struct {
		cfg  diagnose.Config
		want string
	}{
		"a key":             {diagnose.Config{APIKey: testKey}, "> x-api-key [an API key (sk-ant-api…), 108 characters]"},
		"a token":           {diagnose.Config{AuthToken: testToken}, "> authorization Bearer [24 characters, of no form that is known here]"},
		"a key as a bearer": {diagnose.Config{APIKey: testKey, AuthScheme: claude.AuthBearer}, "> authorization Bearer [an API key (sk-ant-api…), 108 characters]"},
		"a program's":       {diagnose.Config{Credential: credential{claude.Token{Secret: claude.NewSecret(testToken)}}}, "> x-api-key [24 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.cfg.BaseURL, tc.cfg.Version = server.URL, claude.Version20230601
			tc.cfg.Environ = []string{"ANTHROPIC_CUSTOM_HEADERS=X-Team: blue\nX-Gateway-Key: " + testToken + "\nAnthropic-Beta: a-2026, b-2026"}
			report := diagnosed(t, tc.cfg)
			assert.True(t, report.Healthy, report)
			evidence := step(t, report, "auth").Evidence
			lines := make([]string, 0, len(evidence))
			for _, e := range evidence {
				lines = append(lines, e.Name+" "+e.Value)
			}
			all := strings.Join(lines, "\n")
			assert.Contains(t, all, tc.want)
			assert.Contains(t, all, "> anthropic-version 2023-06-01")
			assert.Contains(t, all, "> anthropic-beta a-2026,b-2026")
			assert.Contains(t, all, "> x-team blue")
			assert.Contains(t, all, "> x-gateway-key [redacted]")
			assert.Contains(t, all, "< request-id req_")
			assert.Contains(t, all, "< anthropic-organization-id ")
		})
	}
}

func TestAModelNearItsEndIsAWarning(t *testing.T) {
	answer := func(lifecycle, retires string) string {
		return `{"id":"claude-x-1","type":"model","display_name":"X","lifecycle":"` + lifecycle + `","retires_at":` + retires + `,"deprecated_at":"2026-09-30T00:00:00Z"}`
	}
	for name, tc := range map[string]struct {
		model, body string
		status      diagnose.Status
		says        string
	}{
		"the API says so":     {"claude-x-1", answer("deprecated", `"2027-01-31T00:00:00Z"`), diagnose.StatusWarning, "the model is deprecated, and it retires on 2027-01-31"},
		"this version knows":  {"claude-sonnet-4-5", answer("active", "null"), diagnose.StatusWarning, "claude-sonnet-4-5 is deprecated since 2026-09-30"},
		"it is in good shape": {"claude-x-1", answer("active", "null"), diagnose.StatusOK, "it is there"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Request-Id", "req_1")
				w.Header().Set("Content-Type", "application/json")
				switch {
				case strings.HasSuffix(r.URL.Path, "/count_tokens"):
					_, _ = io.WriteString(w, `{"input_tokens":8}`)
				case strings.HasSuffix(r.URL.Path, "/models"):
					_, _ = io.WriteString(w, `{"data":[],"has_more":false}`)
				default:
					_, _ = io.WriteString(w, tc.body)
				}
			})
			report := diagnosed(t, diagnose.Config{BaseURL: server, APIKey: testKey, Model: tc.model})
			s := step(t, report, "model")
			assert.Equal(t, tc.status, s.Status)
			assert.Contains(t, s.Finding, tc.says)
			assert.True(t, report.Healthy)
		})
	}
}

func TestAGatewayThatOnlyCreatesMessages(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Header.Get("X-Api-Key") == "":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":{"message":"no key"}}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"detail":"Not Found"}`)
		}
	})
	report := diagnosed(t, diagnose.Config{BaseURL: server, APIKey: testKey})
	assert.Equal(t, diagnose.StatusSkipped, step(t, report, "auth").Status)
	assert.Equal(t, diagnose.StatusSkipped, step(t, report, "model").Status)
	s := step(t, report, "count")
	assert.Equal(t, diagnose.StatusFailed, s.Status)
	assert.Contains(t, s.Finding, "does not look like this API")
}

func TestAnotherWayToSendTheCredentialIsSuggestedForAGateway(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"type":"error","error":{"type":"authentication_error","message":"you sent `+r.Header.Get("X-Api-Key")+`"}}`)
	})
	report := diagnosed(t, diagnose.Config{BaseURL: server, APIKey: "hunter2"})
	s := step(t, report, "auth")
	assert.Contains(t, s.Actions[0], "claude.WithAuthScheme(claude.AuthBearer)")
	assert.Contains(t, s.Finding, "you sent [redacted]", "an echo of even a short key is taken out")
}
