package claude_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

func TestAStreamedAnswerIsTheAnswer(t *testing.T) {
	for name, step := range map[string]claudetest.Step{
		"text":      claudetest.Text(fox),
		"empty":     claudetest.Text(""),
		"thinking":  claudetest.Thinking("hmm, a fox", fox),
		"tool call": claudetest.Blocks(claude.Text("Let me look."), claudetest.Call("weather", `{"city":"Oslo","days":[1,2,3]}`), claudetest.Call("none", `{}`)),
		"unicode":   claudetest.Text("ä€😀 \"quoted\" \\ \u2028 \x01 ende"),
	} {
		t.Run(name, func(t *testing.T) {
			client, transport := newClient(t, nil, step.Times(3))
			unary, err := client.Messages.Create(t.Context(), hello, claude.WithCreateMode(claude.CreateUnary))
			require.NoError(t, err)
			collected, err := client.Messages.Create(t.Context(), hello, claude.WithCreateMode(claude.CreateStream))
			require.NoError(t, err)
			stream, err := client.Messages.Stream(t.Context(), hello)
			require.NoError(t, err)
			text, err := drainText(stream)
			require.NoError(t, err)
			streamed, err := stream.Response()
			require.NoError(t, err)
			assert.Equal(t, unary.Text(), text)
			for i, resp := range []*claude.Response{collected, streamed} {
				assert.Equal(t, unary.Message, resp.Message)
				want := *unary
				want.ID = resp.ID // each answer has its own
				assert.JSONEq(t, mustJSON(t, &want), mustJSON(t, resp))
				assert.Equal(t, unary.StopReason, resp.StopReason)
				assert.Equal(t, unary.Usage, resp.Usage)
				assert.Equal(t, []string{"req_000002", "req_000003"}[i], resp.RequestID)
				assert.JSONEq(t, mustJSON(t, resp), resp.Raw)
				assert.Len(t, resp.Attempts, 1)
				assert.NotEmpty(t, resp.Trail)
				assert.Equal(t, 4000, resp.RateLimit.Requests.Limit)
			}
			requests := transport.Requests()
			assert.False(t, requests[0].Stream)
			assert.True(t, requests[1].Stream)
			assert.True(t, requests[2].Stream)
		})
	}
}

func TestEventsTellTheWholeStory(t *testing.T) {
	client, _ := newClient(t, nil, claudetest.Blocks(claude.Text("Hi there"), claudetest.Call("f", `{"a":1}`)).Usage(7, 9))
	stream, err := client.Messages.Stream(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "req_000001", stream.RequestID())
	var story []string
	for e, err := range stream.Events() {
		require.NoError(t, err)
		line := string(e.Type)
		switch e.Type {
		case claude.EventMessageStart:
			assert.Equal(t, "claude-sonnet-5-5", e.Message.Model)
			assert.Empty(t, e.Message.Content)
			assert.Equal(t, 7, e.Message.Usage.InputTokens)
		case claude.EventBlockDelta:
			line += " " + string(e.Delta) + " " + e.Text()
			assert.Equal(t, e.Text(), string(e.Bytes()))
		case claude.EventBlockStop:
			switch b := e.Block.(type) {
			case *claude.TextBlock:
				assert.Equal(t, "Hi there", b.Text)
			case *claude.ToolUseBlock:
				assert.JSONEq(t, `{"a":1}`, string(b.Input))
			}
		case claude.EventMessageDelta:
			assert.Equal(t, claude.StopToolUse, e.StopReason)
			assert.Equal(t, 9, e.Usage.OutputTokens)
			assert.Equal(t, 7, e.Usage.InputTokens)
		}
		story = append(story, line)
	}
	assert.Equal(t, []string{
		"message_start", "content_block_start", "ping", "content_block_delta text_delta Hi there", "content_block_stop",
		"content_block_start", "content_block_delta input_json_delta ", `content_block_delta input_json_delta {"a":1}`, "content_block_stop",
		"message_delta", "message_stop",
	}, story)
	_, err = drainText(stream)
	require.ErrorIs(t, err, claude.ErrConfig, "a stream is read once")
}

