package explain

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/steadfast-go/claude"
)

// statusOf is the status that goes with each of the API's types, for a text that
// does not say it.
var statusOf = map[string]int{
	"invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
	"forbidden": 403, "not_found_error": 404, "conflict_error": 409, "request_too_large": 413, "rate_limit_error": 429,
	"api_error": 500, "timeout_error": 504, "overloaded_error": 529,
}

// classOfCode is what the codes of OpenAI's shape of an error mean, which gateways
// send.
var classOfCode = map[string]claude.Class{
	"invalid_api_key": claude.ErrAuthentication, "invalid_api_key_error": claude.ErrAuthentication, "account_deactivated": claude.ErrPermission,
	"insufficient_quota": claude.ErrBilling, "insufficient_user_quota": claude.ErrBilling, "billing_hard_limit_reached": claude.ErrBilling,
	"context_length_exceeded": claude.ErrContextTooLong, "string_above_max_length": claude.ErrContextTooLong,
	"model_not_found": claude.ErrNotFound, "rate_limit_exceeded": claude.ErrRateLimit,
	"unsupported_country_region_territory": claude.ErrRegion, "server_error": claude.ErrInternal,
}

// envelope knows a text by the error object in it.
func envelope(text string) (Answer, bool) {
	found := objects(text)
	if len(found) == 0 {
		return Answer{}, false
	}
	before, _, _ := strings.Cut(text, "{")
	status := statusIn(before)
	if status == 0 {
		status = statusIn(text)
	}
	for _, o := range found {
		if a, ok := errorObject(o, status, 0); ok {
			return a, true
		}
	}
	return Answer{}, false
}

func errorObject(o map[string]any, status, depth int) (Answer, bool) {
	if n, ok := o["status"].(float64); ok && status == 0 && n >= 300 && n < 600 {
		status = int(n)
	}
	if o["cloudflare_error"] == true && status != 0 {
		return Answer{As: "an error of Cloudflare, in front of the API", Status: status, Advice: claude.Explain(check(status, "application/json", `{"cloudflare_error":true}`))}, true
	}
	failure, inside := o["error"].(map[string]any)
	if !inside {
		failure = o
	}
	typ, message := text(failure, "type"), text(failure, "message")
	// Gateways put the error of the next one into the message of theirs.
	if depth < 4 {
		for _, inner := range objects(message) {
			if a, ok := errorObject(inner, status, depth+1); ok {
				return a, true
			}
		}
		if inner, ok := failure["error"].(map[string]any); ok {
			if a, ok := errorObject(inner, status, depth+1); ok {
				return a, true
			}
		}
	}
	_, hasParam := failure["param"]
	code := text(failure, "code")
	switch {
	case hasParam || classOfCode[code] != "":
		return gatewayError(typ, code, message, status)
	case statusOf[typ] != 0:
	case inside && status >= 400 && (typ != "" || message != ""):
	case inside && message != "":
		return first(message) // the message may be a known one
	case !inside && status >= 400 && (text(o, "message") != "" || text(o, "Message") != "" || text(o, "detail") != ""):
		if a, ok := first(text(o, "message") + text(o, "Message")); ok {
			return a, true
		}
		return Answer{As: "an error with status " + strconv.Itoa(status) + " that is not the API's", Status: status, Advice: claude.Explain(check(status, "application/json", `{"message":"-"}`))}, true
	default:
		return Answer{}, false
	}
	if status < 400 {
		status = statusOf[typ]
	}
	e := &claude.APIError{Status: status, Type: typ, Message: message, RequestID: unknownID(typ)}
	if details, ok := failure["details"].(map[string]any); ok {
		e.Code = text(details, "error_code")
	}
	a := Answer{As: "an error of the API, status " + strconv.Itoa(status), Status: status, Advice: claude.Explain(e)}
	if statusOf[typ] != 0 {
		a.As = "the API's " + typ + ", status " + strconv.Itoa(status)
	}
	// A message that is known says more than the class.
	if r := match(message, func(r *row) bool { return r.class == e.Class() && !r.weak }); r != nil {
		a.As = r.as
		a.refine(r)
	}
	return a, true
}

// gatewayError knows OpenAI's shape of an error.
func gatewayError(typ, code, message string, status int) (Answer, bool) {
	class := classOfCode[code]
	if class == "" {
		if a, ok := first(message); ok {
			return a, true
		}
		if status == 0 {
			status = statusOf[typ]
		}
		if status < 400 {
			return Answer{}, false
		}
		class = (&claude.APIError{Status: status, Type: typ, RequestID: unknownID(typ)}).Class()
	}
	r := row{
		as: "an error in the shape of OpenAI's API", class: class,
		cause: "The error has the shape of OpenAI's API, so a gateway or a compatible service sent it, not Anthropic.",
		do:    []string{"Look into the log of the gateway that the base URL points to: it knows the error behind this one."},
	}
	a := r.answer()
	a.Status = status
	return a, true
}

// unknownID stands for the request id of an API error, which pasted texts mostly
// lack. The edge's refusal is known by having none.
func unknownID(typ string) string {
	if typ == "forbidden" {
		return ""
	}
	return "not in the text"
}

