//go:build !unix

package main

import "testing"

// full has no way to fill the queue of a listener here.
func full(t *testing.T) string {
	t.Helper()
	t.Skip("the queue of a listener cannot be made short here")
	return ""
}
