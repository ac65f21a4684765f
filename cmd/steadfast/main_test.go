package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAWrongCommandLineEndsWithTwoAndAFailureWithOne(t *testing.T) {
	t.Setenv("STEADFAST_PROXY_TOKEN", "")
	t.Setenv("ANTHROPIC_API_KEY", "")
	for args, want := range map[string]struct {
		code int
		text string
	}{
		"":                                 {2, "expected"},
		"nonsense":                         {2, "unexpected argument"},
		"proxy --max-body=big":             {2, "no size"},
		"proxy --log-level=loud":           {2, "loud"},
		"proxy --listen=0.0.0.0:0":         {1, "token"},
		"proxy --upstream=http://10.0.0.1": {1, "--plain-http"},
		"proxy --key-from-env":             {1, "ANTHROPIC_API_KEY"},
		"proxy --attempts=0":               {1, "--attempts"},
		"proxy --max-body=0":               {1, "--max-body"},
		"proxy --max-concurrent=-1":        {1, "--max-concurrent"},
	} {
		var out, failure bytes.Buffer
		assert.Equal(t, want.code, run(strings.Fields(args), streams{&out, &failure}), args)
		assert.Contains(t, failure.String(), want.text, args)
		assert.Empty(t, out.String(), args)
	}
}
