package claude

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/steadfast-go/claude/internal/redact"
)

// A Reason says why a call was given up.
type Reason string

// The reasons a call ends with its failure.
const (
	ReasonFinal    Reason = "final"    // trying again would not help
	ReasonAttempts Reason = "attempts" // no attempts left
	ReasonDeadline Reason = "deadline" // the wait would have outlasted the deadline
	ReasonBudget   Reason = "budget"   // too many retries to this target came to nothing, or it is overloaded for many calls
	ReasonGate     Reason = "gate"     // the server asked for a longer wait than we make
	ReasonCircuit  Reason = "circuit"  // the target's breaker is open
)

// A CallError is the failure of a call: what was asked, how it went and what it
// came to. Every failing method of [Client] and [Transport] returns one. It wraps
// its cause, one of [*APIError], [*NetworkError], [*ResponseError],
// [*StreamError], [*ValidationError], [*ConfigError], [*CircuitOpenError] or the
// context's error; where the caller's
// context ended a call that had failed before, both are wrapped.
type CallError struct {
	Op        string        // what was called, such as "messages.create"
	Class     Class         // what went wrong
	Reason    Reason        // why it was given up
	Target    Target        // where it went
	RequestID string        // the API's id of the last attempt that got one; quote it to support
	RetryAt   time.Time     // not before this time again; zero if the server did not say
	Processed Processed     // what may have become of the last attempt
	Attempts  []Attempt     // every attempt, in order
	Trail     []Decision    // every decision about the call, in order
	Elapsed   time.Duration // from the call to its end, waits included
	Err       error         // the cause
}

// Error returns one line that names operation, class, attempts, elapsed time and
// request id, and then the cause. It holds no secret and no prompt.
func (e *CallError) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	b.WriteString(": ")
	b.WriteString(string(e.Class))
	sep := " ("
	add := func(s string) {
		b.WriteString(sep)
		b.WriteString(s)
		sep = ", "
	}
	switch n := len(e.Attempts); {
	case n == 1:
		add("1 attempt")
	case n > 1:
		add(strconv.Itoa(n) + " attempts")
	case e.Processed == NotSent:
		add("not sent")
	}
	if len(e.Attempts) > 0 || e.Elapsed > 0 {
		add(e.Elapsed.Round(time.Millisecond).String())
	}
	if e.Reason != "" && e.Reason != ReasonFinal {
		add("gave up: " + string(e.Reason))
	}
	if e.RequestID != "" {
		add(redact.Line(e.RequestID, maxShownMessage))
	}
	if sep != " (" {
		b.WriteString(")")
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(redact.Line(e.Err.Error(), maxShown))
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }

// partial returns what had come of a stream, never nil.
func (e *CallError) partial() *Response {
	if s, ok := errors.AsType[*StreamError](e.Err); ok && s.Partial != nil {
		return s.Partial
	}
	return new(Response)
}

// Is reports whether target is the error's [Class] or the family of it.
func (e *CallError) Is(target error) bool { return e.Class.matches(target) }

// A Target is where calls go: what retries and breakers are kept for.
type Target struct {
	Host  string // host and port of the endpoint
	Model string // the model asked for; empty where a call has none
}

// String returns "host" or "host/model".
func (t Target) String() string {
	if t.Model == "" {
		return t.Host
	}
	return t.Host + "/" + t.Model
}

const (
	maxShown        = 512 // bytes of an error's text that are shown
	maxShownMessage = 256 // bytes of a single value, such as a header, that are shown

	maxErrorBody = 64 << 10 // bytes of a failed answer that are read and kept
)

// An APIError is a failure that the server reported, also when it did so inside
// a 200. Error codes and types are listed in the API's documentation of errors.
type APIError struct {
	Status     int           // HTTP status code
	Type       string        // "error.type", such as "overloaded_error"; empty if the body was not the API's envelope
	Code       string        // "error.details.error_code"; mostly empty
	Message    string        // "error.message", or the title of a page that was not the API's
	RequestID  string        // "request-id" header or "request_id" of the body; empty if it did not come from the API
	RetryAfter time.Duration // how long the server asked us to wait; 0 if it did not
	Header     http.Header   // the answer's headers
	Body       []byte        // the start of the body, at most 64 KiB

	shape errorShape
}

// errorShape is what a failed answer looked like, beyond its fields.
type errorShape uint8

