package claude

// A Class says what went wrong with a call. Every failure has exactly one, and
// everything the package does about a failure (retry, breaker, advice, metric
// labels) is read from the one table of classes in this file.
//
// A Class is an error, so that errors.Is asks for it through any wrapping:
//
//	if errors.Is(err, claude.ErrRateLimit) { … }
//
// [ErrNetwork] and [ErrServer] are families: errors.Is matches them for each of
// their members, while [ClassOf] always returns the member.
type Class string

// The classes. The set may grow; treat one you do not know as [ErrUnknown].
const (
	// ErrConfig is a wrong configuration: a missing or mangled key, a bad base
	// URL, a negative number. Nothing was sent.
	ErrConfig Class = "config"
	// ErrValidation is a request the API would refuse, found before sending.
	ErrValidation Class = "validation"
	// ErrCanceled is the caller's context, canceled.
	ErrCanceled Class = "canceled"
	// ErrDeadline is the caller's context, past its deadline.
	ErrDeadline Class = "deadline"
	// ErrCircuitOpen is a call refused because its target kept failing.
	ErrCircuitOpen Class = "circuit_open"

	// ErrDNS is a host name that could not be resolved.
	ErrDNS Class = "dns"
	// ErrConnect is a TCP connection that could not be made: refused,
	// unreachable, or silently dropped.
	ErrConnect Class = "connect"
	// ErrProxy is a proxy that could not be reached or would not connect us.
	ErrProxy Class = "proxy"
	// ErrTLS is a TLS handshake that failed: an unknown authority, a wrong name,
	// an expired certificate, or a connection lost during the handshake.
	ErrTLS Class = "tls"
	// ErrStaleConnection is a pooled connection that turned out to be dead, or a
	// server that refused the request before looking at it.
	ErrStaleConnection Class = "stale_connection"
	// ErrConnectionLost is a connection that broke after the request was begun
	// and before an answer came.
	ErrConnectionLost Class = "connection_lost"
	// ErrTimeout is a limit of [Timeouts] that ran out.
	ErrTimeout Class = "timeout"
	// ErrBodyCut is an answer that broke off half-way.
	ErrBodyCut Class = "body_cut"

	// ErrInvalidRequest is a request the API refused: 400, 422 and any other 4xx
	// that has no class of its own.
	ErrInvalidRequest Class = "invalid_request"
	// ErrContextTooLong is a prompt that does not fit the model's context window.
	ErrContextTooLong Class = "context_too_long"
	// ErrTooLarge is a body over the size limit: 413.
	ErrTooLarge Class = "too_large"
	// ErrAuthentication is a credential the API does not accept: 401.
	ErrAuthentication Class = "authentication"
	// ErrBilling is an account that cannot pay or has reached a spend limit: 402,
	// and the 400s and 429s that say so.
	ErrBilling Class = "billing"
	// ErrPermission is a credential that may not do this: 403 permission_error.
	ErrPermission Class = "permission"
	// ErrNotFound is an unknown model, object or path: 404.
	ErrNotFound Class = "not_found"
	// ErrRegion is a refusal by the provider's edge, mostly because of the
	// country or network the call came from: 403 "Request not allowed".
	ErrRegion Class = "region"
	// ErrConflict is a concurrent change: 409.
	ErrConflict Class = "conflict"
	// ErrRequestTimeout is a server that gave up waiting for the request: 408.
	ErrRequestTimeout Class = "request_timeout"
	// ErrRateLimit is a rate limit of the account: 429.
	ErrRateLimit Class = "rate_limit"
	// ErrOverloaded is the provider short of capacity: 529, or an
	// overloaded_error inside a 200.
	ErrOverloaded Class = "overloaded"
	// ErrInternal is a failure inside the API: a 5xx with the API's own envelope.
	ErrInternal Class = "internal"
	// ErrGateway is a 5xx written by something between us and the API.
	ErrGateway Class = "gateway"
	// ErrBlocked is a 4xx that is not the API's: a firewall, a portal, a filter.
	ErrBlocked Class = "blocked"
	// ErrUnexpectedResponse is a 2xx that is not an answer of the API: HTML, an
	// empty body, another content type, broken JSON.
	ErrUnexpectedResponse Class = "unexpected_response"
	// ErrRedirect is a 3xx. Redirects are never followed: the key stays with the
	// host it is for.
	ErrRedirect Class = "redirect"

	// ErrStreamTruncated is a stream that ended before message_stop.
	ErrStreamTruncated Class = "stream_truncated"
	// ErrStreamStalled is a stream that fell silent.
	ErrStreamStalled Class = "stream_stalled"
	// ErrProtocol is a stream that breaks the protocol: malformed events, or one
	// over the size limit.
	ErrProtocol Class = "protocol"

	// ErrUnknown is what [ClassOf] says of an error that is not this package's.
	ErrUnknown Class = "unknown"

	// ErrNetwork is the family of failures without an answer: dns, connect,
	// proxy, tls, stale_connection, connection_lost, timeout.
	ErrNetwork Class = "network"
	// ErrServer is the family of failures on the provider's side: internal,
	// overloaded, gateway.
	ErrServer Class = "server"
)

