//go:build !unix

package nettest

import "testing"

// Full skips the test: there is no way to fill the queue of a listener here.
func Full(t testing.TB) string {
	t.Helper()
	t.Skip("the queue of a listener cannot be made short here")
	return ""
}
