package claudetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

var updateDocs = flag.Bool("update", false, "write docs/faults.md")

// place is where a fault is played.
type place uint8

const (
	inMemory     place = iota // in a bubble of virtual time
	onSocket                  // HTTP/1.1 on loopback
	onTLS                     // TLS and HTTP/2 on loopback
	behindAProxy              // the same, through a proxy
)

// how a row is played.
type how struct {
	place   place
	kept    bool // it meets a connection that has been used before
	streams bool // Create streams too, unseen, as it does for many tokens, and the raw caller
}

// outcome is what comes of a fault for one way of calling.
type outcome struct {
	class    claude.Class // of a fault that lasts; "" if the caller gets an answer
	attempts int          // that a fault takes that lasts
	answered int          // attempts until the answer if the fault comes once; 0: there is none
	ends     ending       // of the body that a raw caller gets
	partial  bool         // the error is a *claude.StreamError with the text that had come
}

func fails(class claude.Class, attempts int) outcome {
	return outcome{class: class, attempts: attempts}
}

func answered(attempts int) outcome  { return outcome{attempts: attempts} }
func breaksOff(attempts int) outcome { return outcome{attempts: attempts, ends: cut} }
func endsEarly(attempts int) outcome { return outcome{attempts: attempts, ends: short} }

// withPartial is the outcome with the text that had come in the error.
func (o outcome) withPartial() outcome {
	o.partial = true
	return o
}

// once is the outcome with that of a fault that comes once.
func (o outcome) once(attempts int) outcome { //nolint:unparam // it need not be 2
	o.answered = attempts
	return o
}

// ending is how a body ends.
type ending string

const (
	whole ending = ""
	cut   ending = "breaks off" // with an error
	short ending = "ends early" // without
)

// row is a fault and what comes of it.
type row struct {
	fault     string
	step      claudetest.Step
	how       how
	who       claude.Party // whose the advice says it is to mend
	create    outcome
	stream    outcome
	transport outcome
}

// result is what came of a call.
type result struct {
	class    claude.Class
	attempts int
	status   int // of the answer that a raw caller gets; 0 without one
	ends     ending
	partial  bool
	err      error
}

// A way of calling is a column of the table.
type way struct {
	title string
	want  func(row) outcome
	call  func(t *testing.T, s *stage) result
}

var ways = []way{
	{"Create", func(r row) outcome { return r.create }, create},
	{"Stream", func(r row) outcome { return r.stream }, streamed},
	{"Transport", func(r row) outcome { return r.transport }, raw},
}

