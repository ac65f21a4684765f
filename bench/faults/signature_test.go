package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// signature is all that a program can know of an error by types and values: what the
// client's own types say, and what the standard library's do.
func (c *contender) signature(err error) string {
	return strings.Join(append(c.own(err), standard(err)...), ", ")
}

// standard asks the same of everybody's errors.
func standard(err error) (known []string) {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		known = append(known, "DNSError")
		for _, flag := range []struct {
			name string
			set  bool
		}{{"IsNotFound", dns.IsNotFound}, {"IsTemporary", dns.IsTemporary}, {"IsTimeout", dns.IsTimeout}} {
			if flag.set {
				known = append(known, flag.name)
			}
		}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		known = append(known, "Op "+op.Op)
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		reason := strconv.Itoa(int(invalid.Reason))
		if invalid.Reason == x509.Expired {
			reason = "Expired"
		}
		known = append(known, "CertificateInvalidError "+reason)
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		known = append(known, "AlertError "+strconv.Itoa(int(alert)))
	}
	for _, p := range probes {
		if p.holds(err) {
			known = append(known, p.name)
		}
	}
	return known
}

type probe struct {
	name  string
	holds func(err error) bool
}

var probes = []probe{
	of[x509.UnknownAuthorityError]("UnknownAuthorityError"),
	of[x509.HostnameError]("HostnameError"),
	of[tls.RecordHeaderError]("RecordHeaderError"),
	is("ECONNREFUSED", syscall.ECONNREFUSED),
	is("ECONNRESET", syscall.ECONNRESET),
	is("EPIPE", syscall.EPIPE),
	is("ETIMEDOUT", syscall.ETIMEDOUT),
	is("EHOSTUNREACH", syscall.EHOSTUNREACH),
	is("ENETUNREACH", syscall.ENETUNREACH),
	is("ErrSchemeMismatch", http.ErrSchemeMismatch),
	is("io.EOF", io.EOF),
	is("io.ErrUnexpectedEOF", io.ErrUnexpectedEOF),
	is("net.ErrClosed", net.ErrClosed),
	// Deadlines too. Which error of a deadline a dialer returns is a matter of chance.
	{"Timeout()", anyTimeout},
}

func is(name string, target error) probe {
	return probe{name, func(err error) bool { return errors.Is(err, target) }}
}

func of[E error](name string) probe {
	return probe{name, func(err error) bool {
		_, ok := errors.AsType[E](err)
		return ok
	}}
}

// anyTimeout asks every error of the chain: a *url.Error asks only the next one.
func anyTimeout(err error) bool {
	if t, ok := err.(interface{ Timeout() bool }); ok && t.Timeout() {
		return true
	}
	//nolint:errorlint // this goes through the chain itself
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return anyTimeout(e.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), anyTimeout)
	}
	return false
}
