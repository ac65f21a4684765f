package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExplainShowsClassCauseAndActions(t *testing.T) {
	for name, c := range map[string]struct {
		args  []string
		stdin string
	}{
		"explain-err-bad-request": {args: []string{"explain", "Unable to connect to Anthropic services. Failed to connect to api.anthropic.com: ERR_BAD_REQUEST"}},
		"explain-region":          {args: []string{"explain", `API Error: 403 {"error":{"type":"forbidden","message":"Request not allowed"}}`}},
		"explain-status":          {args: []string{"explain", "529"}},
		"explain-unquoted":        {args: []string{"explain", "curl:", "(60)", "SSL", "certificate", "problem"}},
		"explain-stdin":           {args: []string{"explain", "-"}, stdin: "anthropic.BadRequestError: Error code: 400 - {'type': 'error', 'error': {'type': 'invalid_request_error', 'message': 'prompt is too long: 233153 tokens > 200000 maximum'}}\n"},
		"explain-node-tls":        {args: []string{"explain", "Failed to connect to api.anthropic.com: SELF_SIGNED_CERT_IN_CHAIN"}},
		"explain-hidden-cause":    {args: []string{"explain", "anthropic.APIConnectionError: Connection error."}},
		"explain-json":            {args: []string{"explain", "--json", "getaddrinfo ENOTFOUND api.anthropic.com"}},
		"explain-unknown":         {args: []string{"explain", "It does not work"}},
		"explain-unknown-json":    {args: []string{"explain", "--json", "It does not work"}},
		"explain-nothing":         {args: []string{"explain"}},
		"explain-wrong-flag":      {args: []string{"explain", "--yaml", "529"}},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, c.args, call(c.stdin, c.args...)) })
	}
}

func TestExplainNeverRepeatsAKey(t *testing.T) {
	key := "sk-ant-" + "api03-" + strings.Repeat("Ab3dEf9h", 11) + "AA"
	for _, args := range [][]string{
		{"explain", "401 invalid x-api-key " + key},
		{"explain", key},
		{"explain", "--json", "x-api-key: " + key, "ECONNRESET"},
		{"explain", "--" + key},
		{"explain", "--json=" + key, "529"},
		{"nonsense", key},
		{key},
	} {
		s := call("", args...)
		assert.NotContains(t, s.stdout+s.stderr, key)
		assert.NotContains(t, s.stdout+s.stderr, key[:24])
	}
}

func TestExplainInJSONIsOneObject(t *testing.T) {
	s := call("", "explain", "--json", "429 Too Many Requests")
	require.Zero(t, s.code)
	var out struct {
		Known  bool   `json:"known"`
		Class  string `json:"class"`
		Status int    `json:"status"`
		Advice struct {
			Actions []string `json:"actions"`
		} `json:"advice"`
	}
	require.NoError(t, json.Unmarshal([]byte(s.stdout), &out))
	assert.True(t, out.Known)
	assert.Equal(t, "rate_limit", out.Class)
	assert.Equal(t, 429, out.Status)
	assert.NotEmpty(t, out.Advice.Actions)
}
