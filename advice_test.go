package claude

import (
	"context"
	"errors"
	goflag "flag" // the package has a flag of its own
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var updateDocs = goflag.Bool("update", false, "rewrite the generated documents")

const plantedKey = "sk-ant-api03-planted-0123456789"

type namedClass struct {
	name  string
	class Class
	when  string // the constant's doc comment
}

// declaredClasses reads the class constants from the source, so that none can be
// forgotten. Families are left out: no failure has one as its class.
func declaredClasses(t *testing.T) []namedClass {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "class.go", nil, parser.SkipObjectResolution|parser.ParseComments)
	require.NoError(t, err)
	var all []namedClass
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			continue
		}
		for _, spec := range gen.Specs {
			value, ok := spec.(*ast.ValueSpec)
			if !ok || len(value.Values) != 1 || !strings.HasPrefix(value.Names[0].Name, "Err") {
				continue
			}
			lit, ok := value.Values[0].(*ast.BasicLit)
			require.True(t, ok, value.Names[0].Name)
			text, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			if class := Class(text); class != ErrNetwork && class != ErrServer {
				name := value.Names[0].Name
				all = append(all, namedClass{name, class, raisedWhen(name, value.Doc.Text())})
			}
		}
	}
	require.Greater(t, len(all), 30)
	return all
}

// raisedWhen is a class's doc comment, less "ErrX is" and the marks of links.
func raisedWhen(name, doc string) string {
	doc = strings.Join(strings.Fields(strings.TrimPrefix(doc, name+" is ")), " ")
	doc = strings.NewReplacer("[", "`", "]", "`").Replace(strings.TrimSuffix(doc, "."))
	return doc
}

func TestEveryClassHasAdviceAndARow(t *testing.T) {
	unknown := Explain(ErrUnknown)
	for _, c := range declaredClasses(t) {
		t.Run(c.name, func(t *testing.T) {
			assert.Contains(t, classes, c.class, "no row in the class table")
			assert.NotEmpty(t, classes[c.class].processed)
			assert.NotEmpty(t, c.when, "no doc comment")

			a := Explain(&CallError{Op: "messages.create", Class: c.class})
			assert.Equal(t, c.class, a.Class)
			if c.class != ErrUnknown {
				assert.NotEqual(t, unknown.Summary, a.Summary, "no advice of its own")
			}
			for _, text := range append([]string{a.Summary, string(a.Who), a.Retry, a.DocURL}, append(a.Causes, a.Actions...)...) {
				assert.NotEmpty(t, text)
				assert.NotContains(t, text, "\n")
			}
			assert.NotEmpty(t, a.Causes)
			assert.NotEmpty(t, a.Actions)
			assert.Less(t, len(a.Actions[0]), 200, "the first action is short")
			assert.True(t, strings.HasPrefix(a.DocURL, "https://"))
			assert.Contains(t, []Party{PartyYou, PartyNetwork, PartyAccount, PartyProvider, PartyUnknown}, a.Who)
			if p := classes[c.class].processed; p == Ambiguous || p == Ran {
				assert.Contains(t, a.String(), "billed", "a call that may have run may have been billed")
			}
			assert.Contains(t, a.String(), a.Actions[0])
			assert.Greater(t, strings.Count(a.String(), "\n"), 5)
		})
	}
	for class := range classes {
		assert.True(t, slices.ContainsFunc(declaredClasses(t), func(c namedClass) bool { return c.class == class }), class)
	}
}

func TestExplainNil(t *testing.T) {
	assert.Equal(t, Advice{}, Explain(nil))
	assert.Empty(t, Advice{}.String())
}

func TestExplainOfForeignErrors(t *testing.T) {
	assert.Equal(t, ErrUnknown, Explain(errors.New("x")).Class)
	assert.Equal(t, ErrUnknown, Explain(&CallError{}).Class)
	assert.Equal(t, ErrCanceled, Explain(fmt.Errorf("x: %w", context.Canceled)).Class)
	assert.Equal(t, ErrDeadline, Explain(context.DeadlineExceeded).Class)
	assert.NotEmpty(t, Explain(ErrNetwork).Actions)
	assert.NotEmpty(t, Explain(Class("of_tomorrow")).Actions)
}

