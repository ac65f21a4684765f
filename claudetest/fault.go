package claudetest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Error answers with the API's error envelope.
func Error(status int, typ, message string) Step {
	return failure(status, typ, message, "")
}

func envelope(typ, message, code string) string {
	failure := object{"type": typ, "message": message}
	if code != "" {
		failure["details"] = object{"error_code": code}
	}
	return encode(object{"type": "error", "error": failure, "request_id": requestIDPlace})
}

// requestIDPlace stands in a body where the request's id goes.
const requestIDPlace = "req_claudetest_id"

// Overloaded is the API short of capacity: 529.
func Overloaded() Step { return Error(529, "overloaded_error", "Overloaded") }

// RateLimited is the account's rate limit, with the wait in Retry-After: 429.
func RateLimited(wait time.Duration) Step {
	return Error(http.StatusTooManyRequests, "rate_limit_error", "This request would exceed your account's rate limit. Please try again later.").RetryAfter(wait)
}

// SpendLimit is a spend limit that is reached: a 429 that no waiting cures.
func SpendLimit() Step {
	return Error(http.StatusTooManyRequests, "rate_limit_error", "You have reached your API usage limits: your organization's monthly spend limit is reached.")
}

// NoCredit is an account without credit: a 400, as the API has it.
func NoCredit() Step {
	return InvalidRequest("Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.")
}

// InvalidRequest is a request the API refuses: 400.
func InvalidRequest(message string) Step {
	return Error(http.StatusBadRequest, "invalid_request_error", message)
}

// ContextTooLong is a prompt that does not fit: 400.
func ContextTooLong() Step {
	return InvalidRequest("prompt is too long: 212164 tokens > 199999 maximum")
}

// Unauthorized is a key the API does not accept: 401.
func Unauthorized() Step {
	return Error(http.StatusUnauthorized, "authentication_error", "invalid x-api-key")
}

// Forbidden is a key that may not do this: 403.
func Forbidden() Step {
	return Error(http.StatusForbidden, "permission_error", "Your API key does not have permission to use the specified resource")
}

// NotFound is a model, an object or a path that is not there: 404.
func NotFound(what string) Step { return Error(http.StatusNotFound, "not_found_error", what) }

// TooLarge is a body over the limit, refused by the provider's edge: 413, without a
// request id.
func TooLarge() Step {
	return foreign("413 request_too_large", http.StatusRequestEntityTooLarge, "application/json", `{"error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}`).
		Header("Server", "cloudflare").Header("Cf-Ray", "8a1b2c3d4e5f6789-HKG")
}

// Internal is a failure inside the API: 500.
func Internal() Step {
	return Error(http.StatusInternalServerError, "api_error", "Internal server error")
}

// Region is the provider's edge refusing the country or network a call comes from:
// 403, without a request id.
func Region() Step {
	return foreign("region", http.StatusForbidden, "application/json", `{"error":{"type":"forbidden","message":"Request not allowed"}}`).
		Header("Server", "cloudflare").Header("Cf-Ray", "8a1b2c3d4e5f6789-HKG")
}

// GatewayPage is something between us and the API answering with a page of HTML.
func GatewayPage(status int) Step {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return foreign("page "+title, status, "text/html", page(title))
}

// GatewayText is the same with a line of text, as proxies in clusters answer.
func GatewayText(status int, text string) Step {
	return foreign(fmt.Sprintf("%d text", status), status, "text/plain", text)
}

// Empty is a status and nothing else.
func Empty(status int) Step {
	return foreign(fmt.Sprintf("%d, empty", status), status, "", "")
}

// Portal is a captive portal: its login page where the answer should be, as 200.
func Portal() Step {
	return foreign("portal", http.StatusOK, "text/html", page("Welcome to Hotel Wi-Fi"))
}

// Garbage is a 200 in JSON's name that is none.
func Garbage() Step {
	return foreign("garbage", http.StatusOK, "application/json", "\x00\x17not json at all{{{")
}

// WrongContentType is an answer under a false name.
func WrongContentType(contentType string) Step {
	return Text("hello").Header("Content-Type", contentType).named("content type " + contentType)
}

// ErrorIn200 is an error in the envelope of a success, as some gateways send.
func ErrorIn200(typ, message string) Step {
	s := Error(http.StatusOK, typ, message)
	return s.named(typ + " in a 200")
}

// Redirect sends the caller elsewhere.
func Redirect(location string) Step {
	return foreign("redirect", http.StatusTemporaryRedirect, "", "").Header("Location", location)
}

func foreign(name string, status int, contentType, body string) Step {
	return Step{name: name, raw: &rawAnswer{status: status, body: body}, without: true}.Header("Content-Type", contentType)
}

func page(title string) string {
	return "<!DOCTYPE html>\n<html><head><title>" + title + "</title></head>\n<body><center><h1>" + title + "</h1></center></body></html>\n"
}

// A Place is a point within an answer.
type Place struct {
	events bool
	n      int
}

// Events is the place behind the first n events of a stream. Of an answer that is
// not streamed it is the place behind n sixteenths.
func Events(n int) Place { return Place{true, n} }

// Bytes is the place behind the first n bytes of the body.
func Bytes(n int) Place { return Place{false, n} }

// cut is something that happens at a place of an answer.
type cut struct {
	at   Place
	kind cutKind
	wait time.Duration // of a stall
	data string        // what is put there

	event bool // only where there are events
}

