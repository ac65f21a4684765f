// Package dnstest is a name server on loopback for tests.
package dnstest

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
)

// The codes of answers (RFC 1035, section 4.1.1).
const (
	NoError      = 0
	ServerFailed = 2
	NoSuchName   = 3
	Refused      = 5
)

// The types of questions.
const (
	A    = 1
	AAAA = 28
	PTR  = 12
)

// A Question is what is asked for.
type Question struct {
	Name string // in small letters, without the dot at its end
	Type uint16
}

// An Answer is what is said.
type Answer struct {
	Code   byte
	Addrs  []netip.Addr // those that don't fit the question's type are left out
	Silent bool         // nothing is said at all
}

// Addrs is an answer with addresses.
func Addrs(addrs ...string) Answer {
	var a Answer
	for _, text := range addrs {
		a.Addrs = append(a.Addrs, netip.MustParseAddr(text))
	}
	return a
}

// TB is the part of *testing.T that this package needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// NewResolver returns a resolver whose one name server says what answer makes of
// each question. answer may be called by several goroutines at once.
func NewResolver(t TB, answer func(Question) Answer) *net.Resolver {
	t.Helper()
	var config net.ListenConfig
	server, err := config.ListenPacket(context.Background(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("dnstest: %v", err)
		return nil
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		query := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(query)
			if err != nil {
				return
			}
			if reply := respond(query[:n], answer); reply != nil {
				_, _ = server.WriteTo(reply, from)
			}
		}
	})
	var mu sync.Mutex
	var asking []net.Conn
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range asking { // the resolver waits longer than the test
			_ = c.Close()
		}
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "udp", server.LocalAddr().String())
		if err == nil {
			mu.Lock()
			asking = append(asking, c)
			mu.Unlock()
		}
		return c, err
	}}
}

const (
	headerSize = 12
	inClass    = 1
)

// respond makes the answer to a query, nil for none.
func respond(query []byte, answer func(Question) Answer) []byte {
	q, end := parse(query)
	if end == 0 {
		return nil
	}
	a := answer(q)
	if a.Silent {
		return nil
	}
	reply := append([]byte(nil), query[:end]...)
	count := 0
	for _, addr := range a.Addrs {
		if addr.Is4() != (q.Type == A) || addr.Is6() != (q.Type == AAAA) {
			continue
		}
		data := addr.AsSlice()
		reply = append(reply, 0xc0, headerSize) // the name again
		reply = binary.BigEndian.AppendUint16(reply, q.Type)
		reply = binary.BigEndian.AppendUint16(reply, inClass)
		reply = binary.BigEndian.AppendUint32(reply, 0)                 // not to be kept
		reply = binary.BigEndian.AppendUint16(reply, uint16(len(data))) //nolint:gosec // 4 or 16
		reply = append(reply, data...)
		count++
	}
	copy(reply[2:], []byte{0x81, 0x80 | a.Code, 0, 1, 0, byte(count), 0, 0, 0, 0})
	return reply
}

// parse reads the question; end is where it ends in the query, 0 if it is broken.
func parse(query []byte) (q Question, end int) {
	var labels []string
	at := headerSize
	for at < len(query) && query[at] != 0 {
		next := at + 1 + int(query[at])
		if next > len(query) {
			return q, 0
		}
		labels = append(labels, string(query[at+1:next]))
		at = next
	}
	end = at + 5 // the last label, type and class
	if end > len(query) {
		return q, 0
	}
	return Question{strings.ToLower(strings.Join(labels, ".")), binary.BigEndian.Uint16(query[at+1:])}, end
}
