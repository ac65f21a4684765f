package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/bench/internal/adapters"
)

// roundTrip is what a resilient round tripper adds to a bare one.
func roundTrip() scenario {
	return scenario{
		name: "roundtrip", title: "Above a bare round trip", who: []string{steadfast, failsafe, retryable},
		about: "Each as an `http.RoundTripper` around the same one in memory, less what that costs alone. Steadfast: judge, breaker, budget and gate; failsafe-go: retries and circuit breaker; go-retryablehttp: retries.",
		rows: []row{
			{name: "allocations", unit: "", aims: []aim{{"", 12}}},
			{name: "allocated", unit: "kB"},
			{name: "CPU", unit: "µs", aims: []aim{{"", 4}}},
		},
		prepare: func(o options) (trial, error) {
			base := memory{body: message("Good morning.", 0)}
			wrap := map[string]func() http.RoundTripper{
				steadfast: func() http.RoundTripper { return &claude.Transport{Base: base} },
				failsafe:  func() http.RoundTripper { return adapters.Failsafe(base) },
				retryable: func() http.RoundTripper { return adapters.Retryable(base) },
			}
			return trial{round: oneByOne(func(ctx context.Context, who string) (numbers, error) {
				trip := func(rt http.RoundTripper) (cost, error) {
					return sample(o.length(), func() error { return once(ctx, rt, base.body) })
				}
				bare, err := trip(base)
				if err != nil {
					return nil, err
				}
				got, err := trip(wrap[who]())
				return numbers{"allocations": got.allocs - bare.allocs, "allocated": (got.bytes - bare.bytes) / 1e3, "CPU": (got.cpu - bare.cpu) / 1e3}, err
			})}, nil
		},
	}
}

// once makes a round trip with a new request, as a caller would.
func once(ctx context.Context, rt http.RoundTripper, want string) error {
	const body = `{"model":"` + model + `","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.anthropic.com/v1/messages", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header["Content-Type"] = []string{"application/json"}
	req.Header["X-Api-Key"] = []string{key}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && n != int64(len(want)) {
		err = errWrong
	}
	return errors.Join(err, resp.Body.Close())
}
