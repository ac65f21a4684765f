package diagnose_test

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/diagnose"
)

func TestAHealthyWayIsSeenInUnderTwoSeconds(t *testing.T) {
	var told []string
	cfg := api(t)
	cfg.OnStep = func(s diagnose.Step) {
		if s.Status == diagnose.StatusRunning {
			told = append(told, s.ID)
		} else {
			told = append(told, s.ID+" "+string(s.Status))
		}
	}
	start := time.Now()
	report := diagnosed(t, cfg)
	assert.Less(t, time.Since(start), 2*time.Second)
	assert.True(t, report.Healthy)
	assert.Equal(t, diagnose.Healthy, report.Verdict.Name)
	assert.Equal(t, []string{
		"configuration", "configuration ok", "environment", "environment ok", "proxy", "proxy ok", "dns", "dns ok", "connect", "connect ok",
		"path skipped", "tls", "tls ok", "http", "http ok", "clock", "clock ok", "auth", "auth ok", "model", "model ok", "count", "count ok",
		"message", "message skipped", "status", "status ok",
	}, told)
	golden(t, "healthy", report)
}

func TestAPaidCallIsMadeOnlyWhenItIsAskedFor(t *testing.T) {
	cfg := api(t, claudetest.Text("Hi").Usage(8, 1))
	cfg.Paid = true
	report := diagnosed(t, cfg)
	assert.True(t, report.Healthy)
	assert.Equal(t, "works: 8 tokens in, 1 out", step(t, report, "message").Finding)
	assert.Contains(t, report.Curl, `"max_tokens":1`)
	golden(t, "paid", report)
}

func TestTheContextEndsADiagnosis(t *testing.T) {
	t.Run("before it begins", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("the user left"))
		report := diagnose.Run(ctx, diagnose.Config{APIKey: testKey, Environ: []string{}, FS: nothing})
		holds(t, report)
		assert.False(t, report.Healthy)
		assert.Equal(t, diagnose.Unfinished, report.Verdict.Name)
		assert.Contains(t, report.Verdict.Summary, "the user left")
	})
	t.Run("in the middle of a step", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := diagnose.Config{APIKey: testKey, Environ: []string{}, FS: nothing, BaseURL: serve(t, nil)}
		cfg.OnStep = func(s diagnose.Step) {
			if s.ID == "connect" && s.Status != diagnose.StatusRunning {
				cancel()
			}
		}
		report := diagnose.Run(ctx, cfg)
		holds(t, report)
		assert.Equal(t, diagnose.Unfinished, report.Verdict.Name)
		assert.Equal(t, diagnose.StatusSkipped, step(t, report, "http").Status)
	})
}

func TestAReportIsReadableAsJSON(t *testing.T) {
	report := diagnosed(t, api(t))
	data, err := json.Marshal(report)
	require.NoError(t, err)
	var back map[string]any
	require.NoError(t, json.Unmarshal(data, &back))
	for _, name := range []string{"endpoint", "model", "started", "elapsed_ns", "healthy", "verdict", "steps", "curl"} {
		assert.Contains(t, back, name)
	}
	first := back["steps"].([]any)[0].(map[string]any)
	for _, name := range []string{"id", "title", "status", "elapsed_ns", "finding", "evidence"} {
		assert.Contains(t, first, name)
	}
}

func TestTheLineForCurlWorks(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	server := claudetest.NewServer(t, claudetest.Text("Hi"))
	for _, cfg := range []diagnose.Config{
		{APIKey: testKey},
		{AuthToken: testToken},
		{APIKey: testKey, AuthScheme: claude.AuthBearer},
		{APIKey: testKey, Paid: true, Network: "tcp4"},
	} {
		cfg.BaseURL = server.URL
		cfg.Environ, cfg.FS = []string{"ANTHROPIC_CUSTOM_HEADERS=X-Team: it's ours"}, nothing
		if cfg.Paid {
			server.Add(claudetest.Text("Hi"))
		}
		report := diagnosed(t, cfg)
		before := len(server.Requests())
		line := exec.Command("sh", "-c", strings.Replace(report.Curl, "curl -v", "curl -sS --fail", 1))
		line.Env = []string{"PATH=/usr/bin:/bin", "ANTHROPIC_API_KEY=" + testKey, "ANTHROPIC_AUTH_TOKEN=" + testToken}
		if cfg.AuthScheme != "" {
			line.Env = append(line.Env, "ANTHROPIC_AUTH_TOKEN="+testKey)
		}
		out, err := line.CombinedOutput()
		require.NoError(t, err, "%s\n%s", report.Curl, out)
		require.Len(t, server.Requests(), before+1)
		asked := server.Requests()[before]
		assert.Equal(t, cfg.APIKey+cfg.AuthToken, asked.Key)
		assert.Equal(t, claude.ModelHaiku5_5, asked.Model)
		assert.Equal(t, "it's ours", asked.Header.Get("X-Team"))
	}
}
