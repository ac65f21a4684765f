package ask

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// ask runs a question against a script, in memory.
func ask(ctx context.Context, script *claudetest.Transport, change func(*Config)) (out, notes string, err error) {
	var written, noted bytes.Buffer
	c := Config{
		Request: claude.Request{Model: claude.ModelSonnet5_5, MaxTokens: 64, Messages: []claude.Message{claude.UserText("Hello")}},
		Out:     &written, Err: &noted,
		Options: []claude.Option{claude.WithAPIKey("a-key-that-nobody-may-see"), claude.WithRoundTripper(script)},
	}
	if change != nil {
		change(&c)
	}
	err = Run(ctx, c)
	return written.String(), noted.String(), err
}

func TestRetriesAndWaitsAreNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := claudetest.NewTransport(claudetest.RateLimited(7*time.Second), claudetest.Text("Hello!"))
		out, notes, err := ask(t.Context(), script, nil)
		require.NoError(t, err)
		assert.Equal(t, "Hello!\n", out)
		assert.Regexp(t, `^steadfast: attempt 1 failed: rate_limit \(429\); trying again in 7[.\d]*s, as the server asked\n`, notes)
		assert.Contains(t, notes, "2 attempts")
		script.Verify(t)
	})
}

func TestTheProgressLineIsGoneBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := claudetest.NewTransport(claudetest.RateLimited(2*time.Second), claudetest.Text("Hello!").After(time.Second))
		out, notes, err := ask(t.Context(), script, func(c *Config) { c.Progress = true })
		require.NoError(t, err)
		assert.Equal(t, "Hello!\n", out)
		assert.Contains(t, notes, "waiting before the next attempt, 1.5s")
		assert.Contains(t, notes, "attempt 2: waiting for the first words, 500ms")
		last := strings.LastIndex(notes, "waiting for the first words")
		assert.Contains(t, notes[last:], "\r\x1b[Ksteadfast: claude-sonnet-5-5", "the line is wiped before the last note")
	})
}

func TestWithoutATerminalThereIsNoProgressLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, notes, err := ask(t.Context(), claudetest.NewTransport(claudetest.Text("Hello!").After(3*time.Second)), nil)
		require.NoError(t, err)
		assert.NotContains(t, notes, "\r")
		assert.NotContains(t, notes, "\x1b")
	})
}

func TestAnInterruptDuringAWaitEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, nil)
		defer cancel()
		ctx, interrupt := context.WithCancel(ctx)
		time.AfterFunc(time.Second, interrupt)
		start := time.Now()
		out, notes, err := ask(ctx, claudetest.NewTransport(claudetest.RateLimited(2*time.Second)), func(c *Config) { c.Progress = true })
		assert.Equal(t, time.Second, time.Since(start))
		assert.Equal(t, claude.ErrCanceled, claude.ClassOf(err))
		assert.Empty(t, out)
		assert.Contains(t, notes, "interrupted")
	})
}

func TestWhatCannotBeWrittenEndsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, notes, err := ask(t.Context(), claudetest.NewTransport(claudetest.Text("one two three four")), func(c *Config) { c.Out = broken{} })
		require.ErrorIs(t, err, errBroken)
		assert.Contains(t, notes, "cannot write the answer")
	})
}

var errBroken = errors.New("broken pipe")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
