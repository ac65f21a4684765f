package claude_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
)

// The promises about memory. Raising a number here breaks one.

// bytesPerRun returns how many bytes f allocates.
func bytesPerRun(t *testing.T, f func()) int {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const runs = 20
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc-before.TotalAlloc) / runs
}

func TestALargeImageIsNotCopiedIntoTheBody(t *testing.T) {
	r := imageRequest()
	got := bytesPerRun(t, func() {
		_, err := claude.EncodeBody(&r, 512)
		require.NoError(t, err)
	})
	assert.Less(t, got, 8<<10, "the aim is a quarter of the image, %d bytes", len(image8MiB)/4)
}

func TestALargeTextIsEscapedInOneCopy(t *testing.T) {
	text := strings.Repeat(plainProse+"\n", 1<<20/len(plainProse))
	r := say(claude.Text(text))
	got := bytesPerRun(t, func() {
		_, err := claude.EncodeBody(&r, 512)
		require.NoError(t, err)
	})
	assert.Less(t, got, len(text)*11/10)
}

func TestALargeAnswerWithoutEscapesIsNotCopied(t *testing.T) {
	body := bigAnswer(plainProse)
	got := bytesPerRun(t, func() {
		_, err := claude.DecodeResponse(body)
		require.NoError(t, err)
	})
	assert.Less(t, got, 8<<10, "the aim is a tenth of the body, %d bytes", len(body)/10)
}

func TestALargeAnswerWithEscapesIsCopiedOnce(t *testing.T) {
	body := bigAnswer(escapedProse)
	got := bytesPerRun(t, func() {
		_, err := claude.DecodeResponse(body)
		require.NoError(t, err)
	})
	assert.Less(t, got, len(body)*105/100)
}

func TestASmallRequestTakesThreeAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	r := smallRequest()
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = claude.EncodeBody(&r, 512) }), 3.0)
}

func TestASmallAnswerTakesFewAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	const body = `{"model":"claude-opus-4-6","id":"msg_01","type":"message","role":"assistant","content":[{"type":"text","text":"Hello!"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":3}}`
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = claude.DecodeResponse(body) }), 4.0)
}

func TestAToolCallTakesFewAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	const call = `{"type":"tool_use","id":"toolu_01","name":"f","input":{"a":[1,2,3]},"caller":{"type":"direct"}}`
	answer := func(n int) string {
		return `{"type":"message","content":[` + strings.TrimSuffix(strings.Repeat(call+",", n), ",") + `]}`
	}
	one, many := answer(1), answer(101)
	require.True(t, json.Valid([]byte(many)))
	allocs := func(body string) float64 {
		return testing.AllocsPerRun(20, func() { _, _ = claude.DecodeResponse(body) })
	}
	assert.LessOrEqual(t, (allocs(many)-allocs(one))/100, 3.2, "the block, its input and its caller; and room in the slice")
}