func text(o map[string]any, name string) string {
	s, _ := o[name].(string)
	return s
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// statuses are the ways in which texts say that a number is a status. A bare number
// somewhere in a text is none.
var statuses = []*regexp.Regexp{
	regexp.MustCompile(`(?i)^(?:error:?|http(?:/[\d.]+)?:?|status(?: code)?:?|code:?)?\s*([1-5]\d\d)(?:$|[ \t]*[\n:{(-]|[ \t]+(?:[A-Z][A-Za-z-]+[ \t]*){1,4}(?:$|[\n:.]))`),
	regexp.MustCompile(`(?i)\bHTTP/[\d.]+ ([1-5]\d\d)\b`),
	regexp.MustCompile(`(?i)\b(?:HTTP|API)[ _-]?(?:status|error|code)?(?:[ _-]?code)?[ :=(]{1,3}([1-5]\d\d)\b`),
	regexp.MustCompile(`(?i)\bstatus[ _-]?(?:code)?["']?[ :=(]{1,3}["']?([1-5]\d\d)\b`),
	regexp.MustCompile(`(?i)\b(?:error|response) (?:code|status)[ :=(]{1,3}([1-5]\d\d)\b`),
	regexp.MustCompile(`(?i)\bthe requested URL returned error: ([1-5]\d\d)\b`),
	regexp.MustCompile(`\b[A-Z][A-Za-z]*Error: ([45]\d\d)\b`),
	regexp.MustCompile(`(?i)\b(?:client|server) error ["'(]?([45]\d\d) `),
	regexp.MustCompile(`": ([1-5]\d\d) [A-Z]`), // net/http's way in the official Go SDK: POST "…": 529 …
	regexp.MustCompile(`\(([45]\d\d) [{a-z]`),
	regexp.MustCompile(`\b(400) Bad Request\b|\b(401) Unauthorized\b|\b(403) Forbidden\b|\b(404) Not Found\b|\b(407) Proxy Auth|\b(413) (?:Request Entity|Payload|Content) Too Large\b|\b(429) Too Many Requests\b|\b(500) Internal Server Error\b|\b(502) Bad Gateway\b|\b(503) Service (?:Temporarily )?Unavailable\b|\b(504) Gateway Time-?out\b|\b(529) (?:Site is )?[Oo]verloaded\b`),
}

// statusIn returns the status that a text names, or 0.
func statusIn(text string) int {
	for _, pattern := range statuses {
		m := pattern.FindStringSubmatch(text)
		for _, group := range m[min(1, len(m)):] {
			if n := number(group); n >= 300 {
				return n
			}
		}
	}
	return 0
}

// plainStatus knows a text by its status alone.
func plainStatus(text string) (Answer, bool) {
	status := statusIn(text)
	if status == 0 {
		return Answer{}, false
	}
	r, ok := statusRows[status]
	if !ok {
		switch {
		case status < 400:
			r = statusRows[302]
		case status >= 520 && status <= 527:
			r = row{class: claude.ErrGateway, cause: "520 to 527 are Cloudflare's own, for trouble between its edge and the server behind it."}
		case status >= 500:
			r = row{class: claude.ErrGateway}
		default:
			r = row{class: claude.ErrInvalidRequest}
		}
	}
	r.as = "HTTP status " + strconv.Itoa(status)
	a := r.answer()
	a.Status = status
	return a, true
}

// statusRows say what a status means where nothing else is known.
var statusRows = map[int]row{
	302: {class: claude.ErrRedirect},
	400: {class: claude.ErrInvalidRequest, also: []claude.Class{claude.ErrBilling, claude.ErrContextTooLong, claude.ErrProxy}, cause: "The status alone does not say what was wrong: the message in the answer's body does.", do: []string{seeBody}},
	401: {class: claude.ErrAuthentication},
	402: {class: claude.ErrBilling},
	403: {class: claude.ErrPermission, also: []claude.Class{claude.ErrRegion, claude.ErrBlocked}, cause: `The status alone does not say who refused: "Request not allowed" in the body means the country or network, permission_error the key's rights, and a page of HTML a firewall or filter.`, do: []string{seeBody}},
	404: {class: claude.ErrNotFound, cause: "A base URL that ends in the wrong path gives the same status: /v1/messages must follow it once.", do: []string{seeBody}},
	405: {class: claude.ErrNotFound, cause: "The path is there, but not for this method: mostly the base URL is wrong, or a redirect turned the POST into a GET."},
	407: {class: claude.ErrProxy, cause: "407 comes from the proxy on the way, which wants a user and a password."},
	408: {class: claude.ErrRequestTimeout},
	409: {class: claude.ErrConflict},
	413: {class: claude.ErrTooLarge},
	422: {class: claude.ErrInvalidRequest},
	429: {class: claude.ErrRateLimit, also: []claude.Class{claude.ErrBilling}},
	451: {class: claude.ErrBlocked},
	500: {class: claude.ErrInternal, also: []claude.Class{claude.ErrGateway}},
	502: {class: claude.ErrGateway},
	503: {class: claude.ErrGateway, also: []claude.Class{claude.ErrProxy}},
	504: {class: claude.ErrGateway},
	511: {class: claude.ErrBlocked, cause: "511 is a network that wants you to log in first."},
	529: {class: claude.ErrOverloaded},
}

const seeBody = "Look at the body of the answer, and paste it here: steadfast explain '{\"type\":\"error\",…}'"
