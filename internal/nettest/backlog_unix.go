//go:build unix

package nettest

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Full returns an address on loopback where connections are neither accepted nor
// refused, as behind a firewall that drops them: the queue of its listener is full.
// It skips the test where the system has no such queue.
func Full(t testing.TB) string {
	t.Helper()
	l := listener(t)
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
