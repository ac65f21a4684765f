package claudetest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// fake is a Messenger without a client.
type fake struct{ step claudetest.Step }

func (f fake) Stream(ctx context.Context, r claude.Request, _ ...claude.CallOption) (*claude.Stream, error) {
	return claudetest.Stream(ctx, r, f.step), nil
}

func (f fake) Create(ctx context.Context, r claude.Request, _ ...claude.CallOption) (*claude.Response, error) {
	return claudetest.Stream(ctx, r, f.step).Response()
}

func (fake) CountTokens(context.Context, claude.Request, ...claude.CallOption) (int, error) {
	return 1, nil
}

func TestAFakeMessengerStreamsWhatAStepSays(t *testing.T) {
	var m claude.Messenger = fake{claudetest.Text("Hello there, how are you today?")}
	resp, err := m.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "Hello there, how are you today?", resp.Text())
	assert.Equal(t, hello.Model, resp.Model)

	m = fake{claudetest.Text("Hello there, how are you today?").CutAfter(claudetest.Events(5))}
	stream, err := m.Stream(t.Context(), hello)
	require.NoError(t, err)
	var text strings.Builder
	for piece, err := range stream.Text() {
		if err != nil {
			require.ErrorIs(t, err, claude.ErrStreamTruncated)
			break
		}
		text.WriteString(piece)
	}
	assert.Equal(t, "Hello there, how", strings.TrimSpace(text.String())[:16])

	_, err = fake{claudetest.Overloaded()}.Create(t.Context(), hello)
	require.ErrorIs(t, err, claude.ErrStreamTruncated)
}
