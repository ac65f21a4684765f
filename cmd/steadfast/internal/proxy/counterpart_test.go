package proxy

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude/claudetest"
)

// counterpart returns the path of a program that a test needs: what the variable
// holds, or one of the names on the PATH. The test is skipped where there is none.
func counterpart(t *testing.T, variable string, names ...string) string {
	t.Helper()
	if path := os.Getenv(variable); path != "" {
		_, err := os.Stat(path)
		require.NoError(t, err, variable)
		return path
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	where := variable
	if len(names) > 0 {
		where += ", or on the PATH as " + strings.Join(names, " or ")
	}
	t.Skip("skipped: the program is not here; its path goes into " + where)
	return ""
}

// runProgram runs a program to its end, with nothing of our environment but the
// PATH, and returns what it printed.
func runProgram(t *testing.T, env []string, path string, args ...string) (out string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, path, args...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	data, err := command.Output()
	return string(data), err
}

// TestClaudeCodeGetsItsAnswer runs a released client in another language against the
// proxy: Claude Code, the binary in the npm package @anthropic-ai/claude-code-linux-x64,
// tried with version 2.1.197. What is on the PATH is somebody's own, and left alone.
func TestClaudeCodeGetsItsAnswer(t *testing.T) {
	path := counterpart(t, "STEADFAST_CLAUDE_CODE")
	const text = "Good morning to you, whoever you are."
	answer := claudetest.Text(text)
	inEvent := claudetest.Bytes(strings.LastIndex(try(t, nil, answer).post(streamed).body, "text_delta"))
	truncated := map[string]int{"stream_truncated": 1}
	for _, tc := range []struct {
		name     string
		steps    []claudetest.Step
		answered bool
		attempts int
		classes  map[string]int // of what the client saw fail
	}{
		{"a healthy API", []claudetest.Step{answer}, true, 1, nil},
		{"529", []claudetest.Step{claudetest.Overloaded(), answer}, true, 2, nil},
		{"a connection reset", []claudetest.Step{claudetest.Reset(), answer}, true, 2, nil},
		{"a reset before the content", []claudetest.Step{answer.ResetAfter(claudetest.Events(2)), answer}, true, 2, nil},
		{"a stall before the content", []claudetest.Step{answer.StallAfter(claudetest.Events(2), claudetest.Forever), answer}, true, 2, nil},

		// An error event is an error to it: it asks once more, without a stream.
		{"a reset after the content", []claudetest.Step{answer.ResetAfter(claudetest.Events(4)), answer}, true, 2, truncated},
		{"an end after the content", []claudetest.Step{answer.EndAfter(claudetest.Events(4)), answer}, true, 2, truncated},
		{"an end in the middle of an event", []claudetest.Step{answer.EndAfter(inEvent), answer}, true, 2, truncated},
		{"an end after the content, then a refusal", []claudetest.Step{answer.EndAfter(claudetest.Events(4)), claudetest.Forbidden()}, false, 2, map[string]int{"stream_truncated": 1, "permission": 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// It looks whether somebody is there, before it asks.
			s := try(t, impatient, append(tc.steps, claudetest.Empty(http.StatusOK).On("HEAD /").Always())...)
			out, err := runProgram(t, []string{
				"ANTHROPIC_BASE_URL=" + s.url, "ANTHROPIC_API_KEY=sk-ant-dummy",
				"DISABLE_TELEMETRY=1", "DISABLE_ERROR_REPORTING=1", "DISABLE_AUTOUPDATER=1",
				"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "CLAUDE_CODE_MAX_RETRIES=1",
			}, path, "-p", "hello", "--output-format", "json")
			var result struct {
				IsError bool `json:"is_error"`
				Result  string
			}
			require.NoError(t, json.Unmarshal([]byte(out), &result), out)
			t.Logf("it said: %s (exit: %v)", result.Result, err)
			status := s.settled()
			t.Logf("the proxy counted: %+v %v", status.Requests, status.Classes)
			assert.Equal(t, !tc.answered, result.IsError, out)
			if tc.answered {
				require.NoError(t, err, out)
				assert.Equal(t, text, result.Result)
			}
			assert.Equal(t, tc.attempts, status.Requests.Attempts)
			assert.Len(t, status.Classes, len(tc.classes))
			for class, n := range tc.classes {
				assert.Equal(t, n, status.Classes[class], class)
			}
		})
	}
}
