package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/cmd/steadfast/internal/term"
	"github.com/steadfast-go/claude/diagnose"
)

// examine runs the doctor against a server, as if on a machine of which nothing is
// known.
func examine(t *testing.T, c doctorCommand, steps ...claudetest.Step) seen {
	t.Helper()
	server := claudetest.NewServer(t, steps...)
	at(t, server.URL)
	c.BaseURL = server.URL
	config := diagnose.Config{
		Environ: []string{"ANTHROPIC_API_KEY=" + "sk-ant-" + "test-key-that-nobody-may-see"},
		FS:      fstest.MapFS{},
	}
	var out, failure bytes.Buffer
	to := streams{&out, &failure}
	code := finish(c.run(t.Context(), to, config), to)
	s := seen{out.String(), failure.String(), code}
	assert.NotContains(t, s.stdout+s.stderr, "nobody-may-see")
	return s
}

// unwrapped joins wrapped values: where they are wrapped depends on versions and times.
func unwrapped(s seen) seen {
	s.stdout = regexp.MustCompile(`(\S)\n {12,}(\S)`).ReplaceAllString(s.stdout, "$1 $2")
	return s
}

func TestTheDoctorFindsNothingWhereAllIsWell(t *testing.T) {
	s := examine(t, doctorCommand{})
	assert.Zero(t, s.code, s.stdout)
	golden(t, "doctor-healthy", []string{"doctor"}, unwrapped(s))
}

func TestTheDoctorNamesAKeyThatIsRefused(t *testing.T) {
	s := examine(t, doctorCommand{}, claudetest.Unauthorized().On("GET /v1/models").Always())
	assert.Equal(t, 1, s.code, s.stdout)
	golden(t, "doctor-unauthorized", []string{"doctor"}, unwrapped(s))
}

func TestTheDoctorInJSONIsTheReport(t *testing.T) {
	s := examine(t, doctorCommand{JSON: true})
	var report diagnose.Report
	require.NoError(t, json.Unmarshal([]byte(s.stdout), &report))
	assert.True(t, report.Healthy)
	assert.NotEmpty(t, report.Steps)
	assert.Empty(t, s.stderr)
}

func TestTheDoctorShowsAStepWhileItIsMadeOnATerminalOnly(t *testing.T) {
	var b strings.Builder
	running, done := diagnose.Step{Title: "DNS", Status: diagnose.StatusRunning}, diagnose.Step{Title: "DNS", Status: diagnose.StatusOK, Finding: "2 addresses"}
	for _, live := range []bool{true, false} {
		b.Reset()
		showStep(&b, term.Painter{}, running, live)
		showStep(&b, term.Painter{}, done, live)
		if live {
			assert.Equal(t, "  ..  DNS\r\x1b[K  ok  DNS: 2 addresses (0s)\n", b.String())
		} else {
			assert.Equal(t, "  ok  DNS: 2 addresses (0s)\n", b.String())
		}
	}
}
