//go:build !linux

package diagnose_test

// namespace is Linux's alone.
func namespace() {}