// faults are all faults. What stands as a step is what docs/faults.md shows.
var faults = []row{
	// What the API answers.
	{
		fault: "overloaded", step: claudetest.Overloaded(),
		who: claude.PartyProvider, create: fails(claude.ErrOverloaded, 3).once(2), stream: fails(claude.ErrOverloaded, 3).once(2), transport: fails(claude.ErrOverloaded, 3).once(2),
	},
	{
		fault: "rate limit, Retry-After in whole seconds", step: claudetest.RateLimited(20 * time.Second),
		who: claude.PartyAccount, create: fails(claude.ErrRateLimit, 3).once(2), stream: fails(claude.ErrRateLimit, 3).once(2), transport: fails(claude.ErrRateLimit, 3).once(2),
	},
	{
		fault: "Retry-After in broken seconds", step: claudetest.Overloaded().RetryAfter(1500 * time.Millisecond),
		who: claude.PartyProvider, create: fails(claude.ErrOverloaded, 3).once(2), stream: fails(claude.ErrOverloaded, 3).once(2), transport: fails(claude.ErrOverloaded, 3).once(2),
	},
	{
		fault: "Retry-After-Ms", step: claudetest.Overloaded().RetryAfterMs(1500 * time.Millisecond),
		who: claude.PartyProvider, create: fails(claude.ErrOverloaded, 3).once(2), stream: fails(claude.ErrOverloaded, 3).once(2), transport: fails(claude.ErrOverloaded, 3).once(2),
	},
	{
		fault: "Retry-After as a date", step: claudetest.Overloaded().RetryAfterDate(20 * time.Second),
		who: claude.PartyProvider, create: fails(claude.ErrOverloaded, 3).once(2), stream: fails(claude.ErrOverloaded, 3).once(2), transport: fails(claude.ErrOverloaded, 3).once(2),
	},
	{
		fault: "no Retry-After, but the reset of a limit that is used up", step: claudetest.RateLimited(0).ResetsAfter(20 * time.Second),
		who: claude.PartyAccount, create: fails(claude.ErrRateLimit, 3).once(2), stream: fails(claude.ErrRateLimit, 3).once(2), transport: fails(claude.ErrRateLimit, 3).once(2),
	},
	{
		fault: "Retry-After longer than RetryPolicy.MaxRetryAfter", step: claudetest.RateLimited(2 * time.Hour),
		who: claude.PartyAccount, create: fails(claude.ErrRateLimit, 1), stream: fails(claude.ErrRateLimit, 1), transport: fails(claude.ErrRateLimit, 1),
	},
	{
		fault: "x-should-retry: false", step: claudetest.Overloaded().ShouldRetry(false),
		who: claude.PartyProvider, create: fails(claude.ErrOverloaded, 1), stream: fails(claude.ErrOverloaded, 1), transport: fails(claude.ErrOverloaded, 1),
	},
	{
		fault: "x-should-retry: true", step: claudetest.InvalidRequest("again, please").ShouldRetry(true),
		who: claude.PartyYou, create: fails(claude.ErrInvalidRequest, 3).once(2), stream: fails(claude.ErrInvalidRequest, 3).once(2), transport: fails(claude.ErrInvalidRequest, 3).once(2),
	},
	{
		fault: "spend limit", step: claudetest.SpendLimit(),
		who: claude.PartyAccount, create: fails(claude.ErrBilling, 1), stream: fails(claude.ErrBilling, 1), transport: fails(claude.ErrBilling, 1),
	},
	{
		fault: "no credit", step: claudetest.NoCredit(),
		who: claude.PartyAccount, create: fails(claude.ErrBilling, 1), stream: fails(claude.ErrBilling, 1), transport: fails(claude.ErrBilling, 1),
	},
	{
		fault: "payment due", step: claudetest.Error(402, "billing_error", "Payment required"),
		who: claude.PartyAccount, create: fails(claude.ErrBilling, 1), stream: fails(claude.ErrBilling, 1), transport: fails(claude.ErrBilling, 1),
	},
	{
		fault: "bad request", step: claudetest.InvalidRequest("max_tokens: Field required"),
		who: claude.PartyYou, create: fails(claude.ErrInvalidRequest, 1), stream: fails(claude.ErrInvalidRequest, 1), transport: fails(claude.ErrInvalidRequest, 1),
	},
	{
		fault: "prompt too long", step: claudetest.ContextTooLong(),
		who: claude.PartyYou, create: fails(claude.ErrContextTooLong, 1), stream: fails(claude.ErrContextTooLong, 1), transport: fails(claude.ErrContextTooLong, 1),
	},
	{
		fault: "wrong key", step: claudetest.Unauthorized(),
		who: claude.PartyYou, create: fails(claude.ErrAuthentication, 1), stream: fails(claude.ErrAuthentication, 1), transport: fails(claude.ErrAuthentication, 1),
	},
	{
		fault: "key without the right", step: claudetest.Forbidden(),
		who: claude.PartyAccount, create: fails(claude.ErrPermission, 1), stream: fails(claude.ErrPermission, 1), transport: fails(claude.ErrPermission, 1),
	},
	{
		fault: "unknown model", step: claudetest.NotFound("model: claude-x"),
		who: claude.PartyYou, create: fails(claude.ErrNotFound, 1), stream: fails(claude.ErrNotFound, 1), transport: fails(claude.ErrNotFound, 1),
	},
	{
		fault: "request that took too long to come", step: claudetest.Error(408, "timeout_error", "Request timeout"),
		who: claude.PartyNetwork, create: fails(claude.ErrRequestTimeout, 3).once(2), stream: fails(claude.ErrRequestTimeout, 3).once(2), transport: fails(claude.ErrRequestTimeout, 3).once(2),
	},
	{
		fault: "conflict", step: claudetest.Error(409, "conflict_error", "Conflict"),
		who: claude.PartyYou, create: fails(claude.ErrConflict, 3).once(2), stream: fails(claude.ErrConflict, 3).once(2), transport: fails(claude.ErrConflict, 3).once(2),
	},
	{
		fault: "body too large", step: claudetest.TooLarge(),
		who: claude.PartyYou, create: fails(claude.ErrTooLarge, 1), stream: fails(claude.ErrTooLarge, 1), transport: fails(claude.ErrTooLarge, 1),
	},
	{
		fault: "failure inside the API", step: claudetest.Internal(),
		who: claude.PartyProvider, create: fails(claude.ErrInternal, 3).once(2), stream: fails(claude.ErrInternal, 3).once(2), transport: fails(claude.ErrInternal, 3).once(2),
	},
	{
		fault: "answer that took too long to make", step: claudetest.Error(504, "timeout_error", "Request timed out"),
		who: claude.PartyProvider, create: fails(claude.ErrInternal, 3).once(2), stream: fails(claude.ErrInternal, 3).once(2), transport: fails(claude.ErrInternal, 3).once(2),
	},
	{
		fault: "slow answer", step: claudetest.SlowHeader(30 * time.Second),
		create: answered(1), stream: answered(1), transport: answered(1),
	},
	{
		fault: "answer slower than Timeouts.FirstByte", step: claudetest.SlowHeader(3 * time.Minute),
		who: claude.PartyUnknown, create: fails(claude.ErrTimeout, 2).once(2), stream: fails(claude.ErrTimeout, 2).once(2), transport: fails(claude.ErrTimeout, 2).once(2),
	},
	{
		fault: "no answer", step: claudetest.NoAnswer(),
		who: claude.PartyUnknown, create: fails(claude.ErrTimeout, 2).once(2), stream: fails(claude.ErrTimeout, 2).once(2), transport: fails(claude.ErrTimeout, 2).once(2),
	},

	// What something else answers in its place.
	{
		fault: "country or network that is not served", step: claudetest.Region(),
		who: claude.PartyNetwork, create: fails(claude.ErrRegion, 1), stream: fails(claude.ErrRegion, 1), transport: fails(claude.ErrRegion, 1),
	},
	{
		fault: "a gateway's page", step: claudetest.GatewayPage(502),
		who: claude.PartyProvider, create: fails(claude.ErrGateway, 3).once(2), stream: fails(claude.ErrGateway, 3).once(2), transport: fails(claude.ErrGateway, 3).once(2),
	},
	{
		fault: "a filter's page", step: claudetest.GatewayPage(403),
		who: claude.PartyNetwork, create: fails(claude.ErrBlocked, 1), stream: fails(claude.ErrBlocked, 1), transport: fails(claude.ErrBlocked, 1),
	},
	{
		fault: "a gateway's line of text", step: claudetest.GatewayText(503, "upstream connect error or disconnect/reset before headers"),
		who: claude.PartyProvider, create: fails(claude.ErrGateway, 3).once(2), stream: fails(claude.ErrGateway, 3).once(2), transport: fails(claude.ErrGateway, 3).once(2),
	},
	{
		fault: "status and nothing else", step: claudetest.Empty(500),
		who: claude.PartyProvider, create: fails(claude.ErrGateway, 3).once(2), stream: fails(claude.ErrGateway, 3).once(2), transport: fails(claude.ErrGateway, 3).once(2),
	},
	{
		fault: "success and nothing else", step: claudetest.Empty(200),
		who: claude.PartyNetwork, create: fails(claude.ErrUnexpectedResponse, 1), stream: fails(claude.ErrUnexpectedResponse, 1), transport: fails(claude.ErrUnexpectedResponse, 1),
	},
	{
		fault: "captive portal", step: claudetest.Portal(),
		who: claude.PartyNetwork, create: fails(claude.ErrUnexpectedResponse, 1), stream: fails(claude.ErrUnexpectedResponse, 1), transport: fails(claude.ErrUnexpectedResponse, 1),
	},
	{
		fault: "garbage", step: claudetest.Garbage(),
		who: claude.PartyNetwork, create: fails(claude.ErrUnexpectedResponse, 1), stream: fails(claude.ErrUnexpectedResponse, 1), transport: fails(claude.ErrUnexpectedResponse, 1),
	},
	{
		fault: "wrong content type", step: claudetest.WrongContentType("text/html"),
		who: claude.PartyNetwork, create: fails(claude.ErrUnexpectedResponse, 1), stream: fails(claude.ErrUnexpectedResponse, 1), transport: fails(claude.ErrUnexpectedResponse, 1),
	},
	{
		fault: "overloaded, in a 200", step: claudetest.ErrorIn200("overloaded_error", "Overloaded"),
		who: claude.PartyProvider, create: fails(claude.ErrOverloaded, 3).once(2), stream: fails(claude.ErrOverloaded, 3).once(2), transport: fails(claude.ErrOverloaded, 3).once(2),
	},
	{
		fault: "bad request, in a 200", step: claudetest.ErrorIn200("invalid_request_error", "max_tokens: Field required"),
		who: claude.PartyYou, create: fails(claude.ErrInvalidRequest, 1), stream: fails(claude.ErrInvalidRequest, 1), transport: fails(claude.ErrInvalidRequest, 1),
	},
	{
		fault: "redirect to another host", step: claudetest.Redirect("https://elsewhere.example/v1/messages"),
		who: claude.PartyNetwork, create: fails(claude.ErrRedirect, 1), stream: fails(claude.ErrRedirect, 1), transport: fails(claude.ErrRedirect, 1),
	},

	// Answers that do not come whole.
	{
		fault: "pause before each part", step: claudetest.Text("Hello").Drip(10 * time.Second),
		create: answered(1), stream: answered(1), transport: answered(1),
	},
	{
		fault: "pause within an answer", step: claudetest.Text("Hello").StallAfter(claudetest.Events(4), time.Minute),
		create: answered(1), stream: answered(1), transport: answered(1),
	},
	{
		fault: "answer that never goes on", step: claudetest.Text("Hello").StallAfter(claudetest.Events(4), claudetest.Forever),
		who: claude.PartyUnknown, create: fails(claude.ErrTimeout, 2).once(2), stream: fails(claude.ErrStreamStalled, 1).withPartial(), transport: breaksOff(2).once(2),
	},
	{
		fault: "answer cut, as if it were complete", step: claudetest.Text("Hello").EndAfter(claudetest.Events(4)),
		who: claude.PartyNetwork, create: fails(claude.ErrUnexpectedResponse, 1), stream: fails(claude.ErrStreamTruncated, 1).withPartial(), transport: fails(claude.ErrUnexpectedResponse, 1),
	},
	{
		fault: "something else within an answer", step: claudetest.Text("Hello").InsertAfter(claudetest.Bytes(1), "}{"),
		who: claude.PartyNetwork, create: fails(claude.ErrUnexpectedResponse, 1), stream: answered(1), transport: fails(claude.ErrUnexpectedResponse, 1),
	},
	{
		fault: "answer cut by a close", step: claudetest.Text("Hello").CutAfter(claudetest.Events(4)),
		how: how{place: onSocket},
		who: claude.PartyNetwork, create: fails(claude.ErrBodyCut, 2).once(2), stream: fails(claude.ErrStreamTruncated, 1).withPartial(), transport: breaksOff(2).once(2),
	},
	{
		fault: "answer cut by a reset", step: claudetest.Text("Hello").ResetAfter(claudetest.Bytes(100)),
		how: how{place: onSocket},
		who: claude.PartyNetwork, create: fails(claude.ErrBodyCut, 2).once(2), stream: fails(claude.ErrStreamTruncated, 3).once(2), transport: breaksOff(2).once(2),
	},
	{
		fault: "answer cut, over HTTP/2", step: claudetest.Text("Hello").CutAfter(claudetest.Bytes(0)),
		how: how{place: onTLS},
		who: claude.PartyNetwork, create: fails(claude.ErrBodyCut, 2).once(2), stream: fails(claude.ErrStreamTruncated, 3).once(2), transport: breaksOff(2).once(2),
	},

	// Connections that break or are not made.
	{
		fault: "reset", step: claudetest.Reset(),
		how: how{place: onSocket},
		who: claude.PartyNetwork, create: fails(claude.ErrConnectionLost, 2).once(2), stream: fails(claude.ErrConnectionLost, 2).once(2), transport: fails(claude.ErrConnectionLost, 2).once(2),
	},
	{
		fault: "reset, over HTTP/2", step: claudetest.Reset(),
		how: how{place: onTLS},
		who: claude.PartyNetwork, create: fails(claude.ErrConnectionLost, 2).once(2), stream: fails(claude.ErrConnectionLost, 2).once(2), transport: fails(claude.ErrConnectionLost, 2).once(2),
	},
	{
		fault: "close", step: claudetest.Hangup(),
		how: how{place: onSocket},
		who: claude.PartyNetwork, create: fails(claude.ErrConnectionLost, 2).once(2), stream: fails(claude.ErrConnectionLost, 2).once(2), transport: fails(claude.ErrConnectionLost, 2).once(2),
	},
	{
		fault: "kept connection that has died", step: claudetest.StaleKeepAlive(),
		how:    how{place: onSocket, kept: true},
		create: answered(2), stream: answered(2), transport: answered(2),
	},
	{
		fault: "GOAWAY", step: claudetest.GoAway(),
		how: how{place: onTLS},
		who: claude.PartyNetwork, create: fails(claude.ErrStaleConnection, 2).once(2), stream: fails(claude.ErrStaleConnection, 2).once(2), transport: fails(claude.ErrStaleConnection, 2).once(2),
	},
	{
		fault: "refused stream", step: claudetest.RefusedStream(),
		how: how{place: onTLS},
		who: claude.PartyNetwork, create: fails(claude.ErrStaleConnection, 2).once(2), stream: fails(claude.ErrStaleConnection, 2).once(2), transport: fails(claude.ErrStaleConnection, 2).once(2),
	},
	{
		fault: "certificate of an unknown authority", step: claudetest.UnknownCA(),
		how: how{place: onTLS},
		who: claude.PartyNetwork, create: fails(claude.ErrTLS, 1), stream: fails(claude.ErrTLS, 1), transport: fails(claude.ErrTLS, 1),
	},
	{
		fault: "certificate of another host", step: claudetest.WrongName(),
		how: how{place: onTLS},
		who: claude.PartyNetwork, create: fails(claude.ErrTLS, 1), stream: fails(claude.ErrTLS, 1), transport: fails(claude.ErrTLS, 1),
	},
	{
		fault: "expired certificate", step: claudetest.Expired(),
		how: how{place: onTLS},
		who: claude.PartyNetwork, create: fails(claude.ErrTLS, 1), stream: fails(claude.ErrTLS, 1), transport: fails(claude.ErrTLS, 1),
	},
	{
		fault: "proxy that wants a password", step: claudetest.ProxyRefuses(407),
		how: how{place: behindAProxy},
		who: claude.PartyNetwork, create: fails(claude.ErrProxy, 1), stream: fails(claude.ErrProxy, 1), transport: fails(claude.ErrProxy, 1),
	},
	{
		fault: "proxy that forbids the host", step: claudetest.ProxyRefuses(403),
		how: how{place: behindAProxy},
		who: claude.PartyNetwork, create: fails(claude.ErrProxy, 1), stream: fails(claude.ErrProxy, 1), transport: fails(claude.ErrProxy, 1),
	},
	{
		fault: "proxy that cannot reach the host", step: claudetest.ProxyRefuses(502),
		how: how{place: behindAProxy},
		who: claude.PartyNetwork, create: fails(claude.ErrProxy, 3).once(2), stream: fails(claude.ErrProxy, 3).once(2), transport: fails(claude.ErrProxy, 3).once(2),
	},

	// Streams.
	{
		fault: "stream cut before its first content", step: claudetest.Text("Hello").CutAfter(claudetest.Events(2)),
		how: how{place: onSocket, streams: true},
		who: claude.PartyNetwork, create: fails(claude.ErrStreamTruncated, 3).once(2), stream: fails(claude.ErrStreamTruncated, 3).once(2), transport: breaksOff(3).once(2),
	},
	{
		fault: "stream cut within an event", step: claudetest.Text("Hello").CutAfter(claudetest.Bytes(100)),
		how: how{place: onSocket, streams: true},
		who: claude.PartyNetwork, create: fails(claude.ErrStreamTruncated, 3).once(2), stream: fails(claude.ErrStreamTruncated, 3).once(2), transport: breaksOff(3).once(2),
	},
	{
		fault: "stream cut by a close", step: claudetest.Text("Hello").CutAfter(claudetest.Events(4)),
		how: how{place: onSocket, streams: true},
		who: claude.PartyNetwork, create: fails(claude.ErrStreamTruncated, 2).withPartial().once(2), stream: fails(claude.ErrStreamTruncated, 1).withPartial(), transport: breaksOff(1),
	},
	{
		fault: "stream cut by a reset", step: claudetest.Text("Hello").ResetAfter(claudetest.Events(4)),
		how: how{place: onSocket, streams: true},
		who: claude.PartyNetwork, create: fails(claude.ErrStreamTruncated, 2).withPartial().once(2), stream: fails(claude.ErrStreamTruncated, 1).withPartial(), transport: breaksOff(1),
	},
	{
		fault: "stream cut, over HTTP/2", step: claudetest.Text("Hello").CutAfter(claudetest.Events(4)),
		how: how{place: onTLS, streams: true},
		who: claude.PartyNetwork, create: fails(claude.ErrStreamTruncated, 2).withPartial().once(2), stream: fails(claude.ErrStreamTruncated, 1).withPartial(), transport: breaksOff(1),
	},
	{
		fault: "stream cut, as if it were complete", step: claudetest.Text("Hello").EndAfter(claudetest.Events(4)),
		how: how{streams: true},
		who: claude.PartyNetwork, create: fails(claude.ErrStreamTruncated, 2).withPartial().once(2), stream: fails(claude.ErrStreamTruncated, 1).withPartial(), transport: breaksOff(1),
	},
	{
		fault: "pause within a stream", step: claudetest.Text("Hello").StallAfter(claudetest.Events(4), time.Minute),
		how:    how{streams: true},
		create: answered(1), stream: answered(1), transport: answered(1),
	},
	{
		fault: "stream that never goes on", step: claudetest.Text("Hello").StallAfter(claudetest.Events(4), claudetest.Forever),
		how: how{streams: true},
		who: claude.PartyUnknown, create: fails(claude.ErrStreamStalled, 2).withPartial().once(2), stream: fails(claude.ErrStreamStalled, 1).withPartial(), transport: breaksOff(1),
	},
	{
		fault: "error event before the first content", step: claudetest.Text("Hello").FailAfter(claudetest.Events(1), "overloaded_error", "Overloaded"),
		how: how{streams: true},
		who: claude.PartyProvider, create: fails(claude.ErrOverloaded, 3).once(2), stream: fails(claude.ErrOverloaded, 3).once(2), transport: endsEarly(3).once(2),
	},
	{
		fault: "error event in mid-stream", step: claudetest.Text("Hello").FailAfter(claudetest.Events(4), "overloaded_error", "Overloaded"),
		how: how{streams: true},
		who: claude.PartyProvider, create: fails(claude.ErrOverloaded, 2).withPartial().once(2), stream: fails(claude.ErrOverloaded, 1).withPartial(), transport: endsEarly(1),
	},
	{
		fault: "event that is none", step: claudetest.Text("Hello").GarbageAfter(claudetest.Events(4)),
		how: how{streams: true},
		who: claude.PartyUnknown, create: fails(claude.ErrProtocol, 1).withPartial(), stream: fails(claude.ErrProtocol, 1).withPartial(), transport: answered(1),
	},
	{
		fault: "one ping more", step: claudetest.Text("Hello").PingAfter(claudetest.Events(4)),
		how:    how{streams: true},
		create: answered(1), stream: answered(1), transport: answered(1),
	},
	{
		fault: "huge event", step: claudetest.Text("Hello").HugeEventAfter(claudetest.Events(4), 1<<20),
		how:    how{streams: true},
		create: answered(1), stream: answered(1), transport: answered(1),
	},
	{
		fault: "event over the limit of 32 MiB", step: claudetest.Text("Hello").HugeEventAfter(claudetest.Events(4), 33<<20),
		how: how{streams: true},
		who: claude.PartyUnknown, create: fails(claude.ErrProtocol, 1).withPartial(), stream: fails(claude.ErrProtocol, 1).withPartial(), transport: answered(1),
	},
}

