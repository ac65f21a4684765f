package diagnose_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/steadfast-go/claude/internal/leaktest"
)

// TestMain hides this machine's own keys and proxies from the tests, and fails the
// run when a goroutine of ours or of net/http outlives it.
func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		child(text)
		return
	}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "ANTHROPIC_") || strings.HasSuffix(strings.ToLower(name), "_proxy") {
			_ = os.Unsetenv(name)
		}
	}
	_ = os.Setenv("NO_PROXY", "*") // no test leaves this machine
	code := m.Run()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	os.Exit(leaktest.Check(code))
}
