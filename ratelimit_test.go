package claude

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRetryAfterIsReadInAllItsForms(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		header map[string]string
		status int
		want   time.Duration
		ok     bool
	}{
		"none":                     {nil, 429, 0, false},
		"seconds":                  {map[string]string{"Retry-After": "7"}, 429, 7 * time.Second, true},
		"zero":                     {map[string]string{"Retry-After": "0"}, 429, 0, true},
		"a float":                  {map[string]string{"Retry-After": "1.5"}, 503, 1500 * time.Millisecond, true},
		"milliseconds win":         {map[string]string{"Retry-After": "7", "Retry-After-Ms": "250"}, 429, 250 * time.Millisecond, true},
		"a date":                   {map[string]string{"Retry-After": "Tue, 24 Nov 2026 12:00:30 GMT"}, 429, 30 * time.Second, true},
		"a date gone by":           {map[string]string{"Retry-After": "Tue, 24 Nov 2026 11:00:00 GMT"}, 429, 0, true},
		"garbage":                  {map[string]string{"Retry-After": "soon"}, 429, 0, false},
		"negative":                 {map[string]string{"Retry-After": "-5"}, 429, 0, false},
		"not a number":             {map[string]string{"Retry-After": "NaN"}, 429, 0, false},
		"for ever":                 {map[string]string{"Retry-After": "1e300"}, 429, 0, false},
		"the time of day":          {map[string]string{"Retry-After": "1764022800"}, 429, 0, false},
		"infinity":                 {map[string]string{"Retry-After": "inf"}, 429, 0, false},
		"hexadecimal":              {map[string]string{"Retry-After": "0x1p20"}, 429, 0, false},
		"a day":                    {map[string]string{"Retry-After": "86400"}, 429, 24 * time.Hour, true},
		"the reset of what is out": {map[string]string{"Anthropic-Ratelimit-Requests-Limit": "10", "Anthropic-Ratelimit-Requests-Remaining": "5", "Anthropic-Ratelimit-Requests-Reset": "2026-11-24T12:05:00Z", "Anthropic-Ratelimit-Input-Tokens-Limit": "10", "Anthropic-Ratelimit-Input-Tokens-Remaining": "0", "Anthropic-Ratelimit-Input-Tokens-Reset": "2026-11-24T12:00:20Z"}, 429, 20 * time.Second, true},
		"a reset is for 429 only":  {map[string]string{"Anthropic-Ratelimit-Requests-Limit": "10", "Anthropic-Ratelimit-Requests-Remaining": "0", "Anthropic-Ratelimit-Requests-Reset": "2026-11-24T12:05:00Z"}, 529, 0, false},
	} {
		h := http.Header{}
		for k, v := range tc.header {
			h.Set(k, v)
		}
		got, ok := retryAfter(h, tc.status, now)
		assert.Equal(t, tc.ok, ok, name)
		assert.Equal(t, tc.want, got, name)
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("7", "250", "2026-11-24T12:05:00Z", "0")
	f.Add("Tue, 24 Nov 2026 12:00:30 GMT", "x", "", "-1")
	f.Fuzz(func(t *testing.T, after, ms, reset, remaining string) {
		h := http.Header{"Retry-After": {after}, "Retry-After-Ms": {ms}, "Anthropic-Ratelimit-Tokens-Limit": {"1"}, "Anthropic-Ratelimit-Tokens-Remaining": {remaining}, "Anthropic-Ratelimit-Tokens-Reset": {reset}}
		if wait, ok := retryAfter(h, 429, time.Unix(0, 0)); wait < 0 || !ok && wait != 0 {
			t.Errorf("wait %v, %v", wait, ok)
		}
		parseRateLimit(h)
	})
}

func FuzzErrorBody(f *testing.F) {
	f.Add(400, `{"type":"error","error":{"type":"invalid_request_error","message":"x","details":{"error_code":"y"}},"request_id":"req_1"}`)
	f.Add(502, "<html><title>Bad</title>")
	f.Add(403, `{"error":{"type":"forbidden"}}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 300 || status > 999 {
			status = 400
		}
		v := judge(&observation{status: status, header: http.Header{}, body: body, call: &call{}})
		if _, ok := classes[v.class]; !ok || v.err == nil {
			t.Errorf("class %q of %d", v.class, status)
		}
		if text := v.err.Error(); len(text) > maxShown+8 {
			t.Errorf("%d bytes of error", len(text))
		}
	})
}
