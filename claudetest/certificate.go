package claudetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// authorityOf names the authority that signs the certificate of a fault.
func authorityOf(fault linkFault) string {
	if fault == linkUnknownCA {
		return "Zscaler Root CA of claudetest"
	}
	return "claudetest CA"
}

// authority makes certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	der  []byte
	err  error
}

func newAuthority(name string) *authority {
	a := &authority{}
	if a.key, a.err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); a.err != nil {
		return a
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"claudetest"}},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if a.der, a.err = x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key); a.err != nil {
		return a
	}
	a.cert, a.err = x509.ParseCertificate(a.der)
	return a
}

// pem returns the authority's own certificate.
func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.der})
}

// leaf makes a certificate for a host, with whatever is wrong with it.
func (a *authority) leaf(fault linkFault, host string) (*tls.Certificate, error) {
	if a.err != nil {
		return nil, a.err
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	switch fault {
	case linkWrongName:
		host = "elsewhere.example"
	case linkExpired:
		from, to = time.Now().Add(-47*time.Hour), time.Now().Add(-24*time.Hour)
	default:
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host},
		NotBefore: from, NotAfter: to, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.der}, PrivateKey: a.key}, nil
}
