package netstage_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude/internal/netstage"
)

func TestErrnoIsKnownOnEverySystem(t *testing.T) {
	for _, tc := range []struct {
		goos  string
		errno uintptr
		want  netstage.Kind
	}{
		{"linux", 111, netstage.Refused},     // ECONNREFUSED
		{"linux", 104, netstage.Reset},       // ECONNRESET
		{"linux", 103, netstage.Reset},       // ECONNABORTED
		{"linux", 102, netstage.Reset},       // ENETRESET
		{"linux", 32, netstage.Reset},        // EPIPE
		{"linux", 110, netstage.TimedOut},    // ETIMEDOUT
		{"linux", 101, netstage.Unreachable}, // ENETUNREACH
		{"linux", 113, netstage.Unreachable}, // EHOSTUNREACH
		{"linux", 100, netstage.Unreachable}, // ENETDOWN
		{"linux", 112, netstage.Unreachable}, // EHOSTDOWN
		{"linux", 99, netstage.Unreachable},  // EADDRNOTAVAIL
		{"linux", 1, netstage.Denied},        // EPERM
		{"linux", 13, netstage.Denied},       // EACCES
		{"android", 111, netstage.Refused},
		{"darwin", 61, netstage.Refused},
		{"darwin", 54, netstage.Reset},
		{"darwin", 53, netstage.Reset},
		{"darwin", 52, netstage.Reset},
		{"darwin", 32, netstage.Reset},
		{"darwin", 60, netstage.TimedOut},
		{"darwin", 51, netstage.Unreachable},
		{"darwin", 65, netstage.Unreachable},
		{"darwin", 50, netstage.Unreachable},
		{"darwin", 64, netstage.Unreachable},
		{"darwin", 49, netstage.Unreachable},
		{"darwin", 1, netstage.Denied},
		{"darwin", 13, netstage.Denied},
		{"ios", 61, netstage.Refused},
		{"freebsd", 61, netstage.Refused},
		{"windows", 10061, netstage.Refused},     // WSAECONNREFUSED
		{"windows", 1225, netstage.Refused},      // ERROR_CONNECTION_REFUSED
		{"windows", 10054, netstage.Reset},       // WSAECONNRESET
		{"windows", 10053, netstage.Reset},       // WSAECONNABORTED
		{"windows", 10052, netstage.Reset},       // WSAENETRESET
		{"windows", 1236, netstage.Reset},        // ERROR_CONNECTION_ABORTED
		{"windows", 64, netstage.Reset},          // ERROR_NETNAME_DELETED
		{"windows", 109, netstage.Reset},         // ERROR_BROKEN_PIPE
		{"windows", 10060, netstage.TimedOut},    // WSAETIMEDOUT
		{"windows", 121, netstage.TimedOut},      // ERROR_SEM_TIMEOUT
		{"windows", 10051, netstage.Unreachable}, // WSAENETUNREACH
		{"windows", 10065, netstage.Unreachable}, // WSAEHOSTUNREACH
		{"windows", 10050, netstage.Unreachable}, // WSAENETDOWN
		{"windows", 10064, netstage.Unreachable}, // WSAEHOSTDOWN
		{"windows", 10049, netstage.Unreachable}, // WSAEADDRNOTAVAIL
		{"windows", 1231, netstage.Unreachable},  // ERROR_NETWORK_UNREACHABLE
		{"windows", 1232, netstage.Unreachable},  // ERROR_HOST_UNREACHABLE
		{"windows", 10013, netstage.Denied},      // WSAEACCES: a firewall
		{"linux", 0, netstage.Unknown},
		{"linux", 10061, netstage.Unknown},
		{"linux", 54, netstage.Unknown}, // the Mac's reset
		{"windows", 104, netstage.Unknown},
	} {
		assert.Equal(t, tc.want, netstage.Errno(tc.goos, tc.errno), "%s %d", tc.goos, tc.errno)
	}
}

type timeout struct{}

