package claude

import (
	"fmt"
	"time"
)

// NoTimeout switches a limit of [Timeouts] off.
const NoTimeout time.Duration = -1

// Timeouts limit the phases of an attempt; Total limits the whole call. A zero
// field means its default, [NoTimeout] switches it off.
type Timeouts struct {
	// Dial limits the look-up of the host name and the TCP connection. Default
	// 10 s: a healthy connection takes well under one.
	Dial time.Duration
	// TLS limits the TLS handshake. Default 10 s.
	TLS time.Duration
	// FirstByte limits the silence between the last byte sent and the first byte
	// of the answer's header. Default 120 s: an answer that is not streamed is
	// generated whole before its header comes.
	FirstByte time.Duration
	// StreamIdle limits the silence within an answer's body; any byte is life,
	// pings included. Default 180 s: healthy streams have been seen silent for
	// two minutes.
	StreamIdle time.Duration
	// StreamProgress limits the time without a piece of content within a stream that
	// is being read; pings do not count. Off by default: a model may think for long.
	StreamProgress time.Duration
	// Total limits the whole call, waits and retries included. Off by default:
	// that is what the context is for.
	Total time.Duration
}

func (t Timeouts) withDefaults() Timeouts {
	def := func(d *time.Duration, value time.Duration) {
		switch {
		case *d == 0:
			*d = value
		case *d < 0:
			*d = 0 // from here on 0 means off
		}
	}
	def(&t.Dial, 10*time.Second)
	def(&t.TLS, 10*time.Second)
	def(&t.FirstByte, 120*time.Second)
	def(&t.StreamIdle, 180*time.Second)
	def(&t.StreamProgress, 0)
	def(&t.Total, 0)
	return t
}

func (t Timeouts) check() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"Dial", t.Dial}, {"TLS", t.TLS}, {"FirstByte", t.FirstByte}, {"StreamIdle", t.StreamIdle}, {"StreamProgress", t.StreamProgress}, {"Total", t.Total}} {
		if d.value < 0 && d.value != NoTimeout {
			return &ConfigError{Field: "Timeouts." + d.name, Problem: "is negative: use a positive duration, 0 for the default or NoTimeout"}
		}
	}
	return nil
}

// timeoutError is a limit of Timeouts that ran out.
type timeoutError struct {
	name  string // the field of Timeouts
	limit time.Duration
}

// Error names the limit.
func (e *timeoutError) Error() string {
	return fmt.Sprintf("no progress within Timeouts.%s of %s", e.name, e.limit)
}

// Timeout makes it a net.Error of sorts.
func (e *timeoutError) Timeout() bool { return true }

// clock runs for one limit at a time. A stream starts it twice with every read, so
// that its timer is not set again each time: where that rings too early, it is set to
// what is left.
type clock struct {
	name  string // of the limit, a field of Timeouts
	limit time.Duration

	timer *time.Timer
	begun time.Time     // what the times below are counted from
	due   time.Duration // when the limit has run out; 0: there is none
	rings time.Duration // when the timer rings; 0: it does not
}

// start begins a limit in place of the one before; 0 is none. It is false if the
// caller is to make a timer first.
func (c *clock) start(name string, limit time.Duration) bool {
	c.name, c.limit = name, max(0, limit)
	if limit <= 0 {
		c.due = 0
		return true
	}
	if c.timer == nil {
		c.begun, c.due, c.rings = time.Now(), limit, limit
		return false
	}
	c.due = time.Since(c.begun) + limit
	if c.rings == 0 || c.due < c.rings {
		c.rings = c.due
		c.timer.Reset(limit)
	}
	return true
}

// rang is asked when the timer has rung: it returns the limit that has run out, or
// nil if none has.
func (c *clock) rang() *timeoutError {
	c.rings = 0
	if c.due == 0 {
		return nil
	}
	if left := c.due - time.Since(c.begun); left > 0 {
		c.rings = c.due
		c.timer.Reset(left)
		return nil
	}
	return &timeoutError{name: c.name, limit: c.limit}
}

// stop ends the limit. A timer that is ringing finds none.
func (c *clock) stop() {
	c.due = 0
	if c.timer != nil {
		c.timer.Stop()
	}
}
