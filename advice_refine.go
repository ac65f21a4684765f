package claude

import (
	"errors"
	"fmt"
	"strings"

	"github.com/steadfast-go/claude/internal/netstage"
)

// refine adds what the cause of this very failure tells.
func (a *Advice) refine(err error) {
	if e, ok := errors.AsType[*NetworkError](err); ok && classes[a.Class].family == ErrNetwork {
		a.refineNetwork(e)
	}
	if e, ok := errors.AsType[*APIError](err); ok && e.Class() == a.Class {
		a.refineAPI(e)
	}
	if e, ok := errors.AsType[*ResponseError](err); ok && e.Class() == a.Class {
		a.refineResponse(e)
	}
	if e, ok := errors.AsType[*ValidationError](err); ok && a.Class == ErrValidation {
		a.refineValidation(e)
	}
	if e, ok := errors.AsType[*ConfigError](err); ok && a.Class == ErrConfig && e.Field+e.Problem != "" {
		a.first(shown(strings.Trim(e.Field+": "+e.Problem, ": ")))
		if strings.Contains(e.Field, "BASE_URL") || strings.Contains(e.Field, "BaseURL") {
			a.DocURL = pageErrors
		}
	}
}

func (a *Advice) refineNetwork(e *NetworkError) {
	proxy := shown(e.Proxy)
	switch {
	case a.Class == ErrConnect && e.Timeout:
		a.cause("Nobody answered in time: packets are dropped silently, which is what firewalls do.")
	case a.Class == ErrConnect && netstage.Of(e.Err) == netstage.Refused:
		a.cause("The connection was refused at once: nothing listens on that port, or a firewall rejects it.")
	case a.Class == ErrTimeout && e.Stage == StageWrite:
		a.Who = PartyNetwork
		a.cause("The request itself could not be sent in time: the way up is slow or blocked.")
	case a.Class == ErrTLS && e.TLS != nil:
		a.refineTLS(e.TLS)
	}
	switch {
	case proxy == "":
	case a.Class == ErrProxy:
		a.first("Check the proxy in use, " + proxy + ": its address, its port and its credentials.")
	default:
		a.cause("The call went through the proxy " + proxy + ".")
		a.Actions = append(a.Actions, "Ask whoever runs the proxy "+proxy+" whether it lets the call through.")
	}
}

func (a *Advice) refineTLS(f *TLSFailure) {
	by := ""
	if f.Issuer != "" {
		by = " It was issued by " + shown(f.Issuer) + "."
	}
	problem := f.Problem
	switch {
	case problem == "unknown authority":
		a.Summary = "The server's certificate comes from an authority this program does not trust, so no secret was sent."
		who := "Something on the way, mostly a company's proxy or antivirus, looks into TLS."
		if f.Interceptor != "" {
			who = f.Interceptor + " looks into TLS on the way to the API."
		}
		a.cause(who + by)
		a.first("Ask your network's administrators for the company's CA certificate as PEM, and trust it, as follows.")
		a.Actions = append(a.Actions[:1:1], append([]string{trustLinux, trustMacOS, trustWindows, trustHere}, a.Actions[len(a.Actions)-1])...)
	case problem == "wrong name":
		a.Summary = "The server's certificate is for another host, so no secret was sent."
		names := ""
		if len(f.Names) > 0 {
			names = " It is for " + shown(strings.Join(f.Names, ", ")) + "."
		}
		a.cause("A portal, a wrong DNS entry or a wrong base URL leads to another server." + names + by)
		a.first("Check the host name in ANTHROPIC_BASE_URL and what it resolves to; use the host's name, not its address.")
	case strings.Contains(problem, "expired"), strings.Contains(problem, "not yet valid"):
		a.Summary = "The server's certificate is not valid at this time, so no secret was sent."
		until := ""
		if !f.NotAfter.IsZero() {
			until = " It ends " + moment(f.NotAfter) + "."
		}
		a.cause("This machine's clock is wrong, or the certificate (of a proxy or gateway) was not renewed." + until + by)
		a.first("Check this machine's clock: run date -u (Windows: w32tm /query /status), and switch time synchronisation on.")
	case problem == "no system roots":
		a.cause("This system has no CA certificates, as in minimal containers.")
		a.first("Install the CA certificates (Debian, Ubuntu, Alpine: package ca-certificates), or set SSL_CERT_FILE.")
	case strings.Contains(problem, "not speak TLS"):
		a.cause("The port speaks plain HTTP, or HTTPS_PROXY says https:// where the proxy speaks http://.")
		a.first("Check scheme and port of ANTHROPIC_BASE_URL and of HTTPS_PROXY.")
	case problem != "":
		a.cause("The certificate or handshake was refused: " + shown(problem) + "." + by)
	}
}