// stage is where a call is made.
type stage struct {
	how     how
	url     string
	base    http.RoundTripper // for raw callers
	options []claude.Option   // for clients
	retry   claude.RetryPolicy
}

// observer counts the attempts of a call.
func (res *result) observer() claude.Observer {
	return claude.Observer{CallDone: func(_ context.Context, _ claude.CallInfo, r claude.CallResult) { res.attempts += len(r.Attempts) }}
}

// create calls Create.
func create(t *testing.T, s *stage) result {
	t.Helper()
	return typed(t, s, func(client *claude.Client, request claude.Request) error {
		_, err := client.Messages.Create(t.Context(), request)
		return err
	})
}

// streamed calls Stream and reads to its end.
func streamed(t *testing.T, s *stage) result {
	t.Helper()
	return typed(t, s, func(client *claude.Client, request claude.Request) error {
		events, err := client.Messages.Stream(t.Context(), request)
		if err == nil {
			_, err = events.Response()
		}
		return err
	})
}

// typed calls by a client.
func typed(t *testing.T, s *stage, call func(*claude.Client, claude.Request) error) (res result) {
	t.Helper()
	client, err := claude.New(append([]claude.Option{
		claude.WithAPIKey(key), claude.WithBaseURL(s.url), claude.WithRetry(s.retry), claude.WithObserver(res.observer()),
	}, s.options...)...)
	require.NoError(t, err)
	defer client.Close()
	request := hello
	if s.how.streams {
		request.MaxTokens = 8192
	}
	if s.how.kept {
		require.NoError(t, call(client, request))
		res.attempts = 0
	}
	res.err = call(client, request)
	res.class = claude.ClassOf(res.err)
	if broken, ok := errors.AsType[*claude.StreamError](res.err); ok && broken.Partial != nil {
		res.partial = broken.Partial.Text() != ""
	}
	return res
}