func (timeout) Error() string   { return "i/o timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

func socks(text string) error {
	return &net.OpError{Op: "socks connect", Net: "tcp", Err: errors.New(text)}
}

func TestErrorsAreToldApartByType(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("outer: %w", &net.OpError{Op: "read", Net: "tcp", Err: err}) }
	for name, tc := range map[string]struct {
		err  error
		want netstage.Kind
	}{
		"refused":            {wrap(os.NewSyscallError("connect", syscall.ECONNREFUSED)), netstage.Refused},
		"reset":              {wrap(syscall.ECONNRESET), netstage.Reset},
		"broken pipe":        {wrap(syscall.EPIPE), netstage.Reset},
		"no such host":       {&net.DNSError{Err: "x", Name: "h", IsNotFound: true}, netstage.NotFound},
		"server failure":     {&net.DNSError{Err: "server misbehaving", IsTemporary: true}, netstage.DNSFailure},
		"resolver timeout":   {&net.DNSError{Err: "i/o timeout", IsTimeout: true}, netstage.DNSFailure},
		"eof":                {wrap(io.EOF), netstage.Closed},
		"closed":             {wrap(net.ErrClosed), netstage.Closed},
		"deadline":           {wrap(os.ErrDeadlineExceeded), netstage.TimedOut},
		"context":            {context.DeadlineExceeded, netstage.TimedOut},
		"unknown authority":  {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, netstage.Certificate},
		"wrong name":         {x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}, netstage.Certificate},
		"plain http answers": {tls.RecordHeaderError{Msg: "x"}, netstage.NotTLS},
		"alert":              {tls.AlertError(40), netstage.Alert},
		"old client":         {&net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, netstage.Alert},
		"no ECH":             {&tls.ECHRejectionError{}, netstage.Alert},
		"net/http's timeout": {&net.OpError{Op: "read", Err: timeout{}}, netstage.TimedOut},
		"closed pipe":        {wrap(io.ErrClosedPipe), netstage.Closed},
		"half a header":      {wrap(io.ErrUnexpectedEOF), netstage.Closed},
		// The texts of net/http that have no type.
		"idle":            {errors.New("http: server closed idle connection"), netstage.NotLooked},
		"graceful goaway": {errors.New("http2: Transport received Server's graceful shutdown GOAWAY"), netstage.NotLooked},
		"angry goaway":    {errors.New("http2: Transport received GOAWAY from server ErrCode:ENHANCE_YOUR_CALM"), netstage.NotLooked},
		"goaway and out":  {errors.New(`http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=""`), netstage.Closed},
		"no pong":         {errors.New("http2: client connection lost"), netstage.Closed},
		"not http":        {errors.New(`net/http: HTTP/1.x transport connection broken: malformed HTTP response "x"`), netstage.Closed},
		"not https":       {errors.New("http: server gave HTTP response to HTTPS client"), netstage.NotTLS},
		"socks rules":     {socks("unknown error connection not allowed by ruleset"), netstage.Denied},
		"socks password":  {socks("username/password authentication failed"), netstage.Denied},
		"socks log-in":    {socks("no acceptable authentication methods"), netstage.Denied},
		"socks trouble":   {socks("unknown error host unreachable"), netstage.Unknown},
		"something else":  {errors.New("reset by a peer named timeout"), netstage.Unknown},
	} {
		assert.Equal(t, tc.want, netstage.Of(tc.err), name)
	}
}

func TestACertificateThatWasRefusedSaysWhy(t *testing.T) {
	now := time.Now()
	leaf := &x509.Certificate{NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Hour)}
	early := &x509.Certificate{NotBefore: now.Add(time.Hour), NotAfter: now.Add(2 * time.Hour)}
	for problem, err := range map[string]error{
		"unknown authority":   x509.UnknownAuthorityError{Cert: leaf},
		"wrong name":          x509.HostnameError{Certificate: leaf, Host: "h"},
		"expired":             x509.CertificateInvalidError{Cert: leaf, Reason: x509.Expired},
		"invalid certificate": x509.CertificateInvalidError{Cert: leaf, Reason: x509.NotAuthorizedToSign},
	} {
		fault := netstage.Cert(fmt.Errorf("outer: %w", err))
		require.NotNil(t, fault, problem)
		assert.Equal(t, netstage.CertFault{Problem: problem, Cert: leaf, Chain: []*x509.Certificate{leaf}}, *fault)
	}
	assert.Equal(t, "not yet valid", netstage.Cert(x509.CertificateInvalidError{Cert: early, Reason: x509.Expired}).Problem)
	assert.Equal(t, "expired", netstage.Cert(x509.CertificateInvalidError{Reason: x509.Expired}).Problem, "whose certificate that is, nobody says")
	assert.Equal(t, netstage.CertFault{Problem: "no system roots"}, *netstage.Cert(x509.SystemRootsError{}))
	assert.Equal(t, netstage.CertFault{Problem: "unknown authority", Cert: leaf, Chain: []*x509.Certificate{leaf, early}}, *netstage.Cert(&tls.CertificateVerificationError{
		UnverifiedCertificates: []*x509.Certificate{leaf, early}, Err: x509.UnknownAuthorityError{Cert: early},
	}), "the server's own is what a user can look at")
	assert.Equal(t, "invalid certificate", netstage.Cert(&tls.CertificateVerificationError{Err: errors.New("x")}).Problem)
	assert.Nil(t, netstage.Cert(io.EOF))
	assert.Nil(t, netstage.Cert(nil))
}
