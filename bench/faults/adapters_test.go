package main

import (
	"net/http"

	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/hashicorp/go-retryablehttp"
)

// newFailsafe is the hand-written code over failsafe-go's adapter, without its retries.
func newFailsafe(e endpoint) (client, error) {
	policy := failsafehttp.NewRetryPolicyBuilder().WithMaxRetries(0).Build() //nolint:bodyclose // there is none yet
	base := e.transport()
	return newRawOver(e, base, failsafehttp.NewRoundTripper(base, policy)), nil
}

// newRetryable is the same over go-retryablehttp's, without its retries and its log.
func newRetryable(e endpoint) (client, error) {
	base := e.transport()
	adapter := retryablehttp.NewClient()
	adapter.HTTPClient, adapter.Logger, adapter.RetryMax = &http.Client{Transport: base}, nil, 0
	return newRawOver(e, base, adapter.StandardClient().Transport), nil
}
