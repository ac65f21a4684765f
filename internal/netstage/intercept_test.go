package netstage_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/steadfast-go/claude/internal/netstage"
)

func TestProductsThatLookIntoTLSAreKnownByTheirCertificates(t *testing.T) {
	cert := func(name, org string) *x509.Certificate {
		return &x509.Certificate{Issuer: pkix.Name{CommonName: name, Organization: []string{org}}}
	}
	for want, chain := range map[string][]*x509.Certificate{
		"Zscaler":   {cert("Zscaler Intermediate Root CA (zscalerthree.net) (t)", "Zscaler Inc.")},
		"mitmproxy": {nil, cert("mitmproxy", "mitmproxy")},
		"Fortinet":  {cert("leaf", "ours"), cert("FG100FTK20000000", "Fortinet")},
		"":          {cert("WE1", "Google Trust Services"), cert("R11", "Let's Encrypt")},
	} {
		assert.Equal(t, want, netstage.Interceptor(chain...))
	}
	assert.Empty(t, netstage.Interceptor())
}
