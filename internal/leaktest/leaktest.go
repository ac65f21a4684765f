// Package leaktest fails a package's tests when they leave goroutines behind.
package leaktest

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// Check returns the code that a package's tests ended with. Where that is success
// and goroutines that run our code or net/http's outlive the tests by two seconds,
// it says which on standard error and returns 1. It is called by TestMain, whose own
// goroutine does not count.
func Check(code int) int {
	if code != 0 {
		return code
	}
	left := leaked()
	if left == "" {
		return 0
	}
	fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
	return 1
}

// leaked returns the stacks of goroutines that have not ended in time.
func leaked() string {
	for deadline := time.Now().Add(2 * time.Second); ; runtime.Gosched() {
		buf := make([]byte, 1<<20)
		var left []string
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, "TestMain") {
				continue
			}
			if strings.Contains(stack, "steadfast-go/claude") || strings.Contains(stack, "net/http") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
	}
}
