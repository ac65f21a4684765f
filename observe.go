package claude

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/steadfast-go/claude/internal/redact"
)

// Observer has a hook for everything a call goes through. Hooks that are nil are
// skipped and cost nothing. They are called on the goroutine of the call, with no
// lock held, and must be safe for use by many calls at once. The call goes on when
// they return, so a hook that calls the API itself should do that elsewhere: it may
// be a probe that it would wait for. What they get holds no secret and no prompt.
//
// CallStart and AttemptStart return the context that the call or attempt goes on
// with, so that a tracer can put its span there; AttemptStart's context is the
// one the request is sent with.
type Observer struct {
	CallStart    func(ctx context.Context, call CallInfo) context.Context
	CallDone     func(ctx context.Context, call CallInfo, result CallResult)
	AttemptStart func(ctx context.Context, call CallInfo, number int) context.Context
	AttemptDone  func(ctx context.Context, call CallInfo, attempt Attempt)
	Wait         func(ctx context.Context, call CallInfo, wait Wait)
	Decision     func(ctx context.Context, call CallInfo, decision Decision)
	StateChange  func(ctx context.Context, change StateChange)
	Warning      func(ctx context.Context, warning Warning)

	// StreamLeaked is told of a [Stream] that was dropped before its end without
	// being closed, some time after that, with the file and line that opened it. The
	// stream is closed then.
	StreamLeaked func(ctx context.Context, call CallInfo, openedAt string)
}

// CallInfo says what is called.
type CallInfo struct {
	ID     uint64 // number of the call, from 1, within its [Transport]; tells hooks which call they are about
	Op     string // such as "messages.create"
	Target Target
}

// CallResult says what a call came to.
type CallResult struct {
	Class        Class         // empty for success
	Attempts     []Attempt     // every attempt, in order
	Trail        []Decision    // every decision about the call, in order
	Elapsed      time.Duration // from the call to its end, waits included
	FirstContent time.Duration // of a stream: from the call to its first content; else zero
	RequestID    string
	Usage        *Usage // of an answer that has one
	Err          error  // the [*CallError], or nil
}

// Wait is a pause before an attempt.
type Wait struct {
	Duration time.Duration // of a wait for a probe, the most it may be
	Class    Class         // of the failure that is the reason: of the attempt before, or of another call's
	Hinted   bool          // the server asked for it
}

// Warning is something that works and should not stay.
type Warning struct {
	Op      string   // the call it is about; "new" for the configuration
	Message string   // what is wrong and what to do
	Problem *Problem // of a request that the API may refuse, else nil
}

// joinObservers makes one observer of several; contexts flow through all of them.
func joinObservers(all []Observer) Observer {
	var joined Observer
	for _, o := range all {
		joined = joinTwo(joined, o)
	}
	return joined
}

func joinTwo(a, b Observer) Observer {
	j := a
	if f, g := a.CallStart, b.CallStart; f == nil {
		j.CallStart = g
	} else if g != nil {
		j.CallStart = func(ctx context.Context, c CallInfo) context.Context { return g(f(ctx, c), c) }
	}
	if f, g := a.AttemptStart, b.AttemptStart; f == nil {
		j.AttemptStart = g
	} else if g != nil {
		j.AttemptStart = func(ctx context.Context, c CallInfo, n int) context.Context { return g(f(ctx, c, n), c, n) }
	}
	j.CallDone = bothOfCall(a.CallDone, b.CallDone)
	j.AttemptDone = bothOfCall(a.AttemptDone, b.AttemptDone)
	j.Wait = bothOfCall(a.Wait, b.Wait)
	j.Decision = bothOfCall(a.Decision, b.Decision)
	j.StreamLeaked = bothOfCall(a.StreamLeaked, b.StreamLeaked)
	j.StateChange = both(a.StateChange, b.StateChange)
	j.Warning = both(a.Warning, b.Warning)
	return j
}

func both[T any](f, g func(context.Context, T)) func(context.Context, T) {
	switch {
	case f == nil:
		return g
	case g == nil:
		return f
	}
	return func(ctx context.Context, x T) { f(ctx, x); g(ctx, x) }
}

func bothOfCall[T any](f, g func(context.Context, CallInfo, T)) func(context.Context, CallInfo, T) {
	switch {
	case f == nil:
		return g
	case g == nil:
		return f
	}
	return func(ctx context.Context, c CallInfo, x T) { f(ctx, c, x); g(ctx, c, x) }
}

// sift refuses the problems of a request that are to be refused, and warns of the rest.
func (o *Observer) sift(ctx context.Context, op string, problems []Problem, refuses func(Problem) bool) error {
	var refused []Problem
	for _, p := range problems {
		switch {
		case refuses(p):
			refused = append(refused, p)
		case o.Warning != nil:
			o.Warning(ctx, Warning{Op: op, Message: p.String(), Problem: &p})
		}
	}
	if refused != nil {
		return &ValidationError{Problems: refused}
	}
	return nil
}

