package claude

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RateLimit is what an answer's headers said of the account's limits. Where the
// API said nothing the fields are zero.
//
// https://platform.claude.com/docs/en/api/rate-limits
type RateLimit struct {
	Requests     Limit // requests per minute
	Tokens       Limit // the most restrictive token limit in effect
	InputTokens  Limit
	OutputTokens Limit
}

// Limit is one limit: a bucket that refills all the time.
type Limit struct {
	Limit     int
	Remaining int
	Reset     time.Time // when the bucket is full again

	usedUp bool // Remaining was there, and 0
}

func parseRateLimit(h http.Header) RateLimit {
	return RateLimit{
		Requests:     parseLimit(h, "Anthropic-Ratelimit-Requests-Limit", "Anthropic-Ratelimit-Requests-Remaining", "Anthropic-Ratelimit-Requests-Reset"),
		Tokens:       parseLimit(h, "Anthropic-Ratelimit-Tokens-Limit", "Anthropic-Ratelimit-Tokens-Remaining", "Anthropic-Ratelimit-Tokens-Reset"),
		InputTokens:  parseLimit(h, "Anthropic-Ratelimit-Input-Tokens-Limit", "Anthropic-Ratelimit-Input-Tokens-Remaining", "Anthropic-Ratelimit-Input-Tokens-Reset"),
		OutputTokens: parseLimit(h, "Anthropic-Ratelimit-Output-Tokens-Limit", "Anthropic-Ratelimit-Output-Tokens-Remaining", "Anthropic-Ratelimit-Output-Tokens-Reset"),
	}
}

func parseLimit(h http.Header, limit, remaining, reset string) Limit {
	var l Limit
	if s := first(h, limit); s != "" {
		l.Limit, _ = strconv.Atoi(s)
	}
	if s := first(h, remaining); s != "" {
		var err error
		l.Remaining, err = strconv.Atoi(s)
		l.usedUp = err == nil && l.Remaining <= 0
	}
	if s := first(h, reset); s != "" {
		l.Reset, _ = time.Parse(time.RFC3339, s)
	}
	return l
}

// first is Header.Get for a name in canonical form.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// retryAfter returns how long the server asked us to wait. It reads, in this
// order: Retry-After-Ms, Retry-After in seconds (whole or not) or as a date, and
// for a 429 without either the reset of the limits that are used up.
func retryAfter(h http.Header, status int, now time.Time) (wait time.Duration, ok bool) {
	if s := first(h, "Retry-After-Ms"); s != "" {
		if ms, err := parseDecimal(s); err == nil {
			return seconds(ms / 1000)
		}
	}
	if s := first(h, "Retry-After"); s != "" {
		if sec, err := parseDecimal(s); err == nil {
			return seconds(sec)
		}
		if at, err := http.ParseTime(s); err == nil {
			return max(0, at.Sub(now)), true
		}
	}
	if status != http.StatusTooManyRequests {
		return 0, false
	}
	limits := parseRateLimit(h)
	for _, l := range []Limit{limits.Requests, limits.InputTokens, limits.OutputTokens, limits.Tokens} {
		if l.usedUp && l.Reset.After(now) {
			wait, ok = max(wait, l.Reset.Sub(now)), true
		}
	}
	return wait, ok
}

// parseDecimal reads digits with at most one point, and nothing else that ParseFloat
// would: no "inf", no "0x1p20".
func parseDecimal(s string) (float64, error) {
	s = strings.TrimSpace(s)
	if strings.Trim(s, "0123456789.") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(s, 64)
}

// maxHint is the longest wait that is taken for one. Beyond it the header holds
// something else, such as the time of day in seconds.
const maxHint = 7 * 24 * time.Hour

// seconds converts; garbage is no hint.
func seconds(s float64) (time.Duration, bool) {
	if math.IsNaN(s) || s < 0 || s > maxHint.Seconds() {
		return 0, false
	}
	return time.Duration(s * float64(time.Second)), true
}