func TestWhatFailsBeforeTheFirstContentIsTriedAgain(t *testing.T) {
	text := claudetest.Text(fox)
	for name, step := range map[string]claudetest.Step{
		"529":                       claudetest.Overloaded(),
		"error as the first event":  text.FailAfter(claudetest.Events(0), "overloaded_error", "Overloaded"),
		"error after message_start": text.FailAfter(claudetest.Events(1), "overloaded_error", "Overloaded"),
		"error after a ping":        text.FailAfter(claudetest.Events(3), "api_error", "x"),
		"cut before the content":    text.CutAfter(claudetest.Events(3)),
		"reset before the content":  text.ResetAfter(claudetest.Events(2)),
		"ended before the content":  text.EndAfter(claudetest.Events(2)),
		"silence before anything":   text.StallAfter(claudetest.Events(0), claudetest.Forever),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, transport := newClient(t, nil, step, text)
				stream, err := client.Messages.Stream(t.Context(), hello)
				require.NoError(t, err)
				got, err := drainText(stream)
				require.NoError(t, err)
				assert.Equal(t, fox, got)
				transport.ExpectRequests(t, 2)
			})
		})
	}
}

func TestAStreamThatIsSlowToBeginIsHandedOverInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, nil, claudetest.Text(fox).StallAfter(claudetest.Events(3), time.Minute))
		start := time.Now()
		stream, err := client.Messages.Stream(t.Context(), hello)
		require.NoError(t, err)
		assert.Equal(t, 15*time.Second, time.Since(start))
		got, err := drainText(stream)
		require.NoError(t, err)
		assert.Equal(t, fox, got)
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

func TestAnEagerStreamIsHandedOverAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, nil, claudetest.Text(fox).StallAfter(claudetest.Events(0), 5*time.Second).FailAfter(claudetest.Events(3), "overloaded_error", "x"))
		start := time.Now()
		stream, err := client.Messages.Stream(t.Context(), hello, claude.WithEagerStream())
		require.NoError(t, err)
		assert.Zero(t, time.Since(start))
		_, err = drainText(stream)
		require.ErrorIs(t, err, claude.ErrOverloaded)
	})
}

func TestABrokenStreamIsAnErrorWithWhatHadCome(t *testing.T) {
	text := claudetest.Text(fox)
	at := claudetest.Events(6) // message_start, block_start, ping, three deltas
	for name, tc := range map[string]struct {
		step  claudetest.Step
		class claude.Class
		text  string
	}{
		"cut":        {text.CutAfter(at), claude.ErrStreamTruncated, "the answer was complete"},
		"reset":      {text.ResetAfter(at), claude.ErrStreamTruncated, "reset"},
		"ended":      {text.EndAfter(at), claude.ErrStreamTruncated, "unexpected EOF"},
		"overloaded": {text.FailAfter(at, "overloaded_error", "Overloaded"), claude.ErrOverloaded, "overloaded_error"},
		"stalled":    {text.StallAfter(at, claudetest.Forever), claude.ErrStreamStalled, "StreamIdle of 3m0s"},
		"garbage":    {text.GarbageAfter(at), claude.ErrProtocol, "makes no sense"},
		"huge":       {text.HugeEventAfter(at, 33<<20), claude.ErrProtocol, "32 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, transport := newClient(t, nil, tc.step)
				stream, err := client.Messages.Stream(t.Context(), hello)
				require.NoError(t, err)
				got, err := drainText(stream)
				e := asCall(t, err)
				assert.Equal(t, tc.class, e.Class)
				assert.Equal(t, claude.Ran, e.Processed)
				assert.Equal(t, "req_000001", e.RequestID)
				assert.Contains(t, err.Error(), tc.text)
				broken, ok := errors.AsType[*claude.StreamError](err)
				require.True(t, ok)
				assert.Equal(t, got, broken.Partial.Text())
				assert.NotEmpty(t, got)
				assert.True(t, strings.HasPrefix(fox, got))
				assert.False(t, broken.UsageExact)
				assert.Positive(t, broken.Partial.Usage.InputTokens)
				assert.GreaterOrEqual(t, broken.Partial.Usage.OutputTokens, len(got)/4)
				assert.Equal(t, 1, broken.Pings)
				assert.Equal(t, "content_block_delta(text_delta)", broken.LastEvent)
				_, again := stream.Response()
				assert.Equal(t, err, again, "Response says the same")
				transport.ExpectRequests(t, 1)
				target := client.Health().Targets[0]
				assert.Zero(t, target.InFlight)
				if tc.class != claude.ErrProtocol {
					assert.Equal(t, 1, target.Failures, "a break after the content counts too")
				}
			})
		})
	}
}

