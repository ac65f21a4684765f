package main

import (
	"os"
	"strings"
	"testing"

	"github.com/steadfast-go/claude/internal/leaktest"
)

// TestMain hides a developer's own settings, and fails the run when a goroutine outlives
// it.
func TestMain(m *testing.M) {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		upper := strings.ToUpper(name)
		if strings.HasPrefix(upper, "ANTHROPIC_") || strings.HasSuffix(upper, "_PROXY") || strings.HasPrefix(upper, "SSL_CERT_") {
			_ = os.Unsetenv(name)
		}
	}
	os.Exit(leaktest.Check(m.Run()))
}
