package claudetest

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"log" //nolint:depguard // for http.Server, which knows no other
	"net"
	"net/http"
	"sync"
	"time"
)

// TB is the part of *testing.T that this package needs.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// A Server plays a script on loopback.
type Server struct {
	*Script

	// URL is where it listens: the base URL for a client.
	URL string
	// CertPEM is the certificate of the authority that signs the server's, for
	// claude.WithRootCAs; nil without TLS.
	CertPEM []byte

	ca       *authority // nil without TLS
	http     *http.Server
	listener net.Listener
	ctx      context.Context //nolint:containedctx // a server's life is not a call's
	cancel   context.CancelFunc

	mu      sync.Mutex
	serving sync.WaitGroup // handlers too: net/http does not wait for them
	closed  bool
	proxy   string
	conns   map[net.Conn]struct{} // those that net/http does not know
}

// NewServer starts a server that speaks HTTP/1.1 and ends with the test. A step
// that nobody took, or a request without a step, fails the test.
func NewServer(t TB, steps ...Step) *Server {
	t.Helper()
	return begin(t, false, steps)
}

// NewTLSServer is NewServer with TLS and HTTP/2.
func NewTLSServer(t TB, steps ...Step) *Server {
	t.Helper()
	return begin(t, true, steps)
}

func begin(t TB, secure bool, steps []Step) *Server {
	t.Helper()
	s, err := start(secure, steps)
	if err != nil {
		t.Fatalf("claudetest: %v", err)
		return nil
	}
	t.Cleanup(func() {
		s.Close()
		s.Verify(t)
	})
	return s
}

// Start starts a server outside of a test, such as for a demonstration. The caller
// closes it.
func Start(steps ...Step) (*Server, error) { return start(false, steps) }

func start(secure bool, steps []Step) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{Script: newScript(steps), conns: make(map[net.Conn]struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.listener = &breakingListener{Listener: listener, server: s}
	s.http = &http.Server{
		Handler:           s.tracked(s.play),
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ErrorLog:          log.New(io.Discard, "", 0), // broken handshakes are what is asked for
		ReadHeaderTimeout: time.Minute,
		ConnState: func(conn net.Conn, state http.ConnState) {
			if c := breaking(conn); c != nil {
				c.setIdle(state == http.StateIdle)
			}
		},
	}
	scheme := "http://"
	if secure {
		scheme = "https://"
		s.ca = newAuthority(authorityOf(linkFine))
		if s.ca.err != nil {
			return nil, errors.Join(s.ca.err, listener.Close())
		}
		s.CertPEM = s.ca.pem()
		s.http.TLSConfig = s.tlsConfig(s.ca, linkFine)
	}
	s.URL = scheme + listener.Addr().String()
	s.serving.Go(func() {
		if secure {
			_ = s.http.ServeTLS(s.listener, "", "")
		} else {
			_ = s.http.Serve(s.listener)
		}
	})
	return s, nil
}

// tlsConfig signs a certificate for whatever host is asked for.
func (s *Server) tlsConfig(ca *authority, fault linkFault) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			host := hello.ServerName
			if host == "" {
				host, _, _ = net.SplitHostPort(hello.Conn.LocalAddr().String())
			}
			return ca.leaf(fault, host)
		},
	}
}

// Close stops the server and waits until nothing of it is left.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.cancel()
	_ = s.http.Close()
	s.serving.Wait()
}

// tracked is a handler that Close waits for.
func (s *Server) tracked(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			panic(http.ErrAbortHandler)
		}
		s.serving.Add(1)
		s.mu.Unlock()
		defer s.serving.Done()
		h(w, r)
	})
}

// own keeps track of a connection that net/http does not know; done forgets it.
func (s *Server) own(conn net.Conn) (done func()) {
	s.mu.Lock()
	s.conns[conn] = struct{}{}
	if s.closed {
		_ = conn.Close()
	}
	s.mu.Unlock()
	return func() {
		_ = conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}
}

// breakingListener hands connections to net/http, but for those whose fault comes
// before a request.
type breakingListener struct {
	net.Listener

	server *Server
}

func (l *breakingListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		s := l.server
		if s.ca != nil {
			if step, ok := s.takeLink(linkFault.handshake); ok {
				s.serving.Go(func() {
					defer s.own(conn)()
					s.misbehave(conn, step.link)
				})
				continue
			}
		}
		return &breakingConn{Conn: conn, server: s}, nil
	}
}

