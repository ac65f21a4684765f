package claudetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A Transport plays a script in memory: an [http.RoundTripper] without a socket,
// whose waits are virtual inside testing/synctest. What it returns is what
// net/http would: the errors of a broken connection have the same types.
type Transport struct {
	*Script

	kept atomic.Bool // the last exchange left a connection that can be used again
}

// NewTransport returns a Transport.
func NewTransport(steps ...Step) *Transport { return &Transport{Script: newScript(steps)} }

// CloseIdleConnections forgets the kept connection that [StaleKeepAlive] needs.
func (t *Transport) CloseIdleConnections() { t.kept.Store(false) }

// RoundTrip plays the step that is for a request.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	r := Request{Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery, Host: req.Host, Header: req.Header.Clone(), At: time.Now()}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.Host == "" {
		r.Host = req.URL.Host
	}
	r.base = baseOf(req.URL.Scheme, r.Host, r.Path)
	if ctx.Err() != nil {
		closeBody(req)
		return nil, context.Cause(ctx)
	}
	kept := t.kept.Swap(false)
	if step, ok := t.takeLink(linkFault.handshake); ok {
		closeBody(req)
		return nil, linkError(ctx, step.link, req.URL.Hostname())
	}
	if kept {
		if _, ok := t.takeLink(func(f linkFault) bool { return f == linkStale }); ok {
			closeBody(req)
			return nil, linkError(ctx, linkStale, "")
		}
	}
	var err error
	if r.Body, err = readBody(req); err != nil {
		return nil, err
	}
	p := t.handle(&r)
	if p.link == linkProxy {
		t.misplaced(&r)
	}
	if err := pause(ctx, p.wait); err != nil {
		return nil, err
	}
	if p.link != linkFine {
		return nil, linkError(ctx, p.link, req.URL.Hostname())
	}
	if p.length >= 0 {
		p.header.Set("Content-Length", strconv.Itoa(p.length))
	}
	t.kept.Store(p.end == cutEnd)
	body := &memoryBody{parts: p.parts, end: p.end}
	if p.length >= 0 && p.size() == p.length {
		body.end = cutEnd // whoever has it all does not see what comes after
	}
	return body.response(req, p.status, p.header, int64(p.length)), nil
}

// response is an answer with the body, which lasts as long as the request's context.
func (b *memoryBody) response(req *http.Request, status int, header http.Header, length int64) *http.Response {
	b.ctx, b.cancel = context.WithCancel(req.Context())
	return &http.Response{
		StatusCode: status, Status: strconv.Itoa(status) + " " + http.StatusText(status),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Body: b, ContentLength: length, Request: req,
	}
}

func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	defer closeBody(req)
	return io.ReadAll(req.Body)
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// pause waits for a time, or as long as the context lasts. Its error is the context's
// cause, as with net/http.
func pause(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return context.Cause(ctx)
	}
	if wait == Forever {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// memoryBody is the body of an answer in memory.
type memoryBody struct {
	ctx    context.Context //nolint:containedctx // a body outlives the call that made it
	cancel context.CancelFunc

	mu    sync.Mutex
	parts []part
	end   cutKind
}

// Read returns at most one part at a time, so that a reader sees it when it comes.
func (b *memoryBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.parts) > 0 {
		head := &b.parts[0]
		if err := pause(b.ctx, head.wait); err != nil {
			return 0, err
		}
		head.wait = 0
		n := copy(p, head.data)
		if head.data = head.data[n:]; head.data == "" {
			b.parts = b.parts[1:]
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
	switch b.end {
	case cutClose:
		return 0, io.ErrUnexpectedEOF
	case cutReset:
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	default:
		return 0, io.EOF
	}
}

// Close ends a Read that waits.
func (b *memoryBody) Close() error {
	b.cancel()
	return nil
}

// linkError is the error of net/http for a fault of the connection, after the
// hooks that net/http would have called.
func linkError(ctx context.Context, fault linkFault, host string) error {
	trace := httptrace.ContextClientTrace(ctx)
	if trace == nil {
		trace = &httptrace.ClientTrace{}
	}
	got := func(reused bool) {
		if trace.GotConn != nil {
			trace.GotConn(httptrace.GotConnInfo{Conn: memoryConn{}, Reused: reused})
		}
	}
	certificate := func(err func(*x509.Certificate) error) error {
		if trace.TLSHandshakeStart != nil {
			trace.TLSHandshakeStart()
		}
		cert, made := newAuthority(authorityOf(fault)).leaf(fault, host)
		if made != nil {
			return made
		}
		leaf, made := x509.ParseCertificate(cert.Certificate[0])
		if made != nil {
			return made
		}
		return &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{leaf}, Err: err(leaf)}
	}
	switch fault {
	case linkStale:
		got(true)
		return errors.New("http: server closed idle connection")
	case linkGoAway:
		got(true)
		return errors.New("http2: Transport received Server's graceful shutdown GOAWAY")
	case linkRefused:
		got(true)
		return streamError{code: 7}
	case linkUnknownCA:
		return certificate(func(c *x509.Certificate) error { return x509.UnknownAuthorityError{Cert: c} })
	case linkWrongName:
		return certificate(func(c *x509.Certificate) error { return x509.HostnameError{Certificate: c, Host: host} })
	case linkExpired:
		return certificate(func(c *x509.Certificate) error {
			return x509.CertificateInvalidError{Cert: c, Reason: x509.Expired}
		})
	case linkReset:
		return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	default:
		return io.EOF
	}
}

// memoryConn is a connection that is not there.
type memoryConn struct{ net.Conn }

func (memoryConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }

// streamError is net/http's error for an HTTP/2 stream that the server reset: it
// has no type that others can name, but fills in any struct of its shape.
type streamError struct{ code uint32 }

func (e streamError) Error() string {
	return fmt.Sprintf("stream error: stream ID 1; REFUSED_STREAM (%d)", e.code)
}

func (e streamError) As(target any) bool {
	v := reflect.ValueOf(target)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return false
	}
	f := v.Elem().FieldByName("Code")
	if !f.IsValid() || f.Kind() != reflect.Uint32 || !v.Elem().FieldByName("StreamID").IsValid() {
		return false
	}
	f.SetUint(uint64(e.code))
	return true
}
