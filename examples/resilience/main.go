// Resilience shows on a time line what the client does by itself while the API
// has a bad time. It needs no key and no network: an in-process server plays the
// API, with waits so short that all is over in about eight seconds.
//
// Each row is a decision about a call: by which layer, what and why. A RESULT is
// what the caller gets. Then the scene is drawn, with a lane for each call. Look for
//
//   - retry: one call outlives three failures, with a random wait after each: clients
//     that failed together must not come back together;
//   - gate: call 1 is told to come back in a second, and the others wait with it
//     instead of asking. Without the gate the server is asked ten times, not six;
//   - budget: the retries of all calls are paid from one purse. It empties, and four
//     calls of up to three attempts make seven requests, not twelve;
//   - breaker: calls to a target that is down are refused at once, with the time to
//     come back, until two probes in a row have found it well again.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"sync"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

const ms = time.Millisecond

// scene is calls, one every so often, to an API that answers its n-th request,
// asked at a time since the start, with a step.
type scene struct {
	title   string
	calls   int
	every   time.Duration
	api     func(n int, at time.Duration) claudetest.Step
	retry   claude.RetryPolicy
	breaker claude.BreakerPolicy
	oneLane bool // for all calls, which then don't overlap and have a row each
}

var scenes = []scene{{
	title: "1. Retry: an overload, a connection reset and an internal error before the answer",
	calls: 1, api: func(n int, _ time.Duration) claudetest.Step {
		return []claudetest.Step{claudetest.Overloaded(), claudetest.Reset(), broken, answer}[min(n, 4)-1]
	},
	retry: claude.RetryPolicy{MaxAttempts: 4, BaseDelay: 200 * ms, OverloadBase: 200 * ms},
}, {
	title: "2. Gate: five calls meet a rate limit that lasts a second",
	calls: 5, every: 80 * ms, api: during(0, time.Second, claudetest.RateLimited(time.Second)),
}, {
	title: "   The same without the gate",
	calls: 5, every: 80 * ms, api: during(0, time.Second, claudetest.RateLimited(time.Second)),
	retry: claude.RetryPolicy{Gate: claude.GatePolicy{Off: true}},
}, {
	title: "3. Budget: every request fails; three retries are in the budget, at 10 units each",
	calls: 4, every: 400 * ms, api: during(0, time.Hour, broken),
	retry: claude.RetryPolicy{BaseDelay: 100 * ms, Budget: claude.BudgetPolicy{Units: 30}},
}, {
	title: "4. Breaker: a call every 150 ms, without retries; the API is down from 0.3 s to 1.85 s",
	calls: 20, every: 150 * ms, oneLane: true, api: during(300*ms, 1850*ms, broken),
	retry: claude.RetryPolicy{MaxAttempts: 1}, breaker: claude.BreakerPolicy{Run: 5, OpenFor: 600 * ms},
}}

var (
	hello  = claude.Request{Model: claude.ModelSonnet5_5, MaxTokens: 64, Messages: []claude.Message{claude.UserText("Say hello.")}}
	answer = claudetest.Text("Hello!")
	broken = claudetest.Internal()
)

// during is an API that fails for a while.
func during(from, to time.Duration, failure claudetest.Step) func(int, time.Duration) claudetest.Step {
	return func(_ int, at time.Duration) claudetest.Step {
		if at >= from && at < to {
			return failure
		}
		return answer
	}
}

func main() {
	fmt.Println(`calls:    x failed   o answered   . waits to try again   = waits at the gate   ! refused, not sent
breaker:  - closed   # open   ? probing`)
	for _, s := range scenes {
		if err := s.play(); err != nil {
			log.Fatal(err)
		}
	}
}

