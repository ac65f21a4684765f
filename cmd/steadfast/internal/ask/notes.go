package ask

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/cmd/steadfast/internal/term"
)

// notes tells what the client goes through: on a terminal also that it is still at
// it, on a line that is taken away before anything else is written.
type notes struct {
	w     io.Writer
	paint term.Painter
	live  bool

	mu    sync.Mutex
	shown bool              // the progress line is there
	end   chan struct{}     // ends the progress line
	ended chan struct{}     // it has ended
	doing string            // what is going on
	since time.Time         // since when
	last  claude.Attempt    // that ended
	done  claude.CallResult // of the call, when it has ended
}

func (n *notes) observer() claude.Observer {
	return claude.Observer{
		AttemptDone: func(_ context.Context, _ claude.CallInfo, a claude.Attempt) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.last = a
		},
		Wait: func(_ context.Context, _ claude.CallInfo, w claude.Wait) { n.wait(w) },
		AttemptStart: func(ctx context.Context, _ claude.CallInfo, number int) context.Context {
			if number > 1 {
				n.now(fmt.Sprintf("attempt %d: waiting for the first words", number))
			}
			return ctx
		},
		Warning: func(_ context.Context, w claude.Warning) { n.print(n.paint.Doubtful("warning: " + w.Message)) },
		CallDone: func(_ context.Context, _ claude.CallInfo, r claude.CallResult) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.done = r
		},
	}
}

// wait notes that an attempt failed and the next one comes later.
func (n *notes) wait(w claude.Wait) {
	n.mu.Lock()
	last := n.last
	n.mu.Unlock()
	what := string(w.Class)
	if last.Status != 0 {
		what += fmt.Sprintf(" (%d)", last.Status)
	}
	why := ""
	if w.Hinted {
		why = ", as the server asked"
	}
	if last.Number == 0 { // another call was told to wait
		n.print(n.paint.Doubtful(fmt.Sprintf("%s: waiting %s%s", what, short(w.Duration), why)))
	} else {
		n.print(n.paint.Doubtful(fmt.Sprintf("attempt %d failed: %s; trying again in %s%s", last.Number, what, short(w.Duration), why)))
	}
	n.now("waiting before the next attempt")
}

// print writes a note on a line of its own.
func (n *notes) print(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wipe()
	_, _ = fmt.Fprintf(n.w, "steadfast: %s\n", text)
}

// now says what is going on from here on.
func (n *notes) now(doing string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.doing, n.since = doing, time.Now()
}

// tick is how often the progress line changes.
const tick = 100 * time.Millisecond

// begin starts the progress line, on a terminal.
func (n *notes) begin() {
	if !n.live {
		return
	}
	n.now("waiting for the first words")
	n.end, n.ended = make(chan struct{}), make(chan struct{})
	go func(end <-chan struct{}, ended chan<- struct{}) {
		defer close(ended)
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for frame := 0; ; frame++ {
			select {
			case <-end:
				return
			case <-ticker.C:
				n.draw(frame)
			}
		}
	}(n.end, n.ended)
}

func (n *notes) draw(frame int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.shown = true
	_, _ = fmt.Fprintf(n.w, "\r\x1b[K%c %s, %s", `|/-\`[frame%4], n.doing, time.Since(n.since).Round(tick))
}

// wipe takes the progress line away. The lock is held.
func (n *notes) wipe() {
	if n.shown {
		_, _ = io.WriteString(n.w, "\r\x1b[K")
		n.shown = false
	}
}

// clear ends the progress line for good: the answer is coming.
func (n *notes) clear() {
	if n.end == nil {
		return
	}
	close(n.end)
	<-n.ended
	n.end = nil
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wipe()
}
