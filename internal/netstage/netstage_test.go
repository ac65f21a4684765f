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

	"github.com/stretchr/testify/assert"

	"github.com/steadfast-go/claude/internal/netstage"
)

func TestErrnoIsKnownOnEverySystem(t *testing.T) {
	for _, tc := range []struct {
		goos  string
		errno uintptr
		want  netstage.Kind
	}{
		{"linux", 111, netstage.Refused},
		{"linux", 104, netstage.Reset},
		{"linux", 32, netstage.Reset},
		{"linux", 110, netstage.TimedOut},
		{"linux", 101, netstage.Unreachable},
		{"linux", 113, netstage.Unreachable},
		{"linux", 13, netstage.Denied},
		{"darwin", 61, netstage.Refused},
		{"darwin", 54, netstage.Reset},
		{"darwin", 60, netstage.TimedOut},
		{"darwin", 51, netstage.Unreachable},
		{"darwin", 65, netstage.Unreachable},
		{"freebsd", 61, netstage.Refused},
		{"windows", 10061, netstage.Refused},
		{"windows", 10054, netstage.Reset},
		{"windows", 10053, netstage.Reset},
		{"windows", 10060, netstage.TimedOut},
		{"windows", 10051, netstage.Unreachable},
		{"windows", 10065, netstage.Unreachable},
		{"windows", 10013, netstage.Denied},
		{"windows", 1236, netstage.Reset},
		{"linux", 0, netstage.Unknown},
		{"linux", 10061, netstage.Unknown},
	} {
		assert.Equal(t, tc.want, netstage.Errno(tc.goos, tc.errno), "%s %d", tc.goos, tc.errno)
	}
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
		"goaway":             {errors.New("http2: server sent GOAWAY and closed the connection; LastStreamID=1"), netstage.NotLooked},
		"something else":     {errors.New("reset by a peer named timeout"), netstage.Unknown},
	} {
		assert.Equal(t, tc.want, netstage.Of(tc.err), name)
	}
}
