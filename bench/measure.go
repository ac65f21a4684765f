package main

import (
	"math"
	"runtime"
	"slices"
	"time"
)

// numbers are what one run of a contender came to, by the row they belong to.
type numbers map[string]float64

// cost is what one call of something took, on average.
type cost struct {
	wall, cpu     float64 // ns
	allocs, bytes float64
}

// sample runs f again and again, for some time.
func sample(length time.Duration, f func() error) (cost, error) {
	if err := f(); err != nil { // warm
		return cost{}, err
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, cpu := time.Now(), cpuTime()
	n := 0
	for n == 0 || time.Since(start) < length {
		if err := f(); err != nil {
			return cost{}, err
		}
		n++
	}
	wall := time.Since(start)
	cpu = cpuTime() - cpu
	runtime.ReadMemStats(&after)
	each := func(total float64) float64 { return total / float64(n) }
	allocs := each(float64(after.Mallocs - before.Mallocs))
	return cost{
		wall: each(float64(wall)), cpu: each(float64(cpu)),
		allocs: math.Round(allocs*100) / 100, // the runtime's own, now and then, are not the call's
		bytes:  each(float64(after.TotalAlloc - before.TotalAlloc)),
	}, nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
