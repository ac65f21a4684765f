package claude

import (
	"fmt"
	"strings"
	"time"
)

// A Layer is a part of the package that decides about a call.
type Layer string

// The layers, in the order a call meets them.
const (
	LayerGate    Layer = "gate"    // waits together with other calls for a server's Retry-After
	LayerBreaker Layer = "breaker" // refuses calls to a target that keeps failing
	LayerAttempt Layer = "attempt" // one request on the wire
	LayerRetry   Layer = "retry"   // says whether another attempt follows
)

// An Action is what a layer decided.
type Action string

// The actions.
const (
	ActionWait    Action = "wait"    // gate: wait until it opens; breaker: for a probe's outcome, at most so long
	ActionRefuse  Action = "refuse"  // gate, breaker: not now
	ActionAdmit   Action = "admit"   // breaker: go
	ActionSuccess Action = "success" // attempt: answered
	ActionFailure Action = "failure" // attempt: failed; Reason is its class
	ActionReplay  Action = "replay"  // attempt: net/http sent it again itself, because a kept connection was dead
	ActionAgain   Action = "again"   // retry: another attempt after Wait
	ActionStop    Action = "stop"    // retry: no other attempt
)

// A Decision is one step on a call's way: which layer decided what, and why. It
// holds no secret and no prompt.
type Decision struct {
	At      time.Time
	Layer   Layer
	Action  Action
	Attempt int           // the attempt it is about, from 1: the one to come for gate and breaker
	Reason  string        // why: a [Class], a [Reason], a [BreakerState], or what the wait is for
	Wait    time.Duration // how long the call waits; of a refusal, when asking again may be worth it
	Budget  float64       // units left in the target's retry budget when it was asked last
}

// String returns the decision on one line.
func (d Decision) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", d.Layer, d.Action)
	if d.Reason != "" {
		fmt.Fprintf(&b, " (%s)", d.Reason)
	}
	switch {
	case d.Wait <= 0:
	case d.Action == ActionRefuse:
		fmt.Fprintf(&b, ", again in %s", d.Wait.Round(time.Millisecond))
	default:
		fmt.Fprintf(&b, ", wait %s", d.Wait.Round(time.Millisecond))
	}
	if d.Layer == LayerRetry {
		fmt.Fprintf(&b, ", budget %.0f", d.Budget)
	}
	return b.String()
}