const (
	shapeEnvelope errorShape = iota // {"type":"error","error":{…}} or its error member alone
	shapeJSON                       // another JSON object
	shapeForeign                    // anything else: HTML, text, empty
)

// Error returns status, type, code and message, on one line, redacted.
func (e *APIError) Error() string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(e.Status))
	if t := http.StatusText(e.Status); t != "" && e.Type == "" {
		b.WriteByte(' ')
		b.WriteString(t)
	}
	if e.Type != "" {
		b.WriteByte(' ')
		b.WriteString(e.Type)
	}
	if e.Code != "" {
		b.WriteString(" [" + e.Code + "]")
	}
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(e.Message)
	}
	return redact.Line(b.String(), maxShown)
}

// Class returns the error's class.
func (e *APIError) Class() Class { return classifyAPI(e) }

// Is reports whether target is the error's [Class] or the family of it.
func (e *APIError) Is(target error) bool { return e.Class().matches(target) }

// A Stage is how far an attempt got.
type Stage string

// The stages of an attempt, in order.
const (
	StageConfig  Stage = "config"
	StageProxy   Stage = "proxy"
	StageDNS     Stage = "dns"
	StageConnect Stage = "connect"
	StageTLS     Stage = "tls"
	StageWrite   Stage = "write"
	StageWait    Stage = "wait" // the request is written, no header has come yet
	StageBody    Stage = "body"
	StageStream  Stage = "stream"
)

// A NetworkError is an attempt that got no answer.
type NetworkError struct {
	Stage     Stage       // where it broke
	Addr      string      // the address or host it was about, if known
	Proxy     string      // the proxy in use, without its credentials; empty if none
	Temporary bool        // the same attempt may well succeed a moment later
	Timeout   bool        // a limit of [Timeouts] ran out, or the system's own
	Reused    bool        // the connection had been used before
	TLS       *TLSFailure // details of a certificate that was refused, else nil
	Err       error       // the cause, as net/http or the system gave it

	class     Class
	processed Processed
	secret    Secret // the credential in use, to be kept out of the text
}

// Error returns the stage, the address and the cause, on one line, redacted.
func (e *NetworkError) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Stage))
	if e.Addr != "" {
		b.WriteString(" " + e.Addr)
	}
	if e.Proxy != "" {
		b.WriteString(" through proxy " + e.Proxy)
	}
	if e.TLS != nil {
		b.WriteString(": " + e.TLS.String())
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return redact.Line(b.String(), maxShown, e.secret.Reveal())
}

// Unwrap returns the cause.
func (e *NetworkError) Unwrap() error { return e.Err }

// Class returns the error's class.
func (e *NetworkError) Class() Class {
	if e.class == "" {
		return ErrUnknown
	}
	return e.class
}

// Is reports whether target is the error's [Class] or the family of it.
func (e *NetworkError) Is(target error) bool { return e.Class().matches(target) }

// TLSFailure describes the certificate that a handshake stumbled over.
type TLSFailure struct {
	Problem   string    // "unknown authority", "wrong name", "expired", "not yet valid", "invalid certificate", "the server does not speak TLS", "the server refused the handshake"
	Issuer    string    // who issued the server's certificate
	Subject   string    // whom it is for
	Names     []string  // the host names it is good for, at most eight
	NotBefore time.Time // when it begins
	NotAfter  time.Time // when it ends

	// Interceptor is the product that made the certificate, where it is known as
	// one that looks into TLS: a company's proxy, an antivirus. Empty otherwise.
	Interceptor string
}

// String returns the description on one line.
func (f *TLSFailure) String() string {
	s := f.Problem
	if f.Issuer != "" {
		s += ", issued by " + strconv.Quote(f.Issuer)
	}
	if f.Interceptor != "" {
		s += ", which is " + f.Interceptor + " looking into TLS"
	}
	if len(f.Names) > 0 {
		s += ", for " + strings.Join(f.Names, " ")
	}
	if f.NotBefore.After(time.Now()) {
		s += ", from " + f.NotBefore.UTC().Format(time.DateOnly)
	}
	if !f.NotAfter.IsZero() {
		s += ", until " + f.NotAfter.UTC().Format(time.DateOnly)
	}
	return s
}

