package proxy

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
)

// The headers that the proxy adds to an answer.
const (
	// ClassHeader says what went wrong: a [claude.Class].
	ClassHeader = "X-Steadfast-Class"
	// AttemptsHeader says how many requests it took; 0: nothing was sent.
	AttemptsHeader = "X-Steadfast-Attempts"
)

// The API's types of errors.
const (
	typeInvalid        = "invalid_request_error"
	typeAuthentication = "authentication_error"
	typePermission     = "permission_error"
	typeNotFound       = "not_found_error"
	typeTooLarge       = "request_too_large"
	typeRateLimit      = "rate_limit_error"
	typeAPI            = "api_error"
	typeTimeout        = "timeout_error"
	typeOverloaded     = "overloaded_error"
)

const statusOverloaded = 529

// envelope is the API's shape of an error. An event of a stream has the same.
type envelope struct {
	Type  string `json:"type"`
	Error struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"error"`
	RequestID string `json:"request_id,omitempty"`
}

func newEnvelope(typ, message, requestID string) []byte {
	e := envelope{Type: "error", RequestID: requestID}
	e.Error.Type, e.Error.Message = typ, message
	data, err := json.Marshal(e)
	if err != nil { // strings only
		panic(err)
	}
	return data
}

// answer answers in the API's envelope.
func answer(w http.ResponseWriter, status int, typ, message, requestID string) {
	data := newEnvelope(typ, message, requestID)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

// refuse answers a request that is not forwarded.
func refuse(w http.ResponseWriter, r *refusal) {
	h := w.Header()
	h.Set(AttemptsHeader, "0")
	if r.after > 0 {
		setRetryAfter(h, r.after)
	}
	answer(w, r.status, r.typ, r.message, "")
}

// setRetryAfter asks a caller to wait, in whole seconds.
func setRetryAfter(h http.Header, wait time.Duration) {
	h.Set("Retry-After", strconv.FormatInt(int64((max(0, wait)+time.Second-1)/time.Second), 10))
}

// kindOf is the status and the API's type of error for a call that got no answer
// which could be handed on.
func kindOf(class claude.Class) (status int, typ string) {
	switch class {
	case claude.ErrConfig, claude.ErrValidation:
		return http.StatusBadRequest, typeInvalid
	case claude.ErrTooLarge:
		return http.StatusRequestEntityTooLarge, typeTooLarge
	case claude.ErrRateLimit:
		return http.StatusTooManyRequests, typeRateLimit
	case claude.ErrCircuitOpen, claude.ErrCanceled:
		return http.StatusServiceUnavailable, typeOverloaded
	case claude.ErrTimeout, claude.ErrDeadline, claude.ErrStreamStalled, claude.ErrRequestTimeout:
		return http.StatusGatewayTimeout, typeTimeout
	case claude.ErrOverloaded:
		return statusOverloaded, typeOverloaded
	default:
		return http.StatusBadGateway, typeAPI
	}
}

// explain says what an error is, what that means and what to do first.
func explain(err error) string {
	advice := claude.Explain(err)
	var b strings.Builder
	b.WriteString("steadfast proxy: ")
	b.WriteString(strings.TrimRight(err.Error(), "."))
	b.WriteString(". ")
	b.WriteString(advice.Summary)
	if len(advice.Actions) > 0 {
		b.WriteString(" What to do first: ")
		b.WriteString(advice.Actions[0])
	}
	return b.String()
}

// detail is what is logged and shown of an error: never a word of the API's own
// message, which may quote the request.
func detail(err error) string {
	if api, ok := errors.AsType[*claude.APIError](err); ok {
		return strings.TrimSpace(strconv.Itoa(api.Status) + " " + api.Type)
	}
	if call, ok := errors.AsType[*claude.CallError](err); ok && call.Err != nil {
		return call.Err.Error()
	}
	if err == nil {
		return ""
	}
	return err.Error()
}
