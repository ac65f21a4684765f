package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/steadfast-go/claude/internal/dnstest"
	"github.com/steadfast-go/claude/internal/nettest"
)

// fault is one way in which the transport fails.
type fault struct {
	name    string
	provoke func(t stage) scene
}

// scene is where a call meets a fault.
type scene struct {
	endpoint

	met func() bool // the call since the last question met it
}

// stage is a test that provokes faults.
type stage struct{ *testing.T }

// limit is the one that is to run out.
const limit = 100 * time.Millisecond

// host is looked up at a name server of ours or given to a proxy of ours, never to
// others.
const host = "https://api.claude.test"

var faults = []fault{
	{"the name is not found", func(t stage) scene { return t.nameServer(dnstest.NoSuchName) }},
	{"the name server is in trouble (SERVFAIL)", func(t stage) scene { return t.nameServer(dnstest.ServerFailed) }},
	{"connection refused", func(t stage) scene {
		addr := nettest.Nobody(t)
		return scene{endpoint{url: "http://" + addr}, func() bool { return errors.Is(t.dial(addr), syscall.ECONNREFUSED) }}
	}},
	{"connect timeout, packets dropped", func(t stage) scene {
		addr := nettest.Full(t)
		return scene{endpoint{url: "http://" + addr, dial: limit}, func() bool { return anyTimeout(t.dial(addr)) }}
	}},
	{"the proxy wants a password (407)", func(t stage) scene { return t.proxy(http.StatusProxyAuthRequired) }},
	{"the proxy cannot reach the host (502)", func(t stage) scene { return t.proxy(http.StatusBadGateway) }},
	{"connection to the proxy refused", func(t stage) scene {
		addr := nettest.Nobody(t)
		return scene{endpoint{url: host, proxy: "http://" + addr}, func() bool { return errors.Is(t.dial(addr), syscall.ECONNREFUSED) }}
	}},
	{"certificate of an unknown authority", func(t stage) scene {
		cert, _ := nettest.Trusted(t, "localhost")
		_, other := nettest.Trusted(t, "localhost")
		return t.shakes(cert, other)
	}},
	{"certificate of another host", func(t stage) scene {
		cert, authority := nettest.Trusted(t, "elsewhere.example")
		return t.shakes(cert, authority)
	}},
	{"expired certificate", func(t stage) scene {
		authority := nettest.NewAuthority(t, "Test Root")
		now := time.Now()
		return t.shakes(authority.Server(t, "localhost", now.Add(-48*time.Hour), now.Add(-24*time.Hour)), authority.PEM())
	}},
	{"plain HTTP in place of TLS", func(t stage) scene {
		return secure(t.accepts(func(c net.Conn, count func()) {
			_, _ = c.Read(make([]byte, 4096))
			count()
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}))
	}},
	{"reset during the handshake", func(t stage) scene {
		return secure(t.accepts(func(c net.Conn, count func()) {
			_, _ = c.Read(make([]byte, 64))
			count()
			reset(c)
		}))
	}},
	{"reset before an answer", func(t stage) scene { return t.asked(reset) }},
	{"closed before an answer", func(t stage) scene { return t.asked(func(net.Conn) {}) }},
	{"no answer within the limit", func(t stage) scene {
		s := t.asked(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		s.header = limit
		return s
	}},
	{"body cut half-way", func(t stage) scene {
		return t.asked(func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "+
				strconv.Itoa(len(message))+"\r\n\r\n"+message[:len(message)/2])
		})
	}},
}

// nameServer answers look-ups with a code, in place of the system's name server.
func (t stage) nameServer(code byte) scene {
	t.Helper()
	var questions atomic.Int32
	system := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = system })
	net.DefaultResolver = dnstest.NewResolver(t, func(dnstest.Question) dnstest.Answer {
		questions.Add(1)
		return dnstest.Answer{Code: code}
	})
	return scene{endpoint{url: host}, func() bool { return questions.Swap(0) > 0 }}
}

// accepts serves connections; serve counts those that come as far as the fault.
func (t stage) accepts(serve func(c net.Conn, count func())) scene {
	t.Helper()
	var counted atomic.Int32
	addr := nettest.Listen(t, func(c net.Conn) { serve(c, func() { counted.Add(1) }) })
	return scene{endpoint{url: "http://" + addr}, func() bool { return counted.Swap(0) == 1 }}
}

// asked reads a whole request and ends as end does.
func (t stage) asked(end func(net.Conn)) scene {
	t.Helper()
	return t.accepts(func(c net.Conn, count func()) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		count()
		end(c)
	})
}

// reset makes the end of a connection a RST.
func reset(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }

// secure has the server of a scene called by https://localhost.
func secure(s scene) scene {
	_, port, _ := net.SplitHostPort(s.url[len("http://"):])
	s.url = "https://localhost:" + port
	return s
}

// shakes shows a certificate to clients that trust an authority.
func (t stage) shakes(cert tls.Certificate, authority []byte) scene {
	t.Helper()
	s := secure(t.accepts(func(c net.Conn, count func()) {
		config := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			count()
			return &cert, nil
		}}
		_ = tls.Server(c, config).HandshakeContext(t.Context())
	}))
	s.roots = authority
	return s
}

// proxy answers CONNECT with a status.
func (t stage) proxy(status int) scene {
	t.Helper()
	s := t.accepts(func(c net.Conn, count func()) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil || req.Method != http.MethodConnect {
			return
		}
		count()
		_, _ = io.WriteString(c, "HTTP/1.1 "+strconv.Itoa(status)+" "+http.StatusText(status)+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	s.url, s.proxy = host, s.url
	return s
}

// dial says how it is to connect to an address.
func (t stage) dial(addr string) error {
	t.Helper()
	c, err := (&net.Dialer{Timeout: limit}).DialContext(t.Context(), "tcp", addr)
	if err == nil {
		_ = c.Close()
	}
	return err
}

// noError is what is known of a call that succeeded in spite of a fault.
const noError = "no error"

// playFaults plays every fault to everybody. It returns what each contender's program
// knows of each, nil for a fault that this system cannot provoke.
func playFaults(t *testing.T) [][]string {
	t.Helper()
	all := make([][]string, len(faults))
	for i, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			s := f.provoke(stage{t})
			known := make([]string, len(contenders))
			for who := range contenders {
				c := &contenders[who]
				_, err := c.start(t, s.endpoint).ask(t.Context())
				if !s.met() {
					t.Errorf("%s: the fault did not happen: %v", c.name, err)
				}
				known[who] = noError
				if err != nil {
					known[who] = c.signature(err)
				}
				t.Logf("%s: %s: %v", c.name, known[who], err)
			}
			all[i] = known
		})
	}
	return all
}