func (a *Advice) refineAPI(e *APIError) {
	foreign := e.RequestID == "" || e.shape == shapeForeign
	switch {
	case e.Status == 404 && foreign:
		a.cause("The answer carries no request id, so it is probably not the API's: the base URL or its path is wrong.")
		a.first(checkBaseURL)
	case e.Code == "token_expired" && a.Class == ErrAuthentication:
		a.Summary = "The access token has expired."
		a.first("Get a fresh token; with claude.WithCredential the client asks for the current one at each call.")
	}
	a.refineCode(e)
	a.refineMessage(e)
	if e.RetryAfter > 0 {
		a.Retry += " The server asked to wait " + e.RetryAfter.String() + "."
	}
}

// refineCode goes by the API's machine-readable code.
func (a *Advice) refineCode(e *APIError) {
	switch e.Code {
	case "image_dimensions_too_large":
		a.cause("An image has too many pixels; a bad image in the history fails every later call too.")
		a.first("Scale the image down to at most 8000 pixels a side, 2000 where a request holds many images.")
	case "oauth_scope_insufficient":
		a.first("Get a token with the scope that this call needs, or use an API key: " + pageKeys)
	case "oauth_not_allowed_for_organization":
		a.first("Use an API key, since the organisation does not allow OAuth tokens: " + pageKeys)
	case "enforced_spend_limit_reached", "contract_spend_limit_reached", "linked_organization_spend_limit_reached":
		a.cause("A spend limit is reached; the credit may be fine.")
		a.first("Raise the spend limit, also that of the workspace, at " + pageLimits)
	case "linked_organization_billing_unavailable":
		a.first("Ask whoever manages the linked organisation to mend its billing: " + pageBilling)
	case "ramp_limit_exceeded":
		a.cause("The traffic rose too fast; the limit for a minute may not be reached.")
	case "file_expired":
		a.first("Upload the file again and use its new id.")
	case "":
	default:
		if isCode(e.Code) {
			a.cause("The API's code for it is " + e.Code + ".")
		}
	}
}

// refineMessage takes from the API's message what has a known form. The message
// itself is not shown: it may quote the prompt, and a model may read the advice.
func (a *Advice) refineMessage(e *APIError) {
	if e.shape != shapeEnvelope {
		return
	}
	head, rest, colon := strings.Cut(e.Message, ": ")
	switch {
	case strings.HasPrefix(e.Message, "OAuth authentication is currently not supported"):
		a.cause("An OAuth token was sent without the beta header it needs.")
		a.first(`Add the header anthropic-beta: oauth-2025-04-20 with claude.WithBeta("oauth-2025-04-20"), or use an API key.`)
	case !colon:
	case a.Class == ErrNotFound && head == "model":
		a.cause("It is the model that the API does not know.")
	case a.Class == ErrContextTooLong:
		var have, most int
		if n, _ := fmt.Sscanf(rest, "%d tokens > %d maximum", &have, &most); n == 2 {
			a.cause(fmt.Sprintf("The prompt has %d tokens, and the model takes %d.", have, most))
		}
	case a.Class == ErrInvalidRequest && isPath(head):
		a.cause("It is about " + shown(head) + " of the request.")
	}
}