// raw calls through a Transport under a plain http.Client, and judges as its
// documentation says.
func raw(t *testing.T, s *stage) (res result) {
	t.Helper()
	transport := &claude.Transport{Base: s.base, Retry: s.retry, Observer: res.observer()}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	body := plainBody
	if s.how.streams {
		body = askStream
	}
	call := func() (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/messages", strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("X-Api-Key", key)
		return client.Do(req)
	}
	if s.how.kept {
		resp, err := call()
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		res.attempts = 0
	}
	resp, err := call()
	if err != nil {
		return result{class: claude.ClassOf(err), attempts: res.attempts, err: err}
	}
	defer resp.Body.Close()
	res.status = resp.StatusCode
	res.err = claude.CheckResponse(resp)
	data, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		res.ends = cut
	case res.err == nil && s.how.streams && !strings.HasSuffix(string(data), "data: {\"type\":\"message_stop\"}\n\n"),
		res.err == nil && !s.how.streams && !json.Valid(data):
		res.ends = short
	}
	res.class = claude.ClassOf(res.err)
	return res
}

// play makes a call, the one way, against steps.
func (r row) play(t *testing.T, w way, fault claudetest.Step, after ...claudetest.Step) (res result) {
	t.Helper()
	var steps []claudetest.Step
	if r.how.kept {
		steps = append(steps, claudetest.Text("before"))
	}
	steps = append(append(steps, fault), after...)
	if r.how.place == inMemory {
		synctest.Test(t, func(t *testing.T) {
			transport := claudetest.NewTransport(steps...)
			res = w.call(t, &stage{r.how, "https://api.anthropic.com", transport, []claude.Option{claude.WithRoundTripper(transport)}, claude.RetryPolicy{}})
			assert.Len(t, transport.Requests(), res.attempts)
		})
		return res
	}
	tb := new(fakeTB)
	start := claudetest.NewTLSServer
	if r.how.place == onSocket {
		start = claudetest.NewServer
	}
	server := start(tb, steps...)
	base := &http.Transport{ForceAttemptHTTP2: true}
	// Real time: waits of a nanosecond.
	s := &stage{r.how, server.URL, base, nil, claude.RetryPolicy{BaseDelay: 1, OverloadBase: 1}}
	if r.how.place != onSocket {
		base.TLSClientConfig = clientTLS(t, server)
		s.options = append(s.options, claude.WithRootCAs(server.CertPEM))
	}
	if r.how.place == behindAProxy {
		s.url = "https://api.anthropic.com"
		proxy, err := server.ProxyURL()
		require.NoError(t, err)
		u, err := url.Parse(proxy)
		require.NoError(t, err)
		base.Proxy = http.ProxyURL(u)
		s.options = append(s.options, claude.WithProxy(proxy))
	}
	res = w.call(t, s)
	for _, said := range tb.end() {
		assert.NotContains(t, said, "cannot be played")
		assert.NotContains(t, said, "finds no step")
	}
	return res
}