func TestExplainSharesNothing(t *testing.T) {
	a := Explain(ErrTLS)
	a.Actions[0], a.Causes[0] = "changed", "changed"
	b := Explain(ErrTLS)
	assert.NotEqual(t, "changed", b.Actions[0])
	assert.NotEqual(t, "changed", b.Causes[0])
}

func TestWhoIsToMendIt(t *testing.T) {
	for class, who := range map[Class]Party{
		ErrAuthentication: PartyYou, ErrValidation: PartyYou, ErrConnect: PartyNetwork, ErrRegion: PartyNetwork,
		ErrRateLimit: PartyAccount, ErrBilling: PartyAccount, ErrOverloaded: PartyProvider, ErrInternal: PartyProvider,
	} {
		assert.Equal(t, who, Explain(class).Who, class)
	}
}

func TestAdviceSays(t *testing.T) {
	const curl = `curl -v https://api.anthropic.com/v1/messages -H "x-api-key: $ANTHROPIC_API_KEY" -H "anthropic-version: 2026-10-21" -H "content-type: application/json" -d '{`
	for class, want := range map[Class][]string{
		ErrConfig:             {"ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", pageKeys},
		ErrValidation:         {pageMessages},
		ErrCircuitOpen:        {"Do not call again before"},
		ErrConnect:            {curl, "port 443", "HTTPS_PROXY", "NO_PROXY"},
		ErrProxy:              {curl, "HTTPS_PROXY", "NO_PROXY", "407"},
		ErrDNS:                {curl, "nslookup"},
		ErrTLS:                {curl, "SSL_CERT_FILE", "update-ca-certificates", "security add-trusted-cert", "certutil -addstore Root", "claude.WithRootCAs(pem)"},
		ErrAuthentication:     {pageKeys, "create a new key, deploy it", "delete the old one"},
		ErrBilling:            {pageBilling, pageLimits},
		ErrNotFound:           {pageModels, pageDeprecations},
		ErrRegion:             {pageCountries, "egress", "VPN", "cf-ray"},
		ErrRateLimit:          {"per organisation", "anthropic-ratelimit-", pageLimits, pageRateLimits},
		ErrOverloaded:         {"not a limit of your account", pageStatus},
		ErrInternal:           {pageStatus, pageErrors},
		ErrBlocked:            {"portal", "filter", "ANTHROPIC_BASE_URL"},
		ErrUnexpectedResponse: {"portal", "filter", "ANTHROPIC_BASE_URL"},
	} {
		text := Explain(class).String()
		for _, s := range want {
			assert.Contains(t, text, s, class)
		}
	}
}

