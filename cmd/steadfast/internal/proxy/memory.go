package proxy

import (
	"os"
	"runtime/debug"
	"sync"
)

// gcPercent is how much garbage may come, in percent of what is alive. A proxy keeps
// little alive and passes much through: with the default of 100 it would collect after
// every few large requests, and each collection delays the streams.
const gcPercent = 400

// RelaxGC makes the garbage collector run less often than by default, unless GOGC says
// how often. It is for a process that does nothing but proxy.
func RelaxGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// buffers are what bodies are copied with. A stream keeps its own for as long as it is
// open, so they are small.
type buffers struct{ pool sync.Pool }

const bufferSize = 4 << 10

// Get returns a buffer.
func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return buf[:]
	}
	return make([]byte, bufferSize)
}

// Put takes a buffer back.
func (b *buffers) Put(buf []byte) { b.pool.Put((*[bufferSize]byte)(buf)) }