// slogObserver writes one line per attempt and one per call.
func slogObserver(log *slog.Logger) Observer {
	return Observer{
		CallDone: func(ctx context.Context, c CallInfo, r CallResult) {
			attrs := []slog.Attr{
				slog.String("op", c.Op), slog.String("target", c.Target.String()),
				slog.Int("attempts", len(r.Attempts)), slog.Duration("elapsed", r.Elapsed),
				slog.String("request_id", redact.Line(r.RequestID, maxShownMessage)),
			}
			if r.Usage != nil {
				attrs = append(attrs, slog.Int("input_tokens", r.Usage.TotalInputTokens()), slog.Int("output_tokens", r.Usage.OutputTokens))
			}
			level := slog.LevelInfo
			if r.Err != nil {
				level = slog.LevelError
				attrs = append(attrs, slog.String("class", string(r.Class)), slog.String("error", r.Err.Error()))
			}
			log.LogAttrs(ctx, level, "claude call", attrs...)
		},
		AttemptDone: func(ctx context.Context, c CallInfo, a Attempt) {
			attrs := []slog.Attr{
				slog.String("op", c.Op), slog.String("target", c.Target.String()),
				slog.Int("attempt", a.Number), slog.Int("status", a.Status), slog.String("stage", string(a.Stage)),
				slog.Duration("elapsed", a.Elapsed), slog.String("request_id", redact.Line(a.RequestID, maxShownMessage)),
			}
			level := slog.LevelDebug
			if a.Err != nil {
				level = slog.LevelWarn
				attrs = append(attrs, slog.String("class", string(a.Class)), slog.String("processed", string(a.Processed)),
					slog.String("error", redact.Line(a.Err.Error(), maxShown)))
			}
			log.LogAttrs(ctx, level, "claude attempt", attrs...)
		},
		StateChange: func(ctx context.Context, s StateChange) {
			log.LogAttrs(ctx, slog.LevelWarn, "claude breaker", slog.String("target", s.Target.String()),
				slog.String("from", string(s.From)), slog.String("to", string(s.To)), slog.Time("retry_at", s.RetryAt))
		},
		Warning: func(ctx context.Context, w Warning) {
			log.LogAttrs(ctx, slog.LevelWarn, "claude warning", slog.String("op", w.Op), slog.String("warning", w.Message))
		},
	}
}

// LogPolicy says what of the traffic [WithLogging] logs besides method, URL and
// status. Secrets are removed from all of it. Bodies hold prompts and answers:
// log them where you may.
type LogPolicy struct {
	Headers bool // the headers, exactly as sent and received
	Bodies  bool // the bodies, exactly as sent and received
	MaxBody int  // bytes of a body that are logged; 0 means 4096
}

// traffic logs what goes over the wire.
type traffic struct {
	log    *slog.Logger
	policy LogPolicy
}

// sentHeader collects the headers of a request as they are written.
type sentHeader struct {
	token Token
	mu    sync.Mutex
	attrs []slog.Attr
}

// add is the hook that is called for each of them.
func (h *sentHeader) add(name string, values []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attrs = append(h.attrs, headerAttrs(name, values, h.token)...)
}

func headerAttrs(name string, values []string, token Token) []slog.Attr {
	attrs := make([]slog.Attr, len(values))
	for i, v := range values {
		attrs[i] = slog.String(http.CanonicalHeaderKey(name), redact.Header(name, v, token.Secret.Reveal()))
	}
	return attrs
}

func headerGroup(h http.Header, token Token) slog.Value {
	var attrs []slog.Attr
	for _, name := range slices.Sorted(maps.Keys(h)) {
		attrs = append(attrs, headerAttrs(name, h[name], token)...)
	}
	return slog.GroupValue(attrs...)
}

// body renders a body, redacted and capped.
func (l *traffic) body(head []byte, size int, token Token) []slog.Attr {
	return []slog.Attr{slog.Int("size", size), slog.String("body", redact.Cut(redact.Text(string(head), token.Secret.Reveal()), l.policy.MaxBody))}
}

// request logs an attempt's request.
func (l *traffic) request(ctx context.Context, req *http.Request, c *call, number int, token Token, sent *sentHeader) {
	attrs := []slog.Attr{
		slog.Int("attempt", number), slog.String("method", req.Method),
		slog.String("url", redact.Text(req.URL.String(), token.Secret.Reveal())),
	}
	if l.policy.Headers {
		group := headerGroup(req.Header, token)
		sent.mu.Lock()
		if len(sent.attrs) > 0 { // a base without hooks leaves us what we handed it
			group = slog.GroupValue(slices.Clone(sent.attrs)...)
		}
		sent.mu.Unlock()
		attrs = append(attrs, slog.Attr{Key: "header", Value: group})
	}
	if l.policy.Bodies && c.body.Len() > 0 {
		attrs = append(attrs, l.body(c.body.Head(l.policy.MaxBody+maxErrorBody), c.body.Len(), token)...)
	}
	l.log.LogAttrs(ctx, slog.LevelInfo, "claude request", attrs...)
}

// response logs an attempt's answer.
func (l *traffic) response(ctx context.Context, o *observation, number int, token Token) {
	attrs := []slog.Attr{slog.Int("attempt", number), slog.Int("status", o.status)}
	if o.err != nil {
		attrs = append(attrs, slog.String("error", redact.Line(o.err.Error(), maxShown, token.Secret.Reveal())))
	}
	if l.policy.Headers && o.header != nil {
		attrs = append(attrs, slog.Attr{Key: "header", Value: headerGroup(o.header, token)})
	}
	if l.policy.Bodies && o.status != 0 && !(o.call.raw && o.status < 300) {
		attrs = append(attrs, l.body([]byte(o.body[:min(len(o.body), l.policy.MaxBody+maxErrorBody)]), len(o.body), token)...)
	}
	l.log.LogAttrs(ctx, slog.LevelInfo, "claude response", attrs...)
}
