package claude_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// breakOff makes a call whose stream breaks off, and returns how.
func breakOff(t *testing.T, request claude.Request, step claudetest.Step) *claude.StreamError {
	t.Helper()
	client, _ := newClient(t, []claude.Option{claude.WithValidation(claude.ValidationOff)}, step)
	stream, err := client.Messages.Stream(t.Context(), request)
	require.NoError(t, err)
	_, err = stream.Response()
	broken, ok := errors.AsType[*claude.StreamError](err)
	require.True(t, ok, "%v", err)
	return broken
}

func TestContinueAsksForWhatIsMissingAsTheModelTakesIt(t *testing.T) {
	with := func(model string, change func(*claude.Request)) claude.Request {
		r := hello
		r.Model = model
		if change != nil {
			change(&r)
		}
		return r
	}
	text := claudetest.Text("one two three four five six seven").CutAfter(claudetest.Events(5))
	for name, tc := range map[string]struct {
		request claude.Request
		step    claudetest.Step
		last    []claude.Role // of the messages that are added
		unsafe  string
	}{
		"a model that goes on from a beginning": {request: with(claude.ModelHaiku4_5, nil), step: text, last: []claude.Role{claude.RoleAssistant}},
		"a model that is asked to go on":        {request: with(claude.ModelSonnet5_5, nil), step: text, last: []claude.Role{claude.RoleAssistant, claude.RoleUser}},
		"a model nobody knows":                  {request: with("claude-next", nil), step: text, last: []claude.Role{claude.RoleAssistant, claude.RoleUser}},
		"thinking, even on an old model": {
			request: with(claude.ModelHaiku4_5, func(r *claude.Request) {
				r.Thinking = &claude.Thinking{Type: claude.ThinkingEnabled, BudgetTokens: 1024}
			}),
			step: text, last: []claude.Role{claude.RoleAssistant, claude.RoleUser},
		},
		"nothing but unfinished thinking": {request: with(claude.ModelSonnet5_5, nil), step: claudetest.Thinking("one two three four five", "x").CutAfter(claudetest.Events(5))},
		"an unfinished tool call":         {request: with(claude.ModelSonnet5_5, nil), step: claudetest.Blocks(claude.Text("Let me look."), claudetest.Call("f", `{"a":"b c d e f g h i j k l m n o p"}`)).CutAfter(claudetest.Events(8)), last: []claude.Role{claude.RoleAssistant, claude.RoleUser}},
		"a finished tool call":            {request: with(claude.ModelSonnet5_5, nil), step: claudetest.Blocks(claudetest.Call("f", `{"a":1}`), claude.Text("a b c")).CutAfter(claudetest.Events(7)), unsafe: "tool call was complete"},
		"a complete answer":               {request: with(claude.ModelSonnet5_5, nil), step: claudetest.Text("short").EndAfter(claudetest.Events(6)), unsafe: "all of the answer had come"},
		"a forced tool": {
			request: with(claude.ModelSonnet5_5, func(r *claude.Request) { r.ToolChoice = &claude.ToolChoice{Type: claude.ToolChoiceAny} }),
			step:    text, unsafe: "forced",
		},
		"a prescribed format": {
			request: with(claude.ModelSonnet5_5, func(r *claude.Request) {
				r.OutputConfig = &claude.OutputConfig{Format: &claude.OutputFormat{}}
			}),
			step: text, unsafe: "format",
		},
	} {
		t.Run(name, func(t *testing.T) {
			broken := breakOff(t, tc.request, tc.step)
			next, err := broken.Continue()
			if tc.unsafe != "" {
				require.ErrorIs(t, err, claude.ErrConfig)
				assert.Contains(t, err.Error(), tc.unsafe)
				return
			}
			require.NoError(t, err)
			added := next.Messages[len(tc.request.Messages):]
			require.Len(t, added, len(tc.last))
			for i, role := range tc.last {
				assert.Equal(t, role, added[i].Role)
			}
			if len(added) > 0 {
				assert.NotEmpty(t, added[0].Text())
				assert.NotRegexp(t, `\s$`, added[0].Text())
				require.NoError(t, claude.Validate(next, claude.Version20261021))
			}
			assert.Len(t, tc.request.Messages, 1, "the caller's request is left alone")
		})
	}
	_, err := (&claude.StreamError{}).Continue()
	require.ErrorIs(t, err, claude.ErrConfig)
}

func TestAStreamGoesOnAfterABreakWhereThatIsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done []claude.Class
		client, transport := newClient(t, []claude.Option{claude.WithObserver(claude.Observer{
			CallDone: func(_ context.Context, _ claude.CallInfo, r claude.CallResult) { done = append(done, r.Class) },
		})},
			claudetest.Text(fox).Usage(10, 20).CutAfter(claudetest.Events(6)),
			claudetest.Overloaded(),
			claudetest.Reply(func(r *claudetest.Request) *claude.Response {
				n := len(r.Message.Messages)
				begun := r.Message.Messages[n-2].Text()
				return &claude.Response{Message: claude.AssistantText(begun[len(begun)-20:] + fox[len(begun):])} // it repeats a little
			}).Usage(30, 7),
		)
		stream, err := client.Messages.Stream(t.Context(), hello, claude.WithResume(2))
		require.NoError(t, err)
		var text string
		seams := 0
		for e, err := range stream.Events() {
			require.NoError(t, err)
			switch {
			case e.Delta == claude.DeltaText:
				text += e.Text()
			case e.Type == claude.EventResumed:
				seams++
			}
		}
		assert.Equal(t, fox, text, "no word twice, none missing")
		assert.Equal(t, 1, seams)
		resp, err := stream.Response()
		require.NoError(t, err)
		assert.Equal(t, fox, resp.Text())
		assert.Len(t, resp.Content, 1)
		assert.Equal(t, 1, resp.Resumes)
		assert.Equal(t, 40, resp.Usage.InputTokens)
		assert.Greater(t, resp.Usage.OutputTokens, 7)
		assert.Len(t, resp.Attempts, 3)
		assert.Equal(t, "req_000003", resp.RequestID)
		assert.Equal(t, []claude.Class{claude.ErrStreamTruncated, ""}, done)
		transport.ExpectRequests(t, 3)
	})
}

