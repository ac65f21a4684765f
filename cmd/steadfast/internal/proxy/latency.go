package proxy

import (
	"math/bits"
	"time"
)

// Latencies are counted in slots of ten seconds, for the last five minutes. Within a
// slot they fall into buckets whose width is a sixteenth of their value at most, so
// that what is read from them is right to about 3 %.
const (
	slotTime  = 10 * time.Second
	slotCount = 30

	subBits    = 4
	subBuckets = 1 << subBits
	maxBits    = 31 // in microseconds: longer than half an hour counts as that
	allBuckets = (maxBits - subBits + 1) * subBuckets
)

// latencyWindow is how far back latencies are kept.
const latencyWindow = slotCount * slotTime

// A latency counts durations over the last minutes. It needs a lock around it.
type latency struct {
	slots [slotCount]slot
}

type slot struct {
	number int64 // of the ten seconds it is for
	count  int
	bucket [allBuckets]uint32
}

// add counts a duration that ended now.
func (l *latency) add(now time.Time, d time.Duration) {
	number := now.UnixNano() / int64(slotTime)
	s := &l.slots[number%slotCount]
	if s.number != number {
		*s = slot{number: number}
	}
	s.count++
	s.bucket[bucketOf(d)]++
}

// quantiles returns how many durations there were, and the values that the given
// shares of them did not exceed; zeros without any.
func (l *latency) quantiles(now time.Time, shares ...float64) (count int, values []time.Duration) {
	number := now.UnixNano() / int64(slotTime)
	var sum [allBuckets]int
	for i := range l.slots {
		if s := &l.slots[i]; s.count > 0 && s.number > number-slotCount {
			count += s.count
			for b, n := range s.bucket {
				sum[b] += int(n)
			}
		}
	}
	values = make([]time.Duration, len(shares))
	for i, share := range shares {
		rank := int(share*float64(count) + 0.999999)
		for b, n := range sum {
			if rank -= n; n > 0 && rank <= 0 {
				values[i] = valueOf(b)
				break
			}
		}
	}
	return count, values
}

// bucketOf returns the bucket of a duration: by its highest bit, and the four below.
func bucketOf(d time.Duration) int {
	v := uint64(max(0, d.Microseconds()))
	v = min(v, 1<<maxBits-1)
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return (shift+1)*subBuckets + int(v>>shift) - subBuckets
}

// valueOf returns the middle of a bucket.
func valueOf(bucket int) time.Duration {
	if bucket < subBuckets {
		return time.Duration(bucket) * time.Microsecond
	}
	shift := bucket/subBuckets - 1
	low := uint64(subBuckets+bucket%subBuckets) << shift
	return time.Duration(low+(1<<shift)/2) * time.Microsecond
}
