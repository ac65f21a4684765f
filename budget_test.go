package claude

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// at is a moment of a timeline, in seconds.
func at(seconds float64) time.Time {
	return time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

func TestTheBudgetAsATimeline(t *testing.T) {
	b := budget{policy: BudgetPolicy{}.withDefaults()}
	for i, step := range []struct {
		at   float64 // seconds
		take float64 // price; 0 means add
		add  float64
		ok   bool
		left float64
	}{
		{at: 0, take: 10, ok: true, left: 90},
		{at: 0, take: 85, ok: true, left: 5},
		{at: 0, take: 10, left: 5},           // not there: refused, and nothing is taken
		{at: 4, take: 10, left: 9},           // one unit comes back each second
		{at: 5, take: 10, ok: true, left: 0}, //
		{at: 5, add: 10, left: 10},           // the retry succeeded: refunded
		{at: 5, add: 1, left: 11},            // another call succeeded at once
		{at: 3, take: 1, ok: true, left: 10}, // a clock that goes back gives nothing
		{at: 500, add: 0, left: 100},         // never more than it holds
		{at: 500, take: 250, ok: true, left: 0},
		{at: 550, take: 250, left: 50}, // a price over what it holds is what it holds, not for ever too much
		{at: 600, take: 250, ok: true, left: 0},
	} {
		var left float64
		var ok bool
		if step.take > 0 {
			_, left, ok = b.take(at(step.at), step.take)
		} else {
			left = b.add(at(step.at), step.add)
		}
		assert.Equal(t, step.ok, ok, "step %d", i)
		assert.InDelta(t, step.left, left, 1e-9, "step %d", i)
	}
}

func TestTheSmallerTheRiskTheCheaperTheRetry(t *testing.T) {
	for _, tc := range []struct {
		processed Processed
		tokens    int
		want      float64
	}{
		{NotSent, 0, 2},
		{NotSent, 1_000_000, 2},
		{Rejected, 1_000_000, 5},
		{Ambiguous, 0, 10},
		{Ambiguous, 50_000, 20},
		{Ran, 200_000, 50}, // five ordinary ones
	} {
		assert.InDelta(t, tc.want, retryCost(tc.processed, tc.tokens), 1e-9, "%+v", tc)
	}
}

func TestTheBase64OfMediaCountsLittleInThePromptsSize(t *testing.T) {
	data := make([]byte, 4<<20)
	r := Request{Messages: []Message{User(Image("image/png", data), Text("what is it?"))}}
	encoded := len(data) * 4 / 3
	assert.Less(t, promptTokens(&r, encoded), encoded/bytesPerToken/9)
	assert.Equal(t, 1000, promptTokens(&Request{}, 4000))
	assert.NotPanics(t, func() {
		promptTokens(&Request{Messages: []Message{User((*ImageBlock)(nil), &DocumentBlock{}, nil)}}, 1<<20)
	})
}
