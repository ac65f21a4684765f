package claudetest_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

func TestChanceIsTheSameForTheSameSeed(t *testing.T) {
	draw := func(probability float64, seed uint64) []string {
		return texts(t, memory(t, claudetest.Chance(probability, seed, claudetest.Overloaded(), claudetest.Text("ok"))), 200, plainBody)
	}
	count := func(all []string) (n int) {
		for _, s := range all {
			if s == "529" {
				n++
			}
		}
		return n
	}
	first := draw(0.3, 7)
	assert.Equal(t, first, draw(0.3, 7))
	assert.NotEqual(t, first, draw(0.3, 8))
	assert.InDelta(t, 60, count(first), 25)
	assert.Zero(t, count(draw(0, 7)))
	assert.Equal(t, 200, count(draw(1, 7)))
}

func TestCycleTakesItsStepsInTurn(t *testing.T) {
	step := claudetest.Cycle(claudetest.Text("a"), claudetest.Overloaded(), claudetest.Text("b"))
	assert.Equal(t, []string{"a", "529", "b", "a", "529"}, texts(t, memory(t, step), 5, plainBody))
	assert.Equal(t, []string{"a", "529"}, texts(t, memory(t, step), 2, plainBody), "each script has a turn of its own")
	assert.Panics(t, func() { claudetest.Cycle() })
}

func TestACycleInAChanceKeepsItsTurn(t *testing.T) {
	transport := memory(t, claudetest.Chance(0.5, 3, claudetest.Overloaded(), claudetest.Cycle(claudetest.Text("a"), claudetest.Text("b"))))
	got := slices.DeleteFunc(texts(t, transport, 20, plainBody), func(s string) bool { return s == "529" })
	require.GreaterOrEqual(t, len(got), 4)
	assert.Equal(t, []string{"a", "b", "a", "b"}, got[:4])
}

func TestAFunctionMayChooseTheStepOfEachRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		transport := memory(t, claudetest.Choose(func(r *claudetest.Request) claudetest.Step {
			switch {
			case r.Number == 1:
				return claudetest.Reset()
			case r.At.Sub(start) < time.Minute:
				return claudetest.Overloaded()
			}
			return claudetest.Text(r.Model)
		}).Header("x-chosen", "1"))
		require.Error(t, post(t, transport, plainBody).Err)
		assert.Equal(t, []string{"529", "529"}, texts(t, transport, 2, plainBody))
		time.Sleep(time.Minute)
		a := post(t, transport, plainBody)
		assert.Equal(t, "1", a.Header.Get("X-Chosen"))
		assert.Equal(t, []string{claude.ModelSonnet5_5}, texts(t, transport, 1, plainBody))
		assert.Equal(t, "529 overloaded_error", transport.Requests()[1].Step)
	})
}

func TestWhatIsAskedOfAChoiceHoldsForWhatItChose(t *testing.T) {
	step := claudetest.Cycle(claudetest.Text("Hi").Header("x-own", "1").Header("x-both", "own"), claudetest.ToolCall("f", `{}`)).
		Header("x-both", "outer").StopReason(claude.StopMaxTokens).CutAfter(claudetest.Events(12)).Times(2)
	transport := memory(t, step)
	a := post(t, transport, plainBody)
	require.Error(t, a.Err)
	assert.Equal(t, "1", a.Header.Get("X-Own"))
	assert.Equal(t, "outer", a.Header.Get("X-Both"))
	assert.Contains(t, post(t, memory(t, claudetest.Cycle(claudetest.ToolCall("f", `{}`)).StopReason(claude.StopMaxTokens)), plainBody).Body, `"max_tokens"`)
	post(t, transport, plainBody)
	assert.Equal(t, []string{"text", "tool call"}, []string{transport.Requests()[0].Step, transport.Requests()[1].Step})
}

func TestALimitOfRequestsIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := memory(t, claudetest.Limited(claudetest.Capacity{RequestsPerMinute: 3}, claudetest.Text("ok")))
		for left := 2; left >= 0; left-- {
			a := post(t, transport, plainBody)
			assert.Equal(t, 200, a.Status)
			assert.Equal(t, "3", a.Header.Get("Anthropic-Ratelimit-Requests-Limit"))
			assert.Equal(t, string(rune('0'+left)), a.Header.Get("Anthropic-Ratelimit-Requests-Remaining"))
		}
		a := post(t, transport, plainBody)
		assert.Equal(t, "429 rate_limit_error: This request would exceed your account's rate limit. Please try again later.", a.message(t))
		assert.Equal(t, "20", a.Header.Get("Retry-After"))
		assert.Equal(t, "0", a.Header.Get("Anthropic-Ratelimit-Requests-Remaining"))
		assert.Equal(t, time.Now().Add(time.Minute).UTC().Format(time.RFC3339), a.Header.Get("Anthropic-Ratelimit-Requests-Reset"))
		time.Sleep(19 * time.Second)
		a = post(t, transport, plainBody)
		assert.Equal(t, 429, a.Status)
		assert.Equal(t, "1", a.Header.Get("Retry-After"))
		assert.Equal(t, "0", a.Header.Get("Anthropic-Ratelimit-Requests-Remaining"), "a broken one is none")
		time.Sleep(time.Second)
		assert.Equal(t, 200, post(t, transport, plainBody).Status)
		time.Sleep(time.Hour)
		assert.Equal(t, []string{"ok", "ok", "ok", "429"}, texts(t, transport, 4, plainBody), "no more than a minute's worth is saved up")
	})
}

func TestALimitOfTokensIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := strings.ReplaceAll(plainBody, "Hello", strings.Repeat("x", 2000))
		transport := memory(t, claudetest.Limited(claudetest.Capacity{TokensPerMinute: 1200}, claudetest.Text("ok")))
		assert.Equal(t, []string{"ok", "ok", "429"}, texts(t, transport, 3, body))
		a := post(t, transport, body)
		assert.Equal(t, "1200", a.Header.Get("Anthropic-Ratelimit-Input-Tokens-Limit"))
		assert.Equal(t, "1200", a.Header.Get("Anthropic-Ratelimit-Tokens-Limit"), "the most restrictive one")
		assert.Equal(t, "4000", a.Header.Get("Anthropic-Ratelimit-Requests-Limit"), "what is not limited stays generous")
		assert.Equal(t, []string{"ok"}, texts(t, transport, 1, plainBody), "what fits still passes")
		time.Sleep(time.Minute)
		huge := strings.ReplaceAll(plainBody, "Hello", strings.Repeat("x", 20000))
		assert.Equal(t, []string{"ok", "429"}, texts(t, transport, 2, huge), "more than all of it fits when it is full")
	})
}

func TestACapacityQueuesAndThenOverloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := memory(t, claudetest.Limited(claudetest.Capacity{Concurrent: 2, Queue: 1, Service: 10 * time.Second}, claudetest.Text("ok")))
		start := time.Now()
		type outcome struct {
			status int
			took   time.Duration
		}
		got := make([]outcome, 5)
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() {
				a := post(t, transport, plainBody)
				got[i] = outcome{a.Status, time.Since(start)}
			})
			synctest.Wait()
		}
		all.Wait()
		assert.Equal(t, []outcome{{200, 10 * time.Second}, {200, 10 * time.Second}, {200, 20 * time.Second}, {529, 0}, {529, 0}}, got)
		assert.Equal(t, 200, post(t, transport, plainBody).Status, "later there is a place again")
		assert.Equal(t, 30*time.Second, time.Since(start))
	})
}

func TestACapacityGoesWithAnyStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		capacity := claudetest.Capacity{RequestsPerMinute: 60, Concurrent: 1, Service: 2 * time.Second}
		transport := memory(t, claudetest.Limited(capacity, claudetest.Cycle(claudetest.Text("a"), claudetest.Internal())))
		start := time.Now()
		a := post(t, transport, plainBody)
		assert.Equal(t, 200, a.Status)
		assert.Equal(t, "59", a.Header.Get("Anthropic-Ratelimit-Requests-Remaining"))
		assert.Equal(t, 2*time.Second, time.Since(start))
		assert.Equal(t, 500, post(t, transport, plainBody).Status)
	})
}

func TestAClientKeepsWithinACapacityByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := memory(t, claudetest.Limited(claudetest.Capacity{RequestsPerMinute: 6}, claudetest.Text("ok")))
		client := newClient(t, claude.WithRoundTripper(transport))
		start := time.Now()
		for range 12 {
			_, err := client.Messages.Create(t.Context(), hello)
			require.NoError(t, err)
		}
		assert.InDelta(t, time.Minute.Seconds(), time.Since(start).Seconds(), 10)
	})
}

func TestASocketKeepsACapacityToo(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.Limited(claudetest.Capacity{RequestsPerMinute: 1}, claudetest.Text("ok")))
	transport := realTransport(t)
	assert.Equal(t, 200, ask(t, transport, http.MethodPost, server.URL+"/v1/messages", plainBody).Status)
	a := ask(t, transport, http.MethodPost, server.URL+"/v1/messages", plainBody)
	assert.Equal(t, 429, a.Status)
	assert.Contains(t, []string{"59", "60"}, a.Header.Get("Retry-After"))
}