// cell says what came of a fault, for one column.
func cell(res result, want outcome) string {
	what := "answered"
	switch {
	case res.class != "" && res.status != 0:
		what = fmt.Sprintf("the %d: `%s`", res.status, res.class)
	case res.class != "":
		what = fmt.Sprintf("`%s`", res.class)
	case res.status != 0:
		what = fmt.Sprintf("the %d", res.status)
	}
	if res.ends != whole {
		what += fmt.Sprintf(", which %s", res.ends)
	}
	if res.partial {
		what += " with Partial"
	}
	what += fmt.Sprintf(", %d", res.attempts)
	if want.answered > 0 {
		what += fmt.Sprintf(" (once: %d)", want.answered)
	}
	return what
}

// sources returns the Go code of the steps of the table, row by row.
func sources(t *testing.T) (code []string) {
	t.Helper()
	text, err := os.ReadFile("matrix_test.go")
	require.NoError(t, err)
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "matrix_test.go", text, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		table, ok := n.(*ast.ValueSpec)
		if !ok || table.Names[0].Name != "faults" {
			return true
		}
		for _, r := range table.Values[0].(*ast.CompositeLit).Elts {
			for _, field := range r.(*ast.CompositeLit).Elts {
				if kv := field.(*ast.KeyValueExpr); kv.Key.(*ast.Ident).Name == "step" {
					code = append(code, string(text[files.Position(kv.Value.Pos()).Offset:files.Position(kv.Value.End()).Offset]))
				}
			}
		}
		return false
	})
	require.Len(t, code, len(faults))
	return code
}

