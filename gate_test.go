package claude

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheGateAsATimeline(t *testing.T) {
	var g gate
	short, long := &APIError{Status: 429, RequestID: "short"}, &APIError{Status: 429, RequestID: "long"}
	const mine, other = 1, 2
	for i, step := range []struct {
		at    float64
		close float64 // shut until; 0: only ask
		err   *APIError
		key   uint64
		shut  bool
		until float64
		by    *APIError
	}{
		{at: 0, key: mine},
		{at: 0, close: 5, err: short, key: mine, shut: true, until: 5, by: short},
		{at: 1, key: other}, // a limit belongs to an account
		{at: 1, close: 9, err: long, key: mine, shut: true, until: 9, by: long},
		{at: 2, close: 4, err: short, key: mine, shut: true, until: 9, by: long}, // a shorter wait does not open it earlier
		{at: 8.9, key: mine, shut: true, until: 9, by: long},
		{at: 9, key: mine},                         // open at that very moment
		{at: 10, close: 10, err: short, key: mine}, // a wait of nothing shuts nothing
		{at: 10, close: 20, err: short, key: other, shut: true, until: 20, by: short},
	} {
		if step.close > 0 {
			g.close(step.key, at(step.at), at(step.close), step.err)
		}
		s, shut := g.ask(step.key, at(step.at))
		assert.Equal(t, step.shut, shut, "step %d", i)
		if step.shut {
			assert.Equal(t, at(step.until), s.until, "step %d", i)
			assert.Same(t, step.by, s.err, "step %d", i)
		}
	}
	assert.Len(t, g.shut, 1, "what has passed is forgotten: a proxy sees any number of keys")
	assert.Equal(t, at(20), g.last(at(11)).until)
}

func TestWaitsThatAServerAsksForAreSpreadALittle(t *testing.T) {
	for range 100 {
		assert.Less(t, spread(time.Second), 250*time.Millisecond)
		assert.Less(t, spread(time.Minute), 6*time.Second)
		assert.GreaterOrEqual(t, spread(0), time.Duration(0))
	}
}