// A ResponseError is an answer that is not the API's: HTML where JSON should be,
// an empty or broken body, a redirect.
type ResponseError struct {
	Status      int         // HTTP status code
	ContentType string      // the answer's content type
	Problem     string      // what was wrong with it
	Location    string      // where a redirect pointed, without query and credentials
	RequestID   string      // "request-id" header; mostly empty
	Header      http.Header // the answer's headers
	Body        []byte      // the start of the body, at most 64 KiB
	Err         error       // the cause, or nil

	class Class
}

// Error returns what was wrong, on one line, without the body.
func (e *ResponseError) Error() string {
	s := fmt.Sprintf("%d %s", e.Status, e.Problem)
	if e.ContentType != "" {
		s += ", content type " + strconv.Quote(e.ContentType)
	}
	if e.Location != "" {
		s += ", to " + e.Location
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return redact.Line(s, maxShown)
}

// Unwrap returns the cause.
func (e *ResponseError) Unwrap() error { return e.Err }

// Class returns the error's class.
func (e *ResponseError) Class() Class {
	if e.class == "" {
		return ErrUnexpectedResponse
	}
	return e.class
}

// Is reports whether target is the error's [Class] or the family of it.
func (e *ResponseError) Is(target error) bool { return e.Class().matches(target) }

// A ConfigError is a wrong configuration, found by [New], by an option of a call
// or when a request could not be encoded.
type ConfigError struct {
	Field   string // the option, variable or member that is wrong, such as "WithBaseURL" or "ANTHROPIC_API_KEY"
	Problem string // what is wrong with it and how to set it right
	Err     error  // the cause, or nil
}

// Error returns field and problem; never the value, which may be a secret.
func (e *ConfigError) Error() string {
	s := e.Field + ": " + e.Problem
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return redact.Line(s, maxShown)
}

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// Class returns [ErrConfig].
func (e *ConfigError) Class() Class { return ErrConfig }

// Is reports whether target is [ErrConfig].
func (e *ConfigError) Is(target error) bool { return ErrConfig.matches(target) }

// ClassOf returns the class of an error: that of the outermost [*CallError], else
// of the first error of this package it finds, else [ErrCanceled] or
// [ErrDeadline] for a context's error, else [ErrUnknown]. ClassOf(nil) is "".
func ClassOf(err error) Class {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*CallError](err); ok {
		return e.Class
	}
	if e, ok := errors.AsType[interface {
		error
		Class() Class
	}](err); ok {
		return e.Class()
	}
	if c, ok := errors.AsType[Class](err); ok {
		return c
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return contextClass(err)
	}
	return ErrUnknown
}

// contextClass returns the class of a context's error.
func contextClass(err error) Class {
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return ErrDeadline
	}
	return ErrCanceled
}

// A StreamError is a streamed answer that did not come to its end. What had come
// is in Partial; it was billed.
type StreamError struct {
	Partial    *Response // what has come: unfinished blocks included; nil before the first content
	UsageExact bool      // Partial.Usage is the API's final count; else its OutputTokens are an estimate
	Complete   bool      // all of the content has come, only the end of the stream is missing
	LastEvent  string    // the event seen last, such as "content_block_start(tool_use)"; empty if none
	Pings      int       // how many signs of life came
	Err        error     // the cause: an [*APIError] for an error event

	class   Class
	request *Request // that was asked, for Continue
}

// Error returns the cause and what was seen last, on one line.
func (e *StreamError) Error() string {
	var b strings.Builder
	switch e.Class() {
	case ErrStreamTruncated:
		b.WriteString("the stream ended before the answer was complete")
		if e.Complete {
			b.WriteString(" (all content had come)")
		}
	case ErrStreamStalled:
		b.WriteString("the stream fell silent")
	case ErrProtocol:
		b.WriteString("the stream makes no sense")
	default:
		b.WriteString("the stream ended early")
	}
	fmt.Fprintf(&b, ", pings: %d", e.Pings)
	if e.LastEvent != "" {
		b.WriteString(", last event: " + e.LastEvent)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return redact.Line(b.String(), maxShown)
}

// Unwrap returns the cause.
func (e *StreamError) Unwrap() error { return e.Err }

// Class returns the error's class.
func (e *StreamError) Class() Class {
	if e.class == "" {
		return ErrStreamTruncated
	}
	return e.class
}

// Is reports whether target is the error's [Class] or the family of it.
func (e *StreamError) Is(target error) bool { return e.Class().matches(target) }