func TestMatrix(t *testing.T) {
	code := sources(t)
	lines := make([]string, 0, len(faults))
	for i, r := range faults {
		t.Run(r.fault, func(t *testing.T) {
			var cells strings.Builder
			var advice claude.Advice
			for _, w := range ways {
				want := w.want(r)
				res := r.play(t, w, r.step.Always(), claudetest.Text("after").Always())
				assert.Equal(t, want.class, res.class, "%s: %v", w.title, res.err)
				assert.Equal(t, want.attempts, res.attempts, "%s: %v", w.title, res.err)
				assert.Equal(t, want.ends, res.ends, "%s: %v", w.title, res.err)
				assert.Equal(t, want.partial, res.partial, "%s: %v", w.title, res.err)
				fmt.Fprintf(&cells, " %s |", cell(res, want))
				if a := claude.Explain(res.err); a.Class != "" {
					assert.Equal(t, r.who, a.Who, "%s: %v", w.title, res.err)
					if advice.Class == "" {
						advice = a
					}
				}
				if want.class == "" && want.ends == whole {
					continue
				}
				one := r.play(t, w, r.step, claudetest.Text("after").Always())
				if want.answered > 0 {
					assert.Equal(t, want.answered, one.attempts, "%s, once: %v", w.title, one.err)
					res.class, res.ends, res.partial = "", whole, false
				}
				assert.Equal(t, res.class, one.class, "%s, once: %v", w.title, one.err)
				assert.Equal(t, res.ends, one.ends, "%s, once: %v", w.title, one.err)
				assert.Equal(t, res.partial, one.partial, "%s, once: %v", w.title, one.err)
			}
			says := ""
			if advice.Class != "" {
				says = fmt.Sprintf(" %s (whose to mend: %s)", advice.Summary, advice.Who)
			}
			lines = append(lines, fmt.Sprintf("| %s | `%s` |%s%s |\n", r.fault, code[i], cells.String(), says))
		})
	}
	if len(lines) < len(faults) || t.Failed() {
		return // some were not asked for, or are wrong
	}
	var doc strings.Builder
	doc.WriteString(`<!-- Generated by "go test ./claudetest -run TestMatrix -update"; do not edit. -->

# Faults

Every fault that the steps of package claudetest can play, and what comes of it for a
caller of the typed client's Create, for one of its Stream, who reads to the end, and
for one of claude.Transport under a plain http.Client: each line is a test. A cell says
what the caller gets from a fault that lasts and after how many attempts, and in
brackets, where a fault that comes once is got over, how many attempts that takes. With
Partial, the error is a *claude.StreamError that holds the text which had come. The
advice is what claude.Explain says of the error, that of Create where they differ.

| fault | as a step |`)
	for _, w := range ways {
		fmt.Fprintf(&doc, " %s |", w.title)
	}
	doc.WriteString(" advice |\n|" + strings.Repeat(" --- |", len(ways)+3) + "\n" + strings.Join(lines, ""))
	const path = "../docs/faults.md"
	if *updateDocs {
		require.NoError(t, os.WriteFile(path, []byte(doc.String()), 0o644))
		return
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, doc.String(), strings.ReplaceAll(string(data), "\r\n", "\n"), "run: go test ./claudetest -run TestMatrix -update")
}

func TestTheMatrixHasEveryFault(t *testing.T) {
	code := strings.Join(sources(t), "\n")
	for _, name := range []string{"fault.go", "step.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || f.Type.Results == nil {
				continue
			}
			if result, ok := f.Type.Results.List[0].Type.(*ast.Ident); !ok || result.Name != "Step" {
				continue
			}
			switch f.Name.Name {
			case "Times", "Always", "On", "ForModel", "ForKey", "Header":
				continue // say when and how, not what goes wrong
			case "After":
				continue // is what SlowHeader is made of
			}
			assert.Contains(t, code, "."+f.Name.Name+"(", "the table lacks it")
		}
	}
}