func TestRefinements(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		err    error
		first  string   // is in the first action
		says   []string // is in the text
		silent []string // is not
	}{
		{"RetryAt of a rate limit", &CallError{Class: ErrRateLimit, RetryAt: at}, "2026-11-24T12:00:00Z", []string{"Not before: 2026-11-24T12:00:00Z"}, []string{"RetryAt"}},
		{"RetryAt of a breaker", &CallError{Class: ErrCircuitOpen, RetryAt: at}, "Do not call again before 2026-11-24T12:00:00Z", nil, []string{"RetryAt"}},
		{"RetryAt of another", &CallError{Class: ErrOverloaded, RetryAt: at}, "", []string{"Not before 2026-11-24T12:00:00Z"}, nil},
		{"host", &CallError{Class: ErrConnect, Target: Target{Host: "gw.corp.example:8443"}}, "gw.corp.example, port 8443", []string{"https://gw.corp.example:8443/v1/messages"}, []string{"curl -v https://api.anthropic.com"}},
		{"IPv6 host", &CallError{Class: ErrTLS, Target: Target{Host: "[::1]:8443"}}, "-connect [::1]:8443", []string{"https://[::1]:8443/v1/messages"}, nil},
		{"host that is no host", &CallError{Class: ErrConnect, Target: Target{Host: "x;rm -rf $HOME"}}, "api.anthropic.com", []string{"https://api.anthropic.com/v1"}, []string{"rm -rf"}},
		{"request id", &CallError{Class: ErrInternal, RequestID: "req_011"}, "", []string{"quote the request id req_011"}, nil},
		{"deadline before sending", &CallError{Class: ErrDeadline, Processed: NotSent}, "", []string{"did not run"}, nil},
		{"gateway of your own", &CallError{Class: ErrGateway, Target: Target{Host: "gw.example"}}, "", []string{string(PartyNetwork)}, nil},
		{"proxy", &NetworkError{class: ErrProxy, Proxy: "http://proxy.corp:3128"}, "http://proxy.corp:3128", nil, nil},
		{"through a proxy", &NetworkError{class: ErrConnectionLost, Proxy: "http://proxy.corp:3128"}, "", []string{"through the proxy http://proxy.corp:3128"}, nil},
		{"silence", &NetworkError{class: ErrConnect, Timeout: true}, "port 443", []string{"silently"}, nil},
		{"slow upload", &NetworkError{class: ErrTimeout, Stage: StageWrite, Timeout: true}, "", []string{string(PartyNetwork), "could not be sent in time"}, nil},
		{"unknown authority", &NetworkError{class: ErrTLS, TLS: &TLSFailure{Problem: "unknown authority", Issuer: "CN=Corp Root"}}, "CA certificate", []string{"CN=Corp Root", "update-ca-certificates", "security add-trusted-cert", "certutil", "curl -v"}, nil},
		{"wrong name", &NetworkError{class: ErrTLS, TLS: &TLSFailure{Problem: "wrong name", Names: []string{"portal.example"}}}, "host name", []string{"portal.example"}, nil},
		{"expired", &NetworkError{class: ErrTLS, TLS: &TLSFailure{Problem: "expired or not yet valid", NotAfter: at}}, "clock", []string{"2026-11-24T12:00:00Z"}, nil},
		{"no roots", &NetworkError{class: ErrTLS, TLS: &TLSFailure{Problem: "no system roots"}}, "ca-certificates", nil, nil},
		{"not TLS", &NetworkError{class: ErrTLS, TLS: &TLSFailure{Problem: "the server does not speak TLS"}}, "port", []string{"plain HTTP"}, nil},
		{"refused handshake", &NetworkError{class: ErrTLS, TLS: &TLSFailure{Problem: "the server refused the handshake"}}, "", []string{"the server refused the handshake"}, nil},
		{"redirect", &ResponseError{class: ErrRedirect, Location: "https://login.example/"}, "", []string{"https://login.example/"}, nil},
		{"page", &ResponseError{Problem: "an HTML page in place of an answer"}, "ANTHROPIC_BASE_URL", []string{"an HTML page in place of an answer"}, nil},
		{"config", &ConfigError{Field: "ANTHROPIC_API_KEY", Problem: "holds a newline"}, "ANTHROPIC_API_KEY: holds a newline", nil, nil},
		{"404 of the API", &APIError{Status: 404, Type: "not_found_error", RequestID: "req_1", Message: "model: claude-x"}, "Compare the model", []string{"the model that the API does not know"}, []string{"claude-x"}},
		{"404 of something else", &APIError{Status: 404, Type: "not_found_error"}, "ANTHROPIC_BASE_URL", []string{"no request id"}, nil},
		{"404 page", &APIError{Status: 404, Message: "nginx", shape: shapeForeign}, "ANTHROPIC_BASE_URL", []string{"no request id"}, []string{"nginx"}},
		{"expired token", &APIError{Status: 401, Code: "token_expired", RequestID: "req_1"}, "fresh token", []string{"has expired"}, nil},
		{"image", &APIError{Status: 400, Type: "invalid_request_error", Code: "image_dimensions_too_large", RequestID: "req_1"}, "Scale the image", nil, nil},
		{"place in the request", &APIError{Status: 400, Type: "invalid_request_error", RequestID: "req_1", Message: "messages.0.content.1: my prompt is bad"}, "", []string{"messages.0.content.1"}, []string{"my prompt"}},
		{"a sentence is no place", &APIError{Status: 400, Type: "invalid_request_error", RequestID: "req_1", Message: "my prompt: bad"}, "", nil, []string{"my prompt"}},
		{"prompt too long", &APIError{Status: 400, Type: "invalid_request_error", RequestID: "req_1", Message: "prompt is too long: 212164 tokens > 199999 maximum"}, "Shorten", []string{"212164", "199999"}, nil},
		{"OAuth without beta", &APIError{Status: 401, Type: "authentication_error", RequestID: "req_1", Message: "OAuth authentication is currently not supported."}, "oauth-2025-04-20", nil, nil},
		{"OAuth without scope", &APIError{Status: 403, Type: "permission_error", Code: "oauth_scope_insufficient", RequestID: "req_1"}, "scope", nil, nil},
		{"spend limit", &APIError{Status: 429, Type: "rate_limit_error", Code: "enforced_spend_limit_reached", RequestID: "req_1"}, pageLimits, []string{"credit may be fine"}, nil},
		{"another code", &APIError{Status: 400, Type: "invalid_request_error", Code: "tool_name_conflict", RequestID: "req_1"}, "", []string{"tool_name_conflict"}, nil},
		{"RetryAfter without a call", &APIError{Status: 429, Type: "rate_limit_error", RetryAfter: 7 * time.Second}, "", []string{"asked to wait 7s"}, nil},
		{"validation", &ValidationError{Problems: []Problem{
			{Path: "model", Fix: "set it"}, {Path: "b", Message: "is wrong"}, {Path: "c", Fix: "c"}, {Path: "d", Fix: "d"}, {Path: "e", Fix: "e"}, {Path: "sixth", Fix: "f"}, {Path: "g", Fix: "g"},
		}}, "model: set it", []string{"b: is wrong", "Correct 2 more"}, []string{"sixth"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := Explain(fmt.Errorf("wrapped: %w", tt.err))
			assert.Contains(t, a.Actions[0], tt.first)
			for _, s := range tt.says {
				assert.Contains(t, a.String(), s)
			}
			for _, s := range tt.silent {
				assert.NotContains(t, a.String(), s)
			}
		})
	}
}

