package claudetest_test

import (
	"os"
	"testing"

	"github.com/steadfast-go/claude/internal/leaktest"
)

// TestMain fails the run when a goroutine of ours or of net/http outlives it.
func TestMain(m *testing.M) { os.Exit(leaktest.Check(m.Run())) }
