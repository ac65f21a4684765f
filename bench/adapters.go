package main

import (
	"net/http"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/hashicorp/go-retryablehttp"
)

// withFailsafe adds failsafe-go's retries and circuit breaker, as they come.
func withFailsafe(rt http.RoundTripper) http.RoundTripper {
	return failsafehttp.NewRoundTripper(rt,
		failsafehttp.NewRetryPolicyBuilder().Build(),
		circuitbreaker.NewWithDefaults[*http.Response](),
	)
}

// withRetryable adds go-retryablehttp's retries, as they come, without its log.
func withRetryable(rt http.RoundTripper) http.RoundTripper {
	client := retryablehttp.NewClient()
	client.HTTPClient, client.Logger = &http.Client{Transport: rt}, nil
	return client.StandardClient().Transport
}
