package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryCommandHasAHelpTextWithExamplesAndExitCodes(t *testing.T) {
	for _, command := range []string{"explain", "ask", "validate", "scan", "completion"} {
		s := call("", command, "--help")
		assert.Zero(t, s.code)
		assert.Contains(t, s.stdout, "Examples:", command)
		assert.Contains(t, s.stdout, "steadfast "+command)
		golden(t, "help-"+command, []string{command, "--help"}, s)
	}
}

func TestTheVersionNamesLibraryGoAndSystem(t *testing.T) {
	s := call("", "--version")
	assert.Zero(t, s.code)
	assert.Regexp(t, `^steadfast \S+ \(library \d+\.\d+\.\d+, go\S+, \w+/\w+(, commit [0-9a-f]{12}(, modified)?)?\)\n$`, s.stdout)
}

// complete asks bash what it offers for a line.
func complete(t *testing.T, words ...string) []string {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed: ", err)
	}
	script := filepath.Join(t.TempDir(), "completion.bash")
	require.NoError(t, os.WriteFile(script, []byte(call("", "completion", "bash").stdout), 0o600))
	line := `. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _steadfast; printf '%s\n' "${COMPREPLY[@]}"`
	c := exec.CommandContext(t.Context(), bash, append([]string{"--norc", "-c", line, script}, words...)...)
	c.Dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(c.Dir, "request.json"), nil, 0o600))
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.Fields(string(out))
}

func TestBashCompletesCommandsFlagsAndFiles(t *testing.T) {
	assert.Subset(t, complete(t, "steadfast", ""), []string{"explain", "ask", "validate", "scan", "proxy", "completion"})
	assert.Equal(t, []string{"explain"}, complete(t, "steadfast", "ex"))
	assert.Equal(t, []string{"--max-tokens"}, complete(t, "steadfast", "ask", "--max"))
	assert.Equal(t, []string{"--no-stream"}, complete(t, "steadfast", "ask", "-m", "x", "--no"))
	assert.Equal(t, []string{"request.json"}, complete(t, "steadfast", "validate", "re"))
	assert.Equal(t, []string{"zsh"}, complete(t, "steadfast", "completion", "z"))
	assert.Empty(t, complete(t, "steadfast", "ask", "re"))
}

func TestEveryShellHasACompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		s := call("", "completion", shell)
		assert.Zero(t, s.code)
		assert.Contains(t, s.stdout, "no-stream", shell)
	}
	assert.Equal(t, exitUsage, call("", "completion", "ksh").code)
	for shell, check := range map[string][]string{"zsh": {"-n"}, "fish": {"--no-execute"}} {
		program, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not installed: its script was not read", shell)
			continue
		}
		c := exec.CommandContext(t.Context(), program, check...)
		c.Stdin = strings.NewReader(call("", "completion", shell).stdout)
		out, err := c.CombinedOutput()
		require.NoError(t, err, string(out))
	}
}
