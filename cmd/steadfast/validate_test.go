package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestValidateShowsEveryProblemWithPathAndFix(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	good := write("good.json", `{"model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}`)
	bad := write("bad.json", `{"model":"claude-sonnet-5-5","messages":[{"role":"user","content":""},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"weather","input":{}}]},{"role":"user","content":"secret prompt"}],"temprature":1}`)
	warned := write("warned.json", `{"model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":"Hello"}],"temprature":1}`)
	for name, c := range map[string]struct {
		args  []string
		stdin string
	}{
		"validate-good":       {args: []string{"validate", good}},
		"validate-bad":        {args: []string{"validate", bad}},
		"validate-several":    {args: []string{"validate", good, bad, warned}},
		"validate-warned":     {args: []string{"validate", warned}},
		"validate-strict":     {args: []string{"validate", "--strict", warned}},
		"validate-json":       {args: []string{"validate", "--json", good, bad}},
		"validate-stdin":      {args: []string{"validate"}, stdin: `{"model":`},
		"validate-dash":       {args: []string{"validate", "--json", "-"}, stdin: `[]`},
		"validate-version":    {args: []string{"validate", "--version", "2023-06-01", good}},
		"validate-no-file":    {args: []string{"validate", filepath.Join(dir, "none.json")}},
		"validate-wrong-flag": {args: []string{"validate", "--lenient"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := call(c.stdin, c.args...)
			assert.NotContains(t, s.stdout, "secret prompt")
			golden(t, name, c.args, s, dir+string(filepath.Separator), "")
		})
	}
}

func TestTheVersionFlagOfValidateIsTheAPIs(t *testing.T) {
	assert.Equal(t, []string{"validate", "--api-version", "2023-06-01", "x"}, aliases([]string{"validate", "--version", "2023-06-01", "x"}))
	assert.Equal(t, []string{"validate", "--api-version=2023-06-01"}, aliases([]string{"validate", "--version=2023-06-01"}))
	assert.Equal(t, []string{"validate", "--version"}, aliases([]string{"validate", "--version"}), "the program's own")
	assert.Equal(t, []string{"ask", "--version", "x"}, aliases([]string{"ask", "--version", "x"}))
	assert.Equal(t, []string{"validate", "--", "--version", "x"}, aliases([]string{"validate", "--", "--version", "x"}))
}
