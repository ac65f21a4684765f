// Package netstage tells from an error of net, crypto/tls or net/http where a
// connection broke and whether trying again may help. It asks types, not texts,
// wherever there is a type to ask.
package netstage

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Kind is what happened to a connection.
type Kind uint8

// The kinds.
const (
	Unknown     Kind = iota
	Refused          // nobody listens
	Unreachable      // no route, or the interface is down
	Reset            // the peer, or something on the way, broke the connection
	Closed           // the connection ended without a word
	TimedOut
	Denied      // the local system forbids it: a firewall, a sandbox
	NotFound    // the host name does not exist
	DNSFailure  // the name server failed or did not answer
	Certificate // the certificate is not acceptable
	NotTLS      // the peer does not speak TLS
	Alert       // the peer refused the handshake
	NotLooked   // HTTP/2: the server did not look at the request (GOAWAY, REFUSED_STREAM)
	Broken      // HTTP/2: the stream was ended with an error
)

// Kind of an errno, by operating system: the numbers differ.
var (
	unixErrno = map[string]map[uintptr]Kind{
		"linux":  {111: Refused, 104: Reset, 32: Reset, 103: Reset, 102: Reset, 110: TimedOut, 101: Unreachable, 113: Unreachable, 100: Unreachable, 112: Unreachable, 99: Unreachable, 1: Denied, 13: Denied},
		"darwin": {61: Refused, 54: Reset, 32: Reset, 53: Reset, 52: Reset, 60: TimedOut, 51: Unreachable, 65: Unreachable, 50: Unreachable, 64: Unreachable, 49: Unreachable, 1: Denied, 13: Denied},
	}
	windowsErrno = map[uintptr]Kind{
		10061: Refused, 10054: Reset, 10053: Reset, 10052: Reset, 64: Reset, 109: Reset, 10060: TimedOut, 121: TimedOut,
		10051: Unreachable, 10065: Unreachable, 10050: Unreachable, 10064: Unreachable, 10049: Unreachable, 10013: Denied,
		1225: Refused, 1236: Reset, 1231: Unreachable, 1232: Unreachable,
	}
)

// Errno returns the kind of a system's error number. goos is as in runtime.GOOS.
func Errno(goos string, errno uintptr) Kind {
	if goos == "windows" {
		return windowsErrno[errno]
	}
	if goos == "android" {
		goos = "linux"
	}
	table, ok := unixErrno[goos]
	if !ok {
		table = unixErrno["darwin"] // the BSDs share its numbers
	}
	return table[errno]
}

// streamError has the shape of net/http's HTTP/2 stream error, which errors.As
// converts to any struct of that shape.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

// Error makes it an error.
func (streamError) Error() string { return "stream error" }

// refusedStream is the HTTP/2 error code REFUSED_STREAM (RFC 9113, section 7):
// the request was not processed.
const refusedStream = 7

// Of returns the kind of an error.
func Of(err error) Kind {
	if k := dnsKind(err); k != Unknown {
		return k
	}
	if k := tlsKind(err); k != Unknown {
		return k
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		if k := Errno(runtime.GOOS, uintptr(errno)); k != Unknown {
			return k
		}
	}
	if e, ok := errors.AsType[streamError](err); ok {
		if e.Code == refusedStream {
			return NotLooked
		}
		return Broken
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return TimedOut
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.ErrClosedPipe):
		return Closed
	}
	return byText(err)
}

// byText knows the errors of net/http that have no type to ask for.
func byText(err error) Kind {
	text := err.Error()
	switch {
	case strings.Contains(text, "server closed idle connection"), // seen before anything was written
		strings.Contains(text, "http2: Transport received Server's graceful shutdown GOAWAY"),
		strings.Contains(text, "http2: Transport received GOAWAY"), // streams it names as not looked at
		strings.Contains(text, "http2: Transport: cannot retry err") && strings.Contains(text, "; REFUSED_STREAM"):
		return NotLooked
	case strings.Contains(text, "http2: Transport: cannot retry err"):
		return Broken
	case strings.Contains(text, "http2: server sent GOAWAY and closed the connection"), // the other streams
		strings.Contains(text, "http2: client connection lost"),
		strings.Contains(text, "connection broken"):
		return Closed
	case strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return NotTLS
	case strings.Contains(text, "socks connect") && (strings.Contains(text, "not allowed by ruleset") ||
		strings.Contains(text, "no acceptable authentication methods") ||
		strings.Contains(text, "username/password authentication failed")):
		return Denied
	}
	return Unknown
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func dnsKind(err error) Kind {
	e, ok := errors.AsType[*net.DNSError](err)
	switch {
	case !ok:
		return Unknown
	case e.IsNotFound:
		return NotFound
	}
	return DNSFailure
}

func tlsKind(err error) Kind {
	if Cert(err) != nil {
		return Certificate
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return NotTLS
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return Alert
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && (e.Op == "remote error" || e.Op == "local error") {
		return Alert
	}
	if _, ok := errors.AsType[*tls.ECHRejectionError](err); ok {
		return Alert
	}
	return Unknown
}

// CertFault is why a certificate was refused.
type CertFault struct {
	Problem string
	Cert    *x509.Certificate   // the server's own; may be nil
	Chain   []*x509.Certificate // all that the server sent, its own first
}

// Cert returns why a certificate was refused, nil if the error is another.
func Cert(err error) *CertFault {
	f := &CertFault{}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		f.Problem = "invalid certificate"
		if len(e.UnverifiedCertificates) > 0 {
			f.Cert, f.Chain = e.UnverifiedCertificates[0], e.UnverifiedCertificates
		}
	}
	if e, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		f.Problem = "unknown authority"
		f.take(e.Cert)
	} else if e, ok := errors.AsType[x509.HostnameError](err); ok {
		f.Problem = "wrong name"
		f.take(e.Certificate)
	} else if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		f.Problem = "invalid certificate"
		if e.Reason == x509.Expired {
			f.Problem = "expired"
			if e.Cert != nil && time.Now().Before(e.Cert.NotBefore) {
				f.Problem = "not yet valid"
			}
		}
		f.take(e.Cert)
	} else if _, ok := errors.AsType[x509.SystemRootsError](err); ok {
		f.Problem = "no system roots"
	}
	if f.Problem == "" {
		return nil
	}
	return f
}

func (f *CertFault) take(c *x509.Certificate) {
	if f.Cert == nil {
		f.Cert = c
		f.Chain = []*x509.Certificate{c}
	}
}