type cutKind uint8

const (
	cutClose  cutKind = iota // the connection ends without a word
	cutReset                 // the connection is reset
	cutEnd                   // the answer ends as if it were complete
	cutStall                 // nothing comes for a while
	cutInsert                // something comes that does not belong there
	cutFail                  // an error event comes, and then the end
)

func (s Step) with(c cut) Step {
	s.cuts = append(slices.Clip(s.cuts), c)
	return s
}

// CutAfter closes the connection at a place of the answer.
func (s Step) CutAfter(at Place) Step { return s.with(cut{at: at, kind: cutClose}) }

// ResetAfter resets the connection at a place of the answer.
func (s Step) ResetAfter(at Place) Step { return s.with(cut{at: at, kind: cutReset}) }

// EndAfter ends the answer at a place as if it were complete, which is what a
// proxy makes of a broken one.
func (s Step) EndAfter(at Place) Step { return s.with(cut{at: at, kind: cutEnd}) }

// StallAfter is silent for a while at a place of the answer; with [Forever] until
// the caller leaves.
func (s Step) StallAfter(at Place, wait time.Duration) Step {
	return s.with(cut{at: at, kind: cutStall, wait: wait})
}

// FailAfter sends an error event at a place of a stream, and nothing after it. An
// answer that is not streamed has no events and stays as it is; so it does with
// [Step.GarbageAfter], [Step.PingAfter] and [Step.HugeEventAfter].
func (s Step) FailAfter(at Place, typ, message string) Step {
	return s.with(cut{at: at, kind: cutFail, data: event("error", envelope(typ, message, "")), event: true})
}

// GarbageAfter puts text that is no event into a stream.
func (s Step) GarbageAfter(at Place) Step {
	return s.with(cut{at: at, kind: cutInsert, data: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"del\n\n", event: true})
}

// PingAfter puts a ping into a stream.
func (s Step) PingAfter(at Place) Step {
	return s.with(cut{at: at, kind: cutInsert, data: ping, event: true})
}

// HugeEventAfter puts an event of so many bytes into a stream. Its type is unknown,
// so that it breaks nothing but limits.
func (s Step) HugeEventAfter(at Place, size int) Step {
	return s.with(cut{at: at, kind: cutInsert, data: event("huge", `{"type":"huge","padding":"`+strings.Repeat("x", size)+`"}`), event: true})
}

// InsertAfter puts whatever you like into an answer, as it is.
func (s Step) InsertAfter(at Place, raw string) Step {
	return s.with(cut{at: at, kind: cutInsert, data: raw})
}

// linkFault is a fault of the connection, before there is an answer.
type linkFault uint8

const (
	linkFine linkFault = iota
	linkReset
	linkClose
	linkStale
	linkGoAway
	linkRefused
	linkUnknownCA
	linkWrongName
	linkExpired
	linkProxy
)

// handshake reports whether the fault happens before a request is sent.
func (f linkFault) handshake() bool { return f >= linkGoAway && f <= linkExpired }

// certificate reports whether a certificate is at fault.
func (f linkFault) certificate() bool { return f >= linkUnknownCA && f <= linkExpired }

// Reset reads the request and resets the connection.
func Reset() Step { return Step{name: "reset", link: linkReset} }

// Hangup reads the request and closes the connection.
func Hangup() Step { return Step{name: "hang-up", link: linkClose} }

// NoAnswer reads the request and never answers.
func NoAnswer() Step { return Text("").After(Forever).named("no answer") }

// SlowHeader answers, but only after a while.
func SlowHeader(wait time.Duration) Step { return Text("slow").After(wait).named("slow header") }

// StaleKeepAlive is a kept connection that has died unnoticed: the server breaks it
// when the next request arrives on it, unread. A request on a new connection does
// not meet it. Needs [NewServer] or [NewTransport]; over HTTP/2 a connection ends
// with [GoAway].
func StaleKeepAlive() Step { return Step{name: "stale keep-alive", link: linkStale} }

// GoAway is an HTTP/2 server that shuts down: it says that it did not look at the
// request. Needs [NewTLSServer] or [NewTransport].
func GoAway() Step { return Step{name: "GOAWAY", link: linkGoAway} }

// RefusedStream is an HTTP/2 server that refuses the request unread. Needs
// [NewTLSServer] or [NewTransport].
func RefusedStream() Step { return Step{name: "refused stream", link: linkRefused} }

// UnknownCA is a server whose certificate nobody vouches for, as when a company's
// proxy looks into TLS. Needs [NewTLSServer] or [NewTransport], as do [WrongName]
// and [Expired].
func UnknownCA() Step { return Step{name: "unknown CA", link: linkUnknownCA} }

// WrongName is a server with the certificate of another.
func WrongName() Step { return Step{name: "wrong name", link: linkWrongName} }

// Expired is a server whose certificate has expired.
func Expired() Step { return Step{name: "expired certificate", link: linkExpired} }

// ProxyRefuses is a proxy that answers CONNECT with a status: 407, 403, 502. Needs
// a server that is used as a proxy: see [Server.ProxyURL].
func ProxyRefuses(status int) Step {
	return Step{name: fmt.Sprintf("proxy %d", status), link: linkProxy, raw: &rawAnswer{status: status}}
}
