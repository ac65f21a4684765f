package nettest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes one of an organisation called Company, whose certificate signs
// itself.
func NewAuthority(t testing.TB, name string) Authority {
	t.Helper()
	own, key := issue(t, Authority{}, &x509.Certificate{
		Subject: pkix.Name{CommonName: name, Organization: []string{"Company"}}, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().AddDate(-2, 0, 0), NotAfter: time.Now().AddDate(2, 0, 0),
	})
	return Authority{own, key}
}

// PEM is the authority's certificate as a file holds it.
func (a Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// KeyPEM is its key as a file holds it.
func (a Authority) KeyPEM(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// Server issues a certificate for a host.
func (a Authority) Server(t testing.TB, name string, from, to time.Time) tls.Certificate {
	t.Helper()
	return certificate(issue(t, a, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}))
}

// Trusted returns a certificate for a host that is good now, and its authority's.
func Trusted(t testing.TB, name string) (cert tls.Certificate, authority []byte) {
	t.Helper()
	a := NewAuthority(t, "Test Root")
	return a.Server(t, name, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)), a.PEM()
}

// SelfSigned returns a certificate for a host that is good now and signs itself.
func SelfSigned(t testing.TB, name string) tls.Certificate {
	t.Helper()
	return certificate(issue(t, Authority{}, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}))
}

// issue makes a certificate from a template; that of no authority signs itself.
func issue(t testing.TB, by Authority, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template.SerialNumber, template.BasicConstraintsValid = big.NewInt(time.Now().UnixNano()), true
	if by.cert == nil {
		by = Authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, &key.PublicKey, by.key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return leaf, key
}

func certificate(leaf *x509.Certificate, key *ecdsa.PrivateKey) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}