// misbehave plays a fault that comes before a request.
func (s *Server) misbehave(conn net.Conn, fault linkFault) {
	ca := s.ca
	if fault == linkUnknownCA {
		ca = newAuthority(authorityOf(fault))
	}
	secure := tls.Server(conn, s.tlsConfig(ca, fault))
	if secure.HandshakeContext(context.Background()) != nil || fault.certificate() {
		return
	}
	if secure.ConnectionState().NegotiatedProtocol == "h2" {
		refuseStream(secure, fault == linkGoAway)
	}
}

// Frames of HTTP/2 (RFC 9113, section 6).
const (
	frameHeaders   = 1
	frameReset     = 3
	frameSettings  = 4
	frameGoAway    = 7
	flagAck        = 1
	refusedStream  = 7
	http2Preface   = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	frameHeaderLen = 9
)

// refuseStream speaks just enough HTTP/2 to refuse the first request unread.
func refuseStream(conn net.Conn, goAway bool) {
	in := bufio.NewReader(conn)
	if _, err := io.CopyN(io.Discard, in, int64(len(http2Preface))); err != nil {
		return
	}
	send := func(kind, flags byte, stream uint32, payload []byte) {
		head := make([]byte, frameHeaderLen, frameHeaderLen+len(payload))
		binary.BigEndian.PutUint32(head, uint32(len(payload))<<8|uint32(kind)) //nolint:gosec // a few bytes
		head[4] = flags
		binary.BigEndian.PutUint32(head[5:], stream)
		_, _ = conn.Write(append(head, payload...))
	}
	send(frameSettings, 0, 0, nil)
	head := make([]byte, frameHeaderLen)
	for {
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		size := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, in, size); err != nil {
			return
		}
		stream := binary.BigEndian.Uint32(head[5:])
		switch {
		case head[3] == frameSettings && head[4]&flagAck == 0:
			send(frameSettings, flagAck, 0, nil)
		case head[3] == frameHeaders && goAway:
			send(frameGoAway, 0, 0, make([]byte, 8)) // it looked at no stream
		case head[3] == frameHeaders:
			send(frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, refusedStream))
			last := make([]byte, 8)
			binary.BigEndian.PutUint32(last, stream)
			send(frameGoAway, 0, 0, last) // the next one takes another connection
		}
	}
}

// breakingConn is a connection that may break when a request comes on it again.
type breakingConn struct {
	net.Conn

	server *Server
	mu     sync.Mutex
	idle   bool // kept, after an answer
}

// breaking returns the breakingConn in a connection of net/http.
func breaking(conn net.Conn) *breakingConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, _ := conn.(*breakingConn)
	return c
}

func (c *breakingConn) setIdle(idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = idle
}

func (c *breakingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	idle := c.idle
	c.idle = false
	c.mu.Unlock()
	if n > 0 && idle && c.server.ca == nil { // in HTTP/2 it need not be a request
		if _, stale := c.server.takeLink(func(f linkFault) bool { return f == linkStale }); stale {
			endsByReset(c)
			_ = c.Close()
			return 0, net.ErrClosed
		}
	}
	return n, err
}

// ProxyURL returns the URL of a proxy that leads everything to the server, whatever
// host is asked for, and refuses CONNECT where [ProxyRefuses] is due.
func (s *Server) ProxyURL() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proxy != "" {
		return s.proxy, nil
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	if s.closed {
		return "", errors.Join(http.ErrServerClosed, listener.Close())
	}
	proxy := &http.Server{Handler: s.tracked(s.connect), BaseContext: s.http.BaseContext, ReadHeaderTimeout: time.Minute, ErrorLog: s.http.ErrorLog}
	s.serving.Go(func() { _ = proxy.Serve(listener) })
	s.serving.Go(func() {
		<-s.ctx.Done()
		_ = proxy.Close()
	})
	s.proxy = "http://" + listener.Addr().String()
	return s.proxy, nil
}

// connect answers a proxy's client.
func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		s.play(w, r) // plain http through a proxy
		return
	}
	if step, ok := s.takeLink(func(f linkFault) bool { return f == linkProxy }); ok {
		if step.raw.status == http.StatusProxyAuthRequired {
			w.Header().Set("Proxy-Authenticate", `Basic realm="claudetest"`)
		}
		w.WriteHeader(step.raw.status)
		return
	}
	up, err := new(net.Dialer).DialContext(r.Context(), "tcp", s.listener.Addr().String())
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer s.own(up)()
	down, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer s.own(down)()
	if _, err := io.WriteString(down, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	var both sync.WaitGroup
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.Close()
		_ = from.Close()
	}
	both.Go(func() { pipe(up, down) })
	both.Go(func() { pipe(down, up) })
	both.Wait()
}
