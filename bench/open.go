package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"time"
)

// openStreams is many streams open at once, as a chat server has them.
func openStreams() scenario {
	return scenario{
		name: "open", title: "2,000 open streams", who: decoders,
		about: "Over HTTP/2 with TLS on loopback, in a process of its own for each contender; the server is in another. Each stream is read by a goroutine of its own. Memory and goroutines are taken while all streams wait after their first delta, above what they were before, and after two garbage collections; CPU is that of opening all and of 20 more deltas each.",
		rows: []row{
			{name: "heap and stack", unit: "kB per stream", chart: true, aims: []aim{{byHand, 1.1}}},
			{name: "heap", unit: "kB per stream"},
			{name: "stack", unit: "kB per stream"},
			{name: "goroutines", unit: "per stream"},
			{name: "CPU", unit: "s", aims: []aim{{byHand, 1}}},
		},
		chart: "Memory of an open stream, kB",
		prepare: func(o options) (trial, error) {
			e := makeEvents(textDelta, 21)
			return trial{round: oneByOne(func(ctx context.Context, who string) (numbers, error) {
				s := serve(e, pick(o, 20*time.Millisecond, time.Millisecond))
				defer s.Close()
				arg, err := json.Marshal(openArgs{s.URL, string(s.roots()), pick(o, 2000, 20), e.whole, e.pieces})
				if err != nil {
					return nil, err
				}
				return inChild(ctx, "open", who, string(arg))
			})}, nil
		},
	}
}

type openArgs struct {
	URL     string `json:"url"`
	Roots   string `json:"roots"`
	Streams int    `json:"streams"`
	Whole   string `json:"whole"`
	Pieces  int    `json:"pieces"`
}

func openChild(ctx context.Context, who, arg string) (numbers, error) {
	var a openArgs
	if err := json.Unmarshal([]byte(arg), &a); err != nil {
		return nil, err
	}
	c, err := newContender(who, endpoint{url: a.URL + "/held", roots: []byte(a.Roots)})
	if err != nil {
		return nil, err
	}
	before, cpu := inUse(), cpuTime()
	var reading sync.WaitGroup
	failures := make([]error, a.Streams)
	for i := range failures {
		begun := make(chan struct{})
		begin := sync.OnceFunc(func() { close(begun) })
		reading.Go(func() {
			defer begin()
			failures[i] = read(ctx, c, asStrings, a.Whole, a.Pieces, begin)
		})
		<-begun // one after the other, so that everybody opens as few connections as can be
	}
	cpu = cpuTime() - cpu
	during := inUse()
	each := func(f func(footprint) float64) float64 { return (f(during) - f(before)) / float64(a.Streams) }
	n := numbers{
		"heap and stack": each(func(f footprint) float64 { return f.heap + f.stack }) / 1e3,
		"heap":           each(func(f footprint) float64 { return f.heap }) / 1e3,
		"stack":          each(func(f footprint) float64 { return f.stack }) / 1e3,
		"goroutines":     each(func(f footprint) float64 { return f.goroutines }),
	}
	more := cpuTime()
	if err := goOn(ctx, a); err != nil {
		return nil, err
	}
	reading.Wait()
	n["CPU"] = (cpu + cpuTime() - more).Seconds()
	return n, errors.Join(failures...)
}

// footprint is what a process holds.
type footprint struct{ heap, stack, goroutines float64 }

func inUse() footprint {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{float64(m.HeapAlloc), float64(m.StackInuse), float64(runtime.NumGoroutine())}
}

// goOn lets the server send the rest.
func goOn(ctx context.Context, a openArgs) error {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(a.Roots))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+"/go", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