func TestABrokenStreamNamesTheEventThatCameLast(t *testing.T) {
	const begin = "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"m\",\"usage\":{}}}\n\n" +
		"data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
	delta := func(d string) string { return `data: {"type":"content_block_delta","index":0,"delta":{` + d + "}}\n\n" }
	for last, events := range map[string]string{
		"content_block_start(text)":            "",
		"content_block_delta(text_delta)":      delta(`"type":"text_delta","text":"x"`) + delta(`"type":"text_delta","text":"y"`),
		"content_block_delta":                  delta(`"new":1`),
		"content_block_delta(new_delta)":       delta(`"type":"text_delta","text":"x"`) + delta(`"type":"new_delta"`),
		"content_block_stop":                   delta(`"type":"text_delta","text":"x"`) + "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
		"content_block_start(tool_use)":        "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\n",
		"content_block_delta(signature_delta)": delta(`"type":"thinking_delta","thinking":"x"`) + delta(`"type":"signature_delta","signature":"s"`),
	} {
		_, err := claude.NewStream(t.Context(), io.NopCloser(strings.NewReader(begin+events))).Response()
		broken, ok := errors.AsType[*claude.StreamError](err)
		require.True(t, ok, last)
		assert.Equal(t, last, broken.LastEvent)
	}
}

func TestAStreamWithoutItsLastEventSaysThatAllContentCame(t *testing.T) {
	client, _ := newClient(t, nil, claudetest.Text("short").EndAfter(claudetest.Events(6)))
	stream, err := client.Messages.Stream(t.Context(), hello)
	require.NoError(t, err)
	_, err = stream.Response()
	broken, ok := errors.AsType[*claude.StreamError](err)
	require.True(t, ok)
	assert.True(t, broken.Complete)
	assert.True(t, broken.UsageExact)
	assert.Equal(t, "short", broken.Partial.Text())
	assert.Equal(t, claude.StopEndTurn, broken.Partial.StopReason)
	assert.Contains(t, err.Error(), "all content had come")
}

func TestLeavingALoopClosesTheStream(t *testing.T) {
	for name, leave := range map[string]func(s *claude.Stream){
		"break": func(s *claude.Stream) {
			for range s.Events() {
				break
			}
		},
		"return": func(s *claude.Stream) {
			for range s.Text() {
				return
			}
		},
		"panic": func(s *claude.Stream) {
			defer func() { _ = recover() }()
			for range s.Events() {
				panic("a bug of the user's")
			}
		},
		"close": func(s *claude.Stream) { _ = s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := newClient(t, nil, claudetest.Text(fox).StallAfter(claudetest.Events(5), claudetest.Forever))
				stream, err := client.Messages.Stream(t.Context(), hello)
				require.NoError(t, err)
				leave(stream)
				_, err = stream.Response()
				require.ErrorIs(t, err, claude.ErrCanceled)
				_, ok := errors.AsType[*claude.StreamError](err)
				assert.True(t, ok)
				require.NoError(t, stream.Close())
				assert.Zero(t, client.Health().Targets[0].Failures, "leaving says nothing of the target")
			})
		})
	}
}

func TestAStreamCanBeClosedWhileItIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, nil, claudetest.Text(fox).StallAfter(claudetest.Events(6), claudetest.Forever))
		stream, err := client.Messages.Stream(t.Context(), hello)
		require.NoError(t, err)
		time.AfterFunc(time.Second, func() {
			assert.NotEmpty(t, stream.Partial().Text())
			_ = stream.Close()
		})
		_, err = drainText(stream)
		require.ErrorIs(t, err, claude.ErrCanceled)
	})
}

func TestTheCallersContextEndsAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, nil, claudetest.Text(fox).StallAfter(claudetest.Events(6), claudetest.Forever))
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		start := time.Now()
		stream, err := client.Messages.Stream(ctx, hello)
		require.NoError(t, err)
		_, err = drainText(stream)
		require.ErrorIs(t, err, claude.ErrDeadline)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 7*time.Second, time.Since(start))
	})
}