func TestAStreamGoesOnNoOftenerThanAllowedAndNeverWithTools(t *testing.T) {
	cut := claudetest.Text(fox).CutAfter(claudetest.Events(6))
	for name, tc := range map[string]struct {
		options  []claude.CallOption
		steps    []claudetest.Step
		requests int
	}{
		"off by default":   {nil, []claudetest.Step{cut}, 1},
		"twice":            {[]claude.CallOption{claude.WithResume(2)}, []claudetest.Step{cut, cut, cut}, 3},
		"a tool call":      {[]claude.CallOption{claude.WithResume(2)}, []claudetest.Step{claudetest.Blocks(claude.Text("x"), claudetest.Call("f", `{}`)).CutAfter(claudetest.Events(7))}, 1},
		"garbage":          {[]claude.CallOption{claude.WithResume(2)}, []claudetest.Step{claudetest.Text(fox).GarbageAfter(claudetest.Events(6))}, 1},
		"the next is told": {[]claude.CallOption{claude.WithResume(2)}, []claudetest.Step{cut, claudetest.Unauthorized()}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, transport := newClient(t, nil, tc.steps...)
				stream, err := client.Messages.Stream(t.Context(), hello, tc.options...)
				require.NoError(t, err)
				got, err := drainText(stream)
				require.Error(t, err)
				broken, ok := errors.AsType[*claude.StreamError](err)
				require.True(t, ok)
				assert.Equal(t, got, broken.Partial.Text())
				transport.ExpectRequests(t, tc.requests)
				if name == "the next is told" {
					require.ErrorIs(t, err, claude.ErrAuthentication)
					require.ErrorIs(t, err, claude.ErrStreamTruncated)
				}
				assert.Zero(t, client.Health().Targets[0].InFlight)
			})
		})
	}
	_, err := claude.New(claude.WithAPIKey(testKey), claude.WithResume(-1))
	require.ErrorIs(t, err, claude.ErrConfig)
}

func TestEveryCallOfAStreamThatGoesOnIsToldOnce(t *testing.T) {
	cut := claudetest.Text(fox).CutAfter(claudetest.Events(6))
	type told struct {
		id       uint64
		class    claude.Class
		attempts int
	}
	for name, tc := range map[string]struct {
		steps []claudetest.Step
		close bool // when the continuation has begun
		want  []claude.Class
	}{
		"broken to the end":         {steps: []claudetest.Step{cut, cut, cut}, want: []claude.Class{claude.ErrStreamTruncated, claude.ErrStreamTruncated, claude.ErrStreamTruncated}},
		"closed as it would go on":  {steps: []claudetest.Step{cut, cut}, close: true, want: []claude.Class{claude.ErrCanceled, claude.ErrCanceled}},
		"whole at the second":       {steps: []claudetest.Step{cut, claudetest.Text(fox)}, want: []claude.Class{claude.ErrStreamTruncated, ""}},
		"a continuation that fails": {steps: []claudetest.Step{cut, claudetest.Unauthorized()}, want: []claude.Class{claude.ErrAuthentication, claude.ErrStreamTruncated}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var done []told
				var stream *claude.Stream
				client, _ := newClient(t, []claude.Option{claude.WithObserver(claude.Observer{
					AttemptDone: func(_ context.Context, c claude.CallInfo, _ claude.Attempt) {
						if tc.close && c.ID == 2 {
							assert.NoError(t, stream.Close())
						}
					},
					CallDone: func(ctx context.Context, c claude.CallInfo, r claude.CallResult) {
						if !tc.close {
							assert.NoError(t, ctx.Err(), "the context is alive in the hook")
						}
						done = append(done, told{c.ID, r.Class, len(r.Attempts)})
					},
				})}, tc.steps...)
				var err error
				stream, err = client.Messages.Stream(t.Context(), hello, claude.WithResume(2))
				require.NoError(t, err)
				for range stream.Events() {
				}
				calls := map[uint64]bool{}
				var classes []claude.Class
				for _, d := range done {
					assert.False(t, calls[d.id], "call %d is told twice: %v", d.id, done)
					calls[d.id] = true
					assert.Equal(t, 1, d.attempts, "those of the call alone: %v", done)
					classes = append(classes, d.class)
				}
				assert.Equal(t, tc.want, classes)
			})
		})
	}
}

func TestAForgottenStreamIsReported(t *testing.T) {
	leaked := make(chan string, 1)
	server := claudetest.NewServer(t, claudetest.Text(fox).StallAfter(claudetest.Events(6), claudetest.Forever))
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL(server.URL), claude.WithObserver(claude.Observer{
		StreamLeaked: func(_ context.Context, _ claude.CallInfo, at string) { leaked <- at },
	}))
	require.NoError(t, err)
	defer client.Close()
	func() {
		_, err := client.Messages.Stream(t.Context(), hello)
		require.NoError(t, err)
	}()
	for deadline := time.Now().Add(10 * time.Second); ; {
		runtime.GC()
		select {
		case at := <-leaked:
			assert.Contains(t, at, "resume_test.go:")
			return
		default:
			require.True(t, time.Now().Before(deadline), "not reported")
		}
	}
}