func TestAdviceRefinesOnlyByItsOwnCause(t *testing.T) {
	lost := &NetworkError{class: ErrTLS, Proxy: "http://proxy:1", TLS: &TLSFailure{Problem: "expired"}}
	a := Explain(&CallError{Class: ErrDeadline, Err: errors.Join(context.DeadlineExceeded, lost)})
	assert.Equal(t, ErrDeadline, a.Class)
	assert.NotContains(t, a.String(), "clock")
}

func TestAdviceHoldsNoSecret(t *testing.T) {
	const dirty = "x " + plantedKey + "\n\x1b[31m http://user:hunter2-secret@proxy/ Bearer planted-opaque-token"
	for _, err := range []error{
		&CallError{Class: ErrConnect, Target: Target{Host: plantedKey, Model: dirty}, RequestID: dirty},
		&APIError{Status: 400, Type: "invalid_request_error", Message: dirty, Code: dirty, RequestID: dirty},
		&APIError{Status: 404, Message: dirty, shape: shapeForeign},
		&NetworkError{class: ErrProxy, Proxy: dirty, Addr: dirty, Err: errors.New(dirty)},
		&NetworkError{class: ErrTLS, TLS: &TLSFailure{Problem: "unknown authority", Issuer: dirty}},
		&NetworkError{class: ErrTLS, TLS: &TLSFailure{Problem: "wrong name", Names: []string{dirty}}},
		&NetworkError{class: ErrTLS, TLS: &TLSFailure{Problem: dirty, Issuer: dirty}},
		&ResponseError{class: ErrRedirect, Location: dirty, Problem: dirty},
		&ResponseError{Problem: dirty},
		&ConfigError{Field: dirty, Problem: dirty},
		&ValidationError{Problems: []Problem{{Path: dirty, Fix: dirty, Message: dirty}}},
		errors.New(dirty),
	} {
		text := Explain(err).String()
		for _, secret := range []string{plantedKey, "hunter2", "planted-opaque-token", "\x1b"} {
			assert.NotContains(t, text, secret, "%T", err)
		}
		for _, action := range Explain(err).Actions {
			assert.NotContains(t, action, "\n", "%T", err)
		}
	}
}

