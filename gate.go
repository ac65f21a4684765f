package claude

import (
	"sync"
	"time"
)

// GatePolicy says whether calls share the waits that a server asks for. The zero
// value is the default: while one call has been told to wait, the others to the
// same target with the same credential wait too, instead of asking to be told the
// same. A wait longer than RetryPolicy.MaxRetryAfter, or than the caller's
// deadline allows, answers at once with the error that shut the gate. After an hour
// one asks again, however long the server wanted.
//
// The gate is no queue: when it opens, all who wait go within a quarter of a second
// or a tenth of the wait, whichever is longer.
type GatePolicy struct {
	// Off lets every call pass.
	Off bool
}

// gate is shut until a server's Retry-After has passed. Limits belong to an
// account, so each credential has a gate of its own.
type gate struct {
	mu   sync.Mutex
	shut map[uint64]shutter // by credential
}

// shutter is why a gate is shut, and until when.
type shutter struct {
	until time.Time
	told  time.Time // until when the server asked to wait, which may be later
	err   *APIError
}

// maxShut is how long a gate stays shut without asking again: limits are raised, and
// a hint may be wrong.
const maxShut = time.Hour

// close shuts the gate of a credential, unless it is shut for longer already.
func (g *gate) close(key uint64, now, until time.Time, err *APIError) {
	if !until.After(now) {
		return
	}
	told := until
	if longest := now.Add(maxShut); until.After(longest) {
		until = longest
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for k, s := range g.shut {
		if !s.until.After(now) {
			delete(g.shut, k)
		}
	}
	if !until.After(g.shut[key].until) {
		return
	}
	if g.shut == nil {
		g.shut = make(map[uint64]shutter, 1)
	}
	g.shut[key] = shutter{until, told, err}
}

// ask returns what shuts the gate of a credential, if anything does.
func (g *gate) ask(key uint64, now time.Time) (s shutter, shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s = g.shut[key]
	return s, s.until.After(now)
}

func (g *gate) isShut(now time.Time) bool { return g.last(now).err != nil }

// last returns the shutter that opens last.
func (g *gate) last(now time.Time) (s shutter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, other := range g.shut {
		if other.until.After(now) && other.until.After(s.until) {
			s = other
		}
	}
	return s
}