func TestTimeoutsOfAStream(t *testing.T) {
	for name, tc := range map[string]struct {
		timeouts claude.Timeouts
		step     claudetest.Step
		class    claude.Class
		after    time.Duration
	}{
		"idle":                {claude.Timeouts{StreamIdle: 10 * time.Second}, claudetest.Text(fox).StallAfter(claudetest.Events(6), claudetest.Forever), claude.ErrStreamStalled, 10 * time.Second},
		"total":               {claude.Timeouts{Total: 30 * time.Second}, claudetest.Text(fox).Drip(4 * time.Second), claude.ErrTimeout, 30 * time.Second},
		"slow, but with life": {claude.Timeouts{StreamIdle: 5 * time.Second}, claudetest.Text(fox).Drip(4 * time.Second), "", 44 * time.Second},
		"pings, no progress":  {claude.Timeouts{StreamProgress: 9 * time.Second}, claudetest.Text(fox).InsertAfter(claudetest.Events(5), strings.Repeat("event: ping\ndata: {\"type\":\"ping\"}\n\n", 20)).StallAfter(claudetest.Events(6), claudetest.Forever), claude.ErrStreamStalled, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := newClient(t, []claude.Option{claude.WithTimeouts(tc.timeouts)}, tc.step)
				start := time.Now()
				stream, err := client.Messages.Stream(t.Context(), hello)
				require.NoError(t, err)
				_, err = drainText(stream)
				assert.Equal(t, tc.class, claude.ClassOf(err), "%v", err)
				assert.InDelta(t, tc.after.Seconds(), time.Since(start).Seconds(), 8.1)
			})
		})
	}
}

func TestAWholeAnswerToAStreamedRequestIsTheAnswer(t *testing.T) {
	script := claudetest.NewTransport(claudetest.Reply(func(r *claudetest.Request) *claude.Response {
		r.Stream = false // a gateway that cannot stream
		return &claude.Response{Message: claude.AssistantText(fox)}
	}).Times(2))
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithRoundTripper(script))
	require.NoError(t, err)
	resp, err := client.Messages.Create(t.Context(), hello, claude.WithCreateMode(claude.CreateStream))
	require.NoError(t, err)
	assert.Equal(t, fox, resp.Text())
	stream, err := client.Messages.Stream(t.Context(), hello)
	require.NoError(t, err)
	got, err := drainText(stream)
	require.NoError(t, err)
	assert.Equal(t, fox, got)
	resp, err = stream.Response()
	require.NoError(t, err)
	assert.Equal(t, claude.StopEndTurn, resp.StopReason)
	assert.Positive(t, resp.Usage.OutputTokens)
}

func TestCreateStreamsWhereAnAnswerMayTakeLong(t *testing.T) {
	with := func(change func(*claude.Request)) claude.Request {
		r := hello
		change(&r)
		return r
	}
	for name, tc := range map[string]struct {
		request claude.Request
		options []claude.CallOption
		streams bool
	}{
		"short":             {hello, nil, false},
		"4096 tokens":       {with(func(r *claude.Request) { r.MaxTokens = 4096 }), nil, false},
		"4097 tokens":       {with(func(r *claude.Request) { r.MaxTokens = 4097 }), nil, true},
		"adaptive thinking": {with(func(r *claude.Request) { r.Thinking = &claude.Thinking{Type: claude.ThinkingAdaptive} }), nil, true},
		"thinking disabled": {with(func(r *claude.Request) { r.Thinking = &claude.Thinking{Type: claude.ThinkingDisabled} }), nil, false},
		"forced off":        {with(func(r *claude.Request) { r.MaxTokens = 9999 }), []claude.CallOption{claude.WithCreateMode(claude.CreateUnary)}, false},
		"forced on":         {hello, []claude.CallOption{claude.WithCreateMode(claude.CreateStream)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			client, transport := newClient(t, nil, claudetest.Text("hi"))
			_, err := client.Messages.Create(t.Context(), tc.request, tc.options...)
			require.NoError(t, err)
			assert.Equal(t, tc.streams, transport.Requests()[0].Stream)
		})
	}
}

func TestACreateThatBreaksOffIsMadeOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mode := claude.WithCreateMode(claude.CreateStream)
		client, _ := newClient(t, nil, claudetest.Text(fox).CutAfter(claudetest.Events(6)), claudetest.Text(fox))
		resp, err := client.Messages.Create(t.Context(), hello, mode)
		require.NoError(t, err)
		assert.Equal(t, fox, resp.Text(), "nobody had seen the half")

		client, transport := newClient(t, nil, claudetest.Text(fox).ResetAfter(claudetest.Events(6)).Times(2))
		_, err = client.Messages.Create(t.Context(), hello, mode)
		require.ErrorIs(t, err, claude.ErrStreamTruncated)
		transport.ExpectRequests(t, 2)
		broken, ok := errors.AsType[*claude.StreamError](err)
		require.True(t, ok)
		assert.NotEmpty(t, broken.Partial.Text())
	})
}

func TestARawCallersStreamIsHeldToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := claudetest.Text(fox)
		script := claudetest.NewTransport(text.FailAfter(claudetest.Events(1), "overloaded_error", "Overloaded"), text.ResetAfter(claudetest.Events(2)), text)
		resp, body, err := ask(t, &claude.Transport{Base: script}, func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}`))
			r.GetBody, r.ContentLength = nil, -1
		})
		require.NoError(t, err)
		assert.Equal(t, "text/event-stream; charset=utf-8", resp.Header.Get("Content-Type"))
		assert.Equal(t, 1, strings.Count(body, "event: message_start"))
		assert.Equal(t, 1, strings.Count(body, "event: message_stop"))
		script.ExpectRequests(t, 3)
	})
}

func TestAStreamOfUsersOwn(t *testing.T) {
	const events = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"x\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n" +
		"data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n" +
		"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n" +
		"data: {\"type\":\"content_block_stop\",\"index\":0}\n\n" +
		"data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":2}}\n\n" +
		"data: {\"type\":\"message_stop\"}\n\n"
	resp, err := claude.NewStream(t.Context(), io.NopCloser(strings.NewReader(events))).Response()
	require.NoError(t, err)
	assert.Equal(t, "hi", resp.Text())
	assert.Equal(t, 2, resp.Usage.OutputTokens)
	assert.Equal(t, 1, resp.Usage.InputTokens)

	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.WriteString(w, events[:200])
		cancel()
	}()
	_, err = claude.NewStream(ctx, r).Response()
	require.ErrorIs(t, err, claude.ErrCanceled, "its context ends a read")
}

func TestACallIsToldToBeDoneOnce(t *testing.T) {
	whole := claudetest.Reply(func(r *claudetest.Request) *claude.Response {
		r.Stream = false
		return &claude.Response{Message: claude.AssistantText(fox)}
	})
	for name, step := range map[string]claudetest.Step{
		"streamed":         claudetest.Text(fox),
		"a whole answer":   whole,
		"broken":           claudetest.Text(fox).CutAfter(claudetest.Events(6)),
		"never begun":      claudetest.Unauthorized(),
		"left early":       claudetest.Text(fox),
		"left at its stop": claudetest.Text(fox),
	} {
		t.Run(name, func(t *testing.T) {
			var done []claude.CallResult
			client, _ := newClient(t, []claude.Option{claude.WithObserver(claude.Observer{
				CallDone: func(_ context.Context, _ claude.CallInfo, r claude.CallResult) { done = append(done, r) },
			})}, step)
			stream, err := client.Messages.Stream(t.Context(), hello)
			if err == nil {
				for e, err := range stream.Events() {
					if err != nil || name == "left early" || name == "left at its stop" && e.Type == claude.EventMessageStop {
						break
					}
				}
				_, err = stream.Response()
				if name == "left at its stop" {
					require.NoError(t, err, "all of it had come")
				}
			}
			require.Len(t, done, 1)
			if name == "left early" {
				assert.Positive(t, done[0].Usage.InputTokens, "what was billed is told")
			}
		})
	}
}

func TestStreamsThatKeepBreakingOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, nil, claudetest.Text(fox).CutAfter(claudetest.Events(6)).Always())
		for range 40 {
			stream, err := client.Messages.Stream(t.Context(), hello)
			if err != nil {
				require.ErrorIs(t, err, claude.ErrCircuitOpen)
				return
			}
			_, err = stream.Response()
			require.Error(t, err)
		}
		t.Error("it never opened")
	})
}

func TestABusyReaderIsNoLackOfProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, []claude.Option{claude.WithTimeouts(claude.Timeouts{StreamProgress: 10 * time.Second})}, claudetest.Text(fox))
		stream, err := client.Messages.Stream(t.Context(), hello)
		require.NoError(t, err)
		for _, err := range stream.Text() {
			require.NoError(t, err)
			time.Sleep(time.Minute)
		}
	})
}

func TestAClonedEventKeepsItsText(t *testing.T) {
	client, _ := newClient(t, nil, claudetest.Text(fox))
	stream, err := client.Messages.Stream(t.Context(), hello)
	require.NoError(t, err)
	var kept []claude.Event
	for e, err := range stream.Events() {
		require.NoError(t, err)
		kept = append(kept, e.Clone())
	}
	var text string
	for _, e := range kept {
		text += e.Text()
	}
	assert.Equal(t, fox, text)
}
