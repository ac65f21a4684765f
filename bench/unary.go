package main

import "context"

// unary is a small call, from the request to its answer, without a network.
func unary() scenario {
	return scenario{
		name: "unary", title: "A small call in memory", who: everybody,
		about: "One question, one sentence back; a round tripper in memory answers at once. Steadfast also checks the request, judges the answer, and keeps breaker, budget and gate.",
		rows: []row{
			{name: "allocations", unit: "", aims: []aim{{"", 36}}},
			{name: "allocated", unit: "kB", aims: []aim{{"", 6}}},
			{name: "CPU", unit: "µs", chart: true, aims: []aim{{byHand, 1}}},
		},
		chart: "CPU time of a small call, µs",
		prepare: func(o options) (trial, error) {
			const text = "Good morning."
			rt := memory{body: message(text, 0)}
			return trial{round: oneByOne(func(ctx context.Context, who string) (numbers, error) {
				c, err := newContender(who, inMemory(rt))
				if err != nil {
					return nil, err
				}
				got, err := sample(o.length(), func() error {
					return ask(ctx, c, "", answer{text: text})
				})
				return numbers{"allocations": got.allocs, "allocated": got.bytes / 1e3, "CPU": got.cpu / 1e3}, err
			})}, nil
		},
	}
}
