package main

import "context"

// streams is the decoding of long streams, one scenario for each kind of delta.
func streams() (all []scenario) {
	for _, kind := range []struct{ name, title, delta string }{
		{"text", "50,000 text deltas", textDelta},
		{"input_json", "50,000 deltas of a tool's input", jsonDelta},
		{"thinking", "50,000 thinking deltas", thinkingDelta},
	} {
		all = append(all, scenario{
			name: "stream-" + kind.name, title: kind.title, who: decoders,
			about: "A call whose answer is a stream in memory, read to its end: event by event, each piece as bytes that are only lent (where that is possible) or as a string, or accumulated to the whole answer. A piece has eleven bytes on average. Steadfast keeps what has come in every one of these, for `Partial` and for errors; the others only where they accumulate. Nobody knows how much will come, so it is kept in chunks and joined when its block is complete: each byte twice, 22 of the bytes per event, which is why the aim of 8 is missed.",
			rows: []row{
				{name: "as bytes", unit: "events/s", more: true, chart: true, aims: []aim{{"", 2.6e6}, {byHand, 10}, {official1, 27}}},
				{name: "as bytes: allocations", unit: "per event", aims: []aim{{"", 0.02}}},
				{name: "as bytes: allocated", unit: "B per event", aims: []aim{{"", 8}}},
				{name: "as strings", unit: "events/s", more: true, chart: true},
				{name: "as strings: allocations", unit: "per event", aims: []aim{{"", 1.02}}},
				{name: "as strings: allocated", unit: "B per event"},
				{name: "accumulated", unit: "events/s", more: true, chart: true, aims: []aim{{"", 2.5e6}}},
				{name: "accumulated: allocations", unit: "per event", aims: []aim{{"", 0.02}}},
				{name: "accumulated: allocated", unit: "B per event", aims: []aim{{"", 64}}},
			},
			chart: kind.title + ", events per second",
			prepare: func(o options) (trial, error) {
				e := makeEvents(kind.delta, pick(o, 50_000, 500))
				rt := memory{body: e.body(), stream: true}
				return trial{round: oneByOne(func(ctx context.Context, who string) (numbers, error) {
					c, err := newContender(who, inMemory(rt))
					if err != nil {
						return nil, err
					}
					n, each := numbers{}, float64(e.pieces)
					for how, name := range map[reading]string{borrowed: "as bytes", asStrings: "as strings", accumulated: "accumulated"} {
						got, err := sample(o.length(), func() error { return read(ctx, c, how, e.whole, e.pieces, nil) })
						if err != nil {
							return nil, err
						}
						n[name], n[name+": allocations"], n[name+": allocated"] = each/got.wall*1e9, got.allocs/each, got.bytes/each
					}
					return n, nil
				})}, nil
			},
		})
	}
	return all
}
