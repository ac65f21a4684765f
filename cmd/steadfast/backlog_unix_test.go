//go:build unix

package main

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// full returns an address on loopback where connections are neither accepted nor
// refused, as behind a firewall that drops them: the queue of its listener is
// full.
func full(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	tcp, ok := l.(*net.TCPListener)
	require.True(t, ok)
	raw, err := tcp.SyscallConn()
	require.NoError(t, err)
	var failure error
	require.NoError(t, raw.Control(func(fd uintptr) { failure = syscall.Listen(int(fd), 0) }))
	require.NoError(t, failure)
	dialer := net.Dialer{Timeout: 50 * time.Millisecond}
	for range 8 {
		conn, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			return l.Addr().String()
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Skip("this system accepts connections beyond the listener's queue")
	return ""
}
