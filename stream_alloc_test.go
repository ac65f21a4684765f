package claude_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
)

// The promises about what an event of a stream allocates, on average over 50,000
// pieces of eleven bytes. What has come is kept, for Partial and for errors: that
// is in all of them.

// eachStream runs f for each kind of stream, with a client that is answered by it.
func eachStream(t *testing.T, f func(t *testing.T, client *claude.Client, s longStream)) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	for name, s := range map[string]longStream{"text": textStream(), "input_json": jsonStream(), "thinking": thinkingStream()} {
		t.Run(name, func(t *testing.T) {
			client, err := claude.New(claude.WithAPIKey(testKey), claude.WithRoundTripper(s))
			require.NoError(t, err)
			f(t, client, s)
		})
	}
}

// allocationsPerEvent returns how many allocations an event takes in a reading.
func allocationsPerEvent(t *testing.T, client *claude.Client, s longStream, read func(context.Context, *claude.Client, longStream) error) float64 {
	t.Helper()
	ctx := t.Context()
	return testing.AllocsPerRun(5, func() { require.NoError(t, read(ctx, client, s)) }) / float64(s.pieces)
}

func TestAnEventReadAsBorrowedBytesAllocatesNothing(t *testing.T) {
	eachStream(t, func(t *testing.T, client *claude.Client, s longStream) {
		t.Helper()
		assert.LessOrEqual(t, allocationsPerEvent(t, client, s, readEvents), 0.02, "a stream allocates, its events don't")
	})
}

func TestAnEventReadAsAStringAllocatesThatString(t *testing.T) {
	eachStream(t, func(t *testing.T, client *claude.Client, s longStream) {
		t.Helper()
		assert.LessOrEqual(t, allocationsPerEvent(t, client, s, readStrings), 1.02)
	})
}

func TestAnEventThatIsReadIsKeptInTwoCopies(t *testing.T) {
	eachStream(t, func(t *testing.T, client *claude.Client, s longStream) {
		t.Helper()
		got := bytesPerRun(t, func() { require.NoError(t, readEvents(t.Context(), client, s)) })
		assert.Less(t, got, len(s.whole)*22/10, "as it came, and in its block")
	})
}

func TestAnAccumulatedEventTakesAtMost64Bytes(t *testing.T) {
	eachStream(t, func(t *testing.T, client *claude.Client, s longStream) {
		t.Helper()
		got := bytesPerRun(t, func() { require.NoError(t, readWhole(t.Context(), client, s)) })
		assert.LessOrEqual(t, float64(got)/float64(s.pieces), 64.0)
		assert.Less(t, got, len(s.whole)*5, "as it came, in its block, and in Raw")
	})
}