// Error returns the name of the class.
func (c Class) Error() string { return string(c) }

// matches reports whether target names c or the family c belongs to.
func (c Class) matches(target error) bool {
	want, ok := target.(Class)
	return ok && c != "" && (want == c || want == c.family())
}

func (c Class) family() Class { return classes[c].family }

// Processed says whether the server may have run an attempt, and so billed it.
type Processed string

// What may have become of an attempt.
const (
	NotSent   Processed = "not_sent"  // nothing of the request left, or it was provably not looked at
	Rejected  Processed = "rejected"  // the server refused it or never had all of it; not run
	Ambiguous Processed = "ambiguous" // it may have run, and been billed
	Ran       Processed = "ran"       // it ran
)

// retryRule is the retry column of the class table.
type retryRule uint8

const (
	retryNever     retryRule = iota
	retryAlways              // as long as attempts are left
	retryTemporary           // only when the fault is marked temporary
	retryOnce                // one more attempt for all such failures of a call
	retryFresh               // once, at once, on a fresh connection, without using up an attempt
	retryKey                 // once, if the credential has changed meanwhile
)

// breakerRule is the breaker column of the class table.
type breakerRule uint8

const (
	breakerNeutral   breakerRule = iota // neither success nor failure
	breakerFailure                      // the target failed
	breakerTemporary                    // a failure only when the fault is marked temporary
)

// classRow is one line of the class table.
type classRow struct {
	processed Processed   // what the class says of the attempt, unless the attempt knows better
	retry     retryRule   //
	breaker   breakerRule //
	family    Class       // the family errors.Is matches besides the class itself
	overload  bool        // back off by the longer overload schedule
	network   bool        // the connection is suspect: the next attempt uses a fresh one
	gate      bool        // a wait that the server asks for holds for the other calls too
}

// classes is the class table: the only place that says what a class means.
// Design section 5 gives the reasons.
var classes = map[Class]classRow{
	ErrConfig:      {processed: NotSent},
	ErrValidation:  {processed: NotSent},
	ErrCanceled:    {processed: Ambiguous},
	ErrDeadline:    {processed: Ambiguous},
	ErrCircuitOpen: {processed: NotSent},

	ErrDNS:             {processed: NotSent, retry: retryTemporary, breaker: breakerTemporary, family: ErrNetwork},
	ErrConnect:         {processed: NotSent, retry: retryAlways, breaker: breakerFailure, family: ErrNetwork},
	ErrProxy:           {processed: NotSent, retry: retryTemporary, family: ErrNetwork},
	ErrTLS:             {processed: NotSent, retry: retryTemporary, breaker: breakerTemporary, family: ErrNetwork, network: true},
	ErrStaleConnection: {processed: NotSent, retry: retryFresh, family: ErrNetwork, network: true},
	ErrConnectionLost:  {processed: Ambiguous, retry: retryOnce, breaker: breakerFailure, family: ErrNetwork, network: true},
	ErrTimeout:         {processed: Ambiguous, retry: retryOnce, breaker: breakerFailure, family: ErrNetwork, network: true},
	ErrBodyCut:         {processed: Ran, retry: retryOnce, breaker: breakerFailure, network: true},

	ErrInvalidRequest:     {processed: Rejected},
	ErrContextTooLong:     {processed: Rejected},
	ErrTooLarge:           {processed: Rejected},
	ErrAuthentication:     {processed: Rejected, retry: retryKey},
	ErrBilling:            {processed: Rejected},
	ErrPermission:         {processed: Rejected},
	ErrNotFound:           {processed: Rejected},
	ErrRegion:             {processed: Rejected},
	ErrConflict:           {processed: Rejected, retry: retryAlways},
	ErrRequestTimeout:     {processed: Rejected, retry: retryAlways},
	ErrRateLimit:          {processed: Rejected, retry: retryAlways, gate: true},
	ErrOverloaded:         {processed: Rejected, retry: retryAlways, breaker: breakerFailure, family: ErrServer, overload: true, gate: true},
	ErrInternal:           {processed: Ambiguous, retry: retryAlways, breaker: breakerFailure, family: ErrServer, gate: true},
	ErrGateway:            {processed: Ambiguous, retry: retryAlways, breaker: breakerFailure, family: ErrServer, gate: true},
	ErrBlocked:            {processed: Rejected},
	ErrUnexpectedResponse: {processed: Ambiguous},
	ErrRedirect:           {processed: NotSent},

	ErrStreamTruncated: {processed: Ran, retry: retryAlways, breaker: breakerFailure, network: true},
	ErrStreamStalled:   {processed: Ran, retry: retryAlways, breaker: breakerFailure, network: true},
	ErrProtocol:        {processed: Ran},

	ErrUnknown: {processed: Ambiguous},
}

// result is what an attempt says of its target to the breaker.
func (v *verdict) result() result {
	switch {
	case v.class == "":
		return succeeded
	case v.neutral:
		return neutral
	case classes[v.class].breaker == breakerFailure,
		classes[v.class].breaker == breakerTemporary && v.temporary:
		return failed
	}
	return neutral
}
