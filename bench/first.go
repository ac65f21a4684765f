package main

import (
	"context"
	"fmt"
	"time"
)

// firstDelta is the time until a stream shows its first piece.
func firstDelta() scenario {
	return scenario{
		name: "first", title: "The first delta", who: everybody,
		about: "From the call until the caller has the first piece of text, over HTTP/2 with TLS on loopback, on a connection that is open already; half of the calls are faster. The server sends the stream's beginning, then the pieces one by one.",
		rows: []row{
			{name: "time, p50", unit: "µs", chart: true, aims: []aim{{byHand, 1.05}}},
		},
		chart: "Time until the first delta over loopback, p50, µs",
		prepare: func(o options) (trial, error) {
			s := serve(makeEvents(textDelta, 3), 0)
			blocks, calls := pick(o, 40, 1), pick(o, 50, 10)
			ready := make(map[string]contender)
			for _, who := range everybody {
				c, err := newContender(who, endpoint{url: s.URL, roots: s.roots()})
				if err != nil {
					return trial{}, err
				}
				ready[who] = c
			}
			return trial{close: s.Close, round: func(ctx context.Context, everybody []string) (map[string]numbers, error) {
				times := make(map[string][]float64)
				for range blocks { // short ones, so that everybody shares whatever disturbs
					for _, who := range everybody {
						for i := range calls {
							start := time.Now()
							var first time.Duration
							err := read(ctx, ready[who], asStrings, s.events.whole, s.events.pieces, func() { first = time.Since(start) })
							if err != nil {
								return nil, fmt.Errorf("%s: %w", who, err)
							}
							if i >= calls/10 { // else it warms
								times[who] = append(times[who], float64(first)/1e3)
							}
						}
					}
				}
				all := make(map[string]numbers)
				for who, t := range times {
					all[who] = numbers{"time, p50": median(t)}
				}
				return all, nil
			}}, nil
		},
	}
}
