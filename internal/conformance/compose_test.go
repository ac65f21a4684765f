package conformance

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	anthropic1 "github.com/anthropics/anthropic-sdk-go"
	option1 "github.com/anthropics/anthropic-sdk-go/option"
	anthropic2 "github.com/anthropics/anthropic-sdk-go/v2"
	option2 "github.com/anthropics/anthropic-sdk-go/v2/option"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"golang.org/x/oauth2"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

const origin = "https://api.anthropic.com"

func TestAnSDKsErrorCanBeExplained(t *testing.T) {
	for _, c := range callers[:2] {
		synctest.Test(t, func(t *testing.T) {
			client := &http.Client{Transport: &claude.Transport{Base: claudetest.NewTransport(claudetest.SpendLimit())}}
			err := c.call(t.Context(), client, origin, false).err
			if e, ok := errors.AsType[*anthropic1.Error](err); ok {
				err = claude.CheckResponse(e.Response)
			}
			if e, ok := errors.AsType[*anthropic2.Error](err); ok {
				err = claude.CheckResponse(e.Response)
			}
			require.ErrorIs(t, err, claude.ErrBilling, c.name)
			assert.Equal(t, claude.PartyAccount, claude.Explain(err).Who)
		})
	}
}

func TestAnOpenBreakerStopsAnSDKsOwnRetriesToo(t *testing.T) {
	for _, c := range callers {
		synctest.Test(t, func(t *testing.T) {
			script := claudetest.NewTransport(claudetest.Overloaded().Times(3))
			client := &http.Client{Transport: &claude.Transport{Base: script, Breaker: claude.BreakerPolicy{Run: 3}}}
			assert.Equal(t, 529, c.call(t.Context(), client, origin, false).status)
			require.ErrorIs(t, c.call(t.Context(), client, origin, false).err, claude.ErrCircuitOpen, c.name)
			script.ExpectRequests(t, 3)
		})
	}
}

func TestAnSDKsRequestTimeoutLeavesItToTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := claudetest.NewTransport(claudetest.NoAnswer(), claudetest.Overloaded(), fox)
		sdk := anthropic2.NewClient(option2.WithoutEnvironmentDefaults(), option2.WithAPIKey(key), option2.WithRequestTimeout(10*time.Second),
			option2.WithHTTPClient(&http.Client{Transport: &claude.Transport{Base: script}}))
		message, err := sdk.Messages.New(t.Context(), anthropic2.MessageNewParams{
			Model: model, MaxTokens: 64,
			Messages: []anthropic2.MessageParam{anthropic2.NewUserMessage(anthropic2.NewTextBlock("Hello"))},
		})
		require.NoError(t, err, "its second request is attempted once and not silenced, so that it has a third")
		assert.Equal(t, foxText, message.Content[0].Text)
		script.ExpectRequests(t, 3)
	})
}

func TestAnSDKMakesNoBatchTwice(t *testing.T) {
	batch := claudetest.Internal().On("POST /v1/messages/batches")
	synctest.Test(t, func(t *testing.T) {
		script := claudetest.NewTransport(batch)
		sdk := anthropic1.NewClient(option1.WithoutEnvironmentDefaults(), option1.WithAPIKey(key), option1.WithHTTPClient(&http.Client{Transport: &claude.Transport{Base: script}}))
		_, err := sdk.Messages.Batches.New(t.Context(), anthropic1.MessageBatchNewParams{})
		e, ok := errors.AsType[*anthropic1.Error](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, 500, e.StatusCode)
		script.ExpectRequests(t, 1)
	})
	synctest.Test(t, func(t *testing.T) {
		script := claudetest.NewTransport(batch)
		sdk := anthropic2.NewClient(option2.WithoutEnvironmentDefaults(), option2.WithAPIKey(key), option2.WithHTTPClient(&http.Client{Transport: &claude.Transport{Base: script}}))
		_, err := sdk.Messages.Batches.New(t.Context(), anthropic2.MessageBatchNewParams{})
		e, ok := errors.AsType[*anthropic2.Error](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, 500, e.StatusCode)
		script.ExpectRequests(t, 1)
	})
}

func TestAnSDKCountsAndListsThroughFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := claudetest.NewTransport(
			claudetest.Overloaded().On("POST /v1/messages/count_tokens"),
			claudetest.Reset().On("GET /v1/models"),
		)
		sdk := anthropic2.NewClient(option2.WithoutEnvironmentDefaults(), option2.WithAPIKey(key), option2.WithHTTPClient(&http.Client{Transport: &claude.Transport{Base: script}}))
		count, err := sdk.Messages.CountTokens(t.Context(), anthropic2.MessageCountTokensParams{
			Model:    model,
			Messages: []anthropic2.MessageParam{anthropic2.NewUserMessage(anthropic2.NewTextBlock("Hello"))},
		})
		require.NoError(t, err)
		assert.Positive(t, count.InputTokens)
		models, err := sdk.Models.List(t.Context(), anthropic2.ModelListParams{})
		require.NoError(t, err)
		assert.NotEmpty(t, models.Data)
		script.ExpectRequests(t, 4)
	})
}

// rotating hands out another token each time.
type rotating struct{ n atomic.Int64 }

func (r *rotating) Token() (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: "token-" + string(rune('0'+r.n.Add(1)))}, nil
}

func TestATokenSourceAndTracingStandOnEitherSide(t *testing.T) {
	script := []claudetest.Step{claudetest.Overloaded(), claudetest.Reset(), fox}
	retry := claude.RetryPolicy{BaseDelay: 1, OverloadBase: 1}
	for _, streamed := range []bool{false, true} {
		for name, tc := range map[string]struct {
			build  func(base http.RoundTripper, spans sdktrace.SpanProcessor) http.RoundTripper
			tokens []string
			spans  []string // by their end, with their parents' names
		}{
			"outside": {
				func(base http.RoundTripper, spans sdktrace.SpanProcessor) http.RoundTripper {
					return traced(&oauth2.Transport{Source: new(rotating), Base: &claude.Transport{Base: base, Retry: retry}}, spans, "call")
				},
				[]string{"token-1", "token-1", "token-1"},
				[]string{"call"},
			},
			"inside": {
				func(base http.RoundTripper, spans sdktrace.SpanProcessor) http.RoundTripper {
					return &claude.Transport{Base: &oauth2.Transport{Source: new(rotating), Base: traced(base, spans, "attempt")}, Retry: retry}
				},
				[]string{"token-1", "token-2", "token-3"},
				[]string{"attempt", "attempt", "attempt"},
			},
			"both": {
				func(base http.RoundTripper, spans sdktrace.SpanProcessor) http.RoundTripper {
					return traced(&claude.Transport{Base: &oauth2.Transport{Source: new(rotating), Base: traced(base, spans, "attempt")}, Retry: retry}, spans, "call")
				},
				[]string{"token-1", "token-2", "token-3"},
				[]string{"attempt of call", "attempt of call", "attempt of call", "call"},
			},
		} {
			t.Run(name, func(t *testing.T) {
				server := claudetest.NewServer(t, script...)
				base := new(http.Transport)
				defer base.CloseIdleConnections()
				recorder := tracetest.NewSpanRecorder()
				client := &http.Client{Transport: tc.build(base, recorder)}
				got := callPlain(t.Context(), client, server.URL, streamed)
				assert.Equal(t, reply{text: foxText, complete: true}, got)
				var tokens []string
				traces := make(map[string]bool)
				for _, r := range server.Requests() {
					tokens = append(tokens, r.Header.Get("Authorization")[len("Bearer "):])
					traces[r.Header.Get("Traceparent")] = true
				}
				assert.Equal(t, tc.tokens, tokens)
				if name != "outside" {
					assert.Len(t, traces, 3, "each attempt has a span of its own for the server to continue")
				}
				names := make(map[[8]byte]string)
				for _, s := range recorder.Started() {
					names[s.SpanContext().SpanID()] = s.Name()
				}
				var spans []string
				for _, s := range recorder.Ended() {
					span := s.Name()
					if parent := names[s.Parent().SpanID()]; parent != "" {
						span += " of " + parent
					}
					spans = append(spans, span)
				}
				assert.Equal(t, tc.spans, spans)
			})
		}
	}
}

// traced is a round tripper with a span for each request.
func traced(base http.RoundTripper, spans sdktrace.SpanProcessor, name string) http.RoundTripper {
	return otelhttp.NewTransport(base,
		otelhttp.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))),
		otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithSpanNameFormatter(func(string, *http.Request) string { return name }),
	)
}

func TestACallersContextReachesTheBase(t *testing.T) {
	type mark struct{}
	seen := 0
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Context().Value(mark{}) == "here" {
			seen++
		}
		return claudetest.NewTransport(fox).RoundTrip(r)
	})
	for _, c := range callers {
		got := c.call(context.WithValue(t.Context(), mark{}, "here"), &http.Client{Transport: &claude.Transport{Base: base}}, origin, false)
		require.NoError(t, got.err)
	}
	assert.Equal(t, len(callers), seen)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