// play plays the scene between a server and a client of its own.
func (s scene) play() error {
	t := timeline{scene: s, start: time.Now(), lanes: make(map[string][]byte)}
	server, err := claudetest.Start(claudetest.Choose(func(r *claudetest.Request) claudetest.Step {
		return s.api(r.Number, r.At.Sub(t.start))
	}).After(20 * ms))
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := claude.New(
		claude.WithBaseURL(server.URL), claude.WithAPIKey("sk-ant-not-a-real-key"),
		claude.WithRetry(s.retry), claude.WithBreaker(s.breaker), claude.WithObserver(t.observer()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	fmt.Printf("\n%s\n\n    time  call     layer    decision why              details\n", s.title)
	if s.oneLane {
		t.mark("breaker", "closed")
	}
	var calls sync.WaitGroup
	for n := range s.calls {
		time.Sleep(time.Until(t.start.Add(time.Duration(n) * s.every)))
		calls.Go(func() { t.call(client, fmt.Sprintf("call %d", n+1)) })
	}
	calls.Wait()
	fmt.Println("\n          0s        0.5s      1s        1.5s      2s        2.5s")
	for _, name := range t.names {
		t.mark(name, "") // what is at the end has lasted until now
		fmt.Printf("  %-8s%s\n", name, strings.TrimRight(string(t.lanes[name]), " "))
	}
	fmt.Printf("\n  calls made: %d, requests the server saw: %d\n", s.calls, len(server.Requests()))
	for _, h := range client.Health().Targets { // it costs no call
		fmt.Printf("  health: breaker %s, failures since the last success %d, budget %.0f\n", h.Breaker, h.Run, h.Budget)
	}
	return nil
}

// caller is the key of a call's name in its context, which is what hooks get.
type caller struct{}

// timeline prints what happens in a scene and draws it.
type timeline struct {
	scene
	start time.Time
	mu    sync.Mutex
	names []string          // of the lanes, in order
	lanes map[string][]byte // what is drawn on each
}

// observer makes rows and marks of what the client decides.
func (t *timeline) observer() claude.Observer {
	return claude.Observer{
		Decision: func(ctx context.Context, _ claude.CallInfo, d claude.Decision) {
			who, _ := ctx.Value(caller{}).(string)
			details := ""
			if d.Wait > 0 {
				details = fmt.Sprintf("wait %.3fs, budget left %.0f", d.Wait.Seconds(), d.Budget)
			}
			probe := d.Reason == string(claude.BreakerProbing)
			if probe || !t.oneLane && (d.Action == claude.ActionFailure || d.Wait > 0) { // the RESULT says the rest
				t.row(d.At, who, string(d.Layer), string(d.Action), d.Reason, details)
			}
			if t.oneLane {
				who = "calls"
			}
			t.mark(who, string(d.Action))
		},
		StateChange: func(_ context.Context, c claude.StateChange) {
			t.row(c.At, "", "BREAKER", string(c.To), "was "+string(c.From), "")
			t.mark("breaker", string(c.To))
		},
	}
}

// call makes a call and says what came of it.
func (t *timeline) call(client *claude.Client, who string) {
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), caller{}, who), 2*time.Second)
	defer cancel()
	resp, err := client.Messages.Create(ctx, hello)
	if failure, ok := errors.AsType[*claude.CallError](err); ok {
		details := "gave up: " + string(failure.Reason)
		if !failure.RetryAt.IsZero() {
			details += ", not before " + t.since(failure.RetryAt)
		}
		t.row(time.Now(), who, "RESULT", "error", string(failure.Class), details)
		return
	}
	t.row(time.Now(), who, "RESULT", "answer", "", resp.Text())
}

func (t *timeline) since(at time.Time) string { return fmt.Sprintf("%.3fs", at.Sub(t.start).Seconds()) }

func (t *timeline) row(at time.Time, who, layer, what, why, details string) {
	line := fmt.Sprintf("  %s  %-8s %-8s %-8s %-16s %s", t.since(at), who, layer, what, why, details)
	fmt.Println(strings.TrimRight(line, " "))
}

// marks are what actions and states look like on a lane.
var marks = map[string]string{
	"failure": "x", "success": "o", "refuse": "!",
	"again": ".", "wait": "=", "closed": "-", "open": "#", "probing": "?", // these last until the next mark
}

// mark draws a lane up to now: a column is 50 ms, and no mark hides another.
func (t *timeline) mark(name, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lane, known := t.lanes[name]
	if !known {
		t.names = append(t.names, name)
	}
	fill := byte(' ')
	if n := len(lane); n > 0 && strings.IndexByte(".=-#?", lane[n-1]) >= 0 {
		fill = lane[n-1]
	}
	for len(lane) < int(time.Since(t.start)/(50*ms)) {
		lane = append(lane, fill)
	}
	t.lanes[name] = append(lane, marks[what]...)
}
