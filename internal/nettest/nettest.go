// Package nettest makes the ends of connections that tests of the network need, on
// loopback: servers of bytes, addresses that refuse or never answer, and certificates.
package nettest

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const loopback = "127.0.0.1"

// Listen accepts connections on loopback, hands each to serve and closes it when that
// returns. It returns its address.
func Listen(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l := listener(t)
	ServeOn(t, l, serve)
	return l.Addr().String()
}

// ServeOn does so with the connections of a listener, until the test is over. The test
// fails if serve has not returned by ten seconds later.
func ServeOn(t testing.TB, l net.Listener, serve func(net.Conn)) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close() //nolint:errcheck // it may be closed already
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("a connection was never closed")
		}
	})
}

// Nobody returns an address on loopback where nobody listens.
func Nobody(t testing.TB) string {
	t.Helper()
	return NobodyAt(t, loopback)
}

// NobodyAt returns such an address of a host of this machine. It skips the test where
// the machine does not have the host: not every one has IPv6.
func NobodyAt(t testing.TB, host string) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil && host != loopback {
		t.Skipf("cannot listen on %s: %v", host, err)
	}
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func listener(t testing.TB) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(loopback, "0"))
	require.NoError(t, err)
	return l
}
