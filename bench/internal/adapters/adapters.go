// Package adapters has the HTTP adapters of resilience libraries that know nothing of
// the Messages API, with what they do by default.
package adapters

import (
	"net/http"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/hashicorp/go-retryablehttp"
)

// Failsafe adds failsafe-go's retries and circuit breaker. As it comes, the breaker
// counts errors, not answers that say so.
func Failsafe(rt http.RoundTripper) http.RoundTripper {
	return failsafehttp.NewRoundTripper(rt,
		failsafehttp.NewRetryPolicyBuilder().Build(),
		circuitbreaker.NewWithDefaults[*http.Response](),
	)
}

// Retryable adds go-retryablehttp's retries, without its log.
func Retryable(rt http.RoundTripper) http.RoundTripper {
	client := retryablehttp.NewClient()
	client.HTTPClient, client.Logger = &http.Client{Transport: rt}, nil
	return client.StandardClient().Transport
}