// errorsDoc is docs/errors.md, as the tables say it.
func errorsDoc(t *testing.T) string {
	t.Helper()
	breaker := map[breakerRule]string{breakerNeutral: "neutral", breakerFailure: "failure", breakerTemporary: "failure, if temporary"}
	ran := map[Processed]string{NotSent: "no", Rejected: "no", Ambiguous: "maybe", Ran: "yes"}

	var b strings.Builder
	b.WriteString(`<!-- Generated by "go test -run TestErrorsDoc -update ."; do not edit. -->

# Errors

Every failure has one class. ` + "`errors.Is(err, claude.ErrRateLimit)`" + ` asks for it through any
wrapping, ` + "`claude.ClassOf(err)`" + ` names it, and ` + "`claude.Explain(err)`" + ` gives the advice whose
first line stands in the last column.

- **whose**: who can mend it. What is known of a single failure may say more.
- **retried**: whether the client tries again by itself, as long as attempts are left.
  The server's ` + "`x-should-retry`" + ` header overrides it.
- **breaker**: whether a circuit breaker counts it against its target.
- **may have run**: whether the request may have run and been billed. A single failure may
  know better: see ` + "`CallError.Processed`" + `.

| class | constant | raised when | whose | retried | breaker | may have run | first action |
| --- | --- | --- | --- | --- | --- | --- | --- |
`)
	families := map[Class][]string{}
	cell := strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`)
	for _, c := range declaredClasses(t) {
		row, a := classes[c.class], Explain(c.class)
		require.NotEmpty(t, retriedWords[row.retry])
		require.NotEmpty(t, breaker[row.breaker])
		require.NotEmpty(t, ran[row.processed])
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s | %s | %s | %s |\n", c.class, c.name, cell.Replace(c.when), a.Who,
			retriedWords[row.retry], breaker[row.breaker], ran[row.processed], cell.Replace(a.Actions[0]))
		families[row.family] = append(families[row.family], "`"+string(c.class)+"`")
	}
	fmt.Fprintf(&b, "\nTwo families stand for several classes in `errors.Is`: `ErrNetwork` for %s; `ErrServer` for %s.\n",
		strings.Join(families[ErrNetwork], ", "), strings.Join(families[ErrServer], ", "))
	b.WriteString("\nTo see for yourself what is on the wire: [troubleshooting](troubleshooting.md).\n")
	return b.String()
}

func TestErrorsDoc(t *testing.T) {
	keep(t, "docs/errors.md", func(string) string { return errorsDoc(t) })
}

// The README shows the same tables in short, between two marks.
func TestErrorsDocInTheReadme(t *testing.T) {
	keep(t, "README.md", func(readme string) string {
		const begin, end = "<!-- classes -->\n", "<!-- /classes -->"
		before, rest, ok := strings.Cut(readme, begin)
		require.True(t, ok)
		_, after, ok := strings.Cut(rest, end)
		require.True(t, ok)
		var b strings.Builder
		b.WriteString("| class | whose | tried again | what happened |\n| --- | --- | --- | --- |\n")
		for _, c := range declaredClasses(t) {
			a := Explain(c.class)
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.class, a.Who, retriedWords[classes[c.class].retry], a.Summary)
		}
		return before + begin + b.String() + end + after
	})
}

// keep compares a document with what it should be, or rewrites it.
func keep(t *testing.T, path string, want func(got string) string) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	got := strings.ReplaceAll(string(data), "\r\n", "\n")
	wanted := want(got)
	if *updateDocs {
		require.NoError(t, os.WriteFile(path, []byte(wanted), 0o644)) //nolint:gosec // a document of the repository
		return
	}
	assert.Equal(t, wanted, got, "run: go test -run TestErrorsDoc -update .")
}

// retriedWords says in words what a retry rule does.
var retriedWords = map[retryRule]string{
	retryNever: "no", retryAlways: "yes", retryTemporary: "if temporary", retryOnce: "once",
	retryFresh: "once, at once, on a fresh connection", retryKey: "once, if the credential has changed",
}

func TestAdviceSaysWhyThereWasNoOtherAttempt(t *testing.T) {
	for reason, want := range map[Reason]string{
		ReasonBudget:  "retry budget",
		ReasonCircuit: "circuit breaker",
		ReasonGate:    "another call had been told to wait",
	} {
		advice := Explain(&CallError{Op: "x", Class: ErrRateLimit, Reason: reason, Err: &APIError{Status: 429}})
		assert.Contains(t, strings.Join(advice.Causes, "\n"), want)
	}
}
