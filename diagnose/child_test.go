package diagnose_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// childVariable makes the test's binary play a part of a test, in a process with an
// environment of its own.
const childVariable = "DIAGNOSE_TEST_CHILD"

// child plays a part.
func child(part string) {
	name, argument, _ := strings.Cut(part, " ")
	switch name {
	case "proxy": // which proxy net/http chooses for URLs
		for u := range strings.SplitSeq(argument, " ") {
			req, err := http.NewRequest(http.MethodGet, u, nil)
			if err != nil {
				fmt.Fprintln(os.Stdout, "error", err)
				continue
			}
			proxy, err := http.ProxyFromEnvironment(req)
			switch {
			case err != nil:
				fmt.Fprintln(os.Stdout, "error")
			case proxy == nil:
				fmt.Fprintln(os.Stdout, "none")
			default:
				fmt.Fprintln(os.Stdout, proxy)
			}
		}
	case "namespace":
		namespace()
	default:
		fmt.Fprintln(os.Stderr, "no such part:", part)
		os.Exit(1)
	}
}

// play has a child play a part and returns what it printed.
func play(t *testing.T, part string, environ ...string) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append([]string{childVariable + "=" + part}, environ...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}
