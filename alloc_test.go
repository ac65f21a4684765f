package claude_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

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

// What the hot paths allocate, exactly: a number that changes here is a change to look
// at, in either direction. Lower it with the change that earned it; the reason to raise
// it belongs into the commit's message.
//
// The design's section 10 promises at most 36 for a small call with what the base takes,
// and at most 12 above a bare round trip.
func TestTheHotPathsAllocateExactlyThis(t *testing.T) {
	const recorded = "go1.26"
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	if version := runtime.Version(); version != recorded && !strings.HasPrefix(version, recorded+".") {
		t.Skipf("the numbers are those of %s: under %s the standard library may take others", recorded, version)
	}
	const (
		body   = `{"model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}`
		answer = `{"model":"claude-opus-4-6","id":"msg_01","type":"message","role":"assistant","content":[{"type":"text","text":"Hello!"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":3}}`
		tool   = `{"type":"tool_use","id":"toolu_01","name":"f","input":{"a":[1,2,3]},"caller":{"type":"direct"}}`
	)
	ctx, request := t.Context(), smallRequest()
	base := instant{hiBody}
	client := func(rt http.RoundTripper, options ...claude.Option) *claude.Client {
		c, err := claude.New(append(options, claude.WithAPIKey(testKey), claude.WithRoundTripper(rt))...)
		require.NoError(t, err)
		return c
	}
	create := func(c *claude.Client) func() error {
		return func() error {
			_, err := c.Messages.Create(ctx, hello)
			return err
		}
	}
	trip := func(rt http.RoundTripper) func() error {
		return func() error {
			resp, err := rt.RoundTrip(post(ctx, body))
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, resp.Body)
			return errors.Join(err, resp.Body.Close())
		}
	}
	decode := func(body string) func() error {
		return func() error {
			_, err := claude.DecodeResponse(body)
			return err
		}
	}
	tools := func(n int) string {
		return `{"type":"message","content":[` + strings.TrimSuffix(strings.Repeat(tool+",", n), ",") + `]}`
	}
	stream := func(s longStream, read func(context.Context, *claude.Client, longStream) error) func() error {
		c := client(s)
		return func() error { return read(ctx, c, s) }
	}
	down := client(roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, refusedConnection
	}), claude.WithMaxAttempts(1), claude.WithBreaker(claude.BreakerPolicy{Run: 1, OpenFor: time.Hour, OpenMax: time.Hour}))
	require.Error(t, create(down)())
	refused := func() error {
		if err := create(down)(); !errors.Is(err, claude.ErrCircuitOpen) {
			return fmt.Errorf("not refused: %w", err)
		}
		return nil
	}

	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection allocates a little, too: only between the runs
	for _, path := range []struct {
		name string
		run  func() error
		less func() error // what is there anyway; may be nil
		want int
	}{
		{"a small call, what the base takes included", create(client(base)), nil, 28},
		{"a small call, its credential by a scheme of its own", create(client(base, claude.WithAuthScheme(claude.AuthBearer))), nil, 29},
		{"a transport above a bare round trip", trip(&claude.Transport{Base: base}), trip(base), 12},
		{"a call that an open breaker refuses", refused, nil, 9},
		{"a small request, checked", func() error { return claude.Validate(hello, claude.Version20261021) }, nil, 1},
		{"a small request, encoded", func() error { _, err := claude.EncodeBody(&request, 512); return err }, nil, 2},
		{"a small answer, decoded", decode(answer), nil, 4},
		{"a hundred calls of a tool, decoded", decode(tools(101)), decode(tools(1)), 307},
		{"50,000 pieces of text, as borrowed bytes", stream(textStream(), readEvents), nil, 102},
		{"50,000 pieces of text, accumulated", stream(textStream(), readWhole), nil, 108},
		{"50,000 pieces of JSON, as borrowed bytes", stream(jsonStream(), readEvents), nil, 104},
		{"50,000 pieces of thinking, accumulated", stream(thinkingStream(), readWhole), nil, 108},
	} {
		allocations := func(run func() error) int {
			runtime.GC()
			return int(testing.AllocsPerRun(20, func() {
				if err := run(); err != nil {
					t.Fatal(err)
				}
			}))
		}
		got := allocations(path.run)
		if path.less != nil {
			got -= allocations(path.less)
		}
		assert.Equal(t, path.want, got, path.name)
	}
}