// isCode reports whether s looks like one of the API's codes, and like nothing
// that could be a secret or a sentence.
func isCode(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// isPath reports whether s is a path such as messages.0.content.
func isPath(s string) bool {
	name, _, _ := strings.Cut(s, ".")
	switch name {
	case "model", "max_tokens", "messages", "system", "tools", "tool_choice", "thinking", "temperature", "top_p", "top_k", "metadata", "output_config", "stop_sequences", "container":
		return len(s) <= 128 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") == ""
	}
	return false
}

func (a *Advice) refineResponse(e *ResponseError) {
	if e.Problem != "" && a.Class != ErrRedirect {
		a.cause("The answer is this: " + shown(e.Problem) + ".")
	}
	if e.Location != "" {
		a.cause("The redirect points to " + shown(e.Location) + ".")
	}
}

// maxShownProblems is how many problems of a request are told.
const maxShownProblems = 5

func (a *Advice) refineValidation(e *ValidationError) {
	var fixes []string
	for i, p := range e.Problems {
		if i == maxShownProblems {
			fixes = append(fixes, fmt.Sprintf("Correct %d more, which the error lists.", len(e.Problems)-i))
			break
		}
		fix := p.Fix
		if fix == "" {
			fix = p.Message
		}
		if p.Path != "" {
			fix = p.Path + ": " + fix
		}
		if fix != "" {
			fixes = append(fixes, shown(fix))
		}
	}
	if len(fixes) > 0 { // they take the place of "correct each problem"
		a.Actions = append(fixes, a.Actions[1:]...)
	}
}

// refineCall adds what the call as a whole tells.
func (a *Advice) refineCall(call *CallError) {
	a.RetryAt = call.RetryAt
	if !a.RetryAt.IsZero() {
		at := moment(a.RetryAt)
		switch a.Class {
		case ErrCircuitOpen:
			a.Summary = "The call was refused here, without sending it, because its target kept failing. Do not call again before " + at + "."
			a.Actions[0] = "Do not call again before " + at + ": until then calls to this target are refused."
			a.Retry = "Not before " + at + ". Then one call is let through as a probe, and others wait a little for what it says."
		case ErrRateLimit:
			a.Actions[0] = "Wait until " + at + ", and make fewer calls at a time."
			a.Retry = "Yes, but not before " + at + "; coming earlier only fails again. The request did not run."
		default:
			a.Retry += " Not before " + at + "."
		}
	}
	switch call.Reason {
	case ReasonBudget:
		a.cause("The retry budget of this target is used up: too many retries came to nothing, so this failure was not tried again.")
	case ReasonCircuit:
		if a.Class != ErrCircuitOpen {
			a.cause("The circuit breaker of this target opened meanwhile, so this failure was not tried again.")
		}
	case ReasonGate:
		if len(call.Attempts) == 0 {
			a.cause("The call was not sent: another call had been told to wait that long.")
		}
	case ReasonFinal, ReasonAttempts, ReasonDeadline:
	}
	switch {
	case a.Class != ErrCanceled && a.Class != ErrDeadline && a.Class != ErrTimeout && a.Class != ErrConnectionLost:
	case call.Processed == NotSent, call.Processed == Rejected:
		a.Retry = strings.ReplaceAll(a.Retry, mayBeBilled, "The last attempt did not run.")
	}
	if call.RequestID != "" {
		a.Actions = append(a.Actions, "If you write to support, quote the request id "+shown(call.RequestID)+".")
	}
}

// first puts an action before the others, unless it is there already.
func (a *Advice) first(action string) {
	actions := []string{action}
	for _, other := range a.Actions {
		if other != action {
			actions = append(actions, other)
		}
	}
	a.Actions = actions
}

// cause puts a cause before the others.
func (a *Advice) cause(cause string) { a.Causes = append([]string{cause}, a.Causes...) }
