package proxy

import (
	"fmt"
	"os"
	"testing"

	"github.com/steadfast-go/claude/internal/leaktest"
)

// TestMain fails the run when a goroutine of ours or of net/http outlives it.
func TestMain(m *testing.M) {
	if os.Getenv(contenderVariable) != "" { // for a benchmark
		if err := contend(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(leaktest.Check(m.Run()))
}
