package main

import (
	"context"
	"strings"
)

// bigAnswer is a large answer.
func bigAnswer() scenario {
	return scenario{
		name: "answer", title: "An answer of 1 MiB of text and 20 tool calls", who: decoders,
		about: "From a round tripper in memory. Copies are the bytes allocated over the size of the body; one is the body itself. Escaped: the text has quotes and line breaks, every 40 bytes or so.",
		rows: []row{
			{name: "copies", unit: "", aims: []aim{{"", 1.2}}},
			{name: "CPU", unit: "ms", chart: true, aims: []aim{{byHand, 0.25}}},
			{name: "copies, escaped", unit: ""},
			{name: "CPU, escaped", unit: "ms", chart: true, aims: []aim{{byHand, 0.25}}},
		},
		chart: "CPU time of an answer of 1 MiB, ms",
		prepare: func(o options) (trial, error) {
			return trial{round: oneByOne(func(ctx context.Context, who string) (numbers, error) {
				n := numbers{}
				for suffix, sentence := range map[string]string{"": plainProse, ", escaped": escapedProse} {
					want := answer{strings.Repeat(sentence, 1<<20/len(sentence)), 20}
					body := message(want.text, want.tools)
					c, err := newContender(who, inMemory(memory{body: body}))
					if err != nil {
						return nil, err
					}
					got, err := sample(o.length(), func() error {
						return ask(ctx, c, "", want)
					})
					if err != nil {
						return nil, err
					}
					n["copies"+suffix], n["CPU"+suffix] = got.bytes/float64(len(body)), got.cpu/1e6
				}
				return n, nil
			})}, nil
		},
	}
}
